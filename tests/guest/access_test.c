// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: drivers of emulated devices: read, write, pin
 * vm: --smp 2
 *
 * The access API of include/iommufd_ext.h, through a driver that uses it as a vendor's would:
 * tests/module/ext_test_access.c, loaded beside the modules that ship.
 *
 * Not tried is what the kernel takes for a driver's bug, because it warns, and no boot may have
 * a warning in its log: to attach twice, to pin without needs_pin_pages, and to keep a pin
 * however often the driver is told (EDEADLOCK).
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>
#include <linux/vfio.h>

#include "../module/ext_test_access.h"
#include "dma.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define MODULE "ext_test_access"

/* Flags of the API. */
#define READ 0
#define WRITE 1
#define KTHREAD 2
#define SLOW 4

/* A driver's file, with an access to the context. */
struct driver {
	int fd;
	uint32_t id;
};

static void load_module(void *arg)
{
	(void)arg;
	use_devices(DRIVER_EXT);
	if (!path_exists("/sys/module/" MODULE))
		assert_ok(system("insmod /ext/modules/" MODULE ".ko") ? -1 : 0);
}

static int finish(void **state)
{
	(void)state;
	return system("rmmod " MODULE);
}

static int driver_file(void)
{
	return assert_ok(keep_fd(open("/dev/" MODULE, O_RDWR | O_CLOEXEC)));
}

static struct driver driver_new(int ctx, uint32_t flags)
{
	struct driver d = { .fd = driver_file() };
	struct ext_test_access cmd = { .id = ctx, .flags = flags };

	assert_ok(ioctl(d.fd, EXT_TEST_CREATE, &cmd));
	d.id = cmd.id;
	return d;
}

static int attach(struct driver *d, uint32_t ioas)
{
	struct ext_test_access cmd = { .id = ioas };

	return ioctl(d->fd, EXT_TEST_ATTACH, &cmd);
}

static int replace(struct driver *d, uint32_t ioas)
{
	struct ext_test_access cmd = { .id = ioas };

	return ioctl(d->fd, EXT_TEST_REPLACE, &cmd);
}

static int detach(struct driver *d)
{
	return ioctl(d->fd, EXT_TEST_DETACH);
}

static struct driver driver_attached(int ctx, uint32_t ioas, uint32_t flags)
{
	struct driver d = driver_new(ctx, flags);

	assert_ok(attach(&d, ioas));
	return d;
}

static int pin(struct driver *d, uint64_t iova, uint64_t len, uint32_t flags,
	       uint32_t *id)
{
	struct ext_test_access cmd = {
		.flags = flags, .iova = iova, .length = len,
	};
	int rc = ioctl(d->fd, EXT_TEST_PIN, &cmd);

	if (id)
		*id = cmd.id;
	return rc;
}

static int unpin(struct driver *d, uint32_t id)
{
	struct ext_test_access cmd = { .id = id };

	return ioctl(d->fd, EXT_TEST_UNPIN, &cmd);
}

static int copy_pinned(struct driver *d, uint32_t id, uint64_t offset,
		       void *buf, size_t len, uint32_t flags)
{
	struct ext_test_access cmd = {
		.id = id, .flags = flags, .iova = offset, .length = len,
		.data = (uintptr_t)buf,
	};

	return ioctl(d->fd, EXT_TEST_PIN_RW, &cmd);
}

static int rw(struct driver *d, uint64_t iova, void *buf, uint64_t len,
	      uint32_t flags)
{
	struct ext_test_access cmd = {
		.flags = flags, .iova = iova, .length = len,
		.data = (uintptr_t)buf,
	};

	return ioctl(d->fd, EXT_TEST_RW, &cmd);
}

static struct ext_test_unmaps unmaps(struct driver *d)
{
	struct ext_test_unmaps unmaps;

	assert_ok(ioctl(d->fd, EXT_TEST_GET_UNMAPS, &unmaps));
	return unmaps;
}

static void set_unmaps(struct driver *d, uint32_t keep, uint32_t attach_to)
{
	struct ext_test_unmaps unmaps = { .keep = keep, .attach = attach_to };

	assert_ok(ioctl(d->fd, EXT_TEST_SET_UNMAPS, &unmaps));
}

/* Told so often, the last time of this range, and @pins are left. */
static void check_told(struct driver *d, uint32_t told, uint64_t iova,
		       uint64_t length, uint64_t pins)
{
	struct ext_test_unmaps u = unmaps(d);

	check_eq(told, u.told);
	check_eq(pins, u.pins);
	if (!told)
		return;
	check_eq(iova, u.iova);
	check_eq(length, u.length);
}

/* ---- reading and writing ---- */

static void check_rw(struct driver *d, uint8_t *memory, size_t size,
		     size_t offset, size_t len, uint32_t flags)
{
	uint8_t *buf = malloc(len);
	size_t i;

	for (i = 0; i < size; i++)
		memory[i] = i * 7;
	memset(buf, 0xee, len);
	assert_ok(rw(d, IOVA + offset, buf, len, flags | READ));
	check(!memcmp(buf, memory + offset, len));
	memset(buf, 0xee, len);
	assert_ok(rw(d, IOVA + offset, buf, len, flags | WRITE));
	check(all_bytes(memory + offset, len, 0xee));
	/* Not a byte more. */
	for (i = 0; i < size; i++)
		if (i < offset || i >= offset + len)
			check_eq((uint8_t)(i * 7), memory[i]);
	free(buf);
}

static void test_rw(void **state)
{
	static const uint32_t ways[] = { 0, SLOW, KTHREAD };
	static const size_t offsets[] = { 0, 1, 7, PAGE - 1, PAGE, PAGE + 100 };
	static const size_t lens[] = {
		1, 2, 3, 8, 511, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 5,
	};
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx);
	struct driver d = driver_attached(ctx, ioas, 0);
	uint8_t *memory = page_alloc(4 * PAGE);
	size_t i, j, k;

	(void)state;
	/* Neither the IOVA nor the memory begins a page. */
	assert_ok(ioas_map_fixed(ctx, ioas, memory + 5, 4 * PAGE - 5,
				 IOVA + 3, MAP_RW));
	assert_ok(ioas_unmap_exact(ctx, ioas, IOVA + 3, 4 * PAGE - 5));
	assert_ok(ioas_map_fixed(ctx, ioas, memory + 5, 4 * PAGE - 5, IOVA,
				 MAP_RW));
	for (i = 0; i < ARRAY_SIZE(ways); i++)
		for (j = 0; j < ARRAY_SIZE(offsets); j++)
			for (k = 0; k < ARRAY_SIZE(lens); k++)
				check_rw(&d, memory + 5, 4 * PAGE - 5,
					 offsets[j], lens[k], ways[i]);
	check_pinned(0);
}

