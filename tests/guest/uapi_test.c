// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is common to all ioctls of /dev/ioasid, tested from one table: the size
 * rule, bad pointers, reserved bits, unknown ids and numbers. No device.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>

#include "compat32.h"
#include "ioasid.h"
#include "test.h"

/* Room for the largest structure of the table. */
#define CMD_MAX 64

struct world {
	int fd;
	uint32_t ioas;
	void *va;
	/* A file that can be mapped. */
	int memfd;
};

struct ioctl_case {
	const char *name;
	unsigned long cmd;
	size_t size;
	/* End of the last member of the first version of the structure. */
	size_t min;
	/* Fill a structure that is good; each call uses it up. */
	void (*fill)(struct world *world, void *cmd);
	/* What the filled structure gives. */
	int result;
	/* The kernel writes to the structure. */
	bool answers;
	/* Offset of the id, and what an id that is absent gives. */
	size_t id_offset;
	int absent;
};

static void fill_destroy(struct world *world, void *cmd)
{
	((struct ioasid_destroy *)cmd)->id = ioas_new(world->fd);
}

static void fill_none(struct world *world, void *cmd)
{
	(void)world;
	(void)cmd;
}

static void fill_ranges(struct world *world, void *cmd)
{
	struct ioasid_ioas_iova_ranges *ranges = cmd;

	ranges->ioas_id = world->ioas;
	ranges->num_iovas = 1;
	ranges->allowed_iovas = (uintptr_t)world->va;
}

static void fill_map(struct world *world, void *cmd)
{
	struct ioasid_ioas_map *map = cmd;

	map->flags = MAP_RW;
	map->ioas_id = world->ioas;
	map->user_va = (uintptr_t)world->va;
	map->length = PAGE;
}

static void fill_unmap(struct world *world, void *cmd)
{
	struct ioasid_ioas_unmap *unmap = cmd;

	unmap->ioas_id = world->ioas;
	unmap->length = UINT64_MAX;
}

static void fill_option(struct world *world, void *cmd)
{
	struct ioasid_option_cmd *option = cmd;

	option->option_id = IOASID_OPTION_HUGE_PAGES;
	option->op = IOASID_OPTION_OP_GET;
	option->object_id = world->ioas;
}

static void fill_hwpt(struct world *world, void *cmd)
{
	struct ioasid_hwpt_alloc *hwpt = cmd;

	hwpt->dev_id = ABSENT_ID;
	hwpt->pt_id = world->ioas;
}

static void fill_info(struct world *world, void *cmd)
{
	(void)world;
	((struct ioasid_hw_info *)cmd)->dev_id = ABSENT_ID;
}

static void fill_allow(struct world *world, void *cmd)
{
	static const struct ioasid_iova_range range = { PAGE, UINT64_MAX };
	struct ioasid_ioas_allow_iovas *allow = cmd;

	memcpy(world->va, &range, sizeof(range));
	allow->ioas_id = world->ioas;
	allow->num_iovas = 1;
	allow->allowed_iovas = (uintptr_t)world->va;
}

/* Where the source of COPY is, out of the way of automatic IOVAs. */
#define COPY_IOVA (1UL << 40)

static void fill_copy(struct world *world, void *cmd)
{
	struct ioasid_ioas_copy *copy = cmd;

	if (ioas_map_fixed(world->fd, world->ioas, world->va, PAGE, COPY_IOVA,
			   MAP_RW))
		check_eq(EEXIST, errno);
	copy->flags = MAP_RW;
	copy->dst_ioas_id = world->ioas;
	copy->src_ioas_id = world->ioas;
	copy->length = PAGE;
	copy->src_iova = COPY_IOVA;
}

static void fill_copy_other(struct world *world, void *cmd)
{
	fill_copy(world, cmd);
	/* The ids the tests try are those of the source. */
	((struct ioasid_ioas_copy *)cmd)->dst_ioas_id = ioas_new(world->fd);
}

