// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: each member of each structure, wrong in each way
 *
 * Every member of every structure, with every value that is wrong for what it is,
 * from 64-bit and from 32-bit programs; calls in the wrong order; and calls of
 * processes that have inherited a file, or that mapped memory and are gone.
 *
 * Made from the table in lib/commands.c. After each test the context must be as if
 * it had not been: the next id, what is mapped and what is pinned.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>
#include <linux/udmabuf.h>
#include <linux/vfio_cdev_ext.h>

#include "commands.h"
#include "compat32.h"
#include "dma.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

/* A test is about a member of a command's structure, for programs of @bits. */
struct subject {
	const struct command *c;
	const struct field *f;
	int bits;
};

/* The pages at world.va; the one behind cannot be read. */
#define VA_PAGES 2

struct bad {
	const struct command *c;
	const struct field *f;
	int bits;
	struct world world;
	uint8_t *cmd;
	/* What must be the same at the end. */
	uint32_t next_id;
	uint64_t mapped;
	long vmpin;
	long vmlck;
};

/* ---- a world to go wrong in ---- */

static uint32_t next_id(int ctx)
{
	uint32_t id = ioas_new(ctx);

	assert_ok(ioasid_destroy(ctx, id));
	return id;
}

/* What the good structures need is mapped afresh by each. */
static uint64_t unmap_all(struct bad *bad)
{
	uint64_t len = UINT64_MAX;

	assert_ok(ioas_unmap(bad->world.ctx, bad->world.ioas, 0, &len));
	return len;
}

static void fill(struct bad *bad)
{
	good_cmd(bad->c, &bad->world, bad->cmd, bad->c->size);
}

static struct world attached_world(void)
{
	struct world world = world_new_device();

	assert_ok(cdev_attach(world.dev, world.hwpt, NULL));
	return world;
}

static void need_bits(int bits)
{
	if (bits == 32 && !has_ioctl32())
		skip_test("no 32-bit programs");
}

static struct bad bad_begin(const struct subject *subject)
{
	struct bad bad = {
		.c = subject->c,
		.f = subject->f,
		.bits = subject->bits,
	};

	need_bits(bad.bits);
	bad.world = bad.c->file == ON_CONTEXT ? attached_world() :
						world_for(bad.c);
	bad.world.va = page_alloc((VA_PAGES + 1) * PAGE);
	assert_ok(mprotect(bad.world.va + VA_PAGES * PAGE, PAGE, PROT_NONE));
	bad.cmd = page_alloc32(PAGE);
	/* Once, for the objects that good structures need. */
	fill(&bad);
	bad.mapped = unmap_all(&bad);
	bad.next_id = next_id(bad.world.ctx);
	bad.vmpin = state_vm("VmPin");
	bad.vmlck = state_vm("VmLck");
	return bad;
}

static int call(struct bad *bad)
{
	return command_call(bad->c, &bad->world, bad->cmd, bad->bits);
}

static void bad_end(struct bad *bad)
{
	fill(bad);
	check_eq(bad->mapped, unmap_all(bad));
	check_eq(bad->next_id, next_id(bad->world.ctx));
	check_eq(bad->vmpin, state_vm("VmPin"));
	check_eq(bad->vmlck, state_vm("VmLck"));
	/* Still good for what is right. */
	assert_errno(good_cmd(bad->c, &bad->world, bad->cmd, bad->c->size),
		     call(bad));
}

static void set(struct bad *bad, const struct field *f, uint64_t value)
{
	check(f->size <= sizeof(value));
	memcpy(bad->cmd + f->offset, &value, f->size);
}

static uint64_t get(struct bad *bad, const struct field *f)
{
	uint64_t value = 0;

	memcpy(&value, bad->cmd + f->offset, f->size);
	return value;
}

/* The call, with one member changed, fails with @err. */
static void check_value(struct bad *bad, uint64_t value, int err)
{
	int got;

	fill(bad);
	set(bad, bad->f, value);
	errno = 0;
	got = call(bad) == -1 ? errno : 0;
	if (got != err)
		fail_test("%s.%s = %#llx: expected %s, got %s", bad->c->name,
			  bad->f->name, (unsigned long long)value,
			  errno_name(err), errno_name(got));
}

