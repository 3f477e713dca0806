// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: BAR mappings: what they reach, and when they do not
 * vm: --topology ports
 *
 * Mappings of a device's memory: which regions can be mapped, what a mapping shows while
 * the device is not to be reached, and how long it lasts. With the devices on
 * vfio_cdev_ext ("ext.") and on stock vfio-pci ("stock.").
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <linux/pci_regs.h>

#include "edu.h"
#include "ioasid.h"
#include "nic.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define EDU_ID 0x10000edU
#define PMD (2 * MB)
/* Memory that a device offers as a BAR. */
#define LARGE_BAR 2
#define LARGE_SIZE (16 * MB)
/* Of the SD controller, whose BAR is smaller than a page. */
#define SD_BAR_SIZE 0x100
#define SD_VERSION 0xfc
#define READABLE (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)

static const char *nic_bdf, *edu_bdf, *small_bdf;
static char large[16];

static void use_driver(void *arg)
{
	nic_bdf = topology("NIC_BDF");
	edu_bdf = topology("MULTI_BDF");
	small_bdf = topology("SMALL_BDF");
	if (!nic_bdf || !edu_bdf || !small_bdf)
		return;
	snprintf(large, sizeof(large), "%.11s2", edu_bdf);
	pci_bind(nic_bdf, arg);
	pci_bind(edu_bdf, arg);
	pci_bind(large, arg);
	pci_bind(small_bdf, arg);
}

static int bound_to(const char *bdf, int ctx)
{
	int fd = cdev_open_bound(bdf, ctx, NULL);

	vfio_bus_master(fd);
	return fd;
}

static int bound(const char *bdf)
{
	if (!large[0])
		skip_test("no topology of ports");
	return bound_to(bdf, ioasid_open());
}

static uint32_t id(const struct edu *edu)
{
	return *(volatile uint32_t *)edu->bar;
}

static void check_not_mapped(int fd, uint32_t index, size_t len)
{
	check(vfio_map(fd, index, len) == MAP_FAILED);
	check_eq(EINVAL, errno);
}

/* ---- what can be mapped ---- */

/* A chain of capabilities has this one. */
static bool has_cap(int fd, uint32_t index, uint16_t cap)
{
	uint8_t buf[512] = { 0 };
	struct vfio_region_info *info = (void *)buf;
	struct vfio_info_cap_header *head;
	uint32_t pos;

	info->argsz = sizeof(buf);
	info->index = index;
	assert_ok(ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, info));
	check(info->argsz <= sizeof(buf));
	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return false;
	for (pos = info->cap_offset; pos; pos = head->next) {
		check(pos >= sizeof(*info) && pos < sizeof(buf));
		head = (void *)(buf + pos);
		if (head->id == cap)
			return true;
	}
	return false;
}

static void test_regions(void **state)
{
	struct vfio_region_info info;
	uint8_t rom[2] = { 0 };
	int fd = bound(nic_bdf);

	(void)state;
	assert_ok(vfio_region(fd, 0, &info));
	check_eq(NIC_BAR_SIZE, info.size);
	check_eq(READABLE | VFIO_REGION_INFO_FLAG_MMAP, info.flags);
	check(!has_cap(fd, 0, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE));
	/* Ports of the processor are for read() and write(). */
	assert_ok(vfio_region(fd, 2, &info));
	check_eq(32, info.size);
	check_eq(READABLE, info.flags);
	check_not_mapped(fd, 2, PAGE);
	/* BARs the device does not have. */
	assert_ok(vfio_region(fd, 5, &info));
	check_eq(0, info.size);
	check_eq(0, info.flags);
	check_not_mapped(fd, 5, PAGE);
	/* The ROM is read through the kernel. */
	assert_ok(vfio_region(fd, VFIO_PCI_ROM_REGION_INDEX, &info));
	check_eq(VFIO_REGION_INFO_FLAG_READ, info.flags);
	check(info.size);
	check_eq(2, assert_ok(pread(fd, rom, 2, info.offset)));
	check_eq(0x55, rom[0]);
	check_eq(0xaa, rom[1]);
	assert_errno(EINVAL, pwrite(fd, rom, 2, info.offset));
	check_not_mapped(fd, VFIO_PCI_ROM_REGION_INDEX, PAGE);
	/* Nor can configuration space be mapped. */
	check_not_mapped(fd, VFIO_PCI_CONFIG_REGION_INDEX, PAGE);
}