static void fill_vfio_ioas(struct world *world, void *cmd)
{
	struct ioasid_vfio_ioas *vfio = cmd;

	vfio->ioas_id = world->ioas;
	vfio->op = IOASID_VFIO_IOAS_SET;
}

static void fill_vfio_ioas_get(struct world *world, void *cmd)
{
	uint32_t id = world->ioas;

	assert_ok(vfio_ioas(world->fd, IOASID_VFIO_IOAS_SET, &id));
	((struct ioasid_vfio_ioas *)cmd)->op = IOASID_VFIO_IOAS_GET;
}

static void fill_map_file(struct world *world, void *cmd)
{
	struct ioasid_ioas_map_file *map = cmd;

	map->flags = MAP_RW;
	map->ioas_id = world->ioas;
	map->fd = world->memfd;
	map->length = PAGE;
}

#define END_OF(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))

#define CASE(name_, cmd_, type, last, fill_, result_, answers_, id, absent_) \
	{                                                                    \
		.name = name_, .cmd = cmd_, .size = sizeof(type),            \
		.min = END_OF(type, last), .fill = fill_, .result = result_, \
		.answers = answers_, .id_offset = id, .absent = absent_,     \
	}
#define ID(type, member) offsetof(struct type, member)

static const struct ioctl_case cases[] = {
	CASE("destroy", IOASID_DESTROY, struct ioasid_destroy, id, fill_destroy,
	     0, false, ID(ioasid_destroy, id), ENOENT),
	CASE("ioas_alloc", IOASID_IOAS_ALLOC, struct ioasid_ioas_alloc,
	     out_ioas_id, fill_none, 0, true, 0, 0),
	CASE("iova_ranges", IOASID_IOAS_IOVA_RANGES,
	     struct ioasid_ioas_iova_ranges, out_iova_alignment, fill_ranges, 0,
	     true, ID(ioasid_ioas_iova_ranges, ioas_id), ENOENT),
	CASE("map", IOASID_IOAS_MAP, struct ioasid_ioas_map, iova, fill_map, 0,
	     true, ID(ioasid_ioas_map, ioas_id), ENOENT),
	CASE("unmap", IOASID_IOAS_UNMAP, struct ioasid_ioas_unmap, length,
	     fill_unmap, 0, true, ID(ioasid_ioas_unmap, ioas_id), ENOENT),
	CASE("option", IOASID_OPTION, struct ioasid_option_cmd, val64,
	     fill_option, 0, true, ID(ioasid_option_cmd, object_id), ENOENT),
	CASE("hwpt_alloc", IOASID_HWPT_ALLOC, struct ioasid_hwpt_alloc,
	     __reserved, fill_hwpt, ENOENT, false,
	     ID(ioasid_hwpt_alloc, dev_id), ENOENT),
	CASE("hw_info", IOASID_GET_HW_INFO, struct ioasid_hw_info, __reserved,
	     fill_info, ENOENT, false, ID(ioasid_hw_info, dev_id), ENOENT),
	CASE("allow_iovas", IOASID_IOAS_ALLOW_IOVAS,
	     struct ioasid_ioas_allow_iovas, allowed_iovas, fill_allow, 0,
	     false, ID(ioasid_ioas_allow_iovas, ioas_id), ENOENT),
	CASE("copy", IOASID_IOAS_COPY, struct ioasid_ioas_copy, src_iova,
	     fill_copy, 0, true, ID(ioasid_ioas_copy, dst_ioas_id), ENOENT),
	CASE("copy_from", IOASID_IOAS_COPY, struct ioasid_ioas_copy, src_iova,
	     fill_copy_other, 0, true, ID(ioasid_ioas_copy, src_ioas_id),
	     ENOENT),
	CASE("vfio_ioas", IOASID_VFIO_IOAS, struct ioasid_vfio_ioas, __reserved,
	     fill_vfio_ioas, 0, false, ID(ioasid_vfio_ioas, ioas_id), ENOENT),
	CASE("vfio_ioas_get", IOASID_VFIO_IOAS, struct ioasid_vfio_ioas,
	     __reserved, fill_vfio_ioas_get, 0, true, 0, 0),
	CASE("map_file", IOASID_IOAS_MAP_FILE, struct ioasid_ioas_map_file,
	     iova, fill_map_file, 0, true, ID(ioasid_ioas_map_file, ioas_id),
	     ENOENT),
	CASE("change_process", IOASID_IOAS_CHANGE_PROCESS,
	     struct ioasid_ioas_change_process, __reserved, fill_none, 0, false,
	     0, 0),
};

