// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufd_ext: I/O address spaces for user space, /dev/ioasid.
 *
 * A program that drives devices itself needs three things from the kernel: that
 * nobody else uses the device, that the device reaches only memory the program
 * gave it, and that this memory stays where it is. Mainline has iommufd for it
 * since 6.2. This module gives kernels without it the same, with the same ioctls,
 * built on what these kernels export: ownership of a group's DMA, IOMMU domains,
 * and page pinning.
 *
 *   device ---- endpoint ---- hwpt ---- IOAS ---- area ---- pages
 *      \_ group _/              \_ IOMMU domain
 *
 *  - An IOAS (ioas.c) is the translation from IOVA to user memory. Its parts are
 *    areas, one per mapping; iova.c keeps them apart.
 *  - The memory of an area (area.c) is its own until more than the area needs it;
 *    then it is shared (shared.c), for example when the area is cut (cut.c). pages.c
 *    pins it in batches and keeps it as runs of contiguous pages, account.c charges
 *    it, and change_process.c charges it to somebody else.
 *  - A hardware page table (hwpt.c) follows an IOAS. Each holds all of it:
 *    mapping.c keeps that so, domain.c talks to the IOMMU driver. One that is
 *    nested is the user's to fill. dirty.c reads which pages devices have written to.
 *  - A driver binds a device for a user (device.c); the device's IOMMU group is
 *    then owned by the context (group.c). Attaching makes an endpoint (attach.c), the
 *    relation between a device, or a further address space of it, and a page table;
 *    fault.c queues its page faults. What device and IOMMU can do is said by hw_info.c.
 *  - A driver of an emulated device uses the memory without DMA, through an access
 *    (access.c).
 *  - vfio_compat.c serves programs that know only the ioctls of a VFIO container.
 *  - query.c tells the user what a context holds, error.c and error_pin.c why something
 *    was refused, process.c whose it is, and debugfs.c the administrator all of it.
 *  - What the user names has an id (object.c), until it is destroyed (destroy.c).
 *    Everything belongs to a context, an open file; a bound device keeps it alive.
 *
 * Four ways through it
 * --------------------
 * Each ioctl comes by ioasid_ioctl(), dispatch() and run_ucmd() of this file, and the table
 * ioctl_ops[] names the function that does the work.
 *
 * MAP of a page:
 *
 *	ioas.c		ioas_map_ioctl()	finds the IOAS, and makes an area (area.c)
 *			map_area()
 *			map_areas()		gives it its IOVA (iova.c), and tells the user
 *	mapping.c	ioas_publish_areas()	pins the memory, if there is a page table
 *			map_into_tables()	each page table of the IOAS
 *			map_into_table()
 *	domain.c	domain_map_area()
 *			map_page_area()
 *			map_one_page()		the IOMMU driver
 *
 * More than a page goes from domain_map_area() another way:
 *
 *			map_range()		the memory, piece by piece
 *			map_directly()		or map_by_core(), to the IOMMU core
 *			map_pages()		or map_contiguous(): the IOMMU driver
 *
 * Memory is pinned by ioas_publish_areas(), pin_areas() (mapping.c), area_pin() (area.c) and
 * pages_pin() (pages.c).
 *
 * UNMAP:
 *
 *	ioas.c		ioas_unmap_ioctl()	checks the range, and finds the IOAS
 *	mapping.c	ioas_unmap()
 *			unmap_areas()		tells drivers that have pinned, and tries again
 *			unmap_claimed()		makes the areas its own: claim_range() decides
 *			unmap_list()		each page table of the IOAS, flushed at its end
 *	domain.c	domain_unmap_area()
 *			unmap_span()		in blocks
 *			unmap_fast()		the IOMMU driver
 *
 * Then unmap_claimed() calls remove_list(), which unpins the memory and frees the IOVAs.
 *
 * ATTACH comes from the driver of the device:
 *
 *	device.c	iommufd_ext_device_attach()
 *			change_pt()		takes attach_lock
 *			attach_by_id()		an IOAS, or a page table
 *			attach_ioas()		tries the page tables that are there
 *			attach_new()		makes one (hwpt.c)
 *	attach.c	idev_attach()		reserves what the device reserves
 *			igroup_attach()		fills the page table: hwpt_fill()
 *			core_attach()		the IOMMU core
 *
 * hwpt_fill() (hwpt.c) is ioas_add_table() and fill_table() (mapping.c), which pin and map
 * what MAP has left. BIND is in the essay of vfio_cdev_ext.
 *
 * Rules that hold everywhere
 * --------------------------
 *
 *  - Reserve, fill, answer, publish: nothing can fail after it can be seen.
 *  - Taking down neither allocates nor fails.
 *  - Entries leave the page tables, and the IOMMU forgets them, before the memory
 *    is unpinned.
 *  - Memory is pinned with no lock of the IOAS held, unless a page table is being
 *    filled with what was mapped before it came, or for an access.
 *  - Memory of a user can take forever. Who reads /proc or sysfs takes no lock that is
 *    held meanwhile, and who waits for one in an ioctl can be killed. Two things wait
 *    and cannot, as they cannot fail: taking down what is attached or mapped, and the
 *    end of a call that used a page table an attach has made. They wait for memory of
 *    another process, if this file is open there, too, or has it mapped from there.
 *
 * The files are in layers. The header of each says what the layer promises and what it
 * does not know: core.h, memory.h, space.h, device.h, ioctl.h, from the bottom up. This
 * file is above them: it has the file operations and the dispatcher of the ioctls.
 *
 * Lock order, outermost first
 * ---------------------------
 *
 *   contexts_lock (debugfs.c), below which attach_lock is only tried
 *   iommufd_ext_ctx.copy_rwsem
 *   iommufd_ext_ctx.attach_lock, iommufd_ext_access.lock
 *     ioas.domains_rwsem
 *       ioas.iova_lock
 *         shared_pages.lock
 *           mmap_lock
 *           dmabufs_lock (dmabuf.c)
 *             table.revoke_lock
 *               table.driver_lock
 *               group->mutex of the IOMMU core
 *     fault_queue.lock (fault.c)
 *       the IOMMU core's lock of a device's faults
 *       fault_queue.list_lock
 *     igroups_lock (group.c)
 *       the kernel's lock of a device's interrupts
 *         group->mutex of the IOMMU core, locks of IOMMU drivers
 *   iommufd_ext_ctx.objects.xa_lock, iommufd_ext_ctx.owner_lock,
 *   ioas.listeners.xa_lock, igroups_list_lock (group.c): innermost, but for
 *   iommufd_ext_errors.lock and iommufd_ext_last_user.lock
 *
 * Drivers call in with locks of their own held (vfio: the device set's), never
 * with mmap_lock.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/iommu.h"
#include "compat/module.h"
#include "ioctl.h"
#include "selftest/abi.h"
#include "selftest/selftest.h"

static bool iommu_node = true;
module_param(iommu_node, bool, 0444);
MODULE_PARM_DESC(iommu_node,
		 "Also make /dev/iommu, the node programs for iommufd open, unless the kernel has it. (default: on)");

/* Room for the structure of any command. */
union ioctl_buffer {
	struct ioasid_destroy destroy;
	struct ioasid_hw_info hw_info;
	struct ioasid_hwpt_alloc hwpt;
	struct ioasid_hwpt_set_dirty_tracking set_dirty;
	struct ioasid_hwpt_get_dirty_bitmap get_dirty;
	struct ioasid_hwpt_invalidate invalidate;
	struct ioasid_fault_alloc fault;
	struct ioasid_viommu_alloc viommu;
	struct ioasid_vdevice_alloc vdevice;
	struct ioasid_veventq_alloc veventq;
	struct ioasid_hw_queue_alloc hw_queue;
	struct ioasid_ioas_alloc alloc;
	struct ioasid_ioas_iova_ranges ranges;
	struct ioasid_ioas_allow_iovas allow;
	struct ioasid_ioas_copy copy;
	struct ioasid_ioas_change_process change;
	struct ioasid_ioas_map map;
	struct ioasid_ioas_map_file map_file;
	struct ioasid_ioas_unmap unmap;
	struct ioasid_ioas_unmap_partial unmap_partial;
	struct ioasid_option_cmd option;
	struct ioasid_vfio_ioas vfio_ioas;
	struct ioasid_list list;
	struct ioasid_list_mappings list_mappings;
	struct ioasid_group_info group_info;
	struct ioasid_features features;
#if IOMMUFD_EXT_TEST
	struct selftest_cmd selftest;
#endif
};

/**
 * struct ioctl_op - a command
 * @size: of its structure today, in bytes
 * @min_size: of its structure's first version, in bytes
 * @ioctl_num: the full number
 * @name: what sentences call it
 * @execute: does the work
 */
struct ioctl_op {
	unsigned int size;
	unsigned int min_size;
	unsigned int ioctl_num;
	const char *name;
	int (*execute)(struct ucmd *ucmd);
};

/* @_last is the last member of the structure's first version. */
#define IOCTL_OP(_cmd, _fn, _struct, _last)                            \
	[_IOC_NR(_cmd) - IOASID_CMD_BASE] = {                          \
		.size = sizeof(_struct) +                              \
			BUILD_BUG_ON_ZERO(sizeof(union ioctl_buffer) < \
					  sizeof(_struct)),            \
		.min_size = offsetofend(_struct, _last),               \
		.ioctl_num = _cmd,                                     \
		.name = #_cmd,                                         \
		.execute = _fn,                                        \
	}

static const struct ioctl_op ioctl_ops[] = {
	IOCTL_OP(IOASID_DESTROY, destroy_ioctl, struct ioasid_destroy, id),
	IOCTL_OP(IOASID_FAULT_QUEUE_ALLOC, fault_queue_alloc_ioctl,
		 struct ioasid_fault_alloc, out_fault_fd),
	IOCTL_OP(IOASID_GET_HW_INFO, hw_info_ioctl, struct ioasid_hw_info,
		 __reserved),
	IOCTL_OP(IOASID_HW_QUEUE_ALLOC, hw_queue_alloc_ioctl,
		 struct ioasid_hw_queue_alloc, length),
	IOCTL_OP(IOASID_HWPT_ALLOC, hwpt_alloc_ioctl, struct ioasid_hwpt_alloc,
		 __reserved),
	IOCTL_OP(IOASID_HWPT_GET_DIRTY_BITMAP, hwpt_get_dirty_ioctl,
		 struct ioasid_hwpt_get_dirty_bitmap, data),
	IOCTL_OP(IOASID_HWPT_INVALIDATE, hwpt_invalidate_ioctl,
		 struct ioasid_hwpt_invalidate, __reserved),
	IOCTL_OP(IOASID_HWPT_SET_DIRTY_TRACKING, hwpt_set_dirty_ioctl,
		 struct ioasid_hwpt_set_dirty_tracking, __reserved),
	IOCTL_OP(IOASID_IOAS_ALLOC, ioas_alloc_ioctl, struct ioasid_ioas_alloc,
		 out_ioas_id),
	IOCTL_OP(IOASID_IOAS_ALLOW_IOVAS, ioas_allow_iovas_ioctl,
		 struct ioasid_ioas_allow_iovas, allowed_iovas),
	IOCTL_OP(IOASID_IOAS_CHANGE_PROCESS, change_process_ioctl,
		 struct ioasid_ioas_change_process, __reserved),
	IOCTL_OP(IOASID_IOAS_COPY, ioas_copy_ioctl, struct ioasid_ioas_copy,
		 src_iova),
	IOCTL_OP(IOASID_IOAS_IOVA_RANGES, ioas_iova_ranges_ioctl,
		 struct ioasid_ioas_iova_ranges, out_iova_alignment),
	IOCTL_OP(IOASID_IOAS_MAP, ioas_map_ioctl, struct ioasid_ioas_map, iova),
	IOCTL_OP(IOASID_IOAS_MAP_FILE, ioas_map_file_ioctl,
		 struct ioasid_ioas_map_file, iova),
	IOCTL_OP(IOASID_IOAS_UNMAP, ioas_unmap_ioctl, struct ioasid_ioas_unmap,
		 length),
	IOCTL_OP(IOASID_IOAS_UNMAP_PARTIAL, ioas_unmap_partial_ioctl,
		 struct ioasid_ioas_unmap_partial, length),
	IOCTL_OP(IOASID_OPTION, option_ioctl, struct ioasid_option_cmd, val64),
	IOCTL_OP(IOASID_VDEVICE_ALLOC, vdevice_alloc_ioctl,
		 struct ioasid_vdevice_alloc, virt_id),
	IOCTL_OP(IOASID_VEVENTQ_ALLOC, veventq_alloc_ioctl,
		 struct ioasid_veventq_alloc, out_veventq_fd),
	IOCTL_OP(IOASID_VFIO_IOAS, vfio_ioas_ioctl, struct ioasid_vfio_ioas,
		 __reserved),
	IOCTL_OP(IOASID_VIOMMU_ALLOC, viommu_alloc_ioctl,
		 struct ioasid_viommu_alloc, out_viommu_id),
	IOCTL_OP(IOASID_LIST, list_ioctl, struct ioasid_list, objects),
	IOCTL_OP(IOASID_LIST_MAPPINGS, list_mappings_ioctl,
		 struct ioasid_list_mappings, mappings),
	IOCTL_OP(IOASID_GROUP_INFO, group_info_ioctl, struct ioasid_group_info,
		 members),
	IOCTL_OP(IOASID_FEATURES, features_ioctl, struct ioasid_features,
		 out_features),
#if IOMMUFD_EXT_TEST
	IOCTL_OP(IOASID_SELFTEST, selftest_ioctl, struct selftest_cmd, last),
#endif
};

static int run_ucmd(struct ucmd *ucmd, const struct ioctl_op *op)
{
	struct obj *obj;
	int rc;

	rc = op->execute(ucmd);
	obj = ucmd->new_obj;
	if (!obj)
		return rc;
	if (rc) {
		obj_abort(ucmd->ictx, obj);
		obj_destroy(ucmd->ictx, obj);
	} else {
		obj_publish(ucmd->ictx, obj);
	}
	return rc;
}

static long dispatch(struct iommufd_ext_ctx *ictx, unsigned int cmd,
		     unsigned long arg)
{
	struct ucmd ucmd = {
		.ictx = ictx,
		.ubuffer = (void __user *)arg,
	};
	unsigned int nr = _IOC_NR(cmd) - IOASID_CMD_BASE;
	const struct ioctl_op *op;
	union ioctl_buffer buf;
	int rc;

	if (nr >= ARRAY_SIZE(ioctl_ops) || !ioctl_ops[nr].execute)
		return vfio_compat_ioctl(ictx, cmd, arg);
	op = &ioctl_ops[nr];

	/* The size is read once: what follows must not see another one. */
	if (get_user(ucmd.user_size, (u32 __user *)ucmd.ubuffer))
		return refuse_fault(ictx, "the structure", ucmd.ubuffer);
	if (op->ioctl_num != cmd)
		return -ENOTTY;
	if (ucmd.user_size < op->min_size)
		return refuse(ictx, -EINVAL, "%s: size %u is less than %u",
			      op->name, ucmd.user_size, op->min_size);

	ucmd.cmd = &buf;
	rc = iommufd_ext_copy_struct(&ictx->errors, ucmd.cmd, op->size,
				     ucmd.ubuffer, ucmd.user_size);
	if (rc)
		return rc;
	return run_ucmd(&ucmd, op);
}

static const char *ioctl_name(unsigned int cmd)
{
	unsigned int nr = _IOC_NR(cmd) - IOASID_CMD_BASE;

	if (nr < ARRAY_SIZE(ioctl_ops) && ioctl_ops[nr].ioctl_num == cmd)
		return ioctl_ops[nr].name;
	return vfio_compat_name(cmd);
}

static long ioasid_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct iommufd_ext_ctx *ictx = filp->private_data;
	long rc;

	iommufd_ext_used(&ictx->last_user);
	/* Not in the table: the refusal it tells about stays as it is. */
	if (cmd == IOASID_GET_ERROR)
		return iommufd_ext_get_error_ioctl(&ictx->errors,
						   (void __user *)arg);

	iommufd_ext_errors_begin(&ictx->errors);
	rc = dispatch(ictx, cmd, arg);
	if (rc >= 0)
		return rc;
	return iommufd_ext_errors_end(&ictx->errors, rc, cmd, ioctl_name(cmd));
}

