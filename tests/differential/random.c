// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sequences of random calls. They know nothing of what becomes of a call: an id is that of a slot
 * that is most often of the right kind, and addresses are few, so that they meet.
 */
#include <stdio.h>
#include <string.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "diff.h"
#include "program.h"
#include "random.h"
#include "test.h"

/* Which slots are for what. */
enum {
	IOAS_SLOTS = 0,
	NUM_IOAS = 3,
	HWPT_SLOTS = 7,
	NUM_HWPT = 3,
	PT_SLOTS = 10,
	NUM_PT = 2,
	FILE_SLOTS = 12,
	NUM_FILE = 2,
	FAULT_SLOT = 15,
	DEVICE_SLOTS = 20,
};

/* All IOVAs that are chosen here are in a window of that many pages. */
#define WINDOW 0x100000UL
#define WINDOW_PAGES 96

struct generator {
	struct sequence *seq;
	struct random random;
	/* Files can be mapped, and all that came with it: later than 6.12. */
	bool files;
};

static uint64_t below(struct generator *g, uint64_t num)
{
	return random_below(&g->random, num);
}

static bool chance(struct generator *g, unsigned int percent)
{
	return random_chance(&g->random, percent);
}

static struct call *add(struct generator *g, const char *name)
{
	struct call *call = &g->seq->calls[g->seq->num];

	memset(call, 0, sizeof(*call));
	call->type = type_named(name);
	if (g->seq->num < MAX_CALLS - 1)
		g->seq->num++;
	return call;
}

static void set(struct call *call, const char *name, uint64_t value)
{
	*call_value(call, name) = value;
}

/* ---- values ---- */

static uint64_t any_slot(struct generator *g)
{
	static const uint8_t first[] = {
		IOAS_SLOTS, HWPT_SLOTS, PT_SLOTS, FAULT_SLOT, DEVICE_SLOTS,
	};

	return SLOT(first[below(g, ARRAY_SIZE(first))] + below(g, 2));
}

static uint64_t id_of(struct generator *g, unsigned int first, unsigned int num)
{
	if (chance(g, 3))
		return below(g, 2) ? ABSENT_ID : 0;
	if (chance(g, 3))
		return any_slot(g);
	return SLOT(first + below(g, num));
}

static uint64_t ioas(struct generator *g)
{
	return id_of(g, IOAS_SLOTS, NUM_IOAS);
}

/* Numbers at which sums wrap, and the window of interrupts. */
static uint64_t odd_number(struct generator *g)
{
	static const uint64_t numbers[] = {
		0,	    1,		0x800,
		0xfff,	    0xfee00000, 0xfeeff000,
		0xfef00000, 1ULL << 38, (1ULL << 39) - PAGE,
		1ULL << 39, 1ULL << 48, ~0ULL,
		~0ULL - 1,  -PAGE,	1ULL << 63,
	};

	return numbers[below(g, ARRAY_SIZE(numbers))];
}

static uint64_t pages(struct generator *g)
{
	return (1 + below(g, chance(g, 80) ? 4 : 24)) * PAGE;
}

static uint64_t length(struct generator *g)
{
	if (chance(g, 2))
		return odd_number(g);
	if (chance(g, 2))
		return 2 * MB;
	return pages(g) + (chance(g, 2) ? 0x200 : 0);
}

static uint64_t iova(struct generator *g)
{
	if (chance(g, 2))
		return odd_number(g);
	return WINDOW + below(g, WINDOW_PAGES / 4) * 4 * PAGE +
	       (chance(g, 20) ? below(g, 4) * PAGE : 0) +
	       (chance(g, 2) ? 0x200 : 0);
}

