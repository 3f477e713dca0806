// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VFIO driver of a vendor, as far as the tests need one: built on
 * vfio-pci-core, takes QEMU's edu, and offers migration and DMA logging. What
 * it migrates is eight bytes of its own. What it reports as written is one page
 * of each mebibyte of the logged ranges, at any time: the edu cannot tell. Once it is what
 * the parameters run_at and run_length say, in one piece. It offers
 * PRE_COPY, too, where the core has VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/interval_tree.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>
#include <linux/vfio_pci_core.h>

#include "compat/vfio.h"

static bool opened_with_kvm;
module_param(opened_with_kvm, bool, 0444);
MODULE_PARM_DESC(opened_with_kvm,
		 "Whether a VM was offered when a device was opened last.");

/* A driver's unit can be larger than any window of a report. */
static unsigned long run_at, run_length;
module_param(run_at, ulong, 0644);
MODULE_PARM_DESC(run_at, "Where something is written that is reported at once.");
module_param(run_length, ulong, 0644);
MODULE_PARM_DESC(run_length, "How much that is; 0 once it has been reported.");

#define MAX_RANGES 4

/* VFIO_DEVICE_STATE_PRE_COPY, which 6.1 does not have. */
#define STATE_PRE_COPY 6

/**
 * struct variant - an edu
 * @core: what is VFIO's
 * @lock: protects all below
 * @state: where in the migration protocol the device is
 * @data: what is migrated
 * @logging: between log_start and log_stop
 * @page_size: what is logged together
 * @first, @last: the logged ranges
 * @nr_ranges: how many they are
 */
struct variant {
	struct vfio_pci_core_device core;
	struct mutex lock; /* protects all below */
	enum vfio_device_mig_state state;
	u64 data;
	bool logging;
	u64 page_size;
	unsigned long first[MAX_RANGES];
	unsigned long last[MAX_RANGES];
	u32 nr_ranges;
};

static struct variant *to_variant(struct vfio_device *vdev)
{
	return container_of(vdev, struct variant, core.vdev);
}

/* ---- migration ---- */

static ssize_t data_read(struct file *filp, char __user *buf, size_t count,
			 loff_t *ppos)
{
	struct variant *variant = filp->private_data;

	return simple_read_from_buffer(buf, count, ppos, &variant->data,
				       sizeof(variant->data));
}

static ssize_t data_write(struct file *filp, const char __user *buf,
			  size_t count, loff_t *ppos)
{
	struct variant *variant = filp->private_data;

	return simple_write_to_buffer(&variant->data, sizeof(variant->data),
				      ppos, buf, count);
}

#if EXT_VFIO_HAS_PRECOPY_INFO_V2
static long data_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct variant *variant = filp->private_data;
	struct vfio_precopy_info info;
	size_t minsz = offsetofend(struct vfio_precopy_info, dirty_bytes);
	int ret;

	ret = vfio_check_precopy_ioctl(&variant->core.vdev, cmd, arg, &info);
	if (ret)
		return ret;

	info.initial_bytes = sizeof(variant->data);
	info.dirty_bytes = 0;
	return copy_to_user((void __user *)arg, &info, minsz) ? -EFAULT : 0;
}
#else
#define data_ioctl NULL
#endif

static int data_release(struct inode *inode, struct file *filp)
{
	struct variant *variant = filp->private_data;

	put_device(&variant->core.vdev.device);
	return 0;
}

static const struct file_operations data_fops = {
	.owner = THIS_MODULE,
	.read = data_read,
	.write = data_write,
	.unlocked_ioctl = data_ioctl,
	.release = data_release,
};

static struct file *data_file(struct variant *variant, int flags)
{
	struct file *filp;

	filp = anon_inode_getfile("ext_test_variant", &data_fops, variant,
				  flags);
	if (!IS_ERR(filp))
		get_device(&variant->core.vdev.device);
	return filp;
}

