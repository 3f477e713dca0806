// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: ioctl rules: sizes, pointers, reserved members, ids
 *
 * What is common to all ioctls: the size rule, bad pointers, and what is written
 * back. Made from the table in lib/commands.c.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "commands.h"
#include "compat32.h"
#include "dma.h"
#include "ioasid.h"
#include "test.h"
#include "vfio.h"

static int call(const struct command *c, struct world *world, void *cmd)
{
	return command_call(c, world, cmd, 64);
}

/* How much of a good structure is read. */
static size_t extent(const struct command *c)
{
	return c->argsz ? c->min : c->size;
}

static void test_sizes(void **state)
{
	const struct command *c = test_arg(state);
	struct world world = world_for(c);
	uint8_t cmd[CMD_MAX];
	size_t size;
	int result;

	for (size = 0; size < c->min; size++) {
		good_cmd(c, &world, cmd, size);
		assert_errno(EINVAL, call(c, &world, cmd));
	}
	for (; size <= c->size; size++) {
		result = good_cmd(c, &world, cmd, size);
		assert_errno(result, call(c, &world, cmd));
	}
}

static void test_zero_tail(void **state)
{
	static const size_t extra[] = { 1, 7, 8, 64, PAGE, 2 * PAGE + 3 };
	const struct command *c = test_arg(state);
	struct world world = world_for(c);
	uint8_t *cmd = page_alloc(4 * PAGE);
	int result;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(extra); i++) {
		result = good_cmd(c, &world, cmd, c->size + extra[i]);
		assert_errno(result, call(c, &world, cmd));
	}
}

static void test_bad_tail(void **state)
{
	static const size_t at[] = { 0, 1, 7, 8, 63, PAGE, 2 * PAGE - 1 };
	const struct command *c = test_arg(state);
	struct world world = world_for(c);
	uint8_t *cmd = page_alloc(4 * PAGE);
	int result;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		result = good_cmd(c, &world, cmd, c->size + 2 * PAGE);
		cmd[c->size + at[i]] = 1;
		/* VFIO's older rule: what is not known is not read. */
		assert_errno(c->argsz ? result : E2BIG, call(c, &world, cmd));
		cmd[c->size + at[i]] = 0;
	}
}

static void test_bad_pointer(void **state)
{
	const struct command *c = test_arg(state);
	struct world world = world_for(c);
	uint8_t *hole = page_alloc(PAGE);

	drop_map(hole);
	assert_errno(EFAULT, call(c, &world, NULL));
	assert_errno(EFAULT, call(c, &world, hole));
	assert_errno(EFAULT, call(c, &world, (void *)-PAGE));
	assert_errno(EFAULT, call(c, &world, (void *)(1UL << 47)));
}

static void test_page_end(void **state)
{
	const struct command *c = test_arg(state);
	struct world world = world_for(c);
	uint8_t *pages = page_alloc(2 * PAGE), cmd[CMD_MAX];
	uint8_t *end = pages + PAGE;
	size_t inside, size = extent(c);
	int result;

	/* In two pages, wherever the border is. */
	for (inside = 1; inside < size; inside++) {
		result = good_cmd(c, &world, cmd, size);
		memcpy(end - inside, cmd, size);
		assert_errno(result, call(c, &world, end - inside));
	}
	assert_ok(mprotect(end, PAGE, PROT_NONE));
	/* All of it readable: fine, up to the last byte of the page. */
	result = good_cmd(c, &world, cmd, size);
	memcpy(end - size, cmd, size);
	assert_errno(result, call(c, &world, end - size));
	for (inside = 1; inside < size; inside++) {
		good_cmd(c, &world, cmd, size);
		memcpy(end - inside, cmd, inside);
		assert_errno(EFAULT, call(c, &world, end - inside));
	}
	if (c->argsz)
		return;
	/* A tail that cannot be read. */
	good_cmd(c, &world, cmd, size + 8);
	memcpy(end - size, cmd, size);
	assert_errno(EFAULT, call(c, &world, end - size));
}

/* What cannot be answered has not happened. */
static void test_read_only(void **state)
{
	const struct command *c = test_arg(state);
	struct world world = world_for(c);
	uint8_t *page = page_alloc(PAGE);
	int result = good_cmd(c, &world, page, c->size);

	assert_ok(mprotect(page, PAGE, PROT_READ));
	if (c->answers_errors || (c->answers && !result))
		result = EFAULT;
	assert_errno(result, call(c, &world, page));
	/* Nothing is left behind that would keep these. */
	if (world.dev >= 0)
		assert_ok(ioasid_destroy(world.ctx, world.hwpt));
	assert_ok(ioasid_destroy(world.ctx, world.ioas));
}

