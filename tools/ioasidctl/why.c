// SPDX-License-Identifier: GPL-2.0-only
/* ioasidctl why: can a device be assigned, and if not, what to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "check.h"
#include "driver.h"
#include "group.h"
#include "host.h"
#include "ioasidctl.h"
#include "module.h"
#include "output.h"
#include "root.h"
#include "usage.h"

#define VENDOR_INTEL 0x8086

static void check_no_group(struct findings *findings, const struct device *dev)
{
	struct finding *f;

	if (!host_has_groups())
		return;
	if (dev->vendor == VENDOR_INTEL && device_is_display(dev) &&
	    host_config("CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF") == 'y' &&
	    !host_option_has("intel_iommu", "on")) {
		f = finding_add(findings, LEVEL_BLOCKS, "group",
				"it is in no IOMMU group: this kernel leaves the processor's own graphics out unless it is told otherwise");
		finding_do(f,
			   "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&intel_iommu=on /' /etc/default/grub && update-grub && reboot");
		return;
	}
	f = finding_add(findings, LEVEL_BLOCKS, "group",
			"it is in no IOMMU group: no IOMMU is in its way to memory");
	finding_do(f, "journalctl -k -b | grep -F %s", dev->bdf);
}

/* The group has other devices that "bind" has to take as well. */
static bool siblings_block(const struct group *group, const struct device *dev)
{
	size_t i;

	for (i = 0; i < group->n_devices; i++)
		if (strcmp(group->devices[i].bdf, dev->bdf) &&
		    device_blocks_group(&group->devices[i]))
			return true;
	return false;
}

static void do_bind(struct finding *f, const struct group *group,
		    const struct device *dev)
{
	f->by_bind = true;
	finding_do(f, "ioasidctl bind %s%s",
		   siblings_block(group, dev) ? "--group " : "", dev->bdf);
}

/* Of a device that "why" was not asked about, @of says which it is. */
static void check_usage(struct findings *findings, const struct device *dev,
			const char *of)
{
	struct finding *f;
	struct usage usage;
	size_t i;

	usage_find(dev, &usage);
	for (i = 0; i < usage.n; i++) {
		f = finding_add(findings,
				usage.list[i].unsure ? LEVEL_WARN :
						       LEVEL_BLOCKS,
				"in-use", "%s%s%s%s", of,
				*of ? " in the same group: " : "",
				usage.list[i].unsure ? "may be in use: " : "",
				usage.list[i].text);
		if (usage.list[i].action)
			finding_do(f, "%s", usage.list[i].action);
	}
	usage_free(&usage);
}

static void check_driver(struct findings *findings, const struct group *group,
			 const struct device *dev)
{
	struct finding *f;

	if (dev->vfio[0]) {
		finding_add(findings, LEVEL_OK, "driver",
			    "driver %s has it, which is one of VFIO",
			    dev->driver);
		return;
	}
	check_usage(findings, dev, "");
	f = finding_add(findings, LEVEL_BLOCKS, "driver",
			dev->driver[0] ? "driver %s has it, which is one of the host" :
					 "no driver has it%s",
			dev->driver);
	do_bind(f, group, dev);
}

static void check_sibling(struct findings *findings, const struct group *group,
			  const struct device *dev,
			  const struct device *sibling)
{
	struct finding *f;

	if (!sibling->driver[0]) {
		finding_add(findings, LEVEL_OK, "group",
			    "%s in the same group has no driver: it is in nobody's way",
			    sibling->bdf);
		return;
	}
	if (!device_blocks_group(sibling)) {
		finding_add(findings, LEVEL_OK, "group",
			    "%s in the same group is on %s: it is in nobody's way",
			    sibling->bdf, sibling->driver);
		return;
	}
	check_usage(findings, sibling, sibling->bdf);
	f = finding_add(findings, LEVEL_BLOCKS, "group",
			"%s in the same group %d is on %s, which is a driver of the host",
			sibling->bdf, group->id, sibling->driver);
	if (device_is_bridge(sibling))
		finding_do(f,
			   "put the device into another slot, behind a port of its own");
	else
		do_bind(f, group, dev);
}

