// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does iommu_fwspec_init() want the operations of the IOMMU driver, too?
 * Yes until 6.10, no since. Used by ext_iommu_fwspec_init().
 */
#include <linux/iommu.h>

int ext_probe(struct device *dev, struct iommu_device *iommu);
int ext_probe(struct device *dev, struct iommu_device *iommu)
{
	return iommu_fwspec_init(dev, iommu->fwnode, iommu->ops);
}
