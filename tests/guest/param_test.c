// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: parameters of the modules, and KVM that cannot be served
 *
 * What the modules do with each of their parameters, and in a kernel that does
 * not let them redirect what KVM calls. The modules are loaded anew for each
 * test.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <linux/kvm.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "dma.h"
#include "ioasid.h"
#include "kvm.h"
#include "module.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define FEATURES 32
#define FEATURE_DMA_BUF 11

#define FTRACE_ENABLED "/proc/sys/kernel/ftrace_enabled"
#define KVM_PARAMETER "/sys/module/vfio_cdev_ext/parameters/kvm"
/* What the log says when KVM cannot be served. */
#define NO_KVM "KVM will not accept VFIO char devices"
#define NO_GUARD "the user of a VFIO group can hot-reset"
#define REDIRECTED "/sys/kernel/tracing/enabled_functions"

static bool has_ftrace(void)
{
	return path_exists(FTRACE_ENABLED);
}

static void need_ftrace(void)
{
	if (!has_ftrace())
		skip_test("no ftrace in this kernel");
}

static void reload(const char *args)
{
	unload_module("vfio_cdev_ext");
	load_module("vfio_cdev_ext", args);
}

/* Whatever the last test has left, each begins with the defaults. */
static void use_defaults(void *arg)
{
	(void)arg;
	edu_bdf = topology("EDU_BDF");
	unload_module("vfio_cdev_ext");
	unload_module("ext_test_patch");
	unload_module("ext_test_id");
	unload_module("iommufd_ext");
	if (has_ftrace())
		assert_ok(write_file(FTRACE_ENABLED, "1"));
	load_module("iommufd_ext", "");
	load_module("vfio_cdev_ext", "");
}

static bool has_node(const char *bdf)
{
	const char *name = cdev_name(bdf);
	char path[PATH_MAX];

	check(name);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev/%s/dev",
		 bdf, name);
	return path_exists(path);
}

static void test_adopt(void **state)
{
	(void)state;
	need_edu();
	pci_bind(edu_bdf, DRIVER_STOCK);
	check(has_node(edu_bdf));
	reload("adopt=0");
	check(!has_node(edu_bdf));
	pci_bind(edu_bdf, DRIVER_EXT);
	check(has_node(edu_bdf));
	cdev_open_bound(edu_bdf, ioasid_open(), NULL);
}

static void test_group_path(void **state)
{
	int group, container, fd, mark;

	(void)state;
	need_edu();
	reload("group_path=0");
	pci_bind(edu_bdf, DRIVER_EXT);
	group = assert_ok(group_open(pci_group(edu_bdf)));
	container = container_with(group);
	mark = klog_mark();
	assert_errno(EPERM, group_device(group, edu_bdf));
	check(klog_wait(mark, edu_bdf, "group_path", 1000));
	assert_errno(EPERM, group_device(group, edu_bdf));
	/* The refusal has left nothing open. */
	drop_fd(group);
	drop_fd(container);
	fd = cdev_open_bound(edu_bdf, ioasid_open(), NULL);
	check_eq(0x1234, vfio_config16(fd, 0));
	drop_fd(fd);
	/* Other drivers' devices are none of its business. */
	pci_bind(edu_bdf, DRIVER_STOCK);
	group = assert_ok(group_open(pci_group(edu_bdf)));
	container_with(group);
	assert_ok(group_device(group, edu_bdf));
}

/* What a device says to each feature through its group, and a dma-buf of a page of BAR 0. */
static void group_features(const char *driver, int answer[FEATURES + 1])
{
	struct {
		struct vfio_device_feature head;
		/* struct vfio_device_feature_dma_buf, which older headers do not have. */
		uint32_t region, open_flags, flags, nr_ranges;
		uint64_t offset, length;
	} f = { .head.argsz = sizeof(f) };
	int group, container, fd, rc, i;

	pci_bind(edu_bdf, driver);
	group = assert_ok(group_open(pci_group(edu_bdf)));
	container = container_with(group);
	fd = assert_ok(group_device(group, edu_bdf));
	for (i = 0; i < FEATURES; i++) {
		f.head.flags = i | VFIO_DEVICE_FEATURE_GET |
			       VFIO_DEVICE_FEATURE_PROBE;
		rc = ioctl(fd, VFIO_DEVICE_FEATURE, &f);
		answer[i] = rc < 0 ? errno : 0;
	}
	f.head.flags = FEATURE_DMA_BUF | VFIO_DEVICE_FEATURE_GET;
	f.open_flags = O_CLOEXEC;
	f.nr_ranges = 1;
	f.length = PAGE;
	rc = ioctl(fd, VFIO_DEVICE_FEATURE, &f);
	answer[FEATURES] = rc < 0 ? errno : 0;
	if (rc >= 0)
		close(rc);
	drop_fd(fd);
	drop_fd(group);
	drop_fd(container);
}

