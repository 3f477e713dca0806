/* SPDX-License-Identifier: GPL-2.0-only */
/* The interfaces that are compared, behind one set of functions. */
#ifndef BENCH_BACKEND_H
#define BENCH_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_DEVICES 8

/**
 * struct target - the devices and where their interface is
 * @bdfs: PCI addresses of devices on a VFIO driver, each in a group of its own
 * @ndevices: how many there are
 * @context: the node of the context: /dev/vfio/vfio, /dev/iommu, /dev/ioasid
 * @cdevs: the directory of the device nodes, for backends that use one
 */
struct target {
	const char *bdfs[MAX_DEVICES];
	unsigned int ndevices;
	const char *context;
	const char *cdevs;
};

/**
 * struct backend - one kind of interface
 * @open: take the first @n devices and give them an address space
 * @close: give them back as a process does that ends: what is mapped goes, too
 * @map: map @len bytes of memory at @va to @iova, for reading and writing
 * @unmap: undo it
 * @unmap_all: remove every mapping with one call
 * @copy: map what is mapped at @src_iova at @dst_iova too; NULL if there is no call
 *
 * All end the program with a sentence when they fail.
 */
struct backend {
	void (*open)(const struct target *target, unsigned int n);
	void (*close)(void);
	void (*map)(uint64_t iova, void *va, size_t len);
	void (*unmap)(uint64_t iova, size_t len);
	void (*unmap_all)(void);
	void (*copy)(uint64_t dst_iova, uint64_t src_iova, size_t len);
};

extern const struct backend type1_backend, iommufd_backend;

void die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));
int open_or_die(const char *path);

#endif
