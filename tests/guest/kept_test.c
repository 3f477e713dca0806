// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: memory that an IOMMU driver does not unmap
 * vm: --test-build --topology none --append intel_iommu=off
 * vm: --module-args allow_unsafe_interrupts=1 --keeps 17
 *
 * Memory of which an IOMMU driver does not unmap all: the mock of the test build is told to fall
 * short. The memory stays pinned for good, and so this program leaves its pages behind.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>

#include "ioasid.h"
#include "state.h"
#include "test.h"

/* As in src/iommufd_ext/selftest/abi.h, of which this is what is used. */
#define SELFTEST _IO(IOASID_TYPE, IOASID_CMD_BASE + 32)
#define SELFTEST_MOCK_DOMAIN 2

struct selftest {
	uint32_t size;
	uint32_t op;
	uint32_t id;
	uint32_t reserved;
	uint32_t out_stdev_id;
	uint32_t out_hwpt_id;
	uint32_t out_idev_id;
	uint64_t rest[6];
	uint32_t last;
};

#define STUCK "/sys/module/iommufd_ext/parameters/mock_stuck_iova"
#define TAINT_WARN (1 << 9)

/* Where the mock's IOVAs begin. */
#define START (16 * MB)

struct kept {
	int ctx;
	uint32_t ioas;
	uint32_t stdev;
};

/* An IOAS with a device behind the mock, and @npages at START. */
static struct kept kept_new(uint8_t *va, unsigned long npages)
{
	struct kept k = { .ctx = ioasid_open() };
	struct selftest cmd = { .size = sizeof(cmd),
				.op = SELFTEST_MOCK_DOMAIN };

	k.ioas = ioas_new(k.ctx);
	cmd.id = k.ioas;
	assert_ok(ioctl(k.ctx, SELFTEST, &cmd));
	k.stdev = cmd.out_stdev_id;
	assert_ok(ioas_map_fixed(k.ctx, k.ioas, va, npages * PAGE, START,
				 MAP_RW));
	return k;
}

static void set_stuck(uint64_t iova)
{
	char text[32];

	snprintf(text, sizeof(text), "%#llx", (unsigned long long)iova);
	check_eq(0, write_file(STUCK, text));
}

static unsigned long fdinfo_kept(int fd)
{
	char path[64], buf[4096], *line;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	read_file(path, buf, sizeof(buf));
	line = strstr(buf, "ioasid-kept-pages:");
	check(line);
	return strtoul(strchr(line, ':') + 1, NULL, 10);
}

/* What LIST_MAPPINGS has of the IOAS: one mapping, which is kept. */
static void check_listed(struct kept *k, uint64_t iova, unsigned long npages)
{
	struct ioasid_mapping mappings[2];
	uint64_t at = 0;
	uint32_t num = 2;
	bool end;

	assert_ok(list_mappings(k->ctx, k->ioas, &at, mappings, &num, &end));
	check_eq(1, num);
	check_eq(iova, mappings[0].iova);
	check_eq(npages, mappings[0].pinned_pages);
	check_eq(IOASID_MAPPING_READABLE | IOASID_MAPPING_WRITEABLE |
			 IOASID_MAPPING_KEPT,
		 mappings[0].flags & ~IOASID_MAPPING_SHARED);
}

static void check_unmap_falls_short(struct kept *k, uint64_t iova, uint64_t len)
{
	struct refusal refusal;
	int mark = klog_mark();

	assert_errno(EIO, ioas_unmap_exact(k->ctx, k->ioas, iova, len));
	check_refusal(k->ctx, EIO, "its memory stays pinned", &refusal);
	check(klog_wait(mark, "the IOMMU driver unmapped", "for good", 2000));
	check(read_long("/proc/sys/kernel/tainted") & TAINT_WARN);
}

static void run_kept(child_fn fn)
{
	run_child(fn, NULL);
	set_stuck(0);
	/* What is kept is not given back. */
	state_take();
}

