/* SPDX-License-Identifier: MIT */
/*
 * STARTTLS (RFC 3207). Nothing that was said in clear text counts afterwards: neither the
 * name in EHLO nor a login, and no byte that came after the command (CVE-2011-0411).
 */
#include "smtp/command.h"
#include "smtp/session_private.h"

#include <stdlib.h>

bool cmd_starttls_is_offered(const struct session *s)
{
	return !s->peer.tls && (s->peer.listener->tls == CONF_TLS_STARTTLS ||
				       s->peer.listener->tls == CONF_TLS_REQUIRED);
}

struct reply cmd_starttls(struct session *s, struct span args)
{
	(void)args;
	if (s->peer.tls)
		return reply_make(503, "5.5.1", "the connection is encrypted already");
	if (!cmd_starttls_is_offered(s))
		return reply_make(502, "5.5.1", "STARTTLS is not offered here");
	session_reset(s);
	session_set_state(s, SESSION_TLS);
	return reply_make(220, "2.0.0", "ready to start TLS");
}

void cmd_starttls_forget(struct session *s)
{
	free(s->peer.certificate);
	s->peer.certificate = NULL;
}
