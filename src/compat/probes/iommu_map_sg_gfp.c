// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does iommu_map_sg() take a gfp argument?
 *
 * Since 6.3 ("iommu: Add a gfp parameter to iommu_map_sg()").
 * Used by ext_iommu_map_sg().
 */
#include <linux/iommu.h>

ssize_t ext_probe(struct iommu_domain *domain, struct scatterlist *sg);
ssize_t ext_probe(struct iommu_domain *domain, struct scatterlist *sg)
{
	return iommu_map_sg(domain, 0, sg, 1, 0, GFP_KERNEL);
}
