// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: a virtio-iommu: what a flush removes
 *
 * A virtio-iommu. Its driver keeps what it was told to map as it was told it, and removes no
 * part of that; of what it removes, it tells the device with the flush, which the core passes
 * over if nobody has noted what there is to flush. Every other IOMMU has to pass, too.
 */
#include <sys/mman.h>
#include <linux/ioasid.h>

#include "dma.h"
#include "ioasid.h"
#include "module.h"
#include "nvme.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define BASE (16 * MB)
#define QUEUES (128 * MB)

/* Contiguous pages. */
#define MEMORY (4 * MB)

struct viommu {
	int ctx;
	int dev;
	uint32_t devid;
	uint32_t ioas;
	struct nvme nvme;
	uint8_t *memory;
	size_t pinned;
};

/* Each test with iommufd_ext calling the driver where it would, and going by the core. */
static void use_viommu(void *arg)
{
	use_direct_map(!arg);
	use_edu(NULL);
	if (nvme_bdf)
		pci_bind(nvme_bdf, DRIVER_EXT);
}

static void map_va(struct viommu *v, uint8_t *va, size_t len, uint64_t iova)
{
	assert_ok(ioas_map_fixed(v->ctx, v->ioas, va, len, iova, MAP_RW));
	v->pinned += len / PAGE;
	check_pinned(v->pinned);
}

static void map(struct viommu *v, size_t at, size_t len, uint64_t iova)
{
	map_va(v, v->memory + at, len, iova);
}

static struct viommu viommu_new(void)
{
	struct viommu v = { .ctx = ioasid_open() };
	uint8_t *queues;

	need_nvme();
	queues = page_alloc(NVME_MEMORY);
	v.dev = cdev_open_bound(nvme_bdf, v.ctx, &v.devid);
	v.ioas = ioas_new(v.ctx);
	assert_ok(cdev_attach(v.dev, v.ioas, NULL));
	map_va(&v, queues, NVME_MEMORY, QUEUES);
	nvme_open(&v.nvme, v.dev, queues, QUEUES);
	v.memory = huge_alloc(MEMORY, false);
	return v;
}

static void unmap(struct viommu *v, uint64_t iova, uint64_t len, size_t pages)
{
	assert_ok(ioas_unmap(v->ctx, v->ioas, iova, &len));
	check_eq(pages * PAGE, len);
	v->pinned -= pages;
	check_pinned(v->pinned);
}

static void check_reached(struct viommu *v, size_t at, size_t len,
			  uint64_t iova)
{
	nvme_check_range(&v->nvme, iova, v->memory + at, len, REACH_YES);
}

static void check_gone(struct viommu *v, size_t at, size_t len, uint64_t iova)
{
	nvme_check_range(&v->nvme, iova, v->memory + at, len, REACH_NO);
}

/* One page is gone when UNMAP has returned, wherever it is. */
static void test_page(void **state)
{
	struct viommu v = viommu_new();
	size_t at;

	(void)state;
	for (at = 0; at < 5 * PAGE; at += PAGE) {
		map(&v, at, PAGE, BASE + at);
		check_reached(&v, at, PAGE, BASE + at);
		unmap(&v, BASE + at, PAGE, 1);
		check_gone(&v, at, PAGE, BASE + at);
	}
}

/* The same with the slower device, which cannot read ahead. */
static void test_edu(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(PAGE);

	(void)state;
	map_at(&s, va, PAGE, BASE);
	check_dma(&s, va, BASE, 1);
	unmap_at(&s, BASE, PAGE);
	check_no_write(&s, va, BASE);
	check_no_read(&s, va, BASE, 2);
}

/* A range of every size at every place within 64 KiB: none is a request of its own. */
static void test_sizes(void **state)
{
	struct viommu v = viommu_new();
	size_t first, pages;

	(void)state;
	for (pages = 1; pages <= 17; pages++) {
		for (first = 0; first < 9; first += 1 + pages / 4) {
			map(&v, first * PAGE, pages * PAGE,
			    BASE + first * PAGE);
			check_reached(&v, first * PAGE, pages * PAGE,
				      BASE + first * PAGE);
			unmap(&v, BASE + first * PAGE, pages * PAGE, pages);
			check_gone(&v, first * PAGE, pages * PAGE,
				   BASE + first * PAGE);
		}
	}
}

