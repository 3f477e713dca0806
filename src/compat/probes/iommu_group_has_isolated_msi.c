// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a group be asked whether its interrupts are isolated?
 *
 * Since 6.3 ("iommu: Add iommu_group_has_isolated_msi()").
 * Used by ext_iommu_group_has_isolated_msi().
 */
#include <linux/iommu.h>

bool ext_probe(struct iommu_group *group);
bool ext_probe(struct iommu_group *group)
{
	return iommu_group_has_isolated_msi(group);
}
