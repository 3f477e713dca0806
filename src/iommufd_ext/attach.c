// SPDX-License-Identifier: GPL-2.0-only
/*
 * Endpoints: devices attached to page tables.
 *
 * The devices of a group share one page table: the first endpoint attaches the
 * group, the last one detaches it, and a replace moves them all. An endpoint
 * keeps the IOVAs that its device reserves from being mapped.
 *
 * A PASID is a further address space of a device. Like the device itself, it is
 * attached with all of its group. It reserves no IOVAs.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/slab.h>

#include "compat/iommu.h"
#include "compat/pasid.h"
#include "device.h"
#include "trace.h"

/*
 * What programs are told of a failed attach. That a domain does not suit a device is
 * EINVAL by today's convention, and programs rely on it. Older drivers say it in other
 * ways. Those of kernels with fault queues mean what they say: ENODEV is a device that
 * cannot ask for pages.
 */
static int attach_error(const struct hwpt *hwpt, int rc)
{
	if (hwpt->fault)
		return rc;
	switch (rc) {
	case -EFAULT:
	case -EMEDIUMTYPE:
	case -ENODEV:
	case -ENXIO:
	case -EOPNOTSUPP:
	case -EXDEV:
		return -EINVAL;
	default:
		return rc;
	}
}

/* @rc: what the driver says. Returns what programs are told. */
static int refuse_attach(struct iommufd_ext_device *idev, struct hwpt *hwpt,
			 int rc)
{
	struct table_name name;

	table_get_name(hwpt->ioas, &hwpt->table, &name);
	return refuse_ids(idev->ictx, attach_error(hwpt, rc), idev->obj.id,
			  name.id,
			  "%s does not suit %s (error %d of the IOMMU driver)",
			  name.text, dev_name(idev->dev), -rc);
}

static int reserve_regions(struct ioas *ioas, struct endpoint *endpoint,
			   struct list_head *regions)
{
	const struct iommufd_ext_device *idev = endpoint->idev;
	const struct iova_owner owner = {
		.key = endpoint,
		.id = idev->obj.id,
		.dev_name = dev_name(idev->dev),
		.dev_id = idev->obj.id,
	};
	struct iommu_resv_region *region;
	int rc;

	lockdep_assert_held(&ioas->iova_lock);

	list_for_each_entry(region, regions, list) {
		/* What firmware once used and gives up with the driver. */
		if (region->type == IOMMU_RESV_DIRECT_RELAXABLE ||
		    !region->length)
			continue;
		rc = iova_reserve(ioas, region->start,
				  region->start + region->length - 1, &owner);
		if (rc)
			return rc;
	}
	return 0;
}

static void endpoint_unreserve(struct endpoint *endpoint, struct ioas *ioas)
{
	mutex_lock(&ioas->iova_lock);
	iova_unreserve(ioas, endpoint);
	mutex_unlock(&ioas->iova_lock);
}

/* Where the group's doorbells are expected; all its devices agree on one place. */
static int igroup_find_msi_window(struct igroup *igroup,
				  struct list_head *regions)
{
	struct iommu_resv_region *region;
	phys_addr_t window = NO_MSI_WINDOW;
	size_t length = 0;

	list_for_each_entry(region, regions, list) {
		if (region->type != IOMMU_RESV_SW_MSI)
			continue;
		if (window != NO_MSI_WINDOW && window != region->start)
			return refuse(igroup->ictx, -EINVAL,
				      "the devices of IOMMU group %d want their interrupts at different IOVAs",
				      iommu_group_id(igroup->group));
		window = region->start;
		length = region->length;
	}
	if (window != NO_MSI_WINDOW) {
		igroup->msi_window = window;
		igroup->msi_length = length;
	}
	return 0;
}

/* Keep what the device needs free. */
static int endpoint_reserve(struct endpoint *endpoint, struct ioas *ioas)
{
	struct iommufd_ext_device *idev = endpoint->idev;
	LIST_HEAD(regions);
	int rc;

	rc = ext_iommu_get_resv_regions(idev->dev, idev->igroup->group,
					&regions);
	if (rc)
		goto out_put_regions;
	rc = igroup_find_msi_window(idev->igroup, &regions);
	if (rc)
		goto out_put_regions;

	mutex_lock(&ioas->iova_lock);
	rc = reserve_regions(ioas, endpoint, &regions);
	mutex_unlock(&ioas->iova_lock);
	if (rc)
		endpoint_unreserve(endpoint, ioas);
out_put_regions:
	iommu_put_resv_regions(idev->dev, &regions);
	return rc;
}

