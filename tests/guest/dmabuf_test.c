// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: memory of dma-bufs, and taking it back
 * vm: --smp 2
 *
 * IOASID_IOAS_MAP_FILE of dma-bufs, and what happens when their driver takes the memory back.
 * The driver is tests/module/ext_test_dmabuf.c: none of the modules that ship exports any.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/ioasid.h>
#include <linux/vfio.h>

#include "../module/ext_test_access.h"
#include "../module/ext_test_dmabuf.h"
#include "dma.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define SIZE (16 * PAGE)

static void insert(const char *module)
{
	char command[128];

	snprintf(command, sizeof(command), "insmod /ext/modules/%s.ko", module);
	assert_ok(system(command) ? -1 : 0);
}

static void load_modules(void *arg)
{
	(void)arg;
	use_devices(DRIVER_EXT);
	if (path_exists("/sys/module/ext_test_dmabuf"))
		return;
	insert("ext_test_dmabuf");
	insert("ext_test_access");
}

static int finish(void **state)
{
	(void)state;
	return system("rmmod ext_test_access ext_test_dmabuf");
}

static int exporter(void)
{
	return assert_ok(keep_fd(open("/dev/ext_test_dmabuf",
				      O_RDWR | O_CLOEXEC)));
}

static int dmabuf_new(size_t size)
{
	int buf = keep_fd(ioctl(exporter(), EXT_TEST_EXPORT, size));

	if (buf < 0 && errno == EOPNOTSUPP)
		skip_test("the kernel has no dma-bufs");
	return assert_ok(buf);
}

static uint8_t *view_of(int buf, size_t size)
{
	void *view = keep_map(mmap(NULL, size, PROT_READ | PROT_WRITE,
				   MAP_SHARED, buf, 0), size);

	check(view != MAP_FAILED);
	return view;
}

static int map_buf(struct setup *s, int buf, uint64_t start, uint64_t len,
		   uint64_t iova)
{
	return ioas_map_file_fixed(s->ctx, s->ioas, buf, start, len, iova,
				   MAP_RW);
}

static void revoke_buf(int buf)
{
	assert_ok(ioctl(exporter(), EXT_TEST_REVOKE, buf));
}

static void allow_buf(int buf)
{
	assert_ok(ioctl(exporter(), EXT_TEST_ALLOW, buf));
}

static bool is_served(void)
{
	struct ioasid_features f;

	assert_ok(features(ioasid_open(), 0, &f));
	return f.out_features & IOASID_FEATURE_MAP_DMABUF;
}

/* ---- without a device ---- */

/* It is as the feature says: there is something to map while there is a driver. */
static void test_feature(void **state)
{
	int ctx = ioasid_open(), buf = dmabuf_new(SIZE);
	uint64_t iova;

	(void)state;
	check(is_served());
	assert_ok(ioas_map_file(ctx, ioas_new(ctx), buf, 0, SIZE, &iova,
				MAP_RW));
	release_all();
	assert_ok(system("rmmod ext_test_dmabuf") ? -1 : 0);
	check(!is_served());
	insert("ext_test_dmabuf");
	check(is_served());
}

static void test_bad(void **state)
{
	int ctx = ioasid_open(), buf = dmabuf_new(SIZE), unknown;
	uint32_t ioas = ioas_new(ctx);
	struct refusal refusal;
	uint64_t iova;

	(void)state;
	unknown = assert_ok(keep_fd(ioctl(exporter(), EXT_TEST_EXPORT_UNKNOWN,
					  SIZE)));
	assert_errno(EOPNOTSUPP, ioas_map_file(ctx, ioas, unknown, 0, SIZE,
					       &iova, MAP_RW));
	check_refusal(ctx, EOPNOTSUPP, "is of a driver that does not say",
		      &refusal);
	assert_errno(EINVAL, ioas_map_file(ctx, ioas, buf, 0, 0, &iova,
					   MAP_RW));
	assert_errno(EINVAL, ioas_map_file(ctx, ioas, buf, 0, SIZE + PAGE,
					   &iova, MAP_RW));
	check_refusal(ctx, EINVAL, "too few for", &refusal);
	assert_errno(EINVAL, ioas_map_file(ctx, ioas, buf, PAGE, SIZE, &iova,
					   MAP_RW));
	assert_errno(EINVAL, ioas_map_file(ctx, ioas, buf, SIZE, PAGE, &iova,
					   MAP_RW));
	assert_errno(EOVERFLOW, ioas_map_file(ctx, ioas, buf, -PAGE, 2 * PAGE,
					      &iova, MAP_RW));
	revoke_buf(buf);
	assert_errno(ENODEV, ioas_map_file(ctx, ioas, buf, 0, SIZE, &iova,
					   MAP_RW));
	check_refusal(ctx, ENODEV, "is revoked", &refusal);
	allow_buf(buf);
	assert_ok(ioas_map_file(ctx, ioas, buf, 0, SIZE, &iova, MAP_RW));
	assert_errno(EEXIST, ioas_map_file_fixed(ctx, ioas, buf, 0, PAGE, iova,
						 MAP_RW));
	check_pinned(0);
}

