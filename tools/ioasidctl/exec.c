// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidctl exec: run a program of an unprivileged user with devices.
 *
 * What needs root is done before the program runs: the nodes are opened and the limit
 * for locked memory is raised. Then all privileges are dropped, and the program finds
 * the descriptors by the numbers in its arguments.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "args.h"
#include "host.h"
#include "ioasidctl.h"
#include "output.h"
#include "root.h"

/**
 * struct passed - a device that is passed to the program
 * @spec: what the command line calls it
 * @dev: the device
 * @fd: its node, open
 */
struct passed {
	const char *spec;
	struct device dev;
	int fd;
};

/**
 * struct plan - what is to be run, and how
 * @passed: the devices
 * @n: how many these are
 * @memory: bytes that the program has to be able to lock, 0 if nobody has said
 * @user: whom it is to run as, NULL for who called sudo
 * @new_privs: let it gain privileges by set-user-ID programs
 * @iommu: /dev/iommu, open
 */
struct plan {
	struct passed *passed;
	size_t n;
	unsigned long long memory;
	const char *user;
	bool new_privs;
	int iommu;
};

/* --- with the caller's rights --------------------------------------------------- */

static int open_node(const char *path, int *fd)
{
	*fd = root_open(O_RDWR, "%s", path + 1);
	if (*fd >= 0)
		return 0;
	say_error("cannot open %s: %s", path, strerror(-*fd));
	return exit_code(*fd);
}

static int open_device(struct passed *passed)
{
	char *node = device_node(&passed->dev);
	int ret;

	if (!node) {
		say_error("%s has no node (ioasidctl why %s)", passed->dev.bdf,
			  passed->dev.bdf);
		return EXIT_NO;
	}
	ret = open_node(node, &passed->fd);
	free(node);
	return ret;
}

static int open_nodes(struct plan *plan)
{
	size_t i;
	int ret;

	ret = open_node("/dev/iommu", &plan->iommu);
	for (i = 0; i < plan->n && !ret; i++)
		ret = open_device(&plan->passed[i]);
	return ret;
}

/* A limit that is high enough stays as it is. */
static int raise_limit(const struct plan *plan)
{
	rlim_t wanted = plan->memory + MEMORY_MORE;
	struct rlimit limit;
	int error;
	char *size;

	if (!plan->memory)
		return 0;
	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return EXIT_FAILED;
	if (limit.rlim_cur >= wanted)
		return 0;
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted;
	if (!setrlimit(RLIMIT_MEMLOCK, &limit))
		return 0;

	error = errno;
	size = format_size(wanted);
	say_error("cannot raise the limit for locked memory to %s: %s", size,
		  strerror(error));
	free(size);
	return exit_code(-error);
}

/* --- dropping them -------------------------------------------------------------- */

static bool find_sudo_uid(unsigned long long *uid)
{
	const char *sudo = secure_getenv("SUDO_UID");

	return sudo && parse_u64(sudo, 10, uid) && *uid < (uid_t)-1;
}

/*
 * The user of --user, or who called sudo. Root is neither: it would get back by execve()
 * what is dropped here, and needs nobody to open the nodes for it.
 */
static const struct passwd *find_user(const struct plan *plan)
{
	const struct passwd *user = NULL;
	unsigned long long uid;

	if (plan->user)
		user = getpwnam(plan->user);
	else if (find_sudo_uid(&uid))
		user = getpwuid(uid);
	return user && user->pw_uid ? user : NULL;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return -errno;
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

static int become(const struct passwd *user)
{
	uid_t ruid, euid, suid;

	if (initgroups(user->pw_name, user->pw_gid) ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid))
		return -errno;
	if (getresuid(&ruid, &euid, &suid) || ruid != user->pw_uid ||
	    euid != user->pw_uid || suid != user->pw_uid)
		return -EPERM;
	if (!setuid(0))
		return -EPERM;
	return drop_capabilities();
}

/* What root has in its environment is not for others. */
static int clear_environment(void)
{
	static const char *const names[] = { "PATH", "TERM", "LANG" };
	char *kept[ARRAY_SIZE(names)];
	const char *value;
	int ret = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		value = getenv(names[i]);
		kept[i] = value ? xstrdup(value) : NULL;
	}
	clearenv();
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (kept[i] && setenv(names[i], kept[i], 1))
			ret = -errno;
		free(kept[i]);
	}
	return ret;
}

/* That of a user who has called sudo is what sudo has left of his own. */
static int set_environment(const struct passwd *user)
{
	unsigned long long uid;
	int ret = 0;

	if (!find_sudo_uid(&uid) || uid != user->pw_uid)
		ret = clear_environment();
	if (ret)
		return ret;
	return unsetenv("XDG_RUNTIME_DIR") || setenv("HOME", user->pw_dir, 1) ||
			       setenv("USER", user->pw_name, 1) ||
			       setenv("LOGNAME", user->pw_name, 1) ?
		       -errno :
		       0;
}

