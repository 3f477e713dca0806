// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: the modules beside an iommufd of the kernel: a device has one user
 * vm: --smp 2 --module-args coexist=1 --module-args directory=ext
 *
 * Each way to a device against each other: our node, the kernel's node, and its group with a
 * container or with an iommufd. For a kernel that has all of them.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <linux/pci_regs.h>

#include "ioasid.h"
#include "module.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define OURS "ext"
#define KERNELS "devices"
#define LOADED "coexist=1 directory=" OURS

/* Which the test is about. */
static const char *driver;
static const char *edu_bdf;

enum way { OUR_NODE, KERNEL_NODE, CONTAINER, IOMMUFD_GROUP, NUM_WAYS };

static const char *const way_names[] = {
	[OUR_NODE] = "ours",
	[KERNEL_NODE] = "node",
	[CONTAINER] = "container",
	[IOMMUFD_GROUP] = "iommufd",
};

/* What a user of a device has open; -1 for nothing. */
struct use {
	int device;
	int group;
	int space;
};

static const struct use nothing = { -1, -1, -1 };

static void need_native(void)
{
	if (!path_exists("/sys/module/iommufd"))
		skip_test("no iommufd in this kernel");
}

static const char *need_device(const char *name)
{
	const char *bdf = topology(name);

	if (!bdf)
		skip_test("no %s", name);
	pci_bind(bdf, driver);
	return bdf;
}

static void node_path(char *path, size_t size, const char *directory,
		      const char *bdf)
{
	const char *name = cdev_name(bdf);

	check(name);
	snprintf(path, size, "/dev/vfio/%s/%s", directory, name);
}

static int node_open(const char *directory, const char *bdf)
{
	long long end = now_ms() + 5000;
	char path[PATH_MAX];

	node_path(path, sizeof(path), directory, bdf);
	while (!path_exists(path) && now_ms() < end)
		sleep_ms(10);
	return assert_ok(keep_fd(open(path, O_RDWR | O_CLOEXEC)));
}

static int iommufd_open(void)
{
	return assert_ok(keep_fd(open(IOMMU_NODE, O_RDWR | O_CLOEXEC)));
}

static void use_end(struct use *use)
{
	/* A container goes last: a group in it is a use of it. */
	if (use->device >= 0)
		drop_fd(use->device);
	if (use->group >= 0)
		drop_fd(use->group);
	if (use->space >= 0)
		drop_fd(use->space);
	*use = nothing;
}

static int use_node(struct use *use, const char *directory, const char *bdf,
		    int space)
{
	use->space = space;
	use->device = node_open(directory, bdf);
	return cdev_bind(use->device, use->space, NULL);
}

static int use_group(struct use *use, const char *bdf, bool container)
{
	use->group = group_open(pci_group(bdf));
	if (use->group < 0)
		return -1;
	if (container) {
		use->space = container_with(use->group);
	} else {
		use->space = iommufd_open();
		assert_ok(group_set_container(use->group, use->space));
	}
	use->device = group_device(use->group, bdf);
	return use->device < 0 ? -1 : 0;
}

/* 0, or -1 with the errno of the step that is refused; what is open then is in @use. */
static int use_begin(struct use *use, enum way way, const char *bdf)
{
	*use = nothing;
	switch (way) {
	case OUR_NODE:
		return use_node(use, OURS, bdf, ioasid_open());
	case KERNEL_NODE:
		return use_node(use, KERNELS, bdf, iommufd_open());
	case CONTAINER:
		return use_group(use, bdf, true);
	default:
		return use_group(use, bdf, false);
	}
}

static void check_usable(const struct use *use)
{
	check(vfio_config16(use->device, PCI_VENDOR_ID) != 0xffff);
}

static void check_refused(enum way way, const char *bdf)
{
	struct refusal refusal;
	struct use use;
	char why[64];

	assert_errno(EBUSY, use_begin(&use, way, bdf));
	if (way == OUR_NODE) {
		snprintf(why, sizeof(why), "/dev/vfio/%d is open",
			 pci_group(bdf));
		check_refusal(use.device, EBUSY, why, &refusal);
		check_contains(refusal.text, "%s", bdf);
	}
	use_end(&use);
}

/*
 * One way to @first, another to @second, which is the same device or one of its group. Who
 * comes second is refused, and has it when the first has gone, whichever way round.
 */
