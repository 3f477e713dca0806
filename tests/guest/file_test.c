// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: memory of files, another process
 *
 * IOASID_IOAS_MAP_FILE: memory that is named by file and offset, and outlives the
 * process that mapped it. IOASID_IOAS_CHANGE_PROCESS: who is charged for it.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>

#include "dma.h"
#include "edu.h"
#include "held.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

/* Another user than LIMIT_UID. */
#define OTHER_UID 64124
#define CHARGED 20UL

static int memfd_new(size_t len, unsigned int flags)
{
	int fd = assert_ok(keep_fd(memfd_create("test", MFD_CLOEXEC | flags)));

	assert_ok(ftruncate(fd, len));
	return fd;
}

static uint8_t *view_of(int fd, size_t len)
{
	uint8_t *view = keep_map(mmap(NULL, len, PROT_READ | PROT_WRITE,
				      MAP_SHARED, fd, 0), len);

	if (view == MAP_FAILED)
		fail_test("mmap of a memfd: %s", errno_name(errno));
	return view;
}

static int map_file(struct setup *s, int fd, uint64_t start, uint64_t len,
		    uint64_t iova)
{
	return ioas_map_file_fixed(s->ctx, s->ioas, fd, start, len, iova,
				   MAP_RW);
}

/* ---- arguments ---- */

static void test_map(void **state)
{
	int ctx = ioasid_open(), fd = memfd_new(8 * PAGE, 0);
	uint32_t ioas = ioas_new(ctx), bit;
	uint64_t iova = 0, other = 0;

	(void)state;
	assert_ok(ioas_map_file(ctx, ioas, fd, 0, 8 * PAGE, &iova, MAP_RW));
	check_eq(0, iova % PAGE);
	assert_ok(ioas_map_file(ctx, ioas, fd, PAGE, PAGE, &other, MAP_R));
	assert_ok(ioas_map_file_fixed(ctx, ioas, fd, 4 * PAGE, 4 * PAGE,
				      32 * MB, MAP_W));
	assert_errno(EEXIST, ioas_map_file_fixed(ctx, ioas, fd, 0, PAGE,
						 32 * MB, MAP_RW));
	assert_errno(EINVAL, ioas_map_file_fixed(ctx, ioas, fd, 0, PAGE,
						 64 * MB, 0));
	for (bit = 8; bit; bit <<= 1)
		assert_errno(EOPNOTSUPP,
			     ioas_map_file_fixed(ctx, ioas, fd, 0, PAGE,
						 64 * MB, MAP_RW | bit));
	assert_ok(ioas_unmap_exact(ctx, ioas, iova, 8 * PAGE));
	assert_ok(ioas_unmap_exact(ctx, ioas, other, PAGE));
	assert_errno(ENOENT, ioas_unmap_exact(ctx, ioas, 32 * MB, PAGE));
	assert_ok(ioas_unmap_exact(ctx, ioas, 32 * MB, 4 * PAGE));
	check_empty(ctx, ioas);
}

static void test_map_bad_length(void **state)
{
	struct setup s = { .ctx = ioasid_open() };
	int fd = memfd_new(8 * PAGE, 0);

	(void)state;
	s.ioas = ioas_new(s.ctx);
	assert_errno(EINVAL, map_file(&s, fd, 0, 0, IOVA));
	assert_errno(EOVERFLOW, map_file(&s, fd, 0, UINT64_MAX, IOVA));
	assert_errno(EOVERFLOW, map_file(&s, fd, 0, PAGE, UINT64_MAX));
	assert_errno(EOVERFLOW, map_file(&s, fd, 0, 2 * PAGE, -PAGE));
	assert_errno(EOVERFLOW, map_file(&s, fd, -PAGE, 2 * PAGE, IOVA));
	check_empty(s.ctx, s.ioas);
}

static void test_bad_fd(void **state)
{
	struct setup s = setup_attached();
	int gone = memfd_new(PAGE, 0), path;

	(void)state;
	assert_ok(close(gone));
	assert_errno(EBADF, map_file(&s, -1, 0, PAGE, IOVA));
	assert_errno(EBADF, map_file(&s, gone, 0, PAGE, IOVA));
	assert_errno(EBADF, map_file(&s, INT32_MAX, 0, PAGE, IOVA));
	path = assert_ok(keep_fd(open("/proc/self/exe", O_PATH | O_CLOEXEC)));
	assert_errno(EBADF, map_file(&s, path, 0, PAGE, IOVA));
	/* The range is looked at first. */
	assert_errno(EINVAL, map_file(&s, -1, 0, 0, IOVA));
	assert_errno(EOVERFLOW, map_file(&s, -1, -PAGE, 2 * PAGE, IOVA));
	assert_errno(EBADF, map_file(&s, -1, -PAGE, PAGE, IOVA));
	check_empty(s.ctx, s.ioas);
}

