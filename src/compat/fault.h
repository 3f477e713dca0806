/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page faults of devices.
 *
 * Since 6.11 they are handed out in groups to the handler of the domain that the
 * device is attached to. Before, there is nothing to hand out: the types are there
 * so that their users compile, and nothing makes a group.
 */
#ifndef _EXT_COMPAT_FAULT_H
#define _EXT_COMPAT_FAULT_H

#include <linux/iommu.h>
#include <linux/pci-ats.h>
#include <linux/pci.h>

#include "ext_probes.h"
#include "iommu.h"

/* Where this is false, no fault queue can be made. */
#define EXT_HAS_IOPF EXT_PROBE_IOPF_GROUP

#if EXT_PROBE_IOPF_GROUP
static inline void ext_set_iopf_handler(struct iommu_domain *domain,
					int (*handler)(struct iopf_group *group))
{
	domain->iopf_handler = handler;
}
#else
/* Some of these kernels have other types of these names. */
#define iopf_fault ext_iopf_fault
#define iopf_group ext_iopf_group

struct iopf_fault {
	struct iommu_fault fault;
	struct list_head list;
};

struct iopf_group {
	struct list_head faults;
	size_t fault_count;
	struct iommu_attach_handle *attach_handle;
	struct list_head node;
	u32 cookie;
};

static inline void ext_set_iopf_handler(struct iommu_domain *domain,
					int (*handler)(struct iopf_group *group))
{
}

static inline void iopf_group_dequeue(struct iopf_group *group)
{
}

static inline void iopf_group_response(struct iopf_group *group,
				       enum iommu_page_response_code code)
{
}

static inline void iopf_free_group(struct iopf_group *group)
{
}
#endif

/*
 * A virtual function shares page requests with its physical function: a failed one
 * would stop both.
 */
static inline bool ext_shares_page_requests(struct device *dev)
{
	return dev_is_pci(dev) && to_pci_dev(dev)->is_virtfn &&
	       pci_pri_supported(to_pci_dev(dev));
}

/* Drivers enable faults by themselves since 6.16. */
static inline int ext_iopf_enable(struct device *dev)
{
#if EXT_PROBE_IOMMU_DEV_FEAT_IOPF
	return iommu_dev_enable_feature(dev, IOMMU_DEV_FEAT_IOPF);
#else
	return 0;
#endif
}

static inline void ext_iopf_disable(struct device *dev)
{
#if EXT_PROBE_IOMMU_DEV_FEAT_IOPF
	WARN_ON(iommu_dev_disable_feature(dev, IOMMU_DEV_FEAT_IOPF));
#endif
}

#endif
