// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of dma-bufs: of devices, mostly, which other devices may reach.
 *
 * It is not pinned but stays where its exporter says it is, until the exporter
 * revokes it. Then it leaves all page tables at once, and for good: the mapping
 * remains in the IOAS and leads nowhere. The kernel has no way to ask just any
 * exporter where memory is, so exporters make themselves known here.
 *
 * An exporter revokes from deep inside of its driver, where the locks of an IOAS
 * cannot be waited for. So it is known here which areas are in which page tables,
 * under a lock of its own, and each page table has one for its entries of such
 * memory. Whoever attaches or detaches a device, or walks the page table, takes the
 * latter, and waits for no other page table.
 */
#include <linux/slab.h>

#include "compat/dma_buf.h"
#include "compat/module.h"
#include "private.h"

/**
 * struct dmabuf_memory - the memory of a dma-buf, for one mapping and its copies
 * @buf: the dma-buf, with a reference
 * @item: in the list of all
 * @paddr: where its first byte is; constant
 * @revoked: nothing may be mapped any more
 * @mapped: struct dmabuf_mapping, by area and page table
 *
 * Changes with dmabufs_lock held.
 */
struct dmabuf_memory {
	struct dma_buf *buf;
	struct list_head item;
	phys_addr_t paddr;
	bool revoked;
	struct rb_root mapped;
};

/**
 * struct dmabuf_mapping - an area of such memory in a page table
 * @node: in dmabuf_memory.mapped
 * @hwpt: the page table
 * @area: the area
 */
struct dmabuf_mapping {
	struct rb_node node;
	struct hwpt *hwpt;
	struct area *area;
};

static DEFINE_MUTEX(dmabufs_lock);
static LIST_HEAD(dmabufs);
static LIST_HEAD(exporters);

/**
 * iommufd_ext_dmabuf_register() - let dma-bufs of a driver be mapped
 * @exporter: the driver
 *
 * Context: may sleep.
 */
void iommufd_ext_dmabuf_register(struct iommufd_ext_dmabuf_exporter *exporter)
{
	mutex_lock(&dmabufs_lock);
	list_add_tail(&exporter->item, &exporters);
	mutex_unlock(&dmabufs_lock);
}
EXT_EXPORT_SYMBOL(iommufd_ext_dmabuf_register);

/**
 * iommufd_ext_dmabuf_unregister() - undo iommufd_ext_dmabuf_register()
 * @exporter: the driver; what is mapped stays until it is revoked or unmapped,
 *	and holds a reference to its dma-buf
 *
 * Context: may sleep.
 */
void iommufd_ext_dmabuf_unregister(struct iommufd_ext_dmabuf_exporter *exporter)
{
	mutex_lock(&dmabufs_lock);
	list_del(&exporter->item);
	mutex_unlock(&dmabufs_lock);
}
EXT_EXPORT_SYMBOL(iommufd_ext_dmabuf_unregister);

/**
 * dmabuf_has_exporters() - are there dma-bufs that can be mapped?
 *
 * Return: true while there is a driver whose are.
 */
bool dmabuf_has_exporters(void)
{
	bool has;

	mutex_lock(&dmabufs_lock);
	has = !list_empty(&exporters);
	mutex_unlock(&dmabufs_lock);
	return has;
}

static int get_phys(struct dma_buf *buf, phys_addr_t *paddr, size_t *size)
{
	struct iommufd_ext_dmabuf_exporter *exporter;

	lockdep_assert_held(&dmabufs_lock);

	list_for_each_entry(exporter, &exporters, item)
		if (exporter->ops == buf->ops)
			return exporter->get_phys(buf, paddr, size);
	return -EOPNOTSUPP;
}

/* Known to revocation from the moment on when it is known where it is. */
static int enter(struct dmabuf_memory *memory)
{
	size_t size;
	int rc;

	mutex_lock(&dmabufs_lock);
	rc = get_phys(memory->buf, &memory->paddr, &size);
	if (!rc && WARN_ON(size != memory->buf->size ||
			   !PAGE_ALIGNED(memory->paddr)))
		rc = -EINVAL;
	if (!rc)
		list_add_tail(&memory->item, &dmabufs);
	mutex_unlock(&dmabufs_lock);
	return rc;
}

/**
 * dmabuf_memory_alloc() - get hold of the memory of a dma-buf
 * @ictx: the context
 * @fd: file descriptor of a file
 * @start: first byte that is needed
 * @length: how many are; not 0, and the last one, too, has an offset
 *
 * Return: the memory or an ERR_PTR: -EBADF for no file; -EINVAL for another kind
 * of file, or a range that is not in it; -EOPNOTSUPP for a dma-buf whose exporter
 * is not known; -ENODEV for one that is revoked; -ENOMEM.
 */
