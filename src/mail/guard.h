/* SPDX-License-Identifier: MIT */
/*
 * A check of the raw bytes before GMime sees them: one linear pass that allocates next to
 * nothing and refuses what would cost too much memory, time or stack later. It follows the
 * parts as GMime will, with GMime's own idea of each boundary.
 */
#ifndef MAIL_GUARD_H
#define MAIL_GUARD_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/str.h"
#include "mail/message.h"

#include <stdbool.h>
#include <stddef.h>

/* All entities of a message together may have this many times what one may have. */
#define GUARD_TOTAL_FACTOR 4

/* A correction of the bytes that GMime is given. */
struct guard_edit {
	size_t off;
	size_t cut; /* bytes left out at off: a second Content-Type */
	bool blank; /* a header block lacks the blank line that belongs at off */
};

struct guard_report {
	size_t start;             /* offset of the header's first byte */
	size_t header_end;        /* offset after the last header line */
	size_t body;              /* offset of the body's first byte */
	struct guard_edit *edits; /* owned; by rising offset */
	size_t n_edits;
	size_t cap;
	size_t unclosed; /* multiparts without their closing boundary */
};

/* 0 and *report (free it with guard_report_clear), or -1 and *why:
 *   554 5.6.0  no header, NUL in a header, more than one From, more header lines, header
 *              bytes, address tokens, parts or nesting than the limits allow
 *   554 5.4.6  more Received fields than limits->hops: a routing loop
 */
int guard_scan(struct guard_report *report, struct span raw,
	const struct conf_limits *limits, struct message_refusal *why) MUST_CHECK;

void guard_report_clear(struct guard_report *report);

#endif
