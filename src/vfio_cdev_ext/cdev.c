// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file: open, parked, bound, closed.
 *
 * What is not ours to answer goes to the driver's vfio_device_ops, as the VFIO core
 * does it for its own files.
 */
#include <linux/compat.h>
#include <linux/pm_runtime.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <uapi/linux/ioasid.h>

#include "compat/vfio.h"

#include "cdev.h"
#include "trace.h"

/* A file that is not bound keeps nothing of the device: its driver may leave. */
static int cdev_ext_open(struct inode *inode, struct file *filp)
{
	struct cdev_ext_node *node;
	struct cdev_ext_file *file;
	struct vfio_device *vdev;
	int ret = -ENODEV;

	node = cdev_ext_get_node(inode);
	if (!node)
		return ret;
	vdev = cdev_ext_get_vdev(node);
	if (!vdev)
		goto put_node;
	cdev_ext_put_vdev(vdev);

	ret = -ENOMEM;
	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		goto put_node;

	file->node = node;
	mutex_init(&file->attach_lock);
	mutex_init(&file->kvm_lock);
	iommufd_ext_last_user_init(&file->last_user);
	iommufd_ext_errors_init(&file->errors);
	file->errors.standing = cdev_ext_no_kvm();
	filp->private_data = file;
	/*
	 * Before the file can be mapped, and for good: mmap() counts it as one of this inode
	 * before it asks us, and takes that back after we have refused.
	 */
	if (node->inode)
		filp->f_mapping = node->inode->i_mapping;
	return 0;

put_node:
	put_device(&node->dev);
	return ret;
}

static int cdev_ext_release(struct inode *inode, struct file *filp)
{
	struct cdev_ext_file *file = filp->private_data;

	cdev_ext_unbind(file);
	iommufd_ext_errors_destroy(&file->errors);
	iommufd_ext_last_user_destroy(&file->last_user);
	mutex_destroy(&file->kvm_lock);
	mutex_destroy(&file->attach_lock);
	put_device(&file->node->dev);
	kfree(file);
	return 0;
}

/* The device of a bound file, or NULL while it is parked. */
static struct vfio_device *cdev_bound_vdev(struct cdev_ext_file *file)
{
	/* Pairs with the release in BIND: bound means that all it set up is visible. */
	if (smp_load_acquire(&file->bound))
		return file->vdev;
	cdev_ext_refuse(file, -EINVAL,
			"%s is not bound: VFIO_DEVICE_BIND_IOMMUFD comes first",
			pci_name(file->node->pdev));
	return NULL;
}

/* The end of a call. What has failed leaves its reason. */
static long cdev_end_call(struct cdev_ext_file *file, long ret, u32 cmd,
			  const char *name)
{
	if (ret >= 0)
		return ret;
	return iommufd_ext_errors_end(&file->errors, ret, cmd, name);
}

/*
 * vfio-pci-core suspends idle devices; the driver's pm operations are those the core
 * gave it. Reads and writes resume the device in the core itself.
 */
static int cdev_resume_device(struct cdev_ext_file *file)
{
	struct device *dev = file->vdev->dev;
	int ret;

	if (!dev->driver->pm)
		return 0;

	ret = pm_runtime_resume_and_get(dev);
	if (ret) {
		dev_info_ratelimited(dev, "runtime resume failed: %d\n", ret);
		return cdev_ext_refuse(file, -EIO,
				       "%s does not wake up (error %d)",
				       dev_name(dev), -ret);
	}
	return 0;
}

static void cdev_idle_device(struct vfio_device *vdev)
{
	if (vdev->dev->driver->pm)
		pm_runtime_put(vdev->dev);
}

static const char *cdev_ioctl_name(unsigned int cmd)
{
	switch (cmd) {
	case IOASID_GROUP_INFO:
		return "IOASID_GROUP_INFO";
	case IOASID_FEATURES:
		return "IOASID_FEATURES";
	case VFIO_CDEV_BIND:
		return "VFIO_DEVICE_BIND_IOMMUFD";
	case VFIO_CDEV_ATTACH:
		return "VFIO_DEVICE_ATTACH_IOMMUFD_PT";
	case VFIO_CDEV_DETACH:
		return "VFIO_DEVICE_DETACH_IOMMUFD_PT";
	case VFIO_DEVICE_GET_INFO:
		return "VFIO_DEVICE_GET_INFO";
	case VFIO_DEVICE_GET_REGION_INFO:
		return "VFIO_DEVICE_GET_REGION_INFO";
	case VFIO_DEVICE_GET_IRQ_INFO:
		return "VFIO_DEVICE_GET_IRQ_INFO";
	case VFIO_DEVICE_SET_IRQS:
		return "VFIO_DEVICE_SET_IRQS";
	case VFIO_DEVICE_RESET:
		return "VFIO_DEVICE_RESET";
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		return "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO";
	case VFIO_DEVICE_PCI_HOT_RESET:
		return "VFIO_DEVICE_PCI_HOT_RESET";
	case VFIO_DEVICE_IOEVENTFD:
		return "VFIO_DEVICE_IOEVENTFD";
	case VFIO_DEVICE_FEATURE:
		return "VFIO_DEVICE_FEATURE";
	default:
		return "unknown ioctl";
	}
}

