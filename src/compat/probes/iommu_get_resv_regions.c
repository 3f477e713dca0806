// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a module ask for the reserved regions of one device?
 *
 * Declared for long, exported since 6.2 ("iommu: Export
 * iommu_get_resv_regions()"). Used by ext_iommu_get_resv_regions().
 */
#include <linux/iommu.h>

void ext_probe(struct device *dev, struct list_head *list);
void ext_probe(struct device *dev, struct list_head *list)
{
	iommu_get_resv_regions(dev, list);
}
