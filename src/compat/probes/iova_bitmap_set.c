// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a driver mark pages in a struct iova_bitmap by a function it can call?
 * Yes since 6.1 (58ccf0190d19). Where iova_bitmap_alloc says no, the function is that of
 * vfio.ko, and ext_vfio_log_report() gives it a bitmap of its own making.
 */
#include <linux/mm.h>
#include <linux/iova_bitmap.h>

void ext_probe(struct iova_bitmap *bitmap)
{
	iova_bitmap_set(bitmap, 0, PAGE_SIZE);
}
