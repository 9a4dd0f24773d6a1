/* SPDX-License-Identifier: MIT */
/* The state machine of a delivery: its life and end, and the calls that the schedule wants. */
#include "delivery/delivery.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "core/pool.h"
#include "delivery/aggregate.h"
#include "delivery/delivery_private.h"
#include "delivery/fields.h"
#include "delivery/schedule.h"
#include "ses/account_health.h"

#include <stdlib.h>
#include <string.h>

/* --- states ------------------------------------------------------------------------------ */

static const char *const state_names[DELIVERY_STATES] = {
	[DELIVERY_PLANNING] = "planning",
	[DELIVERY_WAITING_TURN] = "waiting-turn",
	[DELIVERY_SENDING] = "sending",
	[DELIVERY_WAITING_RETRY] = "waiting-retry",
	[DELIVERY_DONE] = "done",
};

static const bool legal[DELIVERY_STATES][DELIVERY_STATES] = {
	[DELIVERY_PLANNING] = {[DELIVERY_WAITING_TURN] = true, [DELIVERY_DONE] = true},
	[DELIVERY_WAITING_TURN] = {[DELIVERY_SENDING] = true, [DELIVERY_DONE] = true},
	[DELIVERY_SENDING] = {[DELIVERY_WAITING_RETRY] = true, [DELIVERY_DONE] = true},
	[DELIVERY_WAITING_RETRY] =
		{[DELIVERY_WAITING_TURN] = true, [DELIVERY_DONE] = true},
};

const char *delivery_state_name(enum delivery_state s)
{
	return state_names[s];
}

bool delivery_state_allows(enum delivery_state from, enum delivery_state to)
{
	return legal[from][to];
}

enum delivery_state delivery_state(const struct delivery *d)
{
	return d->state;
}

/* The only place that changes the state. */
static void set_state(struct delivery *d, enum delivery_state to)
{
	if (!legal[d->state][to]) {
		log_event(LOG_ERROR, d->id, "illegal_transition",
			LOG_S("from", state_names[d->state]),
			LOG_S("to", state_names[to]));
		return;
	}
	log_event(LOG_DEBUG, d->id, "state", LOG_S("from", state_names[d->state]),
		LOG_S("to", state_names[to]));
	d->state = to;
}

/* --- life -------------------------------------------------------------------------------- */

static struct delivery *delivery_new(struct delivery_context *ctx, struct transaction *t)
{
	struct delivery *d = mem_new(1, sizeof(*d));
	uint8_t id[DIGEST_LEN];
	char hex[DIGEST_HEX_LEN];

	d->ctx = ctx;
	digest_random(id, sizeof(id));
	digest_hex(id, hex);
	span_copy(d->id, sizeof(d->id), span_make(hex, DELIVERY_ID_LEN - 1));
	str_copy(d->session_id, sizeof(d->session_id), t->peer->session_id);
	d->client = t;
	d->message_id = mem_strdup("");
	d->per_recipient = t->per_recipient;
	envelope_init(&d->envelope);
	envelope_move(&d->envelope, &t->envelope);
	d->body = t->body;
	buf_init(&t->body, d->body.max, d->body.budget);
	d->started = loop_now_ms(ctx->loop);
	d->deadline = d->started + ctx->conf->limits.deadline;
	return d;
}

static void delivery_free(void *arg)
{
	struct delivery *d = arg;

	for (size_t i = 0; i < d->n_calls; i++) {
		if (d->calls[i].flight != NULL)
			backend_call_drop(&d->calls[i].flight);
		ses_request_free(&d->calls[i].request);
	}
	free(d->calls);
	prepare_job_free(&d->job);
	batch_clear(&d->batches);
	free(d->duplicates.to);
	free(d->earlier);
	free(d->message_id);
	loop_timer_free(&d->timer);
	buf_free(&d->body);
	envelope_clear(&d->envelope);
	free(d);
}

static void link_in(struct delivery *d)
{
	LIST_INSERT_HEAD(&d->ctx->deliveries, d, next);
	d->ctx->in_flight++;
	metrics_add(METRIC_IN_FLIGHT, 0, 1);
}

static void link_out(struct delivery *d)
{
	LIST_REMOVE(d, next);
	d->ctx->in_flight--;
	metrics_add(METRIC_IN_FLIGHT, 0, -1);
}

/* --- the end ----------------------------------------------------------------------------- */

