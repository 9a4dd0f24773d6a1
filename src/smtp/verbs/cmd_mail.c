/* SPDX-License-Identifier: MIT */
/*
 * MAIL (RFC 5321 §4.1.1.2), with SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8
 * (RFC 6531), RET and ENVID (RFC 3461), PRDR (draft-hall-prdr-00).
 *
 *	mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
 */
#include "core/mem.h"
#include "core/metrics.h"
#include "smtp/access.h"
#include "smtp/command.h"
#include "smtp/param.h"
#include "smtp/session_private.h"

/* RFC 1870 §4: up to 20 digits; what does not fit into 64 bits is certainly too large. */
static bool parse_size(const struct param *p, void *out)
{
	struct envelope *e = out;

	if (p->value.len == 0 || p->value.len > 20 ||
		span_digits(p->value) != p->value.len)
		return false;
	if (!span_number(p->value, UINT64_MAX, &e->size))
		e->size = UINT64_MAX / 10;
	return true;
}

static bool parse_body(const struct param *p, void *out)
{
	struct envelope *e = out;

	e->eightbit = span_ieq_str(p->value, "8BITMIME");
	e->binary = span_ieq_str(p->value, "BINARYMIME");
	return e->eightbit || e->binary || span_ieq_str(p->value, "7BIT");
}

static bool parse_smtputf8(const struct param *p, void *out)
{
	((struct envelope *)out)->smtputf8 = true;
	return !p->has_value;
}

static bool parse_prdr(const struct param *p, void *out)
{
	((struct envelope *)out)->prdr = true;
	return !p->has_value;
}

static bool parse_ret(const struct param *p, void *out)
{
	return dsn_parse_ret(p->value, &((struct envelope *)out)->ret);
}

static bool parse_envid(const struct param *p, void *out)
{
	return dsn_parse_envid(p->value, &((struct envelope *)out)->envid);
}

/* RFC 4954 §5: who first sent the message, as the client believes. Nothing is done with it. */
static bool parse_auth(const struct param *p, void *out)
{
	(void)out;
	return p->value.len > 0;
}

static const struct param_parser mail_params[] = {
	{"AUTH", parse_auth},
	{"SIZE", parse_size},
	{"BODY", parse_body},
	{"SMTPUTF8", parse_smtputf8},
	{"RET", parse_ret},
	{"ENVID", parse_envid},
	{"PRDR", parse_prdr},
};

/* What was announced with SIZE is refused before it is sent. */
static int check_size(const struct session *s, uint64_t size, struct reply *reply)
{
	const struct budget *b = s->cfg->budget;

	if (size > s->cfg->limits->message_size) {
		*reply = reply_make(552, "5.3.4", "at most %zu bytes are accepted",
			s->cfg->limits->message_size);
		return -1;
	}
	if (b != NULL && b->limit != 0 &&
		(b->used > b->limit || size > b->limit - b->used)) {
		metrics_add(METRIC_MEMORY_REFUSED, 0, 1);
		*reply = reply_make(452, "4.3.1", "no memory for the message now");
		return -1;
	}
	return 0;
}

/* Fills e; *reply is set where it returns -1. */
static int parse_mail(
	struct session *s, struct span args, struct envelope *e, struct reply *reply)
{
	struct smtp_address from;

	if (param_path(&args, PARAM_SENDER, s->peer.listener->lenient, &from, reply) <
			0 ||
		param_parse_all(
			args, "MAIL", mail_params, ARRAY_LEN(mail_params), e, reply) < 0)
		return -1;
	if (from.non_ascii && !e->smtputf8) {
		*reply = reply_make(
			553, "5.6.7", "an address outside ASCII needs SMTPUTF8");
		return -1;
	}
	if (e->prdr && s->peer.lmtp) {
		*reply = reply_make(555, "5.5.4", "LMTP has no PRDR");
		return -1;
	}
	if (check_size(s, e->size, reply) < 0)
		return -1;
	e->reverse_path = mem_strdup(from.text);
	return 0;
}

/* delivery asks about the author in the header, once the message is there. */
static int check_sender(
	const struct session *s, const struct envelope *e, struct reply *reply)
{
	enum access a = access_sender(&s->peer, e->reverse_path);

	if (a == ACCESS_GRANTED)
		return 0;
	*reply = access_reply(a, e->reverse_path);
	return -1;
}

static struct reply begin_mail(struct session *s, struct span args)
{
	const struct smtp_handler *h = s->cfg->handler;
	enum access access;
	struct envelope e;
	struct reply reply;

	if (s->messages >= s->cfg->limits->messages) {
		s->reason = "messages";
		return reply_close(421, "4.7.0", "too many messages on one connection");
	}
	access = access_mail(&s->peer, s->cfg->clients, clock_mono_ms(s->cfg->clock));
	if (access != ACCESS_GRANTED)
		return access_reply(access, s->peer.address);
	envelope_init(&e);
	if (parse_mail(s, args, &e, &reply) < 0 || check_sender(s, &e, &reply) < 0 ||
		(h->mail != NULL &&
			h->mail(s->cfg->handler_ctx, &s->peer, &e, &reply) < 0)) {
		envelope_clear(&e);
		return reply;
	}
	transaction_begin(session_transaction(s), &e);
	s->start_by = 0;
	session_set_state(s, SESSION_MAIL);
	return reply_make(250, "2.1.0", "sender ok");
}

struct reply cmd_mail(struct session *s, struct span args)
{
	struct reply reply = begin_mail(s, args);

	s->mail_refused = !reply_is_success(&reply);
	return reply;
}
