// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the domain operation iotlb_sync_map() return an error?
 *
 * Since 6.7 ("iommu: Allow .iotlb_sync_map to fail and handle s390's -ENOMEM
 * return"). Used by ext_iotlb_sync_map().
 */
#include <linux/iommu.h>

int ext_probe(struct iommu_domain *domain);
int ext_probe(struct iommu_domain *domain)
{
	return domain->ops->iotlb_sync_map(domain, 0, 0);
}
