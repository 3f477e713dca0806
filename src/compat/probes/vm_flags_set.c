// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are a mapping's flags set with a function?
 * Yes since 6.3 (bc292ab00f6c). Used by ext_vm_flags_set().
 */
#include <linux/mm.h>

void ext_probe(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_WIPEONFORK);
}
