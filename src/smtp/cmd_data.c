/* SPDX-License-Identifier: MIT */
/*
 * DATA (RFC 5321 §4.1.1.4): the message comes in, and at its end the handler gets it.
 */
#include "core/log.h"
#include "core/metrics.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

#include <errno.h>

/* Asked for before 354, so that a relay without memory says so before it is sent a mail. */
#define FIRST_BYTES 4095

static struct reply refuse_memory(void)
{
	metrics_add(METRIC_MEMORY_REFUSED, 0, 1);
	return reply_make(452, "4.3.1", "no memory for the message now");
}

int session_open_body(struct session *s, struct reply *reply)
{
	size_t first = s->cfg->limits->message_size;

	buf_init(&s->body, s->cfg->limits->message_size, s->cfg->budget);
	if (buf_reserve(&s->body, first < FIRST_BYTES ? first : FIRST_BYTES) == 0)
		return 0;
	*reply = refuse_memory();
	return -1;
}

struct reply cmd_data(struct session *s, struct span args)
{
	struct reply reply;

	(void)args;
	if (s->state == SESSION_MAIL)
		return reply_make(554, "5.5.1", "no valid recipients");
	if (s->chunk.deadline != 0)
		return reply_make(503, "5.5.1", "the message was begun with BDAT");
	if (s->envelope.binary)
		return reply_make(503, "5.5.1", "BODY=BINARYMIME wants BDAT");
	if (session_open_body(s, &reply) < 0)
		return reply;
	dot_init(&s->dot);
	session_set_state(s, SESSION_DATA);
	return reply_make(354, "", "end with <CRLF>.<CRLF>");
}

struct reply session_refuse_body(const struct session *s, int error)
{
	if (error == EMSGSIZE)
		return reply_make(552, "5.3.4", "at most %zu bytes are accepted",
			s->cfg->limits->message_size);
	return refuse_memory();
}

/* A line for each recipient with a DSN parameter, its own or of the mail: nobody else reports. */
static void log_dsn(const struct session *s)
{
	const struct envelope *e = &s->envelope;
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
	log_dsn(s);
	log_event(LOG_DEBUG, s->peer.session_id, "received",
		LOG_S("from", s->envelope.reverse_path),
		LOG_U("recipients", s->envelope.n_recipients),
		LOG_U("bytes", s->body.len), LOG_U("bare", s->dot.bare));
}

/* Hands the message over; what the handler left in m is freed. */
static void hand_over(struct session *s)
{
	struct smtp_message m = {.peer = &s->peer,
		.body = s->body,
		.call = &s->call,
		.each = session_answers_each(s)};
	struct reply r;
	int rc;

	buf_init(&s->body, 0, NULL);
	envelope_move(&m.envelope, &s->envelope);
	/* Whoever repeats a message because its reply was lost has lost the connection, too. */
	session_settle(s, true);
	s->in_handler = true;
	rc = s->cfg->handler->message(s->cfg->handler_ctx, &m, &s->job, &r);
	s->in_handler = false;
	envelope_clear(&m.envelope);
	buf_free(&m.body);
	if (rc != 0)
		session_finish(s, &r);
}

/* Where others would see a line end, and perhaps the end of a message, we do not. */
static bool is_ambiguous(const struct session *s)
{
	return s->dot.bare > 0 && s->policy->bare_newline == CONF_NEWLINE_REJECT;
}

void session_deliver(struct session *s)
{
	struct reply bare = reply_make(554, "5.6.0",
		"bare <CR> or <LF> in the message, lines end with <CR><LF>");

	if (is_ambiguous(s)) {
		session_finish(s, &bare);
		return;
	}
	s->messages++;
	metrics_add(METRIC_MESSAGES_RECEIVED, 0, 1);
	metrics_add(METRIC_BYTES_RECEIVED, 0, (int64_t)s->body.len);
	log_received(s);
	session_set_state(s, SESSION_BUSY);
	hand_over(s);
}

/* Where it could not be kept its bytes were read to the end and dropped. */
static void end_of_data(struct session *s)
{
	struct reply r;

	if (s->dot.error == 0) {
		session_deliver(s);
		return;
	}
	r = session_refuse_body(s, s->dot.error);
	session_finish(s, &r);
}

size_t session_data(struct session *s, const char *in, size_t len)
{
	size_t used = dot_read(&s->dot, in, len, &s->body);

	if (s->dot.error != 0)
		buf_free(&s->body);
	if (dot_ended(&s->dot))
		end_of_data(s);
	return used;
}
