/* SPDX-License-Identifier: MIT */
/*
 * The arguments of MAIL and RCPT: a keyword, a path, then parameters
 * (RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.2).
 *
 *	"FROM:" Reverse-path [ SP esmtp-param *( SP esmtp-param ) ]
 *	esmtp-param    = esmtp-keyword [ "=" esmtp-value ]
 */
#ifndef SMTP_PARAM_H
#define SMTP_PARAM_H

#include "core/attr.h"
#include "core/str.h"
#include "smtp/address.h"
#include "smtp/reply.h"

#include <stdbool.h>

enum param_role { PARAM_SENDER, PARAM_RECIPIENT };

/* Reads keyword and path and moves *args past them. A space after the colon is tolerated,
 * as many programs send one; lenient: so are missing brackets. -1 with *reply set. */
int param_path(struct span *args, enum param_role role, bool lenient,
	struct smtp_address *out, struct reply *reply) MUST_CHECK;

struct param {
	struct span name;
	bool has_value;
	struct span value;
};

/* A parameter that a verb takes; parse() is false if its value is wrong. */
struct param_parser {
	const char *name;
	bool (*parse)(const struct param *p, void *out);
};

/* Hands each parameter to its parser, with out; each at most once. -1 with *reply: 555 for an
 * unknown one, 501 for a bad one. verb is for the text. */
int param_parse_all(struct span args, const char *verb,
	const struct param_parser *parsers, size_t n, void *out,
	struct reply *reply) MUST_CHECK;

/* The next parameter: 1; 0 at the end; -1 if the syntax is wrong. */
int param_next(struct span *args, struct param *p) MUST_CHECK;

/* Decodes xtext, values in printable ASCII (RFC 3461 §4), into a string of at most cap - 1 bytes:
 *	xtext   = *( xchar / hexchar )
 *	xchar   = any ASCII from "!" (33) to "~" (126) but "+" and "="
 *	hexchar = "+" followed by two hexadecimal digits, in capitals; others are tolerated
 * False if the syntax is wrong, if it does not fit, or if the result is no UTF-8 or has a
 * control character; out then holds what came before. */
bool param_decode_xtext(struct span in, char *out, size_t cap) MUST_CHECK;

#endif
