// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there an explanation for each message of the modules? The messages are taken from
 * their source: what is printed to the kernel log, and the sentences of refusals. Without
 * one of the former the test fails; of the latter it lists those without, and some are
 * allowed, as a sentence explains itself.
 */
#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "explain.h"
#include "text.h"

#define UNEXPLAINED_MAX 0

/* Calls whose first string is a message: each way to print one, and what keeps one. */
#define LEVELS 8
#define LOG_CALLS (3 * LEVELS * 3 + 1)

static const char *const *log_calls(void)
{
	static const char *const kinds[] = { "pr", "dev", "pci" };
	static const char *const levels[LEVELS] = { "emerg", "alert", "crit",
						    "err", "warn", "notice",
						    "info", "debug" };
	static const char *const ends[] = { "(", "_ratelimited(", "_once(" };
	static const char *calls[LOG_CALLS] = { "set_no_kvm(" };
	size_t i, j, k, n = 1;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		for (j = 0; j < LEVELS; j++)
			for (k = 0; k < ARRAY_SIZE(ends); k++)
				calls[n++] = xprintf("%s_%s%s", kinds[i],
						     levels[j], ends[k]);
	return calls;
}

static const char *const refusal_calls[] = { "refuse(", "refuse_id(",
					     "refuse_ids(", "refuse_range(",
					     "refuse_part(", "refuse_queue(" };

static char *read_source(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t size, room = 1 << 20;
	char *text = malloc(room);

	assert_non_null(f);
	assert_non_null(text);
	size = fread(text, 1, room - 1, f);
	text[size] = '\0';
	fclose(f);
	return text;
}

/* The strings in the arguments of a call, up to its semicolon, joined. */
static char *message_of(const char *at)
{
	char *message = calloc(1, 2048), *to = message;
	bool quoted = false;

	assert_non_null(message);
	for (; *at && (quoted || *at != ';') && to < message + 2000; at++) {
		if (*at == '"' && at[-1] != '\\') {
			quoted = !quoted;
			/* Another argument is another string. */
			if (quoted && to != message && at[-1] != ' ' &&
			    at[-1] != '\t')
				*to++ = ' ';
		} else if (quoted) {
			*to++ = *at;
		}
	}
	return message;
}

static int check_call(const char *path, const char *at, const char *call,
		      int *seen)
{
	const char *from = at + strlen(call);
	char *message = message_of(from);
	int bad = 0;

	if (*message) {
		(*seen)++;
		/* A message that is all conversion is made elsewhere. */
		if (strcmp(message, "%s") && !explain_message(message) &&
		    strcmp(message, "vfio_cdev_ext: %s\\n")) {
			printf("nothing explains, in %s: %s\n", path, message);
			bad = 1;
		}
	}
	free(message);
	return bad;
}

static int check_file(const char *path, const char *const *calls, size_t n,
		      int *seen)
{
	char *text = read_source(path);
	const char *at;
	int bad = 0;
	size_t i;

	for (i = 0; i < n; i++)
		for (at = text; (at = strstr(at, calls[i])); at++)
			bad += check_call(path, at, calls[i], seen);
	free(text);
	return bad;
}

static int check_sources(const char *const *calls, size_t n, int *seen)
{
	char *paths[3] = { SOURCES "/iommufd_ext", SOURCES "/vfio_cdev_ext",
			  NULL };
	FTS *fts = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;
	int bad = 0;

	assert_non_null(fts);
	while ((entry = fts_read(fts))) {
		if (entry->fts_info == FTS_D &&
		    !strcmp(entry->fts_name, "selftest"))
			fts_set(fts, entry, FTS_SKIP);
		if (entry->fts_info == FTS_F && entry->fts_namelen > 2 &&
		    !strcmp(entry->fts_name + entry->fts_namelen - 2, ".c"))
			bad += check_file(entry->fts_path, calls, n, seen);
	}
	fts_close(fts);
	return bad;
}

static void test_log(void **state)
{
	int seen = 0;

	(void)state;
	assert_int_equal(check_sources(log_calls(), LOG_CALLS, &seen), 0);
	/* The search itself has to find something. */
	assert_true(seen >= 15);
}

static void test_refusals(void **state)
{
	int seen = 0, bad;

	(void)state;
	bad = check_sources(refusal_calls, ARRAY_SIZE(refusal_calls), &seen);
	printf("%d of %d refusals have no explanation\n", bad, seen);
	assert_true(seen >= 150);
	assert_true(bad <= UNEXPLAINED_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
