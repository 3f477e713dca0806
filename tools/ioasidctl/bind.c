// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidctl bind, unbind: give devices to a driver of VFIO, and back.
 *
 * Everything that can be refused is refused before anything is changed. What fails later
 * is undone, for all devices of the call.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "driver.h"
#include "group.h"
#include "host.h"
#include "ioasidctl.h"
#include "module.h"
#include "output.h"
#include "root.h"
#include "usage.h"

/* driverctl(8), which reads these files when a device comes. */
#define PERSIST_DIR "etc/driverctl.d"

/* The module makes the node in the call that binds the driver; udev may be slower. */
#define NODE_WAIT_MS 2000
#define NODE_POLL_MS 20

/**
 * struct move - a device that is to change its driver
 * @before: the device as it was found
 * @dev: the device as it is
 * @kept: the driver that driverctl's file had for it, "" if there was none
 */
struct move {
	struct device before;
	struct device dev;
	char kept[DRIVER_SIZE];
};

/**
 * struct request - what the command line asks for
 * @driver: the driver that gets the devices, "" for that of the host
 * @group: take the other devices of the group as well
 * @persist: let it last over a reboot
 * @force: take what is in use
 * @moves: the devices
 * @n: how many these are
 */
struct request {
	const char *driver;
	bool group;
	bool persist;
	bool force;
	struct move *moves;
	size_t n;
};

static void add_move(struct request *request, const struct device *dev)
{
	struct move *move;
	size_t i;

	for (i = 0; i < request->n; i++)
		if (!strcmp(request->moves[i].dev.bdf, dev->bdf))
			return;
	request->moves = xgrow(request->moves, request->n + 1, sizeof(*move));
	move = &request->moves[request->n++];
	move->before = *dev;
	move->dev = *dev;
	move->kept[0] = '\0';
}

/* Bridges stay: their drivers are in nobody's way. */
static void add_group(struct request *request, const struct device *dev)
{
	struct group group;
	size_t i;

	if (dev->group < 0)
		return;
	group_load(dev->group, &group);
	for (i = 0; i < group.n_devices; i++)
		if (!device_is_bridge(&group.devices[i]))
			add_move(request, &group.devices[i]);
	group_free(&group);
}

static int add_device(struct request *request, const char *spec)
{
	struct device dev;
	int ret;

	ret = args_device(spec, &dev);
	if (ret)
		return ret;
	if (device_is_bridge(&dev)) {
		say_error("%s is a bridge, and stays with the host", dev.bdf);
		return EXIT_NO;
	}
	add_move(request, &dev);
	if (request->group)
		add_group(request, &dev);
	return 0;
}

/* --- what is refused ----------------------------------------------------------- */

/* What nobody can see is said, and not refused. */
static bool refuse_host_use(const struct device *dev)
{
	struct usage usage;
	bool used;
	size_t i;

	usage_find(dev, &usage);
	if (!usage_is_sure(&usage) && device_blocks_group(dev))
		usage_find_claims(dev, &usage);
	for (i = 0; i < usage.n; i++) {
		say_error("%s %s in use: %s", dev->bdf,
			  usage.list[i].unsure ? "may be" : "is",
			  usage.list[i].text);
		if (usage.list[i].action)
			say_error("do: %s", usage.list[i].action);
	}
	used = usage_is_sure(&usage);
	usage_free(&usage);
	return used;
}

/* Its driver would wait for whoever has it, and so would we, for good. */
static bool refuse_vfio_use(const struct device *dev)
{
	bool used;
	char *who;

	used = vfio_user_find(dev, &who) == VFIO_USED;
	if (used)
		say_error("%s is in use by %s", dev->bdf, who);
	free(who);
	return used;
}

/* What the administrator has given to another driver of the host stays there. */
static bool is_vfio(const struct device *dev)
{
	return dev->vfio[0] || driver_is_vfio(dev->driver) ||
	       driver_is_vfio(dev->override);
}

static bool moves(const struct request *request, const struct device *dev)
{
	if (*request->driver)
		return strcmp(dev->driver, request->driver);
	return is_vfio(dev);
}

