// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: parts of mappings unmapped
 *
 * IOASID_IOAS_UNMAP_PARTIAL: a hole of any size in a mapping, and what is left around
 * it: what a device reaches, what is pinned, and which IOMMU pages stay.
 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>

#include "dma.h"
#include "edu.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define SPLIT IOASID_UNMAP_PARTIAL_SPLIT
#define NO_FAULT IOASID_UNMAP_PARTIAL_NO_FAULT

#define HUGE (2 * MB)
#define HUGE_IOVA (16 * MB)

/* Returns 0 or an errno, and checks how much was removed. */
static int punch_flags(int fd, uint32_t ioas, uint64_t iova, uint64_t len,
		       uint64_t removed, uint32_t flags)
{
	uint64_t got = len;

	if (ioas_unmap_partial(fd, ioas, iova, &got, flags)) {
		check_eq(len, got);
		return -1;
	}
	check_eq(removed, got);
	return 0;
}

static int punch(int fd, uint32_t ioas, uint64_t iova, uint64_t len,
		 uint64_t removed)
{
	return punch_flags(fd, ioas, iova, len, removed, 0);
}

/* ---- without a device ---- */

/* Every part of a mapping. */
static void test_every_part(void **state)
{
	int fd = ioasid_open();
	uint32_t ioas = ioas_new(fd);
	uint8_t *va = page_alloc(8 * PAGE);
	uint64_t from, to, iova;

	(void)state;
	for (from = 0; from < 8; from++) {
		for (to = from + 1; to <= 8; to++) {
			iova = IOVA + from * PAGE;
			assert_ok(ioas_map_fixed(fd, ioas, va, 8 * PAGE, IOVA,
						 MAP_RW));
			assert_ok(punch(fd, ioas, iova, (to - from) * PAGE,
					(to - from) * PAGE));
			assert_errno(ENOENT, punch(fd, ioas, iova,
						   (to - from) * PAGE, 0));
			/* What is left are mappings like any other. */
			if (from)
				assert_ok(ioas_unmap_exact(fd, ioas, IOVA,
							   from * PAGE));
			if (to < 8)
				assert_ok(ioas_unmap_exact(fd, ioas,
							   IOVA + to * PAGE,
							   (8 - to) * PAGE));
			check_empty(fd, ioas);
		}
	}
}

static void test_several(void **state)
{
	int fd = ioasid_open();
	uint32_t ioas = ioas_new(fd);
	uint8_t *va = page_alloc(8 * PAGE);

	(void)state;
	/* From the middle of one, over a hole and another, into a third. */
	assert_ok(ioas_map_fixed(fd, ioas, va, 4 * PAGE, IOVA, MAP_RW));
	assert_ok(ioas_map_fixed(fd, ioas, va, 2 * PAGE, IOVA + 6 * PAGE,
				 MAP_RW));
	assert_ok(ioas_map_fixed(fd, ioas, va, 4 * PAGE, IOVA + 8 * PAGE,
				 MAP_R));
	assert_ok(punch(fd, ioas, IOVA + 3 * PAGE, 8 * PAGE, 6 * PAGE));
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA, 3 * PAGE));
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA + 11 * PAGE, PAGE));
	/* The first and the last of all IOVAs. */
	assert_ok(ioas_map_fixed(fd, ioas, va, 4 * PAGE, 0, MAP_RW));
	assert_ok(ioas_map_fixed(fd, ioas, va, 4 * PAGE, -4 * PAGE, MAP_RW));
	assert_ok(punch(fd, ioas, 0, PAGE, PAGE));
	assert_ok(punch(fd, ioas, -PAGE, PAGE, PAGE));
	assert_ok(punch(fd, ioas, PAGE, -2 * PAGE, 6 * PAGE));
	check_empty(fd, ioas);
	/* Without an IOMMU, each byte is one. */
	assert_ok(ioas_map_fixed(fd, ioas, va + 1, 100, IOVA + 7, MAP_RW));
	assert_ok(punch(fd, ioas, IOVA + 50, 3, 3));
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA + 7, 43));
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA + 53, 54));
	check_empty(fd, ioas);
}

