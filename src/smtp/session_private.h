/* SPDX-License-Identifier: MIT */
/*
 * The inside of a session, for the files of smtp/ that make it up: session.c,
 * session_input.c, command.c, mistakes.c and the cmd_*.c. Nobody else includes this.
 */
#ifndef SMTP_SESSION_PRIVATE_H
#define SMTP_SESSION_PRIVATE_H

#include "auth/sasl.h"
#include "auth/users.h"
#include "smtp/line.h"
#include "smtp/session.h"
#include "smtp/transaction.h"

/* Output above which no more input is taken: a client that sends commands and does not
 * read the replies holds this much memory and one reply more. */
#define SESSION_OUTPUT_HIGH (16 * 1024)
#define SESSION_OUTPUT_MAX  (32 * 1024)
/* What a reply may add for each recipient, where each gets one. */
#define SESSION_OUTPUT_RCPT (REPLY_LINE_MAX + 32)

/* How long the last replies may take to go out, in ms. */
#define SESSION_CLOSE_TIMEOUT 10000

/* A set of states. */
#define SESSION_IN(state) (1u << (state))

struct session {
	const struct session_config *cfg; /* borrowed */
	struct peer peer;
	void (*output_ready)(void *arg);
	void *output_ready_arg;

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

	struct transaction *transaction; /* owned; NULL: none is under way */
	enum session_state chunk_from;   /* where CHUNK leads back to */
	void *job;                       /* the authenticator's in VERIFY */
	struct smtp_receipt receipt; /* of the last message that was answered; owned */
	bool mail_refused; /* the last MAIL was: what came in its group is no mistake */
	bool advances;     /* the command is part of a transaction: it is not idle */

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

/* The transaction; begun if there is none. Borrowed. */
struct transaction *session_transaction(struct session *s) MUST_CHECK;
/* Gives the transaction up. READY afterwards, if EHLO was said. */
void session_reset(struct session *s);

/* 421 and close if a shutdown waits and no transaction is under way. */
void session_say_goodbye(struct session *s);

/* Settles the receipt of the last reply, where there is one. */
void session_settle(struct session *s, bool acknowledged);

/* Counts and sends the reply to a command; the log shows what it was. */
void session_answer(struct session *s, struct span command, struct reply *reply);

/* cmd_data.c: takes bytes of a message; at its end calls the handler. */
size_t cmd_data_input(struct session *s, const char *in, size_t len) MUST_CHECK;

/* The message is complete: hands it over. From DATA or CHUNK. */
void cmd_data_submit(struct session *s);

/* cmd_bdat.c: ends the chunk that was begun at once if it is empty. */
void cmd_bdat_begun(struct session *s);
/* Takes bytes of a chunk. */
size_t cmd_bdat_input(struct session *s, const char *in, size_t len) MUST_CHECK;

#endif
