/* SPDX-License-Identifier: MIT */
/* From a command line to the function that answers it. */
#include "smtp/command.h"

#include "core/utf8.h"
#include "smtp/access.h"
#include "smtp/session_private.h"

#include <stdio.h>

#define GREETED                                                                          \
	(SESSION_IN(SESSION_HELO) | SESSION_IN(SESSION_READY) |                          \
		SESSION_IN(SESSION_MAIL) | SESSION_IN(SESSION_RCPT))
#define READY SESSION_IN(SESSION_READY)
#define IDLE  (SESSION_IN(SESSION_HELO) | READY)
/* DATA without a recipient has a reply of its own: 554 (RFC 5321 §3.3). */
#define TRANSACTION (SESSION_IN(SESSION_MAIL) | SESSION_IN(SESSION_RCPT))

static const struct verb verbs[] = {
	{"EHLO", GREETED, VERB_LAST | VERB_SMTP | VERB_CLEAR | VERB_ANYBODY, NULL,
		cmd_ehlo, NULL, NULL},
	{"HELO", GREETED, VERB_LAST | VERB_SMTP | VERB_CLEAR | VERB_ANYBODY, NULL,
		cmd_helo, NULL, NULL},
	{"LHLO", GREETED, VERB_LAST | VERB_LMTP | VERB_CLEAR | VERB_ANYBODY, NULL,
		cmd_ehlo, NULL, NULL},
	{"MAIL", READY, 0, "the end of the mail that was begun", cmd_mail, NULL, NULL},
	{"RCPT", TRANSACTION, 0, "MAIL", cmd_rcpt, NULL, NULL},
	{"DATA", TRANSACTION, VERB_LAST | VERB_NO_ARGS, "MAIL", cmd_data, NULL, NULL},
	{"BDAT", READY | TRANSACTION, VERB_PAYLOAD, NULL, NULL, NULL, cmd_bdat},
	{"RSET", GREETED, VERB_NO_ARGS | VERB_CLEAR | VERB_ANYBODY, NULL, cmd_rset, NULL,
		NULL},
	{"NOOP", GREETED, VERB_CLEAR | VERB_ANYBODY, NULL, cmd_noop, NULL, NULL},
	{"VRFY", GREETED, 0, NULL, cmd_vrfy, NULL, NULL},
	{"HELP", GREETED, VERB_CLEAR | VERB_ANYBODY, NULL, cmd_help, NULL, NULL},
	{"QUIT", GREETED, VERB_NO_ARGS | VERB_CLEAR | VERB_ANYBODY, NULL, cmd_quit, NULL,
		NULL},
	{"XCLIENT", IDLE, VERB_LAST | VERB_TRUSTED | VERB_ANYBODY,
		"the end of the mail that was begun", cmd_xclient, NULL, NULL},
	{"XFORWARD", READY, VERB_TRUSTED | VERB_ANYBODY,
		"the end of the mail that was begun", cmd_xforward, NULL, NULL},
	{"STARTTLS", READY, VERB_LAST | VERB_NO_ARGS | VERB_CLEAR | VERB_ANYBODY,
		"the end of the mail that was begun", cmd_starttls,
		cmd_starttls_is_offered, NULL},
	{"AUTH", READY, VERB_LAST | VERB_SECRET | VERB_ANYBODY,
		"the end of the mail that was begun", NULL, cmd_auth_is_offered,
		cmd_auth},
	{"ETRN", GREETED, VERB_ABSENT, NULL, NULL, NULL, NULL},
	{"EXPN", GREETED, VERB_ABSENT, NULL, NULL, NULL, NULL},
	{"CONNECT", GREETED, VERB_FOREIGN, NULL, NULL, NULL, NULL},
	{"DELETE", GREETED, VERB_FOREIGN, NULL, NULL, NULL, NULL},
	{"GET", GREETED, VERB_FOREIGN, NULL, NULL, NULL, NULL},
	{"HEAD", GREETED, VERB_FOREIGN, NULL, NULL, NULL, NULL},
	{"OPTIONS", GREETED, VERB_FOREIGN, NULL, NULL, NULL, NULL},
	{"PATCH", GREETED, VERB_FOREIGN, NULL, NULL, NULL, NULL},
	{"POST", GREETED, VERB_FOREIGN, NULL, NULL, NULL, NULL},
	{"PUT", GREETED, VERB_FOREIGN, NULL, NULL, NULL, NULL},
	{"TRACE", GREETED, VERB_FOREIGN, NULL, NULL, NULL, NULL},
};

const struct verb *command_find(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (span_ieq_str(name, verbs[i].name))
			return &verbs[i];
	return NULL;
}

void command_split(struct span line, struct span *name, struct span *args)
{
	size_t n = 0;

	while (n < line.len && !ascii_isspace(line.p[n]))
		n++;
	*name = span_make(line.p, n);
	*args = span_trim(span_make(line.p + n, line.len - n));
}

/* TAB counts as a blank; no other control character has a meaning in a command. */
static bool has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return true;
	return false;
}

/* Bytes after a command that must be the last of its group, or from a client that was
 * never offered PIPELINING: whatever they are, they were not meant as what we would take
 * them for (RFC 2920 §3.1, RFC 5321 §4.1.1.4). */
