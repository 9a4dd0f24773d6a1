/* SPDX-License-Identifier: MIT */
/*
 * From an envelope and a message to API calls: which recipients go together, and who is
 * shown to whom (doc/architecture.md, "From envelope to calls").
 */
#ifndef DELIVERY_PLAN_H
#define DELIVERY_PLAN_H

#include "core/attr.h"
#include "core/conf.h"
#include "mail/message.h"
#include "ses/request.h"
#include "smtp/envelope.h"

#include <stddef.h>

struct plan_call {
	const struct conf_route *route; /* borrowed from the configuration */
	const char *
		*to; /* arrays owned by the plan, strings borrowed from the envelope */
	size_t n_to;
	const char **cc;
	size_t n_cc;
	const char **bcc;
	size_t n_bcc;
};

struct plan {
	struct plan_call *calls;
	size_t n;
	size_t cap;
};

/* listener: name of the listener the mail came by. -1 where a recipient matches no route:
 * *unrouted is that recipient (borrowed from the envelope). Both envelope and message must
 * outlive the plan. */
int plan_make(struct plan *plan, const struct conf *conf, const char *listener,
	const struct envelope *e, const struct message *m,
	const char **unrouted) MUST_CHECK;
void plan_clear(struct plan *plan);

#endif
