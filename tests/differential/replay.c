// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <linux/ioasid.h>
#include <linux/vfio_cdev_ext.h>

#include "program.h"
#include "replay.h"
#include "test.h"

static uint64_t value(const struct call *call, const char *name)
{
	return *call_value((struct call *)call, name);
}

/* ---- memory ---- */

static void set_pages(struct replay *r, int who, uint64_t va, uint64_t len,
		      enum page_state state)
{
	uint64_t first = (va - MEM) / PAGE, num = (len + PAGE - 1) / PAGE;

	if (va < MEM || first >= MEM_PAGES)
		return;
	if (num > MEM_PAGES - first)
		num = MEM_PAGES - first;
	memset(&r->pages[who][first], state, num);
}

/* As make_memory() of program.c has it. */
static void first_memory(struct replay *r)
{
	set_pages(r, 0, MEM, MEM_SMALL_PAGES * PAGE, PAGE_WRITABLE);
	set_pages(r, 0, MEM + MEM_HUGE, MEM_HUGE_SIZE, PAGE_WRITABLE);
	set_pages(r, 0, MEM + MEM_SHARED, MEM_PART, PAGE_WRITABLE);
	set_pages(r, 0, MEM + MEM_READ_ONLY, MEM_PART, PAGE_READ_ONLY);
}

uint64_t span_pages(const struct span *span)
{
	return (span->va % PAGE + span->len + PAGE - 1) / PAGE;
}

uint64_t span_good(const struct replay *r, const struct span *span)
{
	enum page_state least = span->writable ? PAGE_WRITABLE : PAGE_READ_ONLY;
	uint64_t num = span_pages(span), first = (span->va - MEM) / PAGE, i;

	if (span->file)
		return num;
	/* Its process has ended. */
	if (span->process && span->process != r->second)
		return 0;
	if (span->va < MEM)
		return 0;
	for (i = 0; i < num; i++)
		if (first + i >= MEM_PAGES ||
		    r->pages[!!span->process][first + i] < least)
			break;
	return i;
}

/* What both processes have pinned, in pages: "pinned N locked N" in KiB, of each. */
static uint64_t pinned_pages(const struct replay *r)
{
	const char *at = said(r->kernel, PINNED);
	uint64_t kb = 0;

	while ((at = strstr(at, "pinned "))) {
		at += strlen("pinned ");
		kb += strtoull(at, NULL, 10);
	}
	return kb * KB / PAGE;
}

uint64_t span_room(const struct replay *r, const struct span *span)
{
	uint64_t limit = r->limit[!!span->process], used = pinned_pages(r);

	if (!span->charged)
		return NO_LIMIT;
	return limit > used ? limit - used : 0;
}

/* ---- mappings ---- */

static void add_span(struct replay *r, struct span span)
{
	unsigned int i;

	if (span.ioas < 0 || !span.len || r->num == MAX_SPANS)
		return;
	for (i = r->num++; i && r->spans[i - 1].iova > span.iova; i--)
		r->spans[i] = r->spans[i - 1];
	r->spans[i] = span;
}

static void drop_span(struct replay *r, unsigned int i)
{
	r->num--;
	memmove(&r->spans[i], &r->spans[i + 1],
		(r->num - i) * sizeof(r->spans[0]));
}

/* The part of a span that is in a range; without length, if none is. */
static struct span part_of(const struct span *span, uint64_t first,
			   uint64_t last)
{
	struct span part = *span;
	uint64_t end = span->iova + span->len - 1;

	if (span->iova > last || end < first) {
		part.len = 0;
		return part;
	}
	if (part.iova < first) {
		part.va += first - part.iova;
		part.iova = first;
	}
	part.len = (end < last ? end : last) - part.iova + 1;
	return part;
}

static void unmap(struct replay *r, int ioas, uint64_t first, uint64_t last)
{
	struct span span;
	unsigned int i;

	for (i = 0; i < r->num;) {
		span = r->spans[i];
		if (span.ioas != ioas || !part_of(&span, first, last).len) {
			i++;
			continue;
		}
		drop_span(r, i);
		/* What a container is asked for may be a part of it. */
		if (span.iova < first) {
			add_span(r, part_of(&span, 0, first - 1));
			i++;
		}
		if (last - span.iova < span.len - 1)
			add_span(r, part_of(&span, last + 1, UINT64_MAX));
	}
}

