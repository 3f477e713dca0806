// SPDX-License-Identifier: GPL-2.0-only
/*
 * An exporter of dma-bufs that can be mapped into an IOAS and revoked.
 */
#include <linux/slab.h>

#include "../../compat/dma_buf.h"
#include "../core.h"
#include "mock.h"

#define MAX_PAGES 512

/**
 * struct selftest_dmabuf - the memory behind a dma-buf
 * @memory: a range of pages; constant
 * @size: its size, in bytes; constant
 * @revoked: it may not be mapped
 */
struct selftest_dmabuf {
	void *memory;
	size_t size;
	bool revoked;
};

/* What iommufd_ext needs is none of the usual things an exporter does. */
static struct sg_table *
selftest_dmabuf_map(struct dma_buf_attachment *attachment,
		    enum dma_data_direction direction)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void selftest_dmabuf_unmap(struct dma_buf_attachment *attachment,
				  struct sg_table *table,
				  enum dma_data_direction direction)
{
}

static void selftest_dmabuf_release(struct dma_buf *buf)
{
	struct selftest_dmabuf *sbuf = buf->priv;

	kfree(sbuf->memory);
	kfree(sbuf);
}

static const struct dma_buf_ops selftest_dmabuf_ops = {
	.map_dma_buf = selftest_dmabuf_map,
	.unmap_dma_buf = selftest_dmabuf_unmap,
	.release = selftest_dmabuf_release,
};

static int selftest_dmabuf_get_phys(struct dma_buf *buf, phys_addr_t *paddr,
				    size_t *size)
{
	struct selftest_dmabuf *sbuf = buf->priv;

	if (READ_ONCE(sbuf->revoked))
		return -ENODEV;
	*paddr = virt_to_phys(sbuf->memory);
	*size = sbuf->size;
	return 0;
}

static struct iommufd_ext_dmabuf_exporter exporter = {
	.ops = &selftest_dmabuf_ops,
	.get_phys = selftest_dmabuf_get_phys,
};

void selftest_dmabuf_init(void)
{
	iommufd_ext_dmabuf_register(&exporter);
}

void selftest_dmabuf_exit(void)
{
	iommufd_ext_dmabuf_unregister(&exporter);
}

/* SELFTEST_DMABUF_GET. Returns a file descriptor. */
int selftest_dmabuf_get(struct ucmd *ucmd)
{
	const struct selftest_cmd *cmd = ucmd->cmd;
	size_t size = PAGE_ALIGN((size_t)cmd->dmabuf_get.length);
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct selftest_dmabuf *sbuf;
	struct dma_buf *buf;

	if (!size || size > MAX_PAGES * PAGE_SIZE)
		return -EINVAL;
	sbuf = kzalloc(sizeof(*sbuf), GFP_KERNEL);
	if (!sbuf)
		return -ENOMEM;
	sbuf->size = size;
	sbuf->memory = kzalloc(size, GFP_KERNEL);
	if (!sbuf->memory) {
		kfree(sbuf);
		return -ENOMEM;
	}
	info.ops = &selftest_dmabuf_ops;
	info.size = size;
	info.flags = cmd->dmabuf_get.open_flags;
	info.priv = sbuf;
	buf = ext_dma_buf_export(&info);
	if (IS_ERR(buf)) {
		kfree(sbuf->memory);
		kfree(sbuf);
		return PTR_ERR(buf);
	}
	return ext_dma_buf_fd(buf, cmd->dmabuf_get.open_flags);
}

/* SELFTEST_DMABUF_REVOKE. -EOPNOTSUPP for a dma-buf of somebody else. */
int selftest_dmabuf_revoke(struct ucmd *ucmd)
{
	const struct selftest_cmd *cmd = ucmd->cmd;
	struct selftest_dmabuf *sbuf;
	struct dma_buf *buf;
	int rc = 0;

	buf = ext_dma_buf_get(cmd->dmabuf_revoke.dmabuf_fd);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	if (buf->ops == &selftest_dmabuf_ops) {
		sbuf = buf->priv;
		WRITE_ONCE(sbuf->revoked, cmd->dmabuf_revoke.revoked);
		if (cmd->dmabuf_revoke.revoked)
			iommufd_ext_dmabuf_revoke(buf);
	} else {
		rc = -EOPNOTSUPP;
	}
	ext_dma_buf_put(buf);
	return rc;
}
