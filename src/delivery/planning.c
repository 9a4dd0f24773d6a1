/* SPDX-License-Identifier: MIT */
/*
 * The state PLANNING: from a raw message to calls that can be begun.
 *
 * Four steps: read the message, decide who gets it by which calls, write the requests, take
 * them over. The first and the third compute, the others ask and tell the rest of the
 * program. Of a small message all run at once; of a large one the computing steps run in a
 * thread, so that the loop goes on for everybody else.
 */
#include "core/log.h"
#include "core/mem.h"
#include "core/pool.h"
#include "delivery/delivery_private.h"
#include "delivery/prepare.h"
#include "mail/message.h"
#include "smtp/access.h"

#include <stdlib.h>
#include <string.h>

/* What a message and its recipients cost to prepare, in bytes: each call of its own is
 * written and hashed, too. */
#define RECIPIENT_COST 1024

struct note {
	const struct conf_route *route; /* borrowed from the configuration */
	char *text;                     /* owned */
};

struct planning {
	struct pool_job job;
	struct delivery *delivery;
	const struct peer *peer;      /* borrowed: while the client waits */
	struct message *message;      /* owned, from read() until write() */
	struct routed_recipient *recipients;
	size_t n_recipients;
	struct ses_request **requests; /* owned, one for each call of the plan */
	struct note *notes;            /* what write() changed: threads do not log */
	size_t n_notes, notes_cap;
	bool has_what;
	uint8_t what[LEDGER_WHAT_LEN];
	int rc; /* of the last step */
	struct reply why;
};

/* --- beside the loop: a step may run in a thread, and touches nothing but its own planning and
 * what nobody changes meanwhile: configuration, envelope, body, plan ------------------------- */

static void read_message(struct planning *p)
{
	const struct delivery *d = p->delivery;
	const struct conf *conf = d->ctx->conf;
	struct message_refusal refusal;

	p->rc = message_parse(&p->message, span_make(d->body.data, d->body.len),
		&conf->limits, &conf->mail, d->ctx->budget, &refusal);
	if (p->rc < 0)
		p->why = reply_make(refusal.code, refusal.enhanced, "%s", refusal.text);
	else
		prepare_author(p->message, d->envelope.reverse_path);
}

/* The memory of sent mail will ask for it; of a large message it takes a while. */
static void digest_message(struct planning *p)
{
	const struct delivery *d = p->delivery;
	struct ledger_key k;

	ledger_key_what(d->ctx->ledger, &k, span_make(d->body.data, d->body.len));
	memcpy(p->what, k.what, sizeof(p->what));
	p->has_what = true;
}

static void keep_notes(void *arg, const struct conf_route *route, const struct fields *f)
{
	struct planning *p = arg;

	mem_grow(&p->notes, &p->notes_cap, p->n_notes + f->n_notes, sizeof(*p->notes));
	for (size_t i = 0; i < f->n_notes; i++)
		p->notes[p->n_notes++] = (struct note){route, mem_strdup(f->notes[i])};
}

static void write_requests(struct planning *p)
{
	const struct delivery *d = p->delivery;
	const struct prepare_input in = {
		.plan = &d->plan,
		.message = p->message,
		.envelope = &d->envelope,
		.id = d->id,
		.request_size = d->ctx->conf->limits.request_size,
		.budget = d->ctx->budget,
		.seen = keep_notes,
		.arg = p,
	};

	p->requests = mem_new(d->plan.n, sizeof(*p->requests));
	p->rc = prepare_requests(&in, p->requests, &p->why);
	/* The requests hold copies; only the raw bytes are kept, for recall.c. */
	message_free(&p->message);
}

/* --- in the loop ---------------------------------------------------------------------------- */

static void remember(
	struct delivery *d, const struct routed_recipient *r, const struct ledger_entry *e)
{
	struct batch *call = &d->remembered;
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
	delivery_log_remembered(d, r->address, e->message_id);
}

