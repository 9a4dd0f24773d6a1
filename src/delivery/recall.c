/* SPDX-License-Identifier: MIT */
/*
 * What a delivery asks of the memory of sent mail, and tells it.
 *
 * Told "4yz", the client sends the same bytes again, and those of its recipients who have
 * the mail must not get it twice. So the memory keeps: who was accepted, as soon as a
 * message has several calls (the process may die between two of them); who was uncertain;
 * and, when the client went away without an answer, who is still being sent.
 */
#include "delivery/delivery_private.h"

#include "core/log.h"

#include <string.h>

/* Past its deadline a delivery is over, but for the last call's own delay. */
#define BUSY_GRACE_MS 10000

static struct memo_key key_of(
	const struct delivery *d, const char *account, const char *recipient)
{
	struct memo_key k = {0};

	memo_key_who(&k, account, d->envelope.reverse_path, recipient, d->body.len);
	return k;
}

/* The hash over the message is made once, and only where it is needed. */
static void complete(struct delivery *d, struct memo_key *k)
{
	if (!d->has_what) {
		memo_key_what(k, span_make(d->body.data, d->body.len));
		memcpy(d->what, k->what, DIGEST_LEN);
		d->has_what = true;
	}
	memcpy(k->what, d->what, DIGEST_LEN);
}

enum recall recall_recipient(struct delivery *d, const char *account,
	const char *recipient, struct memo_entry *e)
{
	struct memo_key k = key_of(d, account, recipient);
	uint64_t now = loop_now_ms(d->ctx->loop);

	if (!memo_knows(d->ctx->memo, &k, now))
		return RECALL_SEND;
	complete(d, &k);
	if (!memo_find(d->ctx->memo, &k, now, e))
		return RECALL_SEND;
	d->recalled = true;
	if (e->state == MEMO_SENT)
		return RECALL_HAS_IT;
	if (e->state == MEMO_SENDING && e->busy_until > now)
		return RECALL_BUSY;
	/* Whether he has it nobody can know; the client asked again, so he gets it. */
	log_event(LOG_WARN, d->id, "uncertain_earlier_attempt",
		LOG_S("session", d->session_id), LOG_S("recipient", recipient));
	return RECALL_SEND;
}

static void put(struct delivery *d, const struct delivery_call *c, enum memo_state state)
{
	struct memo_entry e = {.state = state, .busy_until = d->deadline + BUSY_GRACE_MS};
	uint64_t now = loop_now_ms(d->ctx->loop);

	if (state == MEMO_SENT)
		str_copy(e.message_id, sizeof(e.message_id), c->result.message_id);
	for (size_t i = 0; i < plan_call_count(c->plan); i++) {
		struct memo_key k = key_of(
			d, c->plan->route->account, plan_call_recipient(c->plan, i));

		complete(d, &k);
		if (state == MEMO_NONE)
			memo_forget(d->ctx->memo, &k, now);
		else
			memo_put(d->ctx->memo, &k, now, &e);
	}
}

static void forget_remembered(struct delivery *d)
{
	const struct plan_call *r = &d->remembered;

	for (size_t i = 0; i < r->n_to; i++) {
		struct memo_key k = key_of(d, d->remembered_routes[i]->account, r->to[i]);

		complete(d, &k);
		memo_forget(d->ctx->memo, &k, loop_now_ms(d->ctx->loop));
	}
}

/* Whether the client may not hear what becomes of its mail. */
static bool is_in_doubt(const struct delivery *d)
{
	return d->client == NULL || d->doubtful;
}

void recall_accepted(struct delivery *d, const struct delivery_call *c)
{
	if (d->n_calls > 1 || is_in_doubt(d) || d->recalled)
		put(d, c, MEMO_SENT);
}

void recall_detached(struct delivery *d)
{
	for (size_t i = 0; i < d->n_calls; i++) {
		const struct delivery_call *c = &d->calls[i];

		if (c->state != CALL_SETTLED)
			put(d, c, MEMO_SENDING);
		else if (c->result.class == OUTCOME_ACCEPTED)
			put(d, c, MEMO_SENT);
		else if (c->result.class == OUTCOME_UNCERTAIN)
			put(d, c, MEMO_UNCERTAIN);
	}
}

/* told: the client got a 250. Then the same bytes again are a new mail, unless they have a
 * Message-ID, which no two mails share: so they are a client that did not hear the 250. */
void recall_finished(struct delivery *d, bool told)
{
	told = told && !d->doubtful;
	for (size_t i = 0; i < d->n_calls; i++) {
		const struct delivery_call *c = &d->calls[i];

		if (c->result.class == OUTCOME_UNCERTAIN)
			put(d, c, MEMO_UNCERTAIN);
		else if (c->result.class != OUTCOME_ACCEPTED && is_in_doubt(d))
			put(d, c, MEMO_NONE);
		else if (told && !d->has_message_id && (d->n_calls > 1 || d->recalled))
			put(d, c, MEMO_NONE);
	}
	if (told && !d->has_message_id)
		forget_remembered(d);
}
