// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/memfd.h>

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

static void *map_file(void *where, int fd, size_t len, int flags)
{
	void *p = mmap(where, len, PROT_READ | PROT_WRITE, MAP_SHARED | flags,
		       fd, 0);

	if (p == MAP_FAILED)
		die("mmap of a memfd: %s", strerror(errno));
	return p;
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

#define GUEST_FILE (256 * MB)

/* What the memory of guests of @layout is. It stays: filling it takes a while. */
static int guest_file(enum layout layout)
{
	static int fds[NR_LAYOUTS];
	bool huge = layout == LAYOUT_HUGE;
	void *p;
	int fd;

	if (fds[layout])
		return fds[layout];
	fd = memfd_create("guest", huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0);
	if (fd < 0 || ftruncate(fd, GUEST_FILE))
		die("a memfd: %s", strerror(errno));
	p = map_file(NULL, fd, GUEST_FILE, 0);
	if (huge)
		touch_in_order(p, GUEST_FILE);
	else
		touch_at_random(p, GUEST_FILE);
	check(layout, p, GUEST_FILE);
	munmap(p, GUEST_FILE);
	fds[layout] = fd;
	return fd;
}

void *memory_guest(enum layout layout, size_t len)
{
	static enum layout last_layout;
	static size_t last_len;
	static char *last;
	int fd = guest_file(layout);

	if (last && layout == last_layout && len == last_len)
		return last;
	if (last)
		munmap(last, last_len);
	last = map_aligned(len);
	last_layout = layout;
	last_len = len;
	for (size_t at = 0; at < len; at += GUEST_FILE)
		map_file(last + at, fd, GUEST_FILE, MAP_FIXED | MAP_POPULATE);
	return last;
}
