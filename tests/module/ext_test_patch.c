// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds one of the functions that vfio_cdev_ext redirects, as a live patch of it
 * would: a function has one ftrace user that may change where it continues. This one
 * never does.
 */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/vfio.h>

#include "compat/ftrace.h"

static bool has_dev;
module_param(has_dev, bool, 0444);
MODULE_PARM_DESC(has_dev, "Take vfio_file_has_dev(), not vfio_file_set_kvm()");

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
	unsigned long function = has_dev ? (unsigned long)vfio_file_has_dev :
					   (unsigned long)vfio_file_set_kvm;
	int ret;

	ret = ftrace_set_filter_ip(&patch_ops, function, 0, 0);
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

MODULE_DESCRIPTION("Occupies a function of the VFIO core, for tests");
MODULE_LICENSE("GPL");
