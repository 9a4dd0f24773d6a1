/* SPDX-License-Identifier: MIT */
/*
 * Command lines out of a stream of bytes (RFC 5321 §2.3.8: they end in CR LF, and in
 * nothing else), in bounded memory.
 *
 * A bare LF or a bare CR spoils everything up to and with the next CR LF: what stands
 * there was one line to the sender and may look like several. A bare LF is reported at
 * once, so that a person at a terminal sees why nothing works.
 */
#ifndef SMTP_LINE_H
#define SMTP_LINE_H

#include "core/attr.h"
#include "core/buf.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>

enum line_result {
	LINE_MORE,     /* the line goes on */
	LINE_READY,    /* line_text() has it */
	LINE_BARE,     /* a bare CR or LF was in it */
	LINE_TOO_LONG, /* longer than the maximum; dropped */
};

struct line {
	struct buf text; /* without the line end */
	bool done;       /* the text was reported: the next byte begins a new one */
	bool cr;         /* the last byte was a CR, not judged yet */
	bool bare;       /* spoiled until CR LF */
	bool too_long;
};

/* max: bytes of a line without its end. */
void line_init(struct line *l, size_t max);
void line_free(struct line *l);

/* Reads up to the end of a line; returns how many bytes it took. */
size_t line_read(
	struct line *l, const char *in, size_t len, enum line_result *result) MUST_CHECK;

/* Whether a line has begun, and its end has not come. */
static inline bool line_is_begun(const struct line *l)
{
	return !l->done && (l->text.len > 0 || l->cr);
}

/* Borrowed, until the next line_read(). */
static inline struct span line_text(const struct line *l)
{
	return span_make(l->text.data, l->text.len);
}

#endif
