// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another process takes over what is charged for pinned memory.
 *
 * A program that replaces itself without stopping its devices hands the open file
 * to its successor. Memory of files does not depend on the old process, apart from
 * the charge. It moves for all of the context or not at all: the new owner is
 * charged for everything first, and after that only a caller that is killed can leave
 * some behind.
 *
 * A user can have any number of IOASs and files. So each is looked at by itself, under
 * its own locks, and what is to move is linked: no memory is needed for that. Whatever
 * comes into an IOAS that has been looked at comes after the change. Only COPY could
 * bring memory there that was mapped before; it is kept out.
 */
#include <linux/sched/signal.h>

#include <uapi/linux/ioasid.h>

#include "ioctl.h"

static int refuse_area(const struct area *area, struct ioas *ioas, int rc,
		       const char *why)
{
	return refuse_range(ioas->ictx, rc, ioas->obj.id, area->iova,
			    area->last,
			    "the mapping at %#lx-%#lx of IOAS %u %s",
			    area->iova, area->last, ioas->obj.id, why);
}

static int link_memory(struct shared_pages *shared, struct list_head *all)
{
	if (list_empty(&shared->moving)) {
		refcount_inc(&shared->users);
		list_add_tail(&shared->moving, all);
	}
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static int collect_locked(struct ioas *ioas, struct list_head *all)
{
	struct area *area;
	int rc = 0;

	for (area = iova_find_area(ioas, 0, ULONG_MAX); area && !rc;
	     area = iova_next_area(area)) {
		/* What stays pinned of it stays charged to whose memory it was. */
		if (area_is_left(area))
			continue;
		if (!area_is_ready(area))
			rc = refuse_area(area, ioas, -EBUSY,
					 "is being made or removed");
		else if (!area->pages->shared || !area_shared(area)->file)
			rc = refuse_area(area, ioas, -EINVAL,
					 area_dmabuf(area) ?
						 "is of a dma-buf, which belongs to no process" :
						 "is of process memory, not of a file");
		else
			rc = link_memory(area_shared(area), all);
		cond_resched();
	}
	return rc;
}

/* Link all memory of an IOAS, with a reference. */
static int collect(struct ioas *ioas, struct list_head *all)
{
	int rc = -EINTR;

	if (down_read_killable(&ioas->domains_rwsem))
		return rc;
	if (!mutex_lock_killable(&ioas->iova_lock)) {
		rc = collect_locked(ioas, all);
		mutex_unlock(&ioas->iova_lock);
	}
	up_read(&ioas->domains_rwsem);
	return rc;
}

static int collect_all(struct iommufd_ext_ctx *ictx, struct list_head *all)
{
	struct obj *obj;
	int rc = 0;
	u32 id;

	for (id = 0; !rc && (obj = obj_get_next(ictx, &id, OBJ_IOAS)); id++) {
		rc = collect(container_of(obj, struct ioas, obj), all);
		obj_put(ictx, obj);
		if (!rc && fatal_signal_pending(current))
			rc = -EINTR;
	}
	return rc;
}

static enum pages_charge charge_of(const struct shared_pages *shared,
				   const struct pages_owner *owner)
{
	return pages_owner_charge_between(shared->pages.owner, owner,
					  shared->pages.charge);
}

/* The owner changes nowhere but here. */
static void charge_back(struct shared_pages *shared, struct pages_owner *owner)
{
	if (shared->charged)
		pages_owner_uncharge(owner, charge_of(shared, owner),
				     shared->charged);
	shared->charged = 0;
}

static int charge_one(struct shared_pages *shared, struct pages_owner *owner)
{
	int rc = 0;

	/* Held while memory is pinned, for as long as that takes. */
	if (fatal_signal_pending(current) || down_read_killable(&shared->lock))
		return -EINTR;
	if (shared->npinned)
		rc = pages_owner_charge(owner, charge_of(shared, owner),
					shared->npinned);
	if (!rc)
		shared->charged = shared->npinned;
	up_read(&shared->lock);
	return rc;
}

static int charge_all(struct list_head *all, struct pages_owner *owner)
{
	struct shared_pages *shared;
	int rc;

	list_for_each_entry(shared, all, moving) {
		rc = charge_one(shared, owner);
		if (rc)
			return rc;
		cond_resched();
	}
	return 0;
}

static int move_one(struct shared_pages *shared, struct pages_owner *owner)
{
	int rc;

	if (fatal_signal_pending(current))
		return -EINTR;
	rc = shared_pages_set_owner(shared, owner, charge_of(shared, owner),
				    shared->charged);
	if (!rc)
		shared->charged = 0;
	return rc;
}

static int move_all(struct list_head *all, struct pages_owner *owner)
{
	struct shared_pages *shared;
	int rc;

	list_for_each_entry(shared, all, moving) {
		rc = move_one(shared, owner);
		if (rc)
			return rc;
		cond_resched();
	}
	return 0;
}

/* What was charged and has not moved is not charged any more. */
static void release_all(struct list_head *all, struct pages_owner *owner)
{
	struct shared_pages *shared, *next;

	list_for_each_entry_safe(shared, next, all, moving) {
		list_del_init(&shared->moving);
		charge_back(shared, owner);
		shared_pages_put(shared);
		cond_resched();
	}
}

static int change_owner(struct iommufd_ext_ctx *ictx, struct pages_owner *owner)
{
	LIST_HEAD(all);
	int rc;

	if (down_write_killable(&ictx->copy_rwsem))
		return -EINTR;
	rc = collect_all(ictx, &all);
	if (!rc)
		rc = charge_all(&all, owner);
	if (!rc)
		rc = move_all(&all, owner);
	release_all(&all, owner);
	up_write(&ictx->copy_rwsem);
	return rc;
}

/* IOASID_IOAS_CHANGE_PROCESS */
int change_process_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_change_process *cmd = ucmd->cmd;
	struct iommufd_ext_ctx *ictx = ucmd->ictx;
	struct pages_owner *owner;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved(ictx);
	owner = pages_owner_get_current(ictx);
	if (!owner)
		return -ENOMEM;

	rc = change_owner(ictx, owner);
	pages_owner_put(owner);
	return rc;
}