/* No file is that long, but that is found out when it is pinned. */
static void test_last_offset(void **state)
{
	int ctx = ioasid_open();
	int fd = memfd_new(8 * PAGE, 0);
	struct setup s = setup_attached();
	uint32_t ioas = ioas_new(ctx);

	(void)state;
	assert_ok(ioas_map_file_fixed(ctx, ioas, fd, -PAGE, PAGE, IOVA, MAP_R));
	assert_ok(ioas_unmap_exact(ctx, ioas, IOVA, PAGE));
	check_empty(ctx, ioas);

	assert_errno(EINVAL, map_file(&s, fd, -PAGE, PAGE, IOVA));
	assert_errno(EINVAL, map_file(&s, fd, -8 * PAGE, 8 * PAGE, IOVA));
	assert_errno(EINVAL, map_file(&s, fd, (1UL << 63) - PAGE, PAGE, IOVA));
	assert_errno(EINVAL, map_file(&s, fd, 1UL << 63, PAGE, IOVA));
	check_empty(s.ctx, s.ioas);
}

/* Without a page table, too: nothing is pinned, but the file would be kept. */
static void test_bad_file_unattached(void **state)
{
	int fd = ioasid_open();
	uint32_t ioas = ioas_new(fd);

	(void)state;
	assert_errno(EINVAL,
		     ioas_map_file_fixed(fd, ioas, fd, 0, PAGE, IOVA, MAP_R));
}

static void test_bad_file(void **state)
{
	static const char * const paths[] = {
		"/proc/self/exe", "/dev/zero", "/dev/null", "/proc/self/status",
		"/", "/dev/ioasid",
	};
	struct setup s = setup_attached();
	int pipes[2], fd;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		fd = assert_ok(keep_fd(open(paths[i], O_RDONLY | O_CLOEXEC)));
		assert_errno(EINVAL, ioas_map_file_fixed(s.ctx, s.ioas, fd, 0,
							 PAGE, IOVA, MAP_R));
		drop_fd(fd);
	}
	assert_ok(pipe2(pipes, O_CLOEXEC));
	keep_fd(pipes[0]);
	keep_fd(pipes[1]);
	assert_errno(EINVAL, map_file(&s, pipes[0], 0, PAGE, IOVA));
	assert_errno(EINVAL, map_file(&s, pipes[1], 0, PAGE, IOVA));
	assert_errno(EINVAL, map_file(&s, s.dev, 0, PAGE, IOVA));
	check_empty(s.ctx, s.ioas);
	check_pinned(0);
}

struct held_write {
	struct setup s;
	int fd;
	struct held from;
};

static void *write_held(void *arg)
{
	struct held_write *w = arg;

	check_eq(1, pwrite(w->fd, w->from.va, 1, 0));
	return NULL;
}

static void *map_meanwhile(void *arg)
{
	struct held_write *w = arg;

	assert_ok(map_file(&w->s, w->fd, 0, 4 * PAGE, IOVA));
	return NULL;
}

/* Whoever has the file, too, holds its lock as long as a write() takes. */
static void test_under_write(void **state)
{
	struct held_write w = { .s = setup_attached() };

	(void)state;
	w.fd = memfd_new(4 * PAGE, 0);
	w.from = held_alloc(PAGE);
	if (!held_meanwhile(&w.from, write_held, map_meanwhile, &w))
		fail_test("MAP_FILE waits for a write()");
	check_pinned(4);
}

/* Behind the end of the file there is nothing to pin. */
static void test_file_end(void **state)
{
	struct setup s = setup_attached();
	int fd = memfd_new(4 * PAGE, 0);

	(void)state;
	assert_errno(EINVAL, map_file(&s, fd, 4 * PAGE, PAGE, IOVA));
	assert_errno(EINVAL, map_file(&s, fd, 3 * PAGE, 2 * PAGE, IOVA));
	assert_errno(EINVAL, map_file(&s, fd, 1UL << 40, PAGE, IOVA));
	assert_errno(EINVAL, map_file(&s, fd, 1UL << 63, PAGE, IOVA));
	assert_ok(map_file(&s, fd, 3 * PAGE, PAGE, IOVA));
	check_pinned(1);
	unmap_at(&s, IOVA, PAGE);
	/* It has grown. */
	assert_ok(ftruncate(fd, 5 * PAGE));
	assert_ok(map_file(&s, fd, 3 * PAGE, 2 * PAGE, IOVA));
	/* And shrunk: what was mapped stays mapped. */
	assert_ok(ftruncate(fd, 0));
	check_pinned(2);
	check_no_write(&s, page_alloc(PAGE), IOVA);
	unmap_at(&s, IOVA, 2 * PAGE);
	check_pinned(0);
}

