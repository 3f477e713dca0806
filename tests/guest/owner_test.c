// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: who is said to have a device, and to whom
 *
 * Who is named as the one that has a device, and to whom: in the refusals of both modules,
 * in IOASID_GROUP_INFO, in "owner" of sysfs and in the log. A process that is not there any
 * more is not named, nor is one to who may not see it; who has used the file last is.
 */
#include <sched.h>
#include <signal.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dma.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define OTHER_UID (LIMIT_UID + 1)
#define NOT_SEEN "a process that you may not see"
#define ENDED "a process that has ended"
#define SOON 10000

/* The files that hold both devices: one that is bound, and one whose group is claimed. */
struct kept {
	int ctx;
	int edu;
	int shared;
};

/* Files of who asks, open before he is somebody else. */
struct asking {
	int ctx;
	int edu;
	int shared;
};

/* What he is to be told. */
struct view {
	const char *use;
	const char *who;
	pid_t pid;
	/* NULL: he may not read it. */
	const char *owner;
};

static void need_devices(void)
{
	need_edu();
	need_shared();
	assert_ok(prctl(PR_SET_NAME, "asker"));
}

static struct kept kept_open(void)
{
	struct kept kept = {
		.ctx = ioasid_open(),
		.edu = (int)assert_ok(cdev_open(edu_bdf)),
		.shared = (int)assert_ok(cdev_open(shared1)),
	};

	return kept;
}

static void keep(const struct kept *kept)
{
	assert_ok(cdev_bind(kept->edu, kept->ctx, NULL));
	assert_ok(cdev_bind(kept->shared, kept->ctx, NULL));
}

static void use(const struct kept *kept)
{
	vfio_config16(kept->edu, 0);
	ioas_new(kept->ctx);
}

static struct asking asking_open(void)
{
	struct asking asking = {
		.ctx = ioasid_open(),
		.edu = (int)assert_ok(cdev_open(edu_bdf)),
		.shared = (int)assert_ok(cdev_open(shared2)),
	};

	return asking;
}

static void check_text(int fd, int err, const char *want)
{
	struct refusal r;

	check_refusal(fd, err, want, &r);
	if (strcmp(want, r.text))
		fail_test("expected \"%s\", got \"%s\"", want, r.text);
}

static void check_owner(const char *want)
{
	char path[PATH_MAX], got[PAGE];

	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/vfio-dev/%s/owner", edu_bdf,
		 cdev_name(edu_bdf));
	read_file(path, got, sizeof(got));
	if (strcmp(got, want))
		fail_test("owner: expected \"%s\", got \"%s\"", want, got);
}

static void check_view(const struct asking *asking, const struct view *view)
{
	struct ioasid_group_member member;
	struct ioasid_group_info info;
	char want[512];

	assert_errno(EINVAL, cdev_bind(asking->edu, asking->ctx, NULL));
	snprintf(want, sizeof(want), "cannot bind %s: it is %s by %s", edu_bdf,
		 view->use, view->who);
	check_text(asking->edu, EINVAL, want);

	assert_errno(EPERM, cdev_bind(asking->shared, asking->ctx, NULL));
	snprintf(want, sizeof(want),
		 "cannot bind %s: IOMMU group %d belongs to another /dev/ioasid file, of %s",
		 shared2, pci_group(shared2), view->who);
	check_text(asking->shared, EPERM, want);

	assert_ok(group_info(asking->edu, 0, &info, &member, 1));
	check(info.out_flags & IOASID_GROUP_CONTEXT);
	check_eq(view->pid, info.out_owner_pid);
	if (view->owner)
		check_owner(view->owner);
}

/* All of this is done by one process and its name is known. */
static void check_seen(const struct asking *asking, pid_t pid, const char *name,
		       bool owner)
{
	char who[64], line[64];
	struct view view = {
		.use = "in use",
		.who = who,
		.pid = pid,
		.owner = owner ? line : NULL,
	};

	snprintf(who, sizeof(who), "process %d (%s)", pid, name);
	snprintf(line, sizeof(line), "%d %s\n", pid, name);
	check_view(asking, &view);
}

