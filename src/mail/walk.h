/* SPDX-License-Identifier: MIT */
/*
 * The structure of a message: GMime reads it, and what it found is copied into a flat
 * list before anything else looks at it. Only here is GMime used.
 *
 * GMime is made to build no address and no nested message: parsing starts at a part, and
 * message/rfc822 is registered as an ordinary part. No encoder, no get_boundary, no
 * to_string and no setter is ever called on what it parsed.
 */
#ifndef MAIL_WALK_H
#define MAIL_WALK_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/budget.h"
#include "core/str.h"
#include "mail/content.h"
#include "mail/guard.h"
#include "mail/message.h"
#include "mail/transfer.h"

#include <stdbool.h>
#include <stddef.h>

struct part {
	size_t parent;  /* index; the root is its own parent */
	size_t ordinal; /* which child of its parent, from 0 */
	size_t n_children;
	bool multipart;
	struct content_field type; /* value "text/plain" if the mail has none */
	struct content_field disposition;
	enum transfer transfer;
	char *encoding;   /* Content-Transfer-Encoding as written, for messages */
	char *content_id; /* without <>; "" if absent */
	struct span body; /* not decoded; borrowed from the raw message */
};

/* In the order of the message, each multipart before its children. */
struct part_list {
	struct part *items;
	size_t n;
	size_t cap;
	struct decode_notes notes;
};

struct walk_input {
	struct span raw;
	const struct guard_report *guard; /* what the guard found in raw */
	const struct conf_limits *limits;
	const struct conf_list *charsets;
	struct budget *budget; /* may be NULL */
};

/* Once in a process, before and after all others. */
void walk_library_init(void);
void walk_library_shutdown(void);

/* 0, or -1 and *why: 452 memory exhausted, 554 GMime finds no message.
 * The list is the caller's in both cases: walk_parts_clear(). */
int walk_parts(struct part_list *list, const struct walk_input *in,
	struct message_refusal *why) MUST_CHECK;

void walk_parts_clear(struct part_list *list);

/* The boundary that GMime takes from an unfolded Content-Type of a multipart; NULL: none.
 * Caller owns it: free(). */
char *walk_boundary(const char *content_type);

#endif