static void test_split(void **state)
{
	int fd = ioasid_open();
	uint32_t ioas = ioas_new(fd);
	uint8_t *va = page_alloc(8 * PAGE);

	(void)state;
	assert_ok(ioas_map_fixed(fd, ioas, va, 8 * PAGE, IOVA, MAP_RW));
	assert_ok(punch_flags(fd, ioas, IOVA + 2 * PAGE, 3 * PAGE, 0, SPLIT));
	/* There already, and where nothing is. */
	assert_ok(punch_flags(fd, ioas, IOVA + 2 * PAGE, 3 * PAGE, 0, SPLIT));
	assert_ok(punch_flags(fd, ioas, 64 * MB, PAGE, 0, SPLIT));
	assert_errno(ENOENT, ioas_unmap_exact(fd, ioas, IOVA, PAGE));
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA + 2 * PAGE, 3 * PAGE));
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA, 2 * PAGE));
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA + 5 * PAGE, 3 * PAGE));
}

static void test_bad(void **state)
{
	int fd = ioasid_open();
	uint32_t ioas = ioas_new(fd), bit;
	uint8_t *va = page_alloc(4 * PAGE);
	struct ioasid_ioas_unmap_partial cmd = {
		.size = sizeof(cmd), .ioas_id = ioas, .__reserved = 1,
		.iova = IOVA, .length = PAGE,
	};

	(void)state;
	assert_ok(ioas_map_fixed(fd, ioas, va, 4 * PAGE, IOVA, MAP_RW));
	for (bit = 4; bit; bit <<= 1)
		assert_errno(EOPNOTSUPP,
			     punch_flags(fd, ioas, IOVA, PAGE, 0, bit));
	assert_errno(EOPNOTSUPP, ioctl(fd, IOASID_IOAS_UNMAP_PARTIAL, &cmd));
	assert_errno(ENOENT, punch(fd, ABSENT_ID, IOVA, PAGE, 0));
	assert_errno(EINVAL, punch(fd, ioas, IOVA + PAGE, 0, 0));
	assert_errno(EOVERFLOW, punch(fd, ioas, -PAGE, 2 * PAGE, 0));
	assert_errno(EOVERFLOW, punch(fd, ioas, 0, UINT64_MAX, 0));
	assert_errno(EOVERFLOW, punch(fd, ioas, UINT64_MAX, 1, 0));
	assert_errno(ENOENT, punch(fd, ioas, IOVA + 4 * PAGE, MB, 0));
	/* Nothing of it did anything. */
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA, 4 * PAGE));
}

/* What is left of a mapping can be copied, and what is left of a copy. */
static void test_copies(void **state)
{
	int fd = ioasid_open();
	uint32_t ioas = ioas_new(fd);
	uint8_t *va = page_alloc(8 * PAGE);

	(void)state;
	assert_ok(ioas_map_fixed(fd, ioas, va, 8 * PAGE, IOVA, MAP_R));
	assert_ok(punch(fd, ioas, IOVA + 4 * PAGE, PAGE, PAGE));
	assert_errno(ENOENT, ioas_copy_fixed(fd, ioas, 64 * MB, ioas, IOVA,
					     8 * PAGE, MAP_R));
	assert_errno(EPERM, ioas_copy_fixed(fd, ioas, 64 * MB, ioas, IOVA,
					    4 * PAGE, MAP_RW));
	assert_ok(ioas_copy_fixed(fd, ioas, 64 * MB, ioas, IOVA + 5 * PAGE,
				  3 * PAGE, MAP_R));
	assert_ok(punch(fd, ioas, 64 * MB + PAGE, PAGE, PAGE));
	assert_ok(ioas_unmap_exact(fd, ioas, 64 * MB, PAGE));
	assert_ok(ioas_unmap_exact(fd, ioas, 64 * MB + 2 * PAGE, PAGE));
	assert_ok(ioas_unmap_exact(fd, ioas, IOVA + 5 * PAGE, 3 * PAGE));
}

/* ---- with a device ---- */

static void punch_at(struct setup *s, uint64_t iova, uint64_t len)
{
	assert_ok(punch(s->ctx, s->ioas, iova, len, len));
}

enum memory {
	SMALL_PAGES,
	THP,
	HUGETLB,
};

static uint8_t *memory_alloc(enum memory kind, size_t len)
{
	if (kind == HUGETLB)
		check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "16"));
	return kind == SMALL_PAGES ? page_alloc(len) :
				     huge_alloc(len, kind == HUGETLB);
}

static void memory_free(enum memory kind)
{
	release_all();
	if (kind == HUGETLB)
		check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "0"));
}

