/* SPDX-License-Identifier: GPL-2.0-only */
/* What a sequence has while it runs on one side. */
#ifndef DIFF_WORLD_H
#define DIFF_WORLD_H

#include <sys/types.h>

#include "diff.h"

#define MAX_IDS 512
#define MAX_SPACES 8
#define MAX_MAPPED 512

/* An id as it is on this side, and how often there was a new one before it. */
struct known_id {
	int context;
	uint32_t id;
	uint32_t number;
};

struct mapped {
	int context;
	uint32_t ioas;
	uint64_t iova;
	uint64_t len;
};

/*
 * In memory that both processes share. Files are not shared: what one opens after the second has
 * started, the other does not have. They take turns, so there is no lock.
 */
struct world {
	const struct sequence *seq;
	struct trace *trace;
	/* The nodes of this side. */
	char context_node[32];
	char device_node[NUM_DEVICES][80];
	bool lies;
	/* -1 if not open. */
	int context[NUM_CONTEXTS];
	int device[NUM_DEVICES];
	/* Which context a device is bound to. */
	int device_context[NUM_DEVICES];
	uint32_t ids[NUM_SLOTS];
	int files[NUM_SLOTS];
	/* For memory that is looked at after DMA. */
	uint64_t file_len[NUM_SLOTS];
	struct known_id known[MAX_IDS];
	unsigned int num_known;
	/* Every IOAS there was: by context and id. */
	struct mapped spaces[MAX_SPACES];
	unsigned int num_spaces;
	/* Whatever was mapped once. */
	struct mapped mapped[MAX_MAPPED];
	unsigned int num_mapped;
	/* /proc/PID/status of both. */
	int status[2];
	/* The second process: told which call, tells that it is done. */
	pid_t second;
	int tell[2];
	int hear[2];
};

extern struct world *world;
/* This is the second process, which opens and closes nothing. */
extern bool is_second;
/* Which aspect ours lies about. */
extern enum aspect lie;

bool lies_about(enum aspect aspect);

/* The file of a context or device, opened if it is not; -1 for none. */
int context_fd(unsigned int nr);
int device_fd(unsigned int nr);
/* What a value stands for on this side. */
uint32_t resolve_id(uint64_t value);
int resolve_fd(uint64_t value);
void note_mapped(int context, uint32_t ioas, uint64_t iova, uint64_t len);

/* The second process: it does what it is told until it is to end. */
void second_loop(void);

/* Give memory its first content: each page says where it is. */
void fill_page(void *page, uint64_t name);
void make_memory(void);

#endif
