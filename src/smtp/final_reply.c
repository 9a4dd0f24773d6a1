/* SPDX-License-Identifier: MIT */
/*
 * What a client is told of a message that it has sent: one reply; in LMTP one for each RCPT
 * (RFC 2033 §4.2); with PRDR (draft-hall-prdr-00, as Exim speaks it) 353, one for each RCPT,
 * and one after them.
 *
 * With PRDR the last one has to be chosen well: Exim takes a 4yz there for "none was accepted,
 * send all again" and a 5yz for "all were refused", whatever each was told before. So it is
 * 250 as soon as one was accepted, and permanent only where all were refused for good.
 */
#include "core/mem.h"
#include "smtp/mistakes.h"
#include "smtp/session_private.h"

#include <assert.h>

bool session_answers_each(const struct session *s)
{
	return s->peer.lmtp || s->envelope.prdr;
}

void session_note_rcpt(struct session *s, size_t recipient)
{
	if (!session_answers_each(s))
		return;
	mem_grow(&s->rcpts, &s->rcpts_cap, s->n_rcpts + 1, sizeof(*s->rcpts));
	s->rcpts[s->n_rcpts++] = recipient;
}

/* The replies of a message: all is that to the whole; of, where it is not NULL, makes of it
 * that to one recipient. */
struct final_reply {
	const struct reply *all;
	smtp_reply_of *of;
	void *arg;
	size_t n_rcpts;
};

/* The reply of each RCPT, in their order. How many were accepted; *mildest becomes the reply
 * that leaves most hope. */
static size_t put_each(
	struct session *s, const struct final_reply *final, struct reply *mildest)
{
	size_t accepted = 0;

	*mildest = *final->all;
	for (size_t i = 0; i < final->n_rcpts; i++) {
		struct reply one = *final->all;

		if (final->of != NULL)
			final->of(final->arg, s->rcpts[i], &one);
		accepted += reply_is_success(&one);
		if (i == 0 || one.code / 100 < mildest->code / 100)
			*mildest = one;
		session_put(s, &one);
	}
	return accepted;
}

static void put_block(struct session *s, const struct final_reply *final)
{
	struct reply begin = reply_make(353, "", "a reply for each recipient follows");
	struct reply last;
	size_t accepted;

	session_put(s, &begin);
	accepted = put_each(s, final, &last);
	if (accepted > 0)
		last = reply_make(250, "2.0.0", "%zu of %zu recipients accepted",
			accepted, final->n_rcpts);
	session_put(s, &last);
}

/* Where one reply is that of all, it also stands for all: a client that said PRDR takes it so. */
static void put_final(struct session *s, const struct final_reply *final)
{
	struct reply mildest;

	if (s->peer.lmtp)
		(void)put_each(s, final, &mildest);
	else if (final->of != NULL && final->n_rcpts > 1)
		put_block(s, final);
	else
		session_put(s, final->all);
}

static void finish(struct session *s, struct final_reply *final)
{
	final->n_rcpts = s->n_rcpts;
	if (reply_is_success(final->all))
		mistakes_forget(s);
	else
		session_log_refused(s, span_of("DATA"), final->all);
	session_reset(s);
	put_final(s, final);
	session_say_goodbye(s);
}

void session_finish(struct session *s, const struct reply *reply)
{
	struct final_reply final = {.all = reply};

	finish(s, &final);
}

void smtp_call_reply_each(
	struct smtp_call *call, const struct reply *reply, smtp_reply_of *of, void *arg)
{
	struct final_reply final = {.all = reply, .of = of, .arg = arg};
	struct session *s = call->session;

	assert(s->state == SESSION_BUSY && !s->in_handler);
	s->job = NULL;
	finish(s, &final);
	s->woken(s->woken_arg);
}

void smtp_call_reply(struct smtp_call *call, const struct reply *reply)
{
	smtp_call_reply_each(call, reply, NULL, NULL);
}

/* --- whether the client has it ------------------------------------------------------------ */

void smtp_call_receipt(struct smtp_call *call, const struct smtp_receipt *receipt)
{
	struct session *s = call->session;

	assert(s->state == SESSION_BUSY && s->receipt.settle == NULL);
	s->receipt = *receipt;
}

bool session_awaits_ack(const struct session *s)
{
	return s->receipt.settle != NULL && s->state != SESSION_BUSY;
}

struct smtp_receipt session_take_receipt(struct session *s)
{
	struct smtp_receipt r = s->receipt;

	s->receipt = (struct smtp_receipt){0};
	return r;
}

void session_settle(struct session *s, bool acknowledged)
{
	struct smtp_receipt r = session_take_receipt(s);

	if (r.settle != NULL)
		r.settle(r.arg, acknowledged);
}

void session_acknowledged(struct session *s)
{
	session_settle(s, true);
}

void session_lose_reply(struct session *s)
{
	session_settle(s, false);
}
