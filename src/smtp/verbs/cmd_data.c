/* SPDX-License-Identifier: MIT */
/*
 * DATA (RFC 5321 §4.1.1.4): the message comes in, and at its end the handler gets it.
 */
#include "core/log.h"
#include "core/metrics.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

struct reply cmd_data(struct session *s, struct span args)
{
	struct transaction *t = s->transaction;
	struct reply reply;

	(void)args;
	if (s->state == SESSION_MAIL)
		return reply_make(554, "5.5.1", "no valid recipients");
	if (t->chunk.deadline != 0)
		return reply_make(503, "5.5.1", "the message was begun with BDAT");
	if (t->envelope.binary)
		return reply_make(503, "5.5.1", "BODY=BINARYMIME wants BDAT");
	if (transaction_open_body(
		    t, s->cfg->limits->message_size, s->cfg->budget, &reply) < 0)
		return reply;
	dot_init(&t->dot);
	session_set_state(s, SESSION_DATA);
	return reply_make(354, "", "end with <CRLF>.<CRLF>");
}

/* A line for each recipient with a DSN parameter, its own or of the mail: nobody else reports. */
static void log_dsn(const struct session *s)
{
	const struct envelope *e = &s->transaction->envelope;
	char notify[DSN_NOTIFY_LEN];

	for (size_t i = 0; i < e->n_recipients; i++) {
		const struct envelope_dsn *d = &e->dsn[i];

		if (e->envid == NULL && d->orcpt == NULL && d->notify == 0)
			continue;
		dsn_format_notify(d->notify, notify);
		log_event(LOG_INFO, s->peer.session_id, "dsn",
			LOG_A("recipient", e->recipients[i]), LOG_S("notify", notify),
			LOG_A("orcpt", d->orcpt != NULL ? d->orcpt : ""),
			LOG_S("envid", e->envid != NULL ? e->envid : ""));
	}
}

static void log_received(const struct session *s)
{
	const struct transaction *t = s->transaction;

	log_dsn(s);
	log_event(LOG_DEBUG, s->peer.session_id, "received",
		LOG_S("from", t->envelope.reverse_path),
		LOG_U("recipients", t->envelope.n_recipients),
		LOG_U("bytes", t->body.len), LOG_U("bare", t->dot.bare));
}

/* Others would see a line end there, and perhaps the end of a message; we do not. */
static bool is_ambiguous(const struct session *s)
{
	return s->transaction->dot.bare > 0 &&
	       s->peer.listener->bare_newline == CONF_NEWLINE_REJECT;
}

void cmd_data_submit(struct session *s)
{
	struct transaction *t = s->transaction;
	struct reply bare = reply_make(554, "5.6.0",
		"bare <CR> or <LF> in the message, lines end with <CR><LF>");

	if (is_ambiguous(s)) {
		transaction_refuse(t, &bare);
		return;
	}
	s->messages++;
	metrics_add(METRIC_MESSAGES_RECEIVED, 0, 1);
	metrics_add(METRIC_BYTES_RECEIVED, 0, (int64_t)t->body.len);
	log_received(s);
	session_set_state(s, SESSION_BUSY);
	/* A client that repeats a message because its reply was lost has lost the connection, too. */
	session_settle(s, true);
	transaction_submit(t, s->cfg->handler, s->cfg->handler_ctx);
}

/* If it could not be kept, its bytes were read to the end and dropped. */
static void end_of_data(struct session *s)
{
	struct transaction *t = s->transaction;
	struct reply r;

	if (t->dot.error == 0) {
		cmd_data_submit(s);
		return;
	}
	r = transaction_refuse_body(s->cfg->limits->message_size, t->dot.error);
	transaction_refuse(t, &r);
}

size_t cmd_data_input(struct session *s, const char *in, size_t len)
{
	struct transaction *t = s->transaction;
	size_t used = dot_read(&t->dot, in, len, &t->body);

	t->pace.bytes += used;
	if (t->dot.error != 0)
		buf_free(&t->body);
	if (dot_ended(&t->dot))
		end_of_data(s);
	return used;
}
