/* SPDX-License-Identifier: MIT */
/*
 * From an envelope and a message to batches, one for each API call: which recipients share a
 * call, and which are shown to the others (doc/delivery.md, "Visibility of recipients").
 *
 * The envelope alone decides which recipients get the mail; the header only decides how they
 * are shown. A recipient that only the envelope names is never shown to another one.
 */
#ifndef DELIVERY_BATCH_H
#define DELIVERY_BATCH_H

#include "config/conf.h"
#include "core/attr.h"
#include "mail/message.h"
#include "ses/request.h"

#include <stddef.h>

/* An envelope recipient and its route; both borrowed. */
struct routed_recipient {
	const char *address;
	const struct conf_route *route;
};

struct batch {
	const struct conf_route *route; /* borrowed from the configuration */
	const char **to; /* arrays owned, strings borrowed: the recipients' */
	size_t n_to;     /* never 0: older versions of the API want a Destination */
	const char **cc;
	size_t n_cc;
	const char **bcc;
	size_t n_bcc;
};

struct batches {
	struct batch *items; /* those of one route stand together */
	size_t n;
	size_t cap;
};

/* Every recipient is in exactly one list of one batch; no list is longer than the API takes;
 * recipients of different routes never share a batch. Addresses must be distinct. The
 * recipients' strings must outlive the batches, the message need not. */
void batch_make(struct batches *batches, const struct routed_recipient *recipients,
	size_t n, const struct message *m);
void batch_clear(struct batches *batches);

/* The recipients of a batch, over all three lists. */
size_t batch_count(const struct batch *b);
const char *batch_recipient(const struct batch *b, size_t i);

#endif
