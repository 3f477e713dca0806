// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: the ioctls of a VFIO container
 *
 * The ioctls of a VFIO container on /dev/ioasid, and IOASID_VFIO_IOAS, which says
 * what IOAS they work on.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>
#include <linux/vfio.h>

#include "dma.h"
#include "edu.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define MAX_RANGES 32

/* What <linux/vfio.h> of the build machine may not know. */
#define EXT_NOIOMMU 8
#define EXT_UNMAP_ALL 9
#define EXT_UPDATE_VADDR 10

#define DMA_RW (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)
#define UNMAP_DIRTY 1
#define UNMAP_ALL 2
#define UNMAP_VADDR 4
#define MAP_VADDR 4

static void set_ioas(int fd, uint32_t ioas)
{
	assert_ok(vfio_ioas(fd, IOASID_VFIO_IOAS_SET, &ioas));
}

/* A context whose compat IOAS is @ioas. */
static int compat_open(uint32_t *ioas)
{
	int fd = ioasid_open();

	*ioas = ioas_new(fd);
	set_ioas(fd, *ioas);
	return fd;
}

static int map_dma(int fd, const void *va, uint64_t iova, uint64_t size,
		   uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = size,
	};

	return ioctl(fd, VFIO_IOMMU_MAP_DMA, &map);
}

/* @size comes back as what was unmapped. */
static int unmap_flags(int fd, uint64_t iova, uint64_t *size, uint32_t flags)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = offsetof(struct vfio_iommu_type1_dma_unmap, data),
		.flags = flags,
		.iova = iova,
		.size = *size,
	};
	int rc = ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &unmap);

	check_eq(iova, unmap.iova);
	*size = unmap.size;
	return rc;
}

static int unmap_dma(int fd, uint64_t iova, uint64_t size, uint64_t unmapped)
{
	int rc = unmap_flags(fd, iova, &size, 0), err = errno;

	check_eq(unmapped, size);
	errno = err;
	return rc;
}

static uint64_t huge_pages(int fd, uint32_t ioas)
{
	uint64_t value;

	assert_ok(option_get(fd, IOASID_OPTION_HUGE_PAGES, ioas, &value));
	return value;
}

/* ---- which IOAS ---- */

static void test_vfio_ioas(void **state)
{
	int fd = ioasid_open();
	uint32_t first = ioas_new(fd), second = ioas_new(fd), id = 77;

	(void)state;
	assert_errno(ENODEV, vfio_ioas(fd, IOASID_VFIO_IOAS_GET, &id));
	check_eq(77, id);
	assert_ok(vfio_ioas(fd, IOASID_VFIO_IOAS_CLEAR, NULL));
	set_ioas(fd, first);
	assert_ok(vfio_ioas(fd, IOASID_VFIO_IOAS_GET, &id));
	check_eq(first, id);
	set_ioas(fd, first);
	set_ioas(fd, second);
	assert_ok(vfio_ioas(fd, IOASID_VFIO_IOAS_GET, &id));
	check_eq(second, id);
	/* The id is looked at by SET alone. */
	id = ABSENT_ID;
	assert_ok(vfio_ioas(fd, IOASID_VFIO_IOAS_GET, &id));
	check_eq(second, id);
	id = ABSENT_ID;
	assert_ok(vfio_ioas(fd, IOASID_VFIO_IOAS_CLEAR, &id));
	assert_errno(ENODEV, vfio_ioas(fd, IOASID_VFIO_IOAS_GET, &id));
	assert_ok(vfio_ioas(fd, IOASID_VFIO_IOAS_CLEAR, NULL));
}

static void test_vfio_ioas_bad(void **state)
{
	uint32_t ioas, id = ABSENT_ID;
	int fd = compat_open(&ioas), op;
	struct ioasid_vfio_ioas cmd = { .size = sizeof(cmd), .__reserved = 1 };

	(void)state;
	assert_errno(ENOENT, vfio_ioas(fd, IOASID_VFIO_IOAS_SET, &id));
	for (op = 3; op < 65536; op = 2 * op + 1)
		assert_errno(EOPNOTSUPP, vfio_ioas(fd, op, &ioas));
	for (op = 0; op < 4; op++) {
		cmd.op = op;
		assert_errno(EOPNOTSUPP, ioctl(fd, IOASID_VFIO_IOAS, &cmd));
	}
	/* What was set before is still set. */
	assert_ok(vfio_ioas(fd, IOASID_VFIO_IOAS_GET, &id));
	check_eq(ioas, id);
	/* Every context has its own. */
	assert_errno(ENODEV, vfio_ioas(ioasid_open(), IOASID_VFIO_IOAS_GET,
				       &id));
}

static void test_vfio_ioas_types(void **state)
{
	struct setup s = setup_bound();
	uint32_t hwpt = 0;

	(void)state;
	assert_errno(ENOENT, vfio_ioas(s.ctx, IOASID_VFIO_IOAS_SET, &s.devid));
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	assert_errno(ENOENT, vfio_ioas(s.ctx, IOASID_VFIO_IOAS_SET, &hwpt));
}