/* Mostly what can be pinned: else no page table could follow an IOAS for long. */
static uint64_t memory(struct generator *g)
{
	if (chance(g, 1))
		return odd_number(g);
	switch (below(g, 50)) {
	case 0:
		return MEM + MEM_READ_ONLY + below(g, 16) * PAGE;
	case 1:
		/* Where it ends. */
		return MEM + (MEM_SMALL_PAGES - 2) * PAGE;
	case 2:
		return MEM + below(g, MEM_SMALL_PAGES) * PAGE +
		       below(g, 8) * 0x200;
	case 3 ... 7:
		return MEM + MEM_HUGE + below(g, 600) * PAGE;
	case 8 ... 11:
		return MEM + MEM_SHARED + below(g, 12) * PAGE;
	default:
		return MEM + below(g, MEM_SMALL_PAGES - 24) * PAGE;
	}
}

static uint64_t map_flags(struct generator *g)
{
	uint64_t flags = chance(g, 70) ? 7 : below(g, 8);

	if (chance(g, 2))
		flags |= 8;
	return chance(g, 20) ? flags & ~1ULL : flags;
}

/* ---- calls ---- */

static void add_map(struct generator *g)
{
	struct call *call = add(g, "map");

	set(call, "flags", map_flags(g));
	set(call, "ioas", ioas(g));
	set(call, "va", memory(g));
	set(call, "len", length(g));
	set(call, "iova", iova(g));
}

static void add_map_file(struct generator *g)
{
	struct call *call = add(g, "map_file");

	set(call, "flags", map_flags(g));
	set(call, "ioas", ioas(g));
	set(call, "fd",
	    chance(g, 5) ? 999 : SLOT(FILE_SLOTS + below(g, NUM_FILE)));
	set(call, "start", chance(g, 4) ? odd_number(g) : below(g, 16) * PAGE);
	set(call, "len", length(g));
	set(call, "iova", iova(g));
}

static void add_copy(struct generator *g)
{
	struct call *call = add(g, "copy");

	set(call, "flags", map_flags(g));
	set(call, "dst", ioas(g));
	set(call, "src", ioas(g));
	set(call, "len", length(g));
	set(call, "iova", iova(g));
	set(call, "from", iova(g));
}

static void add_unmap(struct generator *g)
{
	struct call *call = add(g, "unmap");

	set(call, "ioas", ioas(g));
	if (chance(g, 4)) {
		set(call, "len", ~0ULL);
		return;
	}
	set(call, "iova", iova(g));
	set(call, "len", chance(g, 30) ? length(g) * 4 : length(g));
}

static void add_allow(struct generator *g)
{
	struct call *call = add(g, "allow");
	unsigned int num = below(g, 4), i;
	uint64_t at = PAGE;

	set(call, "ioas", ioas(g));
	set(call, "num", num);
	set(call, "ranges", DATA);
	for (i = 0; i < num; i++) {
		at += below(g, 128) * PAGE;
		call->words[2 * i] = chance(g, 4) ? odd_number(g) : at;
		at += pages(g) * 16;
		call->words[2 * i + 1] = at - 1;
	}
	call->num_words = 2 * num;
}

static void add_ranges(struct generator *g)
{
	struct call *call = add(g, "ranges");

	set(call, "ioas", ioas(g));
	set(call, "num", below(g, 6));
	set(call, "ranges", chance(g, 5) ? DATA + PAGE : DATA);
}

static void add_option(struct generator *g)
{
	struct call *call = add(g, "option");

	set(call, "option", below(g, 20) ? 1 : below(g, 3));
	set(call, "op", chance(g, 70) ? 0 : below(g, 3));
	set(call, "object", ioas(g));
	set(call, "val", chance(g, 90) ? below(g, 2) : 2);
}

static void add_hwpt(struct generator *g)
{
	struct call *call = add(g, "hwpt");

	set(call, "flags", chance(g, 85) ? 0 : 1 << below(g, 4));
	set(call, "dev", id_of(g, DEVICE_SLOTS, NUM_DEVICES));
	set(call, "pt", chance(g, 85) ? ioas(g) : any_slot(g));
	set(call, "as", SLOT(HWPT_SLOTS + below(g, NUM_HWPT)));
	if (chance(g, 4))
		set(call, "type", 1);
	if (chance(g, 4))
		set(call, "len", 16);
	set(call, "data", DATA);
	set(call, "fault", SLOT(FAULT_SLOT));
}

