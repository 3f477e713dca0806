/* SPDX-License-Identifier: GPL-2.0-only */
/* Our modules, taken out and loaded anew. */
#ifndef TEST_MODULE_H
#define TEST_MODULE_H

#include <stdbool.h>

/* Both fail the test if they cannot. */
void unload_module(const char *module);
void load_module(const char *module, const char *args);

/*
 * Load both anew if iommufd_ext calls IOMMU drivers directly and should not, or the other way
 * round; their other parameters stay. Skips the test if that cannot be chosen.
 */
void use_direct_map(bool direct);

#endif
