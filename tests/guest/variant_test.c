// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: features, migration and DMA logging of an adopted driver
 *
 * VFIO_DEVICE_FEATURE on a device whose own driver, a variant driver of some
 * vendor, offers migration and DMA logging: tests/module/ext_test_variant.c. An
 * adopted driver loses nothing, so whatever is asked here of the node is also
 * asked of the group path and has to have the same answer.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <linux/pci_regs.h>

#include "edu.h"
#include "ioasid.h"
#include "kvm.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define IOVA 0x100000UL

#define GET VFIO_DEVICE_FEATURE_GET
#define SET VFIO_DEVICE_FEATURE_SET
#define PROBE VFIO_DEVICE_FEATURE_PROBE
#define MIGRATION VFIO_DEVICE_FEATURE_MIGRATION
#define MIG_STATE VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE
#define LOG_START VFIO_DEVICE_FEATURE_DMA_LOGGING_START
#define LOG_STOP VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP
#define LOG_REPORT VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT
#define LOW_POWER_ENTRY VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY
#define LOW_POWER_WAKEUP VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP
#define LOW_POWER_EXIT VFIO_DEVICE_FEATURE_LOW_POWER_EXIT
/* Which not all headers have. */
#define MIG_DATA_SIZE 9
#define BUS_MASTER 10
#define DMA_BUF 11
#define PRECOPY_INFO 12
#define STATE_PRE_COPY 6
#define MIGRATION_PRE_COPY 4U
#define MIG_GET_PRECOPY_INFO _IO(VFIO_TYPE, VFIO_BASE + 21)

struct precopy_info {
	uint32_t argsz;
	uint32_t flags;
	uint64_t initial_bytes;
	uint64_t dirty_bytes;
};

static const char *edu_bdf;

static void use_variant(void *arg)
{
	(void)arg;
	edu_bdf = topology("EDU_BDF");
	if (edu_bdf)
		variant_bind(edu_bdf);
}

static void need_edu(void)
{
	if (!edu_bdf)
		skip_test("no EDU_BDF");
}

static int node_open(void)
{
	need_edu();
	return cdev_open_bound(edu_bdf, ioasid_open(), NULL);
}

/* The same device through its group. Closing the files gives it back. */
struct legacy {
	int container;
	int group;
	int dev;
};

static struct legacy legacy_open(void)
{
	struct legacy l;

