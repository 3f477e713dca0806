// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: calls that meet
 * vm: --smp 2
 *
 * Calls that meet. Each test lets threads or processes run into each other for
 * a short while; every call may fail only in the ways named, and the state
 * compared after each test must be what it was.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "dma.h"
#include "held.h"
#include "ioasid.h"
#include "nvme.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define PATIENCE_MS 10000
#define RACE_MS 700
#define MAX_THREADS 4
#define SPACING (64 * PAGE)

/* One race: what the threads share. */
struct race {
	int ctx;
	int dev;
	int dev2;
	uint32_t devid;
	uint32_t ioas;
	uint32_t other;
	uint8_t *va;
	/* The nodes of the device, for threads that open it, and who has it. */
	char cdev[64];
	char group[32];
	atomic_int winners;
	atomic_bool stop;
	/* A failure that is not among those expected. */
	const char *_Atomic what;
	atomic_int bad_errno;
	atomic_long done[MAX_THREADS];
};

struct runner {
	struct race *race;
	int index;
	void (*step)(struct race *race, int index, unsigned int round);
	pthread_t thread;
};

typedef void (*step_fn)(struct race *race, int index, unsigned int round);

/* Note a result that is neither success nor one of up to three errors. */
static void expect(struct race *race, const char *what, long rc, int a, int b,
		   int c)
{
	int err = errno;

	if (rc != -1 || err == a || err == b || err == c)
		return;
	race->bad_errno = err;
	race->what = what;
	race->stop = true;
}

static void broken(struct race *race, const char *what)
{
	race->bad_errno = 0;
	race->what = what;
	race->stop = true;
}

static void *run(void *arg)
{
	struct runner *r = arg;
	unsigned int round = 0;

	while (!r->race->stop) {
		r->step(r->race, r->index, round++);
		r->race->done[r->index]++;
		/* With one processor the others would wait a time slice. */
		if (round % 3 == (unsigned int)r->index % 3)
			sched_yield();
	}
	return NULL;
}

static bool all_have_run(const struct race *race, int num)
{
	int i;

	for (i = 0; i < num; i++)
		if (!race->done[i])
			return false;
	return true;
}

static void race_for(struct race *race, int ms, const step_fn *steps, int num)
{
	struct runner runners[MAX_THREADS];
	long long end = now_ms() + ms;
	int i;

	race->stop = false;
	for (i = 0; i < num; i++) {
		runners[i] = (struct runner){
			.race = race,
			.index = i,
			.step = steps[i],
		};
		race->done[i] = 0;
		if (pthread_create(&runners[i].thread, NULL, run, &runners[i]))
			fail_test("pthread_create");
	}
	/* The reset of a device takes longer than some races. */
	while (!race->stop &&
	       (now_ms() < end || (!all_have_run(race, num) &&
				   now_ms() < end + PATIENCE_MS)))
		sleep_ms(10);
	race->stop = true;
	for (i = 0; i < num; i++)
		pthread_join(runners[i].thread, NULL);
	if (race->what)
		fail_test("%s: %s", race->what, errno_name(race->bad_errno));
	for (i = 0; i < num; i++)
		if (!race->done[i])
			fail_test("thread %d did nothing", i);
}

#define RACE(race, ...)                                              \
	do {                                                         \
		static const step_fn steps_[] = { __VA_ARGS__ };     \
		race_for(race, RACE_MS, steps_, ARRAY_SIZE(steps_)); \
	} while (0)

static void race_init(struct race *race)
{
	memset(race, 0, sizeof(*race));
	race->ctx = ioasid_open();
	race->dev = -1;
	race->ioas = ioas_new(race->ctx);
	race->va = page_alloc(SPACING * MAX_THREADS);
}

static void race_bound(struct race *race)
{
	need_edu();
	race_init(race);
	race->dev = cdev_open_bound(edu_bdf, race->ctx, &race->devid);
}

static void race_end(struct race *race)
{
	check_empty(race->ctx, race->ioas);
	check_pinned(0);
}

/* ---- steps ---- */

/* A mapping that is in nobody's way, made and undone: nothing may fail. */
static void map_unmap(struct race *race, const uint8_t *va, uint64_t len,
		      uint64_t iova)
{
	expect(race, "map",
	       ioas_map_fixed(race->ctx, race->ioas, va, len, iova, MAP_RW), 0,
	       0, 0);
	expect(race, "unmap",
	       ioas_unmap_exact(race->ctx, race->ioas, iova, len), 0, 0, 0);
}

static uint64_t own_iova(int index, unsigned int round)
{
	return (index + 1) * 16 * MB + round % 16 * SPACING;
}

/* Each thread its own IOVA. */
static void map_own(struct race *race, int index, unsigned int round)
{
	map_unmap(race, race->va + index * SPACING, (round % 7 + 1) * PAGE,
		  own_iova(index, round));
}

static void map_own_alloc(struct race *race, int index, unsigned int round)
{
	uint64_t len = (round % 7 + 1) * PAGE, iova = 0;
	uint8_t *va = race->va + index * SPACING;

	expect(race, "map",
	       ioas_map(race->ctx, race->ioas, va, len, &iova, MAP_RW), 0, 0,
	       0);
	expect(race, "unmap",
	       ioas_unmap_exact(race->ctx, race->ioas, iova, len), 0, 0, 0);
}

