// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: address spaces
 *
 * I/O address spaces without a device: what MAP and UNMAP accept, which IOVA
 * they choose, options, ids, and the nodes.
 */
#include <fcntl.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <linux/capability.h>
#include <linux/ioasid.h>

#include "ioasid.h"
#include "test.h"

struct space {
	int fd;
	uint32_t ioas;
	uint8_t *va;
};

#define SPACE_SIZE (16 * PAGE)

static struct space space_new(void)
{
	struct space space = { .fd = ioasid_open() };

	space.ioas = ioas_new(space.fd);
	space.va = page_alloc(SPACE_SIZE);
	return space;
}

static int map_at(struct space *s, uint64_t iova, uint64_t len)
{
	return ioas_map_fixed(s->fd, s->ioas, s->va, len, iova, MAP_RW);
}

static int unmap_at(struct space *s, uint64_t iova, uint64_t len)
{
	return ioas_unmap(s->fd, s->ioas, iova, &len);
}

static void test_map_fixed(void **state)
{
	struct space s = space_new();

	(void)state;
	assert_ok(map_at(&s, 0, PAGE));
	assert_ok(map_at(&s, PAGE, PAGE));
	assert_ok(map_at(&s, 1UL << 40, SPACE_SIZE));
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, 0, PAGE));
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, PAGE, PAGE));
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, 1UL << 40, SPACE_SIZE));
	/* Gone, and free again. */
	assert_errno(ENOENT, unmap_at(&s, 0, PAGE));
	assert_ok(map_at(&s, 0, PAGE));
}

static void test_map_flags(void **state)
{
	struct space s = space_new();
	uint64_t iova;

	(void)state;
	assert_ok(ioas_map(s.fd, s.ioas, s.va, PAGE, &iova, MAP_R));
	assert_ok(ioas_map(s.fd, s.ioas, s.va, PAGE, &iova, MAP_W));
	assert_errno(EINVAL, ioas_map(s.fd, s.ioas, s.va, PAGE, &iova, 0));
	assert_errno(EINVAL, ioas_map_fixed(s.fd, s.ioas, s.va, PAGE, 0, 0));
}

static void test_map_occupied(void **state)
{
	struct space s = space_new();

	(void)state;
	assert_ok(map_at(&s, 4 * PAGE, 4 * PAGE));
	assert_errno(EEXIST, map_at(&s, 4 * PAGE, 4 * PAGE));
	assert_errno(EEXIST, map_at(&s, 5 * PAGE, PAGE));
	assert_errno(EEXIST, map_at(&s, 3 * PAGE, 2 * PAGE));
	assert_errno(EEXIST, map_at(&s, 7 * PAGE, 2 * PAGE));
	assert_errno(EEXIST, map_at(&s, 0, SPACE_SIZE));
	/* Right next to it on both sides is free. */
	assert_ok(map_at(&s, 3 * PAGE, PAGE));
	assert_ok(map_at(&s, 8 * PAGE, PAGE));
}

static void test_map_two_spaces(void **state)
{
	struct space s = space_new();
	uint32_t other = ioas_new(s.fd);

	(void)state;
	assert_ok(map_at(&s, 0, PAGE));
	assert_ok(ioas_map_fixed(s.fd, other, s.va, PAGE, 0, MAP_RW));
	assert_ok(ioas_unmap_exact(s.fd, other, 0, PAGE));
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, 0, PAGE));
}

