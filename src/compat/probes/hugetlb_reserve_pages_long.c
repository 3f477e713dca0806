// SPDX-License-Identifier: GPL-2.0-only
/*
 * Do huge pages of a memfd that are pinned by offset get a reservation of their own?
 *
 * Since 6.17 ("mm/memfd: reserve hugetlb folios before allocation"), which made
 * hugetlb_reserve_pages() return a number. Used by ext_can_pin_by_offset().
 */
#include <linux/hugetlb.h>

static_assert(__same_type(&hugetlb_reserve_pages, (long (*)())NULL));
