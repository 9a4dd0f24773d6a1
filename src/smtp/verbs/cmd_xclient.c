/* SPDX-License-Identifier: MIT */
/*
 * XCLIENT and XFORWARD: a trusted peer names its client. After XCLIENT the session is that
 * client's: what is allowed is decided by its address. XFORWARD is for the log only.
 */
#include "core/log.h"
#include "smtp/access.h"
#include "smtp/command.h"
#include "smtp/session_private.h"
#include "smtp/xclient.h"

#include <string.h>

static void log_client(
	const struct session *s, const char *event, const struct xclient *x)
{
	log_event(LOG_INFO, s->peer.session_id, event, LOG_S("client", x->address),
		LOG_U("port", x->port), LOG_S("name", x->name), LOG_S("helo", x->helo),
		LOG_S("protocol", x->protocol), LOG_S("ident", x->ident),
		LOG_S("login", x->login), LOG_S("source", x->source),
		LOG_S("by", s->peer.address));
}

/* A login at the peer counts here, as the peer does; the user has the restrictions that our
 * users file has for that name. */
static void set_login(struct session *s, const struct xclient *x)
{
	const struct authenticator *a = s->cfg->authenticator;

	cmd_auth_forget(s);
	if (x->login[0] == '\0')
		return;
	if (a != NULL)
		s->peer.login = a->find(s->cfg->authenticator_ctx, x->login, &s->users);
	if (!access_xclient_login(&s->peer))
		return;
	(void)str_copy(s->peer.user, sizeof(s->peer.user), x->login);
	s->start_by = 0;
}

/* What the connection has shown of the peer does not hold for the client. But peer.tls stays:
 * the connection is still encrypted, and STARTTLS cannot come again. */
static void become(struct session *s, const struct xclient *x)
{
	if (x->has_address) {
		(void)str_copy(s->peer.address, sizeof(s->peer.address),
			x->address[0] != '\0' ? x->address : "unknown");
		s->peer.port = x->port;
	}
	s->peer.by_xclient = true;
	session_await_start(s);
	s->peer.tls_in_front = false;
	cmd_starttls_forget(s);
	set_login(s, x);
	cmd_helo_forget(s);
	s->peer.esmtp = false;
}

/* By the client's address, and if it is another one by its number of sessions: an XCLIENT that
 * repeats the current address is no new connection. */
static enum access enter(struct session *s, bool other)
{
	enum access a = access_connect(&s->peer);

	if (a != ACCESS_GRANTED || !other || s->cfg->clients == NULL)
		return a;
	a = access_enter(&s->peer, s->cfg->clients, clock_mono_ms(s->cfg->clock));
	s->peer.counted = a == ACCESS_GRANTED;
	return a;
}

struct reply cmd_xclient(struct session *s, struct span args)
{
	char before[sizeof(s->peer.address)];
	struct xclient x;
	struct reply reply;
	enum access access;
	bool other;

	if (xclient_parse(args, XCLIENT_NAMES, &x, &reply) < 0)
		return reply;
	log_client(s, "xclient", &x);
	(void)str_copy(before, sizeof(before), s->peer.address);
	session_uncount(s);
	become(s, &x);
	other = strcmp(before, s->peer.address) != 0;
	if (other)
		s->auth_failures = 0;
	access = enter(s, other);
	session_count(s);
	if (access != ACCESS_GRANTED) {
		s->reason = access_reason(access);
		return access_reply(access, s->peer.address);
	}
	session_reset(s);
	session_set_state(s, SESSION_HELO);
	return session_greeting(s);
}

struct reply cmd_xforward(struct session *s, struct span args)
{
	struct xclient x;
	struct reply reply;

	if (xclient_parse(args, XFORWARD_NAMES, &x, &reply) < 0)
		return reply;
	log_client(s, "xforward", &x);
	return reply_make(250, "2.0.0", "ok");
}
