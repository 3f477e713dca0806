// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which IOVAs of an IOAS are mapped, which are reserved, which are free.
 *
 * Areas do not overlap, so a plain red-black tree finds them. Reserved ranges
 * come from page tables and devices, overlap freely, and are removed by owner.
 *
 * Ranges are inclusive, [iova, last], since the last IOVA can be ULONG_MAX.
 */
#include <linux/interval_tree.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "space.h"

/**
 * struct reserved_range - IOVAs that cannot be mapped
 * @node: in ioas.reserved
 * @by_owner: in ioas.reserved_by
 * @owner: the page table or endpoint that needs them kept free
 * @owner_id: id of the page table, or of the endpoint's device
 *
 * Protected by ioas.iova_lock.
 */
struct reserved_range {
	struct interval_tree_node node;
	struct rb_node by_owner;
	const void *owner;
	u32 owner_id;
};

static struct area *node_to_area(struct rb_node *node)
{
	return rb_entry_safe(node, struct area, node);
}

/*
 * The first area that overlaps a range, or NULL.
 * Context: holds ioas->iova_lock.
 */
struct area *iova_find_area(struct ioas *ioas, unsigned long iova,
			    unsigned long last)
{
	struct rb_node *node = ioas->areas.rb_node;
	struct area *first = NULL;

	lockdep_assert_held(&ioas->iova_lock);

	while (node) {
		struct area *area = rb_entry(node, struct area, node);

		if (area->last >= iova) {
			first = area;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return first && first->iova <= last ? first : NULL;
}

/*
 * The area behind an area of the tree, or NULL.
 * Context: holds ioas->iova_lock.
 */
struct area *iova_next_area(struct area *area)
{
	return node_to_area(rb_next(&area->node));
}

/**
 * struct allowed_range - IOVAs promised to the user
 * @node: in ioas.allowed, or in a list of ranges that is being made
 *
 * Protected by ioas.iova_lock once it is in the IOAS.
 */
struct allowed_range {
	struct interval_tree_node node;
};

static int refuse_occupied(struct ioas *ioas, unsigned long iova,
			   unsigned long last, const struct area *other)
{
	if (area_is_left(other))
		return refuse_range(ioas->ictx, -EEXIST, ioas->obj.id,
				    other->iova, other->last,
				    "the IOMMU driver did not unmap all of %#lx-%#lx: its IOVAs cannot be used again",
				    other->iova, other->last);
	return refuse_range(ioas->ictx, -EEXIST, ioas->obj.id, other->iova,
			    other->last,
			    "IOVAs %#lx-%#lx are occupied by the mapping at %#lx-%#lx",
			    iova, last, other->iova, other->last);
}

/* Fails if any IOVA of the area is occupied. */
static int insert_area(struct ioas *ioas, struct area *area)
{
	struct rb_node **link = &ioas->areas.rb_node;
	struct rb_node *parent = NULL;

	while (*link) {
		struct area *other = rb_entry(*link, struct area, node);

		parent = *link;
		if (area->last < other->iova)
			link = &parent->rb_left;
		else if (area->iova > other->last)
			link = &parent->rb_right;
		else
			return refuse_occupied(ioas, area->iova, area->last,
					       other);
	}
	rb_link_node(&area->node, parent, link);
	rb_insert_color(&area->node, &ioas->areas);
	return 0;
}

/*
 * Frees the IOVAs of an area that is in no page table. Those of an area that is @kept
 * stay occupied: a device may still use them.
 * Context: holds ioas->iova_lock.
 */
void iova_remove_area(struct ioas *ioas, struct area *area)
{
	lockdep_assert_held(&ioas->iova_lock);
	if (unlikely(area->kept))
		area->going = true;
	else
		rb_erase(&area->node, &ioas->areas);
}

/* Returns @rc if any IOVA of a range is reserved, and else 0. */
static int check_reserved(struct ioas *ioas, unsigned long iova,
			  unsigned long last, int rc)
{
	struct iommufd_ext_about about = { .ids = { ioas->obj.id } };
	char owner[64] = "a page table that is being made or removed";
	struct interval_tree_node *node;
	struct reserved_range *range;

	node = interval_tree_iter_first(&ioas->reserved, iova, last);
	if (likely(!node))
		return 0;
	range = container_of(node, struct reserved_range, node);
	if (obj_describe(ioas->ictx, range->owner_id, owner, sizeof(owner)))
		about.ids[1] = range->owner_id;
	about.has_range = true;
	about.start = node->start;
	about.last = node->last;
	return iommufd_ext_refuse(&ioas->ictx->errors, rc, &about,
				  "IOVAs %#lx-%#lx are not free: %s reserves %#lx-%#lx",
				  iova, last, owner, node->start, node->last);
}

/*
 * Keep what alignment the memory has, up to that of a huge page: then it can be
 * mapped with large IOMMU pages.
 */
static unsigned long auto_alignment(unsigned long uptr, unsigned long length)
{
	unsigned long max = IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ?
				    HPAGE_SIZE :
				    PAGE_SIZE;
	unsigned long alignment = roundup_pow_of_two(length);

	if (uptr)
		alignment = min(alignment, 1UL << __ffs(uptr));
	return min(alignment, max);
}

/*
 * Behind @area and those that follow it with no room for @length between them, up to
 * @limit. Returns 0 if that is the end of all IOVAs. Stops early if the process is being
 * killed, which the caller sees, too.
 */
static unsigned long end_of_packed(struct area *area, unsigned long limit,
				   unsigned long length)
{
	struct area *next;

	while (area->last < limit && (next = iova_next_area(area)) &&
	       next->iova - area->last <= length) {
		area = next;
		if (resched_killable())
			break;
	}
	return area->last + 1;
}

/*
 * First fit in [from, limit], both of which can be given out. Returns -ENOSPC if there
 * is none, or -EINTR.
 */
static int find_free_in(struct ioas *ioas, unsigned long from,
			unsigned long limit, unsigned long alignment,
			unsigned long offset, unsigned long length,
			unsigned long *iova)
{
	struct interval_tree_node *reserved;
	unsigned long start, last;
	struct area *other;
	int rc;

	/* @from is 0 behind the last of all IOVAs. */
	while (from && from <= limit) {
		rc = resched_killable();
		if (rc)
			return rc;
		start = ALIGN(from, alignment) | offset;
		if (start < from ||
		    check_add_overflow(start, length - 1, &last) ||
		    last > limit)
			break;

		reserved =
			interval_tree_iter_first(&ioas->reserved, start, last);
		if (reserved) {
			from = reserved->last + 1;
			continue;
		}
		other = iova_find_area(ioas, start, last);
		if (other) {
			from = end_of_packed(other, limit, length);
			continue;
		}
		*iova = start;
		return 0;
	}
	return -ENOSPC;
}

static int refuse_full(struct ioas *ioas, unsigned long length,
		       unsigned long alignment, const char *where)
{
	return refuse_id(ioas->ictx, -ENOSPC, ioas->obj.id,
			 "IOAS %u has no free range of %#lx bytes at a multiple of %#lx%s",
			 ioas->obj.id, length, alignment, where);
}

/* Where allowed IOVAs end that begin with @range; sets *@next to what follows them. */
static unsigned long end_of_allowed(struct interval_tree_node *range,
				    unsigned long limit,
				    struct interval_tree_node **next)
{
	unsigned long last;

	do {
		last = range->last;
		range = interval_tree_iter_next(range, PAGE_SIZE, limit);
		cond_resched();
	} while (range && range->start - 1 == last);
	*next = range;
	return last;
}

/* Neither page 0 nor the last page is ever given out. */
static int find_free(struct ioas *ioas, unsigned long alignment,
		     unsigned long offset, unsigned long length,
		     unsigned long *iova)
{
	const unsigned long limit = ULONG_MAX - PAGE_SIZE;
	struct interval_tree_node *allowed, *next;
	unsigned long last;
	int rc;

	if (RB_EMPTY_ROOT(&ioas->allowed.rb_root)) {
		rc = find_free_in(ioas, PAGE_SIZE, limit, alignment, offset,
				  length, iova);
		if (rc != -ENOSPC)
			return rc;
		return refuse_full(ioas, length, alignment, "");
	}

	for (allowed =
		     interval_tree_iter_first(&ioas->allowed, PAGE_SIZE, limit);
	     allowed; allowed = next) {
		last = end_of_allowed(allowed, limit, &next);
		rc = find_free_in(ioas, max(allowed->start, PAGE_SIZE),
				  min(last, limit), alignment, offset, length,
				  iova);
		if (rc != -ENOSPC)
			return rc;
	}
	return refuse_full(ioas, length, alignment, " in the allowed ranges");
}

static int refuse_unaligned(struct ioas *ioas, int rc, unsigned long start,
			    unsigned long last)
{
	return refuse_range(ioas->ictx, rc, ioas->obj.id, start, last,
			    "IOAS %u maps in multiples of %#lx bytes, and %#lx-%#lx is none",
			    ioas->obj.id, ioas->iova_alignment, start, last);
}

static int choose_iova(struct ioas *ioas, unsigned long start,
		       unsigned long length, unsigned long *iova)
{
	unsigned long alignment;

	if (length >= ULONG_MAX / 2)
		return refuse_id(ioas->ictx, -EOVERFLOW, ioas->obj.id,
				 "no address space holds %#lx bytes", length);
	alignment = auto_alignment(start, length);
	if (alignment < ioas->iova_alignment)
		return refuse_unaligned(ioas, -EINVAL, start,
					start + length - 1);
	return find_free(ioas, alignment, offset_in_page(start), length, iova);
}

/* A single area finds out by itself whether its place is occupied. */
static int check_fixed(struct ioas *ioas, unsigned long iova,
		       unsigned long length, bool several)
{
	struct area *other;
	unsigned long last;
	int rc;

	if (iova & (ioas->iova_alignment - 1))
		return refuse_unaligned(ioas, -EINVAL, iova, iova + length - 1);
	if (check_add_overflow(iova, length - 1, &last))
		return refuse_id(ioas->ictx, -EOVERFLOW, ioas->obj.id,
				 "%#lx bytes from IOVA %#lx reach beyond the last IOVA",
				 length, iova);
	rc = check_reserved(ioas, iova, last, -EINVAL);
	if (rc)
		return rc;
	other = several ? iova_find_area(ioas, iova, last) : NULL;
	return other ? refuse_occupied(ioas, iova, last, other) : 0;
}

/* Insert @area, which begins at an offset to @iova so far. */
static int insert_at(struct ioas *ioas, struct area *area, unsigned long iova)
{
	int rc;

	area->iova += iova;
	area->last += iova;
	rc = insert_area(ioas, area);
	if (rc)
		return rc;
	/* Mainline looks at these last, too. */
	if ((area->prot & IOMMU_WRITE) && !area->pages->writable)
		rc = refuse_id(ioas->ictx, -EPERM, ioas->obj.id,
			       "the memory was mapped for reading only");
	else if ((area->iova | area_length(area) |
		  offset_in_page(area_start(area))) &
		 (ioas->iova_alignment - 1))
		rc = refuse_unaligned(ioas, -EINVAL, area_start(area),
				      area_start(area) + area_length(area) - 1);
	if (rc)
		iova_remove_area(ioas, area);
	return rc;
}

/*
 * Occupies IOVAs for @nr areas, at least 1, in order. Theirs begin at 0, and are given
 * their place: *@iova, if @fixed, or else one of the kernel's choice, which *@iova gets.
 *
 * Context: takes ioas->iova_lock.
 * Returns -EOVERFLOW if the range wraps or no address space holds it; -EINVAL if
 * anything is misaligned, or a fixed range is reserved; -EEXIST if it is occupied;
 * -ENOSPC if no range is free; -EPERM for writing to memory that is for reading; -EINTR
 * if the process is being killed. On failure the areas are good for nothing but
 * area_free().
 */
int iova_insert(struct ioas *ioas, struct area **areas, unsigned int nr,
		bool fixed, unsigned long *iova)
{
	unsigned long length = areas[nr - 1]->last + 1;
	unsigned int i;
	int rc;

	/* It is held while a page table is filled, for as long as that takes. */
	if (mutex_lock_killable(&ioas->iova_lock))
		return -EINTR;
	if (length & (ioas->iova_alignment - 1))
		rc = refuse_id(ioas->ictx, -EINVAL, ioas->obj.id,
			       "IOAS %u maps in multiples of %#lx bytes, and the length %#lx is none",
			       ioas->obj.id, ioas->iova_alignment, length);
	else if (fixed)
		rc = check_fixed(ioas, *iova, length, nr > 1);
	else
		rc = choose_iova(ioas, area_start(areas[0]), length, iova);
	if (rc)
		goto out_unlock;

	for (i = 0; i < nr; i++) {
		rc = i ? resched_killable() : 0;
		if (!rc)
			rc = insert_at(ioas, areas[i], *iova);
		if (rc)
			goto err_remove;
	}
	ctx_count_areas(ioas->ictx, nr, length);
	goto out_unlock;

err_remove:
	while (i--) {
		iova_remove_area(ioas, areas[i]);
		cond_resched();
	}
out_unlock:
	mutex_unlock(&ioas->iova_lock);
	return rc;
}

/*
 * Undoes iova_insert(), when the areas are in no page table.
 * Context: takes ioas->iova_lock.
 */
void iova_remove_areas(struct ioas *ioas, struct area **areas, unsigned int nr)
{
	unsigned int i;

	mutex_lock(&ioas->iova_lock);
	for (i = 0; i < nr; i++) {
		iova_remove_area(ioas, areas[i]);
		cond_resched();
	}
	ctx_count_areas(ioas->ictx, -(long)nr,
			areas[0]->iova - areas[nr - 1]->last - 1);
	mutex_unlock(&ioas->iova_lock);
}

/*
 * Occupies the IOVAs that an area has just given up to its second part.
 * Context: holds ioas->iova_lock.
 */
void iova_insert_cut(struct ioas *ioas, struct area *area)
{
	lockdep_assert_held(&ioas->iova_lock);
	WARN_ON(insert_area(ioas, area));
	ctx_count_areas(ioas->ictx, 1, 0);
}

static int refuse_reserve(struct ioas *ioas, unsigned long start,
			  unsigned long last, const struct iova_owner *owner,
			  const char *what, unsigned long other_start,
			  unsigned long other_last)
{
	struct iommufd_ext_about about = {
		.ids = { ioas->obj.id, owner->id },
		.has_range = true,
		.start = other_start,
		.last = other_last,
	};
	char text[64];

	/* A page table that does not fit never gets its id. */
	if (!obj_describe(ioas->ictx, owner->id, text, sizeof(text))) {
		about.ids[1] = owner->dev_id;
		scnprintf(text, sizeof(text), "the IOMMU of %s",
			  owner->dev_name ?: "a device");
	}
	return iommufd_ext_refuse(&ioas->ictx->errors, -EADDRINUSE, &about,
				  "%s needs IOVAs %#lx-%#lx kept free, and IOAS %u has the %s %#lx-%#lx",
				  text, start, last, ioas->obj.id, what,
				  other_start, other_last);
}

static const void *owner_of(const struct rb_node *node)
{
	return rb_entry(node, struct reserved_range, by_owner)->owner;
}

static bool owner_less(struct rb_node *a, const struct rb_node *b)
{
	return owner_of(a) < owner_of(b);
}

static int owner_cmp(const void *owner, const struct rb_node *node)
{
	const void *other = owner_of(node);

	return owner < other ? -1 : owner > other;
}

/*
 * Keeps a range from being mapped.
 * Context: holds ioas->iova_lock. Returns -EADDRINUSE if a mapping or a promise is
 * there; -ENOMEM.
 */
int iova_reserve(struct ioas *ioas, unsigned long start, unsigned long last,
		 const struct iova_owner *owner)
{
	struct interval_tree_node *allowed;
	struct reserved_range *range;
	struct area *area;

	lockdep_assert_held(&ioas->iova_lock);

	area = iova_find_area(ioas, start, last);
	if (area)
		return refuse_reserve(ioas, start, last, owner,
				      area_is_left(area) ?
					      "mapping that an IOMMU driver did not unmap," :
					      "mapping",
				      area->iova, area->last);
	allowed = interval_tree_iter_first(&ioas->allowed, start, last);
	if (allowed)
		return refuse_reserve(ioas, start, last, owner, "allowed range",
				      allowed->start, allowed->last);
	range = kzalloc(sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!range)
		return -ENOMEM;
	range->node.start = start;
	range->node.last = last;
	range->owner = owner->key;
	range->owner_id = owner->id;
	interval_tree_insert(&range->node, &ioas->reserved);
	rb_add(&range->by_owner, &ioas->reserved_by, owner_less);
	return 0;
}

/* iova_reserve() in the name of a page table. */
int iova_reserve_for_table(struct ioas *ioas, unsigned long start,
			   unsigned long last, const struct table *table)
{
	const struct iova_owner owner = {
		.key = table,
		.id = table->obj->id,
		.dev_name = table->dev_name,
		.dev_id = table->dev_id,
	};

	return iova_reserve(ioas, start, last, &owner);
}

/*
 * Reserves what a page table with this geometry cannot translate.
 * Context: holds ioas->iova_lock. Returns -EADDRINUSE if a mapping is there; -ENOMEM. On
 * failure part of it may be reserved.
 */
int iova_reserve_outside(struct ioas *ioas,
			 const struct iommu_domain_geometry *geometry,
			 const struct table *table)
{
	int rc = 0;

	if (geometry->aperture_start)
		rc = iova_reserve_for_table(ioas, 0,
					    geometry->aperture_start - 1,
					    table);
	if (!rc && geometry->aperture_end < ULONG_MAX)
		rc = iova_reserve_for_table(ioas, geometry->aperture_end + 1,
					    ULONG_MAX, table);
	return rc;
}

/*
 * Drops all ranges reserved in the name of @owner, an iova_owner.key.
 * Context: holds ioas->iova_lock.
 */
void iova_unreserve(struct ioas *ioas, const void *owner)
{
	struct rb_node *node;

	lockdep_assert_held(&ioas->iova_lock);

	/* There is one owner for each page table, and they can be many. */
	while ((node = rb_find_first(owner, &ioas->reserved_by, owner_cmp))) {
		struct reserved_range *range =
			rb_entry(node, struct reserved_range, by_owner);

		rb_erase(node, &ioas->reserved_by);
		interval_tree_remove(&range->node, &ioas->reserved);
		kfree(range);
		cond_resched();
	}
}

/*
 * Adds a range to a list of those a user asks for: -EINVAL if it is empty or overlaps
 * another; -ENOMEM.
 */
int iova_add_allowed(struct rb_root_cached *allowed, unsigned long start,
		     unsigned long last)
{
	struct allowed_range *range;

	if (start >= last || interval_tree_iter_first(allowed, start, last))
		return -EINVAL;
	range = kzalloc(sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!range)
		return -ENOMEM;
	range->node.start = start;
	range->node.last = last;
	interval_tree_insert(&range->node, allowed);
	return 0;
}

/*
 * Promises the ranges of a list to the user, and leaves the old ones there on success.
 * Context: takes ioas->iova_lock. Returns -EADDRINUSE if one of them is reserved; -EINTR
 * if the process is being killed.
 */
int iova_swap_allowed(struct ioas *ioas, struct rb_root_cached *allowed)
{
	struct interval_tree_node *node;
	int rc = 0;

	if (mutex_lock_killable(&ioas->iova_lock))
		return -EINTR;
	for (node = interval_tree_iter_first(allowed, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		rc = check_reserved(ioas, node->start, node->last, -EADDRINUSE);
		if (!rc)
			rc = resched_killable();
		if (rc)
			break;
	}
	if (!rc)
		swap(ioas->allowed, *allowed);
	mutex_unlock(&ioas->iova_lock);
	return rc;
}

/* For a list that is no longer that of an IOAS. */
void iova_free_allowed(struct rb_root_cached *allowed)
{
	struct allowed_range *range, *next;

	rbtree_postorder_for_each_entry_safe(range, next, &allowed->rb_root,
					     node.rb) {
		kfree(range);
		cond_resched();
	}
	*allowed = RB_ROOT_CACHED;
}

/*
 * The first range from @from on that is not reserved. Returns false if there is none.
 * Context: holds ioas->iova_lock.
 */
bool iova_next_range(struct ioas *ioas, unsigned long from,
		     unsigned long *start, unsigned long *last)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&ioas->iova_lock);

	/* The tree hands out ranges by start, so gaps show up in order. */
	for (node = interval_tree_iter_first(&ioas->reserved, from, ULONG_MAX);
	     node; node = interval_tree_iter_next(node, from, ULONG_MAX)) {
		if (node->start > from) {
			*start = from;
			*last = node->start - 1;
			return true;
		}
		cond_resched();
		if (node->last < from)
			continue;
		if (node->last == ULONG_MAX)
			return false;
		from = node->last + 1;
	}
	*start = from;
	*last = ULONG_MAX;
	return true;
}

/*
 * Adjusts to the page tables, listeners and options there are, and to a page table that
 * is about to be added, unless @joining is NULL.
 *
 * Context: holds ioas->domains_rwsem and ioas->iova_lock.
 * Returns -EADDRINUSE if a mapping is not aligned as it would have to be; -EINVAL if the
 * page table has no pages as small as PAGE_SIZE; -EINTR if the process is being killed.
 * When there are fewer of them than before, it cannot fail.
 */
int iova_update_alignment(struct ioas *ioas, struct table *joining)
{
	unsigned long alignment = ioas->large_pages ? 1 : PAGE_SIZE;
	struct listener *listener;
	struct table *table;
	struct rb_node *node;
	unsigned long index;

	lockdep_assert_held(&ioas->domains_rwsem);
	lockdep_assert_held(&ioas->iova_lock);

	xa_for_each(&ioas->listeners, index, listener)
		alignment = max(alignment, listener->iova_alignment);
	/* None of them has more than all together have. */
	list_for_each_entry(table, &ioas->tables, item) {
		if (alignment >= ioas->iova_alignment)
			break;
		alignment = max(alignment,
				1UL << __ffs(table->domain->pgsize_bitmap));
	}
	if (joining) {
		unsigned long pgsizes = joining->domain->pgsize_bitmap;

		if (!pgsizes || 1UL << __ffs(pgsizes) > PAGE_SIZE)
			return refuse_id(ioas->ictx, -EINVAL, joining->dev_id,
					 "the IOMMU of %s has no pages as small as %lu bytes",
					 joining->dev_name, PAGE_SIZE);
		alignment = max(alignment, 1UL << __ffs(pgsizes));
	}

	for (node = rb_first(&ioas->areas);
	     node && alignment > ioas->iova_alignment; node = rb_next(node)) {
		struct area *area = rb_entry(node, struct area, node);

		if (resched_killable())
			return -EINTR;
		if (area->going)
			continue;
		if ((area->iova | area_length(area) |
		     offset_in_page(area_start(area))) &
		    (alignment - 1))
			return refuse_range(ioas->ictx, -EADDRINUSE,
					    ioas->obj.id, area->iova,
					    area->last,
					    "the mapping at %#lx-%#lx of IOAS %u is not aligned to %#lx bytes",
					    area->iova, area->last,
					    ioas->obj.id, alignment);
	}
	ioas->iova_alignment = alignment;
	return 0;
}
