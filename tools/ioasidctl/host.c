// SPDX-License-Identifier: GPL-2.0-only
/* Facts of the machine and of its kernel. */
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "module.h"
#include "root.h"

/* From where distributions keep the configuration of a kernel; "" if it is not there. */
static const char *kernel_options(void)
{
	static char *text;
	char *file;

	if (text)
		return text;
	file = root_read_all("boot/config-%s", kernel_release());
	if (!file)
		file = root_read_all("lib/modules/%s/config", kernel_release());
	/* Each line is to have a newline before it. */
	text = file ? xprintf("\n%s", file) : xstrdup("");
	free(file);
	return text;
}

bool host_config_known(void)
{
	return *kernel_options();
}

/* The line of an option, "CONFIG_X=y" or "# CONFIG_X is not set". */
bool host_config_line(const char *option, char *line, size_t size)
{
	char *set = xprintf("\n%s=", option);
	char *unset = xprintf("\n# %s is not set\n", option);
	const char *at = strstr(kernel_options(), set);

	if (!at)
		at = strstr(kernel_options(), unset);
	if (at)
		snprintf(line, size, "%.*s", (int)strcspn(at + 1, "\n"),
			 at + 1);
	free(unset);
	free(set);
	return at;
}

/* 'y', 'm', 'n', or '?' if the configuration is not known. */
char host_config(const char *option)
{
	char line[256];

	if (!host_config_known())
		return '?';
	if (!host_config_line(option, line, sizeof(line)) || *line == '#')
		return 'n';
	return line[strlen(option) + 1];
}

const char *host_cmdline(void)
{
	static char line[4096];
	static bool done;

	if (!done)
		root_read(line, sizeof(line), "proc/cmdline");
	done = true;
	return line;
}

/* The last "name=value" of the kernel's command line, as the kernel takes it. */
bool host_option(const char *name, char *value, size_t size)
{
	char *copy = xstrdup(host_cmdline()), *next = copy, *word;
	size_t len = strlen(name);
	bool found = false;

	while ((word = strsep(&next, " "))) {
		if (strncmp(word, name, len) || (word[len] && word[len] != '='))
			continue;
		str_copy(value, size, word[len] ? word + len + 1 : "");
		found = true;
	}
	free(copy);
	return found;
}

/* Whether one of the values of an option, which are separated by commas, is @value. */
bool host_option_has(const char *name, const char *value)
{
	char values[256], *next = values, *one;

	if (!host_option(name, values, sizeof(values)))
		return false;
	while ((one = strsep(&next, ",")))
		if (!strcmp(one, value))
			return true;
	return false;
}

static const char *cpu_text(void)
{
	static char text[8192];
	static bool done;

	if (!done)
		root_read(text, sizeof(text), "proc/cpuinfo");
	done = true;
	return text;
}

enum cpu_vendor host_cpu(void)
{
	if (strstr(cpu_text(), "GenuineIntel"))
		return CPU_INTEL;
	if (strstr(cpu_text(), "AuthenticAMD") ||
	    strstr(cpu_text(), "HygonGenuine"))
		return CPU_AMD;
	return CPU_OTHER;
}

bool host_is_guest(void)
{
	const char *flags = strstr(cpu_text(), "\nflags");
	const char *flag = flags ? strstr(flags, " hypervisor") : NULL;

	return flag && flag < flags + 1 + strcspn(flags + 1, "\n");
}

bool host_has_groups(void)
{
	struct strv names = {};
	bool any;

	root_list(&names, "sys/kernel/iommu_groups");
	any = names.n;
	strv_free(&names);
	return any;
}

bool host_native_iommufd(void)
{
	char set = host_config("CONFIG_IOMMUFD");

	return set == 'y' || set == 'm' || root_exists("sys/module/iommufd");
}

bool host_native_cdevs(void)
{
	return host_config("CONFIG_VFIO_DEVICE_CDEV") == 'y';
}

/* Return: whether the kernel can be locked down; @mode is how it is. */
bool host_lockdown(char *mode, size_t size)
{
	char text[128], *from;

	if (root_read(text, sizeof(text), "sys/kernel/security/lockdown") <= 0)
		return false;
	from = strchr(text, '[');
	if (!from)
		return false;
	from[strcspn(from, "]")] = '\0';
	str_copy(mode, size, from + 1);
	return true;
}

/* Memory that is mapped with CAP_IPC_LOCK is not limited. */
bool host_may_lock_memory(void)
{
	char *text = root_read_all("proc/self/status");
	const char *line = text ? strstr(text, "\nCapEff:") : NULL;
	unsigned long long caps = 0;

	if (line && sscanf(line, "\nCapEff: %llx", &caps) != 1)
		caps = 0;
	free(text);
	return caps >> CAP_IPC_LOCK & 1;
}

static unsigned long long limit(const char *word)
{
	unsigned long long value;

	return parse_u64(word, 10, &value) ? value : UINT64_MAX;
}

/* RLIMIT_MEMLOCK of this process, which is the caller's; UINT64_MAX is unlimited. */
bool host_memlock(unsigned long long *soft, unsigned long long *hard)
{
	char *text = root_read_all("proc/self/limits");
	const char *line = text ? strstr(text, "Max locked memory") : NULL;
	char words[2][32];
	bool found;

	found = line && sscanf(line, "Max locked memory %31s %31s", words[0],
			       words[1]) == 2;
	if (found) {
		*soft = limit(words[0]);
		*hard = limit(words[1]);
	}
	free(text);
	return found;
}
