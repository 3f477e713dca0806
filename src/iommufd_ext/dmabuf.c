// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of dma-bufs: of devices, mostly, which other devices may reach.
 *
 * It is not pinned but stays where its exporter says it is, until the exporter
 * revokes it. Then it leaves all page tables at once, and for good: the mapping
 * remains in the IOAS and leads nowhere. Who fills page tables takes care of that, with
 * the lock that keeps exporters out. The kernel has no way to ask just any exporter
 * where memory is, so exporters make themselves known here.
 */
#include <linux/slab.h>

#include "compat/dma_buf.h"
#include "compat/module.h"
#include "memory.h"

/*
 * Protects both lists, and what is not constant in struct dmabuf_memory. While it is held,
 * nothing is revoked.
 */
DEFINE_MUTEX(dmabufs_lock);
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

/* Are there dma-bufs that can be mapped? */
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

/*
 * Gets hold of the memory of a dma-buf, of which @length bytes from @start on are
 * needed; not 0, and the last one, too, has an offset.
 * Returns the memory or an ERR_PTR: -EBADF for no file; -EINVAL for another kind of
 * file, or a range that is not in it; -EOPNOTSUPP for a dma-buf whose exporter is not
 * known; -ENODEV for one that is revoked; -ENOMEM.
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

/*
 * For memory that is in no page table, as far as its driver knows. @keep: a device may
 * still reach it: leave the dma-buf to it for good.
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

/* pages_max_runs() for memory of a dma-buf. */
unsigned int dmabuf_max_runs(unsigned long npages)
{
	return DIV_ROUND_UP(npages, PFN_RUN_MAX_PAGES);
}

/*
 * Says where the memory is, instead of pinning it. @pages: @npages pages of it, with
 * room for dmabuf_max_runs().
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

/*
 * The memory of a dma-buf behind @memory, NULL for the first; NULL if there is no more.
 * Context: holds dmabufs_lock until the walk is over; may sleep.
 */
struct dmabuf_memory *dmabuf_next_memory(const struct dma_buf *buf,
					 struct dmabuf_memory *memory)
{
	lockdep_assert_held(&dmabufs_lock);

	memory = list_prepare_entry(memory, &dmabufs, item);
	list_for_each_entry_continue(memory, &dmabufs, item) {
		cond_resched();
		if (memory->buf == buf)
			return memory;
	}
	return NULL;
}
