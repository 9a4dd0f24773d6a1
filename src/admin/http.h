/* SPDX-License-Identifier: MIT */
/*
 * A small HTTP server for people and machines: GET and HEAD on a table of pages, each made
 * in one go. Requests are bounded in size and time.
 */
#ifndef ADMIN_HTTP_H
#define ADMIN_HTTP_H

#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/loop.h"

#include <stddef.h>

struct http_page {
	const char *path; /* exact */
	const char *type; /* Content-Type */
	/* Appends the body and returns the status, 200 or 503. */
	unsigned (*make)(void *arg, struct buf *body);
};

struct http_server;

/* Serves on fd, which is bound and non-blocking and stays the caller's. pages and arg are
 * borrowed. Other paths are 404, other methods 405. */
struct http_server *http_server_new(struct loop *loop, int fd,
	const struct http_page *pages, void *arg, struct err *err) MUST_CHECK;

/* Accepts no more; requests that were read whole are still answered. */
void http_server_stop(struct http_server *s);
void http_server_free(struct http_server **s);

#endif
