// SPDX-License-Identifier: GPL-2.0-only
/*
 * Areas, and the memory of areas.
 *
 * The usual area has its memory to itself, and both are one object. When the
 * memory is copied to another area, or the area is cut in two, the memory moves
 * into an object of its own that the areas share. It is pinned and charged once,
 * as a whole, while at least one of them needs it pinned.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "private.h"

static unsigned long span_pages(unsigned long start, unsigned long length)
{
	return ((start + length - 1) >> PAGE_SHIFT) - (start >> PAGE_SHIFT) + 1;
}

static size_t runs_size(unsigned int max_runs)
{
	/* The place of the first run also holds the pointer to the chunks. */
	return max(max_runs, 1U) * sizeof(struct pfn_run);
}

/**
 * area_shared() - the memory of an area that shares it
 * @area: an area with shared memory
 *
 * Return: the memory.
 */
struct shared_pages *area_shared(const struct area *area)
{
	return container_of(area->pages, struct shared_pages, pages);
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

/**
 * area_alloc() - make the area of a new mapping
 * @ictx: the context
 * @uptr: user address, in bytes; of the calling process
 * @length: size, in bytes; not 0, and @uptr + @length does not wrap
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 *
 * The memory is not looked at. The area begins at IOVA 0 until it is inserted.
 *
 * Return: the area, or NULL without memory.
 */
struct area *area_alloc(struct iommufd_ext_ctx *ictx, unsigned long uptr,
			unsigned long length, int prot)
{
	unsigned long npages = span_pages(uptr, length);
	unsigned int max_runs = npages <= SMALL_PAGES ? npages : 0;
	struct area *area;

	area = kmalloc(offsetof(struct area, own.runs) + runs_size(max_runs),
		       GFP_KERNEL_ACCOUNT);
	if (!area)
		return NULL;

	area->iova = 0;
	area->last = length - 1;
	area->offset = 0;
	area->prot = prot;
	area->ready = false;
	area->going = false;
	area->pages = &area->own;

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

	area = kmalloc(offsetof(struct area, own), GFP_KERNEL_ACCOUNT);
	if (!area)
		return NULL;

	area->iova = 0;
	area->last = length - 1;
	area->offset = offset;
	area->prot = prot;
	area->ready = false;
	area->going = false;
	area->pages = &shared->pages;
	refcount_inc(&shared->users);
	return area;
}

/**
 * area_alloc_slice() - make an area of memory that is mapped already
 * @slice: the memory
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 *
 * Return: the area, beginning at IOVA 0, or NULL without memory.
 */
struct area *area_alloc_slice(const struct slice *slice, int prot)
{
	return alloc_sharing(slice->shared, slice->offset, slice->length, prot);
}

static void shared_pages_init(struct shared_pages *shared, unsigned long length,
			      struct file *file)
{
	refcount_set(&shared->users, 1);
	mutex_init(&shared->lock);
	shared->pinned = 0;
	shared->length = length;
	shared->file = file;
	INIT_LIST_HEAD(&shared->moving);
}

/**
 * area_alloc_file() - make the area of memory in a file
 * @ictx: the context
 * @file: the file, of which a reference is taken
 * @start: where in it the memory begins, in bytes
 * @length: size, in bytes; not 0, and @start + @length does not wrap
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 *
 * Return: the area, beginning at IOVA 0, or NULL without memory.
 */
struct area *area_alloc_file(struct iommufd_ext_ctx *ictx, struct file *file,
			     unsigned long start, unsigned long length,
			     int prot)
{
	struct shared_pages *shared;
	struct area *area;

	shared = kmalloc(offsetof(struct shared_pages, pages.runs) +
				 runs_size(0),
			 GFP_KERNEL_ACCOUNT);
	if (!shared)
		return NULL;
	if (!pages_init(&shared->pages, ictx, start, 0, prot)) {
		kfree(shared);
		return NULL;
	}
	shared->pages.shared = true;
	shared_pages_init(shared, length, get_file(file));

	area = alloc_sharing(shared, 0, length, prot);
	/* The area has it now, or nobody. */
	shared_pages_put(shared);
	return area;
}

/**
 * area_share() - move the memory of an area to where it can be shared
 * @area: an area nobody else works on: domains_rwsem is write-held, or the area
 *	is new
 * @pinned: whether it is pinned
 *
 * Return: the memory, of which the area stays a user; NULL without memory.
 */
struct shared_pages *area_share(struct area *area, bool pinned)
{
	unsigned int max_runs = area->own.max_runs;
	struct shared_pages *shared;

