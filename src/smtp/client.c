/* SPDX-License-Identifier: MIT */
/* Sessions per client address. */
#include "smtp/client.h"

#include "core/mem.h"
#include "smtp/rate.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct client {
	char *address; /* owned */
	unsigned count;
	struct client *next;
};

/* FNV-1a. The addresses are those of allowed networks: nobody else gets this far. */
static unsigned hash(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h % CLIENT_BUCKETS;
}

/* Where the client hangs, or the end of its bucket. */
static struct client **find(struct client_table *t, const char *address)
{
	struct client **at = &t->bucket[hash(address)];

	while (*at != NULL && strcmp((*at)->address, address) != 0)
		at = &(*at)->next;
	return at;
}

unsigned client_count(const struct client_table *t, const char *address)
{
	const struct client *c = t->bucket[hash(address)];

	while (c != NULL && strcmp(c->address, address) != 0)
		c = c->next;
	return c != NULL ? c->count : 0;
}

void client_add(struct client_table *t, const char *address)
{
	struct client **at = find(t, address);

	if (*at == NULL) {
		*at = mem_new(1, sizeof(**at));
		(*at)->address = mem_strdup(address);
	}
	(*at)->count++;
}

void client_drop(struct client_table *t, const char *address)
{
	struct client **at = find(t, address), *c = *at;

	assert(c != NULL);
	if (--c->count > 0)
		return;
	*at = c->next;
	free(c->address);
	free(c);
}

const char *client_refuse(
	struct client_limits *l, const char *address, uint64_t now, struct reply *reply)
{
	if (client_count(&l->open, address) >= l->sessions) {
		*reply = reply_close(
			421, "4.7.0", "too many connections from %s", address);
		return "sessions per client";
	}
	if (!rate_take(l->connections, address, now)) {
		*reply = reply_close(421, "4.7.0",
			"too many connections from %s in a minute", address);
		return "connection rate";
	}
	return NULL;
}
