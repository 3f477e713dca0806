// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio_cdev_ext: a char device for each VFIO PCI device.
 *
 * A kernel without VFIO device cdevs offers a device only through its IOMMU group
 * and a container. This module adds what mainline calls the device cdev: open
 * /dev/vfio/devices/vfioN, bind it to a /dev/ioasid file, attach it to an address
 * space, and use it like any VFIO device. The ABI is mainline's, so that programs
 * need not know the difference.
 *
 * The files are in layers. The header of each says what the layer promises and what it does
 * not know: core.h, node.h, device.h, cdev.h, from the bottom up. This file is above them: it
 * has the parameters, the driver, and the order in which the others begin and end.
 *
 * Four ways through it
 * --------------------
 * A driver binds to a device: adopt_bus_event() hears of it and adopt_device() decides
 * (adopt.c). cdev_ext_node_create() makes the node and the files in sysfs (node.c, sysfs.c).
 *
 * A program opens the node: cdev_ext_open() finds the node by its number, looks whether the
 * driver is still there, and lets go of the device again (cdev.c, node.c). The file is parked.
 *
 * BIND takes ten functions in four files to the IOMMU core:
 *
 *	cdev.c		cdev_ext_ioctl()	forgets the last refusal, and chooses
 *	bind.c		cdev_ext_bind()		copies the structure, and holds the device
 *			bind_in_group()		beside an iommufd of the kernel, holds the group
 *			bind_device()		checks, in mainline's order, and gets the context
 *			bind_to_ctx()		enters the file for the device (bound.c)
 *			bind_open_device()	holds the driver's module
 *	iommufd_ext/
 *	device.c	iommufd_ext_device_bind()	keeps the context
 *			idev_bind()		makes an object with an id
 *	group.c		igroup_get()		shares the claim of the context, or
 *			igroup_claim()		claims: iommu_group_claim_dma_owner()
 *
 * On the way back bind_open_device() lends the VM to the driver (kvm.c) and calls its
 * open_device(), and bind_to_ctx() writes the id to the user and sets file->bound. That is
 * the last step, and nothing can fail after it. Whoever finds it set sees all that came
 * before. close() undoes it from the end: cdev_ext_release(), cdev_ext_unbind(),
 * bind_close_device(). ATTACH comes by cdev_ext_ioctl(), cdev_bound_ioctl() and
 * cdev_ext_attach() to iommufd_ext_device_attach(), where the essay of iommufd_ext goes on.
 *
 * mmap() is two functions and the driver's: cdev_ext_mmap() looks whether the file is bound
 * (cdev.c), and cdev_ext_map() calls the driver. Where the core keeps a list of BAR mappings,
 * it replaces what fork() and mremap() call (mmap.c). A page fault goes to the core.
 *
 * Adoption
 * --------
 * The module works beside the VFIO core, not inside it. A bus notifier sees each
 * driver that binds to a PCI device. If what it registered is built on
 * vfio-pci-core, the device gets a node: stock vfio-pci, vendors' variant drivers
 * and the driver of this module alike, and there is no second mechanism for the
 * latter (adopt.c, node.c). Everything a user then does goes through the driver's
 * own vfio_device_ops. What the core does for its own files between the file and
 * the driver, the module does again on struct vfio_device. The fields it needs are
 * marked as the core's own; they are in a public header all the same, and it keeps
 * to the core's protocol for them, so that neither notices the other:
 *
 *  - A bound file holds a registration (vfio_device->refcount), so the removal of
 *    the driver waits for it and asks its user to let go, as for the core's files.
 *  - It is the one user of the device: open_count is 1, and the driver's module is
 *    held (bind.c).
 *  - dev_set->lock is held over everything that changes those.
 *
 * A file is parked until BIND: any other operation is refused. Until then it holds
 * nothing of the device, unlike the core's files, which keep a driver from leaving as
 * soon as they are open: any number can be handed out ahead, and are in nobody's way.
 * When the driver leaves, BIND answers ENODEV for good. Closing the file is the only way
 * to undo BIND.
 *
 * One user at a time
 * ------------------
 * DMA ownership of the IOMMU group separates this path from the group path: BIND
 * claims it, and so does VFIO_GROUP_SET_CONTAINER; the second is refused. Within
 * one owner open_count decides. So neither needs to know the other. BIND answers EBUSY,
 * as in mainline. A group user gets what the IOMMU core says, EPERM: mainline would
 * already refuse to open the group file, but struct vfio_group is private.
 *
 * That is not so in a kernel with an iommufd of its own: a group that is given one
 * instead of a container claims nothing until its first device is opened, and does
 * not look at open_count. There the module loads only for who asks for it (parameter
 * coexist), with its nodes in another directory than the kernel's own, and a file that
 * binds a device keeps the group of it from everybody else. hold.c has the rules of that.
 * Where the kernel has VFIO cdevs and no groups it never loads (compat/native.h).
 *
 * A group file that is in no container is proof enough for the core to hot-reset the
 * devices in the group with others on their bus. It is told that the file has none that
 * is bound through its node (hot_reset.c). If the kernel does not allow that, the nodes of
 * groups are for those who may use all devices in them.
 *
 * KVM
 * ---
 * KVM asks the VFIO core whether a file is a VFIO file, and the core knows its own
 * files only. kvm.c answers for ours, by redirecting the three functions KVM calls.
 * If the kernel does not allow that, the rest works and KVM refuses the file.
 *
 * Lock order
 * ----------
 *	hold->lock (hold.c)		BIND, beside an iommufd of the kernel
 *	  the core's locks of the group
 *
 *	device_lock(pdev)		adoption, from the notifier
 *	  adopt_lock (adopt.c)
 *	    nodes_lock (node.c)		also alone: BIND, close, the look at the groups
 *	      the lock of the IOMMU group
 *	    the numbers' lock (node.c)	also alone: open()
 *	    node->lock
 *
 *	file->attach_lock		ATTACH, DETACH
 *	  other locks of iommufd_ext
 *	    mmap_lock
 *
 *	vdev->dev_set->lock		BIND, close, hot reset
 *	  the core's lock of VF tokens	BIND
 *	  file->kvm_lock		BIND
 *	  locks of KVM			close: the last put of a VM
 *	  pci_bus_sem			hot reset and its info
 *	    igroups_lock of iommufd_ext
 *	  other locks of iommufd_ext
 *	  core->vma_lock, core->memory_lock	hot reset, trylock only
 *
 * holds_lock (hold.c) is taken alone, and so is node->lock by open() and BIND. Reading the
 * files in sysfs takes the lock of the IOMMU group, below it that of the bound files, and
 * below that the one of a file's last user: none is held over anything a user can prolong,
 * for the files go under adopt_lock, and that waits for their readers.
 *
 * Memory of a user takes its time if he likes (userfaultfd, FUSE). Nothing waits for it
 * with dev_set->lock, or with the registration of a device by a file that is not bound: the
 * drivers of the device and of others on its bus could not leave. ATTACH pins memory under a
 * lock of its file alone.
 *
 * KVM takes kvm_lock and node->lock under locks of its own, with none of the others.
 * Nothing here is taken in mmap() or in a page fault. adopt_lock is held over the
 * making of a node, with all that devtmpfs and uevents take; whoever has the directory
 * of the nodes open can prolong that. No file waits for it.
 */
