/* SPDX-License-Identifier: MIT */
/*
 * How many sessions each client has open. An address is in the table only while it has
 * one, so the table is as small as the number of sessions allows.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

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

#endif
