// SPDX-License-Identifier: GPL-2.0-only
/* With the library of the guest tests: tests that a child skips, and a child of that. */
#include "test.h"

static void skips(void *arg)
{
	(void)arg;
	skip_test("no such device");
}

static void child_skips(void *arg)
{
	run_child(skips, arg);
}

static void test_child(void **state)
{
	run_child(skips, test_arg(state));
	fail_test("a test went on that a child skipped");
}

static void test_grandchild(void **state)
{
	run_child(child_skips, test_arg(state));
	fail_test("a test went on that a child skipped");
}

static void test_after(void **state)
{
	(void)state;
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_add(&list, test_child, NULL, "child");
	test_add(&list, test_grandchild, NULL, "grandchild");
	test_add(&list, test_after, NULL, "after");
	return test_main(argc, argv, "skip", &list, NULL, NULL);
}
