/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layer 0, the core: bound.c, and redirect.c with redirect.h.
 *
 * It keeps what an open file is, and which file has which device. It promises that a device
 * has one file at most, which stays while its dev_set->lock is held; that who has a device is
 * told without waiting for anything a user can prolong; and that a call that is refused has a
 * sentence. It does not know where a file comes from, how its device was bound, or what for.
 *
 * Each layer has a header that includes the one of the layer below: node.h, device.h, cdev.h.
 * A file includes the header of its own layer and no other of these: one of a layer above
 * stops the compiler. The order of all locks is in main.c.
 */
#ifndef _VFIO_CDEV_EXT_CORE_H
#define _VFIO_CDEV_EXT_CORE_H

#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/vfio_pci_core.h>

#include "iommufd_ext.h"

struct cdev_ext_hold;
struct cdev_ext_node;
struct kvm;
struct pid;

/**
 * struct cdev_ext_file - an open char device
 * @node: what was opened; set once, there while the file is open
 * @vdev: the VFIO device of a bound file, which holds its registration; else NULL.
 *	Set under dev_set->lock, before @bound
 * @bound: whether BIND has succeeded. Set once under dev_set->lock, with release
 *	semantics; everything else reads it with acquire semantics before it does
 *	anything.
 * @devid: id of the device in @ictx; constant while @bound
 * @ictx: the context it is bound to, referenced; constant while @bound
 * @idev: the bound device; constant while the file is open and @bound
 * @attach_lock: makes ATTACH and DETACH of one file wait for each other. Not dev_set->lock:
 *	it is held while memory of the user is pinned, and that the others do without
 * @kvm_lock: protects @kvm; where the VM that is offered to the driver is not
 *	referenced, held while the driver opens the device, so that it cannot go
 * @kvm: the VM that has been told about this file, not referenced: KVM takes it
 *	back before it goes
 * @put_kvm: drops the reference on vdev->kvm, if there is one; protected by
 *	dev_set->lock
 * @holder: the process that bound the device, referenced; set before the file is
 *	published as bound, and there until it no longer is
 * @hold: of the device's group, where it has to be kept from others; constant while @bound
 * @last_user: the process that has called the file last
 * @errors: the last refusals
 */
struct cdev_ext_file {
	struct cdev_ext_node *node;
	struct vfio_device *vdev;
	bool bound;
	u32 devid;
	struct iommufd_ext_ctx *ictx;
	struct iommufd_ext_device *idev;
	struct mutex attach_lock; /* one ATTACH or DETACH at a time */
	struct mutex kvm_lock; /* protects kvm */
	struct kvm *kvm;
	void (*put_kvm)(struct kvm *kvm);
	struct pid *holder;
	struct cdev_ext_hold *hold;
	struct iommufd_ext_last_user last_user;
	struct iommufd_ext_errors errors;
};

/* Say why a call on @_file is refused. Returns @_rc. */
#define cdev_ext_refuse(_file, _rc, ...) \
	iommufd_ext_refuse(&(_file)->errors, _rc, NULL, __VA_ARGS__)

/* Say that memory of the caller cannot be used. Returns -EFAULT. */
#define cdev_ext_refuse_fault(_file, _what, _uptr) \
	iommufd_ext_refuse_fault(&(_file)->errors, _what, _uptr)

/* bound.c */
struct cdev_ext_file *cdev_ext_bound_find(struct vfio_device *vdev);
int cdev_ext_bound_insert(struct cdev_ext_file *file);
void cdev_ext_bound_erase(struct cdev_ext_file *file);
struct cdev_ext_file *cdev_ext_bound_file(struct vfio_device *vdev);
bool cdev_ext_is_bound(struct device *dev);
bool cdev_ext_describe_user(struct device *dev, struct iommufd_ext_whose *whose,
			    bool log);
const char *cdev_ext_use(const struct iommufd_ext_whose *whose);
const char *cdev_ext_kernels_way(struct vfio_device *vdev);
struct vfio_pci_core_device *cdev_ext_core_device(struct vfio_device *vdev);
int cdev_ext_refuse_argsz(struct cdev_ext_file *file, u32 argsz, size_t minsz);

#endif
