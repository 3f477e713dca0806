/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an IOMMU driver and the PCI core say about a device.
 */
#ifndef _EXT_COMPAT_HW_INFO_H
#define _EXT_COMPAT_HW_INFO_H

#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/pci-ats.h>
#include <linux/pci.h>

#include <uapi/linux/ioasid.h>

#include "ext_probes.h"
#if IOMMUFD_EXT_TEST && !EXT_PROBE_IOMMU_OPS_HW_INFO
#include "iommu_driver.h"
#endif

/*
 * The driver's description of its hardware, to be freed with kfree(), or an
 * ERR_PTR, or NULL from a driver without one and from all before 6.6. @type: in:
 * what is asked for, which drivers look at since 6.17; out: what it is.
 */
static inline void *ext_iommu_hw_info(struct device *dev, u32 *len, u32 *type)
{
#if EXT_PROBE_IOMMU_OPS_HW_INFO
	const struct iommu_ops *ops = dev->iommu->iommu_dev->ops;
	u32 wanted = *type;
	void *data;

	if (ops->hw_info) {
		data = ops->hw_info(dev, len, (void *)type);
		if (!IS_ERR(data) && wanted && *type != wanted) {
			kfree(data);
			return ERR_PTR(-EOPNOTSUPP);
		}
		return data;
	}
#elif IOMMUFD_EXT_TEST
	return mock_hw_info(dev, len, type);
#endif
	*len = 0;
	*type = IOASID_HW_INFO_TYPE_NONE;
	return NULL;
}

/* The driver knows that the device cannot use ATS. Not known before 7.1. */
static inline bool ext_ats_impossible(struct device *dev)
{
#if EXT_PROBE_IOMMU_CAP_PCI_ATS_SUPPORTED
	return !device_iommu_capable(dev, IOMMU_CAP_PCI_ATS_SUPPORTED);
#else
	return false;
#endif
}

/*
 * What the PASID capability of a PCI device is set to, in bits of PCI_PASID_CTRL,
 * or a negative errno. Without a way to ask there is none to attach PASIDs either.
 */
static inline int ext_pasid_control(struct pci_dev *pdev)
{
#if EXT_PROBE_PCI_PASID_STATUS
	return pci_pasid_status(pdev);
#else
	return -EOPNOTSUPP;
#endif
}

#endif
