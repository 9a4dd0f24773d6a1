/* SPDX-License-Identifier: MIT */
/* One SMTP session: its states, its deadlines, and the way in and out of it. */
#include "smtp/session.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "smtp/mistakes.h"
#include "smtp/session_private.h"

#include <assert.h>
#include <stdlib.h>

/* What few sessions have is allocated apart (doc/performance.md, "A crowd"). */
_Static_assert(sizeof(struct session) <= 1024, "ten thousand of these have to be cheap");

static const char *const state_names[] = {
	[SESSION_GREETING] = "GREETING",
	[SESSION_HELO] = "HELO",
	[SESSION_READY] = "READY",
	[SESSION_MAIL] = "MAIL",
	[SESSION_RCPT] = "RCPT",
	[SESSION_DATA] = "DATA",
	[SESSION_CHUNK] = "CHUNK",
	[SESSION_BUSY] = "BUSY",
	[SESSION_AUTH] = "AUTH",
	[SESSION_VERIFY] = "VERIFY",
	[SESSION_TLS] = "TLS",
	[SESSION_CLOSING] = "CLOSING",
};

/* From each state, the ones that may follow. */
static const unsigned legal[] = {
	[SESSION_GREETING] = SESSION_IN(SESSION_HELO) | SESSION_IN(SESSION_TLS) |
                             SESSION_IN(SESSION_CLOSING),
	[SESSION_HELO] = SESSION_IN(SESSION_READY) | SESSION_IN(SESSION_CLOSING),
	/* HELO again: the rules have changed, the client has to greet anew. */
	[SESSION_READY] = SESSION_IN(SESSION_MAIL) | SESSION_IN(SESSION_HELO) |
                          SESSION_IN(SESSION_CHUNK) | SESSION_IN(SESSION_TLS) |
                          SESSION_IN(SESSION_AUTH) | SESSION_IN(SESSION_VERIFY) |
                          SESSION_IN(SESSION_CLOSING),
	[SESSION_MAIL] = SESSION_IN(SESSION_RCPT) | SESSION_IN(SESSION_READY) |
                         SESSION_IN(SESSION_CHUNK) | SESSION_IN(SESSION_CLOSING),
	[SESSION_RCPT] = SESSION_IN(SESSION_DATA) | SESSION_IN(SESSION_READY) |
                         SESSION_IN(SESSION_CHUNK) | SESSION_IN(SESSION_CLOSING),
	[SESSION_DATA] = SESSION_IN(SESSION_BUSY) | SESSION_IN(SESSION_READY) |
                         SESSION_IN(SESSION_CLOSING),
	[SESSION_CHUNK] = SESSION_IN(SESSION_READY) | SESSION_IN(SESSION_MAIL) |
                          SESSION_IN(SESSION_RCPT) | SESSION_IN(SESSION_BUSY) |
                          SESSION_IN(SESSION_CLOSING),
	[SESSION_BUSY] = SESSION_IN(SESSION_READY) | SESSION_IN(SESSION_CLOSING),
	[SESSION_AUTH] = SESSION_IN(SESSION_VERIFY) | SESSION_IN(SESSION_READY) |
                         SESSION_IN(SESSION_CLOSING),
	[SESSION_VERIFY] = SESSION_IN(SESSION_READY) | SESSION_IN(SESSION_CLOSING),
	[SESSION_TLS] = SESSION_IN(SESSION_HELO) | SESSION_IN(SESSION_CLOSING),
	[SESSION_CLOSING] = 0,
};