static struct world world_new(void)
{
	struct world world = { .fd = ioasid_open() };

	world.ioas = ioas_new(world.fd);
	world.va = page_alloc(PAGE);
	world.memfd = assert_ok(keep_fd(memfd_create("test", MFD_CLOEXEC)));
	assert_ok(ftruncate(world.memfd, PAGE));
	return world;
}

static void good_cmd(const struct ioctl_case *c, struct world *world, void *cmd,
		     uint32_t size)
{
	memset(cmd, 0, CMD_MAX);
	c->fill(world, cmd);
	*(uint32_t *)cmd = size;
}

static void test_sizes(void **state)
{
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	uint8_t cmd[CMD_MAX];
	size_t size;

	for (size = 0; size < c->min; size++) {
		good_cmd(c, &world, cmd, size);
		assert_errno(EINVAL, ioctl(world.fd, c->cmd, cmd));
	}
	for (; size <= c->size; size++) {
		good_cmd(c, &world, cmd, size);
		assert_errno(c->result, ioctl(world.fd, c->cmd, cmd));
	}
}

static void test_zero_tail(void **state)
{
	static const size_t extra[] = { 1, 7, 8, 64, PAGE, 2 * PAGE + 3 };
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	uint8_t *cmd = page_alloc(4 * PAGE);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(extra); i++) {
		good_cmd(c, &world, cmd, c->size + extra[i]);
		assert_errno(c->result, ioctl(world.fd, c->cmd, cmd));
	}
}

static void test_bad_tail(void **state)
{
	static const size_t at[] = { 0, 1, 7, 8, 63, PAGE, 2 * PAGE - 1 };
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	uint8_t *cmd = page_alloc(4 * PAGE);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		good_cmd(c, &world, cmd, c->size + 2 * PAGE);
		cmd[c->size + at[i]] = 1;
		assert_errno(E2BIG, ioctl(world.fd, c->cmd, cmd));
		cmd[c->size + at[i]] = 0;
	}
}

static void test_bad_pointer(void **state)
{
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	uint8_t *hole = page_alloc(PAGE);

	drop_map(hole);
	assert_errno(EFAULT, ioctl(world.fd, c->cmd, NULL));
	assert_errno(EFAULT, ioctl(world.fd, c->cmd, hole));
	assert_errno(EFAULT, ioctl(world.fd, c->cmd, -PAGE));
	assert_errno(EFAULT, ioctl(world.fd, c->cmd, 1UL << 47));
}

static void test_page_end(void **state)
{
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	uint8_t *pages = page_alloc(2 * PAGE), cmd[CMD_MAX];
	size_t inside;

	assert_ok(mprotect(pages + PAGE, PAGE, PROT_NONE));
	/* All of it readable: fine, up to the last byte of the page. */
	good_cmd(c, &world, cmd, c->size);
	memcpy(pages + PAGE - c->size, cmd, c->size);
	assert_errno(c->result,
		     ioctl(world.fd, c->cmd, pages + PAGE - c->size));
	for (inside = 1; inside < c->size; inside++) {
		good_cmd(c, &world, cmd, c->size);
		memcpy(pages + PAGE - inside, cmd, inside);
		assert_errno(EFAULT,
			     ioctl(world.fd, c->cmd, pages + PAGE - inside));
	}
	/* A tail that cannot be read. */
	good_cmd(c, &world, cmd, c->size + 8);
	memcpy(pages + PAGE - c->size, cmd, c->size);
	assert_errno(EFAULT, ioctl(world.fd, c->cmd, pages + PAGE - c->size));
}

