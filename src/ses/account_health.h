/* SPDX-License-Identifier: MIT */
/*
 * Which accounts' credentials the API refuses, as this worker knows it: then /readyz fails.
 * Perhaps no mail arrives that would prove them good again, so the worker asks: with a query
 * that changes nothing and costs nothing, one at a time for each account, at growing
 * intervals.
 */
#ifndef SES_ACCOUNT_HEALTH_H
#define SES_ACCOUNT_HEALTH_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/loop.h"
#include "ses/backend.h"
#include "ses/outcome.h"

struct account_health;

/* Between the refusal of a mail and the first query; then twice that, and so on. A mail that
 * is not refused for our credentials resets it. */
#define ACCOUNT_HEALTH_PAUSE_MIN_MS 5000
#define ACCOUNT_HEALTH_PAUSE_MAX_MS (5 * 60 * 1000)

/* All borrowed and outliving it. Never NULL. */
struct account_health *account_health_new(struct loop *loop, const struct conf *conf,
	struct backend *backend, const struct outcome_table *outcomes) MUST_CHECK;
/* Drops the query that is under way. Before backend_free() and loop_free(). */
void account_health_free(struct account_health **h);

/* Notes how a mail's call ended. o: the outcome of r. */
void account_health_note(struct account_health *h, const char *account,
	const struct ses_result *r, const struct outcome *o);

#endif
