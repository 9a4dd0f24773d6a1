/* SPDX-License-Identifier: MIT */
/* Counts by client in a window that slides by eighths. */
#include "core/rate.h"

#include "core/digest.h"
#include "core/hash.h"
#include "core/mem.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SETS  1024
#define WAYS  4
#define PARTS 8 /* of a period */

/* No worker counts more in a part; what is higher in another's table is no count. */
#define COUNT_MAX (1U << 24)

struct cell {
	_Atomic uint64_t key;    /* 0: nobody */
	_Atomic uint64_t newest; /* number of the part of the last event */
	_Atomic uint32_t n[PARTS];
};

struct table {
	struct cell sets[SETS][WAYS];
};

_Static_assert(sizeof(struct table) <= SHM_RATE_BYTES, "the section has room");

struct rate {
	struct shm *shm; /* borrowed; NULL: alone */
	size_t slot;
	enum shm_section section;
	uint64_t part; /* ms */
	uint64_t seed;
	struct table *own;     /* NULL: this process may not count */
	struct table *at_home; /* the same where it is alone; owned */
};

/* --- who -------------------------------------------------------------------------------- */

/* An IPv4 address, or the first 64 bits of an IPv6 one. */
uint64_t rate_client(const char *address)
{
	unsigned char bytes[16];
	uint64_t key = 0;

	if (inet_pton(AF_INET, address, bytes) == 1) {
		memcpy(&key, bytes, 4);
		return key + ((uint64_t)1 << 32);
	}
	if (inet_pton(AF_INET6, address, bytes) == 1)
		memcpy(&key, bytes, sizeof(key));
	/* :: and those without an address are one client. */
	return key != 0 ? key : 1;
}

/* A name means the same before and after a reload. */
uint64_t rate_scope(const char *listener)
{
	return hash_text(listener);
}

uint64_t rate_key(uint64_t seed, uint64_t client, uint64_t scope)
{
	uint64_t h = hash_mix(hash_mix(client ^ seed) ^ scope);

	return h != 0 ? h : 1;
}

/* --- life ------------------------------------------------------------------------------- */

struct rate *rate_new(
	struct shm *shm, size_t slot, enum shm_section section, uint64_t period)
{
	struct rate *r = mem_new(1, sizeof(*r));

	r->shm = shm;
	r->slot = slot;
	r->section = section;
	r->part = period > PARTS ? period / PARTS : 1;
	if (shm == NULL) {
		r->own = r->at_home = mem_new(1, sizeof(*r->at_home));
		digest_random(&r->seed, sizeof(r->seed));
	} else {
		r->own = shm_write(shm, slot, section);
		r->seed = shm_seed(shm);
	}
	return r;
}

void rate_free(struct rate **rp)
{
	struct rate *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	free(r->at_home);
	free(r);
}

/* --- counting --------------------------------------------------------------------------- */

static const struct cell *find(const struct table *t, uint64_t key)
{
	const struct cell *set = t->sets[key % SETS];

	for (size_t i = 0; i < WAYS; i++)
		if (atomic_load(&set[i].key) == key)
			return &set[i];
	return NULL;
}

/* Events that count in part `now`. Of another's table nothing is sure: it may say "part 2^64",
 * and a number that none can be. */
static uint64_t count_in(const struct cell *c, uint64_t now)
{
	uint64_t newest = atomic_load(&c->newest), sum = 0;

	if (newest > now + 1)
		return 0;
	for (uint64_t age = 0; age < PARTS && age <= newest; age++) {
		uint64_t part = newest - age;
		uint32_t n = atomic_load(&c->n[part % PARTS]);

		if (part + PARTS > now && n <= COUNT_MAX)
			sum += n;
	}
	return sum;
}

static uint64_t count_all(const struct rate *r, uint64_t key, uint64_t now)
{
	const struct cell *c = r->own != NULL ? find(r->own, key) : NULL;
	uint64_t sum = c != NULL ? count_in(c, now) : 0;
	size_t slots = r->shm != NULL ? shm_count(r->shm) : 0;

	for (size_t i = 0; i < slots; i++) {
		const struct table *t = shm_read(r->shm, i, r->section);

		if (t == NULL || i == r->slot)
			continue;
		c = find(t, key);
		if (c != NULL)
			sum += count_in(c, now);
	}
	return sum;
}

/* A cell of our own: the client's, an empty one, or that of the one that did least. */
static struct cell *own_cell(struct rate *r, uint64_t key, uint64_t now)
{
	struct cell *set = r->own->sets[key % SETS], *best = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (atomic_load(&set[i].key) == key)
			return &set[i];
		if (count_in(&set[i], now) < count_in(best, now))
			best = &set[i];
	}
	atomic_store(&best->key, 0);
	for (size_t i = 0; i < PARTS; i++)
		atomic_store(&best->n[i], 0);
	atomic_store(&best->newest, now);
	atomic_store(&best->key, key);
	return best;
}

/* Empties the parts that have begun since. */
static void move_on(struct cell *c, uint64_t now)
{
	uint64_t newest = atomic_load(&c->newest);

	if (newest > now || now - newest > PARTS)
		newest = now - (now < PARTS ? now : PARTS);
	for (uint64_t part = newest + 1; part <= now; part++)
		atomic_store(&c->n[part % PARTS], 0);
	atomic_store(&c->newest, now);
}

/* Counts first and looks then, so that of two workers at least one sees the other. */
bool rate_take(struct rate *r, struct rate_limit l, const char *address, uint64_t now_ms)
{
	uint64_t key, now;
	struct cell *c;

	if (r == NULL || l.times == 0)
		return true;
	key = rate_key(r->seed, rate_client(address), l.scope);
	now = now_ms / r->part;
	if (count_all(r, key, now) >= l.times)
		return false;
	if (r->own == NULL)
		return true;
	c = own_cell(r, key, now);
	move_on(c, now);
	atomic_fetch_add(&c->n[now % PARTS], 1);
	if (count_all(r, key, now) <= l.times)
		return true;
	atomic_fetch_sub(&c->n[now % PARTS], 1);
	return false;
}

bool rate_is_spent(
	const struct rate *r, struct rate_limit l, const char *address, uint64_t now_ms)
{
	if (r == NULL || l.times == 0)
		return false;
	return count_all(r, rate_key(r->seed, rate_client(address), l.scope),
		       now_ms / r->part) >= l.times;
}
