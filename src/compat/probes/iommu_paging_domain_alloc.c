// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a paging domain be made for one device?
 *
 * Since 6.11 ("iommu: Introduce iommu_paging_domain_alloc() interface"); an
 * inline over iommu_paging_domain_alloc_flags() since 6.14.
 * Used by ext_iommu_paging_domain_alloc().
 */
#include <linux/iommu.h>

struct iommu_domain *ext_probe(struct device *dev);
struct iommu_domain *ext_probe(struct device *dev)
{
	return iommu_paging_domain_alloc(dev);
}
