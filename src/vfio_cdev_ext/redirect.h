/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CDEV_EXT_REDIRECT_H
#define CDEV_EXT_REDIRECT_H

#include <linux/build_bug.h>
#include <linux/types.h>

#include "compat/ftrace.h"

/**
 * struct cdev_ext_redirect - one function of the VFIO core that continues elsewhere
 * @name: of the function
 * @function: its address
 * @replacement: where to go; called as the function was
 * @wanted: whether this call goes there, by the first two arguments; what is no
 *	argument of the function has no meaning. Must not sleep.
 * @ops: the ftrace user; each function has its own, because a failure then concerns
 *	one function, and because the callback need not find out which it is in
 *
 * All set before cdev_ext_redirect(), but for @ops, which belongs to ftrace.
 */
struct cdev_ext_redirect {
	const char *name;
	unsigned long function;
	unsigned long replacement;
	bool (*wanted)(void *first, void *second);
#if EXT_FTRACE_CAN_REDIRECT
	struct ftrace_ops ops;
#endif
};

/* The replacement has to be a function of the same type. */
#define CDEV_EXT_REDIRECT(_function, _replacement, _wanted)                 \
	{                                                                   \
		.name = __stringify(_function),                             \
		.function = (unsigned long)(_function) +                    \
			    BUILD_BUG_ON_ZERO(                              \
				    !__same_type(_function, _replacement)), \
		.replacement = (unsigned long)(_replacement),               \
		.wanted = _wanted,                                          \
	}

bool cdev_ext_redirect(struct cdev_ext_redirect *redirect, char *why,
		       size_t size);
void cdev_ext_redirect_undo(struct cdev_ext_redirect *redirect);

#endif
