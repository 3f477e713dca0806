/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bitmap that a driver with vfio_log_ops fills with the pages its device
 * wrote.
 */
#ifndef EXT_COMPAT_IOVA_BITMAP_H
#define EXT_COMPAT_IOVA_BITMAP_H

#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/iova_bitmap.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/vfio.h>

#include "ext_probes.h"

/*
 * ext_vfio_log_report() - have a driver mark what its device wrote, and forget
 * it
 * @iova, @length: the range, not empty, without overflow
 * @page_size: what a bit stands for, a power of two
 * @bitmap: of the user, bit 0 for @iova
 *
 * Return: 0, -EFAULT, -ENOMEM, the driver's error; -EOPNOTSUPP where the kernel
 * has made drivers without the means to mark anything, or with means that are not known.
 */
#if EXT_PROBE_IOVA_BITMAP_ALLOC

static inline int ext_vfio_log_read(struct iova_bitmap *dirty,
				    unsigned long iova, size_t length,
				    void *data)
{
	struct vfio_device *vdev = data;

	return vdev->log_ops->log_read_and_clear(vdev, iova, length, dirty);
}

static inline int ext_vfio_log_report(struct vfio_device *vdev,
				      unsigned long iova, unsigned long length,
				      unsigned long page_size,
				      u64 __user *bitmap)
{
	struct iova_bitmap *dirty;
	int ret;

	dirty = iova_bitmap_alloc(iova, length, page_size, bitmap);
	if (IS_ERR(dirty))
		return PTR_ERR(dirty);

	ret = iova_bitmap_for_each(dirty, vdev, ext_vfio_log_read);
	iova_bitmap_free(dirty);
	return ret;
}

#elif EXT_PROBE_IOVA_BITMAP_SET

/*
 * What iova_bitmap_set() of vfio.ko looks at: the start of struct iova_bitmap,
 * whose definition is private and the same in every mainline kernel that has it there
 * (6.1 to 6.6). Others can have it of a later one.
 */
struct ext_iova_bitmap {
	/* of the first bit of the first page */
	unsigned long iova;
	/* log2 of what a bit stands for */
	unsigned long pgshift;
	/* where in the first page that bit is */
	unsigned long pgoff;
	/* the pages of the bitmap that are pinned */
	unsigned long npages;
	struct page **pages;
};

#define EXT_IOVA_BITMAP_PAGES (PAGE_SIZE / sizeof(struct page *))

/*
 * A driver marks in units of its own, the last of which may reach beyond the window it is
 * asked for, and forgets it all. vfio.ko leaves out what is not in the pages. So more pages
 * are pinned than the window has, and behind them is a page of the kernel, which tells
 * whether something reached beyond those as well: how far, nobody knows then, and the rest
 * of the bitmap is reported as written. At its end that page takes the place of the last,
 * whose remainder is other memory of the user.
 */
struct ext_iova_window {
	struct ext_iova_bitmap map;
	/* 0: what a kernel that has later fixes has there, and may write to */
	unsigned long room[16];
	struct page *extra;
	/* whether the rest is reported */
	bool all;
};

/*
 * Does iova_bitmap_set() see in @window what was meant? No probe can tell. It has to mark the
 * first bit of a page of the kernel. One that expects a later layout finds no bitmap there.
 */
static inline bool ext_iova_window_is_seen(struct ext_iova_window *window)
{
	unsigned long *extra = page_address(window->extra);
	struct ext_iova_bitmap *map = &window->map;

	clear_page(extra);
	map->pages[0] = window->extra;
	map->npages = 1;
	iova_bitmap_set((void *)map, map->iova, 1UL << map->pgshift);
	return extra[0] == BIT(0);
}

