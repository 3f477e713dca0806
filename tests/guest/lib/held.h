/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that whoever touches it waits for, the kernel too, until the test says so. */
#ifndef TEST_HELD_H
#define TEST_HELD_H

#include <stddef.h>

struct held {
	int uffd;
	void *va;
	size_t len;
	/* It has content, and only who writes to it waits. */
	int writes;
};

struct held held_alloc(size_t len);
/* A page that begins with this, and can be read. */
struct held held_answer(const void *content, size_t size);
/* Somebody touches it; fails after ten seconds. */
void held_wait(const struct held *held);
/* As held_wait(), but false if that takes longer than @ms. */
int held_touched(const struct held *held, int ms);
/* Nobody waits any more. */
void held_release(struct held *held);

#endif
