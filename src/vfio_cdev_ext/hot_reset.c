// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset of a whole slot or bus.
 *
 * A user may reset the devices that share a bus with his if all of them are his. The
 * VFIO core can tell for group files only; for char devices the answer is in the
 * context: a device is the user's if it is bound to his context, or if nobody has it
 * and its group is owned by the context, which keeps everybody else out.
 *
 * All devices of one reset share a dev_set, by the promise of vfio-pci-core.
 *
 * The user of a group resets by group files, and the core asks vfio_file_has_dev(), for
 * each device in the set, whether one of those files is that of the device's group.
 * Mainline keeps everybody from opening the group of a device that is bound through
 * its node. Here the file can be opened, so the core gets another answer: while a device
 * is bound through its node, no group file has it (redirect.c).
 *
 * That answer cannot be left behind by rmmod. vfio-pci-core, the one caller, holds
 * dev_set->lock, as BIND and close do: a device that is bound when the call is redirected
 * stays so until the answer is there, and its bound file holds this module.
 */
#include <linux/pm_runtime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat/vfio.h"

#include "device.h"
#include "redirect.h"

static bool reset_is_bound(void *file, void *vdev)
{
	return cdev_ext_bound_file(vdev);
}

static bool reset_has_dev(struct file *file, struct vfio_device *vdev)
{
	return false;
}

static struct cdev_ext_redirect has_dev =
	CDEV_EXT_REDIRECT(vfio_file_has_dev, reset_has_dev, reset_is_bound);
static bool guarded;

/* Guards bound devices against resets by group files, if this kernel has any and allows it. */
void cdev_ext_hot_reset_init(void)
{
	char why[96];

	if (!EXT_VFIO_HAS_GROUPS)
		return;
	guarded = cdev_ext_redirect(&has_dev, why, sizeof(why));
	if (!guarded)
		pr_notice("vfio_cdev_ext: the user of a VFIO group can hot-reset devices that are in use through their char devices: %s\n",
			  why);
}

void cdev_ext_hot_reset_exit(void)
{
	if (guarded)
		cdev_ext_redirect_undo(&has_dev);
}

/**
 * struct reset_walk - a walk over the devices of a reset
 * @slot: the slot that is reset, or NULL for the whole bus
 * @fn: called for each device
 * @data: for @fn
 * @ret: the last result of @fn; not 0 ends the walk
 */
struct reset_walk {
	struct pci_slot *slot;
	int (*fn)(struct pci_dev *pdev, void *data);
	void *data;
	int ret;
};

/**
 * struct info_fill - state of GET_PCI_HOT_RESET_INFO
 * @file: the bound file that asks; its dev_set->lock is held
 * @devices: array to fill
 * @max: entries in @devices
 * @count: entries filled
 * @flags: flags for the user
 */
struct info_fill {
	struct cdev_ext_file *file;
	struct vfio_pci_dependent_device *devices;
	u32 max;
	u32 count;
	u32 flags;
};

/* Is the device in the slot, or behind a bridge that is? */
static bool reset_in_slot(struct pci_dev *pdev, struct pci_slot *slot)
{
	while (pdev && pdev->bus != slot->bus)
		pdev = pdev->bus->self;
	return pdev && pdev->slot == slot;
}

static int reset_walk_one(struct pci_dev *pdev, void *data)
{
	struct reset_walk *walk = data;

	if (!walk->slot || reset_in_slot(pdev, walk->slot))
		walk->ret = walk->fn(pdev, walk->data);
	return walk->ret;
}

/* Visits each device that a reset of @pdev's slot or bus would hit. */
static int reset_walk_affected(struct pci_dev *pdev, struct reset_walk *walk)
{
	walk->slot = pci_probe_reset_slot(pdev->slot) ? NULL : pdev->slot;
	walk->ret = 0;
	pci_walk_bus(pdev->bus, reset_walk_one, walk);
	return walk->ret;
}

static bool reset_possible(struct pci_dev *pdev)
{
	return !pci_probe_reset_slot(pdev->slot) ||
	       !pci_probe_reset_bus(pdev->bus);
}

