/* SPDX-License-Identifier: MIT */
/* Sessions per client: our own in a list, and for others to read. */
#include "smtp/conn_limit.h"

#include "core/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SETS 4096
#define WAYS 8

/* More sessions than any configuration allows: what is higher is no count. */
#define COUNT_MAX 1000000

/* What we show. */
struct cell {
	_Atomic uint64_t key; /* 0: none */
	_Atomic uint32_t count;
};

struct shown {
	struct cell sets[SETS][WAYS];
};

_Static_assert(sizeof(struct shown) <= SHM_SESSIONS_BYTES, "the section has room");

/* What we know. */
struct conn_limit_client {
	uint64_t key;
	unsigned count;
	LIST_ENTRY(conn_limit_client) entry;
};

/* --- limits ----------------------------------------------------------------------------- */

/* A listener's own limit, or that of all; the scope is of those that are counted together. */
static struct rate_limit limit_of(
	unsigned of_all, unsigned of_listener, const struct conf_listener *by)
{
	if (of_listener == 0)
		return (struct rate_limit){.times = of_all};
	return (struct rate_limit){.times = of_listener, .scope = rate_scope(by->name)};
}

static struct rate_limit sessions_of(
	const struct conn_limit *l, const struct conf_listener *by)
{
	return limit_of(l->sessions, by->sessions_per_client, by);
}

/* --- sessions --------------------------------------------------------------------------- */

static uint64_t key_of(
	const struct conn_limit *l, const struct conf_listener *by, const char *address)
{
	const struct conn_limit_table *t = &l->open;

	return rate_key(t->shm != NULL ? shm_seed(t->shm) : 0, rate_client(address),
		sessions_of(l, by).scope);
}

/* NULL if it has no session here. */
static struct conn_limit_client *find(const struct conn_limit_table *t, uint64_t key)
{
	struct conn_limit_client *c;

	LIST_FOREACH (c, &t->bucket[key % CONN_LIMIT_BUCKETS], entry)
		if (c->key == key)
			return c;
	return NULL;
}

/* key 0: one that is free. */
static struct cell *find_cell(const struct shown *s, uint64_t key, uint64_t in_set_of)
{
	const struct cell *set = s->sets[in_set_of % SETS];

	for (size_t i = 0; i < WAYS; i++)
		if (atomic_load(&set[i].key) == key)
			return (struct cell *)(uintptr_t)&set[i];
	return NULL;
}

/* Others find the key before they read the count. */
static void show(const struct conn_limit_table *t, uint64_t key, unsigned count)
{
	struct shown *s =
		t->shm != NULL ? shm_write(t->shm, t->slot, SHM_SESSIONS) : NULL;
	struct cell *c = s != NULL ? find_cell(s, key, key) : NULL;

	if (s != NULL && c == NULL)
		c = find_cell(s, 0, key);
	if (c == NULL)
		return;
	atomic_store(&c->count, count);
	atomic_store(&c->key, count > 0 ? key : 0);
}

static unsigned count_others(const struct conn_limit_table *t, uint64_t key)
{
	size_t slots = t->shm != NULL ? shm_count(t->shm) : 0;
	unsigned sum = 0;

	for (size_t i = 0; i < slots; i++) {
		const struct shown *s = shm_read(t->shm, i, SHM_SESSIONS);
		const struct cell *c =
			s != NULL && i != t->slot ? find_cell(s, key, key) : NULL;
		uint32_t n = c != NULL ? atomic_load(&c->count) : 0;

		if (n <= COUNT_MAX)
			sum += n;
	}
	return sum;
}

static unsigned count_key(const struct conn_limit_table *t, uint64_t key)
{
	const struct conn_limit_client *c = find(t, key);

	return (c != NULL ? c->count : 0) + count_others(t, key);
}

unsigned conn_limit_count(
	const struct conn_limit *l, const struct conf_listener *by, const char *address)
{
	return count_key(&l->open, key_of(l, by, address));
}

void conn_limit_add(
	struct conn_limit *l, const struct conf_listener *by, const char *address)
{
	uint64_t key = key_of(l, by, address);
	struct conn_limit_client *c = find(&l->open, key);

	if (c == NULL) {
		c = mem_new(1, sizeof(*c));
		c->key = key;
		LIST_INSERT_HEAD(&l->open.bucket[key % CONN_LIMIT_BUCKETS], c, entry);
	}
	c->count++;
	show(&l->open, key, c->count);
}

void conn_limit_drop(
	struct conn_limit *l, const struct conf_listener *by, const char *address)
{
	uint64_t key = key_of(l, by, address);
	struct conn_limit_client *c = find(&l->open, key);

	assert(c != NULL);
	show(&l->open, key, --c->count);
	if (c->count > 0)
		return;
	LIST_REMOVE(c, entry);
	free(c);
}

/* --- asking ----------------------------------------------------------------------------- */

/* Counts first and looks then, so that of two workers at least one sees the other. */
enum conn_limit_result conn_limit_enter(struct conn_limit *l,
	const struct conf_listener *by, const char *address, uint64_t now)
{
	enum conn_limit_result result = CONN_LIMIT_GRANTED;

	conn_limit_add(l, by, address);
	if (conn_limit_count(l, by, address) > sessions_of(l, by).times)
		result = CONN_LIMIT_SESSIONS;
	else if (!rate_take(l->connections,
			 limit_of(l->connection_rate, by->connection_rate, by), address,
			 now))
		result = CONN_LIMIT_RATE;
	if (result != CONN_LIMIT_GRANTED)
		conn_limit_drop(l, by, address);
	return result;
}

bool conn_limit_may_send(struct conn_limit *l, const struct conf_listener *by,
	const char *address, uint64_t now)
{
	return rate_take(l->messages, limit_of(l->message_rate, by->message_rate, by),
		address, now);
}
