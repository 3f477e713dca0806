// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs: further address spaces of a device.
 *
 * Like the device itself, a PASID is attached with all of its group: the first
 * endpoint attaches the group, the last one detaches it. A PASID reserves no IOVAs.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/slab.h>

#include "compat/pasid.h"
#include "private.h"
#include "trace.h"

static int check_pasid(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	struct iommufd_ext_ctx *ictx = idev->ictx;
	struct hwpt *of_device = idev->igroup->hwpt;
	struct hwpt_name name;

	if (!EXT_HAS_PASID)
		return refuse_id(ictx, -EOPNOTSUPP, idev->obj.id,
				 "no PASID can be attached on this kernel");
	if (!hwpt->pasid) {
		hwpt_get_name(hwpt, &name);
		return refuse_ids(ictx, -EINVAL, idev->obj.id, name.id,
				  "%s was not made for PASIDs", name.text);
	}
	if (of_device && !of_device->pasid)
		return refuse_ids(ictx, -EINVAL, idev->obj.id,
				  of_device->obj.id,
				  "%s is attached to page table %u, which was not made for devices with PASIDs",
				  dev_name(idev->dev), of_device->obj.id);
	if (!ext_max_pasids(idev->dev))
		return refuse_id(ictx, -EINVAL, idev->obj.id,
				 "%s has no PASIDs", dev_name(idev->dev));
	return 0;
}

static struct endpoint *find_endpoint(struct pasid_attach *attach,
				      struct iommufd_ext_device *idev)
{
	struct endpoint *endpoint;

	list_for_each_entry(endpoint, &attach->endpoints, igroup_item)
		if (endpoint->idev == idev)
			return endpoint;
	return NULL;
}

static int attach_group(struct iommufd_ext_device *idev, u32 pasid,
			struct hwpt *hwpt, struct attach_handle *handle)
{
	int rc;

	hwpt_lock(hwpt);
	rc = ext_iommu_attach_pasid(hwpt->domain, idev->dev, pasid,
				    &handle->core);
	hwpt_unlock(hwpt);
	return rc;
}

static void detach_group(struct iommufd_ext_device *idev, u32 pasid,
			 struct hwpt *hwpt)
{
	hwpt_lock(hwpt);
	ext_iommu_detach_pasid(hwpt->domain, idev->dev, pasid);
	hwpt_unlock(hwpt);
}

/* Attach the first device of a group. */
static struct pasid_attach *pasid_attach_group(struct iommufd_ext_device *idev,
					       u32 pasid, struct hwpt *hwpt)
{
	struct xarray *pasids = &idev->igroup->pasids;
	struct pasid_attach *attach;
	int rc;

	attach = kzalloc(sizeof(*attach), GFP_KERNEL_ACCOUNT);
	if (!attach)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&attach->endpoints);
	attach->hwpt = hwpt;
	attach->handle = handle_alloc(idev, hwpt);
	if (!attach->handle) {
		rc = -ENOMEM;
		goto err_free;
	}
	rc = xa_insert(pasids, pasid, attach, GFP_KERNEL_ACCOUNT);
	if (rc)
		goto err_free_handle;
	/* A domain that is not final has no operation for PASIDs. */
	rc = hwpt->final ? hwpt_fill(hwpt) : -EINVAL;
	if (!rc)
		rc = attach_group(idev, pasid, hwpt, attach->handle);
	if (rc) {
		rc = refuse_attach(idev, hwpt, rc);
		goto err_erase;
	}
	return attach;

err_erase:
	xa_erase(pasids, pasid);
err_free_handle:
	handle_free(attach->handle);
err_free:
	kfree(attach);
	return ERR_PTR(rc);
}

static void pasid_detach_group(struct iommufd_ext_device *idev, u32 pasid,
			       struct pasid_attach *attach)
{
	xa_erase(&idev->igroup->pasids, pasid);
	detach_group(idev, pasid, attach->hwpt);
	handle_free(attach->handle);
	kfree(attach);
}

