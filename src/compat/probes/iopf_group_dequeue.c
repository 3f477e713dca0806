// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a module take a group of page faults off the list of those the core still
 * has to answer?
 *
 * In Debian's 7.2 and in newer stable kernels of 6.12: 6.12.117 has it, 6.12.95
 * does not. Used by ext_iopf_group_dequeue() and ext_iopf_group_response().
 */
#include <linux/iommu.h>

void ext_probe(struct iopf_group *group);
void ext_probe(struct iopf_group *group)
{
	iopf_group_dequeue(group);
}