/* ---- flags, reserved members, operations ---- */

static void test_bits(void **state)
{
	struct bad bad = bad_begin(test_arg(state));
	size_t bit;

	for (bit = 0; bit < bad.f->size * 8; bit++) {
		if (bad.f->good >> bit & 1)
			continue;
		fill(&bad);
		check_value(&bad, get(&bad, bad.f) | 1ULL << bit, bad.f->err);
	}
	/* All at once. */
	check_value(&bad, ~0ULL, bad.f->err);
	bad_end(&bad);
}

/* ---- ids ---- */

static void test_id(void **state)
{
	static const uint32_t absent[] = {
		0, 1000, ABSENT_ID, INT32_MAX, 0x80000000, UINT32_MAX,
	};
	struct bad bad = bad_begin(test_arg(state));
	uint32_t ids[NUM_OBJECT_TYPES], id;
	int other = ioasid_open();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(absent); i++)
		check_value(&bad, absent[i], bad.f->err);
	/* One that was, */
	id = ioas_new(bad.world.ctx);
	assert_ok(ioasid_destroy(bad.world.ctx, id));
	check_value(&bad, id, bad.f->err);
	/* and one that is in another file. */
	while (ioas_new(other) <= id)
		;
	check_value(&bad, id + 1, bad.f->err);
	/* Objects of the wrong types. */
	ids[0] = bad.world.ioas;
	ids[1] = bad.world.devid;
	ids[2] = bad.world.hwpt;
	for (i = 0; i < NUM_OBJECT_TYPES; i++)
		if (!(bad.f->good >> i & 1))
			check_value(&bad, ids[i], bad.f->type_err);
	bad_end(&bad);
}

/* ---- memory ---- */

/* The pages before @end can be used, the ones from there on cannot. */
static uint8_t *page_border(int prot)
{
	uint8_t *pages = page_alloc(2 * PAGE);

	assert_ok(mprotect(pages + PAGE, PAGE, prot));
	return pages + PAGE;
}

static void test_pointer(void **state)
{
	struct bad bad = bad_begin(test_arg(state));
	uint8_t *border = page_border(PROT_NONE), *pages, *hole;
	/* What is not served is not, whatever the pointer. */
	int served = good_cmd(bad.c, &bad.world, bad.cmd, bad.c->size);
	int err = served ?: EFAULT;
	size_t i;

	hole = page_alloc(PAGE);
	drop_map(hole);
	check_value(&bad, 0, err);
	check_value(&bad, (uintptr_t)hole, err);
	check_value(&bad, (uintptr_t)border, err);
	/* Not canonical, the kernel's, and the last of all. */
	check_value(&bad, 1UL << 47, err);
	check_value(&bad, 1UL << 63, err);
	check_value(&bad, 0xffff888000000000UL, err);
	check_value(&bad, -PAGE, err);
	check_value(&bad, UINT64_MAX, err);
	/* The end of it is missing. */
	for (i = 1; i < 16; i++)
		check_value(&bad, (uintptr_t)border - i, err);
	if (bad.f->kind == FIELD_OUT) {
		check_value(&bad, (uintptr_t)page_border(PROT_READ), err);
		check_value(&bad, (uintptr_t)page_border(PROT_READ) - 1, err);
	}
	/* In two pages it is as good as in one. */
	pages = page_alloc(2 * PAGE);
	for (i = 1; i < 16; i++) {
		memcpy(pages + PAGE - i, bad.world.array, 64);
		check_value(&bad, (uintptr_t)pages + PAGE - i, served);
	}
	bad_end(&bad);
}

static const struct field *find_field(const struct command *c,
				      enum field_kind kind)
{
	const struct field *f;

	for (f = c->fields; f < c->fields + MAX_FIELDS && f->name; f++)
		if (f->kind == kind)
			return f;
	fail_test("%s has no such member", c->name);
}