/**
 * pasid_attach() - connect a PASID of a device to a page table
 * @idev: the device
 * @pasid: the PASID, not 0
 * @hwpt: the page table
 *
 * Context: holds attach_lock; may sleep.
 * Return: 0; -EBUSY if it is attached; -EINVAL if the page table does not suit the
 * device, or another one of its group is attached elsewhere; -EOPNOTSUPP without
 * PASIDs in the kernel; -ENOMEM.
 */
int pasid_attach(struct iommufd_ext_device *idev, u32 pasid, struct hwpt *hwpt)
{
	struct pasid_attach *attach = xa_load(&idev->igroup->pasids, pasid);
	struct endpoint *endpoint;
	int rc;

	lockdep_assert_held(&idev->ictx->attach_lock);

	if (attach && find_endpoint(attach, idev))
		return refuse_ids(idev->ictx, -EBUSY, idev->obj.id,
				  attach->hwpt->obj.id,
				  "PASID %u of %s is attached to page table %u already",
				  pasid, dev_name(idev->dev),
				  attach->hwpt->obj.id);
	if (attach && attach->hwpt != hwpt)
		return refuse_ids(idev->ictx, -EINVAL, idev->obj.id,
				  attach->hwpt->obj.id,
				  "PASID %u of the group of %s is attached to page table %u",
				  pasid, dev_name(idev->dev),
				  attach->hwpt->obj.id);
	rc = check_pasid(idev, hwpt);
	if (rc)
		return rc;

	endpoint = kzalloc(sizeof(*endpoint), GFP_KERNEL_ACCOUNT);
	if (!endpoint)
		return -ENOMEM;
	endpoint->idev = idev;
	endpoint->pasid = pasid;

	rc = idev_faults_get(idev, hwpt);
	if (rc)
		goto err_free;
	if (!attach) {
		attach = pasid_attach_group(idev, pasid, hwpt);
		if (IS_ERR(attach)) {
			rc = PTR_ERR(attach);
			goto err_put_faults;
		}
	}
	endpoint_link(endpoint, hwpt);
	list_add_tail(&endpoint->igroup_item, &attach->endpoints);
	count_endpoint(idev->ictx, 1);
	return 0;

err_put_faults:
	idev_faults_put(idev, hwpt);
err_free:
	kfree(endpoint);
	return rc;
}

static int replace_group(struct iommufd_ext_device *idev, u32 pasid,
			 struct pasid_attach *attach, struct hwpt *hwpt)
{
	struct hwpt *old = attach->hwpt;
	struct attach_handle *handle;
	int rc;

	handle = handle_alloc(idev, hwpt);
	if (!handle)
		return -ENOMEM;
	rc = hwpt_fill(hwpt);
	if (rc)
		goto err_free_handle;

	hwpt_lock_two(old, hwpt);
	rc = ext_iommu_replace_pasid(old->domain, &attach->handle->core,
				     hwpt->domain, &handle->core, idev->dev,
				     pasid);
	hwpt_unlock_two(old, hwpt);
	if (rc) {
		rc = refuse_attach(idev, hwpt, rc);
		goto err_free_handle;
	}
	handle_free(attach->handle);
	attach->handle = handle;
	attach->hwpt = hwpt;
	return 0;

err_free_handle:
	handle_free(handle);
	return rc;
}

static int get_faults(struct pasid_attach *attach, struct hwpt *hwpt)
{
	struct endpoint *endpoint;
	int rc;

	list_for_each_entry(endpoint, &attach->endpoints, igroup_item) {
		rc = idev_faults_get(endpoint->idev, hwpt);
		if (rc)
			goto err_put;
	}
	return 0;

err_put:
	list_for_each_entry_continue_reverse(endpoint, &attach->endpoints,
					     igroup_item)
		idev_faults_put(endpoint->idev, hwpt);
	return rc;
}

