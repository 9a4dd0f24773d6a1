/* SPDX-License-Identifier: MIT */
/*
 * Header fields in the raw bytes (RFC 5322 §2.2), found without copying.
 */
#ifndef MAIL_FIELD_H
#define MAIL_FIELD_H

#include "core/attr.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>

struct field {
	struct span name;
	struct span value; /* after the colon, folds and line ends included */
};

/* Takes one line from the front of *rest, without its LF or CRLF. False at the end. */
bool field_next_line(struct span *rest, struct span *line);

/* Whether the line starts a field: a name of printable characters, white space (obsolete,
 * RFC 5322 §4.5), a colon. *name may be NULL. */
bool field_starts(struct span line, struct span *name);

/* Whether the line continues the field before it. */
static inline bool field_continues(struct span line)
{
	return line.len > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
}

/* Takes the next field from the front of *rest; lines that belong to no field are
 * skipped. False at the end. */
bool field_next(struct span *rest, struct field *f);

/* Length of the comment (RFC 5322 §3.2.2) at the start of s, which is "(": however deep, and all
 * of s if it never ends. */
size_t field_comment_len(struct span s);

#endif