static void test_map_bad_length(void **state)
{
	struct space s = space_new();
	uint64_t iova;

	(void)state;
	assert_errno(EINVAL, map_at(&s, 0, 0));
	assert_errno(EINVAL, ioas_map(s.fd, s.ioas, s.va, 0, &iova, MAP_RW));
	assert_errno(EOVERFLOW, map_at(&s, 0, UINT64_MAX));
	assert_errno(EOVERFLOW, map_at(&s, UINT64_MAX, PAGE));
	/* More than the kernel can count in pages. */
	assert_errno(EINVAL, ioas_map_fixed(s.fd, s.ioas, NULL, UINT64_MAX - 1,
					    0, MAP_RW));
	/* The sum of address and length wraps. */
	assert_errno(EOVERFLOW, map_at(&s, 0, UINT64_MAX - 2 * PAGE));
	assert_errno(EOVERFLOW, map_at(&s, UINT64_MAX - PAGE + 1, 2 * PAGE));
	/* Up to the last byte but one is possible. */
	assert_ok(map_at(&s, UINT64_MAX - PAGE + 1, PAGE));
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, UINT64_MAX - PAGE + 1, PAGE));
}

/* Without an IOMMU there is no page size: single bytes can be mapped. */
static void test_map_bytes(void **state)
{
	struct space s = space_new();
	uint64_t iova;

	(void)state;
	assert_ok(ioas_map_fixed(s.fd, s.ioas, s.va + 1, 5, 7, MAP_RW));
	assert_errno(EEXIST, ioas_map_fixed(s.fd, s.ioas, s.va, 1, 11,
					    MAP_RW));
	assert_ok(ioas_map_fixed(s.fd, s.ioas, s.va, 1, 12, MAP_RW));
	assert_ok(ioas_map(s.fd, s.ioas, s.va + 0x123, 10, &iova, MAP_RW));
	check_eq(0x123, iova % PAGE);
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, 7, 5));
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, 12, 1));
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, iova, 10));
}

static void test_map_misaligned(void **state)
{
	struct space s = space_new();
	uint64_t iova;

	(void)state;
	assert_ok(option_set(s.fd, IOASID_OPTION_HUGE_PAGES, s.ioas, 0));
	assert_errno(EINVAL, map_at(&s, 1, PAGE));
	assert_errno(EINVAL, map_at(&s, PAGE / 2, PAGE));
	assert_errno(EINVAL, map_at(&s, 0, PAGE - 1));
	assert_errno(EINVAL, map_at(&s, 0, PAGE + 1));
	assert_errno(EINVAL, ioas_map_fixed(s.fd, s.ioas, s.va + 1, PAGE, 0,
					    MAP_RW));
	assert_errno(EINVAL, ioas_map(s.fd, s.ioas, s.va + 8, PAGE, &iova,
				      MAP_RW));
	assert_errno(EINVAL, ioas_map(s.fd, s.ioas, s.va, 8, &iova, MAP_RW));
	assert_ok(map_at(&s, 0, PAGE));
}

static void test_alloc_first_fit(void **state)
{
	struct space s = space_new();
	uint64_t iova;

	(void)state;
	/* Page 0 is never given out, though it can be asked for. */
	assert_ok(ioas_map(s.fd, s.ioas, s.va, PAGE, &iova, MAP_RW));
	check_eq(PAGE, iova);
	assert_ok(ioas_map(s.fd, s.ioas, s.va, PAGE, &iova, MAP_RW));
	check_eq(2 * PAGE, iova);
	assert_ok(ioas_map(s.fd, s.ioas, s.va, PAGE, &iova, MAP_RW));
	check_eq(3 * PAGE, iova);
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, 2 * PAGE, PAGE));
	assert_ok(ioas_map(s.fd, s.ioas, s.va, PAGE, &iova, MAP_RW));
	check_eq(2 * PAGE, iova);
	assert_ok(map_at(&s, 0, PAGE));
}

static void test_alloc_alignment(void **state)
{
	struct space s = space_new();
	size_t len = 4 * MB;
	uint8_t *va = page_alloc(len + 2 * MB);
	uint64_t iova;

	(void)state;
	need_thp();
	va = (uint8_t *)(((uintptr_t)va + 2 * MB - 1) & -(2 * MB));
	/* Memory that may be huge gets an IOVA where it can stay huge. */
	assert_ok(ioas_map(s.fd, s.ioas, va, 2 * MB, &iova, MAP_RW));
	check_eq(2 * MB, iova);
	assert_ok(ioas_map(s.fd, s.ioas, va, 2 * MB, &iova, MAP_RW));
	check_eq(4 * MB, iova);
	/* The alignment of the address counts, not that of the length. */
	assert_ok(ioas_map(s.fd, s.ioas, va + PAGE, 2 * MB, &iova, MAP_RW));
	check_eq(6 * MB, iova);
	assert_ok(ioas_map(s.fd, s.ioas, va + 8 * PAGE, 5 * PAGE, &iova,
			   MAP_RW));
	check_eq(8 * PAGE, iova);
}

