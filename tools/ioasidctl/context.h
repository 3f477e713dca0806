/* SPDX-License-Identifier: GPL-2.0-only */
/* Open /dev/ioasid files: what they hold, and whose they are. */
#ifndef IOASIDCTL_CONTEXT_H
#define IOASIDCTL_CONTEXT_H

#include <stdbool.h>

#include "text.h"

/**
 * struct context - an open file of /dev/ioasid or /dev/iommu
 * @id: the module's number for it, 0 if it is not known
 * @pid: of the process that has it, 0 if nobody is known
 * @comm: what that calls itself
 * @ioases: how many it has of these, and of the following
 * @page_tables: page tables
 * @devices: bound devices
 * @endpoints: attached devices, and PASIDs of them
 * @accesses: users among drivers of emulated devices
 * @mappings: mappings in all IOASs
 * @mapped: bytes of these
 * @pinned: bytes of memory that is pinned for them
 * @kept: bytes that stay pinned, since an IOMMU did not let go of them
 * @objects: lines about its objects, as the kernel has them
 */
struct context {
	unsigned long long id;
	unsigned long long pid;
	char comm[128];
	unsigned long long ioases;
	unsigned long long page_tables;
	unsigned long long devices;
	unsigned long long endpoints;
	unsigned long long accesses;
	unsigned long long mappings;
	unsigned long long mapped;
	unsigned long long pinned;
	unsigned long long kept;
	struct strv objects;
};

/**
 * struct contexts - all of them
 * @n: how many there are
 * @list: the contexts
 * @missing: what could not be had, or NULL
 */
struct contexts {
	size_t n;
	struct context *list;
	const char *missing;
};

void contexts_load(struct contexts *contexts);
void contexts_free(struct contexts *contexts);
bool context_word(const char *line, const char *key, char *value, size_t size);

#endif
