// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: a kernel under lockdown from its start
 * vm: --topology none --no-modules --append lockdown=integrity
 *
 * A kernel that is under lockdown from the first, as Debian's are that start with secure
 * boot: our modules, which nobody has signed here, are not loaded, and all else is as it
 * was.
 */
#include "ioasid.h"
#include "state.h"
#include "test.h"

static void check_refused(const char *module)
{
	int mark = klog_mark();
	char path[64];

	check_eq(EPERM, module_load(module, ""));
	check(klog_wait(mark, "Lockdown", "unsigned module", 1000));
	snprintf(path, sizeof(path), "/sys/module/%s", module);
	check(!path_exists(path));
}

/* The kernel's own modules are signed, and a user of the group path has what he had. */
static void test_own_modules(void **state)
{
	(void)state;
	check_eq(0, system("modprobe -q vfio-pci"));
	check(path_exists("/dev/vfio/vfio"));
	check(!path_exists(IOASID_NODE));
	check(!path_exists("/dev/vfio/devices"));
}

static void test_unsigned(void **state)
{
	char levels[128];

	(void)state;
	lockdown_read(levels, sizeof(levels));
	check(strstr(levels, "[integrity]"));
	check_refused("iommufd_ext");
	check_refused("vfio_cdev_ext");
	check(!path_exists(IOASID_NODE));
	check(!path_exists(IOMMU_NODE));
	check(!path_exists("/dev/vfio/devices"));
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_add(&list, test_own_modules, NULL, "own_modules");
	test_add(&list, test_unsigned, NULL, "unsigned");
	return test_main(argc, argv, "lockdown_boot", &list, NULL, NULL);
}
