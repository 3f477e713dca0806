// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidctl report: everything that a bug report needs, in one text.
 *
 * What identifies the machine or its user is left out: addresses of interfaces, serial
 * numbers, names of hosts and users. Of the kernel's command line and log only what
 * concerns devices is taken. Who has signed a module may be named after the host: the
 * key's id says as much.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "device.h"
#include "group.h"
#include "host.h"
#include "ioasidctl.h"
#include "module.h"
#include "output.h"
#include "root.h"

static void add_kernel(struct json_object *json)
{
	char lockdown[32] = "", taint[32] = "";

	root_read(taint, sizeof(taint), "proc/sys/kernel/tainted");
	host_lockdown(lockdown, sizeof(lockdown));
	json_string(json, "ioasidctl", VERSION);
	json_string(json, "kernel", kernel_release());
	json_string(json, "tainted", taint);
	json_string(json, "lockdown", lockdown);
	json_boolean(json, "is_a_guest", host_is_guest());
}

static struct json_object *config_json(void)
{
	static const char *const options[] = {
		"CONFIG_IOMMUFD", "CONFIG_VFIO_DEVICE_CDEV", "CONFIG_VFIO",
		"CONFIG_VFIO_GROUP", "CONFIG_VFIO_CONTAINER",
		"CONFIG_VFIO_PCI_CORE", "CONFIG_VFIO_PCI", "CONFIG_VFIO_NOIOMMU",
		"CONFIG_IOMMU_API", "CONFIG_INTEL_IOMMU", "CONFIG_AMD_IOMMU",
		"CONFIG_ARM_SMMU_V3", "CONFIG_VIRTIO_IOMMU", "CONFIG_IRQ_REMAP",
		"CONFIG_INTEL_IOMMU_DEFAULT_ON",
		"CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF",
		"CONFIG_IOMMU_DEFAULT_PASSTHROUGH", "CONFIG_KVM",
		"CONFIG_DYNAMIC_FTRACE_WITH_REGS", "CONFIG_LIVEPATCH",
		"CONFIG_MODULE_SIG", "CONFIG_MODULE_SIG_FORCE",
		"CONFIG_MODVERSIONS", "CONFIG_PREEMPT_RT",
	};
	struct json_object *array = json_object_new_array();
	char line[256];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (host_config_line(options[i], line, sizeof(line)))
			json_object_array_add(array,
					      json_object_new_string(line));
	return array;
}

static bool option_matters(const char *word)
{
	static const char *const parts[] = { "iommu", "vfio", "amd_iommu",
					     "intremap", "pci=", "pcie_",
					     "lockdown", "module.", "ftrace",
					     "kvm", "smmu", "swiotlb" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(word, parts[i]))
			return true;
	return false;
}

static struct json_object *cmdline_json(void)
{
	char *copy = xstrdup(host_cmdline()), *next = copy, *word;
	struct strv words = {};
	struct json_object *array;

	while ((word = strsep(&next, " ")))
		if (option_matters(word))
			strv_add(&words, word);
	array = json_strings(&words);
	strv_free(&words);
	free(copy);
	return array;
}

static struct json_object *parameters_json(const char *module)
{
	struct json_object *json = json_object_new_object();
	struct strv names = {};
	char value[64];
	size_t i;

	root_list(&names, "sys/module/%s/parameters", module);
	for (i = 0; i < names.n; i++) {
		root_read(value, sizeof(value), "sys/module/%s/parameters/%s",
			  module, names.s[i]);
		json_string(json, names.s[i], value);
	}
	strv_free(&names);
	return json;
}

static struct json_object *module_json(const char *name)
{
	struct json_object *json = json_object_new_object();
	struct module module;

	module_query(name, &module);
	json_string(json, "name", name);
	json_boolean(json, "loaded", module.loaded);
	json_string(json, "version", module.version);
	json_string(json, "srcversion", module.srcversion);
	json_string(json, "file", module.file);
	json_string(json, "file_version", module.file_version);
	json_string(json, "file_srcversion", module.file_srcversion);
	json_boolean(json, "signed", module.is_signed);
	json_string(json, "sig_key", module.key);
	json_object_object_add(json, "parameters", parameters_json(name));
	return json;
}

static struct json_object *modules_json(void)
{
	static const char *const names[] = { "iommufd_ext", "vfio_cdev_ext",
					     "iommufd", "vfio", "vfio_pci",
					     "vfio_pci_core",
					     "vfio_iommu_type1" };
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		json_object_array_add(array, module_json(names[i]));
	return array;
}

static struct json_object *regions_json(const struct group *group)
{
	struct json_object *array = json_object_new_array();
	const struct region *region;
	char *text;
	size_t i;

