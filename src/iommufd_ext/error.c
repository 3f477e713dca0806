// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why a call was refused: a sentence for the thread that made it.
 *
 * Each open file keeps the last refusal of a bounded number of threads. Nothing is
 * written before something fails, and a call that succeeds reads one word.
 *
 * Code that refuses says its sentence at once, from wherever it finds the reason.
 * What it says is unconfirmed until the call has failed with the same error: a
 * failure in the middle of a call that goes on and succeeds is not shown to anybody,
 * and the next call of the thread forgets it. A call that fails with nothing said
 * gets a sentence made of its name and the error.
 *
 * A thread is known by its struct pid, on which a reference is held: a later thread
 * with the same number has another one.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/module.h"
#include "private.h"

/* How many threads of a file have a refusal to read. */
#define MAX_RECORDS 64

#define TEXT_SIZE 256

/**
 * struct error_record - the last refusal of one thread
 * @item: in iommufd_ext_errors.records, the latest first
 * @thread: whose it is, referenced
 * @confirmed: the call has failed with it
 * @error: errno, greater than 0
 * @cmd: number of the ioctl, 0 for another call
 * @about: the objects and the range concerned
 * @text: the sentence
 *
 * All protected by iommufd_ext_errors.lock.
 */
struct error_record {
	struct list_head item;
	struct pid *thread;
	bool confirmed;
	int error;
	u32 cmd;
	struct iommufd_ext_about about;
	char text[TEXT_SIZE];
};

/**
 * iommufd_ext_errors_init() - begin without refusals
 * @errors: what an open file will keep
 */
void iommufd_ext_errors_init(struct iommufd_ext_errors *errors)
{
	spin_lock_init(&errors->lock);
	INIT_LIST_HEAD(&errors->records);
	errors->nr = 0;
	errors->unconfirmed = 0;
}
EXT_EXPORT_SYMBOL(iommufd_ext_errors_init);

/**
 * iommufd_ext_errors_destroy() - forget everything
 * @errors: of a file that is being closed
 */
void iommufd_ext_errors_destroy(struct iommufd_ext_errors *errors)
{
	struct error_record *record, *next;

	list_for_each_entry_safe(record, next, &errors->records, item) {
		put_pid(record->thread);
		kfree(record);
	}
}
EXT_EXPORT_SYMBOL(iommufd_ext_errors_destroy);

static struct error_record *find_locked(struct iommufd_ext_errors *errors)
{
	struct error_record *record;

	lockdep_assert_held(&errors->lock);

	list_for_each_entry(record, &errors->records, item)
		if (record->thread == task_pid(current))
			return record;
	return NULL;
}

static void set_confirmed_locked(struct iommufd_ext_errors *errors,
				 struct error_record *record, bool confirmed)
{
	lockdep_assert_held(&errors->lock);

	if (record->confirmed == confirmed)
		return;
	record->confirmed = confirmed;
	WRITE_ONCE(errors->unconfirmed,
		   errors->unconfirmed + (confirmed ? -1 : 1));
}

static void give_to_current_locked(struct error_record *record)
{
	put_pid(record->thread);
	record->thread = get_pid(task_pid(current));
}

/* This thread's record, or the oldest there is, or NULL if there may be more. */
static struct error_record *reuse_locked(struct iommufd_ext_errors *errors)
{
	struct error_record *record = find_locked(errors);

	if (record || errors->nr < MAX_RECORDS)
		return record;
	record = list_last_entry(&errors->records, struct error_record, item);
	give_to_current_locked(record);
	return record;
}

static void add_locked(struct iommufd_ext_errors *errors,
		       struct error_record *record)
{
	record->thread = get_pid(task_pid(current));
	record->confirmed = true;
	list_add(&record->item, &errors->records);
	errors->nr++;
}

/*
 * A record for this thread, with the lock held on return; NULL without memory, and
 * then without the lock.
 */