static int reset_count_one(struct pci_dev *pdev, void *data)
{
	(*(u32 *)data)++;
	return 0;
}

static u32 reset_count(struct pci_dev *pdev)
{
	u32 count = 0;
	struct reset_walk walk = { .fn = reset_count_one, .data = &count };

	reset_walk_affected(pdev, &walk);
	return count;
}

static struct vfio_device *reset_find_in_set(struct vfio_device_set *dev_set,
					     struct device *dev)
{
	struct vfio_device *vdev;

	lockdep_assert_held(&dev_set->lock);

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list)
		if (vdev->dev == dev)
			return vdev;
	return NULL;
}

/* How the user of @ictx sees a device: by its id, or by one of two special ids. */
static int reset_devid_in_ctx(struct vfio_device *vdev,
			      struct iommufd_ext_ctx *ictx)
{
	struct cdev_ext_file *owner = cdev_ext_bound_file(vdev);

	if (owner && owner->ictx == ictx)
		return owner->devid;
	if (iommufd_ext_ctx_has_group(ictx, vdev->dev->iommu_group))
		return VFIO_CDEV_DEVID_OWNED;
	return VFIO_CDEV_DEVID_NOT_OWNED;
}

static int reset_fill_one(struct pci_dev *pdev, void *data)
{
	struct info_fill *fill = data;
	struct vfio_pci_dependent_device *entry;
	struct vfio_device *vdev;
	int devid = VFIO_CDEV_DEVID_NOT_OWNED;

	/* More devices than a moment ago: the user shall ask again. */
	if (fill->count == fill->max)
		return cdev_ext_refuse(fill->file, -EAGAIN,
				       "a device came while the devices were counted");

	vdev = reset_find_in_set(fill->file->vdev->dev_set, &pdev->dev);
	if (vdev)
		devid = reset_devid_in_ctx(vdev, fill->file->ictx);
	if (devid == VFIO_CDEV_DEVID_NOT_OWNED)
		fill->flags &= ~VFIO_CDEV_HOT_RESET_FLAG_DEV_ID_OWNED;

	/* Newer headers call the same place devid. */
	entry = &fill->devices[fill->count++];
	entry->group_id = devid;
	entry->segment = pci_domain_nr(pdev->bus);
	entry->bus = pdev->bus->number;
	entry->devfn = pdev->devfn;
	return 0;
}

static int reset_fill(struct info_fill *fill, struct pci_dev *pdev)
{
	struct vfio_device_set *dev_set = fill->file->vdev->dev_set;
	struct reset_walk walk = { .fn = reset_fill_one, .data = fill };
	int ret;

	mutex_lock(&dev_set->lock);
	ret = reset_walk_affected(pdev, &walk);
	mutex_unlock(&dev_set->lock);
	return ret;
}

static int reset_put_info(struct cdev_ext_file *file,
			  struct vfio_pci_hot_reset_info __user *arg, u32 flags,
			  u32 count)
{
	if (put_user(flags, &arg->flags) || put_user(count, &arg->count))
		return cdev_ext_refuse_fault(file, "the structure", arg);
	return 0;
}

static int reset_refuse_impossible(struct cdev_ext_file *file)
{
	return cdev_ext_refuse(file, -ENODEV,
			       "neither the slot nor the bus of %s can be reset",
			       dev_name(file->vdev->dev));
}

/* ioctl(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO) of a bound file. */
int cdev_ext_hot_reset_info(struct cdev_ext_file *file,
			    struct vfio_pci_hot_reset_info __user *arg)
{
	struct pci_dev *pdev = to_pci_dev(file->vdev->dev);
	struct info_fill fill = {
		.file = file,
		.flags = VFIO_CDEV_HOT_RESET_FLAG_DEV_ID |
			 VFIO_CDEV_HOT_RESET_FLAG_DEV_ID_OWNED,
	};
	struct vfio_pci_hot_reset_info hdr;
	int ret;