/* The MSI-X table lies in a BAR that can be mapped as a whole. */
static void test_msix_area(void **state)
{
	struct vfio_region_info info;
	volatile uint32_t *table;
	int fd = bound(nic_bdf);

	(void)state;
	assert_ok(vfio_region(fd, NIC_MSIX_REGION, &info));
	check_eq(NIC_MSIX_SIZE, info.size);
	check(info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	check(has_cap(fd, NIC_MSIX_REGION, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE));
	table = vfio_map(fd, NIC_MSIX_REGION, NIC_MSIX_SIZE);
	check(table != MAP_FAILED);
	/* Interrupts off: vectors are masked in the table, as the device begins. */
	check_eq(1, table[3] & 1);
	assert_ok(vfio_irq_eventfd(fd, VFIO_PCI_MSIX_IRQ_INDEX, 0,
				   eventfd_new()));
	check_eq(0, table[3] & 1);
	check(table[0]);
}

/* A BAR smaller than a page, with nothing else in its page: the firmware sees to that. */
static void test_small(void **state)
{
	int fd = bound(small_bdf);
	struct vfio_region_info info;
	volatile uint16_t *bar;
	uint16_t version = 0;

	(void)state;
	assert_ok(vfio_region(fd, 0, &info));
	check_eq(SD_BAR_SIZE, info.size);
	check_eq(READABLE | VFIO_REGION_INFO_FLAG_MMAP, info.flags);
	bar = vfio_map(fd, 0, PAGE);
	check(bar != MAP_FAILED);
	check_eq(2, assert_ok(pread(fd, &version, 2,
				    info.offset + SD_VERSION + 2)));
	check(version && version != 0xffff);
	check_eq(version, bar[(SD_VERSION + 2) / 2]);
	check_not_mapped(fd, 0, 2 * PAGE);
	/* Reads end where the BAR does. */
	assert_errno(EINVAL,
		     pread(fd, &version, 2, info.offset + SD_BAR_SIZE));
}

static long faults(void)
{
	struct rusage usage;

	assert_ok(getrusage(RUSAGE_SELF, &usage));
	return usage.ru_minflt + usage.ru_majflt;
}

/*
 * A large BAR at the alignment of a huge page. Old kernels fill a mapping at the first
 * fault; new ones take one fault for each huge page, not for each small one.
 */
static void test_huge(void **state)
{
	volatile uint8_t *bar;
	int fd = bound(large);
	struct vfio_region_info info;
	uint8_t *area, *at;
	long before, count;
	size_t i;

	(void)state;
	assert_ok(vfio_region(fd, LARGE_BAR, &info));
	check_eq(LARGE_SIZE, info.size);
	area = keep_map(mmap(NULL, LARGE_SIZE + PMD, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			LARGE_SIZE + PMD);
	check(area != MAP_FAILED);
	at = (uint8_t *)(((uintptr_t)area + PMD - 1) & ~(PMD - 1));
	bar = mmap(at, LARGE_SIZE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, fd, info.offset);
	check(bar == at);
	/* Of reads: where the processor notes no writes, the first write is a fault of its own. */
	before = faults();
	for (i = 0; i < LARGE_SIZE; i += 16 * PAGE)
		(void)bar[i];
	count = faults() - before;
	check(count >= 1 && count <= (long)(LARGE_SIZE / PMD) + 4);
	for (i = 0; i < LARGE_SIZE; i += 16 * PAGE)
		bar[i] = i / PAGE;
	for (i = 0; i < LARGE_SIZE; i += 16 * PAGE)
		check_eq((uint8_t)(i / PAGE), bar[i]);
	/* Taken away and filled again, in huge pages or in small ones. */
	vfio_config16_set(fd, PCI_COMMAND, 0);
	check_eq(SIGBUS, touch(bar + PMD));
	vfio_config16_set(fd, PCI_COMMAND, PCI_COMMAND_MEMORY);
	check_eq((uint8_t)(3 * PMD / PAGE), bar[3 * PMD]);
	/* A hole in the middle splits a huge page. */
	assert_ok(munmap(at + PMD + PAGE, PAGE));
	check_eq((uint8_t)(PMD / PAGE), bar[PMD]);
	check_eq((uint8_t)((PMD + 16 * PAGE) / PAGE), bar[PMD + 16 * PAGE]);
	check_eq(SIGSEGV, touch(bar + PMD + PAGE));
}

/* ---- what a mapping shows ---- */

struct child_map {
	struct edu edu;
	bool looks_first;
	struct gate step;
	struct gate done;
};

static void child_reads(void *arg)
{
	struct child_map *c = arg;

	if (c->looks_first)
		check_eq(EDU_ID, id(&c->edu));
	gate_open(&c->done);
	gate_wait(&c->step);
	check_eq(SIGBUS, touch(c->edu.bar));
	gate_open(&c->done);
	gate_wait(&c->step);
	check_eq(EDU_ID, id(&c->edu));
	gate_open(&c->done);
	gate_wait(&c->step);
	check_eq(EDU_ID, id(&c->edu));
}

/* The child has a child, which is the first of the three to look. */
static void child_forks(void *arg)
{
	struct child_map *c = arg;

	run_child(child_reads, c);
	check_eq(EDU_ID, id(&c->edu));
}

static void low_power(int fd, uint32_t what)
{
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature),
		.flags = VFIO_DEVICE_FEATURE_SET | what,
	};

	assert_ok(ioctl(fd, VFIO_DEVICE_FEATURE, &feature));
}

