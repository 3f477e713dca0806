// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend.h"
#include "memory.h"

#define PAGEMAP_PFN ((1UL << 55) - 1)
#define KPF_HUGE (1UL << 17)
#define KPF_THP (1UL << 22)

const char *const layout_names[NR_LAYOUTS] = {
	[LAYOUT_RAND] = "rand",
	[LAYOUT_CONTIG] = "contig",
	[LAYOUT_THP] = "thp",
	[LAYOUT_HUGE] = "huge",
};

static void *map_aligned(size_t len)
{
	char *p = mmap(NULL, len + 2 * MB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return (void *)(((uintptr_t)p + 2 * MB - 1) & ~(2 * MB - 1));
}

static void advise(void *p, size_t len, int advice)
{
	if (madvise(p, len, advice))
		die("madvise %d: %s", advice, strerror(errno));
}

static void touch_in_order(char *p, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE)
		p[i] = 1;
}

static void touch_at_random(char *p, size_t len)
{
	size_t n = len / PAGE, i, j, t;
	size_t *order = malloc(n * sizeof(*order));

	if (!order)
		die("no memory");
	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n - 1; i > 0; i--) {
		j = random() % (i + 1);
		t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
	for (i = 0; i < n; i++)
		p[order[i] * PAGE] = 1;
	free(order);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

static void split(void *p, size_t len)
{
	char text[96];

	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(), (uintptr_t)p,
		 (uintptr_t)p + len);
	write_text("/sys/kernel/debug/split_huge_pages", text);
	/* Or they would be joined again. */
	advise(p, len, MADV_NOHUGEPAGE);
}

static void *map_hugetlb(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (p == MAP_FAILED)
		die("mmap of hugetlb memory: %s", strerror(errno));
	return p;
}

static uint64_t read_u64(int fd, uint64_t index)
{
	uint64_t value;

	if (pread(fd, &value, sizeof(value), index * sizeof(value)) !=
	    sizeof(value))
		die("cannot read about pages: %s", strerror(errno));
	return value;
}

/* What a page may be a part of. */
static const uint64_t allowed_flags[NR_LAYOUTS] = {
	[LAYOUT_THP] = KPF_THP,
	[LAYOUT_HUGE] = KPF_HUGE,
};

static void check(enum layout layout, void *p, size_t len)
{
	int map = open_or_die("/proc/self/pagemap");
	int flags = open_or_die("/proc/kpageflags");
	size_t n = len / PAGE, runs = 0;
	uint64_t pfn, last = 0, kind;

	for (size_t i = 0; i < n; i++) {
		pfn = read_u64(map, (uintptr_t)p / PAGE + i) & PAGEMAP_PFN;
		if (pfn != last + 1)
			runs++;
		last = pfn;
		kind = read_u64(flags, pfn) & (KPF_HUGE | KPF_THP);
		if (kind != allowed_flags[layout])
			die("%s: page %zu is of another kind (0x%lx)",
			    layout_names[layout], i, kind);
	}
	close(map);
	close(flags);
	if (layout == LAYOUT_RAND ? runs < n - n / 100 : runs > len / (2 * MB))
		die("%s: %zu physical runs in %zu pages", layout_names[layout],
		    runs, n);
}

void *memory_make(enum layout layout, size_t len)
{
	void *p;

	if (layout == LAYOUT_HUGE) {
		p = map_hugetlb(len);
		touch_in_order(p, len);
		check(layout, p, len);
		return p;
	}

	p = map_aligned(len);
	advise(p, len, layout == LAYOUT_RAND ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	if (layout == LAYOUT_RAND)
		touch_at_random(p, len);
	else
		touch_in_order(p, len);
	if (layout == LAYOUT_CONTIG)
		split(p, len);
	check(layout, p, len);
	return p;
}
