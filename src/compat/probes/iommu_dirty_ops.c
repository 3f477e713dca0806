// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a domain track dirty pages, and does what it records reach the caller
 * through the flush it gathers?
 *
 * From 6.7 ("iommu: Add iommu_domain ops for dirty tracking").
 * Used by the shims in compat/dirty.h.
 */
#include <linux/iommu.h>

int ext_probe(struct iommu_domain *domain, struct device *dev);
int ext_probe(struct iommu_domain *domain, struct device *dev)
{
	struct iommu_iotlb_gather gather;
	struct iommu_dirty_bitmap dirty;

	if (!device_iommu_capable(dev, IOMMU_CAP_DIRTY_TRACKING))
		return domain->dirty_ops->set_dirty_tracking(domain, true);
	iommu_dirty_bitmap_init(&dirty, NULL, &gather);
	return domain->dirty_ops->read_and_clear_dirty(domain, 0, PAGE_SIZE,
						       IOMMU_DIRTY_NO_CLEAR,
						       &dirty);
}
