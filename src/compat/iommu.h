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

#include "ext_probes.h"

/* A kernel with an iommufd of its own owns the name /dev/iommu. */
#define EXT_KERNEL_HAS_IOMMUFD IS_ENABLED(CONFIG_IOMMUFD)

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
		domain = ops->domain_alloc_user(dev, 0, NULL, NULL);
		if (!IS_ERR(domain)) {
			domain->type = IOMMU_DOMAIN_UNMANAGED;
			domain->owner = ops;
			if (!domain->ops)
				domain->ops = ops->default_domain_ops;
		}
		return domain;
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

/* 6.3 added the gfp argument. */
static inline int ext_iommu_map(struct iommu_domain *domain, unsigned long iova,
				phys_addr_t paddr, size_t size, int prot)
{
#if EXT_PROBE_IOMMU_MAP_GFP
	return iommu_map(domain, iova, paddr, size, prot, GFP_KERNEL_ACCOUNT);
#else
	return iommu_map(domain, iova, paddr, size, prot);
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

/*
 * True if a domain of the device can be made to ignore the no-snoop attribute.
 * A capability since 6.2. Before, only an attached domain can tell (an
 * unattached one of the Intel driver agrees to anything): attach a scratch one.
 *
 * With EXT_COHERENCY_NEEDS_OWNERSHIP, the caller owns the group's DMA, and no
 * domain is attached to the group.
 */
#define EXT_COHERENCY_NEEDS_OWNERSHIP \
	(!EXT_PROBE_IOMMU_CAP_ENFORCE_CACHE_COHERENCY)

static inline bool ext_iommu_group_enforces_coherency(struct iommu_group *group,
						      struct device *dev)
{
#if EXT_PROBE_IOMMU_CAP_ENFORCE_CACHE_COHERENCY
	return device_iommu_capable(dev, IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
#else
	bool final, enforces = false;
	struct iommu_domain *domain;

	domain = ext_iommu_paging_domain_alloc(dev, &final);
	if (IS_ERR(domain))
		return false;
	if (!iommu_attach_group(domain, group)) {
		enforces = domain->ops->enforce_cache_coherency &&
			   domain->ops->enforce_cache_coherency(domain);
		iommu_detach_group(domain, group);
	}
	iommu_domain_free(domain);
	return enforces;
#endif
}

/*
 * Move a group from the domain @old to @new. 6.6 to 6.12 export a way without a
 * moment in which DMA is blocked. Elsewhere the group is detached first; if
 * @new does not take it, it goes back to @old, which it came from and which
 * therefore takes it.
 */
#if EXT_PROBE_IOMMU_GROUP_REPLACE_DOMAIN
/* Exported, but declared in a header that is private to drivers/iommu. */
int iommu_group_replace_domain(struct iommu_group *group,
			       struct iommu_domain *new_domain);
#endif

static inline int ext_iommu_group_replace_domain(struct iommu_group *group,
						 struct iommu_domain *old,
						 struct iommu_domain *new)
{
#if EXT_PROBE_IOMMU_GROUP_REPLACE_DOMAIN
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
