/* SPDX-License-Identifier: GPL-2.0-only */
/* What a test must leave as it found it. */
#ifndef TEST_STATE_H
#define TEST_STATE_H

#include <stdbool.h>

/* A kernel that checks itself, which makes it some ten times as slow. */
bool kernel_has_lockdep(void);

/* Pages pinned for DMA in the whole system, by the kernel's own count. */
long state_pins(void);
/* A line of /proc/self/status, in KiB: "VmPin", "VmLck". */
long state_vm(const char *field);

/* What this process has pinned, by the kernel's count of its pages. */
#define check_pinned(pages) check_eq((pages) * PAGE / KB, state_vm("VmPin"))

/* Note the state; compare with it, failing the test if it does not come back. */
void state_take(void);
void state_compare(void);

/* The kernel log from here on; true once it has a line with both strings. */
int klog_mark(void);
bool klog_wait(int mark, const char *first, const char *second, int ms);

#endif
