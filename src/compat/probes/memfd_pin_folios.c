// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can the memory of a memfd be pinned by offset?
 *
 * Since 6.11 ("mm/gup: introduce memfd_pin_folios() for pinning memfd folios").
 * Used by ext_memfd_pin_folios().
 */
#include <linux/mm.h>

long ext_probe(struct file *file, struct folio **folios, pgoff_t *offset);
long ext_probe(struct file *file, struct folio **folios, pgoff_t *offset)
{
	return memfd_pin_folios(file, 0, 0, folios, 1, offset);
}
