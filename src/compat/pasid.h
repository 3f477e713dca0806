/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attaching PASIDs of devices to IOMMU domains.
 */
#ifndef _EXT_COMPAT_PASID_H
#define _EXT_COMPAT_PASID_H

#include <linux/iommu.h>

#include "ext_probes.h"
#include "iommu.h"

/* Where this is false, everything below fails. */
#define EXT_HAS_PASID EXT_PROBE_IOMMU_ATTACH_DEVICE_PASID

/* How many PASIDs a device can use. */
static inline u32 ext_max_pasids(struct device *dev)
{
#if EXT_PROBE_IOMMU_ATTACH_DEVICE_PASID
	return dev->iommu->max_pasids;
#else
	return 0;
#endif
}

/* Before @iommu is registered. */
static inline void ext_iommu_set_max_pasids(struct iommu_device *iommu, u32 max)
{
#if EXT_PROBE_IOMMU_ATTACH_DEVICE_PASID
	iommu->max_pasids = max;
#endif
}

/* For all devices of the group of @dev. */
static inline int ext_iommu_attach_pasid(struct iommu_domain *domain,
					 struct device *dev, u32 pasid,
					 struct ext_iommu_attach_handle *handle)
{
#if EXT_PROBE_IOMMU_ATTACH_DEVICE_PASID
	return iommu_attach_device_pasid(domain, dev, pasid, handle);
#else
	return -EOPNOTSUPP;
#endif
}

static inline void ext_iommu_detach_pasid(struct iommu_domain *domain,
					  struct device *dev, u32 pasid)
{
#if EXT_PROBE_IOMMU_ATTACH_DEVICE_PASID
	iommu_detach_device_pasid(domain, dev, pasid);
#endif
}

/*
 * Move a PASID from the domain @old to @new. Since 6.15 without a moment in which
 * its DMA is blocked. Before, it is detached first; if @new does not take it, it
 * goes back to @old, which it came from.
 */
#if EXT_PROBE_IOMMU_REPLACE_DEVICE_PASID
int iommu_replace_device_pasid(struct iommu_domain *domain, struct device *dev,
			       ioasid_t pasid,
			       struct iommu_attach_handle *handle);
#endif

static inline int ext_iommu_replace_pasid(struct iommu_domain *old,
					  struct ext_iommu_attach_handle *old_handle,
					  struct iommu_domain *new,
					  struct ext_iommu_attach_handle *new_handle,
					  struct device *dev, u32 pasid)
{
#if EXT_PROBE_IOMMU_REPLACE_DEVICE_PASID
	return iommu_replace_device_pasid(new, dev, pasid, new_handle);
#else
	int ret;

	ext_iommu_detach_pasid(old, dev, pasid);
	ret = ext_iommu_attach_pasid(new, dev, pasid, new_handle);
	if (ret)
		WARN_ON(ext_iommu_attach_pasid(old, dev, pasid, old_handle));
	return ret;
#endif
}

#endif
