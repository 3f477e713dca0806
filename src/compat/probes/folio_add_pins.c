// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can a folio that is pinned be pinned once more?
 *
 * Since 6.13 ("mm/gup: Add folio_add_pins()"). Used by ext_folio_add_pin().
 */
#include <linux/mm.h>

int ext_probe(struct folio *folio);
int ext_probe(struct folio *folio)
{
	return folio_add_pins(folio, 1);
}