/* The structure is filled, but for the member and a length. */
static void check_span(struct bad *bad, uint64_t start, uint64_t len, int err)
{
	int got;

	set(bad, bad->f, start);
	set(bad, find_field(bad->c, FIELD_LENGTH), len);
	errno = 0;
	got = call(bad) == -1 ? errno : 0;
	if (got != err)
		fail_test("%s: %#llx bytes at %#llx: expected %s, got %s",
			  bad->c->name, (unsigned long long)len,
			  (unsigned long long)start, errno_name(err),
			  errno_name(got));
}

/* As check_value(), with a length. */
static void check_va(struct bad *bad, uint64_t va, uint64_t len, int err)
{
	fill(bad);
	check_span(bad, va, len, err);
}

/* Memory to be mapped, for a device that is attached. */
static void test_va(void **state)
{
	struct bad bad = bad_begin(test_arg(state));
	uint8_t *hole = page_alloc(PAGE), *read_only = page_alloc(PAGE);
	uint64_t va = (uintptr_t)bad.world.va;
	size_t i;

	drop_map(hole);
	assert_ok(mprotect(read_only, PAGE, PROT_READ));
	check_va(&bad, 0, PAGE, EFAULT);
	check_va(&bad, (uintptr_t)hole, PAGE, EFAULT);
	check_va(&bad, (uintptr_t)read_only, PAGE, EFAULT);
	check_va(&bad, va + VA_PAGES * PAGE, PAGE, EFAULT);
	check_va(&bad, va, (VA_PAGES + 1) * PAGE, EFAULT);
	check_va(&bad, va - PAGE, (VA_PAGES + 2) * PAGE, EFAULT);
	check_va(&bad, 1UL << 47, PAGE, EFAULT);
	check_va(&bad, (1UL << 47) - PAGE, 2 * PAGE, EFAULT);
	check_va(&bad, (1UL << 63) - PAGE, 2 * PAGE, EFAULT);
	check_va(&bad, 1UL << 63, PAGE, EFAULT);
	check_va(&bad, 0xffff888000000000UL, PAGE, EFAULT);
	check_va(&bad, -2 * PAGE, PAGE, EFAULT);
	/* Its end must be an address, too. */
	check_va(&bad, -PAGE, PAGE, EOVERFLOW);
	check_va(&bad, -PAGE, 2 * PAGE, EOVERFLOW);
	check_va(&bad, UINT64_MAX, PAGE, EOVERFLOW);
	check_va(&bad, va, -va, EOVERFLOW);
	check_va(&bad, va, 0, EINVAL);
	for (i = 1; i < PAGE; i <<= 1)
		check_va(&bad, va + i, PAGE, EINVAL);
	bad_end(&bad);
}

