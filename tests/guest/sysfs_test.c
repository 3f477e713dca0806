// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: sysfs: who has a device, who is in the way, poll
 *
 * The files beside a VFIO device in sysfs: whether it can be had, who is in the
 * way, who has it; and what a program finds that looks for the node from there.
 * With the device on vfio_cdev_ext ("ext.") and on stock vfio-pci ("stock.").
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

static const char *driver;
static const char *edu_bdf, *shared1, *shared2;

static void use_driver(void *arg)
{
	driver = arg;
	edu_bdf = topology("EDU_BDF");
	shared1 = topology("SHARED_BDF1");
	shared2 = topology("SHARED_BDF2");
	if (!edu_bdf || !shared1 || !shared2)
		return;
	pci_bind(edu_bdf, driver);
	pci_bind(shared1, driver);
	pci_bind(shared2, driver);
}

static void need_devices(void)
{
	if (!edu_bdf || !shared1 || !shared2)
		skip_test("no EDU_BDF, SHARED_BDF1 and SHARED_BDF2");
}

static void attr_path(char *path, const char *bdf, const char *attr)
{
	const char *name = cdev_name(bdf);

	if (!name)
		fail_test("%s has no vfio-dev", bdf);
	snprintf(path, PATH_MAX, "/sys/bus/pci/devices/%s/vfio-dev/%s/%s", bdf,
		 name, attr);
}

static void check_attr(const char *bdf, const char *attr, const char *want)
{
	char path[PATH_MAX], got[PAGE];

	attr_path(path, bdf, attr);
	read_file(path, got, sizeof(got));
	if (strcmp(got, want))
		fail_test("%s of %s: expected \"%s\", got \"%s\"", attr, bdf,
			  want, got);
}

static void check_state(const char *bdf, bool viable, const char *blocked_by,
			const char *owner)
{
	check_attr(bdf, "viable", viable ? "1\n" : "0\n");
	check_attr(bdf, "blocked_by", blocked_by);
	check_attr(bdf, "owner", owner);
}

static const char *line(char *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static const char *line(char *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, PAGE, fmt, ap);
	va_end(ap);
	return buf;
}

static void host_driver(void)
{
	if (system("modprobe -q e1000") || pci_try_bind(shared1, "e1000"))
		skip_test("no host driver for SHARED_BDF1");
}

/* ---- what the files say ---- */

static void test_nobody(void **state)
{
	(void)state;
	need_devices();
	check_state(edu_bdf, true, "", "");
	check_state(shared1, true, "", "");
	/* A parked file is nobody's claim. */
	assert_ok(cdev_open(edu_bdf));
	check_state(edu_bdf, true, "", "");
	/* Nor does a member without a driver stand in the way. */
	pci_bind(shared1, NULL);
	check_state(shared2, true, "", "");
}

static void test_bound(void **state)
{
	char owner[PAGE];
	int fd;

	(void)state;
	need_devices();
	assert_ok(prctl(PR_SET_NAME, "holder"));
	fd = cdev_open_bound(edu_bdf, ioasid_open(), NULL);
	check_state(edu_bdf, true, "", line(owner, "%d holder\n", getpid()));
	drop_fd(fd);
	check_state(edu_bdf, true, "", "");
}

/* A process chooses its name; the file still has one line with two words. */
static void test_bound_odd_name(void **state)
{
	char owner[PAGE];

	(void)state;
	need_devices();
	assert_ok(prctl(PR_SET_NAME, "a\n0 root\x1b"));
	cdev_open_bound(edu_bdf, ioasid_open(), NULL);
	check_attr(edu_bdf, "owner",
		   line(owner, "%d a\\n0 root\\e\n", getpid()));
	assert_ok(prctl(PR_SET_NAME, "sysfs_test"));
}

