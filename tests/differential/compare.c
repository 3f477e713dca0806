// SPDX-License-Identifier: GPL-2.0-only
/* Both sides compared, and what differs made short. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "diff.h"
#include "test.h"

/* Where a side writes what it saw, from processes of its own. */
static struct trace *trace_of(enum side side)
{
	static struct trace *traces[2];

	if (!traces[side]) {
		traces[side] =
			mmap(NULL, sizeof(**traces), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (traces[side] == MAP_FAILED)
			fail_test("no memory");
	}
	return traces[side];
}

static bool take_difference(struct difference *diff, unsigned int call,
			    enum aspect aspect, const char *kernel,
			    const char *ours)
{
	diff->call = call;
	diff->aspect = aspect;
	snprintf(diff->kernel, sizeof(diff->kernel), "%s", kernel);
	snprintf(diff->ours, sizeof(diff->ours), "%s", ours);
	return true;
}

/* The processes of both ended as they should, after all calls. */
static bool ends_differ(const struct trace *kernel, const struct trace *ours,
			unsigned int num, struct difference *diff)
{
	char texts[2][64];
	unsigned int done;

	if (kernel->done == num && ours->done == num && !kernel->status &&
	    !ours->status)
		return false;
	done = kernel->done < ours->done ? kernel->done : ours->done;
	snprintf(texts[0], sizeof(texts[0]), "%u calls, status %#x",
		 kernel->done, kernel->status);
	snprintf(texts[1], sizeof(texts[1]), "%u calls, status %#x", ours->done,
		 ours->status);
	return take_difference(diff, done, RETURN, texts[0], texts[1]);
}

static int first_aspect(const struct outcome *kernel,
			const struct outcome *ours)
{
	int a;

	for (a = 0; a < NUM_ASPECTS; a++)
		if (strcmp(said(kernel, a), said(ours, a)))
			return a;
	return -1;
}

static bool unexpected(const struct call *call, const struct outcome *kernel)
{
	return call->expects && strcmp(call->err ? errno_name(call->err) : "",
				       said(kernel, ERRNO));
}

bool differs(const struct sequence *seq, struct difference *diff)
{
	struct trace *kernel = trace_of(KERNEL), *ours = trace_of(OURS);
	const struct outcome *k, *o;
	unsigned int i, num;
	int aspect;

	side_run(KERNEL, seq, kernel);
	side_run(OURS, seq, ours);
	num = kernel->done < ours->done ? kernel->done : ours->done;
	for (i = 0; i < num; i++) {
		k = &kernel->outcomes[i];
		o = &ours->outcomes[i];
		if (unexpected(&seq->calls[i], k))
			return take_difference(diff, i, EXPECTED,
					       said(k, ERRNO),
					       errno_name(seq->calls[i].err));
		aspect = first_aspect(k, o);
		if (aspect < 0)
			continue;
		if (!is_known(seq, i, kernel, ours))
			return take_difference(diff, i, aspect, said(k, aspect),
					       said(o, aspect));
		/* From here on each side has something else. */
		if (strcmp(said(k, RETURN), said(o, RETURN))) {
			diff->compared = i + 1;
			return false;
		}
	}
	diff->compared = num;
	return ends_differ(kernel, ours, seq->num, diff);
}

/* The sequence without some of its calls. */
static void drop(struct sequence *to, const struct sequence *from,
		 unsigned int first, unsigned int num)
{
	*to = *from;
	to->num -= num;
	memmove(&to->calls[first], &to->calls[first + num],
		(to->num - first) * sizeof(to->calls[0]));
}

void shrink(struct sequence *seq, struct difference *diff)
{
	static struct sequence less;
	static struct difference other;
	unsigned int step, first, num;

	/* What comes behind the first difference has no part in it. */
	if (diff->call + 1 < seq->num) {
		less = *seq;
		less.num = diff->call + 1;
		if (differs(&less, &other)) {
			*seq = less;
			*diff = other;
		}
	}
	for (step = (seq->num + 1) / 2; step; step /= 2) {
		for (first = 0; first < seq->num;) {
			num = seq->num - first < step ? seq->num - first : step;
			drop(&less, seq, first, num);
			if (less.num && differs(&less, &other)) {
				*seq = less;
				*diff = other;
			} else {
				first += num;
			}
		}
	}
}

void print_difference(const struct sequence *seq, const struct difference *diff)
{
	char text[512];
	unsigned int i;

	printf("# %s: %s differs at call %u\n", seq->title,
	       aspect_names[diff->aspect], diff->call + 1);
	printf("#   kernel: %s\n", diff->kernel);
	printf("#   %s %s\n",
	       diff->aspect == EXPECTED ? "expected:" : "ours:  ", diff->ours);
	for (i = 0; i < seq->num; i++) {
		call_print(&seq->calls[i], text, sizeof(text));
		printf("#   %c %s\n", i == diff->call ? '>' : ' ', text);
	}
}
