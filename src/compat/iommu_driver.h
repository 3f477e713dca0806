/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other side of the IOMMU API: what a driver of IOMMUs has to look like.
 *
 * Only the mock of the selftest is one. It does its work in the functions declared
 * here, with the same arguments on every kernel; the operations that the kernel at
 * hand knows call them. What it has no operation for, the shims of the test build
 * ask the mock for themselves, so that all of our side is tested on each kernel.
 */
#ifndef _EXT_COMPAT_IOMMU_DRIVER_H
#define _EXT_COMPAT_IOMMU_DRIVER_H

#include <linux/bits.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

#include "ext_probes.h"

/*
 * What user space tells a driver about a domain. Since 6.7; before, nobody passes
 * any.
 */
#if EXT_PROBE_IOMMU_USER_DATA
#define ext_driver_user_data iommu_user_data
#else
struct ext_driver_user_data {
	unsigned int type;
	void __user *uptr;
	size_t len;
};
#endif

/* What it invalidates. Since 6.8. */
#if EXT_PROBE_IOMMU_DOMAIN_CACHE_INVALIDATE_USER
#define ext_driver_user_data_array iommu_user_data_array
#define EXT_CACHE_INVALIDATE_USER(fn) .cache_invalidate_user = (fn),
#else
#define EXT_CACHE_INVALIDATE_USER(fn)

struct ext_driver_user_data_array {
	unsigned int type;
	void __user *uptr;
	size_t entry_len;
	u32 entry_num;
};
#endif

#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER || \
	EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_NESTED
#define EXT_DOMAIN_NESTED IOMMU_DOMAIN_NESTED
#else
#define EXT_DOMAIN_NESTED 0
#endif

/*
 * Dirty pages, which drivers look for since 6.7. Before, nobody calls them but the
 * shims of this build.
 */
#if EXT_PROBE_IOMMU_DIRTY_OPS
#define EXT_CAP_DIRTY_TRACKING IOMMU_CAP_DIRTY_TRACKING
#define EXT_DIRTY_NO_CLEAR IOMMU_DIRTY_NO_CLEAR
#define ext_driver_dirty_bitmap iommu_dirty_bitmap
#define ext_driver_dirty_ops iommu_dirty_ops

static inline void ext_driver_record_dirty(struct iommu_dirty_bitmap *dirty,
					   unsigned long iova,
					   unsigned long length)
{
	iommu_dirty_bitmap_record(dirty, iova, length);
}

static inline void ext_domain_set_dirty_ops(struct iommu_domain *domain,
					    const struct iommu_dirty_ops *ops)
{
	domain->dirty_ops = ops;
}
#else
/* No capability has this number. */
#define EXT_CAP_DIRTY_TRACKING ((enum iommu_cap)-1)
#define EXT_DIRTY_NO_CLEAR BIT(0)

struct ext_driver_dirty_bitmap {
	struct iommu_iotlb_gather *gather;
};

struct ext_driver_dirty_ops {
	int (*set_dirty_tracking)(struct iommu_domain *domain, bool enabled);
	int (*read_and_clear_dirty)(struct iommu_domain *domain,
				    unsigned long iova, size_t size,
				    unsigned long flags,
				    struct ext_driver_dirty_bitmap *dirty);
};

static inline void
ext_driver_record_dirty(struct ext_driver_dirty_bitmap *dirty,
			unsigned long iova, unsigned long length)
{
	iommu_iotlb_gather_add_range(dirty->gather, iova, length);
}

static inline void
ext_domain_set_dirty_ops(struct iommu_domain *domain,
			 const struct ext_driver_dirty_ops *ops)
{
}
#endif

/* @dev and @data are NULL where the kernel does not tell. */
struct iommu_domain *mock_alloc_paging(struct device *dev, u32 flags,
				       const struct ext_driver_user_data *data);
struct iommu_domain *mock_alloc_nested(struct iommu_domain *parent, u32 flags,
				       const struct ext_driver_user_data *data);
bool mock_capable(struct device *dev, enum iommu_cap cap);
void *mock_hw_info(struct device *dev, u32 *len, u32 *type);
/* NULL for a domain that does not track. */
const struct ext_driver_dirty_ops *mock_dirty_ops_of(struct iommu_domain *domain);
/* A domain without entries, which a device without a user is attached to. */
struct iommu_domain *mock_alloc_blocked(void);
extern struct iommu_domain mock_blocked_domain;

/* The description of the hardware; since 6.6. */
#if EXT_PROBE_IOMMU_OPS_HW_INFO
#define EXT_HW_INFO_OP(fn) .hw_info = (void *)(fn),
#else
#define EXT_HW_INFO_OP(fn)
#endif