/* The mapping of a child is not there while the device sleeps. */
static void check_fork_asleep(child_fn fn, bool looks_first)
{
	int fd = bound(edu_bdf);
	struct child_map c = { .looks_first = looks_first };
	pid_t child;

	edu_open(&c.edu, fd);
	gate_init(&c.step);
	gate_init(&c.done);
	check_eq(EDU_ID, id(&c.edu));
	child = child_start(fn, &c);
	gate_wait(&c.done);
	low_power(fd, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
	gate_open(&c.step);
	gate_wait(&c.done);
	low_power(fd, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
	check_eq(EDU_ID, id(&c.edu));
	gate_open(&c.step);
	gate_wait(&c.done);
	gate_open(&c.step);
	child_ok(child);
	edu_close(&c.edu);
	drop_fd(fd);
}

static void test_fork_asleep(void **state)
{
	(void)state;
	check_fork_asleep(child_reads, true);
	check_fork_asleep(child_reads, false);
}

static void test_fork_twice(void **state)
{
	(void)state;
	check_fork_asleep(child_forks, true);
	check_fork_asleep(child_forks, false);
}

/* A child's copy of the mapping is taken away and comes back like the parent's. */
static void test_fork(void **state)
{
	int fd = bound(edu_bdf);
	struct child_map c = { .looks_first = true };
	pid_t child;

	(void)state;
	edu_open(&c.edu, fd);
	gate_init(&c.step);
	gate_init(&c.done);
	check_eq(EDU_ID, id(&c.edu));
	child = child_start(child_reads, &c);
	gate_wait(&c.done);
	vfio_config16_set(fd, PCI_COMMAND, 0);
	check_eq(SIGBUS, touch(c.edu.bar));
	gate_open(&c.step);
	gate_wait(&c.done);
	vfio_config16_set(fd, PCI_COMMAND, PCI_COMMAND_MEMORY);
	gate_open(&c.step);
	gate_wait(&c.done);
	check_eq(EDU_ID, id(&c.edu));
	/* It needs no mapping, and no file, of the parent. */
	edu_close(&c.edu);
	drop_fd(fd);
	gate_open(&c.step);
	child_ok(child);
}

static void test_changed(void **state)
{
	int fd = bound(edu_bdf);
	struct edu edu;
	uint8_t *bar, *moved;

	(void)state;
	edu_open(&edu, fd);
	bar = (uint8_t *)edu.bar;
	check_eq(EDU_ID, id(&edu));
	/* Nothing behind the BAR can be had. */
	check(mremap(bar, MB, 2 * MB, MREMAP_MAYMOVE) == MAP_FAILED);
	check_eq(EFAULT, errno);
	/* Read only is read only. */
	assert_ok(mprotect(bar + PAGE, PAGE, PROT_READ));
	/* The rest goes on when a part of it is gone, after a zap as well. */
	assert_ok(munmap(bar + 16 * PAGE, 16 * PAGE));
	check_eq(EDU_ID, id(&edu));
	vfio_config16_set(fd, PCI_COMMAND, 0);
	check_eq(SIGBUS, touch(bar));
	check_eq(SIGBUS, touch(bar + 64 * PAGE));
	check_eq(SIGSEGV, touch(bar + 16 * PAGE));
	vfio_config16_set(fd, PCI_COMMAND, PCI_COMMAND_MEMORY);
	check_eq(0, touch(bar + 64 * PAGE));
	check_eq(EDU_ID, id(&edu));
	/* At another address. */
	moved = mremap(bar, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       bar + 16 * PAGE);
	check(moved == bar + 16 * PAGE);
	check_eq(EDU_ID, *(volatile uint32_t *)moved);
	vfio_config16_set(fd, PCI_COMMAND, 0);
	check_eq(SIGBUS, touch(moved));
	vfio_config16_set(fd, PCI_COMMAND, PCI_COMMAND_MEMORY);
	check_eq(EDU_ID, *(volatile uint32_t *)moved);
}

/* How many of these pages answer a read like this: 0, or a signal. */
static size_t pages(const uint8_t *at, size_t len, int want)
{
	size_t i, count = 0;

	for (i = 0; i < len; i += PAGE)
		count += touch(at + i) == want;
	return count;
}

static void move(uint8_t *from, size_t len, size_t left, uint8_t *to)
{
	check(mremap(from, len, left, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
}

/*
 * A filled mapping of the BAR is taken to pieces, some of which go to a place of the same
 * size. All that is left of it, and nothing else, is taken away and comes back.
 */
static void check_pieces(void (*take)(uint8_t *bar, uint8_t *place),
			 size_t left)
{
	int fd = bound(edu_bdf);
	uint8_t *bar, *place;
	struct edu edu;

	edu_open(&edu, fd);
	bar = (uint8_t *)edu.bar;
	place = keep_map(mmap(NULL, MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0),
			 MB);
	check(place != MAP_FAILED);
	check_eq(MB / PAGE, pages(bar, MB, 0));
	take(bar, place);
	vfio_config16_set(fd, PCI_COMMAND, 0);
	check_eq(0, pages(bar, MB, 0) + pages(place, MB, 0));
	check_eq(left, pages(bar, MB, SIGBUS) + pages(place, MB, SIGBUS));
	vfio_config16_set(fd, PCI_COMMAND, PCI_COMMAND_MEMORY);
	check_eq(left, pages(bar, MB, 0) + pages(place, MB, 0));
	check_eq(2 * MB / PAGE - left,
		 pages(bar, MB, SIGSEGV) + pages(place, MB, SIGSEGV));
}

static void take_middle(uint8_t *bar, uint8_t *place)
{
	move(bar + 16 * PAGE, PAGE, PAGE, place);
}

static void test_moved_middle(void **state)
{
	(void)state;
	check_pieces(take_middle, 256);
}

/* What stays lies between two places that were emptied, and is cut as well. */
static void take_ends(uint8_t *bar, uint8_t *place)
{
	move(bar, 8 * PAGE, 8 * PAGE, place);
	move(bar + 248 * PAGE, 8 * PAGE, 8 * PAGE, place + 248 * PAGE);
	assert_ok(mprotect(bar + 128 * PAGE, PAGE, PROT_READ));
}

static void test_moved_ends(void **state)
{
	(void)state;
	check_pieces(take_ends, 256);
}

/* One page in eight, from the end and from the beginning, and some of them back. */
static void take_many(uint8_t *bar, uint8_t *place)
{
	size_t i;

	for (i = 0; i < MB / 2; i += 8 * PAGE) {
		move(bar + i, PAGE, PAGE, place + i);
		move(bar + MB - PAGE - i, PAGE, PAGE, place + MB - PAGE - i);
	}
	for (i = 0; i < MB / 2; i += 16 * PAGE)
		move(place + i, PAGE, PAGE, bar + i);
}

static void test_moved_many(void **state)
{
	(void)state;
	check_pieces(take_many, 256);
}

/* All of it, filled there, and a part back to where it was; less than was asked for. */
static void take_whole(uint8_t *bar, uint8_t *place)
{
	move(bar, MB, MB, place);
	check_eq(0, touch(place));
	move(place + 16 * PAGE, 16 * PAGE, 8 * PAGE, bar);
	check_eq(0, touch(bar));
	move(bar + PAGE, PAGE, PAGE, bar + 64 * PAGE);
}

static void test_moved_whole(void **state)
{
	(void)state;
	check_pieces(take_whole, 248);
}

/* Nothing moves. */
static void take_parts(uint8_t *bar, uint8_t *place)
{
	(void)place;
	assert_ok(munmap(bar + 16 * PAGE, 8 * PAGE));
	assert_ok(mprotect(bar + 64 * PAGE, 8 * PAGE, PROT_READ));
	assert_ok(madvise(bar + 128 * PAGE, 8 * PAGE, MADV_KEEPONFORK));
	check(mremap(bar + 240 * PAGE, 16 * PAGE, 8 * PAGE, 0) ==
	      bar + 240 * PAGE);
}

static void test_cut(void **state)
{
	(void)state;
	check_pieces(take_parts, 240);
}

/* The BAR's address, as the user writes it, moves nothing. */
static void test_bar_address(void **state)
{
	int fd = bound(edu_bdf);
	uint16_t low, high;
	struct edu edu;

	(void)state;
	edu_open(&edu, fd);
	low = vfio_config16(fd, PCI_BASE_ADDRESS_0);
	high = vfio_config16(fd, PCI_BASE_ADDRESS_0 + 2);
	vfio_config16_set(fd, PCI_BASE_ADDRESS_0 + 2, high + 0x100);
	check_eq((uint16_t)(high + 0x100),
		 vfio_config16(fd, PCI_BASE_ADDRESS_0 + 2));
	check_eq(EDU_ID, id(&edu));
	/* How programs ask for the size. */
	vfio_config16_set(fd, PCI_BASE_ADDRESS_0, 0xffff);
	vfio_config16_set(fd, PCI_BASE_ADDRESS_0 + 2, 0xffff);
	check_eq(0xfff0, vfio_config16(fd, PCI_BASE_ADDRESS_0 + 2));
	check_eq(0, vfio_config16(fd, PCI_BASE_ADDRESS_0));
	check_eq(EDU_ID, id(&edu));
	vfio_config16_set(fd, PCI_BASE_ADDRESS_0, low);
	vfio_config16_set(fd, PCI_BASE_ADDRESS_0 + 2, high);
	check_eq(EDU_ID, id(&edu));
}

/* ---- how long it lasts ---- */

/* The file is closed, the mapping is not: the device is still this user's. */
static void test_after_close(void **state)
{
	int fd = bound(edu_bdf), fd2, ctx = ioasid_open();
	struct edu edu;

	(void)state;
	edu_open(&edu, fd);
	drop_fd(fd);
	check_eq(EDU_ID, id(&edu));
	fd2 = assert_ok(cdev_open(edu_bdf));
	assert_errno(EINVAL, cdev_bind(fd2, ctx, NULL));
	edu_close(&edu);
	assert_ok(cdev_bind(fd2, ctx, NULL));
}

/* The next user's mapping is his own; one that is parked has none. */
static void test_next_user(void **state)
{
	int fd = bound(edu_bdf), fd2;
	struct edu edu;

	(void)state;
	fd2 = assert_ok(cdev_open(edu_bdf));
	check(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd2, 0) == MAP_FAILED);
	check_eq(EINVAL, errno);
	drop_fd(fd);
	assert_ok(cdev_bind(fd2, ioasid_open(), NULL));
	edu_open(&edu, fd2);
	vfio_config16_set(fd2, PCI_COMMAND, 0);
	check_eq(SIGBUS, touch(edu.bar));
}

/* Memory that takes a while to unmap. */
#define OLD_SIZE (256 * MB)

struct map_race {
	int fd;
	uint8_t *old;
	atomic_bool begun;
};

static void *map_parked(void *arg)
{
	struct map_race *race = arg;

	atomic_store(&race->begun, true);
	return mmap(race->old, OLD_SIZE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, race->fd, 0);
}

/*
 * BIND while another thread maps the file, and is refused: the file counts as mapped for
 * writing meanwhile, and no longer when it is over. So the next user can map it.
 */
static void test_meets_bind(void **state)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	int ctx = ioasid_open(), i;
	pthread_t thread;
	struct edu edu;
	void *got;

	(void)state;
	drop_fd(bound(edu_bdf));
	for (i = 0; i < 4; i++) {
		struct map_race race = { .begun = false };

		race.fd = assert_ok(cdev_open(edu_bdf));
		race.old = mmap(NULL, OLD_SIZE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
				0);
		check(race.old != MAP_FAILED);
		check_eq(0, pthread_create(&thread, NULL, map_parked, &race));
		while (!atomic_load(&race.begun))
			sched_yield();
		nanosleep(&ms, NULL);
		assert_ok(cdev_bind(race.fd, ctx, NULL));
		check_eq(0, pthread_join(thread, &got));
		check(got == MAP_FAILED);
		munmap(race.old, OLD_SIZE);
		drop_fd(race.fd);
		race.fd = bound_to(edu_bdf, ctx);
		edu_open(&edu, race.fd);
		check_eq(EDU_ID, id(&edu));
		edu_close(&edu);
		drop_fd(race.fd);
	}
}

/* The device of a parked file leaves, and with it the last there is; the file is closed. */
static void test_outlives(void **state)
{
	int fd;

	(void)state;
	drop_fd(bound(edu_bdf));
	fd = assert_ok(cdev_open(edu_bdf));
	pci_bind(nic_bdf, NULL);
	pci_bind(edu_bdf, NULL);
	pci_bind(large, NULL);
	pci_bind(small_bdf, NULL);
	check(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
	      MAP_FAILED);
	check_eq(EINVAL, errno);
	drop_fd(fd);
}

/* A driver that is asked to leave waits for the mapping, too. */
static void test_after_unbind(void **state)
{
	char path[PATH_MAX];
	int fd = bound(edu_bdf), efd = eventfd_new();
	struct edu edu;
	pid_t child;

	(void)state;
	edu_open(&edu, fd);
	assert_ok(vfio_irq_eventfd(fd, VFIO_PCI_REQ_IRQ_INDEX, 0, efd));
	drop_fd(fd);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind",
		 edu_bdf);
	child = write_start(path, edu_bdf);
	check(eventfd_wait(efd, 5000));
	check_eq(EDU_ID, id(&edu));
	sleep_ms(300);
	check_eq(0, waitpid(child, NULL, WNOHANG));
	edu_close(&edu);
	child_ok(child);
	check(!*pci_driver(edu_bdf));
}

static int finish(void **state)
{
	(void)state;
	if (!large[0])
		return 0;
	pci_bind(nic_bdf, NULL);
	pci_bind(edu_bdf, NULL);
	pci_bind(large, NULL);
	pci_bind(small_bdf, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct driver_test tests[] = {
#define T(fn) { #fn, test_##fn }
		T(regions),	T(msix_area),	T(small),	 T(huge),
		T(fork),	T(fork_asleep), T(fork_twice),	 T(changed),
		T(moved_middle), T(moved_ends), T(moved_many),	 T(moved_whole),
		T(cut),		T(bar_address), T(after_close),	 T(next_user),
		T(meets_bind),	T(outlives),	T(after_unbind),
	};
	struct test_list list = { 0 };

	test_before = use_driver;
	test_add_drivers(&list, tests, ARRAY_SIZE(tests));
	return test_main(argc, argv, "mmap", &list, NULL, finish);
}