/* Pages of @from of the memory take the place of others. */
static void move(uint8_t *to, uint8_t *from, size_t pages)
{
	check(mremap(from, pages * PAGE, pages * PAGE,
		     MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
}

/* One mapping of several runs of contiguous pages, each mapped for itself. */
static void test_runs(void **state)
{
	static const uint8_t runs[] = { 5, 2, 1, 3, 8, 1, 1, 7, 16, 4, 9 };
	struct viommu v = viommu_new();
	size_t i, pages = 0, first;
	uint8_t *parts, *va;

	(void)state;
	parts = v.memory;
	for (i = 0; i < ARRAY_SIZE(runs); i++)
		pages += runs[i];
	v.memory = page_alloc(pages * PAGE);
	va = v.memory;
	for (i = 0; i < ARRAY_SIZE(runs); i++) {
		move(va, parts + i * 64 * PAGE, runs[i]);
		va += runs[i] * PAGE;
	}
	for (first = 0; first < 9; first++) {
		map(&v, 0, pages * PAGE, BASE + first * PAGE);
		check_reached(&v, 0, pages * PAGE, BASE + first * PAGE);
		unmap(&v, BASE + first * PAGE, pages * PAGE, pages);
		check_gone(&v, 0, pages * PAGE, BASE + first * PAGE);
	}
}

/* Several mappings that one UNMAP removes, side by side and with room between them. */
static void test_several(void **state)
{
	static const uint8_t sizes[] = { 1, 1, 2, 3, 1, 4, 8, 5, 1, 16, 2, 7 };
	struct viommu v = viommu_new();
	size_t gap, i, at, pages;
	uint64_t start;

	(void)state;
	for (gap = 0; gap < 3; gap++) {
		start = BASE + gap * 3 * PAGE;
		for (i = at = pages = 0; i < ARRAY_SIZE(sizes); i++) {
			map(&v, at, sizes[i] * PAGE, start + at);
			check_reached(&v, at, sizes[i] * PAGE, start + at);
			at += (sizes[i] + gap) * PAGE;
			pages += sizes[i];
		}
		/* What is beside them stays. */
		map(&v, MB, PAGE, start - PAGE);
		map(&v, MB + PAGE, PAGE, start + at);
		unmap(&v, start, at, pages);
		check_gone(&v, 0, at, start);
		check_reached(&v, MB, PAGE, start - PAGE);
		check_reached(&v, MB + PAGE, PAGE, start + at);
		unmap(&v, start - PAGE, at + 2 * PAGE, 2);
	}
}

/*
 * Remove part of a mapping, or what is mapped in a range of IOVAs. A driver that cannot may
 * refuse: then the reason is said, and nothing has changed.
 */
static bool punch(struct viommu *v, uint64_t iova, uint64_t len, size_t pages)
{
	uint64_t got = len;
	struct refusal refusal;

	if (ioas_unmap_partial(v->ctx, v->ioas, iova, &got, 0)) {
		check_eq(EOPNOTSUPP, errno);
		check_refusal(v->ctx, EOPNOTSUPP, "cannot be cut", &refusal);
		check_pinned(v->pinned);
		return false;
	}
	check_eq(pages * PAGE, got);
	v->pinned -= pages;
	check_pinned(v->pinned);
	return true;
}

/* A hole in one mapping spares what is beside it, and only that. */
static void test_partial(void **state)
{
	static const size_t first[] = { 0, 1, 5, 7, 16, 31, 63 };
	static const size_t pages[] = { 1, 2, 3, 8, 16, 1, 1 };
	struct viommu v = viommu_new();
	size_t i, from, len, left;
	bool done;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(first); i++) {
		from = first[i] * PAGE;
		len = pages[i] * PAGE;
		left = 64 * PAGE - from - len;
		map(&v, 0, 64 * PAGE, BASE);
		check_reached(&v, 0, 64 * PAGE, BASE);
		done = punch(&v, BASE + from, len, pages[i]);
		nvme_check_range(&v.nvme, BASE + from, v.memory + from, len,
				 done ? REACH_NO : REACH_YES);
		if (from)
			check_reached(&v, 0, from, BASE);
		if (left)
			check_reached(&v, from + len, left, BASE + from + len);
		unmap(&v, BASE, 64 * PAGE, 64 - (done ? pages[i] : 0));
		check_gone(&v, 0, 64 * PAGE, BASE);
	}
}

/* From the middle of one mapping over another into a third. */
static void test_partial_several(void **state)
{
	struct viommu v = viommu_new();
	uint64_t iova;
	bool done;

	(void)state;
	for (iova = BASE; iova < BASE + 4 * PAGE; iova += PAGE) {
		map(&v, 0, 8 * PAGE, iova);
		map(&v, 8 * PAGE, 3 * PAGE, iova + 8 * PAGE);
		map(&v, 11 * PAGE, 9 * PAGE, iova + 11 * PAGE);
		check_reached(&v, 0, 20 * PAGE, iova);
		done = punch(&v, iova + 5 * PAGE, 10 * PAGE, 10);
		check_reached(&v, 0, 5 * PAGE, iova);
		check_reached(&v, 15 * PAGE, 5 * PAGE, iova + 15 * PAGE);
		if (done) {
			check_gone(&v, 5 * PAGE, 10 * PAGE, iova + 5 * PAGE);
			/* There is room for others. */
			map(&v, MB, 10 * PAGE, iova + 5 * PAGE);
			check_reached(&v, MB, 10 * PAGE, iova + 5 * PAGE);
		}
		check_reached(&v, 0, 5 * PAGE, iova);
		check_reached(&v, 15 * PAGE, 5 * PAGE, iova + 15 * PAGE);
		unmap(&v, iova, 20 * PAGE, 20);
		check_gone(&v, 0, 20 * PAGE, iova);
	}
}

/* Memory of 2 MiB and more, whole and cut. */
static void test_large(void **state)
{
	struct viommu v = viommu_new();
	size_t hole = MB + 5 * PAGE;
	bool done;

	(void)state;
	map(&v, PAGE, MEMORY - PAGE, BASE + PAGE);
	check_reached(&v, PAGE, 64 * PAGE, BASE + PAGE);
	check_reached(&v, 2 * MB - 8 * PAGE, 16 * PAGE,
		      BASE + 2 * MB - 8 * PAGE);
	done = punch(&v, BASE + hole, PAGE, 1);
	nvme_check_range(&v.nvme, BASE + hole, v.memory + hole, PAGE,
			 done ? REACH_NO : REACH_YES);
	check_reached(&v, PAGE, 100 * PAGE, BASE + PAGE);
	check_reached(&v, hole - 100 * PAGE, 100 * PAGE,
		      BASE + hole - 100 * PAGE);
	check_reached(&v, hole + PAGE, 100 * PAGE, BASE + hole + PAGE);
	check_reached(&v, MEMORY - 100 * PAGE, 100 * PAGE,
		      BASE + MEMORY - 100 * PAGE);
	unmap(&v, BASE, MEMORY, MEMORY / PAGE - 1 - done);
	check_gone(&v, 0, MEMORY, BASE);
}

/* Without large pages, a mapping is told page by page. */
static void test_small_pages(void **state)
{
	struct viommu v = viommu_new();
	size_t first;

	(void)state;
	unmap(&v, QUEUES, NVME_MEMORY, NVME_MEMORY / PAGE);
	assert_ok(option_set(v.ctx, IOASID_OPTION_HUGE_PAGES, v.ioas, 0));
	map_va(&v, v.nvme.memory, NVME_MEMORY, QUEUES);
	for (first = 0; first < 5; first++) {
		map(&v, 0, 37 * PAGE, BASE + first * PAGE);
		check_reached(&v, 0, 37 * PAGE, BASE + first * PAGE);
		check(punch(&v, BASE + (first + 20) * PAGE, 3 * PAGE, 3));
		check_gone(&v, 20 * PAGE, 3 * PAGE, BASE + (first + 20) * PAGE);
		check_reached(&v, 0, 20 * PAGE, BASE + first * PAGE);
		check_reached(&v, 23 * PAGE, 14 * PAGE,
			      BASE + (first + 23) * PAGE);
		unmap(&v, BASE, MB, 34);
		check_gone(&v, 0, 37 * PAGE, BASE + first * PAGE);
	}
}

/* What is left of a mapping goes with the page table, and comes again in another. */
static void test_tables(void **state)
{
	struct viommu v = viommu_new();
	bool done;

	(void)state;
	map(&v, 0, 32 * PAGE, BASE + PAGE);
	done = punch(&v, BASE + 9 * PAGE, 2 * PAGE, 2);
	assert_ok(cdev_detach(v.dev));
	check_pinned(0);
	assert_ok(cdev_attach(v.dev, v.ioas, NULL));
	check_pinned(v.pinned);
	check_reached(&v, 0, 8 * PAGE, BASE + PAGE);
	nvme_check_range(&v.nvme, BASE + 9 * PAGE, v.memory + 8 * PAGE,
			 2 * PAGE, done ? REACH_NO : REACH_YES);
	check_reached(&v, 10 * PAGE, 22 * PAGE, BASE + 11 * PAGE);
	unmap(&v, BASE, MB, done ? 30 : 32);
	check_gone(&v, 0, 32 * PAGE, BASE + PAGE);
}

static int teardown(void **state)
{
	(void)state;
	use_direct_map(true);
	return 0;
}

#define TEST(fn)               \
	{                      \
#fn, test_##fn \
	}

int main(int argc, char **argv)
{
	static const struct driver_test tests[] = {
		TEST(page),
		TEST(edu),
		TEST(sizes),
		TEST(runs),
		TEST(several),
		TEST(partial),
		TEST(partial_several),
		TEST(large),
		TEST(small_pages),
		TEST(tables),
	};
	struct test_list list = { 0 };
	size_t i;

	test_before = use_viommu;
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		test_add(&list, tests[i].fn, NULL, "direct.%s", tests[i].name);
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		test_add(&list, tests[i].fn, "core", "core.%s", tests[i].name);
	return test_main(argc, argv, "viommu", &list, NULL, teardown);
}
