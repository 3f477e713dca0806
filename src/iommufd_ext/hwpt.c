// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware page tables.
 *
 * A page table follows one IOAS and serves the devices of one kind of IOMMU. It
 * must know its aperture and page sizes before it can be filled. Where the
 * kernel's drivers learn them only when a first device is attached, it is
 * filled after that attach and emptied after the last detach; elsewhere it
 * follows its IOAS from the beginning to the end.
 */
#include <linux/iommu.h>
#include <linux/slab.h>

#include <uapi/linux/ioasid.h>

#include "compat/iommu.h"
#include "private.h"

/**
 * hwpt_alloc() - make an empty page table
 * @idev: for whose IOMMU
 * @ioas: what it will follow; the caller holds a reference
 * @auto_domain: it goes with the last endpoint
 *
 * The page table has an id that is not published yet.
 *
 * Return: the page table or an ERR_PTR: -ENOMEM, or the IOMMU driver's error.
 */
struct hwpt *hwpt_alloc(struct iommufd_ext_device *idev, struct ioas *ioas,
			bool auto_domain)
{
	struct hwpt *hwpt;
	int rc;

	hwpt = kzalloc(sizeof(*hwpt), GFP_KERNEL_ACCOUNT);
	if (!hwpt)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&hwpt->endpoints);
	hwpt->auto_domain = auto_domain;

	hwpt->domain = ext_iommu_paging_domain_alloc(idev->dev, &hwpt->final);
	if (IS_ERR(hwpt->domain)) {
		rc = PTR_ERR(hwpt->domain);
		goto err_free_hwpt;
	}

	hwpt->coherent = idev->igroup->coherent;

	/* Entries made before could be without it: it comes first. */
	if (hwpt->coherent &&
	    WARN_ON(!hwpt->domain->ops->enforce_cache_coherency(hwpt->domain))) {
		rc = -EINVAL;
		goto err_free_domain;
	}

	rc = obj_reserve(idev->ictx, &hwpt->obj, OBJ_HWPT);
	if (rc)
		goto err_free_domain;

	refcount_inc(&ioas->obj.users);
	hwpt->ioas = ioas;
	return hwpt;

err_free_domain:
	iommu_domain_free(hwpt->domain);
err_free_hwpt:
	kfree(hwpt);
	return ERR_PTR(rc);
}

static bool same_aperture(const struct iommu_domain_geometry *a,
			  const struct iommu_domain_geometry *b)
{
	return a->aperture_start == b->aperture_start &&
	       a->aperture_end == b->aperture_end;
}

/* Another kind of IOMMU, attached to a filled page table, can narrow it. */
static int hwpt_update_aperture(struct hwpt *hwpt)
{
	const struct iommu_domain_geometry *now = &hwpt->domain->geometry;
	struct ioas *ioas = hwpt->ioas;
	int rc;

	if (same_aperture(&hwpt->aperture, now))
		return 0;
	mutex_lock(&ioas->iova_lock);
	rc = iova_reserve_outside(ioas, now, hwpt);
	mutex_unlock(&ioas->iova_lock);
	if (!rc)
		hwpt->aperture = *now;
	return rc;
}

/**
 * hwpt_fill() - map the content of the IOAS
 * @hwpt: a page table that is final or has just been attached
 *
 * Context: holds attach_lock; may sleep, faults and pins user memory.
 * Return: 0 or the error of ioas_add_hwpt().
 */
int hwpt_fill(struct hwpt *hwpt)
{
	int rc;

	if (hwpt->filled)
		return hwpt_update_aperture(hwpt);
	rc = ioas_add_hwpt(hwpt->ioas, hwpt);
	if (rc)
		return rc;
	hwpt->aperture = hwpt->domain->geometry;
	hwpt->filled = true;
	return 0;
}

/**
 * hwpt_unfill() - undo hwpt_fill()
 * @hwpt: a page table, filled or not
 *
 * Context: holds attach_lock; may sleep. Does not allocate.
 */
void hwpt_unfill(struct hwpt *hwpt)
{
	if (!hwpt->filled)
		return;
	ioas_remove_hwpt(hwpt->ioas, hwpt);
	hwpt->filled = false;
}

