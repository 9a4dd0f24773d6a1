/* SPDX-License-Identifier: MIT */
/*
 * The head of an HTTP/1.1 request (RFC 9112): bytes in, fields out, no I/O.
 */
#ifndef SANDBOX_HTTP_HEAD_H
#define SANDBOX_HTTP_HEAD_H

#include "sandbox/attr.h"

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX    16384
#define HTTP_HEADERS_MAX 100

struct http_header {
	const char *name;  /* as sent */
	const char *value; /* trimmed */
};

struct http_head {
	char *text; /* owned: what all the others point into */
	const char *method;
	const char *path;  /* still percent-encoded */
	const char *query; /* "" where there is none */
	int minor;         /* of HTTP/1.x */
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t n_headers;
	size_t body_len; /* Content-Length; 0 where there is none */
	bool keep_alive;
	bool expects_continue;
};

/*
 * Reads a whole head, with its empty line. 0, or the status to answer before closing:
 * 400 malformed, 411 a body without Content-Length, 431 too many fields, 505 not HTTP/1.x.
 * http_head_clear() in any case.
 */
int http_head_parse(struct http_head *h, const char *bytes, size_t len) MUST_CHECK;

void http_head_clear(struct http_head *h);

/* The first field of that name, in any case; NULL where there is none. */
const char *http_head_get(const struct http_head *h, const char *name);

/* How many fields have that name. */
size_t http_head_count(const struct http_head *h, const char *name);

/* The value of a query parameter, decoded; the caller owns it; NULL where it is absent or
 * its percent-encoding is broken. */
char *http_query_get(const char *query, const char *name) MUST_CHECK;

/* Percent-decodes len bytes; NULL where that is broken or gives a NUL. */
char *http_percent_decode(const char *s, size_t len) MUST_CHECK;

const char *http_status_text(int status);

#endif
