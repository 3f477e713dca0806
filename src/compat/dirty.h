/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty tracking of IOMMU domains.
 *
 * A driver records dirty pages in a bitmap that only a kernel with an iommufd of
 * its own can fill, and in the range it asks to have flushed. The second is what
 * is left for us: the range from the first to the last dirty page.
 */
#ifndef _EXT_COMPAT_DIRTY_H
#define _EXT_COMPAT_DIRTY_H

#include <linux/errno.h>
#include <linux/iommu.h>

#include "ext_probes.h"
#if IOMMUFD_EXT_TEST && !EXT_PROBE_IOMMU_DIRTY_OPS
#include "iommu_driver.h"
#endif

/* Before 6.7 no driver is asked, and no domain tracks. */
static inline bool ext_iommu_dirty_capable(struct device *dev)
{
#if EXT_PROBE_IOMMU_DIRTY_OPS
	return device_iommu_capable(dev, IOMMU_CAP_DIRTY_TRACKING);
#elif IOMMUFD_EXT_TEST
	return mock_capable(dev, EXT_CAP_DIRTY_TRACKING);
#else
	return false;
#endif
}

#define EXT_HAS_DIRTY (EXT_PROBE_IOMMU_DIRTY_OPS || IOMMUFD_EXT_TEST)

static inline bool ext_iommu_has_dirty_ops(struct iommu_domain *domain)
{
#if EXT_PROBE_IOMMU_DIRTY_OPS
	return domain->dirty_ops && domain->dirty_ops->read_and_clear_dirty;
#elif IOMMUFD_EXT_TEST
	return mock_dirty_ops_of(domain);
#else
	return false;
#endif
}

static inline int ext_iommu_set_dirty_tracking(struct iommu_domain *domain,
					       bool enable)
{
#if EXT_PROBE_IOMMU_DIRTY_OPS
	return domain->dirty_ops->set_dirty_tracking(domain, enable);
#elif IOMMUFD_EXT_TEST
	return mock_dirty_ops_of(domain)->set_dirty_tracking(domain, enable);
#else
	return -EOPNOTSUPP;
#endif
}

/*
 * Find dirty pages of a range, and make them clean with @clear. On return @found
 * reaches from the start of the first to the end of the last, which can be behind
 * the range; its start is behind its end if there are none.
 *
 * The domain has dirty_ops. Some drivers have them also when they answer
 * -EOPNOTSUPP, as 7.2's do without an iommufd in the kernel.
 */
static inline int ext_iommu_read_dirty(struct iommu_domain *domain,
				       unsigned long iova, size_t size,
				       bool clear,
				       struct iommu_iotlb_gather *found)
{
#if EXT_PROBE_IOMMU_DIRTY_OPS
	struct iommu_dirty_bitmap dirty;

	iommu_dirty_bitmap_init(&dirty, NULL, found);
	return domain->dirty_ops->read_and_clear_dirty(domain, iova, size,
						       clear ? 0 : IOMMU_DIRTY_NO_CLEAR,
						       &dirty);
#elif IOMMUFD_EXT_TEST
	struct ext_driver_dirty_bitmap dirty = { .gather = found };

	iommu_iotlb_gather_init(found);
	return mock_dirty_ops_of(domain)->read_and_clear_dirty(domain, iova, size,
							       clear ? 0 : EXT_DIRTY_NO_CLEAR,
							       &dirty);
#else
	iommu_iotlb_gather_init(found);
	return -EOPNOTSUPP;
#endif
}

#endif