/*
 * Mainline maps registers of virtual IOMMUs at offsets it has told the program.
 * There are none here, and each offset is one nobody was told.
 */
static int refuse_mmap(struct iommufd_ext_ctx *ictx,
		       const struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_SHARED))
		return refuse(ictx, -EINVAL, "the mapping is not shared");
	if (vma->vm_flags & VM_EXEC)
		return refuse(ictx, -EPERM, "the mapping is executable");
	return refuse(ictx, -ENXIO,
		      "nothing is at offset %#llx of this file",
		      (u64)vma->vm_pgoff << PAGE_SHIFT);
}

static int ioasid_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct iommufd_ext_ctx *ictx = filp->private_data;

	iommufd_ext_used(&ictx->last_user);
	iommufd_ext_errors_begin(&ictx->errors);
	return iommufd_ext_errors_end(&ictx->errors, refuse_mmap(ictx, vma), 0,
				      "mmap");
}

static void ioasid_show_fdinfo(struct seq_file *m, struct file *filp)
{
	ctx_show_fdinfo(filp->private_data, m);
}

static void free_context(struct iommufd_ext_ctx *ictx)
{
	iommufd_ext_errors_destroy(&ictx->errors);
	iommufd_ext_last_user_destroy(&ictx->last_user);
	doorbells_free(ictx);
	mutex_destroy(&ictx->attach_lock);
	kfree(ictx);
}

