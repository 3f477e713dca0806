/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changing where a traced function continues.
 *
 * The registers a callback gets are opaque, and only some architectures let it change
 * the instruction pointer and see the arguments. EXT_FTRACE_CAN_REDIRECT says whether
 * this one does.
 */
#ifndef EXT_COMPAT_FTRACE_H
#define EXT_COMPAT_FTRACE_H

#include <linux/ftrace.h>

#include "ext_probes.h"

#if EXT_PROBE_FTRACE_REGS_ARGUMENT

#define EXT_FTRACE_CAN_REDIRECT 1

static __always_inline unsigned long
ext_ftrace_argument(struct ftrace_regs *fregs, unsigned int n)
{
	return ftrace_regs_get_argument(fregs, n);
}

static __always_inline void ext_ftrace_continue_at(struct ftrace_regs *fregs,
						   unsigned long address)
{
	ftrace_regs_set_instruction_pointer(fregs, address);
}

#elif EXT_PROBE_FTRACE_REGS_PT_REGS

#define EXT_FTRACE_CAN_REDIRECT 1

static __always_inline unsigned long
ext_ftrace_argument(struct ftrace_regs *fregs, unsigned int n)
{
	return regs_get_kernel_argument(&fregs->regs, n);
}

static __always_inline void ext_ftrace_continue_at(struct ftrace_regs *fregs,
						   unsigned long address)
{
	ftrace_instruction_pointer_set(fregs, address);
}

#else

#define EXT_FTRACE_CAN_REDIRECT 0

#endif

/* Frees what ftrace_set_filter_ip() has allocated. */
static inline void ext_ftrace_free_filter(struct ftrace_ops *ops)
{
#if EXT_PROBE_FTRACE_FREE_FILTER
	ftrace_free_filter(ops);
#endif
}

#endif
