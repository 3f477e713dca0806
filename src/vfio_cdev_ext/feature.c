// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE: the checks that are the same for all features, the features
 * the VFIO core answers itself, and the driver for all others.
 */
#include <linux/file.h>
#include <linux/uaccess.h>

#include "compat/vfio.h"

#include "device.h"

#define FEATURE_FLAGS \
	(VFIO_DEVICE_FEATURE_MASK | VFIO_DEVICE_FEATURE_GET | \
	 VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PROBE)

static int feature_migration(struct vfio_device *vdev, u32 flags,
			     void __user *data, size_t size)
{
	struct vfio_device_feature_migration mig = {
		.flags = vdev->migration_flags,
	};
	int ret;

	if (!vdev->mig_ops)
		return -ENOTTY;

	ret = vfio_check_feature(flags, size, VFIO_DEVICE_FEATURE_GET,
				 sizeof(mig));
	if (ret != 1)
		return ret;
	return copy_to_user(data, &mig, sizeof(mig)) ? -EFAULT : 0;
}

/* Gives the user a descriptor for @data_file, whose reference this consumes. */
static int feature_return_fd(struct vfio_device_feature_mig_state *mig,
			     struct file *data_file, void __user *data)
{
	int fd;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		fput(data_file);
		return fd;
	}

	mig->data_fd = fd;
	if (copy_to_user(data, mig, sizeof(*mig))) {
		put_unused_fd(fd);
		fput(data_file);
		return -EFAULT;
	}

	fd_install(fd, data_file);
	return 0;
}

static int feature_set_mig_state(struct vfio_device *vdev,
				 struct vfio_device_feature_mig_state *mig,
				 void __user *data)
{
	struct file *data_file;

	data_file = vdev->mig_ops->migration_set_state(vdev,
						       mig->device_state);
	if (!IS_ERR_OR_NULL(data_file))
		return feature_return_fd(mig, data_file, data);

	mig->data_fd = -1;
	if (copy_to_user(data, mig, sizeof(*mig)))
		return -EFAULT;
	return PTR_ERR_OR_ZERO(data_file);
}

static int feature_get_mig_state(struct vfio_device *vdev,
				 struct vfio_device_feature_mig_state *mig,
				 void __user *data)
{
	enum vfio_device_mig_state state;
	int ret;

	ret = vdev->mig_ops->migration_get_state(vdev, &state);
	if (ret)
		return ret;

	mig->device_state = state;
	mig->data_fd = -1;
	return copy_to_user(data, mig, sizeof(*mig)) ? -EFAULT : 0;
}

static int feature_mig_state(struct vfio_device *vdev, u32 flags,
			     void __user *data, size_t size)
{
	struct vfio_device_feature_mig_state mig;
	int ret;

	if (!vdev->mig_ops)
		return -ENOTTY;

	ret = vfio_check_feature(flags, size,
				 VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_SET, sizeof(mig));
	if (ret != 1)
		return ret;
	if (copy_from_user(&mig, data, sizeof(mig)))
		return -EFAULT;

	if (flags & VFIO_DEVICE_FEATURE_GET)
		return feature_get_mig_state(vdev, &mig, data);
	return feature_set_mig_state(vdev, &mig, data);
}

static int feature_mig_data_size(struct vfio_device *vdev, u32 flags,
				 void __user *data, size_t size)
{
	unsigned long length;
	u64 out;
	int ret;

	if (!vdev->mig_ops || !EXT_VFIO_HAS_MIG_DATA_SIZE)
		return -ENOTTY;

	ret = vfio_check_feature(flags, size, VFIO_DEVICE_FEATURE_GET,
				 sizeof(out));
	if (ret != 1)
		return ret;

	ret = ext_vfio_mig_data_size(vdev, &length);
	if (ret)
		return ret;

	out = length;
	return copy_to_user(data, &out, sizeof(out)) ? -EFAULT : 0;
}

static int feature_precopy_info_v2(struct vfio_device *vdev, u32 flags,
				   size_t size)
{
	int ret;

	if (!EXT_VFIO_HAS_PRECOPY_INFO_V2)
		return -ENOTTY;
	if (!(vdev->migration_flags & EXT_VFIO_MIGRATION_PRE_COPY))
		return -EINVAL;

	ret = vfio_check_feature(flags, size, VFIO_DEVICE_FEATURE_SET, 0);
	if (ret != 1)
		return ret;

	ext_vfio_set_precopy_info_v2(vdev, true);
	return 0;
}

static int feature_choose(struct vfio_device *vdev, u32 flags,
			  void __user *data, size_t size)
{
	switch (flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_MIGRATION:
		return feature_migration(vdev, flags, data, size);
	case VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE:
		return feature_mig_state(vdev, flags, data, size);
	case EXT_VFIO_FEATURE_MIG_DATA_SIZE:
		return feature_mig_data_size(vdev, flags, data, size);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_START:
		return cdev_ext_log_start(vdev, flags, data, size);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP:
		return cdev_ext_log_stop(vdev, flags, size);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT:
		return cdev_ext_log_report(vdev, flags, data, size);
	case EXT_VFIO_FEATURE_PRECOPY_INFO_V2:
		return feature_precopy_info_v2(vdev, flags, size);
	case EXT_VFIO_FEATURE_DMA_BUF:
		/* The core exports nothing with which a hot reset could revoke it. */
		return -ENOTTY;
	}

	if (!vdev->ops->device_feature)
		return -ENOTTY;
	return vdev->ops->device_feature(vdev, flags, data, size);
}

/* What is known of a refusal without asking the feature. */
static const char *feature_words(int ret)
{
	switch (ret) {
	case -ENOTTY:
		return "the device does not have it";
	case -EFAULT:
		return "its data, or what they point to, are not in memory that can be used";
	case -E2BIG:
		return "its data are longer than it takes";
	case -EINVAL:
		return "it has no such operation, or its data are too short or not valid";
	case -EOVERFLOW:
		return "a range of its data does not end";
	default:
		return "it cannot be served now";
	}
}

/*
 * ioctl(VFIO_DEVICE_FEATURE) of a bound file. Not offered: dma-bufs of BARs, because only the
 * core can revoke them around a hot reset.
 */
int cdev_ext_feature(struct cdev_ext_file *file,
		     struct vfio_device_feature __user *arg)
{
	size_t minsz = offsetofend(struct vfio_device_feature, flags);
	struct vfio_device_feature feature;
	u32 flags, get_set;
	int ret;

	if (copy_from_user(&feature, arg, minsz))
		return cdev_ext_refuse_fault(file, "the structure", arg);
	flags = feature.flags;
	if (feature.argsz < minsz)
		return cdev_ext_refuse_argsz(file, feature.argsz, minsz);
	if (flags & ~(u32)FEATURE_FLAGS)
		return cdev_ext_refuse(file, -EINVAL,
				       "the flags %#x are not known",
				       flags & ~(u32)FEATURE_FLAGS);

	get_set = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
	if ((flags & get_set) == get_set &&
	    !(flags & VFIO_DEVICE_FEATURE_PROBE))
		return cdev_ext_refuse(file, -EINVAL,
				       "GET and SET together are for PROBE only");

	ret = feature_choose(file->vdev, flags, arg->data,
			     feature.argsz - minsz);
	if (ret < 0)
		cdev_ext_refuse(file, ret, "feature %u: %s (error %d)",
				flags & VFIO_DEVICE_FEATURE_MASK,
				feature_words(ret), -ret);
	return ret;
}