static struct file *one_step(struct variant *variant,
			     enum vfio_device_mig_state next)
{
	if (next == STATE_PRE_COPY)
		return data_file(variant, O_RDONLY);
	/* The file of what was copied in advance goes on. */
	if (next == VFIO_DEVICE_STATE_STOP_COPY &&
	    variant->state != STATE_PRE_COPY)
		return data_file(variant, O_RDONLY);
	if (next == VFIO_DEVICE_STATE_RESUMING)
		return data_file(variant, O_WRONLY);
	return NULL;
}

static struct file *set_state(struct vfio_device *vdev,
			      enum vfio_device_mig_state new_state)
{
	struct variant *variant = to_variant(vdev);
	enum vfio_device_mig_state next;
	struct file *filp = NULL;
	int ret;

	mutex_lock(&variant->lock);
	while (new_state != variant->state) {
		ret = vfio_mig_get_next_state(vdev, variant->state, new_state,
					      &next);
		if (ret) {
			filp = ERR_PTR(ret);
			break;
		}
		filp = one_step(variant, next);
		if (IS_ERR(filp))
			break;
		variant->state = next;
		/* Only the last step may leave a file behind. */
		if (WARN_ON(filp && next != new_state))
			break;
	}
	mutex_unlock(&variant->lock);
	return filp;
}

static int get_state(struct vfio_device *vdev,
		     enum vfio_device_mig_state *state)
{
	struct variant *variant = to_variant(vdev);

	mutex_lock(&variant->lock);
	*state = variant->state;
	mutex_unlock(&variant->lock);
	return 0;
}

#if EXT_VFIO_HAS_MIG_DATA_SIZE
static int get_data_size(struct vfio_device *vdev, unsigned long *length)
{
	*length = sizeof(to_variant(vdev)->data);
	return 0;
}
#endif

static const struct vfio_migration_ops mig_ops = {
	.migration_set_state = set_state,
	.migration_get_state = get_state,
#if EXT_VFIO_HAS_MIG_DATA_SIZE
	.migration_get_data_size = get_data_size,
#endif
};

/* ---- DMA logging ---- */

static int log_start(struct vfio_device *vdev, struct rb_root_cached *ranges,
		     u32 nnodes, u64 *page_size)
{
	struct variant *variant = to_variant(vdev);
	struct interval_tree_node *node;
	int ret = 0;

	mutex_lock(&variant->lock);
	if (variant->logging || nnodes > MAX_RANGES) {
		ret = variant->logging ? -EBUSY : -ENOSPC;
		goto unlock;
	}
	variant->nr_ranges = 0;
	for (node = interval_tree_iter_first(ranges, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		variant->first[variant->nr_ranges] = node->start;
		variant->last[variant->nr_ranges++] = node->last;
	}
	*page_size = max_t(u64, *page_size, SZ_4K);
	variant->page_size = *page_size;
	variant->logging = true;
unlock:
	mutex_unlock(&variant->lock);
	return ret;
}

static int log_stop(struct vfio_device *vdev)
{
	struct variant *variant = to_variant(vdev);

	mutex_lock(&variant->lock);
	variant->logging = false;
	mutex_unlock(&variant->lock);
	return 0;
}

static void mark(struct variant *variant, unsigned long first,
		 unsigned long last, struct iova_bitmap *dirty)
{
	unsigned long iova;

	for (iova = ALIGN(first, SZ_1M); iova >= first && iova <= last;
	     iova += SZ_1M)
		iova_bitmap_set(dirty, iova, variant->page_size);
}

static int log_read_and_clear(struct vfio_device *vdev, unsigned long iova,
			      unsigned long length, struct iova_bitmap *dirty)
{
	struct variant *variant = to_variant(vdev);
	unsigned long last = iova + length - 1;
	int ret = 0;
	u32 i;

	mutex_lock(&variant->lock);
	if (!variant->logging)
		ret = -EINVAL;
	for (i = 0; !ret && i < variant->nr_ranges; i++)
		mark(variant, max(iova, variant->first[i]),
		     min(last, variant->last[i]), dirty);
	if (!ret && run_length && run_at >= iova && run_at <= last) {
		iova_bitmap_set(dirty, run_at, run_length);
		run_length = 0;
	}
	mutex_unlock(&variant->lock);
	return ret;
}

static const struct vfio_log_ops log_ops = {
	.log_start = log_start,
	.log_stop = log_stop,
	.log_read_and_clear = log_read_and_clear,
};

/* ---- the driver ---- */

static int variant_init_dev(struct vfio_device *vdev)
{
	struct variant *variant = to_variant(vdev);

	mutex_init(&variant->lock);
	vdev->migration_flags = VFIO_MIGRATION_STOP_COPY;
	if (EXT_VFIO_HAS_PRECOPY_INFO_V2)
		vdev->migration_flags |= EXT_VFIO_MIGRATION_PRE_COPY;
	vdev->mig_ops = &mig_ops;
	vdev->log_ops = &log_ops;
	return vfio_pci_core_init_dev(vdev);
}

static void variant_release_dev(struct vfio_device *vdev)
{
	mutex_destroy(&to_variant(vdev)->lock);
	vfio_pci_core_release_dev(vdev);
}

static int variant_open_device(struct vfio_device *vdev)
{
	struct variant *variant = to_variant(vdev);
	int ret;

	opened_with_kvm = vdev->kvm;
	ret = vfio_pci_core_enable(&variant->core);
	if (ret)
		return ret;

	variant->state = VFIO_DEVICE_STATE_RUNNING;
	variant->data = 0x1122334455667788;
	variant->logging = false;
	vfio_pci_core_finish_enable(&variant->core);
	return 0;
}

/* A rule of its own before the core's, as some drivers have. */
static int variant_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	if (vma->vm_flags & VM_EXEC)
		return -EACCES;
	return vfio_pci_core_mmap(vdev, vma);
}