/* A page the file ends in belongs to it in part only. */
static void test_file_end_in_page(void **state)
{
	struct setup s = setup_attached();
	int fd = memfd_new(PAGE + 100, 0);

	(void)state;
	assert_errno(EINVAL, map_file(&s, fd, PAGE, PAGE, IOVA));
	assert_errno(EINVAL, map_file(&s, fd, 0, 2 * PAGE, IOVA));
	assert_ok(map_file(&s, fd, 0, PAGE, IOVA));
}

static void test_misaligned(void **state)
{
	struct setup s = setup_attached();
	int fd = memfd_new(4 * PAGE, 0);
	uint64_t iova;

	(void)state;
	assert_errno(EINVAL, map_file(&s, fd, 8, PAGE, IOVA));
	assert_errno(EINVAL, map_file(&s, fd, 0, PAGE + 8, IOVA));
	assert_errno(EINVAL, map_file(&s, fd, 0, PAGE, IOVA + 8));
	assert_errno(EINVAL, map_file(&s, fd, 0, PAGE, MSI_WINDOW));
	assert_errno(EINVAL, ioas_map_file(s.ctx, s.ioas, fd, 8, PAGE, &iova,
					   MAP_RW));
	check_empty(s.ctx, s.ioas);
}

/* ---- DMA ---- */

static void test_dma(void **state)
{
	struct setup s = setup_attached();
	int fd = memfd_new(1100 * PAGE, 0);
	uint8_t *view = view_of(fd, 1100 * PAGE), buf[COPY];
	long pins = state_pins();

	(void)state;
	/* None of it exists yet. */
	assert_ok(map_file(&s, fd, 3 * PAGE, 1050 * PAGE, 2 * MB));
	check_pinned(1050);
	check_dma(&s, view + 3 * PAGE, 2 * MB, 1);
	check_dma(&s, view + 1052 * PAGE, 2 * MB + 1049 * PAGE, 2);
	check_dma(&s, view + 515 * PAGE - COPY / 2,
		  2 * MB + 512 * PAGE - COPY / 2, 3);
	/* The file's own calls see it, too. */
	pattern(buf, COPY, 4);
	check_eq(COPY, assert_ok(pwrite(fd, buf, COPY, 7 * PAGE)));
	edu_read_ram(&s.edu, 2 * MB + 4 * PAGE, SPOT, COPY);
	edu_write_ram(&s.edu, 2 * MB + 5 * PAGE, SPOT, COPY);
	memset(buf, 0, COPY);
	check_eq(COPY, assert_ok(pread(fd, buf, COPY, 8 * PAGE)));
	check(has_pattern(buf, COPY, 4));
	unmap_at(&s, 2 * MB, 1050 * PAGE);
	check_pinned(0);
	check_eq(pins, state_pins());
	check_no_write(&s, view + 3 * PAGE, 2 * MB);
}

/* Neither the descriptor nor a mapping of it is needed. */
static void test_dma_closed(void **state)
{
	struct setup s = setup_attached();
	int fd = memfd_new(2 * PAGE, 0);
	uint8_t *view = view_of(fd, 2 * PAGE), *back = page_alloc(PAGE);

	(void)state;
	pattern(view + PAGE, COPY, 1);
	drop_map(view);
	assert_ok(map_file(&s, fd, 0, 2 * PAGE, IOVA));
	drop_fd(fd);
	map_at(&s, back, PAGE, IOVA + MB);
	edu_read_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + MB, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
	/* And pinned again, of a file nobody has open. */
	assert_ok(cdev_detach(s.dev));
	check_pinned(0);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_pinned(3);
	memset(back, 0, PAGE);
	edu_read_ram(&s.edu, IOVA + PAGE, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + MB, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
}

static void test_dma_hugetlb(void **state)
{
	struct setup s;
	uint8_t *view;
	long pins;
	int fd;

	(void)state;
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "4"));
	s = setup_attached();
	pins = state_pins();
	fd = memfd_new(8 * MB, MFD_HUGETLB);
	view = view_of(fd, 8 * MB);
	assert_ok(map_file(&s, fd, 2 * MB, 4 * MB, 16 * MB));
	check_pinned(1024);
	check_dma(&s, view + 2 * MB, 16 * MB, 1);
	check_dma(&s, view + 4 * MB - COPY / 2, 18 * MB - COPY / 2, 2);
	/* From the middle of one to the middle of another, and a single page. */
	assert_ok(map_file(&s, fd, MB + PAGE, 2 * MB, 32 * MB));
	assert_ok(map_file(&s, fd, 7 * MB + 5 * PAGE, PAGE, 64 * MB));
	check_pinned(1024 + 512 + 1);
	check_dma(&s, view + MB + PAGE, 32 * MB, 3);
	check_dma(&s, view + 3 * MB, 34 * MB - PAGE, 4);
	check_dma(&s, view + 7 * MB + 5 * PAGE, 64 * MB, 5);
	check_no_write(&s, view + 7 * MB + 6 * PAGE, 64 * MB + PAGE);
	assert_errno(EINVAL, map_file(&s, fd, 8 * MB, PAGE, 96 * MB));
	unmap_at(&s, 16 * MB, 4 * MB);
	check_dma(&s, view + 3 * MB, 34 * MB - PAGE, 6);
	unmap_at(&s, 32 * MB, 2 * MB);
	unmap_at(&s, 64 * MB, PAGE);
	check_pinned(0);
	check_eq(pins, state_pins());
	release_all();
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "0"));
	check_eq(0, read_long("/proc/sys/vm/nr_hugepages"));
}

