// SPDX-License-Identifier: GPL-2.0-only
/*
 * Differences that are meant to be, or are another's fault: which call, when, what the kernel
 * says, what ours says, and why that stays. One that a run on its kernel does not meet is
 * reported: a sequence for it is missing, or it is gone.
 */
#include <string.h>

#include "diff.h"
#include "program.h"
#include "replay.h"
#include "test.h"

struct known {
	const char *command;
	/* First kernel that has it, and the first that does not any more; 0 for any. */
	int from[2];
	int to[2];
	/* Names of an errno, "" for success; NULL for any. */
	const char *kernel;
	const char *ours;
	/* What may differ beside the errno, if both sides fail; RETURN for nothing. */
	enum aspect also;
	/* What has to be so, of the call and of what there is before it; NULL for nothing. */
	bool (*when)(const struct replay *r);
	const char *reason;
};

/* A value of the call. */
static uint64_t value(const struct replay *r, const char *name)
{
	return *call_value((struct call *)r->call, name);
}

static bool pasid_flag(const struct replay *r)
{
	return value(r, "flags") == 1;
}

static bool pasid_0(const struct replay *r)
{
	return pasid_flag(r) && !value(r, "pasid");
}

static bool is_empty(const struct replay *r)
{
	return !value(r, "len");
}

static bool fault_flag(const struct replay *r)
{
	return value(r, "flags") == 4;
}

static bool no_access(const struct replay *r)
{
	return !value(r, "flags");
}

/* What the call "file" made of the file that is mapped; -1 for another. */
static int file_type(const struct replay *r)
{
	const struct call *call;

	for (call = r->call; call-- > r->seq->calls;)
		if (call->type->run == run_file &&
		    *call_value((struct call *)call, "as") == value(r, "fd"))
			return *call_value((struct call *)call, "type");
	return -1;
}

static bool write_only(const struct replay *r)
{
	return file_type(r) == FILE_WRITE_ONLY;
}

static bool read_only(const struct replay *r)
{
	return file_type(r) == FILE_READ_ONLY;
}

static bool no_memory(const struct replay *r)
{
	return file_type(r) >= FILE_DISK || IS_CONTEXT(value(r, "fd"));
}

/* A structure that is not all there. */
static bool at_the_end(const struct replay *r)
{
	uint32_t size = r->call->size ? r->call->size : r->call->type->size;

	return r->call->at != AT_NULL && r->call->at + size > BUFFER_SIZE;
}

/* There is an object of that id; no sequence has a page table that it could be. */
static bool of_object(const struct replay *r)
{
	uint64_t id = value(r, "hwpt");

	return IS_SLOT(id) && r->made[id & 0xff];
}

/* Memory that ends beyond the last address, and is larger than any. */
static bool ends_nowhere(const struct replay *r)
{
	uint64_t len = value(r, "len");

	return value(r, "va") + len < len && len > UINT64_MAX - PAGE;
}

/* ---- two reasons at once ---- */

/* Pages that are pinned in front of one that cannot be are more than may be charged. */
static bool charged_in_front(const struct replay *r, const struct span *span,
			     uint64_t before)
{
	uint64_t good = span_good(r, span), room = span_room(r, span);

	return good < span_pages(span) && room != NO_LIMIT &&
	       before + good > room;
}

/* Of the memory that the call maps. */
static bool map_charged(const struct replay *r)
{
	struct span span = replay_span(r);

	return charged_in_front(r, &span, 0);
}

/* Of a mapping of an IOAS, behind all in front of it. */
static bool space_charged(const struct replay *r, int ioas)
{
	const struct span *span;
	uint64_t before = 0;

	for (span = r->spans; span < r->spans + r->num; span++) {
		if (span->ioas != ioas)
			continue;
		if (charged_in_front(r, span, before))
			return true;
		if (span->charged)
			before += span_pages(span);
	}
	return false;
}

static bool space_has_gap(const struct replay *r, int ioas)
{
	const struct span *span;

	for (span = r->spans; span < r->spans + r->num; span++)
		if (span->ioas == ioas && span_good(r, span) < span_pages(span))
			return true;
	return false;
}