/* Only the structure the user has is written, and of it only the answer. */
static void test_writes_only_answer(void **state)
{
	const struct command *c = test_arg(state);
	struct world world = world_for(c);
	uint8_t cmd[3 * CMD_MAX];
	int result;
	size_t i;

	memset(cmd, 0xaa, sizeof(cmd));
	result = good_cmd(c, &world, cmd, c->min);
	memset(cmd + c->min, 0xaa, sizeof(cmd) - c->min);
	assert_errno(result, call(c, &world, cmd));
	/* VFIO says here how much there would be. */
	if (!c->argsz)
		check_eq(c->min, *(uint32_t *)cmd);
	for (i = c->min; i < sizeof(cmd); i++)
		check_eq(0xaa, cmd[i]);
}

/* The number with another type, direction or size is another ioctl. */
static void test_other_number(void **state)
{
	const struct command *c = test_arg(state);
	struct world world = world_for(c);
	int fd = world_file(&world, c), err;
	unsigned int nr = _IOC_NR(c->cmd);
	uint8_t cmd[CMD_MAX];

	/* A parked file does nothing but BIND. */
	err = c->file == ON_PARKED ? EINVAL : ENOTTY;
	good_cmd(c, &world, cmd, c->size);
	fd = world_file(&world, c);
	assert_errno(err, ioctl(fd, _IO('X', nr), cmd));
	assert_errno(err,
		     ioctl(fd,
			   _IOC(_IOC_READ | _IOC_WRITE, IOASID_TYPE, nr, 32),
			   cmd));
	assert_errno(err, ioctl(fd, _IOC(_IOC_NONE, IOASID_TYPE, nr, 8), cmd));
	/* Mainline reads the size before it looks at the whole number. */
	if (!c->argsz && c->file == ON_CONTEXT && nr != IOASID_CMD_GET_ERROR)
		err = EFAULT;
	assert_errno(err, ioctl(fd, _IO('X', nr), NULL));
}

/* The layouts are the same for 32-bit programs. */
static void test_compat32(void **state)
{
	const struct command *c = test_arg(state);
	struct world world = world_for(c);
	uint8_t *cmd = page_alloc32(PAGE);
	int result;

	if (!has_ioctl32())
		return;
	world.va = page_alloc32(PAGE);
	world.array = page_alloc32(PAGE);
	result = good_cmd(c, &world, cmd, c->size);
	assert_errno(result, command_call(c, &world, cmd, 32));
	good_cmd(c, &world, cmd, c->min - 1);
	assert_errno(EINVAL, command_call(c, &world, cmd, 32));
	good_cmd(c, &world, cmd, c->size);
	assert_errno(c->file == ON_PARKED ? EINVAL : ENOTTY,
		     ioctl32(world_file(&world, c), _IO('X', _IOC_NR(c->cmd)),
			     cmd));
}

/* Ioctls without a structure, or vfio-pci's own. */
static const struct {
	enum command_file file;
	unsigned long cmd;
} other_cmds[] = {
	{ ON_CONTEXT, VFIO_GET_API_VERSION },
	{ ON_CONTEXT, VFIO_CHECK_EXTENSION },
	{ ON_CONTEXT, VFIO_SET_IOMMU },
	{ ON_BOUND, VFIO_DEVICE_GET_INFO },
	{ ON_BOUND, VFIO_DEVICE_GET_REGION_INFO },
	{ ON_BOUND, VFIO_DEVICE_GET_IRQ_INFO },
	{ ON_BOUND, VFIO_DEVICE_SET_IRQS },
	{ ON_BOUND, VFIO_DEVICE_RESET },
	{ ON_BOUND, VFIO_DEVICE_IOEVENTFD },
};

static bool known(enum command_file file, unsigned int nr)
{
	size_t i;

	for (i = 0; i < num_commands; i++)
		if (commands[i].file == file && _IOC_NR(commands[i].cmd) == nr)
			return true;
	for (i = 0; i < ARRAY_SIZE(other_cmds); i++)
		if (other_cmds[i].file == file &&
		    _IOC_NR(other_cmds[i].cmd) == nr)
			return true;
	/* BIND comes too late. */
	return file == ON_BOUND && nr == _IOC_NR(VFIO_CDEV_BIND);
}

/* A command that is not in the table is not tested: there is none. */
static void check_numbers(int fd, enum command_file file, int err)
{
	unsigned int nr;
	bool served;

	for (nr = 0; nr < 256; nr++) {
		served = ioctl(fd, _IO(IOASID_TYPE, nr), NULL) != -1 ||
			 errno != err;
		if (served != known(file, nr))
			fail_test("number %#x is %s, but %sin the table", nr,
				  served ? "served" : errno_name(errno),
				  served ? "not " : "");
	}
}

