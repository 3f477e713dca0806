/* SPDX-License-Identifier: GPL-2.0-only */
/* Differences of processes. */
#ifndef _EXT_COMPAT_TASK_H
#define _EXT_COMPAT_TASK_H

#include <linux/cred.h>
#include <linux/mm_types.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>

#include "ext_probes.h"

#if EXT_PROBE_TASK_EXEC_STATE
#include <linux/sched/exec_state.h>
#endif

/*
 * Whether the user of a process may look into its memory. He may not if it has run a
 * program that changes who he is, or has asked for that. If not, @ns is where somebody
 * needs CAP_SYS_PTRACE for it.
 *
 * The caller holds task_lock() and rcu_read_lock(). A process that has no memory, and a
 * kernel that does not tell, leave it to who has all rights.
 */
static inline bool ext_task_dumpable(struct task_struct *task,
				     struct user_namespace **ns)
{
#if EXT_PROBE_TASK_EXEC_STATE
	const struct task_exec_state *state = rcu_dereference(task->exec_state);

	*ns = state ? state->user_ns : &init_user_ns;
	return state && READ_ONCE(state->dumpable) == TASK_DUMPABLE_OWNER;
#elif EXT_PROBE_MM_DUMPABLE
	struct mm_struct *mm = task->mm;

	*ns = mm ? mm->user_ns : &init_user_ns;
	return mm && get_dumpable(mm) == SUID_DUMP_USER;
#else
	*ns = &init_user_ns;
	return false;
#endif
}

#endif
