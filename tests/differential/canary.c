// SPDX-License-Identifier: GPL-2.0-only
/* Differences with the errnos of a known one: known only if what is said there is so. */
#include <stdio.h>
#include <string.h>

#include "diff.h"
#include "test.h"

/* The last of these calls differs so, and in one more aspect; RETURN for none. */
struct canary {
	bool known;
	const char *kernel;
	const char *ours;
	enum aspect also;
	const char *what;
	const char *calls[8];
};

#define CANARY(known_, kernel_, ours_, also_, what_, ...)                    \
	{                                                                    \
		known_, kernel_, ours_, also_, what_, { __VA_ARGS__, NULL }, \
	}

static const struct canary canaries[] = {
	CANARY(true, "EFAULT", "ENOMEM", RETURN,
	       "pages over the limit, then a gap", "alloc as=A", "user pages=8",
	       "map flags=7 ioas=A va=mem+0x70000 len=0x20000 iova=0x100000"),
	CANARY(false, "EFAULT", "ENOMEM", RETURN, "no limit", "alloc as=A",
	       "map flags=7 ioas=A va=mem+0x70000 len=0x20000 iova=0x100000"),
	CANARY(false, "EFAULT", "ENOMEM", RETURN, "no gap", "alloc as=A",
	       "user pages=8",
	       "map flags=7 ioas=A va=mem len=0x20000 iova=0x100000"),
	CANARY(false, "EFAULT", "ENOMEM", RETURN, "the gap is within the limit",
	       "alloc as=A", "user pages=8",
	       "map flags=7 ioas=A va=mem+0x78000 len=0x20000 iova=0x100000"),
	CANARY(false, "EFAULT", "ENOMEM", PINNED, "and so do the pins",
	       "alloc as=A", "user pages=8",
	       "map flags=7 ioas=A va=mem+0x70000 len=0x20000 iova=0x100000"),
	CANARY(true, "EFAULT", "ENOMEM", RETURN,
	       "pages over the limit, then a gap", "alloc as=A",
	       "vfio_ioas op=1 ioas=A", "user pages=8",
	       "map_dma flags=3 va=mem+0x70000 len=0x20000 iova=0x100000"),
	CANARY(false, "EFAULT", "ENOMEM", RETURN, "no gap, but to write to",
	       "alloc as=A", "vfio_ioas op=1 ioas=A", "user pages=8",
	       "map_dma flags=1 va=mem+0x710000 len=0x10000 iova=0x100000"),
	CANARY(true, "EFAULT", "ENOMEM", RETURN, "a mapping with both",
	       "alloc as=A", "user pages=8",
	       "map flags=7 ioas=A va=mem len=0x20000 iova=0x100000",
	       "munmap va=mem+0x10000 len=0x1000", "attach size=12 pt=A"),
	CANARY(false, "EFAULT", "ENOMEM", RETURN,
	       "the mapping with both is gone", "alloc as=A", "user pages=8",
	       "map flags=7 ioas=A va=mem len=0x20000 iova=0x100000",
	       "munmap va=mem+0x10000 len=0x1000",
	       "unmap ioas=A iova=0x100000 len=0x20000", "attach size=12 pt=A"),
	CANARY(true, "EFAULT", "ENOMEM", RETURN, "two mappings, then a gap",
	       "alloc as=A", "user pages=8",
	       "map flags=7 ioas=A va=mem len=0x8000 iova=0x100000",
	       "map flags=7 ioas=A va=mem+0x7f000 len=0x2000 iova=0x200000",
	       "hwpt dev=U pt=A"),
	CANARY(false, "EFAULT", "ENOMEM", RETURN,
	       "two mappings of another IOAS", "alloc as=A", "alloc as=B",
	       "user pages=8",
	       "map flags=7 ioas=A va=mem len=0x8000 iova=0x100000",
	       "map flags=7 ioas=A va=mem+0x7f000 len=0x2000 iova=0x200000",
	       "hwpt dev=U pt=B"),
	CANARY(true, "EFAULT", "EADDRINUSE", RETURN, "a gap, and the window",
	       "alloc as=A", "alloc as=B", "attach size=12 pt=A",
	       "map flags=7 ioas=B va=0x1000 len=0x1000 iova=0xfee00000",
	       "attach size=12 pt=B"),
	CANARY(false, "EFAULT", "EADDRINUSE", RETURN, "a gap beside the window",
	       "alloc as=A", "alloc as=B", "attach size=12 pt=A",
	       "map flags=7 ioas=B va=0x1000 len=0x1000 iova=0xfef00000",
	       "attach size=12 pt=B"),
	CANARY(false, "EFAULT", "EADDRINUSE", RETURN, "attached to nothing",
	       "alloc as=B",
	       "map flags=7 ioas=B va=0x1000 len=0x1000 iova=0xfee00000",
	       "attach size=12 pt=B"),
	CANARY(true, "ENOMEM", "EADDRINUSE", RETURN, "a limit, and the window",
	       "alloc as=A", "alloc as=B", "attach size=12 pt=A",
	       "user pages=8",
	       "map flags=7 ioas=B va=mem len=0x10000 iova=0xfee00000",
	       "attach size=12 pt=B"),
	CANARY(false, "ENOMEM", "EADDRINUSE", RETURN, "within the limit",
	       "alloc as=A", "alloc as=B", "attach size=12 pt=A",
	       "user pages=8",
	       "map flags=7 ioas=B va=mem len=0x8000 iova=0xfee00000",
	       "attach size=12 pt=B"),
	CANARY(true, "EFAULT", "ENOMEM", RETURN, "a copy with both",
	       "alloc as=A", "alloc as=B", "user pages=8",
	       "map flags=7 ioas=A va=mem+0x70000 len=0x20000 iova=0x100000",
	       "copy flags=7 dst=B src=A len=0x20000 iova=0x200000 from=0x100000",
	       "dma ioas=B"),
	CANARY(false, "EFAULT", "ENOMEM", RETURN, "a copy without the gap",
	       "alloc as=A", "alloc as=B", "user pages=8",
	       "map flags=7 ioas=A va=mem+0x70000 len=0x20000 iova=0x100000",
	       "copy flags=7 dst=B src=A len=0x10000 iova=0x200000 from=0x100000",
	       "dma ioas=B"),
	CANARY(true, "EFAULT", "EADDRINUSE", RETURN, "a process that is gone",
	       "alloc as=A", "dma ioas=A", "alloc as=B", "fork",
	       "map by=1 flags=7 ioas=B va=mem len=0x1000 iova=0xfee00000",
	       "exit", "dma ioas=B"),
	CANARY(false, "EFAULT", "EADDRINUSE", RETURN, "a process that is there",
	       "alloc as=A", "dma ioas=A", "alloc as=B", "fork",
	       "map by=1 flags=7 ioas=B va=mem len=0x1000 iova=0xfee00000",
	       "dma ioas=B"),
	CANARY(true, "ENOMEM", "EADDRINUSE", RETURN, "a limit, and the window",
	       "alloc as=A", "dma ioas=A", "user pages=8",
	       "map flags=7 ioas=A va=mem len=0x10000 iova=0xfee00000",
	       "dma ioas=A"),
	CANARY(false, "ENOMEM", "EADDRINUSE", RETURN,
	       "a limit, and a device that is gone", "alloc as=A", "dma ioas=A",
	       "close_device", "user pages=8",
	       "map flags=7 ioas=A va=mem len=0x10000 iova=0xfee00000",
	       "dma ioas=A"),
	CANARY(false, "EINVAL", "EOVERFLOW", RETURN, "memory that has an end",
	       "alloc as=A",
	       "map flags=7 ioas=A va=mem len=0x1010 iova=0x100000"),
	CANARY(true, "EFAULT", "EFAULT", BYTES, "half a structure",
	       "get_info size=0x200 at=0x1fe0"),
	CANARY(false, "EFAULT", "EFAULT", BYTES, "a whole structure",
	       "get_info size=0x200"),
	CANARY(false, "ENOENT", "EINVAL", RETURN, "an id of no object",
	       "invalidate hwpt=0x7ffffff0 num=1 data=data entry_len=16"),
};

