/* SPDX-License-Identifier: MIT */
/*
 * Which accounts' credentials the API refuses, as this worker knows it: that is why /readyz
 * fails. No mail may come any more to show that they are good again, so the worker asks:
 * with a query that changes nothing and costs nothing, one at a time for an account, at
 * growing distances.
 */
#ifndef DELIVERY_HEALTH_H
#define DELIVERY_HEALTH_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/loop.h"
#include "ses/backend.h"
#include "ses/outcome.h"

struct health;

/* Between the refusal of a mail and the first query; then twice that, and so on. A mail that
 * is not refused for its credentials sets it back. */
#define HEALTH_PAUSE_MIN_MS 5000
#define HEALTH_PAUSE_MAX_MS (5 * 60 * 1000)

/* All borrowed and outliving it. Never NULL. */
struct health *health_new(struct loop *loop, const struct conf *conf,
	struct backend *backend, const struct outcome_table *outcomes) MUST_CHECK;
/* Drops the query that is under way. Before backend_free() and loop_free(). */
void health_free(struct health **h);

/* Takes note of how a mail's call ended. o: the outcome of r. */
void health_note(struct health *h, const char *account, const struct ses_result *r,
	const struct outcome *o);

#endif
