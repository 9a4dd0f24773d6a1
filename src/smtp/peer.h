/* SPDX-License-Identifier: MIT */
/*
 * What is known of the client of a session. Most decisions are made by it (smtp/access.h).
 */
#ifndef SMTP_PEER_H
#define SMTP_PEER_H

#include <stdbool.h>

struct conf_listener;
struct user; /* auth/users.h */

/* Of a client certificate that the listener's tls_client_ca vouches for. */
struct peer_certificate {
	char sha256[65];   /* lower-case hexadecimal, of the whole certificate */
	char subject[256]; /* RFC 4514 */
};

/* What a handshake that is complete has shown. A text that is not known is "". */
struct tls_info {
	char version[12]; /* "TLSv1.3" */
	char cipher[48];
	char server_name[256]; /* SNI, as the client wrote it, made printable */
	bool resumed;
	struct peer_certificate certificate; /* sha256 is "" without one that counts */
	const char *cert_error; /* why a client certificate does not count; NULL */
};

/* The client; it lives in the session, and everybody else borrows it. There may be ten
 * thousand: what most of them do not have takes no room. */
struct peer {
	char session_id[24]; /* random, hexadecimal: first in every log line */
	char address[48];    /* "192.0.2.1", "2001:db8::1" */
	unsigned port;
	bool local;      /* by a unix socket; the address is "unix" then */
	bool by_xclient; /* the peer at the other end has named it */
	char *helo;      /* NULL before EHLO/HELO; the session's */
	const struct conf_listener *listener; /* it came by; borrowed */
	char user[256];                       /* the name of the login; "" without one */
	const struct user *login; /* its line of the users file; NULL if that has none;
	                             lives as long as the session */
	bool esmtp;
	bool counted; /* as a session of its client (smtp/conn_limit.h) */
	bool lmtp;    /* each recipient gets its own reply */
	bool tls;
	bool tls_in_front; /* between the client and the proxy that named it, not with us */
	struct peer_certificate *certificate; /* NULL: none; the session's */
};

#endif
