// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files in the sysfs directory of the VFIO device, BDF/vfio-dev/vfioN.
 *
 * Programs start from a BDF, and find the node through "dev" in that directory. It
 * belongs to the VFIO core, which makes the file only with its own cdevs.
 */
#include <linux/sysfs.h>

#include "cdev_ext.h"

static ssize_t dev_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	struct cdev_ext_node *node =
		container_of(attr, struct cdev_ext_node, attr);

	return sysfs_emit(buf, "%u:%u\n", MAJOR(node->dev.devt),
			  MINOR(node->dev.devt));
}

/**
 * cdev_ext_sysfs_add - publish the number of a node
 * @node: the node
 *
 * Where the kernel has cdevs of its own the file is there and names those: then it
 * stays as it is.
 */
int cdev_ext_sysfs_add(struct cdev_ext_node *node)
{
	int ret;

	if (MAJOR(node->vdev->device.devt))
		return 0;

	sysfs_attr_init(&node->attr.attr);
	node->attr.attr.name = "dev";
	node->attr.attr.mode = 0444;
	node->attr.show = dev_show;

	ret = device_create_file(&node->vdev->device, &node->attr);
	if (ret)
		node->attr.attr.name = NULL;
	return ret;
}

/**
 * cdev_ext_sysfs_del - undo cdev_ext_sysfs_add()
 * @node: the node
 */
void cdev_ext_sysfs_del(struct cdev_ext_node *node)
{
	if (node->attr.attr.name)
		device_remove_file(&node->vdev->device, &node->attr);
}
