/* SPDX-License-Identifier: MIT */
/*
 * RCPT (RFC 5321 §4.1.1.3), with NOTIFY and ORCPT (RFC 3461).
 *
 *	rcpt = "RCPT TO:" Forward-path [SP Rcpt-parameters] CRLF
 */
#include "smtp/command.h"
#include "smtp/param.h"
#include "smtp/session_private.h"

#include <stdlib.h>

struct rcpt {
	struct smtp_address to;
	struct envelope_dsn dsn;
};

static bool parse_notify(const struct param *p, void *out)
{
	return dsn_parse_notify(p->value, &((struct rcpt *)out)->dsn.notify);
}

static bool parse_orcpt(const struct param *p, void *out)
{
	return dsn_parse_orcpt(p->value, &((struct rcpt *)out)->dsn.orcpt);
}

static const struct param_parser rcpt_params[] = {
	{"NOTIFY", parse_notify},
	{"ORCPT", parse_orcpt},
};

static int parse_rcpt(
	const struct session *s, struct span args, struct rcpt *rcpt, struct reply *reply)
{
	if (param_path(&args, PARAM_RECIPIENT, s->peer.listener->lenient, &rcpt->to,
		    reply) < 0 ||
		param_parse_all(args, "RCPT", rcpt_params, ARRAY_LEN(rcpt_params), rcpt,
			reply) < 0)
		return -1;
	if (rcpt->to.non_ascii && !s->transaction->envelope.smtputf8) {
		*reply = reply_make(
			553, "5.6.7", "an address outside ASCII needs SMTPUTF8");
		return -1;
	}
	return 0;
}

/* 1: to be added, -1: refused. */
static int ask(struct session *s, const char *recipient, struct reply *reply)
{
	const struct smtp_handler *h = s->cfg->handler;

	if (h->rcpt == NULL)
		return 1;
	return h->rcpt(s->cfg->handler_ctx, &s->peer, &s->transaction->envelope,
		recipient, reply);
}

/* RFC 5321 §4.5.3.1.10: the client sends the rest in a mail of its own. In LMTP, and with PRDR,
 * a recipient that is named twice counts twice, for it gets two replies. */
static bool is_full(const struct transaction *t, size_t max)
{
	return t->envelope.n_recipients >= max || t->n_rcpts >= max;
}

/* What was said first of a recipient counts. */
static void add(struct envelope *e, struct rcpt *rcpt)
{
	envelope_add(e, rcpt->to.text);
	e->dsn[e->n_recipients - 1] = rcpt->dsn;
	rcpt->dsn.orcpt = NULL;
}

static struct reply accept(struct session *s, struct rcpt *rcpt)
{
	struct transaction *t = s->transaction;
	size_t recipient = envelope_find(&t->envelope, rcpt->to.text);
	bool new = recipient == t->envelope.n_recipients;
	struct reply reply;

	if (t->chunk.deadline != 0)
		return reply_make(503, "5.5.1", "the message was begun with BDAT");
	if (is_full(t, s->cfg->limits->recipients) && (t->per_recipient || new))
		return reply_make(452, "4.5.3", "too many recipients");
	if (new) {
		if (ask(s, rcpt->to.text, &reply) < 0)
			return reply;
		add(&t->envelope, rcpt);
	}
	transaction_note_rcpt(t, recipient);
	session_set_state(s, SESSION_RCPT);
	return reply_make(250, "2.1.5", "recipient ok");
}

/* As many as RCPTMAX of EHLO promises are part of the transaction, whatever their replies;
 * more are held to limits.commands as any idle command. */
static void note_said(struct session *s)
{
	struct transaction *t = s->transaction;

	s->advances = t->rcpts_said < s->cfg->limits->recipients;
	if (s->advances)
		t->rcpts_said++;
}

struct reply cmd_rcpt(struct session *s, struct span args)
{
	struct rcpt rcpt = {0};
	struct reply reply;

	note_said(s);
	if (parse_rcpt(s, args, &rcpt, &reply) == 0)
		reply = accept(s, &rcpt);
	free(rcpt.dsn.orcpt);
	return reply;
}
