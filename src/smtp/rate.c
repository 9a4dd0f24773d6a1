/* SPDX-License-Identifier: MIT */
/* Buckets by client address. */
#include "smtp/rate.h"

#include "core/digest.h"
#include "core/mem.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define SETS 1024
#define WAYS 4

/* A bucket is no more than the time at which it is full again (GCRA): each event moves that
 * time on, and it must not be further away than the period. */
struct client {
	uint64_t key;     /* 0: nobody */
	uint64_t full_at; /* in µs */
};

struct rate {
	uint64_t period, cost; /* in µs */
	uint64_t seed;         /* so that nobody can choose his set */
	struct client sets[SETS][WAYS];
};

struct rate *rate_new(unsigned times, uint64_t period)
{
	struct rate *r;

	if (times == 0)
		return NULL;
	r = mem_new(1, sizeof(*r));
	r->period = period * 1000;
	r->cost = r->period / times;
	digest_random(&r->seed, sizeof(r->seed));
	return r;
}

void rate_free(struct rate **rate)
{
	free(*rate);
	*rate = NULL;
}

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

/* The mixer of splitmix64. */
static size_t set_of(const struct rate *r, uint64_t key)
{
	uint64_t h = key ^ r->seed;

	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
	return (h ^ (h >> 31)) % SETS;
}

static struct client *find(struct client *set, uint64_t key)
{
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

static struct client *replace(struct client *set, uint64_t key)
{
	struct client *c = &set[0];

	for (size_t i = 1; i < WAYS; i++)
		if (set[i].full_at < c->full_at)
			c = &set[i];
	*c = (struct client){.key = key};
	return c;
}

/* Behind one more event. */
static uint64_t next_full(const struct rate *r, const struct client *c, uint64_t now)
{
	return (c->full_at > now ? c->full_at : now) + r->cost;
}

bool rate_take(struct rate *r, const char *address, uint64_t now_ms)
{
	uint64_t key, now = now_ms * 1000, full_at;
	struct client *set, *c;

	if (r == NULL)
		return true;
	key = rate_client(address);
	set = r->sets[set_of(r, key)];
	c = find(set, key);
	if (c == NULL)
		c = replace(set, key);
	full_at = next_full(r, c, now);
	if (full_at > now + r->period)
		return false;
	c->full_at = full_at;
	return true;
}

bool rate_is_spent(const struct rate *r, const char *address, uint64_t now_ms)
{
	uint64_t key, now = now_ms * 1000;
	const struct client *c;

	if (r == NULL)
		return false;
	key = rate_client(address);
	c = find((struct client *)r->sets[set_of(r, key)], key);
	return c != NULL && next_full(r, c, now) > now + r->period;
}
