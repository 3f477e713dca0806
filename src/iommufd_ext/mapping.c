// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings between an IOAS and the page tables that follow it.
 *
 * Every ready area is in every page table of its IOAS, and its memory is pinned
 * if there is at least one. A new area first occupies its IOVAs, then pins its
 * memory with no lock held, and goes into the page tables with domains_rwsem
 * held for reading, so that areas of one IOAS are mapped in parallel. A page
 * table comes and goes with domains_rwsem held for writing.
 *
 * Entries leave the page tables, and the IOMMU is told so, before memory is
 * unpinned.
 *
 * Drivers that use the memory without DMA follow the IOAS, too. Before an area goes,
 * they are told, and what they have pinned of it must be back.
 */
#include <linux/iommu.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "space.h"
#include "trace.h"

/*
 * Lets nobody map, unmap or attach. Who maps or attaches holds these locks while memory
 * is pinned or page tables are filled, for as long as that takes.
 * Context: may sleep, takes ioas->domains_rwsem and ioas->iova_lock. Returns 0, or
 * -EINTR if the process is being killed.
 */
int ioas_lock_content(struct ioas *ioas)
{
	if (down_write_killable(&ioas->domains_rwsem))
		return -EINTR;
	if (mutex_lock_killable(&ioas->iova_lock)) {
		up_write(&ioas->domains_rwsem);
		return -EINTR;
	}
	return 0;
}

void ioas_unlock_content(struct ioas *ioas)
{
	mutex_unlock(&ioas->iova_lock);
	up_write(&ioas->domains_rwsem);
}

/* Take areas out of one page table; there is at least one. */
static void unmap_array(struct table *table, struct area **areas,
			unsigned int nr)
{
	struct iommu_iotlb_gather gather;
	unsigned int i;

	iommu_iotlb_gather_init(&gather);
	for (i = 0; i < nr; i++) {
		if (i)
			cond_resched();
		domain_unmap_area(table, areas[i], &gather);
	}
	domain_flush(table, &gather);
}

/* There is rarely more than one, and what comes once needs no pause behind it. */
static struct area *next_in_list(struct area *area)
{
	if (area->next)
		cond_resched();
	return area->next;
}

/* The same for areas that are linked by area->next. */
static void unmap_list(struct table *table, struct area *list)
{
	struct iommu_iotlb_gather gather;
	struct area *area;

	iommu_iotlb_gather_init(&gather);
	for (area = list; area; area = next_in_list(area))
		domain_unmap_area(table, area, &gather);
	domain_flush(table, &gather);
}

static int refuse_killed(struct ioas *ioas)
{
	return refuse_id(ioas->ictx, -EINTR, ioas->obj.id,
			 "the process is being killed");
}

/*
 * A page table as a sentence names it. One that an attach makes, or HWPT_ALLOC, has an
 * id that nobody ever gets if that fails. It is named by its IOAS as long as it is not
 * published.
 */
void table_get_name(struct ioas *ioas, const struct table *table,
		    struct table_name *name)
{
	if (obj_is_published(ioas->ictx, table->obj)) {
		name->id = table->obj->id;
		scnprintf(name->text, sizeof(name->text), "page table %u",
			  name->id);
	} else {
		name->id = ioas->obj.id;
		scnprintf(name->text, sizeof(name->text),
			  "a new page table of IOAS %u", name->id);
	}
}

static int refuse_map(struct ioas *ioas, const struct table *table,
		      const struct area *area, int rc)
{
	struct table_name name;

	if (rc == -EINTR)
		return refuse_killed(ioas);
	table_get_name(ioas, table, &name);
	return refuse_range(ioas->ictx, rc, ioas->obj.id, area->iova,
			    area->last,
			    "the IOMMU driver cannot map %#lx-%#lx into %s (error %d)",
			    area->iova, area->last, name.text, -rc);
}

static int map_into_table(struct ioas *ioas, struct table *table,
			  struct area **areas, unsigned int nr)
{
	unsigned int i;
	int rc;

