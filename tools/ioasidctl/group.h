/* SPDX-License-Identifier: GPL-2.0-only */
/* An IOMMU group: what the kernel can isolate no further. */
#ifndef IOASIDCTL_GROUP_H
#define IOASIDCTL_GROUP_H

#include "device.h"

/**
 * struct region - IOVAs that a guest cannot have
 * @first: the first
 * @last: the last
 * @type: the kernel's word: direct, direct-relaxable, reserved, msi
 */
struct region {
	unsigned long long first;
	unsigned long long last;
	char type[32];
};

/**
 * struct group - an IOMMU group
 * @id: its number
 * @devices: its PCI devices
 * @n_devices: how many these are
 * @others: names of devices on other buses
 * @regions: its reserved regions
 * @n_regions: how many these are
 */
struct group {
	int id;
	struct device *devices;
	size_t n_devices;
	struct strv others;
	struct region *regions;
	size_t n_regions;
};

int group_load(int id, struct group *group);
void group_free(struct group *group);
int group_list(int **ids, size_t *n);
const struct device *group_blocker(const struct group *group);

#endif
