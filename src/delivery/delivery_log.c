/* SPDX-License-Identifier: MIT */
/* What a delivery leaves in the log and in the counters. */
#include "core/log.h"
#include "core/metrics.h"
#include "delivery/delivery_private.h"
#include "ses/account_health.h"

/* "451 4.4.5 text" */
static void format(const struct reply *r, struct buf *out)
{
	char enhanced[REPLY_ENHANCED_LEN];

	reply_enhanced(r, enhanced);
	if (buf_appendf(out, "%u %s %s", r->code, enhanced, r->text) < 0)
		buf_clear(out);
}

static void count_reply(const struct reply *reply)
{
	static const size_t series[] = {[2] = 0, [4] = 1, [5] = 2};
	unsigned class = reply->code / 100;

	metrics_add(METRIC_REPLIES, class < ARRAY_LEN(series) ? series[class] : 1, 1);
	if (reply->code == 452)
		metrics_add(METRIC_MEMORY_REFUSED, 0, 1);
}

static void log_recipient(
	const struct delivery *d, const char *recipient, const struct reply *reply)
{
	struct buf text;

	buf_init(&text, REPLY_LINE_MAX + 32, NULL);
	format(reply, &text);
	log_event(LOG_INFO, d->id, reply->code < 500 ? "deferred" : "refused",
		LOG_A("to", recipient), LOG_S("header_message_id", d->message_id),
		LOG_S("session", d->session_id), LOG_S("from", d->envelope.reverse_path),
		LOG_U("recipients", d->envelope.n_recipients), LOG_U("size", d->body.len),
		LOG_A("reply", text.data));
	buf_free(&text);
}

static void log_unsent(const struct delivery *d, const struct reply *reply)
{
	for (size_t i = 0; i < d->envelope.n_recipients; i++)
		log_recipient(d, d->envelope.recipients[i], reply);
}

void delivery_log_refused(const struct delivery *d, const struct reply *reply)
{
	count_reply(reply);
	log_unsent(d, reply);
}

static void log_accepted(
	const struct delivery *d, const struct delivery_call *c, const char *recipient)
{
	log_event(LOG_INFO, d->id, "accepted", LOG_A("to", recipient),
		LOG_S("message_id", c->result.message_id),
		LOG_S("header_message_id", d->message_id),
		LOG_S("session", d->session_id), LOG_S("from", d->envelope.reverse_path),
		LOG_U("recipients", batch_count(c->batch)),
		LOG_S("request_id", c->result.request_id), LOG_U("ms", c->result.took_ms),
		LOG_U("size", d->body.len), LOG_S("route", c->batch->route->name),
		LOG_S("account", c->batch->route->account),
		LOG_U("call", (uint64_t)(c - d->calls) + 1), LOG_U("calls", d->n_calls));
}

static const char *failure_name(const struct delivery_call *c)
{
	if (c->result.class == OUTCOME_UNCERTAIN)
		return "uncertain";
	return c->outcome->smtp < 500 ? "deferred" : "refused";
}

/* recipient: "" where all are meant. */
static void log_failed(const struct delivery *d, const struct delivery_call *c,
	const char *event, const char *recipient)
{
	bool loud = c->outcome->unhealthy || c->result.class == OUTCOME_UNCERTAIN;

	log_event(loud ? LOG_WARN : LOG_INFO, d->id, event, LOG_A("to", recipient),
		LOG_S("header_message_id", d->message_id),
		LOG_S("session", d->session_id), LOG_S("from", d->envelope.reverse_path),
		LOG_U("recipients", batch_count(c->batch)), LOG_S("code", c->result.code),
		LOG_S("class", outcome_class_name(c->result.class)),
		LOG_S("scope", outcome_scope_name(c->outcome->scope)),
		LOG_U("reply", c->outcome->smtp), LOG_S("enhanced", c->outcome->enhanced),
		LOG_S("request_id", c->result.request_id),
		LOG_A("says", c->result.message), LOG_S("reason", c->result.reason),
		LOG_U("http", c->result.http_status), LOG_U("ms", c->result.took_ms),
		LOG_U("try", c->begun), LOG_S("account", c->batch->route->account),
		LOG_U("call", (uint64_t)(c - d->calls) + 1), LOG_U("calls", d->n_calls));
}

