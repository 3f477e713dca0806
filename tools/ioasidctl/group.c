// SPDX-License-Identifier: GPL-2.0-only
/* An IOMMU group: what the kernel can isolate no further. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "root.h"

#define GROUPS "sys/kernel/iommu_groups"

static void load_devices(struct group *group)
{
	struct strv names = {};
	struct device *dev;
	size_t i;

	root_list(&names, GROUPS "/%d/devices", group->id);
	group->devices = xcalloc(names.n, sizeof(*group->devices));
	for (i = 0; i < names.n; i++) {
		dev = &group->devices[group->n_devices];
		if (!device_load(names.s[i], dev))
			group->n_devices++;
		else
			strv_take(&group->others, str_escape(names.s[i]));
	}
	strv_free(&names);
}

static void load_regions(struct group *group)
{
	char *text = root_read_all(GROUPS "/%d/reserved_regions", group->id);
	char *line, *next = text;
	struct region region;

	while (next && *next) {
		line = strsep(&next, "\n");
		if (sscanf(line, "0x%llx 0x%llx %31s", &region.first,
			   &region.last, region.type) != 3)
			continue;
		group->regions = xgrow(group->regions, group->n_regions + 1,
				       sizeof(region));
		group->regions[group->n_regions++] = region;
	}
	free(text);
}

/* Return: 0, or -ENOENT. group_free() in any case. */
int group_load(int id, struct group *group)
{
	memset(group, 0, sizeof(*group));
	group->id = id;
	if (!root_exists(GROUPS "/%d", id))
		return -ENOENT;
	load_devices(group);
	load_regions(group);
	return 0;
}

void group_free(struct group *group)
{
	free(group->devices);
	free(group->regions);
	strv_free(&group->others);
	memset(group, 0, sizeof(*group));
}

/* The numbers of all groups, in order; the caller frees them. None is no error. */
int group_list(int **ids, size_t *n)
{
	struct strv names = {};
	unsigned long long id;
	size_t i;
	int ret;

	*n = 0;
	ret = root_list(&names, GROUPS);
	*ids = xcalloc(names.n, sizeof(**ids));
	for (i = 0; i < names.n; i++)
		if (parse_u64(names.s[i], 10, &id) && id <= INT_MAX)
			(*ids)[(*n)++] = id;
	strv_free(&names);
	return ret == -ENOENT ? 0 : ret;
}

/* The first device with a driver that keeps VFIO from the group, or NULL. */
const struct device *group_blocker(const struct group *group)
{
	size_t i;

	for (i = 0; i < group->n_devices; i++)
		if (device_blocks_group(&group->devices[i]))
			return &group->devices[i];
	return NULL;
}
