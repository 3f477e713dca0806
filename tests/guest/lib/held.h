/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that whoever touches it waits for, the kernel too, until the test says so. */
#ifndef TEST_HELD_H
#define TEST_HELD_H

#include <stdbool.h>
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
/*
 * Two threads: the first touches the memory, and the second begins when it waits. Whether that
 * one ends while the memory is held, or only after it, in five seconds; both have ended.
 */
bool held_meanwhile(struct held *held, void *(*touches)(void *),
		    void *(*meanwhile)(void *), void *arg);

#endif
