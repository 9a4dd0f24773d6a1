/* SPDX-License-Identifier: MIT */
/*
 * A small HTTP server for people and machines: GET and HEAD on a table of pages, each made
 * in one go. Requests are bounded in size and in time as a whole, connections in number.
 */
#ifndef ADMIN_HTTP_H
#define ADMIN_HTTP_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/loop.h"

#include <stdbool.h>
#include <stddef.h>

/* A head must be complete so long after the connection was accepted, or after the last
 * answer; an answer must be read so long after it was written. What trickles does not
 * prolong either. */
#define HTTP_REQUEST_MS 10000
#define HTTP_ANSWER_MS  10000
/* One more connection ends the one that has waited longest. */
#define HTTP_CONNECTIONS_MAX 128
/* A longer head is answered 431. */
#define HTTP_HEAD_MAX 8192

struct http_page {
	const char *path; /* exact */
	const char *type; /* Content-Type */
	/* Appends the body and returns the status, 200 or 503. */
	unsigned (*make)(void *arg, struct buf *body);
};

struct http_server;

/* All borrowed. */
struct http_site {
	const struct http_page *pages; /* ends with one whose path is NULL */
	void *arg;                     /* of the pages */
	/* Names in Host, beside localhost and the address asked (admin/host.h). A request that
	 * names another is 421. */
	const struct conf_list *hosts;
};

/* Serves on fd, which is bound and non-blocking and stays the caller's. site is borrowed.
 * Other paths are 404, other methods 405. */
struct http_server *http_server_new(struct loop *loop, int fd,
	const struct http_site *site, struct err *err) MUST_CHECK;

/* Accepts no more. On the connections that are open one more request is answered, with
 * "Connection: close". */
void http_server_stop(struct http_server *s);
/* No connection is open. */
bool http_server_is_idle(const struct http_server *s);
void http_server_free(struct http_server **s);

#endif
