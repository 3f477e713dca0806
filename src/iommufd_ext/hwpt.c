// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware page tables.
 *
 * A page table follows one IOAS and serves the devices of one kind of IOMMU, unless
 * it is nested. It must know its aperture and page sizes before it can be filled.
 * Where the kernel's drivers learn them only when a first device is attached, it is
 * filled after that attach and emptied after the last detach; elsewhere it follows
 * its IOAS from the beginning to the end.
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
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/dirty.h"
#include "compat/iommu.h"
#include "device.h"

#define HWPT_ALLOC_FLAGS \
	(IOASID_HWPT_ALLOC_NEST_PARENT | IOASID_HWPT_ALLOC_DIRTY_TRACKING | \
	 IOASID_HWPT_FAULT_ID_VALID | IOASID_HWPT_ALLOC_PASID)

#define NESTED_FLAGS (IOASID_HWPT_FAULT_ID_VALID | IOASID_HWPT_ALLOC_PASID)

#define INVALIDATE_MAX_ENTRIES BIT(19)

static int check_flags(struct iommufd_ext_device *idev, u32 flags)
{
	if (flags & ~HWPT_ALLOC_FLAGS)
		return refuse_flags(idev->ictx, flags & ~HWPT_ALLOC_FLAGS);
	if ((flags & IOASID_HWPT_ALLOC_DIRTY_TRACKING) &&
	    !ext_iommu_dirty_capable(idev->dev))
		return refuse_id(idev->ictx, -EOPNOTSUPP, idev->obj.id,
				 "the IOMMU of %s cannot track dirty pages on this kernel",
				 dev_name(idev->dev));
	if ((flags & IOASID_HWPT_FAULT_ID_VALID) &&
	    (flags & IOASID_HWPT_ALLOC_NEST_PARENT))
		return refuse(idev->ictx, -EOPNOTSUPP,
			      "a page table that is a parent cannot have a fault queue");
	return 0;
}

/*
 * Can dirty pages of a domain that was made with IOASID_HWPT_ALLOC_DIRTY_TRACKING be
 * read? Not if the driver has the operation for show.
 */
bool domain_reads_dirty(struct iommu_domain *domain)
{
	struct iommu_iotlb_gather found;

	return ext_iommu_has_dirty_ops(domain) &&
	       ext_iommu_read_dirty(domain, domain->geometry.aperture_start,
				    PAGE_SIZE, false, &found) != -EOPNOTSUPP;
}

/*
 * A domain for an empty page table: without wishes as all drivers make it, with
 * flags or data by the operation that some have for user space.
 */
static int hwpt_alloc_domain(struct hwpt *hwpt, struct iommufd_ext_device *idev,
			     u32 flags, const struct ext_user_data *data)
{
	struct iommu_domain *domain;

	if (flags || data) {
		/* No driver knows of fault queues. */
		domain = ext_iommu_domain_alloc_flags(idev->dev,
						      flags & ~IOASID_HWPT_FAULT_ID_VALID,
						      data);
		hwpt->final = true;
	} else {
		domain = ext_iommu_paging_domain_alloc(idev->dev, &hwpt->final);
	}
	if (IS_ERR(domain))
		return refuse_id(idev->ictx, PTR_ERR(domain), idev->obj.id,
				 "the IOMMU of %s makes no page table with flags %#x and %zu bytes of data (error %ld)",
				 dev_name(idev->dev), flags,
				 data ? data->len : 0, -PTR_ERR(domain));
	if ((flags & IOASID_HWPT_ALLOC_DIRTY_TRACKING) &&
	    !domain_reads_dirty(domain)) {
		iommu_domain_free(domain);
		return refuse_id(idev->ictx, -EOPNOTSUPP, idev->obj.id,
				 "this kernel tracks dirty pages of %s, but does not say which they are",
				 dev_name(idev->dev));
	}
	hwpt->table.domain = domain;
	return 0;
}

static struct hwpt *hwpt_new(void)
{
	struct hwpt *hwpt = kzalloc(sizeof(*hwpt), GFP_KERNEL_ACCOUNT);

	if (!hwpt)
		return NULL;
	hwpt->table.obj = &hwpt->obj;
	INIT_LIST_HEAD(&hwpt->endpoints);
	return hwpt;
}

/*
 * An empty page table for the IOMMU of @idev that follows @ioas, to which the caller
 * holds a reference. It has an id that is not published yet. @data: for the IOMMU
 * driver, or NULL.
 * Returns an ERR_PTR of -ENOMEM, of -EOPNOTSUPP for flags and data that are not served,
 * or of the IOMMU driver's error.
 */
