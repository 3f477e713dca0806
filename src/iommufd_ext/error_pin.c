// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why memory cannot be pinned.
 *
 * Pinning says EFAULT for most reasons. What is at the address tells more, unless the
 * process has changed it meanwhile: this is for people to read, nothing depends on it.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "private.h"

static const char *vma_fault(const struct vm_area_struct *vma, bool write)
{
	if (!vma)
		return "nothing is mapped there";
	if (vma->vm_flags & (VM_IO | VM_PFNMAP))
		return "it is device memory, as of a BAR";
	if (write && !(vma->vm_flags & VM_WRITE))
		return "the process may not write there";
	if (!(vma->vm_flags & VM_READ))
		return "the process may not read there";
	if (write && vma->vm_file && (vma->vm_flags & VM_SHARED))
		return "it is of a file whose pages cannot stay in place";
	return "the kernel cannot provide the page, or it cannot stay in place";
}

static const char *mm_fault(struct mm_struct *mm, unsigned long addr,
			    bool write)
{
	const char *why;

	if (!mmget_not_zero(mm))
		return "the process it belonged to has ended";
	mmap_read_lock(mm);
	why = vma_fault(vma_lookup(mm, addr), write);
	mmap_read_unlock(mm);
	mmput(mm);
	return why;
}

/**
 * refuse_pin() - say why memory of a process cannot be pinned
 * @ictx: the context it was to be mapped in
 * @rc: the error
 * @mm: the address space
 * @addr: user address of the first page that could not be pinned
 * @write: it was to be pinned for writing
 *
 * Context: may sleep, takes mmap_lock.
 * Return: @rc.
 */
int refuse_pin(struct iommufd_ext_ctx *ictx, int rc, struct mm_struct *mm,
	       unsigned long addr, bool write)
{
	if (rc != -EFAULT)
		return refuse_range(ictx, rc, 0, addr, addr + PAGE_SIZE - 1,
				    "memory at %#lx cannot be pinned (error %d)",
				    addr, -rc);
	return refuse_range(ictx, rc, 0, addr, addr + PAGE_SIZE - 1,
			    "memory at %#lx cannot be pinned: %s", addr,
			    mm_fault(mm, addr, write));
}

/**
 * refuse_pin_file() - say why memory of a file cannot be pinned
 * @ictx: the context it was to be mapped in
 * @rc: the error
 * @file: the file
 * @first: offset of the first byte that could not be pinned
 * @last: offset of the last byte that was to be
 *
 * Return: @rc.
 */
int refuse_pin_file(struct iommufd_ext_ctx *ictx, int rc, struct file *file,
		    unsigned long first, unsigned long last)
{
	loff_t size = i_size_read(file_inode(file));

	if (rc == -EACCES)
		return refuse(ictx, rc,
			      "the file descriptor is open for reading only");
	if (rc == -EPERM)
		return refuse(ictx, rc, "the file is sealed against writing");
	if (last >= size)
		return refuse_range(ictx, rc, 0, first, last,
				    "offsets %#lx-%#lx reach beyond the end of the file, at %#llx",
				    first, last, size);
	return refuse_range(ictx, rc, 0, first, last,
			    "offsets %#lx-%#lx of the file cannot be pinned (error %d)",
			    first, last, -rc);
}
