/* SPDX-License-Identifier: GPL-2.0-only */
/* PCI devices in sysfs, VFIO device cdevs, and the legacy group path. */
#ifndef TEST_VFIO_H
#define TEST_VFIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/vfio_cdev_ext.h>

#include "test.h"

#define DRIVER_EXT "vfio_cdev_ext"
#define DRIVER_STOCK "vfio-pci"

/* The device of the topology, from the environment or /run/topology, or NULL. */
const char *topology(const char *name);

/* Give a device to a driver (NULL: to none); fails the test if that fails. */
void pci_bind(const char *bdf, const char *driver);
/* The same, but -1 with errno if the driver does not take it. */
int pci_try_bind(const char *bdf, const char *driver);
/* Name of the driver of a device, "" for none. */
const char *pci_driver(const char *bdf);
/* Let the kernel choose the driver. */
void pci_bind_host(const char *bdf);
bool pci_present(const char *bdf);
int pci_group(const char *bdf);

/* The vendor's driver of tests/module, loaded as it is needed. */
#define DRIVER_VARIANT "ext_test_variant"
void variant_bind(const char *bdf);
void variant_unload(const char *bdf);

/* "vfioN" of a device, or NULL. */
const char *cdev_name(const char *bdf);
/* Wait for the node of a device and put its path in @path. */
void cdev_path(const char *bdf, char *path, size_t size);
/* Open the node. The result is kept (see test.h). */
int cdev_open(const char *bdf);
int cdev_bind(int fd, int iommufd, uint32_t *devid);
int cdev_attach(int fd, uint32_t pt, uint32_t *out);
int cdev_detach(int fd);

/* Reset what shares the device's bus or slot. */
int vfio_hot_reset(int fd);

struct reset_info {
	struct vfio_pci_hot_reset_info head;
	struct vfio_pci_dependent_device devices[8];
};

/* Which devices that would be, and whose they are. */
void vfio_reset_info(int fd, struct reset_info *info);
/* The id, or one of the special ids, of a device in the answer. */
uint32_t vfio_reset_devid(const struct reset_info *info, const char *bdf);
/*
 * One of the two devices it would be is @bdf, and not the user's: refused, with a
 * sentence that names it and has @why in it.
 */
void check_reset_refused(int fd, const char *bdf, const char *why);

/* open + BIND, for tests of what comes after */
int cdev_open_bound(const char *bdf, int iommufd, uint32_t *devid);

int vfio_region(int fd, uint32_t index, struct vfio_region_info *info);
int vfio_irq_info(int fd, uint32_t index, struct vfio_irq_info *info);
/* Deliver an interrupt to an eventfd; -1 takes it back. */
int vfio_irq_eventfd(int fd, uint32_t index, uint32_t start, int efd);
int vfio_irq_disable(int fd, uint32_t index);
int vfio_irq_unmask(int fd, uint32_t index);
/* Unmask whenever that eventfd is written to. */
int vfio_irq_unmask_eventfd(int fd, uint32_t index, int efd);
/* Map a region, or part of it, or a MAP_FAILED with errno. The result is kept. */
void *vfio_map(int fd, uint32_t index, size_t len);
/* 0, or the signal that reading there raises. By one thread at a time. */
int touch(const volatile void *addr);
uint16_t vfio_config16(int fd, uint32_t offset);
void vfio_config16_set(int fd, uint32_t offset, uint16_t value);
void vfio_bus_master(int fd);

/* Count of an eventfd, waiting up to @ms for it to be other than 0. */
uint64_t eventfd_wait(int efd, int ms);
int eventfd_new(void);

/*
 * Write to a file of sysfs from another process, which has no files and no
 * mappings of ours: asked for the removal of a device, it waits until they are gone.
 */
pid_t write_start(const char *path, const char *text);

/* The legacy path. */
/* A container, without a backend. */
int container_open(void);
/* A container with type1 for this group. */
int container_with(int group);
int group_open(int group);
int group_status(int fd, uint32_t *flags);
int group_set_container(int fd, int container);
int group_device(int fd, const char *bdf);
/* A hot reset of what is in these groups, on a device that was had from one of them. */
int vfio_group_hot_reset(int fd, const int *groups, int count);

struct driver_test {
	const char *name;
	test_fn fn;
};

/* Each test once with our driver and once with vfio-pci, whose name is its argument. */
void test_add_drivers(struct test_list *list, const struct driver_test *tests,
		      size_t count);

#endif