static int ioasid_open(struct inode *inode, struct file *filp)
{
	struct iommufd_ext_ctx *ictx;

	ictx = kzalloc(sizeof(*ictx), GFP_KERNEL_ACCOUNT);
	if (!ictx)
		return -ENOMEM;

	ictx->file = filp;
	xa_init_flags(&ictx->objects, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	init_waitqueue_head(&ictx->object_wait);
	init_rwsem(&ictx->copy_rwsem);
	mutex_init(&ictx->attach_lock);
	spin_lock_init(&ictx->owner_lock);
	iommufd_ext_last_user_init(&ictx->last_user);
	iommufd_ext_errors_init(&ictx->errors);
	if (debugfs_add_context(ictx)) {
		free_context(ictx);
		return -ENOMEM;
	}
	filp->private_data = ictx;
	return 0;
}

static int ioasid_release(struct inode *inode, struct file *filp)
{
	struct iommufd_ext_ctx *ictx = filp->private_data;

	debugfs_remove_context(ictx);
	obj_destroy_all(ictx);
	if (ictx->owner)
		pages_owner_put(ictx->owner);
	kfree(ictx->spare_area);
	free_context(ictx);
	return 0;
}

static const struct file_operations ioasid_fops = {
	.owner = THIS_MODULE,
	.open = ioasid_open,
	.release = ioasid_release,
	.unlocked_ioctl = ioasid_ioctl,
	.show_fdinfo = ioasid_show_fdinfo,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = ioasid_mmap,
};

/**
 * iommufd_ext_ctx_from_file() - the context behind an open file
 * @filp: the file, which stays the caller's
 *
 * Return: the context with a reference, or an ERR_PTR: -EBADFD for a file that is
 * no /dev/ioasid.
 */
struct iommufd_ext_ctx *iommufd_ext_ctx_from_file(struct file *filp)
{
	struct iommufd_ext_ctx *ictx;

	if (filp->f_op != &ioasid_fops)
		return ERR_PTR(-EBADFD);
	ictx = filp->private_data;
	iommufd_ext_ctx_get(ictx);
	return ictx;
}
EXT_EXPORT_SYMBOL(iommufd_ext_ctx_from_file);

/**
 * iommufd_ext_ctx_from_fd() - the context behind a file descriptor
 * @fd: of an open /dev/ioasid
 *
 * Return: the context with a reference, or an ERR_PTR: -EBADF for no file,
 * -EBADFD for another kind of file.
 */
struct iommufd_ext_ctx *iommufd_ext_ctx_from_fd(int fd)
{
	struct iommufd_ext_ctx *ictx;
	struct file *filp = fget(fd);

	if (!filp)
		return ERR_PTR(-EBADF);
	ictx = iommufd_ext_ctx_from_file(filp);
	fput(filp);
	return ictx;
}
EXT_EXPORT_SYMBOL(iommufd_ext_ctx_from_fd);

static struct miscdevice ioasid_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ioasid",
	.fops = &ioasid_fops,
	.mode = 0660,
};

