// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a PASID of a device be attached to a domain, with a handle?
 *
 * From 6.11 ("iommu: Introduce domain attachment handle"). Without the handle
 * since 5.20, and exported only since 6.9.
 * Used by ext_iommu_attach_pasid() and its relatives.
 */
#include <linux/iommu.h>

int ext_probe(struct iommu_domain *domain, struct device *dev);
int ext_probe(struct iommu_domain *domain, struct device *dev)
{
	static struct iommu_attach_handle handle;
	int ret;

	ret = iommu_attach_device_pasid(domain, dev, 1, &handle);
	iommu_detach_device_pasid(domain, dev, 1);
	return ret;
}
