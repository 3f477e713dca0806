// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does one wrong thing when it is loaded, so that it can be seen that the harness notices.
 *
 *   insmod ext_canary.ko what=NAME
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

static char *what = "";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "warn, pin, lock, leak, uaf, hang or panic");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

/* A page of the caller stays pinned for ever. */
static int canary_pin(void)
{
	struct page *page;

	return pin_user_pages_fast(current->mm->arg_start, 1, FOLL_LONGTERM,
				   &page) == 1 ?
		       0 :
		       -EFAULT;
}

/* No deadlock happens; lockdep sees that one could. */
static int canary_lock(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
	return 0;
}

static int canary_leak(void)
{
	int i;

	/* Several: a stale pointer on some stack may hide one from kmemleak. */
	for (i = 0; i < 16; i++)
		if (!kmalloc(192, GFP_KERNEL))
			return -ENOMEM;
	return 0;
}

static int canary_uaf(void)
{
	volatile char *p = kmalloc(64, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	kfree((void *)p);
	return p[8] ? 0 : 0;
}

static int __init canary_init(void)
{
	pr_info("doing '%s'\n", what);
	if (!strcmp(what, "warn"))
		WARN_ON(1);
	else if (!strcmp(what, "pin"))
		return canary_pin();
	else if (!strcmp(what, "lock"))
		return canary_lock();
	else if (!strcmp(what, "leak"))
		return canary_leak();
	else if (!strcmp(what, "uaf"))
		return canary_uaf();
	else if (!strcmp(what, "hang"))
		schedule_timeout_uninterruptible(MAX_SCHEDULE_TIMEOUT);
	else if (!strcmp(what, "panic"))
		panic("canary");
	else
		return -EINVAL;
	return 0;
}
module_init(canary_init);

static void __exit canary_exit(void)
{
}
module_exit(canary_exit);

MODULE_DESCRIPTION("A module that misbehaves on purpose");
MODULE_LICENSE("GPL");
