// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are the trace events of mapping and unmapping exported?
 *
 * Yes since 4.6 or earlier. Used by ext_trace_map() and ext_trace_unmap().
 */
#include <linux/iommu.h>
#include <trace/events/iommu.h>

void ext_probe(unsigned long iova, phys_addr_t paddr, size_t size);
void ext_probe(unsigned long iova, phys_addr_t paddr, size_t size)
{
	trace_map(iova, paddr, size);
	trace_unmap(iova, size, size);
}