/* iommu_domain_ops.attach_dev: 7.1 added the domain before. */
int mock_attach(struct iommu_domain *domain, struct device *dev);

#if EXT_PROBE_IOMMU_ATTACH_DEV_OLD
static inline int ext_driver_attach_dev(struct iommu_domain *domain,
					struct device *dev,
					struct iommu_domain *old)
{
	return mock_attach(domain, dev);
}
#else
static inline int ext_driver_attach_dev(struct iommu_domain *domain,
					struct device *dev)
{
	return mock_attach(domain, dev);
}
#endif

/*
 * PASIDs, which a driver attaches since 6.11. Until 6.13 it has an operation to
 * detach them, later a PASID is attached to the blocked domain.
 */
int mock_attach_pasid(struct iommu_domain *domain, struct device *dev,
		      u32 pasid, struct iommu_domain *old);

#if EXT_PROBE_IOMMU_SET_DEV_PASID_OLD
static inline int ext_driver_set_dev_pasid(struct iommu_domain *domain,
					   struct device *dev, u32 pasid,
					   struct iommu_domain *old)
{
	return mock_attach_pasid(domain, dev, pasid, old);
}
#else
static inline int ext_driver_set_dev_pasid(struct iommu_domain *domain,
					   struct device *dev, u32 pasid)
{
	return mock_attach_pasid(domain, dev, pasid, NULL);
}
#endif

#if EXT_PROBE_IOMMU_ATTACH_DEVICE_PASID
#define EXT_SET_DEV_PASID_OP .set_dev_pasid = ext_driver_set_dev_pasid,
#else
#define EXT_SET_DEV_PASID_OP
#endif

#if EXT_PROBE_IOMMU_OPS_REMOVE_DEV_PASID
static inline void ext_driver_remove_dev_pasid(struct device *dev, u32 pasid,
					       struct iommu_domain *domain)
{
}

#define EXT_PASID_OPS .remove_dev_pasid = ext_driver_remove_dev_pasid,
#else
#define EXT_PASID_OPS
#endif

/*
 * Page faults, which domains take since 6.11. A driver is told to queue them until
 * 6.15; later it sees that a domain has a handler, when it attaches a device. With
 * a nested domain, PASIDs are the user's: their faults go where those without go.
 */
int mock_iopf_enable(struct device *dev);
void mock_iopf_disable(struct device *dev);

struct iopf_queue;

#if EXT_PROBE_IOPF_REPORT
static inline struct iopf_queue *ext_iopf_queue_alloc(const char *name)
{
	return iopf_queue_alloc(name);
}

static inline void ext_iopf_queue_free(struct iopf_queue *queue)
{
	if (queue)
		iopf_queue_free(queue);
}

static inline int ext_iopf_queue_add(struct iopf_queue *queue,
				     struct device *dev)
{
	return iopf_queue_add_device(queue, dev);
}

static inline void ext_iopf_queue_remove(struct iopf_queue *queue,
					 struct device *dev)
{
	iopf_queue_remove_device(queue, dev);
}

static inline void ext_driver_page_response(struct device *dev,
					    struct iopf_fault *fault,
					    struct iommu_page_response *msg)
{
}

static inline int ext_report_page_request(struct device *dev, u32 pasid,
					  u32 group, u32 perm, u64 addr)
{
	struct iopf_fault event = {
		.fault.type = IOMMU_FAULT_PAGE_REQ,
		.fault.prm = {
			.flags = IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
			.addr = addr,
			.pasid = pasid,
			.grpid = group,
			.perm = perm,
		},
	};

	if (pasid)
		event.fault.prm.flags |= IOMMU_FAULT_PAGE_REQUEST_PASID_VALID;
	/* Whatever becomes of it, the device has asked. */
	iommu_report_device_fault(dev, &event);
	return 0;
}
#else
static inline struct iopf_queue *ext_iopf_queue_alloc(const char *name)
{
	return NULL;
}

static inline void ext_iopf_queue_free(struct iopf_queue *queue)
{
}

static inline int ext_iopf_queue_add(struct iopf_queue *queue,
				     struct device *dev)
{
	return -ENODEV;
}

static inline void ext_iopf_queue_remove(struct iopf_queue *queue,
					 struct device *dev)
{
}

static inline int ext_report_page_request(struct device *dev, u32 pasid,
					  u32 group, u32 perm, u64 addr)
{
	return -EOPNOTSUPP;
}
#endif