	for (i = 0; i < nr; i++) {
		/* There can be many that are too small for a pause of their own. */
		rc = i ? resched_killable() : 0;
		if (!rc)
			rc = domain_map_area(table, areas[i],
					     ioas->large_pages);
		if (rc) {
			refuse_map(ioas, table, areas[i], rc);
			goto err_unmap;
		}
	}
	return 0;

err_unmap:
	if (i)
		unmap_array(table, areas, i);
	return rc;
}

static int map_into_tables(struct ioas *ioas, struct area **areas,
			   unsigned int nr)
{
	struct table *table;
	int rc;

	lockdep_assert_held_read(&ioas->domains_rwsem);

	list_for_each_entry(table, &ioas->tables, item) {
		rc = map_into_table(ioas, table, areas, nr);
		if (rc)
			goto err_unmap;
	}
	return 0;

err_unmap:
	list_for_each_entry_continue_reverse(table, &ioas->tables, item)
		unmap_array(table, areas, nr);
	return rc;
}

static void unpin_areas(struct area **areas, unsigned int nr)
{
	while (nr--) {
		area_unpin(areas[nr]);
		if (nr)
			cond_resched();
	}
}

static int pin_areas(struct area **areas, unsigned int nr)
{
	unsigned int i;
	int rc;

	for (i = 0; i < nr; i++) {
		rc = i ? resched_killable() : 0;
		if (!rc)
			rc = area_pin(areas[i]);
		if (rc) {
			unpin_areas(areas, i);
			return rc;
		}
	}
	return 0;
}

/*
 * A page table that joins is filled with the lock write-held, and its user's memory
 * can take its time. Whoever is killed does not wait for that.
 */
static int lock_domains_for_reading(struct ioas *ioas)
{
	return down_read_killable(&ioas->domains_rwsem) ? refuse_killed(ioas) :
							  0;
}

static noinline_for_stack void
trace_areas(struct ioas *ioas, struct area **areas, unsigned int nr, int rc)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		trace_ioasid_map(ioas->ictx->id, ioas->obj.id, areas[i]->iova,
				 areas[i]->last - areas[i]->iova + 1, rc);
}

/*
 * Fills new areas, which occupy IOVAs and are otherwise unused, and makes them ready,
 * all or none.
 * Context: may sleep, faults and pins user memory. Returns 0, or the error of pinning or
 * mapping; then the areas are as before, or kept.
 */
int ioas_publish_areas(struct ioas *ioas, struct area **areas, unsigned int nr)
{
	bool pinned = false;
	unsigned int i;
	int rc = 0;

	/* A glance without the lock: the right answer is known below. */
	if (!list_empty(&ioas->tables)) {
		rc = pin_areas(areas, nr);
		if (rc)
			return rc;
		pinned = true;
	}

	rc = lock_domains_for_reading(ioas);
	while (!rc && pinned == list_empty(&ioas->tables)) {
		up_read(&ioas->domains_rwsem);
		if (pinned) {
			unpin_areas(areas, nr);
		} else {
			rc = pin_areas(areas, nr);
			if (rc)
				return rc;
		}
		pinned = !pinned;
		rc = lock_domains_for_reading(ioas);
	}
	if (rc)
		goto out_unpin;
	rc = map_into_tables(ioas, areas, nr);
	/* Once they are ready, somebody else may remove them. */
	if (trace_ioasid_map_enabled())
		trace_areas(ioas, areas, nr, rc);
	for (i = 0; !rc && i < nr; i++)
		area_set_ready(areas[i]);
	up_read(&ioas->domains_rwsem);

out_unpin:
	if (rc && pinned)
		unpin_areas(areas, nr);
	return rc;
}

/*
 * The area is not there yet, or no longer. Returns -EBUSY.
 * Context: holds ioas->iova_lock.
 */
int refuse_unready(struct ioas *ioas, const struct area *area)
{
	return refuse_range(ioas->ictx, -EBUSY, ioas->obj.id, area->iova,
			    area->last,
			    "the mapping at %#lx-%#lx is being made or removed",
			    area->iova, area->last);
}

