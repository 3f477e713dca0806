// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a struct msi_desc have the IOVA of the doorbell?
 *
 * Since 6.15 ("genirq/msi: Store the IOMMU IOVA directly in msi_desc instead of
 * iommu_cookie"), and in stable releases of 6.1 and 6.12, with CONFIG_IRQ_MSI_IOMMU.
 * Used by ext_msi_desc_iova().
 */
#include <linux/msi.h>

u64 ext_probe(const struct msi_desc *desc);
u64 ext_probe(const struct msi_desc *desc)
{
	return (u64)desc->iommu_msi_iova << desc->iommu_msi_shift;
}