/* Of four pages the third stays; its neighbours in the call are gone. */
static void several_child(void *arg)
{
	uint8_t *va = page_alloc(8 * PAGE);
	long pins = state_pins();
	struct kept k = kept_new(va, 4);
	uint64_t len = 6 * PAGE;

	(void)arg;
	assert_ok(ioas_map_fixed(k.ctx, k.ioas, va + 4 * PAGE, 2 * PAGE,
				 START + 4 * PAGE, MAP_RW));
	assert_ok(ioas_map_fixed(k.ctx, k.ioas, va + 6 * PAGE, 2 * PAGE,
				 START - 2 * PAGE + 16 * PAGE, MAP_RW));
	check_eq(0, fdinfo_kept(k.ctx));
	set_stuck(START + 2 * PAGE);
	check_unmap_falls_short(&k, START, 16 * PAGE);
	check_eq(4, fdinfo_kept(k.ctx));
	check_eq(4, state_pins() - pins);
	check_listed(&k, START, 4);
	/* It is no mapping any more, and its IOVAs are not given out again. */
	assert_errno(EEXIST, ioas_map_fixed(k.ctx, k.ioas, va, PAGE, START,
					    MAP_RW));
	assert_errno(ENOENT, ioas_unmap_exact(k.ctx, k.ioas, START, 4 * PAGE));
	/* Those beside it are. */
	assert_ok(ioas_map_fixed(k.ctx, k.ioas, va + 4 * PAGE, 2 * PAGE,
				 START + 4 * PAGE, MAP_RW));
	check_eq(0, write_file(STUCK, "0"));
	assert_ok(ioas_unmap(k.ctx, k.ioas, START, &len));
	check_eq(2 * PAGE, len);
	check_eq(4, state_pins() - pins);
	/* It can be cut no more, and is in the way of nobody who cuts others. */
	assert_ok(ioas_map_fixed(k.ctx, k.ioas, va + 4 * PAGE, 4 * PAGE,
				 START + 4 * PAGE, MAP_RW));
	len = 4 * PAGE;
	assert_ok(ioas_unmap_partial(k.ctx, k.ioas, START + 2 * PAGE, &len, 0));
	check_eq(2 * PAGE, len);
	len = 4 * PAGE;
	assert_ok(ioas_unmap_partial(k.ctx, k.ioas, START + 6 * PAGE, &len, 0));
	check_eq(2 * PAGE, len);
	assert_errno(ENOENT,
		     ioas_unmap_partial(k.ctx, k.ioas, START + PAGE, &len, 0));
	assert_ok(option_set(k.ctx, IOASID_OPTION_HUGE_PAGES, k.ioas, 0));
	check_eq(4, state_pins() - pins);
}

static void test_several(void **state)
{
	(void)state;
	run_kept(several_child);
}

/* A single page goes its own way into the driver. */
static void one_child(void *arg)
{
	long pins = state_pins();
	struct kept k = kept_new(page_alloc(PAGE), 1);

	(void)arg;
	set_stuck(START);
	check_unmap_falls_short(&k, START, PAGE);
	check_eq(1, fdinfo_kept(k.ctx));
	check_eq(1, state_pins() - pins);
	check_listed(&k, START, 1);
	/* It is nobody's mapping any more. */
	assert_ok(change_process(k.ctx));
}

static void test_one(void **state)
{
	(void)state;
	run_kept(one_child);
}

/* Memory that another mapping has, too. */
static void copy_child(void *arg)
{
	long pins = state_pins();
	struct kept k = kept_new(page_alloc(4 * PAGE), 4);

	(void)arg;
	assert_ok(ioas_copy_fixed(k.ctx, k.ioas, START + MB, k.ioas, START,
				  2 * PAGE, MAP_RW));
	set_stuck(START);
	check_unmap_falls_short(&k, START, 4 * PAGE);
	check_eq(4, fdinfo_kept(k.ctx));
	assert_ok(ioas_unmap_exact(k.ctx, k.ioas, START + MB, 2 * PAGE));
	check_eq(4, state_pins() - pins);
	check_listed(&k, START, 4);
}

static void test_copy(void **state)
{
	(void)state;
	run_kept(copy_child);
}

/* The page table goes with its last device; the mapping stays, and serves the next one. */
static void detach_child(void *arg)
{
	uint8_t *va = page_alloc(4 * PAGE);
	long pins = state_pins();
	struct kept k = kept_new(va, 4);
	struct selftest cmd = { .size = sizeof(cmd),
				.op = SELFTEST_MOCK_DOMAIN };

	(void)arg;
	set_stuck(START + PAGE);
	assert_ok(ioasid_destroy(k.ctx, k.stdev));
	set_stuck(0);
	check_eq(4, fdinfo_kept(k.ctx));
	check_eq(4, state_pins() - pins);
	check_listed(&k, START, 4);

	cmd.id = k.ioas;
	assert_ok(ioctl(k.ctx, SELFTEST, &cmd));
	check_eq(8, state_pins() - pins);
	/* What once fell short is never trusted again. */
	assert_errno(EIO, ioas_unmap_exact(k.ctx, k.ioas, START, 4 * PAGE));
}

static void test_detach(void **state)
{
	(void)state;
	run_kept(detach_child);
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	ADD(several);
	ADD(one);
	ADD(copy);
	ADD(detach);
	return test_main(argc, argv, "kept", &list, NULL, NULL);
}
