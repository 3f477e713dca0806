// SPDX-License-Identifier: GPL-2.0-only
/*
 * May a module make a bitmap for vfio_log_ops->log_read_and_clear()?
 * Yes since 6.7, where the functions that make and walk it left vfio.ko for iommufd; a
 * kernel without iommufd drivers has them as stubs that refuse. Used by
 * ext_vfio_log_report().
 */
#include <linux/mm.h>
#include <linux/iova_bitmap.h>

int ext_probe(u64 __user *data, iova_bitmap_fn_t fn)
{
	struct iova_bitmap *bitmap = iova_bitmap_alloc(0, PAGE_SIZE, PAGE_SIZE, data);
	int ret = iova_bitmap_for_each(bitmap, NULL, fn);

	iova_bitmap_free(bitmap);
	return ret;
}
