/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What iommufd_ext exports to drivers of assigned devices.
 *
 * The names are those of mainline's <linux/iommufd.h> with our prefix, and so
 * are the semantics, unless the kernel-doc at the definition says otherwise. All
 * symbols are in the namespace IOMMUFD_EXT.
 */
#ifndef _IOMMUFD_EXT_H
#define _IOMMUFD_EXT_H

#include <linux/types.h>

struct device;
struct iommu_group;
struct iommufd_ext_ctx;
struct iommufd_ext_device;

struct iommufd_ext_ctx *iommufd_ext_ctx_from_fd(int fd);
void iommufd_ext_ctx_get(struct iommufd_ext_ctx *ictx);
void iommufd_ext_ctx_put(struct iommufd_ext_ctx *ictx);
bool iommufd_ext_ctx_has_group(struct iommufd_ext_ctx *ictx,
			       struct iommu_group *group);

struct iommufd_ext_device *iommufd_ext_device_bind(struct iommufd_ext_ctx *ictx,
						   struct device *dev, u32 *id);
void iommufd_ext_device_unbind(struct iommufd_ext_device *idev);

int iommufd_ext_device_attach(struct iommufd_ext_device *idev, u32 *pt_id);
int iommufd_ext_device_replace(struct iommufd_ext_device *idev, u32 *pt_id);
void iommufd_ext_device_detach(struct iommufd_ext_device *idev);

struct iommufd_ext_ctx *
iommufd_ext_device_to_ictx(struct iommufd_ext_device *idev);
u32 iommufd_ext_device_to_id(struct iommufd_ext_device *idev);

bool iommufd_ext_device_supported(struct device *dev);
bool iommufd_ext_device_enforced_coherent(struct device *dev);

#endif
