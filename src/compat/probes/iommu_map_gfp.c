// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does iommu_map() take a gfp argument?
 *
 * Since 6.3 ("iommu: Add a gfp parameter to iommu_map()").
 * Used by ext_iommu_map().
 */
#include <linux/iommu.h>

int ext_probe(struct iommu_domain *domain);
int ext_probe(struct iommu_domain *domain)
{
	return iommu_map(domain, 0, 0, PAGE_SIZE, IOMMU_READ, GFP_KERNEL);
}