/* A range over mappings whose memory is elsewhere each. */
static void test_rw_several(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx);
	struct driver d = driver_attached(ctx, ioas, 0);
	uint8_t *memory = page_alloc(4 * PAGE), buf[PAGE + 20];
	uint32_t flags;

	(void)state;
	assert_ok(ioas_map_fixed(ctx, ioas, memory + 2 * PAGE, PAGE, IOVA,
				 MAP_RW));
	assert_ok(ioas_map_fixed(ctx, ioas, memory, PAGE, IOVA + PAGE, MAP_RW));
	assert_ok(ioas_map_fixed(ctx, ioas, memory + PAGE, PAGE,
				 IOVA + 2 * PAGE, MAP_RW));
	for (flags = 0; flags <= SLOW; flags += KTHREAD) {
		memset(memory, 1, PAGE);
		memset(memory + PAGE, 2, PAGE);
		memset(memory + 2 * PAGE, 3, PAGE);
		assert_ok(rw(&d, IOVA + PAGE - 10, buf, sizeof(buf), flags));
		check(all_bytes(buf, 10, 3));
		check(all_bytes(buf + 10, PAGE, 1));
		check(all_bytes(buf + 10 + PAGE, 10, 2));
		memset(buf, 9, sizeof(buf));
		assert_ok(rw(&d, IOVA + PAGE - 10, buf, sizeof(buf),
			     flags | WRITE));
		check(all_bytes(memory, PAGE, 9));
		check(all_bytes(memory + PAGE, 10, 9));
		check(all_bytes(memory + PAGE + 10, PAGE - 10, 2));
		check(all_bytes(memory + 2 * PAGE, PAGE - 10, 3));
		check(all_bytes(memory + 3 * PAGE - 10, 10, 9));
	}
}

static void test_rw_bad(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx), flags;
	struct driver d = driver_new(ctx, 0);
	uint8_t *memory = page_alloc(4 * PAGE), buf[2 * PAGE] = { 0 };

	(void)state;
	assert_ok(ioas_map_fixed(ctx, ioas, memory, PAGE, IOVA, MAP_R));
	assert_ok(ioas_map_fixed(ctx, ioas, memory + PAGE, PAGE, IOVA + PAGE,
				 MAP_W));
	assert_ok(ioas_map_fixed(ctx, ioas, memory + 2 * PAGE, PAGE,
				 IOVA + 2 * PAGE, MAP_RW));
	assert_ok(ioas_map_fixed(ctx, ioas, memory, PAGE, -PAGE, MAP_RW));
	munmap(memory + 2 * PAGE, PAGE);
	assert_errno(ENOENT, rw(&d, IOVA, buf, 1, READ));
	assert_ok(attach(&d, ioas));
	for (flags = 0; flags <= SLOW; flags += KTHREAD) {
		assert_errno(EINVAL, rw(&d, IOVA, buf, 0, flags));
		assert_errno(EOVERFLOW, rw(&d, -1, buf, 2, flags));
		assert_errno(EOVERFLOW, rw(&d, IOVA, buf, -IOVA + 1, flags));
		assert_ok(rw(&d, -1, buf, 1, flags));
		assert_errno(ENOENT, rw(&d, IOVA - 1, buf, 1, flags));
		assert_errno(ENOENT, rw(&d, IOVA - 1, buf, 2, flags));
		assert_errno(EPERM, rw(&d, IOVA, buf, 1, flags | WRITE));
		assert_errno(EPERM, rw(&d, IOVA + PAGE, buf, 1, flags));
		assert_errno(EPERM, rw(&d, IOVA + PAGE - 1, buf, 2, flags));
		assert_errno(EFAULT, rw(&d, IOVA + 2 * PAGE, buf, 1, flags));
		assert_errno(EFAULT,
			     rw(&d, IOVA + 2 * PAGE, buf, 1, flags | WRITE));
		assert_errno(EFAULT, rw(&d, IOVA + 2 * PAGE - 1, buf, 2,
					flags | WRITE));
		/* The end of what is mapped. */
		assert_errno(EFAULT, rw(&d, IOVA + 3 * PAGE - 1, buf, 2, flags));
		assert_errno(ENOENT, rw(&d, IOVA + 3 * PAGE, buf, 1, flags));
	}
	/* Memory that its owner may not write, or not touch. */
	assert_ok(ioas_map_fixed(ctx, ioas, memory + 3 * PAGE, PAGE, 64 * MB,
				 MAP_RW));
	mprotect(memory + 3 * PAGE, PAGE, PROT_READ);
	for (flags = 0; flags <= SLOW; flags += KTHREAD) {
		assert_ok(rw(&d, 64 * MB, buf, PAGE, flags));
		assert_errno(EFAULT, rw(&d, 64 * MB, buf, PAGE, flags | WRITE));
	}
	mprotect(memory + 3 * PAGE, PAGE, PROT_NONE);
	for (flags = 0; flags <= SLOW; flags += KTHREAD)
		assert_errno(EFAULT, rw(&d, 64 * MB, buf, PAGE, flags));
	assert_ok(detach(&d));
	assert_errno(ENOENT, rw(&d, IOVA, buf, 1, READ));
	check_pinned(0);
}

struct other {
	int ctx;
	uint32_t ioas;
	struct driver d;
	uint8_t *memory;
	struct gate mapped, go;
};