static bool is_out_of_step(const struct session *s, const struct verb *v, bool more)
{
	return more && ((v->flags & VERB_LAST) != 0 || !s->peer.esmtp);
}

static struct reply refuse_ungreeted(const struct session *s)
{
	return reply_make(503, "5.5.1", "say %s first", s->peer.lmtp ? "LHLO" : "EHLO");
}

static struct reply refuse_sequence(const struct verb *v)
{
	return reply_make(503, "5.5.1", "%s has to wait for %s", v->name, v->before);
}

/* RFC 2033 §4.1: a client that takes LMTP for SMTP would take the first of many replies for
 * the only one, and the other way round. */
static bool is_other_protocol(const struct session *s, const struct verb *v)
{
	return (v->flags & (s->peer.lmtp ? VERB_SMTP : VERB_LMTP)) != 0;
}

/* Whether the peer may say it. */
static enum access may_say(const struct session *s, const struct verb *v)
{
	unsigned needs = (v->flags & VERB_CLEAR) != 0 ? 0 : ACCESS_NEEDS_TLS;

	if ((v->flags & VERB_TRUSTED) != 0)
		needs |= ACCESS_NEEDS_TRUST;
	if ((v->flags & VERB_ANYBODY) == 0)
		needs |= ACCESS_NEEDS_LOGIN;
	return access_command(&s->peer, needs);
}

static bool is_offered(const struct session *s, const struct verb *v)
{
	if ((v->flags & (VERB_ABSENT | VERB_FOREIGN)) != 0 || is_other_protocol(s, v) ||
		may_say(s, v) != ACCESS_GRANTED)
		return false;
	return v->offered == NULL || v->offered(s);
}

bool command_offers(const struct session *s, const char *verb)
{
	return is_offered(s, command_find(span_of(verb)));
}

void command_list(const struct session *s, char text[VERBS_LEN])
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (is_offered(s, &verbs[i]) && n < VERBS_LEN)
			n += (size_t)snprintf(text + n, VERBS_LEN - n, "%s%s",
				n > 0 ? " " : "", verbs[i].name);
}

/* Whether the verb may not run here and now; *reply says why. */
static bool is_refused(struct session *s, const struct verb *v, struct span args,
	bool more, struct reply *reply)
{
	enum access access = may_say(s, v);

	if ((v->flags & VERB_FOREIGN) != 0) {
		s->reason = "foreign protocol";
		*reply = reply_close(421, "4.7.0", "this is an SMTP server");
	} else if ((v->flags & VERB_PAYLOAD) != 0 && !s->peer.esmtp) {
		*reply = refuse_ungreeted(s);
	} else if (is_out_of_step(s, v, more)) {
		s->reason = "pipelining";
		*reply = reply_close(
			503, "5.5.0", "bytes after %s before its reply", v->name);
	} else if (is_other_protocol(s, v)) {
		*reply = reply_make(500, "5.5.1", "this is %s, say %s",
			s->peer.lmtp ? "LMTP" : "SMTP", s->peer.lmtp ? "LHLO" : "EHLO");
	} else if ((v->flags & VERB_ABSENT) != 0) {
		*reply = reply_make(502, "5.5.1", "%s is not offered here", v->name);
	} else if (s->state == SESSION_HELO &&
		   (v->states & SESSION_IN(SESSION_HELO)) == 0) {
		*reply = refuse_ungreeted(s);
	} else if (access != ACCESS_GRANTED) {
		*reply = access_reply(access, v->name);
	} else if ((v->states & SESSION_IN(s->state)) == 0) {
		*reply = refuse_sequence(v);
	} else if ((v->flags & VERB_NO_ARGS) != 0 && args.len > 0) {
		*reply = reply_make(501, "5.5.4", "%s takes no arguments", v->name);
	} else {
		return false;
	}
	return true;
}

bool command_has_payload(struct span line)
{
	struct span name, args;
	const struct verb *v;

	command_split(line, &name, &args);
	v = command_find(name);
	return v != NULL && (v->flags & VERB_PAYLOAD) != 0;
}

/* The verb of a line that can be read; else NULL and *reply. */
static const struct verb *parse_verb(
	struct span line, struct span *args, struct reply *reply)
{
	const struct verb *v = NULL;
	struct span name;

	command_split(line, &name, args);
	if (has_control(line))
		*reply = reply_make(501, "5.5.2", "control character in command");
	else if (!utf8_valid(line))
		*reply = reply_make(501, "5.5.2", "command is not valid UTF-8");
	else if (name.len == 0)
		*reply = reply_make(500, "5.5.2", "command expected");
	else if ((v = command_find(name)) == NULL)
		*reply = reply_make(500, "5.5.1", "unknown command");
	return v;
}

int command_run(struct session *s, struct span line, bool more, struct reply *reply)
{
	struct span args;
	const struct verb *v = parse_verb(line, &args, reply);

	if (v == NULL || is_refused(s, v, args, more, reply))
		return 1;
	if (v->run_later != NULL)
		return v->run_later(s, args, reply);
	*reply = v->run(s, args);
	return 1;
}