	if (area->pages->shared)
		return area_shared(area);

	shared = kmalloc(offsetof(struct shared_pages, pages.runs) +
				 runs_size(max_runs),
			 GFP_KERNEL_ACCOUNT);
	if (!shared)
		return NULL;

	shared_pages_init(shared, area_length(area), NULL);
	shared->pinned = pinned;
	shared->pages = area->own;
	/* The chunks, if the runs are there, came along with the structure. */
	memcpy(shared->pages.runs, area->own.runs,
	       max_runs * sizeof(struct pfn_run));
	shared->pages.shared = true;
	area->pages = &shared->pages;
	return shared;
}

/**
 * area_cut() - cut an area in two
 * @area: an area in the tree; domains_rwsem is write-held, iova_lock held
 * @iova: first IOVA of the second part
 * @pinned: whether the area is pinned
 *
 * Return: the second part, which is in no tree; NULL without memory.
 */
struct area *area_cut(struct area *area, unsigned long iova, bool pinned)
{
	struct shared_pages *shared = area_share(area, pinned);
	struct area *second;

	if (!shared)
		return NULL;
	second = alloc_sharing(shared, area->offset + (iova - area->iova),
			       area->last - iova + 1, area->prot);
	if (!second)
		return NULL;

	if (pinned) {
		mutex_lock(&shared->lock);
		shared->pinned++;
		mutex_unlock(&shared->lock);
	}
	second->iova = iova;
	second->last = area->last;
	second->ready = area->ready;
	area->last = iova - 1;
	return second;
}

/**
 * shared_pages_put() - drop a reference
 * @shared: the memory
 */
void shared_pages_put(struct shared_pages *shared)
{
	if (!refcount_dec_and_test(&shared->users))
		return;
	WARN_ON(shared->pinned);
	if (shared->file)
		fput(shared->file);
	pages_owner_put(shared->pages.owner);
	mutex_destroy(&shared->lock);
	kfree(shared);
}

/**
 * area_free() - undo area_alloc() and area_alloc_slice()
 * @area: an area that is in no tree and not pinned
 */
void area_free(struct area *area)
{
	if (area->pages->shared)
		shared_pages_put(area_shared(area));
	else
		pages_owner_put(area->own.owner);
	kfree(area);
}

/**
 * shared_pages_npages() - the size of shared memory
 * @shared: the memory
 *
 * Return: what is pinned and charged when it is, in pages.
 */
unsigned long shared_pages_npages(const struct shared_pages *shared)
{
	return span_pages(shared->pages.start, shared->length);
}

static int shared_pages_pin(struct shared_pages *shared)
{
	int rc = 0;

	mutex_lock(&shared->lock);
	if (!shared->pinned)
		rc = pages_pin(&shared->pages, shared_pages_npages(shared),
			       shared->file);
	if (!rc)
		shared->pinned++;
	mutex_unlock(&shared->lock);
	return rc;
}

static void shared_pages_unpin(struct shared_pages *shared)
{
	mutex_lock(&shared->lock);
	if (!--shared->pinned)
		pages_unpin(&shared->pages, shared_pages_npages(shared));
	mutex_unlock(&shared->lock);
}

/**
 * area_pin() - pin and charge the memory of an area
 * @area: an area that is not pinned
 *
 * Shared memory may be pinned for another area already.
 *
 * Context: may sleep, takes mmap_lock, may fault.
 * Return: 0 or the error of pages_pin().
 */
int area_pin(struct area *area)
{
	if (area->pages->shared)
		return shared_pages_pin(area_shared(area));
	return pages_pin(&area->own,
			 span_pages(area->own.start, area_length(area)), NULL);
}

/**
 * area_unpin() - undo area_pin()
 * @area: a pinned area that is in no page table
 *
 * Context: may sleep. Neither allocates nor fails.
 */
void area_unpin(struct area *area)
{
	if (area->pages->shared)
		shared_pages_unpin(area_shared(area));
	else
		pages_unpin(&area->own,
			    span_pages(area->own.start, area_length(area)));
}