struct dmabuf_memory *dmabuf_memory_alloc(struct iommufd_ext_ctx *ictx, int fd,
					  unsigned long start,
					  unsigned long length)
{
	struct dmabuf_memory *memory;
	struct dma_buf *buf;
	int rc;

	buf = ext_dma_buf_get(fd);
	if (IS_ERR(buf))
		return ERR_PTR(refuse(ictx, PTR_ERR(buf),
				      "file descriptor %d is neither a memfd nor a dma-buf",
				      fd));
	/* Sizes of runs have a limit, too: one byte counts them. */
	if (start + length - 1 >= buf->size ||
	    dmabuf_max_runs(PHYS_PFN(buf->size)) > U8_MAX) {
		rc = refuse(ictx, -EINVAL,
			    "the dma-buf has %zu bytes, too few for %lu at %lu",
			    buf->size, length, start);
		goto err_put;
	}
	memory = kzalloc(sizeof(*memory), GFP_KERNEL_ACCOUNT);
	if (!memory) {
		rc = -ENOMEM;
		goto err_put;
	}
	memory->mapped = RB_ROOT;
	memory->buf = buf;
	rc = enter(memory);
	if (rc) {
		refuse(ictx, rc, "the dma-buf %d %s", fd,
		       rc == -ENODEV ? "is revoked" :
				       "is of a driver that does not say where it is");
		goto err_free;
	}
	return memory;

err_free:
	kfree(memory);
err_put:
	ext_dma_buf_put(buf);
	return ERR_PTR(rc);
}

/**
 * dmabuf_memory_free() - undo dmabuf_memory_alloc()
 * @memory: memory that is in no page table, as far as its driver knows
 * @keep: a device may still reach it: leave the dma-buf to it for good
 */
void dmabuf_memory_free(struct dmabuf_memory *memory, bool keep)
{
	WARN_ON(!RB_EMPTY_ROOT(&memory->mapped));
	mutex_lock(&dmabufs_lock);
	list_del(&memory->item);
	mutex_unlock(&dmabufs_lock);
	if (!keep)
		ext_dma_buf_put(memory->buf);
	kfree(memory);
}

/**
 * dmabuf_max_runs() - pages_max_runs() for memory of a dma-buf
 * @npages: size of the memory, in pages
 *
 * Return: how many runs to have room for.
 */
unsigned int dmabuf_max_runs(unsigned long npages)
{
	return DIV_ROUND_UP(npages, PFN_RUN_MAX_PAGES);
}

/**
 * dmabuf_fill() - say where the memory is, instead of pinning it
 * @memory: the memory
 * @pages: part of it, with room for dmabuf_max_runs()
 * @npages: size of that part, in pages
 */
void dmabuf_fill(const struct dmabuf_memory *memory, struct pages *pages,
		 unsigned long npages)
{
	u64 pfn = PHYS_PFN(memory->paddr + (pages->start & PAGE_MASK));

	while (npages) {
		u64 size = min(npages, PFN_RUN_MAX_PAGES);

		pages->runs[pages->nr_runs++] = (struct pfn_run){
			.pfn = pfn,
			.npages = size,
		};
		pfn += size;
		npages -= size;
	}
}

/* Where areas and page tables are does as well as any order. */
static bool comes_before(const struct area *area,
			 const struct hwpt *hwpt,
			 const struct dmabuf_mapping *other)
{
	if (area != other->area)
		return area < other->area;
	return hwpt < other->hwpt;
}

static void insert_mapping(struct dmabuf_memory *memory,
			   struct dmabuf_mapping *mapping)
{
	struct rb_node **link = &memory->mapped.rb_node;
	struct rb_node *parent = NULL;

	lockdep_assert_held(&dmabufs_lock);

	while (*link) {
		parent = *link;
		if (comes_before(mapping->area, mapping->hwpt,
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
					   const struct hwpt *hwpt)
{
	struct rb_node *node = memory->mapped.rb_node;

	lockdep_assert_held(&dmabufs_lock);

	while (node) {
		struct dmabuf_mapping *mapping =
			rb_entry(node, struct dmabuf_mapping, node);

		if (mapping->area == area && mapping->hwpt == hwpt)
			return mapping;
		node = comes_before(area, hwpt, mapping) ? node->rb_left :
							   node->rb_right;
	}
	return NULL;
}

/**
 * dmabuf_map_area() - domain_map_area() for memory of a dma-buf
 * @hwpt: see there
 * @area: see there
 * @large_pages: see there
 *
 * Return: see there; also 0 if the memory is revoked.
 */
int dmabuf_map_area(struct hwpt *hwpt, struct area *area, bool large_pages)
{
	struct dmabuf_memory *memory = area_dmabuf(area);
	struct dmabuf_mapping *mapping;
	int rc = 0;

	mapping = kmalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	if (!mapping)
		return -ENOMEM;
	mapping->hwpt = hwpt;
	mapping->area = area;

	mutex_lock(&dmabufs_lock);
	if (!memory->revoked) {
		mutex_lock(&hwpt->revoke_lock);
		rc = domain_map_runs(hwpt, area, large_pages);
		mutex_unlock(&hwpt->revoke_lock);
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
	mutex_lock(&mapping->hwpt->revoke_lock);
	domain_unmap_runs(mapping->hwpt, mapping->area);
	mutex_unlock(&mapping->hwpt->revoke_lock);
	kfree(mapping);
}

/**
 * dmabuf_unmap_area() - domain_unmap_area() for memory of a dma-buf
 * @hwpt: see there
 * @area: see there; nothing happens if its memory has been revoked
 */
void dmabuf_unmap_area(const struct hwpt *hwpt, const struct area *area)
{
	struct dmabuf_memory *memory = area_dmabuf(area);
	struct dmabuf_mapping *mapping;

	mutex_lock(&dmabufs_lock);
	mapping = find_mapping(memory, area, hwpt);
	if (mapping)
		remove_mapping(memory, mapping);
	mutex_unlock(&dmabufs_lock);
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
	struct dmabuf_memory *memory;
	struct rb_node *node;

	mutex_lock(&dmabufs_lock);
	list_for_each_entry(memory, &dmabufs, item) {
		cond_resched();
		if (memory->buf != buf)
			continue;
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
