// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: memory that cannot be pinned for long
 * vm: --topology edu --append memmap=64M!0x20000000 --append movablecore=256M
 *
 * Memory that cannot be pinned for long, and what the sentence says of it: files of a
 * DAX file system, and pages that would have to be moved and cannot.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "dax_image.h"
#include "dma.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define PMEM "/dev/pmem0"
#define DAX_DIR "/tmp/dax"
#define DAX_FILE DAX_DIR "/file"
#define HUGE (2 * MB)

/* ---- DAX ---- */

/* An empty ext2 file system: see Makefile. */
asm(".pushsection .rodata; dax_image: .incbin \"dax.img\"; dax_image_end: .byte 0; .popsection");

static void write_image(void)
{
	int fd = assert_ok(keep_fd(open(PMEM, O_WRONLY)));
	const char *from = dax_image;
	ssize_t n;

	for (; from < dax_image_end; from += n)
		n = assert_ok(write(fd, from, dax_image_end - from));
	assert_ok(fsync(fd));
	drop_fd(fd);
}

/* Memory of a file in a file system on persistent memory. */
static uint8_t *dax_memory(size_t len)
{
	uint8_t *va;
	int fd;

	if (system("modprobe -qa nd_e820 nd_pmem ext4") || !path_exists(PMEM))
		skip_test("no persistent memory");
	write_image();
	mkdir(DAX_DIR, 0700);
	assert_ok(mount(PMEM, DAX_DIR, "ext4", 0, "dax"));
	fd = assert_ok(keep_fd(open(DAX_FILE, O_RDWR | O_CREAT, 0600)));
	assert_ok(ftruncate(fd, len));
	va = keep_map(mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   0),
		      len);
	check(va != MAP_FAILED);
	memset(va, 1, len);
	drop_fd(fd);
	return va;
}

static void check_dax(int fd, const uint8_t *va)
{
	struct refusal r;
	char want[128];

	snprintf(want, sizeof(want),
		 "memory at %p cannot be pinned: files of a DAX file system",
		 (const void *)va);
	check_refusal(fd, EOPNOTSUPP, want, &r);
	check_eq(IOASID_ERROR_RANGE, r.error.out_flags);
	check_eq((uintptr_t)va, r.error.out_start);
	check_eq((uintptr_t)va + PAGE - 1, r.error.out_last);
}

static void test_dax(void **state)
{
	struct setup s = setup_bound();
	uint8_t *va = dax_memory(4 * PAGE);

	(void)state;
	/* Without a page table nothing is pinned. */
	map_at(&s, va, 4 * PAGE, IOVA);
	assert_errno(EOPNOTSUPP, cdev_attach(s.dev, s.ioas, NULL));
	check_dax(s.dev, va);
	unmap_at(&s, IOVA, 4 * PAGE);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	assert_errno(EOPNOTSUPP, ioas_map_fixed(s.ctx, s.ioas, va + PAGE, PAGE,
						IOVA, MAP_RW));
	check_dax(s.ctx, va + PAGE);
	release_all();
	assert_ok(umount(DAX_DIR));
}

/* ---- pages that would have to be moved ---- */

/* Somebody else uses the page, for as long as the pipe is full: it cannot be moved. */
static void fill_pipe(int fd[2], void *va)
{
	struct iovec iov = { .iov_base = va, .iov_len = PAGE };

	assert_ok(pipe(fd));
	keep_fd(fd[0]);
	keep_fd(fd[1]);
	check_eq(PAGE, assert_ok(vmsplice(fd[1], &iov, 1, 0)));
}

/* @busy: the page of it that cannot be moved. */
static void check_movable(uint8_t *va, size_t len, uint8_t *busy,
			  const char *why)
{
	struct setup s = setup_attached();
	struct refusal r;
	char want[160];
	int fd[2];

	fill_pipe(fd, busy);
	assert_errno(ENOMEM,
		     ioas_map_fixed(s.ctx, s.ioas, va, len, IOVA, MAP_RW));
	snprintf(want, sizeof(want), "memory at %p cannot be pinned: %s",
		 (void *)busy, why);
	check_refusal(s.ctx, ENOMEM, want, &r);
	check_eq((uintptr_t)busy, r.error.out_start);
	check_pinned(0);
	drop_fd(fd[0]);
	drop_fd(fd[1]);
	map_at(&s, va, len, IOVA);
	unmap_at(&s, IOVA, len);
}

/* On our debug kernel the zone is there, and the kernel took all of its memory earlier. */
static void need_movable(void)
{
	FILE *file = fopen("/proc/zoneinfo", "re");
	char line[128], zone[16] = "";
	long managed = 0;

	check(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Node %*d, zone %15s", zone) != 1 &&
		    !strcmp(zone, "Movable") &&
		    sscanf(line, " managed %ld", &managed) == 1)
			break;
	fclose(file);
	if (managed < (long)(4 * HUGE / PAGE))
		skip_test("no memory is in the movable zone");
}

/* What is to be moved first, and can be, is no trouble. */
static void test_movable(void **state)
{
	const char *why =
		"it is in a movable zone, and the kernel cannot move it";
	uint8_t *va;

	(void)state;
	need_movable();
	va = page_alloc(PAGE);
	check_movable(va, PAGE, va, why);
	release_all();
	/* One of many. */
	va = page_alloc(300 * PAGE);
	check_movable(va, 300 * PAGE, va + 200 * PAGE, why);
}

/*
 * Before 6.5 no huge page in a movable zone is moved: the answer is the same ENOMEM, and
 * the kernel warns of itself, which no boot of a test may.
 */
static void test_movable_huge(void **state)
{
	uint8_t *va;

	(void)state;
	need_movable();
	if (!kernel_since(6, 5))
		skip_test("the kernel would warn of itself");
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "4"));
	va = huge_alloc(HUGE, true);
	check_movable(va, HUGE, va, "it is a huge page in a movable zone");
	release_all();
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "0"));
}

/* ---- memory that is not there ---- */

static void test_nothing(void **state)
{
	struct setup s = setup_attached();
	uint8_t *va = page_alloc(PAGE);
	struct refusal r;

	(void)state;
	drop_map(va);
	assert_errno(EFAULT,
		     ioas_map_fixed(s.ctx, s.ioas, va, PAGE, IOVA, MAP_RW));
	check_refusal(s.ctx, EFAULT,
		      "cannot be pinned: nothing is mapped there", &r);
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	ADD(nothing);
	ADD(dax);
	ADD(movable);
	ADD(movable_huge);
	return test_main(argc, argv, "pin", &list, NULL, NULL);
}
