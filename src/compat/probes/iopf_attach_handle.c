// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a group of page faults say which attachment it came through?
 *
 * From 6.11 ("iommu: Add attach handle to struct iopf_group"); before, there is a
 * handler of the domain (6.9), or one of the device.
 * Used by compat/fault.h.
 */
#include <linux/iommu.h>

static int handler(struct iopf_group *group)
{
	return group->attach_handle ? 0 : -EINVAL;
}

void ext_probe(struct iommu_domain *domain);
void ext_probe(struct iommu_domain *domain)
{
	domain->iopf_handler = handler;
}