/* The recipients who are still to get the mail, each with its route. */
static int find_recipients(struct delivery *d, struct route_query *q,
	struct routed_recipient *out, size_t *n, struct reply *why)
{
	for (size_t i = 0; i < d->envelope.n_recipients; i++) {
		struct routed_recipient r = {.address = d->envelope.recipients[i]};
		struct ledger_entry e;

		q->recipient = r.address;
		r.route = prepare_route(d->ctx->conf, q, why);
		if (r.route == NULL)
			return -1;
		switch (dedup_recipient(d, r.route->account, r.address, &e)) {
		case DEDUP_SEND: out[(*n)++] = r; break;
		case DEDUP_HAS_IT: remember(d, &r, &e); break;
		case DEDUP_BUSY:
			*why = reply_make(451, "4.3.0",
				"an earlier attempt is still being sent, try again "
				"later");
			return -1;
		}
	}
	return 0;
}

static void log_notes(const struct planning *p)
{
	for (size_t i = 0; i < p->n_notes; i++)
		log_event(LOG_DEBUG, p->delivery->id, "changed",
			LOG_S("route", p->notes[i].route->name),
			LOG_S("what", p->notes[i].text));
}

/* A lost DKIM signature or trace field comes with nearly every mail: only for the curious.
 * Of everything else the operator sees the kinds, and with `debug` the details. */
static void log_losses(const struct delivery *d, const struct message *m)
{
	bool seen[LOSS_KINDS] = {[LOSS_HEADER] = true, [LOSS_DKIM] = true};
	struct buf kinds;

	buf_init(&kinds, 400, NULL);
	for (size_t i = 0; i < m->n_losses; i++) {
		const struct conversion_loss *l = &m->losses[i];

		log_event(LOG_DEBUG, d->id, "loss", LOG_S("kind", conversion_loss_name(l->kind)),
			LOG_S("what", l->detail));
		if (!seen[l->kind] &&
			buf_appendf(&kinds, "%s%s", kinds.len > 0 ? "," : "",
				conversion_loss_name(l->kind)) == 0)
			seen[l->kind] = true;
	}
	if (kinds.len > 0)
		log_event(LOG_INFO, d->id, "lost", LOG_S("session", d->session_id),
			LOG_S("kinds", kinds.data), LOG_U("losses", m->losses_seen));
	buf_free(&kinds);
}

/* What recipients see is the From header, not the envelope: who may send under some addresses
 * only may not write another one there. Without one it is the envelope's, which is no way
 * around this. */
static int check_author(
	const struct peer *peer, const struct message *m, struct reply *why)
{
	enum access a = access_author(peer, m->from.address);

	if (a == ACCESS_GRANTED)
		return 0;
	*why = access_reply(a, m->from.address);
	return -1;
}

/* Who gets the message, by which calls. */
static int plan_calls(struct planning *p)
{
	struct delivery *d = p->delivery;
	const struct peer *peer = p->peer;
	const struct message *m = p->message;
	struct route_query q = {.listener = peer->listener->name,
		.client = peer->address,
		.user = peer->user,
		.sender = d->envelope.reverse_path,
		.from = m->from.address,
		.user_route = access_route(peer)};

	free(d->message_id);
	d->message_id = mem_strdup(m->message_id);
	if (p->has_what) {
		memcpy(d->what, p->what, sizeof(d->what));
		d->has_what = true;
	}
	if (check_author(peer, m, &p->why) < 0)
		return -1;
	p->recipients = mem_new(d->envelope.n_recipients, sizeof(*p->recipients));
	if (find_recipients(d, &q, p->recipients, &p->n_recipients, &p->why) < 0)
		return -1;
	log_losses(d, m);
	batch_make(&d->plan, p->recipients, p->n_recipients, m);
	return 0;
}