	for (i = 0; i < group->n_regions; i++) {
		region = &group->regions[i];
		text = xprintf("%#llx-%#llx %s", region->first, region->last,
			       region->type);
		json_object_array_add(array, json_object_new_string(text));
		free(text);
	}
	return array;
}

static struct json_object *group_json(int id)
{
	struct json_object *json = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	struct group group;
	char type[32];
	size_t i;

	group_load(id, &group);
	root_read(type, sizeof(type), "sys/kernel/iommu_groups/%d/type", id);
	json_number(json, "group", id);
	json_string(json, "type", type);
	json_object_object_add(json, "reserved_regions", regions_json(&group));
	for (i = 0; i < group.n_devices; i++)
		json_object_array_add(devices, device_json(&group.devices[i]));
	json_object_object_add(json, "devices", devices);
	json_object_object_add(json, "other_devices",
			       json_strings(&group.others));
	group_free(&group);
	return json;
}

static struct json_object *groups_json(void)
{
	struct json_object *array = json_object_new_array();
	size_t i, n;
	int *ids;

	group_list(&ids, &n);
	for (i = 0; i < n; i++)
		json_object_array_add(array, group_json(ids[i]));
	free(ids);
	return array;
}

static struct json_object *alone_json(void)
{
	struct json_object *array = json_object_new_array();
	struct device *devices;
	size_t i, n;

	device_list(&devices, &n);
	for (i = 0; i < n; i++)
		if (devices[i].group < 0)
			json_object_array_add(array, device_json(&devices[i]));
	free(devices);
	return array;
}

static struct json_object *names_json(const char *directory)
{
	struct strv names = {};
	struct json_object *array;

	root_list(&names, "%s", directory);
	array = json_strings(&names);
	strv_free(&names);
	return array;
}

static void add_nodes(struct json_object *json)
{
	json_boolean(json, "dev_iommu", root_exists("dev/iommu"));
	json_boolean(json, "dev_ioasid", root_exists("dev/ioasid"));
	json_boolean(json, "dev_kvm", root_exists("dev/kvm"));
	json_object_object_add(json, "dev_vfio", names_json("dev/vfio"));
	json_object_object_add(json, "dev_vfio_devices",
			       names_json("dev/vfio/devices"));
}

static void add_limits(struct json_object *json)
{
	unsigned long long soft, hard;

	if (!host_memlock(&soft, &hard))
		return;
	json_number(json, "memlock_soft", soft);
	json_number(json, "memlock_hard", hard);
}

/* The state in which DKMS has each version for this kernel. It has links beside them. */
static struct json_object *dkms_json(void)
{
	struct json_object *array = json_object_new_array();
	struct strv versions = {};
	char *text;
	size_t i;

	root_list(&versions, "var/lib/dkms/iommufd-ext");
	for (i = 0; i < versions.n; i++) {
		if (!isdigit((unsigned char)*versions.s[i]))
			continue;
		text = xprintf("%s: %s", versions.s[i],
			       root_exists("var/lib/dkms/iommufd-ext/%s/%s",
					   versions.s[i], kernel_release()) ?
				       "built for this kernel" :
				       "not built for this kernel");
		json_object_array_add(array, json_object_new_string(text));
		free(text);
	}
	strv_free(&versions);
	return array;
}

/* --- packages ------------------------------------------------------------------- */