/* Memory on both sides of 4 GiB is like any other. */
static void test_va_4g(void **state)
{
	struct bad bad = bad_begin(test_arg(state));
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	uint64_t va = 4 * GB - PAGE;
	void *map;

	map = mmap((void *)va, 2 * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
	keep_map(map, 2 * PAGE);
	check(map != MAP_FAILED);
	check_va(&bad, va, 2 * PAGE, 0);
	check_pinned(2);
	unmap_all(&bad);
	bad_end(&bad);
}

/* ---- ranges ---- */

static bool wraps(uint64_t start, uint64_t len)
{
	return start + len - 1 < start;
}

static bool usable(const struct world *world, uint64_t start, uint64_t len)
{
	struct ioasid_iova_range ranges[16];
	uint32_t num = ARRAY_SIZE(ranges), i;

	assert_ok(ioas_ranges(world->ctx, world->ioas, ranges, &num, NULL));
	for (i = 0; i < num; i++)
		if (start >= ranges[i].start &&
		    start + len - 1 <= ranges[i].last)
			return true;
	return false;
}

/* What VFIO and MAP have in common. */
static int expect_fixed(const struct world *world, uint64_t iova, uint64_t len)
{
	if (!len || (iova | len) & (PAGE - 1))
		return -EINVAL;
	if (wraps(iova, len))
		return -EOVERFLOW;
	return usable(world, iova, len) ? 0 : -EINVAL;
}

static int expect_container_map(const struct world *world, uint64_t iova,
				uint64_t len)
{
	uint64_t va = (uintptr_t)world->va;

	if (va + len < va)
		return -EOVERFLOW;
	return expect_fixed(world, iova, len) ?:
		       len > VA_PAGES * PAGE  ? -EFAULT :
						0;
}

static int expect_map(const struct world *world, uint64_t iova, uint64_t len)
{
	if (iova == UINT64_MAX || len == UINT64_MAX)
		return -EOVERFLOW;
	return expect_container_map(world, iova, len);
}

static int expect_map_file(const struct world *world, uint64_t iova,
			   uint64_t len)
{
	if (iova == UINT64_MAX || len == UINT64_MAX)
		return -EOVERFLOW;
	/* Its size in whole pages would wrap. */
	if (len > UINT64_MAX - PAGE)
		return -EINVAL;
	/* The file has one page. */
	return expect_fixed(world, iova, len) ?: len > PAGE ? -EINVAL : 0;
}

static int expect_unmap(const struct world *world, uint64_t iova, uint64_t len)
{
	(void)world;
	if (!iova && len == UINT64_MAX)
		return 0;
	if (iova == UINT64_MAX || len == UINT64_MAX)
		return -EOVERFLOW;
	if (!len)
		return -EINVAL;
	return wraps(iova, len) ? -EOVERFLOW : -ENOENT;
}

static int expect_unmap_partial(const struct world *world, uint64_t iova,
				uint64_t len)
{
	(void)world;
	if (iova == UINT64_MAX || len == UINT64_MAX)
		return -EOVERFLOW;
	if (!len)
		return -EINVAL;
	if (wraps(iova, len))
		return -EOVERFLOW;
	if (iova >= FIXED_IOVA + PAGE || iova + (len - 1) < FIXED_IOVA)
		return -ENOENT;
	return 0;
}

static int expect_container_unmap(const struct world *world, uint64_t iova,
				  uint64_t len)
{
	(void)world;
	if (!len)
		return -EINVAL;
	return wraps(iova, len) ? -EOVERFLOW : 0;
}

static int expect_copy_src(const struct world *world, uint64_t iova,
			   uint64_t len)
{
	return expect_unmap(world, iova, len) ?: -EOVERFLOW;
}

/* The source is a page. */
static int expect_copy_dst(const struct world *world, uint64_t iova,
			   uint64_t len)
{
	if (iova == UINT64_MAX || len == UINT64_MAX)
		return -EOVERFLOW;
	if (!len)
		return -EINVAL;
	if (wraps(SOURCE_IOVA, len))
		return -EOVERFLOW;
	return len > PAGE ? -ENOENT : expect_fixed(world, iova, len);
}

static int expect_get_dirty(const struct world *world, uint64_t iova,
			    uint64_t len)
{
	(void)world;
	if (!len)
		return -EINVAL;
	if (wraps(iova, len))
		return -EOVERFLOW;
	return (iova | len) & (PAGE - 1) ? -EINVAL : -EOPNOTSUPP;
}

static int expect_hw_queue(const struct world *world, uint64_t iova,
			   uint64_t len)
{
	(void)world;
	if (!len)
		return -EINVAL;
	return wraps(iova, len) ? -EOVERFLOW : -ENOENT;
}

static const struct {
	const char *name;
	const char *field;
	int (*expect)(const struct world *world, uint64_t start, uint64_t len);
} range_rules[] = {
	{ "map", "iova", expect_map },
	{ "map_file", "iova", expect_map_file },
	{ "unmap", "iova", expect_unmap },
	{ "unmap_partial", "iova", expect_unmap_partial },
	{ "copy", "src_iova", expect_copy_src },
	{ "copy", "dst_iova", expect_copy_dst },
	{ "get_dirty", "iova", expect_get_dirty },
	{ "hw_queue", "nesting_parent_iova", expect_hw_queue },
	{ "container_map", "iova", expect_container_map },
	{ "container_unmap", "iova", expect_container_unmap },
};

static int expect_range(struct bad *bad, uint64_t start, uint64_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(range_rules); i++)
		if (!strcmp(range_rules[i].name, bad->c->name) &&
		    !strcmp(range_rules[i].field, bad->f->name))
			return range_rules[i].expect(&bad->world, start, len);
	fail_test("no rule for %s.%s", bad->c->name, bad->f->name);
}

