// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ownership of IOMMU groups, and who has one.
 *
 * Who owns the DMA of one device of an IOMMU group owns that of all, and the IOMMU core
 * lets a group be claimed once, by anyone: a kernel driver, the VFIO group interface, or
 * a context here. The devices of a group that are bound to one context share its claim.
 *
 * A group is claimed as a whole, so a device can be refused for another one that the
 * user has not named. Then the members and their drivers are looked at, to say who is
 * in the way: nothing is claimed for that, and nobody is disturbed.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include <uapi/linux/ioasid.h>

#include "compat/coherency.h"
#include "compat/iommu.h"
#include "compat/module.h"
#include "device.h"

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Bind devices on platforms without interrupt remapping. A user can then raise any interrupt with a device's DMA. (default: off)");

/*
 * Groups owned by any context; igroups_lock also makes claim and list one step. The
 * list changes with igroups_list_lock held, too, for who only reads it.
 */
static LIST_HEAD(igroups);
static DEFINE_MUTEX(igroups_lock);
static DEFINE_SPINLOCK(igroups_list_lock);

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

/* @rc: the error of a claim, -EBUSY if somebody else has the group. */
static int refuse_claim(struct iommufd_ext_ctx *ictx, struct iommu_group *group,
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

/* The group belongs to another context. */
static int refuse_owned(struct iommufd_ext_ctx *ictx, struct igroup *igroup,
			struct device *dev)
{
	struct pid *last = iommufd_ext_last_user_get(&igroup->ictx->last_user);
	struct iommufd_ext_whose whose;

	lockdep_assert_held(&igroups_lock);

	iommufd_ext_describe_whose(&whose, igroup->user, last, false);
	put_pid(last);
	return refuse(ictx, -EPERM,
		      "cannot bind %s: IOMMU group %d belongs to another /dev/ioasid file, of %s",
		      dev_name(dev), iommu_group_id(igroup->group), whose.text);
}

static struct igroup *igroup_find(struct iommu_group *group)
{
	struct igroup *igroup;

	lockdep_assert_held(&igroups_lock);

	list_for_each_entry(igroup, &igroups, item)
		if (igroup->group == group)
			return igroup;
	return NULL;
}

/*
 * Are interrupts no reason to refuse a device? They are isolated, or the administrator
 * does not mind.
 */
bool device_interrupts_allowed(struct iommu_group *group, struct device *dev)
{
	return allow_unsafe_interrupts ||
	       ext_iommu_group_has_isolated_msi(group, dev);
}

static int check_isolated_msi(struct iommufd_ext_ctx *ictx,
			      struct iommu_group *group, struct device *dev)
{
	if (ext_iommu_group_has_isolated_msi(group, dev))
		return 0;
	if (!allow_unsafe_interrupts)
		return refuse(ictx, -EPERM,
			      "cannot bind %s: without interrupt remapping its user could raise any interrupt (parameter allow_unsafe_interrupts)",
			      dev_name(dev));
	/* A user can bind as often as he likes. */
	dev_warn_ratelimited(dev,
			     "interrupts are not isolated: a user of the device can raise those of others\n");
	return 0;
}

/* Takes over the reference to @group on success. */
static struct igroup *igroup_claim(struct iommufd_ext_ctx *ictx,
				   struct iommu_group *group,
				   struct device *dev)
{
	struct igroup *igroup;
	int coherent, rc;

	lockdep_assert_held(&igroups_lock);

	rc = check_isolated_msi(ictx, group, dev);
	if (rc)
		return ERR_PTR(rc);

	coherent = ext_iommu_enforces_coherency(dev);
	if (coherent < 0)
		return ERR_PTR(coherent);

	igroup = kzalloc(sizeof(*igroup), GFP_KERNEL_ACCOUNT);
	if (!igroup)
		return ERR_PTR(-ENOMEM);

	rc = iommu_group_claim_dma_owner(group, ictx);
	if (rc) {
		kfree(igroup);
		/* No context has it: a kernel driver or a VFIO container does. */
		return ERR_PTR(refuse_claim(ictx, group, dev,
					    rc == -EPERM ? -EBUSY : rc));
	}

	INIT_LIST_HEAD(&igroup->idevs);
	xa_init_flags(&igroup->attachments, XA_FLAGS_ACCOUNT);
	igroup->ictx = ictx;
	igroup->user = get_pid(task_tgid(current));
	igroup->group = group;
	igroup->msi_window = NO_MSI_WINDOW;
	igroup->coherent = coherent;
	spin_lock(&igroups_list_lock);
	list_add_tail(&igroup->item, &igroups);
	spin_unlock(&igroups_list_lock);
	return igroup;
}

/*
 * Claims the group of a device that is about to be bound, or shares the claim.
 * Returns the group, or an ERR_PTR: -ENODEV without one; -EPERM if another context has
 * it, or interrupts are not isolated; -EBUSY if somebody else has it; -ENOMEM; the error
 * of the claim.
 */
struct igroup *igroup_get(struct iommufd_ext_ctx *ictx, struct device *dev)
{
	struct iommu_group *group;
	struct igroup *igroup;

	group = iommu_group_get(dev);
	if (!group)
		return ERR_PTR(refuse(ictx, -ENODEV, "%s is in no IOMMU group",
				      dev_name(dev)));

	mutex_lock(&igroups_lock);
	igroup = igroup_find(group);
	if (!igroup) {
		igroup = igroup_claim(ictx, group, dev);
		if (!IS_ERR(igroup))
			group = NULL;
	} else if (igroup->ictx != ictx) {
		igroup = ERR_PTR(refuse_owned(ictx, igroup, dev));
	}
	if (!IS_ERR(igroup))
		igroup->devices++;
	mutex_unlock(&igroups_lock);

	/* iommu_group_put() takes NULL for nothing. */
	iommu_group_put(group);
	return igroup;
}

/* Gives the group back with its last device. */
void igroup_put(struct igroup *igroup)
{
	mutex_lock(&igroups_lock);
	if (--igroup->devices) {
		mutex_unlock(&igroups_lock);
		return;
	}
	spin_lock(&igroups_list_lock);
	list_del(&igroup->item);
	spin_unlock(&igroups_list_lock);
	iommu_group_release_dma_owner(igroup->group);
	mutex_unlock(&igroups_lock);

	WARN_ON(!xa_empty(&igroup->attachments));
	iommu_group_put(igroup->group);
	put_pid(igroup->user);
	kfree(igroup);
}

/* Lets the id of a device be found by its group. */
void igroup_add_idev(struct iommufd_ext_device *idev)
{
	mutex_lock(&igroups_lock);
	list_add_tail(&idev->igroup_item, &idev->igroup->idevs);
	mutex_unlock(&igroups_lock);
}

void igroup_remove_idev(struct iommufd_ext_device *idev)
{
	mutex_lock(&igroups_lock);
	list_del(&idev->igroup_item);
	mutex_unlock(&igroups_lock);
}

/*
 * Calls a function for the devices of a context, in @igroup unless that is NULL, until
 * it fails; returns what it returned. It may take the lock of a device's interrupts and
 * what is below that.
 */
int igroups_walk_idevs(struct iommufd_ext_ctx *ictx, struct igroup *igroup,
		       int (*fn)(struct iommufd_ext_device *idev, void *data),
		       void *data)
{
	struct iommufd_ext_device *idev;
	struct igroup *each;
	int rc = 0;

	mutex_lock(&igroups_lock);
	list_for_each_entry(each, &igroups, item) {
		if (each->ictx != ictx || (igroup && each != igroup))
			continue;
		list_for_each_entry(idev, &each->idevs, igroup_item) {
			rc = fn(idev, data);
			if (rc)
				goto out_unlock;
		}
	}
out_unlock:
	mutex_unlock(&igroups_lock);
	return rc;
}

/* Which context owns a group? @ictx: the context that asks, or NULL. */
void igroup_get_owner(struct iommu_group *group, struct iommufd_ext_ctx *ictx,
		      struct igroup_owner *owner)
{
	struct iommufd_ext_whose whose;
	struct igroup *igroup;

	mutex_lock(&igroups_lock);
	igroup = igroup_find(group);
	owner->is_context = igroup;
	owner->is_ictx = igroup && igroup->ictx == ictx;
	owner->pid = 0;
	if (igroup) {
		iommufd_ext_describe_whose(&whose, igroup->user, NULL, false);
		owner->pid = whose.holder.pid;
	}
	mutex_unlock(&igroups_lock);
}

static u32 idev_id_locked(const struct igroup *igroup, const struct device *dev)
{
	struct iommufd_ext_device *idev;

	lockdep_assert_held(&igroups_lock);

	list_for_each_entry(idev, &igroup->idevs, igroup_item)
		if (idev->dev == dev)
			return idev->obj.id;
	return 0;
}

/*
 * Fills in dev_id of @members: the ids that devices of a group have in a context, which
 * need not own the group; 0 for a device that is not bound to it. The caller holds
 * references to @devs.
 *
 * It looks at the bound devices of the group alone, however many objects the context
 * has.
 */
void igroup_get_ids(struct iommu_group *group, struct iommufd_ext_ctx *ictx,
		    struct device *const *devs,
		    struct ioasid_group_member *members, u32 nr)
{
	struct igroup *igroup;
	u32 i;

	mutex_lock(&igroups_lock);
	igroup = igroup_find(group);
	if (igroup && igroup->ictx != ictx)
		igroup = NULL;
	for (i = 0; i < nr; i++)
		members[i].dev_id =
			igroup ? idev_id_locked(igroup, devs[i]) : 0;
	mutex_unlock(&igroups_lock);
}

/* Prints the numbers of the groups of a context. */
void igroups_show(struct iommufd_ext_ctx *ictx, struct seq_file *m)
{
	struct igroup *igroup;

	/* A claim under way waits for the IOMMU core, perhaps. */
	spin_lock(&igroups_list_lock);
	list_for_each_entry(igroup, &igroups, item)
		if (igroup->ictx == ictx)
			seq_printf(m, " %d", iommu_group_id(igroup->group));
	spin_unlock(&igroups_list_lock);
}

/**
 * iommufd_ext_ctx_has_group() - does a context own a group?
 * @ictx: the context
 * @group: the group
 *
 * Return: true if at least one device of the group is bound to the context.
 */
bool iommufd_ext_ctx_has_group(struct iommufd_ext_ctx *ictx,
			       struct iommu_group *group)
{
	struct igroup *igroup;
	bool has;

	mutex_lock(&igroups_lock);
	igroup = igroup_find(group);
	has = igroup && igroup->ictx == ictx;
	mutex_unlock(&igroups_lock);
	return has;
}
EXT_EXPORT_SYMBOL(iommufd_ext_ctx_has_group);
