/* SPDX-License-Identifier: MIT */
/*
 * Where a message ends: the bytes after DATA, line ends made CRLF, dots unstuffed.
 *
 * The one rule about line ends. Only CR LF ends a line of the protocol. A bare LF or a bare
 * CR is content: it is stored as CR LF, so that mail readers see the line end that the
 * sender probably meant, but it never has a say in where the message ends:
 *
 *	- data ends only at CR LF "." CR LF (or "." CR LF as its very first bytes);
 *	- only a dot after a real CR LF is looked at; text after it: the dot is removed
 *	  (RFC 5321 §4.5.2); a bare LF or CR after it: the dot is content and stays;
 *	- a dot after a bare LF or CR is content, whatever follows.
 *
 * A server before us that takes other bytes for an end of data, or for none, therefore
 * cannot make us see a second message (SMTP smuggling, CVE-2023-51764 and its kin). NUL and
 * all other bytes pass as they are. How the bytes were cut into pieces changes nothing.
 */
#ifndef SMTP_DOT_H
#define SMTP_DOT_H

#include "core/attr.h"
#include "core/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dot_state {
	DOT_LINE,   /* after CR LF, or at the start */
	DOT_TEXT,   /* inside a line, or after a bare line end */
	DOT_CR,     /* a CR that is not stored yet */
	DOT_DOT,    /* a dot that began a line; not stored yet */
	DOT_DOT_CR, /* and a CR after it */
	DOT_END,
};

struct dot {
	enum dot_state state;
	int error;     /* errno of the first byte that could not be stored; 0: all are */
	uint64_t bare; /* bare line ends that were mended */
	bool chunked;  /* the length says where it ends: a dot means nothing */
};

void dot_init(struct dot *d);

/* For the chunks of BDAT: line ends are made CRLF in the same way. */
void dot_init_chunked(struct dot *d);
/* After the last chunk: stores the line end of a CR that was its last byte. */
void dot_end_chunks(struct dot *d, struct buf *out);

/*
 * Appends the message bytes among the len bytes at in to out, and returns how many bytes
 * it took: all, or those up to and with the end of data. Where out cannot take more, error
 * is set (EMSGSIZE or ENOMEM, see core/buf.h), and from then on bytes are read and dropped
 * in search of the end.
 */
size_t dot_read(struct dot *d, const char *in, size_t len, struct buf *out) MUST_CHECK;

static inline bool dot_ended(const struct dot *d)
{
	return d->state == DOT_END;
}

#endif