static bool space_over_limit(const struct replay *r, int ioas)
{
	const struct span *span;
	uint64_t sum = 0;

	for (span = r->spans; span < r->spans + r->num; span++) {
		if (span->ioas != ioas || !span->charged)
			continue;
		sum += span_pages(span);
		if (sum > span_room(r, span))
			return true;
	}
	return false;
}

/* Where the IOMMU has the interrupts of both devices. */
#define WINDOW_FIRST 0xfee00000UL
#define WINDOW_LAST 0xfeefffffUL

/*
 * A device that is attached gets another page table, and its reserved window is occupied there. The
 * kernel makes the page table first, then; else it looks at the window first, as ours does always.
 */
static bool window_is_late(const struct replay *r, unsigned int device,
			   int ioas)
{
	const struct span *span;

	for (span = r->spans; span < r->spans + r->num; span++)
		if (span->ioas == ioas && span->iova <= WINDOW_LAST &&
		    span->iova + span->len > WINDOW_FIRST)
			return r->attached[device];
	return false;
}

static bool attach_charged(const struct replay *r)
{
	return space_charged(r, replay_ioas(r, "pt"));
}

static bool attach_gap_and_window(const struct replay *r)
{
	int ioas = replay_ioas(r, "pt");

	return space_has_gap(r, ioas) && window_is_late(r, r->call->on, ioas);
}

static bool attach_limit_and_window(const struct replay *r)
{
	int ioas = replay_ioas(r, "pt");

	return space_over_limit(r, ioas) &&
	       window_is_late(r, r->call->on, ioas);
}

/* It begins with an attach of the edu. */
static bool dma_charged(const struct replay *r)
{
	return space_charged(r, replay_ioas(r, "ioas"));
}

static bool dma_gap_and_window(const struct replay *r)
{
	int ioas = replay_ioas(r, "ioas");

	return space_has_gap(r, ioas) && window_is_late(r, 0, ioas);
}

static bool dma_limit_and_window(const struct replay *r)
{
	int ioas = replay_ioas(r, "ioas");

	return space_over_limit(r, ioas) && window_is_late(r, 0, ioas);
}

#define LATER(command_)                                                   \
	{                                                                 \
		.command = command_, .to = { 6, 13 }, .kernel = "ENOTTY", \
		.reason = "a later command",                              \
	}

/* Before, the size of the memory was looked at before its end. */
#define OVERFLOWS(command_)                                               \
	{                                                                 \
		.command = command_, .to = { 6, 13 }, .kernel = "EINVAL", \
		.ours = "EOVERFLOW", .when = ends_nowhere,                \
		.reason = "the order that 6.13 has",                      \
	}

/*
 * There are two reasons, and which is found first is for nobody to rely on. Ours charges what it
 * has pinned before it pins more, so that nobody has much more pinned than he may.
 */
#define TWO_REASONS(command_, kernel_, ours_, when_)                   \
	{                                                              \
		.command = command_, .kernel = kernel_, .ours = ours_, \
		.when = when_, .reason = "there are two reasons",      \
	}