/* Part i of what came of it; false past the last. */
static bool part_at(const struct delivery *d, size_t i, struct aggregate_part *part)
{
	if (i < d->n_calls)
		*part = (struct aggregate_part){
			d->calls[i].batch, &d->calls[i].result, d->calls[i].outcome};
	else if (i == d->n_calls && d->duplicates.n_to > 0)
		*part = (struct aggregate_part){&d->duplicates, &d->earlier[0].result,
			outcome_of(d->ctx->outcomes, &d->earlier[0].result)};
	else
		return false;
	return true;
}

static struct reply reply_for_all(const struct delivery *d)
{
	struct aggregate_part *parts = mem_new(d->n_calls + 1, sizeof(*parts));
	struct reply reply;
	size_t n = 0;

	while (part_at(d, n, &parts[n]))
		n++;
	reply = aggregate(parts, n);
	free(parts);
	return reply;
}

static bool is_part_of(const struct aggregate_part *part, const char *recipient)
{
	for (size_t i = 0; i < batch_count(part->batch); i++)
		if (strcmp(batch_recipient(part->batch, i), recipient) == 0)
			return true;
	return false;
}

/* Who has the mail from an earlier attempt has it by a name of its own. */
static bool reply_for_duplicate(
	const struct delivery *d, const char *recipient, struct reply *reply)
{
	const struct batch *known = &d->duplicates;
	struct aggregate_part part = {.batch = known};

	for (size_t i = 0; i < known->n_to; i++) {
		if (strcmp(known->to[i], recipient) != 0)
			continue;
		part.result = &d->earlier[i].result;
		part.outcome = outcome_of(d->ctx->outcomes, part.result);
		*reply = aggregate(&part, 1);
		return true;
	}
	return false;
}

/* What is said to one recipient where each gets a reply: what came of their part alone. */
static void reply_for_recipient(void *arg, size_t recipient, struct reply *reply)
{
	const struct delivery *d = arg;
	const char *address = d->envelope.recipients[recipient];
	struct aggregate_part part;

	if (reply_for_duplicate(d, address, reply))
		return;
	for (size_t i = 0; part_at(d, i, &part); i++) {
		if (!is_part_of(&part, address))
			continue;
		*reply = aggregate(&part, 1);
		return;
	}
}

/* The reply comes last, for the session may hand in its next message at once. */
static void leave(struct delivery *d, const struct reply *reply, transaction_reply_of *of)
{
	struct delivery_context *ctx = d->ctx;
	struct transaction *client = d->client;

	link_out(d);
	loop_defer(ctx->loop, delivery_free, d);
	if (client != NULL)
		transaction_finish(client, reply, of, d);
	if (ctx->in_flight == 0 && ctx->idle != NULL)
		ctx->idle(ctx->idle_arg);
}

/* Every call is settled. */
static void finish(struct delivery *d)
{
	struct reply reply = reply_for_all(d);

	set_state(d, DELIVERY_DONE);
	dedup_finished(d, d->client != NULL && (d->per_recipient || reply.code == 250));
	delivery_log_reply(d, &reply);
	leave(d, &reply, reply_for_recipient);
}

/* --- calls ------------------------------------------------------------------------------- */

static void advance(struct delivery *d);

/* Pacing will keep it here for a while. */
static void take_turn(struct delivery *d)
{
	set_state(d, DELIVERY_WAITING_TURN);
	set_state(d, DELIVERY_SENDING);
}

static void on_done(void *arg, const struct ses_result *result);

static void begin_call(struct schedule_step step)
{
	struct delivery_call *c = step.call;

	if (c->begun > 1)
		metrics_add(METRIC_RETRIES, 0, 1);
	c->flight = backend_send(c->account, c->request, step.ms, on_done, c);
}

static void sign_again(struct delivery_call *c, uint64_t now)
{
	int64_t skew = ses_account_learn_skew(c->account, c->result.date);

	log_event(LOG_WARN, c->delivery->id, "clock_skew",
		LOG_S("account", ses_account_name(c->account)), LOG_I("seconds", skew),
		LOG_S("request_id", c->result.request_id));
	delivery_log_signed_again(c);
	begin_call(schedule_at_once(c, now));
}

static void on_done(void *arg, const struct ses_result *result)
{
	struct delivery_call *c = arg;
	struct delivery *d = c->delivery;
	uint64_t now = loop_now_ms(d->ctx->loop);

	c->flight = NULL;
	schedule_note(c, result, now);
	if (c->state == CALL_SIGN_AGAIN)
		sign_again(c, now);
	else
		delivery_log_call(d, c);
	if (result->class == OUTCOME_ACCEPTED)
		dedup_accepted(d, c);
	advance(d);
}