/* What a page table must have before the group's devices use it; @full: all there is. */
static int igroup_prepare(struct igroup *igroup, struct hwpt *hwpt, bool full)
{
	int rc;

	rc = doorbells_prepare(igroup, hwpt->parent ?: hwpt);
	if (rc)
		return rc;
	return hwpt->final && full ? hwpt_fill(hwpt) : 0;
}

static struct attach_handle *handle_alloc(struct iommufd_ext_device *idev,
					  struct hwpt *hwpt)
{
	struct attach_handle *handle;

	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return NULL;
	handle->hwpt = hwpt;
	handle->dev_id = idev->obj.id;
	return handle;
}

/* Faults that nobody has answered are answered now. */
static void handle_free(struct attach_handle *handle)
{
	if (handle->hwpt->fault)
		fault_queue_flush(handle->hwpt->fault, handle);
	kfree(handle);
}

static int hwpt_attach_group(struct hwpt *hwpt, struct igroup *igroup,
			     struct attach_handle *handle)
{
	int rc;

	hwpt_lock(hwpt);
	rc = ext_iommu_attach_group(hwpt->table.domain, igroup->group,
				    &handle->core);
	hwpt_unlock(hwpt);
	return rc;
}

static void hwpt_detach_group(struct hwpt *hwpt, struct igroup *igroup)
{
	hwpt_lock(hwpt);
	ext_iommu_detach_group(hwpt->table.domain, igroup->group);
	hwpt_unlock(hwpt);
}

static int hwpt_replace_group(struct hwpt *old, struct hwpt *new,
			      struct igroup *igroup,
			      struct attach_handle *handle)
{
	int rc;

	hwpt_lock_two(old, new);
	rc = ext_iommu_replace_group(igroup->group, old->table.domain,
				     new->table.domain, &handle->core);
	hwpt_unlock_two(old, new);
	return rc;
}

/* While PASIDs are attached, what serves the rest must know of them. */
static int check_pasids(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	struct table_name name;

	if (hwpt->pasid || xa_empty(&idev->igroup->pasids))
		return 0;
	table_get_name(hwpt->ioas, &hwpt->table, &name);
	return refuse_ids(idev->ictx, -EINVAL, idev->obj.id, name.id,
			  "PASIDs of %s are attached, and %s was not made for that",
			  dev_name(idev->dev), name.text);
}

/* What the device's group needs before it can get @hwpt, which may have to be @full. */
static struct attach_handle *handle_prepare(struct iommufd_ext_device *idev,
					    struct hwpt *hwpt, bool full)
{
	struct attach_handle *handle;
	int rc;

	rc = check_pasids(idev, hwpt);
	if (!rc)
		rc = igroup_prepare(idev->igroup, hwpt, full);
	if (rc)
		return ERR_PTR(rc);
	handle = handle_alloc(idev, hwpt);
	return handle ?: ERR_PTR(-ENOMEM);
}

/* What @hwpt still lacks, now that the group is attached. */
static int igroup_fill(struct igroup *igroup, struct hwpt *hwpt)
{
	return doorbells_follow(igroup, hwpt) ?: hwpt_fill(hwpt);
}

static int igroup_attach(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	struct igroup *igroup = idev->igroup;
	struct attach_handle *handle;
	int rc;

	/*
	 * virtio-iommu's driver keeps what is mapped while no device is attached, and tells
	 * the IOMMU of it at the first attach, all of it with interrupts off. What comes
	 * afterwards goes in batches.
	 */
	handle = handle_prepare(idev, hwpt, hwpt->table.map_path != MAP_CORE);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	rc = hwpt_attach_group(hwpt, igroup, handle);
	if (rc) {
		rc = refuse_attach(idev, hwpt, rc);
		goto err_free_handle;
	}
	rc = igroup_fill(igroup, hwpt);
	if (rc)
		goto err_detach;
	igroup->hwpt = hwpt;
	igroup->handle = handle;
	return 0;

err_detach:
	hwpt_detach_group(hwpt, igroup);
err_free_handle:
	handle_free(handle);
	return rc;
}