static void read_as_child(void *arg)
{
	struct other *o = arg;
	uint8_t byte = 0;

	/* A page of its own, at the same address. */
	o->memory[0] = 1;
	assert_ok(rw(&o->d, IOVA, &byte, 1, READ));
	check_eq(2, byte);
	byte = 3;
	assert_ok(rw(&o->d, IOVA + 1, &byte, 1, WRITE));
	check_eq(0, o->memory[1]);
	byte = 4;
	assert_ok(rw(&o->d, IOVA + 2, &byte, 1, WRITE | KTHREAD));
	check_eq(0, o->memory[2]);
}

/* The memory is that of the process that mapped it, whoever asks. */
static void test_rw_fork(void **state)
{
	struct other o = { .ctx = ioasid_open() };

	(void)state;
	o.ioas = ioas_new(o.ctx);
	o.d = driver_attached(o.ctx, o.ioas, 0);
	o.memory = page_alloc(PAGE);
	assert_ok(ioas_map_fixed(o.ctx, o.ioas, o.memory, PAGE, IOVA, MAP_RW));
	o.memory[0] = 2;
	run_child(read_as_child, &o);
	check_eq(2, o.memory[0]);
	check_eq(3, o.memory[1]);
	check_eq(4, o.memory[2]);
}

static void map_and_exit(void *arg)
{
	struct other *o = arg;
	uint8_t *memory = page_alloc(2 * PAGE);

	memset(memory, 7, 2 * PAGE);
	assert_ok(ioas_map_fixed(o->ctx, o->ioas, memory, 2 * PAGE, IOVA,
				 MAP_RW));
	/* One page is pinned, the other is not. */
	assert_ok(pin(&o->d, IOVA, PAGE, WRITE, NULL));
}

/* What outlives its process is what is pinned. */
static void test_rw_owner_gone(void **state)
{
	struct other o = { .ctx = ioasid_open() };
	uint8_t byte = 0;
	uint32_t flags;

	(void)state;
	o.ioas = ioas_new(o.ctx);
	o.d = driver_attached(o.ctx, o.ioas, EXT_TEST_NEEDS_PIN);
	run_child(map_and_exit, &o);
	for (flags = 0; flags <= SLOW; flags += KTHREAD) {
		assert_ok(rw(&o.d, IOVA + PAGE - 1, &byte, 1, flags));
		check_eq(7, byte);
		assert_errno(EFAULT, rw(&o.d, IOVA + PAGE, &byte, 1, flags));
		assert_errno(EFAULT,
			     rw(&o.d, IOVA + PAGE, &byte, 1, flags | WRITE));
	}
	assert_errno(EFAULT, pin(&o.d, IOVA + PAGE, PAGE, READ, NULL));
	assert_ok(ioas_unmap_exact(o.ctx, o.ioas, IOVA, 2 * PAGE));
	check_told(&o.d, 1, IOVA, 2 * PAGE, 0);
}

/* Memory of a file, for which no process is needed. */
static void test_rw_file(void **state)
{
	int ctx = ioasid_open(), file;
	uint32_t ioas = ioas_new(ctx), flags;
	struct driver d = driver_attached(ctx, ioas, 0);
	uint8_t buf[2 * PAGE], *view;

	(void)state;
	file = assert_ok(keep_fd(memfd_create("test", MFD_CLOEXEC)));
	assert_ok(ftruncate(file, 4 * PAGE));
	view = keep_map(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			     file, 0), 4 * PAGE);
	check(view != MAP_FAILED);
	assert_ok(ioas_map_file_fixed(ctx, ioas, file, PAGE, 2 * PAGE, IOVA,
				      MAP_RW));
	for (flags = 0; flags <= SLOW; flags += KTHREAD) {
		memset(view, flags + 1, 4 * PAGE);
		memset(buf, 0, sizeof(buf));
		assert_ok(rw(&d, IOVA + 100, buf, PAGE, flags));
		check(all_bytes(buf, PAGE, flags + 1));
		memset(buf, 0x77, sizeof(buf));
		assert_ok(rw(&d, IOVA, buf, 2 * PAGE, flags | WRITE));
		check(all_bytes(view, PAGE, flags + 1));
		check(all_bytes(view + PAGE, 2 * PAGE, 0x77));
		check(all_bytes(view + 3 * PAGE, PAGE, flags + 1));
	}
}

/* ---- attaching ---- */

static void test_create_bad(void **state)
{
	struct ext_test_access cmd = { .id = 9999 };
	int fd = driver_file();

	(void)state;
	assert_errno(EBADF, ioctl(fd, EXT_TEST_CREATE, &cmd));
	cmd.id = fd;
	assert_errno(EBADFD, ioctl(fd, EXT_TEST_CREATE, &cmd));
}

static void test_attach_bad(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx), other = ioas_new(ctx);
	uint32_t foreign = ioas_new(ioasid_open());
	struct driver d = driver_new(ctx, EXT_TEST_NEEDS_PIN);
	uint8_t *memory = page_alloc(2 * PAGE), byte = 0;

	(void)state;
	check_eq(ioas, foreign);
	assert_errno(ENOENT, attach(&d, 0));
	assert_errno(ENOENT, attach(&d, ABSENT_ID));
	assert_errno(ENOENT, attach(&d, d.id));
	assert_errno(ENOENT, replace(&d, ioas));
	/* A mapping that can not be pinned by pages. */
	assert_ok(ioas_map_fixed(ctx, other, memory, 100, IOVA, MAP_RW));
	assert_errno(EADDRINUSE, attach(&d, other));
	assert_ok(attach(&d, ioas));
	assert_ok(ioas_map_fixed(ctx, ioas, memory, PAGE, IOVA, MAP_RW));
	assert_ok(pin(&d, IOVA, PAGE, READ, NULL));
	assert_errno(EADDRINUSE, replace(&d, other));
	assert_errno(ENOENT, replace(&d, ABSENT_ID));
	assert_errno(ENOENT, replace(&d, d.id));
	/* The one it has: nothing happens. */
	assert_ok(replace(&d, ioas));
	check_told(&d, 0, 0, 0, 1);
	assert_ok(rw(&d, IOVA, &byte, 1, READ));
	/* No program can destroy what a driver uses. */
	assert_errno(EBUSY, ioasid_destroy(ctx, d.id));
	assert_errno(EBUSY, ioasid_destroy(ctx, ioas));
	assert_ok(ioasid_destroy(ctx, other));
	assert_ok(detach(&d));
	assert_ok(ioasid_destroy(ctx, ioas));
	assert_errno(EBUSY, ioasid_destroy(ctx, d.id));
	assert_ok(ioctl(d.fd, EXT_TEST_DESTROY));
	assert_errno(ENOENT, ioasid_destroy(ctx, d.id));
}

