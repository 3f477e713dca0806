// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of the VFIO core that continue in ours.
 *
 * ftrace can change where a function continues right at its first instruction. Here it
 * does so for the calls that concern our files, and lets the function run as it is for
 * all others. No function of the core is copied.
 *
 * Unregistering waits for callers of the ftrace callback, not of the replacement. So the
 * module has to be held while a replacement runs: ->wanted() may say yes only while a file
 * of ours is open, and stays open until the call returns.
 *
 * Kernel live patching uses the same mechanism, and one function has one user: if a
 * patch has it, or ftrace is switched off, the function stays as it is. While one is
 * redirected, ftrace cannot be switched off.
 */
#include <linux/string.h>

#include "redirect.h"

#if EXT_FTRACE_CAN_REDIRECT

static void notrace redirect_call(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops,
				  struct ftrace_regs *fregs)
{
	struct cdev_ext_redirect *redirect =
		container_of(ops, struct cdev_ext_redirect, ops);
	void *first = (void *)ext_ftrace_argument(fregs, 0);
	void *second = (void *)ext_ftrace_argument(fregs, 1);

	if (redirect->wanted(first, second))
		ext_ftrace_continue_at(fregs, redirect->replacement);
}

static int redirect_start(struct cdev_ext_redirect *redirect)
{
	struct ftrace_ops *ops = &redirect->ops;
	int ret;

	ops->func = redirect_call;
	ops->flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_RECURSION |
		     FTRACE_OPS_FL_PERMANENT;

	ret = ftrace_set_filter_ip(ops, redirect->function, 0, 0);
	if (ret)
		return ret;

	ret = register_ftrace_function(ops);
	if (ret)
		ext_ftrace_free_filter(ops);
	return ret;
}

void cdev_ext_redirect_undo(struct cdev_ext_redirect *redirect)
{
	/* It fails only when ftrace has shut itself down after a bug. */
	WARN_ON(unregister_ftrace_function(&redirect->ops));
	ext_ftrace_free_filter(&redirect->ops);
}

#else

static int redirect_start(struct cdev_ext_redirect *redirect)
{
	return 0;
}

void cdev_ext_redirect_undo(struct cdev_ext_redirect *redirect)
{
}

#endif

/**
 * cdev_ext_redirect - let a function of the VFIO core continue in one of ours
 * @redirect: which, where, and when
 * @why: filled in with the reason if that cannot be
 * @size: of @why; 96 bytes are enough
 *
 * Return: whether it is redirected.
 */
bool cdev_ext_redirect(struct cdev_ext_redirect *redirect, char *why,
		       size_t size)
{
	int ret;

	if (!EXT_FTRACE_CAN_REDIRECT) {
		strscpy(why,
			IS_ENABLED(CONFIG_FUNCTION_TRACER) ?
				"ftrace cannot redirect functions in this kernel" :
				"this kernel is built without ftrace",
			size);
		return false;
	}

	ret = redirect_start(redirect);
	if (ret)
		scnprintf(why, size, "cannot redirect %s (error %d%s)",
			  redirect->name, ret,
			  ret == -EBUSY ? ": live patched, or ftrace is off" :
					  "");
	return !ret;
}
