/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 (RFC 3629): checking it, and making it fit to stand in a field of the API.
 */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include "core/attr.h"
#include "core/buf.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdint.h>

/* No surrogates, no overlong forms, nothing past U+10FFFF. NUL is valid. */
bool utf8_valid(struct span s);

/* Decodes the code point at s (s.len > 0): its length in bytes, or 0 where it is invalid. */
size_t utf8_next(struct span s, uint32_t *cp);

/* Code points in valid text. */
size_t utf8_count(struct span s);

/* How many bytes at the start are ASCII. */
size_t utf8_ascii_len(struct span s);

static inline bool utf8_is_ascii(struct span s)
{
	return utf8_ascii_len(s) == s.len;
}

/* Appends U+FFFD n times. -1 as in buf.h. */
int utf8_append_replacements(struct buf *out, size_t n) MUST_CHECK;

/* Whether a code point must not stand in one line of text: C0 and C1 controls, DEL, U+2028,
 * U+2029, bidirectional controls. */
bool utf8_unfit_for_line(uint32_t cp);

/* Whether it is drawn as nothing, or as white space. */
bool utf8_is_unseen(uint32_t cp);

/* Whether a reader would see nothing: white space, no-break spaces, characters without width
 * and control characters, or no character at all. An invalid byte is seen, as U+FFFD. */
bool utf8_is_blank(struct span s);

/*
 * Appends valid UTF-8 that may stand in one line of a mail header: invalid bytes become
 * U+FFFD, one each; runs of CR, LF and TAB become one space (none beside a space); all
 * other C0 and C1 controls, DEL, U+2028, U+2029 and the bidirectional controls (U+061C,
 * U+200E, U+200F, U+202A-U+202E, U+2066-U+2069) are left out. *changed (may be NULL) tells
 * whether anything was altered but TABs and line folding (a line end before white space,
 * RFC 5322 §2.2.3). -1 as in buf.h.
 */
int utf8_clean_line(struct buf *out, struct span in, bool *changed) MUST_CHECK;

/* Appends text for a body: invalid bytes become U+FFFD, one each; NUL is left out; the rest
 * stays. -1 as in buf.h. */
int utf8_clean_text(struct buf *out, struct span in, bool *changed) MUST_CHECK;

#endif