#include "compat/module.h"
#include "compat/vfio.h"

#include "cdev.h"

#define CDEV_EXT_NAME "vfio_cdev_ext"

static bool adopt = true;
module_param(adopt, bool, 0444);
MODULE_PARM_DESC(adopt,
		 "Give a char device to devices of every vfio-pci-core driver, vfio-pci for one (default); off: only to devices of the driver vfio_cdev_ext");

static bool kvm = true;
module_param(kvm, bool, 0444);
MODULE_PARM_DESC(kvm,
		 "Let KVM accept the char devices (default); off: programs that use KVM cannot use them. Reads N, too, where the kernel cannot do it; the log says why");

static bool group_path = true;
module_param(group_path, bool, 0444);
MODULE_PARM_DESC(group_path,
		 "Let devices of the driver vfio_cdev_ext be used through their groups as well (default); off: only through their char devices");

static char *directory = "devices";
module_param(directory, charp, 0444);
MODULE_PARM_DESC(directory,
		 "Directory of the char devices below /dev/vfio (default: devices)");

static bool enable_sriov;
module_param(enable_sriov, bool, 0644);
MODULE_PARM_DESC(enable_sriov,
		 "Allow sriov_numvfs on devices of the driver vfio_cdev_ext (default off): the program that drives the PF must be able to serve its VFs");

static bool disable_denylist;
module_param(disable_denylist, bool, 0444);
MODULE_PARM_DESC(disable_denylist,
		 "Let the driver vfio_cdev_ext take devices with known errata that a user can exploit, as the parameter of that name does for vfio-pci (default off)");

static char *ids = "";
module_param(ids, charp, 0444);
MODULE_PARM_DESC(ids,
		 "Devices that the driver vfio_cdev_ext takes by itself, as the parameter of that name does for vfio-pci: VENDOR:DEVICE[:SUBVENDOR[:SUBDEVICE[:CLASS[:CLASS_MASK]]]] in hexadecimal, with commas between (default: none)");