	if (system("modprobe -q vfio_iommu_type1"))
		skip_test("no vfio_iommu_type1");
	l.container =
		assert_ok(keep_fd(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC)));
	l.group = assert_ok(group_open(pci_group(edu_bdf)));
	assert_ok(group_set_container(l.group, l.container));
	assert_ok(ioctl(l.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	l.dev = assert_ok(group_device(l.group, edu_bdf));
	return l;
}

static void legacy_close(struct legacy *l)
{
	drop_fd(l->dev);
	drop_fd(l->group);
	drop_fd(l->container);
}

/* Asks both ways with a device that has just been opened, and compares. */
static void on_both(void (*ask)(int fd, long *answer), size_t answers)
{
	long node[512] = { 0 }, group[512] = { 0 };
	struct legacy l;
	size_t i;
	int fd;

	need_edu();
	check(answers <= ARRAY_SIZE(node));
	fd = node_open();
	ask(fd, node);
	drop_fd(fd);
	l = legacy_open();
	ask(l.dev, group);
	legacy_close(&l);
	for (i = 0; i < answers; i++)
		if (node[i] != group[i])
			fail_test("answer %zu: node %ld, group %ld", i, node[i],
				  group[i]);
}

struct feature {
	struct vfio_device_feature head;
	union {
		struct vfio_device_feature_migration mig;
		struct vfio_device_feature_mig_state state;
		struct vfio_device_feature_dma_logging_control start;
		struct vfio_device_feature_dma_logging_report report;
		uint64_t length;
		uint8_t bytes[64];
	};
};

static int feature(int fd, uint32_t flags, struct feature *f)
{
	f->head.argsz = sizeof(*f);
	f->head.flags = flags;
	return ioctl(fd, VFIO_DEVICE_FEATURE, f);
}

static int feature_empty(int fd, uint32_t flags)
{
	struct feature f = { 0 };

	return feature(fd, flags, &f);
}

static long outcome(int rc)
{
	return rc < 0 ? -errno : rc;
}

/* ---- every id ---- */

#define IDS 40

static void ask_probe(int fd, long *answer)
{
	static const uint32_t ops[] = { GET, SET, GET | SET, 0 };
	uint32_t id, i;

	for (id = 0; id < IDS; id++) {
		if (id == DMA_BUF)
			continue;
		for (i = 0; i < ARRAY_SIZE(ops); i++)
			*answer++ = outcome(feature_empty(fd, id | ops[i] |
								      PROBE));
	}
}

static void test_probe_every_id(void **state)
{
	int fd;

	(void)state;
	on_both(ask_probe, (IDS - 1) * 4);
	fd = node_open();
	assert_ok(feature_empty(fd, PROBE | GET | MIGRATION));
	assert_errno(EINVAL, feature_empty(fd, PROBE | SET | MIGRATION));
	assert_ok(feature_empty(fd, PROBE | GET | SET | MIG_STATE));
	assert_ok(feature_empty(fd, PROBE | SET | LOG_START));
	assert_errno(EINVAL, feature_empty(fd, PROBE | GET | LOG_START));
	assert_ok(feature_empty(fd, PROBE | SET | LOG_STOP));
	assert_ok(feature_empty(fd, PROBE | GET | LOG_REPORT));
	assert_errno(ENOTTY, feature_empty(fd, PROBE | GET | 0xfff0));
}

/* Too short for what each id takes, down to nothing behind the head. */
static void ask_short(int fd, long *answer)
{
	static const uint32_t ops[] = { GET, SET };
	struct feature f;
	uint32_t id, i;

	for (id = 0; id < IDS; id++) {
		for (i = 0; i < ARRAY_SIZE(ops); i++) {
			/* These take nothing, and would be done. */
			if (id == DMA_BUF || id == LOG_STOP ||
			    (id >= LOW_POWER_ENTRY &&
			     id <= LOW_POWER_EXIT)) {
				*answer++ = 0;
				continue;
			}
			f = (struct feature){
				.head.argsz = sizeof(f.head) + 3,
				.head.flags = id | ops[i],
			};
			*answer++ = outcome(ioctl(fd, VFIO_DEVICE_FEATURE, &f));
		}
	}
}

static void test_short_every_id(void **state)
{
	(void)state;
	on_both(ask_short, IDS * 2);
}

/* ---- migration ---- */

/* The driver of the tests copies in advance where the core has PRECOPY_INFO for it. */
static bool has_precopy(void)
{
	return kernel_since(7, 2);
}

static void test_migration(void **state)
{
	struct feature f = { 0 };
	int fd = node_open();

	(void)state;
	assert_ok(feature(fd, GET | MIGRATION, &f));
	check_eq(VFIO_MIGRATION_STOP_COPY |
			 (has_precopy() ? MIGRATION_PRE_COPY : 0),
		 f.mig.flags);
	assert_errno(EINVAL, feature(fd, SET | MIGRATION, &f));
	assert_errno(EINVAL, feature(fd, GET | SET | MIGRATION, &f));
	/* No answer where it cannot be written. */
	f.head.argsz = sizeof(f.head) + sizeof(f.mig) - 1;
	f.head.flags = GET | MIGRATION;
	assert_errno(EINVAL, ioctl(fd, VFIO_DEVICE_FEATURE, &f));
}

static int set_state(int fd, uint32_t to, struct feature *f)
{
	*f = (struct feature){ .state = { to, 0x55 } };
	return feature(fd, SET | MIG_STATE, f);
}

static uint32_t get_state(int fd)
{
	struct feature f = { .state.data_fd = 0x55 };

	assert_ok(feature(fd, GET | MIG_STATE, &f));
	check_eq(-1, f.state.data_fd);
	return f.state.device_state;
}

static void test_migrate(void **state)
{
	uint64_t data = 0, other = 42;
	struct feature f;
	int fd = node_open(), data_fd;

	(void)state;
	check_eq(VFIO_DEVICE_STATE_RUNNING, get_state(fd));
	assert_ok(set_state(fd, VFIO_DEVICE_STATE_STOP, &f));
	check_eq(-1, f.state.data_fd);
	check_eq(VFIO_DEVICE_STATE_STOP, get_state(fd));
	assert_ok(set_state(fd, VFIO_DEVICE_STATE_STOP_COPY, &f));
	data_fd = assert_ok(keep_fd(f.state.data_fd));
	check(fcntl(data_fd, F_GETFD) & FD_CLOEXEC);
	check_eq(8, assert_ok(read(data_fd, &data, sizeof(data))));
	check_eq(0x1122334455667788, data);
	check_eq(0, assert_ok(read(data_fd, &data, sizeof(data))));
	drop_fd(data_fd);
	/* Through two states at once, and data the other way. */
	assert_ok(set_state(fd, VFIO_DEVICE_STATE_RESUMING, &f));
	data_fd = assert_ok(keep_fd(f.state.data_fd));
	check_eq(8, assert_ok(write(data_fd, &other, sizeof(other))));
	drop_fd(data_fd);
	assert_ok(set_state(fd, VFIO_DEVICE_STATE_RUNNING, &f));
	check_eq(-1, f.state.data_fd);
	assert_ok(set_state(fd, VFIO_DEVICE_STATE_STOP_COPY, &f));
	data_fd = assert_ok(keep_fd(f.state.data_fd));
	check_eq(8, assert_ok(read(data_fd, &data, sizeof(data))));
	check_eq(42, data);
	/* The data outlives the device's file. */
	drop_fd(fd);
	check_eq(0, assert_ok(read(data_fd, &data, sizeof(data))));
}

static void test_migrate_bad(void **state)
{
	struct feature f, *page = page_alloc(PAGE);
	struct rlimit old, limit = { 0 };
	int fd = node_open();

	(void)state;
	assert_errno(EINVAL, set_state(fd, 1000, &f));
	check_eq(-1, f.state.data_fd);
	assert_errno(EINVAL, set_state(fd, VFIO_DEVICE_STATE_ERROR, &f));
	check_eq(VFIO_DEVICE_STATE_RUNNING, get_state(fd));
	/* No descriptor left for the data, or nowhere to say which it is. */
	assert_ok(getrlimit(RLIMIT_NOFILE, &old));
	limit.rlim_max = old.rlim_max;
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
	assert_errno(EMFILE, set_state(fd, VFIO_DEVICE_STATE_STOP_COPY, &f));
	assert_ok(setrlimit(RLIMIT_NOFILE, &old));
	check_eq(0x55, f.state.data_fd);
	assert_ok(set_state(fd, VFIO_DEVICE_STATE_RUNNING, &f));
	page->head.argsz = sizeof(*page);
	page->head.flags = SET | MIG_STATE;
	page->state.device_state = VFIO_DEVICE_STATE_STOP_COPY;
	assert_ok(mprotect(page, PAGE, PROT_READ));
	assert_errno(EFAULT, ioctl(fd, VFIO_DEVICE_FEATURE, page));
	assert_ok(mprotect(page, PAGE, PROT_READ | PROT_WRITE));
	page->head.flags = GET | MIG_STATE;
	assert_ok(mprotect(page, PAGE, PROT_READ));
	assert_errno(EFAULT, ioctl(fd, VFIO_DEVICE_FEATURE, page));
	/* State is the device's, and starts anew with its next user. */
	drop_fd(fd);
	check_eq(VFIO_DEVICE_STATE_RUNNING, get_state(node_open()));
}

/* What of @flags comes back; the driver itself sets none. */
static long precopy_flags(int data_fd, uint32_t flags)
{
	struct precopy_info info = { .argsz = sizeof(info), .flags = flags };

	if (ioctl(data_fd, MIG_GET_PRECOPY_INFO, &info))
		return -errno;
	check_eq(8, info.initial_bytes);
	check_eq(0, info.dirty_bytes);
	return info.flags;
}

static void ask_precopy_info(int fd, long *answer)
{
	struct feature f;

	*answer++ = outcome(feature_empty(fd, PROBE | SET | PRECOPY_INFO));
	*answer++ = outcome(feature_empty(fd, PROBE | GET | PRECOPY_INFO));
	*answer++ = outcome(feature_empty(fd, GET | PRECOPY_INFO));
	*answer++ = outcome(set_state(fd, STATE_PRE_COPY, &f));
	if (f.state.data_fd < 0)
		return;
	keep_fd(f.state.data_fd);
	*answer++ = precopy_flags(f.state.data_fd, 0x80);
	*answer++ = outcome(feature_empty(fd, SET | PRECOPY_INFO));
	*answer++ = precopy_flags(f.state.data_fd, 0x80);
	drop_fd(f.state.data_fd);
}

/*
 * The user says that the flags are an answer to him; until then they come back as he
 * gave them. The promise ends with the device's file.
 */
static void test_precopy_info(void **state)
{
	uint64_t data = 0;
	struct feature f;
	int fd, data_fd;

	(void)state;
	on_both(ask_precopy_info, 7);
	fd = node_open();
	if (!has_precopy()) {
		assert_errno(ENOTTY, feature_empty(fd, SET | PRECOPY_INFO));
		assert_errno(EINVAL, set_state(fd, STATE_PRE_COPY, &f));
		return;
	}
	assert_errno(EINVAL, feature_empty(fd, GET | PRECOPY_INFO));
	assert_ok(set_state(fd, STATE_PRE_COPY, &f));
	data_fd = assert_ok(keep_fd(f.state.data_fd));
	check_eq(0x80, precopy_flags(data_fd, 0x80));
	assert_ok(feature_empty(fd, SET | PRECOPY_INFO));
	check_eq(0, precopy_flags(data_fd, 0x80));
	/* The same file goes on when the device stops. */
	assert_ok(set_state(fd, VFIO_DEVICE_STATE_STOP_COPY, &f));
	check_eq(-1, f.state.data_fd);
	check_eq(8, assert_ok(read(data_fd, &data, sizeof(data))));
	check_eq(0x1122334455667788, data);
	drop_fd(fd);
	fd = node_open();
	check_eq(0x80, precopy_flags(data_fd, 0x80));
}

static void ask_data_size(int fd, long *answer)
{
	struct feature f = { 0 };

	*answer++ = outcome(feature(fd, GET | MIG_DATA_SIZE, &f));
	*answer++ = f.length;
	*answer++ = outcome(feature(fd, SET | MIG_DATA_SIZE, &f));
}

static void test_data_size(void **state)
{
	struct feature f = { 0 };
	int rc;

	(void)state;
	on_both(ask_data_size, 3);
	rc = feature(node_open(), GET | MIG_DATA_SIZE, &f);
	/* A driver can say only since 6.2. */
	if (rc < 0)
		check_eq(ENOTTY, errno);
	else
		check_eq(8, f.length);
}

/* ---- DMA logging ---- */

static int log_start(int fd, uint64_t page_size,
		     const struct vfio_device_feature_dma_logging_range *ranges,
		     uint32_t n, uint64_t *out)
{
	struct feature f = {
		.start = {
			.page_size = page_size,
			.num_ranges = n,
			.ranges = (uintptr_t)ranges,
		},
	};
	int rc = feature(fd, SET | LOG_START, &f);

	if (out)
		*out = f.start.page_size;
	return rc;
}

static int log_stop(int fd)
{
	return feature_empty(fd, SET | LOG_STOP);
}

static int log_report(int fd, uint64_t iova, uint64_t length,
		      uint64_t page_size, void *bitmap)
{
	struct feature f = {
		.report = {
			.iova = iova,
			.length = length,
			.page_size = page_size,
			.bitmap = (uintptr_t)bitmap,
		},
	};

	return feature(fd, GET | LOG_REPORT, &f);
}

static const struct vfio_device_feature_dma_logging_range one_range[] = {
	{ .iova = 4 * MB, .length = 4 * MB },
};

static void test_log_start(void **state)
{
	static const struct {
		int err;
		uint64_t page_size;
		uint32_t n;
		struct vfio_device_feature_dma_logging_range range[6];
	} cases[] = {
		{ EINVAL, PAGE, 0, { { 0, PAGE } } },
		{ EINVAL, PAGE, 1, { { 1, PAGE } } },
		{ EINVAL, PAGE, 1, { { 0, PAGE + 1 } } },
		{ EINVAL, 0, 1, { { 0, PAGE } } },
		{ EINVAL, PAGE, 1, { { PAGE, 0 } } },
		{ EINVAL, PAGE, 2, { { 0, 2 * PAGE }, { PAGE, PAGE } } },
		{ EINVAL, PAGE, 2, { { PAGE, PAGE }, { PAGE, PAGE } } },
		{ EOVERFLOW, PAGE, 1, { { -PAGE, PAGE } } },
		{ EOVERFLOW, PAGE, 1, { { -PAGE, 2 * PAGE } } },
		{ E2BIG, PAGE, 257, { { 0, PAGE } } },
		{ E2BIG, PAGE, -1U, { { 0, PAGE } } },
		/* The driver's own limit. */
		{ ENOSPC,
		  PAGE,
		  5,
		  { { 0, PAGE },
		    { 2 * PAGE, PAGE },
		    { 4 * PAGE, PAGE },
		    { 6 * PAGE, PAGE },
		    { 8 * PAGE, PAGE } } },
		{ 0, PAGE, 2, { { PAGE, PAGE }, { 0, PAGE } } },
	};
	int fd = node_open();
	uint64_t out = 0;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_errno(cases[i].err,
			     log_start(fd, cases[i].page_size, cases[i].range,
				       cases[i].n, NULL));
		if (!cases[i].err)
			assert_ok(log_stop(fd));
	}
	assert_errno(EFAULT, log_start(fd, PAGE, NULL, 1, NULL));
	assert_errno(EFAULT,
		     log_start(fd, PAGE, (void *)(1UL << 63), 256, NULL));
	/* The driver answers with what it can do. */
	assert_ok(log_start(fd, 1, one_range, 1, &out));
	check_eq(PAGE, out);
	assert_errno(EBUSY, log_start(fd, PAGE, one_range, 1, NULL));
	assert_ok(log_stop(fd));
	assert_ok(log_stop(fd));
	assert_errno(EINVAL, feature_empty(fd, GET | LOG_STOP));
}