/**
 * hwpt_free() - undo hwpt_alloc()
 * @ictx: the context
 * @hwpt: a page table without endpoints that is in no store
 *
 * Context: holds attach_lock; may sleep. Does not allocate.
 */
void hwpt_free(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt)
{
	lockdep_assert_held(&ictx->attach_lock);
	WARN_ON(!list_empty(&hwpt->endpoints));

	hwpt_unfill(hwpt);
	iommu_domain_free(hwpt->domain);
	obj_put(ictx, &hwpt->ioas->obj);
	kfree(hwpt);
}

/**
 * hwpt_put() - drop a reference
 * @ictx: the context
 * @hwpt: a page table; one made by an attach goes with its last user
 *
 * Context: holds attach_lock; may sleep. Does not allocate.
 */
void hwpt_put(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt)
{
	lockdep_assert_held(&ictx->attach_lock);

	obj_put(ictx, &hwpt->obj);
	/* Should a user destroy it now, it is not freed without the lock. */
	if (hwpt->auto_domain && list_empty(&hwpt->endpoints) &&
	    obj_remove_unused(ictx, &hwpt->obj))
		hwpt_free(ictx, hwpt);
}

/**
 * pt_put() - drop a reference to an object that may be a page table
 * @ictx: the context
 * @obj: an object of any type
 *
 * Context: may sleep; takes attach_lock for a page table.
 */
void pt_put(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	if (obj->type != OBJ_HWPT) {
		obj_put(ictx, obj);
		return;
	}
	mutex_lock(&ictx->attach_lock);
	hwpt_put(ictx, container_of(obj, struct hwpt, obj));
	mutex_unlock(&ictx->attach_lock);
}

/**
 * hwpt_destroy() - hwpt_free() for those who hold no lock
 * @ictx: the context
 * @hwpt: see hwpt_free()
 */
void hwpt_destroy(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt)
{
	mutex_lock(&ictx->attach_lock);
	hwpt_free(ictx, hwpt);
	mutex_unlock(&ictx->attach_lock);
}

static int hwpt_alloc_for(struct ucmd *ucmd, struct iommufd_ext_device *idev,
			  struct ioas *ioas)
{
	struct iommufd_ext_ctx *ictx = ucmd->ictx;
	struct ioasid_hwpt_alloc *cmd = ucmd->cmd;
	struct hwpt *hwpt;
	int rc = 0;

	/* No flag is served without a driver operation nobody calls yet. */
	if (cmd->flags || cmd->data_len)
		return -EOPNOTSUPP;

	hwpt = hwpt_alloc(idev, ioas, false);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	ucmd->new_obj = &hwpt->obj;

	if (hwpt->final) {
		mutex_lock(&ictx->attach_lock);
		rc = hwpt_fill(hwpt);
		mutex_unlock(&ictx->attach_lock);
		if (rc)
			return rc;
	}
	cmd->out_hwpt_id = hwpt->obj.id;
	return ucmd_respond(ucmd, sizeof(*cmd));
}

/**
 * hwpt_alloc_ioctl() - IOASID_HWPT_ALLOC
 * @ucmd: the command
 *
 * Return: 0; see struct ioasid_hwpt_alloc for the errors.
 */
int hwpt_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_hwpt_alloc *cmd = ucmd->cmd;
	struct iommufd_ext_device *idev;
	struct obj *obj;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	/* There is data, or there is none. */
	if (cmd->data_type == IOASID_HWPT_DATA_NONE ? cmd->data_len :
						      !cmd->data_len)
		return -EINVAL;

	idev = idev_get(ucmd->ictx, cmd->dev_id);
	if (!idev)
		return -ENOENT;
	obj = obj_get(ucmd->ictx, cmd->pt_id, OBJ_ANY);
	if (!obj) {
		rc = -EINVAL;
		goto out_put_idev;
	}
	switch (obj->type) {
	case OBJ_IOAS:
		rc = hwpt_alloc_for(ucmd, idev,
				    container_of(obj, struct ioas, obj));
		break;
	case OBJ_HWPT:
		/* A nested page table: as on an IOMMU without them. */
		rc = -EOPNOTSUPP;
		break;
	default:
		rc = -EINVAL;
	}
	pt_put(ucmd->ictx, obj);
out_put_idev:
	obj_put(ucmd->ictx, &idev->obj);
	return rc;
}
