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
#include <linux/sched/task.h>

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
 * group_member_describe() - a member of a group, as it is at the moment
 * @dev: the device
 * @member: is filled
 */
void group_member_describe(struct device *dev, struct group_member *member)
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

/* Ends at the first member that blocks, which is left in @data. */
static int find_blocking(struct device *dev, void *data)
{
	struct group_member *member = data;

	group_member_describe(dev, member);
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
	struct group_member member;

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
	struct task_struct *task = get_pid_task(igroup->user, PIDTYPE_TGID);
	char comm[TASK_COMM_LEN] = "ended";

	if (task) {
		get_task_comm(comm, task);
		put_task_struct(task);
	}
	/* The number is 0 for a process the caller cannot see. */
	return refuse(ictx, -EPERM,
		      "cannot bind %s: IOMMU group %d belongs to another /dev/ioasid file, of process %d (%s)",
		      dev_name(dev), iommu_group_id(igroup->group),
		      pid_vnr(igroup->user), comm);
}
