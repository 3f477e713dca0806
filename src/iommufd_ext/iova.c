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

#include "private.h"

/**
 * struct reserved_range - IOVAs that cannot be mapped
 * @node: in ioas.reserved
 * @owner: the page table or endpoint that needs them kept free
 *
 * Protected by ioas.iova_lock.
 */
struct reserved_range {
	struct interval_tree_node node;
	const void *owner;
};

static struct area *node_to_area(struct rb_node *node)
{
	return rb_entry_safe(node, struct area, node);
}

/**
 * iova_find_area() - the first area that overlaps a range
 * @ioas: the IOAS
 * @iova: first IOVA of the range
 * @last: last IOVA of the range
 *
 * Context: holds ioas->iova_lock.
 * Return: the area with the lowest IOVA, or NULL.
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

/**
 * iova_next_area() - the area after an area
 * @area: an area in the tree
 *
 * Context: holds ioas->iova_lock.
 * Return: the area with the next higher IOVA, or NULL.
 */
struct area *iova_next_area(struct area *area)
{
	return node_to_area(rb_next(&area->node));
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
			return -EEXIST;
	}
	rb_link_node(&area->node, parent, link);
	rb_insert_color(&area->node, &ioas->areas);
	return 0;
}

static bool is_reserved(struct ioas *ioas, unsigned long iova,
			unsigned long last)
{
	return interval_tree_iter_first(&ioas->reserved, iova, last);
}

/**
 * iova_insert_fixed() - occupy the IOVAs a user named
 * @ioas: the IOAS
 * @area: a new area
 * @iova: first IOVA
 * @length: size, in bytes, not 0
 *
 * Context: takes ioas->iova_lock.
 * Return: 0; -EOVERFLOW if the range wraps; -EINVAL if it is misaligned or
 * reserved; -EEXIST if it is occupied.
 */