#define RESERVED "/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages"

/* Nobody has reserved the pages, which do not exist yet. */
static void test_hugetlb_untouched(void **state)
{
	long reserved = read_long(RESERVED);
	struct setup s = setup_attached();
	uint8_t *page = page_alloc(PAGE);
	int fd;

	(void)state;
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "2"));
	fd = memfd_new(4 * MB, MFD_HUGETLB);
	assert_ok(map_file(&s, fd, 0, 4 * MB, 16 * MB));
	check_pinned(1024);
	check_eq(reserved, read_long(RESERVED));
	/* The pages are clean. */
	map_at(&s, page, PAGE, IOVA);
	memset(page, 0xee, PAGE);
	edu_read_ram(&s.edu, 18 * MB, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA, SPOT, COPY);
	check(all_bytes(page, COPY, 0));
	unmap_at(&s, 16 * MB, 4 * MB);
	drop_fd(fd);
	check_eq(reserved, read_long(RESERVED));
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "0"));
	check_eq(0, read_long("/proc/sys/vm/nr_hugepages"));
}

static void test_dma_read_only(void **state)
{
	struct setup s = setup_attached();
	int fd = memfd_new(2 * PAGE, 0);
	uint8_t *view = view_of(fd, 2 * PAGE), *back = page_alloc(PAGE);

	(void)state;
	assert_ok(ioas_map_file_fixed(s.ctx, s.ioas, fd, 0, 2 * PAGE, IOVA,
				      MAP_R));
	map_at(&s, back, PAGE, IOVA + MB);
	pattern(view, COPY, 1);
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + MB, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
	check_no_write(&s, view, IOVA);
	/* It shares the file's page, it has no copy of it. */
	pattern(view, COPY, 2);
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + MB, SPOT, COPY);
	check(has_pattern(back, COPY, 2));
	assert_errno(EPERM, ioas_copy_fixed(s.ctx, s.ioas, IOVA + 2 * MB,
					    s.ioas, IOVA, PAGE, MAP_RW));
}

static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return assert_ok(keep_fd(open(path, flags | O_CLOEXEC)));
}

/* Who cannot write to a file cannot let a device do it. */
static void test_read_only_fd(void **state)
{
	struct setup s = setup_attached();
	int fd = memfd_new(PAGE, 0), reader;

	(void)state;
	reader = reopen(fd, O_RDONLY);
	assert_errno(EACCES, map_file(&s, reader, 0, PAGE, IOVA));
	assert_errno(EACCES, ioas_map_file_fixed(s.ctx, s.ioas, reader, 0, PAGE,
						 IOVA, MAP_W));
	assert_ok(ioas_map_file_fixed(s.ctx, s.ioas, reader, 0, PAGE, IOVA,
				      MAP_R));
	check_pinned(1);
}

static void check_modes(const struct setup *s, int reader, int writer)
{
	static const uint32_t access[] = { MAP_R, MAP_W, MAP_RW };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(access); i++) {
		assert_errno(EACCES,
			     ioas_map_file_fixed(s->ctx, s->ioas, writer, 0,
						 PAGE, IOVA, access[i]));
		if (access[i] != MAP_R)
			assert_errno(EACCES,
				     ioas_map_file_fixed(s->ctx, s->ioas,
							 reader, 0, PAGE, IOVA,
							 access[i]));
	}
	check_empty(s->ctx, s->ioas);
	check_pinned(0);
}

/*
 * Who cannot read a file cannot have a device do it, nor make one that is to write
 * only: a mapping can be read. With and without a page table, of small pages and huge.
 */
static void test_fd_modes(void **state)
{
	struct setup s = setup_bound();
	int small = memfd_new(PAGE, 0), huge = memfd_new(2 * MB, MFD_HUGETLB);
	unsigned int attached;

	(void)state;
	for (attached = 0; attached < 2; attached++) {
		check_modes(&s, reopen(small, O_RDONLY),
			    reopen(small, O_WRONLY));
		check_modes(&s, reopen(huge, O_RDONLY), reopen(huge, O_WRONLY));
		if (!attached)
			assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	}
}

