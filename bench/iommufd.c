// SPDX-License-Identifier: GPL-2.0-only
/* iommufd, the kernel's own or ours: the calls are the same, the nodes are not. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "backend.h"

static int context;
static uint32_t ioas;
static int cdevs[MAX_DEVICES];
static unsigned int ncdevs;

/* The name is the same below every directory of nodes: that of the VFIO device. */
static void cdev_path(char *path, size_t size, const struct target *target,
		      unsigned int i)
{
	char dir[PATH_MAX];
	struct dirent *entry;
	DIR *d;

	snprintf(dir, sizeof(dir), "/sys/bus/pci/devices/%s/vfio-dev",
		 target->bdfs[i]);
	d = opendir(dir);
	if (!d)
		die("%s: %s", dir, strerror(errno));
	while ((entry = readdir(d)))
		if (!strncmp(entry->d_name, "vfio", 4))
			break;
	if (!entry)
		die("%s is empty", dir);
	snprintf(path, size, "%s/%s", target->cdevs, entry->d_name);
	closedir(d);
}

static void bind_device(const struct target *target, unsigned int i)
{
	/* What every kernel with device nodes knows: without a token. */
	struct vfio_cdev_bind bind = { .argsz = 16, .iommufd = context };
	char path[PATH_MAX];

	cdev_path(path, sizeof(path), target, i);
	cdevs[i] = open_or_die(path);
	if (ioctl(cdevs[i], VFIO_CDEV_BIND, &bind))
		die("VFIO_DEVICE_BIND_IOMMUFD: %s", strerror(errno));
}

static void attach_device(unsigned int i)
{
	struct vfio_cdev_attach attach = { .argsz = 12, .pt_id = ioas };

	if (ioctl(cdevs[i], VFIO_CDEV_ATTACH, &attach))
		die("VFIO_DEVICE_ATTACH_IOMMUFD_PT: %s", strerror(errno));
}

static void iommufd_open(const struct target *target, unsigned int n)
{
	struct ioasid_ioas_alloc alloc = { .size = sizeof(alloc) };

	context = open_or_die(target->context);
	for (ncdevs = 0; ncdevs < n; ncdevs++)
		bind_device(target, ncdevs);
	if (ioctl(context, IOASID_IOAS_ALLOC, &alloc))
		die("IOMMU_IOAS_ALLOC: %s", strerror(errno));
	ioas = alloc.out_ioas_id;
	for (unsigned int i = 0; i < n; i++)
		attach_device(i);
}

static void iommufd_close(void)
{
	while (ncdevs)
		close(cdevs[--ncdevs]);
	close(context);
}

static void iommufd_map(uint64_t iova, void *va, size_t len)
{
	struct ioasid_ioas_map map = {
		.size = sizeof(map),
		.flags = IOASID_IOAS_MAP_FIXED_IOVA | IOASID_IOAS_MAP_READABLE |
			 IOASID_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)va,
		.length = len,
		.iova = iova,
	};

	if (ioctl(context, IOASID_IOAS_MAP, &map))
		die("IOMMU_IOAS_MAP: %s", strerror(errno));
}

static void iommufd_unmap(uint64_t iova, size_t len)
{
	struct ioasid_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas,
		.iova = iova,
		.length = len,
	};

	if (ioctl(context, IOASID_IOAS_UNMAP, &unmap))
		die("IOMMU_IOAS_UNMAP: %s", strerror(errno));
}

static void iommufd_unmap_all(void)
{
	iommufd_unmap(0, SIZE_MAX);
}

static void iommufd_copy(uint64_t dst_iova, uint64_t src_iova, size_t len)
{
	struct ioasid_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = IOASID_IOAS_MAP_FIXED_IOVA | IOASID_IOAS_MAP_READABLE |
			 IOASID_IOAS_MAP_WRITEABLE,
		.dst_ioas_id = ioas,
		.src_ioas_id = ioas,
		.length = len,
		.dst_iova = dst_iova,
		.src_iova = src_iova,
	};

	if (ioctl(context, IOASID_IOAS_COPY, &copy))
		die("IOMMU_IOAS_COPY: %s", strerror(errno));
}

const struct backend iommufd_backend = {
	.open = iommufd_open,
	.close = iommufd_close,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
	.unmap_all = iommufd_unmap_all,
	.copy = iommufd_copy,
};
