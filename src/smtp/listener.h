/* SPDX-License-Identifier: MIT */
/*
 * A listening socket and its accepted connections: address policy, session count, and an
 * `io` for each connection (smtp/io.h) that carries bytes between socket and session.
 */
#ifndef SMTP_LISTENER_H
#define SMTP_LISTENER_H

#include "core/attr.h"
#include "core/conf.h"
#include "core/err.h"
#include "core/loop.h"
#include "smtp/session.h"

struct listener;

/* What all listeners of a worker share; borrowed, outlives them. */
struct listener_shared {
	struct loop *loop;
	const struct session_config *session;
	unsigned sessions_max; /* of this worker */
	unsigned sessions_per_client;
	unsigned sessions; /* open now */
	void (*idle)(
		void *arg); /* the last session ended (while draining); may be NULL */
	void *idle_arg;
	struct io *first; /* every open connection; smtp/io's list */
};

/* Accepts on fd (listening, non-blocking; borrowed: the supervisor's). conf is borrowed. */
struct listener *listener_new(struct listener_shared *shared,
	const struct conf_listener *conf, int fd, struct err *err) MUST_CHECK;

/* Stops accepting; open connections stay. */
void listener_free(struct listener **l);

/* session_shutdown() for every open connection of the worker. */
void listener_drain(struct listener_shared *shared);

/* Closes every connection that is left, now. */
void listener_abort(struct listener_shared *shared);

#endif