/* Who uses the group path loses nothing to our driver. */
static void test_group_path_default(void **state)
{
	int ours[FEATURES + 1], stock[FEATURES + 1], i;

	(void)state;
	need_edu();
	group_features(DRIVER_EXT, ours);
	group_features(DRIVER_STOCK, stock);
	for (i = 0; i <= FEATURES; i++)
		check_eq(stock[i], ours[i]);
}

static void test_directory(void **state)
{
	static const char *const bad[] = {
		"directory=",		"directory=.",	  "directory=..",
		"directory=a/b",	"directory=vfio", "directory=12",
		"directory=noiommu-12",
	};
	char path[PATH_MAX];
	struct stat st;
	size_t i;

	(void)state;
	need_edu();
	unload_module("vfio_cdev_ext");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(EINVAL, module_load("vfio_cdev_ext", bad[i]));
	load_module("vfio_cdev_ext", "directory=others");
	pci_bind(edu_bdf, DRIVER_EXT);
	snprintf(path, sizeof(path), "/dev/vfio/others/%s", cdev_name(edu_bdf));
	assert_ok(lstat(path, &st));
	check(S_ISCHR(st.st_mode));
	check(!path_exists("/dev/vfio/devices"));
}

static void test_iommu_node(void **state)
{
	struct stat st;

	(void)state;
	need_edu();
	/* A real node: container tools look with lstat(). */
	assert_ok(lstat(IOMMU_NODE, &st));
	check(S_ISCHR(st.st_mode));
	unload_module("vfio_cdev_ext");
	unload_module("iommufd_ext");
	check(!path_exists(IOMMU_NODE));
	load_module("iommufd_ext", "iommu_node=0");
	load_module("vfio_cdev_ext", "");
	check(!path_exists(IOMMU_NODE));
	pci_bind(edu_bdf, DRIVER_EXT);
	cdev_open_bound(edu_bdf, ioasid_open(), NULL);
}

/* To the kernel, the edu is a device of Intel with this id. */
static void pose_as(const char *device_id)
{
	char args[128];

	snprintf(args, sizeof(args), "device=%s vendor_id=0x8086 device_id=%s",
		 edu_bdf, device_id);
	pci_bind(edu_bdf, NULL);
	load_module("ext_test_id", args);
}

static void check_denied(const char *name)
{
	char path[PATH_MAX];

	/* Of a probe that fails, only who asks the driver by its name hears. */
	assert_errno(ENODEV, pci_try_bind(edu_bdf, name));
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/bind", name);
	assert_errno(EINVAL, write_file(path, edu_bdf));
	check(!*pci_driver(edu_bdf));
}

/* The devices that vfio-pci refuses, too: QAT, DSA and IAX of Intel. */
static void test_denylist(void **state)
{
	static const char *const ids[] = {
		"0x19e2", "0x19e3", "0x37c8", "0x37c9",
		"0x0435", "0x0443", "0x0b25", "0x0cfe",
	};
	struct edu edu;
	size_t i;
	int mark;

	(void)state;
	need_edu();
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		pose_as(ids[i]);
		mark = klog_mark();
		check_denied(DRIVER_EXT);
		check(klog_wait(mark, edu_bdf, "parameter disable_denylist",
				1000));
		check_denied(DRIVER_STOCK);
		unload_module("ext_test_id");
	}
	reload("disable_denylist=1");
	pose_as(ids[0]);
	pci_bind(edu_bdf, DRIVER_EXT);
	edu_open(&edu, cdev_open_bound(edu_bdf, ioasid_open(), NULL));
	check_eq(~3U, edu_liveness(&edu, 3));
}

/* Who takes the edu, which nobody has told a driver to, with these ids. */
static void check_ids(const char *args, const char *driver)
{
	unload_module("vfio_cdev_ext");
	pci_bind_host(edu_bdf);
	check_eq(0, strlen(pci_driver(edu_bdf)));
	load_module("vfio_cdev_ext", args);
	if (strcmp(pci_driver(edu_bdf), driver))
		fail_test("%s: the driver is \"%s\"", args,
			  pci_driver(edu_bdf));
}

/* As vfio-pci's, whose fields these are. */
static void test_ids(void **state)
{
	(void)state;
	need_edu();
	check_ids("", "");
	check_ids("ids=1234:11e8", DRIVER_EXT);
	check(has_node(edu_bdf));
	cdev_open_bound(edu_bdf, ioasid_open(), NULL);
	release_all();
	check_ids("ids=1234:11e7,1234:11e8", DRIVER_EXT);
	check_ids("ids=1234:11e8:1af4:1100", DRIVER_EXT);
	check_ids("ids=1234:11e8:1af4:1101", "");
	check_ids("ids=1234:11e8:ffffffff:ffffffff:00ff00:ffff00", DRIVER_EXT);
	check_ids("ids=1234:11e8:ffffffff:ffffffff:020000:ffff00", "");
}