static void check_group(struct findings *findings, const struct group *group,
			const struct device *dev)
{
	size_t i;

	finding_add(findings, LEVEL_OK, "group",
		    group->n_devices == 1 ?
			    "it is alone in IOMMU group %d" :
			    "it is in IOMMU group %d, of %zu devices",
		    group->id, group->n_devices);
	for (i = 0; i < group->n_devices; i++)
		if (strcmp(group->devices[i].bdf, dev->bdf))
			check_sibling(findings, group, dev, &group->devices[i]);
	for (i = 0; i < group->others.n; i++)
		finding_add(findings, LEVEL_WARN, "group",
			    "%s in the same group is no PCI device: its driver may be in the way",
			    group->others.s[i]);
}

/* Guest memory begins at 0, so a hole matters if it is below the guest's size. */
static void check_region(struct findings *findings, const struct region *region,
			 unsigned long long memory, const char *bdf)
{
	struct finding *f;

	if (!strcmp(region->type, "direct")) {
		f = finding_add(findings, LEVEL_BLOCKS, "regions",
				"the firmware wants %#llx-%#llx mapped for the device at all times (RMRR or unity mapping): the kernel does not let go of it",
				region->first, region->last);
		finding_do(f,
			   "systemctl reboot --firmware-setup   # look for options of the device: shared memory, legacy USB, management controller");
	} else if (!strcmp(region->type, "reserved") &&
		   region->first < memory) {
		f = finding_add(findings, LEVEL_WARN, "regions",
				"%#llx-%#llx cannot be mapped, and guest memory may reach there",
				region->first, region->last);
		if (region->first >> 20)
			finding_do(f,
				   "ioasidctl why --memory %lluM %s   # a guest of that size ends before it",
				   region->first >> 20, bdf);
	}
}

static void check_regions(struct findings *findings, const struct group *group,
			  unsigned long long memory, const char *bdf)
{
	size_t i, before = findings->n;

	for (i = 0; i < group->n_regions; i++)
		check_region(findings, &group->regions[i], memory, bdf);
	if (findings->n == before)
		finding_add(findings, LEVEL_OK, "regions",
			    "no reserved region of the group is in the way");
}

static void check_viable(struct findings *findings, const struct group *group,
			 const struct device *dev)
{
	unsigned long long viable;
	struct finding *f;

	if (!group_blocker(group) &&
	    root_number(&viable, "sys/bus/pci/devices/%s/vfio-dev/%s/viable",
			dev->bdf, dev->vfio) &&
	    !viable) {
		f = finding_add(findings, LEVEL_BLOCKS, "user",
				"somebody has its group; root can see who");
		finding_do(f, "sudo ioasidctl why %s", dev->bdf);
	}
}

static void check_vfio_user(struct findings *findings,
			    const struct group *group,
			    const struct device *dev)
{
	struct finding *f;
	char *who;

	switch (vfio_user_find(dev, &who)) {
	case VFIO_USED:
		f = finding_add(findings, LEVEL_BLOCKS, "user",
				"it is in use by %s", who);
		finding_do(f, "sudo ioasidctl show");
		break;
	case VFIO_UNKNOWN:
		check_viable(findings, group, dev);
		break;
	case VFIO_FREE:
		break;
	}
	free(who);
}

static void no_node(struct findings *findings, const struct device *dev)
{
	struct finding *f;

	f = finding_add(findings, LEVEL_BLOCKS, "node", "it has no node");
	if (module_parameter("vfio_cdev_ext", "adopt") == 0 &&
	    strcmp(dev->driver, "vfio_cdev_ext"))
		finding_do(f, "ioasidctl bind --driver vfio_cdev_ext %s",
			   dev->bdf);
	else
		finding_do(f, "journalctl -k -b | grep -F %s", dev->bdf);
}

/* Without the module it cannot have one, and that has been said. */
static void check_node(struct findings *findings, const struct device *dev)
{
	char *node = device_node(dev);
	struct finding *f;

	if (!node && !host_native_cdevs() &&
	    !root_exists("sys/module/vfio_cdev_ext"))
		return;
	if (!node) {
		no_node(findings, dev);
	} else if (!root_exists("%s", node + 1)) {
		f = finding_add(findings, LEVEL_BLOCKS, "node",
				"its node should be %s, and is not there",
				node);
		finding_do(f,
			   "udevadm trigger -s %s && udevadm settle && ls -l %s",
			   host_native_cdevs() ? "vfio-dev" : "vfio_cdev_ext",
			   node);
	} else if (!root_accessible(R_OK | W_OK, "%s", node + 1)) {
		f = finding_add(findings, LEVEL_WARN, "node",
				"you cannot open its node, %s: run as root, or let your group have it",
				node);
		finding_do(f, "sudo setfacl -m u:$USER:rw %s", node);
	} else {
		finding_add(findings, LEVEL_OK, "node", "its node is %s", node);
	}
	free(node);
}

