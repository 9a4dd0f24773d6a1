/* SPDX-License-Identifier: MIT */
/*
 * The inside of a session, for the files of smtp/ that make it up: session.c,
 * command.c and the cmd_*.c. Nobody else includes this.
 */
#ifndef SMTP_SESSION_PRIVATE_H
#define SMTP_SESSION_PRIVATE_H

#include "auth/sasl.h"
#include "auth/users.h"
#include "smtp/dot.h"
#include "smtp/line.h"
#include "smtp/pace.h"
#include "smtp/session.h"

/* Output above which no more input is taken: a client that sends commands and does not
 * read the replies holds this much memory and one reply more. */
#define SESSION_OUTPUT_HIGH (16 * 1024)
#define SESSION_OUTPUT_MAX  (32 * 1024)
/* What a reply may add for each recipient, where each gets one. */
#define SESSION_OUTPUT_RCPT (REPLY_LINE_MAX + 32)

/* How long the last replies may take to go out, in ms. */
#define SESSION_CLOSE_TIMEOUT 10000

struct smtp_call {
	struct session *session; /* lives in it */
};

/* What BDAT has brought of a message, and the chunk that is being read. */
struct chunk {
	bool begun;  /* a chunk was accepted: DATA and RCPT are too late */
	bool failed; /* the message was refused; what is left of it is read and dropped */
	bool binary; /* taken as it stands; otherwise line ends are mended, as in DATA */
	uint64_t deadline; /* of the whole message; 0 before its first chunk */
	/* Of the one being read: */
	enum session_state from; /* where to go back to */
	uint64_t left;           /* bytes to come */
	bool last;
	bool drop;
	struct reply *reply; /* to it, once it is read; where failed: to all that follow;
	                        NULL where it is not refused; owned */
};

struct session {
	const struct session_config *cfg;   /* borrowed */
	const struct conf_listener *policy; /* borrowed: of the listener it came by */
	struct peer peer;
	void (*woken)(void *arg);
	void *woken_arg;

	enum session_state state; /* written by session_set_state() only */
	const char *reason;       /* constant text; NULL until something ends it */
	uint64_t deadline;        /* 0: none runs */
	uint64_t start_by;        /* a login or a mail is due; 0 once one of them came */
	struct sasl *sasl;        /* while AUTH is under way; owned */
	struct users *users;      /* a reference; of peer.login */
	unsigned auth_failures;
	bool secrets; /* AUTH was tried: unknown commands may be passwords */
	bool greeted;
	bool eof;      /* the client has closed its side */
	bool shutdown; /* close as soon as no transaction is under way */

	struct line line;
	struct buf out;

	struct envelope envelope;
	struct dot dot;
	struct pace pace; /* of the message that is on its way */
	struct chunk chunk;
	struct buf body;
	struct smtp_call call;
	void *job;       /* the handler's while BUSY, the authenticator's in VERIFY */
	bool in_handler; /* message() is on the stack */
	struct smtp_receipt receipt; /* of the last message that was answered; owned */

	size_t *rcpts; /* where each is answered: of each RCPT, who in the envelope; owned */
	size_t n_rcpts, rcpts_cap;
	unsigned rcpts_said; /* RCPT commands of the transaction, refused ones too */
	bool mail_refused;   /* the last MAIL was: what came in its group is no mistake */
	bool advances;       /* the command is part of a transaction: it is not idle */

	uint64_t started;
	uint64_t bytes;
	unsigned errors;
	unsigned commands; /* idle ones, since the last message that was accepted */
	unsigned messages;
};

/* The only way to change the state: checks the transition and traces it. */
void session_set_state(struct session *s, enum session_state to);

/* The session counts as one of its client's, or does so no more: when the client changes. */
void session_count(struct session *s);
void session_uncount(struct session *s);

/* 220, with the name of the protocol. */
struct reply session_greeting(const struct session *s);

/* Puts it into the output. */
void session_greet(struct session *s);

/* cmd_helo.c */
void cmd_helo_forget(struct session *s);

/* cmd_starttls.c: whether EHLO tells of STARTTLS. */
bool cmd_starttls_is_offered(const struct session *s);
void cmd_starttls_forget(struct session *s);

/* cmd_auth.c: whether EHLO tells of AUTH. */
bool cmd_auth_is_offered(const struct session *s);
/* The lines of EHLO that tell of AUTH. */
void cmd_auth_announce(const struct session *s, struct reply *r);
void cmd_auth_forget(struct session *s);
/* Takes bytes of a response. */
size_t cmd_auth_input(struct session *s, const char *in, size_t len) MUST_CHECK;

/* Sends a reply, and counts it where it is a failure. */
void session_put(struct session *s, const struct reply *reply);
void session_log_refused(
	const struct session *s, struct span command, const struct reply *reply);

/* The client has all of limits.start_timeout to log in or to begin a mail. */
void session_await_start(struct session *s);

/* Forgets the transaction. READY afterwards, where EHLO was said. */
void session_reset(struct session *s);

/* 421 and close if a shutdown waits and no transaction is under way. */
void session_say_goodbye(struct session *s);

/* final_reply.c: whether each recipient gets its own reply: in LMTP, and if MAIL had PRDR. */
bool session_answers_each(const struct session *s);
/* Notes that a RCPT was accepted. */
void session_note_rcpt(struct session *s, size_t recipient);
/* Answers a message, ends its transaction, and says goodbye where a shutdown waits. In LMTP
 * each RCPT gets the reply. */
void session_finish(struct session *s, const struct reply *reply);

/* Settles the receipt of the last reply, where there is one. */
void session_settle(struct session *s, bool acknowledged);

/* Counts and sends the reply to a command; the log shows what it was. */
void session_answer(struct session *s, struct span command, struct reply *reply);

/* cmd_data.c: takes bytes of a message; at its end calls the handler. */
size_t session_data(struct session *s, const char *in, size_t len) MUST_CHECK;

/* Room for the body, of which some is asked for at once: 0, or -1 with *reply. */
int session_open_body(struct session *s, struct reply *reply) MUST_CHECK;
/* The reply where the body could not be kept: error is EMSGSIZE or ENOMEM. */
struct reply session_refuse_body(const struct session *s, int error);
/* The message is complete: hands it over. From DATA or CHUNK. */
void session_deliver(struct session *s);

/* cmd_bdat.c: as before the first chunk of a message. */
void session_forget_chunks(struct session *s);
/* BDAT was answered with the state CHUNK: ends it at once where it is empty. */
void session_chunk_begun(struct session *s);
/* Takes bytes of a chunk. */
size_t session_chunk(struct session *s, const char *in, size_t len) MUST_CHECK;

#endif
