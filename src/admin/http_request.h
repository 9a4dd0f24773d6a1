/* SPDX-License-Identifier: MIT */
/*
 * The head of an HTTP/1.x request (RFC 9112): text in, fields out, no I/O.
 */
#ifndef ADMIN_HTTP_REQUEST_H
#define ADMIN_HTTP_REQUEST_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>

struct http_request {
	const char *method;
	const char *path; /* without the query; still percent-encoded */
	const char *host; /* the target's authority, or the Host field; NULL: neither */
	bool keep_alive;
	bool has_body;
};

/* The length of the first head in the bytes, its empty line included; 0: not complete. Lines may
 * end with LF alone. */
size_t http_request_length(const char *bytes, size_t len);

/*
 * Parses a head of len bytes, changes it, and lets the request point into it. 0, or the status
 * of the response, after which the connection is closed: 400 malformed, or no single Host in
 * HTTP/1.1 (RFC 9112, 3.2); 505 not HTTP/1.x.
 */
unsigned http_request_parse(struct http_request *r, char *head, size_t len) MUST_CHECK;

#endif
