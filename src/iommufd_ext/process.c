// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose something is: which processes are named for it, and to whom.
 *
 * A process is known by its struct pid, on which a reference is held: a later process
 * with the same number has another one. Its number and its command are looked up when
 * somebody asks, so that they are those of a process that is there.
 *
 * They are named to who could read the memory of the process, as far as the kernel tells
 * modules: that is what /proc asks, where it is told to hide processes, and whether it is
 * told to, is not known here. What a security module thinks of the two, it tells nobody.
 *
 * A descriptor can be passed on. So a file keeps who bound what it holds, and who has
 * called it last.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/kernel.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "compat/module.h"
#include "compat/task.h"
#include "core.h"

/**
 * iommufd_ext_last_user_init() - begin with a file that nobody has called
 * @last: of a file that is being opened
 */
void iommufd_ext_last_user_init(struct iommufd_ext_last_user *last)
{
	spin_lock_init(&last->lock);
	last->process = NULL;
}
EXT_EXPORT_SYMBOL(iommufd_ext_last_user_init);

/**
 * iommufd_ext_last_user_destroy() - forget who it was
 * @last: of a file that is being closed
 */
void iommufd_ext_last_user_destroy(struct iommufd_ext_last_user *last)
{
	put_pid(last->process);
}
EXT_EXPORT_SYMBOL(iommufd_ext_last_user_destroy);

/**
 * iommufd_ext_last_user_set() - it is the caller now
 * @last: of the file that it calls
 *
 * For iommufd_ext_used().
 */
void iommufd_ext_last_user_set(struct iommufd_ext_last_user *last)
{
	struct pid *old;

	spin_lock(&last->lock);
	old = last->process;
	WRITE_ONCE(last->process, get_pid(task_tgid(current)));
	spin_unlock(&last->lock);
	put_pid(old);
}
EXT_EXPORT_SYMBOL(iommufd_ext_last_user_set);

/**
 * iommufd_ext_last_user_get() - who it is at the moment
 * @last: of the file
 *
 * Context: any but interrupts.
 * Return: the process, for put_pid(); NULL if nobody has called the file.
 */
struct pid *iommufd_ext_last_user_get(struct iommufd_ext_last_user *last)
{
	struct pid *process;

	spin_lock(&last->lock);
	process = get_pid(last->process);
	spin_unlock(&last->lock);
	return process;
}
EXT_EXPORT_SYMBOL(iommufd_ext_last_user_get);

static bool can_ptrace(struct user_namespace *ns)
{
	return ns_capable_noaudit(ns, CAP_SYS_PTRACE);
}

static bool same_user(const struct cred *theirs)
{
	const struct cred *mine = current_cred();

	return uid_eq(mine->fsuid, theirs->euid) &&
	       uid_eq(mine->fsuid, theirs->suid) &&
	       uid_eq(mine->fsuid, theirs->uid) &&
	       gid_eq(mine->fsgid, theirs->egid) &&
	       gid_eq(mine->fsgid, theirs->sgid) &&
	       gid_eq(mine->fsgid, theirs->gid) &&
	       mine->user_ns == theirs->user_ns &&
	       cap_issubset(theirs->cap_permitted, mine->cap_effective);
}

/*
 * As __ptrace_may_access() for PTRACE_MODE_READ_FSCREDS, but for security modules and for
 * a process without memory, which is not shown to its user.
 */
static bool may_see(struct task_struct *task)
{
	struct user_namespace *ns;
	const struct cred *cred;
	bool seen;

	if (same_thread_group(task, current))
		return true;

	task_lock(task);
	rcu_read_lock();
	cred = __task_cred(task);
	seen = same_user(cred) || can_ptrace(cred->user_ns);
	/* Pairs with commit_creds(): who sees new credentials sees that it is not dumpable. */
	smp_rmb();
	if (seen && !ext_task_dumpable(task, &ns))
		seen = can_ptrace(ns);
	rcu_read_unlock();
	task_unlock(task);
	return seen;
}

/* Its last thread is on its way out, or has gone. */
static bool has_ended(const struct task_struct *task)
{
	return !task || !atomic_read(&task->signal->live);
}

static void describe(struct iommufd_ext_process *process, struct pid *pid,
		     bool log)
{
	struct task_struct *task = get_pid_task(pid, PIDTYPE_TGID);

	process->pid = log ? pid_nr(pid) : pid_vnr(pid);
	process->comm[0] = '\0';
	if (has_ended(task)) {
		process->state = IOMMUFD_EXT_PROCESS_ENDED;
	} else if (log || (process->pid && may_see(task))) {
		process->state = IOMMUFD_EXT_PROCESS_SEEN;
		get_task_comm(process->comm, task);
	} else {
		process->state = IOMMUFD_EXT_PROCESS_HIDDEN;
	}
	if (process->state != IOMMUFD_EXT_PROCESS_SEEN)
		process->pid = 0;
	if (task)
		put_task_struct(task);
}

static size_t name(char *to, size_t size,
		   const struct iommufd_ext_process *process)
{
	switch (process->state) {
	case IOMMUFD_EXT_PROCESS_SEEN:
		return scnprintf(to, size, "process %d (%s)", process->pid,
				 process->comm);
	case IOMMUFD_EXT_PROCESS_HIDDEN:
		return scnprintf(to, size, "a process that you may not see");
	default:
		return scnprintf(to, size, "a process that has ended");
	}
}

/**
 * iommufd_ext_describe_whose() - whose something is, as the caller may know it
 * @whose: filled in
 * @holder: the process that has bound it; the caller has a reference
 * @last: the process that has called the file last; as @holder, or NULL
 * @log: for the kernel log, which has the numbers of the first PID namespace; the
 *	administrator decides who reads it
 *
 * Context: any but interrupts.
 */
void iommufd_ext_describe_whose(struct iommufd_ext_whose *whose,
				struct pid *holder, struct pid *last, bool log)
{
	size_t size = sizeof(whose->text), len;

	describe(&whose->holder, holder, log);
	whose->passed_on = last && last != holder;
	len = name(whose->text, size, &whose->holder);
	if (!whose->passed_on)
		return;
	describe(&whose->last, last, log);
	len += scnprintf(whose->text + len, size - len, ", and used last by ");
	name(whose->text + len, size - len, &whose->last);
}
EXT_EXPORT_SYMBOL(iommufd_ext_describe_whose);