struct hwpt *hwpt_alloc(struct iommufd_ext_device *idev, struct ioas *ioas,
			u32 flags, const struct ext_user_data *data)
{
	struct iommu_domain *domain;
	struct hwpt *hwpt;
	int rc;

	rc = check_flags(idev, flags);
	if (rc)
		return ERR_PTR(rc);

	hwpt = hwpt_new();
	if (!hwpt)
		return ERR_PTR(-ENOMEM);
	hwpt->nest_parent = flags & IOASID_HWPT_ALLOC_NEST_PARENT;
	hwpt->pasid = flags & IOASID_HWPT_ALLOC_PASID;
	hwpt->coherent = idev->igroup->coherent;
	hwpt->table.dev_id = idev->obj.id;
	hwpt->table.dev_name = kstrdup(dev_name(idev->dev), GFP_KERNEL_ACCOUNT);
	if (!hwpt->table.dev_name) {
		rc = -ENOMEM;
		goto err_free_hwpt;
	}

	rc = hwpt_alloc_domain(hwpt, idev, flags, data);
	if (rc)
		goto err_free_name;
	domain_choose_path(&hwpt->table, idev->dev);

	/* Entries made before could be without it: it comes first. */
	domain = hwpt->table.domain;
	if (hwpt->coherent &&
	    WARN_ON(!domain->ops->enforce_cache_coherency(domain))) {
		rc = refuse_id(idev->ictx, -EINVAL, idev->obj.id,
			       "the IOMMU of %s does not keep DMA from bypassing caches",
			       dev_name(idev->dev));
		goto err_free_domain;
	}

	rc = obj_reserve(idev->ictx, &hwpt->obj, OBJ_HWPT);
	if (rc)
		goto err_free_domain;

	refcount_inc(&ioas->obj.users);
	hwpt->ioas = ioas;
	return hwpt;

err_free_domain:
	iommu_domain_free(domain);
err_free_name:
	kfree(hwpt->table.dev_name);
err_free_hwpt:
	kfree(hwpt);
	return ERR_PTR(rc);
}

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
	if (!ext_iommu_same_owner(parent->table.domain, idev->dev))
		return refuse_ids(ictx, -EINVAL, parent->obj.id, idev->obj.id,
				  "page table %u is for another kind of IOMMU than that of %s",
				  parent->obj.id, dev_name(idev->dev));
	return 0;
}

static int alloc_nested_domain(struct hwpt *hwpt,
			       struct iommufd_ext_device *idev, u32 flags,
			       const struct ext_user_data *data)
{
	struct iommu_domain *domain;

	domain = ext_iommu_domain_alloc_nested(idev->dev,
					       hwpt->parent->table.domain,
					       flags & ~IOASID_HWPT_FAULT_ID_VALID,
					       data);
	if (IS_ERR(domain))
		return refuse_id(idev->ictx, PTR_ERR(domain), idev->obj.id,
				 "the IOMMU of %s makes no nested page table of %zu bytes of data of type %u (error %ld)",
				 dev_name(idev->dev), data->len, data->type,
				 -PTR_ERR(domain));
	hwpt->table.domain = domain;
	return 0;
}

/*
 * A page table that the user fills. @parent translates its output; the caller holds a
 * reference. As with hwpt_alloc(), its id is not published yet.
 */
static struct hwpt *hwpt_alloc_nested(struct iommufd_ext_device *idev,
				      struct hwpt *parent, u32 flags,
				      const struct ext_user_data *data)
{
	struct hwpt *hwpt;
	int rc;

	rc = check_parent(idev, parent, flags, data);
	if (rc)
		return ERR_PTR(rc);

	hwpt = hwpt_new();
	if (!hwpt)
		return ERR_PTR(-ENOMEM);
	hwpt->parent = parent;
	hwpt->ioas = parent->ioas;
	hwpt->coherent = parent->coherent;
	hwpt->pasid = flags & IOASID_HWPT_ALLOC_PASID;
	hwpt->final = true;

	rc = alloc_nested_domain(hwpt, idev, flags, data);
	if (rc)
		goto err_free_hwpt;
	rc = obj_reserve(idev->ictx, &hwpt->obj, OBJ_HWPT_NESTED);
	if (rc)
		goto err_free_domain;
	refcount_inc(&parent->obj.users);
	return hwpt;

err_free_domain:
	iommu_domain_free(hwpt->table.domain);
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
	const struct iommu_domain_geometry *now = &hwpt->table.domain->geometry;
	struct ioas *ioas = hwpt->ioas;
	int rc;

	if (same_aperture(&hwpt->aperture, now))
		return 0;
	mutex_lock(&ioas->iova_lock);
	rc = iova_reserve_outside(ioas, now, &hwpt->table);
	mutex_unlock(&ioas->iova_lock);
	if (!rc)
		hwpt->aperture = *now;
	return rc;
}