static void test_alloc_no_space(void **state)
{
	struct space s = space_new();
	uint64_t iova, half = 1ULL << 63;

	(void)state;
	/* Nothing is pinned without an IOMMU: any length will do. */
	assert_ok(ioas_map_fixed(s.fd, s.ioas, NULL, half, 0, MAP_R));
	assert_ok(ioas_map_fixed(s.fd, s.ioas, NULL, half - 4 * PAGE, half,
				 MAP_R));
	/* Four pages are left, of which the last is never given out. */
	assert_errno(ENOSPC, ioas_map(s.fd, s.ioas, s.va, 4 * PAGE, &iova,
				      MAP_RW));
	assert_ok(ioas_map(s.fd, s.ioas, s.va, PAGE, &iova, MAP_RW));
	check_eq(UINT64_MAX - 4 * PAGE + 1, iova);
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, iova, PAGE));
	/* They begin at a multiple of 16K, and need not go on to the next. */
	assert_ok(ioas_map(s.fd, s.ioas, (void *)(16 * KB), 3 * PAGE, &iova,
			   MAP_RW));
	check_eq(UINT64_MAX - 4 * PAGE + 1, iova);
	assert_errno(ENOSPC, ioas_map(s.fd, s.ioas, s.va, PAGE, &iova,
				      MAP_RW));
	assert_errno(EOVERFLOW, ioas_map(s.fd, s.ioas, NULL, half, &iova,
					 MAP_R));
}

static void test_unmap_bad(void **state)
{
	struct space s = space_new();

	(void)state;
	assert_ok(map_at(&s, 0, PAGE));
	assert_errno(EINVAL, unmap_at(&s, 0, 0));
	assert_errno(EOVERFLOW, unmap_at(&s, PAGE, UINT64_MAX));
	assert_errno(EOVERFLOW, unmap_at(&s, UINT64_MAX, PAGE));
	assert_errno(EOVERFLOW, unmap_at(&s, PAGE, UINT64_MAX - PAGE + 2));
	assert_errno(ENOENT, unmap_at(&s, PAGE, PAGE));
	assert_ok(unmap_at(&s, 0, PAGE));
}

static void test_unmap_partial(void **state)
{
	struct space s = space_new();

	(void)state;
	assert_ok(map_at(&s, 4 * PAGE, 4 * PAGE));
	assert_errno(ENOENT, unmap_at(&s, 4 * PAGE, PAGE));
	assert_errno(ENOENT, unmap_at(&s, 7 * PAGE, PAGE));
	assert_errno(ENOENT, unmap_at(&s, 5 * PAGE, PAGE));
	assert_errno(ENOENT, unmap_at(&s, 0, 5 * PAGE));
	assert_errno(ENOENT, unmap_at(&s, 7 * PAGE, 5 * PAGE));
	assert_errno(ENOENT, unmap_at(&s, 4 * PAGE, 4 * PAGE - 1));
	assert_errno(ENOENT, unmap_at(&s, 4 * PAGE + 1, 4 * PAGE));
	/* None of that changed anything. */
	assert_errno(EEXIST, map_at(&s, 4 * PAGE, PAGE));
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, 4 * PAGE, 4 * PAGE));
}

