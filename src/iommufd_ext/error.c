// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why a call was refused: a sentence for the thread that made it.
 *
 * Each open file keeps the last refusal of a bounded number of threads. Nothing is
 * written before something fails, and a call that succeeds reads one word.
 *
 * Code that refuses says its sentence at once, from wherever it finds the reason.
 * What it says is pending until the call has failed with the same error: a failure in
 * the middle of a call that goes on and succeeds is not shown to anybody, leaves the
 * thread's last refusal as it was, and is forgotten by the next call of the thread. A
 * call that fails with nothing said gets a sentence made of its name and the error.
 *
 * A thread is known by its struct pid, on which a reference is held: a later thread
 * with the same number has another one.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/module.h"
#include "core.h"
#include "trace.h"

/* How many threads of a file have a refusal to read, and how many a pending one. */
#define MAX_RECORDS 64

#define TEXT_SIZE 256

/**
 * struct error_record - what one thread was refused last, or may yet be
 * @item: in iommufd_ext_errors.records or .pending, the latest first
 * @thread: whose it is, referenced
 * @generic: nothing was said: @text is made of the error
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
	bool generic;
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
	INIT_LIST_HEAD(&errors->pending);
	errors->nr_records = 0;
	errors->nr_pending = 0;
	errors->standing = NULL;
}
EXT_EXPORT_SYMBOL(iommufd_ext_errors_init);

static void record_free(struct error_record *record)
{
	if (!record)
		return;
	put_pid(record->thread);
	kfree(record);
}

/**
 * iommufd_ext_errors_destroy() - forget everything
 * @errors: of a file that is being closed
 */
void iommufd_ext_errors_destroy(struct iommufd_ext_errors *errors)
{
	struct error_record *record, *next;

	list_splice(&errors->pending, &errors->records);
	list_for_each_entry_safe(record, next, &errors->records, item)
		record_free(record);
}
EXT_EXPORT_SYMBOL(iommufd_ext_errors_destroy);

/* This thread's record of a list, or NULL. */
static struct error_record *find_locked(struct list_head *list)
{
	struct error_record *record;

	list_for_each_entry(record, list, item)
		if (record->thread == task_pid(current))
			return record;
	return NULL;
}

static struct error_record *
take_pending_locked(struct iommufd_ext_errors *errors)
{
	struct error_record *record = find_locked(&errors->pending);

	lockdep_assert_held(&errors->lock);

	if (!record)
		return NULL;
	list_del(&record->item);
	WRITE_ONCE(errors->nr_pending, errors->nr_pending - 1);
	return record;
}

/* What this thread has said in this call, out of its list, or NULL. */
static struct error_record *take_pending(struct iommufd_ext_errors *errors)
{
	struct error_record *record;

	spin_lock(&errors->lock);
	record = take_pending_locked(errors);
	spin_unlock(&errors->lock);
	return record;
}

/* The caller has made sure that this thread has none. */
static void add_pending(struct iommufd_ext_errors *errors,
			struct error_record *record)
{
	struct error_record *oldest = NULL;

	spin_lock(&errors->lock);
	list_add(&record->item, &errors->pending);
	if (errors->nr_pending < MAX_RECORDS) {
		WRITE_ONCE(errors->nr_pending, errors->nr_pending + 1);
	} else {
		oldest = list_last_entry(&errors->pending, struct error_record,
					 item);
		list_del(&oldest->item);
	}
	spin_unlock(&errors->lock);
	record_free(oldest);
}

/* Replaces what the thread was refused before. */
static void add_record(struct iommufd_ext_errors *errors,
		       struct error_record *record)
{
	struct error_record *old;

	spin_lock(&errors->lock);
	old = find_locked(&errors->records);
	if (!old && errors->nr_records < MAX_RECORDS)
		errors->nr_records++;
	else if (!old)
		old = list_last_entry(&errors->records, struct error_record,
				      item);
	if (old)
		list_del(&old->item);
	list_add(&record->item, &errors->records);
	spin_unlock(&errors->lock);
	record_free(old);
}

static struct error_record *record_alloc(void)
{
	struct error_record *record;