/* A device reaches what is left, and only that, and only that is pinned. */
static void test_dma(void **state)
{
	enum memory kind = (uintptr_t)test_arg(state);
	struct setup s = setup_attached();
	uint8_t *va = memory_alloc(kind, 2 * HUGE);

	map_at(&s, va, 2 * HUGE, HUGE_IOVA);
	check_pinned(1024);
	/* A page in the first half. */
	punch_at(&s, HUGE_IOVA + 5 * PAGE, PAGE);
	check_pinned(1023);
	check_no_write(&s, va + 5 * PAGE, HUGE_IOVA + 5 * PAGE);
	check_dma(&s, va + 4 * PAGE, HUGE_IOVA + 4 * PAGE, 1);
	check_dma(&s, va + 6 * PAGE, HUGE_IOVA + 6 * PAGE, 2);
	check_dma(&s, va + HUGE, HUGE_IOVA + HUGE, 3);
	/* Over the border of the halves, and both ends. */
	punch_at(&s, HUGE_IOVA + HUGE - PAGE, 2 * PAGE);
	punch_at(&s, HUGE_IOVA, PAGE);
	punch_at(&s, HUGE_IOVA + 2 * HUGE - PAGE, PAGE);
	check_pinned(1019);
	check_no_write(&s, va, HUGE_IOVA);
	check_no_write(&s, va + HUGE, HUGE_IOVA + HUGE);
	check_dma(&s, va + HUGE + PAGE, HUGE_IOVA + HUGE + PAGE, 4);
	check_dma(&s, va + 2 * HUGE - 2 * PAGE,
		  HUGE_IOVA + 2 * HUGE - 2 * PAGE, 5);
	/* What is left follows the device. */
	assert_ok(cdev_detach(s.dev));
	check_pinned(0);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_pinned(1019);
	check_no_write(&s, va + 5 * PAGE, HUGE_IOVA + 5 * PAGE);
	check_dma(&s, va + PAGE, HUGE_IOVA + PAGE, 6);
	/* All of it, at once. */
	assert_ok(punch(s.ctx, s.ioas, 0, 64 * MB, 1019 * PAGE));
	check_pinned(0);
	check_no_write(&s, va + PAGE, HUGE_IOVA + PAGE);
	memory_free(kind);
}

/* Nothing of what stays changes while other parts go. */
static void test_data(void **state)
{
	enum memory kind = (uintptr_t)test_arg(state);
	struct setup s = setup_attached();
	uint8_t *va = memory_alloc(kind, 2 * HUGE);
	bool gone[1024] = { 0 };
	unsigned int i, n, first, pages, left = 1024;
	uint64_t removed;

	map_at(&s, va, 2 * HUGE, HUGE_IOVA);
	srandom(kind);
	for (n = 0; n < 60; n++) {
		first = random() % 1024;
		pages = 1 + random() % (n % 3 ? 8 : 1024 - first);
		if (pages > 1024 - first || pages > 60)
			pages = 1;
		for (removed = 0, i = first; i < first + pages; i++) {
			removed += !gone[i];
			gone[i] = true;
		}
		if (removed)
			assert_ok(punch(s.ctx, s.ioas,
					HUGE_IOVA + first * PAGE,
					pages * PAGE, removed * PAGE));
		else
			assert_errno(ENOENT,
				     punch(s.ctx, s.ioas,
					   HUGE_IOVA + first * PAGE,
					   pages * PAGE, 0));
		left -= removed;
		check_pinned(left);
		if (n % 6)
			continue;
		i = random() % 1024;
		if (gone[i])
			check_no_write(&s, va + i * PAGE, HUGE_IOVA + i * PAGE);
		else
			check_dma(&s, va + i * PAGE, HUGE_IOVA + i * PAGE, n);
	}
	memory_free(kind);
}

/* A device that is at work elsewhere in the mapping does not notice. */
static void test_other_pages(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = memory_alloc(HUGETLB, 4 * HUGE);
	unsigned int i;

	(void)state;
	map_at(&s, va, 4 * HUGE, HUGE_IOVA);
	for (i = 1; i < 8; i++) {
		edu_load(&s, i);
		memset(va + 3 * HUGE, 0, COPY);
		edu_start_write(&s.edu, HUGE_IOVA + 3 * HUGE, SPOT, COPY);
		punch_at(&s, HUGE_IOVA + i * 64 * PAGE, PAGE);
		edu_wait(&s.edu);
		check(has_pattern(va + 3 * HUGE, COPY, i));
	}
	memory_free(HUGETLB);
}