/* One that fails has unmapped what is in front of what it cannot. */
static void unmap_in_front(struct replay *r, int ioas, uint64_t first,
			   uint64_t last)
{
	struct span *span;
	unsigned int i;

	for (i = 0; i < r->num;) {
		span = &r->spans[i];
		if (span->ioas != ioas || !part_of(span, first, last).len) {
			i++;
			continue;
		}
		if (part_of(span, first, last).len != span->len)
			return;
		drop_span(r, i);
	}
}

static void do_unmap(struct replay *r, int ioas, uint64_t iova, uint64_t len,
		     bool all, const char *err)
{
	uint64_t last = iova + len - 1;

	if (all || len == UINT64_MAX)
		iova = 0, last = UINT64_MAX;
	if (!*err)
		unmap(r, ioas, iova, last);
	else if (!strcmp(err, "ENOENT") && len)
		unmap_in_front(r, ioas, iova, last);
}

/* An IOVA that the kernel has chosen is in its answer. */
static uint64_t answered_iova(const struct outcome *out)
{
	const char *at = strstr(said(out, BYTES), "iova=");

	return at ? strtoull(at + strlen("iova="), NULL, 0) : 0;
}

static void copy(struct replay *r, const struct call *call, int from, int to,
		 uint64_t iova)
{
	uint64_t first = value(call, "from");
	uint64_t last = first + value(call, "len") - 1;
	struct span copies[64], part;
	unsigned int i, n = 0;

	for (i = 0; i < r->num && n < ARRAY_SIZE(copies); i++) {
		part = part_of(&r->spans[i], first, last);
		if (r->spans[i].ioas != from || !part.len)
			continue;
		part.ioas = to;
		part.iova = part.iova - first + iova;
		copies[n++] = part;
	}
	for (i = 0; i < n; i++)
		add_span(r, copies[i]);
}

/* ---- calls ---- */

static int slot_ioas(const struct replay *r, uint64_t id)
{
	return IS_SLOT(id) ? r->slots[id & 0xff] : -1;
}

/* Who makes a call: the second process, if there is one. */
static int who(const struct replay *r, const struct call *call)
{
	return call->by && r->second;
}

static struct span new_span(const struct replay *r, const struct call *call)
{
	bool dma = call->type->cmd == VFIO_IOMMU_MAP_DMA;
	bool file = call->type->cmd == IOASID_IOAS_MAP_FILE;
	uint64_t writes = dma ? VFIO_DMA_MAP_FLAG_WRITE :
				IOASID_IOAS_MAP_WRITEABLE;

	return (struct span){
		.ioas = dma ? r->container[call->on] :
			      slot_ioas(r, value(call, "ioas")),
		.iova = value(call, "iova"),
		.len = value(call, "len"),
		.va = value(call, file ? "start" : "va"),
		.process = who(r, call) ? r->second : 0,
		.file = file,
		.writable = value(call, "flags") & writes,
		.charged = r->limit[who(r, call)] != NO_LIMIT,
	};
}

static void do_map(struct replay *r, const struct call *call,
		   const struct outcome *out)
{
	struct span span = new_span(r, call);

	if (call->type->cmd != VFIO_IOMMU_MAP_DMA &&
	    !(value(call, "flags") & IOASID_IOAS_MAP_FIXED_IOVA))
		span.iova = answered_iova(out);
	add_span(r, span);
}

static void do_copy(struct replay *r, const struct call *call,
		    const struct outcome *out)
{
	bool fixed = value(call, "flags") & IOASID_IOAS_MAP_FIXED_IOVA;

	copy(r, call, slot_ioas(r, value(call, "src")),
	     slot_ioas(r, value(call, "dst")),
	     fixed ? value(call, "iova") : answered_iova(out));
}

static void do_destroy(struct replay *r, uint64_t id)
{
	int ioas = slot_ioas(r, id);
	unsigned int i;

	if (IS_SLOT(id))
		r->made[id & 0xff] = false;
	for (i = 0; ioas >= 0 && i < NUM_SLOTS; i++)
		if (r->slots[i] == ioas)
			r->slots[i] = -1;
	for (i = 0; ioas >= 0 && i < NUM_CONTEXTS; i++)
		if (r->container[i] == ioas)
			r->container[i] = -1;
}