/* Who gives the host a device that no driver has takes nothing from it. */
static bool refuse_use(const struct request *request, const struct device *dev)
{
	if ((*request->driver || dev->driver[0]) && refuse_host_use(dev))
		return true;
	return refuse_vfio_use(dev);
}

static int check_use(const struct request *request)
{
	const struct device *dev;
	bool used = false;
	size_t i;

	if (request->force)
		return 0;
	for (i = 0; i < request->n; i++) {
		dev = &request->moves[i].dev;
		if (moves(request, dev))
			used |= refuse_use(request, dev);
	}
	if (used)
		say_error("nothing was changed; --force takes what is in use");
	return used ? EXIT_NO : 0;
}

#define OVERRIDE "sys/bus/pci/devices/%s/driver_override"

static int check_permission(const struct request *request)
{
	const char *bdf;
	size_t i;

	for (i = 0; i < request->n; i++) {
		bdf = request->moves[i].dev.bdf;
		if (!root_exists(OVERRIDE, bdf)) {
			say_error("%s has no driver_override", bdf);
			return EXIT_FAILED;
		}
		if (!root_accessible(W_OK, OVERRIDE, bdf)) {
			say_error("you may not change the driver of %s: run as root",
				  bdf);
			return EXIT_NOT_PERMITTED;
		}
	}
	return 0;
}

/* VFIO takes no device that no IOMMU keeps in its place. */
static int check_group(const struct request *request)
{
	const struct device *dev;
	size_t i;

	if (!driver_is_vfio(request->driver) ||
	    module_parameter("vfio", "enable_unsafe_noiommu_mode") == 1)
		return 0;
	for (i = 0; i < request->n; i++) {
		dev = &request->moves[i].dev;
		if (dev->group >= 0)
			continue;
		say_error("%s is in no IOMMU group (ioasidctl why %s)",
			  dev->bdf, dev->bdf);
		return EXIT_NO;
	}
	return 0;
}

static int check_driver(const struct request *request)
{
	int ret;

	if (!*request->driver)
		return 0;
	ret = driver_load(request->driver);
	if (ret)
		say_error("there is no driver %s: %s", request->driver,
			  ret == -ENOENT ? "modprobe does not know it" :
					   strerror(-ret));
	return ret ? exit_code(ret) : 0;
}

/* --- what lasts ---------------------------------------------------------------- */

#define PERSIST_FILE PERSIST_DIR "/pci-%s"

static int persist(const struct device *dev, const char *driver)
{
	char *name = xprintf("pci-%s", dev->bdf);
	char *line = xprintf("%s\n", driver);
	int ret;

	ret = root_replace(PERSIST_DIR, name, line);
	if (ret)
		say_error("cannot write /" PERSIST_DIR "/%s: %s", name,
			  strerror(-ret));
	free(line);
	free(name);
	return ret;
}

static int forget(const struct device *dev)
{
	char *path = xprintf(PERSIST_FILE, dev->bdf);
	int ret = root_remove(path);

	if (ret == -ENOENT)
		ret = 0;
	if (ret)
		say_error("cannot remove /%s: %s", path, strerror(-ret));
	free(path);
	return ret;
}

static void read_kept(const struct device *dev, char driver[DRIVER_SIZE])
{
	root_read(driver, DRIVER_SIZE, PERSIST_FILE, dev->bdf);
}

/* A driver of the host in the file is the administrator's. */
static int record_one(const struct request *request, struct move *move)
{
	read_kept(&move->dev, move->kept);
	if (!*request->driver)
		return driver_is_vfio(move->kept) ? forget(&move->dev) : 0;
	return request->persist ? persist(&move->dev, request->driver) : 0;
}

/* The file as it was found. */
static void unrecord_one(const struct move *move)
{
	char driver[DRIVER_SIZE];

	read_kept(&move->dev, driver);
	if (!strcmp(driver, move->kept))
		return;
	if (move->kept[0])
		persist(&move->dev, move->kept);
	else
		forget(&move->dev);
}

static bool driverctl_installed(void)
{
	return root_exists("lib/udev/rules.d/05-driverctl.rules") ||
	       root_exists("usr/lib/udev/rules.d/05-driverctl.rules");
}