static struct miscdevice iommu_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iommu",
	.fops = &ioasid_fops,
	.mode = 0660,
};

static int __init is_behind_iommu(struct device *dev, void *unused)
{
	return !!dev->iommu_group;
}

/* Everything would load and work, and no device could be had. */
static void __init say_if_no_iommu(void)
{
	if (!bus_for_each_dev(&pci_bus_type, NULL, NULL, is_behind_iommu))
		pr_warn("iommufd_ext: no PCI device is behind an IOMMU, so none can be assigned: switch it on in the firmware (VT-d, AMD-Vi, IOMMU); Intel's may want intel_iommu=on on the kernel command line, too\n");
}

static void __init say_commands(void)
{
	unsigned int nr;

	/* The one that is not in the table. */
	features_add_command(IOASID_GET_ERROR);
	for (nr = 0; nr < ARRAY_SIZE(ioctl_ops); nr++)
		if (ioctl_ops[nr].execute)
			features_add_command(ioctl_ops[nr].ioctl_num);
}

static int __init iommufd_ext_init(void)
{
	int rc;

	iommu_node = iommu_node && !EXT_KERNEL_HAS_IOMMUFD;

	obj_init();
	say_commands();
	rc = selftest_init();
	if (rc)
		return rc;
	rc = misc_register(&ioasid_misc);
	if (rc)
		goto err_selftest;
	if (iommu_node)
		rc = misc_register(&iommu_misc);
	if (rc)
		goto err_ioasid;
	debugfs_init();
	say_if_no_iommu();
	return 0;

err_ioasid:
	misc_deregister(&ioasid_misc);
err_selftest:
	selftest_exit();
	return rc;
}

static void __exit iommufd_ext_exit(void)
{
	debugfs_exit();
	if (iommu_node)
		misc_deregister(&iommu_misc);
	misc_deregister(&ioasid_misc);
	selftest_exit();
}

module_init(iommufd_ext_init);
module_exit(iommufd_ext_exit);

MODULE_VERSION(IOMMUFD_EXT_VERSION);
MODULE_DESCRIPTION("I/O address spaces for user space: iommufd for kernels without it");
MODULE_LICENSE("GPL");
EXT_MODULE_INFO_COMPAT;
EXT_IMPORT_NS_IOMMUFD_INTERNAL;
EXT_IMPORT_NS_DMA_BUF;
