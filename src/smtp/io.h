/* SPDX-License-Identifier: MIT */
/*
 * One connection: moves bytes between a socket and a session, and wakes the session at its
 * deadlines. It is its own owner: it ends when the session or the client does.
 */
#ifndef SMTP_IO_H
#define SMTP_IO_H

#include "smtp/handler.h"
#include "smtp/listener.h"

struct io;

/* What a listener gives to its connections. */
struct io_policy {
	const struct conf_listener *conf; /* borrowed; outlives the connection */
	size_t share;                     /* its place in listener_shared.shares */
	struct tls_context *tls; /* the connection takes a reference; NULL without TLS */
};

/* Takes over the connected, non-blocking socket and greets. peer is copied. */
void io_open(struct listener_shared *shared, const struct io_policy *policy, int fd,
	const struct smtp_peer *peer);

/* The next in the list that begins with shared->first. */
struct io *io_next(const struct io *io);

/* Whether its client waits for nothing and can be told to come again: no transaction is under
 * way, and it was not told yet. */
bool io_is_idle(const struct io *io);

/* session_shutdown(), or session_cut(); the connection ends when its last reply is out. */
void io_shutdown(struct io *io, bool cut);

/* Ends it now. */
void io_abort(struct io *io);

#endif