/**
 * struct unmap_range - what is being unmapped
 * @iova: first IOVA that is left to unmap
 * @last: last IOVA
 * @list: areas that belong to the unmapper, linked by area->next
 * @kept: of the areas that were removed so far, the first that is kept, or NULL
 * @used: size of the area at @iova, which accesses use, in bytes
 */
struct unmap_range {
	unsigned long iova;
	unsigned long last;
	struct area *list;
	struct area *kept;
	unsigned long used;
};

static int refuse_cutting(struct ioas *ioas, const struct area *area,
			  const struct unmap_range *range)
{
	return refuse_range(ioas->ictx, -ENOENT, ioas->obj.id, area->iova,
			    area->last,
			    "%#lx-%#lx cuts the mapping at %#lx-%#lx, which goes as a whole",
			    range->iova, range->last, area->iova, area->last);
}

/* With no id of a page table: there may be several, and they may be gone. */
static int refuse_kept(struct ioas *ioas, const struct area *area)
{
	return refuse_range(ioas->ictx, -EIO, ioas->obj.id, area->iova,
			    area->last,
			    "the IOMMU driver did not unmap all of %#lx-%#lx: a device may still reach it, and its memory stays pinned",
			    area->iova, area->last);
}

/* An area that accesses use: they must not begin again. */
static int revoke_area(struct area *area, struct unmap_range *range)
{
	area->revoked = true;
	range->iova = area->iova;
	range->used = area_length(area);
	return -EAGAIN;
}

/*
 * Make the areas of a range the caller's own, linked by area->next, up to the
 * first one that cannot be removed, for -EAGAIN because accesses use it. They stay in
 * the tree to keep the IOVAs occupied until the page tables forget them.
 */
static int claim_range(struct ioas *ioas, struct unmap_range *range)
{
	struct area **list = &range->list;
	struct area *area;
	int rc = 0;

	lockdep_assert_held(&ioas->iova_lock);

	for (area = iova_find_area(ioas, range->iova, range->last);
	     area && area->iova <= range->last; area = iova_next_area(area)) {
		if (area_is_left(area))
			goto next;
		if (!area_is_ready(area))
			rc = refuse_unready(ioas, area);
		else if (area->iova < range->iova || area->last > range->last)
			rc = refuse_cutting(ioas, area, range);
		else if (area->accesses)
			rc = revoke_area(area, range);
		if (rc)
			break;
		area_clear_ready(area);
		area->going = true;
		ctx_count_areas(ioas->ictx, -1, -area_length(area));
		*list = area;
		list = &area->next;
next:
		if (area->last >= range->last)
			break;
		cond_resched();
	}
	*list = NULL;
	return rc;
}

/* What is pinned is unpinned while it can still be seen in the tree. */
static unsigned long remove_list(struct ioas *ioas, struct unmap_range *range,
				 bool pinned)
{
	unsigned long removed = 0;
	struct area *area, *next;

	for (area = range->list; pinned && area; area = next_in_list(area))
		area_unpin(area);

	mutex_lock(&ioas->iova_lock);
	for (area = range->list; area; area = next_in_list(area))
		iova_remove_area(ioas, area);
	mutex_unlock(&ioas->iova_lock);

	for (area = range->list; area; area = next) {
		next = next_in_list(area);
		if (!area->kept)
			removed += area_length(area);
		else if (!range->kept)
			range->kept = area;
		area_drop(area);
	}
	return removed;
}

static int unmap_claimed(struct ioas *ioas, struct unmap_range *range,
			 unsigned long *unmapped)
{
	struct table *table;
	bool pinned;
	int rc;

	range->list = NULL;
	rc = lock_domains_for_reading(ioas);
	if (rc)
		return rc;
	mutex_lock(&ioas->iova_lock);
	rc = claim_range(ioas, range);
	mutex_unlock(&ioas->iova_lock);
	pinned = !list_empty(&ioas->tables);
	if (range->list)
		list_for_each_entry(table, &ioas->tables, item)
			unmap_list(table, range->list);
	up_read(&ioas->domains_rwsem);

	*unmapped += remove_list(ioas, range, pinned);
	return rc;
}

