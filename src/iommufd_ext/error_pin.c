// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why memory cannot be pinned.
 *
 * Pinning says EFAULT for most reasons, and ENOMEM for more than one. What is at the
 * address tells more, unless the process has changed it meanwhile: this is for people to
 * read, nothing depends on it. Where the cause cannot be known, the sentence says which
 * it can be.
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "compat/mm.h"
#include "memory.h"

static const char *vma_fault(struct vm_area_struct *vma, bool write)
{
	if (vma->vm_flags & (VM_IO | VM_PFNMAP))
		return "it is device memory, as of a BAR";
	if (write && !(vma->vm_flags & VM_WRITE))
		return "the process may not write there";
	if (!(vma->vm_flags & VM_READ))
		return "the process may not read there";
	if (is_vm_hugetlb_page(vma))
		return "the kernel cannot provide the huge page";
	if (write && vma->vm_file && (vma->vm_flags & VM_SHARED))
		return "it is of a file whose pages cannot stay in place";
	return "the kernel cannot provide the page, or it cannot stay in place";
}

/*
 * Pages in zones and areas that have to remain free of pins are moved out of there before
 * they are pinned for long. ENOMEM says that this failed, for example because somebody
 * else uses the page, as well as that memory is short; and before 6.5 it is said of each
 * huge page in a movable zone. A page that is still there afterwards tells, but not of
 * another process.
 */
static bool is_in_movable_zone(struct mm_struct *mm, unsigned long addr)
{
	struct page *page;
	bool is;

	if (mm != current->mm || !get_user_page_fast_only(addr, 0, &page))
		return false;
	is = is_zone_movable_page(page);
	put_page(page);
	return is;
}

static const char *vma_nomem(struct vm_area_struct *vma, bool movable)
{
	bool huge = is_vm_hugetlb_page(vma);

	if (movable && huge)
		return "it is a huge page in a movable zone, and the kernel has not moved it";
	if (movable)
		return "it is in a movable zone, and the kernel cannot move it";
	if (huge)
		return "memory is short, or the huge page is in a movable zone or in CMA";
	return "memory is short, or it is in a movable zone or in CMA";
}

static const char *vma_why(struct vm_area_struct *vma, int rc, bool write,
			   bool movable)
{
	if (!vma)
		return "nothing is mapped there";
	switch (rc) {
	case -EFAULT:
		return vma_fault(vma, write);
	case -ENOMEM:
		return vma_nomem(vma, movable);
	case -EOPNOTSUPP:
		if (vma->vm_file && IS_DAX(file_inode(vma->vm_file)))
			return "files of a DAX file system cannot be pinned for long";
		return "the kernel pins no such memory for long";
	case -EBUSY:
		return "it is memory of a device, which cannot be moved out of it";
	default:
		return NULL;
	}
}

static const char *mm_why(struct mm_struct *mm, unsigned long addr, int rc,
			  bool write)
{
	const char *why;
	bool movable;

	if (!mmget_not_zero(mm))
		return "the process it belonged to has ended";
	movable = rc == -ENOMEM && is_in_movable_zone(mm, addr);
	/* What is only said need not be waited for: user memory can hold the lock. */
	if (!mmap_read_trylock(mm)) {
		mmput(mm);
		return NULL;
	}
	why = vma_why(vma_lookup(mm, addr), rc, write, movable);
	mmap_read_unlock(mm);
	mmput(mm);
	return why;
}

/*
 * Says why memory of a process cannot be pinned. @addr: user address of the first page
 * that could not be.
 * Context: may sleep, takes mmap_lock if it is free. Returns @rc.
 */
int refuse_pin(struct iommufd_ext_ctx *ictx, int rc, struct mm_struct *mm,
	       unsigned long addr, bool write)
{
	const char *why = mm_why(mm, addr, rc, write);

	if (why)
		return refuse_range(ictx, rc, 0, addr, addr + PAGE_SIZE - 1,
				    "memory at %#lx cannot be pinned: %s", addr,
				    why);
	return refuse_range(ictx, rc, 0, addr, addr + PAGE_SIZE - 1,
			    "memory at %#lx cannot be pinned (error %d)", addr,
			    -rc);
}

static const char *file_why(struct file *file, int rc)
{
	bool huge = ext_is_hugetlb_file(file);

	switch (rc) {
	case -EFAULT:
		if (huge)
			return "the kernel cannot provide the huge pages";
		return "the kernel cannot provide the pages, or they cannot stay in place";
	case -ENOMEM:
		if (huge)
			return "huge pages are short, or they are in a movable zone or in CMA";
		return "memory is short, or it is in a movable zone or in CMA";
	case -ENOSPC:
		return "its file system is full";
	case -EBUSY:
		return "it is memory of a device, which cannot be moved out of it";
	default:
		return NULL;
	}
}

/*
 * Says why memory of a file cannot be pinned. @first: offset of the first byte that
 * could not be, @last: of the last that was to be. Returns @rc.
 */
int refuse_pin_file(struct iommufd_ext_ctx *ictx, int rc, struct file *file,
		    unsigned long first, unsigned long last)
{
	loff_t size = i_size_read(file_inode(file));
	const char *why;

	if (rc == -EACCES)
		return refuse(ictx, rc,
			      "the file descriptor is open for reading only");
	if (rc == -EPERM)
		return refuse(ictx, rc, "the file is sealed against writing");
	if (last >= size)
		return refuse_range(ictx, rc, 0, first, last,
				    "offsets %#lx-%#lx reach beyond the end of the file, at %#llx",
				    first, last, size);
	why = file_why(file, rc);
	if (why)
		return refuse_range(ictx, rc, 0, first, last,
				    "offsets %#lx-%#lx of the file cannot be pinned: %s",
				    first, last, why);
	return refuse_range(ictx, rc, 0, first, last,
			    "offsets %#lx-%#lx of the file cannot be pinned (error %d)",
			    first, last, -rc);
}
