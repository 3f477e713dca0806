/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/ext_test_dmabuf: dma-bufs of a driver that IOASID_IOAS_MAP_FILE knows
 * (ext_test_dmabuf.c).
 */
#ifndef EXT_TEST_DMABUF_H
#define EXT_TEST_DMABUF_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * The argument is a size in bytes, a multiple of pages; returns a file descriptor that
 * can be mapped.
 */
#define EXT_TEST_EXPORT _IO('D', 0)
/* The same, of a driver that IOASID_IOAS_MAP_FILE does not know. */
#define EXT_TEST_EXPORT_UNKNOWN _IO('D', 1)
/* The argument is such a file descriptor; the memory goes out of all page tables. */
#define EXT_TEST_REVOKE _IO('D', 2)
/* The memory may be mapped again. */
#define EXT_TEST_ALLOW _IO('D', 3)

#endif
