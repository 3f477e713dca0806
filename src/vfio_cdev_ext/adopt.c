// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which devices get a char device, and when.
 *
 * The driver core tells when a driver has bound to a device, and before it lets go.
 * Both calls come under the device lock, and so does the walk over the devices that
 * were there before the module: so the three never meet on one device. The module's
 * exit does without: it must not wait for a driver that waits for its user.
 */
#include <linux/iommu.h>

#include "cdev_ext.h"

/*
 * Held while a node is made or taken away, with all that devtmpfs and uevents take: as
 * long as somebody likes who reads the directory of the nodes. So it is for those alone
 * who make nodes or take them away. Protects @stopping; the list changes under both.
 */
static DEFINE_MUTEX(adopt_lock);
static bool stopping;

/* Protects the list of nodes, and what they were told. */
static DEFINE_MUTEX(nodes_lock);
static LIST_HEAD(nodes);

/* Set once, before the first device is looked at. */
static bool adopt_everyone;

/*
 * Nobody is told when the group path takes a group or gives it back, so now and then
 * somebody looks. All else that changes the state of a device is told at once. The look
 * wakes no processor that idles: whoever polls hears of a group when the one on which the
 * last look was has something else to do.
 */
static void watch_groups(struct work_struct *work);
static DECLARE_DEFERRABLE_WORK(watch, watch_groups);

static void watch_again(void)
{
	queue_delayed_work(system_power_efficient_wq, &watch, HZ);
}

static void watch_groups(struct work_struct *work)
{
	struct cdev_ext_node *node;

	mutex_lock(&nodes_lock);
	list_for_each_entry(node, &nodes, entry)
		cdev_ext_sysfs_check(node);
	if (!list_empty(&nodes))
		watch_again();
	mutex_unlock(&nodes_lock);
}

/* Class names are unique: what carries this one was made by the VFIO core. */
static int match_vfio_device(struct device *child, void *data)
{
	struct vfio_device **vdev = data;

	if (!child->class || strcmp(child->class->name, "vfio-dev"))
		return 0;

	*vdev = container_of(child, struct vfio_device, device);
	return 1;
}

static struct cdev_ext_node *find_node(struct pci_dev *pdev)
{
	struct cdev_ext_node *node;

	lockdep_assert_held(&adopt_lock);

	list_for_each_entry(node, &nodes, entry)
		if (node->pdev == pdev)
			return node;
	return NULL;
}

/* Return: the VFIO device of @pdev if it may have a node, else NULL. */
static struct vfio_device *find_vdev(struct pci_dev *pdev)
{
	struct vfio_device *vdev = NULL;

	if (!pdev->dev.driver)
		return NULL;
	if (!adopt_everyone && pci_dev_driver(pdev) != &cdev_ext_pci_driver)
		return NULL;

	device_for_each_child(&pdev->dev, &vdev, match_vfio_device);
	if (!vdev || !cdev_ext_core_device(vdev))
		return NULL;
	return vdev;
}

/* Return: the VFIO device of @pdev if it shall have a node, else NULL. */
static struct vfio_device *candidate(struct pci_dev *pdev)
{
	struct vfio_device *vdev = find_vdev(pdev);

	if (vdev && !iommufd_ext_device_supported(&pdev->dev)) {
		pci_info(pdev,
			 "no VFIO char device: the device needs an IOMMU group, cache coherent DMA and an IOMMU that iommufd_ext can use\n");
		return NULL;
	}
	return vdev;
}

static void add_node(struct cdev_ext_node *node)
{
	lockdep_assert_held(&adopt_lock);

	mutex_lock(&nodes_lock);
	list_add_tail(&node->entry, &nodes);
	cdev_ext_sysfs_notify(node);
	watch_again();
	mutex_unlock(&nodes_lock);
}

static void remove_node(struct cdev_ext_node *node)
{
	lockdep_assert_held(&adopt_lock);

	/* Nobody tells it anything from here on. */
	mutex_lock(&nodes_lock);
	list_del(&node->entry);
	mutex_unlock(&nodes_lock);
	cdev_ext_node_destroy(node);
}

static void adopt_device(struct pci_dev *pdev)
{
	struct cdev_ext_node *node;
	struct vfio_device *vdev;

	device_lock_assert(&pdev->dev);

	vdev = candidate(pdev);
	if (!vdev)
		return;

	mutex_lock(&adopt_lock);
	if (stopping || find_node(pdev))
		goto unlock;

	node = cdev_ext_node_create(pdev, vdev);
	if (IS_ERR(node))
		pci_err(pdev, "cannot make a char device for %s: %ld\n",
			dev_name(&vdev->device), PTR_ERR(node));
	else
		add_node(node);
unlock:
	mutex_unlock(&adopt_lock);
}

