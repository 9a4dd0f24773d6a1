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
#include "smtp/peer.h"
#include "smtp/reply.h"

#include <stdbool.h>
#include <stddef.h>

/* A session that waits for the final reply to a message; opaque to the handler. */
struct smtp_call;

/* A message whose end of data was seen. The handler may move envelope and body out. */
struct smtp_message {
	const struct peer *peer; /* borrowed: until it is answered, or gone() */
	struct envelope envelope;
	struct buf body; /* as received, dots unstuffed, line ends CRLF */
	bool each;       /* the client will learn of each recipient (LMTP, PRDR) */
	struct smtp_call *call;
};

struct smtp_handler {
	/* MAIL and RCPT may be refused by policy: 1 accepted, -1 refused with *reply set. */
	int (*mail)(void *ctx, const struct peer *peer, const struct envelope *e,
		struct reply *reply);
	int (*rcpt)(void *ctx, const struct peer *peer, const struct envelope *e,
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

/* --- the final reply ----------------------------------------------------------------------- */

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