/* The flags of mainline's commands that map; the others have none of theirs. */
static void set_fixed(struct bad *bad)
{
	const struct field *f = bad->c->fields;

	if (f->kind == FIELD_BITS && f->good == 7)
		set(bad, f, get(bad, f) | IOASID_IOAS_MAP_FIXED_IOVA);
}

static void check_range(struct bad *bad, uint64_t start, uint64_t len)
{
	int err = -expect_range(bad, start, len);

	fill(bad);
	set_fixed(bad);
	check_span(bad, start, len, err);
	if (!err)
		unmap_all(bad);
}

static void test_range(void **state)
{
	static const uint64_t starts[] = {
		0,
		1,
		PAGE - 1,
		PAGE,
		4 * GB - PAGE,
		4 * GB - 1,
		4 * GB,
		(1UL << 63) - PAGE,
		(1UL << 63) - 1,
		1UL << 63,
		-2 * PAGE,
		-PAGE,
		UINT64_MAX - 1,
		UINT64_MAX,
		MSI_WINDOW - PAGE,
		MSI_WINDOW,
		MSI_WINDOW_LAST,
	};
	static const uint64_t lens[] = {
		0,
		1,
		PAGE - 1,
		PAGE,
		PAGE + 1,
		2 * PAGE,
		4 * GB - PAGE,
		4 * GB - 1,
		4 * GB,
		4 * GB + PAGE,
		(1UL << 63) - PAGE,
		(1UL << 63) - 1,
		1UL << 63,
		(1UL << 63) + PAGE,
		-2 * PAGE,
		-PAGE,
		UINT64_MAX - 1,
		UINT64_MAX,
	};
	struct bad bad = bad_begin(test_arg(state));
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(starts); i++)
		for (j = 0; j < ARRAY_SIZE(lens); j++)
			check_range(&bad, starts[i], lens[j]);
	bad_end(&bad);
}

/* ---- files ---- */

static void test_fd(void **state)
{
	static const char *const wrong[] = {
		"/dev/zero",
		"/dev/null",
		"/proc/self/exe",
		"/",
	};
	struct bad bad = bad_begin(test_arg(state));
	int gone = memfd_create("gone", MFD_CLOEXEC), fd;
	size_t i;

	assert_ok(close(gone));
	/* To VFIO it is no number of a file at all, to the others a bad one. */
	check_value(&bad, -1, bad.c->file == ON_CONTEXT ? EBADF : EINVAL);
	check_value(&bad, 1U << 31, bad.c->file == ON_CONTEXT ? EBADF : EINVAL);
	check_value(&bad, INT32_MAX, EBADF);
	check_value(&bad, gone, EBADF);
	fd = assert_ok(keep_fd(open(IOASID_NODE, O_PATH | O_CLOEXEC)));
	check_value(&bad, fd, EBADF);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		fd = assert_ok(keep_fd(open(wrong[i], O_RDONLY | O_CLOEXEC)));
		check_value(&bad, fd, bad.f->type_err);
		drop_fd(fd);
	}
	fd = bad.c->file == ON_PARKED ? bad.world.memfd : bad.world.ctx;
	check_value(&bad, fd, bad.f->type_err);
	bad_end(&bad);
}