/* One that knows its aperture by attaching is empty without it. */
static void hwpt_after_detach(struct hwpt *hwpt)
{
	if (!hwpt->final && list_empty(&hwpt->endpoints))
		hwpt_unfill(hwpt);
}

static void igroup_detach(struct igroup *igroup)
{
	struct hwpt *hwpt = igroup->hwpt;

	lockdep_assert_held(&igroup->ictx->attach_lock);
	hwpt_detach_group(hwpt, igroup);
	doorbells_note(igroup, hwpt);
	handle_free(igroup->handle);
	igroup->handle = NULL;
	igroup->hwpt = NULL;
	hwpt_after_detach(hwpt);
}

/* @nr: 1 or -1. */
static void count_endpoint(struct iommufd_ext_ctx *ictx, int nr)
{
	lockdep_assert_held(&ictx->attach_lock);
	WRITE_ONCE(ictx->counts.endpoints, ictx->counts.endpoints + nr);
}

static void endpoint_link(struct endpoint *endpoint, struct hwpt *hwpt)
{
	struct iommufd_ext_ctx *ictx = endpoint->idev->ictx;

	refcount_inc(&hwpt->obj.users);
	endpoint->hwpt = hwpt;
	xa_lock(&ictx->objects);
	list_add_tail(&endpoint->hwpt_item, &hwpt->endpoints);
	xa_unlock(&ictx->objects);
}

/* The reference to the page table remains the caller's to drop. */
static void endpoint_unlink(struct endpoint *endpoint)
{
	struct iommufd_ext_ctx *ictx = endpoint->idev->ictx;

	xa_lock(&ictx->objects);
	list_del(&endpoint->hwpt_item);
	xa_unlock(&ictx->objects);
}

static int endpoint_attach(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	struct igroup *igroup = idev->igroup;
	struct endpoint *endpoint;
	bool first = !igroup->hwpt;
	int rc;

	lockdep_assert_held(&idev->ictx->attach_lock);

	if (idev->endpoint)
		return refuse_ids(idev->ictx, -EBUSY, idev->obj.id,
				  igroup->hwpt->obj.id,
				  "%s is attached to page table %u already",
				  dev_name(idev->dev), igroup->hwpt->obj.id);
	if (!first && igroup->hwpt != hwpt)
		return refuse_ids(idev->ictx, -EINVAL, idev->obj.id,
				  igroup->hwpt->obj.id,
				  "%s shares IOMMU group %d with a device that is attached to page table %u",
				  dev_name(idev->dev),
				  iommu_group_id(igroup->group),
				  igroup->hwpt->obj.id);

	endpoint = kzalloc(sizeof(*endpoint), GFP_KERNEL_ACCOUNT);
	if (!endpoint)
		return -ENOMEM;
	endpoint->idev = idev;

	rc = endpoint_reserve(endpoint, hwpt->ioas);
	if (rc)
		goto err_free;
	rc = idev_faults_get(idev, hwpt);
	if (rc)
		goto err_unreserve;
	if (first) {
		rc = igroup_attach(idev, hwpt);
		if (rc)
			goto err_put_faults;
	}

	endpoint_link(endpoint, hwpt);
	list_add_tail(&endpoint->igroup_item, &igroup->endpoints);
	idev->endpoint = endpoint;
	count_endpoint(idev->ictx, 1);
	return 0;

err_put_faults:
	idev_faults_put(idev, hwpt);
err_unreserve:
	endpoint_unreserve(endpoint, hwpt->ioas);
err_free:
	kfree(endpoint);
	return rc;
}

static void endpoint_detach(struct iommufd_ext_device *idev)
{
	struct endpoint *endpoint = idev->endpoint;
	struct igroup *igroup = idev->igroup;
	struct hwpt *hwpt = endpoint->hwpt;

	lockdep_assert_held(&idev->ictx->attach_lock);

	idev->endpoint = NULL;
	count_endpoint(idev->ictx, -1);
	list_del(&endpoint->igroup_item);
	endpoint_unlink(endpoint);
	if (list_empty(&igroup->endpoints))
		igroup_detach(igroup);
	trace_ioasid_detach(idev->ictx->id, idev->dev, IOMMU_NO_PASID);
	idev_faults_put(idev, hwpt);
	endpoint_unreserve(endpoint, hwpt->ioas);
	kfree(endpoint);
	hwpt_put(idev->ictx, hwpt);
}

