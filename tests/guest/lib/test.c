// SPDX-License-Identifier: GPL-2.0-only
/*
 * A failing cmocka test leaves by longjmp(), so every file descriptor, mapping
 * and child process is noted here when it is made, and the teardown of each
 * test gives back what the test did not. Only then are the pins, groups and
 * module references compared with what they were before (see state.c): a
 * failing test does not make its successors fail.
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "state.h"
#include "test.h"

#define SECURITYFS "/sys/kernel/security"

/*
 * Longest a test may take; a test that hangs ends its program. The longest take ten seconds, or a
 * minute on debug; a host with other work may be five times as slow.
 */
#define TEST_SECONDS 300
#define MAX_KEPT 512

/* How a child says that its test is to be skipped. */
#define SKIP_STATUS 77

void (*test_before)(void *arg);

static bool in_child;

static int kept_fds[MAX_KEPT];
static size_t num_fds;

static struct {
	void *addr;
	size_t len;
} kept_maps[MAX_KEPT];
static size_t num_maps;

static pid_t kept_pids[MAX_KEPT];
static size_t num_pids;

void test_fail(const char *file, int line, const char *fmt, ...)
{
	char msg[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (in_child) {
		dprintf(STDOUT_FILENO, "# child: %s:%d: %s\n", file, line, msg);
		_exit(1);
	}
	print_message("# %s:%d: %s\n", file, line, msg);
	_fail(file, line);
	abort();
}

void test_contains(const char *file, int line, const char *text,
		   const char *fmt, ...)
{
	char want[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(want, sizeof(want), fmt, args);
	va_end(args);
	if (!strstr(text, want))
		test_fail(file, line, "\"%s\" is not in:\n%s", want, text);
}

void test_skip(const char *fmt, ...)
{
	char msg[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (in_child) {
		dprintf(STDOUT_FILENO, "# child: skipped: %s\n", msg);
		_exit(SKIP_STATUS);
	}
	print_message("# skipped: %s\n", msg);
	skip();
	abort();
}

const char *errno_name(int err)
{
	const char *name = err ? strerrorname_np(err) : "success";

	return name ? name : "unknown errno";
}

int keep_fd(int fd)
{
	if (fd < 0)
		return fd;
	if (num_fds == MAX_KEPT)
		fail_test("too many file descriptors");
	kept_fds[num_fds++] = fd;
	return fd;
}

void drop_fd(int fd)
{
	size_t i;

	for (i = 0; i < num_fds; i++) {
		if (kept_fds[i] == fd) {
			memmove(&kept_fds[i], &kept_fds[i + 1],
				(num_fds - i - 1) * sizeof(kept_fds[0]));
			num_fds--;
			break;
		}
	}
	close(fd);
}

void *keep_map(void *addr, size_t len)
{
	if (addr == MAP_FAILED)
		return addr;
	if (num_maps == MAX_KEPT)
		fail_test("too many mappings");
	kept_maps[num_maps].addr = addr;
	kept_maps[num_maps++].len = len;
	return addr;
}

void drop_map(void *addr)
{
	size_t i;

	for (i = 0; i < num_maps; i++) {
		if (kept_maps[i].addr != addr)
			continue;
		munmap(addr, kept_maps[i].len);
		kept_maps[i] = kept_maps[--num_maps];
		return;
	}
}

static void *alloc_with(size_t len, int flags)
{
	void *addr = keep_map(mmap(NULL, len, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0),
			      len);

	if (addr == MAP_FAILED)
		fail_test("mmap of %zu bytes: %s", len, errno_name(errno));
	memset(addr, 0, len);
	return addr;
}

void *page_alloc(size_t len)
{
	return alloc_with(len, 0);
}

void *page_alloc32(size_t len)
{
#ifdef MAP_32BIT
	return alloc_with(len, MAP_32BIT);
#else
	return alloc_with(len, 0);
#endif
}

void drop_maps(void)
{
	while (num_maps)
		drop_map(kept_maps[num_maps - 1].addr);
}

void release_all(void)
{
	while (num_pids)
		child_kill(kept_pids[num_pids - 1]);
	while (num_fds)
		drop_fd(kept_fds[num_fds - 1]);
	drop_maps();
}

pid_t child_start(child_fn fn, void *arg)
{
	/* What cmocka catches to fail a test. */
	static const int signals[] = {
		SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS,
	};
	pid_t parent = getpid(), pid;
	size_t i;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		fail_test("fork: %s", errno_name(errno));
	if (pid) {
		if (num_pids == MAX_KEPT)
			fail_test("too many processes");
		kept_pids[num_pids++] = pid;
		return pid;
	}
	in_child = true;
	num_pids = 0;
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	fn(arg);
	_exit(0);
}

void child_forget(pid_t pid)
{
	size_t i;

	for (i = 0; i < num_pids; i++) {
		if (kept_pids[i] == pid) {
			kept_pids[i] = kept_pids[--num_pids];
			return;
		}
	}
}

int child_status(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	child_forget(pid);
	return status;
}

void child_ok(pid_t pid)
{
	int status = child_status(pid);

	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIP_STATUS)
		skip_test("a child skipped it");
	if (status)
		fail_test("child failed: wait status %#x", status);
}

void child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	child_status(pid);
}

void run_child(child_fn fn, void *arg)
{
	child_ok(child_start(fn, arg));
}

void gate_init(struct gate *gate)
{
	assert_ok(pipe2(gate->fd, O_CLOEXEC));
	keep_fd(gate->fd[0]);
	keep_fd(gate->fd[1]);
}

void gate_open(struct gate *gate)
{
	check(write(gate->fd[1], "x", 1) == 1);
}

bool gate_wait_ms(struct gate *gate, int ms)
{
	struct pollfd pfd = { .fd = gate->fd[0], .events = POLLIN };
	char c;

	if (poll(&pfd, 1, ms) != 1)
		return false;
	return read(gate->fd[0], &c, 1) == 1;
}

void gate_wait(struct gate *gate)
{
	if (!gate_wait_ms(gate, 30000))
		fail_test("the other process did not answer");
}

bool kernel_since(int major, int minor)
{
	struct utsname name;
	int a = 0, b = 0;

	if (uname(&name) || sscanf(name.release, "%d.%d", &a, &b) != 2)
		fail_test("no release");
	return a > major || (a == major && b >= minor);
}

void sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void check_grows(long long (*measure)(unsigned int num), unsigned int few,
		 unsigned int many, unsigned int times)
{
	long long ms[2];
	int try;

	for (try = 0; try < 5; try++) {
		ms[0] = measure(few);
		ms[1] = measure(many);
		print_message("# %u: %lld ms, %u: %lld ms\n", few, ms[0], many,
			      ms[1]);
		if (ms[1] < times * ms[0] + 100)
			return;
	}
	fail_test("%u take more than %u times as long as %u", many, times, few);
}

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	err = errno;
	close(fd);
	errno = err;
	return n < 0 ? -1 : 0;
}

