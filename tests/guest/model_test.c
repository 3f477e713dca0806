// SPDX-License-Identifier: GPL-2.0-only
/*
 * title: random calls, compared with a model and by DMA
 *
 * A model of two address spaces. Random calls change both, the model and the kernel, and
 * after each step a device reads and writes pages: what is mapped is there, and what is not
 * cannot be reached. What the kernel lists and pins is what the model says.
 *
 * Each run prints its seed. SEED repeats one. STEPS is how many steps it goes; without it
 * RUN_MS ends a run, too. A run that fails says what its last steps were.
 */
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <linux/ioasid.h>

#include "dma.h"
#include "ioasid.h"
#include "module.h"
#include "nvme.h"
#include "random.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define HUGEPAGES "/proc/sys/vm/nr_hugepages"

#define RUN_MS 5000
#define RUN_STEPS 400

/* In pages from here on, but for what the kernel is told. */
#define HUGE 512

/* IOVAs that are used: at the beginning, and where page tables have another level. */
#define LOW_PAGES (64 * MB / PAGE)
#define HIGH_PAGES (32 * MB / PAGE)
#define WINDOW_PAGES (LOW_PAGES + HIGH_PAGES)
/* Behind them, what the nvme needs itself. */
#define OWN_IOVA (144 * MB / PAGE)
#define OWN_PAGES (NVME_MEMORY / PAGE)

#define MAX_AREAS 256
#define MANY_AREAS 120
#define MAX_HOT 64
#define MAX_ALLOWED 3
#define NUM_SPACES 2

/* Memory that can be mapped. */
struct object {
	const char *name;
	uint8_t *va;
	uint64_t pages;
	/* Of a memfd, whose beginning is at @va; else -1. */
	int fd;
};

/* What was given to MAP, which copies and the parts that are left share. */
struct origin {
	const struct object *object;
	uint64_t first;
	uint64_t pages;
	bool file;
	bool writable;
	unsigned int areas;
	/* A bit for each page that is pinned. */
	uint64_t *pinned;
};

struct area {
	uint64_t iova;
	uint64_t pages;
	struct origin *origin;
	uint64_t first;
	uint32_t flags;
};

struct space {
	uint32_t id;
	struct area areas[MAX_AREAS];
	unsigned int num;
	bool large;
	struct ioasid_iova_range allowed[MAX_ALLOWED];
	uint32_t num_allowed;
	/* A page table made by hand, or 0. */
	uint32_t table;
	/* The memory that was last at each IOVA of the windows. */
	uint8_t *last[WINDOW_PAGES];
	/* IOVAs where something has changed. */
	uint64_t hot[MAX_HOT];
	unsigned int num_hot;
};

struct device {
	const char *name;
	int fd;
	uint32_t devid;
	/* Where it is attached, or NULL, and whether to the table made by hand. */
	struct space *space;
	bool by_hand;
};

enum memory {
	OBJECT_HUGETLB,
	OBJECT_THP,
	OBJECT_RUNS,
	OBJECT_SMALL,
	OBJECT_MEMFD,
	OBJECT_HUGE_MEMFD,
	NUM_OBJECTS,
};

#define STORY 12

struct model {
	int ctx;
	uint64_t seed;
	struct random random;
	unsigned int step;
	struct object objects[NUM_OBJECTS];
	struct object own;
	struct space spaces[NUM_SPACES];
	uint64_t high;
	/* A page table made by hand holds the mappings before a device is in it. */
	bool fills_early;
	struct device disk;
	struct device slow;
	struct nvme nvme;
	struct edu edu;
	char story[STORY][200];
	unsigned int told;
	unsigned int refused;
};

/* ---- chance, and what is said ---- */

static uint64_t below(struct model *m, uint64_t end)
{
	return random_below(&m->random, end);
}

static bool chance(struct model *m, unsigned int percent)
{
	return random_chance(&m->random, percent);
}

static void tell(struct model *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void tell(struct model *m, const char *fmt, ...)
{
	char *line = m->story[m->told++ % STORY];
	va_list ap;
	int n;

	n = snprintf(line, sizeof(m->story[0]), "step %u: ", m->step);
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(m->story[0]) - n, fmt, ap);
	va_end(ap);
}

/* What is wrong, after what has been done. */
#define wrong(m, ...)                   \
	do {                            \
		say_story(m);           \
		fail_test(__VA_ARGS__); \
	} while (0)

static void say_story(struct model *m)
{
	unsigned int i = m->told < STORY ? 0 : m->told - STORY;

	print_message("# SEED=%llu STEPS=%u fails\n",
		      (unsigned long long)m->seed, m->step + 1);
	for (; i < m->told; i++)
		print_message("# %s\n", m->story[i % STORY]);
}

/* What the call has given is what the model says; 0 for success. */
static void check_result(struct model *m, int want, int rc)
{
	int got = rc ? errno : 0;

	if (got != want)
		wrong(m, "expected %s, got %s", errno_name(want),
		      errno_name(got));
}

static int space_nr(const struct model *m, const struct space *s)
{
	return s ? (int)(s - m->spaces) : -1;
}

/* ---- the model ---- */

static bool is_pinned(const struct model *m, const struct space *s)
{
	return (s->table && m->fills_early) || m->disk.space == s ||
	       m->slow.space == s;
}

/* Which of the windows' pages it is, or -1. */
static long slot(const struct model *m, uint64_t iova)
{
	if (iova < LOW_PAGES)
		return iova;
	if (iova >= m->high && iova < m->high + HIGH_PAGES)
		return iova - m->high + LOW_PAGES;
	return -1;
}

