/* SPDX-License-Identifier: GPL-2.0-only */
/* A PCI device, as sysfs has it. */
#ifndef IOASIDCTL_DEVICE_H
#define IOASIDCTL_DEVICE_H

#include <json.h>
#include <stdbool.h>

#include "text.h"

/* "10000:01:00.0": domains of VMD have more than four digits. */
#define BDF_SIZE 20
#define DRIVER_SIZE 64

/**
 * struct device - a PCI device
 * @bdf: its name in sysfs
 * @class: class, subclass and interface
 * @vendor: PCI id
 * @product: PCI id
 * @revision: of the device
 * @driver: name of its driver, "" if it has none
 * @override: its driver_override, "" if there is none
 * @group: number of its IOMMU group, -1 if it is in none
 * @vfio: its directory of VFIO, "vfioN", "" if no VFIO driver has it
 * @node: whether the directory has the number of a node
 * @boot_vga: the firmware's display is on it
 * @vfs: how many virtual functions it has made
 * @physfn: of a virtual function the physical one, else ""
 */
struct device {
	char bdf[BDF_SIZE];
	unsigned int class;
	unsigned int vendor;
	unsigned int product;
	unsigned int revision;
	char driver[DRIVER_SIZE];
	char override[DRIVER_SIZE];
	int group;
	char vfio[32];
	bool node;
	bool boot_vga;
	unsigned int vfs;
	char physfn[BDF_SIZE];
};

bool is_bdf(const char *s);
int device_load(const char *bdf, struct device *dev);
int device_reload(struct device *dev);
int device_resolve(const char *spec, struct device *dev);
int device_list(struct device **devices, size_t *n);
bool device_is_pci_bridge(const struct device *dev);
bool device_is_bridge(const struct device *dev);
bool device_is_display(const struct device *dev);
bool device_blocks_group(const struct device *dev);
bool path_is_below(const char *path, const char *bdf);
void device_class_names(const struct device *dev, const char *class,
			struct strv *names);
void nvme_controllers(const char *path, struct strv *controllers);

const char *device_title(const struct device *dev);
char *device_node(const struct device *dev);
struct json_object *device_json(const struct device *dev);

#endif
