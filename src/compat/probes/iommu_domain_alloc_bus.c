// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a paging domain be made for a bus?
 *
 * Until 6.14 or so. Used by ext_iommu_paging_domain_alloc() where there is
 * nothing better.
 */
#include <linux/device.h>
#include <linux/iommu.h>

struct iommu_domain *ext_probe(struct device *dev);
struct iommu_domain *ext_probe(struct device *dev)
{
	return iommu_domain_alloc(dev->bus);
}
