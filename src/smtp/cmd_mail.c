/* SPDX-License-Identifier: MIT */
/*
 * MAIL (RFC 5321 §4.1.1.2), with SIZE (RFC 1870), BODY (RFC 6152) and SMTPUTF8 (RFC 6531).
 *
 *	mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
 */
#include "core/mem.h"
#include "core/metrics.h"
#include "smtp/command.h"
#include "smtp/param.h"
#include "smtp/session_private.h"

/* RFC 1870 §4: up to 20 digits; what does not fit into 64 bits is certainly too large. */
static int take_size(const struct param *p, struct envelope *e)
{
	if (p->value.len == 0 || p->value.len > 20)
		return -1;
	e->size = 0;
	for (size_t i = 0; i < p->value.len; i++) {
		char c = p->value.p[i];

		if (!ascii_isdigit(c))
			return -1;
		if (__builtin_mul_overflow(e->size, 10, &e->size) ||
			__builtin_add_overflow(e->size, c - '0', &e->size))
			e->size = UINT64_MAX / 10;
	}
	return 0;
}

static int take_body(const struct param *p, struct envelope *e)
{
	e->eightbit = span_ieq_str(p->value, "8BITMIME");
	e->binary = span_ieq_str(p->value, "BINARYMIME");
	return e->eightbit || e->binary || span_ieq_str(p->value, "7BIT") ? 0 : -1;
}

static int take_smtputf8(const struct param *p, struct envelope *e)
{
	e->smtputf8 = true;
	return p->has_value ? -1 : 0;
}

static const struct mail_param {
	const char *name;
	int (*take)(const struct param *p, struct envelope *e);
} mail_params[] = {
	{"SIZE", take_size},
	{"BODY", take_body},
	{"SMTPUTF8", take_smtputf8},
};

static int find_param(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(mail_params); i++)
		if (span_ieq_str(name, mail_params[i].name))
			return (int)i;
	return -1;
}

/* Each known parameter at most once. */
static int take_params(struct span args, struct envelope *e, struct reply *reply)
{
	unsigned seen = 0;
	struct param p;
	int more, i;

	while ((more = param_next(&args, &p)) == 1) {
		i = find_param(p.name);
		if (i < 0) {
			*reply = reply_make(555, "5.5.4", "unknown parameter of MAIL");
			return -1;
		}
		if ((seen & (1u << i)) != 0 || mail_params[i].take(&p, e) < 0) {
			*reply = reply_make(
				501, "5.5.4", "bad %s parameter", mail_params[i].name);
			return -1;
		}
		seen |= 1u << i;
	}
	if (more < 0)
		*reply = reply_make(501, "5.5.4", "bad parameter syntax");
	return more;
}

/* What was announced with SIZE is refused before it is sent. */
static int check_size(const struct session *s, uint64_t size, struct reply *reply)
{
	const struct budget *b = s->cfg->budget;

	if (size > s->cfg->message_size) {
		*reply = reply_make(552, "5.3.4", "at most %zu bytes are accepted",
			s->cfg->message_size);
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

	if (param_path(&args, PARAM_SENDER, s->policy->lenient, &from, reply) < 0 ||
		take_params(args, e, reply) < 0)
		return -1;
	if (from.non_ascii && !e->smtputf8) {
		*reply = reply_make(
			553, "5.6.7", "an address outside ASCII needs SMTPUTF8");
		return -1;
	}
	if (check_size(s, e->size, reply) < 0)
		return -1;
	e->reverse_path = mem_strdup(from.text);
	return 0;
}

struct reply cmd_mail(struct session *s, struct span args)
{
	const struct smtp_handler *h = s->cfg->handler;
	struct envelope e;
	struct reply reply;

	if (s->messages >= s->cfg->messages) {
		s->reason = "messages";
		return reply_close(421, "4.7.0", "too many messages on one connection");
	}
	envelope_init(&e);
	if (parse_mail(s, args, &e, &reply) < 0 ||
		(h->mail != NULL &&
			h->mail(s->cfg->handler_ctx, &s->peer, &e, &reply) < 0)) {
		envelope_clear(&e);
		return reply;
	}
	envelope_move(&s->envelope, &e);
	session_set_state(s, SESSION_MAIL);
	return reply_make(250, "2.1.0", "sender ok");
}