static bool in_window(const struct model *m, uint64_t iova, uint64_t pages)
{
	return iova + pages <= LOW_PAGES ||
	       (iova >= m->high && iova + pages <= m->high + HIGH_PAGES);
}

/* The first area that ends behind @iova. */
static unsigned int find(const struct space *s, uint64_t iova)
{
	unsigned int low = 0, high = s->num, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (s->areas[mid].iova + s->areas[mid].pages > iova)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* The area that has @iova, or NULL. */
static struct area *area_at(struct space *s, uint64_t iova)
{
	unsigned int i = find(s, iova);

	return i < s->num && s->areas[i].iova <= iova ? &s->areas[i] : NULL;
}

static bool is_free(struct space *s, uint64_t iova, uint64_t pages)
{
	unsigned int i = find(s, iova);

	return i == s->num || s->areas[i].iova >= iova + pages;
}

static uint8_t *area_va(const struct area *a, uint64_t iova)
{
	return a->origin->object->va +
	       (a->origin->first + a->first + (iova - a->iova)) * PAGE;
}

static void heat(struct model *m, struct space *s, uint64_t iova)
{
	if (slot(m, iova) >= 0)
		s->hot[s->num_hot++ % MAX_HOT] = iova;
}

/* Something has happened to a range: its borders, and some of it. */
static void heat_range(struct model *m, struct space *s, uint64_t iova,
		       uint64_t pages)
{
	int i;

	heat(m, s, iova - 1);
	heat(m, s, iova);
	heat(m, s, iova + pages - 1);
	heat(m, s, iova + pages);
	for (i = 0; i < 4; i++)
		heat(m, s, iova + below(m, pages));
}

static void origin_put(struct origin *o)
{
	if (--o->areas)
		return;
	free(o->pinned);
	free(o);
}

static void insert(struct model *m, struct space *s, const struct area *new)
{
	unsigned int i = find(s, new->iova);
	uint64_t k;
	long at;

	check(s->num < MAX_AREAS);
	memmove(&s->areas[i + 1], &s->areas[i],
		(s->num - i) * sizeof(s->areas[0]));
	s->areas[i] = *new;
	s->num++;
	new->origin->areas++;
	for (k = 0; k < new->pages; k++) {
		at = slot(m, new->iova + k);
		if (at >= 0)
			s->last[at] = area_va(new, new->iova + k);
	}
	heat_range(m, s, new->iova, new->pages);
}

static void remove_nr(struct model *m, struct space *s, unsigned int i)
{
	struct area old = s->areas[i];

	heat_range(m, s, old.iova, old.pages);
	s->num--;
	memmove(&s->areas[i], &s->areas[i + 1],
		(s->num - i) * sizeof(s->areas[0]));
	origin_put(old.origin);
}

/* Let an area begin at @iova, if one has it. */
static void split(struct model *m, struct space *s, uint64_t iova)
{
	struct area *a = area_at(s, iova), second;

	if (!a || a->iova == iova)
		return;
	second = *a;
	second.iova = iova;
	second.first += iova - a->iova;
	second.pages -= iova - a->iova;
	a->pages = iova - a->iova;
	insert(m, s, &second);
}

/* Pages between two IOVAs that are mapped. */
static uint64_t mapped_in(struct space *s, uint64_t iova, uint64_t end)
{
	uint64_t sum = 0, from, to;
	unsigned int i;

	for (i = find(s, iova); i < s->num && s->areas[i].iova < end; i++) {
		from = s->areas[i].iova > iova ? s->areas[i].iova : iova;
		to = s->areas[i].iova + s->areas[i].pages;
		sum += (to < end ? to : end) - from;
	}
	return sum;
}

static struct origin *origin_new(const struct object *object, uint64_t first,
				 uint64_t pages, bool file, uint32_t flags)
{
	struct origin *o = calloc(1, sizeof(*o));

	check(o);
	o->object = object;
	o->first = first;
	o->pages = pages;
	o->file = file;
	o->writable = flags & MAP_W;
	o->pinned = calloc(pages / 64 + 1, sizeof(*o->pinned));
	check(o->pinned);
	return o;
}

/* ---- what the kernel says of itself ---- */

static uint64_t count_pinned(struct model *m)
{
	struct area *a;
	uint64_t sum = 0, k, bit;
	int pass, n;
	unsigned int i;

	for (pass = 0; pass < 2; pass++) {
		for (n = 0; n < NUM_SPACES; n++) {
			struct space *s = &m->spaces[n];

			for (i = 0; i < s->num; i++) {
				a = &s->areas[i];
				if (!pass) {
					memset(a->origin->pinned, 0,
					       (a->origin->pages / 64 + 1) * 8);
					continue;
				}
				if (!is_pinned(m, s))
					continue;
				for (k = a->first; k < a->first + a->pages;
				     k++) {
					bit = 1ULL << (k % 64);
					if (a->origin->pinned[k / 64] & bit)
						continue;
					a->origin->pinned[k / 64] |= bit;
					sum++;
				}
			}
		}
	}
	return sum;
}

static uint32_t mapping_flags(const struct area *a)
{
	uint32_t flags = 0;

	if (a->flags & MAP_R)
		flags |= IOASID_MAPPING_READABLE;
	if (a->flags & MAP_W)
		flags |= IOASID_MAPPING_WRITEABLE;
	if (a->origin->file)
		flags |= IOASID_MAPPING_FILE;
	if (a->origin->areas > 1)
		flags |= IOASID_MAPPING_SHARED;
	return flags;
}

static void check_mapping(struct model *m, struct space *s,
			  const struct area *a,
			  const struct ioasid_mapping *got)
{
	uint64_t start = (a->origin->first + a->first) * PAGE;

	if (!a->origin->file)
		start += (uintptr_t)a->origin->object->va;
	if (got->iova != a->iova * PAGE || got->length != a->pages * PAGE ||
	    got->start != start || got->flags != mapping_flags(a) ||
	    got->pinned_pages != (is_pinned(m, s) ? a->pages : 0))
		wrong(m,
		      "space %d: listed %#llx+%#llx of %#llx, flags %#x, %llu pinned; expected %#llx+%#llx of %#llx, flags %#x",
		      space_nr(m, s), (unsigned long long)got->iova,
		      (unsigned long long)got->length,
		      (unsigned long long)got->start, got->flags,
		      (unsigned long long)got->pinned_pages,
		      (unsigned long long)a->iova * PAGE,
		      (unsigned long long)a->pages * PAGE,
		      (unsigned long long)start, mapping_flags(a));
}

static void check_list(struct model *m, struct space *s)
{
	struct ioasid_mapping list[64];
	unsigned int seen = 0;
	uint64_t iova = 0;
	bool end = false;
	uint32_t num, i;

	while (!end) {
		num = ARRAY_SIZE(list);
		check_result(m, 0,
			     list_mappings(m->ctx, s->id, &iova, list, &num,
					   &end));
		for (i = 0; i < num; i++, seen++) {
			if (seen >= s->num)
				wrong(m, "space %d: %#llx is listed, too",
				      space_nr(m, s),
				      (unsigned long long)list[i].iova);
			check_mapping(m, s, &s->areas[seen], &list[i]);
		}
	}
	if (seen != s->num)
		wrong(m, "space %d: %u mappings listed, expected %u",
		      space_nr(m, s), seen, s->num);
}

static bool has_range(const struct ioasid_iova_range *ranges, uint32_t num,
		      uint64_t first, uint64_t pages)
{
	uint32_t i;

	for (i = 0; i < num; i++)
		if (ranges[i].start <= first * PAGE &&
		    ranges[i].last >= (first + pages) * PAGE - 1)
			return true;
	return false;
}

static void check_ranges(struct model *m, struct space *s)
{
	struct ioasid_iova_range ranges[16];
	uint32_t num = ARRAY_SIZE(ranges);
	bool pinned = is_pinned(m, s);
	uint64_t align;

	check_result(m, 0, ioas_ranges(m->ctx, s->id, ranges, &num, &align));
	if (align != (pinned || !s->large ? PAGE : 1))
		wrong(m, "space %d: alignment %#llx", space_nr(m, s),
		      (unsigned long long)align);
	if (!has_range(ranges, num, 0, LOW_PAGES) ||
	    !has_range(ranges, num, m->high, HIGH_PAGES))
		wrong(m, "space %d: the IOVA ranges lack what is mapped",
		      space_nr(m, s));
	if (!pinned &&
	    (num != 1 || ranges[0].start || ranges[0].last != UINT64_MAX))
		wrong(m, "space %d: IOVAs are missing without a page table",
		      space_nr(m, s));
}

static void check_books(struct model *m)
{
	uint64_t want = count_pinned(m) * PAGE / KB;
	uint64_t got = state_vm("VmPin");
	int n;

	for (n = 0; n < NUM_SPACES; n++) {
		check_list(m, &m->spaces[n]);
		check_ranges(m, &m->spaces[n]);
	}
	if (want != got)
		wrong(m, "%llu KiB pinned, expected %llu",
		      (unsigned long long)got, (unsigned long long)want);
}

/* ---- what the devices reach ---- */

static void add_probe(struct model *m, struct space *s, uint64_t iova,
		      struct nvme_page *pages, size_t *num)
{
	struct nvme_page *page = &pages[*num];
	long at = slot(m, iova);
	struct area *a;
	size_t i;

	if (at < 0 || *num == NVME_PAGES)
		return;
	for (i = 0; i < *num; i++)
		if (pages[i].iova == iova * PAGE)
			return;
	a = area_at(s, iova);
	*page = (struct nvme_page){ .iova = iova * PAGE, .va = s->last[at] };
	if (a) {
		page->va = area_va(a, iova);
		/* Some IOMMUs have no pages that can only be written to. */
		page->read = a->flags & MAP_R ? REACH_YES : REACH_ANY;
		page->write = a->flags & MAP_W ? REACH_YES : REACH_NO;
	}
	(*num)++;
}

static uint64_t random_iova(struct model *m)
{
	return chance(m, 80) ? below(m, LOW_PAGES) :
			       m->high + below(m, HIGH_PAGES);
}

static void check_disk(struct model *m)
{
	struct space *s = m->disk.space;
	struct nvme_page pages[NVME_PAGES];
	size_t num = 0, which;
	const char *what;
	unsigned int i;
	struct area *a;

	if (!s)
		return;
	for (i = 0; i < MAX_HOT && i < s->num_hot; i++)
		add_probe(m, s, s->hot[i], pages, &num);
	s->num_hot = 0;
	for (i = 0; i < 12 && s->num; i++) {
		a = &s->areas[below(m, s->num)];
		add_probe(m, s, a->iova - 1, pages, &num);
		add_probe(m, s, a->iova + below(m, a->pages), pages, &num);
		add_probe(m, s, a->iova + a->pages, pages, &num);
	}
	for (i = 0; i < 20; i++)
		add_probe(m, s, random_iova(m), pages, &num);
	what = nvme_try_pages(&m->nvme, pages, num, &which);
	if (what)
		wrong(m, "%s, at IOVA %#llx of space %d", what,
		      (unsigned long long)pages[which].iova, space_nr(m, s));
}

/* Two pages: each takes the edu some time. */
static void check_slow(struct model *m)
{
	struct space *s = m->slow.space;
	unsigned int seed = m->step, i;
	struct area *a = NULL;
	uint64_t iova;
	uint8_t *va;

	for (i = 0; i < 20 && s->num; i++) {
		a = &s->areas[below(m, s->num)];
		if (a->iova < LOW_PAGES && a->flags == MAP_RW)
			break;
		a = NULL;
	}
	if (!a)
		return;
	iova = a->iova + below(m, a->pages);
	va = area_va(a, iova);
	pattern(va, COPY, seed);
	edu_read_ram(&m->edu, iova * PAGE, SPOT, COPY);
	memset(va, 0, COPY);
	edu_write_ram(&m->edu, iova * PAGE, SPOT, COPY);
	if (!has_pattern(va, COPY, seed))
		wrong(m, "the edu does not reach IOVA %#llx of space %d",
		      (unsigned long long)iova * PAGE, space_nr(m, s));
	iova = a->iova + a->pages;
	if (iova >= LOW_PAGES || area_at(s, iova) || !s->last[iova])
		return;
	va = s->last[iova];
	memset(va, 0, COPY);
	edu_write_ram(&m->edu, iova * PAGE, SPOT, COPY);
	if (!all_bytes(va, COPY, 0))
		wrong(m, "the edu writes to unmapped IOVA %#llx of space %d",
		      (unsigned long long)iova * PAGE, space_nr(m, s));
}

/* ---- steps ---- */

static struct space *any_space(struct model *m)
{
	if (m->disk.space && chance(m, 60))
		return m->disk.space;
	return &m->spaces[below(m, NUM_SPACES)];
}

static struct area *any_area(struct model *m, struct space *s)
{
	struct area *a;
	int i;

	/* Not what the devices need themselves. */
	for (i = 0; i < 8 && s->num; i++) {
		a = &s->areas[below(m, s->num)];
		if (slot(m, a->iova) >= 0)
			return a;
	}
	return NULL;
}

static uint64_t any_pages(struct model *m)
{
	switch (below(m, 10)) {
	case 0 ... 3:
		return 1 + below(m, 4);
	case 4 ... 6:
		return 1 + below(m, 64);
	case 7 ... 8:
		return 1 + below(m, 600);
	default:
		return HUGE * (1 + below(m, 3));
	}
}

static uint32_t any_flags(struct model *m)
{
	if (chance(m, 70))
		return MAP_RW;
	return chance(m, 70) ? MAP_R : MAP_W;
}

/* Part of an object, which may be cut shorter. */
static uint64_t any_part(struct model *m, const struct object *o,
			 uint64_t *pages)
{
	uint64_t first = below(m, o->pages);

	if (chance(m, 30))
		first &= -HUGE;
	else if (chance(m, 30))
		first &= -16;
	if (*pages > o->pages - first)
		*pages = o->pages - first;
	return first;
}

/* Somewhere in the windows, often where large pages would fit. */
static uint64_t any_place(struct model *m, uint64_t first, uint64_t *pages)
{
	uint64_t iova = random_iova(m), end;

	if (chance(m, 50))
		iova = (iova & -HUGE) + first % HUGE;
	end = iova < LOW_PAGES ? LOW_PAGES : m->high + HIGH_PAGES;
	if (iova >= end)
		iova = end - 1;
	if (*pages > end - iova)
		*pages = end - iova;
	return iova;
}

/* Must there be room for an IOVA of the kernel's choice? */
static bool has_room(struct space *s, uint64_t pages)
{
	/* For any alignment. */
	uint64_t need = pages + 2048, from, to, end;
	unsigned int i, k;

	if (!s->num_allowed)
		return true;
	for (i = 0; i < s->num_allowed; i++) {
		from = s->allowed[i].start / PAGE;
		end = (s->allowed[i].last + 1) / PAGE;
		for (k = find(s, from); from < end; k++) {
			to = k < s->num && s->areas[k].iova < end ?
				     s->areas[k].iova :
				     end;
			if (to > from && to - from >= need)
				return true;
			if (k >= s->num)
				break;
			from = s->areas[k].iova + s->areas[k].pages;
		}
	}
	return false;
}

/* Did the kernel choose well? */
static void check_chosen(struct model *m, struct space *s, uint64_t iova,
			 uint64_t pages)
{
	if (iova % PAGE || !is_free(s, iova / PAGE, pages))
		wrong(m, "the kernel chose %#llx", (unsigned long long)iova);
	if (s->num_allowed &&
	    !has_range(s->allowed, s->num_allowed, iova / PAGE, pages))
		wrong(m, "the kernel chose %#llx, which is not allowed",
		      (unsigned long long)iova);
}

/*
 * What a call with an IOVA of the kernel's choice has given: true if it is there, and is to
 * stay.
 */
static bool take_chosen(struct model *m, struct space *s, int rc, uint64_t iova,
			uint64_t pages)
{
	if (rc && errno == ENOSPC && !has_room(s, pages)) {
		tell(m, "  no room");
		return false;
	}
	check_result(m, 0, rc);
	tell(m, "  at %#llx", (unsigned long long)iova);
	check_chosen(m, s, iova, pages);
	if (in_window(m, iova / PAGE, pages))
		return true;
	check_result(m, 0, ioas_unmap_exact(m->ctx, s->id, iova, pages * PAGE));
	return false;
}

static void map_one(struct model *m, struct space *s,
		    const struct object *object, uint64_t first, uint64_t pages,
		    bool file, uint32_t flags, uint64_t iova, bool fixed)
{
	uint64_t start = first * PAGE, len = pages * PAGE, at = iova * PAGE;
	uint8_t *va = object->va + start;
	struct area new = { .pages = pages, .flags = flags };
	int rc;

	tell(m, "space %d: MAP%s %#llx+%#llx%s of %s at %#llx, flags %u",
	     space_nr(m, s), file ? "_file" : "", (unsigned long long)at,
	     (unsigned long long)len, fixed ? "" : " (anywhere)", object->name,
	     (unsigned long long)start, flags);
	if (fixed) {
		rc = file ? ioas_map_file_fixed(m->ctx, s->id, object->fd,
						start, len, at, flags) :
			    ioas_map_fixed(m->ctx, s->id, va, len, at, flags);
		if (!is_free(s, iova, pages)) {
			check_result(m, EEXIST, rc);
			return;
		}
		check_result(m, 0, rc);
	} else {
		rc = file ? ioas_map_file(m->ctx, s->id, object->fd, start, len,
					  &at, flags) :
			    ioas_map(m->ctx, s->id, va, len, &at, flags);
		if (!take_chosen(m, s, rc, at, pages))
			return;
	}
	new.iova = at / PAGE;
	new.origin = origin_new(object, first, pages, file, flags);
	insert(m, s, &new);
}

static void step_map(struct model *m, struct space *s)
{
	const struct object *object = &m->objects[below(m, NUM_OBJECTS)];
	uint64_t pages = any_pages(m), first, iova;

	first = any_part(m, object, &pages);
	iova = any_place(m, ((uintptr_t)object->va / PAGE + first), &pages);
	map_one(m, s, object, first, pages, object->fd >= 0 && chance(m, 60),
		any_flags(m), iova, chance(m, 75));
}

/* What the devices need. */
static void map_own(struct model *m, struct space *s)
{
	map_one(m, s, &m->own, 0, OWN_PAGES, false, MAP_RW, OWN_IOVA, true);
}

static int unmap(struct model *m, struct space *s, uint64_t iova, uint64_t end,
		 uint64_t *removed)
{
	uint64_t len = (end - iova) * PAGE;
	int rc;

	tell(m, "space %d: UNMAP %#llx-%#llx", space_nr(m, s),
	     (unsigned long long)iova * PAGE,
	     (unsigned long long)end * PAGE - 1);
	rc = ioas_unmap(m->ctx, s->id, iova * PAGE, &len);
	*removed = len / PAGE;
	return rc;
}

/* One mapping or several, with what room is around them. */
static void step_unmap(struct model *m, struct space *s)
{
	struct area *a = any_area(m, s);
	uint64_t iova, end, mapped, removed, before;
	unsigned int i, n;

	if (!a)
		return;
	i = a - s->areas;
	n = 1 + (chance(m, 60) ? 0 : below(m, 8));
	iova = a->iova;
	before = i ? s->areas[i - 1].iova + s->areas[i - 1].pages : 0;
	if (n > 1 && iova > before && chance(m, 50))
		iova -= 1 + below(m, iova - before);
	end = a->iova + a->pages;
	while (--n && i + 1 < s->num &&
	       in_window(m, a->iova, s->areas[i + 1].iova - a->iova + 1)) {
		i++;
		end = s->areas[i].iova + s->areas[i].pages;
	}
	mapped = mapped_in(s, iova, end);
	check_result(m, 0, unmap(m, s, iova, end, &removed));
	if (removed != mapped)
		wrong(m, "%llu pages removed, expected %llu",
		      (unsigned long long)removed, (unsigned long long)mapped);
	for (i = find(s, iova); i < s->num && s->areas[i].iova < end;)
		remove_nr(m, s, i);
}

/* A range that ends or begins inside a mapping: what is in front of that goes. */
static void step_cut(struct model *m, struct space *s)
{
	struct area *a = any_area(m, s);
	uint64_t iova, end, removed;
	unsigned int i, last;

	if (!a || a->pages < 2)
		return;
	last = a - s->areas;
	i = last;
	end = a->iova + 1 + below(m, a->pages - 1);
	iova = a->iova;
	if (chance(m, 30)) {
		iova++;
		end++;
	} else if (i && in_window(m, s->areas[i - 1].iova,
				  end - s->areas[i - 1].iova)) {
		i--;
		iova = s->areas[i].iova;
	}
	check_result(m, ENOENT, unmap(m, s, iova, end, &removed));
	for (; i < last; last--)
		remove_nr(m, s, i);
	heat_range(m, s, iova, end - iova);
}

static void step_unmap_all(struct model *m, struct space *s)
{
	uint64_t mapped = mapped_in(s, 0, UINT64_MAX), len = UINT64_MAX;

	tell(m, "space %d: UNMAP all", space_nr(m, s));
	check_result(m, 0, ioas_unmap(m->ctx, s->id, 0, &len));
	if (len != mapped * PAGE)
		wrong(m, "%#llx removed, expected %#llx",
		      (unsigned long long)len,
		      (unsigned long long)mapped * PAGE);
	while (s->num)
		remove_nr(m, s, s->num - 1);
	map_own(m, s);
}

/* May it be refused for what the IOMMU's driver is? */
static bool is_refused(struct model *m, struct space *s, uint32_t flags, int rc)
{
	struct refusal r;

	if (!rc || !is_pinned(m, s))
		return false;
	if (errno == EADDRINUSE && (flags & IOASID_UNMAP_PARTIAL_NO_FAULT) &&
	    s->large)
		return true;
	if (errno != EOPNOTSUPP)
		return false;
	/* That nothing has changed is looked at like everything else. */
	check_refusal(m->ctx, EOPNOTSUPP, "cannot be cut", &r);
	return true;
}

static void step_partial(struct model *m, struct space *s)
{
	struct area *a = any_area(m, s);
	uint64_t iova, pages, end, mapped, len;
	uint32_t flags = 0;
	unsigned int i;
	int rc;

	if (!a || s->num > MAX_AREAS - 4)
		return;
	iova = a->iova + below(m, a->pages);
	pages = chance(m, 50) ? 1 + below(m, 5) : any_pages(m);
	if (chance(m, 20) && iova > pages && in_window(m, iova - pages, pages))
		iova -= pages;
	if (!in_window(m, iova, pages))
		return;
	if (chance(m, 15))
		flags |= IOASID_UNMAP_PARTIAL_SPLIT;
	if (chance(m, 15))
		flags |= IOASID_UNMAP_PARTIAL_NO_FAULT;
	end = iova + pages;
	mapped = mapped_in(s, iova, end);
	len = pages * PAGE;
	tell(m, "space %d: UNMAP_PARTIAL %#llx+%#llx, flags %u", space_nr(m, s),
	     (unsigned long long)iova * PAGE, (unsigned long long)len, flags);
	rc = ioas_unmap_partial(m->ctx, s->id, iova * PAGE, &len, flags);
	heat_range(m, s, iova, pages);
	if (is_refused(m, s, flags, rc)) {
		m->refused++;
		tell(m, "  refused");
		return;
	}
	if (!mapped && !(flags & IOASID_UNMAP_PARTIAL_SPLIT)) {
		check_result(m, ENOENT, rc);
		return;
	}
	check_result(m, 0, rc);
	split(m, s, iova);
	split(m, s, end);
	if (flags & IOASID_UNMAP_PARTIAL_SPLIT)
		mapped = 0;
	if (len != mapped * PAGE)
		wrong(m, "%#llx removed, expected %#llx",
		      (unsigned long long)len,
		      (unsigned long long)mapped * PAGE);
	if (!mapped)
		return;
	for (i = find(s, iova); i < s->num && s->areas[i].iova < end;)
		remove_nr(m, s, i);
}

/* Mappings that follow each other without a gap, from @iova on: pages, and how many. */
static uint64_t contiguous(struct space *s, uint64_t iova, bool *writable,
			   uint64_t max, unsigned int *pieces)
{
	uint64_t at = iova;
	unsigned int i;

	*writable = true;
	*pieces = 0;
	for (i = find(s, iova);
	     i < s->num && s->areas[i].iova <= at && at < iova + max; i++) {
		at = s->areas[i].iova + s->areas[i].pages;
		*writable &= s->areas[i].origin->writable;
		(*pieces)++;
	}
	return at - iova < max ? at - iova : max;
}

static void insert_copy(struct model *m, struct space *dst, uint64_t to,
			struct space *src, uint64_t from, uint64_t pages,
			uint32_t flags)
{
	struct area old, new;

	while (pages) {
		old = *area_at(src, from);
		new = old;
		new.iova = to;
		new.flags = flags;
		new.first += from - old.iova;
		new.pages -= from - old.iova;
		if (new.pages > pages)
			new.pages = pages;
		insert(m, dst, &new);
		to += new.pages;
		from += new.pages;
		pages -= new.pages;
	}
}

static void step_copy(struct model *m, struct space *dst)
{
	struct space *src = any_space(m);
	struct area *a = any_area(m, src);
	uint64_t pages = any_pages(m), from, to, at;
	uint32_t flags = any_flags(m);
	bool fixed = chance(m, 70), writable, hole, occupied;
	unsigned int pieces;
	int rc;

	if (!a)
		return;
	from = a->iova + below(m, a->pages);
	to = any_place(m, a->origin->first + a->first, &pages);
	/* Most often what is there. */
	at = contiguous(src, from, &writable, pages, &pieces);
	if (at < pages && chance(m, 85))
		pages = at;
	hole = at < pages;
	if (dst->num + pieces > MAX_AREAS - 4)
		return;
	tell(m, "space %d: COPY %#llx+%#llx of space %d to %#llx%s, flags %u",
	     space_nr(m, dst), (unsigned long long)from * PAGE,
	     (unsigned long long)pages * PAGE, space_nr(m, src),
	     (unsigned long long)to * PAGE, fixed ? "" : " (anywhere)", flags);
	at = to * PAGE;
	rc = fixed ? ioas_copy_fixed(m->ctx, dst->id, at, src->id, from * PAGE,
				     pages * PAGE, flags) :
		     ioas_copy(m->ctx, dst->id, &at, src->id, from * PAGE,
			       pages * PAGE, flags);
	occupied = fixed && !is_free(dst, to, pages);
	if (hole || occupied || (!writable && (flags & MAP_W))) {
		if (rc && ((hole && errno == ENOENT) ||
			   (occupied && errno == EEXIST) ||
			   (!writable && errno == EPERM)))
			return;
		wrong(m, "a copy that cannot be made gives %s",
		      errno_name(rc ? errno : 0));
	}
	if (fixed)
		check_result(m, 0, rc);
	else if (!take_chosen(m, dst, rc, at, pages))
		return;
	insert_copy(m, dst, at / PAGE, src, from, pages, flags);
}

static void step_allow(struct model *m, struct space *s)
{
	uint64_t at = 1 + below(m, LOW_PAGES / 4), len;
	uint32_t n = 0, want = below(m, MAX_ALLOWED + 1);

	for (; n < want; n++) {
		len = 1 + below(m, LOW_PAGES / 4);
		if (at + len > LOW_PAGES)
			break;
		s->allowed[n].start = at * PAGE;
		s->allowed[n].last = (at + len) * PAGE - 1;
		at += len + 1 + below(m, 1024);
	}
	s->num_allowed = n;
	tell(m, "space %d: ALLOW %u ranges", space_nr(m, s), n);
	check_result(m, 0, ioas_allow(m->ctx, s->id, s->allowed, n));
}

static void step_option(struct model *m, struct space *s)
{
	bool large = chance(m, 50);
	int rc;

	tell(m, "space %d: large pages %d", space_nr(m, s), large);
	rc = option_set(m->ctx, IOASID_OPTION_HUGE_PAGES, s->id, large);
	if (!large && s->large && is_pinned(m, s) && s->num) {
		check_result(m, EINVAL, rc);
		return;
	}
	check_result(m, 0, rc);
	s->large = large;
}

static void attach(struct model *m, struct device *dev, struct space *s,
		   bool by_hand)
{
	tell(m, "%s: ATTACH to %s%d", dev->name,
	     by_hand ? "the page table of space " : "space ", space_nr(m, s));
	if (by_hand && !s->table)
		check_result(m, 0,
			     hwpt_alloc(m->ctx, dev->devid, s->id, 0,
					&s->table));
	check_result(m, 0,
		     cdev_attach(dev->fd, by_hand ? s->table : s->id, NULL));
	dev->space = s;
	dev->by_hand = by_hand;
}

static void detach(struct model *m, struct device *dev)
{
	tell(m, "%s: DETACH", dev->name);
	check_result(m, 0, cdev_detach(dev->fd));
	dev->space = NULL;
	dev->by_hand = false;
}

/* A page table made by hand goes when it is asked to, and nobody is there. */
static void drop_table(struct model *m, struct space *s)
{
	bool used = (m->disk.space == s && m->disk.by_hand) ||
		    (m->slow.space == s && m->slow.by_hand);

	if (!s->table)
		return;
	tell(m, "space %d: destroy the page table", space_nr(m, s));
	check_result(m, used ? EBUSY : 0, ioasid_destroy(m->ctx, s->table));
	if (!used)
		s->table = 0;
}

static void step_attach(struct model *m, struct space *s)
{
	struct device *dev = m->slow.fd >= 0 && chance(m, 50) ? &m->slow :
								&m->disk;

	switch (below(m, 8)) {
	case 0:
		if (dev->space)
			detach(m, dev);
		break;
	case 1:
	case 2:
		drop_table(m, s);
		break;
	case 3:
	case 4:
		attach(m, dev, s, true);
		break;
	default:
		attach(m, dev, s, false);
	}
	/* Most of the time there should be one to look. */
	if (!m->disk.space && chance(m, 70))
		attach(m, &m->disk, any_space(m), false);
}

static const struct {
	void (*fn)(struct model *m, struct space *s);
	unsigned int weight;
} kinds[] = {
	{ step_map, 38 },      { step_unmap, 16 },   { step_cut, 4 },
	{ step_unmap_all, 1 }, { step_partial, 16 }, { step_copy, 14 },
	{ step_allow, 3 },     { step_option, 2 },   { step_attach, 6 },
};

static void step(struct model *m)
{
	struct space *s = any_space(m);
	unsigned int i = 0, left;

	if (s->num > MANY_AREAS && chance(m, 60)) {
		step_unmap(m, s);
		return;
	}
	for (left = below(m, 100); left >= kinds[i].weight; i++)
		left -= kinds[i].weight;
	if (s->num < MAX_AREAS - 8 || kinds[i].fn != step_map)
		kinds[i].fn(m, s);
}

/* ---- memory of each kind ---- */

static void take_object(struct model *m, enum memory nr, const char *name,
			uint8_t *va, size_t len, int fd)
{
	m->objects[nr] = (struct object){ name, va, len / PAGE, fd };
}

/* Short runs of contiguous pages, side by side. */
static uint8_t *runs_alloc(struct model *m, size_t len)
{
	uint8_t *from = huge_alloc(2 * len, false), *va = page_alloc(len);
	uint8_t *end = from + 2 * len;
	size_t at, run, skip;

	for (at = 0; at < len; at += run) {
		run = (1 + below(m, 12)) * PAGE;
		skip = below(m, 5) * PAGE;
		if (run > len - at)
			run = len - at;
		if (from + skip + run > end)
			break;
		check(mremap(from + skip, run, run,
			     MREMAP_MAYMOVE | MREMAP_FIXED,
			     va + at) == va + at);
		from += skip + run;
	}
	return va;
}

/* Pages that come one by one, in no order. */
static uint8_t *scattered_alloc(struct model *m, size_t len)
{
	uint8_t *va = small_alloc(len);
	size_t i, pages = len / PAGE;

	for (i = 0; i < pages; i++)
		va[below(m, pages) * PAGE] = 1;
	memset(va, 1, len);
	return va;
}

static uint8_t *memfd_alloc(size_t len, unsigned int flags, int *fd)
{
	uint8_t *va;

	*fd = assert_ok(keep_fd(memfd_create("model", MFD_CLOEXEC | flags)));
	assert_ok(ftruncate(*fd, len));
	va = keep_map(mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, *fd,
			   0),
		      len);
	check(va != MAP_FAILED);
	memset(va, 1, len);
	return va;
}

