/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The same calls through the kernel's own iommufd and device nodes, and through ours.
 *
 * A sequence is a list of calls (call.c), written by hand (the file "sequences") or at random
 * (random.c). A side runs it in processes of its own (side.c), each call with all that can be
 * seen of it as text. The texts of both sides are compared, and a sequence that differs is made
 * short (compare.c), unless the difference is known (known.c).
 */
#ifndef DIFF_H
#define DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_VALUES 16
#define MAX_WORDS 8
#define MAX_CALLS 256
#define NUM_SLOTS 26
#define NUM_CONTEXTS 2
#define NUM_DEVICES 2

/* ---- calls ---- */

/* Where a call goes, and what its structure is. */
enum target {
	TO_CONTEXT,
	TO_DEVICE,
	/* The same without a structure: the argument is a number. */
	TO_CONTEXT_NUMBER,
	/* The program does it itself. */
	TO_PROGRAM,
};

enum kind {
	NUMBER,
	/* An id; what the call answers, if it does, is one, too. */
	ID,
	/* The id of a new object; and one that may be known already. Answers only. */
	NEW_ID,
	GOT_ID,
	/* An open file; and one the call opens. */
	FD,
	NEW_FD,
};

struct value_type {
	const char *name;
	uint16_t offset;
	uint8_t size;
	uint8_t kind;
};

struct call;
struct outcome;

struct call_type {
	const char *name;
	enum target target;
	/* Of tests/guest/lib/commands.c, which fills in what follows; NULL for none. */
	const char *command;
	unsigned long cmd;
	size_t size;
	/* May change which IOVAs are usable. */
	bool ranges;
	/* Of TO_PROGRAM: what ioctl() would return. */
	long (*run)(const struct call *call, struct outcome *out);
	struct value_type values[MAX_VALUES];
};

/* Values that are not numbers: the object or file of a slot, a context's file. */
#define SLOT(n) (0xf1f1000000000000ULL | (n))
#define CONTEXT(n) (0xf2f2000000000000ULL | (n))
#define IS_SLOT(v) (((v) & ~0xffULL) == SLOT(0))
#define IS_CONTEXT(v) (((v) & ~0xffULL) == CONTEXT(0))

/* An id that there is not. */
#define ABSENT_ID 0x7ffffff0U

struct call {
	const struct call_type *type;
	uint64_t value[MAX_VALUES];
	/* Which context, or which device. */
	uint8_t on;
	/* Done by the second process. */
	uint8_t by;
	/* The errno that is expected, 0 for success. */
	bool expects;
	uint8_t err;
	/* A byte behind the structure, which is larger then. */
	uint8_t tail;
	/* The structure can be read only. */
	bool readonly;
	uint8_t num_words;
	/* What the structure says its size is; 0 for what it is. */
	uint32_t size;
	/* Where the structure is in the buffer for it; or no pointer at all. */
	uint32_t at;
#define AT_NULL 0xffffffffU
	/* What arrays point to begins with that. */
	uint64_t words[MAX_WORDS];
};

struct sequence {
	char title[96];
	unsigned int num;
	struct call calls[MAX_CALLS];
};

/* By its name in the table, which has it: a programmer's error if not. */
const struct call_type *type_named(const char *name);
/* The value of a field, by its name. */
uint64_t *call_value(struct call *call, const char *name);
/* "NAME FIELD=VALUE... [-> ERRNO]"; false, with what is wrong in @error, if it is not. */
bool call_parse(struct call *call, const char *text, char *error, size_t size);
void call_print(const struct call *call, char *text, size_t size);

/* ---- what the calls work on: at the same addresses on both sides ---- */

/* The structure of a call, two pages, and one that cannot be used. */
#define BUFFER 0x3f000000UL
#define BUFFER_SIZE 0x2000UL
/* What pointers in it point to: a page, and one that cannot be used. */
#define DATA 0x3f100000UL
/*
 * Memory to be mapped: small pages, what may be huge pages, memory that is shared, and some
 * that is read-only. Elsewhere there is none.
 */
#define MEM 0x40000000UL
#define MEM_SMALL_PAGES 128UL
#define MEM_HUGE 0x200000UL
#define MEM_HUGE_SIZE 0x400000UL
#define MEM_SHARED 0x700000UL
#define MEM_READ_ONLY 0x710000UL
#define MEM_PART 0x10000UL
#define MEM_END 0x800000UL

/* ---- sides ---- */

/* What is compared. */
enum aspect {
	RETURN,
	ERRNO,
	BYTES,
	RANGES,
	PINNED,
	SEEN,
	NUM_ASPECTS,
	/* Not of a side: what a sequence says the kernel's errno has to be. */
	EXPECTED = NUM_ASPECTS,
};

extern const char *const aspect_names[NUM_ASPECTS + 1];

/* Room for the text of each aspect. */
#define OUTCOME_TEXT 8000

struct outcome {
	/* Where the text of each begins in the others'. */
	uint16_t at[NUM_ASPECTS];
	uint16_t used;
	char text[OUTCOME_TEXT];
};

void say(struct outcome *out, enum aspect aspect, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
const char *said(const struct outcome *out, enum aspect aspect);

struct trace {
	/* Calls that were made, and the wait status of who made them. */
	unsigned int done;
	int status;
	struct outcome outcomes[MAX_CALLS];
};

enum side { KERNEL, OURS };

/* Whose PCI addresses the devices have. The first is an edu. */
void sides_init(const char *const bdf[NUM_DEVICES]);
/* Run all calls in processes that are gone then. */
void side_run(enum side side, const struct sequence *seq, struct trace *trace);
/* From now on ours lies about this aspect; NUM_ASPECTS for the truth. */
void side_lie(enum aspect aspect);

/* ---- random sequences ---- */

/* Calls from a seed; @part is the number of the sequence in it. */
void random_sequence(struct sequence *seq, uint64_t seed, unsigned int part,
		     unsigned int num);

/* ---- differences ---- */

struct difference {
	/* The call, or the number of calls if one side made less. */
	unsigned int call;
	/* How many were compared, if there is none. */
	unsigned int compared;
	enum aspect aspect;
	char kernel[OUTCOME_TEXT];
	char ours[OUTCOME_TEXT];
};

/*
 * Run a sequence on both sides. True if they differ in what is not known. What comes behind a
 * known difference of which one side succeeds is not compared: @diff has how many calls were.
 */
bool differs(const struct sequence *seq, struct difference *diff);
/* Drop calls as long as both sides differ. */
void shrink(struct sequence *seq, struct difference *diff);
/* As comments of TAP. */
void print_difference(const struct sequence *seq,
		      const struct difference *diff);

/* Is it known that this call of a sequence differs so? Notes that it was met, or does not. */
bool is_known(const struct sequence *seq, unsigned int nr,
	      const struct trace *kernel, const struct trace *ours);
bool would_be_known(const struct sequence *seq, unsigned int nr,
		    const struct trace *kernel, const struct trace *ours);
/* Made-up differences, and whether it is right what is known of them; false for no such number. */
bool known_canary(unsigned int nr, bool *ok, char *title, size_t size);
/* Known differences of this kernel, and whether one was met since the beginning. */
struct known_state {
	const char *command;
	const char *reason;
	bool met;
};

bool known_next(unsigned int *pos, struct known_state *state);

#endif