const char *session_state_name(enum session_state state)
{
	return state_names[state];
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void arm_body(struct session *s, uint64_t now, uint64_t end)
{
	struct pace *pace = &s->transaction->pace;

	pace_begin(pace, now, end, s->cfg->limits->data_rate);
	s->deadline = pace_next(pace, now);
}

/* When a message in chunks has to be complete; 0 if none was begun. */
static uint64_t chunk_deadline(const struct session *s)
{
	return s->transaction != NULL ? s->transaction->chunk.deadline : 0;
}

/* A client that has done nothing yet does not wait as long as one that is known. */
static uint64_t before_start(const struct session *s, uint64_t deadline)
{
	return s->start_by != 0 ? sooner(deadline, s->start_by) : deadline;
}

void session_await_start(struct session *s)
{
	if (s->cfg->limits->start_timeout != 0)
		s->start_by =
			clock_mono_ms(s->cfg->clock) + s->cfg->limits->start_timeout;
}

/* The deadline that belongs to a state, counted from now; but that of a message in chunks is
 * counted from its first. */
static void arm(struct session *s)
{
	uint64_t now = clock_mono_ms(s->cfg->clock);
	uint64_t command = before_start(s, now + s->cfg->limits->command_timeout);
	uint64_t chunks = chunk_deadline(s);

	switch (s->state) {
	case SESSION_GREETING:
	case SESSION_VERIFY:
	case SESSION_BUSY: s->deadline = 0; break;
	case SESSION_DATA: arm_body(s, now, now + s->cfg->limits->data_timeout); break;
	case SESSION_CLOSING: s->deadline = now + SESSION_CLOSE_TIMEOUT; break;
	case SESSION_CHUNK: arm_body(s, now, before_start(s, chunks)); break;
	case SESSION_RCPT:
		s->deadline = chunks != 0 ? sooner(command, chunks) : command;
		break;
	case SESSION_HELO:
	case SESSION_READY:
	case SESSION_AUTH:
	case SESSION_TLS:
	case SESSION_MAIL: s->deadline = command; break;
	}
}

void session_set_state(struct session *s, enum session_state to)
{
	if (s->state == to)
		return;
	assert((legal[s->state] & SESSION_IN(to)) != 0);
	log_event(LOG_DEBUG, s->peer.session_id, "state",
		LOG_S("from", state_names[s->state]), LOG_S("to", state_names[to]));
	s->state = to;
	arm(s);
}

static void close_for(struct session *s, const char *reason)
{
	if (s->reason == NULL)
		s->reason = reason;
	session_set_state(s, SESSION_CLOSING);
}

void session_count(struct session *s)
{
	if (s->cfg->clients == NULL || s->peer.local || s->peer.counted)
		return;
	conn_limit_add(s->cfg->clients, s->peer.listener, s->peer.address);
	s->peer.counted = true;
}

void session_uncount(struct session *s)
{
	if (!s->peer.counted)
		return;
	conn_limit_drop(s->cfg->clients, s->peer.listener, s->peer.address);
	s->peer.counted = false;
}

struct session *session_new(const struct session_config *cfg,
	const struct conf_listener *policy, const struct peer *peer,
	void (*output_ready)(void *arg), void *arg)
{
	struct session *s = mem_new(1, sizeof(*s));

	s->cfg = cfg;
	s->peer = *peer;
	s->peer.listener = policy;
	s->output_ready = output_ready;
	s->output_ready_arg = arg;
	s->started = clock_mono_ms(cfg->clock);
	session_await_start(s);
	line_init(&s->line, cfg->limits->command_length);
	s->peer.lmtp = policy->protocol == CONF_PROTOCOL_LMTP;
	buf_init(&s->out,
		SESSION_OUTPUT_MAX +
			cfg->limits->recipients * (size_t)SESSION_OUTPUT_RCPT,
		NULL);
	session_count(s);
	metrics_add(METRIC_SESSIONS, 0, 1);
	return s;
}

/* Nobody will be answered: who works for the client is told. */
static void abort_work(struct session *s)
{
	transaction_free(&s->transaction);
	if (s->state == SESSION_VERIFY)
		s->cfg->authenticator->cancel(s->cfg->authenticator_ctx, s->job);
}

void session_free(struct session **sp)
{
	struct session *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	abort_work(s);
	log_event(LOG_INFO, s->peer.session_id, "disconnect",
		LOG_S("reason", s->reason != NULL ? s->reason : "aborted"),
		LOG_U("messages", s->messages), LOG_U("errors", s->errors),
		LOG_U("bytes", s->bytes),
		LOG_U("ms", clock_mono_ms(s->cfg->clock) - s->started));
	metrics_add(METRIC_SESSIONS, 0, -1);
	session_uncount(s);
	line_free(&s->line);
	buf_free(&s->out);
	sasl_free(&s->sasl);
	cmd_auth_forget(s);
	cmd_helo_forget(s);
	cmd_starttls_forget(s);
	session_settle(s, false);
	free(s);
}

void session_reset(struct session *s)
{
	transaction_free(&s->transaction);
	s->mail_refused = false;
	if (s->state != SESSION_HELO)
		session_set_state(s, SESSION_READY);
}

/* The transaction has ended: its replies, and what waited for its end. */
static void on_transaction_end(void *arg, struct transaction_end *end)
{
	struct session *s = arg;
	struct reply reply;

	s->transaction = NULL; /* it frees itself */
	if (end->receipt.settle != NULL)
		s->receipt = end->receipt;
	if (reply_is_success(end->reply))
		mistakes_forget(s);
	else
		session_log_refused(s, span_of("DATA"), end->reply);
	session_reset(s);
	while (transaction_next_reply(end, &reply))
		session_put(s, &reply);
	session_say_goodbye(s);
	if (end->is_late)
		s->output_ready(s->output_ready_arg);
}

struct transaction *session_transaction(struct session *s)
{
	if (s->transaction == NULL)
		s->transaction = transaction_new(&s->peer, on_transaction_end, s);
	return s->transaction;
}

/* Puts a reply into the output, with what it entails: closing, the next deadline. */
static void put(struct session *s, const struct reply *reply)
{
	if (s->state == SESSION_CLOSING)
		return;
	if (reply_format(reply, &s->out) < 0)
		close_for(s, "no memory");
	else if (reply->close || reply->code == 421)
		close_for(s, "refused");
	else
		arm(s);
}

void session_put(struct session *s, const struct reply *reply)
{
	if (!reply_is_success(reply))
		metrics_add(METRIC_COMMANDS_FAILED, 0, 1);
	put(s, reply);
}

struct reply session_greeting(const struct session *s)
{
	return reply_make(220, "", "%s %s sesrelay", s->cfg->hostname,
		s->peer.lmtp ? "LMTP" : "ESMTP");
}

void session_greet(struct session *s)
{
	struct reply r = session_greeting(s);

	s->greeted = true;
	put(s, &r);
}

void session_start(struct session *s)
{
	log_event(LOG_INFO, s->peer.session_id, "connect",
		LOG_S("client", s->peer.address), LOG_U("port", s->peer.port),
		LOG_S("listener", s->peer.listener->name));
	if (s->peer.listener->tls == CONF_TLS_IMPLICIT && !s->peer.tls) {
		session_set_state(s, SESSION_TLS);
		return;
	}
	session_set_state(s, SESSION_HELO);
	session_greet(s);
}

void session_log_refused(
	const struct session *s, struct span command, const struct reply *reply)
{
	char enhanced[REPLY_ENHANCED_LEN];

	reply_enhanced(reply, enhanced);
	log_event(LOG_INFO, s->peer.session_id, "refused", LOG_AP("command", command),
		LOG_U("code", reply->code), LOG_S("enhanced", enhanced),
		LOG_A("text", reply->text));
}

void session_answer(struct session *s, struct span command, struct reply *reply)
{
	if (!reply_is_success(reply))
		session_log_refused(s, command, reply);
	mistakes_count(s, reply);
	session_put(s, reply);
}

static void close_at_end(struct session *s)
{
	if (s->state == SESSION_DATA || s->state == SESSION_CHUNK)
		close_for(s, "eof in data");
	else
		close_for(s, session_busy(s) ? "eof while busy" : "eof");
}

void session_eof(struct session *s)
{
	if (s->state == SESSION_CLOSING || s->eof)
		return;
	s->eof = true;
	if (s->state == SESSION_BUSY)
		transaction_half_close(s->transaction);
	else
		session_gone(s);
}

void session_gone(struct session *s)
{
	if (s->state == SESSION_CLOSING)
		return;
	abort_work(s);
	close_at_end(s);
}

static bool has_not_started(const struct session *s)
{
	return s->start_by != 0 && clock_mono_ms(s->cfg->clock) >= s->start_by;
}

static bool is_in_body(const struct session *s)
{
	return s->state == SESSION_DATA || s->state == SESSION_CHUNK;
}

/* A message that is on its way, and comes fast enough: it is looked at again later. */
static bool keeps_pace(struct session *s)
{
	uint64_t now = clock_mono_ms(s->cfg->clock);

	if (!is_in_body(s) || pace_is_missed(&s->transaction->pace, now))
		return false;
	s->deadline = pace_next(&s->transaction->pace, now);
	return true;
}

bool session_wants_input(const struct session *s)
{
	static const unsigned paused =
		SESSION_IN(SESSION_GREETING) | SESSION_IN(SESSION_BUSY) |
		SESSION_IN(SESSION_VERIFY) | SESSION_IN(SESSION_TLS) |
		SESSION_IN(SESSION_CLOSING);

	return (SESSION_IN(s->state) & paused) == 0 && s->out.len < SESSION_OUTPUT_HIGH;
}

bool session_awaits_rest(const struct session *s)
{
	return s->out.len == 0 && session_wants_input(s) &&
	       (is_in_body(s) || line_is_begun(&s->line));
}

bool session_wants_tls(const struct session *s)
{
	return s->state == SESSION_TLS && s->out.len == 0;
}

static void log_secured(const struct session *s, const struct tls_info *info)
{
	log_event(LOG_INFO, s->peer.session_id, "tls", LOG_S("version", info->version),
		LOG_S("cipher", info->cipher), LOG_S("name", info->server_name),
		LOG_S("resumed", info->resumed ? "yes" : "no"),
		LOG_S("certificate", info->certificate.sha256),
		LOG_S("subject", info->certificate.subject),
		LOG_S("certificate_error",
			info->cert_error != NULL ? info->cert_error : ""));
}

static void keep_certificate(struct peer *p, const struct tls_info *info)
{
	if (info->certificate.sha256[0] == '\0')
		return;
	p->certificate = mem_new(1, sizeof(*p->certificate));
	*p->certificate = info->certificate;
}

/* What was said in clear text does not count any more (RFC 3207 §4.2). */
void session_secured(struct session *s, const struct tls_info *info)
{
	struct peer *p = &s->peer;

	log_secured(s, info);
	metrics_add(METRIC_TLS_SESSIONS, 0, 1);
	p->tls = true;
	p->esmtp = false;
	cmd_helo_forget(s);
	cmd_auth_forget(s);
	keep_certificate(p, info);
	session_set_state(s, SESSION_HELO);
	if (!s->greeted)
		session_greet(s);
}

void session_not_secured(struct session *s, const char *why)
{
	if (s->state == SESSION_CLOSING)
		return;
	log_event(LOG_INFO, s->peer.session_id, "tls_failed", LOG_S("error", why));
	metrics_add(METRIC_TLS_FAILED, 0, 1);
	s->reason = "tls failed";
	session_set_state(s, SESSION_CLOSING);
}

void session_expire(struct session *s)
{
	struct reply r;

	if (s->deadline == 0 || clock_mono_ms(s->cfg->clock) < s->deadline)
		return;
	if (s->state == SESSION_CLOSING) {
		buf_clear(&s->out);
		session_settle(s, false);
		return;
	}
	if (s->state == SESSION_TLS) {
		session_not_secured(s, "the handshake took too long");
		return;
	}
	if (keeps_pace(s))
		return;
	if (has_not_started(s))
		r = reply_close(421, "4.4.2", "neither a login nor a mail came in time");
	else if (is_in_body(s) && clock_mono_ms(s->cfg->clock) < s->transaction->pace.end)
		r = reply_close(421, "4.4.2", "the message comes too slowly");
	else if (s->state == SESSION_DATA || chunk_deadline(s) != 0)
		r = reply_close(421, "4.4.2", "the message took too long");
	else
		r = reply_close(421, "4.4.2", "no command came in time");
	s->reason = "timeout";
	put(s, &r);
}

bool session_in_transaction(const struct session *s)
{
	static const unsigned in = SESSION_IN(SESSION_MAIL) | SESSION_IN(SESSION_RCPT) |
	                           SESSION_IN(SESSION_DATA) | SESSION_IN(SESSION_CHUNK) |
	                           SESSION_IN(SESSION_BUSY) | SESSION_IN(SESSION_VERIFY);

	return (SESSION_IN(s->state) & in) != 0;
}

static void go_down(struct session *s)
{
	struct reply bye = reply_close(421, "4.3.2", "%s goes down", s->cfg->hostname);

	if (s->state == SESSION_CLOSING)
		return;
	s->reason = "shutdown";
	/* In the middle of a handshake no clear text may be sent. */
	if (s->state == SESSION_TLS)
		session_set_state(s, SESSION_CLOSING);
	else
		put(s, &bye);
}

void session_say_goodbye(struct session *s)
{
	if (s->shutdown && !session_in_transaction(s))
		go_down(s);
}

void session_shutdown(struct session *s)
{
	s->shutdown = true;
	session_say_goodbye(s);
}

void session_cut(struct session *s)
{
	s->shutdown = true;
	if (!session_busy(s))
		go_down(s);
}

struct buf *session_output(struct session *s)
{
	return &s->out;
}

bool session_busy(const struct session *s)
{
	return s->state == SESSION_BUSY || s->state == SESSION_VERIFY;
}

bool session_closing(const struct session *s)
{
	return s->state == SESSION_CLOSING;
}

uint64_t session_deadline(const struct session *s)
{
	return s->deadline;
}

enum session_state session_state(const struct session *s)
{
	return s->state;
}

const struct peer *session_peer(const struct session *s)
{
	return &s->peer;
}

const char *session_reason(const struct session *s)
{
	return s->reason != NULL ? s->reason : "none";
}

/* --- whether the client has the reply ------------------------------------------------------ */

bool session_awaits_ack(const struct session *s)
{
	return s->receipt.settle != NULL;
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