static void make_objects(struct model *m)
{
	uint8_t *va;
	int fd;

	assert_ok(write_file(HUGEPAGES, "6"));
	take_object(m, OBJECT_HUGETLB, "hugetlb", huge_alloc(8 * MB, true),
		    8 * MB, -1);
	take_object(m, OBJECT_THP, "thp", huge_alloc(4 * MB, false), 4 * MB,
		    -1);
	take_object(m, OBJECT_RUNS, "runs", runs_alloc(m, 4 * MB), 4 * MB, -1);
	take_object(m, OBJECT_SMALL, "small", scattered_alloc(m, 2 * MB),
		    2 * MB, -1);
	va = memfd_alloc(2 * MB, 0, &fd);
	take_object(m, OBJECT_MEMFD, "memfd", va, 2 * MB, fd);
	va = memfd_alloc(4 * MB, MFD_HUGETLB, &fd);
	take_object(m, OBJECT_HUGE_MEMFD, "hugetlb memfd", va, 4 * MB, fd);
	m->own = (struct object){
		"own",
		page_alloc(OWN_PAGES * PAGE),
		OWN_PAGES,
		-1,
	};
}

/* ---- runs ---- */

static void take_device(struct model *m, struct device *dev, const char *name,
			const char *bdf)
{
	dev->name = name;
	dev->fd = -1;
	if (!bdf)
		return;
	pci_bind(bdf, DRIVER_EXT);
	dev->fd = cdev_open_bound(bdf, m->ctx, &dev->devid);
}

