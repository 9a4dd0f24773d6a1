/* SPDX-License-Identifier: MIT */
/*
 * From a message and its route to the fields of the API: sender, reply address, subject,
 * carried headers, template, attachments (doc/delivery.md, "Which fields").
 */
#ifndef DELIVERY_FIELDS_H
#define DELIVERY_FIELDS_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/buf.h"
#include "delivery/hidden.h"
#include "mail/message.h"
#include "ses/request.h"
#include "smtp/reply.h"

#include <stddef.h>

#define FIELDS_NOTES_MAX 16

struct fields {
	struct ses_fields api; /* points into the rest of this, and into the message */
	char *from;            /* owned, as all of the following */
	char *reply_to;
	char *subject;
	struct buf headers;
	struct buf data;
	struct ses_attachment *attachments;
	/* What was changed or left out here, one line each: for people. */
	char *notes[FIELDS_NOTES_MAX];
	size_t n_notes;
};

/* All borrowed; route and message must outlive the fields. */
struct fields_input {
	const struct conf_route *route;
	const struct message *message;
	const char *id;              /* of the delivery: SES_CALLBACK_HEADER */
	const struct hidden *hidden; /* recipients that no field carried may name */
};

/*
 * Fills *f, which fields_clear() releases in any case.
 * -1 and *why: 554 5.6.0 no author, too many attachments, no template, template data that is no JSON
 * object, text that is not UTF-8; 552 5.3.4 too large; 452 4.3.1 memory.
 */
int fields_make(
	struct fields *f, const struct fields_input *in, struct reply *why) MUST_CHECK;
void fields_clear(struct fields *f);

void fields_note(struct fields *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The reply to an error of buf.h or ses/request.h: 552 5.3.4 (EMSGSIZE), 452 4.3.1 (ENOMEM),
 * 554 5.6.0 (any other: it will be the same next time). Returns -1, for the caller's return. */
int fields_refuse_error(struct reply *why, int error);

#endif