static void test_read_only(void **state)
{
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	uint8_t *page = page_alloc(PAGE);

	good_cmd(c, &world, page, c->size);
	assert_ok(mprotect(page, PAGE, PROT_READ));
	assert_errno(c->answers ? EFAULT : c->result,
		     ioctl(world.fd, c->cmd, page));
	/* Nothing is left behind that would keep the IOAS. */
	assert_ok(ioasid_destroy(world.fd, world.ioas));
}

static void test_absent_id(void **state)
{
	static const uint32_t ids[] = {
		0, 1000, ABSENT_ID, INT32_MAX, 0x80000000, UINT32_MAX,
	};
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	uint8_t cmd[CMD_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		good_cmd(c, &world, cmd, c->size);
		memcpy(cmd + c->id_offset, &ids[i], sizeof(ids[i]));
		assert_errno(c->absent, ioctl(world.fd, c->cmd, cmd));
	}
}

static void test_destroyed_id(void **state)
{
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	uint32_t gone = ioas_new(world.fd);
	uint8_t cmd[CMD_MAX];

	good_cmd(c, &world, cmd, c->size);
	assert_ok(ioasid_destroy(world.fd, gone));
	memcpy(cmd + c->id_offset, &gone, sizeof(gone));
	assert_errno(c->absent, ioctl(world.fd, c->cmd, cmd));
}

/* An id of another file is no id of this one. */
static void test_foreign_id(void **state)
{
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	int other = ioasid_open();
	uint8_t cmd[CMD_MAX];

	good_cmd(c, &world, cmd, c->size);
	assert_errno(c->absent, ioctl(other, c->cmd, cmd));
}

/* Only the structure the user has is written, and of it only the answer. */
static void test_writes_only_answer(void **state)
{
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	uint8_t cmd[3 * CMD_MAX];
	size_t i;

	memset(cmd, 0xaa, sizeof(cmd));
	good_cmd(c, &world, cmd, c->min);
	memset(cmd + c->min, 0xaa, sizeof(cmd) - c->min);
	assert_errno(c->result, ioctl(world.fd, c->cmd, cmd));
	check_eq(c->min, *(uint32_t *)cmd);
	for (i = c->min; i < sizeof(cmd); i++)
		check_eq(0xaa, cmd[i]);
}

/* The number with another type, direction or size is another ioctl. */
static void test_other_number(void **state)
{
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	unsigned int nr = _IOC_NR(c->cmd);
	uint8_t cmd[CMD_MAX];

	good_cmd(c, &world, cmd, c->size);
	assert_errno(ENOTTY, ioctl(world.fd, _IO('X', nr), cmd));
	assert_errno(ENOTTY,
		     ioctl(world.fd,
			   _IOC(_IOC_READ | _IOC_WRITE, IOASID_TYPE, nr, 32),
			   cmd));
	assert_errno(ENOTTY,
		     ioctl(world.fd, _IOC(_IOC_NONE, IOASID_TYPE, nr, 8), cmd));
	/* The size is read before the number is looked at. */
	assert_errno(EFAULT, ioctl(world.fd, _IO('X', nr), NULL));
}

/* Reserved members and unknown flags: unsupported, so that users can probe. */
struct reserved_case {
	const char *name;
	const struct ioctl_case *ioctl;
	size_t offset;
	/* Bits of the 32-bit word at @offset. */
	uint32_t bits;
};

#define RESERVED(name, index, type, member, bits)                        \
	{                                                                \
		name, &cases[index], offsetof(struct type, member), bits \
	}

