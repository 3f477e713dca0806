// SPDX-License-Identifier: GPL-2.0-only
/* Interfaces of a device that the host uses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root.h"
#include "usage.h"

/* Interfaces on interfaces: no more than this many. */
#define DEPTH_MAX 8

/* Hubs on hubs. */
#define TREE_DEPTH_MAX 16

#define CLASS_NETWORK 0x02
#define CLASS_USB 0x0c03

static void find_ipv4_routes(struct strv *names)
{
	char *text = root_read_all("proc/net/route"), *next = text;
	char name[32], to[16], mask[16];

	while (next && *next)
		if (sscanf(strsep(&next, "\n"),
			   "%31s %15s %*s %*s %*s %*s %*s %15s", name, to,
			   mask) == 3 &&
		    !strcmp(to, "00000000") && !strcmp(mask, "00000000"))
			strv_add(names, name);
	free(text);
}

static void find_ipv6_routes(struct strv *names)
{
	char *text = root_read_all("proc/net/ipv6_route"), *next = text;
	char to[40], length[8], gateway[40], name[32];

	while (next && *next)
		if (sscanf(strsep(&next, "\n"),
			   "%39s %7s %*s %*s %39s %*s %*s %*s %*s %31s", to,
			   length, gateway, name) == 4 &&
		    strspn(to, "0") == 32 && !strcmp(length, "00") &&
		    strcmp(name, "lo"))
			strv_add(names, name);
	free(text);
}

static const struct strv *default_interfaces(void)
{
	static struct strv names;
	static bool found;

	if (!found) {
		find_ipv4_routes(&names);
		find_ipv6_routes(&names);
		found = true;
	}
	return &names;
}

/* The interface, or one above it, that has the default route; "" if none has. */
static void find_default(const char *name, char *found, size_t size, int depth)
{
	struct strv entries = {};
	size_t i;

	*found = '\0';
	if (strv_has(default_interfaces(), name)) {
		str_copy(found, size, name);
		return;
	}
	root_list(&entries, "sys/class/net/%s", name);
	for (i = 0; i < entries.n && !*found && depth < DEPTH_MAX; i++)
		if (str_starts(entries.s[i], "upper_"))
			find_default(entries.s[i] + strlen("upper_"), found,
				     size, depth + 1);
	strv_free(&entries);
}

#define INTERFACE_UP 1

static void find_interface_uses(struct usage *usage, const char *name)
{
	unsigned long long flags = 0;
	char route[64], master[64];
	struct use *use;

	root_number(&flags, "sys/class/net/%s/flags", name);
	find_default(name, route, sizeof(route), 0);
	root_link_name(master, sizeof(master), "sys/class/net/%s/master", name);
	if (!(flags & INTERFACE_UP) && !route[0] && !master[0])
		return;

	if (route[0] && strcmp(route, name))
		use = usage_add(usage,
				"%s carries %s, which has the default route",
				name, route);
	else if (route[0])
		use = usage_add(usage, "%s has the default route", name);
	else if (flags & INTERFACE_UP)
		use = usage_add(usage, "%s is up", name);
	else
		use = usage_add(usage, "%s is a part of %s", name, master);
	use_set_action(use, "ip link set", name,
		       flags & INTERFACE_UP ? " down" : " nomaster");
}

/* Interfaces of the host that are up, carry the default route, or are a part of another. */
void usage_find_interfaces(const struct device *dev, struct usage *usage)
{
	struct strv names = {};
	size_t i;

	device_class_names(dev, "net", &names);
	for (i = 0; i < names.n; i++)
		find_interface_uses(usage, names.s[i]);
	strv_free(&names);
}

static bool directory_is_empty(const char *path)
{
	struct strv names = {};
	bool empty;

	empty = !root_list(&names, "%s", path) && !names.n;
	strv_free(&names);
	return empty;
}

/*
 * The directory of a device's interfaces is there as long as one of them is, but shows
 * only those of our network namespace.
 */
static bool has_hidden(const char *path, int depth)
{
	struct strv names = {};
	bool hidden = false;
	char *below;
	size_t i;

	root_list_directories(&names, "%s", path);
	for (i = 0; i < names.n && !hidden; i++) {
		below = xprintf("%s/%s", path, names.s[i]);
		if (!strcmp(names.s[i], "net"))
			hidden = directory_is_empty(below);
		else if (depth < TREE_DEPTH_MAX)
			hidden = has_hidden(below, depth + 1);
		free(below);
	}
	strv_free(&names);
	return hidden;
}

/* Interfaces of the device, or behind it on USB, that are in another network namespace. */
void usage_find_hidden(const struct device *dev, struct usage *usage)
{
	static const char how[] =
		"ip -all netns exec ip -brief link   # lsns -t net has those without a name, too";
	struct use *use;
	bool hidden;
	char *path;

	if (dev->class >> 16 != CLASS_NETWORK && dev->class >> 8 != CLASS_USB)
		return;
	path = xprintf("sys/bus/pci/devices/%s", dev->bdf);
	hidden = has_hidden(path, 0);
	free(path);
	if (!hidden)
		return;
	use = usage_add(usage, "%s",
			"by an interface in another network namespace");
	use->unsure = true;
	use->action = xstrdup(how);
}