static void test_sealed(void **state)
{
	struct setup s = setup_attached();
	int fd = memfd_new(PAGE, MFD_ALLOW_SEALING);
	uint8_t *back = page_alloc(PAGE), buf[COPY];

	(void)state;
	pattern(buf, COPY, 1);
	check_eq(COPY, assert_ok(pwrite(fd, buf, COPY, 0)));
	/* Not while a device may write. */
	assert_ok(map_file(&s, fd, 0, PAGE, IOVA));
	assert_errno(EBUSY, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	unmap_at(&s, IOVA, PAGE);
	assert_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK |
			F_SEAL_GROW));
	assert_errno(EPERM, map_file(&s, fd, 0, PAGE, IOVA));
	check_pinned(0);
	assert_ok(ioas_map_file_fixed(s.ctx, s.ioas, fd, 0, PAGE, IOVA,
				      MAP_R));
	map_at(&s, back, PAGE, IOVA + MB);
	edu_read_ram(&s.edu, IOVA, SPOT, COPY);
	edu_write_ram(&s.edu, IOVA + MB, SPOT, COPY);
	check(has_pattern(back, COPY, 1));
}

/* The seal that leaves existing writers alone stops new ones. */
static void test_sealed_future(void **state)
{
	struct setup s = setup_attached();
	int fd = memfd_new(PAGE, MFD_ALLOW_SEALING);
	uint8_t *view = view_of(fd, PAGE);

	(void)state;
	assert_ok(map_file(&s, fd, 0, PAGE, IOVA));
	assert_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	assert_errno(EPERM, map_file(&s, fd, 0, PAGE, IOVA + MB));
	check_dma(&s, view, IOVA, 1);
}

static void test_copy(void **state)
{
	struct setup s = setup_attached();
	uint32_t other = ioas_new(s.ctx);
	int fd = memfd_new(8 * PAGE, 0);
	uint8_t *view = view_of(fd, 8 * PAGE);

	(void)state;
	assert_ok(ioas_map_file_fixed(s.ctx, other, fd, PAGE, 6 * PAGE, IOVA,
				      MAP_RW));
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, IOVA + MB, other, IOVA,
				  6 * PAGE, MAP_RW));
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, IOVA + 2 * MB, s.ioas,
				  IOVA + MB + PAGE, 2 * PAGE, MAP_RW));
	/* Charged once. */
	check_pinned(6);
	assert_ok(ioasid_destroy(s.ctx, other));
	check_dma(&s, view + 6 * PAGE, IOVA + MB + 5 * PAGE, 1);
	check_dma(&s, view + 3 * PAGE, IOVA + 2 * MB + PAGE, 2);
	unmap_at(&s, IOVA + 2 * MB, 2 * PAGE);
	unmap_at(&s, IOVA + MB, 6 * PAGE);
	check_pinned(0);
}

static void test_two_devices(void **state)
{
	struct setup s = setup_attached();
	int fd = memfd_new(8 * PAGE, 0), second;

	(void)state;
	assert_ok(map_file(&s, fd, 0, 8 * PAGE, IOVA));
	second = attach_second(&s, s.ioas);
	check_pinned(8);
	assert_ok(cdev_detach(s.dev));
	check_pinned(8);
	assert_ok(cdev_detach(second));
	check_pinned(0);
	/* Mapped twice, it is charged twice. */
	assert_ok(map_file(&s, fd, 0, 8 * PAGE, IOVA + MB));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_pinned(16);
}

/* ---- processes ---- */

struct file_child {
	struct setup *s;
	int fd;
	uint64_t mode;
	/* Of the limit, or of the process that takes over */
	unsigned long pages;
	uid_t uid;
	int result;
	struct gate go;
	struct gate done;
};

static void map_it(void *arg)
{
	struct file_child *c = arg;

	assert_ok(map_file(c->s, c->fd, 0, 4 * PAGE, IOVA));
}

static void attach_it(void *arg)
{
	struct file_child *c = arg;

	assert_ok(cdev_attach(c->s->dev, c->s->ioas, NULL));
}

static void test_mapper_exits(void **state)
{
	struct setup s = setup_attached();
	struct file_child c = { .s = &s, .fd = memfd_new(4 * PAGE, 0) };
	uint8_t *view = view_of(c.fd, 4 * PAGE);
	long pins = state_pins();

	(void)state;
	run_child(map_it, &c);
	check_eq(pins + 4, state_pins());
	check_dma(&s, view + 3 * PAGE, IOVA + 3 * PAGE, 1);
	/* Unpinned and pinned again, which process memory could not be. */
	assert_ok(cdev_detach(s.dev));
	check_eq(pins, state_pins());
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_eq(pins + 4, state_pins());
	check_dma(&s, view, IOVA, 2);
	unmap_at(&s, IOVA, 4 * PAGE);
	check_eq(pins, state_pins());
}

