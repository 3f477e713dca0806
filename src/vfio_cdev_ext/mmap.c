// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of BARs, where vfio-pci-core keeps a list of them.
 *
 * What is in that list is taken away while the memory of the device must not be touched,
 * and a page fault fills it and enters it again. Two kinds of mappings get filled without
 * a fault, and are never in the list:
 *
 *  - fork() copies the page tables of a mapping. Where it has done so before it calls the
 *    child's open(), the core empties the child there. Some 6.1 kernels copy after that.
 *  - mremap() moves the page tables to a mapping that the core has emptied before.
 *
 * Such a mapping would reach the device during a reset, asleep, and with memory decoding
 * off, which some machines answer with an error that ends the host. So the operations of
 * a mapping are the core's but for these two: a child begins with nothing, whatever fork()
 * does first, and a mapping that has moved is emptied once more.
 *
 * Then a mapping that is not in the list has no page, whatever its user does. The one other
 * place where it could get some is split_vma(), and there the core's open() empties it.
 */
#include "compat/mm.h"
#include "compat/vfio.h"

#include "device.h"

/*
 * The core has one set of operations for all BARs of all devices. Set once, before the
 * first mapping gets ours.
 */
static const struct vm_operations_struct *core_vm_ops;

/*
 * Is the mapping one that mremap() has yet to fill? Its place in the process is empty, and
 * the process is the caller's own. One that is cut off another, pages and all, is covered by
 * that one, which still is where it was. One that fork() makes belongs to another process.
 *
 * The pages do not tell: while mremap() takes a part away, a piece begins with the hole
 * that is left, and it keeps that hole if there is no memory to cut a second time.
 */
static bool bar_is_moving(struct vm_area_struct *vma)
{
	return vma->vm_mm == current->mm &&
	       !vma_lookup(vma->vm_mm, vma->vm_start);
}

/* Called with the mmap_lock of the mapping's process held for writing. */
static void bar_open(struct vm_area_struct *vma)
{
	/*
	 * What fork() has yet to copy it does not copy: it asks for the flag of the child's
	 * mapping, and no user can have cleared that.
	 */
	ext_vm_flags_set(vma, VM_WIPEONFORK);
	/* The core's empties it, and x86 warns of emptying what mremap() has yet to fill. */
	if (!bar_is_moving(vma))
		core_vm_ops->open(vma);
}

static void bar_close(struct vm_area_struct *vma)
{
	core_vm_ops->close(vma);
}

static int bar_mremap(struct vm_area_struct *vma)
{
	ext_vfio_pci_zap_vma(vma);
	return 0;
}

static vm_fault_t bar_fault(struct vm_fault *vmf)
{
	return core_vm_ops->fault(vmf);
}

static const struct vm_operations_struct bar_vm_ops = {
	.open = bar_open,
	.close = bar_close,
	.mremap = bar_mremap,
	.fault = bar_fault,
};

/*
 * Has the core mapped this? Drivers may do so after rules of their own. The core leaves its
 * device in the mapping, and no driver of 6.1 sets operations of its own there.
 */
static bool bar_is_core(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *core = cdev_ext_core_device(vdev);
	const struct vm_operations_struct *ops;

	if (!core || vma->vm_private_data != core)
		return false;

	ops = cmpxchg(&core_vm_ops, NULL, vma->vm_ops);
	return !ops || ops == vma->vm_ops;
}

/* mmap() of a bound file, with the mmap_lock held for writing. */
int cdev_ext_map(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	int ret;

	if (!vdev->ops->mmap)
		return -EINVAL;

	ret = vdev->ops->mmap(vdev, vma);
	if (!ret && EXT_VFIO_PCI_LISTS_MAPPINGS && bar_is_core(vdev, vma))
		vma->vm_ops = &bar_vm_ops;
	return ret;
}
