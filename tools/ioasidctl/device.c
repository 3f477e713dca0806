// SPDX-License-Identifier: GPL-2.0-only
/* A PCI device, as sysfs has it. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "driver.h"
#include "output.h"
#include "pci_names.h"
#include "root.h"

#define DEVICES "sys/bus/pci/devices"

#define CLASS_DISPLAY 0x03
#define CLASS_BRIDGE 0x06
#define CLASS_BRIDGE_PCI 0x0604

static size_t hex_digits(const char *s)
{
	size_t n = 0;

	while (isxdigit((unsigned char)s[n]))
		n++;
	return n;
}

/* "bb:dd.f" */
static bool is_short_bdf(const char *s)
{
	return hex_digits(s) == 2 && s[2] == ':' && hex_digits(s + 3) == 2 &&
	       s[5] == '.' && s[6] >= '0' && s[6] <= '7' && !s[7];
}

/* "dddd:bb:dd.f" */
bool is_bdf(const char *s)
{
	size_t n = hex_digits(s);

	return n >= 4 && n <= 8 && s[n] == ':' && is_short_bdf(s + n + 1);
}

/* libvirt's "pci_0000_01_00_0" becomes "0000:01:00.0". */
static bool from_libvirt(const char *spec, char bdf[BDF_SIZE])
{
	char *c;
	int i;

	if (!str_starts(spec, "pci_") || strlen(spec + 4) >= BDF_SIZE)
		return false;
	str_copy(bdf, BDF_SIZE, spec + 4);
	for (i = 0; i < 3; i++) {
		c = strchr(bdf, '_');
		if (!c)
			return false;
		*c = i < 2 ? ':' : '.';
	}
	return is_bdf(bdf);
}

static bool bdf_from_address(const char *spec, char bdf[BDF_SIZE])
{
	char *c;

	if (is_short_bdf(spec))
		snprintf(bdf, BDF_SIZE, "0000:%s", spec);
	else if (is_bdf(spec))
		str_copy(bdf, BDF_SIZE, spec);
	else if (!from_libvirt(spec, bdf))
		return false;
	for (c = bdf; *c; c++)
		*c = tolower((unsigned char)*c);
	return true;
}

/* The part of a path of sysfs that is the PCI device next to its end. */
static bool last_bdf(const char *path, char bdf[BDF_SIZE])
{
	bool found = false;
	char part[BDF_SIZE];
	size_t len;

	while (*path) {
		len = strcspn(path, "/");
		if (len < sizeof(part)) {
			memcpy(part, path, len);
			part[len] = '\0';
			if (is_bdf(part)) {
				strcpy(bdf, part);
				found = true;
			}
		}
		path += len;
		path += *path == '/';
	}
	return found;
}

/* Whether a path of sysfs goes through a PCI device. */
bool path_is_below(const char *path, const char *bdf)
{
	size_t len = strlen(bdf);
	const char *at = path;

	while ((at = strstr(at, bdf))) {
		if (at != path && at[-1] == '/' &&
		    (at[len] == '/' || !at[len]))
			return true;
		at += len;
	}
	return false;
}

/* What the device, and all that is behind it, has of a class: "net", "input". */
void device_class_names(const struct device *dev, const char *class,
			struct strv *names)
{
	struct strv all = {};
	char target[PATH_MAX];
	size_t i;

	root_list(&all, "sys/class/%s", class);
	for (i = 0; i < all.n; i++)
		if (root_readlink(target, sizeof(target), "sys/class/%s/%s",
				  class, all.s[i]) > 0 &&
		    path_is_below(target, dev->bdf))
			strv_add(names, all.s[i]);
	strv_free(&all);
}

/*
 * A disk that several controllers of NVMe can reach is below none of them, but below a
 * subsystem, which names them. Adds the paths of these.
 */
