/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory management API differences. */
#ifndef _EXT_COMPAT_MM_H
#define _EXT_COMPAT_MM_H

#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>

#include "ext_probes.h"

/*
 * Pin for long. Up to 6.4 there is one more argument, an array of VMAs nobody
 * needs, and the call insists on keeping mmap_lock: *@locked stays 1 there.
 */
static inline long ext_pin_user_pages_remote(struct mm_struct *mm,
					     unsigned long start,
					     unsigned long nr_pages,
					     unsigned int gup_flags,
					     struct page **pages, int *locked)
{
#if EXT_PROBE_PIN_USER_PAGES_REMOTE_VMAS
	return pin_user_pages_remote(mm, start, nr_pages, gup_flags, pages,
				     NULL, NULL);
#else
	return pin_user_pages_remote(mm, start, nr_pages, gup_flags, pages,
				     locked);
#endif
}

/*
 * Pin for long and for reading only, with mmap_lock held for reading.
 *
 * Before 6.2, such a pin of a private mapping takes what is there, for example
 * the zero page, and the process leaves it behind with its next write. A pin for
 * writing gives the process a page of its own first. FOLL_FORCE is for private
 * memory the process may not write: it is still only its own copy that is made.
 * Since 6.2, a pin for reading does the same by itself.
 */
static inline long ext_pin_user_pages_readonly(struct mm_struct *mm,
					       unsigned long start,
					       unsigned long nr_pages,
					       struct page **pages, int *locked)
{
	unsigned int flags = FOLL_LONGTERM;
#if EXT_PROBE_GUP_MUST_UNSHARE_ANON_ONLY
	struct vm_area_struct *vma;

	/* As pin_user_pages_remote() does: arm64 has tags in addresses. */
	start = untagged_addr(start);
	vma = vma_lookup(mm, start);
	/* FOLL_FORCE would read for the device what the process cannot. */
	if (!vma || !(vma->vm_flags & VM_READ))
		return -EFAULT;
	nr_pages = min(nr_pages, (vma->vm_end - start) >> PAGE_SHIFT);
	if (is_cow_mapping(vma->vm_flags)) {
		if (vma->vm_flags & VM_WRITE)
			flags |= FOLL_WRITE;
		else if (!is_vm_hugetlb_page(vma))
			flags |= FOLL_WRITE | FOLL_FORCE;
	}
#endif
	return ext_pin_user_pages_remote(mm, start, nr_pages, flags, pages,
					 locked);
}

/*
 * Pin the memory of a memfd by offset. Since 6.11 ("mm/gup: introduce
 * memfd_pin_folios() for pinning memfd folios"). Where it is missing, the file has
 * to be mapped, at an offset and with a size that are multiples of its alignment.
 */
#define EXT_HAS_MEMFD_PIN_FOLIOS EXT_PROBE_MEMFD_PIN_FOLIOS

static inline long ext_memfd_pin_folios(struct file *file, loff_t first,
					loff_t last, struct folio **folios,
					unsigned int max, unsigned long *offset)
{
#if EXT_PROBE_MEMFD_PIN_FOLIOS
	return memfd_pin_folios(file, first, last, folios, max, offset);
#else
	return -EOPNOTSUPP;
#endif
}

/* The kernel's own test for the former, is_file_hugepages(), is not for modules. */
static inline bool ext_is_hugetlb_file(struct file *file)
{
	return file_inode(file)->i_sb->s_magic == HUGETLBFS_MAGIC;
}

/*
 * Huge pages that do not exist yet are made by whoever pins them by offset, and the
 * kernels' books of what is reserved are wrong then. Up to 6.16 none is reserved first:
 * pages are taken that others have reserved. From 6.17 on ("mm/memfd: reserve hugetlb
 * folios before allocation") the same happens when two make one at a time, or one makes
 * it and another touches it: who comes second gives back a reservation that was used
 * already. 7.3.4 mends that ("mm/memfd: fix hugetlb reservation accounting in error
 * paths"), and a probe, which sees interfaces, cannot tell. So memfds of huge pages are
 * mapped on every kernel.
 */
static inline bool ext_can_pin_by_offset(struct file *file)
{
	return EXT_PROBE_MEMFD_PIN_FOLIOS && !ext_is_hugetlb_file(file);
}

static inline bool ext_is_memfd(struct file *file)
{
	return ext_is_hugetlb_file(file) || shmem_file(file);
}

/*
 * Do the seals of a memfd of small pages let its memory be pinned for writing? Mapping
 * it asks the same, pinning it by offset does not. Until ext_memfd_end_write(),
 * F_SEAL_WRITE cannot be added, as while it is mapped; afterwards, whoever adds it finds
 * the pin. The inode's lock would do that, too, but others hold it as long as they like,
 * in write().
 */
static inline int ext_memfd_begin_write(struct file *file)
{
	int rc;

	/* -EPERM if it has F_SEAL_WRITE. */
	rc = mapping_map_writable(file->f_mapping);
	if (rc)
		return rc;
	if (!(READ_ONCE(SHMEM_I(file_inode(file))->seals) &
	      F_SEAL_FUTURE_WRITE))
		return 0;
	mapping_unmap_writable(file->f_mapping);
	return -EPERM;
}

static inline void ext_memfd_end_write(struct file *file)
{
	mapping_unmap_writable(file->f_mapping);
}

/* Of a memfd: what an offset and a size have to be multiples of to be mapped. */
static inline unsigned long ext_memfd_alignment(struct file *file)
{
	return ext_is_hugetlb_file(file) ? file_inode(file)->i_sb->s_blocksize :
					   PAGE_SIZE;
}

/*
 * One more pin for a large folio that is pinned. Since 6.13 there is a function for it
 * ("mm/gup: Add folio_add_pins()"); before, its parts do the same.
 */
static inline void ext_folio_add_pin(struct folio *folio)
{
#if EXT_PROBE_FOLIO_ADD_PINS
	/* What is pinned already can be pinned again. */
	WARN_ON_ONCE(folio_add_pins(folio, 1));
#else
	folio_ref_add(folio, 1);
	atomic_inc(&folio->_pincount);
	node_stat_mod_folio(folio, NR_FOLL_PIN_ACQUIRED, 1);
#endif
}

/* True if pin_user_pages_fast() does the right thing for reading only. */
#define EXT_PIN_FAST_READONLY (!EXT_PROBE_GUP_MUST_UNSHARE_ANON_ONLY)

/*
 * Tell whether any mapping of a process may have changed, without mmap_lock. begin()
 * fails where nobody can tell; then, and if retry() is true, one may have.
 */
static inline bool ext_mmap_speculate_begin(struct mm_struct *mm,
					    unsigned int *seq)
{
#if EXT_PROBE_MMAP_LOCK_SPECULATE
	return mmap_lock_speculate_try_begin(mm, seq);
#else
	*seq = 0;
	return false;
#endif
}

static inline bool ext_mmap_speculate_retry(struct mm_struct *mm,
					    unsigned int seq)
{
#if EXT_PROBE_MMAP_LOCK_SPECULATE
	return mmap_lock_speculate_retry(mm, seq);
#else
	return true;
#endif
}

/* The flags of a mapping whose process's mmap_lock is held for writing. */
static inline void ext_vm_flags_set(struct vm_area_struct *vma,
				    vm_flags_t flags)
{
#if EXT_PROBE_VM_FLAGS_SET
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

#endif