/* What came of a call in the end, a line for each recipient: who looks for one finds it. */
static void log_end(const struct delivery *d, struct delivery_call *c)
{
	c->recorded = true;
	for (size_t i = 0; i < batch_count(c->batch); i++) {
		const char *recipient = batch_recipient(c->batch, i);

		if (c->result.class == OUTCOME_ACCEPTED)
			log_accepted(d, c, recipient);
		else
			log_failed(d, c, failure_name(c), recipient);
	}
}

void delivery_log_signed_again(const struct delivery_call *c)
{
	metrics_add(METRIC_OUTCOMES, c->outcome->series, 1);
}

void delivery_log_call(struct delivery *d, struct delivery_call *c)
{
	if (c->result.class == OUTCOME_NOT_SENT)
		log_failed(d, c, "not_sent", "");
	else
		log_end(d, c);
	metrics_add(METRIC_OUTCOMES, c->outcome->series, 1);
	account_health_note(
		d->ctx->health, c->batch->route->account, &c->result, c->outcome);
}

/* A call that was not begun, as the client left before, has no result. */
static void log_left_over(
	const struct delivery *d, struct delivery_call *c, const struct reply *reply)
{
	size_t n = c->state == CALL_OPEN ? batch_count(c->batch) : 0;

	if (c->state != CALL_OPEN)
		log_end(d, c);
	for (size_t i = 0; i < n; i++)
		log_recipient(d, batch_recipient(c->batch, i), reply);
}

static void log_rest(const struct delivery *d, const struct reply *reply)
{
	for (size_t i = 0; i < d->n_calls; i++)
		if (!d->calls[i].recorded)
			log_left_over(d, &d->calls[i], reply);
	if (d->n_calls == 0 && d->duplicates.n_to == 0)
		log_unsent(d, reply);
}

void delivery_log_reply(const struct delivery *d, const struct reply *reply)
{
	bool plain = reply->code == 250 && d->n_calls == 1 && d->client != NULL;
	struct buf text;

	count_reply(reply);
	log_rest(d, reply);
	buf_init(&text, REPLY_LINE_MAX + 32, NULL);
	format(reply, &text);
	log_event(plain ? LOG_DEBUG : LOG_INFO, d->id,
		d->client != NULL ? "replied" : "detached_done",
		LOG_S("session", d->session_id),
		LOG_U("recipients", d->envelope.n_recipients), LOG_U("calls", d->n_calls),
		LOG_U("ms", loop_now_ms(d->ctx->loop) - d->started),
		LOG_A("reply", text.data));
	buf_free(&text);
}

void delivery_log_duplicate(
	const struct delivery *d, const char *recipient, const char *message_id)
{
	log_event(LOG_INFO, d->id, "remembered", LOG_A("to", recipient),
		LOG_S("message_id", message_id),
		LOG_S("header_message_id", d->message_id),
		LOG_S("session", d->session_id), LOG_S("from", d->envelope.reverse_path));
}

static void log_dropped_one(const struct delivery *d, const char *recipient)
{
	log_event(LOG_ERROR, d->id, "dropped", LOG_A("to", recipient),
		LOG_S("header_message_id", d->message_id),
		LOG_S("session", d->session_id),
		LOG_S("state", delivery_state_name(d->state)));
}

static bool is_duplicate(const struct delivery *d, const char *recipient)
{
	for (size_t i = 0; i < d->duplicates.n_to; i++)
		if (d->duplicates.to[i] == recipient)
			return true;
	return false;
}

void delivery_log_dropped(const struct delivery *d)
{
	size_t n_planned = d->n_calls == 0 ? d->envelope.n_recipients : 0;

	for (size_t i = 0; i < n_planned; i++)
		if (!is_duplicate(d, d->envelope.recipients[i]))
			log_dropped_one(d, d->envelope.recipients[i]);
	for (size_t i = 0; i < d->n_calls; i++) {
		const struct delivery_call *c = &d->calls[i];
		size_t n = c->recorded ? 0 : batch_count(c->batch);

		for (size_t j = 0; j < n; j++)
			log_dropped_one(d, batch_recipient(c->batch, j));
	}
}
