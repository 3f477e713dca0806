// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files in the sysfs directory of the VFIO device, BDF/vfio-dev/vfioN, described in
 * Documentation/ABI/testing/sysfs-vfio-dev-ext: whether the device can be had, and who is in
 * the way.
 *
 * They take no lock that a user of a device can hold on to: removing a file waits for its
 * readers, and adopt_lock is held then.
 */
#include <linux/iommu.h>
#include <linux/sysfs.h>

#include "node.h"

/**
 * struct blockers - a walk over the devices of a group for those in the way
 * @buf: the page to fill
 * @len: how much of it is
 */
struct blockers {
	char *buf;
	int len;
};

/**
 * struct users - a walk over the devices of a group for who has it
 * @host_driver: whether a device has a driver that does DMA for the kernel
 * @whose: who has a device of the group bound
 * @held: whether there is one
 */
struct users {
	bool host_driver;
	struct iommufd_ext_whose whose;
	bool held;
};

/* A user, through the node or through the group, has this very device. */
static bool device_open(struct vfio_device *vdev)
{
	return READ_ONCE(vdev->open_count);
}

static int emit_blocker(struct device *dev, void *data)
{
	struct iommufd_ext_group_member member;
	struct blockers *blockers = data;

	iommufd_ext_group_member_describe(dev, &member);
	if (member.blocks || cdev_ext_is_bound(dev))
		blockers->len += sysfs_emit_at(blockers->buf, blockers->len,
					       "%s %s\n", member.name,
					       member.driver);
	return 0;
}

/* A group has one owner: who is found first is who has it. */
static int find_group_user(struct device *dev, void *data)
{
	struct iommufd_ext_group_member member;
	struct users *users = data;

	iommufd_ext_group_member_describe(dev, &member);
	users->host_driver |= member.blocks;
	users->held = cdev_ext_describe_user(dev, &users->whose, false);
	return users->held;
}

static bool group_viable(struct vfio_device *vdev, struct iommu_group *group)
{
	return device_open(vdev) || !iommu_group_dma_owner_claimed(group);
}

static ssize_t viable_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct vfio_device *vdev =
		container_of(dev, struct vfio_device, device);
	struct iommu_group *group = iommu_group_get(vdev->dev);
	ssize_t len;

	len = sysfs_emit(buf, "%d\n", group && group_viable(vdev, group));
	iommu_group_put(group);
	return len;
}
static DEVICE_ATTR_RO(viable);

static ssize_t blocked_by_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct vfio_device *vdev =
		container_of(dev, struct vfio_device, device);
	struct iommu_group *group = iommu_group_get(vdev->dev);
	struct blockers blockers = { .buf = buf };

	if (group && !group_viable(vdev, group))
		iommu_group_for_each_dev(group, &blockers, emit_blocker);
	iommu_group_put(group);
	return blockers.len;
}
static DEVICE_ATTR_RO(blocked_by);

/* A command is what a process likes to call itself. */
static int emit_process(char *buf, int len,
			const struct iommufd_ext_process *process)
{
	switch (process->state) {
	case IOMMUFD_EXT_PROCESS_SEEN:
		return sysfs_emit_at(buf, len, "%d %*pE\n", process->pid,
				     (int)strlen(process->comm), process->comm);
	case IOMMUFD_EXT_PROCESS_HIDDEN:
		return sysfs_emit_at(buf, len, "0\n");
	default:
		return sysfs_emit_at(buf, len, "ended\n");
	}
}

static ssize_t emit_whose(char *buf, const struct iommufd_ext_whose *whose)
{
	int len = emit_process(buf, 0, &whose->holder);

	if (!whose->passed_on)
		return len;
	len += sysfs_emit_at(buf, len, "last ");
	return len + emit_process(buf, len, &whose->last);
}

static ssize_t emit_owner(char *buf, struct vfio_device *vdev,
			  struct iommu_group *group)
{
	struct users users = {};

	if (cdev_ext_describe_user(vdev->dev, &users.whose, false))
		return emit_whose(buf, &users.whose);

	iommu_group_for_each_dev(group, &users, find_group_user);
	if (users.held)
		return emit_whose(buf, &users.whose);

	/* Whose file that is, only the VFIO core could tell. */
	if (device_open(vdev) ||
	    (iommu_group_dma_owner_claimed(group) && !users.host_driver))
		return sysfs_emit(buf, "group %d\n", iommu_group_id(group));
	return 0;
}

static ssize_t owner_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct vfio_device *vdev =
		container_of(dev, struct vfio_device, device);
	struct iommu_group *group = iommu_group_get(vdev->dev);
	ssize_t len = 0;

	if (group)
		len = emit_owner(buf, vdev, group);
	iommu_group_put(group);
	return len;
}

/* Not for everybody: /proc can hide processes, and their commands, from other users. */
static DEVICE_ATTR_ADMIN_RO(owner);

static const struct attribute *const status_attrs[] = {
	&dev_attr_viable.attr, &dev_attr_blocked_by.attr, &dev_attr_owner.attr,
	NULL
};

/* Publishes the state of a device. */
int cdev_ext_sysfs_add(struct cdev_ext_node *node)
{
	return sysfs_create_files(&node->vdev->device.kobj, status_attrs);
}

void cdev_ext_sysfs_del(struct cdev_ext_node *node)
{
	sysfs_remove_files(&node->vdev->device.kobj, status_attrs);
}

/* What changes with each user of a group that comes or goes. */
static unsigned int group_state(struct vfio_device *vdev)
{
	struct iommu_group *group = iommu_group_get(vdev->dev);
	unsigned int state = device_open(vdev);

	if (group && iommu_group_dma_owner_claimed(group))
		state |= 2;
	iommu_group_put(group);
	return state;
}

/* Wakes who polls the state of a device. The caller holds the lock of the list of nodes. */
void cdev_ext_sysfs_notify(struct cdev_ext_node *node)
{
	const struct attribute *const *attr;

	node->told = group_state(node->vdev);
	for (attr = status_attrs; *attr; attr++)
		sysfs_notify(&node->vdev->device.kobj, NULL, (*attr)->name);
}

/* Wakes him if there is something new. The lock is held here, too. */
void cdev_ext_sysfs_check(struct cdev_ext_node *node)
{
	if (group_state(node->vdev) != node->told)
		cdev_ext_sysfs_notify(node);
}
