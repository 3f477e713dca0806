// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there an operation that makes a domain for user space, with a parent and
 * driver data?
 *
 * From 6.7 ("iommu: Pass in parent domain with user_data to domain_alloc_user
 * op") until domain_alloc_paging_flags took its place in 6.14. 6.6 has it with
 * fewer arguments.
 * Used by ext_iommu_paging_domain_alloc() and ext_domain_alloc_user().
 */
#include <linux/iommu.h>

struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev);
struct iommu_domain *ext_probe(const struct iommu_ops *ops, struct device *dev)
{
	return ops->domain_alloc_user(dev, 0, NULL, NULL);
}
