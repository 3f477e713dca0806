// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there an operation that makes a domain with the flags of HWPT_ALLOC, and
 * another one for nested domains?
 *
 * From 6.14 ("iommu: Replace ops->domain_alloc_user() with ...").
 * Used by ext_iommu_domain_alloc_flags() and ext_iommu_domain_alloc_nested().
 */
#include <linux/iommu.h>

struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev,
			       const struct iommu_user_data *data);
struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev,
			       const struct iommu_user_data *data)
{
	struct iommu_domain *parent;

	parent = ops->domain_alloc_paging_flags(dev, 0, data);
	return ops->domain_alloc_nested(dev, parent, 0, data);
}
