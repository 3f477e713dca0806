/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What there is before a call of a sequence, as far as it can be told from the calls in front of it
 * and from what the kernel answered: for the conditions of known.c.
 */
#ifndef DIFF_REPLAY_H
#define DIFF_REPLAY_H

#include "diff.h"

#define MAX_SPANS 512
#define MEM_PAGES (MEM_END / 4096)
#define NO_LIMIT UINT64_MAX

/* A mapping, or what is left of one. */
struct span {
	/* The call that has made its IOAS. */
	int ioas;
	uint64_t iova;
	uint64_t len;
	/* Memory of which process, 0 for the first; or of a file, all of which is there. */
	uint64_t va;
	unsigned int process;
	bool file;
	bool writable;
	/* Its process had a limit when it was mapped. */
	bool charged;
};

enum page_state { PAGE_GONE, PAGE_READ_ONLY, PAGE_WRITABLE };

struct replay {
	const struct sequence *seq;
	/* The call, and what the kernel said of it. */
	const struct call *call;
	const struct outcome *kernel;
	/* The call that has made the IOAS of a slot, or of a container; -1 for none. */
	int slots[NUM_SLOTS];
	int container[NUM_CONTEXTS];
	/* The slot names an object, of whatever type. */
	bool made[NUM_SLOTS];
	bool attached[NUM_DEVICES];
	/* Of the first process and of the second: memory, and pages that it may lock. */
	uint8_t pages[2][MEM_PAGES];
	uint64_t limit[2];
	/* Which process the second is, 0 for none; and how many there were. */
	unsigned int second;
	unsigned int processes;
	/* By IOVA. */
	struct span spans[MAX_SPANS];
	unsigned int num;
};

/* Everything before the call @nr. */
const struct replay *replay_to(const struct sequence *seq, unsigned int nr,
			       const struct trace *kernel);

/* The IOAS that the call is about: of its value of that name, or of its container. -1 for none. */
int replay_ioas(const struct replay *r, const char *name);
/* What the call maps itself. */
struct span replay_span(const struct replay *r);
uint64_t span_pages(const struct span *span);
/* Pages in front of the first that cannot be pinned. */
uint64_t span_good(const struct replay *r, const struct span *span);
/* How many more pages can be charged for it, NO_LIMIT for any number. */
uint64_t span_room(const struct replay *r, const struct span *span);

#endif
