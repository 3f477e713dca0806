// SPDX-License-Identifier: GPL-2.0-only
/*
 * Binding devices to a context, and attaching them by the ids that users give.
 *
 * A driver binds its device for a user, and the context then owns the device's IOMMU
 * group (group.c). What it is attached to (attach.c) is the user's choice: a page table,
 * or an IOAS, for which there is one already or one is made.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/slab.h>

#include "compat/coherency.h"
#include "compat/module.h"
#include "device.h"
#include "trace.h"

static const char *idev_name(const struct obj *obj)
{
	const struct iommufd_ext_device *idev =
		container_of(obj, struct iommufd_ext_device, obj);

	return dev_name(idev->dev);
}

/*
 * iommufd_ext_device_bind() without a reference to the context, which outlives the bound
 * device.
 */
struct iommufd_ext_device *idev_bind(struct iommufd_ext_ctx *ictx,
				     struct device *dev, u32 *id)
{
	struct iommufd_ext_device *idev;
	struct igroup *igroup;
	int rc;

	iommufd_ext_used(&ictx->last_user);
	iommufd_ext_errors_begin(&ictx->errors);
	if (!dev->iommu_group)
		return ERR_PTR(refuse(ictx, -ENODEV,
				      "cannot bind %s: it is in no IOMMU group",
				      dev_name(dev)));
	if (!iommufd_ext_device_supported(dev))
		return ERR_PTR(refuse(ictx, -EINVAL,
				      "cannot bind %s: its DMA is not cache coherent",
				      dev_name(dev)));

	igroup = igroup_get(ictx, dev);
	if (IS_ERR(igroup))
		return ERR_CAST(igroup);

	idev = kzalloc(sizeof(*idev), GFP_KERNEL_ACCOUNT);
	if (!idev) {
		rc = -ENOMEM;
		goto err_put_igroup;
	}
	idev->ictx = ictx;
	idev->dev = dev;
	idev->igroup = igroup;
	idev->obj.name = idev_name;

	rc = obj_reserve(ictx, &idev->obj, OBJ_DEVICE);
	if (rc)
		goto err_free_idev;
	/* The driver's own, so that no user destroys the device under it. */
	refcount_inc(&idev->obj.users);
	*id = idev->obj.id;
	igroup_add_idev(idev);
	obj_publish(ictx, &idev->obj);
	return idev;

err_free_idev:
	kfree(idev);
err_put_igroup:
	igroup_put(igroup);
	return ERR_PTR(rc);
}

/**
 * iommufd_ext_device_bind() - take ownership of a device for a context
 * @ictx: the context; the device keeps a reference
 * @dev: the device; its driver keeps it alive and sets driver_managed_dma
 * @id: the user's name for it
 *
 * The whole IOMMU group is claimed, and its DMA blocked until a device of it is
 * attached.
 *
 * Context: may sleep.
 * Return: the bound device or an ERR_PTR: -ENODEV without an IOMMU group;
 * -EINVAL if DMA is not cache coherent; -EPERM if another context has the group,
 * or interrupts are not isolated; -EBUSY if a kernel driver or a VFIO container
 * has it; -ENOMEM.
 */
struct iommufd_ext_device *iommufd_ext_device_bind(struct iommufd_ext_ctx *ictx,
						   struct device *dev, u32 *id)
{
	struct iommufd_ext_device *idev;

	idev = idev_bind(ictx, dev, id);
	if (!IS_ERR(idev))
		iommufd_ext_ctx_get(ictx);
	trace_ioasid_bind(ictx->id, dev, IS_ERR(idev) ? 0 : *id,
			  PTR_ERR_OR_ZERO(idev));
	return idev;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_bind);

void idev_unbind(struct iommufd_ext_device *idev)
{
	idev_detach_all(idev);
	igroup_remove_idev(idev);
	obj_remove_sync(idev->ictx, &idev->obj);
	/* Once it gives the group back, another context may have it. */
	trace_ioasid_unbind(idev->ictx->id, idev->dev, idev->obj.id);
	igroup_put(idev->igroup);
	kfree(idev);
}

/**
 * iommufd_ext_device_unbind() - undo iommufd_ext_device_bind()
 * @idev: the bound device; it is detached first if it is attached
 *
 * Context: may sleep, and waits for ioctls that use the device's id.
 */
void iommufd_ext_device_unbind(struct iommufd_ext_device *idev)
{
	struct iommufd_ext_ctx *ictx = idev->ictx;

	idev_unbind(idev);
	iommufd_ext_ctx_put(ictx);
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_unbind);