	if (copy_from_user(&hdr, arg, sizeof(hdr)))
		return cdev_ext_refuse_fault(file, "the structure", arg);
	if (hdr.argsz < sizeof(hdr))
		return cdev_ext_refuse_argsz(file, hdr.argsz, sizeof(hdr));
	if (!reset_possible(pdev))
		return reset_refuse_impossible(file);

	fill.max = reset_count(pdev);
	if (fill.max > (hdr.argsz - sizeof(hdr)) / sizeof(*fill.devices)) {
		ret = reset_put_info(file, arg, 0, fill.max);
		if (ret)
			return ret;
		return cdev_ext_refuse(file, -ENOSPC,
				       "the reset concerns %u devices, more than there is room for",
				       fill.max);
	}

	fill.devices = kcalloc(fill.max, sizeof(*fill.devices), GFP_KERNEL);
	if (!fill.devices)
		return -ENOMEM;

	ret = reset_fill(&fill, pdev);
	if (!ret && copy_to_user(arg->devices, fill.devices,
				 fill.count * sizeof(*fill.devices)))
		ret = cdev_ext_refuse_fault(file, "the array of devices",
					    arg->devices);
	if (!ret)
		ret = reset_put_info(file, arg, fill.flags, fill.count);

	kfree(fill.devices);
	return ret;
}

static int reset_refuse_not_owned(struct cdev_ext_file *file,
				  struct device *dev)
{
	return cdev_ext_refuse(file, -EINVAL,
			       "the reset would hit %s, which does not belong to this /dev/ioasid file",
			       dev_name(dev));
}

/* Who has it is known for devices in the set, whose lock is held. */
static int reset_refuse_member(struct cdev_ext_file *file,
			       struct vfio_device *vdev)
{
	struct iommufd_ext_whose whose;

	if (cdev_ext_describe_user(vdev->dev, &whose, false))
		return cdev_ext_refuse(file, -EINVAL,
				       "the reset would hit %s, which is %s by %s",
				       dev_name(vdev->dev),
				       cdev_ext_use(&whose), whose.text);
	if (vdev->open_count)
		return cdev_ext_refuse(file, -EINVAL,
				       "the reset would hit %s, which is in use through %s",
				       dev_name(vdev->dev),
				       cdev_ext_kernels_way(vdev));
	return reset_refuse_not_owned(file, vdev->dev);
}

static int reset_check_in_set(struct pci_dev *pdev, void *data)
{
	struct cdev_ext_file *file = data;

	if (reset_find_in_set(file->vdev->dev_set, &pdev->dev))
		return 0;
	return reset_refuse_not_owned(file, &pdev->dev);
}

/*
 * Devices outside the set, with another driver or none, could come and go during the
 * reset; those in it stay, while its lock is held.
 */
static int reset_check(struct cdev_ext_file *file)
{
	struct vfio_device_set *dev_set = file->vdev->dev_set;
	struct reset_walk walk = { .fn = reset_check_in_set, .data = file };
	struct vfio_device *vdev;

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list) {
		if (!cdev_ext_core_device(vdev) ||
		    reset_devid_in_ctx(vdev, file->ictx) ==
			    VFIO_CDEV_DEVID_NOT_OWNED)
			return reset_refuse_member(file, vdev);
	}
	return reset_walk_affected(to_pci_dev(file->vdev->dev), &walk);
}

/* Devices nobody uses may be suspended. */
static int reset_get_power(struct vfio_device_set *dev_set)
{
	struct vfio_device *vdev;
	int ret;

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list) {
		ret = pm_runtime_resume_and_get(vdev->dev);
		if (ret)
			goto put_power;
	}
	return 0;

put_power:
	list_for_each_entry_continue_reverse(vdev, &dev_set->device_list,
					     dev_set_list)
		pm_runtime_put(vdev->dev);
	return ret;
}

/*
 * The user can put the device into D3 himself. One that forgets its configuration on
 * the way back gets the one that the core saved then.
 */
static void reset_power_up(struct vfio_pci_core_device *core)
{
	struct pci_dev *pdev = core->pdev;
	bool restore = core->needs_pm_restore &&
		       (pdev->current_state == PCI_D3hot ||
			pdev->current_state == PCI_D3cold);

	if (pci_set_power_state(pdev, PCI_D0) || !restore)
		return;
	pci_load_and_free_saved_state(pdev, &core->pm_save);
	pci_restore_state(pdev);
}

