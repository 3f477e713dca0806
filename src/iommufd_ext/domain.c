// SPDX-License-Identifier: GPL-2.0-only
/*
 * Areas in and out of the page table of an IOMMU driver.
 *
 * The core of the IOMMU API serves every driver, page by page and with a flush for
 * each call. What serves a few drivers as well, and is faster, is to call their
 * operations directly. Each page table keeps to one of three ways:
 *
 *  - MAP_CORE, for all drivers: iommu_map_sg() and iommu_unmap_fast();
 *  - MAP_PAGES: map_pages and unmap_pages of the driver, for which the page sizes
 *    are chosen here;
 *  - MAP_RANGE: map_range and unmap_range of a generic page table, which choose by
 *    themselves.
 *
 * A direct call is for drivers on the list below, on kernels whose drivers were
 * tested (EXT_IOMMU_MAP_PAGES_TESTED, EXT_IOMMU_MAP_RANGE_TESTED). The core of
 * 6.1.192, 6.12.117 and 7.2.12 was read for what it does around these operations, and
 * what becomes of that here:
 *
 *  - It checks that the domain has page sizes, that addresses and size are
 *    multiples of the smallest, and since 6.3 the gfp flags. iova.c does, for
 *    each mapping, when a page table joins; flags are constant.
 *  - It goes on behind what a call says it mapped or unmapped, as long as that is
 *    anything. So do map_pages() and unmap_span().
 *  - It undoes what is mapped if a call fails, as far as the driver says so. So does
 *    map_range().
 *  - It calls iotlb_sync_map once per call, and since 6.7 minds its error. Here it
 *    is once per area.
 *  - From 7.0 on, iommu_iotlb_sync() does nothing if the gather is empty, and
 *    iommu_unmap_fast() fills the gather of drivers that do not. The drivers on
 *    the list all fill it. Others are only called through the core.
 *  - It has trace events, map and unmap. So do these calls.
 *  - With CONFIG_IOMMU_DEBUG_PAGEALLOC (7.0 and later) it counts what is mapped:
 *    then all goes through the core.
 *
 * What the core demands of its callers is the rule for MAP_CORE: what was mapped
 * at once is not unmapped in parts. Some drivers (virtio-iommu) only remove what
 * one request mapped, as a whole, and forget what they cannot remove. So each
 * request is a block: a power of two in size, aligned to its size. Two blocks are
 * apart, or one is inside the other. What is unmapped is a block, too, as large as
 * fits into the area, so it holds whole requests, however the core divides it.
 *
 * The core does not lock. Its other users map and unmap in one thread at a time,
 * so drivers may rely on it; of those on the list, some are known not to. All
 * others are called under driver_lock.
 *
 * How much a driver says that it unmapped is what counts. The memory of an area of
 * which anything may be left is never unpinned.
 *
 * An exporter of a dma-buf revokes its memory from deep inside of its driver, where the
 * locks of an IOAS cannot be waited for. So it is known here which areas of such memory
 * are in which page tables, under the lock that keeps exporters out, and each page table
 * has one for its entries of such memory. Whoever attaches or detaches a device, or walks
 * the page table, takes the latter, and waits for no other page table.
 */
#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat/iommu.h"
#include "compat/module.h"
#include "selftest/selftest.h"
#include "space.h"

/**
 * struct direct_driver - an IOMMU driver whose operations are called directly
 * @name: what the names begin with that it gives its IOMMUs in /sys/class/iommu
 * @parallel: the paths on which it bears calls on several processors, as bits of
 *	enum map_path
 *
 * To be on the list, a driver has to run in the tests on each kernel that is called
 * tested. docs/drivers.md says what was looked at.
 */
struct direct_driver {
	const char *name;
	unsigned int parallel;
};