void nvme_controllers(const char *path, struct strv *controllers)
{
	static const char class[] = "/nvme-subsystem/";
	const char *name = strstr(path, class);
	struct strv names = {};
	char target[PATH_MAX];
	size_t i;
	int len;

	if (!name)
		return;
	name += strlen(class);
	len = strcspn(name, "/");
	root_list(&names, "sys/class/nvme-subsystem/%.*s", len, name);
	for (i = 0; i < names.n; i++)
		if (str_starts(names.s[i], "nvme") &&
		    root_readlink(target, sizeof(target),
				  "sys/class/nvme-subsystem/%.*s/%s", len, name,
				  names.s[i]) > 0)
			strv_add(controllers, target);
	strv_free(&names);
}

static bool bdf_from_path(const char *path, char bdf[BDF_SIZE])
{
	struct strv controllers = {};
	bool found;
	size_t i;

	found = last_bdf(path, bdf);
	if (!found)
		nvme_controllers(path, &controllers);
	for (i = 0; i < controllers.n && !found; i++)
		found = last_bdf(controllers.s[i], bdf);
	strv_free(&controllers);
	return found;
}

/* An interface, a disk or a node of VFIO. */
static bool bdf_from_name(const char *spec, char bdf[BDF_SIZE])
{
	static const char *const classes[] = { "net", "block", "vfio-dev" };
	char target[PATH_MAX];
	const char *name = strrchr(spec, '/');
	size_t i;

	if (name && !str_starts(spec, "/dev/"))
		return false;
	name = name ? name + 1 : spec;
	if (!*name || *name == '.')
		return false;
	for (i = 0; i < ARRAY_SIZE(classes); i++)
		if (root_readlink(target, sizeof(target), "sys/class/%s/%s",
				  classes[i], name) > 0 &&
		    bdf_from_path(target, bdf))
			return true;
	return false;
}

static unsigned int attr(const char *bdf, const char *name)
{
	unsigned long long value;

	return root_number(&value, DEVICES "/%s/%s", bdf, name) ? value : 0;
}

static int group_of(const char *bdf)
{
	unsigned long long id;
	char name[16];

	if (!root_link_name(name, sizeof(name), DEVICES "/%s/iommu_group",
			    bdf) ||
	    !parse_u64(name, 10, &id) || id > INT_MAX)
		return -1;
	return id;
}

static void load_override(struct device *dev)
{
	root_read(dev->override, sizeof(dev->override),
		  DEVICES "/%s/driver_override", dev->bdf);
	if (!strcmp(dev->override, "(null)"))
		dev->override[0] = '\0';
}

static void load_vfio(struct device *dev)
{
	struct strv names = {};
	size_t i;

	root_list(&names, DEVICES "/%s/vfio-dev", dev->bdf);
	for (i = 0; i < names.n; i++) {
		if (!str_starts(names.s[i], "vfio") ||
		    strlen(names.s[i]) >= sizeof(dev->vfio))
			continue;
		str_copy(dev->vfio, sizeof(dev->vfio), names.s[i]);
		dev->node = root_exists(DEVICES "/%s/vfio-dev/%s/dev",
					dev->bdf, dev->vfio);
		break;
	}
	strv_free(&names);
}

/* Return: 0, or -ENODEV if there is no such device. */
int device_load(const char *bdf, struct device *dev)
{
	memset(dev, 0, sizeof(*dev));
	if (!is_bdf(bdf) || strlen(bdf) >= sizeof(dev->bdf) ||
	    !root_exists(DEVICES "/%s", bdf))
		return -ENODEV;

	str_copy(dev->bdf, sizeof(dev->bdf), bdf);
	dev->class = attr(bdf, "class");
	dev->vendor = attr(bdf, "vendor");
	dev->product = attr(bdf, "device");
	dev->revision = attr(bdf, "revision");
	dev->boot_vga = attr(bdf, "boot_vga");
	dev->vfs = attr(bdf, "sriov_numvfs");
	dev->group = group_of(bdf);
	root_link_name(dev->driver, sizeof(dev->driver), DEVICES "/%s/driver",
		       bdf);
	root_link_name(dev->physfn, sizeof(dev->physfn), DEVICES "/%s/physfn",
		       bdf);
	load_override(dev);
	load_vfio(dev);
	return 0;
}