/* Nothing but a device gets at it by IOVA. */
static void test_driver(void **state)
{
	int ctx = ioasid_open(), buf = dmabuf_new(SIZE), fd;
	uint32_t ioas = ioas_new(ctx);
	struct refusal refusal;
	uint8_t byte = 0;
	struct ext_test_access cmd = {
		.id = ctx, .flags = EXT_TEST_NEEDS_PIN, .iova = IOVA,
		.length = 1, .data = (uintptr_t)&byte,
	};

	(void)state;
	fd = assert_ok(keep_fd(open("/dev/ext_test_access",
				    O_RDWR | O_CLOEXEC)));
	assert_ok(ioctl(fd, EXT_TEST_CREATE, &cmd));
	cmd.id = ioas;
	assert_ok(ioctl(fd, EXT_TEST_ATTACH, &cmd));
	assert_ok(ioas_map_file_fixed(ctx, ioas, buf, 0, SIZE, IOVA, MAP_RW));
	cmd.flags = 0;
	assert_errno(EINVAL, ioctl(fd, EXT_TEST_RW, &cmd));
	assert_errno(EINVAL, ioctl(fd, EXT_TEST_PIN, &cmd));
	/* Nor does it move to another process. */
	assert_errno(EINVAL, change_process(ctx));
	check_refusal(ctx, EINVAL, "is of a dma-buf", &refusal);
	assert_ok(ioas_unmap_exact(ctx, ioas, IOVA, SIZE));
}