/* The second window: as far up as the page tables go, where that is far. */
static uint64_t find_high(struct model *m)
{
	struct ioasid_iova_range ranges[16];
	uint32_t num = ARRAY_SIZE(ranges);
	uint64_t last;

	assert_ok(ioas_ranges(m->ctx, m->spaces[0].id, ranges, &num, NULL));
	last = ranges[num - 1].last;
	if (last > 1UL << 49)
		return ((1UL << 48) + GB) / PAGE;
	if (last > 1UL << 40)
		return ((1UL << 39) + GB) / PAGE;
	return last / PAGE + 1 - HIGH_PAGES;
}

/* Some kernels know what a page table is like only when a device is in it. */
static bool fills_early(struct model *m, struct space *s)
{
	long before = state_vm("VmPin"), after;
	uint32_t table;

	assert_ok(hwpt_alloc(m->ctx, m->disk.devid, s->id, 0, &table));
	after = state_vm("VmPin");
	assert_ok(ioasid_destroy(m->ctx, table));
	return after > before;
}

static struct model *model_new(uint64_t seed)
{
	struct model *m;
	int n;

	m = page_alloc(sizeof(*m));
	m->seed = seed;
	random_begin(&m->random, seed);
	m->ctx = ioasid_open();
	make_objects(m);
	take_device(m, &m->disk, "nvme", nvme_bdf);
	take_device(m, &m->slow, "edu", edu_bdf);
	for (n = 0; n < NUM_SPACES; n++) {
		m->spaces[n].id = ioas_new(m->ctx);
		m->spaces[n].large = true;
	}
	attach(m, &m->disk, &m->spaces[0], false);
	m->high = find_high(m);
	for (n = 0; n < NUM_SPACES; n++)
		map_own(m, &m->spaces[n]);
	m->fills_early = fills_early(m, &m->spaces[1]);
	nvme_open(&m->nvme, m->disk.fd, m->own.va, OWN_IOVA * PAGE);
	if (m->slow.fd >= 0)
		edu_open(&m->edu, m->slow.fd);
	return m;
}

