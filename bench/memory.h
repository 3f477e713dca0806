/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory of a known physical layout. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stddef.h>

#define KB 1024UL
#define MB (1024UL * KB)
#define GB (1024UL * MB)
#define PAGE 4096UL

/**
 * enum layout - how memory lies
 * @LAYOUT_RAND: pages touched in random order: each is a physical run of its own
 * @LAYOUT_CONTIG: small pages that follow each other, 2M at a time
 * @LAYOUT_THP: transparent huge pages
 * @LAYOUT_HUGE: hugetlb pages of 2M
 */
enum layout {
	LAYOUT_RAND,
	LAYOUT_CONTIG,
	LAYOUT_THP,
	LAYOUT_HUGE,
	NR_LAYOUTS,
};

extern const char *const layout_names[NR_LAYOUTS];

/*
 * Make memory of a layout, touched, and check that it is so: the program ends with a
 * sentence if the kernel made it otherwise. @len is a multiple of 2M.
 */
void *memory_make(enum layout layout, size_t len);

/*
 * Make memory of a guest: a memfd of 256 MiB, mapped again and again until the range is
 * full. @layout is LAYOUT_RAND or LAYOUT_HUGE, @len a multiple of 256 MiB. What the last
 * call made goes, unless it is the same.
 */
void *memory_guest(enum layout layout, size_t len);

#endif
