/* SPDX-License-Identifier: MIT */
/*
 * One message on its way: planned, sent by one or more calls, and answered once.
 *
 *	PLANNING -> WAITING_TURN -> SENDING -> DONE
 *	                 ^             |
 *	                 +- WAITING_RETRY
 *
 * How the calls of a message follow each other stands in doc/delivery.md.
 */
#ifndef DELIVERY_DELIVERY_H
#define DELIVERY_DELIVERY_H

#include "core/attr.h"
#include "delivery/handler.h"
#include "smtp/handler.h"
#include "smtp/reply.h"

#include <stdbool.h>

enum delivery_state {
	DELIVERY_PLANNING,      /* nothing was sent */
	DELIVERY_WAITING_TURN,  /* for its share of the account's rate */
	DELIVERY_SENDING,       /* a call is under way */
	DELIVERY_WAITING_RETRY, /* "not sent": a pause before the next try */
	DELIVERY_DONE,          /* answered, or its client is gone */
};
#define DELIVERY_STATES 5

const char *delivery_state_name(enum delivery_state s);
bool delivery_state_allows(enum delivery_state from, enum delivery_state to);

/* message() of struct smtp_handler: 1 done, 0 later (t->handler_data is the delivery), -1
 * refused. Moves envelope and body out of t in any case. */
int delivery_start(struct delivery_context *ctx, struct transaction *t,
	struct reply *reply) MUST_CHECK;

/* The client closed its sending side and may be gone: it will be answered, and what comes of
 * the calls is remembered as if the reply did not arrive. */
void delivery_half_close(struct delivery *d);

/* The client is gone, and its transaction with it: nobody will be answered. The calls go on, and what comes of them is
 * remembered for its next attempt. */
void delivery_detach(struct delivery *d);

enum delivery_state delivery_state(const struct delivery *d);

#endif
