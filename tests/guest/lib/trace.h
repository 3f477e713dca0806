/* SPDX-License-Identifier: GPL-2.0-only */
/* Which functions of the kernel are called: its function tracer. */
#ifndef TEST_TRACE_H
#define TEST_TRACE_H

/* Follow the functions of this pattern from here on. */
void trace_start(const char *functions);
void trace_stop(void);
/* How many calls of functions with that in their names there were. */
int traced(const char *function);

#endif
