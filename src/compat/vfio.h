/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VFIO core and vfio-pci-core.
 */
#ifndef EXT_COMPAT_VFIO_H
#define EXT_COMPAT_VFIO_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uuid.h>
#include <linux/vfio_pci_core.h>

#include "ext_probes.h"
#include "native.h"

/*
 * Operations of a driver on vfio-pci-core that not every kernel has. Those that only
 * its own iommufd uses are NULL in a kernel without it, and refused if absent in one
 * that has it.
 */
#if EXT_PROBE_VFIO_OPS_IOMMUFD
#define EXT_VFIO_PCI_OPS_IOMMUFD                        \
	.bind_iommufd = vfio_iommufd_physical_bind,     \
	.unbind_iommufd = vfio_iommufd_physical_unbind, \
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
#else
#define EXT_VFIO_PCI_OPS_IOMMUFD
#endif

#if EXT_PROBE_VFIO_OPS_DETACH_IOAS
#define EXT_VFIO_PCI_OPS_DETACH \
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
#else
#define EXT_VFIO_PCI_OPS_DETACH
#endif

#if EXT_PROBE_VFIO_OPS_MATCH_TOKEN
#define EXT_VFIO_PCI_OPS_TOKEN \
	.match_token_uuid = vfio_pci_core_match_token_uuid,
#else
#define EXT_VFIO_PCI_OPS_TOKEN
#endif

#if EXT_PROBE_VFIO_OPS_REGION_INFO
#define EXT_VFIO_PCI_OPS_REGION \
	.get_region_info_caps = vfio_pci_ioctl_get_region_info,
#else
#define EXT_VFIO_PCI_OPS_REGION
#endif

/* Where dma-bufs can be made of BARs, a driver has to say so. */
static inline void ext_vfio_pci_offer_dmabufs(struct vfio_pci_core_device *core)
{
#if EXT_PROBE_VFIO_PCI_DEVICE_OPS
	static const struct vfio_pci_device_ops ops = {
		.get_dmabuf_phys = vfio_pci_core_get_dmabuf_phys,
	};

	core->pci_ops = &ops;
#endif
}

/* The function KVM asks whether a file is a VFIO file. */
#if EXT_PROBE_VFIO_FILE_IS_VALID
#define EXT_VFIO_FILE_IS_VALID vfio_file_is_valid
#else
#define EXT_VFIO_FILE_IS_VALID vfio_file_is_group
#endif

/*
 * Whether vdev->kvm is referenced while the device is open. Older kernels promise the
 * driver only that it stays until open_device() returns.
 */
#define EXT_VFIO_KVM_REFERENCED EXT_PROBE_VFIO_DEVICE_PUT_KVM

/* Tell the core that the one who has the device open has no group file. */
static inline void ext_vfio_set_cdev_opened(struct vfio_device *vdev,
					    bool opened)
{
#if EXT_PROBE_VFIO_DEVICE_CDEV_OPENED
	vdev->cdev_opened = opened;
#endif
}

/* Whether a device that is open, and not through a node of ours, is so through the kernel's. */
static inline bool ext_vfio_cdev_opened(const struct vfio_device *vdev)
{
#if EXT_PROBE_VFIO_DEVICE_CDEV_OPENED
	return vdev->cdev_opened;
#else
	return false;
#endif
}

/*
 * The number of the file of a device's group, or 0 if that cannot be told. @vdev is registered.
 *
 * The definition of struct vfio_group is private. It has begun with its struct device since
 * 5.16, long before groups took an iommufd. One that does not is not taken for a group.
 */
static inline dev_t ext_vfio_group_devt(const struct vfio_device *vdev)
{
#if EXT_VFIO_GROUP_CLAIMS_LATE
	const struct device *dev = (const struct device *)vdev->group;
	char name[12];

	snprintf(name, sizeof(name), "%d",
		 iommu_group_id(vdev->dev->iommu_group));
	if (dev->class && !strcmp(dev->class->name, "vfio") &&
	    !strcmp(dev_name(dev), name))
		return dev->devt;
#endif
	return 0;
}

/*
 * Where the core finds BAR mappings through an inode of the device, they must go there.
 * NULL where it has none.
 *
 * The inode belongs to a file system that the core drops with its last device. While it is
 * held here, so is that, and with it the core's module.
 */
static inline struct inode *ext_vfio_get_inode(struct vfio_device *vdev)
{
#if EXT_PROBE_VFIO_DEVICE_INODE
	atomic_inc(&vdev->inode->i_sb->s_active);
	ihold(vdev->inode);
	return vdev->inode;
#else
	return NULL;
#endif
}

