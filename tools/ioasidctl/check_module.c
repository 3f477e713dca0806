// SPDX-License-Identifier: GPL-2.0-only
/* Are the modules there, and the right ones? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "host.h"
#include "module.h"
#include "root.h"

/* The other one comes along. */
#define MODPROBE "modprobe vfio_cdev_ext"
#define RELOAD "modprobe -r vfio_cdev_ext iommufd_ext && " MODPROBE

/* The version of our source that DKMS can build; false if it has none. */
static bool dkms_source(char *version, size_t size)
{
	static const char prefix[] = "iommufd-ext-";
	struct strv sources = {};
	bool found = false;
	size_t i;

	root_list(&sources, "usr/src");
	for (i = 0; i < sources.n; i++)
		if (str_starts(sources.s[i], prefix)) {
			str_copy(version, size, sources.s[i] + strlen(prefix));
			found = true;
		}
	strv_free(&sources);
	return found;
}

static void not_installed(struct findings *findings, const char *names,
			  bool both)
{
	const char *release = kernel_release();
	struct finding *f;
	char version[64];

	f = finding_add(findings, LEVEL_BLOCKS, "module",
			"%s %s not installed for kernel %s", names,
			both ? "are" : "is", release);
	if (!root_exists("lib/modules/%s/build", release))
		finding_do(f, "apt install linux-headers-%s", release);
	if (dkms_source(version, sizeof(version)))
		finding_do(f, "dkms install iommufd-ext/%s -k %s", version,
			   release);
	else
		finding_do(f,
			   "make && make install   # in the source of iommufd-ext");
	finding_do(f, MODPROBE);
}

static bool refused_unsigned(const struct module *module, char *mode,
			     size_t size)
{
	return !module->is_signed && host_lockdown(mode, size) &&
	       strcmp(mode, "none");
}

static void not_loaded(struct findings *findings, const char *names, bool both,
		       const struct module *module)
{
	struct finding *f;
	char mode[32];

	if (refused_unsigned(module, mode, sizeof(mode))) {
		f = finding_add(findings, LEVEL_BLOCKS, "module",
				"%s %s no signature, and the kernel is under lockdown (%s): it will not load %s",
				names, both ? "have" : "has", mode,
				both ? "them" : "it");
		finding_do(f,
			   "mokutil --import /var/lib/dkms/mok.pub && reboot   # then choose \"Enroll MOK\"");
		finding_do(f,
			   "dkms build --force iommufd-ext -k %s && " MODPROBE,
			   kernel_release());
		return;
	}
	f = finding_add(findings, LEVEL_BLOCKS, "module",
			"%s %s installed, and not loaded", names,
			both ? "are" : "is");
	finding_do(f, MODPROBE);
}

static const char *named_version(const char *version, const char *srcversion)
{
	return *version ? version : *srcversion ? srcversion : "without a number";
}

static void check_loaded(struct findings *findings, const struct module *module)
{
	struct finding *f;

	if (module_is_stale(module)) {
		f = finding_add(findings, LEVEL_WARN, "module",
				"%s is loaded, but not the one that is installed (%s, not %s)",
				module->name,
				named_version(module->version,
					      module->srcversion),
				named_version(module->file_version,
					      module->file_srcversion));
		finding_do(f, RELOAD);
	} else {
		finding_add(findings, LEVEL_OK, "module", "%s%s%s is loaded",
			    module->name, module->version[0] ? " " : "",
			    module->version);
	}
}

static void check_one(struct findings *findings, const struct module *module)
{
	if (module->loaded)
		check_loaded(findings, module);
	else if (module->installed)
		not_loaded(findings, module->name, false, module);
	else
		not_installed(findings, module->name, false);
}

/* What both lack is said once. */
static void check_ours(struct findings *findings)
{
	struct module first, second;

	module_query("iommufd_ext", &first);
	module_query("vfio_cdev_ext", &second);
	if (!first.loaded && !second.loaded &&
	    first.installed == second.installed) {
		if (first.installed)
			not_loaded(findings, "iommufd_ext and vfio_cdev_ext",
				   true, &first);
		else
			not_installed(findings, "iommufd_ext and vfio_cdev_ext",
				      true);
		return;
	}
	check_one(findings, &first);
	check_one(findings, &second);
}

/* A kernel that has both interfaces needs no modules. */
void check_modules(struct findings *findings)
{
	struct finding *f;

	if (host_native_iommufd() && host_native_cdevs()) {
		finding_add(findings, LEVEL_OK, "module",
			    "not needed: this kernel has iommufd and VFIO cdevs itself");
		return;
	}
	if (host_native_iommufd()) {
		f = finding_add(findings, LEVEL_BLOCKS, "module",
				"this kernel has iommufd, but no VFIO cdevs: vfio_cdev_ext refuses to load");
		finding_do(f,
			   "build the kernel with CONFIG_VFIO_DEVICE_CDEV, or boot one without CONFIG_IOMMUFD");
		return;
	}
	check_ours(findings);
}
