/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOMMU API differences.
 *
 * Every shim says which kernels take which branch; the probe of the same name
 * decides, never a version number.
 */
#ifndef _EXT_COMPAT_IOMMU_H
#define _EXT_COMPAT_IOMMU_H

#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/irqdomain.h>
#include <linux/kconfig.h>

#include <uapi/linux/ioasid.h>

#include "ext_probes.h"
#if IOMMUFD_EXT_TEST && !EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER && \
	!EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_PAGING_FLAGS
#include "iommu_driver.h"
#endif

#if EXT_PROBE_IOMMU_PT_MAP_RANGE
#include <linux/generic_pt/iommu.h>
#endif
#if EXT_PROBE_IOMMU_TRACE
#include <trace/events/iommu.h>
#endif

/* A kernel with an iommufd of its own owns the name /dev/iommu. */
#define EXT_KERNEL_HAS_IOMMUFD IS_ENABLED(CONFIG_IOMMUFD)

/**
 * struct ext_user_data - what a user tells an IOMMU driver about a domain
 * @type: enum ioasid_hwpt_data_type, or of what is invalidated
 * @uptr: the data
 * @len: of the data, or of one entry of it, in bytes
 */
struct ext_user_data {
	unsigned int type;
	void __user *uptr;
	size_t len;
};

#if EXT_PROBE_IOMMU_USER_DATA
static inline struct iommu_user_data
ext_iommu_user_data(const struct ext_user_data *data)
{
	return (struct iommu_user_data){
		.type = data->type,
		.uptr = data->uptr,
		.len = data->len,
	};
}
#endif

#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER
/*
 * IOASID_HWPT_ALLOC_PASID is younger than this operation. A driver that does not
 * know it makes domains that serve PASIDs if the device has any.
 */
static inline struct iommu_domain *
ext_domain_alloc_user(struct device *dev, u32 flags,
		      struct iommu_domain *parent,
		      const struct iommu_user_data *data)
{
	const struct iommu_ops *ops = dev->iommu->iommu_dev->ops;
	struct iommu_domain *domain;

	if (!ops->domain_alloc_user)
		return ERR_PTR(-EOPNOTSUPP);
	domain = ops->domain_alloc_user(dev, flags, parent, data);
	if (IS_ERR(domain) && PTR_ERR(domain) == -EOPNOTSUPP &&
	    (flags & IOASID_HWPT_ALLOC_PASID) && dev->iommu->max_pasids)
		domain = ops->domain_alloc_user(dev,
						flags & ~IOASID_HWPT_ALLOC_PASID,
						parent, data);
	return domain;
}
#endif

/*
 * Make a paging domain with flags of HWPT_ALLOC, data, or both. Such a domain
 * knows its aperture and page sizes. The core has a function for it that passes
 * no data; what it sets is set here. -EOPNOTSUPP before 6.7, and from drivers
 * without the operation.
 */
static inline struct iommu_domain *
ext_iommu_domain_alloc_flags(struct device *dev, u32 flags,
			     const struct ext_user_data *data)
{
#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER || \
	EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_PAGING_FLAGS
	const struct iommu_ops *ops = dev->iommu->iommu_dev->ops;
	struct iommu_user_data user_data;
	struct iommu_domain *domain;

	if (data)
		user_data = ext_iommu_user_data(data);
#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER
	domain = ext_domain_alloc_user(dev, flags, NULL,
				       data ? &user_data : NULL);
#else
	if (!ops->domain_alloc_paging_flags)
		return ERR_PTR(-EOPNOTSUPP);
	domain = ops->domain_alloc_paging_flags(dev, flags,
						data ? &user_data : NULL);
#endif
	if (IS_ERR(domain))
		return domain;
	domain->type = IOMMU_DOMAIN_UNMANAGED;
	domain->owner = ops;
	if (!domain->ops)
		domain->ops = ops->default_domain_ops;
	return domain;
#elif IOMMUFD_EXT_TEST
	struct ext_driver_user_data user_data;

	if (data)
		user_data = (struct ext_driver_user_data){
			.type = data->type,
			.uptr = data->uptr,
			.len = data->len,
		};
	return mock_alloc_paging(dev, flags, data ? &user_data : NULL);
#else
	return ERR_PTR(-EOPNOTSUPP);
#endif
}

/*
 * Make a paging domain for a device.
 *
 * A driver that is told the device makes a domain whose aperture and page sizes
 * are @final. One that is not learns them when the first device is attached, and
 * nothing may be mapped earlier. Which it is, is up to the driver:
 *
 *  - 6.1: none is told.
 *  - 6.6 and later: those with the operation domain_alloc_user, which is meant
 *    for user space's domains and therefore comes first, or domain_alloc_paging.
 *  - since domain_alloc, which is not told, is gone: all.
 */
