// SPDX-License-Identifier: GPL-2.0-only
/*
 * Areas in and out of the page table of an IOMMU driver.
 *
 * iommu_map() flushes after each call, that is, for fragmented memory, after each
 * page. The drivers' own operations do not: what an area needs is mapped, and made
 * known to the IOMMU once. There are three ways, and each page table keeps to one,
 * since only the way can tell how much of a call that failed is mapped:
 *
 *  - ops->map_pages, for which the page sizes are chosen here,
 *  - map_range of the kernel's generic page tables, which choose by themselves,
 *  - iommu_map_sg(), a table of contiguous pieces at a time, for what has neither.
 */
#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>

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

	/* Fragmented memory is all like this. */
	if (size == PAGE_SIZE && (pgsizes & PAGE_SIZE) &&
	    !offset_in_page(align)) {
		*count = 1;
		return PAGE_SIZE;
	}

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

/**
 * struct piece_iter - walks part of the memory of an area in contiguous pieces
 * @iter: the runs of the memory
 * @skip: bytes to leave out at the beginning of what comes
 * @paddr: where the next piece begins
 * @run_left: what is left of the current run, in bytes
 * @left: what is left of the part, in bytes
 * @max: no piece crosses a multiple of this many bytes; a power of two
 */
struct piece_iter {
	struct area_iter iter;
	size_t skip;
	phys_addr_t paddr;
	size_t run_left;
	unsigned long left;
	size_t max;
};

/* Of an entry of a scatterlist, the length is an int. */
#define MAX_PIECE SZ_1G

static __always_inline void next_run(struct piece_iter *piece)
{
	struct pfn_range range;
	size_t size;

	do {
		area_iter_next(&piece->iter, &range);
		size = PFN_PHYS(range.npages);
		piece->paddr = PFN_PHYS(range.pfn) + piece->skip;
		piece->run_left = size - piece->skip;
		piece->skip -= min(piece->skip, size);
	} while (piece->skip || !piece->run_left);
}

/* Returns the size of the next piece, which begins at *@paddr; 0 at the end. */
static __always_inline size_t next_piece(struct piece_iter *piece,
					 phys_addr_t *paddr)
{
	size_t size;

	if (!piece->left)
		return 0;
	if (!piece->run_left)
		next_run(piece);

	size = piece->max - (piece->paddr & (piece->max - 1));
	size = min3(size, piece->run_left, piece->left);
	*paddr = piece->paddr;
	piece->paddr += size;
	piece->run_left -= size;
	piece->left -= size;
	return size;
}

/*
 * Maps one page, by the way the driver has; sets *@mapped. The drivers of x86 all
 * have pages of this size.
 */
static __always_inline int map_one_page(struct iommu_domain *domain,
					enum map_path path, unsigned long iova,
					phys_addr_t paddr, int prot,
					size_t *mapped)
{
	int rc;

	*mapped = 0;
	if (path == MAP_RANGE)
		rc = ext_iommu_map_range(domain, iova, paddr, PAGE_SIZE, prot,
					 mapped);
	else
		rc = domain->ops->map_pages(domain, iova, paddr, PAGE_SIZE, 1,
					    prot, GFP_KERNEL_ACCOUNT, mapped);
	if (!rc && WARN_ON_ONCE(*mapped != PAGE_SIZE))
		rc = -EINVAL;
	return rc;
}

/*
 * Maps the pages that come next, as long as each lies alone: of fragmented memory
 * almost all do. Adds to *@mapped what is mapped, also on failure.
 */
static __always_inline int map_lone_pages(struct iommu_domain *domain,
					  enum map_path path,
					  unsigned long iova,
					  struct piece_iter *piece, int prot,
					  size_t *mapped)
{
	struct pfn_run_iter *runs = &piece->iter.runs;
	const struct pfn_run *run = runs->next;
	const struct pfn_run *end;
	size_t done = 0, size;
	int rc = 0;

	if (piece->iter.segment || piece->run_left || piece->skip ||
	    offset_in_page(iova) || !(domain->pgsize_bitmap & PAGE_SIZE))
		return 0;

	end = run + min_t(size_t, runs->end - run, PHYS_PFN(piece->left));
	for (; run < end && run->npages == 1; run++, iova += PAGE_SIZE) {
		rc = map_one_page(domain, path, iova, PFN_PHYS(run->pfn), prot,
				  &done);
		if (rc)
			break;
	}
	size = (run - runs->next) * PAGE_SIZE;
	runs->next = run;
	piece->left -= size;
	*mapped += rc ? size + done : size;
	return rc;
}

