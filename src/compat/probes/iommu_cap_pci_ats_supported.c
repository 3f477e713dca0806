// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can an IOMMU driver be asked whether a device can use ATS?
 *
 * From 7.1. Used by ext_ats_impossible().
 */
#include <linux/iommu.h>

bool ext_probe(struct device *dev);
bool ext_probe(struct device *dev)
{
	return device_iommu_capable(dev, IOMMU_CAP_PCI_ATS_SUPPORTED);
}
