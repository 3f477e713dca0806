// SPDX-License-Identifier: GPL-2.0-only
/* ioasidctl doctor: can devices of this host be assigned. */
#include <stdio.h>

#include "args.h"
#include "check.h"
#include "host.h"
#include "ioasidctl.h"
#include "output.h"

/* What is loaded already was let in. What is not is told by check_modules(). */
static void check_lockdown(struct findings *findings)
{
	char mode[32];

	if (!host_lockdown(mode, sizeof(mode)))
		finding_add(findings, LEVEL_OK, "lockdown",
			    "this kernel shows no lockdown");
	else
		finding_add(findings, LEVEL_OK, "lockdown",
			    "lockdown is \"%s\"", mode);
}

static void check_all(struct findings *findings, unsigned long long memory)
{
	check_kernel(findings);
	check_lockdown(findings);
	check_iommu(findings);
	check_interrupts(findings);
	check_modules(findings);
	check_iommu_node(findings);
	check_adoption(findings);
	if (!host_native_cdevs())
		check_udev(findings);
	check_kvm(findings);
	check_memlock(findings, memory, NULL);
}

static void print_verdict(size_t blocks, size_t warns)
{
	if (blocks)
		printf("%sDevices cannot be assigned%s: %zu of the checks %s\n",
		       colour_on(RED), colour_off(RED), blocks,
		       blocks == 1 ? "blocks" : "block");
	else if (warns)
		printf("%sDevices can be assigned%s, with %zu %s\n",
		       colour_on(YELLOW), colour_off(YELLOW), warns,
		       warns == 1 ? "warning" : "warnings");
	else
		printf("%sDevices can be assigned%s\n", colour_on(GREEN),
		       colour_off(GREEN));
}

static int examine(unsigned long long memory)
{
	struct findings findings = {};
	struct json_object *json;
	size_t blocks, warns;

	check_all(&findings, memory);
	blocks = findings_count(&findings, LEVEL_BLOCKS);
	warns = findings_count(&findings, LEVEL_WARN);
	if (out_json) {
		json = json_object_new_object();
		json_string(json, "verdict", blocks ? "no" : "yes");
		json_object_object_add(json, "findings",
				       findings_json(&findings));
		json_print(json);
	} else {
		print_verdict(blocks, warns);
		findings_print(&findings);
	}
	findings_free(&findings);
	return blocks ? EXIT_NO : EXIT_YES;
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "memory", required_argument, NULL, 'm' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{}
	};
	unsigned long long memory = 0;
	int option, ret;

	while ((option = getopt_long(argc, argv, "m:", options, NULL)) != -1) {
		if (option == 'm') {
			if (!parse_size(optarg, &memory))
				return args_wrong("doctor");
			continue;
		}
		ret = args_common(option, "doctor");
		if (ret >= 0)
			return ret;
	}
	return optind == argc ? examine(memory) : args_wrong("doctor");
}
