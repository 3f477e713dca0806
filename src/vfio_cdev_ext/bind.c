// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a parked file to a device that can do DMA, and back.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/uuid.h>

#include "compat/pasid.h"
#include "compat/vfio.h"

#include "device.h"

/* The device of a file that is not bound is no longer there. Returns -ENODEV. */
int cdev_ext_refuse_left(struct cdev_ext_file *file)
{
	return cdev_ext_refuse(file, -ENODEV, "%s has left its driver",
			       pci_name(file->node->pdev));
}

/* How often BIND begins again because the memory for its answer has gone again. */
#define MAX_TRIES 16

/**
 * struct bind_request - a call of BIND
 * @arg: of the user
 * @cmd: copy of that
 * @token: what @cmd points to; valid if @has_token
 * @has_token: whether it could be read
 * @can_answer: the memory for the answer was there a moment ago
 * @tries: how often it may still begin again if @arg cannot be written right now
 * @again: it cannot, and this call has been undone
 * @hold: of the device's group; kept while the call begins again, as what it has open is
 *	closed when the call returns
 *
 * While the device is held no memory of the user is waited for: it can take as long as he
 * likes, and the driver could not leave. So it is read before, and found to be there.
 */
struct bind_request {
	struct vfio_cdev_bind __user *arg;
	struct vfio_cdev_bind cmd;
	uuid_t token;
	bool has_token;
	bool can_answer;
	unsigned int tries;
	bool again;
	struct cdev_ext_hold *hold;
};

static int bind_copy_request(struct cdev_ext_file *file,
			     struct bind_request *req)
{
	size_t minsz = offsetofend(struct vfio_cdev_bind, out_devid);
	struct vfio_cdev_bind __user *arg = req->arg;
	struct vfio_cdev_bind *bind = &req->cmd;
	u32 size;
	int ret;

	if (get_user(size, &arg->argsz))
		return cdev_ext_refuse_fault(file, "the structure", arg);
	if (size < minsz)
		return cdev_ext_refuse_argsz(file, size, minsz);

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
	/* That there is none is said in its turn. */
	if (bind->flags & VFIO_CDEV_BIND_FLAG_TOKEN)
		req->has_token =
			!copy_from_user(&req->token,
					u64_to_user_ptr(bind->token_uuid_ptr),
					sizeof(req->token));
	return 0;
}

/*
 * Undoes bind_open_device(), but for what the driver has done. This detaches, too.
 *
 * It waits for ioctls that use the device's id, and, if it is attached, for whoever fills a
 * page table, which pins memory: without dev_set->lock, which others on the bus need.
 * Meanwhile nobody gets at the device: its group is still owned, so that the group path is
 * closed, and its entry in bound.c refuses other files.
 */
static void bind_undo_open(struct cdev_ext_file *file)
{
	struct vfio_device *vdev = file->vdev;
	struct iommufd_ext_device *idev = file->idev;

	cdev_ext_kvm_return(file);
	ext_vfio_set_cdev_opened(vdev, false);
	vdev->open_count--;
	file->idev = NULL;

	mutex_unlock(&vdev->dev_set->lock);
	iommufd_ext_device_unbind(idev);
	mutex_lock(&vdev->dev_set->lock);
	module_put(vdev->dev->driver->owner);
}

/* The device is opened as the VFIO core would: owned, its driver held, one user. */
static int bind_open_device(struct cdev_ext_file *file)
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
		file->idev = NULL;
		module_put(vdev->dev->driver->owner);
		return ret;
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
		bind_undo_open(file);
	}
	return ret;
}

/*
 * The driver stops the device's DMA in close_device(), so it comes before the
 * mappings go.
 */
static void bind_close_device(struct cdev_ext_file *file)
{
	struct vfio_device *vdev = file->vdev;

	lockdep_assert_held(&vdev->dev_set->lock);

	if (vdev->ops->close_device)
		vdev->ops->close_device(vdev);
	ext_vfio_set_precopy_info_v2(vdev, false);
	bind_undo_open(file);
}

static int bind_refuse_again(struct cdev_ext_file *file)
{
	return cdev_ext_refuse(file, -EINVAL,
			       "cannot bind %s: this file has bound it already",
			       pci_name(file->node->pdev));
}

/* What is refused whatever else is asked for: a device of the VFIO core's, twice the same. */
static int bind_check_device(struct cdev_ext_file *file,
			     struct vfio_device *vdev)
{
	struct cdev_ext_file *other = cdev_ext_bound_find(vdev);

	if (vdev->open_count && !other)
		return cdev_ext_refuse(file, -EBUSY,
				       "cannot bind %s: it is in use through %s",
				       dev_name(vdev->dev),
				       cdev_ext_kernels_way(vdev));
	return other == file ? bind_refuse_again(file) : 0;
}

