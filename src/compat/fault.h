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
#define EXT_HAS_IOPF                              \
	(EXT_PROBE_IOPF_ATTACH_HANDLE &&          \
	 EXT_PROBE_IOMMU_ATTACH_GROUP_HANDLE &&   \
	 EXT_PROBE_IOPF_GROUP_RESPONSE &&         \
	 (EXT_PROBE_IOPF_GROUP_DEQUEUE || EXT_PROBE_IOPF_GROUP_PENDING))

#if EXT_HAS_IOPF
#define ext_iopf_fault iopf_fault
#define ext_iopf_group iopf_group

static inline void ext_set_iopf_handler(struct iommu_domain *domain,
					int (*handler)(struct iopf_group *group))
{
	domain->iopf_handler = handler;
}

static inline void ext_iopf_free_group(struct iopf_group *group)
{
	iopf_free_group(group);
}

/* The core holds no reference to it: it is there while the device is behind its IOMMU. */
static inline const struct device *
ext_iopf_group_dev(const struct iopf_group *group)
{
	return group->fault_param->dev;
}
#else
struct ext_iopf_fault {
	struct iommu_fault fault;
	struct list_head list;
};

struct ext_iopf_group {
	struct list_head faults;
	size_t fault_count;
	struct ext_iommu_attach_handle *attach_handle;
	struct list_head node;
	u32 cookie;
};

static inline void
ext_set_iopf_handler(struct iommu_domain *domain,
		     int (*handler)(struct ext_iopf_group *group))
{
}

static inline void ext_iopf_free_group(struct ext_iopf_group *group)
{
}

static inline const struct device *
ext_iopf_group_dev(const struct ext_iopf_group *group)
{
	return NULL;
}
#endif

/*
 * The core lists the groups it has handed out and not seen answered. When a driver
 * no longer takes faults of a device, it answers and frees those of the list,
 * whoever holds them. So what a queue holds is taken off the list. Kernels without
 * a function for that answer nothing that is not listed; the driver is told here.
 */
#if !EXT_HAS_IOPF
static inline void ext_iopf_group_dequeue(struct ext_iopf_group *group)
{
}

static inline void ext_iopf_group_response(struct ext_iopf_group *group,
					   enum iommu_page_response_code code)
{
}
#elif EXT_PROBE_IOPF_GROUP_DEQUEUE
static inline void ext_iopf_group_dequeue(struct iopf_group *group)
{
	iopf_group_dequeue(group);
}

static inline void ext_iopf_group_response(struct iopf_group *group,
					   enum iommu_page_response_code code)
{
	iopf_group_response(group, code);
}
#else
static inline void ext_iopf_group_dequeue(struct iopf_group *group)
{
	struct iommu_fault_param *param = group->fault_param;

	mutex_lock(&param->lock);
	list_del_init(&group->pending_node);
	mutex_unlock(&param->lock);
}

static inline void ext_iopf_group_response(struct iopf_group *group,
					   enum iommu_page_response_code code)
{
	struct iommu_fault_param *param = group->fault_param;
	struct device *dev = param->dev;
	struct iopf_fault *last = &group->last_fault;
	struct iommu_page_response response = {
		.pasid = last->fault.prm.pasid,
		.grpid = last->fault.prm.grpid,
		.code = code,
	};

	mutex_lock(&param->lock);
	dev->iommu->iommu_dev->ops->page_response(dev, last, &response);
	mutex_unlock(&param->lock);
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