/* Of all of them, or of none. */
static int record(const struct request *request)
{
	int ret = 0;
	size_t i;

	for (i = 0; i < request->n; i++) {
		ret = record_one(request, &request->moves[i]);
		if (ret)
			break;
	}
	if (ret) {
		while (i--)
			unrecord_one(&request->moves[i]);
		return exit_code(ret);
	}
	if (request->persist && !driverctl_installed())
		say_error("it lasts only with driverctl: apt install driverctl");
	return 0;
}

/* --- the change ---------------------------------------------------------------- */

static void put_back(struct move *move)
{
	if (driver_restore(&move->dev, &move->before) ||
	    strcmp(move->dev.driver, move->before.driver))
		say_error("%s is on %s now, and could not be given back to %s",
			  move->dev.bdf,
			  move->dev.driver[0] ? move->dev.driver : "no driver",
			  move->before.driver[0] ? move->before.driver :
						   "no driver");
}

static void say_failed(const struct request *request, const struct move *move,
		       int ret)
{
	if (!*request->driver && ret == -EEXIST) {
		say_error("%s takes %s again by its id: parameter ids, new_id",
			  move->dev.driver, move->dev.bdf);
		say_error("do: echo %04x %04x > /sys/bus/pci/drivers/%s/remove_id",
			  move->dev.vendor, move->dev.product,
			  move->dev.driver);
	} else if (*request->driver && exit_code(ret) != EXIT_NOT_PERMITTED) {
		say_error("driver %s does not take %s: %s (journalctl -k -b | grep -F %s)",
			  request->driver, move->dev.bdf, strerror(-ret),
			  move->dev.bdf);
	} else {
		say_error("cannot give %s to %s: %s", move->dev.bdf,
			  *request->driver ? request->driver : "the host",
			  strerror(-ret));
	}
}

/* Gives the first @n back, the last one first. */
static void undo(const struct request *request, size_t n)
{
	struct move *move;

	while (n--) {
		move = &request->moves[n];
		if (moves(request, &move->before))
			put_back(move);
	}
}

/* All of them, or none. */
static int change(const struct request *request)
{
	struct move *move;
	int ret = 0;
	size_t i;

	for (i = 0; i < request->n; i++) {
		move = &request->moves[i];
		if (!moves(request, &move->dev))
			continue;
		ret = driver_move(&move->dev, request->driver);
		if (ret)
			break;
	}
	if (!ret)
		return 0;

	say_failed(request, &request->moves[i], ret);
	undo(request, i + 1);
	return exit_code(ret);
}

static void wait_for_node(struct device *dev)
{
	const struct timespec pause = { .tv_nsec = NODE_POLL_MS * 1000000 };
	bool there = false;
	char *node;
	int ms;

	for (ms = 0; ms < NODE_WAIT_MS && !there; ms += NODE_POLL_MS) {
		node = device_node(dev);
		there = node && root_exists("%s", node + 1);
		free(node);
		if (there)
			break;
		nanosleep(&pause, NULL);
		if (device_reload(dev))
			return;
	}
}

static void wait_for_nodes(const struct request *request)
{
	size_t i;

	if (!host_native_cdevs() && !root_exists("sys/module/vfio_cdev_ext"))
		return;
	for (i = 0; i < request->n; i++)
		if (request->moves[i].dev.vfio[0])
			wait_for_node(&request->moves[i].dev);
}

/* A device can be unplugged at any time. */
static bool say_gone(const struct request *request)
{
	bool gone = false;
	const char *bdf;
	size_t i;

	for (i = 0; i < request->n; i++) {
		bdf = request->moves[i].dev.bdf;
		if (root_exists("sys/bus/pci/devices/%s", bdf))
			continue;
		say_error("%s is gone", bdf);
		gone = true;
	}
	return gone;
}

/* --- what is said -------------------------------------------------------------- */

static void print_result(const struct request *request)
{
	const struct device *dev;
	char *node;
	size_t i;

	for (i = 0; i < request->n; i++) {
		dev = &request->moves[i].dev;
		node = device_node(dev);
		printf("%s %s%s%s\n", dev->bdf,
		       dev->driver[0] ? dev->driver : "none", node ? " " : "",
		       node ? node : "");
		free(node);
	}
}

