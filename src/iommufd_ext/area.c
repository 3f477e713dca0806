// SPDX-License-Identifier: GPL-2.0-only
/*
 * Areas, and the memory of areas.
 *
 * The usual area has its memory to itself, and both are one object. When the
 * memory is copied to another area, the area is cut in two, or an access pins part of
 * it, the memory moves into an object of its own that they share (shared.c).
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "space.h"

static unsigned long span_pages(unsigned long start, unsigned long length)
{
	return ((start + length - 1) >> PAGE_SHIFT) - (start >> PAGE_SHIFT) + 1;
}

/* Where in its memory an area has an IOVA: the page, counted from the beginning. */
unsigned long area_page(const struct area *area, unsigned long iova)
{
	return (offset_in_page(area->pages->start) + area_offset(area) +
		(iova - area->iova)) >>
	       PAGE_SHIFT;
}

static bool pages_init(struct pages *pages, struct iommufd_ext_ctx *ictx,
		       unsigned long start, unsigned int max_runs, int prot)
{
	pages->owner = pages_owner_get_current(ictx);
	if (!pages->owner)
		return false;
	pages->start = start;
	pages->writable = !!(prot & IOMMU_WRITE);
	pages->shared = false;
	pages->nr_runs = 0;
	pages->max_runs = max_runs;
	pages->chunks = NULL;
	if (capable(CAP_IPC_LOCK))
		pages->charge = CHARGE_NONE;
	else
		pages->charge = ictx->charge_mm ? CHARGE_MM : CHARGE_USER;
	return true;
}

static void area_init(struct area *area, struct pages *pages,
		      unsigned long length, int prot)
{
	area->iova = 0;
	area->last = length - 1;
	area->prot = prot;
	area->ready = false;
	area->going = false;
	area->revoked = false;
	area->kept = false;
	area->accesses = 0;
	area->pages = pages;
}

/*
 * Memory that is mapped and unmapped all the time would have the allocator go through
 * its slow ways for both: a freed object is rarely of the slab that is in use. One
 * area of the usual size waits for the next mapping instead, except under KASAN,
 * which is to see who uses it meanwhile.
 */
static bool is_spare_size(unsigned int max_runs)
{
	return max_runs <= 1 && !IS_ENABLED(CONFIG_KASAN);
}

static struct area *alloc_own(struct iommufd_ext_ctx *ictx,
			      unsigned int max_runs)
{
	struct area *area = NULL;

	if (is_spare_size(max_runs) && READ_ONCE(ictx->spare_area))
		area = xchg(&ictx->spare_area, NULL);
	if (!area)
		area = kmalloc(offsetof(struct area, own.runs) +
				       pages_runs_size(max_runs),
			       GFP_KERNEL_ACCOUNT);
	return area;
}

static void free_own(struct iommufd_ext_ctx *ictx, struct area *area)
{
	if (is_spare_size(area->own.max_runs))
		area = xchg(&ictx->spare_area, area);
	kfree(area);
}

/*
 * The area of a new mapping. @uptr: user address in the calling process; @uptr + @length
 * does not wrap, and @length is not 0. @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE.
 *
 * The memory is not looked at. An area begins at IOVA 0 until it is inserted. All that
 * make one return NULL without memory.
 */
struct area *area_alloc(struct iommufd_ext_ctx *ictx, unsigned long uptr,
			unsigned long length, int prot)
{
	unsigned long npages = span_pages(uptr, length);
	unsigned int max_runs = pages_max_runs(npages);
	struct area *area = alloc_own(ictx, max_runs);

	if (!area)
		return NULL;

	area_init(area, &area->own, length, prot);

	if (!pages_init(&area->own, ictx, uptr, max_runs, prot))
		goto err_free_area;
	return area;

err_free_area:
	kfree(area);
	return NULL;
}

static struct area *alloc_sharing(struct shared_pages *shared,
				  unsigned long offset, unsigned long length,
				  int prot)
{
	struct area *area;

	area = kmalloc(offsetofend(struct area, offset), GFP_KERNEL_ACCOUNT);
	if (!area)
		return NULL;

	/* A dma-buf's memory is a device's, with no cache in front of it. */
	if (shared->dmabuf)
		prot = (prot & ~IOMMU_CACHE) | IOMMU_MMIO;
	area_init(area, &shared->pages, length, prot);
	area->offset = offset;
	refcount_inc(&shared->users);
	return area;
}

