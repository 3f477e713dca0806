// SPDX-License-Identifier: GPL-2.0-only
/*
 * Endpoints: devices attached to page tables.
 *
 * A device has an address space for its requests without a PASID, and one more for each
 * of its PASIDs. IOMMU_NO_PASID, which is 0, names the former. In each, all devices of a
 * group share one page table: the first endpoint attaches the group, the last one
 * detaches it, and a replace moves them all.
 *
 * What a device reserves, and its interrupts, concern requests without a PASID alone. An
 * endpoint of these keeps IOVAs that its device reserves from being mapped, and with it
 * the doorbells of the group follow (doorbell.c).
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
	if (endpoint->pasid != IOMMU_NO_PASID)
		return;
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

	if (endpoint->pasid != IOMMU_NO_PASID)
		return 0;
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

/* While PASIDs are attached, what serves the rest must know of them. */
static int check_pasids(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	unsigned long index = IOMMU_NO_PASID;
	struct table_name name;

	if (hwpt->pasid || !xa_find_after(&idev->igroup->attachments, &index,
					  ULONG_MAX, XA_PRESENT))
		return 0;
	table_get_name(hwpt->ioas, &hwpt->table, &name);
	return refuse_ids(idev->ictx, -EINVAL, idev->obj.id, name.id,
			  "PASIDs of %s are attached, and %s was not made for that",
			  dev_name(idev->dev), name.text);
}

/* What the device's group needs before it can get @hwpt, which may have to be @full. */
static struct attachment *attachment_prepare(struct iommufd_ext_device *idev,
					     u32 pasid, struct hwpt *hwpt,
					     bool full)
{
	struct attachment *attachment;
	int rc = 0;

	if (pasid == IOMMU_NO_PASID) {
		rc = check_pasids(idev, hwpt);
		if (!rc)
			rc = doorbells_prepare(idev->igroup,
					       hwpt->parent ?: hwpt);
	}
	if (!rc && hwpt->final && full)
		rc = hwpt_fill(hwpt);
	if (rc)
		return ERR_PTR(rc);

	attachment = kzalloc(sizeof(*attachment), GFP_KERNEL_ACCOUNT);
	if (!attachment)
		return ERR_PTR(-ENOMEM);
	attachment->hwpt = hwpt;
	attachment->pasid = pasid;
	attachment->dev_id = idev->obj.id;
	INIT_LIST_HEAD(&attachment->endpoints);
	return attachment;
}

/* What the page table still lacks, now that the group is attached. */
static int attachment_fill(struct attachment *attachment, struct igroup *igroup)
{
	struct hwpt *hwpt = attachment->hwpt;
	int rc = 0;

	if (attachment->pasid == IOMMU_NO_PASID)
		rc = doorbells_follow(igroup, hwpt);
	return rc ?: hwpt_fill(hwpt);
}

/* Faults that nobody has answered are answered now. */
static void attachment_free(struct attachment *attachment)
{
	if (attachment->hwpt->fault)
		fault_queue_flush(attachment->hwpt->fault, attachment, NULL);
	kfree(attachment);
}

/* A nested page table has no memory of its own. */
static struct mutex *revoke_lock(struct hwpt *hwpt)
{
	return hwpt->parent ? &hwpt->parent->table.revoke_lock :
			      &hwpt->table.revoke_lock;
}

/*
 * Let nobody use two page tables, perhaps of the same IOAS, or a single one, given twice.
 *
 * Nobody may map, unmap or flush while a group joins or leaves a page table: drivers look
 * at the IOMMUs that use it without a lock of their own, and Intel's of 6.1 follows a NULL
 * pointer when one of them has just gone. Two of a kind are taken in any order:
 * attach_lock, which is held, lets in one who takes two.
 */
static void hwpts_lock(struct hwpt *old, struct hwpt *new)
{
	down_write(&old->ioas->domains_rwsem);
	if (new->ioas != old->ioas)
		down_write_nested(&new->ioas->domains_rwsem,
				  SINGLE_DEPTH_NESTING);
	/* Memory that is revoked leaves a page table without the former. */
	mutex_lock(revoke_lock(old));
	if (revoke_lock(new) != revoke_lock(old))
		mutex_lock_nested(revoke_lock(new), SINGLE_DEPTH_NESTING);
}