static void check_device(struct findings *findings, const struct device *dev,
			 unsigned long long memory)
{
	struct group group;

	if (dev->group < 0) {
		check_usage(findings, dev, "");
		check_no_group(findings, dev);
		return;
	}
	group_load(dev->group, &group);
	check_driver(findings, &group, dev);
	check_group(findings, &group, dev);
	check_regions(findings, &group, memory, dev->bdf);
	if (dev->vfio[0])
		check_vfio_user(findings, &group, dev);
	group_free(&group);
}

static void check_all(struct findings *findings, const struct device *dev,
		      unsigned long long memory)
{
	if (device_is_bridge(dev)) {
		finding_add(findings, LEVEL_BLOCKS, "class",
			    "it is a bridge: it stays with the host, and is in no device's way");
		return;
	}
	check_iommu(findings);
	check_device(findings, dev, memory);
	check_interrupts(findings);
	check_modules(findings);
	check_iommu_node(findings);
	if (dev->vfio[0])
		check_node(findings, dev);
	check_kvm(findings);
	check_memlock(findings, memory, dev->bdf);
}

/* The first that is in the way, one that "bind" does not change before others. */
static const struct finding *find_reason(const struct findings *findings)
{
	const struct finding *by_bind = NULL, *f;
	size_t i;

	for (i = 0; i < findings->n; i++) {
		f = &findings->list[i];
		if (f->level != LEVEL_BLOCKS)
			continue;
		if (!f->by_bind)
			return f;
		if (!by_bind)
			by_bind = f;
	}
	return by_bind;
}

static void print_verdict(const struct device *dev, const struct finding *reason)
{
	char *node = device_node(dev);

	if (!reason)
		printf("%s %scan be assigned%s: %s\n", dev->bdf,
		       colour_on(GREEN), colour_off(GREEN),
		       node ? node : dev->driver);
	else if (reason->by_bind)
		printf("%s %scan be assigned once it is bound%s: %s\n",
		       dev->bdf, colour_on(YELLOW), colour_off(YELLOW),
		       reason->actions.s[0]);
	else
		printf("%s %scannot be assigned%s: %s\n", dev->bdf,
		       colour_on(RED), colour_off(RED), reason->text);
	free(node);
}

static void print_json(const struct device *dev,
		       const struct findings *findings,
		       const struct finding *reason)
{
	struct json_object *json = device_json(dev);

	json_string(json, "verdict",
		    !reason	    ? "yes" :
		    reason->by_bind ? "after-bind" :
				      "no");
	json_string(json, "reason", reason ? reason->text : NULL);
	json_object_object_add(json, "findings", findings_json(findings));
	json_print(json);
}

static int explain_device(const struct device *dev, unsigned long long memory)
{
	struct findings findings = {};
	const struct finding *reason;

	check_all(&findings, dev, memory);
	reason = find_reason(&findings);
	if (out_json) {
		print_json(dev, &findings, reason);
	} else {
		print_verdict(dev, reason);
		printf("  %s\n", device_title(dev));
		findings_print(&findings);
	}
	findings_free(&findings);
	return reason ? EXIT_NO : EXIT_YES;
}

int cmd_why(int argc, char **argv)
{
	static const struct option options[] = {
		{ "memory", required_argument, NULL, 'm' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{}
	};
	unsigned long long memory = 0;
	struct device dev;
	int option, ret;

	while ((option = getopt_long(argc, argv, "m:", options, NULL)) != -1) {
		if (option == 'm') {
			if (!parse_size(optarg, &memory))
				return args_wrong("why");
			continue;
		}
		ret = args_common(option, "why");
		if (ret >= 0)
			return ret;
	}
	if (optind != argc - 1)
		return args_wrong("why");
	ret = args_device(argv[optind], &dev);
	return ret ? ret : explain_device(&dev, memory);
}
