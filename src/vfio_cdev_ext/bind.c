// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a parked file to a device that can do DMA, and back.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/uuid.h>
#include <linux/xarray.h>

#include "compat/pasid.h"
#include "compat/vfio.h"

#include "cdev_ext.h"

/*
 * The bound file of each device, by the device's index. An entry changes only under
 * the dev_set->lock of its device, so it is stable for who holds that.
 */
static DEFINE_XARRAY(bound_files);

/**
 * cdev_ext_bound_file - the file that has a device bound
 * @vdev: the device; the caller holds its dev_set->lock
 *
 * Return: the file, or NULL if nobody uses the device, or somebody through its group.
 */
struct cdev_ext_file *cdev_ext_bound_file(struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	return xa_load(&bound_files, vdev->index);
}

/**
 * cdev_ext_find_holder - who has a device bound
 * @dev: the device below the VFIO device; its VFIO device may be gone
 * @holder: filled in
 *
 * Takes no lock that a user can hold on to.
 *
 * Return: false if nobody has it, or somebody through its group.
 */
bool cdev_ext_find_holder(struct device *dev, struct cdev_ext_holder *holder)
{
	struct cdev_ext_file *file;
	unsigned long index;
	bool found = false;

	xa_lock(&bound_files);
	xa_for_each(&bound_files, index, file) {
		/* Pairs with the release in BIND. */
		if (file->vdev->dev != dev || !smp_load_acquire(&file->bound))
			continue;
		holder->pid = pid_vnr(file->holder);
		holder->log_pid = pid_nr(file->holder);
		strscpy(holder->comm, file->holder_comm, sizeof(holder->comm));
		found = true;
		break;
	}
	xa_unlock(&bound_files);
	return found;
}

static int refuse_argsz(struct cdev_ext_file *file, u32 argsz, size_t minsz)
{
	return cdev_ext_refuse(file, -EINVAL, "argsz %u is less than %zu",
			       argsz, minsz);
}

static int copy_bind(struct cdev_ext_file *file, struct vfio_cdev_bind *bind,
		     uuid_t *token, struct vfio_cdev_bind __user *arg)
{
	size_t minsz = offsetofend(struct vfio_cdev_bind, out_devid);
	u32 size;
	int ret;

	if (get_user(size, &arg->argsz))
		return cdev_ext_refuse_fault(file, "the structure", arg);
	if (size < minsz)
		return refuse_argsz(file, size, minsz);

	ret = iommufd_ext_copy_struct(&file->errors, bind, sizeof(*bind), arg,
				      size);
	if (ret)
		return ret;
	if (bind->iommufd < 0)
		return cdev_ext_refuse(file, -EINVAL,
				       "%d is no file descriptor",
				       bind->iommufd);
	if (bind->flags & ~VFIO_CDEV_BIND_FLAG_TOKEN)
		return cdev_ext_refuse(file, -EINVAL,
				       "BIND does not know the flags %#x",
				       bind->flags & ~VFIO_CDEV_BIND_FLAG_TOKEN);

	if ((bind->flags & VFIO_CDEV_BIND_FLAG_TOKEN) &&
	    copy_from_user(token, u64_to_user_ptr(bind->token_uuid_ptr),
			   sizeof(*token)))
		return cdev_ext_refuse_fault(file, "the token",
					     u64_to_user_ptr(bind->token_uuid_ptr));
	return 0;
}

/* The device is opened as the VFIO core would: owned, its driver held, one user. */
static int open_device(struct cdev_ext_file *file)
{
	struct vfio_device *vdev = file->vdev;
	int ret;

	lockdep_assert_held(&vdev->dev_set->lock);

	if (!try_module_get(vdev->dev->driver->owner))
		return cdev_ext_refuse(file, -ENODEV,
				       "the driver of %s is being unloaded",
				       dev_name(vdev->dev));

	file->idev = iommufd_ext_device_bind(file->ictx, vdev->dev,
					     &file->devid);
	if (IS_ERR(file->idev)) {
		ret = iommufd_ext_errors_take(&file->errors, file->ictx,
					      PTR_ERR(file->idev));
		goto put_module;
	}

	vdev->open_count++;
	ext_vfio_set_cdev_opened(vdev, true);

	cdev_ext_kvm_lend(file);
	ret = vdev->ops->open_device ? vdev->ops->open_device(vdev) : 0;
	cdev_ext_kvm_lent(file);
	if (ret) {
		cdev_ext_refuse(file, ret,
				"driver %s cannot open %s (error %d)",
				vdev->dev->driver->name, dev_name(vdev->dev),
				-ret);
		goto undo_count;
	}
	return 0;

undo_count:
	cdev_ext_kvm_return(file);
	ext_vfio_set_cdev_opened(vdev, false);
	vdev->open_count--;
	iommufd_ext_device_unbind(file->idev);
put_module:
	file->idev = NULL;
	module_put(vdev->dev->driver->owner);
	return ret;
}