/* An answer that cannot be given is no start. */
static void test_log_start_unwritable(void **state)
{
	struct feature *f = page_alloc(PAGE);
	int fd = node_open();

	(void)state;
	f->head.argsz = sizeof(*f);
	f->head.flags = SET | LOG_START;
	f->start.page_size = PAGE;
	f->start.num_ranges = 1;
	f->start.ranges = (uintptr_t)one_range;
	assert_ok(mprotect(f, PAGE, PROT_READ));
	assert_errno(EFAULT, ioctl(fd, VFIO_DEVICE_FEATURE, f));
	assert_ok(log_start(fd, PAGE, one_range, 1, NULL));
}

static void test_log_report_bad(void **state)
{
	uint64_t bitmap[16];
	int fd = node_open();

	(void)state;
	assert_ok(log_start(fd, PAGE, one_range, 1, NULL));
	assert_errno(EINVAL, log_report(fd, 0, MB, 2048, bitmap));
	assert_errno(EINVAL, log_report(fd, 0, MB, 0, bitmap));
	assert_errno(EINVAL, log_report(fd, 0, MB, 3 * PAGE, bitmap));
	assert_errno(EINVAL, log_report(fd, 0, 0, PAGE, bitmap));
	assert_errno(EOVERFLOW, log_report(fd, -PAGE, PAGE, PAGE, bitmap));
	assert_errno(EINVAL, feature_empty(fd, SET | LOG_REPORT));
}

