// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a driver of IOMMUs report page faults as struct iopf_fault?
 *
 * From 6.9 ("iommu: Remove iommu_fault_event").
 * Used by ext_report_page_request() and what belongs to it.
 */
#include <linux/iommu.h>

void ext_probe(struct device *dev, struct iopf_fault *fault);
void ext_probe(struct device *dev, struct iopf_fault *fault)
{
	iommu_report_device_fault(dev, fault);
}
