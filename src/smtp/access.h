/* SPDX-License-Identifier: MIT */
/*
 * What a peer may do: connect, speak, log in, send as an address, speak for others. Nothing
 * else decides that (tests/check/access.sh). All facts are in struct peer, with the policy of
 * its listener; an answer is a value, and access_reply() is what the client is told.
 */
#ifndef SMTP_ACCESS_H
#define SMTP_ACCESS_H

#include "config/conf.h"
#include "smtp/conn_limit.h"
#include "smtp/peer.h"
#include "smtp/reply.h"

#include <stdbool.h>

enum access {
	ACCESS_GRANTED,
	ACCESS_NOT_ALLOWED,     /* not in the listener's allow: closed */
	ACCESS_SESSIONS,        /* too many sessions of the client: closed */
	ACCESS_CONNECTION_RATE, /* too many in a minute: closed */
	ACCESS_MESSAGE_RATE,    /* too much mail in a minute */
	ACCESS_TLS_FIRST,
	ACCESS_LOGIN_FIRST,
	ACCESS_NOT_TRUSTED, /* does not speak for others */
	ACCESS_NO_AUTH,     /* the listener has none */
	ACCESS_LOGGED_IN,   /* already */
	ACCESS_IN_CLEAR,    /* a password would be sent unencrypted */
	ACCESS_NOT_SENDER,  /* may not have that reverse-path */
	ACCESS_NOT_AUTHOR,  /* may not have that From header */
	ACCESS_NULL_SENDER, /* mail.null_sender is off */
};

/* What a command needs; a set. */
enum access_need {
	ACCESS_NEEDS_TLS = 1 << 0, /* if the listener has tls = required */
	ACCESS_NEEDS_TRUST = 1 << 1,
	ACCESS_NEEDS_LOGIN = 1 << 2, /* as the listener's auth says */
};

/* --- to connect --------------------------------------------------------------------------- */

/* Whether the peer speaks for others: begins with a PROXY header, or may say XCLIENT and
 * XFORWARD. Who may say XCLIENT may say it again when it has named a client. */
bool access_proxy(const struct peer *p);
bool access_xclient(const struct peer *p);

/* By its network: granted, or ACCESS_NOT_ALLOWED. To be asked again when XCLIENT names another
 * client. */
enum access access_connect(const struct peer *p);

/* Whether the limits of a client hold for the peer: a unix socket, and a peer that may say
 * XCLIENT and has not, may speak for any number of clients. */
bool access_is_one_client(const struct peer *p);

/* One more session of that client: if granted it is counted in l. now: ms, of the loop's
 * clock. */
enum access access_enter(const struct peer *p, struct conn_limit *l, uint64_t now);

/* --- to speak and to log in ----------------------------------------------------------------- */

/* needs: of enum access_need. */
enum access access_command(const struct peer *p, unsigned needs);

/* Whether AUTH is offered and a password may be sent. */
enum access access_login(const struct peer *p);

/* Whether the client's certificate can log in (EXTERNAL). */
bool access_external(const struct peer *p);

/* Whether a login that XCLIENT tells of counts; p->login: what the users file says of it. On a
 * listener with AUTH a name that is not in that file has no restriction of senders, so it is no
 * login. */
bool access_xclient_login(const struct peer *p);

/* --- to send -------------------------------------------------------------------------------- */

/* One more mail of that client, which is counted in l (NULL: no limits). now: as above. */
enum access access_mail(const struct peer *p, struct conn_limit *l, uint64_t now);

/* Whether its line of the users file lets it send as that address: as the reverse-path, and in
 * the From header. "" is the null sender, which every user may have. A quoted local part
 * fits no pattern. */
enum access access_sender(const struct peer *p, const char *reverse_path);
enum access access_author(const struct peer *p, const char *from);

/* Whether mail with that reverse-path is taken of anybody. */
enum access access_null_sender(const struct conf_mail *mail, const char *reverse_path);

/* The name of the route that all mail of the peer takes, as its line of the users file says;
 * NULL: the first that fits. */
const char *access_route(const struct peer *p);

/* --- to be told ----------------------------------------------------------------------------- */

/* The reply to what was not granted; never 2yz. about: the address or the command that is
 * refused. */
struct reply access_reply(enum access a, const char *about);

/* Why a connection is closed, for the log: constant text. */
const char *access_reason(enum access a);

#endif
