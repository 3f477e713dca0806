// SPDX-License-Identifier: GPL-2.0-only
/* Kernel modules: what is loaded, and what is installed. */
#include <errno.h>
#include <libkmod.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"
#include "root.h"

const char *kernel_release(void)
{
	static char release[128];

	if (!release[0] && (root_read(release, sizeof(release),
				      "proc/sys/kernel/osrelease") <= 0 ||
			    strchr(release, '/')))
		strcpy(release, "unknown");
	return release;
}

static void kmod_quiet(void *data, int priority, const char *file, int line,
		       const char *fn, const char *format, va_list args)
{
	(void)data;
	(void)priority;
	(void)file;
	(void)line;
	(void)fn;
	(void)format;
	(void)args;
}

static struct kmod_ctx *open_kmod(void)
{
	static const char *const no_config[] = { NULL };
	char *directory =
		xprintf("%s/lib/modules/%s", root_prefix(), kernel_release());
	struct kmod_ctx *kmod;

	kmod = kmod_new(directory, root_is_real() ? NULL : no_config);
	free(directory);
	if (kmod) {
		/* What is missing is said by who asks. */
		kmod_set_log_fn(kmod, kmod_quiet, NULL);
		kmod_load_resources(kmod);
	}
	return kmod;
}

static void take_info(struct module *module, const char *key, const char *value)
{
	if (!strcmp(key, "version"))
		str_copy(module->file_version, sizeof(module->file_version),
			 value);
	else if (!strcmp(key, "srcversion"))
		str_copy(module->file_srcversion,
			 sizeof(module->file_srcversion), value);
	else if (!strcmp(key, "signer"))
		str_copy(module->signer, sizeof(module->signer), value);
	else if (!strcmp(key, "sig_key"))
		str_copy(module->key, sizeof(module->key), value);
	else if (!strcmp(key, "sig_id"))
		module->is_signed = true;
}

static void query_file(struct module *module, struct kmod_module *mod)
{
	struct kmod_list *info = NULL, *item;
	const char *path = kmod_module_get_path(mod);

	if (!path) {
		module->built_in = true;
		return;
	}
	module->installed = true;
	str_copy(module->file, sizeof(module->file), path);
	if (!root_is_real())
		str_copy(module->file, sizeof(module->file),
			 path + strlen(root_prefix()));
	if (kmod_module_get_info(mod, &info) < 0)
		return;
	kmod_list_foreach(item, info)
		take_info(module, kmod_module_info_get_key(item),
			  kmod_module_info_get_value(item));
	kmod_module_info_free_list(info);
}

/* Fills in what is known; everything else stays empty. */
void module_query(const char *name, struct module *module)
{
	struct kmod_ctx *kmod = open_kmod();
	struct kmod_list *list = NULL;
	struct kmod_module *mod;

	memset(module, 0, sizeof(*module));
	module->name = name;
	module->loaded = root_exists("sys/module/%s", name);
	root_read(module->version, sizeof(module->version),
		  "sys/module/%s/version", name);
	root_read(module->srcversion, sizeof(module->srcversion),
		  "sys/module/%s/srcversion", name);
	if (!kmod)
		return;
	if (!kmod_module_new_from_lookup(kmod, name, &list) && list) {
		mod = kmod_module_get_module(list);
		query_file(module, mod);
		kmod_module_unref(mod);
		kmod_module_unref_list(list);
	}
	kmod_unref(kmod);
}

static bool differ(const char *a, const char *b)
{
	return *a && *b && strcmp(a, b);
}

/* Whether the kernel runs another one than is installed. */
bool module_is_stale(const struct module *module)
{
	return module->loaded && module->installed &&
	       (differ(module->version, module->file_version) ||
		differ(module->srcversion, module->file_srcversion));
}

/* A parameter that is on or off: 1, 0, or -1 if it is not there. */
int module_parameter(const char *module, const char *parameter)
{
	char value[8];

	if (root_read(value, sizeof(value), "sys/module/%s/parameters/%s",
		      module, parameter) <= 0)
		return -1;
	return *value == 'Y' || *value == '1';
}

/* modprobe, in short. */
int module_load(const char *name)
{
	struct kmod_list *list = NULL, *item;
	struct kmod_module *mod;
	struct kmod_ctx *kmod;
	int ret = -ENOENT;

	if (!root_is_real())
		return -ENOENT;
	kmod = open_kmod();
	if (!kmod)
		return -ENOMEM;
	if (!kmod_module_new_from_lookup(kmod, name, &list))
		kmod_list_foreach(item, list)
		{
			mod = kmod_module_get_module(item);
			ret = kmod_module_probe_insert_module(mod, 0, NULL,
							      NULL, NULL, NULL);
			kmod_module_unref(mod);
			if (ret)
				break;
		}
	kmod_module_unref_list(list);
	kmod_unref(kmod);
	return ret > 0 ? -EINVAL : ret;
}