static void say_user(struct pci_dev *pdev, const char *driver,
		     const struct iommufd_ext_whose *whose)
{
	const char *comm = whose->holder.comm;

	if (whose->passed_on ||
	    whose->holder.state == IOMMUFD_EXT_PROCESS_ENDED)
		pci_info(pdev,
			 "driver %s leaves: it waits for the device to be closed, which was bound by %*pE\n",
			 driver, (int)strlen(whose->text), whose->text);
	else
		pci_info(pdev,
			 "driver %s leaves: it waits for %*pE (%d) to close the device\n",
			 driver, (int)strlen(comm), comm, whose->holder.pid);
}

/*
 * Its driver asks the user to let go, and waits: who looks shall know for whom. Whose
 * a group file is, only the VFIO core could tell.
 */
static void say_holder(struct pci_dev *pdev, struct vfio_device *vdev)
{
	const char *driver = pdev->dev.driver->name;
	struct iommufd_ext_whose whose;

	if (cdev_ext_describe_user(&pdev->dev, &whose, true))
		say_user(pdev, driver, &whose);
	else if (READ_ONCE(vdev->open_count))
		pci_info(pdev,
			 "driver %s leaves: it waits for a user of /dev/vfio/%d to close the device\n",
			 driver, iommu_group_id(pdev->dev.iommu_group));
}

static void release_device(struct pci_dev *pdev)
{
	struct cdev_ext_node *node;

	device_lock_assert(&pdev->dev);

	/* Most devices of a machine never had one, and need not wait. */
	if (!find_vdev(pdev))
		return;

	mutex_lock(&adopt_lock);
	node = find_node(pdev);
	if (node) {
		say_holder(pdev, node->vdev);
		remove_node(node);
	}
	mutex_unlock(&adopt_lock);
}

/**
 * cdev_ext_group_changed - wake who waits for a change of a group
 * @dev: a device of the group that came to another driver or another user
 *
 * Context: may sleep; not under dev_set->lock.
 */
void cdev_ext_group_changed(struct device *dev)
{
	struct iommu_group *group;
	struct cdev_ext_node *node;

	group = iommu_group_get(dev);
	if (!group)
		return;

	mutex_lock(&nodes_lock);
	list_for_each_entry(node, &nodes, entry)
		if (node->pdev->dev.iommu_group == group)
			cdev_ext_sysfs_notify(node);
	mutex_unlock(&nodes_lock);
	iommu_group_put(group);
}

static int bus_event(struct notifier_block *nb, unsigned long action,
		     void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);

	switch (action) {
	case BUS_NOTIFY_BOUND_DRIVER:
		adopt_device(pdev);
		cdev_ext_group_changed(&pdev->dev);
		break;
	case BUS_NOTIFY_UNBIND_DRIVER:
		release_device(pdev);
		break;
	case BUS_NOTIFY_UNBOUND_DRIVER:
		cdev_ext_group_changed(&pdev->dev);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block bus_notifier = {
	.notifier_call = bus_event,
};

/*
 * Interruptible: a driver that waits for its user to let go holds the lock for as
 * long as that takes.
 */
static int adopt_existing(struct device *dev, void *data)
{
	int ret;

	ret = device_lock_interruptible(dev);
	if (ret)
		return ret;

	adopt_device(to_pci_dev(dev));
	device_unlock(dev);
	return 0;
}

/**
 * cdev_ext_adopt_init - give char devices to the devices that are there, and to all
 *	that come
 * @everyone: whether to take devices of any driver, not only of our own
 *
 * Return: 0, or an error, and then no device has a node.
 */
int cdev_ext_adopt_init(bool everyone)
{
	int ret;

	adopt_everyone = everyone;

	ret = bus_register_notifier(&pci_bus_type, &bus_notifier);
	if (ret)
		return ret;

	if (bus_for_each_dev(&pci_bus_type, NULL, NULL, adopt_existing))
		pr_warn("vfio_cdev_ext: interrupted: not every VFIO device has its char device; unload and load again\n");
	return 0;
}

/**
 * cdev_ext_adopt_exit - take the char devices away again
 *
 * A device in the list has not been told to leave its driver yet, or waits for
 * adopt_lock to be: its VFIO device is there.
 */
void cdev_ext_adopt_exit(void)
{
	struct cdev_ext_node *node, *next;

	mutex_lock(&adopt_lock);
	stopping = true;
	list_for_each_entry_safe(node, next, &nodes, entry)
		remove_node(node);
	mutex_unlock(&adopt_lock);
	cancel_delayed_work_sync(&watch);
	bus_unregister_notifier(&pci_bus_type, &bus_notifier);
}
