// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which file has which device, and what all other files ask of either.
 *
 * The node of a device, its BARs, KVM and a hot reset have to know who has it bound. BIND and
 * close say so here, and need not be known for that.
 */
#include <linux/lockdep.h>
#include <linux/pid.h>
#include <linux/xarray.h>

#include "compat/vfio.h"

#include "core.h"

/*
 * The file of each device that binds it, has it bound, or is being closed, by the device's
 * index. An entry changes only under the dev_set->lock of its device, so it is stable for
 * who holds that.
 */
static DEFINE_XARRAY(bound_files);

/* The file that binds a device, has it bound, or is being closed; or NULL. */
struct cdev_ext_file *cdev_ext_bound_find(struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	return xa_load(&bound_files, vdev->index);
}

/* Enters a file that has its VFIO device and its holder set. Returns 0 or -ENOMEM. */
int cdev_ext_bound_insert(struct cdev_ext_file *file)
{
	lockdep_assert_held(&file->vdev->dev_set->lock);

	return xa_insert(&bound_files, file->vdev->index, file, GFP_KERNEL);
}

/* Nobody looks at the file through its device any more when this returns. */
void cdev_ext_bound_erase(struct cdev_ext_file *file)
{
	lockdep_assert_held(&file->vdev->dev_set->lock);

	xa_erase(&bound_files, file->vdev->index);
}

/* The file that has a device bound, or NULL if nobody uses it, or somebody through its group. */
struct cdev_ext_file *cdev_ext_bound_file(struct vfio_device *vdev)
{
	struct cdev_ext_file *file = cdev_ext_bound_find(vdev);

	return file && file->idev ? file : NULL;
}

/* The file that has a device bound, which stays there while the lock is held. */
static struct cdev_ext_file *bound_find_locked(struct device *dev)
{
	struct cdev_ext_file *file;
	unsigned long index;

	lockdep_assert_held(&bound_files.xa_lock);

	xa_for_each(&bound_files, index, file) {
		/* Pairs with the release in BIND. */
		if (file->vdev->dev == dev && smp_load_acquire(&file->bound))
			return file;
	}
	return NULL;
}

/*
 * Whether a device is bound, and not just in use through its group. Its VFIO device may be gone.
 * Takes no lock that a user can hold on to.
 */
bool cdev_ext_is_bound(struct device *dev)
{
	bool bound;

	xa_lock(&bound_files);
	bound = bound_find_locked(dev);
	xa_unlock(&bound_files);
	return bound;
}

/**
 * cdev_ext_describe_user - who has a device bound
 * @dev: see cdev_ext_is_bound()
 * @whose: filled in if it is, for the caller to read
 * @log: rather for the kernel log
 *
 * Return: as cdev_ext_is_bound().
 */
bool cdev_ext_describe_user(struct device *dev, struct iommufd_ext_whose *whose,
			    bool log)
{
	struct pid *holder = NULL, *last = NULL;
	struct cdev_ext_file *file;

	xa_lock(&bound_files);
	file = bound_find_locked(dev);
	if (file) {
		holder = get_pid(file->holder);
		last = iommufd_ext_last_user_get(&file->last_user);
	}
	xa_unlock(&bound_files);
	if (!holder)
		return false;

	iommufd_ext_describe_whose(whose, holder, last, log);
	put_pid(last);
	put_pid(holder);
	return true;
}

/* What those do who have a device bound, before "by" and the names: who has ended uses nothing. */
const char *cdev_ext_use(const struct iommufd_ext_whose *whose)
{
	if (whose->passed_on ||
	    whose->holder.state == IOMMUFD_EXT_PROCESS_ENDED)
		return "bound";
	return "in use";
}

/* How a device is open that no file of ours has bound: the words behind "through". */
const char *cdev_ext_kernels_way(struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	return ext_vfio_cdev_opened(vdev) ? "its node of the kernel" :
					    "its VFIO group";
}

/*
 * The vfio-pci-core device around a registered VFIO device, or NULL if there is none.
 *
 * Drivers differ in most operations, but a driver that uses any one of the core's
 * has promised that its vfio_device sits in a vfio_pci_core_device: the core would
 * compute the same pointer. The rest of the checks only guard against surprises.
 */
struct vfio_pci_core_device *cdev_ext_core_device(struct vfio_device *vdev)
{
	const struct vfio_device_ops *ops = vdev->ops;
	struct vfio_pci_core_device *core;

	if (ops->match != vfio_pci_core_match &&
	    ops->request != vfio_pci_core_request &&
	    ops->ioctl != vfio_pci_core_ioctl &&
	    ops->read != vfio_pci_core_read)
		return NULL;

	core = container_of(vdev, struct vfio_pci_core_device, vdev);
	if (WARN_ON_ONCE(&core->pdev->dev != vdev->dev))
		return NULL;
	return core;
}

/* A structure is too short. Returns -EINVAL. */
int cdev_ext_refuse_argsz(struct cdev_ext_file *file, u32 argsz, size_t minsz)
{
	return cdev_ext_refuse(file, -EINVAL, "argsz %u is less than %zu",
			       argsz, minsz);
}