/* What has become of it; one that is gone keeps its name, and nothing else. */
int device_reload(struct device *dev)
{
	char bdf[BDF_SIZE];
	int ret;

	str_copy(bdf, sizeof(bdf), dev->bdf);
	ret = device_load(bdf, dev);
	if (ret) {
		str_copy(dev->bdf, sizeof(dev->bdf), bdf);
		dev->group = -1;
	}
	return ret;
}

/* What a user calls a device. Return: 0, or -ENODEV. */
int device_resolve(const char *spec, struct device *dev)
{
	char bdf[BDF_SIZE];

	if (!bdf_from_address(spec, bdf) && !bdf_from_name(spec, bdf))
		return -ENODEV;
	return device_load(bdf, dev);
}

/* All of them, by name; the caller frees the array. */
int device_list(struct device **devices, size_t *n)
{
	struct strv names = {};
	size_t i;
	int ret;

	*n = 0;
	*devices = NULL;
	ret = root_list(&names, DEVICES);
	if (ret)
		return ret;
	*devices = xcalloc(names.n, sizeof(**devices));
	for (i = 0; i < names.n; i++)
		if (!device_load(names.s[i], &(*devices)[*n]))
			(*n)++;
	strv_free(&names);
	return 0;
}

bool device_is_pci_bridge(const struct device *dev)
{
	return dev->class >> 8 == CLASS_BRIDGE_PCI;
}

/* To PCI, ISA or the processor: nothing a guest is given. */
bool device_is_bridge(const struct device *dev)
{
	return dev->class >> 16 == CLASS_BRIDGE;
}

bool device_is_display(const struct device *dev)
{
	return dev->class >> 16 == CLASS_DISPLAY;
}

/* A driver that does DMA for the kernel keeps VFIO from the whole group. */
bool device_blocks_group(const struct device *dev)
{
	return dev->driver[0] && !dev->vfio[0] &&
	       !driver_manages_dma(dev->driver);
}

/* "VGA compatible controller: NVIDIA GA106 [10de:2503] (rev a1)", until the next call. */
const char *device_title(const struct device *dev)
{
	static char title[512];
	char class[128], name[256];

	pci_class_name(dev->class >> 8, class, sizeof(class));
	pci_device_name(dev->vendor, dev->product, name, sizeof(name));
	if (dev->revision)
		snprintf(title, sizeof(title), "%s: %s [%04x:%04x] (rev %02x)",
			 class, name, dev->vendor, dev->product, dev->revision);
	else
		snprintf(title, sizeof(title), "%s: %s [%04x:%04x]", class,
			 name, dev->vendor, dev->product);
	return title;
}

/* Path of its node, or NULL if it has none; the caller frees it. */
char *device_node(const struct device *dev)
{
	char directory[64];

	if (!dev->node)
		return NULL;
	if (root_read(directory, sizeof(directory),
		      "sys/module/vfio_cdev_ext/parameters/directory") <= 0)
		str_copy(directory, sizeof(directory), "devices");
	return xprintf("/dev/vfio/%s/%s", directory, dev->vfio);
}

struct json_object *device_json(const struct device *dev)
{
	struct json_object *json = json_object_new_object();
	char class[128], name[256], id[16];
	char *node = device_node(dev);

	pci_class_name(dev->class >> 8, class, sizeof(class));
	pci_device_name(dev->vendor, dev->product, name, sizeof(name));
	json_string(json, "bdf", dev->bdf);
	json_string(json, "class", class);
	json_string(json, "name", name);
	snprintf(id, sizeof(id), "%04x:%04x", dev->vendor, dev->product);
	json_string(json, "id", id);
	json_string(json, "driver", dev->driver);
	json_string(json, "driver_override", dev->override);
	json_object_object_add(json, "group",
			       dev->group < 0 ?
				       NULL :
				       json_object_new_int(dev->group));
	json_string(json, "node", node);
	json_boolean(json, "blocks_group", device_blocks_group(dev));
	free(node);
	return json;
}
