// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "test.h"
#include "trace.h"

#define TRACING "/sys/kernel/tracing/"

void trace_start(const char *functions)
{
	/* A test that failed may have left it on. The new one begins with nothing. */
	assert_ok(write_file(TRACING "current_tracer", "nop"));
	assert_ok(write_file(TRACING "set_ftrace_filter", functions));
	assert_ok(write_file(TRACING "current_tracer", "function"));
}

int traced(const char *function)
{
	char text[64 * KB], *at = text;
	int n = 0;

	read_file(TRACING "trace", text, sizeof(text));
	while ((at = strstr(at, function))) {
		at += strlen(function);
		n++;
	}
	return n;
}

void trace_stop(void)
{
	assert_ok(write_file(TRACING "current_tracer", "nop"));
	assert_ok(write_file(TRACING "set_ftrace_filter", "\n"));
}