static void test_attach_by_other(void **state)
{
	struct setup s = setup_bound();
	struct file_child c = { .s = &s, .fd = memfd_new(4 * PAGE, 0) };
	uint8_t *view = view_of(c.fd, 4 * PAGE);

	(void)state;
	assert_ok(map_file(&s, c.fd, 0, 4 * PAGE, IOVA));
	check_pinned(0);
	run_child(attach_it, &c);
	/* Who mapped is charged. */
	check_pinned(4);
	check_dma(&s, view, IOVA, 1);
	assert_ok(cdev_detach(s.dev));
	check_pinned(0);
}

static void use_limit(void *arg)
{
	struct file_child *c = arg;
	struct setup *s = c->s;
	uint8_t *va;

	become_limited(LIMIT_PAGES);
	va = page_alloc(2 * LIMIT_PAGES * PAGE);
	assert_errno(ENOMEM, map_file(s, c->fd, 0, (LIMIT_PAGES + 1) * PAGE,
				      IOVA));
	check_empty(s->ctx, s->ioas);
	assert_ok(map_file(s, c->fd, 0, 10 * PAGE, IOVA));
	check_pinned(10);
	check_eq(c->mode ? 40 : 0, state_vm("VmLck"));
	check_room(s, va, LIMIT_PAGES - 10);
	unmap_at(s, IOVA, 10 * PAGE);
	check_pinned(0);
	check_eq(0, state_vm("VmLck"));
	check_room(s, va, LIMIT_PAGES);
}

static void test_limit(void **state)
{
	struct file_child c = { .mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(c.mode);

	c.s = &s;
	c.fd = memfd_new(2 * LIMIT_PAGES * PAGE, 0);
	run_child(use_limit, &c);
}

static void lock_all(void *arg)
{
	struct file_child *c = arg;

	become_limited(LIMIT_PAGES);
	assert_ok(mlockall(MCL_FUTURE));
	assert_errno(ENOMEM,
		     map_file(c->s, c->fd, 0, (LIMIT_PAGES + 1) * PAGE, IOVA));
	check_empty(c->s->ctx, c->s->ioas);
	assert_ok(munlockall());
	assert_ok(map_file(c->s, c->fd, 0, 4 * PAGE, IOVA));
	check_pinned(4);
}

/* Where the file is mapped to be pinned, that mapping is locked. */
static void test_limit_mlockall(void **state)
{
	struct file_child c = { .mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(c.mode);

	c.s = &s;
	c.fd = memfd_new(2 * LIMIT_PAGES * PAGE, 0);
	run_child(lock_all, &c);
}

/* ---- CHANGE_PROCESS ---- */

static void test_change_nothing(void **state)
{
	int ctx = ioasid_open();

	(void)state;
	assert_ok(change_process(ctx));
	ioas_new(ctx);
	assert_ok(change_process(ctx));
}

static void change_it(void *arg)
{
	struct file_child *c = arg;

	assert_errno(c->result, change_process(c->s->ctx));
	check_pinned(c->pages);
	if (!c->go.fd[0])
		return;
	gate_open(&c->done);
	gate_wait(&c->go);
	check_pinned(0);
}

/* Nobody is asked to take over the memory of a process. */
static void test_change_process_memory(void **state)
{
	struct setup s = setup_attached();
	struct file_child c = { .s = &s, .fd = memfd_new(4 * PAGE, 0),
				.result = EINVAL };
	uint32_t other = ioas_new(s.ctx);
	uint8_t *va = page_alloc(PAGE);

	(void)state;
	assert_ok(map_file(&s, c.fd, 0, 4 * PAGE, IOVA));
	map_at(&s, va, PAGE, IOVA + MB);
	run_child(change_it, &c);
	check_pinned(5);
	assert_errno(EINVAL, change_process(s.ctx));
	check_pinned(5);
	unmap_at(&s, IOVA + MB, PAGE);
	/* Also in an IOAS where it is not even pinned. */
	assert_ok(ioas_map_fixed(s.ctx, other, va, PAGE, IOVA, MAP_RW));
	run_child(change_it, &c);
	check_pinned(4);
	assert_ok(ioasid_destroy(s.ctx, other));
	c.result = 0;
	c.pages = 4;
	run_child(change_it, &c);
	check_pinned(0);
}

/* More than an array of the usual kind has room for. */
#define MANY_IOAS 530000
/* For a kernel that looks at each lock: more than it can know at a time. */
#define MANY_IOAS_DEBUG 3000

/* How many address spaces there are is up to the user; nothing breaks, or takes long. */
static void test_change_many(void **state)
{
	bool debug = path_exists("/proc/lockdep");
	int num = debug ? MANY_IOAS_DEBUG : MANY_IOAS;
	int ctx = ioasid_open(), fd = memfd_new(PAGE, 0), i;
	struct setup s = { .ctx = ctx };
	struct file_child c = { .s = &s, .fd = fd };
	long long begin, changed, end;

	(void)state;
	for (i = 0; i < num; i++) {
		s.ioas = ioas_new(ctx);
		if (i % 100 == 0)
			assert_ok(map_file(&s, fd, 0, PAGE, IOVA));
	}
	begin = now_ms();
	run_child(change_it, &c);
	changed = now_ms();
	drop_fd(ctx);
	end = now_ms();
	print_message("# %d IOASs: change %lld ms, close %lld ms\n", num,
		      changed - begin, end - changed);
	check(changed - begin < 10000);
	check(end - changed < 20000);
}

static void start_change(struct file_child *c, pid_t *child)
{
	gate_init(&c->go);
	gate_init(&c->done);
	*child = child_start(change_it, c);
	gate_wait(&c->done);
}

static void test_change(void **state)
{
	struct setup s = setup_attached();
	struct file_child c = { .s = &s, .fd = memfd_new(8 * PAGE, 0),
				.pages = 12 };
	uint32_t other = ioas_new(s.ctx);
	uint8_t *view = view_of(c.fd, 8 * PAGE);
	pid_t child;
	int second;

	(void)state;
	assert_ok(map_file(&s, c.fd, 0, 8 * PAGE, IOVA));
	/* Copies, also in another IOAS, move with what they are copies of. */
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, IOVA + MB, s.ioas, IOVA,
				  4 * PAGE, MAP_RW));
	assert_ok(ioas_copy_fixed(s.ctx, other, IOVA, s.ioas, IOVA, 8 * PAGE,
				  MAP_RW));
	assert_ok(ioas_map_file_fixed(s.ctx, other, c.fd, 0, 4 * PAGE,
				      IOVA + MB, MAP_RW));
	second = attach_second(&s, other);
	check_pinned(12);
	start_change(&c, &child);
	check_pinned(0);
	check_dma(&s, view, IOVA, 1);
	/* Whoever unmaps, the new owner is relieved. */
	unmap_at(&s, IOVA, 8 * PAGE);
	unmap_at(&s, IOVA + MB, 4 * PAGE);
	assert_ok(cdev_detach(second));
	check_pinned(0);
	gate_open(&c.go);
	child_ok(child);
}

