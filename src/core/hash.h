/* SPDX-License-Identifier: MIT */
/*
 * Hashes of 64 bits for tables: FNV-1a and the mixer of splitmix64. Where a stranger chooses
 * what is hashed, mix a random seed in, or take core/digest.h.
 */
#ifndef CORE_HASH_H
#define CORE_HASH_H

#include <stdint.h>

/* Of a NUL-terminated text, the same in every process; never 0. */
static inline uint64_t hash_text(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (const char *p = text; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	return h != 0 ? h : 1;
}

/* One to one, and every bit of the result hangs on every bit of h. */
static inline uint64_t hash_mix(uint64_t h)
{
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
	return h ^ (h >> 31);
}

#endif