/* It is revoked in one piece, so it stays one. */
static void test_partial(void **state)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = IOVA, .size = PAGE,
	};
	int ctx = ioasid_open(), buf = dmabuf_new(SIZE);
	uint32_t ioas = ioas_new(ctx);
	struct refusal refusal;
	uint64_t len;

	(void)state;
	assert_ok(ioas_map_file_fixed(ctx, ioas, buf, 0, SIZE, IOVA, MAP_RW));
	len = PAGE;
	assert_errno(EINVAL, ioas_unmap_partial(ctx, ioas, IOVA, &len, 0));
	check_refusal(ctx, EINVAL, "a dma-buf is revoked in one piece",
		      &refusal);
	assert_errno(EINVAL, ioas_unmap_partial(ctx, ioas, IOVA + PAGE, &len,
						0));
	assert_errno(EINVAL,
		     ioas_unmap_partial(ctx, ioas, IOVA + SIZE - PAGE, &len,
					IOASID_UNMAP_PARTIAL_SPLIT));
	assert_errno(ENOENT, ioas_unmap_exact(ctx, ioas, IOVA, PAGE));
	assert_ok(vfio_ioas(ctx, IOASID_VFIO_IOAS_SET, &ioas));
	assert_ok(ioctl(ctx, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	assert_errno(EINVAL, ioctl(ctx, VFIO_IOMMU_UNMAP_DMA, &unmap));
	/* As a whole it goes, whatever is beside it. */
	len = SIZE + 2 * PAGE;
	assert_ok(ioas_unmap_partial(ctx, ioas, IOVA - PAGE, &len, 0));
	check_eq(SIZE, len);
}

/* ---- with a device ---- */

static void test_dma(void **state)
{
	struct setup s = setup_attached();
	int buf = dmabuf_new(SIZE);
	uint8_t *view = view_of(buf, SIZE);

	(void)state;
	assert_ok(map_buf(&s, buf, 0, SIZE, IOVA));
	assert_ok(map_buf(&s, buf, 3 * PAGE, 2 * PAGE, 64 * MB));
	/* What is not of a process is not charged to any. */
	check_pinned(0);
	check_dma(&s, view, IOVA, 1);
	check_dma(&s, view + SIZE - PAGE, IOVA + SIZE - PAGE, 2);
	check_dma(&s, view + 3 * PAGE, 64 * MB, 3);
	check_dma(&s, view + 4 * PAGE, 64 * MB + PAGE, 4);
	check_no_write(&s, view + 5 * PAGE, 64 * MB + 2 * PAGE);
	check_no_write(&s, view + 2 * PAGE, 64 * MB - PAGE);
	/* It follows the IOAS out of a page table, and into one. */
	assert_ok(cdev_detach(s.dev));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_dma(&s, view + PAGE, IOVA + PAGE, 5);
	/* The mapping keeps the memory when the file is closed. */
	drop_fd(buf);
	check_dma(&s, view + PAGE, IOVA + PAGE, 6);
	unmap_at(&s, IOVA, SIZE);
	check_no_write(&s, view + PAGE, IOVA + PAGE);
	check_dma(&s, view + 3 * PAGE, 64 * MB, 7);
}

static void test_read_only(void **state)
{
	struct setup s = setup_attached();
	int buf = dmabuf_new(PAGE);
	uint8_t *view = view_of(buf, PAGE);

	(void)state;
	edu_load(&s, 1);
	assert_ok(ioas_map_file_fixed(s.ctx, s.ioas, buf, 0, PAGE, IOVA,
				      MAP_R));
	check_no_write(&s, view, IOVA);
}

static void test_revoke(void **state)
{
	struct setup s = setup_attached();
	int buf = dmabuf_new(SIZE), other = dmabuf_new(PAGE);
	uint8_t *view = view_of(buf, SIZE), *apart = view_of(other, PAGE);

	(void)state;
	assert_ok(map_buf(&s, buf, 0, SIZE, IOVA));
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, 64 * MB, s.ioas, IOVA + PAGE,
				  PAGE, MAP_RW));
	assert_ok(map_buf(&s, buf, PAGE, PAGE, 65 * MB));
	assert_ok(map_buf(&s, other, 0, PAGE, 66 * MB));
	check_dma(&s, view + PAGE, IOVA + PAGE, 1);
	check_dma(&s, view + PAGE, 64 * MB, 2);
	check_dma(&s, view + PAGE, 65 * MB, 3);

	/* From every place, and nothing else is touched. */
	revoke_buf(buf);
	check_no_write(&s, view + PAGE, IOVA + PAGE);
	check_no_write(&s, view + PAGE, 64 * MB);
	check_no_write(&s, view + PAGE, 65 * MB);
	check_dma(&s, apart, 66 * MB, 4);
	/* A second time there is nothing left to do. */
	revoke_buf(buf);

	/* The mappings are still there, and stay dead. */
	assert_errno(EEXIST, map_buf(&s, other, 0, PAGE, IOVA));
	assert_ok(cdev_detach(s.dev));
	allow_buf(buf);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_no_write(&s, view + PAGE, IOVA + PAGE);
	/* A copy of what is dead is dead. */
	assert_ok(ioas_copy_fixed(s.ctx, s.ioas, 67 * MB, s.ioas, IOVA + PAGE,
				  PAGE, MAP_RW));
	check_no_write(&s, view + PAGE, 67 * MB);
	/* A new mapping is not. */
	unmap_at(&s, IOVA, SIZE);
	assert_ok(map_buf(&s, buf, 0, SIZE, IOVA));
	check_dma(&s, view + PAGE, IOVA + PAGE, 5);
	check_no_write(&s, view + PAGE, 65 * MB);
	unmap_at(&s, 64 * MB, PAGE);
	unmap_at(&s, 65 * MB, PAGE);
	unmap_at(&s, 67 * MB, PAGE);
	check_dma(&s, apart, 66 * MB, 6);
}