static long cdev_driver_ioctl(struct cdev_ext_file *file, unsigned int cmd,
			      unsigned long arg)
{
	struct vfio_device *vdev = file->vdev;
	long ret = -EINVAL;

	if (vdev->ops->ioctl)
		ret = vdev->ops->ioctl(vdev, cmd, arg);
	if (ret < 0)
		cdev_ext_refuse(file, ret,
				"%s: driver %s refuses it (error %ld)",
				cdev_ioctl_name(cmd), vdev->dev->driver->name,
				-ret);
	return ret;
}

static long cdev_region_info(struct cdev_ext_file *file, void __user *arg)
{
	int ret = ext_vfio_region_info(file->vdev, arg);

	if (ret)
		cdev_ext_refuse(file, ret,
				"VFIO_DEVICE_GET_REGION_INFO: argsz, index or pointer is not good for %s (error %d)",
				dev_name(file->vdev->dev), -ret);
	return ret;
}

static long cdev_bound_ioctl(struct cdev_ext_file *file, unsigned int cmd,
			     unsigned long arg)
{
	struct vfio_device *vdev = cdev_bound_vdev(file);
	void __user *uarg = (void __user *)arg;
	long ret;

	if (!vdev)
		return -EINVAL;
	ret = cdev_resume_device(file);
	if (ret)
		return ret;

	switch (cmd) {
	case VFIO_CDEV_ATTACH:
		ret = cdev_ext_attach(file, uarg);
		break;
	case VFIO_CDEV_DETACH:
		ret = cdev_ext_detach(file, uarg);
		break;
	case VFIO_DEVICE_FEATURE:
		ret = cdev_ext_feature(file, uarg);
		break;
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		ret = cdev_ext_hot_reset_info(file, uarg);
		break;
	case VFIO_DEVICE_PCI_HOT_RESET:
		ret = cdev_ext_hot_reset(file, uarg);
		trace_vfio_reset(vdev->dev, true, ret);
		break;
	case VFIO_DEVICE_RESET:
		ret = cdev_driver_ioctl(file, cmd, arg);
		trace_vfio_reset(vdev->dev, false, ret);
		break;
	case VFIO_DEVICE_GET_REGION_INFO:
		if (EXT_VFIO_CORE_HAS_REGION_INFO) {
			ret = cdev_region_info(file, uarg);
			break;
		}
		fallthrough;
	default:
		ret = cdev_driver_ioctl(file, cmd, arg);
		break;
	}
	cdev_idle_device(vdev);
	return ret;
}

/**
 * struct cdev_subject - what is asked of a file before BIND and after
 * @subject: the device, for iommufd_ext
 * @file: the file
 * @vdev: the VFIO device of the file, between cdev_hold_subject() and cdev_release_subject()
 */
struct cdev_subject {
	struct iommufd_ext_subject subject;
	struct cdev_ext_file *file;
	struct vfio_device *vdev;
};

/*
 * A bound file has the device open itself, so that it cannot be bound again. Who
 * else has it open may have closed it by the time the answer is there.
 */
static int cdev_hold_subject(struct iommufd_ext_subject *subject)
{
	struct cdev_subject *asked =
		container_of(subject, struct cdev_subject, subject);
	struct vfio_device *vdev = cdev_ext_file_vdev(asked->file);

	if (!vdev)
		return cdev_ext_refuse_left(asked->file);

	asked->vdev = vdev;
	subject->dev = vdev->dev;
	subject->open = READ_ONCE(vdev->open_count);
	return 0;
}

static void cdev_release_subject(struct iommufd_ext_subject *subject)
{
	struct cdev_subject *asked =
		container_of(subject, struct cdev_subject, subject);

	cdev_ext_put_vdev(asked->vdev);
}

