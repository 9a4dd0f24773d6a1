/* SPDX-License-Identifier: MIT */
/*
 * From a raw message to request bodies, in three steps: the pipeline that a delivery and
 * `sesrelay explain` share. The first and the third step compute and may run in a thread; the
 * second one decides, and may ask the rest of the program.
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
	struct routed_recipient *recipients; /* owned; those who are to get the mail */
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

/* 1: r is to get the mail; 0: not, for it has the mail already; -1 and *why: the message is
 * answered so. */
typedef int prepare_filter(
	void *arg, const struct routed_recipient *r, struct reply *why);

/* Finds the route of each envelope recipient and sorts those that pass the filter into batches.
 * q says of the client what routes ask for; NULL for filter: all pass. Frees nothing of the
 * message. -1 and *why: nothing of the mail is sent. */
int prepare_recipients(struct prepare *p, const struct route_query *q,
	prepare_filter *filter, void *arg, struct reply *why) MUST_CHECK;

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
