/* SPDX-License-Identifier: MIT */
/*
 * One SMTP session: the protocol without any input or output. Bytes go in, replies come
 * out; net/conn moves them, tests and fuzzers call it with arrays.
 *
 * States: GREETING -> HELO -> READY -> MAIL -> RCPT -> DATA -> BUSY -> READY ... CLOSING.
 * A chunk of BDAT is read in CHUNK, which leads back to where it came from, or to BUSY.
 * STARTTLS leads to TLS, and that to HELO; where the listener is all TLS, GREETING does.
 */
#ifndef SMTP_SESSION_H
#define SMTP_SESSION_H

#include "auth/login.h"
#include "config/conf.h"
#include "core/attr.h"
#include "core/budget.h"
#include "core/buf.h"
#include "core/clock.h"
#include "smtp/conn_limit.h"
#include "smtp/handler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum session_state {
	SESSION_GREETING, /* nothing sent yet */
	SESSION_HELO,     /* greeted; waits for EHLO or HELO */
	SESSION_READY,
	SESSION_MAIL, /* has a reverse-path */
	SESSION_RCPT, /* has a recipient */
	SESSION_DATA,
	SESSION_CHUNK,
	SESSION_BUSY,   /* waits for the handler; takes no input */
	SESSION_AUTH,   /* waits for a response of the client */
	SESSION_VERIFY, /* waits for the authenticator; takes no input */
	SESSION_TLS, /* waits for the owner to shake hands; takes no input, sends nothing */
	SESSION_CLOSING, /* sends what is left, then ends */
};

/* What does not change while a worker lives; borrowed by every session. */
struct session_config {
	const char *hostname;
	const struct conf_limits *limits; /* borrowed */
	struct conn_limit
		*clients; /* the session counts there; borrowed; NULL: it does not */
	const struct clock *clock;
	struct budget *budget; /* of all bodies; may be NULL */
	const struct smtp_handler *handler;
	void *handler_ctx;
	const struct authenticator *authenticator; /* NULL where no listener has AUTH */
	void *authenticator_ctx;
};

struct session;

/* cfg and the listener's policy are borrowed; peer is copied (session_id must be
 * filled). output_ready(arg) is called when a reply came from the handler, outside of any call
 * into the session: the owner then looks for output, and for whether input is wanted again. */
struct session *session_new(const struct session_config *cfg,
	const struct conf_listener *policy, const struct peer *peer,
	void (*output_ready)(void *arg), void *arg) MUST_CHECK;

/* Tells the handler that the client is gone where it is BUSY. NULLs the pointer. Must not
 * be called from inside output_ready() or a function of the handler. */
void session_free(struct session **s);

/* Puts the greeting into the output. */
void session_start(struct session *s);

/* Takes bytes; returns how many it took: fewer than len when it paused or is closing. The rest
 * is given again when it wants input: it pauses while BUSY, and while the replies
 * that are not sent yet have passed a limit. */
size_t session_input(struct session *s, const void *bytes, size_t len);

/* The client closed its side: nothing more will come. A message without its end is dropped, and
 * the session is closing; but where it is BUSY the reply is due still, and the handler is
 * told that it may not arrive. Again, it does nothing. */
void session_eof(struct session *s);

/* The connection is broken: nothing can be sent either. Where BUSY the handler is told. */
void session_gone(struct session *s);

/* Bytes to send; the owner consumes them. Borrowed. */
struct buf *session_output(struct session *s);

/* Somebody wants to know whether the client has the last message's reply. Once all output
 * was handed to the kernel the owner looks, and says so with session_acknowledged(); a
 * session that is freed first did not learn it. */
bool session_awaits_ack(const struct session *s);
void session_acknowledged(struct session *s);
/* It could not be written. */
void session_lose_reply(struct session *s);
/* The owner takes that over: what it got it settles, once. */
struct smtp_receipt session_take_receipt(struct session *s);

bool session_wants_input(const struct session *s);
/* In the middle of a message, or of a line, with nothing to say: the client has to send. */
bool session_awaits_rest(const struct session *s);
/* Waits for the handler or the authenticator: the owner watches for the client's end, and reads nothing. */
bool session_busy(const struct session *s);
/* Close the connection once the output is sent. */
bool session_closing(const struct session *s);

/* When session_expire() is due, in clock_mono_ms() time; 0 while no deadline runs (BUSY).
 * The deadline is absolute: more bytes do not move it. While closing it is the time when
 * unsent output is given up. */
uint64_t session_deadline(const struct session *s);
/* Does nothing where the deadline is not reached yet. */
void session_expire(struct session *s);

/* From MAIL to the final reply, and while a login is being checked: a shutdown waits. */
bool session_in_transaction(const struct session *s);

/* The server goes down: 421 4.3.2 and close (RFC 5321 §3.8) as soon as no transaction is
 * under way: now, or after the final reply to it, or after the RSET that gives it up. */
void session_shutdown(struct session *s);

/* The same at once: a transaction whose message has not come whole is given up. A busy session
 * still gets its reply first. */
void session_cut(struct session *s);

/*
 * TLS is the owner's: the session only says when. From the moment in which it wants it
 * (after the 220 of STARTTLS, or at once), the owner shakes hands, gives it no byte of clear
 * text any more, and sends none; then it calls one of the other two, once.
 */
bool session_wants_tls(const struct session *s);
/* The client has to greet anew; on a listener that is all TLS it is greeted first. */
void session_secured(struct session *s, const struct tls_info *info);
/* why: for the log. The session is closing afterwards, with nothing to send. */
void session_not_secured(struct session *s, const char *why);

enum session_state session_state(const struct session *s);
const char *session_state_name(enum session_state state);
const struct peer *session_peer(const struct session *s);
/* Why it ended: "quit", "timeout", "eof", "errors", ... for the log. */
const char *session_reason(const struct session *s);

#endif
