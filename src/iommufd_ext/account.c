// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom pinned memory is charged to.
 *
 * mm->pinned_vm always shows what a process has pinned. The limit,
 * RLIMIT_MEMLOCK, is applied to all processes of the user together, or, if the
 * context says so, to the process, where it adds to what mlock() took. Memory
 * mapped with CAP_IPC_LOCK is not limited.
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "memory.h"

static struct pages_owner *pages_owner_alloc(struct iommufd_ext_ctx *ictx)
{
	struct pages_owner *owner;

	owner = kzalloc(sizeof(*owner), GFP_KERNEL_ACCOUNT);
	if (!owner)
		return NULL;

	refcount_set(&owner->users, 1);
	owner->ictx = ictx;
	owner->mm = current->mm;
	mmgrab(owner->mm);
	owner->task = get_task_struct(current->group_leader);
	owner->cred = get_current_cred();
	owner->user = owner->cred->user;
	return owner;
}

static bool pages_owner_is_current(const struct pages_owner *owner)
{
	return owner->mm == current->mm &&
	       owner->task == current->group_leader &&
	       owner->user == current_user();
}

/*
 * A reference to the calling process as an owner of memory, which @ictx remembers as the
 * last one; NULL without memory.
 */
struct pages_owner *pages_owner_get_current(struct iommufd_ext_ctx *ictx)
{
	struct pages_owner *owner, *old;

	spin_lock(&ictx->owner_lock);
	owner = ictx->owner;
	if (owner && pages_owner_is_current(owner)) {
		refcount_inc(&owner->users);
		spin_unlock(&ictx->owner_lock);
		return owner;
	}
	spin_unlock(&ictx->owner_lock);

	owner = pages_owner_alloc(ictx);
	if (!owner)
		return NULL;

	refcount_inc(&owner->users);
	spin_lock(&ictx->owner_lock);
	old = ictx->owner;
	ictx->owner = owner;
	spin_unlock(&ictx->owner_lock);
	if (old)
		pages_owner_put(old);
	return owner;
}

void pages_owner_put(struct pages_owner *owner)
{
	if (!refcount_dec_and_test(&owner->users))
		return;
	put_cred(owner->cred);
	put_task_struct(owner->task);
	mmdrop(owner->mm);
	kfree(owner);
}

/* In KiB, as ulimit(1) has it. */
static int refuse_charge(struct pages_owner *owner, unsigned long npages,
			 unsigned long used, const char *whose)
{
	const struct iommufd_ext_about about = { .over_limit = true };
	unsigned long limit = task_rlimit(owner->task, RLIMIT_MEMLOCK);

	return iommufd_ext_refuse(&owner->ictx->errors, -ENOMEM, &about,
				  "RLIMIT_MEMLOCK: %lu KiB more are wanted, of a limit of %lu KiB the %s has %lu KiB in use",
				  npages << (PAGE_SHIFT - 10), limit >> 10,
				  whose, used << (PAGE_SHIFT - 10));
}

static int charge_user(struct pages_owner *owner, unsigned long npages)
{
	unsigned long limit = task_rlimit(owner->task, RLIMIT_MEMLOCK) >>
			      PAGE_SHIFT;
	long old = atomic_long_read(&owner->user->locked_vm);

	do {
		if (npages > limit || old > limit - npages)
			return refuse_charge(owner, npages, old, "user");
	} while (!atomic_long_try_cmpxchg(&owner->user->locked_vm, &old,
					  old + npages));
	return 0;
}

static int charge_mm(struct pages_owner *owner, unsigned long npages, bool inc,
		     bool always)
{
	int rc;

	if (!inc || always)
		mmap_write_lock(owner->mm);
	else if (mmap_write_lock_killable(owner->mm))
		return -EINTR;
	rc = __account_locked_vm(owner->mm, npages, inc, owner->task, always);
	mmap_write_unlock(owner->mm);
	if (rc)
		refuse_charge(owner, npages, READ_ONCE(owner->mm->locked_vm),
			      "process");
	return rc;
}

/*
 * How to charge @to and uncharge @from when memory gets another owner, charged by
 * @charge: not at all, apart from what each process has pinned, if both are charged in
 * one place.
 */
enum pages_charge pages_owner_charge_between(const struct pages_owner *from,
					     const struct pages_owner *to,
					     enum pages_charge charge)
{
	bool same = charge == CHARGE_USER ? from->user == to->user :
					    from->mm == to->mm;

	return same ? CHARGE_NONE : charge;
}

/*
 * Charges @npages pages that are pinned.
 * Context: may sleep, takes mmap_lock. Returns -ENOMEM over the limit, -EINTR if the
 * process is being killed.
 */
int pages_owner_charge(struct pages_owner *owner, enum pages_charge charge,
		       unsigned long npages)
{
	int rc = 0;

	if (charge == CHARGE_USER)
		rc = charge_user(owner, npages);
	else if (charge == CHARGE_MM)
		rc = charge_mm(owner, npages, true, false);
	if (!rc)
		atomic64_add(npages, &owner->mm->pinned_vm);
	return rc;
}

/* The same, whatever the limit. */
void pages_owner_charge_always(struct pages_owner *owner,
			       enum pages_charge charge, unsigned long npages)
{
	if (charge == CHARGE_USER)
		atomic_long_add(npages, &owner->user->locked_vm);
	else if (charge == CHARGE_MM)
		charge_mm(owner, npages, true, true);
	atomic64_add(npages, &owner->mm->pinned_vm);
}

/* Context: may sleep, takes mmap_lock. Works on when the process is gone. */
void pages_owner_uncharge(struct pages_owner *owner, enum pages_charge charge,
			  unsigned long npages)
{
	atomic64_sub(npages, &owner->mm->pinned_vm);
	if (charge == CHARGE_USER)
		atomic_long_sub(npages, &owner->user->locked_vm);
	else if (charge == CHARGE_MM)
		charge_mm(owner, npages, false, false);
}