/* To oneself, and there and back. */
static void test_change_back(void **state)
{
	struct setup s = setup_attached();
	struct file_child c = { .s = &s, .fd = memfd_new(8 * PAGE, 0),
				.pages = 8 };
	long pins;

	(void)state;
	assert_ok(map_file(&s, c.fd, 0, 8 * PAGE, IOVA));
	pins = state_pins();
	assert_ok(change_process(s.ctx));
	check_pinned(8);
	run_child(change_it, &c);
	check_pinned(0);
	/* From a process that is gone. */
	assert_ok(change_process(s.ctx));
	check_pinned(8);
	check_eq(pins, state_pins());
	unmap_at(&s, IOVA, 8 * PAGE);
	check_pinned(0);
}

/* What is not pinned is charged to the new owner when it is. */
static void test_change_unpinned(void **state)
{
	struct setup s = setup_bound();
	struct file_child c = { .s = &s, .fd = memfd_new(8 * PAGE, 0) };

	(void)state;
	assert_ok(map_file(&s, c.fd, 0, 8 * PAGE, IOVA));
	run_child(change_it, &c);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_pinned(0);
	assert_ok(cdev_detach(s.dev));
	assert_ok(change_process(s.ctx));
	check_pinned(0);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_pinned(8);
}

static void be_charged(void *arg)
{
	struct file_child *c = arg;
	bool locked = c->mode;

	become_limited(LIMIT_PAGES);
	assert_ok(map_file(c->s, c->fd, 0, CHARGED * PAGE, IOVA));
	check_eq(locked ? CHARGED * 4 : 0, state_vm("VmLck"));
	check_pinned(CHARGED);
	gate_open(&c->done);
	/* After an attempt that failed. */
	gate_wait(&c->go);
	check_eq(locked ? CHARGED * 4 : 0, state_vm("VmLck"));
	check_pinned(CHARGED);
	gate_open(&c->done);
	/* After one that did not. */
	gate_wait(&c->go);
	check_eq(0, state_vm("VmLck"));
	check_pinned(0);
}

