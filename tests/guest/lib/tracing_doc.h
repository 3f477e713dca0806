/* SPDX-License-Identifier: GPL-2.0-only */
/* docs/tracing.md, which trace_test.c includes in its program, with a 0 at its end. */
#ifndef TEST_TRACING_DOC_H
#define TEST_TRACING_DOC_H

extern const char tracing_doc[];

#endif
