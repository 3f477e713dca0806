// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is it the memory of a process that knows whether its user may look into it?
 *
 * Until 7.1. Since 7.2 the task knows: see task_exec_state.c. Used by
 * ext_task_dumpable().
 */
#include <linux/sched/coredump.h>
#include <linux/mm_types.h>

struct user_namespace *ext_probe(struct mm_struct *mm);
struct user_namespace *ext_probe(struct mm_struct *mm)
{
	return get_dumpable(mm) == SUID_DUMP_USER ? NULL : mm->user_ns;
}
