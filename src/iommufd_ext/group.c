// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has the devices of an IOMMU group.
 *
 * A group is claimed as a whole, so a device can be refused for another one that the
 * user has not named. This file looks at the members and their drivers, to say who is
 * in the way. It only looks: nothing is claimed for it, and nobody is disturbed.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/module.h"
#include "private.h"

/*
 * Does a driver leave DMA to whoever claims the group? Buses whose drivers cannot say
 * so claim nothing either, but there is no way to know them.
 */
static bool driver_manages_dma(struct device *dev,
			       const struct device_driver *driver)
{
	if (dev_is_pci(dev))
		return container_of(driver, struct pci_driver, driver)
			->driver_managed_dma;
	if (dev->bus == &platform_bus_type)
		return container_of(driver, struct platform_driver, driver)
			->driver_managed_dma;
	return false;
}

/**
 * iommufd_ext_group_member_describe() - a member of a group, as it is at the moment
 * @dev: the device
 * @member: is filled
 *
 * Context: any; takes no lock.
 */
void iommufd_ext_group_member_describe(struct device *dev,
				       struct iommufd_ext_group_member *member)
{
	const struct device_driver *driver;

	strscpy(member->name, dev_name(dev), sizeof(member->name));
	member->driver[0] = '\0';
	member->blocks = false;

	/*
	 * The device's lock cannot be taken here: its driver may be waiting for the
	 * caller. A driver that goes meanwhile waits for RCU before its memory does.
	 */
	rcu_read_lock();
	driver = READ_ONCE(dev->driver);
	if (driver) {
		strscpy(member->driver, driver->name, sizeof(member->driver));
		member->blocks = !driver_manages_dma(dev, driver);
	}
	rcu_read_unlock();
}
EXT_EXPORT_SYMBOL(iommufd_ext_group_member_describe);

/* Ends at the first member that blocks, which is left in @data. */
static int find_blocking(struct device *dev, void *data)
{
	struct iommufd_ext_group_member *member = data;

	iommufd_ext_group_member_describe(dev, member);
	return member->blocks;
}

/**
 * refuse_claim() - say why a group cannot be claimed
 * @ictx: the context that tried
 * @group: the group
 * @dev: the device that was to be bound
 * @rc: the error, -EBUSY if somebody else has the group
 *
 * Context: may sleep.
 * Return: @rc.
 */
int refuse_claim(struct iommufd_ext_ctx *ictx, struct iommu_group *group,
		 struct device *dev, int rc)
{
	int id = iommu_group_id(group);
	struct iommufd_ext_group_member member;

	if (rc != -EBUSY)
		return refuse(ictx, rc,
			      "cannot bind %s: claiming IOMMU group %d failed (error %d)",
			      dev_name(dev), id, -rc);
	if (iommu_group_for_each_dev(group, &member, find_blocking))
		return refuse(ictx, rc,
			      "cannot bind %s: %s in the same IOMMU group %d is in use by driver %s",
			      dev_name(dev), member.name, id, member.driver);
	return refuse(ictx, rc,
		      "cannot bind %s: IOMMU group %d is in use through /dev/vfio/%d or by another owner",
		      dev_name(dev), id, id);
}

/**
 * refuse_owned() - say that a group belongs to another context
 * @ictx: the context that wants it
 * @igroup: the group; the caller holds igroups_lock
 * @dev: the device that was to be bound
 *
 * Return: -EPERM.
 */
int refuse_owned(struct iommufd_ext_ctx *ictx, struct igroup *igroup,
		 struct device *dev)
{
	struct pid *last = iommufd_ext_last_user_get(&igroup->ictx->last_user);
	struct iommufd_ext_whose whose;

	iommufd_ext_describe_whose(&whose, igroup->user, last, false);
	put_pid(last);
	return refuse(ictx, -EPERM,
		      "cannot bind %s: IOMMU group %d belongs to another /dev/ioasid file, of %s",
		      dev_name(dev), iommu_group_id(igroup->group), whose.text);
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

/**
 * group_info_ioctl() - IOASID_GROUP_INFO of a bound device
 * @ucmd: the command
 *
 * Return: 0; see struct ioasid_group_info for the errors.
 */
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