static inline struct iommu_domain *
ext_iommu_paging_domain_alloc(struct device *dev, bool *final)
{
#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER || \
	EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_PAGING
	const struct iommu_ops *ops = dev->iommu->iommu_dev->ops;
#endif
	struct iommu_domain *domain;

	*final = !EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC;
#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER
	if (ops->domain_alloc_user) {
		*final = true;
		return ext_iommu_domain_alloc_flags(dev, 0, NULL);
	}
#endif
#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_PAGING
	*final = *final || ops->domain_alloc_paging;
#endif
#if EXT_PROBE_IOMMU_PAGING_DOMAIN_ALLOC
	domain = iommu_paging_domain_alloc(dev);
#elif EXT_PROBE_IOMMU_DOMAIN_ALLOC_BUS
	domain = iommu_domain_alloc(dev->bus) ?: ERR_PTR(-ENOMEM);
#endif
	/* Some are told, and still wait for the attach. */
	if (!IS_ERR(domain) && !domain->geometry.aperture_end)
		*final = false;
	return domain;
}

/*
 * Make a domain whose output @parent translates. The caller made @parent with
 * IOASID_HWPT_ALLOC_NEST_PARENT. -EOPNOTSUPP before 6.7, and from drivers without
 * the operation.
 */
static inline struct iommu_domain *
ext_iommu_domain_alloc_nested(struct device *dev, struct iommu_domain *parent,
			      u32 flags, const struct ext_user_data *data)
{
#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER || \
	EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_NESTED
	const struct iommu_ops *ops = dev->iommu->iommu_dev->ops;
	struct iommu_user_data user_data = ext_iommu_user_data(data);
	struct iommu_domain *domain;

#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER
	domain = ext_domain_alloc_user(dev, flags, parent, &user_data);
#else
	if (!ops->domain_alloc_nested)
		return ERR_PTR(-EOPNOTSUPP);
	domain = ops->domain_alloc_nested(dev, parent, flags, &user_data);
#endif
	if (IS_ERR(domain))
		return domain;
	if (WARN_ON_ONCE(domain->type != IOMMU_DOMAIN_NESTED)) {
		iommu_domain_free(domain);
		return ERR_PTR(-EOPNOTSUPP);
	}
	domain->owner = ops;
	return domain;
#else
	return ERR_PTR(-EOPNOTSUPP);
#endif
}

/* Whether there is an operation for it that a driver can have. */
#define EXT_IOMMU_HAS_NESTED                      \
	(EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER || \
	 EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_NESTED)

/* Can the driver of the device make nested domains, for any data at all? */
static inline bool ext_iommu_can_nest(struct device *dev)
{
#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER
	return dev->iommu->iommu_dev->ops->domain_alloc_user;
#elif EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_NESTED
	return dev->iommu->iommu_dev->ops->domain_alloc_nested;
#else
	return false;
#endif
}

/* Do domain and device belong to one IOMMU driver? Not known before 6.7. */
static inline bool ext_iommu_same_owner(const struct iommu_domain *domain,
					struct device *dev)
{
#if EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER || \
	EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_PAGING_FLAGS
	return domain->owner == dev->iommu->iommu_dev->ops;
#else
	return true;
#endif
}

/*
 * Tell the driver of a nested domain what the user changed. @num: entries there
 * are, and on return those that were served. -EOPNOTSUPP before 6.8.
 */
static inline int ext_iommu_cache_invalidate_user(struct iommu_domain *domain,
						  const struct ext_user_data *entries,
						  u32 *num)
{
#if EXT_PROBE_IOMMU_DOMAIN_CACHE_INVALIDATE_USER
	struct iommu_user_data_array array = {
		.type = entries->type,
		.uptr = entries->uptr,
		.entry_len = entries->len,
		.entry_num = *num,
	};
	int ret;

	if (domain->ops && domain->ops->cache_invalidate_user) {
		ret = domain->ops->cache_invalidate_user(domain, &array);
		*num = array.entry_num;
		return ret;
	}
#endif
	*num = 0;
	return -EOPNOTSUPP;
}

/*
 * Generic page tables, as in 7.2, have no map_pages. Their own operation maps a
 * whole contiguous range, and adds what it mapped to *@mapped.
 */
static inline bool
ext_iommu_has_map_range(const struct iommu_domain *domain)
{
#if EXT_PROBE_IOMMU_PT_MAP_RANGE
	return iommupt_from_domain((struct iommu_domain *)domain);
#else
	return false;
#endif
}