static const struct known known[] = {
	OVERFLOWS("map"),
	OVERFLOWS("map_dma"),
	TWO_REASONS("map", "EFAULT", "ENOMEM", map_charged),
	TWO_REASONS("map_dma", "EFAULT", "ENOMEM", map_charged),
	TWO_REASONS("attach", "EFAULT", "ENOMEM", attach_charged),
	TWO_REASONS("hwpt", "EFAULT", "ENOMEM", attach_charged),
	TWO_REASONS("attach", "EFAULT", "EADDRINUSE", attach_gap_and_window),
	TWO_REASONS("attach", "ENOMEM", "EADDRINUSE", attach_limit_and_window),
	TWO_REASONS("dma", "EFAULT", "ENOMEM", dma_charged),
	TWO_REASONS("dma", "EFAULT", "EADDRINUSE", dma_gap_and_window),
	TWO_REASONS("dma", "ENOMEM", "EADDRINUSE", dma_limit_and_window),
	{
		.command = "get_info",
		.kernel = "EFAULT",
		.ours = "EFAULT",
		.also = BYTES,
		.when = at_the_end,
		.reason = "how much of an answer there is before a fault",
	},
	{
		.command = "hwpt",
		.to = { 6, 13 },
		.kernel = "EOPNOTSUPP",
		.when = fault_flag,
		.reason = "the flag is a later one, for such page tables",
	},
	{
		/* 6.12.117 looks for it, 7.2.12 does not. */
		.command = "get_dirty",
		.from = { 7, 0 },
		.ours = "EINVAL",
		.when = is_empty,
		.reason = "an empty range is refused, as later kernels do",
	},
	{
		.command = "invalidate",
		.to = { 6, 13 },
		.kernel = "ENOENT",
		.ours = "EINVAL",
		.when = of_object,
		.reason =
			"an object of another type is EINVAL since vIOMMUs came",
	},
	LATER("map_file"),
	LATER("change_process"),
	LATER("viommu"),
	LATER("vdevice"),
	LATER("veventq"),
	LATER("hw_queue"),
	{
		.command = "detach",
		.to = { 6, 15 },
		.kernel = "EINVAL",
		.when = pasid_flag,
		.reason = "the flag is a later one",
	},
	{
		.command = "attach",
		.from = { 6, 15 },
		.ours = "EINVAL",
		.when = pasid_0,
		.reason =
			"0 is no PASID: the kernel attaches the device itself",
	},
	{
		.command = "map_file",
		.from = { 6, 13 },
		.ours = "EACCES",
		.when = write_only,
		.reason = "as mmap(), it takes a file open for reading",
	},
	{
		.command = "map_file",
		.from = { 6, 13 },
		.ours = "EACCES",
		.when = read_only,
		.reason =
			"as mmap(), it takes a file open for writing to write",
	},
	{
		/* Such as this very context, which would hold itself open. */
		.command = "map_file",
		.from = { 6, 13 },
		.ours = "EINVAL",
		.when = no_memory,
		.reason =
			"what is no memory is refused at once, not when pinned",
	},
	{
		.command = "map_dma",
		.ours = "EINVAL",
		.when = no_access,
		.reason = "no access is refused at once, not by the page table",
	},
};

static bool met[ARRAY_SIZE(known)];

static bool is_here(const struct known *k)
{
	return kernel_since(k->from[0], k->from[1]) &&
	       (!k->to[0] || !kernel_since(k->to[0], k->to[1]));
}

/* Of a call that fails on both sides, all else is the same. */
static bool else_alike(const struct known *k, const struct outcome *kernel,
		       const struct outcome *ours)
{
	enum aspect a;

	if (!*said(kernel, ERRNO) || !*said(ours, ERRNO))
		return true;
	for (a = 0; a < NUM_ASPECTS; a++)
		if (a != ERRNO && !(a == k->also && a != RETURN) &&
		    strcmp(said(kernel, a), said(ours, a)))
			return false;
	return true;
}

static int find_known(const struct sequence *seq, unsigned int nr,
		      const struct trace *kernel, const struct trace *ours)
{
	const struct outcome *k = &kernel->outcomes[nr];
	const struct outcome *o = &ours->outcomes[nr];
	const char *command = seq->calls[nr].type->name;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].command, command) || !is_here(&known[i]) ||
		    (known[i].kernel &&
		     strcmp(known[i].kernel, said(k, ERRNO))) ||
		    (known[i].ours && strcmp(known[i].ours, said(o, ERRNO))) ||
		    !else_alike(&known[i], k, o))
			continue;
		if (!known[i].when || known[i].when(replay_to(seq, nr, kernel)))
			return i;
	}
	return -1;
}

bool would_be_known(const struct sequence *seq, unsigned int nr,
		    const struct trace *kernel, const struct trace *ours)
{
	return find_known(seq, nr, kernel, ours) >= 0;
}

bool is_known(const struct sequence *seq, unsigned int nr,
	      const struct trace *kernel, const struct trace *ours)
{
	int i = find_known(seq, nr, kernel, ours);

	if (i >= 0)
		met[i] = true;
	return i >= 0;
}

bool known_next(unsigned int *pos, struct known_state *state)
{
	for (; *pos < ARRAY_SIZE(known); ++*pos) {
		if (!is_here(&known[*pos]))
			continue;
		state->command = known[*pos].command;
		state->reason = known[*pos].reason;
		state->met = met[*pos];
		++*pos;
		return true;
	}
	return false;
}