static uint64_t alignment(int ctx, uint32_t ioas)
{
	struct ioasid_iova_range ranges[16];
	uint32_t num = ARRAY_SIZE(ranges);
	uint64_t align = 0;

	assert_ok(ioas_ranges(ctx, ioas, ranges, &num, &align));
	return align;
}

static void test_alignment(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx);
	struct driver reader = driver_attached(ctx, ioas, 0);
	struct driver pinner = driver_new(ctx, EXT_TEST_NEEDS_PIN);
	uint8_t *memory = page_alloc(2 * PAGE);

	(void)state;
	check_eq(1, alignment(ctx, ioas));
	assert_ok(attach(&pinner, ioas));
	check_eq(PAGE, alignment(ctx, ioas));
	assert_errno(EINVAL, ioas_map_fixed(ctx, ioas, memory, PAGE, IOVA + 1,
					    MAP_RW));
	assert_errno(EINVAL,
		     ioas_map_fixed(ctx, ioas, memory, 100, IOVA, MAP_RW));
	assert_errno(EINVAL, ioas_map_fixed(ctx, ioas, memory + 1, PAGE, IOVA,
					    MAP_RW));
	assert_ok(detach(&pinner));
	check_eq(1, alignment(ctx, ioas));
	assert_ok(ioas_map_fixed(ctx, ioas, memory + 1, 100, IOVA + 1, MAP_RW));
	assert_ok(detach(&reader));
}

/* ---- pinning ---- */

static void test_pin(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx), all, part, again;
	struct driver d = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);
	uint8_t *memory = page_alloc(8 * PAGE), buf[3 * PAGE];

	(void)state;
	/* Two mappings side by side, the second before the first in memory. */
	assert_ok(ioas_map_fixed(ctx, ioas, memory + 4 * PAGE, 4 * PAGE, IOVA,
				 MAP_RW));
	assert_ok(ioas_map_fixed(ctx, ioas, memory, 4 * PAGE, IOVA + 4 * PAGE,
				 MAP_RW));
	check_pinned(0);
	assert_ok(pin(&d, IOVA + 2 * PAGE, 3 * PAGE, WRITE, &part));
	check_pinned(3);
	memset(memory + 6 * PAGE, 1, PAGE);
	memset(memory + 7 * PAGE, 2, PAGE);
	memset(memory, 3, PAGE);
	assert_ok(copy_pinned(&d, part, 0, buf, 3 * PAGE, READ));
	check(all_bytes(buf, PAGE, 1));
	check(all_bytes(buf + PAGE, PAGE, 2));
	check(all_bytes(buf + 2 * PAGE, PAGE, 3));
	memset(buf, 9, sizeof(buf));
	assert_ok(copy_pinned(&d, part, PAGE - 1, buf, PAGE + 2, WRITE));
	check_eq(1, memory[7 * PAGE - 2]);
	check(all_bytes(memory + 7 * PAGE - 1, PAGE + 1, 9));
	check_eq(9, memory[0]);
	check_eq(3, memory[1]);
	/* A page counts once, however often it is pinned. */
	assert_ok(pin(&d, IOVA, 8 * PAGE, READ, &all));
	check_pinned(8);
	assert_ok(pin(&d, IOVA + 2 * PAGE, 3 * PAGE, WRITE, &again));
	check_pinned(8);
	assert_ok(unpin(&d, all));
	check_pinned(3);
	assert_ok(unpin(&d, part));
	check_pinned(3);
	assert_ok(copy_pinned(&d, again, 0, buf, PAGE, READ));
	assert_ok(unpin(&d, again));
	check_pinned(0);
	/* The last page is pinned whole for a byte of it. */
	assert_ok(pin(&d, IOVA, PAGE + 1, READ, &part));
	check_pinned(2);
	assert_ok(unpin(&d, part));
	check_pinned(0);
	check_told(&d, 0, 0, 0, 0);
}

static void test_pin_bad(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx);
	struct driver d = driver_new(ctx, EXT_TEST_NEEDS_PIN);
	uint8_t *memory = page_alloc(8 * PAGE);

	(void)state;
	assert_errno(ENOENT, pin(&d, IOVA, PAGE, READ, NULL));
	assert_ok(attach(&d, ioas));
	assert_ok(ioas_map_fixed(ctx, ioas, memory, 2 * PAGE, IOVA, MAP_RW));
	assert_ok(ioas_map_fixed(ctx, ioas, memory + 2 * PAGE, PAGE,
				 IOVA + 2 * PAGE, MAP_R));
	assert_ok(ioas_map_fixed(ctx, ioas, memory + 3 * PAGE, PAGE,
				 IOVA + 3 * PAGE, MAP_W));
	assert_ok(ioas_map_fixed(ctx, ioas, memory + 4 * PAGE, PAGE,
				 IOVA + 4 * PAGE, MAP_RW));
	munmap(memory + 4 * PAGE, PAGE);
	assert_errno(EINVAL, pin(&d, IOVA, 0, READ, NULL));
	assert_errno(EOVERFLOW, pin(&d, -PAGE, 2 * PAGE, READ, NULL));
	assert_errno(EOVERFLOW, pin(&d, IOVA, -PAGE, READ, NULL));
	assert_errno(ENOENT, pin(&d, IOVA - PAGE, 2 * PAGE, READ, NULL));
	assert_errno(ENOENT, pin(&d, -PAGE, PAGE, READ, NULL));
	/* Nothing stays pinned of what comes before the bad part. */
	assert_errno(EPERM, pin(&d, IOVA, 3 * PAGE, WRITE, NULL));
	assert_errno(EPERM, pin(&d, IOVA, 4 * PAGE, READ, NULL));
	assert_errno(EFAULT, pin(&d, IOVA + 4 * PAGE, PAGE, READ, NULL));
	assert_errno(EFAULT, pin(&d, IOVA + 3 * PAGE, 2 * PAGE, WRITE, NULL));
	assert_errno(ENOENT, pin(&d, IOVA + 5 * PAGE, PAGE, READ, NULL));
	/* Pages are handed out whole. */
	assert_errno(EINVAL, pin(&d, IOVA + 1, PAGE, READ, NULL));
	assert_errno(EINVAL, pin(&d, IOVA + PAGE - 1, 1, READ, NULL));
	check_pinned(0);
	check_told(&d, 0, 0, 0, 0);
}

