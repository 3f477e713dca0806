// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does vfio-pci-core keep a list of the BAR mappings of a device?
 * Yes from 5.8 to 6.9; since then they are found through the device's inode (aac6db75a9fc). Used by
 * ext_vfio_pci_block_faults(), ext_vfio_pci_unblock_faults(), ext_vfio_pci_lock_memory(),
 * ext_vfio_pci_zap_vma().
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/vfio_pci_core.h>

bool ext_probe(struct vfio_pci_core_device *core, struct vm_area_struct *vma)
{
	mutex_lock(&core->vma_lock);
	zap_vma_ptes(vma, vma->vm_start, vma->vm_end - vma->vm_start);
	mmput_async(vma->vm_mm);
	return list_empty(&core->vma_list);
}
