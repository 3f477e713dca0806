// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA logging: which pages the device writes. A driver that can tell has
 * log_ops; what is between them and the user is the VFIO core's for its own
 * files, and here for ours.
 */
#include <linux/interval_tree.h>
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat/iova_bitmap.h"

#include "device.h"

/* A page of them, as the VFIO core takes. */
#define MAX_RANGES \
	(PAGE_SIZE / sizeof(struct vfio_device_feature_dma_logging_range))

/* A range may end with the last byte there is, as far as a u64 can say so. */
static int log_check_range(u64 iova, u64 length)
{
	u64 end;

	if (!length)
		return -EINVAL;
	if (check_add_overflow(iova, length, &end) || end > ULONG_MAX)
		return -EOVERFLOW;
	return 0;
}

static int
log_insert_range(struct rb_root_cached *root, struct interval_tree_node *node,
		 const struct vfio_device_feature_dma_logging_range *range,
		 u64 page_size)
{
	int ret;

	if (!IS_ALIGNED(range->iova, page_size) ||
	    !IS_ALIGNED(range->length, page_size))
		return -EINVAL;

	ret = log_check_range(range->iova, range->length);
	if (ret)
		return ret;

	node->start = range->iova;
	node->last = range->iova + range->length - 1;
	if (interval_tree_iter_first(root, node->start, node->last))
		return -EINVAL;
	interval_tree_insert(node, root);
	return 0;
}

/* Return: the nodes of the tree that was put below @root, or an ERR_PTR(). */
static struct interval_tree_node *
log_copy_ranges(const struct vfio_device_feature_dma_logging_control *control,
		struct rb_root_cached *root)
{
	struct vfio_device_feature_dma_logging_range *ranges;
	struct interval_tree_node *nodes;
	int ret = 0;
	u32 i;

	ranges = memdup_user(u64_to_user_ptr(control->ranges),
			     array_size(control->num_ranges, sizeof(*ranges)));
	if (IS_ERR(ranges))
		return ERR_CAST(ranges);

	nodes = kmalloc_array(control->num_ranges, sizeof(*nodes), GFP_KERNEL);
	if (!nodes)
		ret = -ENOMEM;
	for (i = 0; !ret && i < control->num_ranges; i++)
		ret = log_insert_range(root, &nodes[i], &ranges[i],
				       control->page_size);

	kfree(ranges);
	if (!ret)
		return nodes;
	kfree(nodes);
	return ERR_PTR(ret);
}

/*
 * VFIO_DEVICE_FEATURE_DMA_LOGGING_START. Returns 0 or 1 as vfio_check_feature(), or an error:
 * -ENOTTY from a driver without logging, -E2BIG for more ranges than fit a page, -EINVAL for
 * none, or for one that is empty, unaligned or overlaps another, -EOVERFLOW for one beyond the
 * last address; the driver's error.
 */
int cdev_ext_log_start(struct vfio_device *vdev, u32 flags, void __user *data,
		       size_t size)
{
	struct vfio_device_feature_dma_logging_control control;
	struct rb_root_cached root = RB_ROOT_CACHED;
	struct interval_tree_node *nodes;
	int ret;

	if (!vdev->log_ops)
		return -ENOTTY;

	ret = vfio_check_feature(flags, size, VFIO_DEVICE_FEATURE_SET,
				 sizeof(control));
	if (ret != 1)
		return ret;
	if (copy_from_user(&control, data, sizeof(control)))
		return -EFAULT;
	if (!control.num_ranges)
		return -EINVAL;
	if (control.num_ranges > MAX_RANGES)
		return -E2BIG;

	nodes = log_copy_ranges(&control, &root);
	if (IS_ERR(nodes))
		return PTR_ERR(nodes);

	/* The driver may prefer other pages, and says so. */
	ret = vdev->log_ops->log_start(vdev, &root, control.num_ranges,
				       &control.page_size);
	if (!ret && copy_to_user(data, &control, sizeof(control))) {
		vdev->log_ops->log_stop(vdev);
		ret = -EFAULT;
	}
	kfree(nodes);
	return ret;
}

/* VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP. Returns as cdev_ext_log_start(). */
int cdev_ext_log_stop(struct vfio_device *vdev, u32 flags, size_t size)
{
	int ret;

	if (!vdev->log_ops)
		return -ENOTTY;

	ret = vfio_check_feature(flags, size, VFIO_DEVICE_FEATURE_SET, 0);
	if (ret != 1)
		return ret;
	return vdev->log_ops->log_stop(vdev);
}

/*
 * VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT. Returns as cdev_ext_log_start(); -EINVAL for an empty
 * range, or for pages that are smaller than 4 KiB or no power of two; -EOPNOTSUPP on kernels
 * from 6.7 on that have no iommufd, whose drivers cannot say which pages.
 */
int cdev_ext_log_report(struct vfio_device *vdev, u32 flags, void __user *data,
			size_t size)
{
	struct vfio_device_feature_dma_logging_report report;
	int ret;

	if (!vdev->log_ops)
		return -ENOTTY;

	ret = vfio_check_feature(flags, size, VFIO_DEVICE_FEATURE_GET,
				 sizeof(report));
	if (ret != 1)
		return ret;
	if (copy_from_user(&report, data, sizeof(report)))
		return -EFAULT;
	if (report.page_size < SZ_4K || !is_power_of_2(report.page_size))
		return -EINVAL;

	ret = log_check_range(report.iova, report.length);
	if (ret)
		return ret;
	return ext_vfio_log_report(vdev, report.iova, report.length,
				   report.page_size,
				   u64_to_user_ptr(report.bitmap));
}
