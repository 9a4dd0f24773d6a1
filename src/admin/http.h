/* SPDX-License-Identifier: MIT */
/*
 * A small HTTP server for people and machines: GET and HEAD on a table of pages, each made by
 * one function. Each request is bounded in size and in time, the connections in number.
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

/* The time from accept, or from the last response, to a complete head; and from writing a
 * response until the client has read it. Slow progress does not prolong either. */
#define HTTP_REQUEST_MS  10000
#define HTTP_RESPONSE_MS 10000
/* A further connection closes the one that has waited longest. */
#define HTTP_CONNECTIONS_MAX 128
/* The response to a longer head is 431. */
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
	/* Names in Host, besides localhost and the address of the connection (admin/host.h).
	 * Another one is 421. */
	const struct conf_list *hosts;
};

/* Serves on fd, which is bound and non-blocking and stays the caller's. What site points to
 * is borrowed. Other paths are 404, other methods 405. */
struct http_server *http_server_new(struct loop *loop, int fd,
	const struct http_site *site, struct err *err) MUST_CHECK;

/* Accepts no more. Open connections get one more response, with "Connection: close". */
void http_server_stop(struct http_server *s);
/* Whether no connection is open. */
bool http_server_is_idle(const struct http_server *s);
void http_server_free(struct http_server **s);

#endif
