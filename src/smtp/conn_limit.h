/* SPDX-License-Identifier: MIT */
/*
 * How many sessions each client has open in all workers, and what it may have.
 *
 * A worker knows its own sessions exactly, and shows them to the others in a table in shared
 * memory (core/shm), which has a fixed size: a client for which a set of it has no more room
 * (a ninth one) is counted in its own worker only. A client is an IPv4 address or the /64 of
 * an IPv6 one.
 *
 * A listener with a limit of its own counts its clients by itself, by that limit; all others
 * count theirs together.
 */
#ifndef SMTP_CONN_LIMIT_H
#define SMTP_CONN_LIMIT_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/rate.h"
#include "core/shm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define CONN_LIMIT_BUCKETS 256

struct conn_limit_client;

/* The sessions of this worker. Zeroed: empty, and alone. Once the last session has ended nothing
 * is left to free. */
struct conn_limit_table {
	LIST_HEAD(, conn_limit_client) bucket[CONN_LIMIT_BUCKETS]; /* owned */
	struct shm *shm; /* borrowed; NULL: alone */
	size_t slot;
};

/* The limits of the configuration; a listener's own limits take their place. */
struct conn_limit {
	unsigned sessions;                   /* of one client at a time */
	unsigned connection_rate;            /* in a minute; 0: any number */
	unsigned message_rate;               /* the same */
	struct rate *connections, *messages; /* borrowed; NULL: any number */
	struct conn_limit_table open;
};

/* Sessions of the client in all workers, of those that count with the listener's. */
unsigned conn_limit_count(
	const struct conn_limit *l, const struct conf_listener *by, const char *address);

/* Counts one more, whatever the limit. */
void conn_limit_add(
	struct conn_limit *l, const struct conf_listener *by, const char *address);
/* It must have been added. */
void conn_limit_drop(
	struct conn_limit *l, const struct conf_listener *by, const char *address);

enum conn_limit_result {
	CONN_LIMIT_GRANTED,
	CONN_LIMIT_SESSIONS, /* the client has too many */
	CONN_LIMIT_RATE,     /* too many connections in a minute */
};

/* Whether the client may have one more session; if so it is counted, and as a connection.
 * now: ms, of the loop's clock. If two workers ask at the same moment for the last one, it may
 * be refused to both. */
enum conn_limit_result conn_limit_enter(struct conn_limit *l,
	const struct conf_listener *by, const char *address, uint64_t now) MUST_CHECK;

/* Whether it may begin a mail; that is counted. */
bool conn_limit_may_send(struct conn_limit *l, const struct conf_listener *by,
	const char *address, uint64_t now);

#endif