/**
 * iommufd_ext_device_to_ictx() - the context a device is bound to
 * @idev: the bound device
 *
 * Return: the context, without a reference of its own.
 */
struct iommufd_ext_ctx *
iommufd_ext_device_to_ictx(struct iommufd_ext_device *idev)
{
	return idev->ictx;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_to_ictx);

/**
 * iommufd_ext_device_to_id() - the user's name for a device
 * @idev: the bound device
 *
 * Return: the id, greater than 0.
 */
u32 iommufd_ext_device_to_id(struct iommufd_ext_device *idev)
{
	return idev->obj.id;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_to_id);

/**
 * iommufd_ext_device_supported() - can a device ever be bound?
 * @dev: the device
 *
 * Return: true if it is behind an IOMMU and its DMA is cache coherent.
 */
bool iommufd_ext_device_supported(struct device *dev)
{
	return dev->iommu_group &&
	       device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY);
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_supported);

/**
 * iommufd_ext_device_enforced_coherent() - can the device's DMA bypass caches?
 * @dev: the device, bound or not
 *
 * KVM asks, to know whether it must emulate a guest's WBINVD. It asks before the
 * device is bound, and while others have its group: the answer is one of the
 * IOMMU's alone, it does not change, and nobody is disturbed for it.
 *
 * Context: may sleep.
 * Return: true if no-snoop DMA is impossible for every page table of the
 * device; false if it is possible, or if memory is too short to tell.
 */
bool iommufd_ext_device_enforced_coherent(struct device *dev)
{
	return iommufd_ext_device_supported(dev) &&
	       ext_iommu_enforces_coherency(dev) > 0;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_enforced_coherent);

typedef int (*attach_fn)(struct iommufd_ext_device *idev, u32 pasid,
			 struct hwpt *hwpt);

static int attach_new(struct iommufd_ext_device *idev, u32 pasid,
		      struct ioas *ioas, attach_fn attach, u32 *pt_id)
{
	struct iommufd_ext_ctx *ictx = idev->ictx;
	struct hwpt *hwpt;
	int rc;

	hwpt = hwpt_alloc(idev, ioas, 0, NULL);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	hwpt->auto_domain = true;
	rc = attach(idev, pasid, hwpt);
	if (rc) {
		obj_abort(ictx, &hwpt->obj);
		hwpt_free(ictx, hwpt);
		return rc;
	}
	*pt_id = hwpt->obj.id;
	obj_publish(ictx, &hwpt->obj);
	return 0;
}

/* Attach to a page table that follows @ioas: one made earlier, or a new one. */
static int attach_ioas(struct iommufd_ext_device *idev, u32 pasid,
		       struct ioas *ioas, attach_fn attach, u32 *pt_id)
{
	struct hwpt *hwpt;
	int rc;

	/* The list does not change without attach_lock. */
	list_for_each_entry(hwpt, &ioas->tables, table.item) {
		/* Without users it waits for attach_lock to be destroyed. */
		if (!hwpt->auto_domain ||
		    !refcount_inc_not_zero(&hwpt->obj.users))
			continue;
		*pt_id = hwpt->obj.id;
		rc = attach(idev, pasid, hwpt);
		hwpt_put(idev->ictx, hwpt);
		/* It does not suit this device; another may. */
		if (rc != -EINVAL)
			return rc;
	}
	return attach_new(idev, pasid, ioas, attach, pt_id);
}

static int attach_by_id(struct iommufd_ext_device *idev, u32 pasid,
			attach_fn attach, u32 *pt_id)
{
	struct iommufd_ext_ctx *ictx = idev->ictx;
	u32 id = *pt_id;
	struct hwpt *hwpt;
	struct obj *obj;
	int rc;

	obj = obj_get(ictx, id, OBJ_ANY);
	if (!obj)
		return -ENOENT;

	switch (obj->type) {
	case OBJ_HWPT:
	case OBJ_HWPT_NESTED:
		hwpt = container_of(obj, struct hwpt, obj);
		rc = attach(idev, pasid, hwpt);
		hwpt_put(ictx, hwpt);
		break;
	case OBJ_IOAS:
		rc = attach_ioas(idev, pasid,
				 container_of(obj, struct ioas, obj), attach,
				 &id);
		obj_put(ictx, obj);
		break;
	default:
		rc = refuse_id(ictx, -EINVAL, id,
			       "id %u is of type %s, neither IOAS nor page table",
			       id, obj_type_name(obj->type));
		obj_put(ictx, obj);
	}
	if (!rc)
		*pt_id = id;
	return rc;
}