static const struct reserved_case reserved_cases[] = {
	RESERVED("ioas_alloc.flags", 1, ioasid_ioas_alloc, flags, ~0U),
	RESERVED("iova_ranges.reserved", 2, ioasid_ioas_iova_ranges, __reserved,
		 ~0U),
	RESERVED("map.flags", 3, ioasid_ioas_map, flags, ~7U),
	RESERVED("map.reserved", 3, ioasid_ioas_map, __reserved, ~0U),
	RESERVED("option.op", 5, ioasid_option_cmd, op, 0xfffffffe),
	RESERVED("option.id", 5, ioasid_option_cmd, option_id, 0xfffffffe),
	RESERVED("hwpt_alloc.reserved", 6, ioasid_hwpt_alloc, __reserved, ~0U),
	RESERVED("hw_info.flags", 7, ioasid_hw_info, flags, 0xfffffffe),
	/* The pasid member shares the word; it is an answer. */
	RESERVED("hw_info.reserved", 7, ioasid_hw_info, out_max_pasid_log2,
		 0xffffff00),
	RESERVED("allow_iovas.reserved", 8, ioasid_ioas_allow_iovas, __reserved,
		 ~0U),
	RESERVED("copy.flags", 9, ioasid_ioas_copy, flags, ~7U),
	/* The operation and the reserved member share a word. */
	RESERVED("vfio_ioas.op", 11, ioasid_vfio_ioas, op, ~1U),
	RESERVED("map_file.flags", 13, ioasid_ioas_map_file, flags, ~7U),
	RESERVED("change_process.reserved", 14, ioasid_ioas_change_process,
		 __reserved, ~0U),
};

static void test_reserved(void **state)
{
	const struct reserved_case *r = test_arg(state);
	const struct ioctl_case *c = r->ioctl;
	struct world world = world_new();
	uint32_t bit, word;
	uint8_t cmd[CMD_MAX];

	for (bit = 1; bit; bit <<= 1) {
		if (!(r->bits & bit))
			continue;
		good_cmd(c, &world, cmd, c->size);
		memcpy(&word, cmd + r->offset, sizeof(word));
		word |= bit;
		memcpy(cmd + r->offset, &word, sizeof(word));
		assert_errno(EOPNOTSUPP, ioctl(world.fd, c->cmd, cmd));
	}
}

static void test_unknown_numbers(void **state)
{
	struct world world = world_new();
	uint8_t cmd[CMD_MAX] = { 8 };
	unsigned int nr;

	(void)state;
	for (nr = 0; nr < 256; nr++) {
		/* The VFIO container's, mainline's, and our own extensions. */
		if ((nr >= 100 && nr < 0x7f) || (nr >= 0x80 && nr < 0xa0) ||
		    nr >= 0xc0)
			continue;
		assert_errno(ENOTTY,
			     ioctl(world.fd, _IO(IOASID_TYPE, nr), cmd));
	}
	assert_errno(ENOTTY, ioctl(world.fd, _IO(IOASID_TYPE, 0x7f), NULL));
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
	assert_errno(EINVAL, ioctl(world.fd, IOASID_HWPT_ALLOC, &cmd));
	cmd.data_len = 0;
	cmd.data_type = 1;
	assert_errno(EINVAL, ioctl(world.fd, IOASID_HWPT_ALLOC, &cmd));
}

