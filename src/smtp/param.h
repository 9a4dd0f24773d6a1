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

/* Reads keyword and path and moves *args past them. A space behind the colon is tolerated,
 * as many programs send one; lenient: so are missing brackets. -1 with *reply set. */
int param_path(struct span *args, enum param_role role, bool lenient,
	struct smtp_address *out, struct reply *reply) MUST_CHECK;

struct param {
	struct span name;
	bool has_value;
	struct span value;
};

/* A parameter that a verb takes; take() is false where its value is wrong. */
struct param_taker {
	const char *name;
	bool (*take)(const struct param *p, void *out);
};

/* Hands each parameter to its taker, with out; each at most once. -1 with *reply: 555 for an
 * unknown one, 501 for a bad one. verb is for the text. */
int param_take_all(struct span args, const char *verb, const struct param_taker *takers,
	size_t n, void *out, struct reply *reply) MUST_CHECK;

/* The next parameter: 1; 0 at the end; -1 where the syntax is wrong. */
int param_next(struct span *args, struct param *p) MUST_CHECK;

#endif