static void run(uint64_t seed)
{
	const char *env = getenv("STEPS");
	unsigned int steps = env ? strtoul(env, NULL, 0) : RUN_STEPS;
	long long end = now_ms() + RUN_MS, slow = now_ms();
	struct model *m;
	int n;

	print_message("# SEED=%llu\n", (unsigned long long)seed);
	if (env)
		alarm(0);
	m = model_new(seed);
	for (; m->step < steps && (env || now_ms() < end); m->step++) {
		step(m);
		check_books(m);
		check_disk(m);
		/* Not a matter of time: each seed has its steps. */
		if (m->slow.space && m->step % 16 == 0)
			check_slow(m);
	}
	print_message("# %u steps, %u refused, %lld ms\n", m->step, m->refused,
		      now_ms() - slow);
	for (n = 0; n < NUM_SPACES; n++) {
		step_unmap_all(m, &m->spaces[n]);
		drop_table(m, &m->spaces[n]);
	}
	check_books(m);
	check_disk(m);
	for (n = 0; n < NUM_SPACES; n++)
		while (m->spaces[n].num)
			remove_nr(m, &m->spaces[n], 0);
}

struct kind {
	bool direct;
	/* 0 for another one each time. */
	uint64_t seed;
};

static void test_run(void **state)
{
	const struct kind *kind = test_arg(state);
	const char *env = getenv("SEED");
	uint64_t seed = kind->seed;

	need_nvme();
	while (!seed)
		check(getrandom(&seed, 4, 0) == 4);
	run(env ? strtoull(env, NULL, 0) : seed);
	release_all();
	assert_ok(write_file(HUGEPAGES, "0"));
	/* None is left in a page table. */
	check_eq(0, read_long(HUGEPAGES));
}

static void use_kind(void *arg)
{
	const struct kind *kind = arg;

	use_direct_map(kind->direct);
	use_edu(NULL);
}

static int teardown(void **state)
{
	(void)state;
	use_direct_map(true);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct kind all[] = {
		{ true, 1 },  { true, 2 },  { true, 0 },
		{ false, 3 }, { false, 0 },
	};
	struct test_list list = { 0 };
	char name[16];
	size_t i;

	test_before = use_kind;
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		snprintf(name, sizeof(name), "%llu",
			 (unsigned long long)all[i].seed);
		test_add(&list, test_run, (void *)&all[i], "%s.%s",
			 all[i].direct ? "direct" : "core",
			 all[i].seed ? name : "random");
	}
	return test_main(argc, argv, "model", &list, NULL, teardown);
}
