// SPDX-License-Identifier: GPL-2.0-only
/*
 * Destroying objects.
 *
 * This is the one place that knows what it takes to free an object of each type that a user
 * can destroy, and what each type needs of others. It is asked by a user, who names one
 * object; by a command that made one and failed afterwards; and by the last close of the
 * file, after which all are gone.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/xarray.h>

#include <uapi/linux/ioasid.h>

#include "ioctl.h"
#include "selftest/selftest.h"

/* How long DESTROY waits for calls that are at work on the object. */
#define DESTROY_TIMEOUT (60 * HZ)

/* Frees an object that a user can destroy, and that is in no store any more. */
void obj_destroy(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	switch (obj->type) {
	case OBJ_IOAS:
		ioas_free(ictx, container_of(obj, struct ioas, obj));
		break;
	case OBJ_HWPT:
	case OBJ_HWPT_NESTED:
		hwpt_destroy(ictx, container_of(obj, struct hwpt, obj));
		break;
	case OBJ_FAULT:
		fault_queue_free(obj);
		break;
	case OBJ_SELFTEST:
		selftest_destroy(obj);
		break;
	default:
		WARN_ON(1);
	}
}

/*
 * Empties the store of a context that is being closed, to which no device is bound.
 *
 * Objects hold references to others, so each round frees what nothing holds any more.
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
			cond_resched();
		}
	} while (progress);

	WARN_ON(!xa_empty(&ictx->objects));
}

/*
 * Does an object need another one? The pointers are only compared, so a glance
 * without their locks will do for a sentence. Devices are not asked: a page table
 * knows who is attached to it.
 */
static bool obj_needs(struct obj *obj, const struct obj *other)
{
	struct iommufd_ext_access *access;
	struct hwpt *hwpt;
	struct ioas *ioas;

	switch (obj->type) {
	case OBJ_HWPT:
	case OBJ_HWPT_NESTED:
		hwpt = container_of(obj, struct hwpt, obj);
		return hwpt->parent ? &hwpt->parent->obj == other :
				      &hwpt->ioas->obj == other;
	case OBJ_ACCESS:
		access = container_of(obj, struct iommufd_ext_access, obj);
		ioas = READ_ONCE(access->ioas);
		return ioas && &ioas->obj == other;
	default:
		return false;
	}
}

/* The first object that needs @other. Returns its type, or OBJ_ANY for none. */
static enum obj_type find_needing(struct iommufd_ext_ctx *ictx,
				  const struct obj *other, unsigned long *id)
{
	enum obj_type type = OBJ_ANY;
	struct obj *obj;

	*id = 0;
	do {
		xa_lock(&ictx->objects);
		obj = xa_find_after(&ictx->objects, id, U32_MAX, XA_PRESENT);
		if (obj && obj_needs(obj, other))
			type = obj->type;
		xa_unlock(&ictx->objects);
		cond_resched();
	} while (obj && type == OBJ_ANY && !fatal_signal_pending(current));
	return type;
}

/**
 * struct victim - what is to be destroyed
 * @obj: the object; with -EBUSY it may be gone, and is only compared
 * @type: its type
 * @dev_id: id of a device that is attached to it, itself or with a PASID, or 0 for none
 * @wait: another try may succeed
 */
struct victim {
	struct obj *obj;
	enum obj_type type;
	u32 dev_id;
	bool wait;
};

static int refuse_busy(struct iommufd_ext_ctx *ictx, u32 id,
		       const struct victim *victim)
{
	const enum obj_type type = victim->type;
	const char *name = obj_type_name(type);
	enum obj_type user = OBJ_DEVICE;
	unsigned long other = victim->dev_id;

	if (type == OBJ_DEVICE || type == OBJ_ACCESS)
		return refuse_id(ictx, -EBUSY, id,
				 "%s %u belongs to a driver: it goes when the driver's file is closed",
				 name, id);
	if (type == OBJ_FAULT)
		return refuse_id(ictx, -EBUSY, id,
				 "%s %u has an open file, or a page table that needs it",
				 name, id);
	if (!victim->dev_id)
		user = find_needing(ictx, victim->obj, &other);
	if (user == OBJ_ANY)
		return refuse_id(ictx, -EBUSY, id,
				 "%s %u is in use by a call at work on it",
				 name, id);
	return refuse_ids(ictx, -EBUSY, id, other, "%s %u is in use by %s %lu",
			  name, id, obj_type_name(user), other);
}

/* A device attached to the object, itself or with a PASID: its id, or 0 for none. */
static u32 attached_id(struct iommufd_ext_ctx *ictx, struct obj *obj)
{
	struct endpoint *endpoint;
	struct hwpt *hwpt;

	lockdep_assert_held(&ictx->objects.xa_lock);

	if (obj->type != OBJ_HWPT && obj->type != OBJ_HWPT_NESTED)
		return 0;
	hwpt = container_of(obj, struct hwpt, obj);
	endpoint = list_first_entry_or_null(&hwpt->endpoints, struct endpoint,
					    hwpt_item);
	return endpoint ? endpoint->idev->obj.id : 0;
}

/* Can its users be calls at work, which will end? */
static bool awaits_calls(const struct victim *victim)
{
	switch (victim->type) {
	case OBJ_IOAS:
	case OBJ_HWPT:
	case OBJ_HWPT_NESTED:
		return !victim->dev_id;
	default:
		return false;
	}
}

static int try_remove(struct iommufd_ext_ctx *ictx, u32 id,
		      struct victim *victim)
{
	unsigned long other;
	int rc = -ENOENT;

	xa_lock(&ictx->objects);
	victim->obj = xa_load(&ictx->objects, id);
	if (victim->obj) {
		victim->type = victim->obj->type;
		victim->dev_id = attached_id(ictx, victim->obj);
		victim->wait = awaits_calls(victim);
		rc = obj_remove_unused_locked(ictx, victim->obj);
	}
	xa_unlock(&ictx->objects);

	if (rc == -EBUSY && victim->wait)
		victim->wait = find_needing(ictx, victim->obj, &other) ==
			       OBJ_ANY;
	return rc;
}

/*
 * IOASID_DESTROY
 *
 * Calls at work on the object are waited for, by looking again: those that map memory
 * shall not have to wake anybody.
 * Context: may sleep, up to DESTROY_TIMEOUT.
 */
int destroy_ioctl(struct ucmd *ucmd)
{
	struct iommufd_ext_ctx *ictx = ucmd->ictx;
	struct ioasid_destroy *cmd = ucmd->cmd;
	unsigned long end = jiffies + DESTROY_TIMEOUT;
	struct victim victim;
	int rc;

	while ((rc = try_remove(ictx, cmd->id, &victim)) == -EBUSY &&
	       victim.wait && time_before(jiffies, end)) {
		schedule_timeout_killable(1);
		if (fatal_signal_pending(current))
			return -EINTR;
	}

	if (!rc)
		obj_destroy(ictx, victim.obj);
	else if (rc == -ENOENT)
		refuse_id(ictx, rc, cmd->id, "there is no object with id %u",
			  cmd->id);
	else
		refuse_busy(ictx, cmd->id, &victim);
	return rc;
}