/* BIND that fails leaves no owner. */
static void test_bind_fails(void **state)
{
	int fd;

	(void)state;
	need_devices();
	fd = assert_ok(cdev_open(edu_bdf));
	assert_errno(EBADF, cdev_bind(fd, 1000, NULL));
	check_state(edu_bdf, true, "", "");
	host_driver();
	fd = assert_ok(cdev_open(shared2));
	assert_errno(EBUSY, cdev_bind(fd, ioasid_open(), NULL));
	check_attr(shared2, "owner", "");
	pci_bind(shared1, NULL);
}

static void test_sibling_host_driver(void **state)
{
	char want[PAGE];

	(void)state;
	need_devices();
	host_driver();
	check_state(shared2, false, line(want, "%s e1000\n", shared1), "");
	pci_bind(shared1, NULL);
	check_state(shared2, true, "", "");
}

struct other {
	struct gate bound;
	struct gate end;
};

static void hold_shared1(void *arg)
{
	struct other *other = arg;

	assert_ok(prctl(PR_SET_NAME, "other"));
	cdev_open_bound(shared1, ioasid_open(), NULL);
	gate_open(&other->bound);
	gate_wait(&other->end);
}

static void test_sibling_bound(void **state)
{
	char blocked[PAGE], owner[PAGE];
	struct other other;
	pid_t child;

	(void)state;
	need_devices();
	gate_init(&other.bound);
	gate_init(&other.end);
	child = child_start(hold_shared1, &other);
	gate_wait(&other.bound);
	line(owner, "%d other\n", child);
	check_state(shared1, true, "", owner);
	check_state(shared2, false, line(blocked, "%s %s\n", shared1, driver),
		    owner);
	gate_open(&other.end);
	child_ok(child);
	check_state(shared1, true, "", "");
	check_state(shared2, true, "", "");
}

static void test_group_path(void **state)
{
	int number, group, dev;
	char owner[PAGE];

	(void)state;
	need_devices();
	number = pci_group(shared1);
	group = assert_ok(group_open(number));
	check_state(shared1, true, "", "");
	container_with(group);
	line(owner, "group %d\n", number);
	check_state(shared1, false, "", owner);
	check_state(shared2, false, "", owner);
	dev = assert_ok(group_device(group, shared1));
	check_state(shared1, true, "", owner);
	check_state(shared2, false, "", owner);
	drop_fd(dev);
	check_state(shared1, false, "", owner);
}

static void read_as_anyone(void *arg)
{
	char path[PATH_MAX];

	(void)arg;
	assert_ok(setgid(65534));
	assert_ok(setuid(65534));
	check_attr(edu_bdf, "viable", "1\n");
	check_attr(edu_bdf, "blocked_by", "");
	/* Who has it is not for everybody: /proc may hide processes, too. */
	attr_path(path, edu_bdf, "owner");
	assert_errno(EACCES, open(path, O_RDONLY | O_CLOEXEC));
}

static void test_modes(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
	} attrs[] = {
		{ "viable", 0444 },
		{ "blocked_by", 0444 },
		{ "owner", 0400 },
	};
	char path[PATH_MAX];
	struct stat st;
	size_t i;

	(void)state;
	need_devices();
	for (i = 0; i < ARRAY_SIZE(attrs); i++) {
		attr_path(path, edu_bdf, attrs[i].name);
		assert_ok(stat(path, &st));
		check_eq(attrs[i].mode, st.st_mode & 07777);
		assert_errno(EACCES, write_file(path, "1"));
	}
	run_child(read_as_anyone, NULL);
}

/* ---- poll ---- */

/* An open file, read, so that the next change is news. */
static int poll_open(const char *bdf, const char *attr)
{
	char path[PATH_MAX], buf[PAGE];
	int fd;

	attr_path(path, bdf, attr);
	fd = assert_ok(keep_fd(open(path, O_RDONLY | O_CLOEXEC)));
	assert_ok(read(fd, buf, sizeof(buf)));
	return fd;
}

static bool poll_ms(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLPRI };

	return assert_ok(poll(&pfd, 1, ms)) == 1 && pfd.revents & POLLPRI;
}