static int bind_check_token(struct cdev_ext_file *file,
			    struct vfio_device *vdev,
			    const struct bind_request *req)
{
	bool given = req->cmd.flags & VFIO_CDEV_BIND_FLAG_TOKEN;
	int ret;

	if (given && !req->has_token)
		return cdev_ext_refuse_fault(file, "the token",
				u64_to_user_ptr(req->cmd.token_uuid_ptr));

	ret = ext_vfio_check_token(vdev, given ? &req->token : NULL);
	if (ret)
		cdev_ext_refuse(file, ret,
				"cannot bind %s: the VF token is missing, wrong or not wanted",
				dev_name(vdev->dev));
	return ret;
}

static struct iommufd_ext_ctx *bind_get_ctx(struct cdev_ext_file *file, int fd)
{
	struct iommufd_ext_ctx *ictx = iommufd_ext_ctx_from_fd(fd);

	if (IS_ERR(ictx))
		cdev_ext_refuse(file, PTR_ERR(ictx),
				"file descriptor %d is no open /dev/ioasid",
				fd);
	return ictx;
}

/* Whether no other file has the device. */
static int bind_check_unused(struct cdev_ext_file *file,
			     struct vfio_device *vdev)
{
	struct iommufd_ext_whose whose;

	if (!cdev_ext_bound_find(vdev))
		return 0;
	if (!cdev_ext_describe_user(vdev->dev, &whose, false))
		return cdev_ext_refuse(file, -EINVAL,
				       "cannot bind %s: a BIND of another file has just failed, and is being undone",
				       dev_name(vdev->dev));
	return cdev_ext_refuse(file, -EINVAL, "cannot bind %s: it is %s by %s",
			       dev_name(vdev->dev), cdev_ext_use(&whose),
			       whose.text);
}

/* With one store, and without waiting for the memory: all of it or nothing. */
static bool bind_put_devid(u32 __user *uptr, u32 devid)
{
	bool put;

	pagefault_disable();
	put = !put_user(devid, uptr);
	pagefault_enable();
	return put;
}

static int bind_answer(struct cdev_ext_file *file, struct bind_request *req)
{
	u32 __user *uptr = &req->arg->out_devid;

	if (req->can_answer && bind_put_devid(uptr, file->devid))
		return 0;
	req->again = req->tries;
	return cdev_ext_refuse_fault(file, "out_devid", uptr);
}

static int bind_to_ctx(struct cdev_ext_file *file, struct vfio_device *vdev,
		       struct iommufd_ext_ctx *ictx, struct bind_request *req)
{
	int ret;

	file->vdev = vdev;
	file->ictx = ictx;
	file->holder = get_pid(task_tgid(current));
	file->hold = req->hold;

	ret = cdev_ext_bound_insert(file);
	if (ret)
		goto put_holder;

	ret = bind_open_device(file);
	if (ret)
		goto erase;

	ret = bind_answer(file, req);
	if (ret)
		goto close;

	/* Pairs with the acquire in cdev_bound_vdev(). */
	smp_store_release(&file->bound, true);
	return 0;

close:
	bind_close_device(file);
erase:
	cdev_ext_bound_erase(file);
put_holder:
	file->hold = NULL;
	put_pid(file->holder);
	file->ictx = NULL;
	file->vdev = NULL;
	return ret;
}

/* Mainline's order: a call that is wrong in two ways gets the same errno. */
static int bind_device(struct cdev_ext_file *file, struct vfio_device *vdev,
		       struct bind_request *req)
{
	struct iommufd_ext_ctx *ictx;
	int ret;

	mutex_lock(&vdev->dev_set->lock);
	ret = bind_check_device(file, vdev);
	if (!ret)
		ret = bind_check_token(file, vdev, req);
	if (ret)
		goto unlock;

	ictx = bind_get_ctx(file, req->cmd.iommufd);
	if (IS_ERR(ictx)) {
		ret = PTR_ERR(ictx);
		goto unlock;
	}

	ret = bind_check_unused(file, vdev);
	if (!ret)
		ret = bind_to_ctx(file, vdev, ictx, req);
	mutex_unlock(&vdev->dev_set->lock);
	/* Not under the lock: this may be the last user, and take the context down. */
	if (ret)
		iommufd_ext_ctx_put(ictx);
	return ret;

unlock:
	mutex_unlock(&vdev->dev_set->lock);
	return ret;
}

/* A bound file keeps the hold that this takes, and so does a call that begins again. */
static int bind_in_group(struct cdev_ext_file *file, struct vfio_device *vdev,
			 struct bind_request *req)
{
	struct cdev_ext_hold *last = req->hold;
	int ret;

	req->hold = cdev_ext_hold_get(file, vdev);
	cdev_ext_hold_put(last);
	if (IS_ERR(req->hold))
		return PTR_ERR(req->hold);

	ret = bind_device(file, vdev, req);
	if (ret && !req->again)
		cdev_ext_hold_put(req->hold);
	return ret;
}

/* ioctl(VFIO_CDEV_BIND). From here on the file holds a registration of the VFIO device. */
int cdev_ext_bind(struct cdev_ext_file *file,
		  struct vfio_cdev_bind __user *arg)
{
	struct bind_request req = { .arg = arg, .tries = MAX_TRIES };
	struct vfio_device *vdev;
	int ret;

