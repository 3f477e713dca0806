// SPDX-License-Identifier: GPL-2.0-only
/* The rest of what a host has to offer: nodes, KVM, limits, rules of udev. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "device.h"
#include "host.h"
#include "module.h"
#include "root.h"

/* As Debian's kernels for clouds. */
static void no_core(struct findings *findings, const char *release)
{
	struct finding *f;

	f = finding_add(findings, LEVEL_BLOCKS, "kernel",
			"%s has no vfio-pci-core (CONFIG_VFIO_PCI_CORE): the modules need it",
			release);
	finding_do(f,
		   "apt install linux-image-$(dpkg --print-architecture) && reboot   # and choose that kernel");
}

void check_kernel(struct findings *findings)
{
	const char *release = kernel_release();

	if (!host_config_known())
		finding_add(findings, LEVEL_WARN, "kernel",
			    "%s; its configuration is not known: there is neither /boot/config-%s nor /lib/modules/%s/config",
			    release, release, release);
	else if (host_native_iommufd() && host_native_cdevs())
		finding_add(findings, LEVEL_OK, "kernel",
			    "%s, with iommufd and VFIO cdevs of its own", release);
	else if (host_native_iommufd())
		finding_add(findings, LEVEL_OK, "kernel",
			    "%s, with iommufd of its own, and no VFIO cdevs",
			    release);
	else if (host_config("CONFIG_VFIO_PCI_CORE") == 'n')
		no_core(findings, release);
	else
		finding_add(findings, LEVEL_OK, "kernel",
			    "%s, without iommufd of its own", release);
}

void check_kvm(struct findings *findings)
{
	struct finding *f;

	if (!root_exists("dev/kvm")) {
		f = finding_add(findings, LEVEL_WARN, "kvm",
				"there is no /dev/kvm: guests run emulated");
		finding_do(f, "modprobe %s",
			   host_cpu() == CPU_AMD ? "kvm_amd" : "kvm_intel");
	} else if (module_parameter("vfio_cdev_ext", "kvm") == 0) {
		f = finding_add(findings, LEVEL_WARN, "kvm",
				"vfio_cdev_ext does not serve KVM (parameter kvm is N), so QEMU with KVM cannot use the nodes; the log says why");
		finding_do(f, "journalctl -kg 'KVM will not accept'");
		finding_do(f,
			   "modprobe -r vfio_cdev_ext && modprobe vfio_cdev_ext kvm=1   # if it was switched off");
	} else if (!root_accessible(R_OK | W_OK, "dev/kvm")) {
		f = finding_add(findings, LEVEL_WARN, "kvm",
				"you cannot open /dev/kvm");
		finding_do(f, "usermod -aG kvm $USER   # and log in again");
	} else {
		finding_add(findings, LEVEL_OK, "kvm", "/dev/kvm is there");
	}
}

/* Without a module that makes it there is none, and that has been said. */
void check_iommu_node(struct findings *findings)
{
	struct finding *f;

	if (!host_native_iommufd() && !root_exists("sys/module/iommufd_ext"))
		return;
	if (!root_exists("dev/iommu")) {
		f = finding_add(findings, LEVEL_BLOCKS, "node",
				"there is no /dev/iommu%s",
				module_parameter("iommufd_ext", "iommu_node") ==
						0 ?
					": the parameter iommu_node of iommufd_ext is off" :
					"");
		finding_do(f, host_native_iommufd() ?
				      "modprobe iommufd" :
				      "modprobe -r vfio_cdev_ext iommufd_ext; modprobe iommufd_ext iommu_node=1 && modprobe vfio_cdev_ext");
	} else if (!root_accessible(R_OK | W_OK, "dev/iommu")) {
		f = finding_add(findings, LEVEL_WARN, "node",
				"you cannot open /dev/iommu: run as root, or let your group have it");
		finding_do(f, "sudo setfacl -m u:$USER:rw /dev/iommu");
	} else {
		finding_add(findings, LEVEL_OK, "node", "/dev/iommu is there");
	}
}

static void limit_too_low(struct findings *findings, unsigned long long memory,
			  unsigned long long soft, unsigned long long hard,
			  const char *bdf)
{
	char *wanted = format_size(memory), *have = format_size(soft);
	struct finding *f;

	f = finding_add(findings, LEVEL_BLOCKS, "memlock",
			"%s of guest memory, and what is mapped on top of it, do not fit into the limit for locked memory, %s",
			wanted, have);
	if (hard >= memory + MEMORY_MORE)
		finding_do(f, "ulimit -l %llu", (memory + MEMORY_MORE) >> 10);
	else
		finding_do(f,
			   "sudo ioasidctl exec --memory %lluM --device %s -- COMMAND",
			   (memory + (1 << 20) - 1) >> 20, bdf ? bdf : "BDF");
	free(have);
	free(wanted);
}

