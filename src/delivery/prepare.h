/* SPDX-License-Identifier: MIT */
/*
 * From a raw message to request bodies, in four steps: the pipeline that a delivery and
 * `sesrelay explain` share. A delivery drops duplicates (delivery/dedup) after the second step.
 * The first step and the last one compute, and may run in a thread.
 */
#ifndef DELIVERY_PREPARE_H
#define DELIVERY_PREPARE_H

#include "core/attr.h"
#include "core/budget.h"
#include "core/str.h"
#include "delivery/batch.h"
#include "delivery/fields.h"
#include "delivery/route.h"
#include "mail/message.h"
#include "ses/request.h"
#include "smtp/envelope.h"
#include "smtp/reply.h"

#include <stddef.h>

/* What was changed for the API's sake. */
struct prepare_note {
	const struct conf_route *route; /* borrowed from the configuration */
	char *text;                     /* owned */
};

/* One message. The caller sets the first part, which is borrowed and must outlive it; the rest
 * starts as zeros, is filled by the steps, and ends with prepare_clear(). */
struct prepare {
	const struct conf *conf;
	const struct envelope *envelope; /* all recipients of the message */
	const char *id;                  /* of the delivery */
	struct budget *budget;           /* may be NULL */

	struct message *message;             /* owned; by prepare_message() */
	struct routed_recipient *recipients; /* owned; by prepare_recipients() */
	size_t n_recipients;
	struct batches batches; /* owned */
	struct ses_request *
		*requests;          /* owned, one for each batch; the caller may take them
	                                  and leave NULL */
	struct prepare_note *notes; /* owned */
	size_t n_notes, notes_cap;
};

/* Parses raw, which must outlive p->message. If From holds no usable address, that of the
 * envelope's sender stands in, unless it is the null sender: then the address stays "", and
 * only a route with rewrite_from can send the mail. -1 and *why: the message is refused. */
int prepare_message(struct prepare *p, struct span raw, struct reply *why) MUST_CHECK;

/* Finds the route of each envelope recipient. client: what routes ask for of the client. -1
 * and *why: one has no route, and nothing of the mail is sent. */
int prepare_recipients(struct prepare *p, const struct route_query *client,
	struct reply *why) MUST_CHECK;

/* Sorts p->recipients, from which the caller may have removed some, into batches. */
void prepare_batches(struct prepare *p);

/* Writes a request for each batch; those of one route share everything but their recipients.
 * The message is not needed afterwards. -1 and *why as fields_make(). */
int prepare_requests(struct prepare *p, struct reply *why) MUST_CHECK;

/* Frees what the steps made and was not taken. */
void prepare_clear(struct prepare *p);

/* Whether mail from that reverse-path is taken; -1 and *why: 550 5.7.1. */
int prepare_sender(
	const struct conf *conf, const char *sender, struct reply *why) MUST_CHECK;

/* The route of a recipient, or NULL and *why: 550 5.7.1. */
const struct conf_route *prepare_route(
	const struct conf *conf, const struct route_query *q, struct reply *why);

#endif
