/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's function tracer: what was called that nothing else shows. */
#ifndef TEST_TRACE_H
#define TEST_TRACE_H

/* Follow the functions of this pattern, which the kernel has to have, from here on. */
void trace_start(const char *functions);
/* How many calls since were of functions whose name contains this. */
int traced(const char *function);
void trace_stop(void);

#endif
