// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: memory that a user makes the modules need, and memory cgroups
 *
 * What is allocated for a user is charged to his memory cgroup. Each test makes many of one
 * thing in a process that has a cgroup to itself, and looks at what that is charged; what is
 * freed is given back.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "dma.h"
#include "ioasid.h"
#include "test.h"
#include "vfio.h"

#define CGROUPS "/tmp"
#define OWN CGROUPS "/memcg_test"

#define MANY 8192UL
/* By how much the count may be off. */
#define SLACK (64 * KB)

/* struct file, of which there is one for each that is opened. */
#define FILE_SIZE 184

/* Something of which a user can make many. */
struct thing {
	const char *name;
	/* Bytes for each, by the structures of the modules, or less. */
	size_t size;
	size_t num;
	void (*make)(size_t num);
};

/* What the cgroup is charged of memory that kmalloc() gives, in bytes. */
static long charged(void)
{
	char stat[2 * PAGE];
	const char *slab;

	read_file(OWN "/memory.stat", stat, sizeof(stat));
	slab = strstr(stat, "\nslab ");
	check(slab);
	return atol(slab + strlen("\nslab "));
}

/* A cgroup for this process, in a file system that only it sees. */
static void enter_cgroup(void)
{
	char controllers[256];

	assert_ok(unshare(CLONE_NEWNS));
	assert_ok(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	if (mount("cgroups", CGROUPS, "cgroup2", 0, NULL))
		skip_test("the kernel has no cgroups");
	read_file(CGROUPS "/cgroup.controllers", controllers,
		  sizeof(controllers));
	if (!strstr(controllers, "memory"))
		skip_test("the kernel has no memory cgroups");
	assert_ok(write_file(CGROUPS "/cgroup.subtree_control", "+memory"));
	if (mkdir(OWN, 0755) && errno != EEXIST)
		fail_test("mkdir: %s", errno_name(errno));
	assert_ok(write_file(OWN "/cgroup.procs", "0"));
}

/* What is freed is given back a little later. */
static void wait_uncharged(long most)
{
	long long end = now_ms() + 5000;

	while (charged() > most && now_ms() < end)
		sleep_ms(50);
	if (charged() > most)
		fail_test("%ld bytes are charged, and %ld at most should be",
			  charged(), most);
}

static void make_and_look(void *arg)
{
	struct rlimit files = { 2 * MANY, 2 * MANY };
	const struct thing *thing = arg;
	long before, grown, least;

	enter_cgroup();
	assert_ok(setrlimit(RLIMIT_NOFILE, &files));
	/* The table of files is as large as it will be. */
	assert_ok(close((int)assert_ok(dup2(0, 2 * MANY - 1))));
	before = charged();
	thing->make(thing->num);
	grown = charged() - before;
	least = thing->num * thing->size - SLACK;
	printf("# %zu of %zu bytes charge %ld\n", thing->num, thing->size,
	       grown);
	if (grown < least)
		fail_test("expected a charge of %ld bytes", least);
	release_all();
	assert_ok(close_range(3, ~0U, 0));
	wait_uncharged(before + SLACK);
}

static void test_charged(void **state)
{
	need_edu();
	run_child(make_and_look, test_arg(state));
}

static void make_contexts(size_t num)
{
	size_t i;

	for (i = 0; i < num; i++)
		assert_ok(open(IOASID_NODE, O_RDWR | O_CLOEXEC));
}

static void make_node_files(size_t num)
{
	char path[64];
	size_t i;

	cdev_path(edu_bdf, path, sizeof(path));
	for (i = 0; i < num; i++)
		assert_ok(open(path, O_RDWR | O_CLOEXEC));
}

static void make_ioases(size_t num)
{
	int ctx = ioasid_open();
	size_t i;

	for (i = 0; i < num; i++)
		ioas_new(ctx);
}

/* With no device attached nothing of the memory is pinned. */
static void make_mappings(size_t num)
{
	uint8_t *page = page_alloc(PAGE);
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx);
	size_t i;

	for (i = 0; i < num; i++)
		assert_ok(ioas_map_fixed(ctx, ioas, page, PAGE, IOVA + i * PAGE,
					 MAP_RW));
}

static void make_copies(size_t num)
{
	uint8_t *page = page_alloc(PAGE);
	int ctx = ioasid_open();
	uint32_t ioas = ioas_new(ctx);
	size_t i;

	assert_ok(ioas_map_fixed(ctx, ioas, page, PAGE, IOVA, MAP_RW));
	for (i = 1; i <= num; i++)
		assert_ok(ioas_copy_fixed(ctx, ioas, IOVA + i * PAGE, ioas,
					  IOVA, PAGE, MAP_RW));
}

static void make_allowed(size_t num)
{
	static struct ioasid_iova_range ranges[MANY];
	int ctx = ioasid_open();
	size_t i;

	for (i = 0; i < num; i++) {
		ranges[i].start = 2 * i * PAGE;
		ranges[i].last = ranges[i].start + PAGE - 1;
	}
	assert_ok(ioas_allow(ctx, ioas_new(ctx), ranges, num));
}

/*
 * What is noted of memory that is pinned. Two arrays take the pages that the kernel gives in
 * turn, so that those of one do not lie together.
 */
static void make_runs(size_t num)
{
	struct setup s = setup_attached();
	uint8_t *va = small_alloc(num * PAGE);
	uint8_t *between = small_alloc(num * PAGE);
	size_t i;

	for (i = 0; i < num; i++) {
		va[i * PAGE] = 1;
		between[i * PAGE] = 1;
	}
	map_at(&s, va, num * PAGE, IOVA);
}

int main(int argc, char **argv)
{
	static struct thing things[] = {
		{ "contexts", FILE_SIZE + 344, MANY, make_contexts },
		{ "node_files", FILE_SIZE + 208, MANY, make_node_files },
		{ "ioases", 200, MANY, make_ioases },
		{ "mappings", 96, MANY, make_mappings },
		{ "copies", 96, MANY, make_copies },
		{ "allowed", 48, MANY, make_allowed },
		{ "runs", 8, 4 * MANY, make_runs },
	};
	struct test_list list = {};
	size_t i;

	test_before = use_edu;
	for (i = 0; i < ARRAY_SIZE(things); i++)
		test_add(&list, test_charged, &things[i], "charged.%s",
			 things[i].name);
	return test_main(argc, argv, "memcg_test", &list, NULL, NULL);
}