#if EXT_PROBE_IOMMU_OPS_USER_PASID_TABLE
#define EXT_USER_PASID_TABLE .user_pasid_table = true,
#else
#define EXT_USER_PASID_TABLE
#endif

#if EXT_PROBE_IOPF_REPORT && EXT_PROBE_IOMMU_DEV_FEAT_IOPF
static inline int ext_driver_enable_feat(struct device *dev,
					 enum iommu_dev_features feat)
{
	return feat == IOMMU_DEV_FEAT_IOPF ? mock_iopf_enable(dev) : -ENODEV;
}

static inline int ext_driver_disable_feat(struct device *dev,
					  enum iommu_dev_features feat)
{
	if (feat != IOMMU_DEV_FEAT_IOPF)
		return -ENODEV;
	mock_iopf_disable(dev);
	return 0;
}

#define EXT_IOPF_OPS \
	.dev_enable_feat = ext_driver_enable_feat, \
	.dev_disable_feat = ext_driver_disable_feat, \
	.page_response = ext_driver_page_response, \
	EXT_USER_PASID_TABLE
#elif EXT_PROBE_IOPF_REPORT
#define EXT_IOPF_OPS \
	.page_response = ext_driver_page_response, \
	EXT_USER_PASID_TABLE
#else
#define EXT_IOPF_OPS
#endif

/* A device goes from @old to @new; either may be NULL. */
static inline int ext_driver_follow_iopf(struct device *dev,
					 struct iommu_domain *new,
					 struct iommu_domain *old)
{
#if EXT_PROBE_IOPF_REPORT && !EXT_PROBE_IOMMU_DEV_FEAT_IOPF
	int rc = 0;

	if (new && new->iopf_handler)
		rc = mock_iopf_enable(dev);
	if (!rc && old && old->iopf_handler)
		mock_iopf_disable(dev);
	return rc;
#else
	return 0;
#endif
}

/*
 * Operations that make domains:
 *
 *  - 6.14 and later: one for paging domains, one for nested ones.
 *  - 6.7 to 6.13: one for both.
 *  - 6.1: one that is told no more than the type.
 *
 * Since 6.6 the blocked domain is one for all.
 */
#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_NESTED
static inline struct iommu_domain *
ext_driver_alloc_nested(struct device *dev, struct iommu_domain *parent,
			u32 flags, const struct iommu_user_data *data)
{
	return mock_alloc_nested(parent, flags, data);
}

#define EXT_ALLOC_NESTED_OP .domain_alloc_nested = ext_driver_alloc_nested,
#else
#define EXT_ALLOC_NESTED_OP
#endif

#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_PAGING_FLAGS
#define EXT_DOMAIN_ALLOC_OPS                    \
	EXT_ALLOC_NESTED_OP                     \
	.default_domain = &mock_blocked_domain, \
	.blocked_domain = &mock_blocked_domain, \
	.domain_alloc_paging_flags = mock_alloc_paging
#elif EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER
static inline struct iommu_domain *
ext_driver_alloc_user(struct device *dev, u32 flags,
		      struct iommu_domain *parent,
		      const struct iommu_user_data *data)
{
	return parent ? mock_alloc_nested(parent, flags, data) :
			mock_alloc_paging(dev, flags, data);
}

#define EXT_DOMAIN_ALLOC_OPS                    \
	.default_domain = &mock_blocked_domain, \
	.blocked_domain = &mock_blocked_domain, \
	.domain_alloc_user = ext_driver_alloc_user
#else
static inline struct iommu_domain *ext_driver_alloc(unsigned int type)
{
	struct iommu_domain *domain;

	domain = type == IOMMU_DOMAIN_UNMANAGED ?
			 mock_alloc_paging(NULL, 0, NULL) :
			 mock_alloc_blocked();
	return IS_ERR(domain) ? NULL : domain;
}

/* There is no domain that does nothing but identity, which needs no cookie. */
static inline int ext_driver_def_domain_type(struct device *dev)
{
	return IOMMU_DOMAIN_IDENTITY;
}

#define EXT_DOMAIN_ALLOC_OPS              \
	.domain_alloc = ext_driver_alloc, \
	.def_domain_type = ext_driver_def_domain_type
#endif

/*
 * Undo iommu_device_register(). 6.1 never forgets the operations of a bus, and
 * would follow them into a module that is gone.
 */
static inline void ext_iommu_device_unregister(struct iommu_device *iommu)
{
	iommu_device_unregister(iommu);
#if EXT_PROBE_BUS_IOMMU_OPS
	platform_bus_type.iommu_ops = NULL;
	pci_bus_type.iommu_ops = NULL;
#endif
}

#endif
