/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of vfio_cdev_ext share. The design is at the top of main.c, and
 * so is the lock order.
 */
#ifndef CDEV_EXT_H
#define CDEV_EXT_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/vfio_pci_core.h>

#include "iommufd_ext.h"
#include "uapi/linux/vfio_cdev_ext.h"

/**
 * struct cdev_ext_node - the char device of one VFIO device
 * @dev: the struct device behind the node; its references are the life of this
 *	structure. Each open file holds one, and so does @cdev while it was opened
 * @cdev: the char device
 * @attr: the "dev" file of the VFIO device; its ->attr.name is NULL without one
 * @entry: link in the list of nodes; protected by the list's lock in node.c
 * @told: what those who poll the state of the device were last woken for; protected as
 *	@entry
 * @pdev: the PCI device; set once, referenced
 * @inode: of the VFIO device, where mappings of its BARs are found; set once, referenced;
 *	NULL where the core has none
 * @lock: protects @vdev
 * @vdev: the VFIO device, or NULL from the moment its driver starts to leave.
 *	No reference is held on it: one that outlived the driver would run the
 *	driver's release function after its module is gone. Bound files hold a
 *	registration instead, which the driver's removal waits for.
 */
struct cdev_ext_node {
	struct device dev;
	struct cdev cdev;
	struct device_attribute attr;
	struct list_head entry;
	unsigned int told;
	struct pci_dev *pdev;
	struct inode *inode;
	struct mutex lock; /* protects vdev */
	struct vfio_device *vdev;
};

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
struct vfio_pci_core_device *cdev_ext_core_device(struct vfio_device *vdev);
int cdev_ext_refuse_argsz(struct cdev_ext_file *file, u32 argsz, size_t minsz);

/* adopt.c */
int cdev_ext_adopt_init(const struct pci_driver *only);
void cdev_ext_adopt_exit(void);

/* node.c */
int cdev_ext_node_init(const char *directory,
		       const struct file_operations *fops);
void cdev_ext_node_exit(void);
int cdev_ext_node_create(struct pci_dev *pdev, struct vfio_device *vdev);
struct cdev_ext_node *cdev_ext_node_find(struct pci_dev *pdev);
void cdev_ext_node_destroy(struct cdev_ext_node *node);
void cdev_ext_node_destroy_all(void);
void cdev_ext_group_changed(struct device *dev);
struct cdev_ext_node *cdev_ext_get_node(const struct inode *inode);
struct vfio_device *cdev_ext_get_vdev(struct cdev_ext_node *node);
struct vfio_device *cdev_ext_file_vdev(struct cdev_ext_file *file);
void cdev_ext_put_vdev(struct vfio_device *vdev);

/* sysfs.c */
int cdev_ext_sysfs_add(struct cdev_ext_node *node);
void cdev_ext_sysfs_del(struct cdev_ext_node *node);
void cdev_ext_sysfs_notify(struct cdev_ext_node *node);
void cdev_ext_sysfs_check(struct cdev_ext_node *node);

/* cdev.c */
extern const struct file_operations cdev_ext_fops;

/* bind.c */
int cdev_ext_refuse_left(struct cdev_ext_file *file);
int cdev_ext_bind(struct cdev_ext_file *file,
		  struct vfio_cdev_bind __user *arg);
int cdev_ext_attach(struct cdev_ext_file *file,
		    struct vfio_cdev_attach __user *arg);
int cdev_ext_detach(struct cdev_ext_file *file,
		    struct vfio_cdev_detach __user *arg);
void cdev_ext_unbind(struct cdev_ext_file *file);

/* mmap.c */
int cdev_ext_map(struct vfio_device *vdev, struct vm_area_struct *vma);

/* feature.c */
int cdev_ext_feature(struct cdev_ext_file *file,
		     struct vfio_device_feature __user *arg);

/* logging.c */
int cdev_ext_log_start(struct vfio_device *vdev, u32 flags, void __user *data,
		       size_t size);
int cdev_ext_log_stop(struct vfio_device *vdev, u32 flags, size_t size);
int cdev_ext_log_report(struct vfio_device *vdev, u32 flags, void __user *data,
			size_t size);

/* hot_reset.c */
void cdev_ext_hot_reset_init(void);
void cdev_ext_hot_reset_exit(void);
int cdev_ext_hot_reset_info(struct cdev_ext_file *file,
			    struct vfio_pci_hot_reset_info __user *arg);
int cdev_ext_hot_reset(struct cdev_ext_file *file,
		       struct vfio_pci_hot_reset __user *arg);

/* kvm.c */
void cdev_ext_kvm_init(bool wanted, const struct file_operations *fops);
void cdev_ext_kvm_exit(void);
bool cdev_ext_kvm_works(void);
const struct iommufd_ext_standing *cdev_ext_no_kvm(void);
void cdev_ext_kvm_lend(struct cdev_ext_file *file);
void cdev_ext_kvm_lent(struct cdev_ext_file *file);
void cdev_ext_kvm_return(struct cdev_ext_file *file);

#endif