/* All at the same IOVA. */
static void map_same(struct race *race, int index, unsigned int round)
{
	uint64_t len = PAGE * (round % 3 + 1);

	expect(race, "map",
	       ioas_map_fixed(race->ctx, race->ioas, race->va + index * SPACING,
			      len, MB, MAP_RW),
	       EEXIST, 0, 0);
	len = 8 * PAGE;
	expect(race, "unmap", ioas_unmap(race->ctx, race->ioas, MB, &len),
	       ENOENT, EBUSY, 0);
}

static void map_only(struct race *race, int index, unsigned int round)
{
	expect(race, "map",
	       ioas_map_fixed(race->ctx, race->ioas, race->va, 3 * PAGE,
			      own_iova(index, round), MAP_RW),
	       EEXIST, 0, 0);
}

static void unmap_all(struct race *race, int index, unsigned int round)
{
	uint64_t len = UINT64_MAX;

	(void)index;
	(void)round;
	expect(race, "unmap all", ioas_unmap(race->ctx, race->ioas, 0, &len),
	       EBUSY, 0, 0);
}

static void query_ranges(struct race *race, int index, unsigned int round)
{
	struct ioasid_iova_range ranges[16];
	uint32_t num = round % 16;

	(void)index;
	expect(race, "ranges",
	       ioas_ranges(race->ctx, race->ioas, ranges, &num, NULL), EMSGSIZE,
	       0, 0);
}

static void attach_and_detach(struct race *race, int dev)
{
	expect(race, "attach", cdev_attach(dev, race->ioas, NULL), 0, 0, 0);
	expect(race, "detach", cdev_detach(dev), 0, 0, 0);
}

static void attach_detach(struct race *race, int index, unsigned int round)
{
	(void)index;
	(void)round;
	attach_and_detach(race, race->dev);
}

static void attach_other(struct race *race, int index, unsigned int round)
{
	(void)index;
	expect(race, "attach",
	       cdev_attach(race->dev, round & 1 ? race->ioas : race->other,
			   NULL),
	       0, 0, 0);
}

/* Another device comes to the page table that is being mapped, and goes. */
static void second_attach_detach(struct race *race, int index,
				 unsigned int round)
{
	(void)index;
	(void)round;
	attach_and_detach(race, race->dev2);
}

static void map_detached(struct race *race, int index, unsigned int round)
{
	(void)round;
	map_unmap(race, race->va, 20 * PAGE, (index + 1) * MB);
}

static void destroy_ioas(struct race *race, int index, unsigned int round)
{
	(void)index;
	(void)round;
	expect(race, "destroy", ioasid_destroy(race->ctx, race->ioas), ENOENT,
	       EBUSY, 0);
}

/* Makes the IOAS that another thread destroys, always with the same id. */
static void map_or_make(struct race *race, int index, unsigned int round)
{
	uint64_t iova = (index + 1) * MB + round % 8 * SPACING;
	uint32_t id;

	if (!ioas_map_fixed(race->ctx, race->ioas, race->va, PAGE, iova,
			    MAP_RW))
		return;
	expect(race, "map", -1, ENOENT, EEXIST, 0);
	if (errno != ENOENT)
		return;
	expect(race, "alloc", ioas_alloc(race->ctx, &id), 0, 0, 0);
	/* Two may have made one. */
	if (id != race->ioas)
		expect(race, "destroy", ioasid_destroy(race->ctx, id), 0, 0, 0);
}

static void attach_any(struct race *race, int index, unsigned int round)
{
	(void)index;
	(void)round;
	expect(race, "attach", cdev_attach(race->dev, race->ioas, NULL), ENOENT,
	       0, 0);
	expect(race, "detach", cdev_detach(race->dev), 0, 0, 0);
}

static void alloc_ids(struct race *race, int index, unsigned int round)
{
	uint32_t ids[8], i, j;

	(void)index;
	(void)round;
	for (i = 0; i < 8; i++)
		expect(race, "alloc", ioas_alloc(race->ctx, &ids[i]), 0, 0, 0);
	for (i = 0; i < 8; i++)
		for (j = 0; j < i; j++)
			if (ids[i] == ids[j])
				broken(race, "one id twice");
	for (i = 0; i < 8; i++)
		expect(race, "destroy", ioasid_destroy(race->ctx, ids[i]), 0, 0,
		       0);
}

/* Ids that may belong to another thread, of any state. */
static void destroy_any(struct race *race, int index, unsigned int round)
{
	(void)index;
	/* Not 1 and 2: the IOAS and the device of the race. */
	expect(race, "destroy", ioasid_destroy(race->ctx, 3 + round % 8),
	       ENOENT, EBUSY, 0);
}

static void hwpt_cycle(struct race *race, int index, unsigned int round)
{
	uint32_t hwpt = 0;

	(void)index;
	(void)round;
	if (hwpt_alloc(race->ctx, race->devid, race->ioas, 0, &hwpt)) {
		expect(race, "hwpt_alloc", -1, 0, 0, 0);
		return;
	}
	expect(race, "attach", cdev_attach(race->dev, hwpt, NULL), ENOENT, 0,
	       0);
	expect(race, "detach", cdev_detach(race->dev), 0, 0, 0);
	expect(race, "destroy", ioasid_destroy(race->ctx, hwpt), ENOENT, EBUSY,
	       0);
}

static int open_cdev(struct race *race)
{
	return open(race->cdev, O_RDWR | O_CLOEXEC);
}

/* Whoever has won is the only one. */
static void win(struct race *race)
{
	if (atomic_fetch_add(&race->winners, 1))
		broken(race, "two winners");
}

static void resign(struct race *race)
{
	atomic_fetch_sub(&race->winners, 1);
}