static const struct direct_driver direct_drivers[] = {
	/* Intel VT-d. Tables are put in place with cmpxchg(). */
	{ "dmar", BIT(MAP_PAGES) | BIT(MAP_RANGE) },
	/*
	 * AMD. Before 6.12.57, which no probe can tell, map_pages makes a page
	 * table a level deeper while others walk it, and these lose their way.
	 */
	{ "ivhd", BIT(MAP_RANGE) },
#if IOMMUFD_EXT_TEST
	{ SELFTEST_IOMMU, 0 },
#endif
};

static bool direct_map = true;
module_param(direct_map, bool, 0444);
MODULE_PARM_DESC(direct_map,
		 "Map memory with the operations of IOMMU drivers that are known (default); off: only through the IOMMU core, which is slower");

static const struct direct_driver *find_direct_driver(struct device *dev)
{
	const char *name = ext_iommu_name(dev);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(direct_drivers); i++)
		if (strstarts(name, direct_drivers[i].name))
			return &direct_drivers[i];
	return NULL;
}

/* Chooses the way areas go into a page table, whose domain is made, for @dev. */
void domain_choose_path(struct table *table, struct device *dev)
{
	const struct iommu_domain *domain = table->domain;
	const struct direct_driver *driver;

	mutex_init(&table->driver_lock);
	mutex_init(&table->revoke_lock);
	table->map_path = MAP_CORE;
	table->parallel = false;
	driver = find_direct_driver(dev);
	if (!driver || !direct_map || EXT_IOMMU_COUNTS_MAPPINGS)
		return;
	if (EXT_IOMMU_MAP_RANGE_TESTED && ext_iommu_has_map_range(domain))
		table->map_path = MAP_RANGE;
	else if (EXT_IOMMU_MAP_PAGES_TESTED && domain->ops->map_pages &&
		 domain->ops->unmap_pages)
		table->map_path = MAP_PAGES;
	table->parallel = driver->parallel & BIT(table->map_path);
}

static __always_inline void driver_lock(struct table *table)
{
	if (!table->parallel)
		mutex_lock(&table->driver_lock);
}

static __always_inline void driver_unlock(struct table *table)
{
	if (!table->parallel)
		mutex_unlock(&table->driver_lock);
}

/*
 * Lets the IOMMU forget what was unmapped; @gather is empty afterwards.
 * Context: may sleep.
 */
void domain_flush(struct table *table, struct iommu_iotlb_gather *gather)
{
	driver_lock(table);
	iommu_iotlb_sync(table->domain, gather);
	driver_unlock(table);
}

static int sync_map(struct table *table, unsigned long iova, size_t size)
{
	int rc;

	driver_lock(table);
	rc = ext_iotlb_sync_map(table->domain, iova, size);
	driver_unlock(table);
	return rc;
}

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
 * @killable: mapping it ends if the process is being killed
 */
struct piece_iter {
	struct area_iter iter;
	size_t skip;
	phys_addr_t paddr;
	size_t run_left;
	unsigned long left;
	size_t max;
	bool killable;
};

/* Of an entry of a scatterlist, the length is an int. */
#define MAX_PIECE ((unsigned long)SZ_1G)

