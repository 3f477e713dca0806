// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: a machine whose IOMMU is switched off
 * vm: --append intel_iommu=off
 *
 * A machine whose IOMMU is switched off: everything loads, no device can be had, and the log
 * says what to do.
 */
#include "module.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define SWITCH "intel_iommu=on on the kernel command line"

static void reload(void)
{
	unload_module("vfio_cdev_ext");
	unload_module("iommufd_ext");
	load_module("iommufd_ext", "");
	load_module("vfio_cdev_ext", "");
}

static void test_load(void **state)
{
	int mark = klog_mark();

	(void)state;
	reload();
	check(klog_wait(mark, "no PCI device is behind an IOMMU", SWITCH,
			1000));
	check(path_exists("/dev/ioasid"));
}

static void test_bind(void **state)
{
	const char *bdf = topology("EDU_BDF");
	int mark = klog_mark();

	(void)state;
	if (!bdf)
		skip_test("no EDU_BDF");
	check_eq(-1, pci_try_bind(bdf, DRIVER_EXT));
	check(klog_wait(mark, bdf, "the device is behind no IOMMU", 1000));
	check_eq(0, strlen(pci_driver(bdf)));
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_add(&list, test_load, NULL, "load");
	test_add(&list, test_bind, NULL, "bind");
	return test_main(argc, argv, "noiommu", &list, NULL, NULL);
}
