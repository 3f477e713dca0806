// SPDX-License-Identifier: GPL-2.0-only
/*
 * Areas in and out of the page table of an IOMMU driver.
 *
 * iommu_map() flushes after each call, that is, for fragmented memory, after each
 * page. Where the driver has a map_pages operation, it is called directly, and
 * what it mapped is made known to the IOMMU once per area.
 */
#include <linux/bitops.h>
#include <linux/mm.h>

#include "compat/iommu.h"
#include "private.h"

/*
 * The largest page size that fits, and how many pages of it until the range ends,
 * a larger size fits, or another table of the page table begins. The Intel driver
 * does not say what it mapped of a call that failed, and it fails for want of a
 * table: within one table it maps all or nothing.
 */
static size_t fitting_pages(unsigned long pgsizes, unsigned long iova,
			    phys_addr_t paddr, size_t size, size_t *count)
{
	unsigned long align = iova | paddr;
	unsigned long fit, larger, next, to_next, table;
	size_t pgsize;

	fit = pgsizes & GENMASK(__fls(size), 0);
	if (align)
		fit &= GENMASK(__ffs(align), 0);
	if (WARN_ON_ONCE(!fit))
		return 0;
	pgsize = 1UL << __fls(fit);

	larger = pgsizes & ~GENMASK(__fls(fit), 0);
	if (larger) {
		next = 1UL << __ffs(larger);
		/* Both addresses come to the boundary at once, or never. */
		if (!((iova ^ paddr) & (next - 1))) {
			to_next = next - (iova & (next - 1));
			if (size > to_next && size - to_next >= next)
				size = to_next;
		}
	}
	table = pgsize * PTRS_PER_PTE;
	size = min_t(size_t, size, table - (iova & (table - 1)));
	*count = size / pgsize;
	return pgsize;
}

/* Both return how much is mapped, also on failure, in @mapped. */
static int map_direct(struct iommu_domain *domain, unsigned long iova,
		      phys_addr_t paddr, size_t size, int prot, size_t *mapped)
{
	const struct iommu_domain_ops *ops = domain->ops;
	size_t pgsize, count, done;
	int rc;

	*mapped = 0;
	while (*mapped < size) {
		pgsize = fitting_pages(domain->pgsize_bitmap, iova + *mapped,
				       paddr + *mapped, size - *mapped, &count);
		if (!pgsize)
			return -EINVAL;
		done = 0;
		rc = ops->map_pages(domain, iova + *mapped, paddr + *mapped,
				    pgsize, count, prot, GFP_KERNEL_ACCOUNT,
				    &done);
		*mapped += done;
		if (rc)
			return rc;
		if (WARN_ON_ONCE(!done))
			return -EINVAL;
	}
	return 0;
}

static int map_contiguous(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t paddr, size_t size, int prot,
			  size_t *mapped)
{
	int rc;

	if (domain->ops->map_pages)
		return map_direct(domain, iova, paddr, size, prot, mapped);

	rc = ext_iommu_map(domain, iova, paddr, size, prot);
	*mapped = rc ? 0 : size;
	return rc;
}

/*
 * The next contiguous memory behind @skip bytes, which are then done with. Returns
 * its size.
 */
static size_t next_run(struct area_iter *iter, size_t *skip, phys_addr_t *paddr)
{
	struct pfn_range range;
	size_t size;

	area_iter_next(iter, &range);
	while (*skip >= PFN_PHYS(range.npages)) {
		*skip -= PFN_PHYS(range.npages);
		area_iter_next(iter, &range);
	}
	*paddr = PFN_PHYS(range.pfn) + *skip;
	size = PFN_PHYS(range.npages) - *skip;
	*skip = 0;
	return size;
}

static int map_range(struct iommu_domain *domain, const struct area *area,
		     unsigned long iova, unsigned long length, bool large_pages)
{
	unsigned long done = 0;
	struct area_iter iter;
	phys_addr_t paddr = 0;
	size_t run_left = 0;
	size_t skip;
	int rc;

	skip = area_iter_init(&iter, area, iova);
	while (done < length) {
		size_t size, mapped;

		if (!run_left)
			run_left = next_run(&iter, &skip, &paddr);

		size = min(run_left, length - done);
		if (!large_pages)
			size = min(size, PAGE_SIZE - offset_in_page(paddr));

		rc = map_contiguous(domain, iova + done, paddr, size,
				    area->prot, &mapped);
		done += mapped;
		paddr += mapped;
		run_left -= mapped;
		if (rc)
			goto err_unmap;
	}

	if (domain->ops->map_pages) {
		rc = ext_iotlb_sync_map(domain, iova, length);
		if (rc)
			goto err_unmap;
	}
	return 0;

err_unmap:
	if (done)
		iommu_unmap(domain, iova, done);
	return rc;
}

/**
 * domain_map_runs() - domain_map_area() for those who hold the locks
 * @domain: see there
 * @area: see there; its runs are locked
 * @large_pages: see there
 *
 * Return: see there.
 */
int domain_map_runs(struct iommu_domain *domain, const struct area *area,
		    bool large_pages)
{
	return map_range(domain, area, area->iova, area_length(area),
			 large_pages);
}

/**
 * domain_map_area() - put an area into a page table
 * @domain: the page table
 * @area: a pinned area, aligned for @domain, that is not in it
 * @large_pages: allow IOMMU pages larger than PAGE_SIZE
 *
 * Return: 0 or the IOMMU driver's error; then nothing is mapped.
 */
