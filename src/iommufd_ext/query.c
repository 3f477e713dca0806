// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a context holds: its objects and their relations, and the mappings of an IOAS. And
 * who has the devices of an IOMMU group, whose members a user has not named.
 *
 * The first two lists can be long, so they are taken some entries at a time, with the locks
 * given up in between and while user memory is written. A cursor says where to go on:
 * objects are ordered by id, mappings by IOVA, and neither changes as long as they
 * exist. A group is looked at as a whole.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/dirty.h"
#include "compat/module.h"
#include "ioctl.h"

/* How many entries are taken at a time. */
#define BATCH 32

/**
 * struct entries - an array of the user's that is being filled
 * @errors: of the file that is asked
 * @to: where it is
 * @room: how many entries it has room for
 * @size: of an entry, as the user knows it, in bytes
 * @known: of an entry, as the kernel knows it, in bytes
 * @count: how many entries there are so far, with those there was no room for
 */
struct entries {
	struct iommufd_ext_errors *errors;
	u8 __user *to;
	u32 room;
	u32 size;
	size_t known;
	u32 count;
};

/* Return: 0, or -EINVAL for a size no version ever had. */
static int entries_init(struct entries *entries,
			struct iommufd_ext_errors *errors, u64 to, u32 num,
			u32 size, size_t known)
{
	if (size < known || size > PAGE_SIZE)
		return iommufd_ext_refuse(errors, -EINVAL, NULL,
					  "entry_size is %u, and an entry has %zu bytes",
					  size, known);
	entries->errors = errors;
	entries->to = u64_to_user_ptr(to);
	entries->room = num;
	entries->size = size;
	entries->known = known;
	entries->count = 0;
	return 0;
}

/* An entry there is no room for is dropped, and counted, too. */
static int entries_add(struct entries *entries, const void *entry)
{
	u8 __user *to = entries->to + (size_t)entries->count * entries->size;

	if (entries->count++ >= entries->room)
		return 0;
	if (copy_to_user(to, entry, entries->known) ||
	    clear_user(to + entries->known, entries->size - entries->known))
		return iommufd_ext_refuse_fault(entries->errors, "the array",
						entries->to);
	return 0;
}

/* Endpoints, which have no ids, have places behind their device; see below. */
#define CURSOR(_id, _place) ((u64)(_id) << 32 | (_place))

static void describe_hwpt(const struct hwpt *hwpt, struct ioasid_object *out)
{
	out->type = hwpt->parent ? IOASID_OBJECT_HWPT_NESTED :
				   IOASID_OBJECT_HWPT;
	out->target_id = hwpt->parent ? hwpt->parent->obj.id :
					hwpt->ioas->obj.id;
	if (hwpt->auto_domain)
		out->flags |= IOASID_OBJECT_AUTO;
	if (hwpt->nest_parent)
		out->flags |= IOASID_OBJECT_NEST_PARENT;
	if (hwpt->coherent)
		out->flags |= IOASID_OBJECT_COHERENT;
	if (!hwpt->parent && ext_iommu_has_dirty_ops(hwpt->table.domain))
		out->flags |= IOASID_OBJECT_DIRTY_TRACKING;
}

static void describe_ioas(struct iommufd_ext_ctx *ictx, struct ioas *ioas,
			  struct ioasid_object *out)
{
	out->type = IOASID_OBJECT_IOAS;
	if (READ_ONCE(ioas->large_pages))
		out->flags |= IOASID_OBJECT_LARGE_PAGES;
	if (ictx->vfio_ioas == ioas)
		out->flags |= IOASID_OBJECT_VFIO;
}

static void describe_access(struct obj *obj, struct ioasid_object *out)
{
	struct iommufd_ext_access *access =
		container_of(obj, struct iommufd_ext_access, obj);
	/* An IOAS it has at this moment cannot go while xa_lock is held. */
	struct ioas *ioas = READ_ONCE(access->ioas);

	out->type = IOASID_OBJECT_ACCESS;
	out->target_id = ioas ? ioas->obj.id : 0;
}

