// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a task know whether its user may look into its memory?
 *
 * Since 7.2 (struct task_exec_state). Before that it is the memory that knows: see
 * mm_dumpable.c. Used by ext_task_dumpable().
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/exec_state.h>

struct user_namespace *ext_probe(struct task_struct *task);
struct user_namespace *ext_probe(struct task_struct *task)
{
	struct task_exec_state *state = rcu_dereference(task->exec_state);

	return state->dumpable == TASK_DUMPABLE_OWNER ? NULL : state->user_ns;
}
