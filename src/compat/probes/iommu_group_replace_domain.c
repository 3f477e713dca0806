// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a group be moved between domains without blocking its DMA?
 *
 * From 6.6 ("iommu: Introduce a new iommu_group_replace_domain() API") until
 * the attach handles of later kernels took its place. Exported to iommufd, which
 * is what the caller is here; declared in a private header.
 * Used by ext_iommu_replace_group().
 */
/* namespaces: IOMMUFD_INTERNAL */
#include <linux/iommu.h>

int iommu_group_replace_domain(struct iommu_group *group,
			       struct iommu_domain *new_domain);

int ext_probe(struct iommu_group *group, struct iommu_domain *domain);
int ext_probe(struct iommu_group *group, struct iommu_domain *domain)
{
	return iommu_group_replace_domain(group, domain);
}