/* The memory's owner pays for what a driver pins. */
static void limited(void *arg)
{
	struct other *o = arg;
	uint8_t *memory;
	uint32_t id;

	become_limited(LIMIT_PAGES);
	memory = page_alloc(2 * LIMIT_PAGES * PAGE);
	assert_ok(ioas_map_fixed(o->ctx, o->ioas, memory,
				 2 * LIMIT_PAGES * PAGE, IOVA, MAP_RW));
	assert_errno(ENOMEM, pin(&o->d, IOVA, (LIMIT_PAGES + 1) * PAGE, READ,
				 NULL));
	check_pinned(0);
	assert_ok(pin(&o->d, IOVA, LIMIT_PAGES * PAGE, READ, &id));
	check_pinned(LIMIT_PAGES);
	/* What is pinned already costs nothing more. */
	assert_ok(pin(&o->d, IOVA, PAGE, READ, NULL));
	assert_errno(ENOMEM, pin(&o->d, IOVA + LIMIT_PAGES * PAGE, PAGE, READ,
				 NULL));
	assert_errno(ENOMEM, pin(&o->d, IOVA + PAGE, LIMIT_PAGES * PAGE, READ,
				 NULL));
	assert_ok(unpin(&o->d, id));
	check_pinned(1);
	assert_ok(pin(&o->d, IOVA + PAGE, (LIMIT_PAGES - 1) * PAGE, READ,
		      NULL));
}

static void test_pin_limit(void **state)
{
	struct other o = { .ctx = ioasid_open() };

	(void)state;
	o.ioas = ioas_new(o.ctx);
	o.d = driver_attached(o.ctx, o.ioas, EXT_TEST_NEEDS_PIN);
	run_child(limited, &o);
}

/* A device and a driver, one memory. */
static void test_pin_with_device(void **state)
{
	struct setup s = setup_bound();
	struct driver d =
		driver_attached(s.ctx, s.ioas, EXT_TEST_NEEDS_PIN);
	uint8_t *memory = page_alloc(4 * PAGE), buf[COPY];
	uint32_t id, late;

	(void)state;
	map_at(&s, memory, 4 * PAGE, IOVA);
	assert_ok(pin(&d, IOVA + PAGE, PAGE, WRITE, &id));
	check_pinned(1);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_pinned(4);
	check_dma(&s, memory + PAGE, IOVA + PAGE, 1);
	assert_ok(copy_pinned(&d, id, 0, buf, COPY, READ));
	check(has_pattern(buf, COPY, 1));
	assert_ok(rw(&d, IOVA + PAGE, buf, COPY, SLOW));
	check(has_pattern(buf, COPY, 1));
	assert_ok(pin(&d, IOVA + 2 * PAGE, 2 * PAGE, WRITE, &late));
	check_pinned(4);
	/* The driver's pins do not need the device. */
	assert_ok(cdev_detach(s.dev));
	check_pinned(3);
	assert_ok(unpin(&d, id));
	check_pinned(2);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_pinned(4);
	assert_ok(unpin(&d, late));
	check_pinned(4);
	check_dma(&s, memory + 3 * PAGE, IOVA + 3 * PAGE, 2);
	assert_ok(pin(&d, IOVA, 4 * PAGE, WRITE, &id));
	/* Told, it lets go; then neither has the memory. */
	unmap_at(&s, IOVA, 4 * PAGE);
	check_told(&d, 1, IOVA, 4 * PAGE, 0);
	check_pinned(0);
	check_no_write(&s, memory, IOVA);
}

/* A copy is a mapping of its own: the driver lets go of the one that goes. */
static void test_pin_copy(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx), first, second;
	struct driver d = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);
	uint8_t *memory = page_alloc(4 * PAGE);

	(void)state;
	assert_ok(ioas_map_fixed(ctx, ioas, memory, 4 * PAGE, IOVA, MAP_RW));
	assert_ok(pin(&d, IOVA, 4 * PAGE, WRITE, &first));
	assert_ok(ioas_copy_fixed(ctx, ioas, 64 * MB, ioas, IOVA + PAGE,
				  2 * PAGE, MAP_RW));
	assert_ok(pin(&d, 64 * MB, 2 * PAGE, WRITE, &second));
	check_pinned(4);
	assert_ok(ioas_unmap_exact(ctx, ioas, IOVA, 4 * PAGE));
	check_told(&d, 1, IOVA, 4 * PAGE, 1);
	check_pinned(2);
	assert_ok(unpin(&d, second));
	check_pinned(0);
}

/* ---- being told ---- */

