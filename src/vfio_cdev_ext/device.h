/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layer 2, devices in use: kvm.c, hold.c, bind.c, mmap.c, logging.c, feature.c, hot_reset.c.
 *
 * It does what the VFIO core does for its own files between a file and the driver: BIND opens
 * the device, close undoes it, and what is asked meanwhile is checked here and done by the
 * driver. It promises that neither the driver nor the VFIO core can tell, that the driver can
 * leave whatever the user does with his memory, and that a reset hits no device of another
 * user. What is called with a bound file does not ask again whether it is bound. It does not
 * know file operations.
 */
#ifndef _VFIO_CDEV_EXT_DEVICE_H
#define _VFIO_CDEV_EXT_DEVICE_H

#ifdef _VFIO_CDEV_EXT_NODE_H
#error "device.h is above the nodes: include it in place of node.h, or not at all"
#endif

#include <uapi/linux/vfio_cdev_ext.h>

#include "node.h"

struct vm_area_struct;

/* kvm.c */
void cdev_ext_kvm_init(bool wanted, const struct file_operations *fops);
void cdev_ext_kvm_exit(void);
bool cdev_ext_kvm_works(void);
const struct iommufd_ext_standing *cdev_ext_no_kvm(void);
void cdev_ext_kvm_lend(struct cdev_ext_file *file);
void cdev_ext_kvm_lent(struct cdev_ext_file *file);
void cdev_ext_kvm_return(struct cdev_ext_file *file);

/* hold.c */
struct cdev_ext_hold *cdev_ext_hold_get(struct cdev_ext_file *file,
					struct vfio_device *vdev);
void cdev_ext_hold_put(struct cdev_ext_hold *hold);

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

/* logging.c */
int cdev_ext_log_start(struct vfio_device *vdev, u32 flags, void __user *data,
		       size_t size);
int cdev_ext_log_stop(struct vfio_device *vdev, u32 flags, size_t size);
int cdev_ext_log_report(struct vfio_device *vdev, u32 flags, void __user *data,
			size_t size);

/* feature.c */
int cdev_ext_feature(struct cdev_ext_file *file,
		     struct vfio_device_feature __user *arg);

/* hot_reset.c */
void cdev_ext_hot_reset_init(void);
void cdev_ext_hot_reset_exit(void);
int cdev_ext_hot_reset_info(struct cdev_ext_file *file,
			    struct vfio_pci_hot_reset_info __user *arg);
int cdev_ext_hot_reset(struct cdev_ext_file *file,
		       struct vfio_pci_hot_reset __user *arg);

#endif
