/* SPDX-License-Identifier: MIT */
/* Numbers that look random and are the same in every run. */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Below n; 0 if n is. xorshift64*. */
static inline size_t below(size_t n)
{
	static uint64_t seed = 20201002;

	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return n == 0 ? 0 : (size_t)((seed * 2685821657736338717ULL) >> 33) % n;
}

#endif
