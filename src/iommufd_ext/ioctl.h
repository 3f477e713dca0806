/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layer 4, ioctls: ioas.c, option.c, change_process.c, vfio_compat.c, viommu.c, query.c,
 * features.c, hw_info.c, destroy.c, debugfs.c. Above it is main.c alone.
 *
 * Arguments come in and answers go out. It promises that what a user gives is checked
 * before it is used, and that no device is held while memory of a user is waited for. What
 * has to know every type of object is here: what destroys and what lists them. It has no
 * state and no lock of its own, but for debugfs.c, which has the list of open files, and
 * for the commands that features.c has been told of.
 */
#ifndef _IOMMUFD_EXT_IOCTL_H
#define _IOMMUFD_EXT_IOCTL_H

#include "device.h"

/* ioas.c */
int ioas_map_fixed(struct iommufd_ext_ctx *ictx, struct ioas *ioas, u64 iova,
		   u64 uptr, u64 length, int prot);
void ioas_free(struct iommufd_ext_ctx *ictx, struct ioas *ioas);
int ioas_allow_iovas_ioctl(struct ucmd *ucmd);
int ioas_copy_ioctl(struct ucmd *ucmd);
int ioas_alloc_ioctl(struct ucmd *ucmd);
int ioas_iova_ranges_ioctl(struct ucmd *ucmd);
int ioas_map_ioctl(struct ucmd *ucmd);
int ioas_map_file_ioctl(struct ucmd *ucmd);
int ioas_unmap_ioctl(struct ucmd *ucmd);
int ioas_unmap_partial_ioctl(struct ucmd *ucmd);

/* option.c */
int option_ioctl(struct ucmd *ucmd);

/* change_process.c */
int change_process_ioctl(struct ucmd *ucmd);

/* vfio_compat.c */
const char *vfio_compat_name(unsigned int cmd);
long vfio_compat_ioctl(struct iommufd_ext_ctx *ictx, unsigned int cmd,
		       unsigned long arg);
int vfio_ioas_ioctl(struct ucmd *ucmd);

/* viommu.c */
int viommu_alloc_ioctl(struct ucmd *ucmd);
int vdevice_alloc_ioctl(struct ucmd *ucmd);
int veventq_alloc_ioctl(struct ucmd *ucmd);
int hw_queue_alloc_ioctl(struct ucmd *ucmd);

/* query.c */
int group_info_ioctl(struct ucmd *ucmd);
int list_ioctl(struct ucmd *ucmd);
int list_mappings_ioctl(struct ucmd *ucmd);
void ctx_show_fdinfo(struct iommufd_ext_ctx *ictx, struct seq_file *m);

/* features.c */
void features_add_command(unsigned int cmd);
int copy_query(struct iommufd_ext_errors *errors, void *cmd, size_t known,
	       size_t minsz, void __user *arg, u32 *size);
int check_query(struct iommufd_ext_errors *errors, u32 flags, u32 dev_id);
int features_ioctl(struct ucmd *ucmd);

/* hw_info.c */
int hw_info_ioctl(struct ucmd *ucmd);

/* destroy.c */
void obj_destroy(struct iommufd_ext_ctx *ictx, struct obj *obj);
void obj_destroy_all(struct iommufd_ext_ctx *ictx);
int destroy_ioctl(struct ucmd *ucmd);

/* debugfs.c */
int debugfs_add_context(struct iommufd_ext_ctx *ictx);
void debugfs_remove_context(struct iommufd_ext_ctx *ictx);
void debugfs_init(void);
void debugfs_exit(void);

#endif