static void add_destroy(struct generator *g)
{
	set(add(g, "destroy"), "id",
	    chance(g, 60) ? id_of(g, HWPT_SLOTS, NUM_HWPT) : any_slot(g));
}

static void add_alloc(struct generator *g)
{
	set(add(g, "alloc"), "as", SLOT(IOAS_SLOTS + below(g, NUM_IOAS)));
}

static void add_attach(struct generator *g)
{
	struct call *call = add(g, "attach");
	unsigned int kind = below(g, 10);

	call->on = below(g, NUM_DEVICES);
	set(call, "pt",
	    kind < 6 ? ioas(g) :
	    kind < 9 ? id_of(g, HWPT_SLOTS, NUM_HWPT) :
		       any_slot(g));
	set(call, "as", SLOT(PT_SLOTS + below(g, NUM_PT)));
	call->size = 12;
}

static void add_detach(struct generator *g)
{
	struct call *call = add(g, "detach");

	call->on = below(g, NUM_DEVICES);
	call->size = 8;
}

static void add_info(struct generator *g)
{
	struct call *call = add(g, "hw_info");

	set(call, "dev", id_of(g, DEVICE_SLOTS, NUM_DEVICES));
	set(call, "len", below(g, 64));
	set(call, "data", DATA);
}

static void add_vfio_ioas(struct generator *g)
{
	struct call *call = add(g, "vfio_ioas");

	set(call, "op", chance(g, 70) ? 1 : below(g, 4));
	set(call, "ioas", ioas(g));
}

static void add_map_dma(struct generator *g)
{
	struct call *call = add(g, "map_dma");

	/* Without any it is known to differ. */
	set(call, "flags", chance(g, 85) ? 3 : 1 + below(g, 7));
	set(call, "va", memory(g));
	set(call, "iova", iova(g));
	set(call, "len", length(g));
}

static void add_unmap_dma(struct generator *g)
{
	struct call *call = add(g, "unmap_dma");

	if (chance(g, 5)) {
		set(call, "flags", 2);
		return;
	}
	set(call, "iova", iova(g));
	set(call, "len", length(g));
}

static void add_container(struct generator *g)
{
	struct call *call;

	switch (below(g, 3)) {
	case 0:
		set(add(g, "extension"), "arg", below(g, 12));
		break;
	case 1:
		set(add(g, "set_iommu"), "arg", 1 + 2 * below(g, 2));
		break;
	default:
		call = add(g, "get_info");
		call->size = chance(g, 50) ? 24 : 8 + below(g, 600);
	}
}

/* Whose memory there is, and whose it is. */
static void add_process(struct generator *g)
{
	struct call *call;

	switch (below(g, 6)) {
	case 0:
		add(g, "fork");
		break;
	case 1:
		add(g, chance(g, 30) ? "exit" : "fork");
		break;
	case 2:
		if (g->files)
			add(g, "change_process");
		break;
	default:
		call = add(g, chance(g, 30) ? "munmap" : "renew");
		set(call, "va", MEM + below(g, MEM_SMALL_PAGES) * PAGE);
		set(call, "len", (1 + below(g, 4)) * PAGE);
	}
}

/* What is no memory, or cannot be written to, is known to differ. */
static void add_file(struct generator *g)
{
	struct call *call = add(g, "file");

	set(call, "as", SLOT(FILE_SLOTS + below(g, NUM_FILE)));
	set(call, "type", FILE_MEMFD);
	set(call, "len", 16 * PAGE);
}

