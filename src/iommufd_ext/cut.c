// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings cut in two, so that one of the parts can be unmapped.
 *
 * The parts have the memory in common, and each keeps its own pages pinned. Where the
 * mapping is in page tables that may have large pages, one can be on both sides of the
 * cut. It is replaced by smaller ones; the rest of the mapping stays as it is.
 */
#include <linux/iommu.h>

#include "space.h"

/* The area that has to be cut for one to begin at @iova; NULL for none. */
static struct area *find_area_to_cut(struct ioas *ioas, unsigned long iova)
{
	struct area *area = iova_find_area(ioas, iova, iova);

	return area && area->iova < iova && !area_is_left(area) ? area : NULL;
}

static int refuse_cut(struct ioas *ioas, const struct area *area, int rc,
		      unsigned long iova, const char *why)
{
	return refuse_range(ioas->ictx, rc, ioas->obj.id, area->iova,
			    area->last,
			    "the mapping at %#lx-%#lx cannot be cut at %#lx: %s",
			    area->iova, area->last, iova, why);
}

/* @used: the answer if a driver of an emulated device uses the area. */
static int check_cut(struct ioas *ioas, const struct area *area,
		     unsigned long iova, int used)
{
	unsigned long start = area_start(area) + (iova - area->iova);

	if (!area_is_ready(area) || area->revoked)
		return refuse_unready(ioas, area);
	/* An access unpins what it pinned, in one piece. */
	if (area->accesses)
		return refuse_cut(ioas, area, used, iova,
				  "a driver uses its memory");
	if (area_dmabuf(area))
		return refuse_cut(ioas, area, -EINVAL, iova,
				  "a dma-buf is revoked in one piece");
	if ((iova | start) & (ioas->iova_alignment - 1))
		return refuse_cut(ioas, area, -EINVAL, iova,
				  "that is not aligned");
	return 0;
}

/* Whether large pages are in the way. */
static bool has_large_pages(struct ioas *ioas)
{
	return ioas->large_pages && !list_empty(&ioas->tables);
}

static int split_in_tables(struct ioas *ioas, struct area *area,
			   unsigned long iova)
{
	struct table *table;
	int rc;

	/* What is split in one stays so if it fails in another: nobody can tell. */
	list_for_each_entry(table, &ioas->tables, item) {
		rc = domain_split_at(table, area, iova);
		if (rc)
			return refuse_cut(ioas, area, rc, iova,
					  rc == -EINTR ?
						  "the process is being killed" :
						  "the IOMMU driver cannot replace a page");
	}
	return 0;
}

static int cut_area(struct ioas *ioas, struct area *area, unsigned long iova)
{
	bool pinned = !list_empty(&ioas->tables);
	struct area *second;
	int rc = 0;

	lockdep_assert_held_write(&ioas->domains_rwsem);
	lockdep_assert_held(&ioas->iova_lock);

	second = area_cut_begin(area, iova, pinned);
	if (!second)
		return -ENOMEM;
	if (has_large_pages(ioas))
		rc = split_in_tables(ioas, area, iova);
	if (rc) {
		area_cut_abort(area, second, pinned);
		return rc;
	}
	area_cut_end(area, second);
	iova_insert_cut(ioas, second);
	return 0;
}

static int cut_locked(struct ioas *ioas, unsigned long iova)
{
	struct area *area = find_area_to_cut(ioas, iova);
	int rc;

	if (!area)
		return 0;
	rc = check_cut(ioas, area, iova, -EINVAL);
	if (rc)
		return rc;
	/* Programs of type1 know nothing of devices that fault for a moment. */
	if (has_large_pages(ioas))
		return refuse_cut(ioas, area, -EINVAL, iova,
				  "large pages may be in the way");
	return cut_area(ioas, area, iova);
}

/*
 * Lets an area begin at @iova; nothing happens unless that is inside one.
 * Context: may sleep. Returns -EBUSY if the area is being made or removed; -EINVAL if it
 * is in a page table that may have large pages, if an access uses it, if it is a
 * dma-buf, or if @iova is not aligned; -ENOMEM; -EINTR if the process is being killed.
 */
int ioas_cut(struct ioas *ioas, unsigned long iova)
{
	int rc;

	rc = ioas_lock_content(ioas);
	if (rc)
		return rc;
	rc = cut_locked(ioas, iova);
	ioas_unlock_content(ioas);
	return rc;
}

static int check_split(struct ioas *ioas, unsigned long iova, bool no_fault)
{
	struct area *area = find_area_to_cut(ioas, iova);
	struct table *table;
	int rc;

	if (!area)
		return 0;
	rc = check_cut(ioas, area, iova, -EBUSY);
	if (rc || !ioas->large_pages)
		return rc;
	/* A page that is replaced forgets that it is dirty. */
	list_for_each_entry(table, &ioas->tables, item)
		if ((no_fault || table->tracking) &&
		    domain_has_page_across(table, area, iova))
			return refuse_cut(ioas, area, -EADDRINUSE, iova,
					  "an IOMMU page may be on both sides");
	return 0;
}

static int split_locked(struct ioas *ioas, unsigned long iova)
{
	struct area *area = find_area_to_cut(ioas, iova);

	return area ? cut_area(ioas, area, iova) : 0;
}

/*
 * Lets no area be on both sides of the ends of a range. A large IOMMU page there is
 * replaced by smaller ones. It is gone for a moment, and a device that uses it then
 * faults. @no_fault: not if a device could fault because of it.
 *
 * Context: may sleep.
 * Returns -EBUSY if an area at an end is being made or removed, or an access uses it;
 * -EINVAL if an end inside an area is not aligned, or the area is a dma-buf; -EADDRINUSE
 * if there may be an IOMMU page to replace, with @no_fault or while dirty pages are
 * tracked; -EINTR if the process is being killed; then nothing has changed. -ENOMEM or
 * the IOMMU driver's error; then one of the areas may be split.
 */
int ioas_split(struct ioas *ioas, unsigned long iova, unsigned long last,
	       bool no_fault)
{
	int rc;

	rc = ioas_lock_content(ioas);
	if (rc)
		return rc;
	rc = check_split(ioas, iova, no_fault);
	if (!rc && last != ULONG_MAX)
		rc = check_split(ioas, last + 1, no_fault);
	if (!rc && last != ULONG_MAX)
		rc = split_locked(ioas, last + 1);
	if (!rc)
		rc = split_locked(ioas, iova);
	ioas_unlock_content(ioas);
	return rc;
}
