// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: hot reset of two groups: whose devices they have to be
 * vm: --topology sriov
 *
 * Two functions of one device, which only a reset of both reaches, and which are in two
 * groups: whose they have to be for one user to reset them, through the nodes and
 * through the groups. On vfio_cdev_ext ("ext.") and on stock vfio-pci ("stock.").
 */
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "ioasid.h"
#include "test.h"
#include "vfio.h"

#define NOT_OURS "does not belong to this"

static const char *fn[2];

static void use_driver(void *arg)
{
	fn[0] = topology("PAIR_BDF1");
	fn[1] = topology("PAIR_BDF2");
	if (!fn[0] || !fn[1])
		return;
	pci_bind(fn[0], arg);
	pci_bind(fn[1], arg);
}

static void need_pair(void)
{
	if (!fn[0] || !fn[1])
		skip_test("no device with two functions");
	check(pci_group(fn[0]) != pci_group(fn[1]));
}

/* Its registers are those of a device, not of one that is gone. */
static void check_there(int fd)
{
	check_eq(0x8086, vfio_config16(fd, 0));
}

static void test_nobodys(void **state)
{
	int fd;

	(void)state;
	need_pair();
	fd = cdev_open_bound(fn[0], ioasid_open(), NULL);
	check_reset_refused(fd, fn[1], NOT_OURS);
	/* A file that has bound nothing makes it nobody's. */
	assert_ok(cdev_open(fn[1]));
	check_reset_refused(fd, fn[1], NOT_OURS);
	check_there(fd);
}

/* ---- through the nodes ---- */

struct other {
	struct gate bound;
	struct gate end;
};

static void hold_second(void *arg)
{
	struct other *other = arg;

	assert_ok(prctl(PR_SET_NAME, "other"));
	cdev_open_bound(fn[1], ioasid_open(), NULL);
	gate_open(&other->bound);
	gate_wait(&other->end);
}

static void test_other_process(void **state)
{
	struct other other;
	char holder[64];
	pid_t child;
	int fd;

	(void)state;
	need_pair();
	fd = cdev_open_bound(fn[0], ioasid_open(), NULL);
	gate_init(&other.bound);
	gate_init(&other.end);
	child = child_start(hold_second, &other);
	gate_wait(&other.bound);
	snprintf(holder, sizeof(holder), "in use by process %d (other)", child);
	check_reset_refused(fd, fn[1], holder);
	gate_open(&other.end);
	child_ok(child);
	check_reset_refused(fd, fn[1], NOT_OURS);
	check_there(fd);
}

/* What counts is the context, not the process. */
static void test_other_context(void **state)
{
	char holder[64];
	int fd[2];

	(void)state;
	need_pair();
	fd[0] = cdev_open_bound(fn[0], ioasid_open(), NULL);
	fd[1] = cdev_open_bound(fn[1], ioasid_open(), NULL);
	snprintf(holder, sizeof(holder), "in use by process %d ", getpid());
	check_reset_refused(fd[0], fn[1], holder);
	check_reset_refused(fd[1], fn[0], holder);
	check_there(fd[0]);
	check_there(fd[1]);
}

static void test_both_ours(void **state)
{
	int ctx = ioasid_open(), fd[2], i, j;
	struct reset_info info;
	uint32_t devid[2];

	(void)state;
	need_pair();
	for (i = 0; i < 2; i++)
		fd[i] = cdev_open_bound(fn[i], ctx, &devid[i]);
	for (i = 0; i < 2; i++) {
		vfio_reset_info(fd[i], &info);
		check_eq(2, info.head.count);
		check_eq(VFIO_CDEV_HOT_RESET_FLAG_DEV_ID |
				 VFIO_CDEV_HOT_RESET_FLAG_DEV_ID_OWNED,
			 info.head.flags);
		for (j = 0; j < 2; j++)
			check_eq(devid[j], vfio_reset_devid(&info, fn[j]));
		assert_ok(vfio_hot_reset(fd[i]));
		check_there(fd[0]);
		check_there(fd[1]);
	}
	/* Its group goes with it. */
	drop_fd(fd[1]);
	check_reset_refused(fd[0], fn[1], NOT_OURS);
}

/* ---- through the groups ---- */

struct group_user {
	int group;
	int dev;
};

static struct group_user use_group(const char *bdf)
{
	struct group_user user;

	user.group = assert_ok(group_open(pci_group(bdf)));
	container_with(user.group);
	user.dev = assert_ok(group_device(user.group, bdf));
	return user;
}

static void test_group_user(void **state)
{
	int fd, group;

	(void)state;
	need_pair();
	fd = cdev_open_bound(fn[0], ioasid_open(), NULL);
	group = assert_ok(group_open(pci_group(fn[1])));
	check_reset_refused(fd, fn[1], NOT_OURS);
	container_with(group);
	check_reset_refused(fd, fn[1], NOT_OURS);
	assert_ok(group_device(group, fn[1]));
	check_reset_refused(fd, fn[1], "in use through its VFIO group");
	check_there(fd);
}

/* Opening a group is no proof that its devices are nobody else's. */
static void test_reset_by_groups(void **state)
{
	struct group_user user;
	int fd, groups[2];

	(void)state;
	need_pair();
	fd = cdev_open_bound(fn[0], ioasid_open(), NULL);
	user = use_group(fn[1]);
	groups[0] = user.group;
	groups[1] = assert_ok(group_open(pci_group(fn[0])));
	assert_errno(EINVAL, vfio_group_hot_reset(user.dev, groups, 1));
	assert_errno(EINVAL, vfio_group_hot_reset(user.dev, groups, 2));
	check_there(fd);
	check_there(user.dev);
	/* Open but not bound, or closed, it is nobody's, and the core's rules are as ever. */
	drop_fd(fd);
	assert_errno(EINVAL, vfio_group_hot_reset(user.dev, groups, 1));
	assert_ok(vfio_group_hot_reset(user.dev, groups, 2));
	fd = assert_ok(cdev_open(fn[0]));
	assert_ok(vfio_group_hot_reset(user.dev, groups, 2));
	check_there(user.dev);
	/* And the other way round, as it was bound later. */
	assert_ok(cdev_bind(fd, ioasid_open(), NULL));
	assert_errno(EINVAL, vfio_group_hot_reset(user.dev, groups, 2));
	check_there(fd);
}

/* Devices nobody has bound through a node: the core decides, in use or not. */
static void test_both_groups(void **state)
{
	struct group_user user[2];
	int groups[2], i;

	(void)state;
	need_pair();
	for (i = 0; i < 2; i++) {
		user[i] = use_group(fn[i]);
		groups[i] = user[i].group;
	}
	for (i = 0; i < 2; i++) {
		assert_errno(EINVAL,
			     vfio_group_hot_reset(user[i].dev, &groups[i], 1));
		assert_ok(vfio_group_hot_reset(user[i].dev, groups, 2));
		check_there(user[0].dev);
		check_there(user[1].dev);
	}
}

static int finish(void **state)
{
	(void)state;
	if (fn[0] && fn[1]) {
		pci_bind(fn[0], NULL);
		pci_bind(fn[1], NULL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct driver_test tests[] = {
#define T(fn) { #fn, test_##fn }
		T(nobodys),	T(other_process), T(other_context),
		T(both_ours),	T(group_user),	  T(reset_by_groups),
		T(both_groups),
	};
	struct test_list list = { 0 };

	test_before = use_driver;
	test_add_drivers(&list, tests, ARRAY_SIZE(tests));
	return test_main(argc, argv, "bus", &list, NULL, finish);
}