static void bind_cycle(struct race *race, int index, unsigned int round)
{
	int fd = open_cdev(race);

	(void)index;
	(void)round;
	if (fd < 0) {
		expect(race, "open", -1, 0, 0, 0);
		return;
	}
	if (!cdev_bind(fd, race->ctx, NULL)) {
		win(race);
		expect(race, "attach", cdev_attach(fd, race->ioas, NULL), 0, 0,
		       0);
		resign(race);
	} else {
		expect(race, "bind", -1, EINVAL, 0, 0);
	}
	close(fd);
}

static void bind_same_file(struct race *race, int index, unsigned int round)
{
	(void)index;
	(void)round;
	expect(race, "bind", cdev_bind(race->dev, race->ctx, NULL), EINVAL, 0,
	       0);
	expect(race, "detach", cdev_detach(race->dev), EINVAL, 0, 0);
}

/* The legacy path and the cdev exclude each other. */
static void legacy_cycle(struct race *race, int index, unsigned int round)
{
	int container, group;

	(void)index;
	(void)round;
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	group = open(race->group, O_RDWR | O_CLOEXEC);
	if (container < 0 || group < 0) {
		expect(race, "open of the group", -1, EBUSY, 0, 0);
	} else if (!group_set_container(group, container)) {
		win(race);
		resign(race);
	} else {
		expect(race, "set container", -1, EPERM, EBUSY, 0);
	}
	close(group);
	close(container);
}

static void bind_beside_legacy(struct race *race, int index, unsigned int round)
{
	int fd = open_cdev(race);

	(void)index;
	(void)round;
	if (!cdev_bind(fd, race->ctx, NULL)) {
		win(race);
		resign(race);
	} else {
		expect(race, "bind", -1, EBUSY, 0, 0);
	}
	close(fd);
}

/* The file behind the number changes under the other threads' calls. */
static void reopen_ctx(struct race *race, int index, unsigned int round)
{
	int fd = open(IOASID_NODE, O_RDWR | O_CLOEXEC);
	uint32_t id;

	(void)index;
	(void)round;
	if (fd < 0)
		return;
	ioas_alloc(fd, &id);
	dup3(fd, race->ctx, O_CLOEXEC);
	close(fd);
}

static void reopen_dev(struct race *race, int index, unsigned int round)
{
	int fd = open_cdev(race);

	(void)index;
	(void)round;
	if (fd < 0)
		return;
	dup3(fd, race->dev, O_CLOEXEC);
	close(fd);
}

/* Anything goes but a crash. */
static void use_ctx(struct race *race, int index, unsigned int round)
{
	uint64_t len = UINT64_MAX;

	ioas_map_fixed(race->ctx, 1, race->va + 4 * PAGE, 4 * PAGE,
		       (index * 16 + round % 16) * MB, MAP_RW);
	if (round % 5 == 0)
		ioas_unmap(race->ctx, 1, 0, &len);
}

static void use_dev(struct race *race, int index, unsigned int round)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	char buf[4];

	(void)index;
	cdev_bind(race->dev, race->ctx, NULL);
	cdev_attach(race->dev, 1, NULL);
	ioctl(race->dev, VFIO_DEVICE_GET_INFO, &info);
	pread(race->dev, buf, 4, 7ULL << 40);
	if (round % 3 == 0)
		cdev_detach(race->dev);
}

/* The memory changes while it is being pinned. */
static void churn_memory(struct race *race, int index, unsigned int round)
{
	(void)index;
	if (round % 2)
		madvise(race->va, SPACING, MADV_DONTNEED);
	else
		memset(race->va, round, SPACING);
}

static void map_churned(struct race *race, int index, unsigned int round)
{
	(void)round;
	map_unmap(race, race->va, SPACING, (index + 1) * MB);
}

#define HUGE_LEN (4 * MB)

/* Huge pages, ordinary memory and nothing take turns at one address. */
static void churn_huge(struct race *race, int index, unsigned int round)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	(void)index;
	if (round % 3 == 2) {
		munmap(race->va, HUGE_LEN);
		return;
	}
	/* There may be no huge page left, then nothing is there. */
	mmap(race->va, HUGE_LEN, PROT_READ | PROT_WRITE,
	     flags | (round % 3 ? 0 : MAP_HUGETLB), -1, 0);
}

static void map_huge(struct race *race, int index, unsigned int round)
{
	uint64_t iova = (index + 1) * 16 * MB;
	uint64_t len = HUGE_LEN - (round % 2 ? PAGE : 0);

	if (ioas_map_fixed(race->ctx, race->ioas, race->va, len, iova,
			   MAP_RW)) {
		expect(race, "map", -1, EFAULT, 0, 0);
		return;
	}
	expect(race, "unmap",
	       ioas_unmap_exact(race->ctx, race->ioas, iova, len), 0, 0, 0);
}

/* ---- tests ---- */

static void test_map_unmap(void **state)
{
	struct race race;

	(void)state;
	race_init(&race);
	RACE(&race, map_own, map_own, map_own, query_ranges);
	race_end(&race);
}

static void test_map_unmap_attached(void **state)
{
	struct race race;

	(void)state;
	race_bound(&race);
	assert_ok(cdev_attach(race.dev, race.ioas, NULL));
	RACE(&race, map_own, map_own, map_own, map_own_alloc);
	race_end(&race);
}

static void test_map_alloc(void **state)
{
	struct race race;

	(void)state;
	race_init(&race);
	RACE(&race, map_own_alloc, map_own_alloc, map_own_alloc);
	race_end(&race);
}

