/* SPDX-License-Identifier: MIT */
/*
 * One connection: moves bytes between a socket and a session, and wakes the session at its
 * deadlines. It is its own owner: it ends when the session or the client does.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/listener.h"
#include "smtp/handler.h"

struct conn;

/* What a listener gives to its connections. */
struct conn_policy {
	const struct conf_listener *conf; /* borrowed; outlives the connection */
	size_t share;                     /* its place in listener_shared.shares */
	struct tls_context *tls; /* the connection takes a reference; NULL without TLS */
};

/* Takes over the connected, non-blocking socket and greets. peer is copied. */
void conn_open(struct listener_shared *shared, const struct conn_policy *policy, int fd,
	const struct peer *peer);

/* The next of shared->conns. */
struct conn *conn_next(const struct conn *c);

/* Whether its client waits for nothing and can be told to come again: no transaction is under
 * way, and it was not told yet. */
bool conn_is_idle(const struct conn *c);

/* session_shutdown(), or session_cut(); the connection ends when its last reply is out. */
void conn_shutdown(struct conn *c, bool cut);

/* Ends it now. */
void conn_abort(struct conn *c);

#endif
