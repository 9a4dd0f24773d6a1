/* SPDX-License-Identifier: MIT */
/*
 * Small JSON for rooms that may not include the library: the objects in a string that the API
 * wants in SmtpHeaders and TemplateData, and a request made readable.
 */
#ifndef SES_JSON_H
#define SES_JSON_H

#include "core/attr.h"
#include "core/buf.h"
#include "core/str.h"

#include <stddef.h>

/* Longer JSON text of a mail is refused unread. */
#define SES_JSON_TEXT_MAX (256 * 1024)

struct ses_pair {
	const char *name;
	const char *value; /* UTF-8 */
};

/*
 * All three append compact or indented JSON to out and return 0, or -1 with errno:
 * EINVAL if the text is not what it must be, EMSGSIZE and ENOMEM as in buf.h.
 */

/* {"name":"value",...} in the order given; of a doubled name the first counts. */
int ses_json_object(const struct ses_pair *pairs, size_t n, struct buf *out) MUST_CHECK;

/* The text without its white space, if it is one JSON object without doubled names. EMSGSIZE
 * if it is longer than SES_JSON_TEXT_MAX. */
int ses_json_compact(struct span text, struct buf *out) MUST_CHECK;

/* A request body, indented; strings of bodies and attachments longer than keep bytes are
 * shortened to that and their length. keep 0: nothing is shortened. */
int ses_json_pretty(struct span json, size_t keep, struct buf *out) MUST_CHECK;

#endif
