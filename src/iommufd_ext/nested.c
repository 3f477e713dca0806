// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page tables.
 *
 * The user fills a nested page table, in a format that only the IOMMU driver
 * knows, and tells when it has changed. What comes out of it is translated once
 * more, by its parent, which follows an IOAS like any other page table. So a guest
 * has its own page tables, and its devices still reach no more than the guest's
 * memory.
 */
#include <linux/bits.h>
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <uapi/linux/ioasid.h>

#include "compat/iommu.h"
#include "private.h"

#define NESTED_FLAGS (IOASID_HWPT_FAULT_ID_VALID | IOASID_HWPT_ALLOC_PASID)

#define INVALIDATE_MAX_ENTRIES BIT(19)

static int check_parent(struct iommufd_ext_device *idev, struct hwpt *parent,
			u32 flags, const struct ext_user_data *data)
{
	struct iommufd_ext_ctx *ictx = idev->ictx;

	if (flags & ~NESTED_FLAGS)
		return refuse(ictx, -EOPNOTSUPP,
			      "a nested page table cannot have the flags %#x",
			      flags & ~NESTED_FLAGS);
	if (!data->len)
		return refuse(ictx, -EOPNOTSUPP,
			      "a nested page table needs data");
	if (!ext_iommu_can_nest(idev->dev))
		return refuse_id(ictx, -EOPNOTSUPP, idev->obj.id,
				 "the IOMMU driver of %s makes no nested page tables on this kernel",
				 dev_name(idev->dev));
	if (parent->auto_domain || !parent->nest_parent)
		return refuse_id(ictx, -EINVAL, parent->obj.id,
				 "page table %u was not made to be a parent",
				 parent->obj.id);
	if (!ext_iommu_same_owner(parent->domain, idev->dev))
		return refuse_ids(ictx, -EINVAL, parent->obj.id, idev->obj.id,
				  "page table %u is for another kind of IOMMU than that of %s",
				  parent->obj.id, dev_name(idev->dev));
	return 0;
}

static int alloc_domain(struct hwpt *hwpt, struct iommufd_ext_device *idev,
			u32 flags, const struct ext_user_data *data)
{
	struct iommu_domain *domain;

	domain = ext_iommu_domain_alloc_nested(idev->dev, hwpt->parent->domain,
					       flags & ~IOASID_HWPT_FAULT_ID_VALID,
					       data);
	if (IS_ERR(domain))
		return refuse_id(idev->ictx, PTR_ERR(domain), idev->obj.id,
				 "the IOMMU of %s makes no nested page table of %zu bytes of data of type %u",
				 dev_name(idev->dev), data->len, data->type);
	hwpt->domain = domain;
	return 0;
}

/**
 * hwpt_alloc_nested() - make a page table that the user fills
 * @idev: for whose IOMMU
 * @parent: translates its output; the caller holds a reference
 * @flags: enum ioasid_hwpt_alloc_flags
 * @data: for the IOMMU driver
 *
 * The page table has an id that is not published yet.
 *
 * Return: the page table or an ERR_PTR: -ENOMEM; -EOPNOTSUPP for flags and data
 * that are not served; -EINVAL if @parent cannot be one; the IOMMU driver's error.
 */
struct hwpt *hwpt_alloc_nested(struct iommufd_ext_device *idev,
			       struct hwpt *parent, u32 flags,
			       const struct ext_user_data *data)
{
	struct hwpt *hwpt;
	int rc;

	rc = check_parent(idev, parent, flags, data);
	if (rc)
		return ERR_PTR(rc);

	hwpt = kzalloc(sizeof(*hwpt), GFP_KERNEL_ACCOUNT);
	if (!hwpt)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&hwpt->endpoints);
	hwpt->parent = parent;
	hwpt->ioas = parent->ioas;
	hwpt->coherent = parent->coherent;
	hwpt->pasid = flags & IOASID_HWPT_ALLOC_PASID;
	hwpt->final = true;

	rc = alloc_domain(hwpt, idev, flags, data);
	if (rc)
		goto err_free_hwpt;
	rc = obj_reserve(idev->ictx, &hwpt->obj, OBJ_HWPT_NESTED);
	if (rc)
		goto err_free_domain;
	refcount_inc(&parent->obj.users);
	return hwpt;

err_free_domain:
	iommu_domain_free(hwpt->domain);
err_free_hwpt:
	kfree(hwpt);
	return ERR_PTR(rc);
}

/* @served: how many entries were; 0 unless the driver was asked. */
static int hwpt_invalidate(struct iommufd_ext_ctx *ictx,
			   const struct ioasid_hwpt_invalidate *cmd,
			   u32 *served)
{
	const struct ext_user_data entries = {
		.type = cmd->data_type,
		.uptr = u64_to_user_ptr(cmd->data_uptr),
		.len = cmd->entry_len,
	};
	struct hwpt *hwpt;
	struct obj *obj;
	int rc;

	*served = 0;
	if (cmd->__reserved)
		return refuse_reserved(ictx);
	/* The bounds keep one call from running for long. */
	if (cmd->entry_num &&
	    (!cmd->data_uptr || !cmd->entry_len || cmd->entry_len > PAGE_SIZE ||
	     cmd->entry_num > INVALIDATE_MAX_ENTRIES))
		return refuse(ictx, -EINVAL,
			      "%u entries of %u bytes at %#llx are no array to invalidate by",
			      cmd->entry_num, cmd->entry_len, cmd->data_uptr);

	obj = obj_get(ictx, cmd->hwpt_id, OBJ_ANY);
	if (!obj)
		return -ENOENT;
	if (obj->type == OBJ_HWPT_NESTED) {
		hwpt = container_of(obj, struct hwpt, obj);
		*served = cmd->entry_num;
		rc = ext_iommu_cache_invalidate_user(hwpt->domain, &entries,
						     served);
		if (rc)
			refuse_id(ictx, rc, cmd->hwpt_id,
				  "the IOMMU driver takes %u of the %u entries (error %d)",
				  *served, cmd->entry_num, -rc);
	} else {
		rc = refuse_id(ictx, -EINVAL, cmd->hwpt_id,
			       "object %u is not a nested page table",
			       cmd->hwpt_id);
	}
	pt_put(ictx, obj);
	return rc;
}

/**
 * hwpt_invalidate_ioctl() - IOASID_HWPT_INVALIDATE
 * @ucmd: the command
 *
 * Return: 0; see struct ioasid_hwpt_invalidate for the errors.
 */
int hwpt_invalidate_ioctl(struct ucmd *ucmd)
{
	struct ioasid_hwpt_invalidate *cmd = ucmd->cmd;
	u32 served;
	int rc;

	rc = hwpt_invalidate(ucmd->ictx, cmd, &served);
	cmd->entry_num = served;
	return ucmd_respond(ucmd, sizeof(*cmd)) ?: rc;
}