static struct error_record *get_record(struct iommufd_ext_errors *errors)
	__acquires(&errors->lock)
{
	struct error_record *record, *new;

	spin_lock(&errors->lock);
	record = reuse_locked(errors);
	if (record)
		return record;
	spin_unlock(&errors->lock);

	new = kmalloc(sizeof(*new), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!new)
		return NULL;

	spin_lock(&errors->lock);
	/* Others may have come first; this thread cannot have. */
	record = reuse_locked(errors);
	if (!record) {
		add_locked(errors, new);
		return new;
	}
	kfree(new);
	return record;
}

/* Names of processes are anything their owners like. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (!isascii(*text) || !isprint(*text))
			*text = '?';
}

/**
 * iommufd_ext_vrefuse() - say why a call is refused
 * @errors: of the file it was made on
 * @rc: negative errno
 * @about: the objects and the range concerned, or NULL
 * @fmt: the sentence, without a full stop, for printf
 * @args: for @fmt
 *
 * The last sentence said before the call fails is the one that counts. It is lost if
 * there is no memory for it.
 *
 * Context: may sleep.
 * Return: @rc.
 */
int iommufd_ext_vrefuse(struct iommufd_ext_errors *errors, int rc,
			const struct iommufd_ext_about *about, const char *fmt,
			va_list args)
{
	struct error_record *record = get_record(errors);

	if (!record)
		return rc;
	set_confirmed_locked(errors, record, false);
	list_move(&record->item, &errors->records);
	record->error = -rc;
	record->cmd = 0;
	record->about = about ? *about : (struct iommufd_ext_about){};
	vscnprintf(record->text, sizeof(record->text), fmt, args);
	make_printable(record->text);
	spin_unlock(&errors->lock);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_vrefuse);

/**
 * iommufd_ext_refuse() - say why a call is refused
 * @errors: of the file it was made on
 * @rc: negative errno
 * @about: the objects and the range concerned, or NULL
 * @fmt: the sentence, without a full stop, for printf
 *
 * Context: may sleep.
 * Return: @rc.
 */
int iommufd_ext_refuse(struct iommufd_ext_errors *errors, int rc,
		       const struct iommufd_ext_about *about, const char *fmt,
		       ...)
{
	va_list args;

	va_start(args, fmt);
	iommufd_ext_vrefuse(errors, rc, about, fmt, args);
	va_end(args);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_refuse);

/**
 * refuse() - say why a call on a context is refused
 * @ictx: the context
 * @rc: negative errno
 * @fmt: the sentence, without a full stop, for printf
 *
 * Context: may sleep.
 * Return: @rc.
 */
int refuse(struct iommufd_ext_ctx *ictx, int rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	iommufd_ext_vrefuse(&ictx->errors, rc, NULL, fmt, args);
	va_end(args);
	return rc;
}

/**
 * refuse_id() - refuse(), with the object concerned
 * @ictx: the context
 * @rc: negative errno
 * @id: the object's id, as the user named it
 * @fmt: the sentence, without a full stop, for printf
 *
 * Context: may sleep.
 * Return: @rc.
 */
int refuse_id(struct iommufd_ext_ctx *ictx, int rc, u32 id, const char *fmt,
	      ...)
{
	struct iommufd_ext_about about = { .ids = { id } };
	va_list args;

	va_start(args, fmt);
	iommufd_ext_vrefuse(&ictx->errors, rc, &about, fmt, args);
	va_end(args);
	return rc;
}

/**
 * refuse_ids() - refuse(), with two objects concerned
 * @ictx: the context
 * @rc: negative errno
 * @id: the id of the object the call is about
 * @other: the id of the object that stands in the way
 * @fmt: the sentence, without a full stop, for printf
 *
 * Context: may sleep.
 * Return: @rc.
 */
int refuse_ids(struct iommufd_ext_ctx *ictx, int rc, u32 id, u32 other,
	       const char *fmt, ...)
{
	struct iommufd_ext_about about = { .ids = { id, other } };
	va_list args;

	va_start(args, fmt);
	iommufd_ext_vrefuse(&ictx->errors, rc, &about, fmt, args);
	va_end(args);
	return rc;
}

