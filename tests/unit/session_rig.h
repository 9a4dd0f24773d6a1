/* SPDX-License-Identifier: MIT */
/* For tests of smtp/session: one session on a frozen clock, and a handler that does as it is
 * told. */
#ifndef TESTS_UNIT_SESSION_RIG_H
#define TESTS_UNIT_SESSION_RIG_H

#include "auth/users.h"
#include "core/str.h"
#include "smtp/session.h"

struct fake {
	int verdict;        /* what message() returns */
	struct reply reply; /* with 1 and -1 */
	bool refuse_mail, refuse_rcpt;
	struct transaction *transaction; /* that waits */
	unsigned messages, aborted, half_closed;
	bool per_recipient;       /* the last message had it */
	struct envelope envelope; /* of the last message */
	struct buf body;
};

struct fake_auth {
	struct users *users; /* rig_users() */
	login_done *done;    /* of the login that waits; NULL: none does */
	void *arg;
	struct credentials credentials; /* of the last login */
	char address[48], cert_sha256[65];
	unsigned checks, gone;
};

struct rig {
	char address[48];  /* of the client, for rig_open_again(); "": 192.0.2.1 */
	bool tls_in_front; /* for rig_open_again() as well */
	struct clock clock;
	struct budget budget;
	struct conf_limits limits; /* of cfg */
	struct session_config cfg;
	struct conf_listener policy; /* zeroed: nothing special */
	struct fake fake;
	struct fake_auth auth;
	struct session *session;
	unsigned output_ready;
};

void rig_init(struct rig *r);
/* The same on a listener with this policy; copied. */
void rig_init_with(struct rig *r, const struct conf_listener *policy);
/* Also checks that no memory of the budget is left in use. */
void rig_free(struct rig *r);
/* Another session, after a change of cfg; the greeting is in its output. */
void rig_open_again(struct rig *r);

/* Who may log in: the text of a users file. */
void rig_users(struct rig *r, const char *text);
/* Answers the login that waits; user: a name, or NULL. */
void rig_authenticate(struct rig *r, enum login_result result, const char *user);

/* Takes the output and writes its replies as "250 2.1.0, 354, 250 2.0.0 CLOSED". */
void rig_replies(struct rig *r, char *text, size_t cap);

/* Gives all bytes, cut into pieces; returns how many were taken. */
size_t rig_give(struct rig *r, struct span in, size_t piece);

/* Gives in as one piece, and compares the replies. */
void rig_expect(struct rig *r, const char *in, const char *want);

/* Discards the log; for main(). */
void rig_quiet(void);

#define EHLO     "EHLO client.example.com\r\n"
#define MAIL     "MAIL FROM:<s@example.com>\r\n"
#define RCPT     "RCPT TO:<r@example.com>\r\n"
#define ENVELOPE MAIL RCPT

#endif
