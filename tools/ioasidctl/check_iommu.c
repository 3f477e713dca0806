// SPDX-License-Identifier: GPL-2.0-only
/* Is there an IOMMU, is it on, and does it isolate interrupts? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "host.h"
#include "module.h"
#include "root.h"

#define ACPI_TABLES "sys/firmware/acpi/tables"

/* The table in which the firmware describes the IOMMUs, or NULL. */
static const char *firmware_table(void)
{
	static const char *const tables[] = { "DMAR", "IVRS", "IORT", "VIOT",
					      "RIMT" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		if (root_exists(ACPI_TABLES "/%s", tables[i]))
			return tables[i];
	return NULL;
}

static void do_firmware(struct finding *finding)
{
	if (!host_is_guest()) {
		finding_do(finding,
			   "systemctl reboot --firmware-setup   # enable %s",
			   host_cpu() == CPU_INTEL ? "VT-d" :
			   host_cpu() == CPU_AMD   ? "AMD-Vi (IOMMU)" :
						     "the IOMMU");
		return;
	}
	finding_do(finding,
		   "qemu-system-x86_64 -machine q35,kernel-irqchip=split -device intel-iommu,intremap=on,caching-mode=on ...   # this machine is a guest: start it so");
}

/* Debian's boot loader takes its options from there. */
static void do_cmdline(struct finding *finding, const char *add,
		       const char *remove)
{
	if (!root_exists("etc/default/grub")) {
		if (remove)
			finding_do(finding,
				   "remove %s from the kernel command line in the boot loader, and reboot",
				   remove);
		if (add)
			finding_do(finding,
				   "add %s to the kernel command line in the boot loader, and reboot",
				   add);
		return;
	}
	if (remove)
		finding_do(finding, "sed -i 's/ *\\b%s\\b//' /etc/default/grub",
			   remove);
	if (add)
		finding_do(finding,
			   "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&%s /' /etc/default/grub",
			   add);
	finding_do(finding, "update-grub && reboot");
}

/* An option is for one maker's IOMMU. In a guest that need not be the processor's. */
static bool is_iommu_of(enum cpu_vendor vendor)
{
	const char *table = firmware_table();

	if (!table)
		return host_cpu() == vendor;
	return !strcmp(table, vendor == CPU_INTEL ? "DMAR" : "IVRS");
}

/* The option of the kernel's command line that has switched the IOMMU off, or NULL. */
static const char *cmdline_disables(void)
{
	if (host_option_has("intel_iommu", "off") && is_iommu_of(CPU_INTEL))
		return "intel_iommu=off";
	if (host_option_has("amd_iommu", "off") && is_iommu_of(CPU_AMD))
		return "amd_iommu=off";
	return host_option_has("iommu", "off") ? "iommu=off" : NULL;
}

/* Debian's kernels have it on for all but the processor's own graphics. */
static bool intel_default_off(void)
{
	return host_config_known() &&
	       host_config("CONFIG_INTEL_IOMMU_DEFAULT_ON") != 'y' &&
	       host_config("CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF") != 'y';
}

static void no_iommu(struct findings *findings)
{
	const char *table = firmware_table();
	const char *option = cmdline_disables();
	struct finding *f;

	if (option) {
		f = finding_add(findings, LEVEL_BLOCKS, "iommu",
				"the IOMMU is switched off on the kernel command line: %s",
				option);
		do_cmdline(f, NULL, option);
	} else if (!table && root_exists(ACPI_TABLES)) {
		f = finding_add(findings, LEVEL_BLOCKS, "iommu",
				"the firmware reports no IOMMU: there is no table DMAR, IVRS, IORT or VIOT");
		do_firmware(f);
	} else if (!table) {
		f = finding_add(findings, LEVEL_BLOCKS, "iommu",
				"the kernel has no IOMMU groups, and there are no ACPI tables to ask why");
		finding_do(f, "journalctl -k -b | grep -iE 'iommu|smmu|DMAR'");
	} else if (!strcmp(table, "DMAR") && intel_default_off() &&
		   !host_option_has("intel_iommu", "on")) {
		f = finding_add(findings, LEVEL_BLOCKS, "iommu",
				"this kernel leaves the IOMMU off unless it is told otherwise");
		do_cmdline(f, "intel_iommu=on", NULL);
	} else {
		f = finding_add(findings, LEVEL_BLOCKS, "iommu",
				"the firmware reports an IOMMU (%s), but the kernel has made no IOMMU groups",
				table);
		finding_do(f, "journalctl -k -b | grep -iE 'DMAR|AMD-Vi|iommu'");
	}
}

static void name_iommus(char *text, size_t size)
{
	struct strv names = {};
	char *joined;

	root_list(&names, "sys/class/iommu");
	joined = strv_join(&names, ", ");
	snprintf(text, size, "%s", joined);
	free(joined);
	strv_free(&names);
}

void check_iommu(struct findings *findings)
{
	char iommus[512];

	if (!host_has_groups()) {
		no_iommu(findings);
		return;
	}
	name_iommus(iommus, sizeof(iommus));
	finding_add(findings, LEVEL_OK, "iommu", "the IOMMU is on%s%s%s",
		    *iommus ? " (" : "", iommus, *iommus ? ")" : "");
}

/* --- interrupts ---------------------------------------------------------------- */

enum isolation { ISOLATED, NOT_ISOLATED, ISOLATION_UNKNOWN };

/*
 * The kernel does not tell. But the chips of interrupts that are remapped have names of
 * their own in /proc/interrupts: "IR-PCI-MSI" on x86; "ITS-MSI" and the like on arm64,
 * where the ITS isolates. An x86 machine with MSIs and no such chip remaps none.
 */
static enum isolation find_isolation(void)
{
	enum isolation isolation = ISOLATION_UNKNOWN;
	char *text = root_read_all("proc/interrupts");

	if (!text)
		return ISOLATION_UNKNOWN;
	if (strstr(text, " IR-") || strstr(text, " ITS-"))
		isolation = ISOLATED;
	else if (host_cpu() != CPU_OTHER && strstr(text, " PCI-MSI"))
		isolation = NOT_ISOLATED;
	free(text);
	return isolation;
}

/* Whoever of the two asks the kernel is told of unsafe interrupts by a parameter. */
static const char *unsafe_parameter(void)
{
	return host_native_iommufd() ? "iommufd" : "iommufd_ext";
}

static void not_isolated(struct findings *findings)
{
	const char *module = unsafe_parameter();
	struct finding *f;

	if (module_parameter(module, "allow_unsafe_interrupts") == 1) {
		finding_add(findings, LEVEL_WARN, "interrupts",
			    "interrupts are not isolated, and %s.allow_unsafe_interrupts is on: a guest can raise any interrupt of the host",
			    module);
		return;
	}
	f = finding_add(findings, LEVEL_BLOCKS, "interrupts",
			"interrupts are not isolated: there is no interrupt remapping");
	if (host_option_has("intremap", "off"))
		do_cmdline(f, NULL, "intremap=off");
	else
		do_firmware(f);
	if (root_exists("sys/module/%s/parameters/allow_unsafe_interrupts",
			module))
		finding_do(f,
			   "echo 1 > /sys/module/%s/parameters/allow_unsafe_interrupts   # if you trust the guest",
			   module);
	else
		finding_do(f,
			   "echo options %s allow_unsafe_interrupts=1 >> /etc/modprobe.d/%s.conf   # if you trust the guest",
			   module, module);
}

void check_interrupts(struct findings *findings)
{
	struct finding *f;

	if (!host_has_groups())
		return;
	switch (find_isolation()) {
	case ISOLATED:
		finding_add(findings, LEVEL_OK, "interrupts",
			    "interrupts are remapped");
		break;
	case NOT_ISOLATED:
		not_isolated(findings);
		break;
	case ISOLATION_UNKNOWN:
		f = finding_add(findings, LEVEL_WARN, "interrupts",
				"unknown: this kernel does not show whether interrupts are isolated; if they are not, the device cannot be bound (EPERM)");
		finding_do(f, "journalctl -k -b | grep -E 'remapping|ITS'");
		break;
	}
}
