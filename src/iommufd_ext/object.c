// SPDX-License-Identifier: GPL-2.0-only
/*
 * The objects of a context, by id.
 *
 * An object is reserved, filled, told to the user and only then published, so
 * that nothing can fail once another thread may find it: its id is taken first,
 * with nothing behind it, and the pointer is stored last.
 *
 * One counter serves all purposes. The store holds one reference, each object or
 * driver that needs the object holds one, and so does each ioctl at work on it.
 * A user can destroy what only the store holds; all else is busy. A driver that
 * lets go of its device cannot be told "busy", so it takes the id away and waits
 * for the last ioctl to finish.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include <uapi/linux/ioasid.h>

#include "private.h"

/**
 * obj_reserve() - take an id for a new object
 * @ictx: the context
 * @obj: header of the object, otherwise unused so far
 * @type: its type
 *
 * The id cannot be found until obj_publish(). Undone by obj_abort().
 *
 * Return: 0, -ENOMEM, or -EBUSY if the ids are used up.
 */
int obj_reserve(struct iommufd_ext_ctx *ictx, struct obj *obj,
		enum obj_type type)
{
	refcount_set(&obj->users, 1);
	obj->type = type;
	return xa_alloc(&ictx->objects, &obj->id, XA_ZERO_ENTRY, xa_limit_31b,
			GFP_KERNEL_ACCOUNT);
}

/**
 * obj_publish() - let the id of a complete object be found
 * @ictx: the context
 * @obj: an object with a reserved id
 */
void obj_publish(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	void *old;

	old = xa_store(&ictx->objects, obj->id, obj, GFP_KERNEL_ACCOUNT);
	/* obj_reserve() made room, and only the reserver stores there. */
	WARN_ON(old);
}

/**
 * obj_abort() - give back an id that was never published
 * @ictx: the context
 * @obj: header of the object, which remains the caller's to free
 */
void obj_abort(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	xa_erase(&ictx->objects, obj->id);
}

/**
 * obj_get() - find an object and keep it from being destroyed
 * @ictx: the context
 * @id: as the user named it
 * @type: the type it must have, or OBJ_ANY
 *
 * Return: the object, or NULL if there is none of that type.
 */
struct obj *obj_get(struct iommufd_ext_ctx *ictx, u32 id, enum obj_type type)
{
	struct obj *obj;

	xa_lock(&ictx->objects);
	obj = xa_load(&ictx->objects, id);
	if (obj && (type == OBJ_ANY || obj->type == type))
		refcount_inc(&obj->users);
	else
		obj = NULL;
	xa_unlock(&ictx->objects);
	return obj;
}

/**
 * obj_put() - undo obj_get()
 * @ictx: the context
 * @obj: an object
 */
void obj_put(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	bool awaited = obj->type == OBJ_DEVICE || obj->type == OBJ_ACCESS;

	/* The object may be gone after this; the context is not. */
	refcount_dec(&obj->users);
	if (awaited)
		wake_up_all(&ictx->object_wait);
}

/**
 * obj_remove_sync() - take an object's id away and wait until it is unused
 * @ictx: the context
 * @obj: a published object of a driver, of which the caller holds one reference
 *
 * Afterwards only the caller knows the object.
 */
void obj_remove_sync(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	xa_erase(&ictx->objects, obj->id);
	refcount_dec(&obj->users);
	wait_event(ictx->object_wait, refcount_read(&obj->users) == 1);
	/* Pairs with the release in refcount_dec() of the last user. */
	smp_acquire__after_ctrl_dep();
}

/* Return: -EBUSY if anybody but the store holds the object. */
static int remove_unused_locked(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	if (!refcount_dec_if_one(&obj->users))
		return -EBUSY;
	__xa_erase(&ictx->objects, obj->id);
	return 0;
}

/**
 * obj_remove_unused() - take an object out of the store unless it is in use
 * @ictx: the context
 * @obj: an object the caller knows to exist
 *
 * Return: true if the object is the caller's to free.
 */
bool obj_remove_unused(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	int rc;

	xa_lock(&ictx->objects);
	rc = remove_unused_locked(ictx, obj);
	xa_unlock(&ictx->objects);
	return !rc;
}

/**
 * obj_destroy() - free an object that is in no store any more
 * @ictx: the context
 * @obj: an object a user can destroy
 */
void obj_destroy(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	switch (obj->type) {
	case OBJ_IOAS:
		ioas_free(ictx, container_of(obj, struct ioas, obj));
		break;
	case OBJ_HWPT:
		hwpt_destroy(ictx, container_of(obj, struct hwpt, obj));
		break;
	default:
		WARN_ON(1);
	}
}

/**
 * obj_destroy_all() - empty the store of a context that is being closed
 * @ictx: the context, which no device is bound to
 *
 * Objects hold references to others, so each round frees what nothing holds any
 * more.
 */
void obj_destroy_all(struct iommufd_ext_ctx *ictx)
{
	struct obj *obj;
	unsigned long id;
	bool progress;

	do {
		progress = false;
		xa_for_each(&ictx->objects, id, obj) {
			if (!obj_remove_unused(ictx, obj))
				continue;
			obj_destroy(ictx, obj);
			progress = true;
		}
	} while (progress);

	WARN_ON(!xa_empty(&ictx->objects));
}

/**
 * destroy_ioctl() - IOASID_DESTROY
 * @ucmd: the command
 *
 * Return: 0; -ENOENT for an unknown id; -EBUSY for an object in use.
 */
int destroy_ioctl(struct ucmd *ucmd)
{
	struct iommufd_ext_ctx *ictx = ucmd->ictx;
	struct ioasid_destroy *cmd = ucmd->cmd;
	struct obj *obj;
	int rc;

	xa_lock(&ictx->objects);
	obj = xa_load(&ictx->objects, cmd->id);
	rc = obj ? remove_unused_locked(ictx, obj) : -ENOENT;
	xa_unlock(&ictx->objects);

	if (!rc)
		obj_destroy(ictx, obj);
	return rc;
}
