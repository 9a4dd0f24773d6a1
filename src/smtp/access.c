/* SPDX-License-Identifier: MIT */
/* The rules: by listener, network, TLS, certificate, login and users file. */
#include "smtp/access.h"

#include "auth/users.h"
#include "core/ip.h"
#include "core/str.h"

#include <string.h>

/* --- to connect --------------------------------------------------------------------------- */

bool access_proxy(const struct peer *p)
{
	const struct conf_listener *l = p->listener;

	return ip_match_text(l->proxy.nets, l->proxy.n, p->address);
}

bool access_xclient(const struct peer *p)
{
	const struct conf_listener *l = p->listener;

	return p->by_xclient || ip_match_text(l->xclient.nets, l->xclient.n, p->address);
}

/* The mode of a unix socket's file says who may send. */
static bool is_inside(const struct peer *p)
{
	const struct conf_listener *l = p->listener;

	return p->local || ip_match_text(l->allow.nets, l->allow.n, p->address);
}

enum access access_connect(const struct peer *p)
{
	if (p->listener->auth == CONF_AUTH_OPTIONAL || is_inside(p))
		return ACCESS_GRANTED;
	return ACCESS_NOT_ALLOWED;
}

bool access_is_one_client(const struct peer *p)
{
	return !p->local && (p->by_xclient || !access_xclient(p));
}

enum access access_enter(const struct peer *p, struct conn_limit *l, uint64_t now)
{
	switch (conn_limit_enter(l, p->listener, p->address, now)) {
	case CONN_LIMIT_GRANTED: break;
	case CONN_LIMIT_SESSIONS: return ACCESS_SESSIONS;
	case CONN_LIMIT_RATE: return ACCESS_CONNECTION_RATE;
	}
	return ACCESS_GRANTED;
}

/* --- to speak and to log in ----------------------------------------------------------------- */

static bool is_encrypted(const struct peer *p)
{
	return p->tls || p->tls_in_front;
}

static bool needs_tls(const struct peer *p)
{
	return p->listener->tls == CONF_TLS_REQUIRED && !is_encrypted(p);
}

static bool needs_login(const struct peer *p)
{
	switch (p->listener->auth) {
	case CONF_AUTH_OFF: return false;
	case CONF_AUTH_OPTIONAL: return p->user[0] == '\0' && !is_inside(p);
	case CONF_AUTH_REQUIRED: return p->user[0] == '\0';
	}
	return true;
}

enum access access_command(const struct peer *p, unsigned needs)
{
	if ((needs & ACCESS_NEEDS_TLS) != 0 && needs_tls(p))
		return ACCESS_TLS_FIRST;
	if ((needs & ACCESS_NEEDS_TRUST) != 0 && !access_xclient(p))
		return ACCESS_NOT_TRUSTED;
	if ((needs & ACCESS_NEEDS_LOGIN) != 0 && needs_login(p))
		return ACCESS_LOGIN_FIRST;
	return ACCESS_GRANTED;
}

/* A password in clear text can be read on the way; on loopback there is no way. */
static bool is_password_safe(const struct peer *p)
{
	return is_encrypted(p) || p->local || p->listener->auth_plaintext ||
	       ip_text_is_loopback(p->address);
}

enum access access_login(const struct peer *p)
{
	if (p->listener->auth == CONF_AUTH_OFF)
		return ACCESS_NO_AUTH;
	if (p->user[0] != '\0')
		return ACCESS_LOGGED_IN;
	return is_password_safe(p) ? ACCESS_GRANTED : ACCESS_IN_CLEAR;
}

bool access_external(const struct peer *p)
{
	return p->certificate != NULL;
}

bool access_xclient_login(const struct peer *p)
{
	return p->login != NULL || p->listener->auth == CONF_AUTH_OFF;
}

/* --- to send -------------------------------------------------------------------------------- */

enum access access_mail(const struct peer *p, struct conn_limit *l, uint64_t now)
{
	if (p->local || l == NULL || conn_limit_may_send(l, p->listener, p->address, now))
		return ACCESS_GRANTED;
	return ACCESS_MESSAGE_RATE;
}

static bool may_send_as(const struct user *u, const char *address)
{
	if (u == NULL || u->senders.n == 0 || address[0] == '\0')
		return true;
	/* "x <a@example.net>, "@example.org is of example.org; the API may read it less well
	 * than we do, and see another one. */
	if (strchr(address, '"') != NULL)
		return false;
	for (size_t i = 0; i < u->senders.n; i++)
		if (str_glob(u->senders.items[i], address))
			return true;
	return false;
}

enum access access_sender(const struct peer *p, const char *reverse_path)
{
	return may_send_as(p->login, reverse_path) ? ACCESS_GRANTED : ACCESS_NOT_SENDER;
}

enum access access_author(const struct peer *p, const char *from)
{
	return may_send_as(p->login, from) ? ACCESS_GRANTED : ACCESS_NOT_AUTHOR;
}

enum access access_null_sender(const struct conf_mail *mail, const char *reverse_path)
{
	if (reverse_path[0] != '\0' || mail->null_sender)
		return ACCESS_GRANTED;
	return ACCESS_NULL_SENDER;
}

const char *access_route(const struct peer *p)
{
	return p->login != NULL ? p->login->route : NULL;
}

/* --- to be told ----------------------------------------------------------------------------- */

struct reply access_reply(enum access a, const char *about)
{
	switch (a) {
	case ACCESS_NOT_ALLOWED:
		return reply_close(554, "5.7.1", "%s may not use this relay", about);
	case ACCESS_SESSIONS:
		return reply_close(421, "4.7.0", "too many connections from %s", about);
	case ACCESS_CONNECTION_RATE:
		return reply_close(
			421, "4.7.0", "too many connections from %s in a minute", about);
	case ACCESS_MESSAGE_RATE:
		return reply_make(
			450, "4.7.1", "too much mail from %s, try again later", about);
	case ACCESS_TLS_FIRST: return reply_make(530, "5.7.0", "say STARTTLS first");
	case ACCESS_LOGIN_FIRST: return reply_make(530, "5.7.0", "log in first");
	case ACCESS_NOT_TRUSTED:
		return reply_make(550, "5.7.1", "%s is not for you", about);
	case ACCESS_NO_AUTH: return reply_make(502, "5.5.1", "AUTH is not offered here");
	case ACCESS_LOGGED_IN:
		return reply_make(503, "5.5.1", "you are logged in already");
	case ACCESS_IN_CLEAR: return reply_make(538, "5.7.11", "say STARTTLS first");
	case ACCESS_NOT_SENDER:
		return reply_make(553, "5.7.1", "you may not send as <%s>", about);
	case ACCESS_NOT_AUTHOR:
		return reply_make(554, "5.7.1", "you may not send mail from <%s>", about);
	case ACCESS_NULL_SENDER:
		return reply_make(
			550, "5.7.1", "mail from the null sender is not taken here");
	case ACCESS_GRANTED: break;
	}
	/* Nothing was refused, so nobody should ask; a 250 would claim that something was done. */
	return reply_make(450, "4.7.1", "try again later");
}

const char *access_reason(enum access a)
{
	switch (a) {
	case ACCESS_NOT_ALLOWED: return "not allowed";
	case ACCESS_SESSIONS: return "sessions per client";
	case ACCESS_CONNECTION_RATE: return "connection rate";
	default: return "refused";
	}
}
