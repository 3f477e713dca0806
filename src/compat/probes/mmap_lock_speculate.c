// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can one find out, without mmap_lock, that nobody has held it for writing meanwhile?
 *
 * Since 6.14 ("mm: introduce mmap_lock_speculate_{try_begin|retry}"). Used by
 * ext_mmap_speculate_begin() and ext_mmap_speculate_retry().
 */
#include <linux/mm.h>

bool ext_probe(struct mm_struct *mm);
bool ext_probe(struct mm_struct *mm)
{
	unsigned int seq;

	return mmap_lock_speculate_try_begin(mm, &seq) &&
	       !mmap_lock_speculate_retry(mm, seq);
}