/**
 * refuse_range() - refuse(), with the object and the range concerned
 * @ictx: the context
 * @rc: negative errno
 * @id: the object's id, 0 for none
 * @start: first address of the range
 * @last: last address of the range
 * @fmt: the sentence, without a full stop, for printf
 *
 * Context: may sleep.
 * Return: @rc.
 */
int refuse_range(struct iommufd_ext_ctx *ictx, int rc, u32 id, u64 start,
		 u64 last, const char *fmt, ...)
{
	struct iommufd_ext_about about = {
		.ids = { id },
		.has_range = true,
		.start = start,
		.last = last,
	};
	va_list args;

	va_start(args, fmt);
	iommufd_ext_vrefuse(&ictx->errors, rc, &about, fmt, args);
	va_end(args);
	return rc;
}

/**
 * refuse_reserved() - refuse(), because a reserved member is not 0
 * @ictx: the context
 *
 * Context: may sleep.
 * Return: -EOPNOTSUPP.
 */
int refuse_reserved(struct iommufd_ext_ctx *ictx)
{
	return refuse(ictx, -EOPNOTSUPP, "a reserved member is not 0");
}

/**
 * refuse_flags() - refuse(), because of flags that are not known here
 * @ictx: the context
 * @unknown: those flags
 *
 * Context: may sleep.
 * Return: -EOPNOTSUPP.
 */
int refuse_flags(struct iommufd_ext_ctx *ictx, u32 unknown)
{
	return refuse(ictx, -EOPNOTSUPP,
		      "this kernel does not know the flags %#x", unknown);
}

/**
 * iommufd_ext_errors_forget() - forget what the last call said and did not fail with
 * @errors: of the file a call begins on
 *
 * For iommufd_ext_errors_begin().
 */
void iommufd_ext_errors_forget(struct iommufd_ext_errors *errors)
{
	struct error_record *record;

	spin_lock(&errors->lock);
	record = find_locked(errors);
	if (record && !record->confirmed) {
		/* Shown to nobody, and the next one to be replaced. */
		record->error = 0;
		set_confirmed_locked(errors, record, true);
		list_move_tail(&record->item, &errors->records);
	}
	spin_unlock(&errors->lock);
}
EXT_EXPORT_SYMBOL(iommufd_ext_errors_forget);

static const char *error_words(int rc)
{
	switch (rc) {
	case -E2BIG:
		return "the structure is longer than this kernel knows, and its tail is not zero";
	case -EFAULT:
		return "a pointer leads to memory that cannot be used";
	case -EINTR:
		return "the process is being killed";
	case -EINVAL:
		return "a value or a combination of values is not understood";
	case -ENOMEM:
		return "the kernel has no memory for it";
	case -ENOTTY:
		return "this kernel does not know the command";
	case -EOPNOTSUPP:
		return "this kernel or device does not support it";
	default:
		return "the kernel gives no reason";
	}
}

/**
 * iommufd_ext_errors_end() - a call has failed
 * @errors: of the file it was made on
 * @rc: with what, negative errno
 * @cmd: number of the ioctl, 0 for another call
 * @name: what to call it if nothing has been said
 *
 * Return: @rc.
 */
int iommufd_ext_errors_end(struct iommufd_ext_errors *errors, int rc, u32 cmd,
			   const char *name)
{
	struct error_record *record;

	spin_lock(&errors->lock);
	record = find_locked(errors);
	if (!record || record->confirmed || record->error != -rc) {
		spin_unlock(&errors->lock);
		iommufd_ext_refuse(errors, rc, NULL, "%s: %s (error %d)", name,
				   error_words(rc), -rc);
		spin_lock(&errors->lock);
		record = find_locked(errors);
	}
	/* Without memory there is none, or it is somebody else's by now. */
	if (record && !record->confirmed) {
		record->cmd = cmd;
		set_confirmed_locked(errors, record, true);
	}
	spin_unlock(&errors->lock);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_errors_end);

