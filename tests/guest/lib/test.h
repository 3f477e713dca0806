/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every guest test program is made of: checks that also work in a child
 * process, resources that are given back when a test fails half way, and main().
 */
#ifndef TEST_H
#define TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/types.h>

#include <cmocka.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PAGE 4096UL
#define KB 1024UL
#define MB (1024UL * KB)
#define GB (1024UL * MB)

#define LOCKDOWN "/sys/kernel/security/lockdown"

/*
 * cmocka's own asserts jump back into cmocka, which in a child process would
 * run the rest of the program a second time. These end the child instead.
 */
void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

#define fail_test(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)

#define check(cond)                                       \
	do {                                              \
		if (!(cond))                              \
			fail_test("not true: %s", #cond); \
	} while (0)

#define check_eq(want, got)                                              \
	do {                                                             \
		unsigned long long want_ = (unsigned long long)(want);   \
		unsigned long long got_ = (unsigned long long)(got);     \
		if (want_ != got_)                                       \
			fail_test("%s: expected %#llx, got %#llx", #got, \
				  want_, got_);                          \
	} while (0)

/* The text has that in it somewhere, as printf() would put it. */
#define check_contains(text, ...) \
	test_contains(__FILE__, __LINE__, text, __VA_ARGS__)

void test_contains(const char *file, int line, const char *text,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

const char *errno_name(int err);

/* The call succeeds; its value. */
#define assert_ok(call)                                                  \
	({                                                               \
		long rc_;                                                \
		errno = 0;                                               \
		rc_ = (long)(call);                                      \
		if (rc_ == -1)                                           \
			fail_test("%s: expected success, got %s", #call, \
				  errno_name(errno));                    \
		rc_;                                                     \
	})

/* The call fails with this errno and no other; 0 stands for success. */
#define assert_errno(err, call)                                           \
	do {                                                              \
		long rc_;                                                 \
		int want_ = (err), errno_;                                \
		errno = 0;                                                \
		rc_ = (long)(call);                                       \
		errno_ = rc_ == -1 ? errno : 0;                           \
		if (errno_ != want_)                                      \
			fail_test("%s: expected %s, got %s", #call,       \
				  errno_name(want_), errno_name(errno_)); \
	} while (0)

/* Skip this test, saying why. In a child, the parent's child_ok() skips it. */
void test_skip(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#define skip_test(...) test_skip(__VA_ARGS__)

/* Resources: what is left of them at the end of a test is given back. */
int keep_fd(int fd);
void drop_fd(int fd);
void *keep_map(void *addr, size_t len);
void drop_map(void *addr);
void drop_maps(void);
void *page_alloc(size_t len);
/* Below 4 GiB, for what a 32-bit program would pass. */
void *page_alloc32(size_t len);
void release_all(void);

/* Child processes; they die with the parent. */
typedef void (*child_fn)(void *arg);
pid_t child_start(child_fn fn, void *arg);
int child_status(pid_t pid);
void child_ok(pid_t pid);
void child_kill(pid_t pid);
void child_forget(pid_t pid);
void run_child(child_fn fn, void *arg);

/* A one-way signal from one process to another. */
struct gate {
	int fd[2];
};

void gate_init(struct gate *gate);
void gate_open(struct gate *gate);
void gate_wait(struct gate *gate);
bool gate_wait_ms(struct gate *gate, int ms);

/* Is this kernel at least as new as this release? */
bool kernel_since(int major, int minor);

void sleep_ms(int ms);
long long now_ms(void);
/*
 * What takes some milliseconds with @few takes at most @times as many, and 100 more, with @many.
 * The clock goes on while others have the processors, so one of five tries has to show it.
 */
void check_grows(long long (*measure)(unsigned int num), unsigned int few,
		 unsigned int many, unsigned int times);

/*
 * Files of sysfs and procfs. write_file() returns -1 with errno; the others
 * fail the test.
 */
int write_file(const char *path, const char *text);
void read_file(const char *path, char *buf, size_t size);
long read_long(const char *path);
bool path_exists(const char *path);

/*
 * Without transparent huge pages an IOVA is chosen without regard to the alignment of the
 * memory: skips the test.
 */
void need_thp(void);

/* Load a module of /ext/modules; as insmod says it: 0, or an errno. */
int module_load(const char *module, const char *args);
/* "none [integrity] ..." of the kernel; skips the test where there is no lockdown. */
void lockdown_read(char *levels, size_t size);

/* The programs' main(): [--plan] [FILTER], FILTER being a shell pattern. */

struct test_list {
	struct CMUnitTest *tests;
	size_t count;
};

typedef void (*test_fn)(void **state);

void test_add(struct test_list *list, test_fn fn, void *arg, const char *fmt,
	      ...) __attribute__((format(printf, 4, 5)));
int test_main(int argc, char **argv, const char *name, struct test_list *list,
	      CMFixtureFunction setup, CMFixtureFunction teardown);

/* What runs around each test; a program may put its own in front. */
extern void (*test_before)(void *arg);

/* A test takes its argument as test_arg(state). */
#define test_arg(state) (*(state))

#endif
