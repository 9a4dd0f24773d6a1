/* SPDX-License-Identifier: MIT */
/*
 * One connection of the server, from accept to close.
 */
#ifndef SANDBOX_HTTP_CONN_H
#define SANDBOX_HTTP_CONN_H

#include "sandbox/http_server.h"

#include <event2/bufferevent.h>

#include <sys/queue.h>

enum http_state {
	HTTP_STATE_HEAD,   /* reading a head */
	HTTP_STATE_BODY,   /* reading a body, or throwing one away */
	HTTP_STATE_BUSY,   /* the answer waits for its delay; deaf */
	HTTP_STATE_ANSWER, /* writing; deaf */
	HTTP_STATE_LINGER, /* FIN is sent, what still comes is thrown away */
	HTTP_STATE_CLOSED, /* to be freed by the loop */
};

struct http_conn {
	TAILQ_ENTRY(http_conn) link;
	struct http_conns *all;         /* borrowed: the server's list */
	const struct http_hooks *hooks; /* borrowed */
	struct event_base *base;        /* borrowed */
	struct bufferevent *bev;        /* owned; closes the socket */
	struct event *timer;            /* owned: delay, drip, linger, free */
	bool tls;
	char client[64], local[64];

	enum http_state state;
	struct http_head head;
	size_t body_left;
	bool discard;
	struct evbuffer *body; /* owned */

	char start[HTTP_START_LEN +
		   1];        /* the first bytes of a request; "" until they are read */
	size_t request_bytes; /* read of this request, head and body */
	struct http_cut mid;  /* a cut of the request that is being read */

	struct http_answer answer;
	struct evbuffer *out; /* owned: what is left of the answer */
	bool close_after;
};

TAILQ_HEAD(http_conns, http_conn);

/* Takes over the bufferevent. The connection lives in `all` until it ends by itself or by
 * http_conn_free(). */
struct http_conn *http_conn_new(struct http_conns *all, const struct http_hooks *hooks,
	struct bufferevent *bev, bool tls) MUST_CHECK;

void http_conn_free(struct http_conn *c);

/* Makes close() of a socket send RST. */
void http_socket_will_reset(int fd);

#endif