int iova_insert_fixed(struct ioas *ioas, struct area *area, unsigned long iova,
		      unsigned long length)
{
	unsigned long last;
	int rc;

	if (check_add_overflow(iova, length - 1, &last))
		return -EOVERFLOW;
	area->iova = iova;
	area->last = last;

	mutex_lock(&ioas->iova_lock);
	if ((iova | length | offset_in_page(area->pages.uptr)) &
	    (ioas->iova_alignment - 1))
		rc = -EINVAL;
	else if (is_reserved(ioas, iova, last))
		rc = -EINVAL;
	else
		rc = insert_area(ioas, area);
	mutex_unlock(&ioas->iova_lock);
	return rc;
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
 * Behind @area and those that follow it with no room for @length between them.
 * Returns 0 if that is the end of all IOVAs.
 */
static unsigned long end_of_packed(struct area *area, unsigned long length)
{
	struct area *next;

	while ((next = iova_next_area(area)) &&
	       next->iova - area->last <= length) {
		area = next;
		cond_resched();
	}
	return area->last + 1;
}

/* First fit. Neither page 0 nor the last page is ever given out. */
static int find_free(struct ioas *ioas, unsigned long alignment,
		     unsigned long offset, struct area *area,
		     unsigned long length)
{
	const unsigned long limit = ULONG_MAX - PAGE_SIZE;
	unsigned long from = PAGE_SIZE;

	for (;;) {
		struct interval_tree_node *reserved;
		unsigned long iova, last;
		struct area *other;

		cond_resched();
		if (from > limit - alignment)
			return -ENOSPC;
		iova = ALIGN(from, alignment) | offset;
		if (check_add_overflow(iova, length - 1, &last) || last > limit)
			return -ENOSPC;

		reserved = interval_tree_iter_first(&ioas->reserved, iova,
						    last);
		if (reserved) {
			if (reserved->last >= limit)
				return -ENOSPC;
			from = reserved->last + 1;
			continue;
		}

		other = iova_find_area(ioas, iova, last);
		if (!other) {
			area->iova = iova;
			area->last = last;
			return 0;
		}
		from = end_of_packed(other, length);
		if (!from)
			return -ENOSPC;
	}
}

/**
 * iova_insert_auto() - occupy IOVAs of the kernel's choice
 * @ioas: the IOAS
 * @area: a new area, which is given its IOVA
 * @length: size, in bytes, not 0
 *
 * Context: takes ioas->iova_lock.
 * Return: 0; -EOVERFLOW for a length no address space holds; -EINVAL if memory
 * or length are not aligned as the IOAS needs; -ENOSPC if no range is free.
 */
int iova_insert_auto(struct ioas *ioas, struct area *area, unsigned long length)
{
	unsigned long uptr = area->pages.uptr;
	unsigned long offset = offset_in_page(uptr);
	unsigned long alignment;
	int rc;

	if (length >= ULONG_MAX / 2)
		return -EOVERFLOW;
	alignment = auto_alignment(uptr, length);

	mutex_lock(&ioas->iova_lock);
	if (alignment < ioas->iova_alignment ||
	    (length | offset) & (ioas->iova_alignment - 1))
		rc = -EINVAL;
	else
		rc = find_free(ioas, alignment, offset, area, length);
	if (!rc)
		rc = insert_area(ioas, area);
	mutex_unlock(&ioas->iova_lock);
	return rc;
}

/**
 * iova_remove_area() - free the IOVAs of an area
 * @ioas: the IOAS
 * @area: an area that is in no page table
 *
 * Context: holds ioas->iova_lock.
 */
void iova_remove_area(struct ioas *ioas, struct area *area)
{
	lockdep_assert_held(&ioas->iova_lock);
	rb_erase(&area->node, &ioas->areas);
}

/**
 * iova_reserve() - keep a range from being mapped
 * @ioas: the IOAS
 * @start: first IOVA
 * @last: last IOVA
 * @owner: in whose name
 *
 * Context: holds ioas->iova_lock.
 * Return: 0; -EADDRINUSE if a mapping is there; -ENOMEM.
 */
int iova_reserve(struct ioas *ioas, unsigned long start, unsigned long last,
		 const void *owner)
{
	struct reserved_range *range;

	lockdep_assert_held(&ioas->iova_lock);

	if (iova_find_area(ioas, start, last))
		return -EADDRINUSE;
	range = kzalloc(sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!range)
		return -ENOMEM;
	range->node.start = start;
	range->node.last = last;
	range->owner = owner;
	interval_tree_insert(&range->node, &ioas->reserved);
	return 0;
}

/**
 * iova_reserve_outside() - reserve what a page table cannot translate
 * @ioas: the IOAS
 * @geometry: what it can
 * @owner: in whose name
 *
 * Context: holds ioas->iova_lock.
 * Return: 0; -EADDRINUSE if a mapping is there; -ENOMEM. On failure part of it
 * may be reserved.
 */
int iova_reserve_outside(struct ioas *ioas,
			 const struct iommu_domain_geometry *geometry,
			 const void *owner)
{
	int rc = 0;

	if (geometry->aperture_start)
		rc = iova_reserve(ioas, 0, geometry->aperture_start - 1, owner);
	if (!rc && geometry->aperture_end < ULONG_MAX)
		rc = iova_reserve(ioas, geometry->aperture_end + 1, ULONG_MAX,
				  owner);
	return rc;
}

/**
 * iova_unreserve() - drop all ranges reserved in one name
 * @ioas: the IOAS
 * @owner: the name
 *
 * Context: holds ioas->iova_lock.
 */
void iova_unreserve(struct ioas *ioas, const void *owner)
{
	struct interval_tree_node *node, *next;

	lockdep_assert_held(&ioas->iova_lock);

	for (node = interval_tree_iter_first(&ioas->reserved, 0, ULONG_MAX);
	     node; node = next) {
		struct reserved_range *range =
			container_of(node, struct reserved_range, node);

		next = interval_tree_iter_next(node, 0, ULONG_MAX);
		if (range->owner != owner)
			continue;
		interval_tree_remove(node, &ioas->reserved);
		kfree(range);
	}
}

/**
 * iova_next_range() - the first range that is not reserved
 * @ioas: the IOAS
 * @from: where to begin
 * @start: the range's first IOVA
 * @last: the range's last IOVA
 *
 * Context: holds ioas->iova_lock.
 * Return: false if everything from @from on is reserved.
 */
bool iova_next_range(struct ioas *ioas, unsigned long from,
		     unsigned long *start, unsigned long *last)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&ioas->iova_lock);

	/* The tree hands out ranges by start, so gaps show up in order. */
	for (node = interval_tree_iter_first(&ioas->reserved, from, ULONG_MAX);
	     node;
	     node = interval_tree_iter_next(node, from, ULONG_MAX)) {
		if (node->start > from) {
			*start = from;
			*last = node->start - 1;
			return true;
		}
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

/**
 * iova_update_alignment() - adjust to the page tables and options there are
 * @ioas: the IOAS
 * @joining: a page table that is about to be added, or NULL
 *
 * Context: holds ioas->domains_rwsem and ioas->iova_lock.
 * Return: 0; -EADDRINUSE if a mapping is not aligned as it would have to be;
 * -EINVAL if the page table has no pages as small as PAGE_SIZE. Without
 * @joining, and with no option being changed, it cannot fail.
 */
int iova_update_alignment(struct ioas *ioas, struct hwpt *joining)
{
	unsigned long alignment = ioas->large_pages ? 1 : PAGE_SIZE;
	struct hwpt *hwpt;
	struct rb_node *node;

	lockdep_assert_held(&ioas->domains_rwsem);
	lockdep_assert_held(&ioas->iova_lock);

	list_for_each_entry(hwpt, &ioas->hwpts, ioas_item)
		alignment = max(alignment,
				1UL << __ffs(hwpt->domain->pgsize_bitmap));
	if (joining) {
		unsigned long pgsizes = joining->domain->pgsize_bitmap;

		if (!pgsizes || 1UL << __ffs(pgsizes) > PAGE_SIZE)
			return -EINVAL;
		alignment = max(alignment, 1UL << __ffs(pgsizes));
	}

	for (node = rb_first(&ioas->areas);
	     node && alignment > ioas->iova_alignment; node = rb_next(node)) {
		struct area *area = rb_entry(node, struct area, node);

		cond_resched();
		if ((area->iova | area_length(area) |
		     offset_in_page(area->pages.uptr)) & (alignment - 1))
			return -EADDRINUSE;
	}
	ioas->iova_alignment = alignment;
	return 0;
}
