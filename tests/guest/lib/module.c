// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <sys/syscall.h>

#include "module.h"
#include "test.h"

#define PARAMETERS "/sys/module/iommufd_ext/parameters/"

void unload_module(const char *module)
{
	long long end = now_ms() + 5000;
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s", module);
	while (path_exists(path)) {
		if (!syscall(SYS_delete_module, module, O_NONBLOCK))
			return;
		/* The last reference may be dropped by a work item. */
		if (now_ms() > end)
			fail_test("cannot unload %s: %s", module,
				  errno_name(errno));
		sleep_ms(20);
	}
}

void load_module(const char *module, const char *args)
{
	int rc = module_load(module, args);

	if (rc)
		fail_test("cannot load %s %s: %s", module, args,
			  errno_name(rc));
}

static bool parameter(const char *name)
{
	char path[96], value[8];

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	read_file(path, value, sizeof(value));
	return value[0] == 'Y';
}

void use_direct_map(bool direct)
{
	char args[96];

	if (!path_exists(PARAMETERS "direct_map"))
		skip_test("no parameter direct_map");
	if (parameter("direct_map") == direct)
		return;
	/* What the harness loads them with, too. */
	snprintf(args, sizeof(args),
		 "dyndbg=+p direct_map=%d iommu_node=%d allow_unsafe_interrupts=%d",
		 direct, parameter("iommu_node"),
		 parameter("allow_unsafe_interrupts"));
	unload_module("vfio_cdev_ext");
	unload_module("iommufd_ext");
	load_module("iommufd_ext", args);
	load_module("vfio_cdev_ext", "dyndbg=+p");
}