/*
 * The driver stops the device's DMA in close_device(), so it comes before the
 * mappings go.
 */
static void close_device(struct cdev_ext_file *file)
{
	struct vfio_device *vdev = file->vdev;

	lockdep_assert_held(&vdev->dev_set->lock);

	if (vdev->ops->close_device)
		vdev->ops->close_device(vdev);
	/* This detaches, too. */
	iommufd_ext_device_unbind(file->idev);
	file->idev = NULL;

	ext_vfio_set_precopy_info_v2(vdev, false);
	cdev_ext_kvm_return(file);
	ext_vfio_set_cdev_opened(vdev, false);
	vdev->open_count--;
	module_put(vdev->dev->driver->owner);
}

/* Whether nobody has the device. Who has it decides how the second is refused. */
static int check_unused(struct cdev_ext_file *file)
{
	struct vfio_device *vdev = file->vdev;
	const char *name = dev_name(vdev->dev);
	struct cdev_ext_file *other;

	if (!vdev->open_count)
		return 0;
	other = cdev_ext_bound_file(vdev);
	if (!other)
		return cdev_ext_refuse(file, -EBUSY,
				       "cannot bind %s: it is in use through its VFIO group",
				       name);
	if (other == file)
		return cdev_ext_refuse(file, -EINVAL,
				       "cannot bind %s: this file has bound it already",
				       name);
	return cdev_ext_refuse(file, -EINVAL,
			       "cannot bind %s: it is in use by process %d (%s)",
			       name, pid_vnr(other->holder),
			       pid_vnr(other->holder) ? other->holder_comm :
							"not visible");
}

static int bind_to_ctx(struct cdev_ext_file *file,
		       struct vfio_cdev_bind __user *arg)
{
	struct vfio_device *vdev = file->vdev;
	int ret;

	file->holder = get_pid(task_tgid(current));
	get_task_comm(file->holder_comm, current->group_leader);

	ret = xa_insert(&bound_files, vdev->index, file, GFP_KERNEL);
	if (ret)
		goto put_holder;

	ret = open_device(file);
	if (ret)
		goto erase;

	if (put_user(file->devid, &arg->out_devid)) {
		ret = cdev_ext_refuse_fault(file, "out_devid", &arg->out_devid);
		goto close;
	}

	/* Pairs with the acquire in bound_vdev(). */
	smp_store_release(&file->bound, true);
	return 0;

close:
	close_device(file);
erase:
	xa_erase(&bound_files, vdev->index);
put_holder:
	put_pid(file->holder);
	return ret;
}

/**
 * cdev_ext_bind - ioctl(VFIO_CDEV_BIND)
 * @file: the file
 * @arg: struct vfio_cdev_bind of the user
 */
int cdev_ext_bind(struct cdev_ext_file *file, struct vfio_cdev_bind __user *arg)
{
	struct vfio_device *vdev = file->vdev;
	struct iommufd_ext_ctx *ictx = NULL;
	struct vfio_cdev_bind bind;
	uuid_t token;
	int ret;

	ret = copy_bind(file, &bind, &token, arg);
	if (ret)
		return ret;

	mutex_lock(&vdev->dev_set->lock);
	ret = check_unused(file);
	if (ret)
		goto unlock;

	ictx = iommufd_ext_ctx_from_fd(bind.iommufd);
	if (IS_ERR(ictx)) {
		ret = cdev_ext_refuse(file, PTR_ERR(ictx),
				      "file descriptor %d is no open /dev/ioasid",
				      bind.iommufd);
		ictx = NULL;
		goto unlock;
	}

	ret = ext_vfio_check_token(vdev,
				   bind.flags & VFIO_CDEV_BIND_FLAG_TOKEN ?
				   &token : NULL);
	if (ret) {
		cdev_ext_refuse(file, ret,
				"cannot bind %s: the VF token is missing, wrong or not wanted",
				dev_name(vdev->dev));
		goto unlock;
	}

	file->ictx = ictx;
	ret = bind_to_ctx(file, arg);
	if (ret)
		file->ictx = NULL;
unlock:
	mutex_unlock(&vdev->dev_set->lock);
	if (!ret)
		cdev_ext_group_changed(vdev->dev);
	else if (ictx)
		iommufd_ext_ctx_put(ictx);
	return ret;
}

