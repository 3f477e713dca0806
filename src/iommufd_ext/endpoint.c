// SPDX-License-Identifier: GPL-2.0-only
/*
 * Endpoints: devices attached to page tables.
 *
 * The devices of a group share one page table: the first endpoint attaches the
 * group, the last one detaches it, and a replace moves them all. An endpoint
 * keeps the IOVAs that its device reserves from being mapped.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/slab.h>

#include "compat/iommu.h"
#include "compat/module.h"
#include "compat/pasid.h"
#include "private.h"
#include "trace.h"

/**
 * attach_error() - what programs are told of a failed attach
 * @rc: what the IOMMU driver says
 *
 * That a domain does not suit a device is EINVAL by today's convention, and programs
 * rely on it. Older drivers say it in other ways.
 *
 * Return: -EINVAL or @rc.
 */
int attach_error(int rc)
{
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

/**
 * refuse_attach() - say that an IOMMU driver did not attach a device
 * @idev: the device
 * @hwpt: to what
 * @rc: what the driver says
 *
 * Return: attach_error() of @rc.
 */
int refuse_attach(struct iommufd_ext_device *idev, struct hwpt *hwpt, int rc)
{
	struct hwpt_name name;

	hwpt_get_name(hwpt, &name);
	return refuse_ids(idev->ictx, attach_error(rc), idev->obj.id, name.id,
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

	list_for_each_entry(region, regions, list) {
		if (region->type != IOMMU_RESV_SW_MSI)
			continue;
		if (window != NO_MSI_WINDOW && window != region->start)
			return refuse(igroup->ictx, -EINVAL,
				      "the devices of IOMMU group %d want their interrupts at different IOVAs",
				      iommu_group_id(igroup->group));
		window = region->start;
	}
	if (window != NO_MSI_WINDOW)
		igroup->msi_window = window;
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
	struct hwpt *paging = hwpt->parent ?: hwpt;
	int rc;

	if (igroup->msi_window != NO_MSI_WINDOW && !paging->msi_cookie) {
		rc = iommu_get_msi_cookie(paging->domain, igroup->msi_window);
		if (rc)
			return rc;
		paging->msi_cookie = true;
	}
	return hwpt->final && full ? hwpt_fill(hwpt) : 0;
}

/**
 * handle_alloc() - make a handle for an attachment
 * @idev: what is attached
 * @hwpt: to what
 *
 * Return: the handle or NULL. Undone by handle_free().
 */
struct attach_handle *handle_alloc(struct iommufd_ext_device *idev,
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

/**
 * handle_free() - forget a handle that is not attached any more
 * @handle: the handle; faults that nobody has answered are answered now
 */
void handle_free(struct attach_handle *handle)
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
	rc = ext_iommu_attach_group(hwpt->domain, igroup->group, &handle->core);
	hwpt_unlock(hwpt);
	return rc;
}

static void hwpt_detach_group(struct hwpt *hwpt, struct igroup *igroup)
{
	hwpt_lock(hwpt);
	ext_iommu_detach_group(hwpt->domain, igroup->group);
	hwpt_unlock(hwpt);
}

static int hwpt_replace_group(struct hwpt *old, struct hwpt *new,
			      struct igroup *igroup,
			      struct attach_handle *handle)
{
	int rc;

	hwpt_lock_two(old, new);
	rc = ext_iommu_replace_group(igroup->group, old->domain, new->domain,
				     &handle->core);
	hwpt_unlock_two(old, new);
	return rc;
}

/* While PASIDs are attached, what serves the rest must know of them. */
static int check_pasids(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	struct hwpt_name name;

	if (hwpt->pasid || xa_empty(&idev->igroup->pasids))
		return 0;
	hwpt_get_name(hwpt, &name);
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
	handle = handle_prepare(idev, hwpt, hwpt->map_path != MAP_CORE);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	rc = hwpt_attach_group(hwpt, igroup, handle);
	if (rc) {
		rc = refuse_attach(idev, hwpt, rc);
		goto err_free_handle;
	}
	rc = hwpt_fill(hwpt);
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

/**
 * hwpt_after_detach() - empty a page table that cannot be full any more
 * @hwpt: what a group was detached from
 *
 * One that knows its aperture by attaching is empty without it.
 *
 * Context: holds attach_lock.
 */
void hwpt_after_detach(struct hwpt *hwpt)
{
	if (!hwpt->final && list_empty(&hwpt->endpoints))
		hwpt_unfill(hwpt);
}

static void igroup_detach(struct igroup *igroup)
{
	struct hwpt *hwpt = igroup->hwpt;

	hwpt_detach_group(hwpt, igroup);
	handle_free(igroup->handle);
	igroup->handle = NULL;
	igroup->hwpt = NULL;
	hwpt_after_detach(hwpt);
}

/**
 * count_endpoint() - an endpoint comes or goes
 * @ictx: the context
 * @nr: 1 or -1
 *
 * Context: holds attach_lock.
 */
void count_endpoint(struct iommufd_ext_ctx *ictx, int nr)
{
	lockdep_assert_held(&ictx->attach_lock);
	WRITE_ONCE(ictx->counts.endpoints, ictx->counts.endpoints + nr);
}

/**
 * endpoint_link() - let an endpoint use a page table
 * @endpoint: an endpoint that uses none
 * @hwpt: the page table
 *
 * Context: holds attach_lock.
 */
void endpoint_link(struct endpoint *endpoint, struct hwpt *hwpt)
{
	refcount_inc(&hwpt->obj.users);
	endpoint->hwpt = hwpt;
	list_add_tail(&endpoint->hwpt_item, &hwpt->endpoints);
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
	list_del(&endpoint->hwpt_item);
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
	rc = hwpt_replace_group(old, hwpt, igroup, handle);
	if (rc) {
		rc = refuse_attach(idev, hwpt, rc);
		goto err_free_handle;
	}
	rc = hwpt_fill(hwpt);
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

static void igroup_relink(struct igroup *igroup, struct hwpt *old,
			  struct hwpt *hwpt)
{
	struct endpoint *endpoint;

	list_for_each_entry(endpoint, &igroup->endpoints, igroup_item) {
		list_del(&endpoint->hwpt_item);
		endpoint_link(endpoint, hwpt);
	}
	hwpt_after_detach(old);
	/* One reference per endpoint; with the last one @old may go. */
	list_for_each_entry(endpoint, &igroup->endpoints, igroup_item)
		hwpt_put(igroup->ictx, old);
}

static void igroup_faults_put(struct igroup *igroup, struct hwpt *hwpt)
{
	struct endpoint *endpoint;

	list_for_each_entry(endpoint, &igroup->endpoints, igroup_item)
		idev_faults_put(endpoint->idev, hwpt);
}

static int igroup_faults_get(struct igroup *igroup, struct hwpt *hwpt)
{
	struct endpoint *endpoint;
	int rc;

	list_for_each_entry(endpoint, &igroup->endpoints, igroup_item) {
		rc = idev_faults_get(endpoint->idev, hwpt);
		if (rc)
			goto err_put;
	}
	return 0;

err_put:
	list_for_each_entry_continue_reverse(endpoint, &igroup->endpoints,
					     igroup_item)
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
	rc = igroup_faults_get(igroup, hwpt);
	if (rc)
		goto err_unreserve;
	rc = igroup_replace(idev, hwpt);
	if (rc)
		goto err_put_faults;
	igroup_faults_put(igroup, old);
	if (!same_ioas)
		igroup_unreserve(igroup, old_ioas);
	igroup_relink(igroup, old, hwpt);
	return 0;

err_put_faults:
	igroup_faults_put(igroup, hwpt);
err_unreserve:
	if (!same_ioas)
		igroup_unreserve(igroup, hwpt->ioas);
	return rc;
}

typedef int (*attach_fn)(struct iommufd_ext_device *idev, u32 pasid,
			 struct hwpt *hwpt);

static int attach(struct iommufd_ext_device *idev, u32 pasid, struct hwpt *hwpt)
{
	return pasid == IOMMU_NO_PASID ? endpoint_attach(idev, hwpt) :
					 pasid_attach(idev, pasid, hwpt);
}

static int replace(struct iommufd_ext_device *idev, u32 pasid,
		   struct hwpt *hwpt)
{
	return pasid == IOMMU_NO_PASID ? endpoint_replace(idev, hwpt) :
					 pasid_replace(idev, pasid, hwpt);
}

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
	list_for_each_entry(hwpt, &ioas->hwpts, ioas_item) {
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
 * if a mapping is where the device's IOMMU needs none; -EOPNOTSUPP for a PASID if
 * the kernel or the IOMMU has none; -EINTR if the process is being killed; the error
 * of pinning or mapping.
 */
int iommufd_ext_device_attach(struct iommufd_ext_device *idev, u32 pasid,
			      u32 *pt_id)
{
	return change_pt(idev, pasid, attach, pt_id);
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
	return change_pt(idev, pasid, replace, pt_id);
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
	attached = pasid == IOMMU_NO_PASID ? !!idev->endpoint :
					     pasid_attached(idev, pasid);
	mutex_unlock(&idev->ictx->attach_lock);
	return attached;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_attached);

/**
 * idev_detach_all() - disconnect a device from all its address spaces
 * @idev: a device that is being unbound, attached or not: nobody attaches it
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
	if (pasid != IOMMU_NO_PASID)
		pasid_detach(idev, pasid);
	else if (idev->endpoint)
		endpoint_detach(idev);
	mutex_unlock(&idev->ictx->attach_lock);
	return 0;
}
EXT_EXPORT_SYMBOL(iommufd_ext_device_detach);
