// SPDX-License-Identifier: GPL-2.0-only
/*
 * differential FILE SEED CALLS [PATTERN] : TAP of the sequences of FILE, and of random ones from
 * the seed. PATTERN is a shell pattern for titles; then there are no random ones.
 *
 * FILE has a line "== TITLE" before each sequence, and a line for each call. A line "from 6.13" or
 * "until 6.13" says which kernels it is for. Comments begin with "#".
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "test.h"
#include "vfio.h"

#define RANDOM_CALLS 150
/* Different differences that are printed and made short. */
#define MAX_SHOWN 12

static unsigned int tests, failed;

static void result(bool ok, const char *title)
{
	tests++;
	failed += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", tests, title);
	fflush(stdout);
}

/* ---- canaries ---- */

static const char *const canary[] = {
	"alloc as=A",
	"alloc as=B",
	"bind size=16 fd=c0 as=U",
	"map flags=7 ioas=A va=mem len=0x1000 iova=0x100000",
	"map flags=7 ioas=B va=mem+0x1000 len=0x1000 iova=0x100000",
	"attach size=12 pt=A",
	"copy flags=7 dst=A src=B len=0x1000 iova=0x200000 from=0x100000",
	"unmap ioas=A iova=0x300000 len=0x1000",
	"dma ioas=A",
	"unmap ioas=A iova=0x100000 len=0x1000",
	"detach size=8",
};

static void canary_sequence(struct sequence *seq)
{
	char error[128];
	size_t i;

	memset(seq, 0, sizeof(*seq));
	strcpy(seq->title, "canary");
	for (i = 0; i < ARRAY_SIZE(canary); i++)
		if (!call_parse(&seq->calls[seq->num++], canary[i], error,
				sizeof(error)))
			fail_test("%s", error);
}

/* Whoever lies is found out, about that; and most calls have no part in it. */
static void run_canaries(void)
{
	static struct difference diff;
	static struct sequence seq;
	char title[64];
	bool ok;
	int a;

	canary_sequence(&seq);
	ok = !differs(&seq, &diff);
	if (!ok)
		print_difference(&seq, &diff);
	result(ok, "canary: nobody lies");
	for (a = 0; a < NUM_ASPECTS; a++) {
		side_lie(a);
		ok = differs(&seq, &diff) && diff.aspect == (enum aspect)a;
		snprintf(title, sizeof(title), "canary: %s", aspect_names[a]);
		result(ok, title);
	}
	/* A context's device and memory of an IOAS are what DMA takes. */
	side_lie(SEEN);
	ok = differs(&seq, &diff);
	if (ok)
		shrink(&seq, &diff);
	result(ok && seq.num == 4, "canary: made short");
	side_lie(NUM_ASPECTS);
}

/* Not all that differs so is known. */
static void run_known_canaries(void)
{
	char title[160];
	unsigned int nr;
	bool ok;

	for (nr = 0; known_canary(nr, &ok, title, sizeof(title)); nr++)
		result(ok, title);
}

/* ---- sequences by hand ---- */

static bool for_this_kernel(const char *line, bool *is)
{
	int major, minor;

	if (sscanf(line, "from %d.%d", &major, &minor) == 2)
		*is &= kernel_since(major, minor);
	else if (sscanf(line, "until %d.%d", &major, &minor) == 2)
		*is &= !kernel_since(major, minor);
	else
		return false;
	return true;
}

static void run_by_hand(struct sequence *seq, const char *pattern)
{
	static struct difference diff;
	bool ok;

	if (!seq->num || (pattern && fnmatch(pattern, seq->title, 0)))
		return;
	ok = !differs(seq, &diff);
	if (!ok) {
		print_difference(seq, &diff);
	} else if (diff.compared < seq->num) {
		printf("# %s: not compared from call %u on\n", seq->title,
		       diff.compared + 1);
		ok = false;
	}
	result(ok, seq->title);
}

