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

#include "compat/vfio.h"

#include "node.h"

/*
 * Held while a node is made or taken away, with all that devtmpfs and uevents take: as
 * long as somebody likes who reads the directory of the nodes. So it is for those alone
 * who make nodes or take them away. Protects @stopping.
 */
static DEFINE_MUTEX(adopt_lock);
static bool stopping;

/* The driver whose devices get a node, or NULL for any. Set once, before the first look. */
static const struct pci_driver *adopt_only;

/* Class names are unique: what carries this one was made by the VFIO core. */
static int adopt_match(struct device *child, void *data)
{
	struct vfio_device **vdev = data;

	if (!child->class || strcmp(child->class->name, "vfio-dev"))
		return 0;

	*vdev = container_of(child, struct vfio_device, device);
	return 1;
}

/* Return: the VFIO device of @pdev if it may have a node, else NULL. */
static struct vfio_device *adopt_find_vdev(struct pci_dev *pdev)
{
	struct vfio_device *vdev = NULL;

	if (!pdev->dev.driver)
		return NULL;
	if (adopt_only && pci_dev_driver(pdev) != adopt_only)
		return NULL;

	device_for_each_child(&pdev->dev, &vdev, adopt_match);
	if (!vdev || !cdev_ext_core_device(vdev))
		return NULL;
	return vdev;
}

/* Return: the VFIO device of @pdev if it shall have a node, else NULL. */
static struct vfio_device *adopt_find_candidate(struct pci_dev *pdev)
{
	struct vfio_device *vdev = adopt_find_vdev(pdev);

	if (vdev && !iommufd_ext_device_supported(&pdev->dev)) {
		pci_info(pdev,
			 "no VFIO char device: the device needs an IOMMU group, cache coherent DMA and an IOMMU that iommufd_ext can use\n");
		return NULL;
	}
	if (vdev && EXT_VFIO_GROUP_CLAIMS_LATE && !ext_vfio_group_devt(vdev)) {
		pci_info(pdev,
			 "no VFIO char device: its VFIO group could not be kept from others\n");
		return NULL;
	}
	return vdev;
}

static void adopt_device(struct pci_dev *pdev)
{
	struct vfio_device *vdev;
	int ret;

	device_lock_assert(&pdev->dev);

	vdev = adopt_find_candidate(pdev);
	if (!vdev)
		return;

	mutex_lock(&adopt_lock);
	if (!stopping && !cdev_ext_node_find(pdev)) {
		ret = cdev_ext_node_create(pdev, vdev);
		if (ret)
			pci_err(pdev, "cannot make a char device for %s: %d\n",
				dev_name(&vdev->device), ret);
	}
	mutex_unlock(&adopt_lock);
}

static void adopt_say_user(struct pci_dev *pdev, const char *driver,
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
 * a file of the VFIO core is, only that could tell.
 */
static void adopt_say_holder(struct pci_dev *pdev, struct vfio_device *vdev)
{
	const char *driver = pdev->dev.driver->name;
	struct iommufd_ext_whose whose;

	if (cdev_ext_describe_user(&pdev->dev, &whose, true))
		adopt_say_user(pdev, driver, &whose);
	else if (READ_ONCE(vdev->open_count) && ext_vfio_cdev_opened(vdev))
		pci_info(pdev,
			 "driver %s leaves: it waits for a user of /dev/vfio/devices/%s to close the device\n",
			 driver, dev_name(&vdev->device));
	else if (READ_ONCE(vdev->open_count))
		pci_info(pdev,
			 "driver %s leaves: it waits for a user of /dev/vfio/%d to close the device\n",
			 driver, iommu_group_id(pdev->dev.iommu_group));
}

static void adopt_release_device(struct pci_dev *pdev)
{
	struct cdev_ext_node *node;

	device_lock_assert(&pdev->dev);

	/* Most devices of a machine never had one, and need not wait. */
	if (!adopt_find_vdev(pdev))
		return;

	mutex_lock(&adopt_lock);
	node = cdev_ext_node_find(pdev);
	if (node) {
		adopt_say_holder(pdev, node->vdev);
		cdev_ext_node_destroy(node);
	}
	mutex_unlock(&adopt_lock);
}

static int adopt_bus_event(struct notifier_block *nb, unsigned long action,
			   void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);

	switch (action) {
	case BUS_NOTIFY_BOUND_DRIVER:
		adopt_device(pdev);
		cdev_ext_group_changed(&pdev->dev);
		break;
	case BUS_NOTIFY_UNBIND_DRIVER:
		adopt_release_device(pdev);
		break;
	case BUS_NOTIFY_UNBOUND_DRIVER:
		cdev_ext_group_changed(&pdev->dev);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block bus_notifier = {
	.notifier_call = adopt_bus_event,
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

/*
 * Gives char devices to the devices of the driver @only, or of any driver, that are there, and to
 * all that come. If it fails, no device has a node.
 */
int cdev_ext_adopt_init(const struct pci_driver *only)
{
	int ret;

	adopt_only = only;

	ret = bus_register_notifier(&pci_bus_type, &bus_notifier);
	if (ret)
		return ret;

	if (bus_for_each_dev(&pci_bus_type, NULL, NULL, adopt_existing))
		pr_warn("vfio_cdev_ext: interrupted: not every VFIO device has its char device; unload and load again\n");
	return 0;
}

/*
 * A device in the list has not been told to leave its driver yet, or waits for
 * adopt_lock to be: its VFIO device is there.
 */
void cdev_ext_adopt_exit(void)
{
	mutex_lock(&adopt_lock);
	stopping = true;
	cdev_ext_node_destroy_all();
	mutex_unlock(&adopt_lock);
	bus_unregister_notifier(&pci_bus_type, &bus_notifier);
}
