/* SPDX-License-Identifier: GPL-2.0-only */
/* Random numbers from a seed: the same seed gives the same ones, with any C library. */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

void random_begin(struct random *random, uint64_t seed);
/* One of 0 to @num - 1; @num is at most 2^48. */
uint64_t random_below(struct random *random, uint64_t num);
/* True so many times in a hundred. */
bool random_chance(struct random *random, unsigned int percent);

#endif