static long cdev_ask(struct cdev_ext_file *file, unsigned int cmd,
		     void __user *arg)
{
	struct cdev_subject asked = {
		.subject = { .hold = cdev_hold_subject,
			     .release = cdev_release_subject },
		.file = file,
	};
	bool bound;
	u64 more;

	if (cmd == IOASID_FEATURES) {
		more = cdev_ext_kvm_works() ? IOASID_FEATURE_KVM : 0;
		return iommufd_ext_features_ioctl(&file->errors, &asked.subject,
						  more, arg);
	}

	/* Pairs with the release in BIND. */
	bound = smp_load_acquire(&file->bound);
	return iommufd_ext_group_info_ioctl(&file->errors,
					    bound ? file->ictx : NULL,
					    &asked.subject, arg);
}

static long cdev_ext_ioctl(struct file *filp, unsigned int cmd,
			   unsigned long arg)
{
	struct cdev_ext_file *file = filp->private_data;
	void __user *uarg = (void __user *)arg;
	long ret;

	iommufd_ext_used(&file->last_user);
	if (cmd == IOASID_GET_ERROR)
		return iommufd_ext_get_error_ioctl(&file->errors, uarg);

	iommufd_ext_errors_begin(&file->errors);
	switch (cmd) {
	case VFIO_CDEV_BIND:
		ret = cdev_ext_bind(file, uarg);
		break;
	case IOASID_GROUP_INFO:
	case IOASID_FEATURES:
		ret = cdev_ask(file, cmd, uarg);
		break;
	default:
		ret = cdev_bound_ioctl(file, cmd, arg);
		break;
	}
	return cdev_end_call(file, ret, cmd, cdev_ioctl_name(cmd));
}

/* A call that goes to the driver begins. Return: as cdev_bound_vdev(). */
static struct vfio_device *cdev_begin_access(struct cdev_ext_file *file)
{
	iommufd_ext_used(&file->last_user);
	iommufd_ext_errors_begin(&file->errors);
	return cdev_bound_vdev(file);
}

/* It ends. @vdev is NULL if it did not get to the driver. */
static ssize_t cdev_end_access(struct cdev_ext_file *file,
			       struct vfio_device *vdev, ssize_t ret,
			       const char *what, size_t count, u64 offset)
{
	if (vdev && ret < 0)
		cdev_ext_refuse(file, ret,
				"%s: driver %s refuses %zu bytes at offset %#llx (error %zd)",
				what, vdev->dev->driver->name, count, offset,
				-ret);
	return cdev_end_call(file, ret, 0, what);
}

static ssize_t cdev_ext_read(struct file *filp, char __user *buf, size_t count,
			     loff_t *ppos)
{
	struct cdev_ext_file *file = filp->private_data;
	struct vfio_device *vdev = cdev_begin_access(file);
	ssize_t ret = -EINVAL;

	if (vdev && vdev->ops->read)
		ret = vdev->ops->read(vdev, buf, count, ppos);
	return cdev_end_access(file, vdev, ret, "read", count, *ppos);
}

static ssize_t cdev_ext_write(struct file *filp, const char __user *buf,
			      size_t count, loff_t *ppos)
{
	struct cdev_ext_file *file = filp->private_data;
	struct vfio_device *vdev = cdev_begin_access(file);
	ssize_t ret = -EINVAL;

	if (vdev && vdev->ops->write)
		ret = vdev->ops->write(vdev, buf, count, ppos);
	return cdev_end_access(file, vdev, ret, "write", count, *ppos);
}

static int cdev_ext_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct cdev_ext_file *file = filp->private_data;
	struct vfio_device *vdev = cdev_begin_access(file);
	int ret = -EINVAL;

	if (vdev)
		ret = cdev_ext_map(vdev, vma);
	return cdev_end_access(file, vdev, ret, "mmap",
			       vma->vm_end - vma->vm_start,
			       (u64)vma->vm_pgoff << PAGE_SHIFT);
}

/*
 * Which device is behind this descriptor, as mainline has it since 6.18, and its id in
 * the /dev/ioasid file it is bound to.
 */
static void cdev_ext_show_fdinfo(struct seq_file *m, struct file *filp)
{
	struct cdev_ext_file *file = filp->private_data;
	char *path;

	path = kobject_get_path(&file->node->pdev->dev.kobj, GFP_KERNEL);
	if (path)
		seq_printf(m, "vfio-device-syspath: /sys%s\n", path);
	kfree(path);

	/* Constant once it is bound; pairs with the release in BIND. */
	if (smp_load_acquire(&file->bound))
		seq_printf(m, "ioasid-device-id: %u\n", file->devid);
}

const struct file_operations cdev_ext_fops = {
	.owner = THIS_MODULE,
	.open = cdev_ext_open,
	.release = cdev_ext_release,
	.read = cdev_ext_read,
	.write = cdev_ext_write,
	.unlocked_ioctl = cdev_ext_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = cdev_ext_mmap,
	.show_fdinfo = cdev_ext_show_fdinfo,
};
