/* SPDX-License-Identifier: MIT */
/*
 * XCLIENT and XFORWARD: a trusted peer says who the client is. After XCLIENT the session is
 * that client's: what is allowed is decided by its address. XFORWARD is for the log only.
 */
#include "core/log.h"
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

/* Where the address is not known, nobody is allowed. */
static bool is_allowed(const struct session *s)
{
	return s->policy->auth == CONF_AUTH_OPTIONAL || session_admits(s);
}

/* A login at the peer counts here, as the peer does; what our users file says of that name
 * holds for it. Where it says nothing of it, nothing would hold the name to its senders: that
 * is no login then, on a listener that asks for one. */
static void take_login(struct session *s, const struct xclient *x)
{
	const struct authenticator *a = s->cfg->authenticator;

	session_forget_login(s);
	if (x->login[0] == '\0')
		return;
	if (a != NULL)
		s->peer.login = a->find(s->cfg->authenticator_ctx, x->login, &s->users);
	if (s->peer.login == NULL && s->policy->auth != CONF_AUTH_OFF)
		return;
	(void)str_copy(s->peer.user, sizeof(s->peer.user), x->login);
	s->start_by = 0;
}

/* What the connection has shown of the peer is nothing of the client. That the connection is
 * encrypted (peer.tls) stays: it still is, and STARTTLS cannot come again. */
static void become(struct session *s, const struct xclient *x)
{
	if (x->has_address) {
		(void)str_copy(s->peer.address, sizeof(s->peer.address),
			x->address[0] != '\0' ? x->address : "unknown");
		s->peer.port = x->port;
	}
	session_await_start(s);
	s->peer.tls_in_front = false;
	session_forget_certificate(s);
	take_login(s, x);
	session_forget_helo(s);
	s->peer.esmtp = false;
}

/* By the client's address and number of sessions. What is said again of the one who is here
 * already is no new connection. */
static bool is_refused(struct session *s, bool other, struct reply *reply)
{
	struct conn_limit *l = s->cfg->clients;

	if (!is_allowed(s)) {
		s->reason = "not allowed";
		*reply = reply_close(
			554, "5.7.1", "%s may not use this relay", s->peer.address);
	} else if (other && l != NULL) {
		s->reason = conn_limit_enter(l, s->policy, s->peer.address,
			clock_mono_ms(s->cfg->clock), reply);
		s->peer.counted = s->reason == NULL;
	}
	return s->reason != NULL;
}

struct reply cmd_xclient(struct session *s, struct span args)
{
	char before[sizeof(s->peer.address)];
	struct xclient x;
	struct reply reply;
	bool other, refused;

	if (xclient_parse(args, XCLIENT_NAMES, &x, &reply) < 0)
		return reply;
	log_client(s, "xclient", &x);
	(void)str_copy(before, sizeof(before), s->peer.address);
	session_uncount(s);
	become(s, &x);
	other = strcmp(before, s->peer.address) != 0;
	if (other)
		s->auth_failures = 0;
	refused = is_refused(s, other, &reply);
	session_count(s);
	if (refused)
		return reply;
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