static void exclude(enum way way, const char *first, enum way other,
		    const char *second)
{
	struct use use;
	int i;

	for (i = 0; i < 2; i++) {
		assert_ok(use_begin(&use, way, first));
		check_refused(other, second);
		check_usable(&use);
		use_end(&use);
		assert_ok(use_begin(&use, other, second));
		check_refused(way, first);
		check_usable(&use);
		use_end(&use);
	}
}

static void test_exclude(enum way other)
{
	const char *bdf;

	need_native();
	bdf = need_device("EDU_BDF");
	exclude(OUR_NODE, bdf, other, bdf);
}

static void test_sibling(enum way other)
{
	const char *first, *second;

	need_native();
	first = need_device("SHARED_BDF1");
	second = need_device("SHARED_BDF2");
	check_eq(pci_group(first), pci_group(second));
	exclude(OUR_NODE, first, other, second);
	exclude(OUR_NODE, second, other, first);
}

#define WAY_TEST(name, call)                  \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		call;                         \
	}

WAY_TEST(node, test_exclude(KERNEL_NODE))
WAY_TEST(container, test_exclude(CONTAINER))
WAY_TEST(iommufd, test_exclude(IOMMUFD_GROUP))
WAY_TEST(sibling_node, test_sibling(KERNEL_NODE))
WAY_TEST(sibling_container, test_sibling(CONTAINER))
WAY_TEST(sibling_iommufd, test_sibling(IOMMUFD_GROUP))

/* A node that is open and not bound is in nobody's way. */
static void test_parked(void **state)
{
	struct use use;
	int ours, kernels, iommufd;

	(void)state;
	need_native();
	need_device("EDU_BDF");
	iommufd = iommufd_open();
	ours = node_open(OURS, edu_bdf);
	kernels = node_open(KERNELS, edu_bdf);
	assert_ok(use_begin(&use, CONTAINER, edu_bdf));
	use_end(&use);

	assert_ok(cdev_bind(ours, ioasid_open(), NULL));
	assert_errno(EBUSY, cdev_bind(kernels, iommufd, NULL));
	assert_errno(EINVAL, cdev_attach(kernels, 1, NULL));
	check(vfio_config16(ours, PCI_VENDOR_ID) != 0xffff);
	drop_fd(ours);
	assert_ok(cdev_bind(kernels, iommufd, NULL));
}

/* As in mainline, it is enough that the file of the group is open. */
static void test_group_open(void **state)
{
	int group;

	(void)state;
	need_native();
	need_device("EDU_BDF");
	group = assert_ok(group_open(pci_group(edu_bdf)));
	check_refused(OUR_NODE, edu_bdf);
	check_refused(KERNEL_NODE, edu_bdf);
	drop_fd(group);
}

/* A file of the device outlives that of the group, if that was given an iommufd. */
static void test_group_closed(void **state)
{
	struct refusal refusal;
	struct use use, ours;

	(void)state;
	need_native();
	need_device("EDU_BDF");
	assert_ok(use_begin(&use, IOMMUFD_GROUP, edu_bdf));
	drop_fd(use.group);
	use.group = -1;
	check_usable(&use);

	assert_errno(EBUSY, use_begin(&ours, OUR_NODE, edu_bdf));
	check_refusal(ours.device, EBUSY, "in use through its VFIO group",
		      &refusal);
	/* The refusal has not kept the group. */
	drop_fd(assert_ok(group_open(pci_group(edu_bdf))));
	use_end(&use);
	assert_ok(cdev_bind(ours.device, ours.space, NULL));
	use_end(&ours);
}

/* The same, and ours is another device of the group: DMA ownership tells. */
static void test_group_closed_sibling(void **state)
{
	const char *first, *second;
	struct use use, ours;

	(void)state;
	need_native();
	first = need_device("SHARED_BDF1");
	second = need_device("SHARED_BDF2");
	assert_ok(use_begin(&use, IOMMUFD_GROUP, first));
	drop_fd(use.group);
	use.group = -1;
	assert_errno(EBUSY, use_begin(&ours, OUR_NODE, second));
	use_end(&use);
	assert_ok(cdev_bind(ours.device, ours.space, NULL));
	use_end(&ours);
}