static void on_timer(void *arg)
{
	struct delivery *d = arg;

	schedule_resume(d);
	take_turn(d);
	advance(d);
}

static void wait_for_retry(struct delivery *d, uint64_t ms)
{
	set_state(d, DELIVERY_WAITING_RETRY);
	if (d->timer == NULL)
		d->timer = loop_timer_new(d->ctx->loop, on_timer, d);
	loop_timer_set(d->timer, ms);
}

static void advance(struct delivery *d)
{
	struct schedule_step step = schedule_next(d, loop_now_ms(d->ctx->loop));

	while (step.action == SCHEDULE_CALL) {
		begin_call(step);
		step = schedule_next(d, loop_now_ms(d->ctx->loop));
	}
	if (step.action == SCHEDULE_WAIT)
		wait_for_retry(d, step.ms);
	else if (step.action == SCHEDULE_FINISH)
		finish(d);
}

/* --- from and to the SMTP room ------------------------------------------------------------ */

/* All have the mail from an earlier attempt. A reply for each can only be given later. */
static void on_known(void *arg)
{
	finish(arg);
}

int delivery_start(
	struct delivery_context *ctx, struct transaction *t, struct reply *reply)
{
	struct delivery *d = delivery_new(ctx, t);
	int rc = prepare_job_begin(d, t->peer, reply);

	if (rc < 0) {
		delivery_log_refused(d, reply);
		delivery_free(d);
		return -1;
	}
	if (rc == 0) {
		link_in(d);
		t->handler_data = d;
		return 0;
	}
	if (d->n_calls == 0 && d->per_recipient && d->duplicates.n_to > 1) {
		link_in(d);
		d->timer = loop_timer_new(ctx->loop, on_known, d);
		loop_timer_set(d->timer, 0);
		t->handler_data = d;
		return 0;
	}
	if (d->n_calls == 0) {
		*reply = reply_for_all(d);
		dedup_finished(d, true);
		delivery_log_reply(d, reply);
		delivery_free(d);
		return 1;
	}
	link_in(d);
	take_turn(d);
	/* Not advance(), which could find the time used up, and must not answer in here. */
	begin_call(schedule_at_once(&d->calls[0], loop_now_ms(ctx->loop)));
	t->handler_data = d;
	return 0;
}

/* Nothing was sent, and nothing will be. */
static void end_unsent(struct delivery *d, const struct reply *reply)
{
	set_state(d, DELIVERY_DONE);
	leave(d, reply, NULL);
}

void delivery_prepared(struct delivery *d, int rc, const struct reply *why)
{
	struct reply gone =
		reply_make(451, "4.4.2", "client left before anything was sent");

	if (d->client == NULL) {
		delivery_log_reply(d, &gone);
		end_unsent(d, &gone);
	} else if (rc < 0) {
		delivery_log_refused(d, why);
		end_unsent(d, why);
	} else if (d->n_calls == 0) {
		finish(d);
	} else {
		take_turn(d);
		/* Now there is something that its next attempt has to know of. */
		if (d->half_closed)
			dedup_detached(d);
		advance(d);
	}
}

void delivery_half_close(struct delivery *d)
{
	d->half_closed = true;
	log_event(LOG_DEBUG, d->id, "half_closed", LOG_S("session", d->session_id));
	dedup_detached(d);
}

void delivery_detach(struct delivery *d)
{
	d->client = NULL;
	metrics_add(METRIC_DETACHED, 0, 1);
	log_event(LOG_WARN, d->id, "detached", LOG_S("session", d->session_id),
		LOG_S("state", state_names[d->state]));
	dedup_detached(d);
}

void delivery_context_init(struct delivery_context *ctx)
{
	ctx->health =
		account_health_new(ctx->loop, ctx->conf, ctx->backend, ctx->outcomes);
}

void delivery_context_clear(struct delivery_context *ctx)
{
	struct delivery *d;

	/* Waits for what a thread has in hand. */
	ctx->ending = true;
	pool_free(&ctx->preparers);
	while ((d = LIST_FIRST(&ctx->deliveries)) != NULL) {
		delivery_log_dropped(d);
		d->client = NULL;
		dedup_detached(d);
		link_out(d);
		delivery_free(d);
	}
	account_health_free(&ctx->health);
}
