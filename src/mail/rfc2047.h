/* SPDX-License-Identifier: MIT */
/*
 * Header values to UTF-8: encoded words (RFC 2047) and raw bytes.
 *
 * Neighbouring words in the same charset have their bytes joined before conversion, because
 * many programs cut a character in two between words. Lenient as mail readers are: words
 * may touch other text, stand in quoted strings, hold spaces, and name a language
 * (RFC 2231 §5).
 */
#ifndef MAIL_RFC2047_H
#define MAIL_RFC2047_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>

/* What decoding had to change; set, never cleared. */
struct decode_notes {
	bool characters; /* bytes that no charset explains, or an unknown charset */
	bool controls;   /* control characters were left out */
};

/* The decoded value as one clean line without white space at its ends (see utf8_clean_line);
 * owned by the caller, never NULL. value may be folded. */
char *rfc2047_string(struct span value, const struct conf_list *charsets,
	struct decode_notes *notes) MUST_CHECK;

/* Length of the encoded word at the start of s, or 0. */
size_t rfc2047_word_len(struct span s);

#endif
