/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the interrupts of a device are written to.
 */
#ifndef _EXT_COMPAT_MSI_H
#define _EXT_COMPAT_MSI_H

#include <linux/device.h>
#include <linux/kconfig.h>
#include <linux/msi.h>

#include "ext_probes.h"

/* The lock has a guard and another name since 6.15. Without either there are no MSIs. */
#define EXT_HAS_MSI_DESCS \
	(EXT_PROBE_MSI_LOCK_DESCS || EXT_PROBE_MSI_LOCK_DESCS_GUARD)

/*
 * Does the kernel map the doorbells of interrupts, where an IOMMU driver asks for a window? 7.2
 * does not on x86: what a device behind a virtio-iommu writes there is not translated.
 */
#define EXT_KERNEL_MAPS_DOORBELLS IS_ENABLED(CONFIG_IRQ_MSI_IOMMU)

/*
 * Does it keep the IOVA of a doorbell as a pointer into the page table that it is in? That one is
 * used after it is freed, when a vector begins anew in another page table.
 */
#define EXT_MSI_POINTS_INTO_TABLE \
	(EXT_HAS_MSI_DESCS && !EXT_PROBE_MSI_DESC_IOVA)

#if EXT_HAS_MSI_DESCS
static inline void ext_msi_lock_descs(struct device *dev)
{
#if EXT_PROBE_MSI_LOCK_DESCS
	msi_lock_descs(dev);
#else
	__msi_lock_descs(dev);
#endif
}

static inline void ext_msi_unlock_descs(struct device *dev)
{
#if EXT_PROBE_MSI_LOCK_DESCS
	msi_unlock_descs(dev);
#else
	__msi_unlock_descs(dev);
#endif
}

static inline u64 ext_msi_desc_iova(const struct msi_desc *desc)
{
#if EXT_PROBE_MSI_DESC_IOVA
	return (u64)desc->iommu_msi_iova << desc->iommu_msi_shift;
#else
	return 0;
#endif
}
#endif

/*
 * Call @fn with the IOVA of the doorbell of each interrupt that is set up for the device,
 * until it fails. The IOVA is 0 or the doorbell's own address if none was mapped for it.
 * Meanwhile no interrupt is set up or given up; one that is being set up is waited for.
 * The caller keeps the driver of the device from leaving.
 */
static inline int ext_msi_walk_iovas(struct device *dev,
				     int (*fn)(u64 iova, void *data),
				     void *data)
{
	int rc = 0;
#if EXT_HAS_MSI_DESCS
	struct msi_desc *desc;

	/* Comes with the first interrupt, and goes with the driver. */
	if (!READ_ONCE(dev->msi.data))
		return 0;
	ext_msi_lock_descs(dev);
	msi_for_each_desc(desc, dev, MSI_DESC_ASSOCIATED) {
		rc = fn(ext_msi_desc_iova(desc), data);
		if (rc)
			break;
	}
	ext_msi_unlock_descs(dev);
#endif
	return rc;
}

#endif