/* Drivers of 6.7 and later cannot mark pages in a kernel without iommufd. */
static bool can_report(int fd)
{
	uint64_t bitmap[16];

	if (!log_report(fd, 0, MB, PAGE, bitmap))
		return true;
	check_eq(EOPNOTSUPP, errno);
	return false;
}

static void ask_report(int fd, long *answer)
{
	/* Starts in the middle of a page, and of what it logs. */
	uint64_t *pages = page_alloc(4 * PAGE), *bitmap = pages + 300;
	size_t i;

	*answer++ = outcome(log_report(fd, 0, MB, PAGE, bitmap));
	*answer++ = outcome(log_start(fd, PAGE, one_range, 1, NULL));
	*answer++ = outcome(log_report(fd, MB, 16 * MB, PAGE, bitmap));
	for (i = 0; i < 64; i++)
		*answer++ = bitmap[i];
	*answer++ = outcome(log_report(fd, MB, 16 * MB, 16 * PAGE, bitmap));
	for (i = 0; i < 4; i++)
		*answer++ = bitmap[i];
	*answer++ = outcome(log_report(fd, 5 * MB, PAGE, PAGE, bitmap + 63));
	*answer++ = bitmap[63];
	*answer++ = outcome(log_report(fd, 0, MB, PAGE, NULL));
	*answer++ = outcome(log_stop(fd));
	*answer++ = outcome(log_report(fd, 0, MB, PAGE, bitmap));
}

