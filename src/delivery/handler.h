/* SPDX-License-Identifier: MIT */
/*
 * The conductor's side of the SMTP room: takes a message, makes a delivery of it, and
 * answers when its calls are done.
 */
#ifndef DELIVERY_HANDLER_H
#define DELIVERY_HANDLER_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/budget.h"
#include "core/loop.h"
#include "ledger/ledger.h"
#include "ses/backend.h"
#include "ses/outcome.h"
#include "smtp/handler.h"

#include <sys/queue.h>

struct delivery;
struct account_health;
struct pool;

/* Everything a delivery needs; one a worker; all borrowed and outliving it. Fill the first
 * part, then call delivery_context_init(). */
struct delivery_context {
	struct loop *loop;
	const struct conf *conf;
	struct backend *backend;
	const struct outcome_table *outcomes;
	struct budget *budget;
	struct ledger *ledger;   /* of all workers; without it a retry after a partial
	                            success sends twice */
	void (*idle)(void *arg); /* in_flight became 0; may be NULL */
	void *idle_arg;
	/* Kept by the deliveries. */
	size_t in_flight;                 /* deliveries not DONE: a drain waits for 0 */
	LIST_HEAD(, delivery) deliveries; /* those */
	struct pool *preparers; /* prepare large messages; NULL until there was one */
	bool no_preparers;      /* the system refused threads: the loop does it all */
	bool ending;            /* delivery_context_clear() is under way */
	struct account_health *health; /* owned: whose credentials the API refuses */
};

/* Undone by delivery_context_clear(). */
void delivery_context_init(struct delivery_context *ctx);

/* Drops the deliveries that are left, with their calls and without a reply: for the end
 * of a worker past its deadline. Before loop_free() and backend_free(). */
void delivery_context_clear(struct delivery_context *ctx);

/* Functions for session_config.handler; its handler_ctx is a struct delivery_context. */
extern const struct smtp_handler delivery_handler;

#endif
