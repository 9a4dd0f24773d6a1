/* SPDX-License-Identifier: MIT */
/*
 * RCPT (RFC 5321 §4.1.1.3). No extension on offer gives it parameters.
 *
 *	rcpt = "RCPT TO:" Forward-path [SP Rcpt-parameters] CRLF
 */
#include "smtp/command.h"
#include "smtp/param.h"
#include "smtp/session_private.h"

static int parse_rcpt(const struct session *s, struct span args, struct smtp_address *to,
	struct reply *reply)
{
	struct param p;
	int more;

	if (param_path(&args, PARAM_RECIPIENT, s->policy->lenient, to, reply) < 0)
		return -1;
	more = param_next(&args, &p);
	if (more != 0) {
		*reply = more > 0 ? reply_make(555, "5.5.4", "unknown parameter of RCPT")
		                  : reply_make(501, "5.5.4", "bad parameter syntax");
		return -1;
	}
	if (to->non_ascii && !s->envelope.smtputf8) {
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
	return h->rcpt(s->cfg->handler_ctx, &s->peer, &s->envelope, recipient, reply);
}

/* RFC 5321 §4.5.3.1.10: the client sends the rest in a mail of its own. In LMTP one who is
 * named twice counts twice, for he gets two replies. */
static bool is_full(const struct session *s)
{
	return s->envelope.n_recipients >= s->cfg->recipients ||
	       s->n_rcpts >= s->cfg->recipients;
}

struct reply cmd_rcpt(struct session *s, struct span args)
{
	struct smtp_address to;
	struct reply reply;
	size_t who;

	if (parse_rcpt(s, args, &to, &reply) < 0)
		return reply;
	if (s->chunk.deadline != 0)
		return reply_make(503, "5.5.1", "the message was begun with BDAT");
	who = envelope_find(&s->envelope, to.text);
	if (is_full(s) && (s->peer.lmtp || who == s->envelope.n_recipients))
		return reply_make(452, "4.5.3", "too many recipients");
	if (who == s->envelope.n_recipients) {
		if (ask(s, to.text, &reply) < 0)
			return reply;
		envelope_add(&s->envelope, to.text);
	}
	session_note_rcpt(s, who);
	session_set_state(s, SESSION_RCPT);
	return reply_make(250, "2.1.5", "recipient ok");
}