static void take_charge(void *arg)
{
	struct file_child *c = arg;
	bool moved = !c->result;

	become_user(c->uid, c->pages);
	assert_errno(c->result, change_process(c->s->ctx));
	check_pinned(moved ? CHARGED : 0);
	check_eq(moved && c->mode ? CHARGED * 4 : 0, state_vm("VmLck"));
	/* There is no room for more. */
	if (moved)
		check_room(c->s, page_alloc(LIMIT_PAGES * PAGE), 0);
}

static void room_left(void *arg)
{
	struct file_child *c = arg;

	become_user(c->uid, LIMIT_PAGES);
	check_room(c->s, page_alloc(2 * LIMIT_PAGES * PAGE), c->pages);
}

static void test_change_limit(void **state)
{
	struct file_child c = { .mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(c.mode);
	pid_t child;

	c.s = &s;
	c.fd = memfd_new(LIMIT_PAGES * PAGE, 0);
	gate_init(&c.go);
	gate_init(&c.done);
	child = child_start(be_charged, &c);
	gate_wait(&c.done);
	/* One page too few: all stays as it was. */
	c.uid = OTHER_UID;
	c.pages = CHARGED - 1;
	c.result = ENOMEM;
	run_child(take_charge, &c);
	if (!c.mode) {
		c.uid = LIMIT_UID;
		c.pages = LIMIT_PAGES - CHARGED;
		run_child(room_left, &c);
	}
	gate_open(&c.go);
	gate_wait(&c.done);
	c.uid = OTHER_UID;
	c.pages = CHARGED;
	c.result = 0;
	run_child(take_charge, &c);
	gate_open(&c.go);
	child_ok(child);
	/* The old one owes nothing; the new one, in user mode, all of it. */
	c.uid = LIMIT_UID;
	c.pages = LIMIT_PAGES;
	run_child(room_left, &c);
	c.uid = OTHER_UID;
	c.pages = LIMIT_PAGES - (c.mode ? 0 : CHARGED);
	run_child(room_left, &c);
	unmap_at(&s, IOVA, CHARGED * PAGE);
	c.pages = LIMIT_PAGES;
	run_child(room_left, &c);
}

static void map_most(void *arg)
{
	struct file_child *c = arg;

	become_limited(LIMIT_PAGES);
	assert_ok(map_file(c->s, c->fd, 0, (LIMIT_PAGES - 1) * PAGE, IOVA));
	/* To itself, and to another process of the same user. */
	assert_ok(change_process(c->s->ctx));
	check_pinned(LIMIT_PAGES - 1);
}

static void take_from_same_user(void *arg)
{
	struct file_child *c = arg;

	become_limited(LIMIT_PAGES);
	assert_ok(change_process(c->s->ctx));
	check_room(c->s, page_alloc(LIMIT_PAGES * PAGE), 1);
}

/* What stays with the same user is not charged twice on the way. */
static void test_change_same_user(void **state)
{
	struct file_child c = { .mode = (uintptr_t)test_arg(state) };
	struct setup s = setup_limit(c.mode);

	c.s = &s;
	c.fd = memfd_new(LIMIT_PAGES * PAGE, 0);
	run_child(map_most, &c);
	run_child(take_from_same_user, &c);
	unmap_at(&s, IOVA, (LIMIT_PAGES - 1) * PAGE);
	c.uid = LIMIT_UID;
	c.pages = LIMIT_PAGES;
	run_child(room_left, &c);
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)
#define ADD_MODES(test) do { \
	test_add(&list, test_##test, NULL, #test ".user"); \
	test_add(&list, test_##test, (void *)1, #test ".process"); \
} while (0)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	ADD(map);
	ADD(map_bad_length);
	ADD(bad_fd);
	ADD(last_offset);
	ADD(bad_file);
	ADD(bad_file_unattached);
	ADD(under_write);
	ADD(file_end);
	ADD(file_end_in_page);
	ADD(misaligned);
	ADD(dma);
	ADD(dma_closed);
	ADD(dma_hugetlb);
	ADD(hugetlb_untouched);
	ADD(dma_read_only);
	ADD(read_only_fd);
	ADD(fd_modes);
	ADD(sealed);
	ADD(sealed_future);
	ADD(copy);
	ADD(two_devices);
	ADD(mapper_exits);
	ADD(attach_by_other);
	ADD_MODES(limit);
	ADD_MODES(limit_mlockall);
	ADD(change_nothing);
	ADD(change_many);
	ADD(change_process_memory);
	ADD(change);
	ADD(change_back);
	ADD(change_unpinned);
	ADD_MODES(change_limit);
	ADD_MODES(change_same_user);
	return test_main(argc, argv, "file", &list, NULL, NULL);
}