/**
 * cdev_ext_unbind - undo everything BIND and what came after it did
 * @file: a file that is being closed, bound or not
 */
void cdev_ext_unbind(struct cdev_ext_file *file)
{
	struct vfio_device *vdev = file->vdev;
	struct iommufd_ext_ctx *ictx;

	/* Nobody else has the file any more. */
	if (!file->bound)
		return;

	mutex_lock(&vdev->dev_set->lock);
	close_device(file);
	xa_erase(&bound_files, vdev->index);
	ictx = file->ictx;
	file->ictx = NULL;
	mutex_unlock(&vdev->dev_set->lock);

	put_pid(file->holder);
	cdev_ext_group_changed(vdev->dev);

	/* This may be the last user of the context, and take it down. */
	iommufd_ext_ctx_put(ictx);
}

/*
 * ATTACH and DETACH start alike: size, flags, and @minsz bytes that were always
 * there. Behind those is the PASID, if a flag says so.
 */
static int copy_pt(struct cdev_ext_file *file, void *cmd,
		   const void __user *arg, size_t minsz, size_t size)
{
	const struct vfio_cdev_detach *hdr = cmd;

	if (copy_from_user(cmd, arg, minsz))
		return cdev_ext_refuse_fault(file, "the structure", arg);
	if (hdr->argsz < minsz)
		return refuse_argsz(file, hdr->argsz, minsz);
	if (hdr->flags & ~VFIO_CDEV_ATTACH_PASID)
		return cdev_ext_refuse(file, -EINVAL,
				       "the flags %#x are not known",
				       hdr->flags);
	if (!hdr->flags)
		return 0;

	if (!EXT_HAS_PASID)
		return cdev_ext_refuse(file, -EOPNOTSUPP,
				       "no PASID can be attached on this kernel");
	if (hdr->argsz < size)
		return refuse_argsz(file, hdr->argsz, size);
	if (copy_from_user(cmd + minsz, arg + minsz, size - minsz))
		return cdev_ext_refuse_fault(file, "the structure", arg);
	return 0;
}

/**
 * cdev_ext_attach - ioctl(VFIO_CDEV_ATTACH)
 * @file: a bound file
 * @arg: struct vfio_cdev_attach of the user
 */
int cdev_ext_attach(struct cdev_ext_file *file,
		    struct vfio_cdev_attach __user *arg)
{
	struct vfio_device *vdev = file->vdev;
	struct vfio_cdev_attach attach;
	int ret;

	attach.pasid = IOMMU_NO_PASID;
	ret = copy_pt(file, &attach, arg, offsetofend(typeof(attach), pt_id),
		      sizeof(attach));
	if (!ret && attach.flags && attach.pasid == IOMMU_NO_PASID)
		ret = cdev_ext_refuse(file, -EINVAL, "0 is no PASID");
	if (ret)
		return ret;

	mutex_lock(&vdev->dev_set->lock);
	if (iommufd_ext_device_attached(file->idev, attach.pasid))
		ret = iommufd_ext_device_replace(file->idev, attach.pasid,
						 &attach.pt_id);
	else
		ret = iommufd_ext_device_attach(file->idev, attach.pasid,
						&attach.pt_id);
	if (ret) {
		iommufd_ext_errors_take(&file->errors, file->ictx, ret);
		goto unlock;
	}

	if (put_user(attach.pt_id, &arg->pt_id)) {
		iommufd_ext_device_detach(file->idev, attach.pasid);
		ret = cdev_ext_refuse_fault(file, "pt_id", &arg->pt_id);
	}
unlock:
	mutex_unlock(&vdev->dev_set->lock);
	return ret;
}

/**
 * cdev_ext_detach - ioctl(VFIO_CDEV_DETACH)
 * @file: a bound file
 * @arg: struct vfio_cdev_detach of the user
 */
int cdev_ext_detach(struct cdev_ext_file *file,
		    struct vfio_cdev_detach __user *arg)
{
	struct vfio_device *vdev = file->vdev;
	struct vfio_cdev_detach detach;
	int ret;

	detach.pasid = IOMMU_NO_PASID;
	ret = copy_pt(file, &detach, arg, offsetofend(typeof(detach), flags),
		      sizeof(detach));
	if (!ret && detach.flags && detach.pasid == IOMMU_NO_PASID)
		ret = cdev_ext_refuse(file, -EINVAL, "0 is no PASID");
	if (ret)
		return ret;

	mutex_lock(&vdev->dev_set->lock);
	iommufd_ext_device_detach(file->idev, detach.pasid);
	mutex_unlock(&vdev->dev_set->lock);
	return 0;
}