static void test_numbers(void **state)
{
	struct world world;
	int parked;

	(void)state;
	need_edu();
	parked = assert_ok(cdev_open(edu_bdf));
	check_numbers(parked, ON_PARKED, EINVAL);
	drop_fd(parked);
	world = world_new_device();
	check_numbers(world.dev, ON_BOUND, ENOTTY);
	check_numbers(world.ctx, ON_CONTEXT, ENOTTY);
}

/* All members of a structure are in the table, each byte once. */
static void test_fields(void **state)
{
	const struct command *c = test_arg(state);
	uint8_t seen[CMD_MAX] = { 1, 1, 1, 1 };
	const struct field *f;
	size_t i;

	check(c->size <= CMD_MAX);
	for (f = c->fields; f < c->fields + MAX_FIELDS && f->name; f++) {
		for (i = f->offset; i < f->offset + f->size; i++)
			check_eq(0, seen[i]++);
	}
	for (i = 0; i < extent(c); i++)
		if (!seen[i])
			fail_test("no field has byte %zu", i);
}

/* Data that belongs to no type and a type without data contradict. */
static void test_hwpt_data(void **state)
{
	struct world world = world_new();
	struct ioasid_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = ABSENT_ID,
		.data_len = 8,
		.data_uptr = (uintptr_t)world.va,
	};

	(void)state;
	assert_errno(EINVAL, ioctl(world.ctx, IOASID_HWPT_ALLOC, &cmd));
	cmd.data_len = 0;
	cmd.data_type = 1;
	assert_errno(EINVAL, ioctl(world.ctx, IOASID_HWPT_ALLOC, &cmd));
}

/* An IOAS is no device and no page table. */
static void test_wrong_type(void **state)
{
	struct world world = world_new();
	struct ioasid_hw_info info;
	uint32_t hwpt;

	(void)state;
	assert_errno(ENOENT, hw_info(world.ctx, world.ioas, NULL, 0, &info));
	assert_errno(ENOENT,
		     hwpt_alloc(world.ctx, world.ioas, world.ioas, 0, &hwpt));
}

/* The array of ranges to allow may be bad even when the structure is good. */
static void test_bad_allow_array(void **state)
{
	struct world world = world_new();
	uint8_t *pages = page_alloc(2 * PAGE);
	struct ioasid_iova_range *range;

	(void)state;
	range = (void *)(pages + PAGE - sizeof(*range));
	*range = (struct ioasid_iova_range){ PAGE, MB };
	assert_ok(mprotect(pages + PAGE, PAGE, PROT_NONE));
	assert_errno(EFAULT, ioas_allow(world.ctx, world.ioas, NULL, 1));
	assert_ok(ioas_allow(world.ctx, world.ioas, range, 1));
	assert_errno(EFAULT, ioas_allow(world.ctx, world.ioas, range, 2));
	assert_errno(EFAULT,
		     ioas_allow(world.ctx, world.ioas, range, UINT32_MAX));
	/* None: the pointer is not looked at. */
	assert_ok(ioas_allow(world.ctx, world.ioas, (void *)-PAGE, 0));
}

/* What an answer leaves alone: the inputs, and the array beyond the entries. */
static void test_answer_contents(void **state)
{
	struct world world = world_new();
	struct ioasid_iova_range ranges[3];
	struct ioasid_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = world.ioas,
		.num_iovas = 3,
		.allowed_iovas = (uintptr_t)ranges,
		.out_iova_alignment = ~0ULL,
	};
	struct ioasid_ioas_map map = {
		.size = sizeof(map), .flags = MAP_RW, .ioas_id = world.ioas,
		.user_va = (uintptr_t)world.va, .length = PAGE,
	}, old = map;
	size_t i;

	(void)state;
	memset(ranges, 0xaa, sizeof(ranges));
	assert_ok(ioctl(world.ctx, IOASID_IOAS_IOVA_RANGES, &cmd));
	check_eq(sizeof(cmd), cmd.size);
	check_eq(world.ioas, cmd.ioas_id);
	check_eq(1, cmd.num_iovas);
	check_eq(0, cmd.__reserved);
	check_eq((uintptr_t)ranges, cmd.allowed_iovas);
	check_eq(1, cmd.out_iova_alignment);
	for (i = 1; i < ARRAY_SIZE(ranges); i++)
		check_eq(0xaaaaaaaaaaaaaaaaULL, ranges[i].start);

	assert_ok(ioctl(world.ctx, IOASID_IOAS_MAP, &map));
	old.iova = map.iova;
	check(!memcmp(&map, &old, sizeof(map)));
}