/* Tables of all IOMMUs, in pages; -1 where the kernel does not count them. */
static long iommu_tables(void)
{
	char line[128];
	long pages = -1;
	FILE *file;

	/* Fold the counters of each CPU into the sum that is shown. */
	read_file("/proc/sys/vm/stat_refresh", line, sizeof(line));
	file = fopen("/proc/vmstat", "re");
	check(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "nr_iommu_pages %ld", &pages) == 1)
			break;
	fclose(file);
	/* Those of other IOMMUs are in the host, or none. */
	return core_maps() ? -1 : pages;
}

/* One large IOMMU page becomes a table of small ones; the others stay. */
static void test_large_pages(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = memory_alloc(HUGETLB, 8 * HUGE);
	long before;

	(void)state;
	map_at(&s, va, 8 * HUGE, HUGE_IOVA);
	before = iommu_tables();
	punch_at(&s, HUGE_IOVA + 3 * HUGE + 7 * PAGE, PAGE);
	check_pinned(4095);
	check_eq(before == -1 ? -1 : before + 1, iommu_tables());
	/* In the same one, and then whole ones: no further table. */
	punch_at(&s, HUGE_IOVA + 3 * HUGE + 9 * PAGE, PAGE);
	punch_at(&s, HUGE_IOVA + 5 * HUGE, HUGE);
	check_eq(before == -1 ? -1 : before + 1, iommu_tables());
	check_dma(&s, va + 3 * HUGE + 8 * PAGE,
		  HUGE_IOVA + 3 * HUGE + 8 * PAGE, 1);
	check_dma(&s, va + 6 * HUGE, HUGE_IOVA + 6 * HUGE, 2);
	check_no_write(&s, va + 5 * HUGE, HUGE_IOVA + 5 * HUGE);
	memory_free(HUGETLB);
}

/* Refused where an IOMMU page would have to be replaced. */
static void test_no_fault(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = memory_alloc(HUGETLB, 4 * HUGE);
	/* Whatever is contiguous, a block of two is the largest in the middle. */
	uint64_t base = HUGE_IOVA + 3 * HUGE;
	uint64_t hole = base + PAGE;

	(void)state;
	map_at(&s, va, 4 * HUGE, base);
	assert_errno(EADDRINUSE,
		     punch_flags(s.ctx, s.ioas, hole, PAGE, 0, NO_FAULT));
	/* Either end is enough, and nothing was split. */
	assert_errno(EADDRINUSE,
		     punch_flags(s.ctx, s.ioas, base, PAGE, 0, NO_FAULT));
	assert_errno(EADDRINUSE,
		     punch_flags(s.ctx, s.ioas, base + 4 * HUGE - PAGE, PAGE, 0,
				 NO_FAULT));
	assert_errno(EADDRINUSE, punch_flags(s.ctx, s.ioas, hole, PAGE, 0,
					     NO_FAULT | SPLIT));
	assert_errno(ENOENT, ioas_unmap_exact(s.ctx, s.ioas, base, HUGE));
	check_pinned(2048);
	/* Between large pages. */
	assert_ok(punch_flags(s.ctx, s.ioas, base + HUGE, 2 * HUGE, 2 * HUGE,
			      NO_FAULT));
	check_pinned(1024);
	/* Where it was split in time. */
	assert_ok(punch_flags(s.ctx, s.ioas, hole, PAGE, 0, SPLIT));
	check_pinned(1024);
	check_dma(&s, va + PAGE, hole, 1);
	assert_ok(punch_flags(s.ctx, s.ioas, hole, PAGE, PAGE, NO_FAULT));
	check_pinned(1023);
	memory_free(HUGETLB);
}