static void test_log_report(void **state)
{
	uint64_t *bitmap = page_alloc(PAGE);
	int fd, i;

	(void)state;
	on_both(ask_report, 3 + 64 + 1 + 4 + 5);
	fd = node_open();
	assert_ok(log_start(fd, PAGE, one_range, 1, NULL));
	if (!can_report(fd))
		return;
	assert_ok(log_report(fd, 0, 16 * MB, PAGE, bitmap));
	/* 256 pages of a mebibyte are four words. */
	for (i = 0; i < 64; i++)
		check_eq(i >= 16 && i < 32 && i % 4 == 0, bitmap[i]);
	assert_errno(EFAULT, log_report(fd, 0, 16 * MB, PAGE, NULL));
	assert_ok(log_stop(fd));
	assert_errno(EINVAL, log_report(fd, 0, 16 * MB, PAGE, bitmap));
}

/* More than fits one piece of 512 pages of bitmap, which is 64 GiB of IOVA. */
static void test_log_report_large(void **state)
{
	static const struct vfio_device_feature_dma_logging_range range[] = {
		{ .iova = 0, .length = 160UL << 30 },
	};
	size_t words = (160UL << 30) / PAGE / 64, i, marked = 0;
	uint64_t *pages, *bitmap;
	int fd = node_open();

	(void)state;
	assert_ok(log_start(fd, PAGE, range, 1, NULL));
	if (!can_report(fd))
		return;
	pages = page_alloc(words * 8 + PAGE);
	bitmap = pages + 5;
	assert_ok(log_report(fd, 0, range[0].length, PAGE, bitmap));
	for (i = 0; i < words; i++) {
		check_eq(i % 4 == 0, bitmap[i]);
		marked += bitmap[i];
	}
	check_eq(160 * 1024, marked);
	for (i = 0; i < 5; i++)
		check_eq(0, pages[i]);
	check_eq(0, bitmap[words]);
	/* The last page of the bitmap is not there. */
	munmap((char *)pages + (words * 8 & -PAGE), PAGE);
	assert_errno(EFAULT, log_report(fd, 0, range[0].length, PAGE, bitmap));
}