static void run_file(const char *path, const char *pattern)
{
	static struct sequence seq;
	char line[512], error[128];
	unsigned int nr = 0;
	bool here = true;
	FILE *file = fopen(path, "re");

	if (!file)
		fail_test("%s: %s", path, errno_name(errno));
	while (fgets(line, sizeof(line), file)) {
		nr++;
		line[strcspn(line, "#\n")] = 0;
		if (!line[strspn(line, " \t")])
			continue;
		if (!strncmp(line, "== ", 3)) {
			if (here)
				run_by_hand(&seq, pattern);
			memset(&seq, 0, sizeof(seq));
			snprintf(seq.title, sizeof(seq.title), "%.90s",
				 line + 3);
			here = true;
		} else if (!for_this_kernel(line, &here)) {
			if (seq.num == MAX_CALLS ||
			    !call_parse(&seq.calls[seq.num++], line, error,
					sizeof(error)))
				fail_test("%s:%u: %s", path, nr, error);
		}
	}
	if (here)
		run_by_hand(&seq, pattern);
	fclose(file);
}

/* ---- random sequences ---- */

/* Of what kind a difference is, so that one fault is shown once. */
static bool is_new(const struct sequence *seq, const struct difference *diff)
{
	static char keys[MAX_SHOWN][128];
	static unsigned int num;
	char key[128];
	unsigned int i;

	snprintf(key, sizeof(key), "%s %d %.40s %.40s",
		 diff->call < seq->num ? seq->calls[diff->call].type->name :
					 "end",
		 diff->aspect, diff->kernel, diff->ours);
	for (i = 0; i < num; i++)
		if (!strcmp(keys[i], key))
			return false;
	if (num == MAX_SHOWN)
		return false;
	strcpy(keys[num++], key);
	return true;
}

static void run_random(uint64_t seed, unsigned int calls)
{
	static struct difference diff;
	static struct sequence seq;
	unsigned int part, parts = (calls + RANDOM_CALLS - 1) / RANDOM_CALLS;
	unsigned int bad = 0, made = 0;
	char title[160];

	printf("# SEED=%llu CALLS=%u\n", (unsigned long long)seed, calls);
	for (part = 0; part < parts; part++) {
		random_sequence(&seq, seed, part, RANDOM_CALLS);
		made += seq.num;
		if (part % 50 == 49)
			printf("# %u sequences of %u, %u differ\n", part + 1,
			       parts, bad);
		fflush(stdout);
		if (!differs(&seq, &diff))
			continue;
		bad++;
		if (!is_new(&seq, &diff))
			continue;
		shrink(&seq, &diff);
		print_difference(&seq, &diff);
		snprintf(title, sizeof(title), "%.80s", seq.title);
		result(false, title);
	}
	snprintf(title, sizeof(title),
		 "random SEED=%llu: %u sequences, %u calls, %u differ",
		 (unsigned long long)seed, parts, made, bad);
	result(!bad, title);
}

/* A difference that nobody meets is not known. */
static void check_known(void)
{
	struct known_state state;
	unsigned int pos = 0;
	char title[256];

	while (known_next(&pos, &state)) {
		snprintf(title, sizeof(title), "known: %s: %s", state.command,
			 state.reason);
		result(state.met, title);
	}
}

int main(int argc, char **argv)
{
	const char *bdf[NUM_DEVICES] = {
		topology("EDU_BDF"),
		topology("NVME_BDF"),
	};
	int i;

	if (argc < 4) {
		fprintf(stderr,
			"usage: differential FILE SEED CALLS [PATTERN]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < NUM_DEVICES; i++) {
		if (!bdf[i])
			fail_test("the machine has not both devices");
		pci_bind(bdf[i], DRIVER_STOCK);
	}
	sides_init(bdf);
	run_canaries();
	run_known_canaries();
	run_file(argv[1], argc > 4 ? argv[4] : NULL);
	if (argc == 4) {
		check_known();
		run_random(strtoull(argv[2], NULL, 0),
			   strtoul(argv[3], NULL, 0));
	}
	printf("1..%u\n", tests);
	return failed ? 1 : 0;
}
