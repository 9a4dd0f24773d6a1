/* SPDX-License-Identifier: MIT */
/* The search for CR LF . CR LF. */
#include "smtp/dot.h"

#include <errno.h>
#include <string.h>

#define UNKNOWN SIZE_MAX

/* The input of one call, and the next CR and LF in it: each byte is looked at once, also
 * where somebody sends nothing but line ends. */
struct scan {
	const char *in;
	size_t len, cr, lf;
};

void dot_init(struct dot *d)
{
	*d = (struct dot){.state = DOT_LINE};
}

void dot_init_chunked(struct dot *d)
{
	*d = (struct dot){.state = DOT_LINE, .chunked = true};
}

static void store(struct dot *d, struct buf *out, const char *bytes, size_t len)
{
	if (d->error == 0 && buf_append(out, bytes, len) < 0)
		d->error = errno;
}

/* A line end that is not CR LF. */
static void store_bare(struct dot *d, struct buf *out)
{
	store(d, out, "\r\n", 2);
	d->bare++;
}

static size_t next_of(const struct scan *s, char c, size_t known, size_t from)
{
	const char *at;

	if (known != UNKNOWN && known >= from)
		return known;
	at = memchr(s->in + from, c, s->len - from);
	return at != NULL ? (size_t)(at - s->in) : s->len;
}

/*
 * Where the bytes end that can be stored as they stand, from inside a line on: text, and
 * line ends after which a byte other than a dot is seen. What follows needs the machine.
 */
static size_t plain_end(struct scan *s, size_t from)
{
	size_t at = from;

	while (at < s->len) {
		s->cr = next_of(s, '\r', s->cr, at);
		s->lf = next_of(s, '\n', s->lf, at);
		if (s->lf < s->cr)
			return s->lf;
		if (s->len - s->cr < 3 || s->lf != s->cr + 1 || s->in[s->cr + 2] == '.')
			return s->cr;
		at = s->cr + 2;
	}
	return at;
}

/* A byte inside a line. */
static enum dot_state step_text(struct dot *d, char c, struct buf *out)
{
	if (c == '\r')
		return DOT_CR;
	if (c == '\n')
		store_bare(d, out);
	else
		store(d, out, &c, 1);
	return DOT_TEXT;
}

/* The byte after a CR. */
static enum dot_state step_cr(struct dot *d, char c, struct buf *out)
{
	if (c == '\n') {
		store(d, out, "\r\n", 2);
		return DOT_LINE;
	}
	store_bare(d, out);
	return step_text(d, c, out);
}

/* The byte after a dot that began a line. */
static enum dot_state step_dot(struct dot *d, char c, struct buf *out)
{
	if (c == '\r')
		return DOT_DOT_CR;
	if (c == '\n')
		store(d, out, ".", 1);
	return step_text(d, c, out);
}

static enum dot_state step(struct dot *d, char c, struct buf *out)
{
	switch (d->state) {
	case DOT_LINE: return c == '.' && !d->chunked ? DOT_DOT : step_text(d, c, out);
	case DOT_TEXT: return step_text(d, c, out);
	case DOT_CR: return step_cr(d, c, out);
	case DOT_DOT: return step_dot(d, c, out);
	case DOT_DOT_CR:
		if (c == '\n')
			return DOT_END;
		store(d, out, ".", 1);
		return step_cr(d, c, out);
	case DOT_END: break;
	}
	return DOT_END;
}

size_t dot_read(struct dot *d, const char *in, size_t len, struct buf *out)
{
	struct scan s = {.in = in, .len = len, .cr = UNKNOWN, .lf = UNKNOWN};
	size_t at = 0;

	while (at < len && d->state != DOT_END) {
		size_t end = d->state == DOT_TEXT ? plain_end(&s, at) : at;

		if (end > at) {
			store(d, out, in + at, end - at);
			at = end;
		} else {
			d->state = step(d, in[at++], out);
		}
	}
	return at;
}

void dot_end_chunks(struct dot *d, struct buf *out)
{
	if (d->state == DOT_CR)
		store_bare(d, out);
	d->state = DOT_END;
}
