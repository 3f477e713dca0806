/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults on purpose: of what this thread does, the n-th allocation fails, or copy from or to
 * user space. Kernels built with CONFIG_FAULT_INJECTION have that, like row debug.
 */
#ifndef TEST_FAIL_H
#define TEST_FAIL_H

#include <stdbool.h>

/* Skips the test on a kernel that cannot; else those that may wait fail, too. */
void need_faults(void);
/* The @nth from here on, until fail_end(), which returns how many more would have come to it. */
void fail_begin(unsigned int nth);
unsigned int fail_end(void);

#endif
