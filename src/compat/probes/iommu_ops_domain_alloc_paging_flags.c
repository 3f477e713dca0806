// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there an operation that makes a paging domain with the flags of HWPT_ALLOC?
 *
 * From 6.14 ("iommu: Replace ops->domain_alloc_user() with ...").
 * Used by ext_iommu_domain_alloc_flags().
 */
#include <linux/iommu.h>

struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev);
struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev)
{
	return ops->domain_alloc_paging_flags(dev, 0, NULL);
}
