// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is struct ftrace_regs a struct pt_regs, whose arguments and instruction pointer a callback
 * of ftrace can reach that way?
 * On x86 up to 6.1. Without HAVE_DYNAMIC_FTRACE_WITH_ARGS, as on arm64 of 6.1, ftrace takes such
 * a callback, and the function runs as it is. Used by EXT_FTRACE_CAN_REDIRECT,
 * ext_ftrace_argument(), ext_ftrace_continue_at().
 */
#include <linux/ftrace.h>

#ifndef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
#error "a callback is not heard about where a function continues"
#endif

static void callback(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
		     struct ftrace_regs *fregs)
{
	ftrace_instruction_pointer_set(fregs, regs_get_kernel_argument(&fregs->regs, 0));
}

static struct ftrace_ops ops = {
	.func = callback,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_RECURSION | FTRACE_OPS_FL_PERMANENT,
};

int ext_probe(unsigned long ip)
{
	ftrace_set_filter_ip(&ops, ip, 0, 0);
	unregister_ftrace_function(&ops);
	return register_ftrace_function(&ops);
}