static bool package_matters(const char *name)
{
	static const char *const names[] = { "qemu-system-x86", "libvirt-daemon",
					     "dkms", "driverctl", "pciutils",
					     "kmod", "udev", "dpdk",
					     "iommufd-ext-dkms", "ioasidctl" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* "Status: install ok installed": dpkg keeps a list of what was removed as well. */
static bool package_installed(const char *status)
{
	const char *state = strrchr(status, ' ');

	return state && !strcmp(state, " installed");
}

/* From dpkg's list: paragraphs of "Package:", "Status:", ..., "Version:". */
static struct json_object *packages_json(void)
{
	char *text = root_read_all("var/lib/dpkg/status"), *next = text, *line;
	struct json_object *json = json_object_new_object();
	const char *name = NULL;
	bool installed = false;

	while (next && *next) {
		line = strsep(&next, "\n");
		if (str_starts(line, "Package: ")) {
			name = line + strlen("Package: ");
			installed = false;
		} else if (str_starts(line, "Status: ")) {
			installed = package_installed(line);
		} else if (str_starts(line, "Version: ") && name && installed &&
			   package_matters(name)) {
			json_string(json, name, line + strlen("Version: "));
		}
	}
	free(text);
	return json;
}

/* --- the kernel log ------------------------------------------------------------- */

#define LOG_LINES_MAX 200

static bool log_matters(const char *line)
{
	static const char *const parts[] = {
		"iommufd_ext", "vfio",
		"VFIO",	       "DMAR",
		"AMD-Vi",      "iommu",
		"IOMMU",       "Lockdown:",
		"page table ", "module verification",
		"Loading of "
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(line, parts[i]))
			return true;
	return false;
}

#define SYSLOG_ACTION_READ_ALL 3
#define SYSLOG_ACTION_SIZE_BUFFER 10

static char *read_log(void)
{
	char *text;
	int size, len;

	if (!root_is_real())
		return root_read_all("proc/kmsg");
	size = klogctl(SYSLOG_ACTION_SIZE_BUFFER, NULL, 0);
	if (size <= 0)
		return NULL;
	text = xcalloc(size + 1, 1);
	len = klogctl(SYSLOG_ACTION_READ_ALL, text, size);
	if (len >= 0)
		return text;
	free(text);
	return NULL;
}

static struct json_object *log_json(void)
{
	char *text = read_log(), *next = text, *line;
	struct json_object *array;
	struct strv lines = {}, last;

	if (!text)
		return NULL;
	while (next && *next) {
		line = strsep(&next, "\n");
		if (log_matters(line) && !strstr(line, "Command line:") &&
		    !strstr(line, "Kernel command line:") &&
		    !strstr(line, "Adding to iommu group"))
			strv_add(&lines, line);
	}
	/* The last are the ones that the report is about. */
	last = lines;
	if (last.n > LOG_LINES_MAX) {
		last.s += last.n - LOG_LINES_MAX;
		last.n = LOG_LINES_MAX;
	}
	array = json_strings(&last);
	strv_free(&lines);
	free(text);
	return array;
}

/* --- the report ----------------------------------------------------------------- */

static struct json_object *report_json(void)
{
	struct json_object *json = json_object_new_object();

	add_kernel(json);
	json_object_object_add(json, "config", config_json());
	json_object_object_add(json, "command_line", cmdline_json());
	json_object_object_add(json, "modules", modules_json());
	json_object_object_add(json, "iommus", names_json("sys/class/iommu"));
	json_object_object_add(json, "firmware_tables",
			       names_json("sys/firmware/acpi/tables"));
	json_object_object_add(json, "groups", groups_json());
	json_object_object_add(json, "no_group", alone_json());
	add_nodes(json);
	add_limits(json);
	json_object_object_add(json, "dkms", dkms_json());
	json_object_object_add(json, "packages", packages_json());
	json_object_object_add(json, "kernel_log", log_json());
	return json;
}

/* "key: value", and what is in a value two blanks further in. */
static void print_value(FILE *to, const char *key, struct json_object *value,
			int indent)
{
	enum json_type type = json_object_get_type(value);
	size_t i;

	if (type == json_type_object) {
		fprintf(to, "%*s%s:\n", indent, "", key);
		json_object_object_foreach(value, name, member)
			print_value(to, name, member, indent + 2);
	} else if (type == json_type_array) {
		fprintf(to, "%*s%s:\n", indent, "", key);
		for (i = 0; i < json_object_array_length(value); i++)
			print_value(to, "-", json_object_array_get_idx(value, i),
				    indent + 2);
	} else {
		fprintf(to, "%*s%s%s %s\n", indent, "", key,
			*key == '-' ? "" : ":",
			value ? json_object_get_string(value) : "-");
	}
}

static void print_report(FILE *to, struct json_object *json)
{
	if (out_json) {
		fprintf(to, "%s\n",
			json_object_to_json_string_ext(json,
						       JSON_C_TO_STRING_PRETTY |
							       JSON_C_TO_STRING_NOSLASHESCAPE));
		return;
	}
	json_object_object_foreach(json, key, value)
		print_value(to, key, value, 0);
}

/* The file is made anew: another's link in /tmp is not followed. */
static int write_report(const char *file, struct json_object *json)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		      0644);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
	int error = errno;

	if (!to) {
		say_error("cannot make %s: %s", file, strerror(error));
		if (fd >= 0)
			close(fd);
		return exit_code(-error);
	}
	print_report(to, json);
	error = fflush(to) || ferror(to);
	if (fclose(to) || error) {
		say_error("cannot write %s", file);
		return EXIT_FAILED;
	}
	return EXIT_YES;
}

int cmd_report(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{}
	};
	struct json_object *json;
	const char *file = NULL;
	int option, ret;

	while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (option == 'o') {
			file = optarg;
			continue;
		}
		ret = args_common(option, "report");
		if (ret >= 0)
			return ret;
	}
	if (optind != argc)
		return args_wrong("report");
	json = report_json();
	ret = EXIT_YES;
	if (file)
		ret = write_report(file, json);
	else
		print_report(stdout, json);
	json_object_put(json);
	return ret;
}
