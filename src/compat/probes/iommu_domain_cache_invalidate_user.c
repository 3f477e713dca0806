// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a domain be told that the user has changed it?
 *
 * From 6.8 ("iommu: Add cache_invalidate_user op").
 * Used by ext_iommu_cache_invalidate_user().
 */
#include <linux/iommu.h>

int ext_probe(struct iommu_domain *domain);
int ext_probe(struct iommu_domain *domain)
{
	struct iommu_user_data_array array = { .entry_num = 1 };

	return domain->ops->cache_invalidate_user(domain, &array);
}