static void add_dirty(struct generator *g)
{
	struct call *call = add(g, chance(g, 50) ? "set_dirty" : "get_dirty");

	set(call, "hwpt", id_of(g, HWPT_SLOTS, NUM_HWPT));
	set(call, "flags", below(g, 2));
	if (call->type != type_named("get_dirty"))
		return;
	set(call, "iova", WINDOW);
	set(call, "len", pages(g));
	set(call, "page", PAGE);
	set(call, "data", DATA);
}

static void add_dma(struct generator *g)
{
	set(add(g, "dma"), "ioas", SLOT(IOAS_SLOTS + below(g, NUM_IOAS)));
}

/* Calls that need files to be mapped are at the end. */
static const struct {
	void (*add)(struct generator *g);
	unsigned int weight;
} kinds[] = {
	{ add_map, 30 },      { add_copy, 12 },	   { add_unmap, 15 },
	{ add_allow, 3 },     { add_ranges, 2 },   { add_option, 3 },
	{ add_hwpt, 5 },      { add_destroy, 4 },  { add_alloc, 2 },
	{ add_attach, 9 },    { add_detach, 4 },   { add_info, 1 },
	{ add_vfio_ioas, 3 }, { add_map_dma, 6 },  { add_unmap_dma, 4 },
	{ add_container, 2 }, { add_process, 3 },  { add_dirty, 1 },
	{ add_dma, 1 },	      { add_map_file, 8 }, { add_file, 1 },
};

#define NUM_FILE_KINDS 2

static void add_any(struct generator *g)
{
	size_t num = ARRAY_SIZE(kinds) - (g->files ? 0 : NUM_FILE_KINDS), i;
	unsigned int all = 0, before = g->seq->num, nr;

	for (i = 0; i < num; i++)
		all += kinds[i].weight;
	nr = below(g, all);
	for (i = 0; nr >= kinds[i].weight; i++)
		nr -= kinds[i].weight;
	kinds[i].add(g);
	if (g->seq->num > before && chance(g, 8))
		g->seq->calls[before].by = 1;
}

/* So that there is something to work on. */
static void add_start(struct generator *g)
{
	unsigned int i;
	struct call *call;

	add(g, "open");
	if (chance(g, 30)) {
		call = add(g, "option");
		set(call, "val", below(g, 2));
	}
	for (i = 0; i < NUM_DEVICES; i++) {
		call = add(g, "bind");
		call->on = i;
		call->size = 16;
		set(call, "fd", CONTEXT(0));
		set(call, "as", SLOT(DEVICE_SLOTS + i));
	}
	for (i = 0; i < NUM_IOAS; i++)
		set(add(g, "alloc"), "as", SLOT(IOAS_SLOTS + i));
	for (i = 0; g->files && i < NUM_FILE; i++) {
		call = add(g, "file");
		set(call, "as", SLOT(FILE_SLOTS + i));
		set(call, "len", 16 * PAGE);
	}
	if (chance(g, 30))
		set(add(g, "user"), "pages", 20 + below(g, 80));
	if (chance(g, 60)) {
		call = add(g, "attach");
		call->size = 12;
		set(call, "pt", SLOT(IOAS_SLOTS));
	}
}

void random_sequence(struct sequence *seq, uint64_t seed, unsigned int part,
		     unsigned int num)
{
	struct generator g = {
		.seq = seq,
		.files = kernel_since(6, 13),
	};
	unsigned int i;

	memset(seq, 0, sizeof(*seq));
	snprintf(seq->title, sizeof(seq->title), "random SEED=%llu, part %u",
		 (unsigned long long)seed, part);
	/* No two parts of two seeds that are next to each other begin alike. */
	random_begin(&g.random, seed ^ (part + 1) * 0xbf58476d1ce4e5b9ULL);
	add_start(&g);
	while (seq->num < num)
		add_any(&g);
	for (i = 0; i < NUM_IOAS; i++)
		set(add(&g, "dma"), "ioas", SLOT(IOAS_SLOTS + i));
}
