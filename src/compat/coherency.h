/* SPDX-License-Identifier: GPL-2.0-only */
/* Can DMA of a device bypass the caches? */
#ifndef _EXT_COMPAT_COHERENCY_H
#define _EXT_COMPAT_COHERENCY_H

#include <linux/bits.h>
#include <linux/device.h>
#include <linux/gfp.h>
#include <linux/iommu.h>
#include <linux/kstrtox.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "ext_probes.h"

/*
 * Can the IOMMU of a device ignore the no-snoop attribute of its DMA? The
 * device is behind an IOMMU. The answer is 1 or 0 and never changes, or it is
 * -ENOMEM.
 *
 * It is a capability since 6.2. Before, there is an operation on a domain, and
 * only the drivers of AMD and Intel have it. AMD's always succeeds. Intel's
 * agrees to anything as long as no device is attached, and attaching one would
 * take a claim on the group, which others would run into. What decides it is a
 * bit of a register, and the register is in
 * /sys/class/iommu/dmarN/intel-iommu/ecap: it is read from there.
 */
#if EXT_PROBE_IOMMU_CAP_ENFORCE_CACHE_COHERENCY
static inline int ext_iommu_enforces_coherency(struct device *dev)
{
	return device_iommu_capable(dev, IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
}
#else
#define EXT_INTEL_ECAP_SNOOP_CONTROL BIT_ULL(7)

static inline struct attribute *ext_intel_ecap(struct device *iommu)
{
	const struct attribute_group **group;
	struct attribute **attr;

	for (group = iommu->groups; group && *group; group++) {
		if (!(*group)->name || strcmp((*group)->name, "intel-iommu"))
			continue;
		for (attr = (*group)->attrs; *attr; attr++)
			if (!strcmp((*attr)->name, "ecap"))
				return *attr;
	}
	return NULL;
}

static inline int ext_intel_snoop_control(struct device *iommu,
					  struct attribute *ecap_attr)
{
	struct device_attribute *attr =
		container_of(ecap_attr, struct device_attribute, attr);
	unsigned long long ecap;
	char *text;
	int ret;

	/* What an attribute may write, and aligned as it expects. */
	text = (char *)get_zeroed_page(GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	ret = attr->show(iommu, attr, text) > 0 &&
	      !kstrtoull(text, 16, &ecap) &&
	      (ecap & EXT_INTEL_ECAP_SNOOP_CONTROL);
	free_page((unsigned long)text);
	return ret;
}

static inline int ext_iommu_enforces_coherency(struct device *dev)
{
	const struct iommu_device *iommu = dev->iommu->iommu_dev;
	const struct iommu_domain_ops *ops = iommu->ops->default_domain_ops;
	struct attribute *ecap;

	if (!ops || !ops->enforce_cache_coherency || !iommu->dev)
		return 0;
	ecap = ext_intel_ecap(iommu->dev);
	return ecap ? ext_intel_snoop_control(iommu->dev, ecap) : 1;
}
#endif

#endif
