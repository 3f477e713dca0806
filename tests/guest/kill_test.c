// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: calls that take long, and SIGKILL
 *
 * Calls that take long: others have the processor meanwhile, and SIGKILL ends them at once.
 * They map 32 GiB, the same 64 MiB over and over, in IOMMU pages of 4 KiB: 8 million of them.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <linux/ioasid.h>

#include "dma.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define HUGEPAGES "/proc/sys/vm/nr_hugepages"
#define WATCHDOG "/proc/sys/kernel/watchdog_thresh"

#define MEMORY (64 * MB)
#define START (8 * GB)
#define COPY_START (64 * GB)

/* How long others may wait for the processor. */
#define TURN_MS 1000

struct large {
	struct setup s;
	uint8_t *va;
	size_t len;
	uint32_t other;
	size_t tail;
};

/* How long a killed call may go on: it undoes what it has done. Its end is much later. */
static int killed_ms(void)
{
	return kernel_has_lockdep() ? 3000 : 1000;
}

/* An IOMMU that is asked for each page is slower still. */
static size_t large_len(void)
{
	const char *env = getenv("LARGE_GB");

	if (env)
		return atol(env) * GB;
	if (iommu_kind() == IOMMU_OTHER)
		return GB;
	return kernel_has_lockdep() ? 4 * GB : 32 * GB;
}