static void check_woken(int fd, const char *want)
{
	char buf[PAGE] = "";
	ssize_t n;

	check(poll_ms(fd, 5000));
	n = assert_ok(pread(fd, buf, sizeof(buf) - 1, 0));
	buf[n] = 0;
	if (strcmp(buf, want))
		fail_test("expected \"%s\", got \"%s\"", want, buf);
	/* What has been read is no news any more; but what is told may be told twice. */
	if (poll_ms(fd, 0)) {
		assert_ok(pread(fd, buf, sizeof(buf), 0));
		check(!poll_ms(fd, 0));
	}
}

/* What an earlier test did with a group has been told by now. */
static void settle(void)
{
	sleep_ms(1500);
}

static void test_poll_host_driver(void **state)
{
	char want[PAGE];
	int fd, blocked;

	(void)state;
	need_devices();
	settle();
	fd = poll_open(shared2, "viable");
	blocked = poll_open(shared2, "blocked_by");
	check(!poll_ms(fd, 300));
	/* A driver that goes is told of, too: see test_before. */
	pci_bind(shared1, NULL);
	check_woken(fd, "1\n");
	check_woken(blocked, "");
	host_driver();
	check_woken(fd, "0\n");
	check_woken(blocked, line(want, "%s e1000\n", shared1));
	pci_bind(shared1, NULL);
	check_woken(fd, "1\n");
	check_woken(blocked, "");
}

static void test_poll_bind(void **state)
{
	int fd, own, other, dev, ctx = ioasid_open();
	char owner[PAGE];

	(void)state;
	need_devices();
	assert_ok(prctl(PR_SET_NAME, "binder"));
	settle();
	fd = poll_open(shared2, "viable");
	own = poll_open(shared1, "owner");
	other = poll_open(edu_bdf, "viable");
	dev = assert_ok(cdev_open(shared1));
	check(!poll_ms(fd, 300));
	assert_ok(cdev_bind(dev, ctx, NULL));
	check_woken(fd, "0\n");
	check_woken(own, line(owner, "%d binder\n", getpid()));
	drop_fd(dev);
	check_woken(fd, "1\n");
	check_woken(own, "");
	/* That was no concern of other groups. */
	check(!poll_ms(other, 0));
}

/* The group path, which tells nobody. */
static void test_poll_group(void **state)
{
	int fd, own, group, container, dev;
	char owner[PAGE];

	(void)state;
	need_devices();
	settle();
	fd = poll_open(edu_bdf, "viable");
	own = poll_open(edu_bdf, "owner");
	check(!poll_ms(fd, 1500));
	group = assert_ok(group_open(pci_group(edu_bdf)));
	container = container_with(group);
	check_woken(fd, "0\n");
	check_woken(own, line(owner, "group %d\n", pci_group(edu_bdf)));
	dev = assert_ok(group_device(group, edu_bdf));
	check_woken(fd, "1\n");
	drop_fd(dev);
	check_woken(fd, "0\n");
	drop_fd(group);
	drop_fd(container);
	check_woken(fd, "1\n");
	check_woken(own, "");
}

/* A reader that waits when the device goes learns that, too. */
static void test_poll_removed(void **state)
{
	char buf[PAGE];
	int fd;

	(void)state;
	need_devices();
	fd = poll_open(edu_bdf, "viable");
	pci_bind(edu_bdf, NULL);
	check(poll_ms(fd, 5000));
	assert_errno(ENODEV, pread(fd, buf, sizeof(buf), 0));
}

/* ---- readers and removal ---- */