#define SPAN (160UL << 30)

static void write_param(const char *name, uint64_t value)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path),
		 "/sys/module/" DRIVER_VARIANT "/parameters/%s", name);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	assert_ok(write_file(path, text));
}

static bool bit_set(const uint64_t *bitmap, size_t bit)
{
	return bitmap[bit / 64] >> bit % 64 & 1;
}

/*
 * The driver says of all this at once that it was written, and says it once. If the end of
 * it is too far away, what comes after it may be reported, too.
 */
static void check_run(int fd, uint64_t *bitmap, uint64_t at, uint64_t length,
		      bool exact)
{
	size_t first = at / PAGE, end = (at + length) / PAGE, i;

	memset(bitmap, 0, SPAN / PAGE / 8);
	write_param("run_at", at);
	write_param("run_length", length);
	assert_ok(log_report(fd, 0, SPAN, PAGE, bitmap));
	for (i = 0; i < first / 64; i++)
		check_eq(i % 4 == 0, bitmap[i]);
	for (i = first; i < end; i++)
		check(bit_set(bitmap, i));
	for (i = (end + 63) / 64; exact && i < SPAN / PAGE / 64; i++)
		check_eq(i % 4 == 0, bitmap[i]);
}

/* What the driver marks is in units of its own, which no window is aligned to. */
static void test_log_report_beyond(void **state)
{
	static const struct vfio_device_feature_dma_logging_range range[] = {
		{ .iova = 0, .length = SPAN },
	};
	int fd = node_open(), i;
	uint64_t *bitmap;

	(void)state;
	assert_ok(log_start(fd, PAGE, range, 1, NULL));
	if (!can_report(fd))
		return;
	bitmap = page_alloc(SPAN / PAGE / 8);
	for (i = 1; i < 5; i++)
		check_run(fd, bitmap, i * 32 * GB - MB, 2 * MB, true);
	check_run(fd, bitmap, 31 * GB, 20 * GB, true);
	check_run(fd, bitmap, 16 * GB, 100 * GB, false);
	check_run(fd, bitmap, 16 * GB, MB, true);
}

/* Behind the bitmap is other memory of the user. */
static void test_log_report_end(void **state)
{
	uint64_t *bitmap = page_alloc(PAGE);
	int fd = node_open(), i;

	(void)state;
	assert_ok(log_start(fd, PAGE, one_range, 1, NULL));
	if (!can_report(fd))
		return;
	write_param("run_at", 4 * MB + PAGE);
	write_param("run_length", GB);
	assert_ok(log_report(fd, 4 * MB, 2 * MB - 3 * PAGE, PAGE, bitmap));
	for (i = 0; i < 7; i++)
		check_eq(~0ULL, bitmap[i]);
	check_eq(~0ULL >> 3, bitmap[i]);
	for (i = 8; i < 512; i++)
		check_eq(0, bitmap[i]);
}

/* A file takes the bits, too: what is written by DMA stays written. */
static void test_log_report_file(void **state)
{
	int fd = node_open(), file;
	uint64_t *bitmap;

	(void)state;
	file = assert_ok(keep_fd(memfd_create("bitmap", MFD_CLOEXEC)));
	assert_ok(ftruncate(file, PAGE));
	bitmap = keep_map(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			       file, 0),
			  PAGE);
	check(bitmap != MAP_FAILED);
	assert_ok(log_start(fd, PAGE, one_range, 1, NULL));
	if (!can_report(fd))
		return;
	assert_ok(log_report(fd, 4 * MB, 4 * MB, PAGE, bitmap));
	check_eq(1, bitmap[0]);
	/* Bits are set, and never cleared. */
	bitmap[1] = 2;
	assert_ok(log_report(fd, 4 * MB, 4 * MB, PAGE, bitmap));
	check_eq(2, bitmap[1]);
	/* A bitmap that cannot be written. */
	assert_ok(mprotect(bitmap, PAGE, PROT_READ));
	assert_errno(EFAULT, log_report(fd, 4 * MB, 4 * MB, PAGE, bitmap));
}

/* ---- what vfio-pci-core answers ---- */

static void ask_low_power(int fd, long *answer)
{
	struct edu edu;

	edu_open(&edu, fd);
	*answer++ = touch(edu.bar);
	*answer++ = outcome(feature_empty(fd, SET | LOW_POWER_EXIT));
	*answer++ = outcome(feature_empty(fd, GET | LOW_POWER_ENTRY));
	*answer++ = outcome(feature_empty(fd, SET | LOW_POWER_ENTRY));
	*answer++ = outcome(feature_empty(fd, SET | LOW_POWER_ENTRY));
	*answer++ = touch(edu.bar);
	*answer++ = outcome(feature_empty(fd, SET | LOW_POWER_EXIT));
	*answer++ = touch(edu.bar);
	/* With wakeup a descriptor is taken that tells when it is over. */
	*answer++ = outcome(feature_empty(fd, GET | LOW_POWER_WAKEUP));
	*answer++ = outcome(feature_empty(fd, PROBE | SET | LOW_POWER_WAKEUP));
	*answer++ = outcome(feature_empty(fd, SET | LOW_POWER_EXIT));
	edu_close(&edu);
}