static bool coexist;
module_param(coexist, bool, 0444);
MODULE_PARM_DESC(coexist,
		 "Load beside the iommufd and the VFIO cdevs of a kernel that has them, with the char devices in another directory (default off): a device has one user, whichever way it was opened");

/* The devices that vfio-pci refuses for the same reason. */
static const struct pci_device_id denied[] = {
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_DSA_SPR0) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_IAX_SPR0) },
	{}
};

static int cdev_ext_open_device(struct vfio_device *vdev)
{
	struct vfio_pci_core_device *core =
		container_of(vdev, struct vfio_pci_core_device, vdev);
	int ret;

	/* BIND has entered its file by now: who comes without is a group's user. */
	if (!group_path && !cdev_ext_bound_file(vdev)) {
		dev_notice_ratelimited(vdev->dev,
				       "group path refused to process %d: parameter group_path\n",
				       task_tgid_nr(current));
		return -EPERM;
	}

	ret = vfio_pci_core_enable(core);
	if (ret)
		return ret;

	vfio_pci_core_finish_enable(core);
	return 0;
}

/* The core gives VFs the name of their PF's operations as driver_override. */
static const struct vfio_device_ops cdev_ext_ops = {
	.name		= CDEV_EXT_NAME,
	.init		= vfio_pci_core_init_dev,
	.release	= vfio_pci_core_release_dev,
	.open_device	= cdev_ext_open_device,
	.close_device	= vfio_pci_core_close_device,
	.ioctl		= vfio_pci_core_ioctl,
	.device_feature	= vfio_pci_core_ioctl_feature,
	.read		= vfio_pci_core_read,
	.write		= vfio_pci_core_write,
	.mmap		= vfio_pci_core_mmap,
	.request	= vfio_pci_core_request,
	.match		= vfio_pci_core_match,
	EXT_VFIO_PCI_OPS_IOMMUFD
	EXT_VFIO_PCI_OPS_DETACH
	EXT_VFIO_PCI_OPS_TOKEN
	EXT_VFIO_PCI_OPS_REGION
};

static int cdev_ext_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vfio_pci_core_device *core;
	int ret;

	if (!disable_denylist && pci_match_id(denied, pdev)) {
		pci_warn(pdev,
			 "refused: the device has errata that a user can exploit (parameter disable_denylist)\n");
		return -EINVAL;
	}

	core = vfio_alloc_device(vfio_pci_core_device, vdev, &pdev->dev,
				 &cdev_ext_ops);
	if (IS_ERR(core))
		return PTR_ERR(core);

	pci_set_drvdata(pdev, core);
	/* For users of the group path: see feature.c for those of the node. */
	ext_vfio_pci_offer_dmabufs(core);
	ret = vfio_pci_core_register_device(core);
	if (!ret)
		return 0;

	vfio_put_device(&core->vdev);
	if (ret == -EINVAL && !pdev->dev.iommu_group)
		pci_err(pdev,
			"refused: the device is behind no IOMMU: is it switched on in the firmware? Intel's may want intel_iommu=on on the kernel command line, too\n");
	return ret;
}

static void cdev_ext_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);

	vfio_pci_core_unregister_device(core);
	vfio_put_device(&core->vdev);
}

static int cdev_ext_sriov_configure(struct pci_dev *pdev, int nr_virtfn)
{
	if (!enable_sriov)
		return -ENOENT;

	return vfio_pci_core_sriov_configure(pci_get_drvdata(pdev), nr_virtfn);
}

/*
 * No id table: the driver takes what it is given, by driver_override, new_id or the
 * parameter ids, and nothing by itself.
 */
static struct pci_driver cdev_ext_pci_driver = {
	.name = CDEV_EXT_NAME,
	.probe = cdev_ext_probe,
	.remove = cdev_ext_remove,
	.sriov_configure = cdev_ext_sriov_configure,
	.err_handler = &vfio_pci_core_err_handlers,
	.driver_managed_dma = true,
};

/* What cannot be read is left out, as vfio-pci does: the other devices are served. */
static void __init add_id(const char *id)
{
	unsigned int vendor, device, subvendor = PCI_ANY_ID;
	unsigned int subdevice = PCI_ANY_ID, class = 0, class_mask = 0;
	int ret;

	if (sscanf(id, "%x:%x:%x:%x:%x:%x", &vendor, &device, &subvendor,
		   &subdevice, &class, &class_mask) < 2) {
		pr_warn(CDEV_EXT_NAME ": \"%s\" is no device (parameter ids)\n",
			id);
		return;
	}
	ret = pci_add_dynid(&cdev_ext_pci_driver, vendor, device, subvendor,
			    subdevice, class, class_mask, 0);
	if (ret)
		pr_warn(CDEV_EXT_NAME ": \"%s\" is not served: %d (parameter ids)\n",
			id, ret);
}

