/* SPDX-License-Identifier: MIT */
/* The state machine of a delivery, and how its calls follow each other. */
#include "delivery/delivery.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "core/pool.h"
#include "delivery/aggregate.h"
#include "delivery/delivery_private.h"
#include "delivery/fields.h"
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
static void on_done(void *arg, const struct ses_result *result);

static uint64_t time_left(const struct delivery *d)
{
	uint64_t now = loop_now_ms(d->ctx->loop);

	return now < d->deadline ? d->deadline - now : 0;
}

static void begin_call(struct delivery_call *c)
{
	struct delivery *d = c->delivery;
	uint64_t left = time_left(d), most = d->ctx->conf->limits.call_timeout;

	if (left < DELIVERY_CALL_MIN_MS)
		left = 0; /* ends as not sent, and from the loop */
	if (c->begun++ > 0)
		metrics_add(METRIC_RETRIES, 0, 1);
	c->state = CALL_FLYING;
	d->flying++;
	c->flight = backend_send(
		c->account, c->request, left < most ? left : most, on_done, c);
}

/* Whether what refused one call would refuse the other. */
static bool ends_alike(
	const struct delivery_call *failed, const struct delivery_call *other)
{
	switch (failed->outcome->scope) {
	case SCOPE_RECIPIENT: return false;
	case SCOPE_ACCOUNT: return other->account == failed->account;
	case SCOPE_MESSAGE:
	case SCOPE_SENDER: return other->batch->route == failed->batch->route;
	}
	return false;
}

/* The calls that were not begun yet end as the refused one did. */
static void stop_others(struct delivery_call *failed)
{
	struct delivery *d = failed->delivery;

	for (size_t i = 0; i < d->n_calls; i++) {
		struct delivery_call *c = &d->calls[i];

		if ((c->state != CALL_OPEN && c->state != CALL_AGAIN) ||
			!ends_alike(failed, c))
			continue;
		c->result = failed->result;
		c->outcome = failed->outcome;
		c->state = CALL_SETTLED;
	}
}

/* AuthFailure.SignatureExpire: our clock is off. The answer's Date says by how much; once,
 * and not where that would be a day without a key. */
static bool sign_again(struct delivery_call *c)
{
	struct delivery *d = c->delivery;
	int64_t skew;

	if (c->outcome->recovery != RECOVERY_RESIGN || c->resigned ||
		c->result.date == 0 ||
		!ses_account_can_sign_at(c->account, c->result.date) ||
		time_left(d) < DELIVERY_CALL_MIN_MS)
		return false;
	skew = ses_account_learn_skew(c->account, c->result.date);
	log_event(LOG_WARN, d->id, "clock_skew",
		LOG_S("account", ses_account_name(c->account)), LOG_I("seconds", skew),
		LOG_S("request_id", c->result.request_id));
	c->resigned = true;
	delivery_log_signed_again(c);
	begin_call(c);
	return true;
}

static void on_refused(struct delivery_call *c)
{
	c->state = CALL_SETTLED;
	if (c->outcome->scope == SCOPE_RECIPIENT)
		c->delivery->answered = true;
	else
		stop_others(c);
}

static void on_done(void *arg, const struct ses_result *result)
{
	struct delivery_call *c = arg;
	struct delivery *d = c->delivery;

	c->flight = NULL;
	d->flying--;
	c->result = *result;
	c->outcome = outcome_of(d->ctx->outcomes, result);
	if (result->class == OUTCOME_REFUSED && sign_again(c)) {
		advance(d);
		return;
	}
	delivery_log_call(d, c);
	switch (result->class) {
	case OUTCOME_ACCEPTED:
		c->state = CALL_SETTLED;
		d->answered = true;
		dedup_accepted(d, c);
		break;
	case OUTCOME_NOT_SENT:
		c->state = CALL_AGAIN;
		d->answered = false;
		break;
	case OUTCOME_UNCERTAIN: c->state = CALL_SETTLED; break;
	case OUTCOME_REFUSED: on_refused(c); break;
	}
	advance(d);
}

/* --- how they follow each other ---------------------------------------------------------- */

static size_t count_calls(const struct delivery *d, enum call_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_calls; i++)
		n += d->calls[i].state == state;
	return n;
}

/* Until a call was answered, one at a time; and none while another waits to be tried
 * again, for it would meet the same trouble. */
static struct delivery_call *next_call(struct delivery *d)
{
	if (d->flying >= (d->answered ? DELIVERY_PARALLEL : 1))
		return NULL;
	if (!d->answered && count_calls(d, CALL_AGAIN) > 0)
		return NULL;
	for (size_t i = 0; i < d->n_calls; i++)
		if (d->calls[i].state == CALL_OPEN)
			return &d->calls[i];
	return NULL;
}

/* No time for another call: what was not sent stays so, and the client tries later. */
static void expire(struct delivery *d)
{
	for (size_t i = 0; i < d->n_calls; i++) {
		struct delivery_call *c = &d->calls[i];

		if (c->state == CALL_OPEN && c->begun == 0) {
			c->result = outcome_past_deadline();
			c->outcome = outcome_of(d->ctx->outcomes, &c->result);
		}
		if (c->state == CALL_OPEN || c->state == CALL_AGAIN)
			c->state = CALL_SETTLED;
	}
}

static void on_timer(void *arg)
{
	struct delivery *d = arg;

	for (size_t i = 0; i < d->n_calls; i++)
		if (d->calls[i].state == CALL_AGAIN)
			d->calls[i].state = CALL_OPEN;
	set_state(d, DELIVERY_WAITING_TURN);
	set_state(d, DELIVERY_SENDING);
	advance(d);
}

/* A pause that doubles, if one and a call after it fit before the deadline. */
static bool pause_for_retry(struct delivery *d)
{
	unsigned shift = d->pauses < 16 ? d->pauses : 16;
	uint64_t delay = d->ctx->conf->limits.retry_delay << shift;

	if (delay + DELIVERY_CALL_MIN_MS > time_left(d))
		return false;
	d->pauses++;
	set_state(d, DELIVERY_WAITING_RETRY);
	if (d->timer == NULL)
		d->timer = loop_timer_new(d->ctx->loop, on_timer, d);
	loop_timer_set(d->timer, delay);
	return true;
}

/* Begins what may be begun; at the end of a round waits, or finishes. */
static void advance(struct delivery *d)
{
	struct delivery_call *c;

	if (time_left(d) < DELIVERY_CALL_MIN_MS)
		expire(d);
	while ((c = next_call(d)) != NULL)
		begin_call(c);
	if (d->flying > 0)
		return;
	if (count_calls(d, CALL_AGAIN) > 0 && pause_for_retry(d))
		return;
	expire(d);
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
	/* Pacing will keep it here for a while. */
	set_state(d, DELIVERY_WAITING_TURN);
	set_state(d, DELIVERY_SENDING);
	/* Not advance(), which could find the time used up, and must not answer in here. */
	begin_call(&d->calls[0]);
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
		set_state(d, DELIVERY_WAITING_TURN);
		set_state(d, DELIVERY_SENDING);
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