static const struct vfio_device_ops variant_ops = {
	.name = KBUILD_MODNAME,
	.init = variant_init_dev,
	.release = variant_release_dev,
	.open_device = variant_open_device,
	.close_device = vfio_pci_core_close_device,
	.ioctl = vfio_pci_core_ioctl,
	.device_feature = vfio_pci_core_ioctl_feature,
	.read = vfio_pci_core_read,
	.write = vfio_pci_core_write,
	.mmap = variant_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
	EXT_VFIO_PCI_OPS_IOMMUFD
	EXT_VFIO_PCI_OPS_DETACH
	EXT_VFIO_PCI_OPS_TOKEN
	EXT_VFIO_PCI_OPS_REGION
};

static int variant_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct variant *variant;
	int ret;

	variant = vfio_alloc_device(variant, core.vdev, &pdev->dev,
				    &variant_ops);
	if (IS_ERR(variant))
		return PTR_ERR(variant);

	pci_set_drvdata(pdev, &variant->core);
	ret = vfio_pci_core_register_device(&variant->core);
	if (ret)
		vfio_put_device(&variant->core.vdev);
	return ret;
}

static void variant_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);

	vfio_pci_core_unregister_device(core);
	vfio_put_device(&core->vdev);
}

static const struct pci_device_id variant_ids[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x1234, 0x11e8) },
	{}
};

static struct pci_driver variant_driver = {
	.name = KBUILD_MODNAME,
	.id_table = variant_ids,
	.probe = variant_probe,
	.remove = variant_remove,
	.err_handler = &vfio_pci_core_err_handlers,
	.driver_managed_dma = true,
};
module_pci_driver(variant_driver);

/* Where iova_bitmap_set() is of the kernel's own iommufd. */
#if EXT_PROBE_IMPORT_NS_TOKEN
MODULE_IMPORT_NS(IOMMUFD);
#else
MODULE_IMPORT_NS("IOMMUFD");
#endif
MODULE_DESCRIPTION("A VFIO driver with migration and DMA logging, for tests");
MODULE_LICENSE("GPL");
