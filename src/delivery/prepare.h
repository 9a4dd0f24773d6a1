/* SPDX-License-Identifier: MIT */
/*
 * From planned calls to request bodies; what a delivery and `sesrelay explain` share.
 */
#ifndef DELIVERY_PREPARE_H
#define DELIVERY_PREPARE_H

#include "core/attr.h"
#include "core/budget.h"
#include "delivery/batch.h"
#include "delivery/fields.h"
#include "delivery/route.h"
#include "mail/message.h"
#include "ses/request.h"
#include "smtp/envelope.h"
#include "smtp/reply.h"

#include <stddef.h>

struct prepare_input {
	const struct batches *plan;
	const struct message *message;
	const struct envelope *envelope; /* all recipients of the message */
	const char *id;                  /* of the delivery */
	size_t request_size;             /* bytes of a request at most */
	struct budget *budget;           /* may be NULL */
	/* Called for each route with what was made of the message; may be NULL. */
	void (*seen)(void *arg, const struct conf_route *route, const struct fields *f);
	void *arg;
};

/* Fills requests[0 .. plan->n - 1], which the caller frees. The calls of one route share
 * everything but their recipients. Neither plan nor message is needed afterwards. -1 and
 * *why as fields_make(); then requests holds NULLs where none was made. */
int prepare_requests(const struct prepare_input *in, struct ses_request **requests,
	struct reply *why) MUST_CHECK;

/* Where From holds no usable address, that of the envelope's sender stands in, unless it is the
 * null sender: then the address stays "", and only a route with rewrite_from can send it. */
void prepare_author(struct message *m, const char *reverse_path);

/* Whether mail from that reverse-path is taken; -1 and *why: 550 5.7.1. */
int prepare_sender(
	const struct conf *conf, const char *sender, struct reply *why) MUST_CHECK;

/* The route of a recipient, or NULL and *why: 550 5.7.1. */
const struct conf_route *prepare_route(
	const struct conf *conf, const struct route_query *q, struct reply *why);

#endif
