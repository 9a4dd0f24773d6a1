/* SPDX-License-Identifier: MIT */
/*
 * A listening socket and its accepted connections: address policy, session count, and a
 * `conn` for each connection (net/conn.h) that carries bytes between socket and session.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"
#include "core/loop.h"
#include "net/shares.h"
#include "smtp/conn_limit.h"
#include "smtp/session.h"

#include <sys/queue.h>

struct listener;
struct conn_policy; /* net/conn.h */
struct tls_context; /* net/tls_context.h */

/* What all listeners of a worker share; borrowed, outlives them and every connection. The
 * owner sets loop, session, shares, the limits of clients and idle, and zeroes the rest. */
struct listener_shared {
	struct loop *loop;
	const struct session_config *session;
	struct shares shares;      /* of the sessions, by listener; the owner clears it */
	struct conn_limit clients; /* its table: the sessions' */
	unsigned sessions; /* open now; one that ended counts to the end of its turn */
	unsigned waiting;  /* connections whose PROXY header has not come */
	bool draining;     /* each new client is told to come again: 421 4.3.2 */
	void (*idle)(void *arg); /* sessions and waiting became 0; may be NULL */
	void *idle_arg;
	LIST_HEAD(, conn) conns; /* every open connection */
};

/*
 * Accepts on fd (listening, non-blocking; borrowed: the supervisor's). The policy is copied;
 * of its TLS context a reference is taken.
 * Refused, each with one reply and a close: a client that may not connect (smtp/access.h); one
 * too many of all or of the listener (421 4.3.2); one that speaks before it is greeted (554
 * 5.5.0). If descriptors run out, accepting rests for half a second. On a listener that is all
 * TLS nothing is said to clients that are refused, and clients speak first. If the peer begins
 * with a PROXY header (access_proxy()), all this is decided by the client that the header
 * names; without one the connection is closed, and nothing is said. NULL if libevent has no memory.
 */
struct listener *listener_new(struct listener_shared *shared,
	const struct conn_policy *policy, int fd, struct err *err) MUST_CHECK;

/* For connections from now on; those that are open keep what they have. A reference is
 * taken. */
void listener_use_tls(struct listener *l, struct tls_context *tls);

bool listener_accepts(const struct listener *l);

/* Accepts what waits in the socket now, up to a limit. */
void listener_accept(struct listener *l);

/* Stops accepting: fd is not used any more. Sessions stay, and connections whose PROXY header
 * has not come yet still become one. */
void listener_stop(struct listener *l);

/* The same, and closes those connections. Sessions stay. */
void listener_free(struct listener **l);

/* Closes every connection that is left, now. */
void listener_abort(struct listener_shared *shared);

#endif
