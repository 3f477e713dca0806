// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a PASID be moved from one domain to another without blocking its DMA?
 *
 * From 6.15 ("iommu: Introduce a replace API for device pasid"). Exported to
 * iommufd; declared in a private header.
 * Used by ext_iommu_replace_pasid().
 */
/* namespaces: IOMMUFD_INTERNAL */
#include <linux/iommu.h>

int iommu_replace_device_pasid(struct iommu_domain *domain, struct device *dev,
			       ioasid_t pasid,
			       struct iommu_attach_handle *handle);

int ext_probe(struct iommu_domain *domain, struct device *dev);
int ext_probe(struct iommu_domain *domain, struct device *dev)
{
	static struct iommu_attach_handle handle;

	return iommu_replace_device_pasid(domain, dev, 1, &handle);
}