/* What is no device is left out, and said. */
static void test_ids_wrong(void **state)
{
	int mark = klog_mark();

	(void)state;
	need_edu();
	check_ids("ids=,nonsense,1234,1234:11e8", DRIVER_EXT);
	check(klog_wait(mark, "\"nonsense\" is no device", "parameter ids",
			1000));
	check(klog_wait(mark, "\"1234\" is no device", "parameter ids", 1000));
}

/* Memory whose pages lie alone, as far as the kernel gives such: touched out of order. */
static uint8_t *scattered_alloc(size_t pages)
{
	const size_t len = pages * PAGE;
	uint8_t *va;
	size_t i;

	va = keep_map(mmap(NULL, len, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		      len);
	check(va != MAP_FAILED);
	assert_ok(madvise(va, len, MADV_NOHUGEPAGE));
	for (i = 0; i < pages; i++)
		va[i * 37 % pages * PAGE] = 1;
	return va;
}

/* The device reaches each @step'th page of a mapping that begins @skip pages into @va. */
static void check_mapping(struct setup *s, uint8_t *va, size_t skip,
			  size_t pages, size_t step)
{
	size_t i;

	map_at(s, va + skip * PAGE, pages * PAGE, IOVA);
	for (i = 0; i < pages; i += step)
		check_dma(s, va + (skip + i) * PAGE, IOVA + i * PAGE, i);
	i = pages - 1;
	check_dma(s, va + (skip + i) * PAGE, IOVA + i * PAGE, i);
	unmap_at(s, IOVA, pages * PAGE);
}

/* With the operations of the IOMMU driver and with iommu_map_sg(). */
static void test_direct_map(void **state)
{
	const char *args = test_arg(state);
	uint8_t *small, *large;
	struct setup s;

	need_edu();
	unload_module("vfio_cdev_ext");
	unload_module("iommufd_ext");
	load_module("iommufd_ext", args);
	load_module("vfio_cdev_ext", "");
	pci_bind(edu_bdf, DRIVER_EXT);
	s = setup_attached();
	small = scattered_alloc(1021);
	check_mapping(&s, small, 0, 1, 1);
	check_mapping(&s, small, 5, 2, 1);
	check_mapping(&s, small, 3, 16, 8);
	check_mapping(&s, small, 0, 1021, 200);
	large = huge_alloc(2 * MB, false);
	check_mapping(&s, large, 0, 512, 128);
	check_mapping(&s, large, 7, 300, 100);
}

/* ---- KVM ---- */

/* Has a function of the VFIO core a user of ftrace that may change where it continues? */
static bool redirected(const char *function)
{
	char line[512];
	bool found = false;
	size_t len;
	FILE *f;

	len = strlen(function);
	f = fopen(REDIRECTED, "r");
	check(f);
	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, function, len) && line[len] == ' ' &&
			strstr(line, " I");
	fclose(f);
	return found;
}

/* The parameter reads what is so, whatever it was set to. */
static bool kvm_is_on(void)
{
	char buf[8];

	read_file(KVM_PARAMETER, buf, sizeof(buf));
	return buf[0] == 'Y';
}

/* Without KVM the rest works. */
static void check_no_kvm(const char *why)
{
	struct ioasid_features f;
	struct refusal r;
	int fd;

	check(!kvm_is_on());
	pci_bind(edu_bdf, DRIVER_EXT);
	fd = assert_ok(cdev_open(edu_bdf));
	assert_ok(features(fd, 0, &f));
	check(!(f.out_features & IOASID_FEATURE_KVM));
	assert_errno(EINVAL, kvm_file_add(fd));
	/* KVM has not asked the file, which knows what that one answers. */
	check_refusal(fd, EINVAL, NO_KVM, &r);
	check_refusal(fd, EINVAL, why, &r);
	check_eq(KVM_SET_DEVICE_ATTR, r.error.out_cmd);
	check_eq(0, r.error.out_flags);
	/* What the file itself refuses is told first. */
	assert_errno(EINVAL, features(fd, 1, &f));
	check_refusal(fd, EINVAL, "dev_id is 1", &r);
	assert_ok(cdev_bind(fd, ioasid_open(), NULL));
	check_eq(0x1234, vfio_config16(fd, 0));
}

