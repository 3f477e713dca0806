// SPDX-License-Identifier: GPL-2.0-only
/*
 * The objects of a context, by id, and the answer of an ioctl on them.
 *
 * An object is reserved, filled, told to the user and only then published, so
 * that nothing can fail once another thread may find it: its id is taken first,
 * with nothing behind it, and the pointer is stored last.
 *
 * One counter serves all purposes. The store holds one reference, each object or
 * driver that needs the object holds one, and so does each ioctl at work on it.
 * A user can destroy what only the store holds, and waits for ioctls that are at
 * work; what an object or a driver needs is busy. A driver that lets go of its device
 * cannot be told "busy", so it takes the id away and waits for the last ioctl to
 * finish.
 *
 * So an ioctl that has found a device by its id does with it what it must, and lets go
 * of it before anything that a user can make last: no memory of the user is touched
 * meanwhile, nor pinned, and no lock is taken that is held while somebody else does.
 * What is read from the user is read before, and what he gets is written afterwards.
 */
#include <linux/file.h>
#include <linux/init.h>
#include <linux/lockdep.h>
#include <linux/mmap_lock.h>
#include <linux/sched.h>

#include "compat/module.h"
#include "core.h"

/*
 * For the lock validator a device that an ioctl holds is a lock held for reading, which
 * obj_remove_sync() takes.
 */
static struct lockdep_map device_map __maybe_unused;
static struct lock_class_key device_map_key __maybe_unused;

/*
 * Tells the lock validator in what order devices are held.
 *
 * Memory of a user can fault for as long as he likes. With a lock that is taken inside
 * mmap_lock, whatever may fault in such memory, or pins it, is reported the first time
 * it runs, whether it faults or not.
 */
void __init obj_init(void)
{
	lockdep_init_map(&device_map, "iommufd_ext_device", &device_map_key, 0);
	if (!IS_ENABLED(CONFIG_PROVE_LOCKING) || !current->mm)
		return;
	mmap_read_lock(current->mm);
	lock_map_acquire(&device_map);
	lock_map_release(&device_map);
	mmap_read_unlock(current->mm);
}

/*
 * Takes an id for a new object, all 0 but for its name. It cannot be found until
 * obj_publish(). Returns -ENOMEM, or -EBUSY if the ids are used up.
 */
int obj_reserve(struct iommufd_ext_ctx *ictx, struct obj *obj,
		enum obj_type type)
{
	int rc;

	refcount_set(&obj->users, 1);
	obj->type = type;
	rc = xa_alloc(&ictx->objects, &obj->id, XA_ZERO_ENTRY, xa_limit_31b,
		      GFP_KERNEL_ACCOUNT);
	if (rc == -EBUSY)
		refuse(ictx, rc, "all ids of objects are in use");
	return rc;
}

/* Lets the id of a complete object be found. */
void obj_publish(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	void *old;

	xa_lock(&ictx->objects);
	old = __xa_store(&ictx->objects, obj->id, obj, GFP_KERNEL_ACCOUNT);
	ictx->counts.objects[obj->type]++;
	xa_unlock(&ictx->objects);
	/* obj_reserve() made room, and only the reserver stores there. */
	WARN_ON(old);
}

/* Gives back an id that was never published; the object remains the caller's to free. */
void obj_abort(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	xa_erase(&ictx->objects, obj->id);
}

/* What sentences call a type of object. */
const char *obj_type_name(enum obj_type type)
{
	switch (type) {
	case OBJ_IOAS:
		return "IOAS";
	case OBJ_HWPT:
		return "page table";
	case OBJ_HWPT_NESTED:
		return "nested page table";
	case OBJ_FAULT:
		return "fault queue";
	case OBJ_DEVICE:
		return "device";
	case OBJ_ACCESS:
		return "access";
	default:
		return "object";
	}
}

/* One that is not published may never be, and its id is none to tell a user. */
bool obj_is_published(struct iommufd_ext_ctx *ictx, const struct obj *obj)
{
	return xa_load(&ictx->objects, obj->id) == obj;
}

/*
 * An object as a sentence names it. Returns false if there is none of that id, not yet
 * or no more. Takes the xa_lock of the objects.
 */
bool obj_describe(struct iommufd_ext_ctx *ictx, u32 id, char *buf, size_t size)
{
	struct obj *obj;

	xa_lock(&ictx->objects);
	obj = xa_load(&ictx->objects, id);
	if (obj && obj->name)
		scnprintf(buf, size, "%s %u (%s)", obj_type_name(obj->type), id,
			  obj->name(obj));
	else if (obj)
		scnprintf(buf, size, "%s %u", obj_type_name(obj->type), id);
	xa_unlock(&ictx->objects);
	return obj;
}

static void refuse_absent(struct iommufd_ext_ctx *ictx, u32 id,
			  enum obj_type wanted, enum obj_type found)
{
	if (found == OBJ_ANY)
		refuse_id(ictx, -ENOENT, id, "there is no %s with id %u",
			  obj_type_name(wanted), id);
	else
		refuse_id(ictx, -ENOENT, id, "id %u is of type %s, not %s", id,
			  obj_type_name(found), obj_type_name(wanted));
}

