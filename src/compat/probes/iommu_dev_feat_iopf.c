// SPDX-License-Identifier: GPL-2.0-only
/*
 * Must page faults of a device be enabled before it is attached?
 *
 * From 5.13 until the drivers did it themselves, in 6.16 ("iommu: Remove
 * IOMMU_DEV_FEAT_SVA/_IOPF").
 * Used by ext_iopf_enable() and ext_iopf_disable().
 */
#include <linux/iommu.h>

int ext_probe(struct device *dev);
int ext_probe(struct device *dev)
{
	if (iommu_dev_enable_feature(dev, IOMMU_DEV_FEAT_IOPF))
		return 0;
	return iommu_dev_disable_feature(dev, IOMMU_DEV_FEAT_IOPF);
}
