// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is ftrace_free_filter() exported?
 * Yes since 6.2 and in stable kernels (8be9fbd5345d). Without it the filter of an ftrace user, some
 * hundred bytes, stays behind. Used by ext_ftrace_free_filter().
 */
#include <linux/ftrace.h>

void ext_probe(struct ftrace_ops *ops)
{
	ftrace_free_filter(ops);
}