static int change_pt(struct iommufd_ext_device *idev, u32 pasid, attach_fn fn,
		     u32 *pt_id)
{
	struct iommufd_ext_ctx *ictx = idev->ictx;
	int rc;

	iommufd_ext_errors_begin(&ictx->errors);
	if (mutex_lock_killable(&ictx->attach_lock))
		return -EINTR;
	rc = attach_by_id(idev, pasid, fn, pt_id);
	trace_ioasid_attach(ictx->id, idev->dev, pasid, *pt_id, rc);
	mutex_unlock(&ictx->attach_lock);
	return rc;
}

/**
 * iommufd_ext_device_attach() - connect a device to an address space
 * @idev: a bound device
 * @pasid: which of its address spaces, or IOMMU_NO_PASID for the one of requests
 *	without a PASID; not attached
 * @pt_id: in: id of an IOAS or page table; out: id of the page table
 *
 * Devices of one group must be attached to one page table. A PASID, and also the
 * device while it has one attached, need page tables made with
 * IOASID_HWPT_ALLOC_PASID, and therefore none that an attach makes.
 *
 * Context: may sleep, faults and pins user memory.
 * Return: 0; -ENOENT for an unknown id; -EINVAL for one of another type, or for a
 * page table that does not suit the device; -EBUSY if it is attached; -EADDRINUSE
 * if a mapping is where the device's IOMMU needs none; -ENOSPC if interrupts pass
 * through page tables, and there is no room for those of one more; -EOPNOTSUPP if they
 * do on a kernel that would use page tables after they are gone, and for a PASID if the
 * kernel or the IOMMU has none; -EINTR if the process is being killed; the error of
 * pinning or mapping.
 */
int iommufd_ext_device_attach(struct iommufd_ext_device *idev, u32 pasid,
			      u32 *pt_id)
{
	return change_pt(idev, pasid, idev_attach, pt_id);
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_attach);

/**
 * iommufd_ext_device_replace() - move a device to another address space
 * @idev: a bound device; all attached devices of its group move along
 * @pasid: as for iommufd_ext_device_attach(), but attached
 * @pt_id: in: id of an IOAS or page table; out: id of the page table
 *
 * Where the kernel cannot replace a domain atomically, DMA is blocked for the
 * moment between the two.
 *
 * Context: may sleep, faults and pins user memory.
 * Return: as iommufd_ext_device_attach(), -EINVAL if it is not attached. On failure
 * it is attached as before.
 */
int iommufd_ext_device_replace(struct iommufd_ext_device *idev, u32 pasid,
			       u32 *pt_id)
{
	return change_pt(idev, pasid, idev_replace, pt_id);
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_replace);

/**
 * iommufd_ext_device_attached() - does a device need replace rather than attach?
 * @idev: a bound device
 * @pasid: as for iommufd_ext_device_attach()
 *
 * The caller keeps others from attaching and detaching it meanwhile.
 *
 * Context: may sleep, as long as memory of a user takes that is pinned for an attach.
 * Return: 1 if it is attached, 0 if not, -EINTR if the process is being killed.
 */
int iommufd_ext_device_attached(struct iommufd_ext_device *idev, u32 pasid)
{
	bool attached;

	if (mutex_lock_killable(&idev->ictx->attach_lock))
		return -EINTR;
	attached = idev_endpoint(idev, pasid);
	mutex_unlock(&idev->ictx->attach_lock);
	return attached;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_attached);

/**
 * iommufd_ext_device_detach() - disconnect a device from its address space
 * @idev: a bound device
 * @pasid: as for iommufd_ext_device_attach(); nothing happens if it is not attached
 *
 * With the last device of a group, the group's DMA is blocked.
 *
 * Context: may sleep, as long as memory of a user takes that is pinned for an attach.
 * Does not allocate.
 * Return: 0, or -EINTR if the process is being killed; then it is detached when it is
 * unbound.
 */
int iommufd_ext_device_detach(struct iommufd_ext_device *idev, u32 pasid)
{
	if (mutex_lock_killable(&idev->ictx->attach_lock))
		return -EINTR;
	idev_detach(idev, pasid);
	mutex_unlock(&idev->ictx->attach_lock);
	return 0;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_detach);