static void test_low_power(void **state)
{
	struct edu edu;
	int fd;

	(void)state;
	on_both(ask_low_power, 11);
	fd = node_open();
	edu_open(&edu, fd);
	assert_ok(feature_empty(fd, SET | LOW_POWER_ENTRY));
	check_eq(SIGBUS, touch(edu.bar));
	assert_ok(feature_empty(fd, SET | LOW_POWER_EXIT));
	check_eq(0, touch(edu.bar));
	check_eq(~9U, edu_liveness(&edu, 9));
	/* Closing in low power leaves nothing to the next user. */
	assert_ok(feature_empty(fd, SET | LOW_POWER_ENTRY));
	edu_close(&edu);
	drop_fd(fd);
	fd = node_open();
	edu_open(&edu, fd);
	check_eq(~8U, edu_liveness(&edu, 8));
}

/* It is put to sleep by a work item: what comes before that wakes nobody. */
static void wait_suspended(void)
{
	char path[PATH_MAX], status[32] = "";
	long long end = now_ms() + 5000;

	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/power/runtime_status", edu_bdf);
	while (read_file(path, status, sizeof(status)),
	       strcmp(status, "suspended\n")) {
		if (now_ms() > end)
			fail_test("%s is %s", edu_bdf, status);
		sleep_ms(20);
	}
}

static void ask_low_power_wakeup(int fd, long *answer)
{
	struct feature f = { 0 };
	int efd = eventfd_new();

	memcpy(f.bytes, &efd, sizeof(efd));
	*answer++ = outcome(feature(fd, SET | LOW_POWER_WAKEUP, &f));
	wait_suspended();
	/* Any access ends it. */
	*answer++ = vfio_config16(fd, 0);
	*answer++ = eventfd_wait(efd, 1000);
	*answer++ = outcome(feature_empty(fd, SET | LOW_POWER_EXIT));
	drop_fd(efd);
}

static void test_low_power_wakeup(void **state)
{
	long answer[4];
	int fd;

	(void)state;
	on_both(ask_low_power_wakeup, ARRAY_SIZE(answer));
	fd = node_open();
	ask_low_power_wakeup(fd, answer);
	check_eq(0, answer[0]);
	check_eq(0x1234, answer[1]);
	check_eq(1, answer[2]);
	/* It is over already. */
	check_eq(0, answer[3]);
}

static void ask_bus_master(int fd, long *answer)
{
	struct feature f = { 0 };
	uint32_t op;

	for (op = 0; op < 3; op++) {
		f.bytes[0] = op;
		*answer++ = outcome(feature(fd, SET | BUS_MASTER, &f));
		*answer++ = vfio_config16(fd, 4) & 4;
	}
	*answer++ = outcome(feature(fd, GET | BUS_MASTER, &f));
}

static void test_bus_master(void **state)
{
	(void)state;
	on_both(ask_bus_master, 7);
}

/* ---- and the rest of it ---- */

struct sharer {
	struct edu edu;
	struct gate off;
};

static void touch_later(void *arg)
{
	struct sharer *s = arg;

	gate_wait(&s->off);
	check_eq(SIGBUS, touch(s->edu.bar));
}

/* The driver lets the core map after a rule of its own: what can be had is the core's. */
static void test_mapping(void **state)
{
	struct sharer s;
	uint8_t *bar, *place;
	pid_t child;
	int fd;

	(void)state;
	need_edu();
	fd = node_open();
	check(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) ==
	      MAP_FAILED);
	check_eq(EACCES, errno);
	edu_open(&s.edu, fd);
	gate_init(&s.off);
	bar = (uint8_t *)s.edu.bar;
	place = page_alloc(PAGE);
	check_eq(0, touch(bar));
	child = child_start(touch_later, &s);
	check(mremap(bar + 16 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     place) == place);
	vfio_config16_set(fd, PCI_COMMAND, 0);
	gate_open(&s.off);
	child_ok(child);
	check_eq(SIGBUS, touch(bar));
	check_eq(SIGBUS, touch(place));
	check_eq(SIGBUS, touch(bar + 64 * PAGE));
	vfio_config16_set(fd, PCI_COMMAND, PCI_COMMAND_MEMORY);
	check_eq(0, touch(place));
	check_eq(~7U, edu_liveness(&s.edu, 7));
}

