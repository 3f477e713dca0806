// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>

#include "fail.h"
#include "test.h"

#define DEBUGFS "/sys/kernel/debug/"
#define FAIL_NTH "/proc/thread-self/fail-nth"

/* A file of the program, and none of a test: what a test leaves is counted. */
static int nth_file = -1;

void need_faults(void)
{
	/* Left to themselves they spare who can wait, and large or high memory. */
	static const char *const settings[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
	};
	char path[64];
	size_t i;

	if (nth_file >= 0)
		return;
	if (!path_exists(FAIL_NTH))
		skip_test("no fault injection in this kernel");
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s", settings[i][0]);
		assert_ok(write_file(path, settings[i][1]));
	}
	nth_file = assert_ok(open(FAIL_NTH, O_RDWR | O_CLOEXEC));
}

void fail_begin(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	check_eq(len, assert_ok(pwrite(nth_file, text, len, 0)));
}

/* What takes the fault back copies, too, and may be what it hits: it was one left, then. */
unsigned int fail_end(void)
{
	char text[16] = "";
	ssize_t len = pread(nth_file, text, sizeof(text) - 1, 0);

	if (len < 0) {
		check_eq(EFAULT, errno);
		return 1;
	}
	if (pwrite(nth_file, "0", 1, 0) < 0) {
		check_eq(EFAULT, errno);
		return 1;
	}
	return strtoul(text, NULL, 10);
}
