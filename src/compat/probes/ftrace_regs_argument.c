// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can an ftrace callback read arguments and set the instruction pointer without knowing what is
 * behind struct ftrace_regs?
 * Yes since 6.2 (94d095ffa0e1), on architectures with CONFIG_DYNAMIC_FTRACE_WITH_ARGS. Used by
 * EXT_FTRACE_CAN_REDIRECT, ext_ftrace_argument(), ext_ftrace_continue_at().
 */
#include <linux/ftrace.h>

static void callback(unsigned long ip, unsigned long parent_ip,
		     struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	ftrace_regs_set_instruction_pointer(fregs,
					    ftrace_regs_get_argument(fregs, 0));
}

static struct ftrace_ops ops = {
	.func = callback,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_RECURSION |
		 FTRACE_OPS_FL_PERMANENT,
};

int ext_probe(unsigned long ip)
{
	ftrace_set_filter_ip(&ops, ip, 0, 0);
	unregister_ftrace_function(&ops);
	return register_ftrace_function(&ops);
}
