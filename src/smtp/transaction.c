/* SPDX-License-Identifier: MIT */
/*
 * One mail transaction, and its final replies: one reply; in LMTP one for each RCPT (RFC 2033
 * §4.2); with PRDR (draft-hall-prdr-00, as Exim uses it) 353, one for each RCPT, and one
 * after them.
 *
 * With PRDR the last one has to be chosen well: Exim takes a 4yz there for "none was accepted,
 * send all again" and a 5yz for "all were refused", whatever the others were. So it is 250 as
 * soon as one was accepted, and permanent only if all were refused for good.
 */
#include "smtp/transaction.h"

#include "core/mem.h"
#include "core/metrics.h"
#include "smtp/handler.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Asked for before 354, so that a relay without memory refuses before the mail is sent. */
#define FIRST_BYTES 4095

/* The only place that changes the state: it goes forward. */
static void set_state(struct transaction *t, enum transaction_state to)
{
	assert(to > t->state);
	t->state = to;
}

struct transaction *transaction_new(const struct peer *peer,
	void (*end)(void *arg, struct transaction_end *end), void *arg)
{
	struct transaction *t = mem_new(1, sizeof(*t));

	t->peer = peer;
	t->end = end;
	t->end_arg = arg;
	t->per_recipient = peer->lmtp;
	envelope_init(&t->envelope);
	buf_init(&t->body, 0, NULL);
	return t;
}

void transaction_free(struct transaction **tp)
{
	struct transaction *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	assert(t->state != TRANSACTION_SUBMITTING);
	if (t->state == TRANSACTION_WAITING)
		t->handler->aborted(t->handler_ctx, t);
	envelope_clear(&t->envelope);
	buf_free(&t->body);
	free(t->chunk.reply);
	free(t->rcpts);
	free(t);
}

void transaction_begin(struct transaction *t, struct envelope *envelope)
{
	envelope_move(&t->envelope, envelope);
	t->per_recipient = t->peer->lmtp || t->envelope.prdr;
}

void transaction_note_rcpt(struct transaction *t, size_t recipient)
{
	if (!t->per_recipient)
		return;
	mem_grow(&t->rcpts, &t->rcpts_cap, t->n_rcpts + 1, sizeof(*t->rcpts));
	t->rcpts[t->n_rcpts++] = recipient;
}

/* --- the body ----------------------------------------------------------------------------- */

struct reply transaction_refuse_body(size_t max, int error)
{
	if (error == EMSGSIZE)
		return reply_make(552, "5.3.4", "at most %zu bytes are accepted", max);
	metrics_add(METRIC_MEMORY_REFUSED, 0, 1);
	return reply_make(452, "4.3.1", "no memory for the message now");
}

int transaction_open_body(
	struct transaction *t, size_t max, struct budget *budget, struct reply *reply)
{
	buf_init(&t->body, max, budget);
	if (buf_reserve(&t->body, max < FIRST_BYTES ? max : FIRST_BYTES) == 0)
		return 0;
	*reply = transaction_refuse_body(max, ENOMEM);
	return -1;
}

/* --- the end ------------------------------------------------------------------------------ */

static void finish(struct transaction *t, struct transaction_end *end)
{
	end->is_late = t->state == TRANSACTION_WAITING;
	end->transaction = t;
	end->receipt = t->receipt;
	set_state(t, TRANSACTION_FINISHED);
	t->end(t->end_arg, end);
	transaction_free(&t);
}

void transaction_finish(struct transaction *t, const struct reply *reply,
	transaction_reply_of *of, void *arg)
{
	struct transaction_end end = {.reply = reply, .of = of, .arg = arg};

	assert(t->state == TRANSACTION_WAITING);
	finish(t, &end);
}

void transaction_refuse(struct transaction *t, const struct reply *reply)
{
	struct transaction_end end = {.reply = reply};

	assert(t->state == TRANSACTION_OPEN);
	finish(t, &end);
}

void transaction_submit(
	struct transaction *t, const struct smtp_handler *handler, void *handler_ctx)
{
	struct reply reply;
	struct transaction_end end = {.reply = &reply};

	t->handler = handler;
	t->handler_ctx = handler_ctx;
	set_state(t, TRANSACTION_SUBMITTING);
	if (handler->message(handler_ctx, t, &reply) != 0)
		finish(t, &end);
	else
		set_state(t, TRANSACTION_WAITING);
}

void transaction_half_close(struct transaction *t)
{
	if (t->state == TRANSACTION_WAITING && t->handler->half_closed != NULL)
		t->handler->half_closed(t->handler_ctx, t);
}

void transaction_set_receipt(struct transaction *t, const struct smtp_receipt *receipt)
{
	assert(t->state == TRANSACTION_SUBMITTING || t->state == TRANSACTION_WAITING);
	assert(t->receipt.settle == NULL);
	t->receipt = *receipt;
}

/* --- the final replies -------------------------------------------------------------------- */

/* The reply to RCPT i, in their order; end->mildest becomes the one that leaves most hope. */
static struct reply reply_to(struct transaction_end *end, size_t i)
{
	struct reply one = *end->reply;

	if (end->of != NULL)
		end->of(end->arg, end->transaction->rcpts[i], &one);
	end->accepted += reply_is_success(&one);
	if (i == 0 || one.code / 100 < end->mildest.code / 100)
		end->mildest = one;
	return one;
}

/* PRDR: 353, then each, then one for all. */
static bool next_of_block(struct transaction_end *end, size_t step, struct reply *reply)
{
	size_t n = end->transaction->n_rcpts;

	if (step == 0)
		*reply = reply_make(353, "", "a reply for each recipient follows");
	else if (step <= n)
		*reply = reply_to(end, step - 1);
	else if (end->accepted > 0)
		*reply = reply_make(
			250, "2.0.0", "%zu of %zu recipients accepted", end->accepted, n);
	else
		*reply = end->mildest;
	return step <= n + 1;
}

bool transaction_next_reply(struct transaction_end *end, struct reply *reply)
{
	const struct transaction *t = end->transaction;
	size_t step = end->step++;

	if (t->peer->lmtp) {
		if (step < t->n_rcpts)
			*reply = reply_to(end, step);
		return step < t->n_rcpts;
	}
	/* PRDR allows one reply for all if it is the same for each. */
	if (end->of != NULL && t->n_rcpts > 1)
		return next_of_block(end, step, reply);
	*reply = *end->reply;
	return step == 0;
}
