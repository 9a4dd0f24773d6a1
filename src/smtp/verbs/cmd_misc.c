/* SPDX-License-Identifier: MIT */
/* The verbs that move no mail: RSET, NOOP, VRFY, HELP, QUIT (RFC 5321 §4.1.1.5-10). */
#include "smtp/command.h"
#include "smtp/session_private.h"

struct reply cmd_rset(struct session *s, struct span args)
{
	(void)args;
	session_reset(s);
	return reply_make(250, "2.0.0", "ok");
}

struct reply cmd_noop(struct session *s, struct span args)
{
	(void)s;
	(void)args;
	return reply_make(250, "2.0.0", "ok");
}

/* RFC 5321 §3.5.3: only the API knows which addresses exist, and we do not tell. */
struct reply cmd_vrfy(struct session *s, struct span args)
{
	(void)s;
	if (args.len == 0)
		return reply_make(501, "5.5.4", "VRFY needs an address");
	return reply_make(252, "2.5.0", "cannot verify, send a message and see");
}

struct reply cmd_help(struct session *s, struct span args)
{
	char verbs[VERBS_LEN];
	struct reply r;

	(void)args;
	command_list(s, verbs);
	r = reply_make(214, "2.0.0", "%s", verbs);
	reply_add_line(
		&r, "A message is accepted when the mail service has accepted it.");
	return r;
}

struct reply cmd_quit(struct session *s, struct span args)
{
	(void)args;
	s->reason = "quit";
	return reply_close(221, "2.0.0", "bye");
}