/* A dma-buf of somebody who does not say where its memory is, or -1. */
static int dmabuf_new(size_t len)
{
	struct udmabuf_create create = { .size = len };
	int dev = keep_fd(open("/dev/udmabuf", O_RDWR | O_CLOEXEC)), fd;

	if (dev < 0)
		return -1;
	fd = memfd_create("dmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	create.memfd = assert_ok(keep_fd(fd));
	assert_ok(ftruncate(create.memfd, len));
	assert_ok(fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	return assert_ok(keep_fd(ioctl(dev, UDMABUF_CREATE, &create)));
}

static void check_dmabuf(struct bad *bad, int fd, uint64_t start, uint64_t len,
			 int err)
{
	struct ioasid_ioas_map_file *map = (void *)bad->cmd;

	fill(bad);
	map->fd = fd;
	map->start = start;
	map->length = len;
	assert_errno(err, call(bad));
}

static void test_dmabuf(void **state)
{
	struct subject subject = { .c = test_arg(state), .bits = 64 };
	struct bad bad = bad_begin(&subject);
	int fd = dmabuf_new(4 * PAGE);

	/* A kernel without such exporters has nothing to refuse. */
	if (fd < 0)
		return;
	check_dmabuf(&bad, fd, 0, 4 * PAGE, EOPNOTSUPP);
	check_dmabuf(&bad, fd, PAGE, PAGE, EOPNOTSUPP);
	check_dmabuf(&bad, fd, 0, 0, EINVAL);
	check_dmabuf(&bad, fd, 0, 5 * PAGE, EINVAL);
	check_dmabuf(&bad, fd, 4 * PAGE, PAGE, EINVAL);
	check_dmabuf(&bad, fd, -2 * PAGE, PAGE, EINVAL);
	check_dmabuf(&bad, fd, -PAGE, PAGE, EINVAL);
	check_dmabuf(&bad, fd, -PAGE, 2 * PAGE, EOVERFLOW);
	bad_end(&bad);
}

/* ---- the wrong order ---- */

/* Before BIND, whatever it is. */
static void test_parked(void **state)
{
	struct bad bad = { .c = test_arg(state), .bits = 64 };
	int fd;

	bad.world = world_new_device();
	bad.cmd = page_alloc32(PAGE);
	fill(&bad);
	drop_fd(bad.world.dev);
	fd = assert_ok(cdev_open(edu_bdf));
	assert_errno(EINVAL, ioctl(fd, bad.c->cmd, bad.cmd));
	assert_errno(EINVAL, ioctl(fd, bad.c->cmd, NULL));
	/* And nothing has come of it. */
	assert_ok(cdev_bind(fd, bad.world.ctx, NULL));
}

/* The container's, without an IOAS that is theirs. */
static void test_no_ioas(void **state)
{
	struct bad bad = { .c = test_arg(state), .bits = 64 };

	bad.world = world_new();
	bad.cmd = page_alloc32(PAGE);
	fill(&bad);
	assert_ok(vfio_ioas(bad.world.ctx, IOASID_VFIO_IOAS_CLEAR, NULL));
	assert_errno(ENODEV, call(&bad));
	/* Or one that is destroyed. */
	fill(&bad);
	assert_ok(ioasid_destroy(bad.world.ctx, bad.world.ioas));
	assert_errno(ENODEV, call(&bad));
}

/* The device has been closed. */
static void test_device_gone(void **state)
{
	const struct subject *subject = test_arg(state);
	struct bad bad = {
		.c = subject->c,
		.f = subject->f,
		.bits = subject->bits,
	};

	need_bits(bad.bits);
	bad.world = world_new_device();
	bad.cmd = page_alloc32(PAGE);
	fill(&bad);
	drop_fd(bad.world.dev);
	assert_errno(ENOENT, call(&bad));
}

/* ---- other processes ---- */

static void call_good(void *arg)
{
	struct bad *bad = arg;
	int result;

	bad->world.va = page_alloc(PAGE);
	bad->world.array = page_alloc(PAGE);
	result = good_cmd(bad->c, &bad->world, bad->cmd, bad->c->size);
	assert_errno(result, call(bad));
}

/* A child is as good as its parent, and what it leaves can be undone. */
static void test_fork(void **state)
{
	struct subject subject = { .c = test_arg(state), .bits = 64 };
	struct bad bad = bad_begin(&subject);

	run_child(call_good, &bad);
	unmap_all(&bad);
	check_eq(bad.vmpin, state_vm("VmPin"));
	call_good(&bad);
}

#define MAX_ARGS 12
#define AFTER_EXEC "--after-exec"

static void keep_over_exec(int fd)
{
	if (fd >= 0)
		assert_ok(fcntl(fd, F_SETFD, 0));
}

static void exec_self(void *arg)
{
	struct bad *bad = arg;
	struct world *w = &bad->world;
	char args[MAX_ARGS][12], *argv[MAX_ARGS + 1];
	const long numbers[] = {
		bad->c - commands, w->ctx,  w->dev,   w->parked,
		w->memfd,	   w->ioas, w->devid, w->hwpt,
	};
	size_t i;

	keep_over_exec(w->ctx);
	keep_over_exec(w->dev);
	keep_over_exec(w->parked);
	keep_over_exec(w->memfd);
	argv[0] = "badinput_test";
	argv[1] = AFTER_EXEC;
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		snprintf(args[i], sizeof(args[i]), "%ld", numbers[i]);
		argv[i + 2] = args[i];
	}
	argv[i + 2] = NULL;
	execv("/proc/self/exe", argv);
	_exit(2);
}

/* Another program, which has the files and nothing else. */
static void after_exec(char **argv)
{
	struct bad bad = { .bits = 64 };
	long numbers[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		numbers[i] = strtol(argv[i], NULL, 10);
	bad.c = &commands[numbers[0]];
	bad.world = (struct world){
		.ctx = numbers[1],
		.dev = numbers[2],
		.parked = numbers[3],
		.memfd = numbers[4],
		.ioas = numbers[5],
		.devid = numbers[6],
		.hwpt = numbers[7],
	};
	edu_bdf = topology("EDU_BDF");
	bad.cmd = page_alloc32(PAGE);
	call_good(&bad);
}

static void test_exec(void **state)
{
	struct subject subject = { .c = test_arg(state), .bits = 64 };
	struct bad bad = bad_begin(&subject);

	run_child(exec_self, &bad);
	unmap_all(&bad);
	check_eq(bad.vmpin, state_vm("VmPin"));
	call_good(&bad);
}

/* ---- memory whose process is gone ---- */

static void map_and_exit(void *arg)
{
	struct bad *bad = arg;

	bad->world.va = page_alloc(PAGE);
	good_cmd(bad->c, &bad->world, bad->cmd, bad->c->size);
	set_fixed(bad);
	set(bad, find_field(bad->c, FIELD_IOVA), IOVA);
	assert_ok(call(bad));
}

/*
 * Mapped while nothing was attached, so nothing is pinned; whatever needs the
 * memory afterwards finds that it is gone. That of a file is not.
 */
static void test_orphan(void **state)
{
	struct bad bad = { .c = test_arg(state), .bits = 64 };
	uint32_t hwpt = 0, other, next;
	uint64_t iova = 0;
	int err;

	need_edu();
	bad.world = world_new();
	bad.world.dev =
		cdev_open_bound(edu_bdf, bad.world.ctx, &bad.world.devid);
	bad.cmd = page_alloc32(PAGE);
	other = ioas_new(bad.world.ctx);
	next = next_id(bad.world.ctx);
	err = !strcmp(bad.c->name, "map_file") ? 0 : EFAULT;
	run_child(map_and_exit, &bad);

	/* To have it in a page table: at once, or with the first device. */
	if (hwpt_alloc(bad.world.ctx, bad.world.devid, bad.world.ioas, 0,
		       &hwpt)) {
		check_eq(err, errno);
	} else {
		assert_errno(err, cdev_attach(bad.world.dev, hwpt, NULL));
		assert_ok(cdev_detach(bad.world.dev));
		assert_ok(ioasid_destroy(bad.world.ctx, hwpt));
	}
	assert_errno(err, cdev_attach(bad.world.dev, bad.world.ioas, NULL));
	assert_ok(cdev_detach(bad.world.dev));
	check_pinned(0);
	check_eq(next, next_id(bad.world.ctx));
	/* To copy it to where there is one. */
	assert_ok(cdev_attach(bad.world.dev, other, NULL));
	assert_errno(err, ioas_copy(bad.world.ctx, other, &iova, bad.world.ioas,
				    IOVA, PAGE, MAP_RW));
	assert_ok(cdev_detach(bad.world.dev));
	/* To charge somebody else for it. */
	assert_errno(err ? EINVAL : 0, change_process(bad.world.ctx));
	/* It can be unmapped, and then all is well. */
	assert_ok(ioas_unmap_exact(bad.world.ctx, bad.world.ioas, IOVA, PAGE));
	assert_ok(cdev_attach(bad.world.dev, bad.world.ioas, NULL));
	check_pinned(0);
}

/* ---- the list ---- */

static bool has_kind(const struct command *c, enum field_kind kind)
{
	const struct field *f;

	for (f = c->fields; f < c->fields + MAX_FIELDS && f->name; f++)
		if (f->kind == kind)
			return true;
	return false;
}

static void add_field(struct test_list *list, test_fn fn, const char *what,
		      const struct command *c, const struct field *f)
{
	static const int bits[] = { 64, 32 };
	struct subject *subject;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		subject = malloc(sizeof(*subject));
		if (!subject)
			abort();
		*subject = (struct subject){ c, f, bits[i] };
		test_add(list, fn, subject, "%s.%s.%s%d", c->name, f->name,
			 what, bits[i]);
	}
}

static void add_fields(struct test_list *list, const struct command *c)
{
	const struct field *f;

	for (f = c->fields; f < c->fields + MAX_FIELDS && f->name; f++) {
		switch (f->kind) {
		case FIELD_VALUE:
		case FIELD_OTHER_ID:
		case FIELD_NEW_ID:
		case FIELD_LENGTH:
		case FIELD_NEW_FD:
			break;
		case FIELD_BITS:
			add_field(list, test_bits, "bits", c, f);
			break;
		case FIELD_ID:
			add_field(list, test_id, "id", c, f);
			if (f->good == OBJ_DEVICE)
				add_field(list, test_device_gone, "gone", c, f);
			break;
		case FIELD_IN:
		case FIELD_OUT:
			add_field(list, test_pointer, "pointer", c, f);
			break;
		case FIELD_VA:
			add_field(list, test_va, "va", c, f);
			add_field(list, test_va_4g, "va_4g", c, f);
			break;
		case FIELD_IOVA:
			add_field(list, test_range, "range", c, f);
			break;
		case FIELD_FD:
			add_field(list, test_fd, "fd", c, f);
			break;
		}
	}
}

static int finish(void **state)
{
	(void)state;
	if (edu_bdf)
		variant_unload(edu_bdf);
	return 0;
}

#define ADD(c, fn) test_add(&list, test_##fn, (void *)(c), "%s." #fn, (c)->name)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };
	const struct command *c;

	if (argc > 2 && !strcmp(argv[1], AFTER_EXEC)) {
		after_exec(argv + 2);
		return 0;
	}
	test_before = use_edu;
	for (c = commands; c < commands + num_commands; c++) {
		add_fields(&list, c);
		ADD(c, fork);
		ADD(c, exec);
		/* Ours answer there, too. */
		if (c->file == ON_BOUND &&
		    _IOC_NR(c->cmd) < IOASID_CMD_GET_ERROR)
			ADD(c, parked);
		if (c->cmd == IOASID_IOAS_MAP_FILE)
			ADD(c, dmabuf);
		if (!strncmp(c->name, "container", 9))
			ADD(c, no_ioas);
		if (has_kind(c, FIELD_IOVA) &&
		    (has_kind(c, FIELD_VA) || has_kind(c, FIELD_FD)))
			ADD(c, orphan);
	}
	return test_main(argc, argv, "badinput", &list, NULL, finish);
}
