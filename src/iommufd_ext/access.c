// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of an IOAS for drivers that use it without DMA.
 *
 * The device of such a driver is emulated: it reads and writes what its user mapped
 * with the CPU, or hands the pages to hardware in a way of its own. When a mapping
 * goes, its accesses are told, and the pages they have pinned must be back before
 * it does.
 */
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "compat/module.h"
#include "private.h"

/**
 * iommufd_ext_access_create() - let a driver use memory by IOVA
 * @ictx: the context
 * @ops: what to tell the driver; stays the caller's
 * @data: for @ops
 * @id: the user's name for the access; a user cannot destroy it
 *
 * The access is attached to no IOAS.
 *
 * Context: may sleep.
 * Return: the access, or an ERR_PTR: -ENOMEM, or -EBUSY if the ids are used up.
 */
struct iommufd_ext_access *
iommufd_ext_access_create(struct iommufd_ext_ctx *ictx,
			  const struct iommufd_ext_access_ops *ops, void *data,
			  u32 *id)
{
	struct iommufd_ext_access *access;
	int rc;

	access = kzalloc(sizeof(*access), GFP_KERNEL_ACCOUNT);
	if (!access)
		return ERR_PTR(-ENOMEM);
	access->ictx = ictx;
	access->ops = ops;
	access->data = data;
	access->iova_alignment = ops->needs_pin_pages ? PAGE_SIZE : 1;
	mutex_init(&access->lock);

	rc = obj_reserve(ictx, &access->obj, OBJ_ACCESS);
	if (rc) {
		kfree(access);
		return ERR_PTR(rc);
	}
	/* The driver is a user. */
	refcount_inc(&access->obj.users);
	iommufd_ext_ctx_get(ictx);
	*id = access->obj.id;
	obj_publish(ictx, &access->obj);
	return access;
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_create);

static int ioas_add_access(struct ioas *ioas, struct iommufd_ext_access *access,
			   u32 *index)
{
	int rc;

	down_write(&ioas->domains_rwsem);
	mutex_lock(&ioas->iova_lock);
	rc = xa_alloc(&ioas->accesses, index, access, xa_limit_31b,
		      GFP_KERNEL_ACCOUNT);
	if (!rc) {
		rc = iova_update_alignment(ioas, NULL);
		if (rc)
			xa_erase(&ioas->accesses, *index);
	}
	mutex_unlock(&ioas->iova_lock);
	up_write(&ioas->domains_rwsem);
	return rc;
}

static void ioas_remove_access(struct ioas *ioas, u32 index)
{
	down_write(&ioas->domains_rwsem);
	mutex_lock(&ioas->iova_lock);
	xa_erase(&ioas->accesses, index);
	iova_update_alignment(ioas, NULL);
	mutex_unlock(&ioas->iova_lock);
	up_write(&ioas->domains_rwsem);
}

/* Nothing new is pinned in the old IOAS any more. */
static void access_leave(struct iommufd_ext_access *access)
{
	struct ioas *old = access->ioas_unpin;

	lockdep_assert_held(&access->lock);

	if (access->ops->unmap) {
		/* The driver unpins, which takes the lock. */
		mutex_unlock(&access->lock);
		access->ops->unmap(access->data, 0, ULONG_MAX);
		mutex_lock(&access->lock);
	}
	ioas_remove_access(old, access->index);
	obj_put(access->ictx, &old->obj);
}

/* Go from the IOAS it is attached to, if any, to @new, if any. */
static int access_move(struct iommufd_ext_access *access, struct ioas *new)
{
	struct ioas *old = access->ioas;
	u32 index;
	int rc;

	lockdep_assert_held(&access->lock);

	/* Another thread is about to. */
	if (old != access->ioas_unpin)
		return -EBUSY;
	if (old == new)
		return 0;

	if (new) {
		rc = ioas_add_access(new, access, &index);
		if (rc)
			return rc;
		refcount_inc(&new->obj.users);
	}
	if (old) {
		access->ioas = NULL;
		access_leave(access);
	}
	access->ioas = new;
	access->ioas_unpin = new;
	if (new)
		access->index = index;
	return 0;
}

static int access_move_to_id(struct iommufd_ext_access *access, u32 ioas_id)
{
	struct ioas *ioas = ioas_get(access->ictx, ioas_id);
	int rc;

	if (!ioas)
		return -ENOENT;
	rc = access_move(access, ioas);
	obj_put(access->ictx, &ioas->obj);
	return rc;
}

/**
 * iommufd_ext_access_attach() - give an access an IOAS
 * @access: an access without one
 * @ioas_id: the user's name for the IOAS
 *
 * Context: may sleep.
 * Return: 0; -ENOENT for an unknown id; -EINVAL if the access has one; -EADDRINUSE
 * if a mapping is not aligned as the access needs it; -ENOMEM.
 */
int iommufd_ext_access_attach(struct iommufd_ext_access *access, u32 ioas_id)
{
	int rc;

	mutex_lock(&access->lock);
	if (WARN_ON(access->ioas))
		rc = -EINVAL;
	else
		rc = access_move_to_id(access, ioas_id);
	mutex_unlock(&access->lock);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_attach);

/**
 * iommufd_ext_access_replace() - give an access another IOAS
 * @access: an access that has one
 * @ioas_id: the user's name for the new one
 *
 * The driver is told to unpin what it has pinned in the old one.
 *
 * Context: may sleep, calls the driver.
 * Return: 0; -ENOENT for an unknown id, or if the access has none; -EADDRINUSE if
 * a mapping is not aligned as the access needs it; -EBUSY if it is being detached;
 * -ENOMEM. On failure nothing changes.
 */
int iommufd_ext_access_replace(struct iommufd_ext_access *access, u32 ioas_id)
{
	int rc;

	mutex_lock(&access->lock);
	if (!access->ioas)
		rc = -ENOENT;
	else
		rc = access_move_to_id(access, ioas_id);
	mutex_unlock(&access->lock);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_replace);

/**
 * iommufd_ext_access_detach() - undo iommufd_ext_access_attach()
 * @access: an access that has an IOAS
 *
 * The driver is told to unpin what it has pinned.
 *
 * Context: may sleep, calls the driver.
 */
void iommufd_ext_access_detach(struct iommufd_ext_access *access)
{
	mutex_lock(&access->lock);
	if (!WARN_ON(!access->ioas))
		WARN_ON(access_move(access, NULL));
	mutex_unlock(&access->lock);
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_detach);

/**
 * iommufd_ext_access_destroy() - undo iommufd_ext_access_create()
 * @access: an access its driver no longer uses; it is detached first if it is
 *	attached
 *
 * When it returns, the driver is not being told anything and will not be any more.
 * So the driver must hold no lock that its unmap operation takes.
 *
 * Context: may sleep, calls the driver.
 */
void iommufd_ext_access_destroy(struct iommufd_ext_access *access)
{
	struct iommufd_ext_ctx *ictx = access->ictx;

	mutex_lock(&access->lock);
	WARN_ON(access_move(access, NULL));
	mutex_unlock(&access->lock);
	obj_remove_sync(ictx, &access->obj);
	mutex_destroy(&access->lock);
	kfree(access);
	iommufd_ext_ctx_put(ictx);
}
EXT_EXPORT_SYMBOL(iommufd_ext_access_destroy);
