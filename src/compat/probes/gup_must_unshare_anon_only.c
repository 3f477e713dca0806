// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a read-only pin of a private mapping unshare anonymous pages only?
 *
 * Until 6.1. 6.2 ("mm/gup: reliable R/O long-term pinning in COW mappings") made
 * it reliable for all pages and gave gup_must_unshare() a VMA argument for it;
 * later the function became private to mm.
 * Used by ext_pin_user_pages_readonly().
 */
#include <linux/mm.h>

bool ext_probe(struct page *page);
bool ext_probe(struct page *page)
{
	return gup_must_unshare(FOLL_PIN, page);
}
