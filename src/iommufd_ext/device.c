// SPDX-License-Identifier: GPL-2.0-only
/*
 * Binding devices to a context.
 *
 * A driver binds its device for a user, and the context then owns the device's IOMMU
 * group (group.c).
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/slab.h>

#include "compat/coherency.h"
#include "compat/module.h"
#include "private.h"
#include "trace.h"

static const char *idev_name(const struct obj *obj)
{
	const struct iommufd_ext_device *idev =
		container_of(obj, struct iommufd_ext_device, obj);

	return dev_name(idev->dev);
}

/**
 * idev_bind() - iommufd_ext_device_bind() without a reference to the context
 * @ictx: the context, which outlives the bound device
 * @dev: see there
 * @id: see there
 *
 * Return: see there.
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

/**
 * idev_unbind() - undo idev_bind()
 * @idev: see iommufd_ext_device_unbind()
 */
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
