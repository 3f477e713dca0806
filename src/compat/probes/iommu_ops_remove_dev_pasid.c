// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there an operation that takes a PASID from its domain?
 * From 6.2 until the blocked domain took its place in 6.14. Told the domain since
 * 6.10. Used by EXT_PASID_OPS.
 */
#include <linux/iommu.h>

void ext_probe(const struct iommu_ops *ops, struct iommu_domain *domain);
void ext_probe(const struct iommu_ops *ops, struct iommu_domain *domain)
{
	ops->remove_dev_pasid(NULL, 1, domain);
}
