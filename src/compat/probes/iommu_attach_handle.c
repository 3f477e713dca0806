// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there a structure by which a fault finds an attachment?
 *
 * From 6.11 ("iommu: Introduce domain attachment handle"). Which functions take
 * one is asked by iommu_attach_group_handle and iommu_attach_device_pasid.
 * Used by struct ext_iommu_attach_handle.
 */
#include <linux/iommu.h>

struct iommu_domain *ext_probe(const struct iommu_attach_handle *handle);
struct iommu_domain *ext_probe(const struct iommu_attach_handle *handle)
{
	return handle->domain;
}