	ret = bind_copy_request(file, &req);
	if (ret)
		return ret;
	/* Pairs with the release in bind_to_ctx(). Its driver may be leaving by now. */
	if (smp_load_acquire(&file->bound))
		return bind_refuse_again(file);

	do {
		req.again = false;
		req.can_answer = iommufd_ext_can_answer(&arg->out_devid,
							sizeof(arg->out_devid));
		if (!req.can_answer || fatal_signal_pending(current))
			req.tries = 0;
		else
			req.tries--;

		vdev = cdev_ext_get_vdev(file->node);
		if (!vdev) {
			cdev_ext_hold_put(req.hold);
			return cdev_ext_refuse_left(file);
		}
		ret = bind_in_group(file, vdev, &req);
		if (ret)
			cdev_ext_put_vdev(vdev);
	} while (req.again);

	if (!ret)
		cdev_ext_group_changed(vdev->dev);
	return ret;
}

/* Undoes BIND and what came after it, for a file that is being closed, bound or not. */
void cdev_ext_unbind(struct cdev_ext_file *file)
{
	struct iommufd_ext_ctx *ictx;
	struct vfio_device *vdev;

	/* Nobody else has the file any more. */
	if (!file->bound)
		return;
	vdev = file->vdev;

	mutex_lock(&vdev->dev_set->lock);
	bind_close_device(file);
	cdev_ext_bound_erase(file);
	ictx = file->ictx;
	file->ictx = NULL;
	mutex_unlock(&vdev->dev_set->lock);

	put_pid(file->holder);
	cdev_ext_hold_put(file->hold);
	cdev_ext_group_changed(vdev->dev);
	cdev_ext_put_vdev(vdev);

	/* This may be the last user of the context, and take it down. */
	iommufd_ext_ctx_put(ictx);
}

/*
 * ATTACH and DETACH start alike: size, flags, and @minsz bytes that were always
 * there. Behind those is the PASID, if a flag says so.
 */
static int bind_copy_pt(struct cdev_ext_file *file, void *cmd,
			const void __user *arg, size_t minsz, size_t size)
{
	const struct vfio_cdev_detach *hdr = cmd;

	if (copy_from_user(cmd, arg, minsz))
		return cdev_ext_refuse_fault(file, "the structure", arg);
	if (hdr->argsz < minsz)
		return cdev_ext_refuse_argsz(file, hdr->argsz, minsz);
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
		return cdev_ext_refuse_argsz(file, hdr->argsz, size);
	if (copy_from_user(cmd + minsz, arg + minsz, size - minsz))
		return cdev_ext_refuse_fault(file, "the structure", arg);
	return 0;
}

/* ioctl(VFIO_CDEV_ATTACH) of a bound file. */
int cdev_ext_attach(struct cdev_ext_file *file,
		    struct vfio_cdev_attach __user *arg)
{
	struct vfio_cdev_attach attach;
	int ret;

	attach.pasid = IOMMU_NO_PASID;
	ret = bind_copy_pt(file, &attach, arg,
			   offsetofend(typeof(attach), pt_id), sizeof(attach));
	if (!ret && attach.flags && attach.pasid == IOMMU_NO_PASID)
		ret = cdev_ext_refuse(file, -EINVAL, "0 is no PASID");
	if (ret)
		return ret;

	if (mutex_lock_killable(&file->attach_lock))
		return -EINTR;
	ret = iommufd_ext_device_attached(file->idev, attach.pasid);
	if (ret > 0)
		ret = iommufd_ext_device_replace(file->idev, attach.pasid,
						 &attach.pt_id);
	else if (!ret)
		ret = iommufd_ext_device_attach(file->idev, attach.pasid,
						&attach.pt_id);
	if (ret) {
		iommufd_ext_errors_take(&file->errors, file->ictx, ret);
		goto unlock;
	}

	if (put_user(attach.pt_id, &arg->pt_id)) {
		/* If it is being killed, it need not be told. */
		iommufd_ext_device_detach(file->idev, attach.pasid);
		ret = cdev_ext_refuse_fault(file, "pt_id", &arg->pt_id);
	}
unlock:
	mutex_unlock(&file->attach_lock);
	return ret;
}

/* ioctl(VFIO_CDEV_DETACH) of a bound file. */
int cdev_ext_detach(struct cdev_ext_file *file,
		    struct vfio_cdev_detach __user *arg)
{
	struct vfio_cdev_detach detach;
	int ret;

	detach.pasid = IOMMU_NO_PASID;
	ret = bind_copy_pt(file, &detach, arg,
			   offsetofend(typeof(detach), flags), sizeof(detach));
	if (ret)
		return ret;
	/* Never attached, which is no error, and not what a call without the flag means. */
	if (detach.flags && detach.pasid == IOMMU_NO_PASID)
		return 0;

	if (mutex_lock_killable(&file->attach_lock))
		return -EINTR;
	ret = iommufd_ext_device_detach(file->idev, detach.pasid);
	mutex_unlock(&file->attach_lock);
	return ret;
}
