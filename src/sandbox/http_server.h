/* SPDX-License-Identifier: MIT */
/*
 * An HTTP/1.1 server that can misbehave on purpose.
 *
 * It answers like any other, but an answer (or a connection, or a request that is still
 * being read) may carry a cut: where to break it, and whether by RST or by FIN. libevent's
 * evhttp hides the points where that has to happen, hence a small server on bufferevents.
 * While a request is being answered its connection is not read.
 */
#ifndef SANDBOX_HTTP_SERVER_H
#define SANDBOX_HTTP_SERVER_H

#include "sandbox/http_head.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a connection breaks. */
enum http_point {
	HTTP_POINT_NONE,
	HTTP_POINT_CONNECT,       /* as soon as it is accepted, before TLS */
	HTTP_POINT_MID_REQUEST,   /* once `after` bytes of the request are read */
	HTTP_POINT_BEFORE_ANSWER, /* the request is read whole */
	HTTP_POINT_MID_ANSWER,    /* once `after` bytes of the answer are written */
	HTTP_POINT_AFTER_ANSWER,
};

struct http_cut {
	enum http_point point;
	bool reset;   /* RST; else FIN */
	size_t after; /* bytes, see the points; HTTP_HALF: half of the answer */
};

#define HTTP_HALF SIZE_MAX

struct http_request {
	const struct http_head *head;
	const char *body; /* NUL-terminated; "" where it was over the limit */
	size_t body_len;  /* as sent, also where it was over the limit */
	bool too_large;   /* over HTTP_BODY_MAX: read and thrown away */
	bool tls;
	const char *client; /* "192.0.2.1:4711" */
	const char *local;  /* the address that it came to, "192.0.2.1" */
};

#define HTTP_BODY_MAX    ((size_t)10 << 20) /* the platform's limit for a TC3 POST */
#define HTTP_DISCARD_MAX ((size_t)64 << 20) /* a larger body is not even read */
#define HTTP_NO_TRUNCATE SIZE_MAX

struct http_answer {
	int status;
	const char *type;          /* Content-Type; a constant, or the next */
	char *owned_type;          /* freed with the answer; NULL: none */
	const char *extra_headers; /* "Name: value\r\n"..., or NULL; a constant */
	struct evbuffer *body;     /* made by the server, filled by the hook */
	uint64_t delay_ms;         /* before the first byte */
	uint64_t drip_ms;          /* pause between two bytes; 0: none */
	size_t truncate_at; /* body bytes sent under the whole Content-Length, then FIN */
	struct http_cut cut;
};

#define HTTP_START_LEN 7 /* enough to tell "POST / " from all else */

struct http_hooks {
	void *arg;
	/* A connection came: may set a cut at HTTP_POINT_CONNECT. */
	void (*connected)(void *arg, struct http_cut *cut);
	/* A request begins with these bytes (head NULL), then its head is known: may set a
	 * cut at HTTP_POINT_MID_REQUEST. */
	void (*begun)(void *arg, const char start[HTTP_START_LEN + 1],
		const struct http_head *head, struct http_cut *cut);
	/* A request is there: fill the answer. */
	void (*request)(
		void *arg, const struct http_request *req, struct http_answer *answer);
	/* The server's time, for the Date header. */
	int64_t (*now)(void *arg);
};

struct http_server;

/* Never NULL. base and hooks are borrowed. */
struct http_server *http_server_new(
	struct event_base *base, const struct http_hooks *hooks) MUST_CHECK;

/*
 * Listens on "192.0.2.1:80", "[::1]:80" or port 0. tls NULL: http; else borrowed. *port is
 * the one bound. -1: why is filled with what is wrong.
 */
int http_server_listen(struct http_server *s, const char *address, SSL_CTX *tls,
	unsigned *port, char why[256]) MUST_CHECK;

/* Closes everything at once. */
void http_server_free(struct http_server **s);

#endif
