/* SPDX-License-Identifier: MIT */
/*
 * EHLO and HELO (RFC 5321 §4.1.1.1).
 *
 *	ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
 */
#include "core/mem.h"
#include "smtp/address.h"
#include "smtp/command.h"
#include "smtp/session_private.h"
#include "smtp/xclient.h"

#include <stdlib.h>

/* RFC 5321 §4.5.3.1.2. */
#define NAME_MAX_LEN 255

/* The text in brackets is not checked: JavaMail leaves out the tag "IPv6:". */
static bool is_literal(struct span s)
{
	return s.len > 2 && s.p[0] == '[' && s.p[s.len - 1] == ']';
}

void cmd_helo_forget(struct session *s)
{
	free(s->peer.helo);
	s->peer.helo = NULL;
}

static void keep_name(struct session *s, struct span name)
{
	cmd_helo_forget(s);
	s->peer.helo = mem_strndup(name.p, name.len);
}

static bool parse_name(struct session *s, struct span name)
{
	if (name.len > NAME_MAX_LEN || !span_is_all(name, ascii_isgraph))
		return false;
	if (!address_is_domain(name) && !is_literal(name))
		return false;
	keep_name(s, name);
	return true;
}

/* Old devices send no name, or one with spaces: it is for the log only. */
static bool parse_any_name(struct session *s)
{
	if (!s->peer.listener->lenient)
		return false;
	keep_name(s, span_of("unknown"));
	return true;
}

static struct reply greet(struct session *s, struct span name, bool esmtp)
{
	if (!parse_name(s, name) && !parse_any_name(s))
		return reply_make(501, "5.5.4",
			"a domain or an address literal is expected as argument");
	session_reset(s);
	session_set_state(s, SESSION_READY);
	s->peer.esmtp = esmtp;
	return reply_make(250, "", "%s", s->cfg->hostname);
}

struct reply cmd_ehlo(struct session *s, struct span args)
{
	struct reply r = greet(s, args, true);

	if (!reply_is_success(&r))
		return r;
	reply_add_line(&r, "PIPELINING");
	reply_add_line(&r, "SIZE %zu", s->cfg->limits->message_size);
	reply_add_line(&r, "8BITMIME");
	reply_add_line(&r, "CHUNKING");
	reply_add_line(&r, "BINARYMIME");
	reply_add_line(&r, "SMTPUTF8");
	reply_add_line(&r, "DSN");
	if (!s->peer.lmtp)
		reply_add_line(&r, "PRDR");
	reply_add_line(&r, "ENHANCEDSTATUSCODES");
	reply_add_line(&r, "LIMITS MAILMAX=%u RCPTMAX=%u", s->cfg->limits->messages,
		s->cfg->limits->recipients);
	if (command_offers(s, "STARTTLS"))
		reply_add_line(&r, "STARTTLS");
	if (command_offers(s, "AUTH"))
		cmd_auth_announce(s, &r);
	if (command_offers(s, "XCLIENT"))
		reply_add_line(&r, "XCLIENT " XCLIENT_NAMES);
	if (command_offers(s, "XFORWARD"))
		reply_add_line(&r, "XFORWARD " XFORWARD_NAMES);
	reply_add_line(&r, "HELP");
	return r;
}

struct reply cmd_helo(struct session *s, struct span args)
{
	return greet(s, args, false);
}