static void check_hidden(const struct asking *asking, bool owner)
{
	struct view view = {
		.use = "in use",
		.who = NOT_SEEN,
		.owner = owner ? "0\n" : NULL,
	};

	check_view(asking, &view);
}

static void check_ended(const struct asking *asking)
{
	struct view view = { .use = "bound", .who = ENDED, .owner = "ended\n" };

	check_view(asking, &view);
}

/* ---- a process that is there ---- */

struct keeper {
	struct kept kept;
	struct gate bound;
	struct gate rename;
	struct gate renamed;
	struct gate end;
};

static void be_keeper(void *arg)
{
	struct keeper *keeper = arg;

	assert_ok(prctl(PR_SET_NAME, "keeper"));
	keep(&keeper->kept);
	gate_open(&keeper->bound);
	gate_wait(&keeper->rename);
	assert_ok(prctl(PR_SET_NAME, "renamed"));
	gate_open(&keeper->renamed);
	gate_wait(&keeper->end);
}

static pid_t keeper_start(struct keeper *keeper, child_fn fn)
{
	pid_t child;

	keeper->kept = kept_open();
	gate_init(&keeper->bound);
	gate_init(&keeper->rename);
	gate_init(&keeper->renamed);
	gate_init(&keeper->end);
	child = child_start(fn, keeper);
	gate_wait(&keeper->bound);
	return child;
}

static void test_root(void **state)
{
	struct keeper keeper;
	struct asking asking;
	pid_t child;

	(void)state;
	need_devices();
	child = keeper_start(&keeper, be_keeper);
	asking = asking_open();
	check_seen(&asking, child, "keeper", true);
	/* It is called what ps calls it, not what it was called. */
	gate_open(&keeper.rename);
	gate_wait(&keeper.renamed);
	check_seen(&asking, child, "renamed", true);
	gate_open(&keeper.end);
	child_ok(child);
}

static void test_itself(void **state)
{
	struct kept kept;
	struct asking asking;

	(void)state;
	need_devices();
	kept = kept_open();
	keep(&kept);
	asking = asking_open();
	check_seen(&asking, getpid(), "asker", true);
}

/* Both bound it and used it, and live. */
static void test_passed_on(void **state)
{
	char who[128], line[64];
	struct view view = { .use = "bound", .who = who, .owner = line };
	struct keeper keeper;
	struct asking asking;

	(void)state;
	need_devices();
	view.pid = keeper_start(&keeper, be_keeper);
	asking = asking_open();
	use(&keeper.kept);
	snprintf(who, sizeof(who),
		 "process %d (keeper), and used last by process %d (asker)",
		 view.pid, getpid());
	snprintf(line, sizeof(line), "%d keeper\nlast %d asker\n", view.pid,
		 getpid());
	check_view(&asking, &view);
	gate_open(&keeper.rename);
	gate_open(&keeper.end);
	child_ok(view.pid);
}

/* ---- who may see it ---- */

static void run_asker(child_fn fn)
{
	struct kept kept;

	need_devices();
	kept = kept_open();
	keep(&kept);
	run_child(fn, NULL);
}

static void ask_as_other(void *arg)
{
	struct asking asking = asking_open();

	(void)arg;
	become_user(LIMIT_UID, 0);
	check_hidden(&asking, false);
}

static void test_other_user(void **state)
{
	(void)state;
	run_asker(ask_as_other);
}

static void set_effective(unsigned int capability, bool on)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	assert_ok(syscall(SYS_capget, &head, data));
	if (on)
		data[0].effective |= 1U << capability;
	else
		data[0].effective &= ~(1U << capability);
	assert_ok(syscall(SYS_capset, &head, data));
}