static void test_unmap_range(void **state)
{
	struct space s = space_new();
	uint64_t len = 16 * PAGE;

	(void)state;
	assert_ok(map_at(&s, 2 * PAGE, PAGE));
	assert_ok(map_at(&s, 3 * PAGE, 2 * PAGE));
	assert_ok(map_at(&s, 9 * PAGE, 3 * PAGE));
	/* Several mappings and the holes between them: the bytes mapped. */
	assert_ok(ioas_unmap(s.fd, s.ioas, 0, &len));
	check_eq(6 * PAGE, len);
	len = 16 * PAGE;
	assert_errno(ENOENT, ioas_unmap(s.fd, s.ioas, 0, &len));
	check_eq(16 * PAGE, len);
}

/* What went before the mapping that is cut stays gone. */
static void test_unmap_range_cut(void **state)
{
	struct space s = space_new();
	uint64_t len = 5 * PAGE;

	(void)state;
	assert_ok(map_at(&s, 0, PAGE));
	assert_ok(map_at(&s, 4 * PAGE, 4 * PAGE));
	assert_errno(ENOENT, ioas_unmap(s.fd, s.ioas, 0, &len));
	check_eq(5 * PAGE, len);
	assert_ok(map_at(&s, 0, PAGE));
	assert_errno(EEXIST, map_at(&s, 4 * PAGE, PAGE));
}

static void test_unmap_all(void **state)
{
	struct space s = space_new();
	uint64_t len = UINT64_MAX, i;

	(void)state;
	assert_ok(ioas_unmap(s.fd, s.ioas, 0, &len));
	check_eq(0, len);
	for (i = 0; i < 100; i++)
		assert_ok(map_at(&s, i * MB, PAGE));
	assert_ok(map_at(&s, UINT64_MAX - PAGE + 1, PAGE));
	len = UINT64_MAX;
	assert_ok(ioas_unmap(s.fd, s.ioas, 0, &len));
	check_eq(101 * PAGE, len);
	len = UINT64_MAX;
	assert_ok(ioas_unmap(s.fd, s.ioas, 0, &len));
	check_eq(0, len);
}

static void test_many_maps(void **state)
{
	struct space s = space_new();
	uint64_t i, len;

	(void)state;
	/* In an order that a list or an unbalanced tree would not like. */
	for (i = 0; i < 4096; i++)
		assert_ok(map_at(&s, (i * 2531 % 4096) * 2 * PAGE, PAGE));
	for (i = 0; i < 4096; i++)
		assert_errno(EEXIST, map_at(&s, i * 2 * PAGE, PAGE));
	for (i = 0; i < 2048; i++)
		assert_ok(unmap_at(&s, (i * 1021 % 4096) * 2 * PAGE, PAGE));
	len = UINT64_MAX;
	assert_ok(ioas_unmap(s.fd, s.ioas, 0, &len));
	check_eq(2048 * PAGE, len);
}

static void test_ranges_empty(void **state)
{
	struct space s = space_new();
	struct ioasid_iova_range range = { 1, 1 };
	uint64_t align = 0;
	uint32_t num = 1;

	(void)state;
	assert_ok(ioas_ranges(s.fd, s.ioas, &range, &num, &align));
	check_eq(1, num);
	check_eq(0, range.start);
	check_eq(UINT64_MAX, range.last);
	check_eq(1, align);
	/* Mappings do not count: the list is what could be mapped at all. */
	assert_ok(map_at(&s, 0, PAGE));
	assert_ok(ioas_ranges(s.fd, s.ioas, &range, &num, &align));
	check_eq(1, num);
	check_eq(UINT64_MAX, range.last);
}

static void test_ranges_short(void **state)
{
	struct space s = space_new();
	uint64_t align = 0;
	uint32_t num = 0;

	(void)state;
	assert_errno(EMSGSIZE, ioas_ranges(s.fd, s.ioas, NULL, &num, &align));
	check_eq(1, num);
	check_eq(1, align);
}