static void test_unmap(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx), id;
	struct driver d = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);
	struct driver other = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);
	uint8_t *memory = page_alloc(8 * PAGE);
	uint64_t len;

	(void)state;
	assert_ok(ioas_map_fixed(ctx, ioas, memory, 4 * PAGE, IOVA, MAP_RW));
	assert_ok(ioas_map_fixed(ctx, ioas, memory, 4 * PAGE, 64 * MB, MAP_RW));
	/* Nothing of what goes is pinned: nobody is told. */
	assert_ok(pin(&d, 64 * MB, PAGE, READ, NULL));
	assert_ok(ioas_unmap_exact(ctx, ioas, IOVA, 4 * PAGE));
	check_told(&d, 0, 0, 0, 1);
	/* Of part of a mapping, the whole is what goes; and all are told. */
	assert_ok(ioas_unmap_exact(ctx, ioas, 64 * MB, 4 * PAGE));
	check_told(&d, 1, 64 * MB, 4 * PAGE, 0);
	check_told(&other, 1, 64 * MB, 4 * PAGE, 0);
	/* Part of a mapping does not go, and then nobody is told. */
	assert_ok(ioas_map_fixed(ctx, ioas, memory, 4 * PAGE, IOVA, MAP_RW));
	assert_ok(pin(&d, IOVA, PAGE, READ, &id));
	assert_errno(ENOENT, ioas_unmap_exact(ctx, ioas, IOVA, PAGE));
	check_told(&d, 1, 64 * MB, 4 * PAGE, 1);
	/* Everything at once. */
	assert_ok(ioas_map_fixed(ctx, ioas, memory, 4 * PAGE, 64 * MB, MAP_RW));
	assert_ok(pin(&d, 64 * MB, 4 * PAGE, WRITE, NULL));
	assert_ok(pin(&other, 64 * MB, PAGE, WRITE, NULL));
	len = UINT64_MAX;
	assert_ok(ioas_unmap(ctx, ioas, 0, &len));
	check_eq(8 * PAGE, len);
	check_told(&d, 3, 64 * MB, 4 * PAGE, 0);
	check_told(&other, 3, 64 * MB, 4 * PAGE, 0);
	assert_errno(ENOENT, unpin(&d, id));
	check_pinned(0);
}

/* A driver that needs some time is asked again, a hundred times. */
static void test_unmap_slow(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx);
	struct driver d = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);
	uint8_t *memory = page_alloc(PAGE);

	(void)state;
	assert_ok(ioas_map_fixed(ctx, ioas, memory, PAGE, IOVA, MAP_RW));
	assert_ok(pin(&d, IOVA, PAGE, READ, NULL));
	set_unmaps(&d, 99, 0);
	assert_ok(ioas_unmap_exact(ctx, ioas, IOVA, PAGE));
	check_told(&d, 100, IOVA, PAGE, 0);
	check_pinned(0);
}

/* Leaving an IOAS is told as the end of all of it. */
static void test_leave(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx), other = ioas_new(ctx), id;
	struct driver d = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);
	uint8_t *memory = page_alloc(4 * PAGE), buf[4];

	(void)state;
	assert_ok(ioas_map_fixed(ctx, ioas, memory, 2 * PAGE, IOVA, MAP_RW));
	assert_ok(ioas_map_fixed(ctx, other, memory + 2 * PAGE, 2 * PAGE, IOVA,
				 MAP_RW));
	memset(memory + 2 * PAGE, 5, 2 * PAGE);
	assert_ok(pin(&d, IOVA, 2 * PAGE, READ, NULL));
	assert_ok(replace(&d, other));
	check_told(&d, 1, 0, ULONG_MAX, 0);
	check_pinned(0);
	assert_ok(rw(&d, IOVA, buf, sizeof(buf), READ));
	check(all_bytes(buf, sizeof(buf), 5));
	assert_ok(ioasid_destroy(ctx, ioas));
	assert_ok(pin(&d, IOVA, PAGE, READ, &id));
	assert_ok(copy_pinned(&d, id, 0, buf, sizeof(buf), READ));
	check(all_bytes(buf, sizeof(buf), 5));
	assert_ok(detach(&d));
	check_told(&d, 2, 0, ULONG_MAX, 0);
	check_pinned(0);
	assert_errno(ENOENT, rw(&d, IOVA, buf, sizeof(buf), READ));
	assert_errno(ENOENT, pin(&d, IOVA, PAGE, READ, NULL));
	/* And again: destroyed while it is attached and has pins. */
	assert_ok(attach(&d, other));
	assert_ok(pin(&d, IOVA, PAGE, READ, NULL));
	check_pinned(1);
	assert_ok(ioctl(d.fd, EXT_TEST_DESTROY));
	check_told(&d, 3, 0, ULONG_MAX, 0);
	check_pinned(0);
	assert_ok(ioasid_destroy(ctx, other));
}

/* While a driver is told to leave, it cannot come back. */
static void test_attach_while_leaving(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx);
	struct driver d = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);

	(void)state;
	set_unmaps(&d, 0, ioas);
	assert_ok(detach(&d));
	check_eq(1, unmaps(&d).told);
	check_eq(-EBUSY, unmaps(&d).attach_error);
	assert_ok(attach(&d, ioas));
	set_unmaps(&d, 0, 0);
}

/* The context stays for the driver when its program has closed it. */
static void test_context_closed(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx), id;
	struct driver d = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);
	uint8_t *memory = page_alloc(PAGE), byte = 0;

	(void)state;
	assert_ok(ioas_map_fixed(ctx, ioas, memory, PAGE, IOVA, MAP_RW));
	assert_ok(pin(&d, IOVA, PAGE, READ, &id));
	drop_fd(ctx);
	memory[0] = 6;
	assert_ok(rw(&d, IOVA, &byte, 1, READ));
	check_eq(6, byte);
	assert_ok(copy_pinned(&d, id, 0, &byte, 1, READ));
	check_told(&d, 0, 0, 0, 1);
	check_pinned(1);
	drop_fd(d.fd);
	check_pinned(0);
}

static void hold_for_ever(void *arg)
{
	struct other *o = arg;
	uint8_t *memory = page_alloc(16 * PAGE);
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx);
	struct driver d = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);

	assert_ok(ioas_map_fixed(ctx, ioas, memory, 16 * PAGE, IOVA, MAP_RW));
	assert_ok(pin(&d, IOVA, 16 * PAGE, WRITE, NULL));
	gate_open(&o->mapped);
	pause();
}

/* Everything is closed in whatever order the kernel likes. */
static void test_killed(void **state)
{
	long pins = state_pins();
	struct other o = { 0 };
	pid_t pid;

	(void)state;
	gate_init(&o.mapped);
	pid = child_start(hold_for_ever, &o);
	gate_wait(&o.mapped);
	check_eq(pins + 16, state_pins());
	child_kill(pid);
	/* The comparison after the test finds what would be left. */
}

/* ---- with the rest of the interface ---- */