static void ask_with_capability(void *arg)
{
	struct asking asking = asking_open();

	(void)arg;
	assert_ok(prctl(PR_SET_KEEPCAPS, 1));
	become_user(LIMIT_UID, 0);
	check_hidden(&asking, false);
	set_effective(CAP_SYS_PTRACE, true);
	check_seen(&asking, getppid(), "asker", false);
}

static void test_capability(void **state)
{
	(void)state;
	run_asker(ask_with_capability);
}

/* The same user, with fewer rights than the other process has. */
static void ask_as_less(void *arg)
{
	struct asking asking = asking_open();

	(void)arg;
	set_effective(CAP_SYS_PTRACE, false);
	check_hidden(&asking, true);
}

static void test_fewer_capabilities(void **state)
{
	(void)state;
	run_asker(ask_as_less);
}

static void ask_in_user_namespace(void *arg)
{
	struct asking asking = asking_open();

	(void)arg;
	assert_ok(unshare(CLONE_NEWUSER));
	check_hidden(&asking, false);
}

static void test_user_namespace(void **state)
{
	(void)state;
	run_asker(ask_in_user_namespace);
}

static void ask_in_pid_namespace(void *arg)
{
	struct asking asking = asking_open();
	int status;
	pid_t pid;

	(void)arg;
	assert_ok(unshare(CLONE_NEWPID));
	pid = fork();
	if (!pid) {
		check_hidden(&asking, true);
		_exit(0);
	}
	assert_ok(pid);
	assert_ok(waitpid(pid, &status, 0));
	check_eq(0, status);
}

static void test_pid_namespace(void **state)
{
	(void)state;
	run_asker(ask_in_pid_namespace);
}

/* No rights beyond its files: it is seen by processes of its user. */
static void be_user_keeper(void *arg)
{
	struct keeper *keeper = arg;

	become_user(LIMIT_UID, 0);
	assert_ok(prctl(PR_SET_DUMPABLE, 1));
	assert_ok(prctl(PR_SET_NAME, "keeper"));
	keep(&keeper->kept);
	gate_open(&keeper->bound);
	gate_wait(&keeper->rename);
	/* As a program is that was started with more rights than its user has. */
	assert_ok(prctl(PR_SET_DUMPABLE, 0));
	gate_open(&keeper->renamed);
	gate_wait(&keeper->end);
}

struct user_asker {
	struct keeper keeper;
	pid_t pid;
};

static void ask_as_user(void *arg)
{
	struct asking asking = asking_open();
	struct user_asker *asker = arg;

	become_user(LIMIT_UID, 0);
	check_seen(&asking, asker->pid, "keeper", false);
	gate_open(&asker->keeper.rename);
	gate_wait(&asker->keeper.renamed);
	check_hidden(&asking, false);
}

static void ask_in_other_group(void *arg)
{
	struct asking asking = asking_open();

	(void)arg;
	assert_ok(setresgid(OTHER_UID, OTHER_UID, OTHER_UID));
	assert_ok(setresuid(LIMIT_UID, LIMIT_UID, LIMIT_UID));
	check_hidden(&asking, false);
}

static void test_same_user(void **state)
{
	struct user_asker asker;

	(void)state;
	need_devices();
	asker.pid = keeper_start(&asker.keeper, be_user_keeper);
	run_child(ask_in_other_group, NULL);
	run_child(ask_as_user, &asker);
	gate_open(&asker.keeper.end);
	child_ok(asker.pid);
}

/* ---- a process that has ended ---- */

static void keep_and_end(void *arg)
{
	assert_ok(prctl(PR_SET_NAME, "keeper"));
	keep(arg);
}

