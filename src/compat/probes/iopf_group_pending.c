// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are that list, and its lock, to be seen?
 *
 * From 6.9 ("iommu: Make iopf_group_response() return void").
 * Used by ext_iopf_group_dequeue() where the kernel has no function for it.
 */
#include <linux/iommu.h>

void ext_probe(struct iopf_group *group);
void ext_probe(struct iopf_group *group)
{
	mutex_lock(&group->fault_param->lock);
	list_del_init(&group->pending_node);
	mutex_unlock(&group->fault_param->lock);
}
