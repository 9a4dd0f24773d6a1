/* SPDX-License-Identifier: MIT */
/* What a delivery leaves in the log and in the counters. */
#include "core/log.h"
#include "core/metrics.h"
#include "delivery/delivery_private.h"
#include "delivery/health.h"

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

void record_refused(const struct delivery *d, const struct reply *reply)
{
	struct buf text;

	count_reply(reply);
	buf_init(&text, REPLY_LINE_MAX + 32, NULL);
	format(reply, &text);
	log_event(LOG_INFO, d->id, reply->code < 500 ? "deferred" : "refused",
		LOG_S("session", d->session_id), LOG_S("from", d->envelope.reverse_path),
		LOG_U("recipients", d->envelope.n_recipients), LOG_U("size", d->body.len),
		LOG_S("reply", text.data));
	buf_free(&text);
}

static void log_accepted(const struct delivery *d, const struct delivery_call *c)
{
	log_event(LOG_INFO, d->id, "accepted", LOG_S("session", d->session_id),
		LOG_S("from", d->envelope.reverse_path),
		LOG_U("recipients", plan_call_count(c->plan)),
		LOG_S("message_id", c->result.message_id),
		LOG_S("request_id", c->result.request_id), LOG_U("ms", c->result.took_ms),
		LOG_U("size", d->body.len), LOG_S("route", c->plan->route->name),
		LOG_S("account", c->plan->route->account),
		LOG_U("call", (uint64_t)(c - d->calls) + 1), LOG_U("calls", d->n_calls));
}

/* One line a call that ended, whatever it ended with. */
static void log_failed(const struct delivery *d, const struct delivery_call *c)
{
	const char *event = c->result.class == OUTCOME_UNCERTAIN ? "uncertain"
	                    : c->row->smtp < 500                 ? "deferred"
	                                                         : "refused";
	bool loud = c->row->unhealthy || c->result.class == OUTCOME_UNCERTAIN;

	log_event(loud ? LOG_WARN : LOG_INFO, d->id, event,
		LOG_S("session", d->session_id), LOG_S("from", d->envelope.reverse_path),
		LOG_U("recipients", plan_call_count(c->plan)),
		LOG_S("recipient", plan_call_recipient(c->plan, 0)),
		LOG_S("code", c->result.code),
		LOG_S("class", outcome_class_name(c->result.class)),
		LOG_S("scope", outcome_scope_name(c->row->scope)),
		LOG_U("reply", c->row->smtp), LOG_S("enhanced", c->row->enhanced),
		LOG_S("request_id", c->result.request_id),
		LOG_S("says", c->result.message), LOG_S("reason", c->result.reason),
		LOG_U("http", c->result.http_status), LOG_U("ms", c->result.took_ms),
		LOG_U("try", c->begun), LOG_S("account", c->plan->route->account),
		LOG_U("call", (uint64_t)(c - d->calls) + 1), LOG_U("calls", d->n_calls));
}

void record_signed_again(const struct delivery *d, const struct delivery_call *c)
{
	size_t series;

	outcome_find(d->ctx->outcomes, c->result.code, &series);
	metrics_add(METRIC_OUTCOMES, series, 1);
}

void record_call(struct delivery *d, const struct delivery_call *c)
{
	size_t series = OUTCOME_SERIES_ACCEPTED;

	if (c->result.class == OUTCOME_ACCEPTED) {
		log_accepted(d, c);
	} else {
		outcome_find(d->ctx->outcomes, c->result.code, &series);
		log_failed(d, c);
	}
	metrics_add(METRIC_OUTCOMES, series, 1);
	health_note(d->ctx->health, c->plan->route->account, &c->result, c->row);
}

void record_reply(const struct delivery *d, const struct reply *reply)
{
	bool plain = reply->code == 250 && d->n_calls == 1 && d->client != NULL;
	struct buf text;

	count_reply(reply);
	buf_init(&text, REPLY_LINE_MAX + 32, NULL);
	format(reply, &text);
	log_event(plain ? LOG_DEBUG : LOG_INFO, d->id,
		d->client != NULL ? "replied" : "detached_done",
		LOG_S("session", d->session_id),
		LOG_U("recipients", d->envelope.n_recipients), LOG_U("calls", d->n_calls),
		LOG_U("ms", loop_now_ms(d->ctx->loop) - d->started),
		LOG_S("reply", text.data));
	buf_free(&text);
}
