/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What the char devices of vfio_cdev_ext add to <linux/vfio.h>.
 *
 * Numbers, layouts and flags are those of a mainline kernel with VFIO device
 * cdevs. The names are ours, because the <linux/vfio.h> of an older kernel has
 * none of them and that of a newer one has all.
 */
#ifndef _UAPI_LINUX_VFIO_CDEV_EXT_H
#define _UAPI_LINUX_VFIO_CDEV_EXT_H

#include <linux/types.h>
#include <linux/vfio.h>

/* The device and group it belongs to; see struct vfio_pci_dependent_device. */
#define VFIO_CDEV_HOT_RESET_FLAG_DEV_ID (1 << 0)
#define VFIO_CDEV_HOT_RESET_FLAG_DEV_ID_OWNED (1 << 1)
#define VFIO_CDEV_DEVID_OWNED 0
#define VFIO_CDEV_DEVID_NOT_OWNED (-1)

/**
 * struct vfio_cdev_bind - ioctl(VFIO_CDEV_BIND)
 * @argsz: size of the structure, in bytes
 * @flags: 0 or VFIO_CDEV_BIND_FLAG_TOKEN
 * @iommufd: a /dev/ioasid file descriptor
 * @out_devid: id of the device in that file descriptor
 * @token_uuid_ptr: pointer to the 16 bytes of a VF token, with the flag
 *
 * Take ownership of the device. Nothing else can be done with the file before
 * it, and only closing the file undoes it.
 *
 * Errors: EINVAL for a short argsz, an unknown flag, a negative fd, a device that is
 * open already, or a token for one that needs none; ENODEV if the driver has left;
 * EFAULT for a token that cannot be read; E2BIG for an unknown non-zero tail; EBADF
 * for a bad fd; EBADFD for one that is no /dev/ioasid; EBUSY if the group is in use by
 * a kernel driver or through its VFIO group; EPERM if another context owns the group
 * or interrupts are not isolated; EACCES for a missing or wrong token.
 */
struct vfio_cdev_bind {
	__u32 argsz;
	__u32 flags;
#define VFIO_CDEV_BIND_FLAG_TOKEN (1 << 0)
	__s32 iommufd;
	__u32 out_devid;
	__aligned_u64 token_uuid_ptr;
};

#define VFIO_CDEV_BIND _IO(VFIO_TYPE, VFIO_BASE + 18)

/**
 * struct vfio_cdev_attach - ioctl(VFIO_CDEV_ATTACH)
 * @argsz: size of the structure, in bytes
 * @flags: 0 or VFIO_CDEV_ATTACH_PASID
 * @pt_id: in: an IOAS or a page table; out: the page table that is attached
 * @pasid: with VFIO_CDEV_ATTACH_PASID
 *
 * Connect the device, or a PASID of it, to an address space, or move it to another
 * one. With PASIDs, all page tables of the device must have been made with
 * IOASID_HWPT_ALLOC_PASID.
 *
 * Errors: EINVAL for a short argsz, an unknown flag, or a pt_id that does not
 * fit the device; ENOENT for an unknown pt_id; EADDRINUSE if a mapping of the
 * IOAS overlaps what the device's IOMMU keeps for itself; EOPNOTSUPP for a PASID
 * if the kernel cannot attach one; what was mapped before there was a page table is
 * pinned now: EFAULT if it is not there any more, ENOMEM without memory or over
 * RLIMIT_MEMLOCK. Where interrupts pass through page tables: ENOSPC if too many page
 * tables of the file have some; EOPNOTSUPP if this kernel would use page tables for
 * them that are gone.
 */
struct vfio_cdev_attach {
	__u32 argsz;
	__u32 flags;
#define VFIO_CDEV_ATTACH_PASID (1 << 0)
	__u32 pt_id;
	__u32 pasid;
};

#define VFIO_CDEV_ATTACH _IO(VFIO_TYPE, VFIO_BASE + 19)

/**
 * struct vfio_cdev_detach - ioctl(VFIO_CDEV_DETACH)
 * @argsz: size of the structure, in bytes
 * @flags: 0 or VFIO_CDEV_DETACH_PASID
 * @pasid: with VFIO_CDEV_DETACH_PASID
 *
 * Disconnect the device, or a PASID of it: its DMA is blocked until it is attached
 * again. No error if it was not attached.
 *
 * Errors: EINVAL for a short argsz or an unknown flag; EOPNOTSUPP for a PASID if the
 * kernel cannot attach one.
 */
struct vfio_cdev_detach {
	__u32 argsz;
	__u32 flags;
#define VFIO_CDEV_DETACH_PASID (1 << 0)
	__u32 pasid;
};

#define VFIO_CDEV_DETACH _IO(VFIO_TYPE, VFIO_BASE + 20)

#endif
