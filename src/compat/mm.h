/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory management API differences. */
#ifndef _EXT_COMPAT_MM_H
#define _EXT_COMPAT_MM_H

#include <linux/mm.h>

#include "ext_probes.h"

/* Up to 6.4 there is one more argument, an array of VMAs nobody needs. */
static inline long ext_pin_user_pages_remote(struct mm_struct *mm,
					     unsigned long start,
					     unsigned long nr_pages,
					     unsigned int gup_flags,
					     struct page **pages, int *locked)
{
#if EXT_PROBE_PIN_USER_PAGES_REMOTE_VMAS
	return pin_user_pages_remote(mm, start, nr_pages, gup_flags, pages,
				     NULL, locked);
#else
	return pin_user_pages_remote(mm, start, nr_pages, gup_flags, pages,
				     locked);
#endif
}

#endif
