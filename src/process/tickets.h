/* SPDX-License-Identifier: MIT */
/*
 * The keys of TLS session tickets: made by the supervisor, the same in every worker and
 * through reloads, so that a client may resume its session at any of them. They live in
 * memory only: who finds the disk, or yesterday's keys, reads no recorded session.
 */
#ifndef PROCESS_TICKETS_H
#define PROCESS_TICKETS_H

#include "core/attr.h"
#include "core/err.h"
#include "net/tls_context.h"
#include "process/channel.h"

#include <stdbool.h>
#include <stdint.h>

/* How long tickets are made with one key, in ms; for as long again they are understood. */
#define TICKETS_LIFE ((uint64_t)12 * 3600 * 1000)

struct tickets {
	struct tls_tickets keys; /* none at first */
	uint64_t since;          /* the first of them, in loop time */
};

/* Makes a key where there is none, or the first one's life is over; true where it did. */
bool tickets_rotate(struct tickets *t, uint64_t now_ms);

/* -1 where the worker does not take them. */
int tickets_send(const struct tickets *t, struct channel *c, struct err *err) MUST_CHECK;

#endif