/* @bits are those of the bitmap in the last page that is pinned, if it ends there. */
static inline int ext_vfio_log_read(struct vfio_device *vdev,
				    struct ext_iova_window *window,
				    unsigned long length, unsigned int nr,
				    unsigned int bits)
{
	unsigned long *extra = page_address(window->extra);
	struct ext_iova_bitmap *map = &window->map;
	unsigned int at = bits ? nr - 1 : nr;
	struct page *last = map->pages[at];
	unsigned int bit;
	void *kaddr;
	int ret;

	clear_page(extra);
	map->pages[at] = window->extra;
	map->npages = at + 1;
	if (window->all)
		iova_bitmap_set((void *)map, map->iova, length);
	ret = vdev->log_ops->log_read_and_clear(vdev, map->iova, length,
						(void *)map);
	map->pages[at] = last;
	if (!bits) {
		window->all |= test_bit(0, extra);
		return ret;
	}

	kaddr = kmap_local_page(last);
	for_each_set_bit(bit, extra, bits)
		__set_bit(bit, kaddr);
	kunmap_local(kaddr);
	return ret;
}

/*
 * A piece of the bitmap, from @addr on, of which @bytes are pinned meanwhile; @ends if these
 * are all there are, @bits then is how many bits.
 */
static inline int ext_vfio_log_window(struct vfio_device *vdev,
				      struct ext_iova_window *window,
				      unsigned long length, unsigned long addr,
				      unsigned long bytes, bool ends,
				      unsigned long bits)
{
	struct ext_iova_bitmap *map = &window->map;
	int nr, pinned, ret = -EFAULT;

	map->pgoff = offset_in_page(addr);
	nr = DIV_ROUND_UP(map->pgoff + bytes, PAGE_SIZE);
	pinned = pin_user_pages_fast(addr, nr, FOLL_WRITE, map->pages);
	if (pinned < 0)
		return -EFAULT;

	if (ends)
		bits -= ((nr - 1) * PAGE_SIZE - map->pgoff) * BITS_PER_BYTE;
	if (pinned == nr)
		ret = ext_vfio_log_read(vdev, window, length, nr,
					ends ? bits : 0);
	unpin_user_pages_dirty_lock(map->pages, pinned, true);
	return ret;
}

static inline int ext_vfio_log_windows(struct vfio_device *vdev,
				       struct ext_iova_window *window,
				       unsigned long length, unsigned long addr)
{
	struct ext_iova_bitmap *map = &window->map;
	unsigned long bits = ((length - 1) >> map->pgshift) + 1;
	unsigned long n, bytes, covered;
	bool ends;
	int ret;

	for (;;) {
		/* All but the first start with a page. */
		bytes = (EXT_IOVA_BITMAP_PAGES - 1) * PAGE_SIZE -
			offset_in_page(addr);
		ends = DIV_ROUND_UP(bits, BITS_PER_BYTE) <= bytes;
		if (ends) {
			n = bits;
			bytes = DIV_ROUND_UP(bits, BITS_PER_BYTE);
			covered = length;
		} else {
			n = (EXT_IOVA_BITMAP_PAGES / 2 * PAGE_SIZE -
			     offset_in_page(addr)) *
			    BITS_PER_BYTE;
			covered = n << map->pgshift;
		}

		ret = ext_vfio_log_window(vdev, window, covered, addr, bytes,
					  ends, bits);
		if (ret || ends)
			return ret;

		bits -= n;
		length -= covered;
		map->iova += covered;
		addr += n / BITS_PER_BYTE;
	}
}

static inline int ext_vfio_log_report(struct vfio_device *vdev,
				      unsigned long iova, unsigned long length,
				      unsigned long page_size,
				      u64 __user *bitmap)
{
	struct ext_iova_window window = {
		.map = {
			.iova = iova,
			.pgshift = __ffs(page_size),
		},
	};
	int ret = -ENOMEM;

	window.map.pages = (struct page **)__get_free_page(GFP_KERNEL_ACCOUNT);
	window.extra = alloc_page(GFP_KERNEL_ACCOUNT);
	if (window.map.pages && window.extra)
		ret = ext_iova_window_is_seen(&window) ?
			      ext_vfio_log_windows(vdev, &window, length,
						   (unsigned long)bitmap) :
			      -EOPNOTSUPP;
	if (window.extra)
		__free_page(window.extra);
	free_page((unsigned long)window.map.pages);
	return ret;
}

#else

static inline int ext_vfio_log_report(struct vfio_device *vdev,
				      unsigned long iova, unsigned long length,
				      unsigned long page_size,
				      u64 __user *bitmap)
{
	return -EOPNOTSUPP;
}

#endif

#endif
