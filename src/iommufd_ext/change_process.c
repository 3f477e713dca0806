// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another process takes over what is charged for pinned memory.
 *
 * A program that replaces itself without stopping its devices hands the open file
 * to its successor. Memory of files does not depend on the old process, apart from
 * the charge. It moves for all of the context or not at all: the new owner is
 * charged for everything first, and nothing can fail after that.
 */
#include <linux/slab.h>

#include <uapi/linux/ioasid.h>

#include "private.h"

/**
 * struct ioas_set - every IOAS of a context
 * @ioas: with a reference each
 * @nr: how many there are
 * @max: how many there is room for
 */
struct ioas_set {
	struct ioas **ioas;
	unsigned int nr;
	unsigned int max;
};

static int ioas_set_add(struct ioas_set *set, struct ioas *ioas)
{
	struct ioas **larger;

	if (set->nr == set->max) {
		larger = krealloc_array(set->ioas, set->max + 16,
					sizeof(*larger), GFP_KERNEL_ACCOUNT);
		if (!larger)
			return -ENOMEM;
		set->ioas = larger;
		set->max += 16;
	}
	set->ioas[set->nr++] = ioas;
	return 0;
}

static void ioas_set_put(struct iommufd_ext_ctx *ictx, struct ioas_set *set)
{
	while (set->nr)
		obj_put(ictx, &set->ioas[--set->nr]->obj);
	kfree(set->ioas);
}

static int ioas_set_get(struct iommufd_ext_ctx *ictx, struct ioas_set *set)
{
	struct obj *obj;
	u32 id;
	int rc;

	for (id = 0; (obj = obj_get_next(ictx, &id, OBJ_IOAS)); id++) {
		rc = ioas_set_add(set, container_of(obj, struct ioas, obj));
		if (rc) {
			obj_put(ictx, obj);
			return rc;
		}
	}
	return 0;
}

/* With attach_lock held, nobody else takes these locks of more than one IOAS. */
static void ioas_set_lock(struct iommufd_ext_ctx *ictx, struct ioas_set *set)
{
	unsigned int i;

	lockdep_assert_held(&ictx->attach_lock);

	for (i = 0; i < set->nr; i++) {
		down_write_nest_lock(&set->ioas[i]->domains_rwsem,
				     &ictx->attach_lock);
		mutex_lock_nest_lock(&set->ioas[i]->iova_lock,
				     &ictx->attach_lock);
	}
}

static void ioas_set_unlock(struct ioas_set *set)
{
	unsigned int i = set->nr;

	while (i--) {
		mutex_unlock(&set->ioas[i]->iova_lock);
		up_write(&set->ioas[i]->domains_rwsem);
	}
}

static int refuse_area(const struct area *area, struct ioas *ioas, int rc,
		       const char *why)
{
	return refuse_range(ioas->ictx, rc, ioas->obj.id, area->iova,
			    area->last,
			    "the mapping at %#lx-%#lx of IOAS %u %s",
			    area->iova, area->last, ioas->obj.id, why);
}

/* Link all memory of the IOASs that is pinned. */
static int collect(struct ioas_set *set, struct list_head *all)
{
	struct shared_pages *shared;
	struct area *area;
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		for (area = iova_find_area(set->ioas[i], 0, ULONG_MAX); area;
		     area = iova_next_area(area)) {
			if (!area->ready)
				return refuse_area(area, set->ioas[i], -EBUSY,
						   "is being made or removed");
			if (!area->pages->shared || !area_shared(area)->file)
				return refuse_area(area, set->ioas[i], -EINVAL,
						   "is of process memory, not of a file");
			shared = area_shared(area);
			if (list_empty(&shared->moving))
				list_add_tail(&shared->moving, all);
			cond_resched();
		}
	}
	return 0;
}

static enum pages_charge charge_of(const struct shared_pages *shared,
				   const struct pages_owner *owner)
{
	return pages_owner_charge_between(shared->pages.owner, owner,
					  shared->pages.charge);
}

static void charge_back(struct list_head *all, struct shared_pages *end,
			struct pages_owner *owner)
{
	struct shared_pages *shared;

	list_for_each_entry(shared, all, moving) {
		if (shared == end)
			break;
		if (shared->npinned)
			pages_owner_uncharge(owner, charge_of(shared, owner),
					     shared->npinned);
	}
}

static int charge_new(struct list_head *all, struct pages_owner *owner)
{
	struct shared_pages *shared;
	int rc;

	list_for_each_entry(shared, all, moving) {
		if (!shared->npinned)
			continue;
		rc = pages_owner_charge(owner, charge_of(shared, owner),
					shared->npinned);
		if (rc) {
			charge_back(all, shared, owner);
			return rc;
		}
	}
	return 0;
}

static void move_to(struct list_head *all, struct pages_owner *owner)
{
	struct shared_pages *shared;

	list_for_each_entry(shared, all, moving) {
		if (shared->npinned)
			pages_owner_uncharge(shared->pages.owner,
					     charge_of(shared, owner),
					     shared->npinned);
		shared_pages_set_owner(shared, owner);
	}
}

static int move_all(struct ioas_set *set, struct pages_owner *owner)
{
	struct shared_pages *shared, *next;
	LIST_HEAD(all);
	int rc;

	/*
	 * Whatever is pinned has an area in the tree, and one that is being pinned
	 * or unpinned is not ready. If all are ready, nothing changes under us:
	 * accesses hold domains_rwsem.
	 */
	rc = collect(set, &all);
	if (!rc)
		rc = charge_new(&all, owner);
	if (!rc)
		move_to(&all, owner);
	list_for_each_entry_safe(shared, next, &all, moving)
		list_del_init(&shared->moving);
	return rc;
}

/**
 * change_process_ioctl() - IOASID_IOAS_CHANGE_PROCESS
 * @ucmd: the command
 *
 * Return: 0; see struct ioasid_ioas_change_process for the errors.
 */
int change_process_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_change_process *cmd = ucmd->cmd;
	struct iommufd_ext_ctx *ictx = ucmd->ictx;
	struct ioas_set set = {};
	struct pages_owner *owner;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved(ictx);
	owner = pages_owner_get_current(ictx);
	if (!owner)
		return -ENOMEM;

	/* Memory must not get into an IOAS that is not in the set. */
	down_write(&ictx->copy_rwsem);
	mutex_lock(&ictx->attach_lock);
	rc = ioas_set_get(ictx, &set);
	if (!rc) {
		ioas_set_lock(ictx, &set);
		rc = move_all(&set, owner);
		ioas_set_unlock(&set);
	}
	mutex_unlock(&ictx->attach_lock);
	up_write(&ictx->copy_rwsem);

	ioas_set_put(ictx, &set);
	pages_owner_put(owner);
	return rc;
}
