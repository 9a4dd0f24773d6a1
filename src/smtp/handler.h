/* SPDX-License-Identifier: MIT */
/*
 * What the SMTP room asks of the rest of the program. smtp/ knows nothing of mail formats
 * or of the API: it calls these, and gets replies.
 *
 * The asynchronous contract. message() returns
 *	 1  done: *reply is set, the session sends it now;
 *	 0  later: the handler keeps the call and answers it exactly once, with
 *	    smtp_call_reply(), never from inside message() itself;
 *	-1  failed: *reply is set to a 4yz or 5yz, the session sends it now.
 * Until the answer the session is BUSY and deaf: its socket is not read. Where the client
 * closes its sending side meanwhile, the session calls doubt(job), once. Where the client
 * vanishes while BUSY, it calls gone(job); from then on the handler must not touch the
 * smtp_call again. Work goes on where it cannot be taken back: once a request may have been
 * sent.
 *
 * A reply that was written may still be lost on its way. A handler that wants to know hands
 * over a receipt with it (smtp_call_receipt()). It is settled once, after the reply:
 *	true   the client acknowledged it: its side of the connection has every byte, or it
 *	       went on to the end of another message;
 *	false  the connection ended, and that is not known.
 */
#ifndef SMTP_HANDLER_H
#define SMTP_HANDLER_H

#include "core/attr.h"
#include "core/buf.h"
#include "smtp/envelope.h"
#include "smtp/reply.h"

#include <stdbool.h>
#include <stddef.h>

/* Of a client, that the listener's tls_client_ca vouches for. */
struct smtp_certificate {
	char sha256[65];   /* lower-case hexadecimal, of the whole certificate */
	char subject[256]; /* RFC 4514 */
};

/* Who is at the other end; lives in the session, borrowed by everybody else. There may be ten
 * thousand: what most of them do not have takes no room. */
struct smtp_peer {
	char session_id[24]; /* random, hexadecimal: first in every log line */
	char address[48];    /* "192.0.2.1", "2001:db8::1" */
	unsigned port;
	bool local;               /* by a unix socket, of which address says "unix" */
	char *helo;               /* NULL before EHLO/HELO; the session's */
	const char *listener;     /* its name; borrowed from the configuration */
	char user[256];           /* who logged in; "" for nobody */
	const struct user *login; /* what the users file says of him (auth/users.h); NULL
	                             where it knows nothing of him; while the session lives */
	bool esmtp;
	bool counted; /* as a session of its client (smtp/conn_limit.h) */
	bool lmtp;    /* each recipient gets its own reply */
	bool tls;
	bool tls_in_front; /* not with us, but with the proxy that named the client */
	struct smtp_certificate *certificate; /* NULL: none; the session's */
};

/* A session that waits for the fate of a message; opaque to the handler. */
struct smtp_call;

/* A message whose end of data was seen. The handler may move envelope and body out. */
struct smtp_message {
	const struct smtp_peer *peer; /* borrowed: until it is answered, or gone() */
	struct envelope envelope;
	struct buf body; /* as received, dots unstuffed, line ends CRLF */
	bool each;       /* the client will learn of each recipient (LMTP, PRDR) */
	struct smtp_call *call;
};

struct smtp_handler {
	/* MAIL and RCPT may be refused by policy: 1 accepted, -1 refused with *reply set. */
	int (*mail)(void *ctx, const struct smtp_peer *peer, const struct envelope *e,
		struct reply *reply);
	int (*rcpt)(void *ctx, const struct smtp_peer *peer, const struct envelope *e,
		const char *recipient, struct reply *reply);
	/* 1 / 0 / -1 as above. *job is what gone() will be called with. */
	int (*message)(
		void *ctx, struct smtp_message *m, void **job, struct reply *reply);
	void (*gone)(void *ctx, void *job);
	/* The client has closed its sending side, at the least: it may wait for the reply still
	 * (Exim does, once QUIT is on its way), or be gone. The call goes on, and is answered;
	 * but that the reply arrives must not be believed. May be NULL. */
	void (*doubt)(void *ctx, void *job);
};

/* --- AUTH --------------------------------------------------------------------------------- */

/* Wiped by whoever is done with it. */
struct smtp_credentials {
	const char *mechanism; /* "PLAIN"; constant */
	char user[256];
	char password[512];
	bool external;    /* the client's certificate speaks for it; no password */
	bool for_another; /* asks to act as somebody else */
};

enum smtp_auth_result {
	SMTP_AUTH_OK,
	SMTP_AUTH_WRONG,
	SMTP_AUTH_LATER, /* cannot be checked now */
	SMTP_AUTH_RESULTS
};

struct users;

struct smtp_authenticator {
	/* Answers exactly once, later, with smtp_call_authenticated(), and never from inside.
	 * Returns what gone() will be called with. Copies the credentials; peer is borrowed
	 * until it returns. */
	void *(*check)(void *ctx, const struct smtp_peer *peer,
		const struct smtp_credentials *c, struct smtp_call *call);
	/* The client vanished: the call must not be touched again. */
	void (*gone)(void *ctx, void *job);
	/* The user of that name, with a reference to his users that is the caller's; NULL. */
	const struct user *(*find)(void *ctx, const char *name, struct users **users);
};

/* user: of users; where the result is not OK, for the log only. NULL where there is none. */
void smtp_call_authenticated(struct smtp_call *call, enum smtp_auth_result result,
	struct users *users, const struct user *user);

/* --- the fate of a message ---------------------------------------------------------------- */

/* Answers a call for which message() returned 0; the call is invalid afterwards. */
void smtp_call_reply(struct smtp_call *call, const struct reply *reply);

struct smtp_receipt {
	/* Must not call into the SMTP room. NULL: nobody asks. */
	void (*settle)(void *arg, bool acknowledged);
	void *arg;
};

/* Goes with the reply that comes next: before smtp_call_reply(), or inside message() where it
 * returns 1. At most once a message. */
void smtp_call_receipt(struct smtp_call *call, const struct smtp_receipt *receipt);

/* Sets *reply, which holds that for all, to the one for a recipient of the envelope. */
typedef void smtp_reply_of(void *arg, size_t recipient, struct reply *reply);

/* The same, where recipients may have fared differently: SMTP sends reply; where smtp_message
 * had `each`, every RCPT that was accepted gets one of his own, as of() tells while this call
 * lasts (RFC 2033 §4.2, draft-hall-prdr-00). of may be NULL: all get the same. */
void smtp_call_reply_each(
	struct smtp_call *call, const struct reply *reply, smtp_reply_of *of, void *arg);

#endif