static void hwpts_unlock(struct hwpt *old, struct hwpt *new)
{
	if (revoke_lock(new) != revoke_lock(old))
		mutex_unlock(revoke_lock(new));
	mutex_unlock(revoke_lock(old));
	if (new->ioas != old->ioas)
		up_write(&new->ioas->domains_rwsem);
	up_write(&old->ioas->domains_rwsem);
}

/* @idev: any device of the group, here and below. */
static int core_attach(struct iommufd_ext_device *idev,
		       struct attachment *attachment)
{
	struct hwpt *hwpt = attachment->hwpt;
	int rc;

	hwpts_lock(hwpt, hwpt);
	if (attachment->pasid == IOMMU_NO_PASID)
		rc = ext_iommu_attach_group(hwpt->table.domain,
					    idev->igroup->group,
					    &attachment->core);
	else
		rc = ext_iommu_attach_pasid(hwpt->table.domain, idev->dev,
					    attachment->pasid,
					    &attachment->core);
	hwpts_unlock(hwpt, hwpt);
	return rc;
}

/* Here and in core_replace() nobody sets up an interrupt in what is left any more at the end. */
static void core_detach(struct iommufd_ext_device *idev,
			struct attachment *attachment)
{
	struct hwpt *hwpt = attachment->hwpt;

	hwpts_lock(hwpt, hwpt);
	if (attachment->pasid == IOMMU_NO_PASID)
		ext_iommu_detach_group(hwpt->table.domain, idev->igroup->group);
	else
		ext_iommu_detach_pasid(hwpt->table.domain, idev->dev,
				       attachment->pasid);
	hwpts_unlock(hwpt, hwpt);
	if (attachment->pasid == IOMMU_NO_PASID)
		doorbells_note(idev->igroup, hwpt);
}

static int core_replace(struct iommufd_ext_device *idev, struct attachment *old,
			struct attachment *new)
{
	int rc;

	hwpts_lock(old->hwpt, new->hwpt);
	if (new->pasid == IOMMU_NO_PASID)
		rc = ext_iommu_replace_group(idev->igroup->group,
					     old->hwpt->table.domain,
					     new->hwpt->table.domain,
					     &new->core);
	else
		rc = ext_iommu_replace_pasid(old->hwpt->table.domain,
					     &old->core,
					     new->hwpt->table.domain,
					     &new->core, idev->dev, new->pasid);
	hwpts_unlock(old->hwpt, new->hwpt);
	if (!rc && new->pasid == IOMMU_NO_PASID)
		doorbells_note(idev->igroup, old->hwpt);
	return rc;
}

static struct attachment *igroup_attach(struct iommufd_ext_device *idev,
					u32 pasid, struct hwpt *hwpt)
{
	struct igroup *igroup = idev->igroup;
	struct attachment *attachment;
	int rc;

	/*
	 * virtio-iommu's driver keeps what is mapped while no device is attached, and tells
	 * the IOMMU of it at the first attach, all of it with interrupts off. What comes
	 * afterwards goes in batches.
	 */
	attachment = attachment_prepare(idev, pasid, hwpt,
					hwpt->table.map_path != MAP_CORE);
	if (IS_ERR(attachment))
		return attachment;
	rc = xa_insert(&igroup->attachments, pasid, attachment,
		       GFP_KERNEL_ACCOUNT);
	if (rc)
		goto err_free;
	rc = core_attach(idev, attachment);
	if (rc) {
		rc = refuse_attach(idev, hwpt, rc);
		goto err_erase;
	}
	rc = attachment_fill(attachment, igroup);
	if (rc)
		goto err_detach;
	return attachment;

err_detach:
	core_detach(idev, attachment);
err_erase:
	xa_erase(&igroup->attachments, pasid);
err_free:
	attachment_free(attachment);
	return ERR_PTR(rc);
}

/* One that knows its aperture by attaching is empty without it. */
static void hwpt_after_detach(struct hwpt *hwpt)
{
	if (!hwpt->final && list_empty(&hwpt->endpoints))
		hwpt_unfill(hwpt);
}

