/* SPDX-License-Identifier: MIT */
/*
 * What the SMTP room asks of the rest of the program. smtp/ knows nothing of mail formats
 * or of the API: it calls these, and gets replies.
 *
 * The asynchronous contract. message() returns
 *	 1  done: *reply is set, the session sends it now;
 *	 0  later: the handler keeps the transaction and answers it exactly once, with
 *	    transaction_finish(), never from inside message() itself;
 *	-1  failed: *reply is set to a 4yz or 5yz, the session sends it now.
 * Until the answer the session is BUSY: its socket is not read. If the client closes its
 * sending side meanwhile, half_closed() is called, once. If the client vanishes, aborted() is
 * called; after it the transaction is freed. After any answer it is freed as well. Work goes on
 * if it cannot be taken back: once a request may have been sent.
 *
 * A reply that was written may still be lost on its way. A handler that wants to know hands
 * over a receipt with it (transaction_set_receipt()). It is settled once, after the reply:
 *	true   the client acknowledged it: its side of the connection has every byte, or it
 *	       went on to the end of another message;
 *	false  the connection ended, and that is not known.
 */
#ifndef SMTP_HANDLER_H
#define SMTP_HANDLER_H

#include "smtp/transaction.h"

struct smtp_handler {
	/* MAIL and RCPT may be refused by policy: 1 accepted, -1 refused with *reply set. */
	int (*mail)(void *ctx, const struct peer *peer, const struct envelope *e,
		struct reply *reply);
	int (*rcpt)(void *ctx, const struct peer *peer, const struct envelope *e,
		const char *recipient, struct reply *reply);
	/* 1 / 0 / -1 as above. The handler may move envelope and body out of t, and keep what
	 * it likes in t->handler_data. */
	int (*message)(void *ctx, struct transaction *t, struct reply *reply);
	void (*aborted)(void *ctx, struct transaction *t);
	/* The client has closed its sending side, at the least: it may wait for the reply still
	 * (Exim does, once QUIT is on its way), or be gone. The work goes on, and is answered,
	 * but nobody may rely on the reply's arrival. May be NULL. */
	void (*half_closed)(void *ctx, struct transaction *t);
};

#endif
