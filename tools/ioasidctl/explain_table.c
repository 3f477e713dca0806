// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a sentence of the modules, or an error number, means.
 *
 * A pattern stands for a message, or for a family of them that have one cause and one
 * remedy; "*" stands for names and numbers. The first that is found in a text counts, so
 * a pattern comes before a wider one. A test compares the table with the messages in the
 * source.
 */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "text.h"

struct message {
	const char *pattern;
	const char *meaning;
};

/* What several messages mean, none of which has a word that others do not have. */
#define ABOUT_PASIDS \
	"A PASID is a second address space of one device. It works only if the device, its IOMMU and the kernel support it, the page tables were made for PASIDs, and nothing else is attached to it."
#define ABOUT_ACCESSES \
	"A driver of an emulated device (mdev) attaches to one IOAS at a time, and lets go of it before it takes another."
#define ABOUT_FLAGS \
	"The program uses flags that this version does not know, or that do not go together."
#define ABOUT_DATA \
	"A page table's data and their type go together, and depend on the IOMMU driver."

static const struct message messages[] = {
	/* modprobe, and the kernel when it refuses a module. */
	{
		"Key was rejected by service",
		"Under Secure Boot the kernel takes only modules that are signed with a key it knows. The key of this one is not among them, or it has no signature: the kernel log says which. Enrol the key of DKMS: mokutil --import /var/lib/dkms/mok.pub, reboot, and choose \"Enroll MOK\". ioasidctl doctor says whether it is enrolled, and has the commands for a module without a signature.",
	},
	{
		"Loading of module with unavailable key is rejected",
		"Under Secure Boot the kernel takes only modules that are signed with a key it knows, and the key of this one is not among them. Enrol that of DKMS: mokutil --import /var/lib/dkms/mok.pub, reboot, and choose \"Enroll MOK\". ioasidctl doctor says whether it is enrolled.",
	},
	{
		"Loading of unsigned module is rejected",
		"Under Secure Boot the kernel takes only modules that are signed with a key it knows, and this one has no signature. DKMS signs what it builds; ioasidctl doctor has the commands for a module that is there already.",
	},
	{
		"Loading of module with unsupported crypto is rejected",
		"Under Secure Boot the kernel takes only modules that are signed with a key it knows, and this one is signed in a way that the kernel cannot check: with a hash or a kind of key that it was built without. Sign it with another: CONFIG_MODULE_SIG_HASH in /boot/config-$(uname -r), or in /lib/modules/$(uname -r)/config, names a hash that it has.",
	},
	{
		"unsigned module loading is restricted",
		"Under lockdown the kernel takes only modules that are signed with a key it knows. This one has no signature, or its key is not among them. DKMS signs what it builds; ioasidctl doctor says whether its key is enrolled, and has the commands for a module that is there already.",
	},
	{
		"could not insert*Operation not permitted",
		"Only root can load modules. If root gets this, the kernel is under lockdown, and takes only modules that are signed with a key it knows: ioasidctl doctor has the commands.",
	},
	{
		"could not insert*Exec format error",
		"The module was built for another kernel. Install the headers of the one that runs; DKMS then builds it, or make in a clone.",
	},
	{
		"Module * not found in directory",
		"The module is not installed for the kernel that runs. Install the headers of that kernel (Debian: linux-headers-$(uname -r)); DKMS then builds it.",
	},
	/* The kernel log: loading. */
	{
		"this kernel has VFIO cdevs of its own",
		"vfio_cdev_ext did not load, since the kernel has /dev/vfio/devices itself. Use that: no module is needed. To have both, load it with coexist=1 and another directory.",
	},
	{
		"/dev/vfio/devices is for the VFIO cdevs of this kernel",
		"With coexist=1 the kernel's nodes and those of vfio_cdev_ext exist side by side, so the latter need another directory: modprobe vfio_cdev_ext coexist=1 directory=cdevs.",
	},
	{
		"this kernel has VFIO cdevs and no VFIO groups",
		"vfio_cdev_ext did not load, since the kernel has /dev/vfio/devices itself, and nothing to keep those and its own from sharing a device. Use the kernel's: no module is needed.",
	},
	{
		"beside the iommufd of this kernel",
		"vfio_cdev_ext was loaded with coexist=1 on a kernel that has iommufd. A device has one user, through the kernel's files or through those of the modules: see docs/coexist.md. Programs use /dev/iommu and the kernel's nodes unless they are told otherwise.",
	},
	{
		"this kernel has iommufd and no VFIO cdevs",
		"vfio_cdev_ext did not load. Build the kernel with CONFIG_VFIO_DEVICE_CDEV, which makes the module unnecessary; or load it with coexist=1, and have /dev/ioasid beside the kernel's /dev/iommu.",
	},
	{
		"bad directory ",
		"The parameter directory of vfio_cdev_ext takes one plain name below /dev/vfio, and none that VFIO uses itself: vfio, a number, or noiommu-*.",
	},
	{
		"\" is no device (parameter ids)",
		"The parameter ids of vfio_cdev_ext takes VENDOR:DEVICE[:SUBVENDOR[:SUBDEVICE[:CLASS[:CLASS_MASK]]]] in hexadecimal, with commas between, as lspci -nn shows them. This one was left out; the others are served.",
	},
	{
		"\" is not served: * (parameter ids)",
		"The kernel has no memory for one more id of the driver vfio_cdev_ext. The other devices of the parameter ids are served.",
	},
	{
		"may not lock that much memory",
		"A program wanted more memory for devices than its limit for locked memory allows; devices reach memory that is pinned alone. Raise the limit above the guest's memory: ulimit -l, LimitMEMLOCK= of a service, memlock in /etc/security/limits.conf, or sudo ioasidctl exec --memory SIZE.",
	},
	{
		"no PCI device is behind an IOMMU",
		"The IOMMU is off, or there is none, so no device can be assigned. Switch it on in the firmware (VT-d, AMD-Vi, IOMMU). Where the kernel does not use Intel's by itself, as Debian's do, it wants intel_iommu=on on the kernel command line, too. ioasidctl doctor says which of the two it is.",
	},
	{
		"refused: the device is behind no IOMMU",
		"The driver vfio_cdev_ext was given a device that is in no IOMMU group. ioasidctl why DEVICE says what to switch on.",
	},
	{
		"interrupted: not every VFIO device has its char device",
		"A signal ended the loading of vfio_cdev_ext while it waited for a driver. Devices it had not reached have no node. Unload and load it again: modprobe -r vfio_cdev_ext && modprobe vfio_cdev_ext.",
	},
	{
		"switched off by the parameter kvm",
		"The parameter kvm of vfio_cdev_ext is off, so KVM refuses its nodes: modprobe -r vfio_cdev_ext && modprobe vfio_cdev_ext kvm=1.",
	},
	{
		"not supported with SPAPR",
		"On POWER machines KVM asks the VFIO core more than vfio_cdev_ext can answer for its files. The nodes work without KVM.",
	},
	{
		"KVM will not accept VFIO char devices",
		"KVM asks the VFIO core whether a file is one of VFIO. vfio_cdev_ext answers for its own files with the help of ftrace, and could not set that up for the reason given: the parameter kvm is off, the kernel has no ftrace, ftrace is switched off (sysctl kernel.ftrace_enabled), or a live patch has the function. QEMU with KVM refuses the nodes; programs without KVM work.",
	},
	{
		"the user of a VFIO group can hot-reset devices",
		"vfio_cdev_ext could not redirect the function that says whether a group file has a device. Who may open /dev/vfio/GROUP can then reset the bus of a device that is in use by its node. Give the group nodes only to those who may use all devices in them. The reason that follows is that of ftrace: not built in, off, or in use by a live patch.",
	},
	/* The kernel log: devices. */
	{
		"VFIO char device /dev/vfio/*/*",
		"The device has come to a driver of VFIO and has a node now. Nothing is wrong.",
	},
	{
		"no VFIO char device: the device needs an IOMMU group",
		"The device is on a driver of VFIO, and has no node, as it could never be bound: it is in no IOMMU group, its DMA is not cache coherent, or its IOMMU lacks what iommufd_ext needs. Ask: ioasidctl why DEVICE.",
	},
	{
		"cannot make a char device for *",
		"The node could not be made; the number is the error. EEXIST (-17): something of this name is in /dev/vfio/devices already. ENOMEM (-12): no memory. Unbind the device and bind it again.",
	},
	{
		"driver * leaves: it waits for *",
		"Somebody takes the driver away from a device that is in use: by unbind, hot-unplug or sysfs. The driver waits until the user named here has closed the device. It has been asked to; end it if it does not.",
	},
	{
		"no VFIO char device: its VFIO group could not be kept from others",
		"The kernel has iommufd, and its VFIO groups are not laid out as vfio_cdev_ext knows them, so a device could not be kept from the users of its group. Use /dev/iommu and the nodes of the kernel.",
	},
	{
		"group path refused to process *: parameter group_path",
		"A program opened a device through /dev/vfio/GROUP, and the parameter group_path of vfio_cdev_ext is off. Use the node, or load the module with group_path=1.",
	},
	{
		"refused: the device has errata that a user can exploit",
		"vfio-pci has a list of devices that a guest could use against the host, and vfio_cdev_ext keeps to it. If you trust the guest: modprobe vfio_cdev_ext disable_denylist=1.",
	},
	{
		"runtime resume failed*",
		"The device was asleep and did not wake up when it was to be used. Look for messages of its bridge and of ACPI before this one. Resetting or re-plugging the device, or power/control=on in its directory of sysfs, may help.",
	},
	{
		"does not wake up (error *",
		"The device, or another one that is reset with it, was asleep and did not wake up. Look at the kernel log for its bridge; power/control=on in its directory of sysfs keeps it awake.",
	},
	{
		"interrupts are not isolated: a user of the device can raise those of others",
		"A device was bound although there is no interrupt remapping, since allow_unsafe_interrupts is on. A guest can raise any interrupt of the host. Enable interrupt remapping in the firmware, and switch the parameter off.",
	},
	{
		"unmapped * of * bytes at IOVA *stays pinned for good",
		"The IOMMU driver did not remove what it was asked to. A device may still reach that memory, so it is never given back, and the kernel is marked as tainted. It is a fault of the IOMMU driver, or of iommufd_ext: please report it with the output of ioasidctl report.",
	},
	{
		"no reason given: *",
		"A call was refused and no sentence was recorded for it. It is a fault of the module, though a small one: please report it.",
	},
	/* Binding. */
	{
		"without interrupt remapping its user could raise any interrupt",
		"The platform does not isolate interrupts, so a guest could raise those of the host. Enable interrupt remapping (VT-d, AMD-Vi, x2APIC) in the firmware; in a guest of QEMU give intel-iommu the option intremap=on. If you trust the guest: echo 1 > /sys/module/iommufd_ext/parameters/allow_unsafe_interrupts.",
	},
	{
		"in the same IOMMU group * is in use by driver *",
		"All devices of an IOMMU group can reach each other, so they have to go together, and one of them is on a driver of the host. Give it to VFIO as well: ioasidctl bind --group DEVICE.",
	},
	{
		"is in use through /dev/vfio/* or by another owner",
		"Another program has the IOMMU group, through /dev/vfio/GROUP or through another interface of the kernel. One group has one owner. ioasidctl why DEVICE says who it is, as root.",
	},
	{
		"belongs to another /dev/ioasid file, of *",
		"Another process has a device of the IOMMU group bound. All devices of a group go to one /dev/ioasid file. End that process, or use the devices from it.",
	},
	{
		"claiming IOMMU group * failed",
		"The kernel did not give DMA ownership of the group away, for another reason than its use: the number is the error. ENOMEM is no memory; others come from the IOMMU driver, which says more in the kernel log.",
	},
	{
		"is in no IOMMU group",
		"No IOMMU is between the device and memory. Switch the IOMMU on, or see which devices it serves: ioasidctl list.",
	},
	{
		"its DMA is not cache coherent",
		"The device does not see what is in the caches of the processor, and VFIO has no interface to flush them. It cannot be assigned.",
	},
	{
		"it is in use through *",
		"The device is open through /dev/vfio/GROUP, or on a kernel with iommufd through its node in /dev/vfio/devices. It is used through one of these or through the node of vfio_cdev_ext, one at a time.",
	},
	{
		"is open, or a device of that group is bound through a node of the kernel",
		"The kernel has iommufd. While a program has /dev/vfio/GROUP open, or a node of the group in /dev/vfio/devices bound, no device of the group is bound through a node of vfio_cdev_ext. End that program, or use the device through it.",
	},
	{
		"the file of its VFIO group, * cannot be kept from others",
		"The kernel has iommufd, so vfio_cdev_ext opens /dev/vfio/GROUP to keep it from others, and that failed. ENFILE: too many files are open in the system. ENODEV: the device leaves its driver.",
	},
	{
		"VFIO_DEVICE_BIND_IOMMUFD comes first",
		"The file of the node is open and not bound. Until VFIO_DEVICE_BIND_IOMMUFD it accepts no other call. A program that reads the node directly, without iommufd, has to be told to use iommufd.",
	},
	{
		"this file has bound it already",
		"BIND comes once for each open file. Closing the file undoes it.",
	},
	{
		"the VF token is missing, wrong or not wanted",
		"A virtual function whose physical function is with VFIO as well can be used only with the token that the user of the physical function has set: -device vfio-pci,vf-token=UUID in QEMU.",
	},
	{
		"has left its driver",
		"The device was taken from its driver of VFIO while the node was open, or was unplugged. This file is good for nothing more; bind the device again, and open the new node.",
	},
	{
		"the driver of * is being unloaded",
		"The module of the device's driver is on its way out. Load it again, and bind the device to it.",
	},
	{
		"driver * cannot open *",
		"The driver refused when the device was to be opened: the device did not come out of reset, or lacks something. The driver says more in the kernel log.",
	},
	{
		"a BIND of another file has just failed, and is being undone",
		"Two programs tried to bind the device at the same time. Try again.",
	},
	{
		"cannot bind *: it is * by *",
		"Another process has bound the device. One device has one user.",
	},
	{
		"is no open /dev/ioasid",
		"The descriptor that was passed to VFIO_DEVICE_BIND_IOMMUFD is none of /dev/ioasid or the module's /dev/iommu. On a kernel with iommufd of its own, /dev/iommu is the kernel's: open /dev/ioasid.",
	},
	{
		"is no file descriptor",
		"VFIO_DEVICE_BIND_IOMMUFD needs the descriptor of an open /dev/ioasid or /dev/iommu; it got a negative number.",
	},
	/* Attaching. */
	{
		"is attached to page table *",
		"The device, its PASID, or another device of its group has a page table already. Devices of a group share one. Attach to the same one, or detach first.",
	},
	{
		"is not attached",
		"The device, or its PASID, has no page table that could be changed. Attach it first.",
	},
	{
		"want their interrupts at different IOVAs",
		"The devices of the group cannot share an address space, as their interrupts need different windows in it. Assign them to different programs only if their groups differ.",
	},
	{
		"pass through page tables, which this kernel would use after they are gone",
		"This kernel has a fault, mended in 6.15 and in later releases of 6.1 and 6.12: setting up an interrupt uses memory that was freed with a page table. Install a newer release.",
	},
	{
		"wants its interrupts at other IOVAs than a group before",
		"Interrupts pass through page tables on this platform, in one window for all devices of a /dev/ioasid file, and this group needs another one. Give its devices to another program, or open /dev/ioasid once more for them.",
	},
	{
		"page tables have interrupts of devices, and there is no room for one more",
		"Interrupts pass through page tables on this platform, and each page table of a /dev/ioasid file needs a part of the window for them. Destroy page tables that are not in use, or open /dev/ioasid once more.",
	},
	{
		"does not suit *",
		"The page table was made for another IOMMU than the one of this device: another page size, address width or format. Make one for this device, or attach it to an IOAS.",
	},
	{
		"needs IOVAs * kept free, and IOAS *",
		"The IOMMU or the firmware keeps a range of addresses for itself, and the IOAS has a mapping or an allowed range there. Leave the range out: IOAS_IOVA_RANGES lists what is free. QEMU: the guest's memory reaches into the range; ioasidctl why DEVICE lists it.",
	},
	{
		"neither IOAS nor page table",
		"The object of this id is of another type. ATTACH takes an IOAS or a page table.",
	},
	{
		"has no PASIDs",
		ABOUT_PASIDS,
	},
	{
		"no PASID can be attached on this kernel",
		ABOUT_PASIDS,
	},
	{
		"was not made for PASIDs",
		ABOUT_PASIDS,
	},
	{
		"PASIDs of * are attached, and",
		ABOUT_PASIDS,
	},
	{
		"0 is no PASID",
		ABOUT_PASIDS,
	},
	/* Mapping. */
	{
		"RLIMIT_MEMLOCK: * more are wanted",
		"Memory that devices reach is pinned, and the process may not lock that much. Raise the limit above the guest's memory: ulimit -l, LimitMEMLOCK= of a service, memlock in /etc/security/limits.conf, or sudo ioasidctl exec --memory SIZE.",
	},
	{
		"cannot be pinned",
		"The memory that was to be mapped cannot be held in place: it is not mapped in the process, is read-only, is of a file or a device that does not allow it, or came out of memory. The words behind the colon say which.",
	},
	{
		"are occupied by the mapping at *",
		"Something is mapped at these addresses already. Unmap it first, or map elsewhere.",
	},
	{
		"are not free: * reserves *",
		"The device named needs these addresses for itself, for its interrupts or for its firmware. IOAS_IOVA_RANGES lists what is free.",
	},
	{
		"has no free range of *",
		"The kernel was to choose an address, and no range of this length and alignment is free among those that all attached devices can reach.",
	},
	{
		"maps in multiples of *",
		"An IOMMU has pages, and addresses and lengths have to be multiples of their size.",
	},
	{
		"has no pages as small as *",
		"The smallest page of this IOMMU is larger than that of the processor. This kernel cannot use it.",
	},
	{
		"the IOMMU driver cannot map *",
		"The driver refused: the address is wider than the IOMMU, or it has no memory for its page table.",
	},
	{
		"did not unmap all of *",
		"The IOMMU driver left something in its page table, so the memory stays pinned and its addresses stay in use. The kernel log has a line about it. Please report it.",
	},
	{
		"which goes as a whole",
		"A mapping is removed as it was made. To remove a part of it use IOAS_UNMAP_PARTIAL of /dev/ioasid, or map in smaller pieces.",
	},
	{
		"cannot be cut at *",
		"A part of a mapping was to be removed, and the place is inside a page of the IOMMU, or something uses the whole. The words behind the colon say which. Switching large pages off (option HUGE_PAGES) before mapping lets it be cut anywhere.",
	},
	{
		"is being made or removed",
		"Another thread maps or unmaps the same range at this moment. Try again.",
	},
	{
		"the process is being killed",
		"The call was ended by a fatal signal. Nothing is wrong.",
	},
	{
		"nothing is mapped at *",
		"The range was never mapped, or is unmapped already.",
	},
	{
		"neither READABLE nor WRITEABLE",
		"A mapping needs at least one of the two flags.",
	},
	{
		"the mapping is executable",
		"Memory of the module can be mapped shared, and not for execution.",
	},
	{
		"the mapping is not shared",
		"mmap() of this file needs MAP_SHARED.",
	},
	{
		"nothing is at offset *",
		"mmap() of /dev/ioasid works only at offsets that a call has handed out.",
	},
	{
		"the memory is mapped neither for reading nor for writing",
		"The file's memory is to be mapped in a way that its mapping in the process does not allow.",
	},
	{
		"whole pages of the memory",
		"A driver of an emulated device can pin only whole pages, and the mapping begins or ends inside one.",
	},
	{
		"is of a mapping that is being removed",
		"Another thread unmaps the range at this moment.",
	},
	{
		"is used by too many at once",
		"More users hold this memory than can be counted. A driver leaks them.",
	},
	{
		"not mapped",
		"A driver of an emulated device wanted memory that is not mapped. The guest, or the program, gave it a wrong address.",
	},
	{
		"is mapped, but ",
		"A driver of an emulated device wanted to use memory in a way that its mapping does not allow, or the memory behind the mapping is gone.",
	},
	{
		"reach beyond the last IOVA",
		"The address plus the length is more than 64 bits.",
	},
	{
		"no address space holds *",
		"The length is larger than any address space.",
	},
	{
		"does not end",
		"The address of the memory plus its length is more than 64 bits.",
	},
	{
		"cannot be mapped",
		"The length is 0, or larger than this kernel can map at once.",
	},
	{
		"reach beyond the end of the file",
		"The file is shorter than the range that was to be mapped.",
	},
	{
		"the file is sealed against writing",
		"The memfd has the seal F_SEAL_WRITE. Map it for reading only, or do not seal it.",
	},
	{
		"file descriptor",
		"The descriptor does not fit the call: it is closed, of another kind, or not open for reading or writing as the mapping needs it.",
	},
	{
		"the dma-buf *",
		"A dma-buf is memory of another device. Its driver has to say where it is, it must not be revoked, and the range has to be inside it.",
	},
	{
		"of a dma-buf, which *",
		"A dma-buf is memory of another device: it has no pages that could be pinned, and the processor cannot copy from it.",
	},
	{
		"mapped for reading only",
		"The mapping was made without WRITEABLE, or from memory that is read-only, and more is asked now.",
	},
	{
		"the mapping at * of IOAS *",
		"The process that memory is charged to can be changed only if all of it comes from files. The words behind tell which mapping is in the way.",
	},
	{
		"RLIMIT_MODE",
		"The option that charges memory to the process instead of the user needs CAP_SYS_RESOURCE, takes 0 or 1, and has to be set before the file has objects. libvirt sets it as root.",
	},
	{
		"the process has all that it maps locked",
		"mlockall() is in force, and the file that was to be mapped exceeds the limit for locked memory. Raise RLIMIT_MEMLOCK.",
	},
	{
		"large pages cannot be switched off",
		"The option HUGE_PAGES changes how an IOAS is mapped, so it comes before the first mapping.",
	},
	/* Page tables. */
	{
		"a nested page table *",
		"A page table of a guest lies below one of the host, needs the data of the IOMMU's kind, and takes no flags of the host's. This is for IOMMU drivers that support it.",
	},
	{
		"makes no nested page table",
		"The IOMMU driver of this kernel does not support page tables of guests (nesting).",
	},
	{
		"makes no page table with flags",
		"The IOMMU driver of this kernel does not know these flags or this data for a page table.",
	},
	{
		"dirty pages",
		"Tracking which memory a device writes needs an IOMMU and a driver that do it, and a page table made for it. Without it, live migration of the device does not work, and everything else does.",
	},
	{
		"does not change the tracking",
		"The IOMMU driver refused to switch the tracking of written memory on or off. The number is the error.",
	},
	{
		"was not made to be a parent",
		"A page table of a guest needs one of the host that was made with IOMMU_HWPT_ALLOC_NEST_PARENT.",
	},
	{
		"is for another kind of IOMMU",
		"The two page tables are of different IOMMUs.",
	},
	{
		"a page table that is a parent cannot have a fault queue",
		"Page faults are reported by the page table of the guest, not by its parent.",
	},
	{
		"does not keep DMA from bypassing caches",
		"The page table was asked to enforce cache coherency, and this IOMMU cannot. KVM then has to be told, and is.",
	},
	{
		"no array to invalidate by",
		"The entries of an invalidation have to be an array of the length and of the entry size that the IOMMU driver knows.",
	},
	{
		"the IOMMU driver takes * of the * entries",
		"An invalidation was done in part: the number says how far.",
	},
	{
		"is not a nested page table",
		"Only the page table of a guest can be invalidated.",
	},
	{
		"hardware information",
		"The IOMMU driver does not tell this kind of information about itself. Programs go on without it.",
	},
	{
		"page faults",
		"Reporting page faults of devices needs an IOMMU driver and a kernel that do it. Devices of guests work without it.",
	},
	{
		"page requests",
		"A virtual function uses the page requests of its physical function, and has none of its own.",
	},
	{
		"virtual IOMMU",
		"No IOMMU driver of this kernel makes virtual IOMMUs. Programs go on without them.",
	},
	{
		"a queue cannot hold *",
		"The depth of an event queue is out of range.",
	},
	{
		"virt_id * is too large",
		"The number of the virtual device has more bits than this kernel handles.",
	},
	{
		"a fault queue has no offset *",
		"Faults are read as they come: there is no position in the file.",
	},
	{
		"are not a multiple of the * of a record",
		"A fault queue is read and written in whole records.",
	},
	{
		"the next faults take *",
		"The buffer is smaller than one group of faults, which is read as a whole.",
	},
	{
		"there is no code *",
		"A page fault is answered with success or with invalid.",
	},
	{
		"no faults with the cookie *",
		"The faults were answered already, or went with their device.",
	},
	/* Reset. */
	{
		"the reset would hit *",
		"A hot reset resets all devices of a slot or bus. One of them does not belong to the caller, so it is refused. Assign all of them to the same guest, or none.",
	},
	{
		"can be reset",
		"Neither the slot nor the bus of the device can be reset: the bridge does not support it, or other devices are behind it.",
	},
	{
		"failed (error *",
		"The hardware did not do what it was asked; the kernel log says more.",
	},
	{
		"is reset without group files",
		"VFIO_DEVICE_PCI_HOT_RESET of a device that is bound through its node takes no group descriptors: count has to be 0.",
	},
	{
		"the reset concerns * devices",
		"The array of the caller is too small. The answer says how many there are; call again with more room.",
	},
	{
		"a device came while the devices were counted",
		"A device was plugged in during the call. Try again.",
	},
	{
		"is using BARs of a device",
		"A process reads or writes the memory of the device during the reset. Try again.",
	},
	/* Objects and arguments. */
	{
		"belongs to a driver: it goes when *",
		"A bound device is no object that DESTROY removes. Close its file.",
	},
	{
		"is in use by",
		"Another object, or a call at work, needs this one. Remove that first: a device from its page table, a page table from its IOAS.",
	},
	{
		"has an open file, or a page table that needs it",
		"A fault queue goes after its file is closed and its page tables are gone.",
	},
	{
		"there is no * with id",
		"The program passed an id that this file does not have. Ids belong to one open file.",
	},
	{
		"is of type *, not *",
		"The program passed the id of an object of another type.",
	},
	{
		"there is no IOAS or page table",
		"The program passed an id that this file does not have.",
	},
	{
		"is neither an IOAS nor a page table that can be a parent",
		"A page table lies in an IOAS, or below a page table that was made to be a parent.",
	},
	{
		"all ids of objects are in use",
		"The file has as many objects as there are ids. The program leaks them.",
	},
	{
		"no IOAS is chosen for the ioctls of VFIO containers",
		"The file is used as /dev/vfio/vfio is, and has no IOAS for that. VFIO_SET_IOMMU or IOMMU_VFIO_IOAS chooses one.",
	},
	{
		"access * has an IOAS",
		ABOUT_ACCESSES,
	},
	{
		"access * has no IOAS",
		ABOUT_ACCESSES,
	},
	{
		"access * is being detached",
		ABOUT_ACCESSES,
	},
	{
		"access * is of a driver that pins nothing",
		ABOUT_ACCESSES,
	},
	{
		"a driver does not let go of *",
		"A driver of an emulated device uses the memory. It is asked to let go.",
	},
	{
		"driver * refuses *",
		"The device's driver refused the call with the error given. What it expects is described with the ioctl in linux/vfio.h.",
	},
	{
		"feature *: * (error *",
		"VFIO_DEVICE_FEATURE: the driver does not have the feature, or not with these arguments.",
	},
	{
		"GET and SET together are for PROBE only",
		"VFIO_DEVICE_FEATURE reads or writes a feature, and both flags together only ask whether that is possible.",
	},
	{
		"at * is not in memory that can be used",
		"A pointer of the program is wrong: nothing is mapped there, or it is read-only.",
	},
	{
		"this kernel does not know the command",
		"The ioctl is of a newer iommufd than the module has.",
	},
	{
		"the kernel has no memory for it",
		"The kernel is out of memory.",
	},
	{
		"a signal came",
		"A signal ended the call. Call again.",
	},
	{
		"the kernel gives no reason",
		"Nothing more than the error is known. Look at the kernel log.",
	},
	{
		"does not know the flags *",
		ABOUT_FLAGS,
	},
	{
		"flags * are not known",
		ABOUT_FLAGS,
	},
	{
		"argsz, index or pointer is not good",
		"VFIO_DEVICE_GET_REGION_INFO got a structure that is too small, a region the device does not have, or a bad pointer.",
	},
	{
		"argsz * is less than",
		"The size that the program gives for its structure is too small for the call.",
	},
	{
		"size * is less than",
		"The size that the program gives for its structure is too small for the call.",
	},
	{
		"entry_size is ",
		"The size of an entry is less than any version of the interface had.",
	},
	{
		"the size is 0",
		"A range needs a length.",
	},
	{
		"size have to be 0 to unmap all",
		"VFIO_DMA_UNMAP_FLAG_ALL takes no range.",
	},
	{
		"the structure",
		"The structure is longer than this version knows, and what it does not know is not 0: the program asks for something newer.",
	},
	{
		"the length is 0",
		"A range needs a length.",
	},
	{
		"reserved member is not 0",
		"A member that has no meaning yet has to be 0.",
	},
	{
		"the array has room for *",
		"The array of the caller is too small; the answer says how many entries there are.",
	},
	{
		"is too large",
		"The number does not fit: addresses and lengths have 64 bits, and less on a 32 bit kernel.",
	},
	{
		"there is no option *",
		"IOMMU_OPTION does not know this option or operation.",
	},
	{
		"is 0 or 1, not *",
		"The option is a switch.",
	},
	{
		"has to be 0 on a device's own file",
		"A device's own file stands for the device: no id is given.",
	},
	{
		"there is no operation *",
		"IOMMU_VFIO_IOAS does not know this operation.",
	},
	{
		"there is no IOMMU type *",
		"VFIO_SET_IOMMU takes VFIO_TYPE1_IOMMU and VFIO_TYPE1v2_IOMMU here.",
	},
	{
		"is empty or overlaps another",
		"The ranges that are allowed must not be empty nor overlap.",
	},
	{
		"is not in multiples of *",
		"The range of a bitmap has to be a multiple of what a bit stands for.",
	},
	{
		"bytes of data have no type",
		ABOUT_DATA,
	},
	{
		"there is no data for the type",
		ABOUT_DATA,
	},
	{
		"IOVA *",
		"A driver of an emulated device wanted memory that is not mapped, or not in the way it needs it.",
	},
};