static void test_map_same(void **state)
{
	struct race race;

	(void)state;
	race_bound(&race);
	assert_ok(cdev_attach(race.dev, race.ioas, NULL));
	RACE(&race, map_same, map_same, map_same);
	race_end(&race);
}

static void test_map_unmap_all(void **state)
{
	struct race race;

	(void)state;
	race_bound(&race);
	assert_ok(cdev_attach(race.dev, race.ioas, NULL));
	RACE(&race, map_only, map_only, unmap_all, query_ranges);
	/* One that maps may have been the last. */
	unmap_all(&race, 0, 0);
	race_end(&race);
}

static void test_map_attach(void **state)
{
	struct race race;

	(void)state;
	race_bound(&race);
	RACE(&race, map_own, attach_detach, map_own_alloc, query_ranges);
	assert_ok(cdev_detach(race.dev));
	race_end(&race);
}

static void test_map_replace(void **state)
{
	struct race race;

	(void)state;
	race_bound(&race);
	race.other = ioas_new(race.ctx);
	assert_ok(ioas_map_fixed(race.ctx, race.other, race.va, SPACING, 0,
				 MAP_RW));
	RACE(&race, map_detached, attach_other, map_detached);
	assert_ok(cdev_detach(race.dev));
	race_end(&race);
}

static void test_map_attach_second(void **state)
{
	struct race race;

	(void)state;
	need_nvme();
	pci_bind(nvme_bdf, DRIVER_EXT);
	race_bound(&race);
	race.dev2 = cdev_open_bound(nvme_bdf, race.ctx, NULL);
	assert_ok(cdev_attach(race.dev, race.ioas, NULL));
	RACE(&race, map_own, second_attach_detach, map_own_alloc);
	race_end(&race);
}

static void test_map_destroy(void **state)
{
	struct race race;

	(void)state;
	race_init(&race);
	RACE(&race, map_or_make, destroy_ioas, map_or_make);
}

static void test_map_destroy_attach(void **state)
{
	struct race race;

	(void)state;
	race_bound(&race);
	RACE(&race, map_or_make, destroy_ioas, attach_any);
}

static void test_ids(void **state)
{
	struct race race;

	(void)state;
	race_init(&race);
	RACE(&race, alloc_ids, alloc_ids, alloc_ids);
}

static void test_hwpt_destroy(void **state)
{
	struct race race;

	(void)state;
	race_bound(&race);
	assert_ok(ioas_map_fixed(race.ctx, race.ioas, race.va, SPACING, MB,
				 MAP_RW));
	RACE(&race, hwpt_cycle, destroy_any, query_ranges);
}

static void test_bind(void **state)
{
	struct race race;

	(void)state;
	need_edu();
	race_init(&race);
	assert_ok(ioas_map_fixed(race.ctx, race.ioas, race.va, SPACING, MB,
				 MAP_RW));
	cdev_path(edu_bdf, race.cdev, sizeof(race.cdev));
	RACE(&race, bind_cycle, bind_cycle, bind_cycle);
}

static void test_bind_same_file(void **state)
{
	struct race race;
	int i;

	(void)state;
	need_edu();
	for (i = 0; i < 5; i++) {
		static const step_fn steps[] = {
			bind_same_file,
			bind_same_file,
			bind_same_file,
		};

		race_init(&race);
		race.dev = assert_ok(cdev_open(edu_bdf));
		race_for(&race, RACE_MS / 5, steps, 3);
		drop_fd(race.dev);
		drop_fd(race.ctx);
	}
}

static void test_bind_legacy(void **state)
{
	struct race race;

	(void)state;
	need_edu();
	if (system("modprobe -q vfio_iommu_type1"))
		skip_test("no vfio_iommu_type1");
	race_init(&race);
	cdev_path(edu_bdf, race.cdev, sizeof(race.cdev));
	snprintf(race.group, sizeof(race.group), "/dev/vfio/%d",
		 pci_group(edu_bdf));
	RACE(&race, bind_beside_legacy, legacy_cycle);
}

/*
 * Two threads that begin each round together and hold what they got until both have
 * tried.
 */
struct duel {
	pthread_barrier_t meet;
	struct race race;
	bool over;
	int by_cdev;
	int by_group;
};

static void take_by_cdev(struct duel *duel)
{
	int fd = open_cdev(&duel->race);

	pthread_barrier_wait(&duel->meet);
	duel->by_cdev = cdev_bind(fd, duel->race.ctx, NULL) ? errno : 0;
	pthread_barrier_wait(&duel->meet);
	close(fd);
}

static void take_by_group(struct duel *duel)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	int group = open(duel->race.group, O_RDWR | O_CLOEXEC), dev = -1;

	pthread_barrier_wait(&duel->meet);
	duel->by_group = group_set_container(group, container) ? errno : 0;
	if (!duel->by_group) {
		expect(&duel->race, "set iommu",
		       ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), 0,
		       0, 0);
		dev = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, edu_bdf);
		expect(&duel->race, "get device", dev, 0, 0, 0);
	}
	pthread_barrier_wait(&duel->meet);
	close(dev);
	close(group);
	close(container);
}

static void *other_side(void *arg)
{
	struct duel *duel = arg;

	do {
		take_by_group(duel);
		pthread_barrier_wait(&duel->meet);
	} while (!duel->over);
	return NULL;
}