static void igroup_detach(struct iommufd_ext_device *idev,
			  struct attachment *attachment)
{
	struct igroup *igroup = idev->igroup;
	struct hwpt *hwpt = attachment->hwpt;

	core_detach(idev, attachment);
	xa_erase(&igroup->attachments, attachment->pasid);
	attachment_free(attachment);
	hwpt_after_detach(hwpt);
}

/*
 * Move the group, with @hwpt full of its IOAS by the time it can be used. Returns what
 * takes the place of @old, which is gone then, or an ERR_PTR.
 */
static struct attachment *igroup_replace(struct iommufd_ext_device *idev,
					 struct attachment *old,
					 struct hwpt *hwpt)
{
	struct igroup *igroup = idev->igroup;
	struct attachment *new;
	int rc = 0;

	new = attachment_prepare(idev, old->pasid, hwpt, true);
	if (IS_ERR(new))
		return new;
	/* Interrupts that are set up are not lost, if that can be. */
	if (old->pasid == IOMMU_NO_PASID) {
		doorbells_note(igroup, old->hwpt);
		rc = hwpt->final ? doorbells_follow(igroup, hwpt) : 0;
	}
	if (rc)
		goto err_free;
	rc = core_replace(idev, old, new);
	if (rc) {
		rc = refuse_attach(idev, hwpt, rc);
		goto err_free;
	}
	rc = attachment_fill(new, igroup);
	if (rc)
		goto err_back;
	list_splice_init(&old->endpoints, &new->endpoints);
	/* The entry is there: this needs no memory. */
	WARN_ON(xa_store(&igroup->attachments, new->pasid, new,
			 GFP_KERNEL_ACCOUNT) != old);
	attachment_free(old);
	return new;

err_back:
	/* The caller may free @hwpt: whatever happens, the group leaves it. */
	if (WARN_ON(core_replace(idev, new, old)))
		core_detach(idev, new);
err_free:
	attachment_free(new);
	return ERR_PTR(rc);
}

