/* SPDX-License-Identifier: MIT */
/*
 * Content-Type and Content-Disposition: a value and its parameters, with the
 * continuations and charsets of RFC 2231, and what programs write instead.
 */
#ifndef MAIL_CONTENT_H
#define MAIL_CONTENT_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/str.h"
#include "mail/rfc2047.h"

#include <stdbool.h>
#include <stddef.h>

struct param {
	char *name;  /* lower case, without the marks of RFC 2231 */
	char *value; /* UTF-8, one clean line */
};

struct content_field {
	char *value; /* "text/plain", "attachment": lower case, no white space; "" if none
	              */
	struct param *params;
	size_t n;
	size_t cap;
};

/* Parses a raw field value (it may be folded); free it with content_field_clear(). */
void content_field_parse(struct content_field *f, struct span raw,
	const struct conf_list *charsets, struct decode_notes *notes);
void content_field_clear(struct content_field *f);

/* Borrowed; "" if there is none. */
const char *content_param(const struct content_field *f, const char *name);

#endif
