/* SPDX-License-Identifier: MIT */
/*
 * The verb table: which verbs there are, when they may come, who carries them out. The
 * table alone decides about sequence; a handler never does.
 */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include "core/attr.h"
#include "core/str.h"
#include "smtp/reply.h"

#include <stdbool.h>

struct session;

enum verb_flag {
	VERB_LAST = 1 << 0, /* must end a group of pipelined commands (RFC 2920 §3.1) */
	VERB_NO_ARGS = 1 << 1, /* takes none */
	VERB_ABSENT = 1 << 2,  /* known, but not offered: 502 */
	VERB_PAYLOAD = 1 << 3, /* bytes follow that are no commands: close when refused;
	                          only for clients that EHLO told of it */
	VERB_FOREIGN =
		1 << 4, /* another protocol's: 421 and close (cross-protocol attacks) */
	VERB_SECRET = 1 << 5,   /* its arguments are never logged */
	VERB_SMTP = 1 << 6,     /* not in LMTP */
	VERB_LMTP = 1 << 7,     /* in LMTP only */
	VERB_TRUSTED = 1 << 8,  /* from peers of the listener's xclient only */
	VERB_CLEAR = 1 << 9,    /* may come in clear text if tls is required */
	VERB_ANYBODY = 1 << 10, /* may come before the login that is required */
};

struct verb {
	const char *name;
	unsigned states; /* SESSION_IN() of the states in which it may come */
	unsigned flags;
	const char *before; /* for 503: what has to come first */
	struct reply (*run)(struct session *s, struct span args);
	bool (*offered)(const struct session *s); /* by the listener; NULL: always */
	/* In place of run(), if the reply may come later: 1: *reply is set; 0: the verb gives
	 * its reply with session_answer(). NULL: run(). */
	int (*run_later)(struct session *s, struct span args, struct reply *reply);
};

/* Whether the client may say a verb of the table here, as the listener, TLS and a login stand;
 * the state of the session does not matter. */
bool command_offers(const struct session *s, const char *verb);

/* The names of all verbs that are offered, separated by blanks. */
#define VERBS_LEN 256
void command_list(const struct session *s, char text[VERBS_LEN]);

/* NULL if no verb has that name (ASCII case ignored). */
const struct verb *command_find(struct span name);

/* Splits a line at its first blank; trailing blanks are dropped (RFC 5321 §4.1.1). */
void command_split(struct span line, struct span *name, struct span *args);

/* Whether the line, spoiled or cut as it may be, is a verb that has a payload. */
bool command_has_payload(struct span line);

/* Carries out one command line. more: bytes after it are here already. 1: *reply is set; 0: the
 * reply comes later. */
int command_run(
	struct session *s, struct span line, bool more, struct reply *reply) MUST_CHECK;

/* cmd_helo.c */
struct reply cmd_ehlo(struct session *s, struct span args);
struct reply cmd_helo(struct session *s, struct span args);
/* cmd_mail.c, cmd_rcpt.c, cmd_data.c */
struct reply cmd_mail(struct session *s, struct span args);
struct reply cmd_rcpt(struct session *s, struct span args);
struct reply cmd_data(struct session *s, struct span args);
/* cmd_bdat.c: 0: the chunk follows, and its reply after it; 1: a refusal, and the session ends. */
int cmd_bdat(struct session *s, struct span args, struct reply *reply);
/* cmd_misc.c */
struct reply cmd_rset(struct session *s, struct span args);
struct reply cmd_noop(struct session *s, struct span args);
struct reply cmd_vrfy(struct session *s, struct span args);
struct reply cmd_help(struct session *s, struct span args);
/* cmd_auth.c: 0: the password is being checked. */
int cmd_auth(struct session *s, struct span args, struct reply *reply);
/* cmd_starttls.c */
struct reply cmd_starttls(struct session *s, struct span args);
/* cmd_xclient.c */
struct reply cmd_xclient(struct session *s, struct span args);
struct reply cmd_xforward(struct session *s, struct span args);
struct reply cmd_quit(struct session *s, struct span args);

#endif