static void test_huge_pages_option(void **state)
{
	struct space s = space_new();
	uint64_t val, align;
	struct ioasid_iova_range range;
	uint32_t num = 1;

	(void)state;
	assert_ok(option_get(s.fd, IOASID_OPTION_HUGE_PAGES, s.ioas, &val));
	check_eq(1, val);
	assert_ok(option_set(s.fd, IOASID_OPTION_HUGE_PAGES, s.ioas, 0));
	assert_ok(option_get(s.fd, IOASID_OPTION_HUGE_PAGES, s.ioas, &val));
	check_eq(0, val);
	assert_ok(ioas_ranges(s.fd, s.ioas, &range, &num, &align));
	check_eq(PAGE, align);
	assert_ok(option_set(s.fd, IOASID_OPTION_HUGE_PAGES, s.ioas, 0));
	assert_ok(option_set(s.fd, IOASID_OPTION_HUGE_PAGES, s.ioas, 1));
	assert_ok(ioas_ranges(s.fd, s.ioas, &range, &num, &align));
	check_eq(1, align);
	assert_errno(EINVAL, option_set(s.fd, IOASID_OPTION_HUGE_PAGES, s.ioas,
					2));
	assert_errno(EINVAL, option_set(s.fd, IOASID_OPTION_HUGE_PAGES, s.ioas,
					UINT64_MAX));
	assert_errno(ENOENT, option_set(s.fd, IOASID_OPTION_HUGE_PAGES, 0, 0));
	assert_errno(ENOENT, option_get(s.fd, IOASID_OPTION_HUGE_PAGES, 1000,
					&val));
}

/* What is mapped already must fit the new alignment. */
static void test_huge_pages_aligned(void **state)
{
	struct space s = space_new();
	uint64_t val;

	(void)state;
	assert_ok(map_at(&s, 0, PAGE));
	assert_ok(option_set(s.fd, IOASID_OPTION_HUGE_PAGES, s.ioas, 0));
	assert_ok(option_set(s.fd, IOASID_OPTION_HUGE_PAGES, s.ioas, 1));
	assert_ok(ioas_map_fixed(s.fd, s.ioas, s.va, 8, 2 * PAGE, MAP_RW));
	assert_errno(EADDRINUSE, option_set(s.fd, IOASID_OPTION_HUGE_PAGES,
					    s.ioas, 0));
	assert_ok(option_get(s.fd, IOASID_OPTION_HUGE_PAGES, s.ioas, &val));
	check_eq(1, val);
}

static void test_rlimit_option(void **state)
{
	int fd = ioasid_open();
	uint64_t val;
	uint32_t id;

	(void)state;
	assert_ok(option_get(fd, IOASID_OPTION_RLIMIT_MODE, 0, &val));
	check_eq(0, val);
	assert_ok(option_set(fd, IOASID_OPTION_RLIMIT_MODE, 0, 1));
	assert_ok(option_get(fd, IOASID_OPTION_RLIMIT_MODE, 0, &val));
	check_eq(1, val);
	assert_errno(EINVAL, option_set(fd, IOASID_OPTION_RLIMIT_MODE, 0, 2));
	assert_ok(option_get(fd, IOASID_OPTION_RLIMIT_MODE, 0, &val));
	check_eq(1, val);
	assert_errno(EOPNOTSUPP, option_set(fd, IOASID_OPTION_RLIMIT_MODE, 1,
					    0));
	assert_errno(EOPNOTSUPP, option_get(fd, IOASID_OPTION_RLIMIT_MODE, 1,
					    &val));
	/* As soon as there is an object it is too late; asking goes on. */
	id = ioas_new(fd);
	assert_errno(EBUSY, option_set(fd, IOASID_OPTION_RLIMIT_MODE, 0, 0));
	assert_errno(EBUSY, option_set(fd, IOASID_OPTION_RLIMIT_MODE, 0, 1));
	assert_errno(EBUSY, option_set(fd, IOASID_OPTION_RLIMIT_MODE, 0, 2));
	assert_ok(option_get(fd, IOASID_OPTION_RLIMIT_MODE, 0, &val));
	check_eq(1, val);
	assert_ok(ioasid_destroy(fd, id));
	assert_ok(option_set(fd, IOASID_OPTION_RLIMIT_MODE, 0, 0));
}