static inline void ext_vfio_put_inode(struct inode *inode)
{
	struct super_block *sb;

	if (!inode)
		return;
	sb = inode->i_sb;
	iput(inode);
	deactivate_super(sb);
}

/*
 * May this user have the device? A VF whose PF is also in the hands of a user needs the
 * token both agreed on. @token is NULL if none was given.
 */
#if EXT_PROBE_VFIO_OPS_MATCH_TOKEN

static inline int ext_vfio_check_token(struct vfio_device *vdev,
				       const uuid_t *token)
{
	if (vdev->ops->match_token_uuid)
		return vdev->ops->match_token_uuid(vdev, token);
	return token ? -EINVAL : 0;
}

#else

static inline int ext_vfio_check_token(struct vfio_device *vdev,
				       const uuid_t *token)
{
	/* What a user of the group path would have passed as the name. */
	char name[64];
	int ret;

	if (!vdev->ops->match)
		return token ? -EINVAL : 0;

	if (token)
		snprintf(name, sizeof(name), "%s vf_token=%pUb",
			 dev_name(vdev->dev), token);
	else
		snprintf(name, sizeof(name), "%s", dev_name(vdev->dev));

	ret = vdev->ops->match(vdev, name);
	if (ret < 0)
		return ret;
	return ret ? 0 : -EINVAL;
}

#endif

/* Feature 9, which 6.1 does not have. */
#define EXT_VFIO_FEATURE_MIG_DATA_SIZE 9
#define EXT_VFIO_HAS_MIG_DATA_SIZE EXT_PROBE_VFIO_MIG_DATA_SIZE

static inline int ext_vfio_mig_data_size(struct vfio_device *vdev,
					 unsigned long *length)
{
#if EXT_PROBE_VFIO_MIG_DATA_SIZE
	return vdev->mig_ops->migration_get_data_size(vdev, length);
#else
	return -ENOTTY;
#endif
}

/* Feature 11, which older headers do not have. */
#define EXT_VFIO_FEATURE_DMA_BUF 11

/* Feature 12, a promise of the user that lasts until the device is closed. */
#define EXT_VFIO_FEATURE_PRECOPY_INFO_V2 12
#define EXT_VFIO_HAS_PRECOPY_INFO_V2 EXT_PROBE_VFIO_PRECOPY_INFO_V2

/* VFIO_MIGRATION_PRE_COPY, which 6.1 does not have. */
#define EXT_VFIO_MIGRATION_PRE_COPY BIT(2)

static inline void ext_vfio_set_precopy_info_v2(struct vfio_device *vdev,
						bool known)
{
#if EXT_PROBE_VFIO_PRECOPY_INFO_V2
	vdev->precopy_info_v2 = known;
#endif
}

/*
 * VFIO_DEVICE_GET_REGION_INFO, where the core answers it from two driver operations and
 * the driver's ioctl() no longer knows it.
 */
#define EXT_VFIO_CORE_HAS_REGION_INFO EXT_PROBE_VFIO_OPS_REGION_INFO

#if EXT_PROBE_VFIO_OPS_REGION_INFO

static inline int ext_vfio_copy_region_caps(struct vfio_region_info *info,
					    struct vfio_info_cap *caps,
					    struct vfio_region_info __user *arg)
{
	if (!caps->size)
		return 0;

	info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	if (info->argsz < sizeof(*info) + caps->size) {
		info->argsz = sizeof(*info) + caps->size;
		info->cap_offset = 0;
		return 0;
	}

	vfio_info_cap_shift(caps, sizeof(*info));
	if (copy_to_user(arg + 1, caps->buf, caps->size))
		return -EFAULT;
	info->cap_offset = sizeof(*info);
	return 0;
}

static inline int ext_vfio_region_info(struct vfio_device *vdev,
				       struct vfio_region_info __user *arg)
{
	size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_info_cap caps = {};
	struct vfio_region_info info = {};
	int ret;

	if (!vdev->ops->get_region_info_caps)
		return -EINVAL;
	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	ret = vdev->ops->get_region_info_caps(vdev, &info, &caps);
	if (!ret)
		ret = ext_vfio_copy_region_caps(&info, &caps, arg);
	if (!ret && copy_to_user(arg, &info, minsz))
		ret = -EFAULT;

	kfree(caps.buf);
	return ret;
}

#else

static inline int ext_vfio_region_info(struct vfio_device *vdev,
				       struct vfio_region_info __user *arg)
{
	return -ENOTTY;
}

#endif