static __always_inline void next_run(struct piece_iter *piece)
{
	struct pfn_range range;
	size_t size;

	while (true) {
		area_iter_next(&piece->iter, &range);
		size = PFN_PHYS(range.npages);
		piece->paddr = PFN_PHYS(range.pfn) + piece->skip;
		piece->run_left = size - piece->skip;
		piece->skip -= min(piece->skip, size);
		if (!piece->skip && piece->run_left)
			break;
		cond_resched();
	}
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
 * What is mapped of a large area without a pause, in bytes, unless it is one piece; a
 * power of two.
 */
#define PAUSE_SIZE SZ_2M

/* Between two parts of a large area: others may run. */
static int pause_mapping(const struct piece_iter *piece)
{
	cond_resched();
	return piece->killable && fatal_signal_pending(current) ? -EINTR : 0;
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
	ext_trace_map(iova, paddr, *mapped);
	return rc;
}

/* So many lone pages are mapped without a pause. */
#define LONE_PAGES (PAUSE_SIZE / PAGE_SIZE)

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

	size = min_t(size_t, runs->end - run, PHYS_PFN(piece->left));
	end = run + min_t(size_t, size, LONE_PAGES);
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
		ext_trace_map(iova, paddr, done);
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

/* The same by the operation of a generic page table. */
static int map_contiguous(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t paddr, size_t size, int prot,
			  size_t *mapped)
{
	size_t done = 0;
	int rc;

	rc = ext_iommu_map_range(domain, iova, paddr, size, prot, &done);
	ext_trace_map(iova, paddr, done);
	*mapped += done;
	if (!rc && WARN_ON_ONCE(done != size))
		return -EINVAL;
	return rc;
}

/*
 * Both direct ways. Inlined for each: for small mappings the choice between them
 * is a part that can be measured.
 */
static __always_inline int map_directly(struct table *table, enum map_path path,
					unsigned long iova,
					struct piece_iter *piece, int prot,
					size_t *mapped)
{
	struct iommu_domain *domain = table->domain;
	unsigned long before;
	phys_addr_t paddr;
	size_t size;
	int rc = 0;

	while (!rc && piece->left) {
		before = piece->left;
		driver_lock(table);
		do {
			rc = map_lone_pages(domain, path, iova + *mapped, piece,
					    prot, mapped);
			size = rc ? 0 : next_piece(piece, &paddr);
			if (!size)
				continue;
			rc = path == MAP_RANGE ?
				     map_contiguous(domain, iova + *mapped,
						    paddr, size, prot, mapped) :
				     map_pages(domain, iova + *mapped, paddr,
					       size, prot, mapped);
		} while (!rc && piece->left &&
			 (before ^ piece->left) < PAUSE_SIZE);
		driver_unlock(table);
		if (!rc && piece->left)
			rc = pause_mapping(piece);
	}
	return rc;
}

/* On the stack: mapping should not need memory of its own. */
#define SG_ENTRIES 32

/**
 * struct block_table - blocks for one call of iommu_map_sg()
 * @sg: the blocks
 * @n: how many there are
 * @size: of them together, in bytes
 * @end: where the last one ends in physical memory
 *
 * The core would join blocks that are next to each other to one request.
 */
struct block_table {
	struct scatterlist sg[SG_ENTRIES];
	unsigned int n;
	size_t size;
	phys_addr_t end;
};

static int map_blocks(struct table *table, unsigned long iova,
		      struct block_table *blocks, int prot, size_t *mapped)
{
	ssize_t done;

	driver_lock(table);
	done = ext_iommu_map_sg(table->domain, iova + *mapped, blocks->sg,
				blocks->n, prot);
	driver_unlock(table);
	if (done < 0)
		return done;
	*mapped += done;
	if (WARN_ON_ONCE(done != blocks->size))
		return -EINVAL;
	blocks->n = 0;
	blocks->size = 0;
	return 0;
}

/* Device memory has no struct page; where it would be is enough here. */
static void add_block(struct block_table *blocks, phys_addr_t paddr,
		      size_t size)
{
	sg_set_page(&blocks->sg[blocks->n++], pfn_to_page(PHYS_PFN(paddr)),
		    size, offset_in_page(paddr));
	blocks->size += size;
	blocks->end = paddr + size;
}

/* The size of the largest block at the beginning of a range. */
static unsigned long first_block(unsigned long iova, unsigned long length)
{
	unsigned long size = rounddown_pow_of_two(length);

	return iova ? min(size, 1UL << __ffs(iova)) : size;
}

/*
 * The same, as far as one table of the page table reaches with the pages that fit. The
 * core undoes what a driver says it mapped: see fitting_pages().
 */
static unsigned long first_core_block(const struct iommu_domain *domain,
				      unsigned long iova, phys_addr_t paddr,
				      unsigned long length)
{
	unsigned long size = first_block(iova, length);
	unsigned long fit = domain->pgsize_bitmap &
			    GENMASK(__ffs(iova | paddr | size), 0);

	return fit ? min(size, (unsigned long)PTRS_PER_PTE << __fls(fit)) : size;
}

static noinline_for_stack int map_by_core(struct table *table,
					  unsigned long iova,
					  struct piece_iter *piece, int prot,
					  size_t *mapped)
{
	struct block_table blocks;
	phys_addr_t paddr;
	size_t size, block;
	int rc;

	/* To clear all entries would be most of what one page takes here. */
	blocks.n = 0;
	blocks.size = 0;
	sg_init_table(blocks.sg,
		      min_t(size_t, SG_ENTRIES, PHYS_PFN(piece->left) + 2));
	while ((size = next_piece(piece, &paddr))) {
		for (; size; size -= block, paddr += block) {
			block = first_core_block(table->domain,
						 iova + *mapped + blocks.size,
						 paddr, size);
			if (blocks.n == SG_ENTRIES ||
			    (blocks.n && blocks.end == paddr)) {
				rc = map_blocks(table, iova, &blocks, prot,
						mapped);
				if (!rc)
					rc = pause_mapping(piece);
				if (rc)
					return rc;
			}
			add_block(&blocks, paddr, block);
		}
	}
	return map_blocks(table, iova, &blocks, prot, mapped);
}

/*
 * Says that a driver removed less than an area has, and remembers it. @iova: where it
 * was to remove @size bytes, and removed @done.
 */
static void keep_area(const struct table *table, struct area *area,
		      unsigned long iova, size_t size, size_t done)
{
	/* Readers hold iova_lock; whoever empties page tables may not. */
	WRITE_ONCE(area->kept, true);
	pr_err_ratelimited("page table %u: the IOMMU driver unmapped %#zx of %#zx bytes at IOVA %#lx; the memory of %#lx-%#lx stays pinned for good\n",
			   table->obj->id, done, size, iova, area->iova,
			   area->last);
	add_taint(TAINT_WARN, LOCKDEP_STILL_OK);
}

/*
 * As iommu_unmap_fast(). For one page, of which there is often nothing more, the core
 * would take half as long as the driver.
 */
static size_t unmap_fast(struct table *table, unsigned long iova, size_t size,
			 struct iommu_iotlb_gather *gather)
{
	struct iommu_domain *domain = table->domain;
	size_t done;

	if (table->map_path == MAP_RANGE) {
		done = ext_iommu_unmap_range(domain, iova, size, gather);
	} else if (table->map_path == MAP_PAGES && size == PAGE_SIZE &&
		   (domain->pgsize_bitmap & PAGE_SIZE)) {
		done = domain->ops->unmap_pages(domain, iova, PAGE_SIZE, 1,
						gather);
	} else {
		return iommu_unmap_fast(domain, iova, size, gather);
	}
	ext_trace_unmap(iova, size, done);
	return done;
}

/*
 * Unmaps part of an area that is mapped, in blocks. If any of that stays, the area is
 * kept, and the answer is false.
 *
 * iommu_iotlb_gather_add_page() flushes what was gathered when a new range does
 * not join it. The Intel driver has by then added the tables of the new range to
 * those to be freed, and they would be freed before the IOMMU forgets them. So a
 * range that does not join is flushed for here, and what the driver is given at
 * once is what iommu_unmap_fast() gives it in one call: one block.
 */
static bool unmap_span(struct table *table, struct area *area,
		       unsigned long iova, unsigned long length,
		       struct iommu_iotlb_gather *gather)
{
	bool gone = true;
	unsigned long size;
	size_t done;

	while (length) {
		size = PAGE_SIZE;
		if (length != size)
			size = min(first_block(iova, length), MAX_PIECE);
		driver_lock(table);
		if (gather->pgsize &&
		    (gather->pgsize != size || gather->end + 1 != iova))
			iommu_iotlb_sync(table->domain, gather);
		done = unmap_fast(table, iova, size, gather);
		driver_unlock(table);
		if (unlikely(done < size)) {
			keep_area(table, area, iova, size, done);
			gone = false;
		}
		/* There may have been an entry that large: all of it is gone. */
		if (unlikely(done > size))
			size = min(done, length);
		iova += size;
		length -= size;
		if (length)
			cond_resched();
	}
	return gone;
}

/* The same, flushed. */
static bool unmap_now(struct table *table, struct area *area,
		      unsigned long iova, unsigned long length)
{
	struct iommu_iotlb_gather gather;
	bool gone;

	iommu_iotlb_gather_init(&gather);
	gone = unmap_span(table, area, iova, length, &gather);
	domain_flush(table, &gather);
	return gone;
}

/* Maps part of an area whose runs are locked; if that fails, nothing of it. */
static int map_range(struct table *table, struct area *area, unsigned long iova,
		     unsigned long length, bool large_pages, bool killable)
{
	struct piece_iter piece;
	size_t mapped = 0;
	int rc = -EINVAL;

	piece.skip = area_iter_init(&piece.iter, area, iova);
	piece.run_left = 0;
	piece.left = length;
	piece.max = large_pages ? MAX_PIECE : PAGE_SIZE;
	piece.killable = killable;

	switch (table->map_path) {
	case MAP_CORE:
		rc = map_by_core(table, iova, &piece, area->prot, &mapped);
		break;
	case MAP_PAGES:
		rc = map_directly(table, MAP_PAGES, iova, &piece, area->prot,
				  &mapped);
		break;
	case MAP_RANGE:
		rc = map_directly(table, MAP_RANGE, iova, &piece, area->prot,
				  &mapped);
		break;
	}
	/* The core has done so. */
	if (!rc && table->map_path != MAP_CORE)
		rc = sync_map(table, iova, mapped);
	if (rc && mapped)
		unmap_now(table, area, iova, mapped);
	return rc;
}

/**
 * struct dmabuf_mapping - an area of memory of a dma-buf in a page table
 * @node: in dmabuf_memory.mapped
 * @table: the page table
 * @area: the area
 */
struct dmabuf_mapping {
	struct rb_node node;
	struct table *table;
	struct area *area;
};

/* Where areas and page tables are does as well as any order. */
static bool comes_before(const struct area *area, const struct table *table,
			 const struct dmabuf_mapping *other)
{
	if (area != other->area)
		return area < other->area;
	return table < other->table;
}

static void insert_mapping(struct dmabuf_memory *memory,
			   struct dmabuf_mapping *mapping)
{
	struct rb_node **link = &memory->mapped.rb_node;
	struct rb_node *parent = NULL;

	lockdep_assert_held(&dmabufs_lock);

	while (*link) {
		parent = *link;
		if (comes_before(mapping->area, mapping->table,
				 rb_entry(parent, struct dmabuf_mapping, node)))
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&mapping->node, parent, link);
	rb_insert_color(&mapping->node, &memory->mapped);
}

static struct dmabuf_mapping *find_mapping(struct dmabuf_memory *memory,
					   const struct area *area,
					   const struct table *table)
{
	struct rb_node *node = memory->mapped.rb_node;

	lockdep_assert_held(&dmabufs_lock);

	while (node) {
		struct dmabuf_mapping *mapping =
			rb_entry(node, struct dmabuf_mapping, node);

		if (mapping->area == area && mapping->table == table)
			return mapping;
		node = comes_before(area, table, mapping) ? node->rb_left :
							    node->rb_right;
	}
	return NULL;
}

/*
 * As domain_map_area(), for memory of a dma-buf. What is revoked is mapped nowhere, and
 * that is a success.
 */
static int map_dmabuf(struct table *table, struct area *area, bool large_pages)
{
	struct dmabuf_memory *memory = area_dmabuf(area);
	struct dmabuf_mapping *mapping;
	int rc = 0;

	mapping = kmalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	if (!mapping)
		return -ENOMEM;
	mapping->table = table;
	mapping->area = area;

	mutex_lock(&dmabufs_lock);
	if (!memory->revoked) {
		mutex_lock(&table->revoke_lock);
		rc = map_range(table, area, area->iova, area_length(area),
			       large_pages, true);
		mutex_unlock(&table->revoke_lock);
	}
	if (!memory->revoked && !rc) {
		insert_mapping(memory, mapping);
		mapping = NULL;
	}
	mutex_unlock(&dmabufs_lock);
	kfree(mapping);
	return rc;
}

static void remove_mapping(struct dmabuf_memory *memory,
			   struct dmabuf_mapping *mapping)
{
	lockdep_assert_held(&dmabufs_lock);

	rb_erase(&mapping->node, &memory->mapped);
	mutex_lock(&mapping->table->revoke_lock);
	unmap_now(mapping->table, mapping->area, mapping->area->iova,
		  area_length(mapping->area));
	mutex_unlock(&mapping->table->revoke_lock);
	kfree(mapping);
}

/* Nothing happens if the memory has been revoked. */
static void unmap_dmabuf(const struct table *table, const struct area *area)
{
	struct dmabuf_memory *memory = area_dmabuf(area);
	struct dmabuf_mapping *mapping;

	mutex_lock(&dmabufs_lock);
	mapping = find_mapping(memory, area, table);
	if (mapping)
		remove_mapping(memory, mapping);
	mutex_unlock(&dmabufs_lock);
}

/* Is the area a page, as a driver with operations of its own takes it? */
static bool is_direct_page(const struct table *table, const struct area *area)
{
	return area_length(area) == PAGE_SIZE && !offset_in_page(area->iova) &&
	       table->map_path != MAP_CORE &&
	       (table->domain->pgsize_bitmap & PAGE_SIZE);
}

/* Map an area whose memory is one page, and nobody else's: a single run. */
static int map_page_area(struct table *table, struct area *area)
{
	phys_addr_t paddr = PFN_PHYS(area->own.runs[0].pfn);
	struct iommu_domain *domain = table->domain;
	size_t mapped;
	int rc;

	driver_lock(table);
	rc = map_one_page(domain, table->map_path, area->iova, paddr,
			  area->prot, &mapped);
	if (!rc)
		rc = ext_iotlb_sync_map(domain, area->iova, PAGE_SIZE);
	driver_unlock(table);
	if (rc && mapped)
		unmap_now(table, area, area->iova, mapped);
	return rc;
}

/*
 * Puts a pinned area that is aligned for @table, and not in it, into it.
 * Returns 0, -EINTR if the process is being killed, or the IOMMU driver's error; then
 * nothing is mapped, or @area is kept.
 */
int domain_map_area(struct table *table, struct area *area, bool large_pages)
{
	int rc;

	if (area->pages == &area->own && area->own.max_runs == 1 &&
	    is_direct_page(table, area))
		return map_page_area(table, area);

	area_lock_runs(area);
	if (unlikely(area_dmabuf(area)))
		rc = map_dmabuf(table, area, large_pages);
	else
		rc = map_range(table, area, area->iova, area_length(area),
			       large_pages, true);
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
 * The largest IOMMU page, or block of the core, that can be on both sides of @iova.
 * No page there is larger, and if there are smaller ones, this one holds several.
 */
static size_t page_across(const struct table *table, const struct area *area,
			  unsigned long iova, unsigned long *start)
{
	unsigned long sizes = table->domain->pgsize_bitmap;
	bool blocks = table->map_path == MAP_CORE;
	struct extent extent;
	size_t size;

	if (blocks)
		sizes = GENMASK(BITS_PER_LONG - 1, __ffs(sizes));
	sizes &= GENMASK(__ffs(MAX_PIECE), 0);
	find_extent(area, iova, &extent);
	for (; sizes; sizes &= ~size) {
		size = 1UL << __fls(sizes);
		*start = iova & ~(size - 1);
		/* Smaller ones begin here, too. */
		if (*start == iova)
			return 0;
		if (*start >= extent.iova && extent.last - *start >= size - 1 &&
		    (blocks || !((extent.paddr + (*start - extent.iova)) &
				 (size - 1))))
			return size;
	}
	return 0;
}

/*
 * May an IOMMU page be on both sides of @iova, which is of an area in the page table,
 * with large pages, and not its first? False if certainly not.
 */
bool domain_has_page_across(const struct table *table, const struct area *area,
			    unsigned long iova)
{
	unsigned long start;
	bool has;

	area_lock_runs(area);
	has = page_across(table, area, iova, &start);
	area_unlock_runs(area);
	return has;
}

/* Replace one IOMMU page by smaller ones that begin or end at @iova. */
static int replace_page(struct table *table, struct area *area,
			unsigned long iova, unsigned long start, size_t pgsize)
{
	int rc;

	/* Nothing is mapped over what stays. */
	if (!unmap_now(table, area, start, pgsize))
		return -EIO;
	rc = map_range(table, area, start, iova - start, true, false);
	if (rc)
		goto err_map;
	rc = map_range(table, area, iova, start + pgsize - iova, true, false);
	if (rc)
		goto err_unmap;
	return 0;

err_unmap:
	unmap_now(table, area, start, iova - start);
err_map:
	/*
	 * There was one page here: most drivers need no new table for it. One that
	 * fails leaves a hole in which the device faults, and at UNMAP the area
	 * is kept.
	 */
	WARN_ON(map_range(table, area, start, pgsize, true, false));
	return rc;
}

/*
 * Lets no IOMMU page be on both sides of @iova, which is of an area in the page table,
 * with large pages, and not its first. One that is replaced is gone for a moment, and a
 * device that uses it then faults.
 * Context: may sleep. Returns 0 or the IOMMU driver's error; then everything is mapped
 * as before.
 */
int domain_split_at(struct table *table, struct area *area, unsigned long iova)
{
	unsigned long start;
	size_t pgsize;
	int rc = 0;

	area_lock_runs(area);
	pgsize = page_across(table, area, iova, &start);
	if (pgsize)
		rc = replace_page(table, area, iova, start, pgsize);
	area_unlock_runs(area);
	return rc;
}

/*
 * Takes an area out of a page table; it is kept if any of it stays. Until domain_flush()
 * of @gather the device may still reach the memory.
 */
void domain_unmap_area(struct table *table, struct area *area,
		       struct iommu_iotlb_gather *gather)
{
	if (unlikely(area_dmabuf(area)))
		unmap_dmabuf(table, area);
	else
		unmap_span(table, area, area->iova, area_length(area), gather);
}

/**
 * iommufd_ext_dmabuf_revoke() - take a dma-buf's memory out of all page tables
 * @buf: the dma-buf, whose exporter does not give it out any more
 *
 * When it returns, no device reaches the memory through an IOAS. It can be
 * mapped again later, if the exporter allows, but does not come back by itself.
 *
 * Context: may sleep, waits for get_phys() of the exporter. Does not fail.
 */
void iommufd_ext_dmabuf_revoke(struct dma_buf *buf)
{
	struct dmabuf_memory *memory = NULL;
	struct rb_node *node;

	mutex_lock(&dmabufs_lock);
	while ((memory = dmabuf_next_memory(buf, memory))) {
		memory->revoked = true;
		while ((node = rb_first(&memory->mapped))) {
			remove_mapping(memory, rb_entry(node,
							struct dmabuf_mapping,
							node));
			cond_resched();
		}
	}
	mutex_unlock(&dmabufs_lock);
}
EXT_EXPORT_SYMBOL(iommufd_ext_dmabuf_revoke);