static int __init add_ids(void)
{
	char *list, *rest, *id;

	list = kstrdup(ids, GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	rest = list;
	while ((id = strsep(&rest, ",")))
		if (*id)
			add_id(id);
	kfree(list);
	return 0;
}

/* One name, and none that the VFIO core may use: its container and its groups. */
static bool __init directory_valid(void)
{
	return directory[0] && directory[0] != '.' && !strchr(directory, '/') &&
	       strcmp(directory, "vfio") && !strstarts(directory, "noiommu-") &&
	       strspn(directory, "0123456789") != strlen(directory);
}

/* The kernel's own interfaces leave room for ours. */
static int __init check_native(void)
{
	bool devices = !strcmp(directory, "devices");

	switch (ext_native_in_the_way(coexist, devices)) {
	case EXT_NATIVE_CDEVS:
		pr_err(CDEV_EXT_NAME ": this kernel has VFIO cdevs of its own: use those (parameter coexist)\n");
		return -EOPNOTSUPP;
	case EXT_NATIVE_NO_GROUPS:
		pr_err(CDEV_EXT_NAME ": this kernel has VFIO cdevs and no VFIO groups, by which those and ours are kept apart: use those\n");
		return -EOPNOTSUPP;
	case EXT_NATIVE_DIRECTORY:
		pr_err(CDEV_EXT_NAME ": /dev/vfio/devices is for the VFIO cdevs of this kernel: give another directory (parameter directory)\n");
		return -EEXIST;
	case EXT_NATIVE_GROUPS:
		pr_err(CDEV_EXT_NAME ": this kernel has iommufd and no VFIO cdevs: build it with CONFIG_VFIO_DEVICE_CDEV (parameter coexist)\n");
		return -EOPNOTSUPP;
	default:
		return 0;
	}
}

/* Who has two of a thing is told which is which, and what that means for his programs. */
static void __init say_coexists(void)
{
	if (EXT_VFIO_GROUP_CLAIMS_LATE)
		pr_notice(CDEV_EXT_NAME ": beside the iommufd of this kernel: its files are /dev/iommu, /dev/vfio/N%s, ours /dev/ioasid and /dev/vfio/%s. Who binds a device through ours keeps its group from the kernel's, and the other way round (EBUSY)\n",
			  EXT_VFIO_HAS_CDEVS ? " and /dev/vfio/devices" : "",
			  directory);
}

static int __init cdev_ext_init(void)
{
	int ret;

	ret = check_native();
	if (ret)
		return ret;
	if (!directory_valid()) {
		pr_err(CDEV_EXT_NAME ": bad directory \"%s\": give one plain name\n",
		       directory);
		return -EINVAL;
	}

	ret = cdev_ext_node_init(directory, &cdev_ext_fops);
	if (ret)
		return ret;

	say_coexists();
	cdev_ext_hot_reset_init();
	cdev_ext_kvm_init(kvm, &cdev_ext_fops);
	/* What is read there is what is so. */
	kvm = cdev_ext_kvm_works();

	ret = pci_register_driver(&cdev_ext_pci_driver);
	if (ret)
		goto undo_redirects;
	ret = add_ids();
	if (ret)
		goto unregister_driver;

	/* Last: once a node can be open, the module must not fail to load. */
	ret = cdev_ext_adopt_init(adopt ? NULL : &cdev_ext_pci_driver);
	if (ret)
		goto unregister_driver;
	return 0;

unregister_driver:
	pci_unregister_driver(&cdev_ext_pci_driver);
undo_redirects:
	cdev_ext_kvm_exit();
	cdev_ext_hot_reset_exit();
	cdev_ext_node_exit();
	return ret;
}

/* No file is open here: each holds the module. */
static void __exit cdev_ext_exit(void)
{
	pci_unregister_driver(&cdev_ext_pci_driver);
	cdev_ext_adopt_exit();
	cdev_ext_kvm_exit();
	cdev_ext_hot_reset_exit();
	cdev_ext_node_exit();
}

module_init(cdev_ext_init);
module_exit(cdev_ext_exit);

EXT_IMPORT_NS_IOMMUFD_EXT;
EXT_MODULE_INFO_COMPAT;
MODULE_VERSION(IOMMUFD_EXT_VERSION);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VFIO device cdevs for kernels without them");
