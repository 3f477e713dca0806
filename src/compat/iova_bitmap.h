/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bitmap that a driver with vfio_log_ops fills with the pages its device
 * wrote.
 */
#ifndef EXT_COMPAT_IOVA_BITMAP_H
#define EXT_COMPAT_IOVA_BITMAP_H

#include <linux/gfp.h>
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
 * has made drivers without the means to mark anything.
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
 * whose definition is private and the same in every kernel that has it there
 * (6.1 to 6.6).
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

/* One piece of the bitmap, from @addr on, whose pages are pinned meanwhile. */
static inline int ext_vfio_log_window(struct vfio_device *vdev,
				      struct ext_iova_bitmap *window,
				      unsigned long length, unsigned long addr,
				      unsigned long bytes)
{
	int nr, pinned, ret = -EFAULT;

	window->pgoff = offset_in_page(addr);
	nr = DIV_ROUND_UP(window->pgoff + bytes, PAGE_SIZE);
	pinned = pin_user_pages_fast(addr, nr, FOLL_WRITE, window->pages);
	if (pinned < 0)
		return -EFAULT;

	window->npages = pinned;
	if (pinned == nr)
		ret = vdev->log_ops->log_read_and_clear(vdev, window->iova,
							length, (void *)window);
	unpin_user_pages_dirty_lock(window->pages, pinned, true);
	return ret;
}

static inline int ext_vfio_log_windows(struct vfio_device *vdev,
				       struct ext_iova_bitmap *window,
				       unsigned long length, unsigned long addr)
{
	unsigned long bits = ((length - 1) >> window->pgshift) + 1;
	unsigned long n, covered;
	int ret;

	for (;;) {
		/* All but the first start with a page. */
		n = EXT_IOVA_BITMAP_PAGES * PAGE_SIZE - offset_in_page(addr);
		n = min(bits, n * BITS_PER_BYTE);
		covered = n < bits ? n << window->pgshift : length;

		ret = ext_vfio_log_window(vdev, window, covered, addr,
					  DIV_ROUND_UP(n, BITS_PER_BYTE));
		if (ret || n == bits)
			return ret;

		bits -= n;
		length -= covered;
		window->iova += covered;
		addr += n / BITS_PER_BYTE;
	}
}

static inline int ext_vfio_log_report(struct vfio_device *vdev,
				      unsigned long iova, unsigned long length,
				      unsigned long page_size,
				      u64 __user *bitmap)
{
	struct ext_iova_bitmap window = {
		.iova = iova,
		.pgshift = __ffs(page_size),
	};
	int ret;

	window.pages = (struct page **)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!window.pages)
		return -ENOMEM;

	ret = ext_vfio_log_windows(vdev, &window, length,
				   (unsigned long)bitmap);
	free_page((unsigned long)window.pages);
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