/* An IOAS is no device and no page table. */
static void test_wrong_type(void **state)
{
	struct world world = world_new();
	struct ioasid_hw_info info;
	uint32_t hwpt;

	(void)state;
	assert_errno(ENOENT, hw_info(world.fd, world.ioas, NULL, 0, &info));
	assert_errno(ENOENT,
		     hwpt_alloc(world.fd, world.ioas, world.ioas, 0, &hwpt));
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
	assert_errno(EFAULT, ioas_allow(world.fd, world.ioas, NULL, 1));
	assert_ok(ioas_allow(world.fd, world.ioas, range, 1));
	assert_errno(EFAULT, ioas_allow(world.fd, world.ioas, range, 2));
	assert_errno(EFAULT,
		     ioas_allow(world.fd, world.ioas, range, UINT32_MAX));
	/* None: the pointer is not looked at. */
	assert_ok(ioas_allow(world.fd, world.ioas, (void *)-PAGE, 0));
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
	struct ioasid_ioas_map map = { 0 }, old;
	size_t i;

	(void)state;
	memset(ranges, 0xaa, sizeof(ranges));
	assert_ok(ioctl(world.fd, IOASID_IOAS_IOVA_RANGES, &cmd));
	check_eq(sizeof(cmd), cmd.size);
	check_eq(world.ioas, cmd.ioas_id);
	check_eq(1, cmd.num_iovas);
	check_eq(0, cmd.__reserved);
	check_eq((uintptr_t)ranges, cmd.allowed_iovas);
	check_eq(1, cmd.out_iova_alignment);
	for (i = 1; i < ARRAY_SIZE(ranges); i++)
		check_eq(0xaaaaaaaaaaaaaaaaULL, ranges[i].start);

	fill_map(&world, &map);
	map.size = sizeof(map);
	old = map;
	assert_ok(ioctl(world.fd, IOASID_IOAS_MAP, &map));
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
	assert_errno(ENOENT, ioctl(world.fd, IOASID_IOAS_MAP, &map));
	check(!memcmp(&map, &old_map, sizeof(map)));
	assert_errno(ENOENT, ioctl(world.fd, IOASID_IOAS_UNMAP, &unmap));
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
	fill_option(&world, cmd);
	cmd->size = sizeof(*cmd);
	cmd->val64 = ~0ULL;
	assert_ok(mprotect(base - PAGE, PAGE, PROT_READ));
	assert_ok(ioctl(world.fd, IOASID_OPTION, cmd));
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
		     ioas_ranges(world.fd, world.ioas, NULL, &num, NULL));
	num = 0;
	assert_errno(EMSGSIZE,
		     ioas_ranges(world.fd, world.ioas, NULL, &num, NULL));
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

/* The layouts are the same for 32-bit programs. */
static void test_compat32(void **state)
{
	const struct ioctl_case *c = test_arg(state);
	struct world world = world_new();
	uint8_t *cmd = page_alloc32(PAGE);

	if (!has_ioctl32())
		return;
	world.va = page_alloc32(PAGE);
	good_cmd(c, &world, cmd, c->size);
	assert_errno(c->result, ioctl32(world.fd, c->cmd, cmd));
	good_cmd(c, &world, cmd, c->min - 1);
	assert_errno(EINVAL, ioctl32(world.fd, c->cmd, cmd));
	assert_errno(ENOTTY, ioctl32(world.fd, _IO('X', _IOC_NR(c->cmd)), cmd));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		test_fn fn;
		bool ids_only;
	} kinds[] = {
		{ "sizes", test_sizes, false },
		{ "zero_tail", test_zero_tail, false },
		{ "bad_tail", test_bad_tail, false },
		{ "bad_pointer", test_bad_pointer, false },
		{ "page_end", test_page_end, false },
		{ "read_only", test_read_only, false },
		{ "writes_only_answer", test_writes_only_answer, false },
		{ "other_number", test_other_number, false },
		{ "compat32", test_compat32, false },
		{ "absent_id", test_absent_id, true },
		{ "destroyed_id", test_destroyed_id, true },
		{ "foreign_id", test_foreign_id, true },
	};
	struct test_list list = { 0 };
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (k = 0; k < ARRAY_SIZE(kinds); k++) {
			if (kinds[k].ids_only && !cases[i].id_offset)
				continue;
			test_add(&list, kinds[k].fn, (void *)&cases[i], "%s.%s",
				 cases[i].name, kinds[k].name);
		}
	}
	for (i = 0; i < ARRAY_SIZE(reserved_cases); i++)
		test_add(&list, test_reserved, (void *)&reserved_cases[i],
			 "reserved.%s", reserved_cases[i].name);
	test_add(&list, test_unknown_numbers, NULL, "unknown_numbers");
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
	return test_main(argc, argv, "uapi", &list, NULL, NULL);
}