static inline int ext_iommu_map_range(struct iommu_domain *domain,
				      unsigned long iova, phys_addr_t paddr,
				      size_t size, int prot, size_t *mapped)
{
#if EXT_PROBE_IOMMU_PT_MAP_RANGE
	struct pt_iommu *pt = iommupt_from_domain(domain);

	return pt->ops->map_range(pt, iova, paddr, size, prot,
				  GFP_KERNEL_ACCOUNT, mapped);
#else
	return -EOPNOTSUPP;
#endif
}

/* Unmaps what ext_iommu_map_range() mapped; returns how much. */
static inline size_t ext_iommu_unmap_range(struct iommu_domain *domain,
					   unsigned long iova, size_t size,
					   struct iommu_iotlb_gather *gather)
{
#if EXT_PROBE_IOMMU_PT_MAP_RANGE
	struct pt_iommu *pt = iommupt_from_domain(domain);

	return pt->ops->unmap_range(pt, iova, size, gather);
#else
	return 0;
#endif
}

/*
 * A debug option of later kernels: the core counts what is mapped, and misses what
 * is mapped with the operations of the drivers.
 */
#define EXT_IOMMU_COUNTS_MAPPINGS IS_ENABLED(CONFIG_IOMMU_DEBUG_PAGEALLOC)

/*
 * Does the IOMMU API look as on a kernel whose drivers' map_pages is called in
 * the tests? These are 6.1 and 6.12 (6.11 and 6.13 look the same). On others
 * all goes through the core, but for generic page tables.
 */
#define EXT_IOMMU_MAP_PAGES_TESTED                          \
	(!EXT_PROBE_IOMMU_PT_MAP_RANGE &&                   \
	 ((EXT_PROBE_IOMMU_DOMAIN_ALLOC_BUS &&              \
	   !EXT_PROBE_IOMMU_CAP_ENFORCE_CACHE_COHERENCY) || \
	  (EXT_PROBE_IOMMU_ATTACH_GROUP_HANDLE &&           \
	   EXT_PROBE_IOMMU_OPS_DOMAIN_ALLOC_USER)))

/*
 * The same of the operations of generic page tables. The tests have them on 7.2
 * and 7.3. No probe tells a later kernel that has the same interface. It is
 * called directly, too: the interface is one for all formats, and what callers
 * have to do, and on how many processors, is said beside it
 * (include/linux/generic_pt/iommu.h).
 */
#define EXT_IOMMU_MAP_RANGE_TESTED EXT_PROBE_IOMMU_PT_MAP_RANGE

/*
 * The name an IOMMU has in /sys/class/iommu; of a device that is behind one. Its
 * driver gives it: dmar0, ivhd0, smmu3.0x..., or the name of a parent device.
 */
static inline const char *ext_iommu_name(struct device *dev)
{
	const struct device *iommu = dev->iommu->iommu_dev->dev;

	return iommu ? dev_name(iommu) : "";
}

/* The trace events of the IOMMU core, for what does not go through it. */
static inline void ext_trace_map(unsigned long iova, phys_addr_t paddr,
				 size_t size)
{
#if EXT_PROBE_IOMMU_TRACE
	trace_map(iova, paddr, size);
#endif
}

static inline void ext_trace_unmap(unsigned long iova, size_t size,
				   size_t unmapped)
{
#if EXT_PROBE_IOMMU_TRACE
	trace_unmap(iova, size, unmapped);
#endif
}

/* 6.3 added the gfp argument. On failure, nothing is mapped. */
static inline int ext_iommu_map(struct iommu_domain *domain, unsigned long iova,
				phys_addr_t paddr, size_t size, int prot)
{
#if EXT_PROBE_IOMMU_MAP_GFP
	return iommu_map(domain, iova, paddr, size, prot, GFP_KERNEL_ACCOUNT);
#else
	return iommu_map(domain, iova, paddr, size, prot);
#endif
}

/* The same. */
static inline ssize_t ext_iommu_map_sg(struct iommu_domain *domain,
				       unsigned long iova,
				       struct scatterlist *sg,
				       unsigned int nents, int prot)
{
#if EXT_PROBE_IOMMU_MAP_SG_GFP
	return iommu_map_sg(domain, iova, sg, nents, prot, GFP_KERNEL_ACCOUNT);
#else
	return iommu_map_sg(domain, iova, sg, nents, prot);
#endif
}