/*
 * Maps the content of the IOAS into a page table that is final or has just been
 * attached. A nested one is the user's to fill.
 * Context: holds attach_lock; may sleep, faults and pins user memory. Returns the error
 * of ioas_add_table(), or -ENOMEM.
 */
int hwpt_fill(struct hwpt *hwpt)
{
	int rc;

	if (hwpt->parent)
		return 0;
	if (hwpt->filled)
		return hwpt_update_aperture(hwpt);
	rc = ioas_add_table(hwpt->ioas, &hwpt->table);
	if (rc)
		return rc;
	hwpt->aperture = hwpt->table.domain->geometry;
	hwpt->filled = true;
	if (hwpt->doorbell_slot)
		rc = doorbells_reserve(hwpt);
	if (rc)
		hwpt_unfill(hwpt);
	return rc;
}

/*
 * Undoes hwpt_fill(), if it was filled.
 * Context: holds attach_lock; may sleep. Does not allocate.
 */
void hwpt_unfill(struct hwpt *hwpt)
{
	if (!hwpt->filled)
		return;
	ioas_remove_table(hwpt->ioas, &hwpt->table);
	hwpt->filled = false;
}

/* A page table that follows no IOAS. */
static void free_unfilled(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt)
{
	WARN_ON(!list_empty(&hwpt->endpoints));

	iommu_domain_free(hwpt->table.domain);
	doorbells_release(ictx, hwpt);
	hwpt_put_fault_queue(ictx, hwpt);
	obj_put(ictx, hwpt->parent ? &hwpt->parent->obj : &hwpt->ioas->obj);
	kfree(hwpt->table.dev_name);
	kfree(hwpt);
}

/*
 * For a page table without endpoints that is in no store.
 * Context: holds attach_lock; may sleep. Does not allocate.
 */
void hwpt_free(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt)
{
	lockdep_assert_held(&ictx->attach_lock);
	hwpt_unfill(hwpt);
	free_unfilled(ictx, hwpt);
}

/*
 * Drops a reference. A page table that an attach has made goes with its last user.
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

static bool is_auto_domain(const struct obj *obj)
{
	return obj->type == OBJ_HWPT &&
	       container_of(obj, struct hwpt, obj)->auto_domain;
}

/*
 * Drops a reference to an object of any type, which may be a page table.
 * Context: may sleep; takes attach_lock for a page table that an attach has made.
 */
void pt_put(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	if (!is_auto_domain(obj)) {
		obj_put(ictx, obj);
		return;
	}
	mutex_lock(&ictx->attach_lock);
	hwpt_put(ictx, container_of(obj, struct hwpt, obj));
	mutex_unlock(&ictx->attach_lock);
}

/*
 * hwpt_free() for those who hold no lock.
 * Context: may sleep; takes attach_lock for one that follows its IOAS.
 */
void hwpt_destroy(struct iommufd_ext_ctx *ictx, struct hwpt *hwpt)
{
	/* The caller's alone, as nobody can attach to it: nothing is to be waited for. */
	if (!hwpt->filled) {
		free_unfilled(ictx, hwpt);
		return;
	}
	mutex_lock(&ictx->attach_lock);
	hwpt_free(ictx, hwpt);
	mutex_unlock(&ictx->attach_lock);
}

/* The page table @pt, an IOAS or a parent, asks for; not published yet. */
static struct hwpt *alloc_for(struct iommufd_ext_device *idev, struct obj *pt,
			      const struct ioasid_hwpt_alloc *cmd)
{
	const struct ext_user_data data = {
		.type = cmd->data_type,
		.uptr = u64_to_user_ptr(cmd->data_uptr),
		.len = cmd->data_len,
	};

	switch (pt->type) {
	case OBJ_IOAS:
		return hwpt_alloc(idev, container_of(pt, struct ioas, obj),
				  cmd->flags, data.len ? &data : NULL);
	case OBJ_HWPT:
		return hwpt_alloc_nested(idev,
					 container_of(pt, struct hwpt, obj),
					 cmd->flags, &data);
	default:
		return ERR_PTR(refuse_id(idev->ictx, -EINVAL, cmd->pt_id,
					 "object %u is neither an IOAS nor a page table that can be a parent",
					 cmd->pt_id));
	}
}

