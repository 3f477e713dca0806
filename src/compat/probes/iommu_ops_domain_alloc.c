// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are there IOMMU drivers that make a domain without being told the device?
 *
 * Until the operation domain_alloc was replaced by domain_alloc_paging for all
 * drivers, about 6.15.
 * Used by ext_iommu_paging_domain_alloc().
 */
#include <linux/iommu.h>

void *ext_probe(const struct iommu_ops *ops);
void *ext_probe(const struct iommu_ops *ops)
{
	return ops->domain_alloc;
}