/* All calls have succeeded but for the last. */
static void make_up(struct trace *trace, unsigned int num, const char *err)
{
	struct outcome *out = trace->outcomes;

	for (; num; num--, out++) {
		memset(out->at, 0, sizeof(out->at));
		out->used = 0;
		say(out, RETURN, "%d", num > 1 ? 0 : -1);
		say(out, ERRNO, "%s", num > 1 ? "" : err);
		say(out, PINNED, "pinned 0 locked 0");
	}
}

static void read_calls(struct sequence *seq, const char *const *lines)
{
	char error[128];

	memset(seq, 0, sizeof(*seq));
	for (; *lines; lines++)
		if (!call_parse(&seq->calls[seq->num++], *lines, error,
				sizeof(error)))
			fail_test("%s", error);
}

bool known_canary(unsigned int nr, bool *ok, char *title, size_t size)
{
	static struct trace kernel, ours;
	static struct sequence seq;
	const struct canary *c;

	if (nr >= ARRAY_SIZE(canaries))
		return false;
	c = &canaries[nr];
	read_calls(&seq, c->calls);
	make_up(&kernel, seq.num, c->kernel);
	make_up(&ours, seq.num, c->ours);
	if (c->also != RETURN)
		say(&ours.outcomes[seq.num - 1], c->also, "else");
	*ok = would_be_known(&seq, seq.num - 1, &kernel, &ours) == c->known;
	snprintf(title, size, "canary: %s gives %s, ours %s: %sknown, %s",
		 seq.calls[seq.num - 1].type->name, c->kernel, c->ours,
		 c->known ? "" : "not ", c->what);
	return true;
}
