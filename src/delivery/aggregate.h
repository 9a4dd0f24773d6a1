/* SPDX-License-Identifier: MIT */
/*
 * Several results, one reply. SMTP has one answer for all recipients of a message, so it
 * must be the one after which the client does the right thing for those who are left.
 */
#ifndef DELIVERY_AGGREGATE_H
#define DELIVERY_AGGREGATE_H

#include "core/attr.h"
#include "delivery/batch.h"
#include "ses/outcome.h"
#include "smtp/reply.h"

#include <stddef.h>

/* What came of some of the recipients; all borrowed. */
struct aggregate_part {
	const struct batch *batch; /* who */
	const struct ses_result *result;
	const struct outcome *outcome; /* what the result means */
};

/*
 * All accepted: 250 with MessageId and RequestId of the first. Any that could still
 * succeed: the 4yz of the first such. Else the 5yz of the first refusal; if some recipients
 * have the mail, it names those and the others. n > 0. Never 2yz unless every part has a
 * MessageId.
 */
struct reply aggregate(const struct aggregate_part *parts, size_t n);

#endif
