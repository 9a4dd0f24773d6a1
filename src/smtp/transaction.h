/* SPDX-License-Identifier: MIT */
/*
 * One mail transaction (RFC 5321 §3.3), from MAIL to the final reply: the envelope, the body
 * as it arrives, the pace of it, the order of the RCPT commands, and who gets which reply.
 *
 *	OPEN -> SUBMITTING -> WAITING -> FINISHED
 *
 * A session has at most one. It does not know its session: it computes the final replies and
 * gives them to the function that the session set. One transaction ends in one of three ways,
 * and each frees it:
 *	transaction_refuse()  the message does not reach the handler;
 *	transaction_submit()  or, later, transaction_finish(): the handler's reply;
 *	transaction_free()    nobody is answered. A handler that has it is told aborted().
 */
#ifndef SMTP_TRANSACTION_H
#define SMTP_TRANSACTION_H

#include "core/attr.h"
#include "core/buf.h"
#include "smtp/dot.h"
#include "smtp/envelope.h"
#include "smtp/pace.h"
#include "smtp/peer.h"
#include "smtp/reply.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smtp_handler;
struct transaction;

enum transaction_state {
	TRANSACTION_OPEN,       /* the client still sends it */
	TRANSACTION_SUBMITTING, /* the handler's message() is on the stack */
	TRANSACTION_WAITING,    /* the handler will answer later */
	TRANSACTION_FINISHED,   /* its replies are being sent */
};

/* A handler that wants to know whether the final reply arrived. */
struct smtp_receipt {
	/* Must not call into the SMTP room. NULL: nobody asks. */
	void (*settle)(void *arg, bool acknowledged);
	void *arg;
};

/* Sets *reply, which holds that for all, to the one for a recipient of the envelope. */
typedef void transaction_reply_of(void *arg, size_t recipient, struct reply *reply);

/* The end of a transaction, as the session gets it. */
struct transaction_end {
	struct transaction *transaction; /* freed once the session's function returns */
	const struct reply *reply;       /* to the whole message */
	struct smtp_receipt receipt;     /* the session's now: it settles it, once */
	bool is_late; /* the handler answered outside of any call into the session */
	/* For transaction_next_reply(): */
	transaction_reply_of *of; /* NULL: all recipients get the same */
	void *arg;
	size_t step, accepted;
	struct reply mildest;
};

/* What BDAT has brought of a message, and the chunk that is being read. */
struct chunk {
	bool begun;  /* a chunk was accepted: DATA and RCPT are too late */
	bool failed; /* the message was refused; what is left of it is read and dropped */
	bool binary; /* taken as it stands; otherwise line ends are mended, as in DATA */
	uint64_t deadline; /* of the whole message; 0 before its first chunk */
	/* Of the one being read: */
	uint64_t left; /* bytes to come */
	bool last;
	bool drop;
	struct reply *reply; /* to it, once it is read; if failed: to all that follow;
	                        NULL if it is not refused; owned */
};

struct transaction {
	const struct peer *peer;  /* borrowed: until the final reply, or aborted() */
	struct envelope envelope; /* the handler may move it out */
	struct buf body;    /* as received, dots unstuffed, line ends CRLF; as above */
	bool per_recipient; /* each recipient gets a reply of its own (LMTP, PRDR) */
	void *handler_data; /* the handler's, to find its work again */

	/* Of smtp/: */
	enum transaction_state state; /* written by set_state() only */
	struct dot dot;
	struct pace pace;
	struct chunk chunk;
	size_t *rcpts; /* if per_recipient: of each accepted RCPT, the recipient; owned */
	size_t n_rcpts, rcpts_cap;
	unsigned rcpts_said; /* RCPT commands, refused ones too */

	const struct smtp_handler *handler; /* borrowed; from SUBMITTING on */
	void *handler_ctx;
	struct smtp_receipt receipt;
	void (*end)(void *arg, struct transaction_end *end);
	void *end_arg;
};

/* peer is borrowed. end(arg) is called once, with the final replies: the transaction is over,
 * and is freed after it; it is not called if transaction_free() comes first. */
struct transaction *transaction_new(const struct peer *peer,
	void (*end)(void *arg, struct transaction_end *end), void *arg) MUST_CHECK;

/* Gives it up. A handler that waits is told aborted(). NULLs the pointer; NULL is allowed.
 * Must not be called from inside message(). */
void transaction_free(struct transaction **t);

/* MAIL was accepted: moves its envelope in. */
void transaction_begin(struct transaction *t, struct envelope *envelope);

/* A RCPT was accepted: its recipient's index in the envelope. */
void transaction_note_rcpt(struct transaction *t, size_t recipient);

struct budget;

/* Makes room for a body of at most max bytes, and asks for some of it at once. 0, or -1 with
 * *reply: 452. */
int transaction_open_body(struct transaction *t, size_t max, struct budget *budget,
	struct reply *reply) MUST_CHECK;

/* The reply if the body could not be kept: error is EMSGSIZE (552) or ENOMEM (452). */
struct reply transaction_refuse_body(size_t max, int error);

/* Ends an OPEN one with this reply, without the handler. */
void transaction_refuse(struct transaction *t, const struct reply *reply);

/* The message is complete: hands it over. The transaction ends at once, unless the handler
 * answers later (smtp/handler.h). */
void transaction_submit(
	struct transaction *t, const struct smtp_handler *handler, void *handler_ctx);

/* The client has closed its sending side: tells a handler that waits. */
void transaction_half_close(struct transaction *t);

/* --- the handler's ------------------------------------------------------------------------ */

/* Answers a transaction for which message() returned 0, and frees it. SMTP sends reply. If
 * it is per_recipient, every accepted RCPT gets a reply of its own, as of() says while this call
 * lasts (RFC 2033 §4.2, draft-hall-prdr-00). of may be NULL: all get the same. */
void transaction_finish(struct transaction *t, const struct reply *reply,
	transaction_reply_of *of, void *arg);

/* Goes with the final reply: before transaction_finish(), or inside message() if it returns 1.
 * At most once. */
void transaction_set_receipt(struct transaction *t, const struct smtp_receipt *receipt);

/* --- the session's ------------------------------------------------------------------------ */

/* The final replies in their order; false after the last. */
bool transaction_next_reply(struct transaction_end *end, struct reply *reply) MUST_CHECK;

#endif
