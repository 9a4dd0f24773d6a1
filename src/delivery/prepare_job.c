/* SPDX-License-Identifier: MIT */
/*
 * The state PLANNING: the pipeline of delivery/prepare.h, run for a delivery.
 *
 * Of a small message all steps run at once; of a large one the computing steps run in a thread,
 * so that the loop goes on for everybody else.
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

struct prepare_job {
	struct pool_job job;
	struct delivery *delivery;
	const struct peer *peer; /* borrowed: while the client waits */
	struct prepare prepare;
	int rc; /* of the last step */
	struct reply why;
};

/* --- beside the loop: a step may run in a thread, and touches nothing but its own job and what
 * nobody uses or changes meanwhile: configuration, envelope, body, content digest --------------- */

static void read_message(struct prepare_job *p)
{
	const struct buf *body = &p->delivery->body;

	p->rc = prepare_message(&p->prepare, span_make(body->data, body->len), &p->why);
}

static void write_requests(struct prepare_job *p)
{
	p->rc = prepare_requests(&p->prepare, &p->why);
	/* The requests hold copies; only the raw bytes are kept, for dedup. */
	message_free(&p->prepare.message);
}

/* --- in the loop ---------------------------------------------------------------------------- */

static void log_notes(const struct prepare_job *p)
{
	for (size_t i = 0; i < p->prepare.n_notes; i++)
		log_event(LOG_DEBUG, p->delivery->id, "changed",
			LOG_S("route", p->prepare.notes[i].route->name),
			LOG_S("what", p->prepare.notes[i].text));
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

		log_event(LOG_DEBUG, d->id, "loss",
			LOG_S("kind", conversion_loss_name(l->kind)),
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

/* Which recipients get the message, in which batches. */
static int find_recipients(struct prepare_job *p)
{
	struct delivery *d = p->delivery;
	const struct message *m = p->prepare.message;
	const struct route_query client = {.listener = p->peer->listener->name,
		.client = p->peer->address,
		.user = p->peer->user,
		.user_route = access_route(p->peer)};

	free(d->message_id);
	d->message_id = mem_strdup(m->message_id);
	if (check_author(p->peer, m, &p->why) < 0 ||
		prepare_recipients(&p->prepare, &client, &p->why) < 0 ||
		dedup_filter(
			d, p->prepare.recipients, &p->prepare.n_recipients, &p->why) < 0)
		return -1;
	prepare_batches(&p->prepare);
	log_losses(d, m);
	return 0;
}

/* Takes batches and requests over. */
static int make_calls(struct prepare_job *p)
{
	struct delivery *d = p->delivery;
	struct ses_request **requests = p->prepare.requests;

	log_notes(p);
	d->batches = p->prepare.batches;
	p->prepare.batches = (struct batches){0};
	d->calls = mem_new(d->batches.n, sizeof(*d->calls));
	d->n_calls = d->batches.n;
	for (size_t i = 0; i < d->n_calls; i++) {
		struct delivery_call *c = &d->calls[i];

		c->delivery = d;
		c->batch = &d->batches.items[i];
		c->request = requests[i];
		c->account = backend_account(d->ctx->backend, c->batch->route->account);
		if (c->account == NULL && p->rc == 0) {
			p->why = reply_make(451, "4.3.5", "no account '%s'",
				c->batch->route->account);
			p->rc = -1;
		}
	}
	return p->rc;
}

void prepare_job_free(struct prepare_job **pp)
{
	struct prepare_job *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	prepare_clear(&p->prepare);
	free(p);
}

/* --- the way of a small message ---------------------------------------------------------------- */

static int prepare_now(struct prepare_job *p)
{
	read_message(p);
	if (p->rc == 0)
		p->rc = find_recipients(p);
	if (p->rc < 0)
		return -1;
	write_requests(p);
	return make_calls(p);
}

/* --- the way of a large one, through the pool and back, twice ----------------------------------- */

static void end(struct prepare_job *p, int rc)
{
	struct delivery *d = p->delivery;
	struct reply why = p->why;

	prepare_job_free(&d->job);
	delivery_prepared(d, rc, &why);
}

static void on_written(struct pool_job *job, bool ran)
{
	struct prepare_job *p = (struct prepare_job *)job;

	if (ran && !p->delivery->ctx->ending)
		end(p, make_calls(p));
}

static void work_write(struct pool_job *job)
{
	write_requests((struct prepare_job *)job);
}

/* Whoever went away meanwhile still has the mail: nothing of it was sent, and nothing is. */
static void on_read(struct pool_job *job, bool ran)
{
	struct prepare_job *p = (struct prepare_job *)job;
	struct delivery *d = p->delivery;

	if (!ran || d->ctx->ending)
		return;
	if (p->rc == 0 && d->client != NULL)
		p->rc = find_recipients(p);
	if (p->rc < 0 || d->client == NULL) {
		end(p, p->rc);
		return;
	}
	p->job = (struct pool_job){.work = work_write, .done = on_written};
	if (pool_submit(d->ctx->preparers, &p->job) == 0)
		return;
	write_requests(p);
	end(p, make_calls(p));
}

static void work_read(struct pool_job *job)
{
	struct prepare_job *p = (struct prepare_job *)job;

	read_message(p);
	if (p->rc == 0)
		dedup_digest(p->delivery);
}

static bool is_large(const struct delivery *d)
{
	return d->body.len > PREPARE_INLINE_MAX ||
	       d->envelope.n_recipients > PREPARE_INLINE_MAX / RECIPIENT_COST;
}

/* Whether a thread has it now. The threads come with the first large message: who gets none
 * has none. */
static bool hand_over(struct prepare_job *p)
{
	struct delivery_context *ctx = p->delivery->ctx;
	struct err err;

	if (ctx->preparers == NULL && !ctx->no_preparers) {
		ctx->preparers = pool_new(
			ctx->loop, PREPARE_THREADS, PREPARE_WAITING, PREPARE_NICE, &err);
		ctx->no_preparers = ctx->preparers == NULL;
		if (ctx->no_preparers)
			log_event(LOG_WARN, p->delivery->id, "no_threads",
				LOG_S("error", err.text));
	}
	p->job = (struct pool_job){.work = work_read, .done = on_read};
	return ctx->preparers != NULL && pool_submit(ctx->preparers, &p->job) == 0;
}

int prepare_job_begin(struct delivery *d, const struct peer *peer, struct reply *why)
{
	struct prepare_job *p = mem_new(1, sizeof(*p));
	int rc;

	d->job = p;
	p->delivery = d;
	p->peer = peer;
	p->prepare = (struct prepare){.conf = d->ctx->conf,
		.envelope = &d->envelope,
		.id = d->id,
		.budget = d->ctx->budget};
	if (is_large(d) && hand_over(p))
		return 0;
	rc = prepare_now(p);
	*why = p->why;
	prepare_job_free(&d->job);
	return rc == 0 ? 1 : -1;
}
