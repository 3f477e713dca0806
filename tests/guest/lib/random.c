// SPDX-License-Identifier: GPL-2.0-only
#include "random.h"

void random_begin(struct random *random, uint64_t seed)
{
	/* Seeds are small and next to each other. A state of 0 would stay. */
	random->state = seed * 0x9e3779b97f4a7c15ULL + 1;
	if (!random->state)
		random->state = 1;
}

/* xorshift64*, whose high bits are the better ones. */
uint64_t random_below(struct random *random, uint64_t num)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return (random->state * 0x2545f4914f6cdd1dULL >> 16) % num;
}

bool random_chance(struct random *random, unsigned int percent)
{
	return random_below(random, 100) < percent;
}