/* It does not keep the IOAS, and never names one that is gone. */
static void test_vfio_ioas_destroyed(void **state)
{
	uint32_t ioas, other, id;
	int fd = compat_open(&ioas);
	uint8_t *va = page_alloc(PAGE);

	(void)state;
	assert_ok(map_dma(fd, va, IOVA, PAGE, DMA_RW));
	assert_ok(ioasid_destroy(fd, ioas));
	assert_errno(ENODEV, vfio_ioas(fd, IOASID_VFIO_IOAS_GET, &id));
	assert_errno(ENODEV, map_dma(fd, va, IOVA, PAGE, DMA_RW));
	assert_errno(ENODEV, ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	/* One that follows is not taken for it. */
	other = ioas_new(fd);
	assert_errno(ENODEV, vfio_ioas(fd, IOASID_VFIO_IOAS_GET, &id));
	set_ioas(fd, other);
	ioas = ioas_new(fd);
	assert_ok(ioasid_destroy(fd, ioas));
	assert_ok(vfio_ioas(fd, IOASID_VFIO_IOAS_GET, &id));
	check_eq(other, id);
}

/* In use, it cannot be destroyed, and stays set. */
static void test_vfio_ioas_busy(void **state)
{
	struct setup s = setup_attached();
	uint32_t id = 0;

	(void)state;
	set_ioas(s.ctx, s.ioas);
	assert_errno(EBUSY, ioasid_destroy(s.ctx, s.ioas));
	assert_ok(vfio_ioas(s.ctx, IOASID_VFIO_IOAS_GET, &id));
	check_eq(s.ioas, id);
	assert_ok(cdev_detach(s.dev));
	assert_ok(ioasid_destroy(s.ctx, s.ioas));
	assert_errno(ENODEV, vfio_ioas(s.ctx, IOASID_VFIO_IOAS_GET, &id));
}

/* ---- asking ---- */

static void test_api_version(void **state)
{
	int fd = ioasid_open();

	(void)state;
	check_eq(0, assert_ok(ioctl(fd, VFIO_GET_API_VERSION)));
	set_ioas(fd, ioas_new(fd));
	check_eq(0, assert_ok(ioctl(fd, VFIO_GET_API_VERSION)));
}

static int extension(int fd, unsigned long number)
{
	return assert_ok(ioctl(fd, VFIO_CHECK_EXTENSION, number));
}

static void check_extensions(int fd)
{
	static const unsigned long no[] = {
		0, VFIO_SPAPR_TCE_IOMMU, VFIO_TYPE1_NESTING_IOMMU,
		VFIO_SPAPR_TCE_v2_IOMMU, EXT_UPDATE_VADDR, 11,
		1000, UINT32_MAX, (1UL << 32) | VFIO_TYPE1_IOMMU, UINT64_MAX,
	};
	size_t i;

	check_eq(1, extension(fd, VFIO_TYPE1_IOMMU));
	check_eq(1, extension(fd, VFIO_TYPE1v2_IOMMU));
	check_eq(1, extension(fd, EXT_UNMAP_ALL));
	/* Whether the kernel was built with it; the parameter is there if so. */
	check_eq(!access("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
			 F_OK),
		 extension(fd, EXT_NOIOMMU));
	for (i = 0; i < ARRAY_SIZE(no); i++)
		check_eq(0, extension(fd, no[i]));
}

static void test_extensions(void **state)
{
	int fd = ioasid_open();

	(void)state;
	check_extensions(fd);
	assert_errno(ENODEV, ioctl(fd, VFIO_CHECK_EXTENSION,
				   VFIO_DMA_CC_IOMMU));
	set_ioas(fd, ioas_new(fd));
	check_extensions(fd);
	/* True of every page table there is. */
	check_eq(1, extension(fd, VFIO_DMA_CC_IOMMU));
}

static void test_extensions_attached(void **state)
{
	struct setup s = setup_attached();

	(void)state;
	set_ioas(s.ctx, s.ioas);
	check_extensions(s.ctx);
	check_eq(core_maps() ? 0 : 1, extension(s.ctx, VFIO_DMA_CC_IOMMU));
}

static void test_other_ioctls(void **state)
{
	uint32_t ioas;
	int fd = compat_open(&ioas), nr;
	void *page = page_alloc(PAGE);

	(void)state;
	for (nr = 0; nr < 28; nr++) {
		unsigned int cmd = _IO(VFIO_TYPE, VFIO_BASE + nr);

		if (cmd == VFIO_GET_API_VERSION || cmd == VFIO_SET_IOMMU ||
		    cmd == VFIO_CHECK_EXTENSION ||
		    cmd == VFIO_IOMMU_GET_INFO || cmd == VFIO_IOMMU_MAP_DMA ||
		    cmd == VFIO_IOMMU_UNMAP_DMA)
			continue;
		assert_errno(ENOTTY, ioctl(fd, cmd, page));
	}
	/* The whole number counts. */
	assert_errno(ENOTTY, ioctl(fd, _IO('X', VFIO_BASE), page));
	assert_errno(ENOTTY, ioctl(fd, _IOR(VFIO_TYPE, VFIO_BASE, int), page));
}

static void test_set_iommu(void **state)
{
	static const unsigned long bad[] = {
		0, VFIO_SPAPR_TCE_IOMMU, VFIO_DMA_CC_IOMMU,
		VFIO_TYPE1_NESTING_IOMMU, VFIO_SPAPR_TCE_v2_IOMMU, EXT_NOIOMMU,
		EXT_UNMAP_ALL, UINT64_MAX, (1UL << 32) | VFIO_TYPE1_IOMMU,
	};
	int fd = ioasid_open(), round;
	uint32_t ioas;
	size_t i;

	(void)state;
	assert_errno(ENODEV, ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	assert_errno(ENODEV, ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_SIZE(bad); i++)
			assert_errno(EINVAL, ioctl(fd, VFIO_SET_IOMMU, bad[i]));
		ioas = ioas_new(fd);
		set_ioas(fd, ioas);
	}
	assert_ok(ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	check_eq(1, huge_pages(fd, ioas));
	assert_ok(ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	check_eq(0, huge_pages(fd, ioas));
	assert_ok(ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	/* That is not taken back. */
	assert_ok(ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	check_eq(0, huge_pages(fd, ioas));
}

static void test_set_iommu_mapped(void **state)
{
	struct setup s = setup_bound();
	uint8_t *va = page_alloc(PAGE);

	(void)state;
	set_ioas(s.ctx, s.ioas);
	/* Smaller than a page. */
	assert_ok(map_dma(s.ctx, va, IOVA, 8, DMA_RW));
	assert_errno(EADDRINUSE, ioctl(s.ctx, VFIO_SET_IOMMU,
				       VFIO_TYPE1_IOMMU));
	check_eq(1, huge_pages(s.ctx, s.ioas));
	assert_ok(unmap_dma(s.ctx, IOVA, 8, 8));
	/* With mappings and a page table it is too late. */
	assert_ok(map_dma(s.ctx, va, IOVA, PAGE, DMA_RW));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	assert_errno(EINVAL, ioctl(s.ctx, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	assert_ok(ioctl(s.ctx, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	check_eq(1, huge_pages(s.ctx, s.ioas));
	assert_ok(cdev_detach(s.dev));
	assert_ok(ioctl(s.ctx, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_dma(&s, va, IOVA, 1);
	/* It has been done, so it can be asked for again. */
	assert_ok(ioctl(s.ctx, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
}

/* ---- GET_INFO ---- */

/* All of the answer, whatever <linux/vfio.h> thinks how long the first part is. */
#define INFO_MIN 16
#define INFO_SIZE 24

struct info {
	uint32_t argsz;
	uint32_t flags;
	uint64_t pgsizes;
	uint32_t cap_offset;
	uint32_t pad;
};

static struct vfio_info_cap_header *find_cap(void *info, uint16_t id)
{
	uint32_t offset = ((struct info *)info)->cap_offset;
	struct vfio_info_cap_header *cap;
	unsigned int count = 0;

	while (offset) {
		check(offset >= INFO_SIZE && offset % 8 == 0);
		check(offset < ((struct info *)info)->argsz);
		check(++count <= 2);
		cap = (void *)((uint8_t *)info + offset);
		if (cap->id == id)
			return cap;
		offset = cap->next;
	}
	return NULL;
}

/* The whole answer agrees with what the IOAS says of itself. */
static void check_info(int fd, uint32_t ioas, uint64_t pgsizes)
{
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	struct vfio_iommu_type1_info_dma_avail *avail;
	struct ioasid_iova_range ranges[MAX_RANGES];
	uint32_t num = MAX_RANGES, i;
	struct info *info = page_alloc(PAGE);

	assert_ok(ioas_ranges(fd, ioas, ranges, &num, NULL));
	memset(info, 0xaa, PAGE);
	info->argsz = PAGE;
	assert_ok(ioctl(fd, VFIO_IOMMU_GET_INFO, info));
	/* argsz becomes what the answer takes. */
	check_eq(INFO_SIZE + 16 + 16 + num * 16, info->argsz);
	check_eq(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, info->flags);
	check_eq(pgsizes, info->pgsizes);
	check_eq(INFO_SIZE, info->cap_offset);
	for (i = info->argsz; i < PAGE; i++)
		check_eq(0xaa, ((uint8_t *)info)[i]);

	avail = (void *)find_cap(info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
	check(avail);
	check_eq(1, avail->header.version);
	check_eq(UINT32_MAX, avail->avail);
	cap = (void *)find_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	check(cap);
	check_eq(1, cap->header.version);
	check_eq(0, cap->header.next);
	check_eq(num, cap->nr_iovas);
	check_eq(0, cap->reserved);
	for (i = 0; i < num; i++) {
		check_eq(ranges[i].start, cap->iova_ranges[i].start);
		check_eq(ranges[i].last, cap->iova_ranges[i].end);
	}
	drop_map(info);
}

static void test_info(void **state)
{
	uint32_t ioas;
	int fd = compat_open(&ioas);

	(void)state;
	check_info(fd, ioas, -PAGE);
	assert_ok(ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	check_info(fd, ioas, -PAGE);
}

static void test_info_attached(void **state)
{
	struct setup s = setup_attached();
	struct info info = { .argsz = INFO_SIZE };

	(void)state;
	set_ioas(s.ctx, s.ioas);
	assert_ok(ioctl(s.ctx, VFIO_IOMMU_GET_INFO, &info));
	/* Pages and more, but nothing smaller. */
	check_eq(PAGE, info.pgsizes & -info.pgsizes);
	check_info(s.ctx, s.ioas, info.pgsizes);
	assert_ok(cdev_detach(s.dev));
	check_info(s.ctx, s.ioas, -PAGE);
}

/*
 * What an answer of @need bytes, all of which is in @full, is for a user with room for
 * @argsz: the first capability if it fits, as many ranges of the second as fit, and the
 * head of that with the last of them.
 */
static void cut_info(uint8_t *want, const uint8_t *full, uint32_t need,
		     uint32_t argsz)
{
	const uint32_t second = INFO_SIZE + 16, ranges = second + 16;
	struct vfio_info_cap_header *cap = (void *)(want + INFO_SIZE);
	struct info info = *(const struct info *)full;
	uint32_t at;

	if (argsz < need)
		info.cap_offset = 0;
	memset(want, 0xaa, PAGE);
	memcpy(want, &info, argsz < INFO_SIZE ? argsz : INFO_SIZE);
	/* Behind it are four bytes that nobody writes. */
	if (argsz >= second - 4)
		memcpy(want + INFO_SIZE, full + INFO_SIZE, 12);
	if (argsz >= second - 4 && argsz < second)
		cap->next = 0;
	for (at = ranges; at < need && argsz >= at + 16; at += 16)
		memcpy(want + at, full + at, 16);
	if (argsz >= need)
		memcpy(want + second, full + second, 16);
}

/* Every length from too short to more than enough. */
static void test_info_short(void **state)
{
	struct setup s = setup_attached();
	uint8_t *buf = page_alloc(PAGE), *full = page_alloc(PAGE);
	uint8_t *want = page_alloc(PAGE);
	struct info *info = (void *)buf;
	uint32_t need, argsz, i;

	(void)state;
	set_ioas(s.ctx, s.ioas);
	memset(full, 0xaa, PAGE);
	((struct info *)full)->argsz = PAGE;
	assert_ok(ioctl(s.ctx, VFIO_IOMMU_GET_INFO, full));
	need = ((struct info *)full)->argsz;
	for (argsz = 0; argsz < INFO_MIN; argsz++) {
		info->argsz = argsz;
		assert_errno(EINVAL, ioctl(s.ctx, VFIO_IOMMU_GET_INFO, info));
		check_eq(argsz, info->argsz);
	}
	for (; argsz <= need + 1; argsz++) {
		memset(buf, 0xaa, PAGE);
		info->argsz = argsz;
		assert_ok(ioctl(s.ctx, VFIO_IOMMU_GET_INFO, info));
		cut_info(want, full, need, argsz);
		for (i = 0; i < PAGE; i++) {
			if (want[i] != buf[i])
				fail_test("argsz %u: byte %u is %#x, not %#x",
					  argsz, i, buf[i], want[i]);
		}
	}
}

/* Room that is not there: nothing of the structure is written either. */
static void test_info_unwritable(void **state)
{
	struct setup s = setup_attached();
	uint8_t *pages = page_alloc(2 * PAGE);
	struct info *info = (void *)(pages + PAGE - INFO_SIZE);

	(void)state;
	set_ioas(s.ctx, s.ioas);
	assert_ok(mprotect(pages + PAGE, PAGE, PROT_NONE));
	info->argsz = INFO_SIZE;
	assert_ok(ioctl(s.ctx, VFIO_IOMMU_GET_INFO, info));
	memset(info, 0xaa, INFO_SIZE);
	info->argsz = INFO_SIZE + 12;
	assert_errno(EFAULT, ioctl(s.ctx, VFIO_IOMMU_GET_INFO, info));
	check_eq(INFO_SIZE + 12, info->argsz);
	check_eq(0xaaaaaaaa, info->flags);
}

static void test_info_bad(void **state)
{
	int fd = ioasid_open();
	struct info *info = page_alloc(PAGE);

	(void)state;
	info->argsz = INFO_MIN - 1;
	assert_errno(EINVAL, ioctl(fd, VFIO_IOMMU_GET_INFO, info));
	info->argsz = PAGE;
	assert_errno(ENODEV, ioctl(fd, VFIO_IOMMU_GET_INFO, info));
	assert_errno(EFAULT, ioctl(fd, VFIO_IOMMU_GET_INFO, NULL));
	set_ioas(fd, ioas_new(fd));
	assert_errno(EFAULT, ioctl(fd, VFIO_IOMMU_GET_INFO, NULL));
	assert_ok(mprotect(info, PAGE, PROT_READ));
	assert_errno(EFAULT, ioctl(fd, VFIO_IOMMU_GET_INFO, info));
}

/* ---- MAP_DMA ---- */

static void test_map_bad_args(void **state)
{
	int fd = ioasid_open(), round;
	struct vfio_iommu_type1_dma_map map;
	void *va = page_alloc(PAGE);
	uint32_t bit;

	(void)state;
	/* Without an IOAS, and with one. */
	for (round = 0; round < 2; round++) {
		map = (struct vfio_iommu_type1_dma_map){
			.argsz = sizeof(map) - 1, .flags = DMA_RW,
			.vaddr = (uintptr_t)va, .iova = IOVA, .size = PAGE,
		};
		assert_errno(EINVAL, ioctl(fd, VFIO_IOMMU_MAP_DMA, &map));
		map.argsz = 0;
		assert_errno(EINVAL, ioctl(fd, VFIO_IOMMU_MAP_DMA, &map));
		for (bit = MAP_VADDR; bit; bit <<= 1)
			assert_errno(EINVAL, map_dma(fd, va, IOVA, PAGE,
						     DMA_RW | bit));
		assert_errno(EFAULT, ioctl(fd, VFIO_IOMMU_MAP_DMA, NULL));
		assert_errno(round ? EINVAL : ENODEV,
			     map_dma(fd, va, IOVA, PAGE, 0));
		assert_errno(round ? 0 : ENODEV,
			     map_dma(fd, va, IOVA, PAGE, DMA_RW));
		set_ioas(fd, ioas_new(fd));
	}
	/* A longer structure is no different, whatever is in it. */
	map.argsz = UINT32_MAX;
	assert_ok(ioctl(fd, VFIO_IOMMU_MAP_DMA, &map));
}

static void test_map_errors(void **state)
{
	uint32_t ioas;
	int fd = compat_open(&ioas);
	void *va = page_alloc(2 * PAGE);

	(void)state;
	assert_errno(EINVAL, map_dma(fd, va, IOVA, 0, DMA_RW));
	/* Type1's order: what has no end is told before what has no use. */
	assert_errno(EOVERFLOW, map_dma(fd, (void *)-PAGE, IOVA, 2 * PAGE, 0));
	assert_errno(EINVAL, map_dma(fd, va, IOVA, 2 * PAGE, 0));
	assert_errno(ENOENT, ioas_unmap_exact(fd, ioas, IOVA, 2 * PAGE));
	assert_errno(EOVERFLOW, map_dma(fd, va, -PAGE, 2 * PAGE, DMA_RW));
	assert_errno(EOVERFLOW, map_dma(fd, (void *)-PAGE, IOVA, 2 * PAGE,
					DMA_RW));
	assert_ok(map_dma(fd, va, IOVA, 2 * PAGE, DMA_RW));
	assert_errno(EEXIST, map_dma(fd, va, IOVA, PAGE, DMA_RW));
	assert_errno(EEXIST, map_dma(fd, va, IOVA + PAGE, 2 * PAGE, DMA_RW));
	assert_ok(map_dma(fd, va, 0, PAGE, VFIO_DMA_MAP_FLAG_READ));
	assert_ok(map_dma(fd, va, -PAGE, PAGE, VFIO_DMA_MAP_FLAG_WRITE));
	/* They are mappings like any other. */
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA, 2 * PAGE));
	assert_ok(ioas_unmap_exact(fd, ioas, 0, PAGE));
}

static void test_map_attached(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(2 * PAGE), *back = page_alloc(PAGE);
	uint8_t *hole = page_alloc(PAGE);

	(void)state;
	set_ioas(s.ctx, s.ioas);
	drop_map(hole);
	assert_errno(EINVAL, map_dma(s.ctx, va, MSI_WINDOW, PAGE, DMA_RW));
	assert_errno(EINVAL, map_dma(s.ctx, va, IOVA + 8, PAGE, DMA_RW));
	assert_errno(EINVAL, map_dma(s.ctx, va, IOVA, 8, DMA_RW));
	assert_errno(EFAULT, map_dma(s.ctx, hole, IOVA, PAGE, DMA_RW));
	assert_errno(EINVAL, map_dma(s.ctx, va, IOVA, PAGE, 0));
	check_eq(0, state_vm("VmPin"));
	assert_ok(map_dma(s.ctx, va, IOVA, 2 * PAGE, DMA_RW));
	check_eq(8, state_vm("VmPin"));
	check_dma(&s, va + PAGE, IOVA + PAGE, 1);
	assert_ok(unmap_dma(s.ctx, IOVA, 2 * PAGE, 2 * PAGE));
	check_eq(0, state_vm("VmPin"));
	check_no_write(&s, va, IOVA);
	/* For reading alone. */
	assert_ok(map_dma(s.ctx, va, IOVA, PAGE, VFIO_DMA_MAP_FLAG_READ));
	assert_ok(map_dma(s.ctx, back, IOVA + PAGE, PAGE, DMA_RW));
	pattern(va, COPY, 2);
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	check(has_pattern(back, COPY, 2));
	check_no_write(&s, va, IOVA);
}

struct limit_arg {
	struct setup *s;
	uint64_t mode;
};

static void map_under_limit(void *arg)
{
	struct limit_arg *l = arg;
	struct setup *s = l->s;
	uint8_t *va;

	become_limited(LIMIT_PAGES);
	va = page_alloc(2 * LIMIT_PAGES * PAGE);
	assert_errno(ENOMEM, map_dma(s->ctx, va, IOVA, (LIMIT_PAGES + 1) * PAGE,
				     DMA_RW));
	assert_ok(map_dma(s->ctx, va, IOVA, 10 * PAGE, DMA_RW));
	check_eq(40, state_vm("VmPin"));
	check_eq(l->mode ? 40 : 0, state_vm("VmLck"));
	check_room(s, va, LIMIT_PAGES - 10);
	assert_ok(unmap_dma(s->ctx, IOVA, 10 * PAGE, 10 * PAGE));
	check_room(s, va, LIMIT_PAGES);
}

static void test_map_limit(void **state)
{
	struct limit_arg l = { .mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(l.mode);

	l.s = &s;
	set_ioas(s.ctx, s.ioas);
	run_child(map_under_limit, &l);
}

/* ---- UNMAP_DMA ---- */

static void test_unmap_bad_args(void **state)
{
	int fd = ioasid_open(), round;
	struct vfio_iommu_type1_dma_unmap unmap;
	uint64_t size;
	uint32_t bit;

	(void)state;
	for (round = 0; round < 2; round++) {
		unmap = (struct vfio_iommu_type1_dma_unmap){
			.argsz = offsetof(struct vfio_iommu_type1_dma_unmap,
					  data) - 1,
			.iova = IOVA, .size = PAGE,
		};
		assert_errno(EINVAL, ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
		check_eq(PAGE, unmap.size);
		for (bit = 1; bit; bit <<= 1) {
			if (bit == UNMAP_ALL)
				continue;
			size = PAGE;
			assert_errno(EINVAL, unmap_flags(fd, IOVA, &size, bit));
			check_eq(PAGE, size);
			assert_errno(EINVAL, unmap_flags(fd, IOVA, &size,
							 UNMAP_ALL | bit));
		}
		assert_errno(EFAULT, ioctl(fd, VFIO_IOMMU_UNMAP_DMA, NULL));
		size = PAGE;
		assert_errno(round ? 0 : ENODEV,
			     unmap_flags(fd, IOVA, &size, 0));
		check_eq(round ? 0 : PAGE, size);
		set_ioas(fd, ioas_new(fd));
	}
}

static void test_unmap(void **state)
{
	uint32_t ioas;
	int fd = compat_open(&ioas);
	uint8_t *va = page_alloc(8 * PAGE);
	uint64_t size;

	(void)state;
	/* Nothing there is no error, other than for IOASID_IOAS_UNMAP. */
	assert_ok(unmap_dma(fd, IOVA, PAGE, 0));
	assert_errno(EINVAL, unmap_dma(fd, IOVA, 0, 0));
	assert_errno(EOVERFLOW, unmap_dma(fd, -PAGE, 2 * PAGE, 0));
	assert_errno(EOVERFLOW, unmap_dma(fd, IOVA, UINT64_MAX, 0));
	assert_ok(map_dma(fd, va, IOVA, 2 * PAGE, DMA_RW));
	assert_ok(map_dma(fd, va, IOVA + 4 * PAGE, 2 * PAGE, DMA_RW));
	/* Larger than what is mapped, with holes. */
	assert_ok(unmap_dma(fd, IOVA - MB, 2 * MB, 4 * PAGE));
	assert_ok(map_dma(fd, va, 0, PAGE, DMA_RW));
	assert_ok(map_dma(fd, va, -PAGE, PAGE, DMA_RW));
	assert_ok(unmap_dma(fd, -PAGE, PAGE, PAGE));
	/* ALL names no range. */
	size = PAGE;
	assert_errno(EINVAL, unmap_flags(fd, 0, &size, UNMAP_ALL));
	check_eq(PAGE, size);
	size = 0;
	assert_errno(EINVAL, unmap_flags(fd, PAGE, &size, UNMAP_ALL));
	assert_ok(map_dma(fd, va, -PAGE, PAGE, DMA_RW));
	assert_ok(unmap_flags(fd, 0, &size, UNMAP_ALL));
	check_eq(2 * PAGE, size);
	size = 0;
	assert_ok(unmap_flags(fd, 0, &size, UNMAP_ALL));
	check_eq(0, size);
}

/* TYPE1v2: whole mappings; those before the one that is not whole are gone. */
static void test_unmap_v2(void **state)
{
	uint32_t ioas;
	int fd = compat_open(&ioas);
	uint8_t *va = page_alloc(8 * PAGE);

	(void)state;
	assert_ok(ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	assert_ok(map_dma(fd, va, IOVA, 2 * PAGE, DMA_RW));
	assert_ok(map_dma(fd, va, IOVA + 2 * PAGE, 4 * PAGE, DMA_RW));
	assert_errno(ENOENT, unmap_dma(fd, IOVA, PAGE, 0));
	assert_errno(ENOENT, unmap_dma(fd, IOVA + PAGE, PAGE, 0));
	assert_errno(ENOENT, unmap_dma(fd, IOVA + 3 * PAGE, 2 * PAGE, 0));
	assert_errno(ENOENT, unmap_dma(fd, IOVA + 4 * PAGE, MB, 0));
	assert_errno(ENOENT, unmap_dma(fd, IOVA, 3 * PAGE, 2 * PAGE));
	assert_ok(unmap_dma(fd, IOVA, 6 * PAGE, 4 * PAGE));
}

static void test_unmap_v2_attached(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(4 * PAGE);

	(void)state;
	set_ioas(s.ctx, s.ioas);
	assert_ok(ioctl(s.ctx, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	assert_ok(map_dma(s.ctx, va, IOVA, 4 * PAGE, DMA_RW));
	assert_errno(ENOENT, unmap_dma(s.ctx, IOVA + PAGE, PAGE, 0));
	check_dma(&s, va + PAGE, IOVA + PAGE, 1);
	check_eq(16, state_vm("VmPin"));
	assert_ok(unmap_dma(s.ctx, IOVA, 4 * PAGE, 4 * PAGE));
	check_no_write(&s, va + PAGE, IOVA + PAGE);
}

/* TYPE1: every part of a mapping. */
static void test_cut(void **state)
{
	uint32_t ioas;
	int fd = compat_open(&ioas);
	uint8_t *va = page_alloc(8 * PAGE);
	uint64_t from, to;

	(void)state;
	assert_ok(ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	for (from = 0; from < 8; from++) {
		for (to = from + 1; to <= 8; to++) {
			assert_ok(map_dma(fd, va, IOVA, 8 * PAGE, DMA_RW));
			assert_ok(unmap_dma(fd, IOVA + from * PAGE,
					    (to - from) * PAGE,
					    (to - from) * PAGE));
			assert_ok(unmap_dma(fd, IOVA + from * PAGE,
					    (to - from) * PAGE, 0));
			/* Two mappings are left, or one, or none. */
			if (from)
				assert_ok(ioas_unmap_exact(fd, ioas, IOVA,
							   from * PAGE));
			if (to < 8)
				assert_ok(ioas_unmap_exact(fd, ioas,
							   IOVA + to * PAGE,
							   (8 - to) * PAGE));
			assert_ok(unmap_dma(fd, IOVA, 8 * PAGE, 0));
		}
	}
}

static void test_cut_ends(void **state)
{
	uint32_t ioas;
	int fd = compat_open(&ioas);
	uint8_t *va = page_alloc(8 * PAGE);

	(void)state;
	assert_ok(ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	/* At the first and the last of all IOVAs. */
	assert_ok(map_dma(fd, va, 0, 4 * PAGE, DMA_RW));
	assert_ok(unmap_dma(fd, 0, PAGE, PAGE));
	assert_ok(unmap_dma(fd, 0, 2 * PAGE, PAGE));
	assert_ok(unmap_dma(fd, 0, 4 * PAGE, 2 * PAGE));
	assert_ok(map_dma(fd, va, -4 * PAGE, 4 * PAGE, DMA_RW));
	assert_ok(unmap_dma(fd, -PAGE, PAGE, PAGE));
	assert_ok(unmap_dma(fd, -3 * PAGE, 3 * PAGE, 2 * PAGE));
	assert_ok(unmap_dma(fd, -4 * PAGE, 4 * PAGE, PAGE));
	/* From the middle of one mapping to the middle of another. */
	assert_ok(map_dma(fd, va, IOVA, 4 * PAGE, DMA_RW));
	assert_ok(map_dma(fd, va, IOVA + 6 * PAGE, 2 * PAGE, DMA_RW));
	assert_ok(map_dma(fd, va, IOVA + 9 * PAGE, 4 * PAGE, DMA_RW));
	assert_ok(unmap_dma(fd, IOVA + PAGE, 9 * PAGE, 6 * PAGE));
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA, PAGE));
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA + 10 * PAGE, 3 * PAGE));
	/* Not within a page. */
	assert_ok(map_dma(fd, va, IOVA, 4 * PAGE, DMA_RW));
	assert_errno(EINVAL, ioctl(fd, VFIO_IOMMU_UNMAP_DMA,
				   &(struct vfio_iommu_type1_dma_unmap){
					.argsz = 24, .iova = IOVA + 8,
					.size = PAGE }));
	assert_errno(EINVAL, ioctl(fd, VFIO_IOMMU_UNMAP_DMA,
				   &(struct vfio_iommu_type1_dma_unmap){
					.argsz = 24, .iova = IOVA,
					.size = 8 }));
	assert_errno(EINVAL, unmap_dma(fd, IOVA, 0, 0));
	assert_ok(unmap_dma(fd, IOVA - 8, 4 * PAGE + 16, 4 * PAGE));
}

/* A device reaches what is left, and only that. */
static void test_cut_dma(void **state)
{
	struct setup s = setup_bound();
	uint8_t *va = page_alloc(8 * PAGE), *other = page_alloc(PAGE);

	(void)state;
	set_ioas(s.ctx, s.ioas);
	assert_ok(ioctl(s.ctx, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	assert_ok(map_dma(s.ctx, va, IOVA, 8 * PAGE, DMA_RW));
	check_dma(&s, va + 3 * PAGE, IOVA + 3 * PAGE, 1);
	/* The middle, the beginning, the end. */
	assert_ok(unmap_dma(s.ctx, IOVA + 3 * PAGE, PAGE, PAGE));
	check_no_write(&s, va + 3 * PAGE, IOVA + 3 * PAGE);
	check_dma(&s, va + 2 * PAGE, IOVA + 2 * PAGE, 2);
	check_dma(&s, va + 4 * PAGE, IOVA + 4 * PAGE, 3);
	assert_ok(unmap_dma(s.ctx, IOVA, PAGE, PAGE));
	check_no_write(&s, va, IOVA);
	check_dma(&s, va + PAGE, IOVA + PAGE, 4);
	assert_ok(unmap_dma(s.ctx, IOVA + 7 * PAGE, PAGE, PAGE));
	check_no_write(&s, va + 7 * PAGE, IOVA + 7 * PAGE);
	check_dma(&s, va + 6 * PAGE, IOVA + 6 * PAGE, 5);
	/* Something else in the hole. */
	assert_ok(map_dma(s.ctx, other, IOVA + 3 * PAGE, PAGE, DMA_RW));
	check_dma(&s, other, IOVA + 3 * PAGE, 6);
	check_dma(&s, va + 4 * PAGE, IOVA + 4 * PAGE, 7);
	/* What is left follows the device. */
	assert_ok(cdev_detach(s.dev));
	check_eq(0, state_vm("VmPin"));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_dma(&s, va + 4 * PAGE, IOVA + 4 * PAGE, 8);
	check_no_write(&s, va, IOVA);
	assert_ok(unmap_dma(s.ctx, IOVA + 2 * PAGE, 3 * PAGE, 3 * PAGE));
	check_no_write(&s, va + 4 * PAGE, IOVA + 4 * PAGE);
	check_dma(&s, va + PAGE, IOVA + PAGE, 9);
	check_dma(&s, va + 5 * PAGE, IOVA + 5 * PAGE, 10);
	assert_ok(unmap_dma(s.ctx, IOVA, 8 * PAGE, 3 * PAGE));
	check_eq(0, state_vm("VmPin"));
}

/* What is unmapped is unpinned, page by page, in any order. */
static void test_cut_unpins(void **state)
{
	/* Out of the middle, both ends, and what is left. */
	static const struct {
		unsigned int first, pages;
	} parts[] = {
		{ 30, 1 }, { 31, 5 },  { 10, 20 }, { 0, 1 },
		{ 63, 1 }, { 50, 13 }, { 1, 9 },   { 36, 14 },
	};
	struct setup s = setup_bound();
	uint8_t *va = page_alloc(64 * PAGE);
	unsigned long left = 64;
	long pins = state_pins();
	size_t i;

	(void)state;
	set_ioas(s.ctx, s.ioas);
	assert_ok(ioctl(s.ctx, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	assert_ok(map_dma(s.ctx, va, IOVA, 64 * PAGE, DMA_RW));
	check_pinned(64);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		assert_ok(unmap_dma(s.ctx, IOVA + parts[i].first * PAGE,
				    parts[i].pages * PAGE,
				    parts[i].pages * PAGE));
		left -= parts[i].pages;
		check_pinned(left);
		check_eq(pins + left, state_pins());
		if (left)
			check_dma(&s, va + 49 * PAGE, IOVA + 49 * PAGE, i);
	}
	check_pinned(0);
}

/* Also of huge pages: without large IOMMU pages they come apart. */
static void test_cut_huge(void **state)
{
	struct setup s = setup_bound();
	uint8_t *map, *va;

	(void)state;
	map = keep_map(mmap(NULL, 6 * MB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 6 * MB);
	check(map != MAP_FAILED);
	va = (uint8_t *)(((uintptr_t)map + 2 * MB - 1) & -(2 * MB));
	madvise(va, 4 * MB, MADV_HUGEPAGE);
	memset(va, 0, 4 * MB);
	set_ioas(s.ctx, s.ioas);
	assert_ok(ioctl(s.ctx, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	assert_ok(map_dma(s.ctx, va, 2 * MB, 4 * MB, DMA_RW));
	assert_ok(unmap_dma(s.ctx, 3 * MB + PAGE, PAGE, PAGE));
	check_dma(&s, va + MB, 3 * MB, 1);
	check_dma(&s, va + MB + 2 * PAGE, 3 * MB + 2 * PAGE, 2);
	check_no_write(&s, va + MB + PAGE, 3 * MB + PAGE);
	check_dma(&s, va + 2 * MB - COPY / 2, 4 * MB - COPY / 2, 3);
	assert_ok(unmap_dma(s.ctx, 3 * MB, 2 * MB, 2 * MB - PAGE));
	check_dma(&s, va + MB - COPY, 3 * MB - COPY, 4);
	check_dma(&s, va + 3 * MB, 5 * MB, 5);
	check_no_write(&s, va + 2 * MB, 4 * MB);
	assert_ok(unmap_dma(s.ctx, 0, 64 * MB, 2 * MB));
	check_eq(0, state_vm("VmPin"));
}

/* With two page tables, the hole is in both. */
static void test_cut_two_tables(void **state)
{
	struct setup s = setup_bound();
	uint8_t *va = page_alloc(4 * PAGE);
	uint32_t hwpt = 0;

	(void)state;
	set_ioas(s.ctx, s.ioas);
	assert_ok(ioctl(s.ctx, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	attach_second(&s, hwpt);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	assert_ok(map_dma(s.ctx, va, IOVA, 4 * PAGE, DMA_RW));
	assert_ok(unmap_dma(s.ctx, IOVA + PAGE, PAGE, PAGE));
	check_dma(&s, va, IOVA, 1);
	check_no_write(&s, va + PAGE, IOVA + PAGE);
	assert_ok(cdev_attach(s.dev, hwpt, NULL));
	check_dma(&s, va + 2 * PAGE, IOVA + 2 * PAGE, 2);
	check_no_write(&s, va + PAGE, IOVA + PAGE);
}

/* A mapping that was cut can be copied, and a copy can be cut. */
static void test_cut_copy(void **state)
{
	struct setup s = setup_bound();
	uint8_t *va = page_alloc(8 * PAGE);

	(void)state;
	set_ioas(s.ctx, s.ioas);
	assert_ok(ioctl(s.ctx, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	assert_ok(map_dma(s.ctx, va, IOVA, 8 * PAGE, DMA_RW));
	assert_ok(unmap_dma(s.ctx, IOVA + 2 * PAGE, PAGE, PAGE));
	assert_errno(ENOENT, ioas_copy_fixed(s.ctx, s.ioas, 32 * MB, s.ioas,
					     IOVA, 8 * PAGE, MAP_RW));
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, 32 * MB, s.ioas,
				  IOVA + 3 * PAGE, 5 * PAGE, MAP_RW));
	assert_ok(unmap_dma(s.ctx, 32 * MB + PAGE, PAGE, PAGE));
	assert_ok(unmap_dma(s.ctx, IOVA, MB, 7 * PAGE));
	check_dma(&s, va + 3 * PAGE, 32 * MB, 1);
	check_dma(&s, va + 5 * PAGE, 32 * MB + 2 * PAGE, 2);
	check_no_write(&s, va + 4 * PAGE, 32 * MB + PAGE);
	assert_ok(unmap_dma(s.ctx, 32 * MB, MB, 4 * PAGE));
	check_eq(0, state_vm("VmPin"));
}

/* Close finds cut mappings, pinned. */
static void test_cut_close(void **state)
{
	struct setup s = setup_bound();
	uint8_t *va = page_alloc(8 * PAGE);

	(void)state;
	set_ioas(s.ctx, s.ioas);
	assert_ok(ioctl(s.ctx, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	assert_ok(map_dma(s.ctx, va, IOVA, 8 * PAGE, DMA_RW));
	assert_ok(unmap_dma(s.ctx, IOVA + 2 * PAGE, PAGE, PAGE));
	drop_fd(s.ctx);
	check_dma(&s, va, IOVA, 1);
	edu_close(&s.edu);
	drop_fd(s.dev);
	check_eq(0, state_vm("VmPin"));
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	ADD(vfio_ioas);
	ADD(vfio_ioas_bad);
	ADD(vfio_ioas_types);
	ADD(vfio_ioas_destroyed);
	ADD(vfio_ioas_busy);
	ADD(api_version);
	ADD(extensions);
	ADD(extensions_attached);
	ADD(other_ioctls);
	ADD(set_iommu);
	ADD(set_iommu_mapped);
	ADD(info);
	ADD(info_attached);
	ADD(info_short);
	ADD(info_unwritable);
	ADD(info_bad);
	ADD(map_bad_args);
	ADD(map_errors);
	ADD(map_attached);
	test_add(&list, test_map_limit, NULL, "map_limit.user");
	test_add(&list, test_map_limit, (void *)1, "map_limit.process");
	ADD(unmap_bad_args);
	ADD(unmap);
	ADD(unmap_v2);
	ADD(unmap_v2_attached);
	ADD(cut);
	ADD(cut_ends);
	ADD(cut_dma);
	ADD(cut_unpins);
	ADD(cut_huge);
	ADD(cut_two_tables);
	ADD(cut_copy);
	ADD(cut_close);
	return test_main(argc, argv, "compat", &list, NULL, NULL);
}
