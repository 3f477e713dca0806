// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does pin_user_pages_remote() take an array of VMAs?
 *
 * Until 6.4; removed by 6.5 ("mm/gup: remove vmas parameter from
 * pin_user_pages_remote()"). Used by ext_pin_user_pages_remote().
 */
#include <linux/mm.h>

long ext_probe(struct mm_struct *mm, int *locked);
long ext_probe(struct mm_struct *mm, int *locked)
{
	return pin_user_pages_remote(mm, 0, 1, 0, NULL, NULL, locked);
}
