/* SPDX-License-Identifier: MIT */
/*
 * How often clients did something in the last minutes, over all workers.
 *
 * Each worker counts in a table of its own in the shared memory (core/shm), which it alone
 * writes, and reads those of all others; so a limit of N lets N in, whichever workers they
 * meet. Where two workers take the last one at the same moment, neither may.
 *
 * Time is cut into eighths of the period: an event counts until the eighth that it fell into
 * is a period old, which is seven eighths of the period at least, and a whole one at most.
 *
 * IPv6 counts by /64, which is what one customer has. A table forgets: when a set of it is
 * full, a new client takes the place of the one that did least. So it is as large as it was
 * made whatever strangers do, and a client with many addresses can at most make it forgive
 * the others. Nobody outside can choose a set, for a seed is in the hash.
 */
#ifndef CORE_RATE_H
#define CORE_RATE_H

#include "core/attr.h"
#include "core/shm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate;

struct rate_limit {
	unsigned times; /* in the period; all may come at once. 0: any number */
	uint64_t scope; /* what is counted together: rate_scope() */
};

/* Equal for addresses that count as one client; never 0. Whoever has no address counts as one
 * client with all others that have none. */
uint64_t rate_client(const char *address);

/* Of a listener that has a limit of its own; of all others 0. */
uint64_t rate_scope(const char *listener);

/* What a client is called in tables that others cannot aim at; never 0. */
uint64_t rate_key(uint64_t seed, uint64_t client, uint64_t scope);

/* Counts in that section of the slot; shm is borrowed, and NULL where a process is alone.
 * period: ms. A NULL rate is fine for all below: no limit. */
struct rate *rate_new(struct shm *shm, size_t slot, enum shm_section section,
	uint64_t period) MUST_CHECK;
void rate_free(struct rate **rate);

/* Counts one; false, and not counted, where the client has used up its share. address as in
 * struct peer. now: ms of the loop's clock. */
bool rate_take(struct rate *r, struct rate_limit l, const char *address, uint64_t now);

/* Whether rate_take() would say false. */
bool rate_is_spent(
	const struct rate *r, struct rate_limit l, const char *address, uint64_t now);

#endif
