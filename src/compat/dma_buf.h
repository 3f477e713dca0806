/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dma-bufs, which a kernel can be built without.
 */
#ifndef _EXT_COMPAT_DMA_BUF_H
#define _EXT_COMPAT_DMA_BUF_H

#include <linux/dma-buf.h>
#include <linux/err.h>

#include "ext_probes.h"

/* The dma-buf behind a file descriptor; -EINVAL for another kind of file. */
static inline struct dma_buf *ext_dma_buf_get(int fd)
{
#if EXT_PROBE_DMA_BUF
	return dma_buf_get(fd);
#else
	return ERR_PTR(-EINVAL);
#endif
}

static inline void ext_dma_buf_put(struct dma_buf *buf)
{
#if EXT_PROBE_DMA_BUF
	dma_buf_put(buf);
#endif
}

static inline struct dma_buf *
ext_dma_buf_export(const struct dma_buf_export_info *info)
{
#if EXT_PROBE_DMA_BUF
	return dma_buf_export(info);
#else
	return ERR_PTR(-EOPNOTSUPP);
#endif
}

/* A new file descriptor. The dma-buf is given away, whether or not it gets one. */
static inline int ext_dma_buf_fd(struct dma_buf *buf, int flags)
{
#if EXT_PROBE_DMA_BUF
	int fd = dma_buf_fd(buf, flags);

	if (fd < 0)
		dma_buf_put(buf);
	return fd;
#else
	return -EOPNOTSUPP;
#endif
}

#endif