static void new_owner(void *arg)
{
	struct other *o = arg;
	uint8_t byte = 0;

	assert_ok(change_process(o->ctx));
	check_pinned(3);
	gate_open(&o->mapped);
	gate_wait(&o->go);
	/* The parent has unpinned; it was this one that paid. */
	check_pinned(0);
	assert_ok(rw(&o->d, IOVA, &byte, 1, READ));
	check_eq(8, byte);
}

static void test_change_process(void **state)
{
	struct other o = { .ctx = ioasid_open() };
	uint8_t byte = 8;
	uint32_t id;
	pid_t pid;
	int file;

	(void)state;
	o.ioas = ioas_new(o.ctx);
	o.d = driver_attached(o.ctx, o.ioas, EXT_TEST_NEEDS_PIN);
	o.memory = page_alloc(PAGE);
	/* Memory of the process stays the process's, pinned or not. */
	assert_ok(ioas_map_fixed(o.ctx, o.ioas, o.memory, PAGE, 64 * MB,
				 MAP_RW));
	assert_ok(pin(&o.d, 64 * MB, PAGE, READ, NULL));
	assert_errno(EINVAL, change_process(o.ctx));
	check_told(&o.d, 0, 0, 0, 1);
	assert_ok(ioas_unmap_exact(o.ctx, o.ioas, 64 * MB, PAGE));

	file = assert_ok(keep_fd(memfd_create("test", MFD_CLOEXEC)));
	assert_ok(ftruncate(file, 4 * PAGE));
	assert_ok(pwrite(file, &byte, 1, 0));
	assert_ok(ioas_map_file_fixed(o.ctx, o.ioas, file, 0, 4 * PAGE, IOVA,
				      MAP_RW));
	assert_ok(pin(&o.d, IOVA, 3 * PAGE, WRITE, &id));
	check_pinned(3);
	gate_init(&o.mapped);
	gate_init(&o.go);
	pid = child_start(new_owner, &o);
	gate_wait(&o.mapped);
	check_pinned(0);
	byte = 0;
	assert_ok(copy_pinned(&o.d, id, 0, &byte, 1, READ));
	check_eq(8, byte);
	assert_ok(unpin(&o.d, id));
	gate_open(&o.go);
	child_ok(pid);
}

static int partial(int ctx, uint32_t ioas, uint64_t iova, uint64_t len,
		   uint32_t flags)
{
	return ioas_unmap_partial(ctx, ioas, iova, &len, flags);
}

/* A mapping whose pages a driver has is not cut: the driver unpins it whole. */
static void test_unmap_partial(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx), id;
	struct driver d = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);
	uint8_t *memory = page_alloc(8 * PAGE), byte = 0;
	struct refusal refusal;

	(void)state;
	assert_ok(ioas_map_fixed(ctx, ioas, memory, 4 * PAGE, IOVA, MAP_RW));
	assert_ok(ioas_map_fixed(ctx, ioas, memory, 4 * PAGE, IOVA + 4 * PAGE,
				 MAP_RW));
	/* The pin is of one page, and not where the cut would be. */
	assert_ok(pin(&d, IOVA + 3 * PAGE, PAGE, READ, &id));
	assert_errno(EBUSY, partial(ctx, ioas, IOVA, PAGE, 0));
	check_refusal(ctx, EBUSY, "a driver uses its memory", &refusal);
	assert_errno(EBUSY, partial(ctx, ioas, IOVA + PAGE, 2 * PAGE, 0));
	assert_errno(EBUSY, partial(ctx, ioas, IOVA + 2 * PAGE, 6 * PAGE, 0));
	assert_errno(EBUSY, partial(ctx, ioas, IOVA + PAGE, PAGE,
				    IOASID_UNMAP_PARTIAL_SPLIT));
	assert_errno(EBUSY, partial(ctx, ioas, IOVA + PAGE, PAGE,
				    IOASID_UNMAP_PARTIAL_NO_FAULT));
	check_told(&d, 0, 0, 0, 1);
	/* Where its mapping goes as a whole, it is told, beside a cut, too. */
	assert_ok(partial(ctx, ioas, IOVA, 6 * PAGE, 0));
	check_told(&d, 1, IOVA, 4 * PAGE, 0);
	check_pinned(0);
	assert_ok(rw(&d, IOVA + 6 * PAGE, &byte, 1, READ));
	assert_errno(ENOENT, rw(&d, IOVA + 6 * PAGE - 1, &byte, 1, READ));
	/* What it only reads and writes is cut. */
	assert_ok(partial(ctx, ioas, IOVA + 7 * PAGE, PAGE, 0));
	assert_ok(rw(&d, IOVA + 6 * PAGE, &byte, 1, READ));
	assert_ok(pin(&d, IOVA + 6 * PAGE, PAGE, READ, &id));
	assert_ok(unpin(&d, id));
	assert_ok(ioas_unmap_exact(ctx, ioas, IOVA + 6 * PAGE, PAGE));
}

/* A container without large pages cuts mappings, too, and says it in VFIO's words. */
static void test_container(void **state)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = IOVA, .size = 4 * PAGE,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = IOVA, .size = PAGE,
	};
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx), id;
	struct driver d = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);

	(void)state;
	assert_ok(vfio_ioas(ctx, IOASID_VFIO_IOAS_SET, &ioas));
	assert_ok(ioctl(ctx, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	map.vaddr = (uintptr_t)page_alloc(4 * PAGE);
	assert_ok(ioctl(ctx, VFIO_IOMMU_MAP_DMA, &map));
	assert_ok(pin(&d, IOVA + 3 * PAGE, PAGE, READ, &id));
	assert_errno(EINVAL, ioctl(ctx, VFIO_IOMMU_UNMAP_DMA, &unmap));
	assert_ok(unpin(&d, id));
	assert_ok(ioctl(ctx, VFIO_IOMMU_UNMAP_DMA, &unmap));
	check_eq(PAGE, unmap.size);
}

/* A program sees the drivers that use its memory. */
static void test_listed(void **state)
{
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx), i, num = 16;
	struct driver d = driver_attached(ctx, ioas, EXT_TEST_NEEDS_PIN);
	struct ioasid_object objects[16];
	struct ioasid_features f;
	uint64_t cursor = 0;
	bool found = false;

	(void)state;
	assert_ok(features(ctx, 0, &f));
	check(f.out_features & IOASID_FEATURE_ACCESS);
	assert_ok(list_objects(ctx, &cursor, objects, &num));
	for (i = 0; i < num; i++) {
		if (objects[i].type != IOASID_OBJECT_ACCESS)
			continue;
		check(!found);
		found = true;
		check_eq(d.id, objects[i].id);
		check_eq(ioas, objects[i].target_id);
	}
	check(found);
}

