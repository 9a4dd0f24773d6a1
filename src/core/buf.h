/* SPDX-License-Identifier: MIT */
/*
 * A growable run of bytes that cannot exist without its maximum.
 *
 * data always has a NUL after its last byte (not counted in len), so text can be read as
 * a string; bytes may be NUL themselves, so compare lengths where input is hostile.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include "core/attr.h"
#include "core/budget.h"
#include "core/err.h"

#include <stddef.h>
#include <stdio.h>

struct buf {
	char *data; /* owned; never NULL: a constant "" while empty */
	size_t len;
	size_t cap;            /* bytes allocated; 0 while data is the constant */
	size_t max;            /* len never passes it */
	struct budget *budget; /* borrowed, may be NULL; charged with cap */
};

/* An empty buffer that may hold max bytes. budget may be NULL. Allocates nothing. */
void buf_init(struct buf *b, size_t max, struct budget *budget);

/* Releases the memory; the buffer is empty and usable afterwards. */
void buf_free(struct buf *b);

/* Empties it and keeps the memory. */
static inline void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->cap > 0)
		b->data[0] = '\0';
}

/*
 * All of the following return 0, or -1 with nothing appended and errno set:
 * EMSGSIZE where max would be passed, ENOMEM where the budget or memory is at its end.
 */
int buf_append(struct buf *b, const void *bytes, size_t len) MUST_CHECK;
int buf_append_str(struct buf *b, const char *s) MUST_CHECK;
int buf_append_byte(struct buf *b, char c) MUST_CHECK;
int buf_appendf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/* Room for extra more bytes after data + len; the caller writes them and adds to len
 * (and puts the NUL with buf_set_len). */
int buf_reserve(struct buf *b, size_t extra) MUST_CHECK;

/* Fills an empty buffer with all that the file holds, in one piece: growing would leave copies
 * of a secret. max - 1 bytes at most. -1: *err says why; name is the file's. */
int buf_read(struct buf *b, FILE *in, const char *name, struct err *err) MUST_CHECK;

/* Sets the length after a direct write, or cuts; len must be < cap or 0. */
void buf_set_len(struct buf *b, size_t len);

/* Removes the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);

/* Takes the bytes out as a NUL-terminated string; caller owns it with free(); the buffer
 * is empty afterwards. The bytes leave the budget. Never NULL. */
char *buf_take(struct buf *b) MUST_CHECK;

#endif