/*
 * Ask listeners to unpin a range. When it returns 0, all have been told, and none is at
 * work that began before.
 */
static int notify_unmap(struct ioas *ioas, unsigned long iova,
			unsigned long length)
{
	struct listener *listener;
	unsigned long index;

	xa_lock(&ioas->listeners);
	xa_for_each(&ioas->listeners, index, listener) {
		refcount_inc(&listener->obj->users);
		xa_unlock(&ioas->listeners);
		if (listener->ops->unmap)
			listener->ops->unmap(listener->data, iova, length);
		obj_put(ioas->ictx, listener->obj);
		xa_lock(&ioas->listeners);
	}
	xa_unlock(&ioas->listeners);

	if (down_write_killable(&ioas->domains_rwsem))
		return -EINTR;
	up_write(&ioas->domains_rwsem);
	return 0;
}

/* How often listeners are asked to unpin one area. */
#define MAX_NOTIFIES 100

static int unmap_areas(struct ioas *ioas, unsigned long iova,
		       unsigned long last, unsigned long *unmapped)
{
	struct unmap_range range = { .iova = iova, .last = last };
	unsigned int notifies = 0;
	int rc;

	while ((rc = unmap_claimed(ioas, &range, unmapped)) == -EAGAIN) {
		if (range.iova != iova)
			notifies = 0;
		iova = range.iova;
		if (WARN_ON(notifies++ == MAX_NOTIFIES))
			return refuse_range(ioas->ictx, -EDEADLOCK,
					    ioas->obj.id, range.iova,
					    range.iova + range.used - 1,
					    "a driver does not let go of the mapping at %#lx-%#lx",
					    range.iova,
					    range.iova + range.used - 1);
		if (notify_unmap(ioas, range.iova, range.used))
			return refuse_killed(ioas);
	}
	if (!rc && range.kept)
		rc = refuse_kept(ioas, range.kept);
	return rc;
}

/*
 * Removes all areas of a range; *@unmapped gets how many bytes were mapped. When it
 * returns, no device reaches the memory any more, and it is unpinned; but for areas that
 * are kept, whose memory is not.
 *
 * Context: may sleep, calls drivers with accesses. Does not allocate.
 * Returns -ENOENT if the range holds part of an area; -EBUSY if one of its areas is
 * being made or removed; -EDEADLOCK if an access does not unpin one; -EINTR if the
 * process is being killed. On failure the areas before that one are removed, as mainline
 * does. -EIO if all are removed, and some of them are kept.
 */
int ioas_unmap(struct ioas *ioas, unsigned long iova, unsigned long last,
	       unsigned long *unmapped)
{
	int rc;

	*unmapped = 0;
	rc = unmap_areas(ioas, iova, last, unmapped);
	trace_ioasid_unmap(ioas->ictx->id, ioas->obj.id, iova, *unmapped, rc);
	return rc;
}

static struct slice *take_slice(struct area *area, unsigned long iova,
				unsigned long last, bool pinned)
{
	struct slice *slice;

	slice = kmalloc(sizeof(*slice), GFP_KERNEL_ACCOUNT);
	if (!slice)
		return NULL;
	slice->shared = area_share(area, pinned);
	if (!slice->shared) {
		kfree(slice);
		return NULL;
	}
	refcount_inc(&slice->shared->users);
	slice->offset = area->offset + (iova - area->iova);
	slice->length = min(last, area->last) - iova + 1;
	return slice;
}

