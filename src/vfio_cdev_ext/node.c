// SPDX-License-Identifier: GPL-2.0-only
/*
 * The node in /dev: its class, its numbers and its life.
 *
 * A node is a device of our own class below the VFIO device, so that both
 * /sys/dev/char and the class lead to the PCI device. Its minor is the index of the
 * VFIO device, and its name too: vfioN here is vfioN there.
 */
#include <linux/completion.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "compat/device.h"
#include "compat/vfio.h"

#include "node.h"

static dev_t node_devt;
static const char *node_directory;
static const struct file_operations *node_fops;

/* Protects the list of nodes, and what they were told. */
static DEFINE_MUTEX(nodes_lock);
static LIST_HEAD(nodes);

/*
 * Nodes by their minor. An inode remembers the cdev that it was opened with, and while a
 * file of that is open, leads to it: though the device may have come back since, with the
 * same number.
 */
static DEFINE_XARRAY(numbers);

/*
 * Nodes that exist, and one for the module. The last reference on a node may be
 * dropped by somebody else than the one who removes it, and its release function is
 * our code.
 */
static refcount_t nr_nodes;
static DECLARE_COMPLETION(no_nodes);

static char *node_devnode(EXT_DEVNODE_CONST struct device *dev, umode_t *mode)
{
	return kasprintf(GFP_KERNEL, "vfio/%s/%s", node_directory,
			 dev_name(dev));
}

static struct class node_class = {
	.name = "vfio_cdev_ext",
	.devnode = node_devnode,
};

/*
 * Nobody is told when the group path takes a group or gives it back, so now and then
 * somebody looks. All else that changes the state of a device is told at once. The look
 * wakes no processor that idles: whoever polls hears of a group when the one on which the
 * last look was has something else to do.
 */
static void node_watch_groups(struct work_struct *work);
static DECLARE_DEFERRABLE_WORK(node_watch, node_watch_groups);

static void node_watch_again(void)
{
	queue_delayed_work(system_power_efficient_wq, &node_watch, HZ);
}

static void node_watch_groups(struct work_struct *work)
{
	struct cdev_ext_node *node;

	mutex_lock(&nodes_lock);
	list_for_each_entry(node, &nodes, entry)
		cdev_ext_sysfs_check(node);
	if (!list_empty(&nodes))
		node_watch_again();
	mutex_unlock(&nodes_lock);
}

/*
 * Programs start from a BDF, and find the node through "dev" in the directory of the VFIO
 * device. That directory belongs to the VFIO core, which has the file for cdevs of its own.
 */
static ssize_t dev_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	struct vfio_device *vdev =
		container_of(dev, struct vfio_device, device);

	return sysfs_emit(buf, "%u:%u\n", MAJOR(node_devt), vdev->index);
}
static DEVICE_ATTR_RO(dev);

static bool node_core_has_dev(const struct vfio_device *vdev)
{
	return MAJOR(vdev->device.devt);
}

static void node_put_nr(void)
{
	if (refcount_dec_and_test(&nr_nodes))
		complete(&no_nodes);
}

static void node_release(struct device *dev)
{
	struct cdev_ext_node *node =
		container_of(dev, struct cdev_ext_node, dev);

	ext_vfio_put_inode(node->inode);
	pci_dev_put(node->pdev);
	mutex_destroy(&node->lock);
	kfree(node);
	node_put_nr();
}

static struct cdev_ext_node *node_alloc(struct pci_dev *pdev,
					struct vfio_device *vdev)
{
	struct cdev_ext_node *node;

	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return NULL;

	refcount_inc(&nr_nodes);
	mutex_init(&node->lock);
	node->pdev = pci_dev_get(pdev);
	node->inode = ext_vfio_get_inode(vdev);
	node->vdev = vdev;

	device_initialize(&node->dev);
	node->dev.class = &node_class;
	node->dev.parent = &vdev->device;
	node->dev.devt = MKDEV(MAJOR(node_devt), vdev->index);
	node->dev.release = node_release;

	cdev_init(&node->cdev, node_fops);
	node->cdev.owner = THIS_MODULE;
	return node;
}

/* The node of a number, with a reference, or NULL if its device has left. */
struct cdev_ext_node *cdev_ext_get_node(const struct inode *inode)
{
	struct cdev_ext_node *node;

	xa_lock(&numbers);
	node = xa_load(&numbers, iminor(inode));
	if (node)
		get_device(&node->dev);
	xa_unlock(&numbers);
	return node;
}

/**
 * cdev_ext_get_vdev - the VFIO device of a node, with a registration
 * @node: the node
 *
 * The device's driver cannot be removed until cdev_ext_put_vdev().
 *
 * Return: the device, or NULL if its driver leaves or has left.
 */
struct vfio_device *cdev_ext_get_vdev(struct cdev_ext_node *node)
{
	struct vfio_device *vdev;

	mutex_lock(&node->lock);
	vdev = node->vdev;
	if (vdev && !refcount_inc_not_zero(&vdev->refcount))
		vdev = NULL;
	mutex_unlock(&node->lock);
	return vdev;
}

/* As cdev_ext_get_vdev(). A bound file has its device even when the driver leaves. */
struct vfio_device *cdev_ext_file_vdev(struct cdev_ext_file *file)
{
	/* Pairs with the release in BIND. A bound file holds a registration. */
	if (!smp_load_acquire(&file->bound))
		return cdev_ext_get_vdev(file->node);
	refcount_inc(&file->vdev->refcount);
	return file->vdev;
}