/* Memory in pieces, and an IOAS without large pages, have nothing to replace. */
static void test_no_fault_small(void **state)
{
	struct setup s = setup_bound();
	uint8_t *va = memory_alloc(HUGETLB, HUGE);

	(void)state;
	assert_ok(option_set(s.ctx, IOASID_OPTION_HUGE_PAGES, s.ioas, 0));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	map_at(&s, va, HUGE, HUGE_IOVA);
	assert_ok(punch_flags(s.ctx, s.ioas, HUGE_IOVA + PAGE, PAGE, PAGE,
			      NO_FAULT));
	check_dma(&s, va, HUGE_IOVA, 1);
	check_dma(&s, va + 2 * PAGE, HUGE_IOVA + 2 * PAGE, 2);
	check_no_write(&s, va + PAGE, HUGE_IOVA + PAGE);
	unmap_at(&s, HUGE_IOVA, PAGE);
	unmap_at(&s, HUGE_IOVA + 2 * PAGE, HUGE - 2 * PAGE);
	/* Contiguous, but not aligned as an IOMMU page is. */
	assert_ok(option_set(s.ctx, IOASID_OPTION_HUGE_PAGES, s.ioas, 1));
	map_at(&s, va, HUGE, HUGE_IOVA + PAGE);
	/* A block of the core needs no alignment in physical memory. */
	if (core_maps())
		assert_errno(EADDRINUSE,
			     punch_flags(s.ctx, s.ioas, HUGE_IOVA + MB, PAGE, 0,
					 NO_FAULT | SPLIT));
	assert_ok(punch_flags(s.ctx, s.ioas, HUGE_IOVA + MB, PAGE, PAGE,
			      core_maps() ? 0 : NO_FAULT));
	check_pinned(511);
	check_dma(&s, va + MB, HUGE_IOVA + MB + PAGE, 3);
	memory_free(HUGETLB);
}

static void test_misaligned(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(4 * PAGE);

	(void)state;
	map_at(&s, va, 4 * PAGE, IOVA);
	assert_errno(EINVAL, punch(s.ctx, s.ioas, IOVA + 8, PAGE, 0));
	assert_errno(EINVAL, punch(s.ctx, s.ioas, IOVA + PAGE, 8, 0));
	assert_errno(EINVAL, punch(s.ctx, s.ioas, IOVA + PAGE, PAGE + 8, 0));
	check_pinned(4);
	/* Outside it does not matter. */
	assert_ok(punch(s.ctx, s.ioas, IOVA - 8, 4 * PAGE + 16, 4 * PAGE));
	check_pinned(0);
}

/* With two page tables, the hole is in both. */
static void test_two_tables(void **state)
{
	struct setup s = setup_bound();
	uint8_t *va = memory_alloc(HUGETLB, HUGE);
	uint32_t hwpt = 0;

	(void)state;
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	attach_second(&s, hwpt);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	map_at(&s, va, HUGE, HUGE_IOVA);
	punch_at(&s, HUGE_IOVA + PAGE, PAGE);
	check_pinned(511);
	check_dma(&s, va, HUGE_IOVA, 1);
	check_no_write(&s, va + PAGE, HUGE_IOVA + PAGE);
	assert_ok(cdev_attach(s.dev, hwpt, NULL));
	check_pinned(511);
	check_dma(&s, va + 2 * PAGE, HUGE_IOVA + 2 * PAGE, 2);
	check_no_write(&s, va + PAGE, HUGE_IOVA + PAGE);
	memory_free(HUGETLB);
}

/* A copy keeps what goes from the other. */
static void test_dma_copies(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = memory_alloc(HUGETLB, HUGE);

	(void)state;
	map_at(&s, va, HUGE, HUGE_IOVA);
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, 64 * MB, s.ioas,
				  HUGE_IOVA + MB, MB, MAP_RW));
	punch_at(&s, HUGE_IOVA + MB - PAGE, 2 * PAGE);
	check_pinned(511);
	check_dma(&s, va + MB, 64 * MB, 1);
	check_no_write(&s, va + MB, HUGE_IOVA + MB);
	punch_at(&s, 64 * MB, PAGE);
	check_pinned(510);
	check_no_write(&s, va + MB, 64 * MB);
	check_dma(&s, va + MB + PAGE, HUGE_IOVA + MB + PAGE, 2);
	check_dma(&s, va + MB + PAGE, 64 * MB + PAGE, 3);
	memory_free(HUGETLB);
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)
#define ADD_KIND(test, kind) \
	test_add(&list, test_##test, (void *)kind, #test "." #kind)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	ADD(every_part);
	ADD(several);
	ADD(split);
	ADD(bad);
	ADD(copies);
	ADD_KIND(dma, SMALL_PAGES);
	ADD_KIND(dma, THP);
	ADD_KIND(dma, HUGETLB);
	ADD_KIND(data, SMALL_PAGES);
	ADD_KIND(data, THP);
	ADD_KIND(data, HUGETLB);
	ADD(other_pages);
	ADD(large_pages);
	ADD(no_fault);
	ADD(no_fault_small);
	ADD(misaligned);
	ADD(two_tables);
	ADD(dma_copies);
	return test_main(argc, argv, "partial", &list, NULL, NULL);
}