/* Whether a BAR mapping has to be in a list to be taken away: core->vma_list. */
#define EXT_VFIO_PCI_LISTS_MAPPINGS EXT_PROBE_VFIO_PCI_VMA_LIST

/*
 * Taking the BAR mappings of a device away, without waiting for anybody. In two steps,
 * to be done for all devices one after the other:
 *
 *	ext_vfio_pci_block_faults()	undone by ext_vfio_pci_unblock_faults()
 *	ext_vfio_pci_lock_memory()	undone by up_write(&core->memory_lock)
 *
 * The second takes over from the first.
 */
#if EXT_PROBE_VFIO_PCI_VMA_LIST

/* Empties a mapping that is not in the list. */
static inline void ext_vfio_pci_zap_vma(struct vm_area_struct *vma)
{
	zap_vma_ptes(vma, vma->vm_start, vma->vm_end - vma->vm_start);
}

/*
 * The core's record of a mapping in core->vma_list. Its definition is private, the same
 * in every kernel that has the list (5.8 to 6.9), and has to be known to take mappings
 * off it: one that is zapped and stays listed is never filled again.
 */
struct ext_vfio_pci_mmap_vma {
	struct vm_area_struct *vma;
	struct list_head vma_next;
};

/* Drops the mappings of processes that are exiting. Return: another process, held. */
static inline struct mm_struct *
ext_vfio_pci_first_mm(struct vfio_pci_core_device *core)
{
	struct ext_vfio_pci_mmap_vma *map, *next;

	list_for_each_entry_safe(map, next, &core->vma_list, vma_next) {
		struct mm_struct *mm = map->vma->vm_mm;

		if (mmget_not_zero(mm))
			return mm;
		list_del(&map->vma_next);
		kfree(map);
	}
	return NULL;
}

static inline void ext_vfio_pci_zap_mm(struct vfio_pci_core_device *core,
				       struct mm_struct *mm)
{
	struct ext_vfio_pci_mmap_vma *map, *next;

	list_for_each_entry_safe(map, next, &core->vma_list, vma_next) {
		struct vm_area_struct *vma = map->vma;

		if (vma->vm_mm != mm)
			continue;
		list_del(&map->vma_next);
		kfree(map);
		ext_vfio_pci_zap_vma(vma);
	}
}

/* mmap_lock goes before vma_lock, so the latter is dropped to take the former. */
static inline bool ext_vfio_pci_zap_one(struct vfio_pci_core_device *core,
					struct mm_struct *mm)
{
	if (!mmap_read_trylock(mm))
		return false;
	if (!mutex_trylock(&core->vma_lock)) {
		mmap_read_unlock(mm);
		return false;
	}
	ext_vfio_pci_zap_mm(core, mm);
	mutex_unlock(&core->vma_lock);
	mmap_read_unlock(mm);
	return true;
}

static inline bool ext_vfio_pci_block_faults(struct vfio_pci_core_device *core)
{
	struct mm_struct *mm;
	bool zapped;

	for (;;) {
		if (!mutex_trylock(&core->vma_lock))
			return false;
		mm = ext_vfio_pci_first_mm(core);
		if (!mm)
			return true;
		mutex_unlock(&core->vma_lock);

		zapped = ext_vfio_pci_zap_one(core, mm);
		/* The last put would unmap here, and want locks of other devices. */
		mmput_async(mm);
		if (!zapped)
			return false;
	}
}

static inline void
ext_vfio_pci_unblock_faults(struct vfio_pci_core_device *core)
{
	mutex_unlock(&core->vma_lock);
}

static inline bool ext_vfio_pci_lock_memory(struct vfio_pci_core_device *core)
{
	if (!down_write_trylock(&core->memory_lock))
		return false;
	mutex_unlock(&core->vma_lock);
	return true;
}

#else

static inline void ext_vfio_pci_zap_vma(struct vm_area_struct *vma)
{
}

static inline bool ext_vfio_pci_block_faults(struct vfio_pci_core_device *core)
{
	return true;
}

static inline void
ext_vfio_pci_unblock_faults(struct vfio_pci_core_device *core)
{
}

static inline bool ext_vfio_pci_lock_memory(struct vfio_pci_core_device *core)
{
	loff_t start = VFIO_PCI_INDEX_TO_OFFSET(VFIO_PCI_BAR0_REGION_INDEX);
	loff_t end = VFIO_PCI_INDEX_TO_OFFSET(VFIO_PCI_ROM_REGION_INDEX);

	if (!down_write_trylock(&core->memory_lock))
		return false;
	unmap_mapping_range(core->vdev.inode->i_mapping, start, end - start, 1);
	return true;
}

#endif

#endif
