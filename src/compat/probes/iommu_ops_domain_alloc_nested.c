// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there an operation for nested domains alone?
 *
 * From 6.13 ("iommu: Introduce ops->domain_alloc_nested"); domain_alloc_user made
 * them before.
 * Used by ext_iommu_domain_alloc_nested() and ext_iommu_can_nest().
 */
#include <linux/iommu.h>

struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev,
			       struct iommu_domain *parent);
struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev,
			       struct iommu_domain *parent)
{
	return ops->domain_alloc_nested(dev, parent, 0, NULL);
}
