// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel does when a program writes to files that change drivers, or removes one.
 * The linker puts __wrap_root_write() in place of root_write() in the program under test,
 * and the same for root_remove(). From a directory with a file ".immutable" nothing is
 * removed.
 *
 * A device's own driver is in the file ".default" of its directory. A driver with a file
 * ".refuses" takes no device, or not the one the file names; one with ".vfio" is of VFIO,
 * and the number in that file is the index of its next device. vfio-pci takes what has the
 * id in its file ".id", too. The device that a file ".unplugs" names is gone as soon as the
 * driver is to take one.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "root.h"
#include "tree.h"

#define DEVICES "sys/bus/pci/devices"
#define DRIVERS "sys/bus/pci/drivers"

static void take_away(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEVICES "/%s/driver", bdf);
	root_remove(path);
	if (root_exists(DEVICES "/%s/vfio-dev", bdf)) {
		snprintf(path, sizeof(path), DEVICES "/%s/vfio-dev", bdf);
		tree_delete(path);
	}
}

static void make_vfio_device(const char *bdf, const char *driver)
{
	unsigned long long index;
	char line[PATH_MAX];

	if (!root_number(&index, DRIVERS "/%s/.vfio", driver))
		return;
	snprintf(line, sizeof(line), "d " DEVICES "/%s/vfio-dev/vfio%llu", bdf,
		 index);
	tree_line(line);
	snprintf(line, sizeof(line), "f " DRIVERS "/%s/.vfio %llu", driver,
		 index + 1);
	tree_line(line);
	if (!root_exists("sys/module/vfio_cdev_ext"))
		return;
	snprintf(line, sizeof(line),
		 "f " DEVICES "/%s/vfio-dev/vfio%llu/dev 240:%llu", bdf, index,
		 index);
	tree_line(line);
	snprintf(line, sizeof(line), "f " DEVICES "/%s/vfio-dev/vfio%llu/owner",
		 bdf, index);
	tree_line(line);
	snprintf(line, sizeof(line), "f dev/vfio/devices/vfio%llu", index);
	tree_line(line);
}

/* From the directory of a device, "../" often enough to reach /sys. */
static void to_sys(const char *bdf, char *up, size_t size)
{
	char path[PATH_MAX];
	const char *part;

	*up = '\0';
	root_readlink(path, sizeof(path), DEVICES "/%s", bdf);
	part = strstr(path, "/devices/");
	while (part && strlen(up) + 4 < size) {
		strcat(up, "../");
		part = strchr(part + 1, '/');
	}
}

static void unplug(const char *driver)
{
	char bdf[64], path[PATH_MAX], vfio[64] = "";
	struct strv names = {};

	if (root_read(bdf, sizeof(bdf), DRIVERS "/%s/.unplugs", driver) <= 0)
		return;
	root_list(&names, DEVICES "/%s/vfio-dev", bdf);
	if (names.n)
		str_copy(vfio, sizeof(vfio), names.s[0]);
	strv_free(&names);
	snprintf(path, sizeof(path), DEVICES "/%s", bdf);
	root_remove(path);
	snprintf(path, sizeof(path), "dev/vfio/devices/%s", vfio);
	if (*vfio)
		root_remove(path);
}

static int give(const char *bdf, const char *driver)
{
	char line[PATH_MAX], up[64], refused[64];

	if (!root_exists(DRIVERS "/%s", driver))
		return -ENODEV;
	unplug(driver);
	if (!root_exists(DEVICES "/%s", bdf))
		return -ENODEV;
	if (root_exists(DRIVERS "/%s/.refuses", driver) &&
	    (root_read(refused, sizeof(refused), DRIVERS "/%s/.refuses",
		       driver) <= 0 ||
	     !strcmp(refused, bdf)))
		return -EINVAL;
	to_sys(bdf, up, sizeof(up));
	snprintf(line, sizeof(line),
		 "l " DEVICES "/%s/driver -> %sbus/pci/drivers/%s", bdf, up,
		 driver);
	tree_line(line);
	make_vfio_device(bdf, driver);
	return 0;
}

/* The id of a device, as drivers are given and lose it. */
static void read_id(const char *bdf, char *id, size_t size)
{
	unsigned long long vendor = 0, device = 0;

	root_number(&vendor, DEVICES "/%s/vendor", bdf);
	root_number(&device, DEVICES "/%s/device", bdf);
	snprintf(id, size, "%04llx %04llx", vendor, device);
}

static bool has_id(const char *driver, const char *id)
{
	char has[64];

	return root_read(has, sizeof(has), DRIVERS "/%s/.id", driver) > 0 &&
	       !strcmp(has, id);
}

static int remove_id(const char *driver, const char *id)
{
	char path[PATH_MAX];

	if (!has_id(driver, id))
		return -ENODEV;
	snprintf(path, sizeof(path), DRIVERS "/%s/.id", driver);
	return root_remove(path);
}

static int probe(const char *bdf)
{
	char driver[64], id[64];

	if (root_exists(DEVICES "/%s/driver", bdf))
		return 0;
	if (root_read(driver, sizeof(driver), DEVICES "/%s/driver_override",
		      bdf) <= 0 ||
	    !*driver || !strcmp(driver, "(null)")) {
		read_id(bdf, id, sizeof(id));
		if (has_id("vfio-pci", id))
			return give(bdf, "vfio-pci");
		root_read(driver, sizeof(driver), DEVICES "/%s/.default", bdf);
	}
	return *driver ? give(bdf, driver) : 0;
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len >= n && !strcmp(s + len - n, end);
}

int __wrap_root_write(const char *path, const char *text)
{
	char driver[64];
	int ret;

	ret = __real_root_write(path, text);
	if (ret)
		return ret;
	if (ends_with(path, "/driver/unbind"))
		take_away(text);
	else if (!strcmp(path, "sys/bus/pci/drivers_probe"))
		ret = probe(text);
	else if (sscanf(path, DRIVERS "/%63[^/]/", driver) == 1)
		ret = ends_with(path, "/bind") ? give(text, driver) :
						 remove_id(driver, text);
	return ret;
}

int __wrap_root_remove(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash && root_exists("%.*s/.immutable", (int)(slash - path), path))
		return -EPERM;
	return __real_root_remove(path);
}
