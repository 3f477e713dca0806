// SPDX-License-Identifier: GPL-2.0-only
/* ioasidctl list: devices by IOMMU group. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "driver.h"
#include "group.h"
#include "ioasidctl.h"
#include "output.h"
#include "usage.h"

enum state { STATE_VIABLE, STATE_BLOCKED, STATE_HOST, STATE_BRIDGES };

static const char *const state_words[] = {
	[STATE_VIABLE] = "viable",
	[STATE_BLOCKED] = "blocked",
	[STATE_HOST] = "host",
	[STATE_BRIDGES] = "bridges",
};

/* Of a group none of whose devices is on VFIO yet, nobody can say it is blocked. */
static enum state group_state(const struct group *group)
{
	bool bridges = true, vfio = false;
	size_t i;

	for (i = 0; i < group->n_devices; i++) {
		bridges = bridges && device_is_bridge(&group->devices[i]);
		vfio = vfio || group->devices[i].vfio[0];
	}
	if (group_blocker(group))
		return vfio ? STATE_BLOCKED : STATE_HOST;
	return bridges && group->n_devices ? STATE_BRIDGES : STATE_VIABLE;
}

static void print_state(const struct group *group)
{
	const struct device *blocker = group_blocker(group);

	switch (group_state(group)) {
	case STATE_VIABLE:
		printf("%sviable%s\n", colour_on(GREEN), colour_off(GREEN));
		break;
	case STATE_BLOCKED:
		printf("%sblocked%s by %s (%s)\n", colour_on(RED),
		       colour_off(RED), blocker->bdf, blocker->driver);
		break;
	case STATE_HOST:
		puts("on drivers of the host");
		break;
	case STATE_BRIDGES:
		puts("bridges, nothing to assign");
		break;
	}
}

static void print_driver(const struct device *dev, bool blocked)
{
	char *node = device_node(dev);

	printf("        driver %s", dev->driver[0] ? dev->driver : "none");
	if (blocked && device_blocks_group(dev))
		printf(": %sblocks the group%s", colour_on(RED),
		       colour_off(RED));
	else if (!dev->vfio[0] && dev->driver[0] && !device_blocks_group(dev))
		fputs(": harmless", stdout);
	if (node)
		printf(", node %s", node);
	else if (dev->vfio[0])
		fputs(", no node", stdout);
	putchar('\n');
	free(node);
}

static void print_users(const struct device *dev)
{
	struct usage usage;
	char *who;
	size_t i;

	if (vfio_user_find(dev, &who) == VFIO_USED)
		printf("        used by %s\n", who);
	free(who);
	usage_find(dev, &usage);
	for (i = 0; i < usage.n; i++)
		printf("        %s: %s\n",
		       usage.list[i].unsure ? "may be in use" : "in use",
		       usage.list[i].text);
	usage_free(&usage);
}

static void print_device(const struct device *dev, bool blocked)
{
	printf("    %s%s%s %s\n", colour_on(BOLD), dev->bdf, colour_off(BOLD),
	       device_title(dev));
	print_driver(dev, blocked);
	print_users(dev);
}

static void print_group(const struct group *group)
{
	size_t i;

	printf("IOMMU group %d: ", group->id);
	print_state(group);
	for (i = 0; i < group->n_devices; i++)
		print_device(&group->devices[i],
			     group_state(group) == STATE_BLOCKED);
	for (i = 0; i < group->others.n; i++)
		printf("    %s (no PCI device)\n", group->others.s[i]);
}

static struct json_object *listed_device_json(const struct device *dev)
{
	struct json_object *json = device_json(dev);
	struct strv uses = {}, unsure = {};
	struct usage usage;
	char *who;
	size_t i;