/* The operation returns an error since 6.7, nothing before. */
static inline int ext_iotlb_sync_map(struct iommu_domain *domain,
				     unsigned long iova, size_t size)
{
	const struct iommu_domain_ops *ops = domain->ops;

	if (!ops->iotlb_sync_map)
		return 0;
#if EXT_PROBE_IOTLB_SYNC_MAP_INT
	return ops->iotlb_sync_map(domain, iova, size);
#else
	ops->iotlb_sync_map(domain, iova, size);
	return 0;
#endif
}

/*
 * Reserved regions of a device. Modules cannot ask for those of one device
 * before 6.2: the answer is then that of its whole group, which holds more,
 * never less. Undone by iommu_put_resv_regions().
 */
static inline int ext_iommu_get_resv_regions(struct device *dev,
					     struct iommu_group *group,
					     struct list_head *list)
{
#if EXT_PROBE_IOMMU_GET_RESV_REGIONS
	iommu_get_resv_regions(dev, list);
	return 0;
#else
	return iommu_get_group_resv_regions(group, list);
#endif
}

/*
 * True if a device of the group cannot raise interrupts of others. 6.3 made it
 * a question to the group; before, either the platform's MSI domains or the
 * IOMMU remap.
 */
static inline bool ext_iommu_group_has_isolated_msi(struct iommu_group *group,
						    struct device *dev)
{
#if EXT_PROBE_IOMMU_GROUP_HAS_ISOLATED_MSI
	return iommu_group_has_isolated_msi(group);
#else
	return irq_domain_check_msi_remap() ||
	       device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
#endif
}

/* Before 6.11 there are no handles. */
#if EXT_PROBE_IOMMU_ATTACH_HANDLE
#define ext_iommu_attach_handle iommu_attach_handle
#else
struct ext_iommu_attach_handle {
	struct iommu_domain *domain;
};
#endif

/*
 * Attach a group with a handle, that those it faults to find it by. Kernels before
 * 6.11 have no handles, and nothing to find.
 */
#if EXT_PROBE_IOMMU_ATTACH_GROUP_HANDLE
/* Exported, but declared in a header that is private to drivers/iommu. */
int iommu_attach_group_handle(struct iommu_domain *domain,
			      struct iommu_group *group,
			      struct iommu_attach_handle *handle);
void iommu_detach_group_handle(struct iommu_domain *domain,
			       struct iommu_group *group);
int iommu_replace_group_handle(struct iommu_group *group,
			       struct iommu_domain *new_domain,
			       struct iommu_attach_handle *handle);
#endif

static inline int ext_iommu_attach_group(struct iommu_domain *domain,
					 struct iommu_group *group,
					 struct ext_iommu_attach_handle *handle)
{
#if EXT_PROBE_IOMMU_ATTACH_GROUP_HANDLE
	return iommu_attach_group_handle(domain, group, handle);
#else
	return iommu_attach_group(domain, group);
#endif
}

static inline void ext_iommu_detach_group(struct iommu_domain *domain,
					  struct iommu_group *group)
{
#if EXT_PROBE_IOMMU_ATTACH_GROUP_HANDLE
	iommu_detach_group_handle(domain, group);
#else
	iommu_detach_group(domain, group);
#endif
}

/*
 * Move a group from the domain @old to @new. 6.6 and later export ways without a
 * moment in which DMA is blocked. Elsewhere the group is detached first; if
 * @new does not take it, it goes back to @old, which it came from and which
 * therefore takes it.
 */
#if !EXT_PROBE_IOMMU_ATTACH_GROUP_HANDLE && EXT_PROBE_IOMMU_GROUP_REPLACE_DOMAIN
int iommu_group_replace_domain(struct iommu_group *group,
			       struct iommu_domain *new_domain);
#endif

#define EXT_IOMMU_REPLACES_ATOMICALLY           \
	(EXT_PROBE_IOMMU_ATTACH_GROUP_HANDLE || \
	 EXT_PROBE_IOMMU_GROUP_REPLACE_DOMAIN)

static inline int ext_iommu_replace_group(struct iommu_group *group,
					  struct iommu_domain *old,
					  struct iommu_domain *new,
					  struct ext_iommu_attach_handle *handle)
{
#if EXT_PROBE_IOMMU_ATTACH_GROUP_HANDLE
	return iommu_replace_group_handle(group, new, handle);
#elif EXT_PROBE_IOMMU_GROUP_REPLACE_DOMAIN
	return iommu_group_replace_domain(group, new);
#else
	int ret;

	iommu_detach_group(old, group);
	ret = iommu_attach_group(new, group);
	if (ret)
		WARN_ON(iommu_attach_group(old, group));
	return ret;
#endif
}

#endif
