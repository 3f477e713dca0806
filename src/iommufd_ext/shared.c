// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is used more than once.
 *
 * Areas that were copied or cut share their memory, and drivers of emulated devices
 * use memory that areas map. A page is pinned and charged as long as one of them
 * needs it, once. So the memory is pinned in segments, each with the number of its
 * users. Where a range begins or ends inside a segment, the segment is split when
 * the range gets pinned. Then the range is a number of whole segments for as long as
 * it is pinned, and to unpin it takes no memory.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "memory.h"

/*
 * The memory is pinned nowhere, has one user, and nothing in its @pages. A reference to
 * @file is taken, if there is one. Returns NULL without memory.
 */
struct shared_pages *shared_pages_alloc(struct iommufd_ext_ctx *ictx,
					struct file *file)
{
	struct shared_pages *shared;

	shared = kzalloc(sizeof(*shared), GFP_KERNEL_ACCOUNT);
	if (!shared)
		return NULL;
	refcount_set(&shared->users, 1);
	init_rwsem(&shared->lock);
	shared->segments = RB_ROOT;
	shared->ictx = ictx;
	INIT_LIST_HEAD(&shared->moving);
	if (file)
		shared->file = get_file(file);
	return shared;
}

/* What is left is what somebody did not unpin: see shared_pages_keep(). */
static void forget_segments(struct shared_pages *shared)
{
	struct segment *segment, *next;

	WARN_ON(!RB_EMPTY_ROOT(&shared->segments) && !shared->kept);
	rbtree_postorder_for_each_entry_safe(segment, next, &shared->segments,
					     node) {
		if (!shared->dmabuf)
			pages_forget(&segment->pages);
		kfree(segment);
		cond_resched();
	}
}

void shared_pages_put(struct shared_pages *shared)
{
	if (!refcount_dec_and_test(&shared->users))
		return;
	forget_segments(shared);
	if (shared->file)
		fput(shared->file);
	if (shared->dmabuf)
		dmabuf_memory_free(shared->dmabuf, shared->kept);
	if (shared->pages.owner)
		pages_owner_put(shared->pages.owner);
	kfree(shared);
}

static unsigned long segment_end(const struct segment *segment)
{
	return segment->first + segment->npages;
}

/*
 * The segment that page @page of the memory is in, or the next one, or NULL.
 * Context: holds shared->lock.
 */