static void wait_for_end(pid_t pid)
{
	siginfo_t info;

	assert_ok(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	check_eq(0, info.si_status);
}

/* Bound by a process that is no more, whose number is returned. */
static pid_t kept_by_ended(struct kept *kept)
{
	pid_t pid;

	need_devices();
	*kept = kept_open();
	pid = child_start(keep_and_end, kept);
	child_ok(pid);
	return pid;
}

static void test_ended(void **state)
{
	struct asking asking;
	struct kept kept;
	pid_t pid;

	(void)state;
	need_devices();
	kept = kept_open();
	pid = child_start(keep_and_end, &kept);
	wait_for_end(pid);
	asking = asking_open();
	/* Still in /proc, with its number, and yet it does nothing any more. */
	check_ended(&asking);
	child_ok(pid);
	check_ended(&asking);
}

static void ask_of_ended(void *arg)
{
	struct view view = {
		.use = "bound",
		.who = ENDED ", and used last by " NOT_SEEN,
	};
	struct asking asking = asking_open();

	(void)arg;
	become_user(LIMIT_UID, 0);
	check_view(&asking, &view);
}

static void test_ended_used(void **state)
{
	char who[128], line[64];
	struct view view = { .use = "bound", .who = who, .owner = line };
	struct asking asking;
	struct kept kept;

	(void)state;
	kept_by_ended(&kept);
	asking = asking_open();
	use(&kept);
	snprintf(who, sizeof(who), ENDED ", and used last by process %d (asker)",
		 getpid());
	snprintf(line, sizeof(line), "ended\nlast %d asker\n", getpid());
	check_view(&asking, &view);
	run_child(ask_of_ended, NULL);
}

static void use_and_end(void *arg)
{
	assert_ok(prctl(PR_SET_NAME, "user"));
	use(arg);
}

static void test_both_ended(void **state)
{
	struct view view = {
		.use = "bound",
		.who = ENDED ", and used last by " ENDED,
		.owner = "ended\nlast ended\n",
	};
	struct asking asking;
	struct kept kept;

	(void)state;
	kept_by_ended(&kept);
	run_child(use_and_end, &kept);
	asking = asking_open();
	check_view(&asking, &view);
}

static pid_t fork_with_number(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Another process gets the number. It has none of our files. */
static void test_number_again(void **state)
{
	struct asking asking;
	struct kept kept;
	pid_t pid, again;
	int status;

	(void)state;
	pid = kept_by_ended(&kept);
	asking = asking_open();
	again = fork_with_number(pid);
	if (!again) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close_range(3, ~0U, 0);
		pause();
		_exit(0);
	}
	check_eq(pid, again);
	check_ended(&asking);
	assert_ok(kill(again, SIGKILL));
	assert_ok(waitpid(again, &status, 0));
}

/* ---- the log ---- */

static void check_leaving(const struct kept *kept, const char *want)
{
	int mark = klog_mark();
	char path[PATH_MAX];
	pid_t child;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver/unbind",
		 edu_bdf);
	child = write_start(path, edu_bdf);
	check(klog_wait(mark, edu_bdf, want, SOON));
	drop_fd(kept->edu);
	child_ok(child);
}

static void test_log_ended(void **state)
{
	struct kept kept;

	(void)state;
	kept_by_ended(&kept);
	check_leaving(&kept, "was bound by " ENDED "\n");
}

static void test_log_used(void **state)
{
	struct kept kept;
	char want[128];

	(void)state;
	kept_by_ended(&kept);
	use(&kept);
	snprintf(want, sizeof(want),
		 "was bound by " ENDED ", and used last by process %d (asker)",
		 getpid());
	check_leaving(&kept, want);
}

#define ADD(name) test_add(&list, test_##name, NULL, "%s", #name)

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_all;
	ADD(root);
	ADD(itself);
	ADD(passed_on);
	ADD(other_user);
	ADD(capability);
	ADD(fewer_capabilities);
	ADD(user_namespace);
	ADD(pid_namespace);
	ADD(same_user);
	ADD(ended);
	ADD(ended_used);
	ADD(both_ended);
	ADD(number_again);
	ADD(log_ended);
	ADD(log_used);
	return test_main(argc, argv, "owner_test", &list, NULL, NULL);
}