static int drop_privileges(const struct plan *plan)
{
	const struct passwd *user;
	int ret;

	if (geteuid()) {
		if (plan->user) {
			say_error("only root can run a program as %s",
				  plan->user);
			return EXIT_NOT_PERMITTED;
		}
	} else {
		user = find_user(plan);
		if (!user) {
			say_error("whom to run it as, other than root: use sudo, or --user");
			return EXIT_BAD_USAGE;
		}
		ret = become(user);
		if (!ret)
			ret = set_environment(user);
		if (ret) {
			say_error("cannot become %s: %s", user->pw_name,
				  strerror(-ret));
			return exit_code(ret);
		}
	}
	if (!plan->new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		say_error("no_new_privs: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return 0;
}

/* --- the arguments -------------------------------------------------------------- */

/* The descriptor that {@name} stands for, or -1. */
static int find_fd(const struct plan *plan, const char *name, size_t len)
{
	const struct passed *passed;
	char index[24];
	size_t i;

	if (len == strlen("iommu") && !strncmp(name, "iommu", len))
		return plan->iommu;
	for (i = 0; i < plan->n; i++) {
		passed = &plan->passed[i];
		snprintf(index, sizeof(index), "%zu", i);
		if ((len == strlen(index) && !strncmp(name, index, len)) ||
		    (len == strlen(passed->spec) &&
		     !strncmp(name, passed->spec, len)) ||
		    (len == strlen(passed->dev.bdf) &&
		     !strncmp(name, passed->dev.bdf, len)))
			return passed->fd;
	}
	return -1;
}

/* Replaces what is in braces and known. Return: whether there was any. */
static bool substitute(const struct plan *plan, const char *from, char **to)
{
	bool found = false;
	char *text = xstrdup(""), *longer;
	const char *end;
	int fd;

	while (*from) {
		end = *from == '{' ? strchr(from, '}') : NULL;
		fd = end ? find_fd(plan, from + 1, end - from - 1) : -1;
		if (fd >= 0) {
			longer = xprintf("%s%d", text, fd);
			from = end + 1;
			found = true;
		} else {
			longer = xprintf("%s%c", text, *from++);
		}
		free(text);
		text = longer;
	}
	*to = text;
	return found;
}

static bool is_qemu(const char *program)
{
	const char *name = strrchr(program, '/');

	return str_starts(name ? name + 1 : program, "qemu-system");
}

static void add_qemu_options(const struct plan *plan, struct strv *args)
{
	size_t i;

	strv_add(args, "-object");
	strv_addf(args, "iommufd,id=iommufd0,fd=%d", plan->iommu);
	for (i = 0; i < plan->n; i++) {
		strv_add(args, "-device");
		strv_addf(args, "vfio-pci,iommufd=iommufd0,fd=%d",
			  plan->passed[i].fd);
	}
}

static void make_arguments(const struct plan *plan, char **argv,
			   struct strv *args)
{
	bool found = false;
	char *text;

	for (; *argv; argv++) {
		found |= substitute(plan, *argv, &text);
		strv_add(args, text);
		free(text);
	}
	if (!found && is_qemu(args->s[0]))
		add_qemu_options(plan, args);
	/* execvp() wants a NULL at the end. */
	args->s = xgrow(args->s, args->n + 1, sizeof(*args->s));
	args->s[args->n] = NULL;
}

static int pass_on(int fd)
{
	return fcntl(fd, F_SETFD, 0) ? -errno : 0;
}

/* The nodes, and nothing else of what is open here. */
static int pass_nodes(const struct plan *plan)
{
	size_t i;
	int ret;

	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC))
		return exit_code(-errno);
	ret = pass_on(plan->iommu);
	for (i = 0; i < plan->n && !ret; i++)
		ret = pass_on(plan->passed[i].fd);
	return ret ? exit_code(ret) : 0;
}

static int run_program(struct plan *plan, char **argv)
{
	struct strv args = {};
	int error, ret;

	ret = open_nodes(plan);
	if (!ret)
		ret = raise_limit(plan);
	if (!ret)
		ret = drop_privileges(plan);
	if (!ret)
		ret = pass_nodes(plan);
	if (ret)
		return ret;
	make_arguments(plan, argv, &args);
	fflush(NULL);
	execvp(args.s[0], args.s);
	error = errno;
	say_error("cannot run %s: %s", args.s[0], strerror(error));
	strv_free(&args);
	return exit_code(-error);
}

static int add_device(struct plan *plan, const char *spec)
{
	struct passed *passed;

	plan->passed = xgrow(plan->passed, plan->n + 1, sizeof(*passed));
	passed = &plan->passed[plan->n++];
	passed->spec = spec;
	passed->fd = -1;
	return args_device(spec, &passed->dev);
}

int cmd_exec(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "memory", required_argument, NULL, 'm' },
		{ "user", required_argument, NULL, 'u' },
		{ "allow-new-privs", no_argument, NULL, 'p' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{}
	};
	struct plan plan = { .iommu = -1 };
	int option, ret = -1;

	while (ret < 0 && (option = getopt_long(argc, argv, "+d:m:u:", options,
						NULL)) != -1) {
		switch (option) {
		case 'd':
			ret = add_device(&plan, optarg);
			ret = ret ? ret : -1;
			break;
		case 'm':
			if (!parse_size(optarg, &plan.memory) ||
			    plan.memory > RLIM_INFINITY - MEMORY_MORE)
				ret = args_wrong("exec");
			break;
		case 'u':
			plan.user = optarg;
			break;
		case 'p':
			plan.new_privs = true;
			break;
		default:
			ret = args_common(option, "exec");
		}
	}
	if (ret < 0 && (!plan.n || optind == argc))
		ret = args_wrong("exec");
	if (ret < 0)
		ret = run_program(&plan, argv + optind);
	free(plan.passed);
	return ret;
}