static void describe_device(const struct iommufd_ext_device *idev,
			    struct ioasid_object *out)
{
	out->type = IOASID_OBJECT_DEVICE;
	out->group = iommu_group_id(idev->igroup->group);
	strscpy(out->name, dev_name(idev->dev), sizeof(out->name));
}

/* The endpoint at @place, 1 + its PASID, or the first behind it; @place is moved on. */
static bool describe_endpoint(struct iommufd_ext_device *idev, u32 *place,
			      struct ioasid_object *out)
{
	struct attachment *attachment;
	struct endpoint *endpoint;
	unsigned long pasid;

	xa_for_each_start(&idev->igroup->attachments, pasid, attachment,
			  *place - 1) {
		endpoint = idev_endpoint(idev, pasid);
		if (!endpoint)
			continue;
		*place = pasid + 2;
		out->type = IOASID_OBJECT_ENDPOINT;
		out->target_id = endpoint->hwpt->obj.id;
		out->pasid = pasid;
		if (pasid != IOMMU_NO_PASID)
			out->flags |= IOASID_OBJECT_PASID;
		return true;
	}
	return false;
}

/* Fills @out, and moves @cursor behind what it describes. */
static bool describe(struct iommufd_ext_ctx *ictx, struct obj *obj, u64 *cursor,
		     struct ioasid_object *out)
{
	u32 place = *cursor >> 32 == obj->id ? (u32)*cursor : 0;
	struct iommufd_ext_device *idev;

	lockdep_assert_held(&ictx->attach_lock);
	lockdep_assert_held(&ictx->objects.xa_lock);

	memset(out, 0, sizeof(*out));
	out->id = obj->id;
	out->group = -1;
	*cursor = CURSOR(obj->id + 1, 0);

	switch (obj->type) {
	case OBJ_IOAS:
		describe_ioas(ictx, container_of(obj, struct ioas, obj), out);
		return true;
	case OBJ_HWPT:
	case OBJ_HWPT_NESTED:
		describe_hwpt(container_of(obj, struct hwpt, obj), out);
		return true;
	case OBJ_ACCESS:
		describe_access(obj, out);
		return true;
	case OBJ_FAULT:
		out->type = IOASID_OBJECT_FAULT;
		return true;
	case OBJ_DEVICE:
		break;
	default:
		return false;
	}

	idev = container_of(obj, struct iommufd_ext_device, obj);
	if (!place) {
		describe_device(idev, out);
		place = 1;
	} else if (!describe_endpoint(idev, &place, out)) {
		return false;
	}
	*cursor = CURSOR(obj->id, place);
	return true;
}

/* Returns false if there is nothing at @cursor or behind it. */
static bool next_object(struct iommufd_ext_ctx *ictx, u64 *cursor,
			struct ioasid_object *out)
{
	unsigned long id;
	bool described;
	struct obj *obj;

	do {
		id = *cursor >> 32;
		xa_lock(&ictx->objects);
		obj = xa_find(&ictx->objects, &id, U32_MAX, XA_PRESENT);
		described = obj && describe(ictx, obj, cursor, out);
		xa_unlock(&ictx->objects);
		cond_resched();
	} while (obj && !described);
	return described;
}

/* Returns how many there are, or -EINTR: the lock is held for as long as an attach. */
static int take_objects(struct iommufd_ext_ctx *ictx, u64 *cursor,
			struct ioasid_object *batch, unsigned int max)
{
	unsigned int n;

	if (mutex_lock_killable(&ictx->attach_lock))
		return -EINTR;
	for (n = 0; n < max; n++)
		if (!next_object(ictx, cursor, &batch[n]))
			break;
	mutex_unlock(&ictx->attach_lock);
	return n;
}

static int list_objects(struct iommufd_ext_ctx *ictx, u64 *cursor,
			struct entries *entries)
{
	struct ioasid_object *batch;
	int i, n, want, rc = 0;