/*
 * Finds an object of type @type, or of any with OBJ_ANY, and keeps it from being
 * destroyed.
 * Returns NULL if there is none, which is said as the reason for -ENOENT. The driver of
 * a device waits for who holds it: see obj_remove_sync().
 */
struct obj *obj_get(struct iommufd_ext_ctx *ictx, u32 id, enum obj_type type)
{
	enum obj_type found = OBJ_ANY;
	struct obj *obj;

	xa_lock(&ictx->objects);
	obj = xa_load(&ictx->objects, id);
	if (obj && (type == OBJ_ANY || obj->type == type)) {
		refcount_inc(&obj->users);
	} else if (obj) {
		found = obj->type;
		obj = NULL;
	}
	xa_unlock(&ictx->objects);

	if (!obj)
		refuse_absent(ictx, id, type, found);
	else if (obj->type == OBJ_DEVICE)
		lock_map_acquire_read(&device_map);
	return obj;
}

/*
 * The object with the least id from *@id on; *@id is set to that. To be put with
 * obj_put().
 *
 * Objects that come and go meanwhile are found or not; all others are. Not for page
 * tables, which are put in another way.
 */
struct obj *obj_get_next(struct iommufd_ext_ctx *ictx, u32 *id,
			 enum obj_type type)
{
	unsigned long index = *id;
	struct obj *obj;
	bool found;

	/* A user can make any number of objects. */
	do {
		xa_lock(&ictx->objects);
		obj = xa_find(&ictx->objects, &index, U32_MAX, XA_PRESENT);
		found = obj && (type == OBJ_ANY || obj->type == type);
		if (found)
			refcount_inc(&obj->users);
		xa_unlock(&ictx->objects);
		*id = index++;
		cond_resched();
	} while (obj && !found);
	return obj;
}

void obj_put(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	bool awaited = obj->type == OBJ_DEVICE || obj->type == OBJ_ACCESS;

	if (obj->type == OBJ_DEVICE)
		lock_map_release(&device_map);
	/* The object may be gone after this; the context is not. */
	refcount_dec(&obj->users);
	if (awaited)
		wake_up_all(&ictx->object_wait);
}

/* An object that was published goes. */
static void erase_locked(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	lockdep_assert_held(&ictx->objects.xa_lock);
	__xa_erase(&ictx->objects, obj->id);
	ictx->counts.objects[obj->type]--;
}

/*
 * Takes away the id of a driver's object, of which the caller holds one reference, and
 * waits until only the caller knows it.
 *
 * Nobody finds the object any more once its id is gone, so this waits for the ioctls
 * that have found it, and for nothing that comes later. It has no limit because it needs
 * none: those do not wait for memory of a user, nor for a lock that is held for that
 * long, while they hold a device (see the top of this file, and obj_init()). An access
 * is held for as long as its own driver is told to unpin memory.
 *
 * Context: may sleep. The caller may hold locks of its own that other users need.
 */
void obj_remove_sync(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	if (obj->type == OBJ_DEVICE) {
		lock_map_acquire(&device_map);
		lock_map_release(&device_map);
	}
	xa_lock(&ictx->objects);
	erase_locked(ictx, obj);
	xa_unlock(&ictx->objects);
	refcount_dec(&obj->users);
	wait_event(ictx->object_wait, refcount_read(&obj->users) == 1);
	/* Pairs with the release in refcount_dec() of the last user. */
	smp_acquire__after_ctrl_dep();
}

/* -EBUSY if anybody but the store holds the object; else it is the caller's to free. */
int obj_remove_unused_locked(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	lockdep_assert_held(&ictx->objects.xa_lock);
	if (!refcount_dec_if_one(&obj->users))
		return -EBUSY;
	/* Who frees it sees what the last user did: pairs with the release in obj_put(). */
	smp_acquire__after_ctrl_dep();
	erase_locked(ictx, obj);
	return 0;
}

/* Returns true if the object, which the caller knows to exist, is his to free. */
bool obj_remove_unused(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	int rc;

	xa_lock(&ictx->objects);
	rc = obj_remove_unused_locked(ictx, obj);
	xa_unlock(&ictx->objects);
	return !rc;
}

/**
 * iommufd_ext_ctx_get() - take one more reference
 * @ictx: a context the caller has a reference to
 */
void iommufd_ext_ctx_get(struct iommufd_ext_ctx *ictx)
{
	get_file(ictx->file);
}
EXT_EXPORT_SYMBOL(iommufd_ext_ctx_get);

/**
 * iommufd_ext_ctx_put() - drop a reference
 * @ictx: the context
 */
void iommufd_ext_ctx_put(struct iommufd_ext_ctx *ictx)
{
	fput(ictx->file);
}
EXT_EXPORT_SYMBOL(iommufd_ext_ctx_put);

int ucmd_refuse_answer(struct ucmd *ucmd)
{
	return refuse_fault(ucmd->ictx, "the structure, for the answer,",
			    ucmd->ubuffer);
}

/*
 * Gives the user the answer, or no part of it. @size: of the kernel's structure, in
 * bytes.
 */
int ucmd_respond(struct ucmd *ucmd, size_t size)
{
	return iommufd_ext_answer(&ucmd->ictx->errors, ucmd->ubuffer, ucmd->cmd,
				  min_t(size_t, ucmd->user_size, size));
}
