// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does MODULE_IMPORT_NS() take the bare name of a namespace?
 * Yes up to 6.12; since 6.13 it takes a string literal (cdd30ebb1b9f, which changed
 * EXPORT_SYMBOL_NS_GPL() in the same way). Used by EXT_IMPORT_NS_*, EXT_EXPORT_SYMBOL.
 */
#include <linux/module.h>

MODULE_IMPORT_NS(EXT_ANY_NAMESPACE);