void read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		fail_test("%s: %s", path, errno_name(errno));
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	buf[len] = 0;
}

long read_long(const char *path)
{
	char buf[64];

	read_file(path, buf, sizeof(buf));
	return strtol(buf, NULL, 0);
}

bool path_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

void need_thp(void)
{
	if (!path_exists("/sys/kernel/mm/transparent_hugepage"))
		skip_test("no transparent huge pages");
}

int module_load(const char *module, const char *args)
{
	char path[64];
	int fd, rc;

	snprintf(path, sizeof(path), "/ext/modules/%s.ko", module);
	fd = assert_ok(open(path, O_RDONLY | O_CLOEXEC));
	rc = syscall(SYS_finit_module, fd, args, 0) ? errno : 0;
	close(fd);
	return rc;
}

void lockdown_read(char *levels, size_t size)
{
	if (!path_exists(LOCKDOWN))
		mount("securityfs", SECURITYFS, "securityfs", 0, NULL);
	if (!path_exists(LOCKDOWN))
		skip_test("no lockdown in this kernel");
	read_file(LOCKDOWN, levels, size);
}

static int common_setup(void **state)
{
	alarm(TEST_SECONDS);
	if (test_before)
		test_before(*state);
	state_take();
	return 0;
}

static int common_teardown(void **state)
{
	(void)state;
	release_all();
	state_compare();
	alarm(0);
	return 0;
}

void test_add(struct test_list *list, test_fn fn, void *arg, const char *fmt,
	      ...)
{
	struct CMUnitTest *test;
	char name[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	list->tests =
		realloc(list->tests, (list->count + 1) * sizeof(*list->tests));
	if (!list->tests)
		abort();
	test = &list->tests[list->count++];
	*test = (struct CMUnitTest){
		.name = strdup(name),
		.test_func = fn,
		.setup_func = common_setup,
		.teardown_func = common_teardown,
		.initial_state = arg,
	};
}

static void filter_tests(struct test_list *list, const char *pattern)
{
	size_t i, kept = 0;

	for (i = 0; i < list->count; i++) {
		if (!fnmatch(pattern, list->tests[i].name, FNM_EXTMATCH))
			list->tests[kept++] = list->tests[i];
	}
	list->count = kept;
}

int test_main(int argc, char **argv, const char *name, struct test_list *list,
	      CMFixtureFunction setup, CMFixtureFunction teardown)
{
	bool plan = argc > 1 && !strcmp(argv[1], "--plan");
	const char *pattern = argc > 1 + plan ? argv[1 + plan] : NULL;

	if (pattern && *pattern)
		filter_tests(list, pattern);
	if (plan) {
		printf("%zu\n", list->count);
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!list->count) {
		printf("1..0\n");
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests(name, list->tests, list->count, setup,
				       teardown) ?
		       1 :
		       0;
}