static int take_slices_locked(struct ioas *ioas, unsigned long iova,
			      unsigned long last, struct list_head *slices)
{
	bool pinned = !list_empty(&ioas->tables);
	struct slice *slice;
	struct area *area;

	lockdep_assert_held_write(&ioas->domains_rwsem);
	lockdep_assert_held(&ioas->iova_lock);

	area = iova_find_area(ioas, iova, last);
	for (;;) {
		if (fatal_signal_pending(current))
			return refuse_killed(ioas);
		if (!area || area->iova > iova || !area_is_ready(area))
			return refuse_range(ioas->ictx, -ENOENT, ioas->obj.id,
					    iova, last,
					    "nothing is mapped at IOVA %#lx of IOAS %u",
					    iova, ioas->obj.id);
		slice = take_slice(area, iova, last, pinned);
		if (!slice)
			return -ENOMEM;
		list_add_tail(&slice->item, slices);
		if (area->last >= last)
			return 0;
		iova = area->last + 1;
		area = iova_next_area(area);
		cond_resched();
	}
}

/*
 * Gets hold of the memory behind a range of IOVAs: it is added to @slices in order, with
 * a reference each; on failure perhaps in part.
 * Context: may sleep. Returns -ENOENT if anything in the range is not mapped; -ENOMEM;
 * -EINTR if the process is being killed.
 */
int ioas_take_slices(struct ioas *ioas, unsigned long iova, unsigned long last,
		     struct list_head *slices)
{
	int rc;

	if (down_write_killable(&ioas->domains_rwsem))
		return refuse_killed(ioas);
	mutex_lock(&ioas->iova_lock);
	rc = take_slices_locked(ioas, iova, last, slices);
	mutex_unlock(&ioas->iova_lock);
	up_write(&ioas->domains_rwsem);
	return rc;
}

/*
 * The ready areas from @area on. With domains_rwsem write-held they stay so, and none
 * becomes ready: whoever makes one ready holds it for reading.
 */
static struct area *skip_unready(struct area *area)
{
	while (area && !area_is_ready(area))
		area = iova_next_area(area);
	return area;
}

#define for_each_ready_area(area, ioas)                                     \
	for ((area) = skip_unready(iova_find_area(ioas, 0, ULONG_MAX)); (area); \
	     (area) = skip_unready(iova_next_area(area)))

/* Empty @table of all areas before @stop, and unpin those with no page table. */
static void empty_table(struct ioas *ioas, struct table *table,
			struct area *stop)
{
	struct iommu_iotlb_gather gather;
	bool unmapped = false;
	struct area *area;

	lockdep_assert_held_write(&ioas->domains_rwsem);
	lockdep_assert_held(&ioas->iova_lock);

	iommu_iotlb_gather_init(&gather);
	for_each_ready_area(area, ioas) {
		if (area == stop)
			break;
		domain_unmap_area(table, area, &gather);
		unmapped = true;
		cond_resched();
	}
	if (unmapped)
		domain_flush(table, &gather);

	if (!list_empty(&ioas->tables))
		return;
	for_each_ready_area(area, ioas) {
		if (area == stop)
			break;
		area_unpin(area);
		cond_resched();
	}
}

static int fill_table(struct ioas *ioas, struct table *table)
{
	bool pin = list_empty(&ioas->tables);
	struct area *area;
	int rc;

	for_each_ready_area(area, ioas) {
		if (pin) {
			rc = area_pin(area);
			if (rc)
				goto err_empty;
		}
		rc = domain_map_area(table, area, ioas->large_pages);
		if (rc) {
			refuse_map(ioas, table, area, rc);
			if (pin)
				area_unpin(area);
			goto err_empty;
		}
		cond_resched();
		if (fatal_signal_pending(current)) {
			rc = refuse_killed(ioas);
			area = skip_unready(iova_next_area(area));
			goto err_empty;
		}
	}
	return 0;

err_empty:
	empty_table(ioas, table, area);
	return rc;
}

/*
 * Lets an empty page table that knows its aperture and page sizes follow the IOAS.
 *
 * Context: may sleep, faults and pins user memory; holds attach_lock.
 * Returns -EADDRINUSE if a mapping does not fit the page table's aperture or alignment;
 * -EINVAL if its pages are too large; the error of pinning or mapping. On failure
 * nothing changes.
 */