/* Maps a piece; adds to *@mapped what is mapped, also on failure. */
static int map_pages(struct iommu_domain *domain, unsigned long iova,
		     phys_addr_t paddr, size_t size, int prot, size_t *mapped)
{
	const struct iommu_domain_ops *ops = domain->ops;
	size_t pgsize, count, done;
	int rc;

	while (size) {
		pgsize = fitting_pages(domain->pgsize_bitmap, iova, paddr, size,
				       &count);
		if (!pgsize)
			return -EINVAL;
		done = 0;
		rc = ops->map_pages(domain, iova, paddr, pgsize, count, prot,
				    GFP_KERNEL_ACCOUNT, &done);
		*mapped += done;
		if (rc)
			return rc;
		if (WARN_ON_ONCE(!done))
			return -EINVAL;
		iova += done;
		paddr += done;
		size -= done;
	}
	return 0;
}

static int map_by_pages(struct iommu_domain *domain, unsigned long iova,
			struct piece_iter *piece, int prot, size_t *mapped)
{
	phys_addr_t paddr;
	size_t size;
	int rc = 0;

	while (!rc && piece->left) {
		rc = map_lone_pages(domain, MAP_PAGES, iova + *mapped, piece,
				    prot, mapped);
		if (rc)
			break;
		size = next_piece(piece, &paddr);
		rc = map_pages(domain, iova + *mapped, paddr, size, prot,
			       mapped);
	}
	return rc ?: ext_iotlb_sync_map(domain, iova, *mapped);
}

static int map_by_range(struct iommu_domain *domain, unsigned long iova,
			struct piece_iter *piece, int prot, size_t *mapped)
{
	phys_addr_t paddr;
	size_t size;
	int rc = 0;

	while (!rc && piece->left) {
		rc = map_lone_pages(domain, MAP_RANGE, iova + *mapped, piece,
				    prot, mapped);
		if (rc)
			break;
		size = next_piece(piece, &paddr);
		if (size)
			rc = ext_iommu_map_range(domain, iova + *mapped, paddr,
						 size, prot, mapped);
	}
	return rc ?: ext_iotlb_sync_map(domain, iova, *mapped);
}

/* On the stack: mapping should not need memory of its own. */
#define SG_ENTRIES 32

/*
 * iommu_map_sg() would join pages that are to be kept small. Device memory has no
 * struct page; where it would be is enough here.
 */
static noinline_for_stack int map_by_sg(struct iommu_domain *domain,
					unsigned long iova,
					struct piece_iter *piece, int prot,
					size_t *mapped)
{
	const int entries = piece->max == PAGE_SIZE ? 1 : SG_ENTRIES;
	struct scatterlist sg[SG_ENTRIES];
	phys_addr_t paddr;
	ssize_t done;
	size_t size;
	int n;

	sg_init_table(sg, SG_ENTRIES);
	while (piece->left) {
		for (n = 0; n < entries; n++) {
			size = next_piece(piece, &paddr);
			if (!size)
				break;
			sg_set_page(&sg[n], pfn_to_page(PHYS_PFN(paddr)), size,
				    offset_in_page(paddr));
		}
		done = ext_iommu_map_sg(domain, iova + *mapped, sg, n, prot);
		if (done < 0)
			return done;
		*mapped += done;
	}
	return 0;
}

static bool direct_map = true;
module_param(direct_map, bool, 0444);
MODULE_PARM_DESC(direct_map,
		 "Map memory with the operations of the IOMMU drivers (default); off: only with iommu_map_sg(), which is slower");

/**
 * domain_map_path() - the way areas go into a page table
 * @domain: the page table
 *
 * Return: the best one the driver has.
 */
enum map_path domain_map_path(const struct iommu_domain *domain)
{
	if (!direct_map || EXT_IOMMU_COUNTS_MAPPINGS)
		return MAP_SG;
	if (ext_iommu_has_map_range(domain))
		return MAP_RANGE;
	if (domain->ops->map_pages && domain->ops->unmap_pages)
		return MAP_PAGES;
	return MAP_SG;
}