/* An adopted driver's device does DMA like any other. */
static void test_dma(void **state)
{
	int ctx = ioasid_open(), fd;
	uint8_t *page = page_alloc(PAGE);
	struct edu edu;
	uint32_t ioas;

	(void)state;
	need_edu();
	fd = cdev_open_bound(edu_bdf, ctx, NULL);
	ioas = ioas_new(ctx);
	assert_ok(ioas_map_fixed(ctx, ioas, page, PAGE, IOVA, MAP_RW));
	assert_ok(cdev_attach(fd, ioas, NULL));
	vfio_bus_master(fd);
	edu_open(&edu, fd);
	memset(page, 0x61, 512);
	edu_read_ram(&edu, IOVA, 0, 512);
	memset(page, 0, 512);
	edu_write_ram(&edu, IOVA, 0, 512);
	check_eq(0x61, page[511]);
}

/* While the device is open its driver's module stays. */
static void test_module_held(void **state)
{
	int fd;

	(void)state;
	need_edu();
	check_eq(0, read_long("/sys/module/" DRIVER_VARIANT "/refcnt"));
	fd = node_open();
	check(read_long("/sys/module/" DRIVER_VARIANT "/refcnt") > 0);
	drop_fd(fd);
	check_eq(0, read_long("/sys/module/" DRIVER_VARIANT "/refcnt"));
}

/* ---- the VM ---- */

/* What the driver was told when the device was opened last. */
static void check_opened_with_kvm(bool kvm)
{
	char answer[8];

	read_file("/sys/module/" DRIVER_VARIANT "/parameters/opened_with_kvm",
		  answer, sizeof(answer));
	if (strcmp(answer, kvm ? "Y\n" : "N\n"))
		fail_test("with a VM: expected %d, got %s", kvm, answer);
}

/* Bind the parked device, and close it. */
static void bind_and_check(int fd, bool kvm)
{
	assert_ok(cdev_bind(fd, ioasid_open(), NULL));
	check_opened_with_kvm(kvm);
	drop_fd(fd);
}

/* A parked file of the device that the VM has been told about. */
static int parked_in(struct vm *vm)
{
	int fd;

	need_edu();
	fd = assert_ok(cdev_open(edu_bdf));
	assert_ok(vm_file_add(vm, fd));
	return fd;
}

static void test_kvm(void **state)
{
	struct vm vm = vm_empty();
	int fd;

	(void)state;
	fd = parked_in(&vm);
	bind_and_check(fd, true);
	/* KVM has the file, too. The VM is the file's: the next one has none. */
	vm_drop(&vm);
	bind_and_check(assert_ok(cdev_open(edu_bdf)), false);
}

static void test_kvm_del(void **state)
{
	struct vm vm = vm_empty();
	int fd;

	(void)state;
	fd = parked_in(&vm);
	assert_ok(vm_file_del(&vm, fd));
	bind_and_check(fd, false);

	/* And back again. */
	fd = parked_in(&vm);
	assert_ok(vm_file_del(&vm, fd));
	assert_ok(vm_file_add(&vm, fd));
	bind_and_check(fd, true);
}

static void test_kvm_gone(void **state)
{
	struct vm vm = vm_empty();
	int fd;

	(void)state;
	fd = parked_in(&vm);
	vm_drop(&vm);
	bind_and_check(fd, false);
}

/* The driver has a VM through the group as through the node. */
static void test_kvm_group(void **state)
{
	struct vm vm = vm_empty();
	struct legacy l;

	(void)state;
	need_edu();
	l = legacy_open();
	check_opened_with_kvm(false);
	drop_fd(l.dev);
	assert_ok(vm_file_add(&vm, l.group));
	l.dev = assert_ok(group_device(l.group, edu_bdf));
	check_opened_with_kvm(true);
	legacy_close(&l);
}

static int finish(void **state)
{
	(void)state;
	if (edu_bdf)
		variant_unload(edu_bdf);
	return 0;
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_variant;
	ADD(probe_every_id);
	ADD(short_every_id);
	ADD(migration);
	ADD(migrate);
	ADD(migrate_bad);
	ADD(precopy_info);
	ADD(data_size);
	ADD(log_start);
	ADD(log_start_unwritable);
	ADD(log_report_bad);
	ADD(log_report);
	ADD(log_report_large);
	ADD(log_report_beyond);
	ADD(log_report_end);
	ADD(log_report_file);
	ADD(low_power);
	ADD(low_power_wakeup);
	ADD(bus_master);
	ADD(mapping);
	ADD(dma);
	ADD(module_held);
	ADD(kvm);
	ADD(kvm_del);
	ADD(kvm_gone);
	ADD(kvm_group);
	return test_main(argc, argv, "variant", &list, NULL, finish);
}