/* One process, two ways to the device: each time one of them gets it. */
static void test_bind_or_legacy(void **state)
{
	int rounds = 0, by_cdev = 0, by_group = 0;
	struct duel duel = { .over = false };
	long long end;
	pthread_t thread;

	(void)state;
	need_edu();
	drop_fd(container_open());
	race_init(&duel.race);
	cdev_path(edu_bdf, duel.race.cdev, sizeof(duel.race.cdev));
	snprintf(duel.race.group, sizeof(duel.race.group), "/dev/vfio/%d",
		 pci_group(edu_bdf));
	pthread_barrier_init(&duel.meet, NULL, 2);
	check(!pthread_create(&thread, NULL, other_side, &duel));
	end = now_ms() + 3 * RACE_MS;
	do {
		take_by_cdev(&duel);
		by_cdev += !duel.by_cdev && duel.by_group == EPERM;
		by_group += !duel.by_group && duel.by_cdev == EBUSY;
		duel.over = ++rounds >= 5 && now_ms() > end;
		pthread_barrier_wait(&duel.meet);
	} while (!duel.over);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&duel.meet);
	print_message("# %d by the node, %d by the group\n", by_cdev, by_group);
	check(!duel.race.what);
	check_eq(rounds, by_cdev + by_group);
}

static void test_close_context(void **state)
{
	struct race race;

	(void)state;
	race_init(&race);
	RACE(&race, use_ctx, reopen_ctx, use_ctx);
}

static void test_close_device(void **state)
{
	struct race race;

	(void)state;
	need_edu();
	race_init(&race);
	race.dev = assert_ok(cdev_open(edu_bdf));
	cdev_path(edu_bdf, race.cdev, sizeof(race.cdev));
	RACE(&race, use_dev, reopen_dev, use_ctx);
}

static void test_close_both(void **state)
{
	struct race race;

	(void)state;
	need_edu();
	race_init(&race);
	race.dev = assert_ok(cdev_open(edu_bdf));
	cdev_path(edu_bdf, race.cdev, sizeof(race.cdev));
	RACE(&race, use_dev, reopen_dev, reopen_ctx, use_ctx);
}

static void test_memory_changes(void **state)
{
	struct race race;

	(void)state;
	race_bound(&race);
	assert_ok(cdev_attach(race.dev, race.ioas, NULL));
	RACE(&race, map_churned, churn_memory, map_churned);
	race_end(&race);
}

/* A huge page is pinned once, but only while the mapping is one of huge pages. */
static void test_huge_changes(void **state)
{
	struct race race;

	(void)state;
	race_bound(&race);
	assert_ok(cdev_attach(race.dev, race.ioas, NULL));
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "8"));
	race.va = huge_alloc(HUGE_LEN, true);
	RACE(&race, map_huge, churn_huge, map_huge);
	drop_map(race.va);
	race_end(&race);
	/* None is left behind in a page table. */
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "0"));
	check_eq(0, read_long("/proc/sys/vm/nr_hugepages"));
}

#define RESERVED "/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages"
#define FILE_PAGES 6
#define FILE_LEN (FILE_PAGES * 2 * MB)
#define OTHERS_PAGES 12

/* A hole in a memfd of huge pages, which two threads fill at a time. */
struct hole {
	struct race race;
	int memfd;
	volatile uint8_t *view;
	pthread_barrier_t barrier;
	bool stop;
	int failed;
};

static void fill_by_map(struct hole *hole, uint64_t iova)
{
	struct race *race = &hole->race;

	if (ioas_map_file_fixed(race->ctx, race->ioas, hole->memfd, 0, FILE_LEN,
				iova, MAP_RW) ||
	    ioas_unmap_exact(race->ctx, race->ioas, iova, FILE_LEN))
		hole->failed = errno;
}

static void *fill_first(void *arg)
{
	struct hole *hole = arg;

	for (;;) {
		pthread_barrier_wait(&hole->barrier);
		if (hole->stop)
			return NULL;
		fill_by_map(hole, 1024 * MB);
		pthread_barrier_wait(&hole->barrier);
	}
}

static void fill_second(struct hole *hole)
{
	size_t at;

	if (!hole->view) {
		fill_by_map(hole, 2048 * MB);
		return;
	}
	for (at = 0; at < FILE_LEN; at += 2 * MB)
		hole->view[at] = 1;
}

/*
 * Two that make one huge page of a file at a time, by mapping it or by touching it, take
 * none that is reserved for somebody else.
 */
static void test_huge_reserved(void **state)
{
	bool touch = test_arg(state);
	long reserved = read_long(RESERVED);
	unsigned int rounds = 0;
	struct hole hole = {};
	long long end;
	pthread_t thread;
	uint8_t *others;
	int i;

	race_bound(&hole.race);
	assert_ok(cdev_attach(hole.race.dev, hole.race.ioas, NULL));
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "24"));
	check_eq(24, read_long("/proc/sys/vm/nr_hugepages"));
	others = keep_map(mmap(NULL, OTHERS_PAGES * 2 * MB,
			       PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0),
			  OTHERS_PAGES * 2 * MB);
	check(others != MAP_FAILED);
	check_eq(reserved + OTHERS_PAGES, read_long(RESERVED));
	hole.memfd = assert_ok(keep_fd(memfd_create("hole", MFD_HUGETLB)));
	assert_ok(ftruncate(hole.memfd, FILE_LEN));
	if (touch) {
		hole.view = keep_map(mmap(NULL, FILE_LEN,
					  PROT_READ | PROT_WRITE, MAP_SHARED,
					  hole.memfd, 0), FILE_LEN);
		check(hole.view != MAP_FAILED);
	}

	check_eq(0, pthread_barrier_init(&hole.barrier, NULL, 2));
	check_eq(0, pthread_create(&thread, NULL, fill_first, &hole));
	for (end = now_ms() + 4000; now_ms() < end; rounds++) {
		pthread_barrier_wait(&hole.barrier);
		fill_second(&hole);
		pthread_barrier_wait(&hole.barrier);
		if (hole.failed ||
		    read_long(RESERVED) != reserved + OTHERS_PAGES)
			break;
		assert_ok(fallocate(hole.memfd, FALLOC_FL_PUNCH_HOLE |
				    FALLOC_FL_KEEP_SIZE, 0, FILE_LEN));
	}
	hole.stop = true;
	pthread_barrier_wait(&hole.barrier);
	check_eq(0, pthread_join(thread, NULL));
	print_message("# %u rounds\n", rounds);
	check_eq(0, hole.failed);
	check_eq(reserved + OTHERS_PAGES, read_long(RESERVED));

	for (i = 0; i < OTHERS_PAGES; i++)
		others[i * 2 * MB] = 1;
	race_end(&hole.race);
	release_all();
	check_eq(reserved, read_long(RESERVED));
	check_eq(0, write_file("/proc/sys/vm/nr_hugepages", "0"));
	check_eq(0, read_long("/proc/sys/vm/nr_hugepages"));
}

