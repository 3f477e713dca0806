// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there a capability for ignoring the no-snoop attribute?
 *
 * Since 6.2 ("iommu: Add IOMMU_CAP_ENFORCE_CACHE_COHERENCY").
 * Used by ext_iommu_enforces_coherency().
 */
#include <linux/iommu.h>

bool ext_probe(struct device *dev);
bool ext_probe(struct device *dev)
{
	return device_iommu_capable(dev, IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
}
