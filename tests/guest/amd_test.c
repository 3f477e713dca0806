// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: an AMD IOMMU: page sizes, holes, copies
 * vm: --topology amd --append hugepagesz=1G --append hugepages=1
 *
 * An AMD IOMMU. Its driver takes pages of every power of two, where Intel's knows three sizes,
 * so other sizes are chosen for the same memory.
 */
#include <sys/mman.h>
#include <linux/ioasid.h>

#include "coherency.h"
#include "dma.h"
#include "edu.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

/* Contiguous memory, so that every size can be had: one page of 1 GiB. */
#define SIZE GB
#define MAP_1G (30 << 26)

/* Where the tests map, within what the edu reaches. */
#define BASE (16 * MB)

static struct setup setup_amd(void)
{
	if (iommu_kind() != IOMMU_AMD)
		skip_test("no AMD IOMMU");
	return setup_attached();
}

static uint8_t *memory_new(void)
{
	void *va = keep_map(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
				 MAP_1G, -1, 0), SIZE);

	if (va == MAP_FAILED)
		fail_test("no page of 1 GiB: %s", errno_name(errno));
	return va;
}

/* The first and the last page are reached, and what is beside them is not. */
static void check_mapped(struct setup *s, uint8_t *va, size_t len,
			 uint64_t iova)
{
	check_dma(s, va, iova, len / PAGE);
	check_dma(s, va + len - PAGE, iova + len - PAGE, iova / PAGE);
	check_no_write(s, va - PAGE, iova - PAGE);
	check_no_write(s, va + len, iova + len);
}

/* Every size there is a page for, and sizes made of several; aligned, and not. */
static void test_sizes(void **state)
{
	static const size_t sizes[] = {
		PAGE, 3 * PAGE, 16 * PAGE, 17 * PAGE, MB + PAGE, 2 * MB,
		2 * MB + 5 * PAGE, 4 * MB - PAGE, 33 * MB + 3 * PAGE,
	};
	static const size_t shifts[] = { 0, 64 * KB, 2 * MB - PAGE };
	struct setup s = setup_amd();
	uint8_t *memory = memory_new(), *va;
	uint64_t iova;
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < ARRAY_SIZE(shifts); j++) {
			/* Both aligned alike, then the memory alone. */
			va = memory + 64 * MB + shifts[j];
			iova = BASE + (i % 2 ? shifts[j] : 0);
			map_at(&s, va, sizes[i], iova);
			check_pinned(sizes[i] / PAGE);
			check_mapped(&s, va, sizes[i], iova);
			unmap_at(&s, iova, sizes[i]);
			check_pinned(0);
			check_no_write(&s, va, iova);
		}
	}
}

/* One page for all of it; holes leave the rest as it is. */
static void test_gigabyte(void **state)
{
	struct setup s = setup_amd();
	uint8_t *memory = memory_new();
	uint64_t iova, hole = 100 * MB + 5 * PAGE, len = PAGE;

	(void)state;
	assert_ok(ioas_map_fixed(s.ctx, s.ioas, memory, SIZE, 0, MAP_RW));
	check_pinned(SIZE / PAGE);
	for (iova = 0; iova < EDU_IOVA_END; iova += 17 * MB + PAGE)
		check_dma(&s, memory + iova, iova, iova / MB);
	assert_ok(ioas_unmap_partial(s.ctx, s.ioas, hole, &len, 0));
	check_pinned(SIZE / PAGE - 1);
	check_no_write(&s, memory + hole, hole);
	check_dma(&s, memory + hole - PAGE, hole - PAGE, 1);
	check_dma(&s, memory + hole + PAGE, hole + PAGE, 2);
	check_dma(&s, memory, 0, 3);
	check_dma(&s, memory + EDU_IOVA_END - PAGE, EDU_IOVA_END - PAGE, 4);
	/* A larger one over it, that ends inside pages of several sizes. */
	hole = 96 * MB + PAGE;
	len = 7 * MB + 64 * KB;
	assert_ok(ioas_unmap_partial(s.ctx, s.ioas, hole, &len, 0));
	check_eq(7 * MB + 60 * KB, len);
	len = 7 * MB + 64 * KB;
	check_no_write(&s, memory + hole, hole);
	check_no_write(&s, memory + hole + len - PAGE, hole + len - PAGE);
	check_dma(&s, memory + hole - PAGE, hole - PAGE, 5);
	check_dma(&s, memory + hole + len, hole + len, 6);
	check_dma(&s, memory + 128 * MB, 128 * MB, 7);
	/* What is left goes with the device, and comes again. */
	assert_ok(cdev_detach(s.dev));
	check_pinned(0);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_pinned((SIZE - len) / PAGE);
	check_no_write(&s, memory + hole, hole);
	check_dma(&s, memory + hole - PAGE, hole - PAGE, 8);
	check_dma(&s, memory + hole + len, hole + len, 9);
	len = UINT64_MAX;
	assert_ok(ioas_unmap(s.ctx, s.ioas, 0, &len));
	check_eq(SIZE - 7 * MB - 64 * KB, len);
	check_pinned(0);
	check_no_write(&s, memory + 128 * MB, 128 * MB);
}