static void rlimit_unprivileged(void *arg)
{
	int fd = *(int *)arg;
	uint64_t val;

	assert_ok(setgroups(0, NULL));
	assert_ok(setresgid(65533, 65533, 65533));
	assert_ok(setresuid(65533, 65533, 65533));
	assert_errno(EPERM, option_set(fd, IOASID_OPTION_RLIMIT_MODE, 0, 1));
	assert_errno(EPERM, option_set(fd, IOASID_OPTION_RLIMIT_MODE, 0, 2));
	assert_ok(option_get(fd, IOASID_OPTION_RLIMIT_MODE, 0, &val));
	check_eq(0, val);
	/* The permission is asked for before anything else. */
	ioas_new(fd);
	assert_errno(EPERM, option_set(fd, IOASID_OPTION_RLIMIT_MODE, 0, 1));
}

static void test_rlimit_permission(void **state)
{
	int fd = ioasid_open();

	(void)state;
	run_child(rlimit_unprivileged, &fd);
}

static void rlimit_one_capability(void *arg)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];
	int fd = *(int *)arg;

	assert_ok(syscall(SYS_capget, &head, data));
	data[0].effective &= ~(1U << CAP_SYS_RESOURCE);
	assert_ok(syscall(SYS_capset, &head, data));
	assert_errno(EPERM, option_set(fd, IOASID_OPTION_RLIMIT_MODE, 0, 1));
}

static void test_rlimit_capability(void **state)
{
	int fd = ioasid_open();

	(void)state;
	run_child(rlimit_one_capability, &fd);
}

static void test_ids(void **state)
{
	int fd = ioasid_open(), other = ioasid_open();

	(void)state;
	check_eq(1, ioas_new(fd));
	check_eq(2, ioas_new(fd));
	check_eq(3, ioas_new(fd));
	check_eq(1, ioas_new(other));
	assert_ok(ioasid_destroy(fd, 2));
	assert_errno(ENOENT, ioasid_destroy(fd, 2));
	check_eq(2, ioas_new(fd));
	check_eq(4, ioas_new(fd));
	assert_ok(ioasid_destroy(fd, 1));
	assert_ok(ioasid_destroy(fd, 2));
	check_eq(1, ioas_new(fd));
}

static void test_many_ids(void **state)
{
	int fd = ioasid_open();
	uint32_t i;

	(void)state;
	for (i = 1; i <= 2000; i++)
		check_eq(i, ioas_new(fd));
	for (i = 2; i <= 2000; i += 2)
		assert_ok(ioasid_destroy(fd, i));
	for (i = 2; i <= 2000; i += 2)
		check_eq(i, ioas_new(fd));
}

static void test_destroy_mapped(void **state)
{
	struct space s = space_new();

	(void)state;
	assert_ok(map_at(&s, 0, SPACE_SIZE));
	assert_ok(ioasid_destroy(s.fd, s.ioas));
	assert_errno(ENOENT, map_at(&s, 0, PAGE));
}

static void test_no_pins_without_iommu(void **state)
{
	struct space s = space_new();
	char status[4096], *line;

	(void)state;
	assert_ok(map_at(&s, 0, SPACE_SIZE));
	read_file("/proc/self/status", status, sizeof(status));
	line = strstr(status, "VmPin:");
	check(line);
	check_eq(0, strtol(line + 6, NULL, 10));
	/* Neither is an address looked at before it is used. */
	assert_ok(ioas_map_fixed(s.fd, s.ioas, NULL, PAGE, 1UL << 30, MAP_RW));
}

static void use_after_fork(void *arg)
{
	struct space *s = arg;

	assert_ok(map_at(s, 0, PAGE));
	check_eq(2, ioas_new(s->fd));
}