	record = kmalloc(sizeof(*record), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (record)
		record->thread = get_pid(task_pid(current));
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
	struct error_record *record;

	/* The last one said before, or a new one. */
	record = take_pending(errors) ?: record_alloc();
	if (!record)
		return rc;
	record->generic = false;
	record->error = -rc;
	record->cmd = 0;
	record->about = about ? *about : (struct iommufd_ext_about){};
	vscnprintf(record->text, sizeof(record->text), fmt, args);
	make_printable(record->text);
	add_pending(errors, record);
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

/*
 * Says why a call on a context is refused: @fmt is a sentence without a full stop, for
 * printf. refuse_id() and refuse_ids() also tell the object the call is about, as the user
 * named it, and the one that stands in the way; refuse_range() the object, 0 for none, and
 * the range. Context: may sleep. Returns @rc.
 */
int refuse(struct iommufd_ext_ctx *ictx, int rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	iommufd_ext_vrefuse(&ictx->errors, rc, NULL, fmt, args);
	va_end(args);
	return rc;
}

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

int refuse_reserved(struct iommufd_ext_ctx *ictx)
{
	return refuse(ictx, -EOPNOTSUPP, "a reserved member is not 0");
}

int refuse_flags(struct iommufd_ext_ctx *ictx, u32 unknown)
{
	return refuse(ictx, -EOPNOTSUPP,
		      "this kernel does not know the flags %#x", unknown);
}

/* @what: what is at @uptr, for a sentence. */
int refuse_fault(struct iommufd_ext_ctx *ictx, const char *what,
		 const void __user *uptr)
{
	return iommufd_ext_refuse_fault(&ictx->errors, what, uptr);
}

/**
 * iommufd_ext_refuse_fault() - say that memory of the caller cannot be read or written
 * @errors: of the file the call was made on
 * @what: what is there, for a sentence
 * @uptr: where it is
 *
 * Context: may sleep.
 * Return: -EFAULT.
 */
int iommufd_ext_refuse_fault(struct iommufd_ext_errors *errors,
			     const char *what, const void __user *uptr)
{
	return iommufd_ext_refuse(errors, -EFAULT, NULL,
				  "%s at %#lx is not in memory that can be used",
				  what, (unsigned long)uptr);
}
EXT_EXPORT_SYMBOL(iommufd_ext_refuse_fault);

/* What a user has behind the end of a structure is looked at this much at a time. */
#define TAIL_BATCH ((size_t)SZ_1M)

/* Returns 0 if all is 0, -E2BIG if not, -EFAULT, or -EINTR if the process is being killed. */
static int check_tail(const void __user *uptr, size_t size)
{
	size_t n;
	int rc;

	for (; size; uptr += n, size -= n) {
		n = min(size, TAIL_BATCH);
		rc = check_zeroed_user(uptr, n);
		if (rc <= 0)
			return rc ?: -E2BIG;
		rc = resched_killable();
		if (rc)
			return rc;
	}
	return 0;
}

/*
 * As copy_struct_from_user(), which would look at up to 4 GiB without a pause: the user
 * chooses the size.
 */
static int copy_struct(void *cmd, size_t known, const void __user *uptr, u32 size)
{
	int rc = size > known ? check_tail(uptr + known, size - known) : 0;

	return rc ?: copy_struct_from_user(cmd, known, uptr,
					   min_t(size_t, size, known));
}

/**
 * iommufd_ext_copy_struct() - copy_struct_from_user(), which says why it fails
 * @errors: of the file the call was made on
 * @cmd: the structure, as the kernel knows it
 * @known: size of it, in bytes
 * @uptr: the user's
 * @size: size of that, in bytes
 *
 * Context: may sleep, may fault.
 * Return: 0, -E2BIG, -EFAULT, or -EINTR if the process is being killed.
 */
int iommufd_ext_copy_struct(struct iommufd_ext_errors *errors, void *cmd,
			    size_t known, const void __user *uptr, u32 size)
{
	int rc = copy_struct(cmd, known, uptr, size);

	/* Not the memory's fault. */
	if (rc == -EINTR)
		return rc;
	if (rc == -E2BIG)
		return iommufd_ext_refuse(errors, rc, NULL,
					  "the structure has %u bytes, this kernel knows %zu of them, and the others are not all 0",
					  size, known);
	if (rc)
		return iommufd_ext_refuse_fault(errors, "the structure", uptr);
	return 0;
}
EXT_EXPORT_SYMBOL(iommufd_ext_copy_struct);

/**
 * iommufd_ext_can_answer() - make memory of the caller ready to be written to
 * @uptr: where it is
 * @size: how much, at most a page and more than 0
 *
 * What is there stays as it is.
 *
 * Context: may sleep, may fault.
 * Return: whether it can be written to, all of it.
 */
bool iommufd_ext_can_answer(void __user *uptr, size_t size)
{
	const char __user *first = uptr;

	/* It may lie in two pages, and the answer of one call is right for one only. */
	return !fault_in_safe_writeable(first, 1) &&
	       !fault_in_safe_writeable(first + size - 1, 1);
}
EXT_EXPORT_SYMBOL(iommufd_ext_can_answer);

/* Half an answer looks like one to who does not expect the call to fail. */
static bool put_answer(void __user *uptr, const void *answer, size_t size)
{
	bool split = offset_in_page(uptr) + size > PAGE_SIZE;

	if (split && !iommufd_ext_can_answer(uptr, size))
		return false;
	return !copy_to_user(uptr, answer, size);
}

/**
 * iommufd_ext_answer() - give the user the answer, or no part of it
 * @errors: of the file the call was made on
 * @uptr: the user's structure
 * @answer: the kernel's
 * @size: how much of it, at most a page
 *
 * If memory goes while it is written to, that is the doing of the user's other threads.
 *
 * Context: may sleep, may fault.
 * Return: 0 or -EFAULT.
 */
int iommufd_ext_answer(struct iommufd_ext_errors *errors, void __user *uptr,
		       const void *answer, size_t size)
{
	if (put_answer(uptr, answer, size))
		return 0;
	return iommufd_ext_refuse_fault(errors,
					"the structure, for the answer,", uptr);
}
EXT_EXPORT_SYMBOL(iommufd_ext_answer);

/**
 * iommufd_ext_errors_forget() - forget what the last call said and did not fail with
 * @errors: of the file a call begins on
 *
 * For iommufd_ext_errors_begin().
 */
void iommufd_ext_errors_forget(struct iommufd_ext_errors *errors)
{
	record_free(take_pending(errors));
}
EXT_EXPORT_SYMBOL(iommufd_ext_errors_forget);

/* The errors that say all there is to say, of any call. NULL for the others. */
static const char *error_words(int rc)
{
	switch (rc) {
	case -EINTR:
		return "a signal came";
	case -ENOMEM:
		return "the kernel has no memory for it";
	case -ENOTTY:
		return "this kernel does not know the command";
	default:
		return NULL;
	}
}

/* With nothing said, what is there to say. */
static struct error_record *generic_record(struct iommufd_ext_errors *errors,
					   int rc, const char *name)
{
	const char *words = error_words(rc);
	struct error_record *record;

	iommufd_ext_refuse(errors, rc, NULL, "%s: %s (error %d)", name,
			   words ?: "the kernel gives no reason", -rc);
	record = take_pending(errors);
	if (!record || words)
		return record;
	record->generic = true;
	pr_debug("iommufd_ext: no reason given: %s: error %d\n", name, -rc);
	return record;
}

/*
 * Programs do not ask why, and say "Cannot allocate memory". Most often that is a limit,
 * which the administrator can raise.
 */
static void log_limit(const struct error_record *record)
{
	if (record->about.over_limit)
		pr_notice_ratelimited("iommufd_ext: %s[%d] may not lock that much memory (ulimit -l, LimitMEMLOCK=): %s\n",
				      current->comm, task_tgid_nr(current),
				      record->text);
}

/**
 * iommufd_ext_errors_end() - a call has failed
 * @errors: of the file it was made on
 * @rc: with what, negative errno
 * @cmd: number of the ioctl, 0 for another call
 * @name: what to call it if nothing has been said
 *
 * Context: may sleep.
 * Return: @rc.
 */
int iommufd_ext_errors_end(struct iommufd_ext_errors *errors, int rc, u32 cmd,
			   const char *name)
{
	struct error_record *record = take_pending(errors);

	if (!record || record->error != -rc) {
		record_free(record);
		record = generic_record(errors, rc, name);
	}
	/* Without memory there is none. */
	if (!record)
		return rc;
	trace_ioasid_error(name, rc, record->text);
	log_limit(record);
	record->cmd = cmd;
	add_record(errors, record);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_errors_end);

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
	struct error_record *record = take_pending(&ictx->errors);

	if (!record || record->error != -rc) {
		record_free(record);
		return rc;
	}
	record_free(take_pending(errors));
	add_pending(errors, record);
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_errors_take);

static int answer_standing(const struct iommufd_ext_standing *standing,
			   struct ioasid_get_error *cmd, char *text)
{
	if (!standing)
		return -ENODATA;
	cmd->out_flags = 0;
	cmd->out_errno = standing->error;
	cmd->out_cmd = standing->cmd;
	memset(cmd->out_ids, 0, sizeof(cmd->out_ids));
	cmd->out_start = 0;
	cmd->out_last = 0;
	strscpy(text, standing->text, TEXT_SIZE);
	return 0;
}

static int answer(struct iommufd_ext_errors *errors,
		  struct ioasid_get_error *cmd, char *text)
{
	struct error_record *record;
	int rc = -ENODATA;

	spin_lock(&errors->lock);
	record = find_locked(&errors->records);
	if (record) {
		cmd->out_flags = record->about.has_range ? IOASID_ERROR_RANGE :
							   0;
		if (record->generic)
			cmd->out_flags |= IOASID_ERROR_GENERIC;
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
	return rc ? answer_standing(errors->standing, cmd, text) : 0;
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
	rc = copy_struct(&cmd, sizeof(cmd), arg, size);
	if (rc)
		return rc;
	if (cmd.flags)
		return -EOPNOTSUPP;

	rc = answer(errors, &cmd, text);
	if (!rc)
		rc = put_text(&cmd, text);
	if (!rc && !put_answer(arg, &cmd, min_t(size_t, size, sizeof(cmd))))
		rc = -EFAULT;
	return rc;
}
EXT_EXPORT_SYMBOL(iommufd_ext_get_error_ioctl);