struct error {
	int number;
	const char *call;
	const char *meaning;
};

/* With the name of a call first: what it means there. */
static const struct error errors[] = {
	{
		EBUSY,
		"BIND",
		"A driver of the host has a device of the IOMMU group, or a program has the group through /dev/vfio/GROUP. ioasidctl why DEVICE says which.",
	},
	{
		EPERM,
		"BIND",
		"Another /dev/ioasid file owns the group, or interrupts are not isolated. ioasidctl why DEVICE says which.",
	},
	{
		EINVAL,
		"BIND",
		"The device is open already, by this file or by another; or the structure is wrong.",
	},
	{
		EBADFD,
		"BIND",
		"The descriptor is open, and not of /dev/ioasid.",
	},
	{
		EACCES,
		"BIND",
		"The token of the virtual function is missing or wrong.",
	},
	{
		ENODEV,
		"BIND",
		"The device has left its driver since the node was opened.",
	},
	{
		EADDRINUSE,
		"ATTACH",
		"The IOAS has a mapping where the device's IOMMU needs addresses for itself.",
	},
	{
		EINVAL,
		"ATTACH",
		"The page table does not fit the device, or something else is attached already.",
	},
	{
		ENOMEM,
		"MAP",
		"The limit for locked memory (RLIMIT_MEMLOCK) is below what is mapped, or there is no memory. See ioasidctl why --memory SIZE DEVICE.",
	},
	{
		EEXIST,
		"MAP",
		"Something is mapped at these addresses already.",
	},
	{
		EFAULT,
		"MAP",
		"The memory is not mapped in the process, or is of a kind that cannot be pinned, such as a BAR of a device. Programs go on without peer-to-peer DMA.",
	},
	{
		ENOSPC,
		"MAP",
		"No free range of addresses is long enough.",
	},
	{
		ENOENT,
		"UNMAP",
		"Nothing is mapped there, or the range cuts a mapping, which goes as a whole.",
	},
	{
		EBUSY,
		"DESTROY",
		"Another object uses this one.",
	},
	{
		EPERM,
		NULL,
		"Not permitted: the group belongs to another file, interrupts are not isolated, or a capability is missing.",
	},
	{
		ENOENT,
		NULL,
		"An id, or an address, does not exist in this file.",
	},
	{
		EINTR,
		NULL,
		"A signal came. Call again.",
	},
	{
		EIO,
		NULL,
		"The hardware failed; the kernel log says more.",
	},
	{
		E2BIG,
		NULL,
		"The structure is longer than this version knows, and the rest is not 0.",
	},
	{
		EBADF,
		NULL,
		"A descriptor is not open.",
	},
	{
		EAGAIN,
		NULL,
		"Try again.",
	},
	{
		ENOMEM,
		NULL,
		"No memory, or the limit for locked memory (RLIMIT_MEMLOCK) is too low: see ioasidctl why --memory SIZE DEVICE.",
	},
	{
		EACCES,
		NULL,
		"You may not open the node, or the token of a virtual function is wrong.",
	},
	{
		EFAULT,
		NULL,
		"A pointer is wrong, or memory cannot be pinned.",
	},
	{
		EBUSY,
		NULL,
		"Somebody else uses it: ioasidctl why DEVICE and ioasidctl show say who.",
	},
	{
		EEXIST,
		NULL,
		"It is there already.",
	},
	{
		ENODEV,
		NULL,
		"The device is gone, or has left its driver.",
	},
	{
		EINVAL,
		NULL,
		"An argument is not understood. IOASID_GET_ERROR on the same file has a sentence about it.",
	},
	{
		ENOTTY,
		NULL,
		"The ioctl is not known: of a newer interface, or of another file.",
	},
	{
		ENOSPC,
		NULL,
		"No room: no free range of addresses, or an array that is too small.",
	},
	{
		EOVERFLOW,
		NULL,
		"A sum or a number does not fit its type.",
	},
	{
		EOPNOTSUPP,
		NULL,
		"This kernel, its IOMMU driver or the device cannot do that.",
	},
	{
		EBADFD,
		NULL,
		"The descriptor is of another kind of file.",
	},
	{
		EADDRINUSE,
		NULL,
		"The addresses are in use.",
	},
	{
		EMSGSIZE,
		NULL,
		"The array is too small; the answer says how many entries there are.",
	},
	{
		EDEADLK,
		NULL,
		"The calls would wait for each other.",
	},
	{
		ENODATA,
		NULL,
		"There is nothing to tell: no call of this file was refused.",
	},
	{
		ENXIO,
		NULL,
		"The address is not that of memory the call can use.",
	},
};

/* NULL if nothing is known of it. */
const char *explain_message(const char *text)
{
	char *pattern;
	bool found;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(messages); i++) {
		pattern = xprintf("*%s*", messages[i].pattern);
		found = !fnmatch(pattern, text, FNM_NOESCAPE);
		free(pattern);
		if (found)
			return messages[i].meaning;
	}
	return NULL;
}

/* Whether @word is one of those that a name of the kernel is made of. */
static bool has_word(const char *name, const char *word)
{
	size_t len = strlen(word);
	const char *at = name;

	for (; (at = strcasestr(at, word)); at++)
		if ((at == name || !isalnum((unsigned char)at[-1])) &&
		    !isalnum((unsigned char)at[len]))
			return true;
	return false;
}

/* @call is the name of an ioctl, in which that of the table is found, or NULL. */
const char *explain_error(int error, const char *call)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].number == error &&
		    (!errors[i].call ||
		     (call && has_word(call, errors[i].call))))
			return errors[i].meaning;
	return NULL;
}
