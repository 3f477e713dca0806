// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a module answer a group of page faults, and free it?
 *
 * From 6.9 ("iommu: Make iopf_group_response() return void"), which exports both.
 * Used by compat/fault.h.
 */
#include <linux/iommu.h>

void ext_probe(struct iopf_group *group);
void ext_probe(struct iopf_group *group)
{
	iopf_group_response(group, IOMMU_PAGE_RESP_INVALID);
	iopf_free_group(group);
}