/* Before any device is there, and from two page tables. */
static void test_revoke_tables(void **state)
{
	struct setup s = setup_bound();
	int buf = dmabuf_new(SIZE), early = dmabuf_new(PAGE);
	uint8_t *view = view_of(buf, SIZE), *first = view_of(early, PAGE);
	uint32_t hwpt;

	(void)state;
	assert_ok(map_buf(&s, early, 0, PAGE, 64 * MB));
	revoke_buf(early);
	assert_ok(map_buf(&s, buf, 0, SIZE, IOVA));
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	edu_load(&s, 1);
	check_no_write(&s, first, 64 * MB);
	check_dma(&s, view, IOVA, 2);
	assert_ok(hwpt_alloc(s.ctx, s.devid, s.ioas, 0, &hwpt));
	assert_ok(cdev_attach(s.dev, hwpt, NULL));
	check_dma(&s, view, IOVA, 3);
	revoke_buf(buf);
	check_no_write(&s, view, IOVA);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	check_no_write(&s, view, IOVA);
}

#define RACE_MS 1500

struct race {
	int buf;
	bool stop;
	unsigned long done;
};

/*
 * Many copies, each half of them below the others. Those that were made last are unmapped
 * first: looking for one must not lead past all the others.
 */
static void test_many_copies(void **state)
{
	/* Under the lock validator each takes a millisecond. */
	const uint64_t all = kernel_has_lockdep() ? 1UL << 13 : 1UL << 15;
	const uint64_t top = 64 * GB;
	struct setup s = setup_attached();
	int buf = dmabuf_new(PAGE);
	uint64_t n, begin, made, gone, len;

	(void)state;
	begin = now_ms();
	assert_ok(map_buf(&s, buf, 0, PAGE, top - PAGE));
	for (n = 1; n < all; n *= 2)
		assert_ok(ioas_copy_fixed(s.ctx, s.ioas, top - 2 * n * PAGE,
					  s.ioas, top - n * PAGE, n * PAGE,
					  MAP_RW));
	made = now_ms();
	len = all * PAGE;
	assert_ok(ioas_unmap(s.ctx, s.ioas, top - len, &len));
	gone = now_ms();
	check_eq(all * PAGE, len);
	print_message("# %lu copies: %lu ms, unmapped: %lu ms\n", all,
		      made - begin, gone - made);
	check(gone - made < 4 * (made - begin) + 1000);
}

static void *keep_revoking(void *arg)
{
	struct race *race = arg;
	int fd = open("/dev/ext_test_dmabuf", O_RDWR | O_CLOEXEC);

	check(fd >= 0);
	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
		assert_ok(ioctl(fd, EXT_TEST_REVOKE, race->buf));
		assert_ok(ioctl(fd, EXT_TEST_ALLOW, race->buf));
		race->done++;
	}
	close(fd);
	return NULL;
}

static void test_race(void **state)
{
	struct setup s = setup_attached();
	struct race race = { .buf = dmabuf_new(SIZE) };
	uint8_t *view = view_of(race.buf, SIZE);
	unsigned long mapped = 0;
	pthread_t thread;
	long long end;
	int rc;

	(void)state;
	edu_load(&s, 1);
	check_eq(0, pthread_create(&thread, NULL, keep_revoking, &race));
	for (end = now_ms() + RACE_MS; now_ms() < end;) {
		rc = map_buf(&s, race.buf, 0, SIZE, IOVA);
		if (rc) {
			check_eq(ENODEV, errno);
			continue;
		}
		mapped++;
		if (mapped % 8 == 0) {
			assert_ok(cdev_detach(s.dev));
			assert_ok(cdev_attach(s.dev, s.ioas, NULL));
		}
		unmap_at(&s, IOVA, SIZE);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	print_message("# mapped %lu times, revoked %lu times\n", mapped,
		      race.done);
	check(mapped > 0);
	check(race.done > 0);
	check_no_write(&s, view, IOVA);
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = load_modules;
	ADD(feature);
	ADD(bad);
	ADD(driver);
	ADD(partial);
	ADD(dma);
	ADD(read_only);
	ADD(revoke);
	ADD(revoke_tables);
	ADD(many_copies);
	ADD(race);
	return test_main(argc, argv, "dmabuf", &list, NULL, finish);
}
