/* SPDX-License-Identifier: MIT */
/* The state PLANNING: from a raw message to calls that can be begun. */
#include "core/log.h"
#include "core/mem.h"
#include "delivery/delivery_private.h"
#include "delivery/prepare.h"
#include "mail/message.h"
#include "smtp/users.h"

#include <stdlib.h>

static int parse(struct delivery *d, struct message **m, struct reply *why)
{
	const struct conf *conf = d->ctx->conf;
	struct message_refusal refusal;

	if (message_parse(m, span_make(d->body.data, d->body.len), &conf->limits,
		    &conf->mail, d->ctx->budget, &refusal) == 0) {
		free(d->message_id);
		d->message_id = mem_strdup((*m)->message_id);
		return 0;
	}
	*why = reply_make(refusal.code, refusal.enhanced, "%s", refusal.text);
	return -1;
}

static void remember(
	struct delivery *d, const struct plan_recipient *r, const struct memo_entry *e)
{
	struct plan_call *call = &d->remembered;
	struct remembered *known;

	if (call->to == NULL) {
		call->to = mem_new(d->envelope.n_recipients, sizeof(*call->to));
		d->remembrance =
			mem_new(d->envelope.n_recipients, sizeof(*d->remembrance));
	}
	known = &d->remembrance[call->n_to];
	known->route = r->route;
	known->result.class = OUTCOME_ACCEPTED;
	str_copy(known->result.message_id, sizeof(known->result.message_id),
		e->message_id);
	call->to[call->n_to++] = r->address;
	log_event(LOG_INFO, d->id, "remembered", LOG_S("session", d->session_id),
		LOG_S("recipient", r->address), LOG_S("message_id", e->message_id));
}

/* The recipients who are still to get the mail, each with its route. */
static int find_recipients(struct delivery *d, struct route_query *q,
	struct plan_recipient *out, size_t *n, struct reply *why)
{
	for (size_t i = 0; i < d->envelope.n_recipients; i++) {
		struct plan_recipient r = {.address = d->envelope.recipients[i]};
		struct memo_entry e;

		q->recipient = r.address;
		r.route = prepare_route(d->ctx->conf, q, why);
		if (r.route == NULL)
			return -1;
		switch (recall_recipient(d, r.route->account, r.address, &e)) {
		case RECALL_SEND: out[(*n)++] = r; break;
		case RECALL_HAS_IT: remember(d, &r, &e); break;
		case RECALL_BUSY:
			*why = reply_make(451, "4.3.0",
				"an earlier attempt is still being sent, try again "
				"later");
			return -1;
		}
	}
	return 0;
}

static void log_notes(void *arg, const struct conf_route *route, const struct fields *f)
{
	const struct delivery *d = arg;

	for (size_t i = 0; i < f->n_notes; i++)
		log_event(LOG_DEBUG, d->id, "changed", LOG_S("route", route->name),
			LOG_S("what", f->notes[i]));
}

/* A lost DKIM signature or trace field comes with nearly every mail: only for the curious.
 * Of everything else the operator sees the kinds, and with `debug` the details. */
static void log_losses(const struct delivery *d, const struct message *m)
{
	bool seen[LOSS_KINDS] = {[LOSS_HEADER] = true, [LOSS_DKIM] = true};
	struct buf kinds;

	buf_init(&kinds, 400, NULL);
	for (size_t i = 0; i < m->n_losses; i++) {
		const struct loss *l = &m->losses[i];

		log_event(LOG_DEBUG, d->id, "loss", LOG_S("kind", loss_name(l->kind)),
			LOG_S("what", l->detail));
		if (!seen[l->kind] &&
			buf_appendf(&kinds, "%s%s", kinds.len > 0 ? "," : "",
				loss_name(l->kind)) == 0)
			seen[l->kind] = true;
	}
	if (kinds.len > 0)
		log_event(LOG_INFO, d->id, "lost", LOG_S("session", d->session_id),
			LOG_S("kinds", kinds.data), LOG_U("losses", m->losses_seen));
	buf_free(&kinds);
}

static int make_calls(struct delivery *d, const struct message *m, struct reply *why)
{
	struct ses_request **requests = mem_new(d->plan.n, sizeof(*requests));
	const struct prepare_input in = {
		.plan = &d->plan,
		.message = m,
		.envelope = &d->envelope,
		.id = d->id,
		.request_size = d->ctx->conf->limits.request_size,
		.budget = d->ctx->budget,
		.seen = log_notes,
		.arg = d,
	};
	int rc = prepare_requests(&in, requests, why);

	d->calls = mem_new(d->plan.n, sizeof(*d->calls));
	d->n_calls = d->plan.n;
	for (size_t i = 0; i < d->plan.n; i++) {
		struct delivery_call *c = &d->calls[i];

		c->delivery = d;
		c->plan = &d->plan.calls[i];
		c->request = requests[i];
		c->account = backend_account(d->ctx->backend, c->plan->route->account);
		if (c->account == NULL && rc == 0) {
			*why = reply_make(
				451, "4.3.5", "no account '%s'", c->plan->route->account);
			rc = -1;
		}
	}
	free(requests);
	return rc;
}

/* What recipients see is the From header, not the envelope: who may send as himself only may
 * not write another's name there. */
static int check_author(
	const struct smtp_peer *peer, const struct message *m, struct reply *why)
{
	if (peer->login == NULL || user_may_send(peer->login, m->from.address))
		return 0;
	*why = reply_make(
		554, "5.7.1", "you may not send mail from <%s>", m->from.address);
	return -1;
}

static int plan_calls(struct delivery *d, const struct smtp_peer *peer,
	const struct message *m, struct reply *why)
{
	struct plan_recipient *recipients;
	struct route_query q = {.listener = peer->listener,
		.client = peer->address,
		.user = peer->user,
		.sender = d->envelope.reverse_path,
		.from = m->from.address,
		.user_route = peer->login != NULL ? peer->login->route : NULL};
	size_t n = 0;
	int rc;

	if (check_author(peer, m, why) < 0)
		return -1;
	recipients = mem_new(d->envelope.n_recipients, sizeof(*recipients));
	rc = find_recipients(d, &q, recipients, &n, why);
	if (rc == 0) {
		log_losses(d, m);
		plan_make(&d->plan, recipients, n, m);
		rc = make_calls(d, m, why);
	}
	free(recipients);
	return rc;
}

int planning_calls(struct delivery *d, const struct smtp_peer *peer, struct reply *why)
{
	struct message *m = NULL;
	int rc;

	if (parse(d, &m, why) < 0)
		return -1;
	rc = plan_calls(d, peer, m, why);
	/* The requests hold copies; only the raw bytes are kept, for recall.c. */
	message_free(&m);
	return rc;
}