int ioas_add_table(struct ioas *ioas, struct table *table)
{
	int rc;

	if (down_write_killable(&ioas->domains_rwsem))
		return refuse_killed(ioas);
	mutex_lock(&ioas->iova_lock);
	rc = iova_update_alignment(ioas, table);
	if (rc)
		goto out_unlock;
	rc = iova_reserve_outside(ioas, &table->domain->geometry, table);
	if (rc)
		goto err_unreserve;
	rc = fill_table(ioas, table);
	if (rc)
		goto err_unreserve;
	list_add_tail(&table->item, &ioas->tables);
	goto out_unlock;

err_unreserve:
	iova_unreserve(ioas, table);
	iova_update_alignment(ioas, NULL);
out_unlock:
	mutex_unlock(&ioas->iova_lock);
	up_write(&ioas->domains_rwsem);
	return rc;
}

/* Context: may sleep; holds attach_lock. Neither allocates nor fails. */
void ioas_remove_table(struct ioas *ioas, struct table *table)
{
	down_write(&ioas->domains_rwsem);
	mutex_lock(&ioas->iova_lock);
	list_del(&table->item);
	empty_table(ioas, table, NULL);
	iova_unreserve(ioas, table);
	iova_update_alignment(ioas, NULL);
	ioas_unlock_content(ioas);
}

/*
 * Lets a driver be told what is unmapped. *@index is for ioas_remove_listener().
 * Context: may sleep, takes ioas->domains_rwsem and ioas->iova_lock. Returns -EADDRINUSE
 * if a mapping is not aligned as the driver needs it; -ENOMEM; -EINTR if the process is
 * being killed.
 */
int ioas_add_listener(struct ioas *ioas, struct listener *listener, u32 *index)
{
	int rc;

	rc = ioas_lock_content(ioas);
	if (rc)
		return rc;
	rc = xa_alloc(&ioas->listeners, index, listener, xa_limit_31b,
		      GFP_KERNEL_ACCOUNT);
	if (!rc) {
		rc = iova_update_alignment(ioas, NULL);
		if (rc)
			xa_erase(&ioas->listeners, *index);
	}
	ioas_unlock_content(ioas);
	return rc;
}

/* Context: may sleep, takes ioas->domains_rwsem and ioas->iova_lock. */
void ioas_remove_listener(struct ioas *ioas, u32 index)
{
	down_write(&ioas->domains_rwsem);
	mutex_lock(&ioas->iova_lock);
	xa_erase(&ioas->listeners, index);
	iova_update_alignment(ioas, NULL);
	ioas_unlock_content(ioas);
}

static bool has_mappings(struct ioas *ioas)
{
	struct area *area = iova_find_area(ioas, 0, ULONG_MAX);

	while (area && area_is_left(area)) {
		area = iova_next_area(area);
		cond_resched();
	}
	return area;
}

static int set_large_pages_locked(struct ioas *ioas, bool large_pages)
{
	int rc;

	lockdep_assert_held_write(&ioas->domains_rwsem);
	lockdep_assert_held(&ioas->iova_lock);

	if (ioas->large_pages == large_pages)
		return 0;
	/* What a page table holds would have to be mapped anew. */
	if (!large_pages && !list_empty(&ioas->tables) && has_mappings(ioas))
		return refuse_id(ioas->ictx, -EINVAL, ioas->obj.id,
				 "large pages cannot be switched off: IOAS %u has mappings in a page table",
				 ioas->obj.id);

	ioas->large_pages = large_pages;
	rc = iova_update_alignment(ioas, NULL);
	if (rc)
		ioas->large_pages = !large_pages;
	return rc;
}

/*
 * Allows IOMMU pages that are larger than PAGE_SIZE, or not.
 * Context: may sleep. Returns -EINVAL if a page table holds mappings, and -EADDRINUSE if
 * a mapping is not aligned to PAGE_SIZE, when they are switched off; -EINTR if the
 * process is being killed.
 */
int ioas_set_large_pages(struct ioas *ioas, bool large_pages)
{
	int rc;

	rc = ioas_lock_content(ioas);
	if (rc)
		return rc;
	rc = set_large_pages_locked(ioas, large_pages);
	ioas_unlock_content(ioas);
	return rc;
}