static void test_kvm(void **state)
{
	struct ioasid_features f;
	struct refusal r;
	int fd;

	(void)state;
	need_edu();
	need_ftrace();
	pci_bind(edu_bdf, DRIVER_EXT);
	fd = assert_ok(cdev_open(edu_bdf));
	assert_ok(features(fd, 0, &f));
	check(f.out_features & IOASID_FEATURE_KVM);
	check(kvm_is_on());
	assert_ok(kvm_file_add(fd));
	assert_ok(cdev_bind(fd, ioasid_open(), NULL));
	assert_ok(kvm_file_add(fd));
	assert_errno(ENODATA, get_error(fd, &r));
	/* And still no other file. */
	assert_errno(EINVAL, kvm_file_add(ioasid_open()));
	check(redirected("vfio_file_set_kvm"));
	check(redirected("vfio_file_has_dev"));
	/* ftrace cannot be taken away from under it; since 7.3 from nobody. */
	assert_errno(kernel_since(7, 3) ? EOPNOTSUPP : EBUSY,
		     write_file(FTRACE_ENABLED, "0"));
}

static void test_kvm_off(void **state)
{
	int mark = klog_mark();

	(void)state;
	need_edu();
	reload("kvm=0");
	check(klog_wait(mark, NO_KVM, "parameter kvm", 1000));
	check_no_kvm("parameter kvm");
	if (!has_ftrace())
		return;
	check(!redirected("vfio_file_set_kvm"));
	/* This one is not for KVM. */
	check(redirected("vfio_file_has_dev"));
}

/* Switched off, or not in the kernel. */
static void test_kvm_no_ftrace(void **state)
{
	const char *why = has_ftrace() ? "ftrace is off" : "without ftrace";
	int mark = klog_mark();

	(void)state;
	need_edu();
	if (has_ftrace() && kernel_since(7, 3))
		skip_test("ftrace cannot be switched off");
	unload_module("vfio_cdev_ext");
	if (has_ftrace())
		assert_ok(write_file(FTRACE_ENABLED, "0"));
	load_module("vfio_cdev_ext", "");
	check(klog_wait(mark, NO_GUARD, why, 1000));
	check(klog_wait(mark, NO_KVM, why, 1000));
	check_no_kvm(why);
}

/* The first two functions could be had; they are given back. */
static void test_kvm_patched(void **state)
{
	int mark = klog_mark(), mark2 = klog_mark(), fd;

	(void)state;
	need_edu();
	need_ftrace();
	unload_module("vfio_cdev_ext");
	load_module("ext_test_patch", "");
	load_module("vfio_cdev_ext", "");
	check(klog_wait(mark, NO_KVM, "vfio_file_set_kvm", 1000));
	check(!klog_wait(mark2, NO_GUARD, "", 200));
	check_no_kvm("vfio_file_set_kvm");
	check(!redirected("vfio_file_enforced_coherent"));
	check(redirected("vfio_file_has_dev"));
	/* The other user has gone: loading again is enough. */
	release_all();
	unload_module("ext_test_patch");
	reload("");
	pci_bind(edu_bdf, DRIVER_EXT);
	fd = assert_ok(cdev_open(edu_bdf));
	assert_ok(kvm_file_add(fd));
}

/* The guard against resets by groups is one thing, KVM another. */
static void test_guard_patched(void **state)
{
	int mark = klog_mark(), fd;

	(void)state;
	need_edu();
	need_ftrace();
	unload_module("vfio_cdev_ext");
	load_module("ext_test_patch", "has_dev=1");
	load_module("vfio_cdev_ext", "");
	check(klog_wait(mark, NO_GUARD, "vfio_file_has_dev", 1000));
	check(!klog_wait(mark, NO_KVM, "", 200));
	pci_bind(edu_bdf, DRIVER_EXT);
	fd = assert_ok(cdev_open(edu_bdf));
	assert_ok(kvm_file_add(fd));
}

static int finish(void **state)
{
	use_defaults(NULL);
	(void)state;
	if (edu_bdf)
		pci_bind(edu_bdf, DRIVER_EXT);
	return 0;
}

#define ADD(test) test_add(&list, test_##test, NULL, #test)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_defaults;
	ADD(adopt);
	ADD(group_path);
	ADD(group_path_default);
	ADD(directory);
	ADD(iommu_node);
	ADD(denylist);
	ADD(ids);
	ADD(ids_wrong);
	ADD(kvm);
	ADD(kvm_off);
	ADD(kvm_no_ftrace);
	ADD(kvm_patched);
	ADD(guard_patched);
	test_add(&list, test_direct_map, "direct_map=1", "direct_map.on");
	test_add(&list, test_direct_map, "direct_map=0", "direct_map.off");
	return test_main(argc, argv, "param", &list, NULL, finish);
}