/* Undoes cdev_ext_get_vdev(). The device may be gone when this returns. */
void cdev_ext_put_vdev(struct vfio_device *vdev)
{
	if (refcount_dec_and_test(&vdev->refcount))
		complete(&vdev->comp);
}

/*
 * Wakes who waits for a change of a group. @dev is a device of it that came to another driver or
 * another user. Not under dev_set->lock.
 */
void cdev_ext_group_changed(struct device *dev)
{
	struct cdev_ext_node *node;

	mutex_lock(&nodes_lock);
	list_for_each_entry(node, &nodes, entry)
		if (node->pdev->dev.iommu_group == dev->iommu_group)
			cdev_ext_sysfs_notify(node);
	mutex_unlock(&nodes_lock);
}

/* From here on nobody can open the node, and no open file can be bound. */
static void node_disconnect(struct cdev_ext_node *node)
{
	mutex_lock(&node->lock);
	node->vdev = NULL;
	mutex_unlock(&node->lock);
}

/* @pdev is locked, and nodes are made and taken away one at a time. */
int cdev_ext_node_create(struct pci_dev *pdev, struct vfio_device *vdev)
{
	struct cdev_ext_node *node;
	int ret;

	node = node_alloc(pdev, vdev);
	if (!node)
		return -ENOMEM;

	ret = dev_set_name(&node->dev, "%s", dev_name(&vdev->device));
	if (ret)
		goto put_node;
	ret = xa_insert(&numbers, MINOR(node->dev.devt), node, GFP_KERNEL);
	if (ret)
		goto put_node;

	/* Also if it fails, somebody may have had it open by its number. */
	ret = cdev_device_add(&node->cdev, &node->dev);
	if (ret)
		goto disconnect;

	ret = cdev_ext_sysfs_add(node);
	if (ret)
		goto del_cdev;

	/* Last: who finds this file expects the rest to be there. */
	if (!node_core_has_dev(vdev))
		ret = device_create_file(&vdev->device, &dev_attr_dev);
	if (ret)
		goto del_sysfs;

	pci_info(pdev, "VFIO char device /dev/vfio/%s/%s (driver %s)\n",
		 node_directory, dev_name(&node->dev), pdev->dev.driver->name);

	mutex_lock(&nodes_lock);
	list_add_tail(&node->entry, &nodes);
	cdev_ext_sysfs_notify(node);
	node_watch_again();
	mutex_unlock(&nodes_lock);
	return 0;

del_sysfs:
	cdev_ext_sysfs_del(node);
del_cdev:
	cdev_device_del(&node->cdev, &node->dev);
disconnect:
	xa_erase(&numbers, MINOR(node->dev.devt));
	node_disconnect(node);
put_node:
	put_device(&node->dev);
	return ret;
}

/* The node of a PCI device, which stays until its maker takes it away, or NULL. */
struct cdev_ext_node *cdev_ext_node_find(struct pci_dev *pdev)
{
	struct cdev_ext_node *node, *found = NULL;

	mutex_lock(&nodes_lock);
	list_for_each_entry(node, &nodes, entry)
		if (node->pdev == pdev)
			found = node;
	mutex_unlock(&nodes_lock);
	return found;
}

/**
 * cdev_ext_node_destroy - take the char device away
 * @node: the node, whose VFIO device is still registered
 *
 * Files that are bound stay usable: they hold a registration of the VFIO device, which
 * its driver waits for. The others are in nobody's way, and good for nothing any more.
 */
void cdev_ext_node_destroy(struct cdev_ext_node *node)
{
	/* Nobody tells it anything from here on. */
	mutex_lock(&nodes_lock);
	list_del(&node->entry);
	mutex_unlock(&nodes_lock);

	if (!node_core_has_dev(node->vdev))
		device_remove_file(&node->vdev->device, &dev_attr_dev);
	cdev_ext_sysfs_del(node);
	cdev_device_del(&node->cdev, &node->dev);
	xa_erase(&numbers, MINOR(node->dev.devt));
	node_disconnect(node);
	put_device(&node->dev);
}

void cdev_ext_node_destroy_all(void)
{
	struct cdev_ext_node *node, *next;

	/* Others only read the list: the caller keeps who makes nodes away. */
	list_for_each_entry_safe(node, next, &nodes, entry)
		cdev_ext_node_destroy(node);
}

/* Reserves the numbers and the class of our nodes, which go to a directory below /dev/vfio. */
int cdev_ext_node_init(const char *directory,
		       const struct file_operations *fops)
{
	int ret;

	node_directory = directory;
	node_fops = fops;
	refcount_set(&nr_nodes, 1);

	ret = alloc_chrdev_region(&node_devt, 0, MINORMASK + 1,
				  "vfio_cdev_ext");
	if (ret)
		return ret;

	ret = class_register(&node_class);
	if (ret)
		unregister_chrdev_region(node_devt, MINORMASK + 1);
	return ret;
}

void cdev_ext_node_exit(void)
{
	cancel_delayed_work_sync(&node_watch);
	node_put_nr();
	wait_for_completion(&no_nodes);
	class_unregister(&node_class);
	unregister_chrdev_region(node_devt, MINORMASK + 1);
}
