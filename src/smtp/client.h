/* SPDX-License-Identifier: MIT */
/*
 * How many sessions each client has open, and may have. An address is in the table only while
 * it has one, so the table is as small as the number of sessions allows.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include "core/attr.h"
#include "smtp/reply.h"

#include <stdint.h>

#define CLIENT_BUCKETS 256

struct client;

/* Zeroed: empty. Nothing is to be freed when the last session is over. */
struct client_table {
	struct client *bucket[CLIENT_BUCKETS]; /* owned */
};

unsigned client_count(const struct client_table *t, const char *address);
void client_add(struct client_table *t, const char *address);
/* The address must have been added. */
void client_drop(struct client_table *t, const char *address);

struct rate;

/* Of all sessions of a worker. */
struct client_limits {
	unsigned sessions;        /* of one client at a time */
	struct rate *connections; /* of one client in a minute; borrowed; NULL: any */
	struct client_table open;
};

/* NULL where the client may have one more session; it counts as a connection then. Else why not,
 * constant text for the log, with *reply. now: ms, of the loop's clock. */
const char *client_refuse(struct client_limits *l, const char *address, uint64_t now,
	struct reply *reply) MUST_CHECK;

#endif