static void victim(void *arg)
{
	struct race race;
	unsigned int round;

	(void)arg;
	race_bound(&race);
	for (round = 0;; round++) {
		attach_detach(&race, 0, round);
		cdev_attach(race.dev, race.ioas, NULL);
		map_only(&race, 0, round);
		if (round % 5 == 4)
			unmap_all(&race, 0, round);
	}
}

/* Killed at any moment, everything is free again at once. */
static void test_kill(void **state)
{
	unsigned int i;
	pid_t child;

	(void)state;
	need_edu();
	for (i = 0; i < 20; i++) {
		child = child_start(victim, NULL);
		sleep_ms(10 + i * 7 % 23);
		child_kill(child);
		drop_fd(cdev_open_bound(edu_bdf, ioasid_open(), NULL));
		/* Not before its file, which the state is compared without. */
		release_all();
	}
}

#define BIG (192 * MB)

static void map_big(void *arg)
{
	struct race race;
	uint8_t *va;

	race_bound(&race);
	assert_ok(cdev_attach(race.dev, race.ioas, NULL));
	/* Never touched: pinning is what fills it, and takes its time. */
	va = mmap(NULL, BIG, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(va != MAP_FAILED);
	gate_open(arg);
	ioas_map_fixed(race.ctx, race.ioas, va, BIG, 256 * MB, MAP_RW);
	cdev_detach(race.dev);
	cdev_attach(race.dev, race.ioas, NULL);
	for (;;)
		pause();
}

/* Killed in the middle of one long ioctl. */
static void test_kill_big_map(void **state)
{
	static const int after[] = { 0, 10, 40, 100, 250 };
	struct gate ready;
	pid_t child;
	size_t i;

	(void)state;
	need_edu();
	for (i = 0; i < ARRAY_SIZE(after); i++) {
		gate_init(&ready);
		child = child_start(map_big, &ready);
		gate_wait(&ready);
		sleep_ms(after[i]);
		child_kill(child);
		drop_fd(cdev_open_bound(edu_bdf, ioasid_open(), NULL));
		release_all();
	}
}

struct held_attach {
	struct race race;
	bool done;
	void (*call)(struct race *race);
};

static void *attach_held(void *arg)
{
	struct held_attach *a = arg;

	/* Some kernels have nobody wait for such memory. */
	expect(&a->race, "attach",
	       cdev_attach(a->race.dev, a->race.ioas, NULL), EFAULT, 0, 0);
	a->done = true;
	return NULL;
}

static void call_change(struct race *race)
{
	change_process(race->ctx);
}

static void call_list(struct race *race)
{
	struct ioasid_object list[2];
	uint64_t cursor = 0;
	uint32_t num = 2;

	list_objects(race->ctx, &cursor, list, &num);
}

static void call_list_mappings(struct race *race)
{
	struct ioasid_mapping list[2];
	uint64_t iova = 0;
	uint32_t num = 2;
	bool end;

	list_mappings(race->ctx, race->ioas, &iova, list, &num, &end);
}

static void call_copy(struct race *race)
{
	ioas_copy_fixed(race->ctx, race->other, MB, race->ioas, MB, PAGE,
			MAP_RW);
}

static void call_map(struct race *race)
{
	ioas_map_fixed(race->ctx, race->ioas, race->va, PAGE, 4 * MB, MAP_RW);
}

static void call_unmap(struct race *race)
{
	ioas_unmap_exact(race->ctx, race->ioas, MB, PAGE);
}

static void call_unmap_partial(struct race *race)
{
	uint64_t len = PAGE;

	ioas_unmap_partial(race->ctx, race->ioas, MB, &len, 0);
}

static void call_option(struct race *race)
{
	option_set(race->ctx, IOASID_OPTION_HUGE_PAGES, race->ioas, 0);
}

/* Where it waits to be filled, it is then taken back. */
static void call_hwpt_alloc(struct race *race)
{
	uint32_t hwpt;

	hwpt_alloc(race->ctx, race->devid, race->ioas, 0, &hwpt);
}

static void call_attach(struct race *race)
{
	cdev_attach(race->dev, race->other, NULL);
}

static void call_it(void *arg)
{
	struct held_attach *a = arg;

	a->call(&a->race);
}

/* Whoever waits for an attach, which waits for memory of its user, can be killed. */
static void test_kill_waiting(void **state)
{
	static void (*const calls[])(struct race *race) = {
		call_change, call_list, call_list_mappings, call_copy,
		call_map, call_unmap, call_unmap_partial, call_option,
		call_hwpt_alloc, call_attach,
	};
	struct held_attach a = {};
	siginfo_t info;
	struct held held;
	pthread_t thread;
	bool died = true;
	pid_t child;
	size_t i;
	int ms;

	(void)state;
	race_bound(&a.race);
	a.race.other = ioas_new(a.race.ctx);
	held = held_alloc(PAGE);
	assert_ok(ioas_map_fixed(a.race.ctx, a.race.ioas, a.race.va, PAGE, MB,
				 MAP_RW));
	assert_ok(ioas_map_fixed(a.race.ctx, a.race.ioas, held.va, PAGE, 2 * MB,
				 MAP_RW));
	check_eq(0, pthread_create(&thread, NULL, attach_held, &a));
	for (i = 0; i < 100 && !a.done; i++)
		if (held_touched(&held, 100))
			break;
	for (i = 0; i < ARRAY_SIZE(calls) && died; i++) {
		a.call = calls[i];
		child = child_start(call_it, &a);
		sleep_ms(200);
		kill(child, SIGKILL);
		for (ms = 0; ms < 2000; ms += 20) {
			info.si_pid = 0;
			check_eq(0, waitid(P_PID, child, &info,
					   WEXITED | WNOHANG | WNOWAIT));
			died = info.si_pid == child;
			if (died)
				break;
			sleep_ms(20);
		}
		if (!died)
			held_release(&held);
		child_status(child);
	}
	if (died)
		held_release(&held);
	check_eq(0, pthread_join(thread, NULL));
	if (!died)
		fail_test("call %zu cannot be killed", i - 1);
	release_all();
}

static void reset_step(struct race *race, int index, unsigned int round)
{
	(void)index;
	(void)round;
	expect(race, "hot reset", vfio_hot_reset(race->dev), EBUSY, 0, 0);
}

static void config_step(struct race *race, int index, unsigned int round)
{
	uint16_t id;

	(void)index;
	(void)round;
	if (pread(race->dev, &id, 2, 7ULL << 40) != 2)
		broken(race, "config space");
}

/* Resets of a bus while its devices are used and mapped. */
static void test_hot_reset(void **state)
{
	struct race race;

	(void)state;
	need_shared();
	pci_bind(shared1, DRIVER_EXT);
	pci_bind(shared2, DRIVER_EXT);
	race_init(&race);
	race.dev = cdev_open_bound(shared2, race.ctx, &race.devid);
	RACE(&race, reset_step, config_step, attach_detach, map_own);
}

/*
 * A page table becomes a level deeper while another processor is at work in it. What that one
 * then misses is a matter of a few instructions. Where one thread emulates both processors,
 * they take turns of some milliseconds. So the work takes as long: one mapping of many small
 * pages is made, or many mappings of one page each go at once.
 */
#define GROW_MS 5000
#define GROW_LEN (128 * MB)
#define GROW_MANY (6000 * PAGE)
#define GROW_IOVA (16 * MB)
#define GROW_QUEUES (MB)

struct growth {
	struct race *race;
	/* Of the IOVAs from which on a table needs more levels, those there are. */
	uint64_t high[3];
	int num_high;
	uint8_t *page;
	struct nvme nvme;
	/* What is interrupted. */
	bool maps;
	size_t len;
	/* How often that happened while the call was under way. */
	long met;
	/* Where the other processor maps next, once it is awake and told to. */
	uint64_t where;
	atomic_bool awake;
	atomic_bool go;
	atomic_bool over;
	int err;
};

static void use_processor(int nr)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(nr, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *grow_thread(void *arg)
{
	struct growth *g = arg;

	use_processor(1);
	while (!g->over) {
		if (!g->awake) {
			usleep(200);
			continue;
		}
		while (!g->go)
			;
		g->err = ioas_map_fixed(g->race->ctx, g->race->ioas, g->page,
					PAGE, g->where, MAP_RW) ?
				 errno :
				 0;
		g->awake = false;
		g->go = false;
	}
	return NULL;
}

static int map_low(struct growth *g)
{
	return ioas_map_fixed(g->race->ctx, g->race->ioas, g->race->va, g->len,
			      GROW_IOVA, MAP_RW);
}

static void map_many(struct growth *g)
{
	size_t at;

	for (at = 0; at < g->len; at += PAGE)
		assert_ok(ioas_map_fixed(g->race->ctx, g->race->ioas,
					 g->race->va + at, PAGE, GROW_IOVA + at,
					 MAP_RW));
}

static int unmap_low(struct growth *g)
{
	return ioas_unmap_exact(g->race->ctx, g->race->ioas, GROW_IOVA, g->len);
}

/* A sample of the pages, the last one with it. */
static void check_low(struct growth *g, enum reach reach)
{
	struct nvme_page pages[NVME_PAGES];
	const char *wrong;
	uint64_t offset;
	size_t i;

	for (i = 0; i < NVME_PAGES; i++) {
		offset = (i + 1) * (g->len / PAGE / NVME_PAGES) * PAGE - PAGE;
		if (i == NVME_PAGES - 1)
			offset = g->len - PAGE;
		pages[i] = (struct nvme_page){ GROW_IOVA + offset,
					       g->race->va + offset, reach,
					       reach };
	}
	wrong = nvme_try_pages(&g->nvme, pages, NVME_PAGES, &i);
	if (wrong)
		fail_test("%s, at IOVA %#llx", wrong,
			  (unsigned long long)pages[i].iova);
}

/* Once with one more level. */
static void grow_once(struct growth *g, uint64_t where, int mark)
{
	int rc, err;

	if (!g->maps)
		map_many(g);
	g->where = where;
	g->awake = true;
	usleep(1000);
	g->go = true;
	rc = g->maps ? map_low(g) : unmap_low(g);
	err = rc ? errno : 0;
	g->met += !g->go;
	while (g->go)
		usleep(200);
	if (err || g->err)
		fail_test("%s in a page table that gets another level: %s",
			  err && !g->maps ? "UNMAP" : "MAP",
			  errno_name(err ?: g->err));
	check_pinned((g->maps ? g->len / PAGE : 0) + NVME_MEMORY / PAGE + 1);
	check_low(g, g->maps ? REACH_YES : REACH_NO);
	/* What the kernel only warns of. */
	if (klog_wait(mark, "WARNING", "", 0))
		fail_test("a warning in the kernel log");
	if (g->maps)
		assert_ok(unmap_low(g));
	assert_ok(ioas_unmap_exact(g->race->ctx, g->race->ioas, where, PAGE));
}

/* Another page table, which begins with as few levels as it can. */
static void new_table(struct growth *g, uint8_t *queues)
{
	struct race *race = g->race;

	race->ioas = ioas_new(race->ctx);
	assert_ok(option_set(race->ctx, IOASID_OPTION_HUGE_PAGES, race->ioas,
			     0));
	assert_ok(cdev_attach(race->dev, race->ioas, NULL));
	assert_ok(ioas_map_fixed(race->ctx, race->ioas, queues, NVME_MEMORY,
				 GROW_QUEUES, MAP_RW));
	if (!g->nvme.bar)
		nvme_open(&g->nvme, race->dev, queues, GROW_QUEUES);
}

/* Where a page table of 3, 4 and 5 levels ends, as far as this one goes. */
static void find_high(struct growth *g)
{
	static const uint64_t high[] = { 1UL << 39, 1UL << 48, 1UL << 57 };
	struct ioasid_iova_range ranges[16];
	uint32_t num = ARRAY_SIZE(ranges);
	size_t i;

	assert_ok(ioas_ranges(g->race->ctx, g->race->ioas, ranges, &num, NULL));
	for (i = 0; i < ARRAY_SIZE(high); i++)
		if (ranges[num - 1].last > high[i] + GB)
			g->high[g->num_high++] = high[i] + GB;
	if (!g->num_high)
		g->high[g->num_high++] = ranges[num - 1].last + 1 - 2 * PAGE;
}

/* Rounds for GROW_MS, or as many as the environment asks for; ends with its thread. */
static void grow(void *arg)
{
	const char *env = getenv("GROW_ROUNDS");
	long rounds = env ? atol(env) : 0, done = 0;
	struct growth g = {
		.maps = arg,
		.len = arg ? GROW_LEN : GROW_MANY,
	};
	long long end = now_ms() + GROW_MS;
	int mark = klog_mark(), i;
	struct race race = { 0 };
	uint8_t *queues;
	pthread_t thread;
	uint32_t old;

	race.ctx = ioasid_open();
	race.dev = cdev_open_bound(nvme_bdf, race.ctx, &race.devid);
	race.va = huge_alloc(g.len, false);
	g.race = &race;
	g.page = page_alloc(PAGE);
	queues = page_alloc(NVME_MEMORY);
	new_table(&g, queues);
	find_high(&g);
	use_processor(0);
	check(!pthread_create(&thread, NULL, grow_thread, &g));
	while (rounds ? done < rounds : now_ms() < end) {
		for (i = 0; i < g.num_high; i++, done++)
			grow_once(&g, g.high[i], mark);
		old = race.ioas;
		new_table(&g, queues);
		assert_ok(ioasid_destroy(race.ctx, old));
	}
	g.over = true;
	pthread_join(thread, NULL);
	printf("# %ld rounds, in %ld it met the call\n", done, g.met);
	fflush(stdout);
}

static void run_grow(char *maps)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip_test("only one processor");
	need_nvme();
	pci_bind(nvme_bdf, DRIVER_EXT);
	if (getenv("GROW_ROUNDS"))
		alarm(0);
	run_child(grow, maps);
}

static void test_unmap_grow(void **state)
{
	(void)state;
	run_grow(NULL);
}

static void test_map_grow(void **state)
{
	(void)state;
	run_grow("maps");
}

#define ADD(fn) test_add(&list, test_##fn, NULL, #fn)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	ADD(map_unmap);
	ADD(map_unmap_attached);
	ADD(map_alloc);
	ADD(map_same);
	ADD(map_unmap_all);
	ADD(map_attach);
	ADD(map_replace);
	ADD(map_attach_second);
	ADD(map_destroy);
	ADD(map_destroy_attach);
	ADD(ids);
	ADD(hwpt_destroy);
	ADD(bind);
	ADD(bind_same_file);
	ADD(bind_legacy);
	ADD(bind_or_legacy);
	ADD(close_context);
	ADD(close_device);
	ADD(close_both);
	ADD(memory_changes);
	ADD(huge_changes);
	test_add(&list, test_huge_reserved, NULL, "huge_reserved.map");
	test_add(&list, test_huge_reserved, (void *)1, "huge_reserved.touch");
	ADD(kill);
	ADD(kill_big_map);
	ADD(kill_waiting);
	ADD(hot_reset);
	ADD(unmap_grow);
	ADD(map_grow);
	return test_main(argc, argv, "race", &list, NULL, NULL);
}
