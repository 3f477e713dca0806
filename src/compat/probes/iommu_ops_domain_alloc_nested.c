// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are paging domains and nested ones made by operations of their own?
 * Yes since 6.14, by domain_alloc_user before.
 * Used by EXT_DOMAIN_ALLOC_OPS.
 */
#include <linux/iommu.h>

struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev);
struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev)
{
	return ops->domain_alloc_nested(
		dev, ops->domain_alloc_paging_flags(dev, 0, NULL), 0, NULL);
}
