// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds one of the functions that kvm.c redirects, as a live patch of it would:
 * a function has one ftrace user that may change where it continues. This one
 * never does.
 */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/vfio.h>

#include "compat/ftrace.h"

static void notrace change_nothing(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops,
				   struct ftrace_regs *fregs)
{
}

static struct ftrace_ops patch_ops = {
	.func = change_nothing,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_RECURSION,
};

static int __init patch_init(void)
{
	int ret;

	ret = ftrace_set_filter_ip(&patch_ops, (unsigned long)vfio_file_set_kvm,
				   0, 0);
	if (ret)
		return ret;

	ret = register_ftrace_function(&patch_ops);
	if (ret)
		ext_ftrace_free_filter(&patch_ops);
	return ret;
}
module_init(patch_init);

static void __exit patch_exit(void)
{
	unregister_ftrace_function(&patch_ops);
	ext_ftrace_free_filter(&patch_ops);
}
module_exit(patch_exit);

MODULE_DESCRIPTION("Occupies vfio_file_set_kvm(), for tests");
MODULE_LICENSE("GPL");