/* Maps part of an area whose runs are locked; if that fails, nothing of it. */
static int map_range(const struct hwpt *hwpt, const struct area *area,
		     unsigned long iova, unsigned long length, bool large_pages)
{
	struct iommu_domain *domain = hwpt->domain;
	struct piece_iter piece;
	size_t mapped = 0;
	int rc = -EINVAL;

	piece.skip = area_iter_init(&piece.iter, area, iova);
	piece.run_left = 0;
	piece.left = length;
	piece.max = large_pages ? MAX_PIECE : PAGE_SIZE;

	switch (hwpt->map_path) {
	case MAP_PAGES:
		rc = map_by_pages(domain, iova, &piece, area->prot, &mapped);
		break;
	case MAP_RANGE:
		rc = map_by_range(domain, iova, &piece, area->prot, &mapped);
		break;
	case MAP_SG:
		rc = map_by_sg(domain, iova, &piece, area->prot, &mapped);
		break;
	}
	if (rc && mapped)
		iommu_unmap(domain, iova, mapped);
	return rc;
}

/**
 * domain_map_runs() - domain_map_area() for those who hold the locks
 * @hwpt: see there
 * @area: see there; its runs are locked
 * @large_pages: see there
 *
 * Return: see there.
 */
int domain_map_runs(const struct hwpt *hwpt, const struct area *area,
		    bool large_pages)
{
	return map_range(hwpt, area, area->iova, area_length(area),
			 large_pages);
}

/* Is the area a page, as a driver with operations of its own takes it? */
static bool is_direct_page(const struct hwpt *hwpt, const struct area *area)
{
	return area_length(area) == PAGE_SIZE && !offset_in_page(area->iova) &&
	       hwpt->map_path != MAP_SG &&
	       (hwpt->domain->pgsize_bitmap & PAGE_SIZE);
}

/* Map an area whose memory is one page, and nobody else's: a single run. */
static int map_page_area(const struct hwpt *hwpt, const struct area *area)
{
	phys_addr_t paddr = PFN_PHYS(area->own.runs[0].pfn);
	struct iommu_domain *domain = hwpt->domain;
	size_t mapped;
	int rc;

	rc = map_one_page(domain, hwpt->map_path, area->iova, paddr, area->prot,
			  &mapped);
	if (!rc)
		rc = ext_iotlb_sync_map(domain, area->iova, PAGE_SIZE);
	if (rc && mapped)
		iommu_unmap(domain, area->iova, mapped);
	return rc;
}

/**
 * domain_map_area() - put an area into a page table
 * @hwpt: the page table
 * @area: a pinned area, aligned for @hwpt, that is not in it
 * @large_pages: allow IOMMU pages larger than PAGE_SIZE
 *
 * Return: 0 or the IOMMU driver's error; then nothing is mapped.
 */
