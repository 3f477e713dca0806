// SPDX-License-Identifier: GPL-2.0-only
/* Drivers of PCI devices, and who of them has a device. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "module.h"
#include "root.h"

/* It becomes part of paths. */
bool driver_name_valid(const char *name)
{
	size_t i;

	if (!*name || *name == '.' || strlen(name) >= DRIVER_SIZE)
		return false;
	for (i = 0; name[i]; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			return false;
	return true;
}

/* Built on vfio-pci-core. A device that has one says so itself: struct device.vfio. */
bool driver_is_vfio(const char *name)
{
	static const char *const suffixes[] = { "vfio-pci", "vfio_pci",
						"vfio_cdev_ext" };
	size_t i, len = strlen(name), suffix;

	for (i = 0; i < ARRAY_SIZE(suffixes); i++) {
		suffix = strlen(suffixes[i]);
		if (len >= suffix && !strcmp(name + len - suffix, suffixes[i]))
			return true;
	}
	return false;
}

/* With driver_managed_dma, in the kernel's terms: they leave the group to VFIO. */
bool driver_manages_dma(const char *name)
{
	return !strcmp(name, "pcieport") || !strcmp(name, "pci-stub") ||
	       driver_is_vfio(name);
}

static bool driver_present(const char *name)
{
	return root_exists("sys/bus/pci/drivers/%s", name);
}

/* Return: 0 if the driver is there, or has come with its module. */
int driver_load(const char *name)
{
	int ret;

	if (driver_present(name))
		return 0;
	ret = module_load(name);
	if (ret)
		return ret;
	return driver_present(name) ? 0 : -ENOENT;
}

/* "" takes the override away. */
static int driver_set_override(const struct device *dev, const char *driver)
{
	char *line = xprintf("%s\n", driver);
	char *path =
		xprintf("sys/bus/pci/devices/%s/driver_override", dev->bdf);
	int ret = root_write(path, line);

	free(path);
	free(line);
	return ret;
}

static int driver_leave(const struct device *dev)
{
	char *path = xprintf("sys/bus/pci/devices/%s/driver/unbind", dev->bdf);
	int ret;

	ret = root_write(path, dev->bdf);
	free(path);
	/* Somebody else was faster: just as well. */
	return ret == -ENOENT || ret == -ENODEV ? 0 : ret;
}

static bool is_vfio(const struct device *dev)
{
	return dev->vfio[0] || driver_is_vfio(dev->driver);
}

/* driverctl of Debian 13 gives a driver of VFIO the ids of what it keeps for it. */
static int driver_forget_id(const struct device *dev)
{
	char *path = xprintf("sys/bus/pci/drivers/%s/remove_id", dev->driver);
	char *id = xprintf("%04x %04x", dev->vendor, dev->product);
	int ret = root_write(path, id);

	free(id);
	free(path);
	return ret;
}

/* A driver that refuses makes this fail or not: what counts is who has it, if it is there. */
static int driver_probe(struct device *dev)
{
	int ret = root_write("sys/bus/pci/drivers_probe", dev->bdf);

	device_reload(dev);
	return ret;
}

/*
 * Give a device to the driver that its override names, or to the one that wants it if
 * there is none. @dev says afterwards what it came to: -EEXIST if that is one of VFIO again.
 */
int driver_move(struct device *dev, const char *driver)
{
	bool overridden = driver_is_vfio(dev->override);
	int ret;

	ret = driver_set_override(dev, driver);
	if (!ret && dev->driver[0])
		ret = driver_leave(dev);
	if (ret)
		return ret;
	ret = driver_probe(dev);
	/* The id came with the override, and goes with it. */
	if (!*driver && overridden && is_vfio(dev) && !driver_forget_id(dev)) {
		ret = driver_leave(dev);
		if (!ret)
			ret = driver_probe(dev);
	}
	if (!root_exists("sys/bus/pci/devices/%s", dev->bdf))
		return -ENODEV;
	if (*driver && strcmp(dev->driver, driver))
		return ret < 0 ? ret : -ENXIO;
	return !*driver && is_vfio(dev) ? -EEXIST : 0;
}

/*
 * Give it back to the very driver it had, whatever that would take by itself. What that
 * driver still has stays where it is.
 */
int driver_restore(struct device *dev, const struct device *before)
{
	bool moved = strcmp(dev->driver, before->driver);
	char *path;
	int ret;

	ret = driver_set_override(dev, before->override);
	if (!ret && moved && dev->driver[0])
		ret = driver_leave(dev);
	if (!ret && moved && before->driver[0]) {
		path = xprintf("sys/bus/pci/drivers/%s/bind", before->driver);
		ret = root_write(path, before->bdf);
		free(path);
	}
	return device_reload(dev) ? -ENODEV : ret;
}