/* @memory is 0 if nobody has said how large the guest is. */
void check_memlock(struct findings *findings, unsigned long long memory,
		   const char *bdf)
{
	unsigned long long soft, hard;
	struct finding *f;
	char *have;

	if (host_may_lock_memory()) {
		finding_add(findings, LEVEL_OK, "memlock",
			    "locked memory is not limited for you (CAP_IPC_LOCK)");
		return;
	}
	if (!host_memlock(&soft, &hard)) {
		finding_add(findings, LEVEL_WARN, "memlock",
			    "the limit for locked memory is unknown");
		return;
	}
	if (memory && (memory > UINT64_MAX - MEMORY_MORE ||
		       soft < memory + MEMORY_MORE)) {
		limit_too_low(findings, memory, soft, hard, bdf);
		return;
	}
	if (soft == UINT64_MAX) {
		finding_add(findings, LEVEL_OK, "memlock",
			    "locked memory is not limited for you");
		return;
	}
	have = format_size(soft);
	if (memory) {
		finding_add(findings, LEVEL_OK, "memlock",
			    "you may lock %s of memory, which is enough", have);
	} else {
		f = finding_add(findings, LEVEL_WARN, "memlock",
				"you may lock %s of memory: a guest cannot have more",
				have);
		finding_do(f, "ioasidctl %s --memory 4G%s%s   # the guest's",
			   bdf ? "why" : "doctor", bdf ? " " : "",
			   bdf ? bdf : "");
	}
	free(have);
}

/* Devices of VFIO drivers that no program can reach by a node. */
void check_adoption(struct findings *findings)
{
	struct device *devices;
	struct finding *f;
	size_t i, n, with = 0;

	device_list(&devices, &n);
	for (i = 0; i < n; i++) {
		if (!devices[i].vfio[0])
			continue;
		if (devices[i].node) {
			with++;
			continue;
		}
		f = finding_add(findings, LEVEL_WARN, "node",
				"%s is on %s and has no node in /dev/vfio",
				devices[i].bdf, devices[i].driver);
		finding_do(f, "ioasidctl why %s", devices[i].bdf);
	}
	if (with)
		finding_add(findings, LEVEL_OK, "node",
			    "%zu %s /dev/vfio/devices", with,
			    with == 1 ? "device has a node in" :
					"devices have nodes in");
	free(devices);
}

/* The package's rule that loads the modules names one of them, and no node. */
static bool is_about_nodes(const char *rules)
{
	return strstr(rules, "SUBSYSTEM==\"vfio_cdev_ext");
}

/* As docs/packages.md; the package of this program has the file and the group. */
static void do_udev(struct finding *f)
{
	static const char file[] = "usr/share/ioasidctl/70-vfio-group.rules";

	if (root_exists("%s", file))
		finding_do(f, "ln -s /%s /etc/udev/rules.d/", file);
	else
		finding_do(f,
			   "groupadd -rf vfio && printf '%%s\\n' 'SUBSYSTEM==\"misc\", KERNEL==\"iommu|ioasid\", GROUP=\"vfio\", MODE=\"0660\"' 'SUBSYSTEM==\"vfio_cdev_ext|vfio-dev\", GROUP=\"vfio\", MODE=\"0660\"' > /etc/udev/rules.d/70-vfio-group.rules");
	finding_do(f,
		   "udevadm control --reload && udevadm trigger -s misc -s vfio_cdev_ext");
	finding_do(f, "usermod -aG vfio USER   # and log in again");
}

/* Whether a rule lets anybody but root open the nodes. */
void check_udev(struct findings *findings)
{
	static const char *const directories[] = { "etc/udev/rules.d",
						   "usr/lib/udev/rules.d",
						   "lib/udev/rules.d" };
	struct strv files = {};
	struct finding *f;
	const char *rules = NULL;
	char *text;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(directories) && !rules; i++) {
		root_list(&files, "%s", directories[i]);
		for (j = 0; j < files.n && !rules; j++) {
			text = root_read_all("%s/%s", directories[i],
					     files.s[j]);
			if (text && is_about_nodes(text))
				rules = directories[i];
			free(text);
		}
		strv_free(&files);
	}
	if (rules) {
		finding_add(findings, LEVEL_OK, "udev",
			    "a rule in /%s is about the nodes", rules);
		return;
	}
	f = finding_add(findings, LEVEL_WARN, "udev",
			"no rule of udev is about the nodes: they are for root alone");
	do_udev(f);
}