static void read_for_ever(void *arg)
{
	static const char *const attrs[] = { "viable", "blocked_by", "owner" };
	char path[PATH_MAX], buf[PAGE];
	const char *name;
	size_t i;
	int fd;

	(void)arg;
	for (i = 0;; i = (i + 1) % ARRAY_SIZE(attrs)) {
		name = cdev_name(shared2);
		if (!name)
			continue;
		snprintf(path, sizeof(path),
			 "/sys/bus/pci/devices/%s/vfio-dev/%s/%s", shared2,
			 name, attrs[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, buf, sizeof(buf)) < 0)
			check_eq(ENODEV, errno);
		close(fd);
	}
}

static void test_readers_meet_removal(void **state)
{
	pid_t child;
	int round, dev;

	(void)state;
	need_devices();
	child = child_start(read_for_ever, NULL);
	for (round = 0; round < 10; round++) {
		dev = cdev_open_bound(shared1, ioasid_open(), NULL);
		pci_bind(shared2, NULL);
		pci_bind(shared2, driver);
		drop_fd(dev);
	}
	child_kill(child);
	check_state(shared2, true, "", "");
}

/* ---- what programs look at to find the node ---- */

/* Kata takes the last address in the path behind the number. */
static void test_node_from_number(void **state)
{
	char node[PATH_MAX], path[PATH_MAX], real[PATH_MAX], last[16] = "";
	struct stat st;
	char *part;

	(void)state;
	need_devices();
	cdev_path(shared2, node, sizeof(node));
	assert_ok(stat(node, &st));
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", major(st.st_rdev),
		 minor(st.st_rdev));
	check(realpath(path, real));
	for (part = strtok(real, "/"); part; part = strtok(NULL, "/"))
		if (!fnmatch("????:??:??.?", part, 0))
			snprintf(last, sizeof(last), "%s", part);
	check(!strcmp(last, shared2));
}

/* The number in the name is the core's, and the minor is that, too. */
static void test_node_index(void **state)
{
	static const char *const names[] = { "EDU_BDF", "SHARED_BDF1",
					     "SHARED_BDF2" };
	unsigned int index, majors[3];
	char node[PATH_MAX];
	struct stat st;
	size_t i;
	int got;

	(void)state;
	need_devices();
	for (i = 0; i < 3; i++) {
		cdev_path(topology(names[i]), node, sizeof(node));
		got = sscanf(cdev_name(topology(names[i])), "vfio%u", &index);
		check_eq(1, got);
		assert_ok(lstat(node, &st));
		check(S_ISCHR(st.st_mode));
		check_eq(index, minor(st.st_rdev));
		majors[i] = major(st.st_rdev);
	}
	check_eq(majors[0], majors[1]);
	check_eq(majors[0], majors[2]);
}

/* The VFIO core's class leads to the device, as Kata's Rust half goes. */
static void test_class_link(void **state)
{
	char path[PATH_MAX], real[PATH_MAX], pci[PATH_MAX];

	(void)state;
	need_devices();
	snprintf(path, sizeof(path), "/sys/class/vfio-dev/%s/device",
		 cdev_name(edu_bdf));
	check(realpath(path, real));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", edu_bdf);
	check(realpath(path, pci));
	check(!strcmp(real, pci));
	attr_path(path, edu_bdf, "dev");
	check(path_exists(path));
}

static int finish(void **state)
{
	(void)state;
	if (edu_bdf)
		pci_bind(edu_bdf, DRIVER_EXT);
	if (shared1)
		pci_bind(shared1, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct driver_test tests[] = {
#define T(fn) { #fn, test_##fn }
		T(nobody),
		T(bound),
		T(bound_odd_name),
		T(bind_fails),
		T(sibling_host_driver),
		T(sibling_bound),
		T(group_path),
		T(modes),
		T(poll_host_driver),
		T(poll_bind),
		T(poll_group),
		T(poll_removed),
		T(readers_meet_removal),
		T(node_from_number),
		T(node_index),
		T(class_link),
	};
	struct test_list list = { 0 };

	test_before = use_driver;
	test_add_drivers(&list, tests, ARRAY_SIZE(tests));
	return test_main(argc, argv, "sysfs", &list, NULL, finish);
}
