/* SPDX-License-Identifier: MIT */
/*
 * An SMTP reply as a value: code, enhanced status code (RFC 3463, RFC 2034), text.
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "core/attr.h"
#include "core/buf.h"

#include <stdbool.h>

/* Of one line of text, with a NUL; and of all lines: a host name of 255 bytes and every
 * extension of EHLO have room. */
#define REPLY_LINE_MAX 480
#define REPLY_TEXT_MAX 1024

struct reply {
	unsigned code; /* 200-559 */
	unsigned short
		enh[3]; /* class, subject, detail; class 0: none (greeting, EHLO, 354) */
	bool close;     /* the session ends after it */
	char text
		[REPLY_TEXT_MAX]; /* printable ASCII; '\n' parts the lines of a multi-line one */
};

/* enhanced: "4.4.5", or "" for none. The text becomes one line: it is cut at REPLY_LINE_MAX
 * and cleaned to printable ASCII, so that nothing from a peer can start a new line. */
struct reply reply_make(unsigned code, const char *enhanced, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* The same, and the connection is closed after it. */
struct reply reply_close(unsigned code, const char *enhanced, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* Adds one more line of text, cleaned in the same way; cut at
 * REPLY_LINE_MAX, and if all have REPLY_TEXT_MAX. */
void reply_add_line(struct reply *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The enhanced code as text, "" where there is none. */
#define REPLY_ENHANCED_LEN 20
void reply_enhanced(const struct reply *r, char out[REPLY_ENHANCED_LEN]);

static inline bool reply_is_success(const struct reply *r)
{
	return r->code < 400;
}

/* Appends the wire form, lines of at most 512 bytes (RFC 5321 §4.5.3.1.5), each with the
 * enhanced code (RFC 2034 §4). -1 with nothing appended as in core/buf.h. */
int reply_format(const struct reply *r, struct buf *out) MUST_CHECK;

#endif