/* Takes what this thread said, and has not failed with, out of @errors. */
static bool take_unconfirmed(struct iommufd_ext_errors *errors,
			     struct error_record *copy)
{
	struct error_record *record;
	bool found;

	spin_lock(&errors->lock);
	record = find_locked(errors);
	found = record && !record->confirmed;
	if (found)
		*copy = *record;
	spin_unlock(&errors->lock);
	iommufd_ext_errors_forget(errors);
	return found;
}

/**
 * iommufd_ext_errors_take() - let a driver's file have what a context said
 * @errors: of the file the user called
 * @ictx: the context that refused a call of the driver
 * @rc: what it returned, negative errno
 *
 * For drivers that keep refusals for their own files: a user who calls such a file
 * looks for the reason there.
 *
 * Return: @rc.
 */
int iommufd_ext_errors_take(struct iommufd_ext_errors *errors,
			    struct iommufd_ext_ctx *ictx, int rc)
{
	struct error_record *copy;

	copy = kmalloc(sizeof(*copy), GFP_KERNEL | __GFP_NOWARN);
	if (!copy)
		return rc;
	if (take_unconfirmed(&ictx->errors, copy) && copy->error == -rc)
		iommufd_ext_refuse(errors, -copy->error, &copy->about, "%s",
				   copy->text);
	kfree(copy);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_errors_take);

static int answer(struct iommufd_ext_errors *errors,
		  struct ioasid_get_error *cmd, char *text)
{
	struct error_record *record;
	int rc = -ENODATA;

	spin_lock(&errors->lock);
	record = find_locked(errors);
	if (record && record->confirmed && record->error) {
		cmd->out_flags = record->about.has_range ? IOASID_ERROR_RANGE :
							   0;
		cmd->out_errno = record->error;
		cmd->out_cmd = record->cmd;
		cmd->out_ids[0] = record->about.ids[0];
		cmd->out_ids[1] = record->about.ids[1];
		cmd->out_start = record->about.start;
		cmd->out_last = record->about.last;
		memcpy(text, record->text, sizeof(record->text));
		rc = 0;
	}
	spin_unlock(&errors->lock);
	return rc;
}

static int put_text(struct ioasid_get_error *cmd, const char *text)
{
	char __user *to = u64_to_user_ptr(cmd->text_uptr);
	u32 len = strlen(text), room = cmd->text_len;

	cmd->text_len = len + 1;
	if (!room)
		return 0;
	len = min(len, room - 1);
	if (copy_to_user(to, text, len) || put_user('\0', to + len))
		return -EFAULT;
	return 0;
}

/**
 * iommufd_ext_get_error_ioctl() - IOASID_GET_ERROR
 * @errors: of the file it was called on
 * @arg: struct ioasid_get_error of the user
 *
 * A file of a driver serves the command with this, too. It leaves no refusal of its
 * own.
 *
 * Return: 0; see struct ioasid_get_error for the errors.
 */
int iommufd_ext_get_error_ioctl(struct iommufd_ext_errors *errors,
				void __user *arg)
{
	size_t minsz = offsetofend(struct ioasid_get_error, out_last);
	struct ioasid_get_error cmd;
	char text[TEXT_SIZE];
	u32 size;
	int rc;

	if (get_user(size, (u32 __user *)arg))
		return -EFAULT;
	if (size < minsz)
		return -EINVAL;
	rc = copy_struct_from_user(&cmd, sizeof(cmd), arg, size);
	if (rc)
		return rc;
	if (cmd.flags)
		return -EOPNOTSUPP;

	rc = answer(errors, &cmd, text);
	if (!rc)
		rc = put_text(&cmd, text);
	if (!rc && copy_to_user(arg, &cmd, min_t(size_t, size, sizeof(cmd))))
		rc = -EFAULT;
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_get_error_ioctl);
