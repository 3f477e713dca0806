// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does an IOMMU driver describe its hardware?
 *
 * From 6.6 ("iommu: Add new iommu op to get iommu hardware information"). The
 * last argument later became a pointer to an enum of the same size.
 * Used by ext_iommu_hw_info().
 */
#include <linux/iommu.h>

void *ext_probe(const struct iommu_ops *ops, struct device *dev);
void *ext_probe(const struct iommu_ops *ops, struct device *dev)
{
	u32 len, type;

	return ops->hw_info(dev, &len, &type);
}
