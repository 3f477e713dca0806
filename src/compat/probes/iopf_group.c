// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are page faults of devices handed out in groups, to whoever attached the
 * device?
 *
 * From 6.11 ("iommu: Add attach handle to struct iopf_group").
 * Used by compat/fault.h.
 */
#include <linux/iommu.h>

static int handler(struct iopf_group *group)
{
	struct iopf_fault *fault;

	if (!group->attach_handle)
		return -EINVAL;
	list_for_each_entry(fault, &group->faults, list)
		group->cookie += fault->fault.prm.grpid;
	iopf_group_dequeue(group);
	iopf_group_response(group, IOMMU_PAGE_RESP_INVALID);
	iopf_free_group(group);
	return 0;
}

void ext_probe(struct iommu_domain *domain);
void ext_probe(struct iommu_domain *domain)
{
	domain->iopf_handler = handler;
}
