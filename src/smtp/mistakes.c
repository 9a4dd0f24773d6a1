/* SPDX-License-Identifier: MIT */
/* The counts of a session's mistakes and idle commands. */
#include "smtp/mistakes.h"

#include "smtp/session_private.h"

/* Syntax and sequence are mistakes (500 to 503); what is refused for another reason is not: the
 * other recipients of the mail are good, and a 421 would keep the mail from ever being sent.
 * A client that sends MAIL, RCPT and DATA as one group (RFC 2920) makes no mistake if MAIL is
 * refused and the others come too early for that. */
static bool is_mistake(const struct session *s, const struct reply *reply)
{
	if (reply->code < 500 || reply->code > 503)
		return false;
	return reply->code != 503 || !s->mail_refused || s->state != SESSION_READY;
}

static void end(
	struct session *s, const char *reason, const char *text, struct reply *reply)
{
	if (s->reason == NULL)
		s->reason = reason;
	*reply = reply_close(421, "4.7.0", "%s", text);
}

void mistakes_count(struct session *s, struct reply *reply)
{
	if (is_mistake(s, reply) && ++s->errors > s->cfg->limits->errors)
		end(s, "errors", "too many errors", reply);
	/* Commands that bring no message nearer can be said for ever: NOOP, RSET, EHLO. */
	if (s->commands > s->cfg->limits->commands)
		end(s, "commands", "too many commands without a message", reply);
}

void mistakes_forget(struct session *s)
{
	s->errors = s->commands = 0;
}