	batch = kmalloc_array(BATCH, sizeof(*batch), GFP_KERNEL);
	if (!batch)
		return -ENOMEM;
	if (!*cursor)
		*cursor = CURSOR(1, 0);
	while (entries->count < entries->room && *cursor) {
		want = min_t(u32, BATCH, entries->room - entries->count);
		n = take_objects(ictx, cursor, batch, want);
		if (n < 0)
			rc = n;
		for (i = 0; i < n && !rc; i++)
			rc = entries_add(entries, &batch[i]);
		if (!rc && fatal_signal_pending(current))
			rc = -EINTR;
		if (rc)
			break;
		if (n < want)
			*cursor = 0;
		cond_resched();
	}
	kfree(batch);
	return rc;
}

/* IOASID_LIST */
int list_ioctl(struct ucmd *ucmd)
{
	struct ioasid_list *cmd = ucmd->cmd;
	struct entries entries;
	int rc;

	if (cmd->flags)
		return refuse_flags(ucmd->ictx, cmd->flags);
	rc = entries_init(&entries, &ucmd->ictx->errors, cmd->objects, cmd->num,
			  cmd->entry_size, sizeof(struct ioasid_object));
	if (rc)
		return rc;
	rc = list_objects(ucmd->ictx, &cmd->cursor, &entries);
	if (rc)
		return rc;
	cmd->num = entries.count;
	cmd->entry_size = entries.known;
	return ucmd_respond(ucmd, sizeof(*cmd));
}

static u32 mapping_flags(const struct area *area)
{
	u32 flags = 0;

	if (area->prot & IOMMU_WRITE)
		flags |= IOASID_MAPPING_WRITEABLE;
	if (area->prot & IOMMU_READ)
		flags |= IOASID_MAPPING_READABLE;
	if (area->pages->shared) {
		if (area_shared(area)->file)
			flags |= IOASID_MAPPING_FILE;
		if (refcount_read(&area_shared(area)->users) > 1)
			flags |= IOASID_MAPPING_SHARED;
	}
	if (!area_is_ready(area) && !area->going)
		flags |= IOASID_MAPPING_BUSY;
	if (area->accesses)
		flags |= IOASID_MAPPING_ACCESSED;
	if (READ_ONCE(area->kept))
		flags |= IOASID_MAPPING_KEPT;
	return flags;
}

static u32 mapping_charge(const struct area *area)
{
	switch (area->pages->charge) {
	case CHARGE_USER:
		return IOASID_CHARGE_USER;
	case CHARGE_MM:
		return IOASID_CHARGE_PROCESS;
	default:
		return IOASID_CHARGE_NONE;
	}
}

static void describe_mapping(struct ioas *ioas, const struct area *area,
			     struct ioasid_mapping *out)
{
	lockdep_assert_held(&ioas->domains_rwsem);
	lockdep_assert_held(&ioas->iova_lock);

	out->iova = area->iova;
	out->length = area_length(area);
	out->start = area_start(area);
	out->pinned_pages = 0;
	/* What is ready is in every page table there is. */
	if ((area_is_ready(area) && !list_empty(&ioas->tables)) ||
	    READ_ONCE(area->kept))
		out->pinned_pages = area_npages(area);
	out->flags = mapping_flags(area);
	out->charge = mapping_charge(area);
}

/*
 * Takes up to BATCH mappings from @iova on, and moves it behind them. A mapping that
 * is being removed is none any more, unless it is kept. Returns how many there are,
 * or -EINTR.
 */
static int take_mappings(struct ioas *ioas, unsigned long *iova,
			 struct ioasid_mapping *batch, unsigned int max,
			 bool *end)
{
	unsigned int n = 0, seen = 0;
	struct area *area;

	if (down_read_killable(&ioas->domains_rwsem))
		return -EINTR;
	if (mutex_lock_killable(&ioas->iova_lock)) {
		up_read(&ioas->domains_rwsem);
		return -EINTR;
	}
	area = iova_find_area(ioas, *iova, ULONG_MAX);
	while (area && n < max && seen++ < BATCH) {
		if (!area->going || READ_ONCE(area->kept))
			describe_mapping(ioas, area, &batch[n++]);
		*iova = area->last + 1;
		area = iova_next_area(area);
	}
	*end = !area;
	mutex_unlock(&ioas->iova_lock);
	up_read(&ioas->domains_rwsem);
	return n;
}