static void put_faults(struct pasid_attach *attach, struct hwpt *hwpt)
{
	struct endpoint *endpoint;

	list_for_each_entry(endpoint, &attach->endpoints, igroup_item)
		idev_faults_put(endpoint->idev, hwpt);
}

static void relink(struct pasid_attach *attach, struct iommufd_ext_ctx *ictx,
		   struct hwpt *old)
{
	struct endpoint *endpoint;

	list_for_each_entry(endpoint, &attach->endpoints, igroup_item) {
		list_del(&endpoint->hwpt_item);
		endpoint_link(endpoint, attach->hwpt);
	}
	list_for_each_entry(endpoint, &attach->endpoints, igroup_item)
		hwpt_put(ictx, old);
}

/**
 * pasid_replace() - move a PASID to another page table
 * @idev: the device; others of its group with the PASID attached move along
 * @pasid: the PASID, not 0
 * @hwpt: the page table
 *
 * Context: holds attach_lock; may sleep.
 * Return: as pasid_attach(); -EINVAL if it is not attached.
 */
int pasid_replace(struct iommufd_ext_device *idev, u32 pasid,
		  struct hwpt *hwpt)
{
	struct pasid_attach *attach = xa_load(&idev->igroup->pasids, pasid);
	struct hwpt *old;
	int rc;

	lockdep_assert_held(&idev->ictx->attach_lock);

	if (!attach || !find_endpoint(attach, idev))
		return refuse_id(idev->ictx, -EINVAL, idev->obj.id,
				 "PASID %u of %s is not attached", pasid,
				 dev_name(idev->dev));
	old = attach->hwpt;
	if (old == hwpt)
		return 0;
	rc = check_pasid(idev, hwpt);
	if (rc)
		return rc;
	rc = get_faults(attach, hwpt);
	if (rc)
		return rc;
	rc = replace_group(idev, pasid, attach, hwpt);
	if (rc) {
		put_faults(attach, hwpt);
		return rc;
	}
	put_faults(attach, old);
	relink(attach, idev->ictx, old);
	return 0;
}

/**
 * pasid_attached() - is a PASID of a device attached?
 * @idev: the device
 * @pasid: the PASID, not 0
 *
 * Context: holds attach_lock.
 */
bool pasid_attached(struct iommufd_ext_device *idev, u32 pasid)
{
	struct pasid_attach *attach = xa_load(&idev->igroup->pasids, pasid);

	return attach && find_endpoint(attach, idev);
}

/**
 * pasid_detach() - disconnect a PASID
 * @idev: the device
 * @pasid: the PASID, not 0; nothing happens if it is not attached
 *
 * Context: holds attach_lock; may sleep. Neither allocates nor fails.
 */
void pasid_detach(struct iommufd_ext_device *idev, u32 pasid)
{
	struct pasid_attach *attach = xa_load(&idev->igroup->pasids, pasid);
	struct endpoint *endpoint;
	struct hwpt *hwpt;

	lockdep_assert_held(&idev->ictx->attach_lock);

	endpoint = attach ? find_endpoint(attach, idev) : NULL;
	if (!endpoint)
		return;
	hwpt = endpoint->hwpt;
	count_endpoint(idev->ictx, -1);
	list_del(&endpoint->igroup_item);
	list_del(&endpoint->hwpt_item);
	if (list_empty(&attach->endpoints))
		pasid_detach_group(idev, pasid, attach);
	trace_ioasid_detach(idev->ictx->id, idev->dev, pasid);
	idev_faults_put(idev, hwpt);
	kfree(endpoint);
	hwpt_put(idev->ictx, hwpt);
}

/**
 * pasid_detach_all() - disconnect all PASIDs of a device
 * @idev: the device
 *
 * Context: holds attach_lock; may sleep. Neither allocates nor fails.
 */
void pasid_detach_all(struct iommufd_ext_device *idev)
{
	struct pasid_attach *attach;
	unsigned long pasid;

	xa_for_each(&idev->igroup->pasids, pasid, attach)
		pasid_detach(idev, pasid);
}