/* Two devices of one group in one context: the group is kept until both are closed. */
static void test_both(void **state)
{
	const char *first, *second;
	struct use one, two;
	int other;

	(void)state;
	need_native();
	first = need_device("SHARED_BDF1");
	second = need_device("SHARED_BDF2");
	assert_ok(use_begin(&one, OUR_NODE, first));
	two = nothing;
	two.device = node_open(OURS, second);
	/* Another context does not get it, and takes nothing away. */
	other = ioasid_open();
	assert_errno(EPERM, cdev_bind(two.device, other, NULL));
	check_refused(IOMMUFD_GROUP, first);
	assert_ok(cdev_bind(two.device, one.space, NULL));
	assert_errno(EINVAL, cdev_bind(two.device, one.space, NULL));
	use_end(&one);
	check_usable(&two);
	check_refused(IOMMUFD_GROUP, first);
	check_refused(KERNEL_NODE, first);
	check_refused(CONTAINER, second);
	use_end(&two);
	assert_ok(use_begin(&one, IOMMUFD_GROUP, first));
	use_end(&one);
}

/* Neither side takes files of the other, and a BIND that is refused keeps nothing. */
static void test_files(void **state)
{
	int ours, kernels, ioasid, iommufd, group;
	struct refusal refusal;

	(void)state;
	need_native();
	need_device("EDU_BDF");
	ioasid = ioasid_open();
	iommufd = iommufd_open();
	ours = node_open(OURS, edu_bdf);
	assert_errno(EBADFD, cdev_bind(ours, iommufd, NULL));
	check_refusal(ours, EBADFD, "no open /dev/ioasid", &refusal);
	kernels = node_open(KERNELS, edu_bdf);
	assert_errno(EBADFD, cdev_bind(kernels, ioasid, NULL));
	group = assert_ok(group_open(pci_group(edu_bdf)));
	assert_errno(EBADFD, group_set_container(group, ioasid));
	drop_fd(group);
}

struct dropped {
	struct vfio_cdev_bind *bind;
	atomic_bool stop;
};

static void *drop_page(void *arg)
{
	struct dropped *dropped = arg;

	while (!dropped->stop)
		madvise(dropped->bind, PAGE, MADV_DONTNEED);
	return NULL;
}

/* Memory for the answer that goes while BIND is under way: it begins again, in its own way. */
static void test_answer_again(void **state)
{
	static struct dropped dropped;
	const char *bdf;
	pthread_t drops;
	int i, fd, rc;

	(void)state;
	need_native();
	bdf = need_device("EDU_BDF");
	/* What it holds stays. */
	dropped.bind = keep_map(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0),
				PAGE);
	check(dropped.bind != MAP_FAILED);
	dropped.stop = false;
	dropped.bind->argsz = sizeof(*dropped.bind);
	dropped.bind->iommufd = ioasid_open();
	check(!pthread_create(&drops, NULL, drop_page, &dropped));
	for (i = 0; i < 20; i++) {
		fd = node_open(OURS, bdf);
		rc = ioctl(fd, VFIO_CDEV_BIND, dropped.bind);
		/* Each time, it may be gone. */
		if (rc)
			check_eq(EFAULT, errno);
		drop_fd(fd);
	}
	dropped.stop = true;
	check(!pthread_join(drops, NULL));
}

struct bound {
	struct gate done;
	enum way way;
};

static void bind_and_wait(void *arg)
{
	struct bound *bound = arg;
	struct use use;

	assert_ok(use_begin(&use, bound->way, edu_bdf));
	gate_open(&bound->done);
	for (;;)
		pause();
}

/* A process that is killed has let go when its parent hears of it. */
static void test_killed(void **state)
{
	enum way way, other;
	struct bound bound;
	struct use use;
	pid_t child;

	(void)state;
	need_native();
	need_device("EDU_BDF");
	for (way = 0; way < NUM_WAYS; way++) {
		other = way == OUR_NODE ? IOMMUFD_GROUP : OUR_NODE;
		bound.way = way;
		gate_init(&bound.done);
		child = child_start(bind_and_wait, &bound);
		gate_wait(&bound.done);
		check_refused(other, edu_bdf);
		child_kill(child);
		assert_ok(use_begin(&use, other, edu_bdf));
		use_end(&use);
	}
}

struct race {
	atomic_int users;
	atomic_int both;
	atomic_int turns[2];
	enum way way[2];
};

/* For a while, and on a machine that lets one of them wait until both have had a turn. */
static bool race_goes_on(struct race *race, long long began)
{
	long long now = now_ms();

	return now < began + 2000 ||
	       (now < began + 60000 && !(race->turns[0] && race->turns[1]));
}