/*
 * Takes every BAR mapping away and keeps it from coming back, for each device. No
 * order exists among the locks of several devices, or of the processes that map them,
 * so whoever meets contention backs out.
 */
static int reset_lock_memory(struct vfio_device_set *dev_set)
{
	struct list_head *devices = &dev_set->device_list;
	struct vfio_device *vdev, *blocked;

	list_for_each_entry(vdev, devices, dev_set_list)
		if (!ext_vfio_pci_block_faults(cdev_ext_core_device(vdev)))
			goto unblock_faults;

	list_for_each_entry(vdev, devices, dev_set_list)
		if (!ext_vfio_pci_lock_memory(cdev_ext_core_device(vdev)))
			goto unlock_memory;
	return 0;

unlock_memory:
	/* Those before it are locked, and no longer block. */
	blocked = vdev;
	list_for_each_entry_from(blocked, devices, dev_set_list)
		ext_vfio_pci_unblock_faults(cdev_ext_core_device(blocked));
	list_for_each_entry_continue_reverse(vdev, devices, dev_set_list)
		up_write(&cdev_ext_core_device(vdev)->memory_lock);
	return -EBUSY;

unblock_faults:
	list_for_each_entry_continue_reverse(vdev, devices, dev_set_list)
		ext_vfio_pci_unblock_faults(cdev_ext_core_device(vdev));
	return -EBUSY;
}

static int reset_set(struct cdev_ext_file *file)
{
	struct vfio_device_set *dev_set = file->vdev->dev_set;
	struct vfio_device *vdev;
	int ret;

	lockdep_assert_held(&dev_set->lock);

	ret = reset_check(file);
	if (ret)
		return ret;

	ret = reset_get_power(dev_set);
	if (ret)
		return cdev_ext_refuse(file, ret,
				       "a device of the reset does not wake up (error %d)",
				       -ret);

	ret = reset_lock_memory(dev_set);
	if (ret) {
		cdev_ext_refuse(file, ret,
				"a process is using BARs of a device of the reset right now");
		goto put_power;
	}

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list)
		reset_power_up(cdev_ext_core_device(vdev));
	ret = pci_reset_bus(to_pci_dev(file->vdev->dev));
	if (ret)
		cdev_ext_refuse(file, ret,
				"resetting the bus or slot of %s failed (error %d)",
				dev_name(file->vdev->dev), -ret);

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list)
		up_write(&cdev_ext_core_device(vdev)->memory_lock);
put_power:
	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list)
		pm_runtime_put(vdev->dev);
	return ret;
}

/*
 * ioctl(VFIO_DEVICE_PCI_HOT_RESET) of a bound file. The count must be 0: an array of files is
 * for group files.
 */
int cdev_ext_hot_reset(struct cdev_ext_file *file,
		       struct vfio_pci_hot_reset __user *arg)
{
	struct vfio_device_set *dev_set = file->vdev->dev_set;
	struct vfio_pci_hot_reset hdr;
	int ret;

	if (copy_from_user(&hdr, arg, offsetofend(typeof(hdr), count)))
		return cdev_ext_refuse_fault(file, "the structure", arg);
	if (hdr.argsz < offsetofend(typeof(hdr), count))
		return cdev_ext_refuse_argsz(file, hdr.argsz,
				    offsetofend(typeof(hdr), count));
	if (hdr.flags)
		return cdev_ext_refuse(file, -EINVAL,
				       "the flags %#x are not known",
				       hdr.flags);
	if (hdr.count)
		return cdev_ext_refuse(file, -EINVAL,
				       "a device bound through its node is reset without group files: count is %u, not 0",
				       hdr.count);
	if (!reset_possible(to_pci_dev(file->vdev->dev)))
		return reset_refuse_impossible(file);

	mutex_lock(&dev_set->lock);
	ret = reset_set(file);
	mutex_unlock(&dev_set->lock);
	return ret;
}