/*
 * The IOMMU driver reads the user's data itself, while the device is held for it. How
 * often it is asked again because memory that was there before has gone meanwhile.
 */
#define MAX_TRIES 16

/* Makes the data ready for the driver. Returns false if it cannot be read at all. */
static bool data_is_there(const struct ioasid_hwpt_alloc *cmd)
{
	const char __user *uptr = u64_to_user_ptr(cmd->data_uptr);

	return !fault_in_readable(uptr, cmd->data_len);
}

/* One try, which does not wait for the data. The device is not held any more then. */
static struct hwpt *try_alloc(struct iommufd_ext_ctx *ictx,
			      const struct ioasid_hwpt_alloc *cmd)
{
	struct iommufd_ext_device *idev;
	struct hwpt *hwpt;
	struct obj *pt;

	idev = idev_get(ictx, cmd->dev_id);
	if (!idev)
		return ERR_PTR(-ENOENT);
	pt = obj_get(ictx, cmd->pt_id, OBJ_ANY);
	if (pt) {
		pagefault_disable();
		hwpt = alloc_for(idev, pt, cmd);
		pagefault_enable();
	} else {
		hwpt = ERR_PTR(refuse_id(ictx, -EINVAL, cmd->pt_id,
					 "there is no IOAS or page table %u",
					 cmd->pt_id));
	}
	/* The device first: the other one may have to wait for attach_lock. */
	obj_put(ictx, &idev->obj);
	if (pt)
		pt_put(ictx, pt);
	return hwpt;
}

/* The page table has a reference to what it is made for. */
static struct hwpt *alloc_by_id(struct iommufd_ext_ctx *ictx,
				const struct ioasid_hwpt_alloc *cmd)
{
	unsigned int tries = MAX_TRIES;
	struct hwpt *hwpt;

	/* First without: most calls have no data, and a driver may not look at it. */
	do {
		hwpt = try_alloc(ictx, cmd);
		if (PTR_ERR_OR_ZERO(hwpt) != -EFAULT)
			return hwpt;
	} while (--tries && !fatal_signal_pending(current) &&
		 data_is_there(cmd));
	if (cmd->data_len)
		refuse_fault(ictx, "the data", u64_to_user_ptr(cmd->data_uptr));
	return hwpt;
}

/* IOASID_HWPT_ALLOC */
int hwpt_alloc_ioctl(struct ucmd *ucmd)
{
	struct iommufd_ext_ctx *ictx = ucmd->ictx;
	struct ioasid_hwpt_alloc *cmd = ucmd->cmd;
	struct hwpt *hwpt;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved(ictx);
	if (cmd->data_type == IOASID_HWPT_DATA_NONE && cmd->data_len)
		return refuse(ictx, -EINVAL, "%u bytes of data have no type",
			      cmd->data_len);
	if (cmd->data_type != IOASID_HWPT_DATA_NONE && !cmd->data_len)
		return refuse(ictx, -EINVAL, "there is no data for the type %u",
			      cmd->data_type);

	hwpt = alloc_by_id(ictx, cmd);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	ucmd->new_obj = &hwpt->obj;

	/*
	 * From here on memory of the user may be waited for, with the device free to go:
	 * a page table can do without, as it does after the last detach.
	 */
	if (hwpt->final) {
		if (mutex_lock_killable(&ictx->attach_lock))
			return -EINTR;
		rc = hwpt_fill(hwpt);
		mutex_unlock(&ictx->attach_lock);
		if (rc)
			return rc;
	}
	if (cmd->flags & IOASID_HWPT_FAULT_ID_VALID) {
		rc = hwpt_set_fault_queue(ictx, hwpt, cmd->fault_id);
		if (rc)
			return rc;
	}
	cmd->out_hwpt_id = hwpt->obj.id;
	return ucmd_respond(ucmd, sizeof(*cmd));
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
		rc = ext_iommu_cache_invalidate_user(hwpt->table.domain,
						     &entries, served);
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

/* IOASID_HWPT_INVALIDATE */
int hwpt_invalidate_ioctl(struct ucmd *ucmd)
{
	struct ioasid_hwpt_invalidate *cmd = ucmd->cmd;
	u32 served;
	int rc;

	rc = hwpt_invalidate(ucmd->ictx, cmd, &served);
	cmd->entry_num = served;
	return ucmd_respond(ucmd, sizeof(*cmd)) ?: rc;
}