/* Move the group, with @hwpt full of its IOAS by the time it can be used. */
static int igroup_replace(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	struct igroup *igroup = idev->igroup;
	struct hwpt *old = igroup->hwpt;
	struct attach_handle *handle;
	int rc;

	handle = handle_prepare(idev, hwpt, true);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	/* Interrupts that are set up are not lost, if that can be. */
	doorbells_note(igroup, old);
	rc = hwpt->final ? doorbells_follow(igroup, hwpt) : 0;
	if (rc)
		goto err_free_handle;
	rc = hwpt_replace_group(old, hwpt, igroup, handle);
	if (rc) {
		rc = refuse_attach(idev, hwpt, rc);
		goto err_free_handle;
	}
	doorbells_note(igroup, old);
	rc = igroup_fill(igroup, hwpt);
	if (rc)
		goto err_back;
	handle_free(igroup->handle);
	igroup->handle = handle;
	igroup->hwpt = hwpt;
	return 0;

err_back:
	/* The caller may free @hwpt: whatever happens, the group leaves it. */
	if (WARN_ON(hwpt_replace_group(hwpt, old, igroup, igroup->handle)))
		hwpt_detach_group(hwpt, igroup);
err_free_handle:
	handle_free(handle);
	return rc;
}

static int igroup_reserve(struct igroup *igroup, struct hwpt *hwpt)
{
	struct endpoint *endpoint;
	int rc;

	list_for_each_entry(endpoint, &igroup->endpoints, igroup_item) {
		rc = endpoint_reserve(endpoint, hwpt->ioas);
		if (rc)
			goto err_unreserve;
	}
	return 0;

err_unreserve:
	list_for_each_entry_continue_reverse(endpoint, &igroup->endpoints,
					     igroup_item)
		endpoint_unreserve(endpoint, hwpt->ioas);
	return rc;
}

static void igroup_unreserve(struct igroup *igroup, struct ioas *ioas)
{
	struct endpoint *endpoint;

	list_for_each_entry(endpoint, &igroup->endpoints, igroup_item)
		endpoint_unreserve(endpoint, ioas);
}

static void endpoints_relink(struct list_head *endpoints, struct hwpt *old,
			     struct hwpt *hwpt)
{
	struct endpoint *endpoint;

	list_for_each_entry(endpoint, endpoints, igroup_item) {
		endpoint_unlink(endpoint);
		endpoint_link(endpoint, hwpt);
	}
	hwpt_after_detach(old);
	/* One reference per endpoint; with the last one @old may go. */
	list_for_each_entry(endpoint, endpoints, igroup_item)
		hwpt_put(endpoint->idev->ictx, old);
}

static void endpoints_faults_put(struct list_head *endpoints, struct hwpt *hwpt)
{
	struct endpoint *endpoint;

	list_for_each_entry(endpoint, endpoints, igroup_item)
		idev_faults_put(endpoint->idev, hwpt);
}

static int endpoints_faults_get(struct list_head *endpoints, struct hwpt *hwpt)
{
	struct endpoint *endpoint;
	int rc;

	list_for_each_entry(endpoint, endpoints, igroup_item) {
		rc = idev_faults_get(endpoint->idev, hwpt);
		if (rc)
			goto err_put;
	}
	return 0;

err_put:
	list_for_each_entry_continue_reverse(endpoint, endpoints, igroup_item)
		idev_faults_put(endpoint->idev, hwpt);
	return rc;
}

static int endpoint_replace(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	struct igroup *igroup = idev->igroup;
	struct hwpt *old = igroup->hwpt;
	struct ioas *old_ioas;
	bool same_ioas;
	int rc;

	lockdep_assert_held(&idev->ictx->attach_lock);

	if (!idev->endpoint)
		return refuse_id(idev->ictx, -EINVAL, idev->obj.id,
				 "%s is not attached", dev_name(idev->dev));
	old_ioas = old->ioas;
	same_ioas = old_ioas == hwpt->ioas;
	if (old == hwpt)
		return 0;

	/* Within one IOAS, what is reserved stays reserved. */
	if (!same_ioas) {
		rc = igroup_reserve(igroup, hwpt);
		if (rc)
			return rc;
	}
	rc = endpoints_faults_get(&igroup->endpoints, hwpt);
	if (rc)
		goto err_unreserve;
	rc = igroup_replace(idev, hwpt);
	if (rc)
		goto err_put_faults;
	endpoints_faults_put(&igroup->endpoints, old);
	if (!same_ioas)
		igroup_unreserve(igroup, old_ioas);
	endpoints_relink(&igroup->endpoints, old, hwpt);
	return 0;

err_put_faults:
	endpoints_faults_put(&igroup->endpoints, hwpt);
err_unreserve:
	if (!same_ioas)
		igroup_unreserve(igroup, hwpt->ioas);
	return rc;
}

