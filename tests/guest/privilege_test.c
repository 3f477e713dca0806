// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: what a capability, a user namespace and a container change
 *
 * What each capability changes for a user of the nodes, held alone in the first user
 * namespace; that all of them together change nothing in another one; and that the nodes
 * alone, or files of them alone, are enough to use a device.
 */
#include <fcntl.h>
#include <sched.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dma.h"
#include "ioasid.h"
#include "test.h"
#include "vfio.h"

#define CAP_NONE -1
#define JAIL "/tmp"

/* What can be had of a context and a device that are there. */
struct world {
	struct setup s;
	uint8_t *page;
	char node[64];
	/* Nothing has been done with this context: it takes options. */
	int fresh;
};

/* For each, the capabilities that suffice for it, as a mask. */
struct rights {
	uint64_t open_ioasid;
	uint64_t open_node;
	uint64_t choose_limit;
	uint64_t exceed_limit;
};

struct attempt {
	struct world *world;
	struct rights *rights;
	int cap;
};

static struct world world_new(void)
{
	struct world world = {
		.s = setup_attached(),
		.page = page_alloc(PAGE),
		.fresh = ioasid_open(),
	};

	cdev_path(edu_bdf, world.node, sizeof(world.node));
	return world;
}

static void hold_only(int cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (cap != CAP_NONE) {
		data[CAP_TO_INDEX(cap)].permitted = CAP_TO_MASK(cap);
		data[CAP_TO_INDEX(cap)].effective = CAP_TO_MASK(cap);
	}
	assert_ok(syscall(SYS_capset, &head, data));
}

/* Whether the call succeeds; if not, it fails with this errno. */
static bool succeeds(long rc, int err)
{
	if (rc == -1)
		check_eq(err, errno);
	return rc != -1;
}

static bool can_open(const char *node)
{
	return succeeds(open(node, O_RDWR | O_CLOEXEC), EACCES);
}

static bool can_choose_limit(const struct world *world)
{
	return succeeds(option_set(world->fresh, IOASID_OPTION_RLIMIT_MODE, 0,
				   1),
			EPERM);
}

static bool can_exceed_limit(const struct world *world)
{
	return succeeds(ioas_map_fixed(world->s.ctx, world->s.ioas, world->page,
				       PAGE, IOVA, MAP_RW),
			ENOMEM);
}

static void check_nothing_more(const struct world *world)
{
	check(!can_open(IOASID_NODE));
	check(!can_open(world->node));
	check(!can_choose_limit(world));
	check(!can_exceed_limit(world));
}

static void attempt_all(void *arg)
{
	struct attempt *attempt = arg;
	const struct world *world = attempt->world;
	uint64_t mask = 1ULL << attempt->cap;

	assert_ok(prctl(PR_SET_KEEPCAPS, 1));
	become_user(LIMIT_UID, 0);
	hold_only(attempt->cap);
	if (can_open(IOASID_NODE))
		attempt->rights->open_ioasid |= mask;
	if (can_open(world->node))
		attempt->rights->open_node |= mask;
	if (can_choose_limit(world))
		attempt->rights->choose_limit |= mask;
	if (can_exceed_limit(world)) {
		attempt->rights->exceed_limit |= mask;
		assert_ok(ioas_unmap_exact(world->s.ctx, world->s.ioas, IOVA,
					   PAGE));
	}
}

static void test_capabilities(void **state)
{
	struct world world = world_new();
	struct attempt attempt = { .world = &world };
	long last = read_long("/proc/sys/kernel/cap_last_cap");

	(void)state;
	attempt.rights = keep_map(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0),
				  PAGE);
	for (attempt.cap = 0; attempt.cap <= last; attempt.cap++)
		run_child(attempt_all, &attempt);

	check_eq(1ULL << CAP_DAC_OVERRIDE, attempt.rights->open_ioasid);
	check_eq(1ULL << CAP_DAC_OVERRIDE, attempt.rights->open_node);
	check_eq(1ULL << CAP_SYS_RESOURCE, attempt.rights->choose_limit);
	check_eq(1ULL << CAP_IPC_LOCK, attempt.rights->exceed_limit);
}

/* Root's files are root's, with no capability at all. */
static void be_bare_root(void *arg)
{
	struct rlimit none = { 0, 0 };
	struct world *world = arg;

	assert_ok(setrlimit(RLIMIT_MEMLOCK, &none));
	hold_only(CAP_NONE);
	check(can_open(IOASID_NODE));
	check(can_open(world->node));
	check(!can_choose_limit(world));
	check(!can_exceed_limit(world));
}

