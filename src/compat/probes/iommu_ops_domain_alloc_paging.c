// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there an operation that makes a paging domain for a device?
 *
 * Since 6.6 ("iommu: Add ops->domain_alloc_paging()").
 * Used by ext_iommu_paging_domain_alloc().
 */
#include <linux/iommu.h>

struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev);
struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev)
{
	return ops->domain_alloc_paging(dev);
}