struct segment *shared_pages_segment(struct shared_pages *shared,
				     unsigned long page)
{
	struct rb_node *node = shared->segments.rb_node;
	struct segment *first = NULL;

	lockdep_assert_held(&shared->lock);

	while (node) {
		struct segment *segment = rb_entry(node, struct segment, node);

		if (segment_end(segment) > page) {
			first = segment;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return first;
}

static struct segment *segment_next(struct segment *segment)
{
	return rb_entry_safe(rb_next(&segment->node), struct segment, node);
}

static void insert(struct shared_pages *shared, struct segment *segment)
{
	struct rb_node **link = &shared->segments.rb_node;
	struct rb_node *parent = NULL;

	while (*link) {
		struct segment *other = rb_entry(*link, struct segment, node);

		parent = *link;
		if (segment->first < other->first)
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&segment->node, parent, link);
	rb_insert_color(&segment->node, &shared->segments);
}

static struct segment *segment_alloc(struct shared_pages *shared,
				     unsigned long first, unsigned long npages,
				     unsigned int max_runs)
{
	struct segment *segment;

	segment = kmalloc(offsetof(struct segment, pages.runs) +
				  pages_runs_size(max_runs),
			  GFP_KERNEL_ACCOUNT);
	if (!segment)
		return NULL;
	segment->first = first;
	segment->npages = npages;
	segment->users = 0;
	segment->pages = shared->pages;
	segment->pages.start =
		(shared->pages.start & PAGE_MASK) + PFN_PHYS(first);
	segment->pages.nr_runs = 0;
	segment->pages.max_runs = max_runs;
	segment->pages.chunks = NULL;
	return segment;
}

/* Pins what is not pinned. Memory of a dma-buf stays where it is without a pin. */
static struct segment *segment_add(struct shared_pages *shared,
				   unsigned long first, unsigned long npages)
{
	struct segment *segment;
	int rc = 0;

	segment = segment_alloc(shared, first, npages,
				shared->dmabuf ? dmabuf_max_runs(npages) :
						 pages_max_runs(npages));
	if (!segment)
		return ERR_PTR(-ENOMEM);
	if (shared->dmabuf)
		dmabuf_fill(shared->dmabuf, &segment->pages, npages);
	else
		rc = pages_pin(&segment->pages, npages, shared->file);
	if (rc) {
		kfree(segment);
		return ERR_PTR(rc);
	}
	insert(shared, segment);
	shared->npinned += npages;
	return segment;
}

static void segment_put(struct shared_pages *shared, struct segment *segment)
{
	if (--segment->users)
		return;
	rb_erase(&segment->node, &shared->segments);
	shared->npinned -= segment->npages;
	if (!shared->dmabuf)
		pages_unpin(&segment->pages, segment->npages);
	kfree(segment);
}

/* Let a segment begin at @page, unless nothing is pinned there. */
static int split(struct shared_pages *shared, unsigned long page)
{
	struct segment *segment = shared_pages_segment(shared, page);
	struct segment *rest;
	unsigned long npages;
	unsigned int runs;

	lockdep_assert_held_write(&shared->lock);

	if (!segment || segment->first >= page)
		return 0;
	npages = segment_end(segment) - page;
	runs = min_t(unsigned long, segment->pages.max_runs, npages);
	rest = segment_alloc(shared, page, npages, runs);
	if (!rest)
		return -ENOMEM;
	if (pages_split(&segment->pages, page - segment->first, &rest->pages)) {
		kfree(rest);
		return -ENOMEM;
	}
	rest->users = segment->users;
	segment->npages -= npages;
	insert(shared, rest);
	return 0;
}

/*
 * Takes over memory that one area has pinned, which forgets it on success. @shared is
 * the same memory, pinned nowhere so far, and nobody else knows it. Returns 0 or
 * -ENOMEM.
 */
int shared_pages_adopt(struct shared_pages *shared, const struct pages *own,
		       unsigned long npages)
{
	struct segment *segment;

	segment = segment_alloc(shared, 0, npages, own->max_runs);
	if (!segment)
		return -ENOMEM;
	segment->users = 1;
	if (own->max_runs) {
		segment->pages.nr_runs = own->nr_runs;
		memcpy(segment->pages.runs, own->runs,
		       own->nr_runs * sizeof(struct pfn_run));
	} else {
		segment->pages.chunks = own->chunks;
	}
	insert(shared, segment);
	shared->npinned = npages;
	return 0;
}

static void unpin_locked(struct shared_pages *shared, unsigned long first,
			 unsigned long last)
{
	struct segment *segment, *next;

	lockdep_assert_held_write(&shared->lock);

	for (segment = shared_pages_segment(shared, first);
	     segment && segment->first <= last; segment = next) {
		next = segment_next(segment);
		segment_put(shared, segment);
		cond_resched();
	}
}

/* The segment that begins at @at, pinned if it is not yet. */
static struct segment *get_segment(struct shared_pages *shared,
				   unsigned long at, unsigned long last)
{
	struct segment *segment = shared_pages_segment(shared, at);

	if (segment && segment->first == at)
		return segment;
	if (segment && segment->first <= last)
		last = segment->first - 1;
	return segment_add(shared, at, last - at + 1);
}

static int pin_locked(struct shared_pages *shared, unsigned long first,
		      unsigned long last)
{
	struct segment *segment;
	unsigned long at;
	int rc;

	rc = split(shared, first);
	if (!rc)
		rc = split(shared, last + 1);
	if (rc)
		return rc;

	for (at = first; at <= last; at = segment_end(segment)) {
		/* A single segment is pinned without a look at signals. */
		rc = at > first ? resched_killable() : 0;
		if (rc)
			goto err_unpin;
		segment = get_segment(shared, at, last);
		if (IS_ERR(segment)) {
			rc = PTR_ERR(segment);
			goto err_unpin;
		}
		segment->users++;
	}
	return 0;

err_unpin:
	if (at > first)
		unpin_locked(shared, first, at - 1);
	return rc;
}

/*
 * Pins pages @first to @last, counted from the beginning of the memory, for one more
 * user.
 * Context: may sleep, takes shared->lock and mmap_lock, may fault.
 * Returns 0, -ENOMEM, or the error of pages_pin().
 */
int shared_pages_pin(struct shared_pages *shared, unsigned long first,
		     unsigned long last)
{
	int rc;

	/* It can be held while memory is pinned, for as long as that takes. */
	if (down_write_killable(&shared->lock))
		return -EINTR;
	rc = pin_locked(shared, first, last);
	up_write(&shared->lock);
	return rc;
}

/* Context: may sleep, takes shared->lock. Neither allocates nor fails. */
void shared_pages_unpin(struct shared_pages *shared, unsigned long first,
			unsigned long last)
{
	down_write(&shared->lock);
	unpin_locked(shared, first, last);
	up_write(&shared->lock);
}

/*
 * In place of shared_pages_unpin(): leaves memory pinned for good that a device may
 * still reach. Its segments count the caller as a user for ever.
 * Context: may sleep, takes shared->lock. Neither allocates nor fails.
 */
void shared_pages_keep(struct shared_pages *shared)
{
	down_write(&shared->lock);
	shared->kept = true;
	up_write(&shared->lock);
}

/*
 * Lets two users have what one has pinned. @last: the last page of the first user.
 * @first: the first page of the second one, which is @last, if it needs part of that
 * page too, or the next one.
 * Context: may sleep, takes shared->lock. On -ENOMEM nothing has changed for the one.
 */
int shared_pages_cut(struct shared_pages *shared, unsigned long last,
		     unsigned long first)
{
	int rc;

	down_write(&shared->lock);
	/* Any user of the memory pinned it: there is nothing left to pin. */
	if (first == last)
		rc = pin_locked(shared, first, first);
	else
		rc = split(shared, first);
	up_write(&shared->lock);
	return rc;
}

/* Pages that are handed out before others may run. */
#define GET_BATCH 4096UL

/*
 * What a user has pinned, page by page.
 * Context: may sleep, takes shared->lock.
 */
void shared_pages_get(struct shared_pages *shared, unsigned long first,
		      unsigned long npages, struct page **out_pages)
{
	struct pfn_range range = {};
	unsigned long skip, n;
	struct area_iter iter;

	down_read(&shared->lock);
	shared_iter_init(&iter, shared, first);
	skip = first - iter.segment->first;
	while (npages) {
		if (!range.npages)
			shared_iter_next(&iter, &range);
		n = min(skip, range.npages);
		skip -= n;
		range.pfn += n;
		range.npages -= n;
		for (n = min3(range.npages, npages, GET_BATCH); n; n--) {
			*out_pages++ = pfn_to_page(range.pfn++);
			range.npages--;
			npages--;
		}
		cond_resched();
	}
	up_read(&shared->lock);
}

/*
 * Reads or, with @write, writes the memory from @skip on, in bytes behind the beginning
 * of its first page. What is not pinned is, for the time it takes.
 * Context: may sleep, takes shared->lock and mmap_lock, may fault.
 * Returns 0 or the error of pages_rw_unpinned().
 */
int shared_pages_rw(struct shared_pages *shared, size_t skip, void *data,
		    size_t size, bool write)
{
	struct segment *segment;
	int rc = 0;
	size_t n;

	down_read(&shared->lock);
	for (; size && !rc; skip += n, data += n, size -= n) {
		cond_resched();
		n = size;
		segment = shared_pages_segment(shared, PHYS_PFN(skip));
		if (segment && PFN_PHYS(segment->first) <= skip) {
			n = min(n, PFN_PHYS(segment_end(segment)) - skip);
			pages_rw(&segment->pages,
				 skip - PFN_PHYS(segment->first), data, n,
				 write);
			continue;
		}
		if (segment)
			n = min(n, PFN_PHYS(segment->first) - skip);
		rc = pages_rw_unpinned(&shared->pages, shared->file, skip, data,
				       n, write);
	}
	up_read(&shared->lock);
	return rc;
}

/* A little may have been pinned or unpinned since @charged was charged. */
static void move_charge(struct shared_pages *shared, struct pages_owner *owner,
			enum pages_charge charge, unsigned long charged)
{
	unsigned long npinned = shared->npinned;

	lockdep_assert_held_write(&shared->lock);

	if (npinned > charged)
		pages_owner_charge_always(owner, charge, npinned - charged);
	else if (npinned < charged)
		pages_owner_uncharge(owner, charge, charged - npinned);
	if (npinned)
		pages_owner_uncharge(shared->pages.owner, charge, npinned);
}

/*
 * Lets the memory belong to @owner, to whom it keeps a reference, and drops that to the
 * old one. The new owner is charged by @charge, for @charged pages already; the old one
 * is not any more.
 * Context: may sleep, takes shared->lock and mmap_lock. On -EINTR, if the process is
 * being killed, nothing has changed.
 */
int shared_pages_set_owner(struct shared_pages *shared,
			   struct pages_owner *owner, enum pages_charge charge,
			   unsigned long charged)
{
	struct pages_owner *old = shared->pages.owner;
	struct segment *segment;

	if (down_write_killable(&shared->lock))
		return -EINTR;
	move_charge(shared, owner, charge, charged);
	refcount_inc(&owner->users);
	shared->pages.owner = owner;
	for (segment = shared_pages_segment(shared, 0); segment;
	     segment = segment_next(segment)) {
		segment->pages.owner = owner;
		cond_resched();
	}
	up_write(&shared->lock);
	pages_owner_put(old);
	return 0;
}

static void enter_segment(struct area_iter *iter, struct segment *segment)
{
	iter->segment = segment;
	iter->left = segment->npages;
	pfn_run_iter_init(&iter->runs, &segment->pages);
}

/*
 * Begins to walk pinned memory, with the segment that @page is in.
 * Context: holds shared->lock until the walk is over.
 */
void shared_iter_init(struct area_iter *iter, struct shared_pages *shared,
		      unsigned long page)
{
	enter_segment(iter, shared_pages_segment(shared, page));
}

static void next_run(struct area_iter *iter, struct pfn_range *range)
{
	const struct pfn_run *run = pfn_run_next(&iter->runs);

	range->pfn = run->pfn;
	range->npages = run->npages;
	iter->left -= run->npages;
}

/* Whether the memory goes on in another segment right behind @range. */
static bool goes_on(struct area_iter *iter, const struct pfn_range *range)
{
	struct segment *next = segment_next(iter->segment);
	struct pfn_run_iter runs;

	if (!next || next->first != segment_end(iter->segment))
		return false;
	pfn_run_iter_init(&runs, &next->pages);
	return pfn_run_next(&runs)->pfn == range->pfn + range->npages;
}

/*
 * The next contiguous pages; whole, however the memory is split. The caller asks for no
 * more than what is pinned.
 * Context: may sleep.
 */
void shared_iter_next(struct area_iter *iter, struct pfn_range *range)
{
	struct pfn_range more;

	if (!iter->left)
		enter_segment(iter, segment_next(iter->segment));
	next_run(iter, range);
	while (!iter->left && goes_on(iter, range)) {
		enter_segment(iter, segment_next(iter->segment));
		next_run(iter, &more);
		range->npages += more.npages;
		cond_resched();
	}
}