static void test_root_without(void **state)
{
	struct world world = world_new();

	(void)state;
	run_child(be_bare_root, &world);
}

static void become_root_of_namespace(void)
{
	char uids[64], gids[64];

	snprintf(uids, sizeof(uids), "0 %u 1", getuid());
	snprintf(gids, sizeof(gids), "0 %u 1", getgid());
	/* What is its process's own belongs to root while it is not dumpable. */
	assert_ok(prctl(PR_SET_DUMPABLE, 1));
	assert_ok(unshare(CLONE_NEWUSER));
	assert_ok(write_file("/proc/self/setgroups", "deny"));
	assert_ok(write_file("/proc/self/uid_map", uids));
	assert_ok(write_file("/proc/self/gid_map", gids));
	check_eq(0, getuid());
}

static void be_root_of_namespace(void *arg)
{
	struct rlimit more = { PAGE, PAGE };
	struct world *world = arg;

	become_user(LIMIT_UID, 0);
	check_nothing_more(world);
	become_root_of_namespace();
	check_nothing_more(world);
	assert_errno(EPERM, setrlimit(RLIMIT_MEMLOCK, &more));
}

static void test_user_namespace(void **state)
{
	struct world world = world_new();

	(void)state;
	run_child(be_root_of_namespace, &world);
}

/* The memory of a limit of LIMIT_PAGES, and not a page more. */
static void check_usable(struct setup *s)
{
	uint8_t *va = page_alloc((LIMIT_PAGES + 1) * PAGE);

	check_room(s, va, LIMIT_PAGES);
	map_at(s, va, PAGE, IOVA);
	check_dma(s, va, IOVA, 1);
	unmap_at(s, IOVA, PAGE);
}

static void pass_in(const char *node)
{
	char path[128];
	long file;

	snprintf(path, sizeof(path), JAIL "%s", node);
	file = assert_ok(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	assert_ok(close((int)file));
	assert_ok(mount(node, path, NULL, MS_BIND, NULL));
}

/* A file system with these nodes, or none, and nothing else. */
static void enter_jail(const char *node)
{
	assert_ok(unshare(CLONE_NEWNS));
	assert_ok(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	assert_ok(mount("jail", JAIL, "tmpfs", 0, "mode=0755"));
	if (node) {
		assert_ok(mkdir(JAIL "/dev", 0755));
		assert_ok(mkdir(JAIL "/dev/vfio", 0755));
		assert_ok(mkdir(JAIL "/dev/vfio/devices", 0755));
		pass_in(IOASID_NODE);
		pass_in(node);
	}
	assert_ok(chroot(JAIL));
	assert_ok(chdir("/"));
	check(!path_exists("/sys"));
	check(!path_exists("/proc"));
}

static void use_in_container(void *arg)
{
	struct rlimit limit = { LIMIT_PAGES * PAGE, LIMIT_PAGES * PAGE };
	const char *node = arg;
	struct setup s = {};

	assert_ok(setrlimit(RLIMIT_MEMLOCK, &limit));
	hold_only(CAP_NONE);
	s.ctx = ioasid_open();
	s.dev = keep_fd((int)assert_ok(open(node, O_RDWR | O_CLOEXEC)));
	assert_ok(cdev_bind(s.dev, s.ctx, &s.devid));
	s.ioas = ioas_new(s.ctx);
	assert_ok(cdev_attach(s.dev, s.ioas, NULL));
	edu_open(&s.edu, s.dev);
	check_usable(&s);
}

/* As container runtimes do it: root without capabilities, and processes of its own. */
static void contain(void *arg)
{
	int status;
	pid_t pid;

	enter_jail(arg);
	assert_ok(unshare(CLONE_NEWPID));
	pid = (pid_t)assert_ok(fork());
	if (!pid) {
		use_in_container(arg);
		_exit(0);
	}
	assert_ok(waitpid(pid, &status, 0));
	check_eq(0, status);
}

static void test_container(void **state)
{
	char node[64];

	(void)state;
	need_edu();
	cdev_path(edu_bdf, node, sizeof(node));
	run_child(contain, node);
}

static void use_files(void *arg)
{
	enter_jail(NULL);
	become_user(LIMIT_UID, LIMIT_PAGES);
	check_usable(arg);
}

/* As "ioasidctl exec" starts a program. */
static void test_files_alone(void **state)
{
	struct setup s = setup_attached();

	(void)state;
	run_child(use_files, &s);
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = {};

	test_before = use_edu;
	ADD(capabilities);
	ADD(root_without);
	ADD(user_namespace);
	ADD(container);
	ADD(files_alone);
	return test_main(argc, argv, "privilege_test", &list, NULL, NULL);
}