/* ---- calls that meet ---- */

#define RACE_MS 2000
#define RACE_PAGES 16UL

struct race {
	int ctx;
	uint32_t ioas;
	uint32_t other;
	struct driver d;
	uint8_t *memory;
	bool stop;
	unsigned long done;
};

static void *keep_mapping(void *arg)
{
	struct race *race = arg;

	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
		assert_ok(ioas_map_fixed(race->ctx, race->ioas, race->memory,
					 RACE_PAGES * PAGE, IOVA, MAP_RW));
		assert_ok(ioas_unmap_exact(race->ctx, race->ioas, IOVA,
					   RACE_PAGES * PAGE));
		race->done++;
	}
	return NULL;
}

static void *keep_moving(void *arg)
{
	struct race *race = arg;

	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
		assert_ok(replace(&race->d, race->other));
		assert_ok(replace(&race->d, race->ioas));
		race->done++;
	}
	return NULL;
}

/* Not mapped, or on its way out: then the driver has it, or does not. */
static bool gone(int rc)
{
	return rc == -1 && (errno == ENOENT || errno == EINVAL);
}

/* Returns how often the memory was there. */
static unsigned long use_it(struct race *race)
{
	uint8_t buf[PAGE + 1];
	unsigned long there = 0, i;
	uint32_t id;
	int rc;

	for (i = 0; i < 8; i++) {
		rc = rw(&race->d, IOVA + i * PAGE, buf, sizeof(buf),
			i & 1 ? WRITE : READ);
		check(!rc || gone(rc));
		rc = pin(&race->d, IOVA + i * PAGE, 4 * PAGE, WRITE, &id);
		if (rc) {
			check(gone(rc));
			continue;
		}
		there++;
		/* Told in the meantime, it has let go by itself. */
		rc = copy_pinned(&race->d, id, 0, buf, sizeof(buf), WRITE);
		check(!rc || gone(rc));
		/* Some stay for the unmap operation. */
		if (i & 1)
			continue;
		rc = unpin(&race->d, id);
		check(!rc || gone(rc));
	}
	return there;
}

static void run_race(void *(*against)(void *), struct race *race)
{
	long long end = now_ms() + RACE_MS;
	unsigned long there = 0;
	pthread_t thread;

	race->ctx = ioasid_open();
	race->ioas = ioas_new(race->ctx);
	race->other = ioas_new(race->ctx);
	race->memory = page_alloc(RACE_PAGES * PAGE);
	race->d = driver_attached(race->ctx, race->ioas, EXT_TEST_NEEDS_PIN);
	if (against == keep_moving)
		assert_ok(ioas_map_fixed(race->ctx, race->ioas, race->memory,
					 RACE_PAGES * PAGE, IOVA, MAP_RW));
	check_eq(0, pthread_create(&thread, NULL, against, race));
	while (now_ms() < end)
		there += use_it(race);
	__atomic_store_n(&race->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	print_message("# the memory was there %lu times, and went %lu times\n",
		      there, race->done);
	check(there > 0);
	check(race->done > 0);
	assert_ok(detach(&race->d));
	check_eq(0, unmaps(&race->d).pins);
	check_pinned(0);
}

static void test_race_unmap(void **state)
{
	struct race race = { 0 };

	(void)state;
	run_race(keep_mapping, &race);
}

static void test_race_replace(void **state)
{
	struct race race = { 0 };

	(void)state;
	run_race(keep_moving, &race);
}

static void take_over(void *arg)
{
	struct race *race = arg;

	assert_ok(change_process(race->ctx));
}

/* One process after the other takes the memory over, and ends. */
static void *keep_changing_owner(void *arg)
{
	struct race *race = arg;

	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
		run_child(take_over, race);
		race->done++;
	}
	return NULL;
}

/* Whose memory it is may change, and who it was be gone, while a driver reads it. */
static void test_race_owner(void **state)
{
	struct race race = { .ctx = ioasid_open() };
	long long end = now_ms() + RACE_MS;
	unsigned long there = 0;
	pthread_t thread;
	uint64_t byte;
	int file;

	(void)state;
	race.ioas = ioas_new(race.ctx);
	race.d = driver_attached(race.ctx, race.ioas, 0);
	file = assert_ok(keep_fd(memfd_create("test", MFD_CLOEXEC)));
	assert_ok(ftruncate(file, PAGE));
	assert_ok(ioas_map_file_fixed(race.ctx, race.ioas, file, 0, PAGE, IOVA,
				      MAP_RW));
	check_eq(0, pthread_create(&thread, NULL, keep_changing_owner, &race));
	while (now_ms() < end) {
		/* Where a file has to be mapped to be read, somebody has to be there. */
		if (!rw(&race.d, IOVA, &byte, sizeof(byte), KTHREAD))
			there++;
		else
			check_eq(EFAULT, errno);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	print_message("# read %lu times, from %lu owners\n", there, race.done);
	check(there > 0);
	check(race.done > 0);
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = load_module;
	ADD(rw);
	ADD(rw_several);
	ADD(rw_bad);
	ADD(rw_fork);
	ADD(rw_owner_gone);
	ADD(rw_file);
	ADD(create_bad);
	ADD(attach_bad);
	ADD(alignment);
	ADD(pin);
	ADD(pin_bad);
	ADD(pin_limit);
	ADD(pin_with_device);
	ADD(pin_copy);
	ADD(unmap);
	ADD(unmap_slow);
	ADD(leave);
	ADD(attach_while_leaving);
	ADD(context_closed);
	ADD(killed);
	ADD(change_process);
	ADD(unmap_partial);
	ADD(container);
	ADD(listed);
	ADD(race_unmap);
	ADD(race_replace);
	ADD(race_owner);
	return test_main(argc, argv, "access", &list, NULL, finish);
}