static int pasid_check(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	struct iommufd_ext_ctx *ictx = idev->ictx;
	struct hwpt *of_device = idev->igroup->hwpt;
	struct table_name name;

	if (!EXT_HAS_PASID)
		return refuse_id(ictx, -EOPNOTSUPP, idev->obj.id,
				 "no PASID can be attached on this kernel");
	if (!hwpt->pasid) {
		table_get_name(hwpt->ioas, &hwpt->table, &name);
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

static struct endpoint *pasid_find_endpoint(struct pasid_attach *attach,
					    struct iommufd_ext_device *idev)
{
	struct endpoint *endpoint;

	list_for_each_entry(endpoint, &attach->endpoints, igroup_item)
		if (endpoint->idev == idev)
			return endpoint;
	return NULL;
}

static int hwpt_attach_pasid(struct iommufd_ext_device *idev, u32 pasid,
			     struct hwpt *hwpt, struct attach_handle *handle)
{
	int rc;

	hwpt_lock(hwpt);
	rc = ext_iommu_attach_pasid(hwpt->table.domain, idev->dev, pasid,
				    &handle->core);
	hwpt_unlock(hwpt);
	return rc;
}

static void hwpt_detach_pasid(struct iommufd_ext_device *idev, u32 pasid,
			      struct hwpt *hwpt)
{
	hwpt_lock(hwpt);
	ext_iommu_detach_pasid(hwpt->table.domain, idev->dev, pasid);
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
		rc = hwpt_attach_pasid(idev, pasid, hwpt, attach->handle);
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
	hwpt_detach_pasid(idev, pasid, attach->hwpt);
	handle_free(attach->handle);
	kfree(attach);
}

/*
 * -EBUSY if the PASID is attached; -EINVAL if the page table does not suit the device, or
 * another one of its group is attached elsewhere; -EOPNOTSUPP without PASIDs in the kernel.
 */
static int pasid_attach(struct iommufd_ext_device *idev, u32 pasid,
			struct hwpt *hwpt)
{
	struct pasid_attach *attach = xa_load(&idev->igroup->pasids, pasid);
	struct endpoint *endpoint;
	int rc;

	lockdep_assert_held(&idev->ictx->attach_lock);

	if (attach && pasid_find_endpoint(attach, idev))
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
	rc = pasid_check(idev, hwpt);
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

static int pasid_replace_group(struct iommufd_ext_device *idev, u32 pasid,
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
	rc = ext_iommu_replace_pasid(old->table.domain, &attach->handle->core,
				     hwpt->table.domain, &handle->core,
				     idev->dev, pasid);
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

/* Others of its group with the PASID attached move along. */
static int pasid_replace(struct iommufd_ext_device *idev, u32 pasid,
			 struct hwpt *hwpt)
{
	struct pasid_attach *attach = xa_load(&idev->igroup->pasids, pasid);
	struct hwpt *old;
	int rc;

	lockdep_assert_held(&idev->ictx->attach_lock);

	if (!attach || !pasid_find_endpoint(attach, idev))
		return refuse_id(idev->ictx, -EINVAL, idev->obj.id,
				 "PASID %u of %s is not attached", pasid,
				 dev_name(idev->dev));
	old = attach->hwpt;
	if (old == hwpt)
		return 0;
	rc = pasid_check(idev, hwpt);
	if (rc)
		return rc;
	rc = endpoints_faults_get(&attach->endpoints, hwpt);
	if (rc)
		return rc;
	rc = pasid_replace_group(idev, pasid, attach, hwpt);
	if (rc) {
		endpoints_faults_put(&attach->endpoints, hwpt);
		return rc;
	}
	endpoints_faults_put(&attach->endpoints, old);
	endpoints_relink(&attach->endpoints, old, hwpt);
	return 0;
}

static bool pasid_attached(struct iommufd_ext_device *idev, u32 pasid)
{
	struct pasid_attach *attach = xa_load(&idev->igroup->pasids, pasid);

	return attach && pasid_find_endpoint(attach, idev);
}

/* Nothing happens if it is not attached. */
static void pasid_detach(struct iommufd_ext_device *idev, u32 pasid)
{
	struct pasid_attach *attach = xa_load(&idev->igroup->pasids, pasid);
	struct endpoint *endpoint;
	struct hwpt *hwpt;

	lockdep_assert_held(&idev->ictx->attach_lock);

	endpoint = attach ? pasid_find_endpoint(attach, idev) : NULL;
	if (!endpoint)
		return;
	hwpt = endpoint->hwpt;
	count_endpoint(idev->ictx, -1);
	list_del(&endpoint->igroup_item);
	endpoint_unlink(endpoint);
	if (list_empty(&attach->endpoints))
		pasid_detach_group(idev, pasid, attach);
	trace_ioasid_detach(idev->ictx->id, idev->dev, pasid);
	idev_faults_put(idev, hwpt);
	kfree(endpoint);
	hwpt_put(idev->ictx, hwpt);
}

static void pasid_detach_all(struct iommufd_ext_device *idev)
{
	struct pasid_attach *attach;
	unsigned long pasid;

	xa_for_each(&idev->igroup->pasids, pasid, attach)
		pasid_detach(idev, pasid);
}

/**
 * idev_attach() - connect a device to a page table
 * @idev: the device
 * @pasid: which of its address spaces, or IOMMU_NO_PASID; not attached
 * @hwpt: the page table
 *
 * Context: holds attach_lock; may sleep, faults and pins user memory.
 * Return: see iommufd_ext_device_attach().
 */
int idev_attach(struct iommufd_ext_device *idev, u32 pasid, struct hwpt *hwpt)
{
	return pasid == IOMMU_NO_PASID ? endpoint_attach(idev, hwpt) :
					 pasid_attach(idev, pasid, hwpt);
}

/**
 * idev_replace() - move a device to another page table
 * @idev: the device; all of its group that are attached there move along
 * @pasid: as for idev_attach(), but attached
 * @hwpt: the page table
 *
 * Context: holds attach_lock; may sleep, faults and pins user memory.
 * Return: see iommufd_ext_device_replace().
 */
int idev_replace(struct iommufd_ext_device *idev, u32 pasid, struct hwpt *hwpt)
{
	return pasid == IOMMU_NO_PASID ? endpoint_replace(idev, hwpt) :
					 pasid_replace(idev, pasid, hwpt);
}

/**
 * idev_attached() - is a device connected to a page table?
 * @idev: the device
 * @pasid: as for idev_attach()
 *
 * Context: holds attach_lock.
 * Return: true if it is.
 */
bool idev_attached(struct iommufd_ext_device *idev, u32 pasid)
{
	return pasid == IOMMU_NO_PASID ? !!idev->endpoint :
					 pasid_attached(idev, pasid);
}

/**
 * idev_detach() - undo idev_attach()
 * @idev: the device
 * @pasid: as there; nothing happens if it is not attached
 *
 * Context: holds attach_lock; may sleep. Neither allocates nor fails.
 */
void idev_detach(struct iommufd_ext_device *idev, u32 pasid)
{
	if (pasid != IOMMU_NO_PASID)
		pasid_detach(idev, pasid);
	else if (idev->endpoint)
		endpoint_detach(idev);
}

/**
 * idev_detach_all() - disconnect a device from all its address spaces
 * @idev: a device that is being unbound, attached or not: nobody attaches or detaches it
 *
 * A device that has no attachment does not wait for those of others, which can take as
 * long as memory of their user. One that has does: others may be in its page table.
 *
 * Context: may sleep. Neither allocates nor fails.
 */
void idev_detach_all(struct iommufd_ext_device *idev)
{
	if (!READ_ONCE(idev->endpoint) && xa_empty(&idev->igroup->pasids))
		return;
	mutex_lock(&idev->ictx->attach_lock);
	pasid_detach_all(idev);
	if (idev->endpoint)
		endpoint_detach(idev);
	mutex_unlock(&idev->ictx->attach_lock);
}