static void test_shared_by_fork(void **state)
{
	struct space s = space_new();

	(void)state;
	run_child(use_after_fork, &s);
	assert_errno(EEXIST, map_at(&s, 0, PAGE));
	check_eq(3, ioas_new(s.fd));
	assert_ok(ioas_unmap_exact(s.fd, s.ioas, 0, PAGE));
}

static void test_passed_by_socket(void **state)
{
	struct space s = space_new();
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2], fd;

	(void)state;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	keep_fd(pair[0]);
	keep_fd(pair[1]);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &s.fd, sizeof(int));
	check_eq(1, assert_ok(sendmsg(pair[0], &msg, 0)));
	drop_fd(s.fd);
	check_eq(1, assert_ok(recvmsg(pair[1], &msg, 0)));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	keep_fd(fd);
	assert_ok(ioas_map_fixed(fd, s.ioas, s.va, PAGE, 0, MAP_RW));
}

static void check_node(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		fail_test("%s: %s", path, errno_name(errno));
	check(S_ISCHR(st.st_mode));
	check_eq(0660, st.st_mode & 07777);
	check_eq(0, st.st_uid);
}

static void test_node(void **state)
{
	const char *path = test_arg(state);
	char sys[64], dev[32], want[32];
	struct stat st;
	int fd;

	check_node(path);
	fd = assert_ok(keep_fd(open(path, O_RDWR)));
	check_eq(1, ioas_new(fd));
	assert_ok(fstat(fd, &st));
	snprintf(sys, sizeof(sys), "/sys/class/misc/%s/dev",
		 strrchr(path, '/') + 1);
	read_file(sys, dev, sizeof(dev));
	snprintf(want, sizeof(want), "%u:%u\n", major(st.st_rdev),
		 minor(st.st_rdev));
	check(!strcmp(want, dev));
}

/* Both nodes lead to the same thing, and are not each other's alias. */
static void test_nodes_differ(void **state)
{
	struct stat a, b;

	(void)state;
	assert_ok(lstat(IOASID_NODE, &a));
	assert_ok(lstat(IOMMU_NODE, &b));
	check(a.st_rdev != b.st_rdev);
}

static void node_unprivileged(void *arg)
{
	assert_ok(setgroups(0, NULL));
	assert_ok(setresgid(65533, 65533, 65533));
	assert_ok(setresuid(65533, 65533, 65533));
	assert_errno(EACCES, open(arg, O_RDWR));
	assert_errno(EACCES, open(arg, O_RDONLY));
}

static void test_node_permission(void **state)
{
	run_child(node_unprivileged, test_arg(state));
}

#define ADD(fn) test_add(&list, test_##fn, NULL, #fn)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	ADD(map_fixed);
	ADD(map_flags);
	ADD(map_occupied);
	ADD(map_two_spaces);
	ADD(map_bad_length);
	ADD(map_bytes);
	ADD(map_misaligned);
	ADD(alloc_first_fit);
	ADD(alloc_alignment);
	ADD(alloc_no_space);
	ADD(unmap_bad);
	ADD(unmap_partial);
	ADD(unmap_range);
	ADD(unmap_range_cut);
	ADD(unmap_all);
	ADD(many_maps);
	ADD(ranges_empty);
	ADD(ranges_short);
	ADD(huge_pages_option);
	ADD(huge_pages_aligned);
	ADD(rlimit_option);
	ADD(rlimit_permission);
	ADD(rlimit_capability);
	ADD(ids);
	ADD(many_ids);
	ADD(destroy_mapped);
	ADD(no_pins_without_iommu);
	ADD(shared_by_fork);
	ADD(passed_by_socket);
	test_add(&list, test_node, IOASID_NODE, "node.ioasid");
	test_add(&list, test_node, IOMMU_NODE, "node.iommu");
	test_add(&list, test_nodes_differ, NULL, "node.differ");
	test_add(&list, test_node_permission, IOASID_NODE,
		 "node.ioasid.permission");
	test_add(&list, test_node_permission, IOMMU_NODE,
		 "node.iommu.permission");
	return test_main(argc, argv, "ioas", &list, NULL, NULL);
}