/* A slot names what the call has made. */
static void fill_slots(struct replay *r, int nr)
{
	const struct call *call = &r->seq->calls[nr];
	const struct value_type *v;
	unsigned int i;

	for (i = 0; i < MAX_VALUES && call->type->values[i].name; i++) {
		v = &call->type->values[i];
		if ((v->kind != NEW_ID && v->kind != GOT_ID) ||
		    !IS_SLOT(call->value[i]))
			continue;
		r->slots[call->value[i] & 0xff] =
			call->type->cmd == IOASID_IOAS_ALLOC ? nr : -1;
		r->made[call->value[i] & 0xff] = true;
	}
}

static void do_ioctl(struct replay *r, int nr, const struct outcome *out)
{
	const struct call *call = &r->seq->calls[nr];
	const char *err = said(out, ERRNO);

	/* Those that do something when they fail. */
	switch (call->type->cmd) {
	case IOASID_IOAS_UNMAP:
		do_unmap(r, slot_ioas(r, value(call, "ioas")),
			 value(call, "iova"), value(call, "len"), false, err);
		break;
	case VFIO_IOMMU_UNMAP_DMA:
		do_unmap(r, r->container[call->on], value(call, "iova"),
			 value(call, "len"),
			 value(call, "flags") & VFIO_DMA_UNMAP_FLAG_ALL, err);
		break;
	}
	if (*err)
		return;
	switch (call->type->cmd) {
	case IOASID_IOAS_MAP:
	case IOASID_IOAS_MAP_FILE:
	case VFIO_IOMMU_MAP_DMA:
		do_map(r, call, out);
		break;
	case IOASID_IOAS_COPY:
		do_copy(r, call, out);
		break;
	case IOASID_DESTROY:
		do_destroy(r, value(call, "id"));
		break;
	case IOASID_VFIO_IOAS:
		if (value(call, "op") == IOASID_VFIO_IOAS_SET)
			r->container[call->on] =
				slot_ioas(r, value(call, "ioas"));
		else if (value(call, "op") == IOASID_VFIO_IOAS_CLEAR)
			r->container[call->on] = -1;
		break;
	case VFIO_CDEV_ATTACH:
		r->attached[call->on] = true;
		break;
	case VFIO_CDEV_DETACH:
		r->attached[call->on] = false;
		break;
	}
	fill_slots(r, nr);
}

static void do_fork(struct replay *r)
{
	if (r->second)
		return;
	r->second = ++r->processes;
	memcpy(r->pages[1], r->pages[0], sizeof(r->pages[1]));
	r->limit[1] = r->limit[0];
}

static void do_program(struct replay *r, const struct call *call,
		       const char *err)
{
	long (*run)(const struct call *call, struct outcome *out) =
		call->type->run;

	/* It attaches, and then maps memory to show what it sees. */
	if (run == run_dma && (!*err || !strcmp(err, "ENOMEM")))
		r->attached[0] = true;
	if (*err)
		return;
	if (run == run_close_device)
		r->attached[call->on] = false;
	else if (run == run_munmap)
		set_pages(r, who(r, call), value(call, "va"),
			  value(call, "len"), PAGE_GONE);
	else if (run == run_renew)
		set_pages(r, who(r, call), value(call, "va"),
			  value(call, "len"), PAGE_WRITABLE);
	else if (run == run_user)
		r->limit[who(r, call)] = value(call, "pages");
	else if (run == run_fork && !call->by)
		do_fork(r);
	else if (run == run_exit && !call->by)
		r->second = 0;
}

const struct replay *replay_to(const struct sequence *seq, unsigned int nr,
			       const struct trace *kernel)
{
	static struct replay r;
	unsigned int i;

	memset(&r, 0, sizeof(r));
	r.seq = seq;
	memset(r.slots, -1, sizeof(r.slots));
	memset(r.container, -1, sizeof(r.container));
	r.limit[0] = NO_LIMIT;
	first_memory(&r);
	for (i = 0; i < nr; i++) {
		if (seq->calls[i].type->run)
			do_program(&r, &seq->calls[i],
				   said(&kernel->outcomes[i], ERRNO));
		else
			do_ioctl(&r, i, &kernel->outcomes[i]);
	}
	r.call = &seq->calls[nr];
	r.kernel = &kernel->outcomes[nr];
	return &r;
}

int replay_ioas(const struct replay *r, const char *name)
{
	return slot_ioas(r, value(r->call, name));
}

struct span replay_span(const struct replay *r)
{
	return new_span(r, r->call);
}
