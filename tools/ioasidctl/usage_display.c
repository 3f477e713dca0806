// SPDX-License-Identifier: GPL-2.0-only
/* Who uses a display. */
#include <stdio.h>
#include <stdlib.h>

#include "process.h"
#include "root.h"
#include "usage.h"

static void find_display_users(struct usage *usage, const struct device *dev)
{
	struct strv nodes = {}, users = {};
	char path[64], *text;
	size_t i;

	root_list(&nodes, "sys/bus/pci/devices/%s/drm", dev->bdf);
	for (i = 0; i < nodes.n; i++) {
		snprintf(path, sizeof(path), "/dev/dri/%.40s", nodes.s[i]);
		process_list_users(path, &users);
	}
	if (users.n) {
		text = strv_join(&users, ", ");
		usage_add(usage, "its display is used by %s", text);
		free(text);
	}
	strv_free(&users);
	strv_free(&nodes);
}

/* Who looks at a display. */
void usage_find_display(const struct device *dev, struct usage *usage)
{
	static const char boot_vga[] =
		"the firmware's display, and the console, is on it (boot_vga)";

	if (dev->boot_vga)
		usage_add(usage, "%s", boot_vga);
	find_display_users(usage, dev);
}