/* A failing ioctl writes nothing (IOVA_RANGES with EMSGSIZE apart). */
static void test_error_writes_nothing(void **state)
{
	struct world world = world_new();
	struct ioasid_ioas_map map = {
		.size = sizeof(map), .flags = MAP_RW, .ioas_id = ABSENT_ID,
		.user_va = (uintptr_t)world.va, .length = PAGE, .iova = 5,
	}, old_map = map;
	struct ioasid_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = world.ioas, .iova = PAGE,
		.length = PAGE,
	}, old_unmap = unmap;

	(void)state;
	assert_errno(ENOENT, ioctl(world.ctx, IOASID_IOAS_MAP, &map));
	check(!memcmp(&map, &old_map, sizeof(map)));
	assert_errno(ENOENT, ioctl(world.ctx, IOASID_IOAS_UNMAP, &unmap));
	check(!memcmp(&unmap, &old_unmap, sizeof(unmap)));
}

/* OPTION answers with the value alone. */
static void test_option_answer(void **state)
{
	struct world world = world_new();
	struct ioasid_option_cmd *cmd = page_alloc(2 * PAGE);
	uint8_t *base = (uint8_t *)cmd + PAGE;

	(void)state;
	/* The value in a writable page, all before it in a read-only one. */
	cmd = (void *)(base - offsetof(struct ioasid_option_cmd, val64));
	*cmd = (struct ioasid_option_cmd){
		.size = sizeof(*cmd),
		.option_id = IOASID_OPTION_HUGE_PAGES,
		.op = IOASID_OPTION_OP_GET,
		.object_id = world.ioas,
		.val64 = ~0ULL,
	};
	assert_ok(mprotect(base - PAGE, PAGE, PROT_READ));
	assert_ok(ioctl(world.ctx, IOASID_OPTION, cmd));
	check_eq(1, cmd->val64);
}

/* The failed answer of IOAS_ALLOC gives its id back. */
static void test_failed_alloc_id(void **state)
{
	int fd = ioasid_open();
	struct ioasid_ioas_alloc *cmd = page_alloc(PAGE);

	(void)state;
	cmd->size = sizeof(*cmd);
	assert_ok(mprotect(cmd, PAGE, PROT_READ));
	assert_errno(EFAULT, ioctl(fd, IOASID_IOAS_ALLOC, cmd));
	check_eq(1, ioas_new(fd));
	assert_errno(ENOENT, ioasid_destroy(fd, 2));
}

/* The array of ranges may be bad even when the structure is good. */
static void test_bad_array(void **state)
{
	struct world world = world_new();
	uint32_t num = 1;

	(void)state;
	assert_errno(EFAULT,
		     ioas_ranges(world.ctx, world.ioas, NULL, &num, NULL));
	num = 0;
	assert_errno(EMSGSIZE,
		     ioas_ranges(world.ctx, world.ioas, NULL, &num, NULL));
	check_eq(1, num);
}

static void test_other_file_ops(void **state)
{
	int fd = ioasid_open();
	char c = 0;

	(void)state;
	assert_errno(EINVAL, read(fd, &c, 1));
	assert_errno(EINVAL, write(fd, &c, 1));
	/* Nobody was told an offset to map. */
	assert_errno(ENXIO, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
	assert_errno(ENXIO, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, MB));
	assert_errno(EINVAL, mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	assert_errno(EPERM, mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED,
				 fd, 0));
}

static int finish(void **state)
{
	(void)state;
	if (edu_bdf)
		variant_unload(edu_bdf);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		test_fn fn;
	} kinds[] = {
		{ "fields", test_fields },
		{ "sizes", test_sizes },
		{ "zero_tail", test_zero_tail },
		{ "bad_tail", test_bad_tail },
		{ "bad_pointer", test_bad_pointer },
		{ "page_end", test_page_end },
		{ "read_only", test_read_only },
		{ "writes_only_answer", test_writes_only_answer },
		{ "other_number", test_other_number },
		{ "compat32", test_compat32 },
	};
	struct test_list list = { 0 };
	size_t i, k;

	test_before = use_edu;
	for (i = 0; i < num_commands; i++)
		for (k = 0; k < ARRAY_SIZE(kinds); k++)
			test_add(&list, kinds[k].fn, (void *)&commands[i],
				 "%s.%s", commands[i].name, kinds[k].name);
	test_add(&list, test_numbers, NULL, "numbers");
	test_add(&list, test_hwpt_data, NULL, "hwpt_alloc.data");
	test_add(&list, test_wrong_type, NULL, "wrong_type");
	test_add(&list, test_answer_contents, NULL, "answer_contents");
	test_add(&list, test_error_writes_nothing, NULL,
		 "error_writes_nothing");
	test_add(&list, test_option_answer, NULL, "option.answer");
	test_add(&list, test_failed_alloc_id, NULL, "ioas_alloc.failed_id");
	test_add(&list, test_bad_array, NULL, "iova_ranges.bad_array");
	test_add(&list, test_bad_allow_array, NULL, "allow_iovas.bad_array");
	test_add(&list, test_other_file_ops, NULL, "other_file_ops");
	return test_main(argc, argv, "uapi", &list, NULL, finish);
}
