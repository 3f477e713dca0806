// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do generic page tables map a range with an operation that adds up what it mapped?
 *
 * In 7.2; the first of them had map_pages instead. Used by ext_iommu_has_map_range(),
 * ext_iommu_map_range() and ext_iommu_unmap_range().
 */
#include <linux/generic_pt/iommu.h>

int ext_probe(struct iommu_domain *domain, struct iommu_iotlb_gather *gather);
int ext_probe(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	struct pt_iommu *pt = iommupt_from_domain(domain);
	size_t mapped = 0;

	if (pt->ops->map_range(pt, 0, 0, PAGE_SIZE, IOMMU_READ, GFP_KERNEL,
			       &mapped))
		return 0;
	return pt->ops->unmap_range(pt, 0, PAGE_SIZE, gather);
}