static void race(struct race *race, int who)
{
	long long began = now_ms();
	struct use use;

	while (race_goes_on(race, began)) {
		if (!use_begin(&use, race->way[who], edu_bdf)) {
			if (atomic_fetch_add(&race->users, 1))
				atomic_fetch_add(&race->both, 1);
			sched_yield();
			check_usable(&use);
			atomic_fetch_sub(&race->users, 1);
			atomic_fetch_add(&race->turns[who], 1);
		} else if (errno != EBUSY) {
			fail_test("%s: expected EBUSY, got %s",
				  way_names[race->way[who]], errno_name(errno));
		}
		use_end(&use);
	}
}

static void race_other(void *arg)
{
	race(arg, 1);
}

static void test_race(enum way other)
{
	struct race *shared = keep_map(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0),
				       PAGE);
	pid_t child;

	need_native();
	need_device("EDU_BDF");
	shared->way[0] = OUR_NODE;
	shared->way[1] = other;
	child = child_start(race_other, shared);
	race(shared, 0);
	child_ok(child);
	check_eq(0, shared->both);
	check(shared->turns[0]);
	check(shared->turns[1]);
}

WAY_TEST(race_node, test_race(KERNEL_NODE))
WAY_TEST(race_iommufd, test_race(IOMMUFD_GROUP))
WAY_TEST(race_container, test_race(CONTAINER))

/* The driver waits for the user of the kernel's node, and says so; ours is gone at once. */
static void test_unbind_node(void **state)
{
	char path[PATH_MAX], ours[PATH_MAX], why[64];
	int mark = klog_mark();
	struct use use;
	pid_t child;

	(void)state;
	need_native();
	need_device("EDU_BDF");
	assert_ok(use_begin(&use, KERNEL_NODE, edu_bdf));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind",
		 edu_bdf);
	snprintf(why, sizeof(why), "waits for a user of /dev/vfio/devices/%s ",
		 cdev_name(edu_bdf));
	node_path(ours, sizeof(ours), OURS, edu_bdf);
	child = write_start(path, edu_bdf);
	check(klog_wait(mark, edu_bdf, why, 5000));
	while (path_exists(ours))
		sleep_ms(10);
	check_usable(&use);
	use_end(&use);
	child_ok(child);
	pci_bind(edu_bdf, driver);
	assert_ok(use_begin(&use, OUR_NODE, edu_bdf));
	use_end(&use);
}

/* The driver waits for the user of ours; nobody gets in by the kernel's files meanwhile. */
static void test_unbind_ours(void **state)
{
	int mark = klog_mark(), kernels;
	char path[PATH_MAX];
	struct use use;
	pid_t child;

	(void)state;
	need_native();
	need_device("EDU_BDF");
	kernels = node_open(KERNELS, edu_bdf);
	assert_ok(use_begin(&use, OUR_NODE, edu_bdf));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind",
		 edu_bdf);
	child = write_start(path, edu_bdf);
	check(klog_wait(mark, edu_bdf, "to close the device", 5000));
	assert_errno(EBUSY, cdev_bind(kernels, iommufd_open(), NULL));
	assert_errno(EBUSY, group_open(pci_group(edu_bdf)));
	check_usable(&use);
	/* The core waits for files that are only open, too. */
	drop_fd(kernels);
	use_end(&use);
	child_ok(child);
	pci_bind(edu_bdf, driver);
	assert_ok(use_begin(&use, KERNEL_NODE, edu_bdf));
	use_end(&use);
}

static int try_unload(void)
{
	return syscall(SYS_delete_module, "vfio_cdev_ext", O_NONBLOCK);
}

static bool subsystem_there(void)
{
	return path_exists("/sys/class/vfio_cdev_ext") ||
	       path_exists("/dev/vfio/" OURS);
}

/* Without the module the kernel's user goes on; nothing of ours is left. */
static void test_unload(void **state)
{
	struct use use;

	(void)state;
	need_native();
	need_device("EDU_BDF");
	assert_ok(use_begin(&use, KERNEL_NODE, edu_bdf));
	if (!strcmp(driver, DRIVER_EXT)) {
		assert_errno(EWOULDBLOCK, try_unload());
	} else {
		unload_module("vfio_cdev_ext");
		check(!subsystem_there());
		check_usable(&use);
		load_module("vfio_cdev_ext", LOADED);
		/* What is open by then is known to be in use. */
		check_refused(OUR_NODE, edu_bdf);
	}
	use_end(&use);
	/* A file of ours keeps the module, and lets go of it when it is closed. */
	assert_ok(use_begin(&use, OUR_NODE, edu_bdf));
	assert_errno(EWOULDBLOCK, try_unload());
	use_end(&use);
	unload_module("vfio_cdev_ext");
	check(!subsystem_there());
	load_module("vfio_cdev_ext", LOADED);
}

