// SPDX-License-Identifier: GPL-2.0-only
/*
 * Differences that are meant to be, or are another's fault: which call, when, what the kernel
 * says, what ours says, and why that stays. One that a run on its kernel does not meet is
 * reported: a sequence for it is missing, or it is gone.
 */
#include <string.h>

#include "diff.h"
#include "program.h"
#include "test.h"

struct known {
	const char *command;
	/* First kernel that has it, and the first that does not any more; 0 for any. */
	int from[2];
	int to[2];
	/* Names of an errno, "" for success; NULL for any. */
	const char *kernel;
	const char *ours;
	bool (*when)(const struct sequence *seq, unsigned int nr);
	const char *reason;
};

/* A member of the call. */
static uint64_t member(const struct sequence *seq, unsigned int nr,
		       const char *name)
{
	return *call_value((struct call *)&seq->calls[nr], name);
}

static bool pasid_flag(const struct sequence *seq, unsigned int nr)
{
	return member(seq, nr, "flags") == 1;
}

static bool pasid_0(const struct sequence *seq, unsigned int nr)
{
	return pasid_flag(seq, nr) && !member(seq, nr, "pasid");
}

static bool is_empty(const struct sequence *seq, unsigned int nr)
{
	return !member(seq, nr, "len");
}

static bool fault_flag(const struct sequence *seq, unsigned int nr)
{
	return member(seq, nr, "flags") == 4;
}

static bool no_access(const struct sequence *seq, unsigned int nr)
{
	return !member(seq, nr, "flags");
}

/* What the call "file" made of the file that is mapped; -1 for another. */
static int file_type(const struct sequence *seq, unsigned int nr)
{
	uint64_t slot = member(seq, nr, "fd");

	while (nr--)
		if (seq->calls[nr].type->run == run_file &&
		    member(seq, nr, "as") == slot)
			return member(seq, nr, "type");
	return -1;
}

static bool write_only(const struct sequence *seq, unsigned int nr)
{
	return file_type(seq, nr) == FILE_WRITE_ONLY;
}

static bool read_only(const struct sequence *seq, unsigned int nr)
{
	return file_type(seq, nr) == FILE_READ_ONLY;
}

static bool no_memory(const struct sequence *seq, unsigned int nr)
{
	return file_type(seq, nr) >= FILE_DISK ||
	       IS_CONTEXT(member(seq, nr, "fd"));
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
		.ours = "EOVERFLOW", .reason = "the order that 6.13 has", \
	}

/*
 * There are two reasons, and which is found first is for nobody to rely on. Ours charges memory,
 * then pins it; and looks whether the IOVAs are free before either.
 */
#define TWO_REASONS(command_, kernel_, ours_)                          \
	{                                                              \
		.command = command_, .kernel = kernel_, .ours = ours_, \
		.reason = "there are two reasons",                     \
	}

static const struct known known[] = {
	OVERFLOWS("map"),
	OVERFLOWS("map_dma"),
	TWO_REASONS("map", "EFAULT", "ENOMEM"),
	TWO_REASONS("map_dma", "EFAULT", "ENOMEM"),
	TWO_REASONS("attach", "EFAULT", "ENOMEM"),
	TWO_REASONS("hwpt", "EFAULT", "ENOMEM"),
	TWO_REASONS("attach", "EFAULT", "EADDRINUSE"),
	TWO_REASONS("attach", "ENOMEM", "EADDRINUSE"),
	/* Which begins with an attach. */
	TWO_REASONS("dma", "EFAULT", "ENOMEM"),
	TWO_REASONS("dma", "EFAULT", "EADDRINUSE"),
	TWO_REASONS("dma", "ENOMEM", "EADDRINUSE"),
	{
		.command = "get_info",
		.kernel = "EFAULT",
		.ours = "EFAULT",
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

bool is_known(const struct sequence *seq, unsigned int nr,
	      const struct outcome *kernel, const struct outcome *ours)
{
	const char *command = seq->calls[nr].type->name;
	const struct known *k;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		k = &known[i];
		if (strcmp(k->command, command) || !is_here(k) ||
		    (k->kernel && strcmp(k->kernel, said(kernel, ERRNO))) ||
		    (k->ours && strcmp(k->ours, said(ours, ERRNO))) ||
		    (k->when && !k->when(seq, nr)))
			continue;
		met[i] = true;
		return true;
	}
	return false;
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
