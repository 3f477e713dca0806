// SPDX-License-Identifier: GPL-2.0-only
/* Are the modules there, and the right ones? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "host.h"
#include "mok.h"
#include "module.h"
#include "root.h"

/* The other one comes along. */
#define MODPROBE "modprobe vfio_cdev_ext"
#define RELOAD "modprobe -r vfio_cdev_ext iommufd_ext && " MODPROBE

#define SOURCE "iommufd-ext-"

/* The version of our source that DKMS can build, the newest; false if it has none. */
static bool dkms_source(char *version, size_t size)
{
	struct strv sources = {};
	bool found = false;
	size_t i;

	root_list(&sources, "usr/src");
	for (i = 0; i < sources.n; i++)
		if (str_starts(sources.s[i], SOURCE) &&
		    root_exists("usr/src/%s/dkms.conf", sources.s[i])) {
			str_copy(version, size, sources.s[i] + strlen(SOURCE));
			found = true;
		}
	strv_free(&sources);
	return found;
}

/* As dkms_source(), but the version of a module if that is there. */
static bool dkms_source_of(const struct module *module, char *version,
			   size_t size)
{
	if (!module->file_version[0] ||
	    !root_exists("usr/src/" SOURCE "%s/dkms.conf",
			 module->file_version))
		return dkms_source(version, size);
	str_copy(version, size, module->file_version);
	return true;
}

/* As BUILD_EXCLUSIVE_KERNEL of dkms.conf; what is no number is not too old. */
static bool kernel_too_old(void)
{
	unsigned int major, minor;

	if (sscanf(kernel_release(), "%u.%u", &major, &minor) != 2)
		return false;
	return major < 6 || (major == 6 && minor < 1);
}

static void too_old(struct findings *findings)
{
	struct finding *f;

	f = finding_add(findings, LEVEL_BLOCKS, "module",
			"kernel %s is too old for iommufd_ext and vfio_cdev_ext: 6.1 is the oldest",
			kernel_release());
	finding_do(f,
		   "apt install linux-image-$(dpkg --print-architecture) && reboot   # 6.1 or newer, from backports if need be");
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

/*
 * Return: whether the kernel loads what is signed by a key it knows, and nothing else; @why
 * is what makes it do so.
 */
static bool wants_signature(char *why, size_t size)
{
	char mode[32];

	if (host_lockdown(mode, sizeof(mode)) && strcmp(mode, "none")) {
		snprintf(why, size, "the kernel is under lockdown (%s)", mode);
		return true;
	}
	str_copy(why, size, "the kernel wants one (module.sig_enforce)");
	return module_parameter("module", "sig_enforce") == 1;
}

/* --- the key -------------------------------------------------------------------- */

static void key_unknown(struct findings *findings, const struct mok *mok)
{
	char *file = str_quote(mok->file);
	struct finding *f;

	f = finding_add(findings, LEVEL_WARN, "key",
			"unknown: whether the key that DKMS signs with is enrolled");
	finding_do(f, "mokutil --test-key %s", file);
	free(file);
}

static void key_missing(struct findings *findings, const struct mok *mok)
{
	char *file = str_quote(mok->file);
	struct finding *f;

	f = finding_add(findings, LEVEL_BLOCKS, "key",
			"the key that DKMS signs with is not enrolled: the kernel refuses what it has signed");
	finding_do(f,
		   "mokutil --import %s && reboot   # then choose \"Enroll MOK\"",
		   file);
	free(file);
}

static void check_dkms_key(struct findings *findings, const struct mok *mok)
{
	struct finding *f;

	switch (mok->state) {
	case MOK_UNKNOWN:
		key_unknown(findings, mok);
		break;
	case MOK_NONE:
		finding_add(findings, LEVEL_WARN, "key",
			    "DKMS has no key to sign with, %s, until it builds a module; that has to be enrolled then",
			    mok->file);
		break;
	case MOK_MISSING:
		key_missing(findings, mok);
		break;
	case MOK_PENDING:
		f = finding_add(findings, LEVEL_BLOCKS, "key",
				"the key that DKMS signs with is not enrolled yet: the machine asks when it starts");
		finding_do(f, "reboot   # then choose \"Enroll MOK\"");
		break;
	case MOK_ENROLLED:
		finding_add(findings, LEVEL_OK, "key",
			    "the key that DKMS signs with is enrolled");
		break;
	}
}

/*
 * Modules that are signed by another key than that of DKMS are their owner's business. The
 * name says nothing: the keys of DKMS have the same one on all machines.
 */
static void check_key(struct findings *findings, const struct module *module)
{
	struct finding *f;
	struct mok mok;

	mok_query(&mok);
	if (!module->is_signed || mok_is(&mok, module->key)) {
		check_dkms_key(findings, &mok);
	} else {
		f = finding_add(findings, LEVEL_WARN, "key",
				"unknown: whether the key that has signed %s is enrolled, \"%s\"",
				module->name, module->signer);
		finding_do(f, "mokutil --list-enrolled");
	}
	mok_free(&mok);
}

/* --- not loaded ------------------------------------------------------------------ */

static void do_sign_file(struct finding *f, const struct module *module)
{
	finding_do(f,
		   "/lib/modules/%s/build/scripts/sign-file sha256 KEY CERTIFICATE %s",
		   kernel_release(), module->file);
}

/* DKMS signs what it builds, but what it has built before stays installed. */
static void do_sign(struct finding *f, const struct module *module,
		    const struct module *other)
{
	const char *release = kernel_release();
	char version[64];

	if (dkms_source_of(module, version, sizeof(version))) {
		finding_do(f, "dkms build --force iommufd-ext/%s -k %s",
			   version, release);
		finding_do(f, "dkms install --force iommufd-ext/%s -k %s",
			   version, release);
		return;
	}
	do_sign_file(f, module);
	if (other)
		do_sign_file(f, other);
}

/* @other is the second module if that is not loaded, either. */
static void not_loaded(struct findings *findings, const char *names,
		       const struct module *module, const struct module *other)
{
	struct finding *f;
	bool strict;
	char why[80];

	strict = wants_signature(why, sizeof(why));
	if (strict)
		check_key(findings, module);
	if (strict && !module->is_signed) {
		f = finding_add(findings, LEVEL_BLOCKS, "module",
				"%s %s no signature, and %s: it will not load %s",
				names, other ? "have" : "has", why,
				other ? "them" : "it");
		do_sign(f, module, other);
	} else {
		f = finding_add(findings, LEVEL_BLOCKS, "module",
				"%s %s installed, and not loaded", names,
				other ? "are" : "is");
	}
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
		not_loaded(findings, module->name, module, NULL);
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
				   &first, &second);
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
	if (kernel_too_old())
		too_old(findings);
	else
		check_ours(findings);
}