/* The area of memory that is mapped already. */
struct area *area_alloc_slice(const struct slice *slice, int prot)
{
	return alloc_sharing(slice->shared, slice->offset, slice->length, prot);
}

/* Drops the reference to @shared. */
static struct area *alloc_first(struct shared_pages *shared,
				struct iommufd_ext_ctx *ictx,
				unsigned long start, unsigned long length,
				int prot)
{
	struct area *area = NULL;

	if (pages_init(&shared->pages, ictx, start, 0, prot)) {
		shared->pages.shared = true;
		area = alloc_sharing(shared, 0, length, prot);
	}
	/* The area has it now, or nobody. */
	shared_pages_put(shared);
	return area;
}

/*
 * The area of memory in a file, of which a reference is taken. @start: offset in it;
 * @start + @length does not wrap, and @length is not 0.
 */
struct area *area_alloc_file(struct iommufd_ext_ctx *ictx, struct file *file,
			     unsigned long start, unsigned long length,
			     int prot)
{
	struct shared_pages *shared = shared_pages_alloc(ictx, file);

	return shared ? alloc_first(shared, ictx, start, length, prot) : NULL;
}

/* The same of a dma-buf. @memory is given away, also on failure. */
struct area *area_alloc_dmabuf(struct iommufd_ext_ctx *ictx,
			       struct dmabuf_memory *memory,
			       unsigned long start, unsigned long length,
			       int prot)
{
	struct shared_pages *shared = shared_pages_alloc(ictx, NULL);

	if (!shared) {
		dmabuf_memory_free(memory, false);
		return NULL;
	}
	shared->dmabuf = memory;
	return alloc_first(shared, ictx, start, length, prot);
}

/*
 * Moves the memory of an area to where it can be shared. Nobody else works on the area:
 * domains_rwsem is write-held, or it is new. @pinned: whether it is.
 * Returns the memory, of which the area stays a user; NULL without memory.
 */
struct shared_pages *area_share(struct area *area, bool pinned)
{
	struct shared_pages *shared;

	if (area->pages->shared)
		return area_shared(area);

	shared = shared_pages_alloc(area->own.owner->ictx, NULL);
	if (!shared)
		return NULL;
	/* The owner comes along with the structure, the runs go to a segment. */
	shared->pages = area->own;
	shared->pages.shared = true;
	shared->pages.nr_runs = 0;
	shared->pages.max_runs = 0;
	shared->pages.chunks = NULL;
	if (pinned &&
	    shared_pages_adopt(shared, &area->own,
			       span_pages(area->own.start, area_length(area))))
		goto err_put;
	area->pages = &shared->pages;
	area->offset = 0;
	return shared;

err_put:
	/* The area keeps it. */
	shared->pages.owner = NULL;
	shared_pages_put(shared);
	return NULL;
}

/* The owner of shared memory can change and go, the context cannot. */
static struct iommufd_ext_ctx *area_ctx(const struct area *area)
{
	return area->pages->shared ? area_shared(area)->ictx :
				     area->own.owner->ictx;
}

static void count_pinned(const struct area *area, long npages)
{
	atomic_long_add(npages, &area_ctx(area)->counts.pinned);
}

/* Is the page in front of @iova, which is in the area, the same one? */
static bool cuts_page(const struct area *area, unsigned long iova)
{
	return area_page(area, iova) == area_page(area, iova - 1);
}

/*
 * Gets ready to cut an area of the tree in two; domains_rwsem is write-held, iova_lock
 * held. @iova: first one of the second part. The area stays as it is until
 * area_cut_end(), or area_cut_abort().
 * Returns the second part, which is in no tree; NULL without memory.
 */
struct area *area_cut_begin(struct area *area, unsigned long iova, bool pinned)
{
	struct shared_pages *shared = area_share(area, pinned);
	struct area *second;

	if (!shared)
		return NULL;
	second = alloc_sharing(shared, area->offset + (iova - area->iova),
			       area->last - iova + 1, area->prot);
	if (!second)
		return NULL;
	if (pinned && shared_pages_cut(shared, area_page(area, iova - 1),
				       area_page(area, iova))) {
		area_free(second);
		return NULL;
	}
	second->iova = iova;
	second->last = area->last;
	if (pinned && cuts_page(area, iova))
		count_pinned(area, 1);
	return second;
}

void area_cut_abort(struct area *area, struct area *second, bool pinned)
{
	unsigned long page = area_page(area, second->iova);

	/* A page both have part of was pinned for both. */
	if (pinned && cuts_page(area, second->iova)) {
		shared_pages_unpin(area_shared(area), page, page);
		count_pinned(area, -1);
	}
	area_free(second);
}