	vfio_user_find(dev, &who);
	json_string(json, "used_by", who);
	free(who);
	usage_find(dev, &usage);
	for (i = 0; i < usage.n; i++)
		strv_add(usage.list[i].unsure ? &unsure : &uses,
			 usage.list[i].text);
	json_object_object_add(json, "in_use", json_strings(&uses));
	json_object_object_add(json, "may_be_in_use", json_strings(&unsure));
	strv_free(&unsure);
	strv_free(&uses);
	usage_free(&usage);
	return json;
}

static struct json_object *group_json(const struct group *group)
{
	struct json_object *json = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	const struct device *blocker = group_blocker(group);
	enum state state = group_state(group);
	size_t i;

	for (i = 0; i < group->n_devices; i++)
		json_object_array_add(devices,
				      listed_device_json(&group->devices[i]));
	json_number(json, "group", group->id);
	json_string(json, "state", state_words[state]);
	json_string(json, "blocked_by",
		    state == STATE_BLOCKED ? blocker->bdf : NULL);
	json_object_object_add(json, "devices", devices);
	json_object_object_add(json, "other_devices",
			       json_strings(&group->others));
	return json;
}

/**
 * struct listing - what is to be listed
 * @only: devices that were named, or all if there is none
 * @n_only: how many were
 * @groups: in JSON
 * @alone: devices without a group, in JSON
 */
struct listing {
	const struct device *only;
	size_t n_only;
	struct json_object *groups;
	struct json_object *alone;
};

static bool wants_group(const struct listing *listing, int id)
{
	size_t i;

	for (i = 0; i < listing->n_only; i++)
		if (listing->only[i].group == id)
			return true;
	return !listing->n_only;
}

static bool wants_device(const struct listing *listing,
			 const struct device *dev)
{
	size_t i;

	for (i = 0; i < listing->n_only; i++)
		if (!strcmp(listing->only[i].bdf, dev->bdf))
			return true;
	return !listing->n_only;
}

static void list_groups(struct listing *listing)
{
	struct group group;
	size_t i, n;
	int *ids;

	group_list(&ids, &n);
	for (i = 0; i < n; i++) {
		if (!wants_group(listing, ids[i]))
			continue;
		if (!group_load(ids[i], &group)) {
			if (out_json)
				json_object_array_add(listing->groups,
						      group_json(&group));
			else
				print_group(&group);
		}
		group_free(&group);
	}
	free(ids);
}

static int list_alone(struct listing *listing)
{
	struct device *devices;
	bool first = true;
	size_t i, n;
	int ret;

	ret = device_list(&devices, &n);
	for (i = 0; i < n; i++) {
		if (devices[i].group >= 0 ||
		    !wants_device(listing, &devices[i]))
			continue;
		if (out_json) {
			json_object_array_add(listing->alone,
					      listed_device_json(&devices[i]));
			continue;
		}
		if (first)
			puts("No IOMMU group:");
		first = false;
		print_device(&devices[i], false);
	}
	free(devices);
	return ret;
}

static int list_all(struct listing *listing)
{
	struct json_object *json;
	int ret;

	listing->groups = json_object_new_array();
	listing->alone = json_object_new_array();
	list_groups(listing);
	ret = list_alone(listing);
	json = json_object_new_object();
	json_object_object_add(json, "groups", listing->groups);
	json_object_object_add(json, "no_group", listing->alone);
	if (ret)
		say_error("there is no PCI bus: %s", strerror(-ret));
	else if (out_json)
		json_print(json_object_get(json));
	json_object_put(json);
	return ret ? exit_code(ret) : EXIT_YES;
}

int cmd_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{}
	};
	struct listing listing = {};
	struct device *only;
	int option, ret;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		ret = args_common(option, "list");
		if (ret >= 0)
			return ret;
	}
	only = xcalloc(argc, sizeof(*only));
	for (ret = 0; optind < argc && !ret; optind++)
		ret = args_device(argv[optind], &only[listing.n_only++]);
	listing.only = only;
	if (!ret)
		ret = list_all(&listing);
	free(only);
	return ret;
}