static int make_calls(struct planning *p)
{
	struct delivery *d = p->delivery;

	log_notes(p);
	d->calls = mem_new(d->plan.n, sizeof(*d->calls));
	d->n_calls = d->plan.n;
	for (size_t i = 0; i < d->plan.n; i++) {
		struct delivery_call *c = &d->calls[i];

		c->delivery = d;
		c->plan = &d->plan.calls[i];
		c->request = p->requests[i];
		p->requests[i] = NULL;
		c->account = backend_account(d->ctx->backend, c->plan->route->account);
		if (c->account == NULL && p->rc == 0) {
			p->why = reply_make(
				451, "4.3.5", "no account '%s'", c->plan->route->account);
			p->rc = -1;
		}
	}
	return p->rc;
}

void planning_free(struct planning **pp)
{
	struct planning *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	message_free(&p->message);
	free(p->recipients);
	for (size_t i = 0; p->requests != NULL && i < p->delivery->plan.n; i++)
		ses_request_free(&p->requests[i]);
	free(p->requests);
	for (size_t i = 0; i < p->n_notes; i++)
		free(p->notes[i].text);
	free(p->notes);
	free(p);
}

/* --- the way of a small message ---------------------------------------------------------------- */

static int plan_now(struct planning *p)
{
	read_message(p);
	if (p->rc == 0)
		p->rc = plan_calls(p);
	if (p->rc < 0)
		return -1;
	write_requests(p);
	return make_calls(p);
}

/* --- the way of a large one, through the pool and back, twice ----------------------------------- */

static void end(struct planning *p, int rc)
{
	struct delivery *d = p->delivery;
	struct reply why = p->why;

	planning_free(&d->planning);
	delivery_planned(d, rc, &why);
}

static void on_written(struct pool_job *job, bool ran)
{
	struct planning *p = (struct planning *)job;

	if (ran && !p->delivery->ctx->ending)
		end(p, make_calls(p));
}

static void work_write(struct pool_job *job)
{
	write_requests((struct planning *)job);
}

/* Whoever went away meanwhile still has the mail: nothing of it was sent, and nothing is. */
static void on_read(struct pool_job *job, bool ran)
{
	struct planning *p = (struct planning *)job;
	struct delivery *d = p->delivery;

	if (!ran || d->ctx->ending)
		return;
	if (p->rc == 0 && d->client != NULL)
		p->rc = plan_calls(p);
	if (p->rc < 0 || d->client == NULL) {
		end(p, p->rc);
		return;
	}
	p->job = (struct pool_job){.work = work_write, .done = on_written};
	if (pool_submit(d->ctx->planners, &p->job) == 0)
		return;
	write_requests(p);
	end(p, make_calls(p));
}

static void work_read(struct pool_job *job)
{
	struct planning *p = (struct planning *)job;

	read_message(p);
	if (p->rc == 0)
		digest_message(p);
}

static bool is_large(const struct delivery *d)
{
	return d->body.len > PLANNING_INLINE_MAX ||
	       d->envelope.n_recipients > PLANNING_INLINE_MAX / RECIPIENT_COST;
}

/* Whether a thread has it now. The threads come with the first large message: who gets none
 * has none. */
static bool hand_over(struct planning *p)
{
	struct delivery_context *ctx = p->delivery->ctx;
	struct err err;

	if (ctx->planners == NULL && !ctx->no_planners) {
		ctx->planners = pool_new(ctx->loop, PLANNING_THREADS, PLANNING_WAITING,
			PLANNING_NICE, &err);
		ctx->no_planners = ctx->planners == NULL;
		if (ctx->no_planners)
			log_event(LOG_WARN, p->delivery->id, "no_threads",
				LOG_S("error", err.text));
	}
	p->job = (struct pool_job){.work = work_read, .done = on_read};
	return ctx->planners != NULL && pool_submit(ctx->planners, &p->job) == 0;
}

int planning_begin(struct delivery *d, const struct peer *peer, struct reply *why)
{
	struct planning *p = mem_new(1, sizeof(*p));
	int rc;

	d->planning = p;
	p->delivery = d;
	p->peer = peer;
	if (is_large(d) && hand_over(p))
		return 0;
	rc = plan_now(p);
	*why = p->why;
	planning_free(&d->planning);
	return rc == 0 ? 1 : -1;
}
