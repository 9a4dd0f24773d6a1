/* SPDX-License-Identifier: MIT */
/*
 * A connection that waits for its PROXY header. Nothing else is done with it until then, and
 * nothing after the header is read.
 */
#ifndef NET_PROXY_WAIT_H
#define NET_PROXY_WAIT_H

#include "core/attr.h"
#include "core/loop.h"
#include "net/proxy.h"

#include <sys/queue.h>

/* How long the header may take, in ms. */
#define PROXY_WAIT_TIMEOUT 5000

struct proxy_wait;

/* The connections that wait, and what is called for each. The owner sets all but waits and n,
 * and zeroes those. */
struct proxy_wait_list {
	struct loop *loop;
	/* The header came: fd is the callee's. If the header has no source, the client is the
	 * proxy itself. */
	void (*ready)(void *arg, int fd, const struct sockaddr *proxy,
		const struct proxy_header *header);
	/* It was bad, late, or the proxy left; fd is closed after this call. why: constant. */
	void (*failed)(void *arg, const struct sockaddr *proxy, const char *why);
	void *arg;
	LIST_HEAD(, proxy_wait) waits;
	unsigned n; /* that wait */
};

/* Takes over the connected, non-blocking socket of a proxy (whose address is copied). Calls
 * ready() or failed() later, once. -1 if libevent has no memory: fd is closed then. */
int proxy_wait_open(struct proxy_wait_list *list, int fd,
	const struct sockaddr_storage *proxy) MUST_CHECK;

/* Closes all that wait; neither is called. */
void proxy_wait_abort(struct proxy_wait_list *list);

#endif