/* @nr: 1 or -1. */
static void count_endpoint(struct iommufd_ext_device *idev, int nr)
{
	struct ctx_counts *counts = &idev->ictx->counts;

	lockdep_assert_held(&idev->ictx->attach_lock);
	WRITE_ONCE(idev->endpoints, idev->endpoints + nr);
	WRITE_ONCE(counts->endpoints, counts->endpoints + nr);
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

static int endpoints_reserve(struct list_head *endpoints, struct ioas *ioas)
{
	struct endpoint *endpoint;
	int rc;

	list_for_each_entry(endpoint, endpoints, igroup_item) {
		rc = endpoint_reserve(endpoint, ioas);
		if (rc)
			goto err_unreserve;
	}
	return 0;

err_unreserve:
	list_for_each_entry_continue_reverse(endpoint, endpoints, igroup_item)
		endpoint_unreserve(endpoint, ioas);
	return rc;
}

static void endpoints_unreserve(struct list_head *endpoints, struct ioas *ioas)
{
	struct endpoint *endpoint;

	list_for_each_entry(endpoint, endpoints, igroup_item)
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

/* A page table made for PASIDs is final, and full since HWPT_ALLOC. */
static int check_pasid(struct iommufd_ext_device *idev, struct hwpt *hwpt)
{
	struct attachment *of_device =
		xa_load(&idev->igroup->attachments, IOMMU_NO_PASID);
	struct iommufd_ext_ctx *ictx = idev->ictx;
	struct table_name name;

	if (!EXT_HAS_PASID)
		return refuse_id(ictx, -EOPNOTSUPP, idev->obj.id,
				 "no PASID can be attached on this kernel");
	if (!hwpt->pasid) {
		table_get_name(hwpt->ioas, &hwpt->table, &name);
		return refuse_ids(ictx, -EINVAL, idev->obj.id, name.id,
				  "%s was not made for PASIDs", name.text);
	}
	if (of_device && !of_device->hwpt->pasid)
		return refuse_ids(ictx, -EINVAL, idev->obj.id,
				  of_device->hwpt->obj.id,
				  "%s is attached to page table %u, which was not made for devices with PASIDs",
				  dev_name(idev->dev), of_device->hwpt->obj.id);
	if (!ext_max_pasids(idev->dev))
		return refuse_id(ictx, -EINVAL, idev->obj.id,
				 "%s has no PASIDs", dev_name(idev->dev));
	return 0;
}

static int refuse_attached(struct iommufd_ext_device *idev, u32 pasid,
			   const struct hwpt *hwpt)
{
	if (pasid == IOMMU_NO_PASID)
		return refuse_ids(idev->ictx, -EBUSY, idev->obj.id,
				  hwpt->obj.id,
				  "%s is attached to page table %u already",
				  dev_name(idev->dev), hwpt->obj.id);
	return refuse_ids(idev->ictx, -EBUSY, idev->obj.id, hwpt->obj.id,
			  "PASID %u of %s is attached to page table %u already",
			  pasid, dev_name(idev->dev), hwpt->obj.id);
}

/* Its group has @hwpt. */
static int refuse_other(struct iommufd_ext_device *idev, u32 pasid,
			const struct hwpt *hwpt)
{
	if (pasid == IOMMU_NO_PASID)
		return refuse_ids(idev->ictx, -EINVAL, idev->obj.id,
				  hwpt->obj.id,
				  "%s shares IOMMU group %d with a device that is attached to page table %u",
				  dev_name(idev->dev),
				  iommu_group_id(idev->igroup->group),
				  hwpt->obj.id);
	return refuse_ids(idev->ictx, -EINVAL, idev->obj.id, hwpt->obj.id,
			  "PASID %u of the group of %s is attached to page table %u",
			  pasid, dev_name(idev->dev), hwpt->obj.id);
}

/*
 * The endpoint of a device for a PASID, or for IOMMU_NO_PASID; NULL if it is not
 * attached.
 * Context: holds attach_lock.
 */
struct endpoint *idev_endpoint(struct iommufd_ext_device *idev, u32 pasid)
{
	struct attachment *attachment =
		xa_load(&idev->igroup->attachments, pasid);
	struct endpoint *endpoint;

	lockdep_assert_held(&idev->ictx->attach_lock);

	if (!attachment)
		return NULL;
	list_for_each_entry(endpoint, &attachment->endpoints, igroup_item)
		if (endpoint->idev == idev)
			return endpoint;
	return NULL;
}

/*
 * Connects a device, or a PASID of it, to a page table: see iommufd_ext_device_attach().
 * Context: holds attach_lock; may sleep, faults and pins user memory.
 */
int idev_attach(struct iommufd_ext_device *idev, u32 pasid, struct hwpt *hwpt)
{
	struct attachment *attachment =
		xa_load(&idev->igroup->attachments, pasid);
	struct endpoint *endpoint;
	int rc = 0;

	if (idev_endpoint(idev, pasid))
		return refuse_attached(idev, pasid, attachment->hwpt);
	if (attachment && attachment->hwpt != hwpt)
		return refuse_other(idev, pasid, attachment->hwpt);
	if (pasid != IOMMU_NO_PASID)
		rc = check_pasid(idev, hwpt);
	if (rc)
		return rc;

	endpoint = kzalloc(sizeof(*endpoint), GFP_KERNEL_ACCOUNT);
	if (!endpoint)
		return -ENOMEM;
	endpoint->idev = idev;
	endpoint->pasid = pasid;

	rc = endpoint_reserve(endpoint, hwpt->ioas);
	if (rc)
		goto err_free;
	rc = idev_faults_get(idev, hwpt);
	if (rc)
		goto err_unreserve;
	if (!attachment) {
		attachment = igroup_attach(idev, pasid, hwpt);
		if (IS_ERR(attachment)) {
			rc = PTR_ERR(attachment);
			goto err_put_faults;
		}
	}

	endpoint_link(endpoint, hwpt);
	list_add_tail(&endpoint->igroup_item, &attachment->endpoints);
	count_endpoint(idev, 1);
	return 0;

err_put_faults:
	idev_faults_put(idev, hwpt);
err_unreserve:
	endpoint_unreserve(endpoint, hwpt->ioas);
err_free:
	kfree(endpoint);
	return rc;
}

static int refuse_unattached(struct iommufd_ext_device *idev, u32 pasid)
{
	if (pasid == IOMMU_NO_PASID)
		return refuse_id(idev->ictx, -EINVAL, idev->obj.id,
				 "%s is not attached", dev_name(idev->dev));
	return refuse_id(idev->ictx, -EINVAL, idev->obj.id,
			 "PASID %u of %s is not attached", pasid,
			 dev_name(idev->dev));
}

/*
 * Moves it to another one, and along with it all of its group that are attached there:
 * see iommufd_ext_device_replace().
 * Context: holds attach_lock; may sleep, faults and pins user memory.
 */
int idev_replace(struct iommufd_ext_device *idev, u32 pasid, struct hwpt *hwpt)
{
	struct endpoint *endpoint = idev_endpoint(idev, pasid);
	struct attachment *attachment, *new;
	struct hwpt *old;
	bool same_ioas;
	int rc = 0;

	if (!endpoint)
		return refuse_unattached(idev, pasid);
	old = endpoint->hwpt;
	if (old == hwpt)
		return 0;
	if (pasid != IOMMU_NO_PASID)
		rc = check_pasid(idev, hwpt);
	if (rc)
		return rc;

	attachment = xa_load(&idev->igroup->attachments, pasid);
	same_ioas = old->ioas == hwpt->ioas;
	/* Within one IOAS, what is reserved stays reserved. */
	if (!same_ioas)
		rc = endpoints_reserve(&attachment->endpoints, hwpt->ioas);
	if (rc)
		return rc;
	rc = endpoints_faults_get(&attachment->endpoints, hwpt);
	if (rc)
		goto err_unreserve;
	new = igroup_replace(idev, attachment, hwpt);
	if (IS_ERR(new)) {
		rc = PTR_ERR(new);
		goto err_put_faults;
	}
	endpoints_faults_put(&new->endpoints, old);
	if (!same_ioas)
		endpoints_unreserve(&new->endpoints, old->ioas);
	endpoints_relink(&new->endpoints, old, hwpt);
	return 0;

err_put_faults:
	endpoints_faults_put(&attachment->endpoints, hwpt);
err_unreserve:
	if (!same_ioas)
		endpoints_unreserve(&attachment->endpoints, hwpt->ioas);
	return rc;
}

/*
 * Nothing happens if it is not attached.
 * Context: holds attach_lock; may sleep. Neither allocates nor fails.
 */
void idev_detach(struct iommufd_ext_device *idev, u32 pasid)
{
	struct endpoint *endpoint = idev_endpoint(idev, pasid);
	struct attachment *attachment;
	struct hwpt *hwpt;

	if (!endpoint)
		return;
	hwpt = endpoint->hwpt;
	attachment = xa_load(&idev->igroup->attachments, pasid);
	count_endpoint(idev, -1);
	list_del(&endpoint->igroup_item);
	endpoint_unlink(endpoint);
	if (list_empty(&attachment->endpoints))
		igroup_detach(idev, attachment);
	trace_ioasid_detach(idev->ictx->id, idev->dev, pasid);
	idev_faults_put(idev, hwpt);
	endpoint_unreserve(endpoint, hwpt->ioas);
	kfree(endpoint);
	hwpt_put(idev->ictx, hwpt);
}

/*
 * Disconnects a device that is being unbound from all its address spaces. It may be
 * attached or not: nobody attaches or detaches it.
 *
 * A device that has no attachment does not wait for those of others, which can take as
 * long as memory of their user. One that has does: others may be in its page table.
 * Context: may sleep. Neither allocates nor fails.
 */
void idev_detach_all(struct iommufd_ext_device *idev)
{
	struct attachment *attachment;
	unsigned long pasid;

	if (!READ_ONCE(idev->endpoints))
		return;
	mutex_lock(&idev->ictx->attach_lock);
	xa_for_each_start(&idev->igroup->attachments, pasid, attachment,
			  IOMMU_NO_PASID + 1) {
		idev_detach(idev, pasid);
		cond_resched();
	}
	idev_detach(idev, IOMMU_NO_PASID);
	mutex_unlock(&idev->ictx->attach_lock);
}