static void print_json_result(const struct request *request)
{
	struct json_object *json = json_object_new_object();
	struct json_object *array = json_object_new_array(), *one;
	size_t i;

	for (i = 0; i < request->n; i++) {
		one = device_json(&request->moves[i].dev);
		json_string(one, "driver_before",
			    request->moves[i].before.driver);
		json_object_array_add(array, one);
	}
	json_object_object_add(json, "devices", array);
	json_print(json);
}

/* The group as a whole is VFIO's or it is not: say what still keeps it from being. */
static void say_blockers(const struct request *request)
{
	const struct device *blocker;
	struct group group;
	size_t i;

	for (i = 0; i < request->n; i++) {
		if (request->moves[i].dev.group < 0)
			continue;
		group_load(request->moves[i].dev.group, &group);
		blocker = group_blocker(&group);
		if (blocker)
			say_error("%s is not free yet: %s in its group is on %s (ioasidctl why %s)",
				  request->moves[i].dev.bdf, blocker->bdf,
				  blocker->driver, request->moves[i].dev.bdf);
		group_free(&group);
	}
}

/* Its module may be missing, or it has none: VFIO has let go of it all the same. */
static void say_untaken(const struct request *request)
{
	const struct move *move;
	size_t i;

	for (i = 0; i < request->n; i++) {
		move = &request->moves[i];
		if (!move->before.vfio[0] || move->dev.driver[0])
			continue;
		say_error("no driver of the host has taken %s", move->dev.bdf);
		say_error("do: modprobe \"$(cat /sys/bus/pci/devices/%s/modalias)\"",
			  move->dev.bdf);
	}
}

static int run(struct request *request)
{
	int ret;

	ret = check_permission(request);
	if (!ret)
		ret = check_group(request);
	if (!ret)
		ret = check_use(request);
	if (!ret)
		ret = check_driver(request);
	if (!ret)
		ret = change(request);
	if (ret)
		return ret;
	ret = record(request);
	if (ret) {
		undo(request, request->n);
		return ret;
	}

	if (*request->driver) {
		wait_for_nodes(request);
		say_blockers(request);
	} else {
		say_untaken(request);
	}
	if (out_json)
		print_json_result(request);
	else
		print_result(request);
	return say_gone(request) ? EXIT_FAILED : EXIT_YES;
}

static int take_devices(struct request *request, int argc, char **argv)
{
	int ret = 0;

	for (; optind < argc && !ret; optind++)
		ret = add_device(request, argv[optind]);
	if (!ret)
		ret = run(request);
	free(request->moves);
	return ret;
}

int cmd_bind(int argc, char **argv)
{
	static const struct option options[] = {
		{ "group", no_argument, NULL, 'g' },
		{ "driver", required_argument, NULL, 'd' },
		{ "persist", no_argument, NULL, 'p' },
		{ "force", no_argument, NULL, 'f' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{}
	};
	struct request request = { .driver = "vfio-pci" };
	int option, ret;

	while ((option = getopt_long(argc, argv, "gd:pf", options, NULL)) !=
	       -1) {
		switch (option) {
		case 'g':
			request.group = true;
			break;
		case 'd':
			request.driver = optarg;
			break;
		case 'p':
			request.persist = true;
			break;
		case 'f':
			request.force = true;
			break;
		default:
			ret = args_common(option, "bind");
			if (ret >= 0)
				return ret;
		}
	}
	if (optind == argc)
		return args_wrong("bind");
	if (!driver_name_valid(request.driver)) {
		say_error("\"%s\" is no name of a driver", request.driver);
		return EXIT_BAD_USAGE;
	}
	return take_devices(&request, argc, argv);
}

int cmd_unbind(int argc, char **argv)
{
	static const struct option options[] = {
		{ "group", no_argument, NULL, 'g' },
		{ "force", no_argument, NULL, 'f' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{}
	};
	struct request request = { .driver = "" };
	int option, ret;

	while ((option = getopt_long(argc, argv, "gf", options, NULL)) != -1) {
		switch (option) {
		case 'g':
			request.group = true;
			break;
		case 'f':
			request.force = true;
			break;
		default:
			ret = args_common(option, "unbind");
			if (ret >= 0)
				return ret;
		}
	}
	if (optind == argc)
		return args_wrong("unbind");
	return take_devices(&request, argc, argv);
}