int domain_map_area(const struct hwpt *hwpt, const struct area *area,
		    bool large_pages)
{
	int rc;

	if (area->pages == &area->own && area->own.max_runs == 1 &&
	    is_direct_page(hwpt, area))
		return map_page_area(hwpt, area);

	area_lock_runs(area);
	if (unlikely(area_dmabuf(area)))
		rc = dmabuf_map_area(hwpt, area, large_pages);
	else
		rc = domain_map_runs(hwpt, area, large_pages);
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
	struct piece_iter piece;
	phys_addr_t paddr;
	size_t size;

	piece.skip = area_iter_init(&piece.iter, area, next);
	for (;; next += size) {
		next_run(&piece);
		paddr = piece.paddr;
		size = piece.run_left;
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
static size_t page_across(const struct hwpt *hwpt, const struct area *area,
			  unsigned long iova, unsigned long *start)
{
	unsigned long pgsizes = hwpt->domain->pgsize_bitmap;
	struct extent extent;
	size_t pgsize;

	/* iommu_map_sg() joins what it is given in pieces. */
	if (hwpt->map_path != MAP_SG)
		pgsizes &= GENMASK(__ffs(MAX_PIECE), 0);
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
 * @hwpt: the page table
 * @area: an area that is in it, with large pages
 * @iova: an IOVA of the area, not its first
 *
 * Return: false if certainly not.
 */
bool domain_has_page_across(const struct hwpt *hwpt, const struct area *area,
			    unsigned long iova)
{
	unsigned long start;
	bool has;

	area_lock_runs(area);
	has = page_across(hwpt, area, iova, &start);
	area_unlock_runs(area);
	return has;
}

/* Replace one IOMMU page by smaller ones that begin or end at @iova. */
static int replace_page(const struct hwpt *hwpt, const struct area *area,
			unsigned long iova, unsigned long start, size_t pgsize)
{
	struct iommu_domain *domain = hwpt->domain;
	int rc;

	WARN_ON(iommu_unmap(domain, start, pgsize) != pgsize);
	rc = map_range(hwpt, area, start, iova - start, true);
	if (rc)
		goto err_map;
	rc = map_range(hwpt, area, iova, start + pgsize - iova, true);
	if (rc)
		goto err_unmap;
	return 0;

err_unmap:
	iommu_unmap(domain, start, iova - start);
err_map:
	/* There was one page here: it needs no new table. */
	WARN_ON(map_range(hwpt, area, start, pgsize, true));
	return rc;
}

/**
 * domain_split_at() - let no IOMMU page be on both sides of an IOVA
 * @hwpt: the page table
 * @area: an area that is in it, with large pages
 * @iova: an IOVA of the area, not its first
 *
 * An IOMMU page that is replaced is gone for a moment, and a device that uses it then
 * faults.
 *
 * Context: may sleep.
 * Return: 0 or the IOMMU driver's error; then everything is mapped as before.
 */
int domain_split_at(const struct hwpt *hwpt, const struct area *area,
		    unsigned long iova)
{
	unsigned long start;
	size_t pgsize;
	int rc = 0;

	area_lock_runs(area);
	pgsize = page_across(hwpt, area, iova, &start);
	if (pgsize)
		rc = replace_page(hwpt, area, iova, start, pgsize);
	area_unlock_runs(area);
	return rc;
}

/*
 * As iommu_unmap_fast(), but for its trace event where the driver is called directly.
 * For one page, of which there is often nothing more, the core would take half as
 * long as the driver.
 */
static size_t unmap_fast(const struct hwpt *hwpt, unsigned long iova,
			 size_t size, struct iommu_iotlb_gather *gather)
{
	struct iommu_domain *domain = hwpt->domain;

	if (hwpt->map_path == MAP_RANGE)
		return ext_iommu_unmap_range(domain, iova, size, gather);
	if (hwpt->map_path == MAP_PAGES && size == PAGE_SIZE &&
	    (domain->pgsize_bitmap & PAGE_SIZE))
		return domain->ops->unmap_pages(domain, iova, PAGE_SIZE, 1,
						gather);
	return iommu_unmap_fast(domain, iova, size, gather);
}

/**
 * domain_unmap_area() - take an area out of a page table
 * @hwpt: the page table
 * @area: an area that is in it
 * @gather: collects what iommu_iotlb_sync() has to flush
 *
 * Until that flush the device may still reach the memory.
 *
 * iommu_iotlb_gather_add_page() flushes what was gathered when a new range does
 * not join it. The Intel driver has by then added the tables of the new range to
 * those to be freed, and they would be freed before the IOMMU forgets them. So a
 * range that does not join is flushed for here, and what the driver is given at
 * once is what iommu_unmap_fast() gives it in one call: aligned powers of two.
 */
void domain_unmap_area(const struct hwpt *hwpt, const struct area *area,
		       struct iommu_iotlb_gather *gather)
{
	unsigned long left = area_length(area);
	unsigned long iova = area->iova;
	unsigned long n;

	if (unlikely(area_dmabuf(area))) {
		dmabuf_unmap_area(hwpt->domain, area);
		return;
	}
	for (; left; iova += n, left -= n) {
		n = rounddown_pow_of_two(left);
		if (iova)
			n = min(n, 1UL << __ffs(iova));
		if (gather->pgsize &&
		    (gather->pgsize != n || gather->end + 1 != iova))
			iommu_iotlb_sync(hwpt->domain, gather);
		WARN_ON(unmap_fast(hwpt, iova, n, gather) != n);
	}
}