/* Nothing has two names, and "dev" in sysfs is the kernel's. */
static void test_names(void **state)
{
	char path[PATH_MAX], text[32], want[32];
	struct stat ours, kernels;

	(void)state;
	need_native();
	need_device("EDU_BDF");
	node_open(OURS, edu_bdf);
	node_path(path, sizeof(path), OURS, edu_bdf);
	assert_ok(stat(path, &ours));
	node_path(path, sizeof(path), KERNELS, edu_bdf);
	assert_ok(stat(path, &kernels));
	check(major(ours.st_rdev) != major(kernels.st_rdev));
	check_eq(minor(ours.st_rdev), minor(kernels.st_rdev));

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev/%s/dev",
		 edu_bdf, cdev_name(edu_bdf));
	read_file(path, text, sizeof(text));
	snprintf(want, sizeof(want), "%u:%u", major(kernels.st_rdev),
		 minor(kernels.st_rdev));
	check_contains(text, "%s", want);

	assert_ok(stat(IOASID_NODE, &ours));
	assert_ok(stat(IOMMU_NODE, &kernels));
	check(ours.st_rdev != kernels.st_rdev);
	check(path_exists("/sys/class/misc/ioasid"));
	check(path_exists("/sys/class/misc/iommu"));
}

/* What the module says and refuses when it is loaded. */
static void test_load(void **state)
{
	int mark;

	(void)state;
	need_native();
	need_device("EDU_BDF");
	unload_module("vfio_cdev_ext");
	mark = klog_mark();
	check_eq(EOPNOTSUPP, module_load("vfio_cdev_ext", "directory=" OURS));
	check(klog_wait(mark, "VFIO cdevs of its own", "parameter coexist",
			1000));
	mark = klog_mark();
	check_eq(EEXIST, module_load("vfio_cdev_ext", "coexist=1"));
	check(klog_wait(mark, "/dev/vfio/devices is for", "parameter directory",
			1000));
	check(!subsystem_there());
	mark = klog_mark();
	load_module("vfio_cdev_ext", LOADED);
	check(klog_wait(mark, "beside the iommufd of this kernel",
			"ours /dev/ioasid and /dev/vfio/" OURS, 1000));
}

/* Without the group path a device of our driver is ours alone. */
static void test_group_path(void **state)
{
	struct use use;

	(void)state;
	need_native();
	unload_module("vfio_cdev_ext");
	load_module("vfio_cdev_ext", LOADED " group_path=0");
	need_device("EDU_BDF");
	assert_errno(EPERM, use_begin(&use, KERNEL_NODE, edu_bdf));
	use_end(&use);
	assert_errno(EPERM, use_begin(&use, IOMMUFD_GROUP, edu_bdf));
	use_end(&use);
	assert_ok(use_begin(&use, OUR_NODE, edu_bdf));
	use_end(&use);
	unload_module("vfio_cdev_ext");
	load_module("vfio_cdev_ext", LOADED);
}

/* Whatever the last test has left, each begins with the module. */
static void begin(void *arg)
{
	driver = arg;
	edu_bdf = topology("EDU_BDF");
	if (!path_exists("/sys/module/vfio_cdev_ext"))
		load_module("vfio_cdev_ext", LOADED);
}

int main(int argc, char **argv)
{
	static const struct driver_test tests[] = {
		{ "node", test_node },
		{ "container", test_container },
		{ "iommufd", test_iommufd },
		{ "sibling_node", test_sibling_node },
		{ "sibling_container", test_sibling_container },
		{ "sibling_iommufd", test_sibling_iommufd },
		{ "parked", test_parked },
		{ "group_open", test_group_open },
		{ "group_closed", test_group_closed },
		{ "group_closed_sibling", test_group_closed_sibling },
		{ "both", test_both },
		{ "files", test_files },
		{ "answer_again", test_answer_again },
		{ "killed", test_killed },
		{ "race_node", test_race_node },
		{ "race_iommufd", test_race_iommufd },
		{ "race_container", test_race_container },
		{ "unbind_node", test_unbind_node },
		{ "unbind_ours", test_unbind_ours },
		{ "unload", test_unload },
		{ "names", test_names },
		{ "load", test_load },
	};
	struct test_list list = { 0 };

	test_before = begin;
	test_add_drivers(&list, tests, ARRAY_SIZE(tests));
	test_add(&list, test_group_path, DRIVER_EXT, "ext.group_path");
	return test_main(argc, argv, "coexist", &list, NULL, NULL);
}