void area_cut_end(struct area *area, struct area *second)
{
	/* The second part is in no tree yet: iova_lock orders this for who finds it there. */
	second->ready = area_is_ready(area);
	second->kept = area->kept;
	area->last = second->iova - 1;
}

/* For an area that is in no tree and not pinned. */
void area_free(struct area *area)
{
	struct iommufd_ext_ctx *ictx;

	if (area->pages->shared) {
		shared_pages_put(area_shared(area));
		kfree(area);
		return;
	}
	ictx = area->own.owner->ictx;
	pages_owner_put(area->own.owner);
	free_own(ictx, area);
}

/*
 * Frees an area that iova_remove_area() was called for. What is @kept is still in the
 * tree of its IOAS, and goes with that.
 */
void area_drop(struct area *area)
{
	if (!area->kept)
		area_free(area);
}

/*
 * Pins and charges the memory of an area. Shared memory may be pinned for another area
 * already.
 * Context: may sleep, takes mmap_lock, may fault. Returns 0 or the error of pages_pin().
 */
int area_pin(struct area *area)
{
	unsigned long npages = area_npages(area);
	int rc;

	if (area->pages->shared)
		rc = shared_pages_pin(area_shared(area),
				      area_page(area, area->iova),
				      area_page(area, area->last));
	else
		rc = pages_pin(&area->own, npages, NULL);
	if (!rc)
		count_pinned(area, npages);
	return rc;
}

/* A device may still reach the memory. */
static void keep_pinned(struct area *area)
{
	atomic_long_add(area_npages(area), &area_ctx(area)->kept_pages);
	if (area->pages->shared)
		shared_pages_keep(area_shared(area));
	else
		pages_forget(&area->own);
}

/*
 * Undoes area_pin(), when the area is in no page table, as far as its driver knows.
 * Memory of an area that is @kept stays pinned.
 * Context: may sleep. Neither allocates nor fails.
 */
void area_unpin(struct area *area)
{
	unsigned long npages = area_npages(area);

	if (unlikely(area->kept))
		keep_pinned(area);
	else if (area->pages->shared)
		shared_pages_unpin(area_shared(area),
				   area_page(area, area->iova),
				   area_page(area, area->last));
	else
		pages_unpin(&area->own, npages);
	count_pinned(area, -(long)npages);
}

unsigned long area_npages(const struct area *area)
{
	return span_pages(area_start(area), area_length(area));
}

/*
 * Lets the runs of a pinned area's memory stay as they are: takes the lock of shared
 * memory.
 */
void area_lock_runs(const struct area *area)
{
	if (area->pages->shared)
		down_read(&area_shared(area)->lock);
}

void area_unlock_runs(const struct area *area)
{
	if (area->pages->shared)
		up_read(&area_shared(area)->lock);
}

/*
 * Begins to walk the memory of a pinned area at @iova. Returns how much of what the
 * iterator comes to is in front of @iova, in bytes.
 * Context: between area_lock_runs() and area_unlock_runs(), until the walk is over.
 */
size_t area_iter_init(struct area_iter *iter, const struct area *area,
		      unsigned long iova)
{
	size_t skip = offset_in_page(area->pages->start) + (iova - area->iova);

	if (!area->pages->shared) {
		iter->segment = NULL;
		pfn_run_iter_init(&iter->runs, area->pages);
		return skip;
	}
	shared_iter_init(iter, area_shared(area), area_page(area, iova));
	return skip + area->offset - PFN_PHYS(iter->segment->first);
}

/*
 * Reads or, with @write, writes memory of an area, which has @size bytes behind @iova.
 * The caller keeps the area, and whether it is @pinned, as they are.
 * Context: may sleep, takes mmap_lock, may fault. Returns 0 or the error of
 * pages_rw_unpinned().
 */
int area_rw(const struct area *area, bool pinned, unsigned long iova,
	    void *data, size_t size, bool write)
{
	size_t skip = offset_in_page(area->pages->start) + area_offset(area) +
		      (iova - area->iova);

	if (area->pages->shared)
		return shared_pages_rw(area_shared(area), skip, data, size,
				       write);
	if (!pinned)
		return pages_rw_unpinned(area->pages, NULL, skip, data, size,
					 write);
	pages_rw(area->pages, skip, data, size, write);
	return 0;
}