static int list_mappings(struct ioas *ioas, unsigned long *iova,
			 struct entries *entries, bool *end)
{
	struct ioasid_mapping *batch;
	int i, n, max, rc = 0;

	batch = kmalloc_array(BATCH, sizeof(*batch), GFP_KERNEL);
	if (!batch)
		return -ENOMEM;
	*end = false;
	while (entries->count < entries->room && !*end && !rc) {
		max = min_t(u32, BATCH, entries->room - entries->count);
		n = take_mappings(ioas, iova, batch, max, end);
		if (n < 0)
			rc = n;
		for (i = 0; i < n && !rc; i++)
			rc = entries_add(entries, &batch[i]);
		if (!rc && fatal_signal_pending(current))
			rc = -EINTR;
		cond_resched();
	}
	kfree(batch);
	return rc;
}

/* IOASID_LIST_MAPPINGS */
int list_mappings_ioctl(struct ucmd *ucmd)
{
	struct ioasid_list_mappings *cmd = ucmd->cmd;
	struct iommufd_ext_ctx *ictx = ucmd->ictx;
	unsigned long iova = cmd->iova;
	struct entries entries;
	struct ioas *ioas;
	bool end;
	int rc;

	if (cmd->flags)
		return refuse_flags(ictx, cmd->flags);
	rc = entries_init(&entries, &ictx->errors, cmd->mappings, cmd->num,
			  cmd->entry_size, sizeof(struct ioasid_mapping));
	if (rc)
		return rc;
	if (cmd->iova > ULONG_MAX)
		return refuse(ictx, -EOVERFLOW, "the IOVA %#llx is too large",
			      cmd->iova);
	ioas = ioas_get(ictx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;
	rc = list_mappings(ioas, &iova, &entries, &end);
	obj_put(ictx, &ioas->obj);
	if (rc)
		return rc;

	cmd->num = entries.count;
	cmd->entry_size = entries.known;
	cmd->out_flags = end ? IOASID_LIST_MAPPINGS_END : 0;
	cmd->iova = iova;
	return ucmd_respond(ucmd, sizeof(*cmd));
}

/**
 * struct member_walk - a walk over the members of a group
 * @ictx: a context whose ids are wanted, or NULL
 * @self: the device the question is about
 * @members: array to fill
 * @devs: the devices of @members, referenced
 * @max: room in either
 * @count: members there are
 */
struct member_walk {
	struct iommufd_ext_ctx *ictx;
	struct device *self;
	struct ioasid_group_member *members;
	struct device **devs;
	u32 max;
	u32 count;
};

/*
 * Called with group->mutex of the IOMMU core held, which others need to attach devices
 * and to claim the group: nothing is done here that grows with what a user has.
 */
static int walk_member(struct device *dev, void *data)
{
	struct member_walk *walk = data;
	struct ioasid_group_member *out;
	struct iommufd_ext_group_member member;

	if (walk->count++ >= walk->max)
		return 0;
	walk->devs[walk->count - 1] = get_device(dev);
	out = &walk->members[walk->count - 1];
	iommufd_ext_group_member_describe(dev, &member);
	memset(out, 0, sizeof(*out));
	strscpy(out->name, member.name, sizeof(out->name));
	strscpy(out->driver, member.driver, sizeof(out->driver));
	if (dev == walk->self)
		out->flags |= IOASID_GROUP_MEMBER_SELF;
	if (member.blocks)
		out->flags |= IOASID_GROUP_MEMBER_BLOCKS;
	return 0;
}

static void put_devs(struct member_walk *walk)
{
	u32 i;

	for (i = 0; i < min(walk->count, walk->max); i++)
		put_device(walk->devs[i]);
	kfree(walk->devs);
	walk->devs = NULL;
}

/* Walks again, with room for as many members as there were. */
static int walk_again(struct member_walk *walk, struct iommu_group *group)
{
	put_devs(walk);
	kfree(walk->members);
	walk->max = walk->count;
	walk->count = 0;
	walk->members = kcalloc(walk->max, sizeof(*walk->members),
				GFP_KERNEL_ACCOUNT);
	walk->devs = kcalloc(walk->max, sizeof(*walk->devs),
			     GFP_KERNEL_ACCOUNT);
	if (!walk->members || !walk->devs)
		return -ENOMEM;
	iommu_group_for_each_dev(group, walk, walk_member);
	return 0;
}

/* All members there are; the caller frees the array, unless this fails. */
static int collect_members(struct member_walk *walk, struct iommu_group *group)
{
	int rc;

	iommu_group_for_each_dev(group, walk, walk_member);
	do {
		rc = walk_again(walk, group);
		/* One may have come. */
	} while (!rc && walk->count > walk->max);
	if (rc)
		kfree(walk->members);
	else if (walk->ictx)
		igroup_get_ids(group, walk->ictx, walk->devs, walk->members,
			       walk->count);
	put_devs(walk);
	return rc;
}

static u32 group_flags(struct iommu_group *group, struct device *dev,
		       const struct igroup_owner *owner, bool open)
{
	bool claimed = iommu_group_dma_owner_claimed(group);
	u32 flags = 0;

	if (owner->is_ictx)
		flags |= IOASID_GROUP_OWNED;
	if (owner->is_context)
		flags |= IOASID_GROUP_CONTEXT;
	if (claimed)
		flags |= IOASID_GROUP_CLAIMED;
	if (open)
		flags |= IOASID_GROUP_DEVICE_OPEN;
	if (!open && (owner->is_context || !claimed) &&
	    iommufd_ext_device_supported(dev) &&
	    device_interrupts_allowed(group, dev))
		flags |= IOASID_GROUP_VIABLE;
	return flags;
}

/*
 * Everything but the members goes to @cmd, and those are left in @walk: writing them to
 * the user can take as long as he likes, and the device must not be held for that.
 */
static int group_info(struct iommufd_ext_errors *errors, struct device *dev,
		      bool open, struct ioasid_group_info *cmd,
		      struct member_walk *walk)
{
	struct igroup_owner owner;
	struct iommu_group *group;
	int rc;

	group = iommu_group_get(dev);
	if (!group)
		return iommufd_ext_refuse(errors, -ENODEV, NULL,
					  "%s is in no IOMMU group",
					  dev_name(dev));

	igroup_get_owner(group, walk->ictx, &owner);
	cmd->out_flags = group_flags(group, dev, &owner, open);
	cmd->out_group = iommu_group_id(group);
	cmd->out_owner_pid = owner.pid;
	walk->self = dev;
	rc = collect_members(walk, group);
	iommu_group_put(group);
	return rc;
}

static int group_entries(struct iommufd_ext_errors *errors,
			 const struct ioasid_group_info *cmd,
			 struct entries *entries)
{
	return entries_init(entries, errors, cmd->members, cmd->num,
			    cmd->entry_size,
			    sizeof(struct ioasid_group_member));
}

/* Gives the user as many members as there is room for. */
static int put_members(struct ioasid_group_info *cmd, struct member_walk *walk,
		       struct entries *entries)
{
	int rc = 0;
	u32 i;

	for (i = 0; i < walk->count && !rc; i++)
		rc = entries_add(entries, &walk->members[i]);
	kfree(walk->members);
	cmd->num = entries->count;
	cmd->entry_size = entries->known;
	return rc;
}

static int check_room(struct iommufd_ext_errors *errors, u32 room, u32 needed)
{
	if (needed <= room)
		return 0;
	return iommufd_ext_refuse(errors, -EMSGSIZE, NULL,
				  "the array has room for %u members, and there are %u",
				  room, needed);
}

/* IOASID_GROUP_INFO of a bound device */
int group_info_ioctl(struct ucmd *ucmd)
{
	struct member_walk walk = { .ictx = ucmd->ictx };
	struct ioasid_group_info *cmd = ucmd->cmd;
	struct iommufd_ext_device *idev;
	u32 room = cmd->num;
	struct entries entries;
	int rc;

	if (cmd->flags)
		return refuse_flags(ucmd->ictx, cmd->flags);
	rc = group_entries(&ucmd->ictx->errors, cmd, &entries);
	if (rc)
		return rc;
	idev = idev_get(ucmd->ictx, cmd->dev_id);
	if (!idev)
		return -ENOENT;
	rc = group_info(&ucmd->ictx->errors, idev->dev, true, cmd, &walk);
	obj_put(ucmd->ictx, &idev->obj);
	if (!rc)
		rc = put_members(cmd, &walk, &entries);
	if (!rc)
		rc = ucmd_respond(ucmd, sizeof(*cmd));
	return rc ?: check_room(&ucmd->ictx->errors, room, cmd->num);
}

/**
 * iommufd_ext_group_info_ioctl() - IOASID_GROUP_INFO on a driver's file
 * @errors: of the file
 * @ictx: the context the device is bound to, or NULL
 * @subject: the device
 * @arg: struct ioasid_group_info of the user
 *
 * Context: may sleep, may fault.
 * Return: 0; see struct ioasid_group_info for the errors.
 */
int iommufd_ext_group_info_ioctl(struct iommufd_ext_errors *errors,
				 struct iommufd_ext_ctx *ictx,
				 struct iommufd_ext_subject *subject,
				 void __user *arg)
{
	struct member_walk walk = { .ictx = ictx };
	struct ioasid_group_info cmd;
	struct entries entries;
	u32 size, room;
	int rc;

	rc = copy_query(errors, &cmd, sizeof(cmd),
			offsetofend(struct ioasid_group_info, members), arg,
			&size);
	if (rc)
		return rc;
	room = cmd.num;
	rc = check_query(errors, cmd.flags, cmd.dev_id);
	if (!rc)
		rc = group_entries(errors, &cmd, &entries);
	if (!rc)
		rc = subject->hold(subject);
	if (rc)
		return rc;
	rc = group_info(errors, subject->dev, subject->open, &cmd, &walk);
	subject->release(subject);
	if (!rc)
		rc = put_members(&cmd, &walk, &entries);
	if (!rc)
		rc = iommufd_ext_answer(errors, arg, &cmd,
					min_t(size_t, size, sizeof(cmd)));
	if (rc)
		return rc;
	return check_room(errors, room, cmd.num);
}
EXT_EXPORT_SYMBOL(iommufd_ext_group_info_ioctl);

/*
 * What a context holds, in numbers.
 * Context: takes no lock that is held while somebody waits. Nobody can hold up who reads
 * /proc.
 */
void ctx_show_fdinfo(struct iommufd_ext_ctx *ictx, struct seq_file *m)
{
	const struct ctx_counts *counts = &ictx->counts;

	xa_lock(&ictx->objects);
	seq_printf(m, "ioasid-ioas: %lu\n", counts->objects[OBJ_IOAS]);
	seq_printf(m, "ioasid-page-tables: %lu\n",
		   counts->objects[OBJ_HWPT] +
			   counts->objects[OBJ_HWPT_NESTED]);
	seq_printf(m, "ioasid-devices: %lu\n", counts->objects[OBJ_DEVICE]);
	seq_printf(m, "ioasid-endpoints: %lu\n", READ_ONCE(counts->endpoints));
	seq_printf(m, "ioasid-accesses: %lu\n", counts->objects[OBJ_ACCESS]);
	xa_unlock(&ictx->objects);
	seq_printf(m, "ioasid-mappings: %ld\n",
		   atomic_long_read(&counts->mappings));
	seq_printf(m, "ioasid-mapped-bytes: %llu\n",
		   (u64)atomic64_read(&counts->bytes));
	seq_printf(m, "ioasid-pinned-pages: %ld\n",
		   atomic_long_read(&counts->pinned));
	seq_printf(m, "ioasid-kept-pages: %ld\n",
		   atomic_long_read(&ictx->kept_pages));
	seq_puts(m, "ioasid-groups:");
	igroups_show(ictx, m);
	seq_putc(m, '\n');
}