/* Holes at all the sizes between a page and 2 MiB, each of which is cut where it is. */
static void test_partial(void **state)
{
	struct setup s = setup_amd();
	uint8_t *memory = memory_new();
	uint64_t iova, len;
	size_t at;

	(void)state;
	for (at = PAGE; at <= 2 * MB; at *= 2) {
		/* The page that holds the hole is 4 MiB. */
		map_at(&s, memory, 4 * MB, BASE);
		iova = BASE + at;
		len = PAGE;
		assert_ok(ioas_unmap_partial(s.ctx, s.ioas, iova, &len, 0));
		check_no_write(&s, memory + at, iova);
		check_dma(&s, memory + at - PAGE, iova - PAGE, at / PAGE);
		check_dma(&s, memory + at + PAGE, iova + PAGE, at / PAGE);
		check_pinned(1023);
		len = 4 * MB;
		assert_ok(ioas_unmap(s.ctx, s.ioas, BASE, &len));
		check_eq(4 * MB - PAGE, len);
		check_no_write(&s, memory + at + PAGE, iova + PAGE);
	}
}

/* Parts of one memory at other places, where other sizes fit. */
static void test_copy(void **state)
{
	struct setup s = setup_amd();
	uint8_t *memory = memory_new();
	uint32_t other = ioas_new(s.ctx);

	(void)state;
	map_at(&s, memory, 8 * MB, BASE);
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, 64 * MB + 64 * KB, s.ioas,
				  BASE + MB, 2 * MB, MAP_RW));
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, 128 * MB + PAGE, s.ioas,
				  BASE + 64 * KB, 5 * MB, MAP_R));
	assert_ok(ioas_copy_fixed(s.ctx, other, 32 * MB, s.ioas, BASE + MB,
				  3 * MB, MAP_RW));
	check_pinned(2048);
	check_mapped(&s, memory + MB, 2 * MB, 64 * MB + 64 * KB);
	/* For reading only: what was loaded through it is what is there. */
	pattern(memory + 64 * KB, COPY, 1);
	edu_read_ram(&s.edu, 128 * MB + PAGE, SPOT, COPY);
	check_no_write(&s, memory + 64 * KB, 128 * MB + PAGE);
	edu_write_ram(&s.edu, BASE, SPOT, COPY);
	check(has_pattern(memory, COPY, 1));
	/* The source goes, the copies stay; then to the other address space. */
	unmap_at(&s, BASE, 8 * MB);
	check_mapped(&s, memory + MB, 2 * MB, 64 * MB + 64 * KB);
	assert_ok(cdev_attach(s.dev, other, NULL));
	check_mapped(&s, memory + MB, 3 * MB, 32 * MB);
	check_no_write(&s, memory + MB, 64 * MB + 64 * KB);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_mapped(&s, memory + MB, 2 * MB, 64 * MB + 64 * KB);
}

/* A page table made by hand, and two devices in one. */
static void test_tables(void **state)
{
	struct setup s = setup_amd();
	uint8_t *memory = memory_new();
	uint32_t hwpt;

	(void)state;
	map_at(&s, memory + PAGE, 4 * MB, BASE);
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	assert_ok(cdev_attach(s.dev, hwpt, NULL));
	attach_second(&s, hwpt);
	check_mapped(&s, memory + PAGE, 4 * MB, BASE);
	unmap_at(&s, BASE, 4 * MB);
	check_no_write(&s, memory + PAGE, BASE);
}

/* 4 KiB at a time, as fragmented memory is. */
static void test_small(void **state)
{
	struct setup s = setup_amd();
	uint8_t *memory = page_alloc(SIZE / 256);
	uint32_t ioas = ioas_new(s.ctx);

	(void)state;
	assert_ok(option_set(s.ctx, IOASID_OPTION_HUGE_PAGES, ioas, 0));
	s.ioas = ioas;
	assert_ok(cdev_attach(s.dev, ioas, NULL));
	map_at(&s, memory + PAGE, 4 * MB - 2 * PAGE, BASE + PAGE);
	check_mapped(&s, memory + PAGE, 4 * MB - 2 * PAGE, BASE + PAGE);
	unmap_at(&s, BASE + PAGE, 4 * MB - 2 * PAGE);
	check_no_write(&s, memory + MB, BASE + MB);
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

/* This IOMMU always enforces it. */
static void test_coherency(void **state)
{
	struct setup s = setup_amd();

	(void)state;
	coherency_check(s.dev, true);
	coherency_check(assert_ok(cdev_open(edu_bdf)), true);
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	ADD(sizes);
	ADD(gigabyte);
	ADD(partial);
	ADD(copy);
	ADD(tables);
	ADD(small);
	ADD(coherency);
	return test_main(argc, argv, "amd", &list, NULL, NULL);
}
