/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether KVM is told that DMA of a device can bypass the caches. */
#ifndef TEST_COHERENCY_H
#define TEST_COHERENCY_H

#include <stdbool.h>

#include "test.h"

/* KVM is told so of this file unless @coherent, and the opposite once it has no file. */
void coherency_check(int file, bool coherent);

/* Tests on each driver, for a machine whose IOMMU enforces coherency, or cannot. */
void coherency_add_tests(struct test_list *list, bool coherent);

#endif