static uint8_t *large_memory(size_t len)
{
	size_t room = len + 2 * MB, at;
	uint8_t *map, *va;
	int fd;

	assert_ok(write_file(HUGEPAGES, "32"));
	fd = keep_fd(memfd_create("large", MFD_CLOEXEC | MFD_HUGETLB));
	assert_ok(fd);
	assert_ok(ftruncate(fd, MEMORY));
	map = keep_map(mmap(NULL, room, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
		       room);
	check(map != MAP_FAILED);
	va = (uint8_t *)(((uintptr_t)map + 2 * MB - 1) & -(2 * MB));
	for (at = 0; at < len; at += MEMORY)
		check(mmap(va + at, MEMORY, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, 0) == va + at);
	return va;
}

static struct large large_new(void)
{
	struct large l = { .len = large_len() };

	l.s = setup_bound();
	l.va = large_memory(l.len);
	assert_ok(option_set(l.s.ctx, IOASID_OPTION_HUGE_PAGES, l.s.ioas, 0));
	/* The calls are long, and so are those that undo them. */
	alarm(600);
	return l;
}

static void large_end(void)
{
	release_all();
	assert_ok(write_file(HUGEPAGES, "0"));
	check_eq(0, read_long(HUGEPAGES));
}

static int map_large(struct large *l)
{
	return ioas_map_fixed(l->s.ctx, l->s.ioas, l->va, l->len, START,
			      MAP_RW);
}

static int attach(struct large *l)
{
	return cdev_attach(l->s.dev, l->s.ioas, NULL);
}

static int copy_large(struct large *l)
{
	return ioas_copy_fixed(l->s.ctx, l->s.ioas, COPY_START, l->other, START,
			       l->len, MAP_RW);
}

static int unmap_large(struct large *l)
{
	return ioas_unmap_exact(l->s.ctx, l->s.ioas, START, l->len);
}

static int unmap_copy(struct large *l)
{
	return ioas_unmap_exact(l->s.ctx, l->s.ioas, COPY_START, l->len);
}

static int detach(struct large *l)
{
	return cdev_detach(l->s.dev);
}

/* ---- others have the processor ---- */

static atomic_bool beat_over;
static long long beat_longest;

/* The longest time this thread, which wants next to nothing, was kept from it. */
static void *beat(void *arg)
{
	long long last = now_ms(), now;

	(void)arg;
	while (!beat_over) {
		sleep_ms(10);
		now = now_ms();
		if (now - last > beat_longest)
			beat_longest = now - last;
		last = now;
	}
	return NULL;
}

static long long longest_turn(struct large *l, int (*call)(struct large *l),
			      const char *what)
{
	long long start = now_ms();
	pthread_t thread;
	int rc;

	beat_over = false;
	beat_longest = 0;
	check(!pthread_create(&thread, NULL, beat, NULL));
	rc = call(l);
	beat_over = true;
	pthread_join(thread, NULL);
	print_message("# %s: %lld ms, the others waited for up to %lld ms\n",
		      what, now_ms() - start, beat_longest);
	assert_ok(rc);
	return beat_longest;
}

struct turns {
	char threshold[16];
	int mark;
	long long longest;
};

static struct turns turns_begin(void)
{
	struct turns t = { .mark = -1 };

	if (path_exists(WATCHDOG)) {
		read_file(WATCHDOG, t.threshold, sizeof(t.threshold));
		assert_ok(write_file(WATCHDOG, "1"));
	}
	t.mark = klog_mark();
	return t;
}

static void take_turn(struct turns *t, struct large *l,
		      int (*call)(struct large *l), const char *what)
{
	long long turn = longest_turn(l, call, what);

	if (turn > t->longest)
		t->longest = turn;
}

static void turns_end(struct turns *t)
{
	if (t->threshold[0])
		assert_ok(write_file(WATCHDOG, t->threshold));
	if (t->longest > TURN_MS)
		fail_test("the others waited for %lld ms", t->longest);
	check(!klog_wait(t->mark, "soft lockup", "", 0));
}

static void test_turns(void **state)
{
	struct turns t;
	struct large l;

	(void)state;
	l = large_new();
	t = turns_begin();
	assert_ok(attach(&l));
	take_turn(&t, &l, map_large, "MAP");
	take_turn(&t, &l, detach, "DETACH");
	take_turn(&t, &l, attach, "ATTACH");
	take_turn(&t, &l, unmap_large, "UNMAP");
	turns_end(&t);
	check_pinned(0);
	large_end();
}

/* ---- what a program says that its structure is long ---- */

/* A structure that ends where zeros begin, and says that they belong to it. */
static int destroy_long(struct large *l)
{
	struct ioasid_destroy *cmd = (void *)(l->va + MEMORY - sizeof(*cmd));

	*cmd = (struct ioasid_destroy){ .size = sizeof(*cmd) + l->tail,
					.id = ABSENT_ID };
	return ioctl(l->s.ctx, IOASID_DESTROY, cmd) < 0 && errno == ENOENT ? 0 :
									     -1;
}

static int get_error_long(struct large *l)
{
	struct ioasid_get_error *cmd = (void *)(l->va + MEMORY - sizeof(*cmd));

	*cmd = (struct ioasid_get_error){ .size = sizeof(*cmd) + l->tail };
	return ioctl(l->s.ctx, IOASID_GET_ERROR, cmd);
}

static int hw_info_long(struct large *l)
{
	struct ioasid_hw_info info;

	/* To clear takes longer than to look. */
	return hw_info(l->s.ctx, l->s.devid, l->va + MEMORY, l->tail / 4,
		       &info);
}

/* Up to 4 GiB of zeros, which are there: what is faulted in gives way by itself. */
static struct large large_tail(void)
{
	struct large l = large_new();

	l.tail = l.len - MEMORY;
	if (kernel_has_lockdep() && l.tail > GB)
		l.tail = GB;
	if (l.tail > UINT32_MAX - KB)
		l.tail = UINT32_MAX - KB;
	check(mmap(l.va, MEMORY, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == l.va);
	assert_ok(destroy_long(&l));
	return l;
}

static void test_turns_tail(void **state)
{
	struct turns t;
	struct large l;

	(void)state;
	l = large_tail();
	t = turns_begin();
	take_turn(&t, &l, destroy_long, "DESTROY with a long structure");
	take_turn(&t, &l, get_error_long, "GET_ERROR with a long structure");
	take_turn(&t, &l, hw_info_long, "GET_HW_INFO with a long buffer");
	turns_end(&t);
	large_end();
}

/* ---- killed ---- */

struct call {
	struct large *l;
	int (*fn)(struct large *l);
	atomic_bool begun;
	atomic_bool done;
};

static int in_process(void *arg)
{
	struct call *call = arg;

	call->begun = true;
	call->fn(call->l);
	call->done = true;
	_exit(0);
}

/*
 * A process that has our memory, so that its end takes no time, and our files, which stay
 * open: what is left is the call. Returns whether it was still under way.
 */
static bool kill_call(struct large *l, int (*fn)(struct large *l), int after,
		      const char *what)
{
	static uint8_t stack[64 * KB] __attribute__((aligned(16)));
	struct call call = { .l = l, .fn = fn };
	long long start, ms;
	bool done;
	pid_t pid;

	pid = assert_ok(clone(in_process, stack + sizeof(stack),
			      CLONE_VM | SIGCHLD, &call));
	while (!call.begun)
		sched_yield();
	sleep_ms(after);
	done = call.done;
	start = now_ms();
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	ms = now_ms() - start;
	print_message("# %s%s: killed after %d ms, goes on for %lld ms\n", what,
		      done ? ", which was over" : "", after, ms);
	if (ms > killed_ms())
		fail_test("%s goes on for %lld ms", what, ms);
	return !done;
}

/* Where the call is over by then, it is undone and killed earlier. */
static void check_killed(struct large *l, int (*fn)(struct large *l),
			 int (*undo)(struct large *l), int after,
			 const char *what)
{
	/* It can have ended without having said so yet. */
	while (!kill_call(l, fn, after, what) ||
	       state_vm("VmPin") == (long)(l->len / KB)) {
		assert_ok(undo(l));
		after /= 2;
		check(after);
	}
	check_pinned(0);
}

static void check_no_mappings(struct large *l)
{
	struct ioasid_mapping mapping;
	uint32_t num = 1;
	uint64_t iova = 0;
	bool end;

	assert_ok(list_mappings(l->s.ctx, l->s.ioas, &iova, &mapping, &num,
				&end));
	check_eq(0, num);
}

/* While memory is pinned, which is over first, and while a page table is filled. */
static const int moments[] = { 5, 250, 2500 };

static void test_map(void **state)
{
	struct large l;
	size_t i;

	(void)state;
	l = large_new();
	assert_ok(attach(&l));
	for (i = 0; i < ARRAY_SIZE(moments); i++) {
		check_killed(&l, map_large, unmap_large, moments[i], "MAP");
		check_no_mappings(&l);
	}
	/* What is killed leaves nothing in the way. */
	map_at(&l.s, l.va, PAGE, START);
	check_pinned(1);
	large_end();
}

static void test_attach(void **state)
{
	struct large l;
	size_t i;

	(void)state;
	l = large_new();
	assert_ok(map_large(&l));
	for (i = 0; i < ARRAY_SIZE(moments); i++) {
		check_killed(&l, attach, detach, moments[i], "ATTACH");
		/* The device is as it was: without one. */
		assert_ok(cdev_detach(l.s.dev));
	}
	assert_ok(unmap_large(&l));
	assert_ok(attach(&l));
	check_pinned(0);
	large_end();
}

static void test_copy(void **state)
{
	struct large l;
	size_t i;

	(void)state;
	l = large_new();
	l.other = ioas_new(l.s.ctx);
	assert_ok(option_set(l.s.ctx, IOASID_OPTION_HUGE_PAGES, l.other, 0));
	assert_ok(ioas_map_fixed(l.s.ctx, l.other, l.va, l.len, START, MAP_RW));
	assert_ok(attach(&l));
	for (i = 0; i < ARRAY_SIZE(moments); i++) {
		check_killed(&l, copy_large, unmap_copy, moments[i], "COPY");
		check_no_mappings(&l);
	}
	large_end();
}

/* It may have been too late, or go on to its end. */
static void test_unmap(void **state)
{
	uint64_t len = UINT64_MAX;
	struct large l;

	(void)state;
	l = large_new();
	l.len /= 4;
	assert_ok(attach(&l));
	assert_ok(map_large(&l));
	check_pinned(l.len / PAGE);
	kill_call(&l, unmap_large, 5, "UNMAP");
	assert_ok(ioas_unmap(l.s.ctx, l.s.ioas, 0, &len));
	check_pinned(0);
	check_no_mappings(&l);
	large_end();
}

static void test_tail(void **state)
{
	struct large l;

	(void)state;
	l = large_tail();
	kill_call(&l, destroy_long, 5, "DESTROY with a long structure");
	kill_call(&l, get_error_long, 5, "GET_ERROR with a long structure");
	kill_call(&l, hw_info_long, 5, "GET_HW_INFO with a long buffer");
	large_end();
}

/* ---- much that is small ---- */

/*
 * Mappings of a page, each of which takes no time worth a pause. A virtio-iommu is told of
 * each: there the end of the call would be seconds away.
 */
static unsigned long small_mappings(void)
{
	if (kernel_has_lockdep())
		return 1 << 14;
	return iommu_kind() == IOMMU_OTHER ? 1 << 18 : 1 << 17;
}

static void test_copy_small(void **state)
{
	unsigned long i;
	struct large l;

	(void)state;
	l = large_new();
	l.len = small_mappings() * PAGE;
	l.other = ioas_new(l.s.ctx);
	for (i = 0; i < l.len; i += PAGE)
		assert_ok(ioas_map_fixed(l.s.ctx, l.other, l.va + i, PAGE,
					 START + i, MAP_RW));
	assert_ok(attach(&l));
	check_killed(&l, copy_large, unmap_copy,
		     kernel_has_lockdep() ? 500 : 1500, "COPY of pages");
	check_no_mappings(&l);
	large_end();
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	ADD(turns);
	ADD(turns_tail);
	ADD(tail);
	ADD(map);
	ADD(attach);
	ADD(copy);
	ADD(copy_small);
	ADD(unmap);
	return test_main(argc, argv, "kill", &list, NULL, NULL);
}
