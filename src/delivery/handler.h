/* SPDX-License-Identifier: MIT */
/*
 * The conductor's side of the SMTP room: takes a message, makes a delivery of it, and
 * answers when its calls are done.
 */
#ifndef DELIVERY_HANDLER_H
#define DELIVERY_HANDLER_H

#include "core/attr.h"
#include "core/budget.h"
#include "core/conf.h"
#include "core/loop.h"
#include "ses/backend.h"
#include "ses/outcome.h"
#include "smtp/handler.h"

/* Everything a delivery needs; one a worker; all borrowed and outliving it. */
struct delivery_context {
	struct loop *loop;
	const struct conf *conf;
	struct backend *backend;
	const struct outcome_table *outcomes;
	struct budget *budget;
	size_t in_flight;        /* deliveries not DONE: a drain waits for 0 */
	void (*idle)(void *arg); /* in_flight became 0; may be NULL */
	void *idle_arg;
};

/* Functions for session_config.handler; its handler_ctx is a struct delivery_context. */
extern const struct smtp_handler delivery_handler;

#endif