int domain_map_area(struct iommu_domain *domain, const struct area *area,
		    bool large_pages)
{
	int rc;

	area_lock_runs(area);
	if (unlikely(area_dmabuf(area)))
		rc = dmabuf_map_area(domain, area, large_pages);
	else
		rc = domain_map_runs(domain, area, large_pages);
	area_unlock_runs(area);
	return rc;
}

/**
 * struct extent - memory that is contiguous for device and processor
 * @iova: where the device has it
 * @last: its last IOVA
 * @paddr: where the processor has it
 */
struct extent {
	unsigned long iova;
	unsigned long last;
	phys_addr_t paddr;
};

/* The largest extent of the area with @iova in it. */
static void find_extent(const struct area *area, unsigned long iova,
			struct extent *extent)
{
	unsigned long next = area->iova;
	struct area_iter iter;
	phys_addr_t paddr;
	size_t skip, size;

	skip = area_iter_init(&iter, area, next);
	for (;; next += size) {
		size = next_run(&iter, &skip, &paddr);
		if (next == area->iova ||
		    paddr != extent->paddr + (next - extent->iova)) {
			if (next > iova)
				return;
			extent->iova = next;
			extent->paddr = paddr;
		}
		extent->last = area->last;
		if (size > area->last - next)
			return;
		extent->last = next + (size - 1);
		cond_resched();
	}
}

/*
 * The largest IOMMU page that can be on both sides of @iova. What the driver chose is
 * no larger, and if it is smaller, this one holds several.
 */
static size_t page_across(struct iommu_domain *domain, const struct area *area,
			  unsigned long iova, unsigned long *start)
{
	unsigned long pgsizes = domain->pgsize_bitmap;
	struct extent extent;
	size_t pgsize;

	find_extent(area, iova, &extent);
	for (; pgsizes; pgsizes &= ~pgsize) {
		pgsize = 1UL << __fls(pgsizes);
		*start = iova & ~(pgsize - 1);
		/* Smaller ones begin here, too. */
		if (*start == iova)
			return 0;
		if (*start >= extent.iova &&
		    extent.last - *start >= pgsize - 1 &&
		    !((extent.paddr + (*start - extent.iova)) & (pgsize - 1)))
			return pgsize;
	}
	return 0;
}

/**
 * domain_has_page_across() - may an IOMMU page be on both sides of an IOVA?
 * @domain: the page table
 * @area: an area that is in it, with large pages
 * @iova: an IOVA of the area, not its first
 *
 * Return: false if certainly not.
 */
bool domain_has_page_across(struct iommu_domain *domain,
			    const struct area *area, unsigned long iova)
{
	unsigned long start;
	bool has;

	area_lock_runs(area);
	has = page_across(domain, area, iova, &start);
	area_unlock_runs(area);
	return has;
}

/* Replace one IOMMU page by smaller ones that begin or end at @iova. */
static int replace_page(struct iommu_domain *domain, const struct area *area,
		      unsigned long iova, unsigned long start, size_t pgsize)
{
	int rc;

	WARN_ON(iommu_unmap(domain, start, pgsize) != pgsize);
	rc = map_range(domain, area, start, iova - start, true);
	if (rc)
		goto err_map;
	rc = map_range(domain, area, iova, start + pgsize - iova, true);
	if (rc)
		goto err_unmap;
	return 0;

err_unmap:
	iommu_unmap(domain, start, iova - start);
err_map:
	/* There was one page here: it needs no new table. */
	WARN_ON(map_range(domain, area, start, pgsize, true));
	return rc;
}

/**
 * domain_split_at() - let no IOMMU page be on both sides of an IOVA
 * @domain: the page table
 * @area: an area that is in it, with large pages
 * @iova: an IOVA of the area, not its first
 *
 * An IOMMU page that is replaced is gone for a moment, and a device that uses it then
 * faults.
 *
 * Context: may sleep.
 * Return: 0 or the IOMMU driver's error; then everything is mapped as before.
 */
int domain_split_at(struct iommu_domain *domain, const struct area *area,
		    unsigned long iova)
{
	unsigned long start;
	size_t pgsize;
	int rc = 0;

	area_lock_runs(area);
	pgsize = page_across(domain, area, iova, &start);
	if (pgsize)
		rc = replace_page(domain, area, iova, start, pgsize);
	area_unlock_runs(area);
	return rc;
}

/**
 * domain_unmap_area() - take an area out of a page table
 * @domain: the page table
 * @area: an area that is in it
 * @gather: collects what iommu_iotlb_sync() has to flush
 *
 * Until that flush the device may still reach the memory.
 *
 * iommu_iotlb_gather_add_page() flushes what was gathered when a new range does
 * not join it. The Intel driver has by then added the tables of the new range to
 * those to be freed, and they would be freed before the IOMMU forgets them. So a
 * range that does not join is flushed for here.
 */
void domain_unmap_area(struct iommu_domain *domain, const struct area *area,
		       struct iommu_iotlb_gather *gather)
{
	unsigned long length = area_length(area);

	if (unlikely(area_dmabuf(area))) {
		dmabuf_unmap_area(domain, area);
		return;
	}
	if (gather->pgsize &&
	    (gather->pgsize != length || gather->end + 1 != area->iova))
		iommu_iotlb_sync(domain, gather);
	WARN_ON(iommu_unmap_fast(domain, area->iova, length, gather) != length);
}
