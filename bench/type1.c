// SPDX-License-Identifier: GPL-2.0-only
/* The container of VFIO with its type1 IOMMU. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "backend.h"

static int container;
static int groups[MAX_DEVICES], devices[MAX_DEVICES];
static unsigned int ndevices;

static void group_path(char *path, size_t size, const char *bdf)
{
	char link[PATH_MAX], to[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group",
		 bdf);
	n = readlink(link, to, sizeof(to) - 1);
	if (n < 0)
		die("%s: %s", link, strerror(errno));
	to[n] = 0;
	snprintf(path, size, "/dev/vfio/%s", strrchr(to, '/') + 1);
}

static void add_group(const char *bdf, unsigned int i)
{
	char path[PATH_MAX];

	group_path(path, sizeof(path), bdf);
	groups[i] = open_or_die(path);
	if (ioctl(groups[i], VFIO_GROUP_SET_CONTAINER, &container))
		die("VFIO_GROUP_SET_CONTAINER: %s", strerror(errno));
	/* The first group decides for all. */
	if (!i && ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		die("VFIO_SET_IOMMU: %s", strerror(errno));
	devices[i] = ioctl(groups[i], VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (devices[i] < 0)
		die("VFIO_GROUP_GET_DEVICE_FD: %s", strerror(errno));
}

static void type1_open(const struct target *target, unsigned int n)
{
	container = open_or_die(target->context);
	for (ndevices = 0; ndevices < n; ndevices++)
		add_group(target->bdfs[ndevices], ndevices);
}

static void type1_close(void)
{
	while (ndevices) {
		close(devices[--ndevices]);
		close(groups[ndevices]);
	}
	close(container);
}

static void type1_map(uint64_t iova, void *va, size_t len)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = len,
	};

	if (ioctl(container, VFIO_IOMMU_MAP_DMA, &map))
		die("VFIO_IOMMU_MAP_DMA: %s", strerror(errno));
}

static void unmap_dma(uint64_t iova, size_t len, uint32_t flags)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.iova = iova,
		.size = len,
	};

	if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		die("VFIO_IOMMU_UNMAP_DMA: %s", strerror(errno));
	if (!unmap.size)
		die("VFIO_IOMMU_UNMAP_DMA: nothing was mapped");
}

static void type1_unmap(uint64_t iova, size_t len)
{
	unmap_dma(iova, len, 0);
}

static void type1_unmap_all(void)
{
	unmap_dma(0, 0, VFIO_DMA_UNMAP_FLAG_ALL);
}

const struct backend type1_backend = {
	.open = type1_open,
	.close = type1_close,
	.map = type1_map,
	.unmap = type1_unmap,
	.unmap_all = type1_unmap_all,
};
