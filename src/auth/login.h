/* SPDX-License-Identifier: MIT */
/*
 * Checks names, passwords and certificates against the users file.
 *
 * Hashes are slow by design, so a pool of threads computes them, and the reply to a wrong guess
 * is delayed by a timer: the loop never stands still. A name that does not exist takes as long
 * as one that does. A client address with too many failures is refused for a while.
 */
#ifndef AUTH_LOGIN_H
#define AUTH_LOGIN_H

#include "auth/users.h"
#include "core/attr.h"
#include "core/err.h"
#include "core/loop.h"

#include <stdbool.h>

/* Threads, and logins that may wait for one: any more are put off (LOGIN_LATER). */
#define LOGIN_THREADS 2
#define LOGIN_NICE    10 /* against the loop, which has other clients to answer */
#define LOGIN_WAITING 256

/* How many of them may be of one client: the rest of the queue is for others. */
#define LOGIN_WAITING_CLIENT 64

/* How long the reply to a failure waits, in ms. */
#define LOGIN_DELAY 1000

/* The time in which failures of a client are counted, in ms. */
#define LOGIN_PERIOD ((uint64_t)10 * 60 * 1000)

/* Whoever is done with them wipes them. */
struct credentials {
	const char *mechanism; /* "PLAIN"; constant */
	char user[256];
	char password[512];
	bool external;    /* the client's certificate speaks for it; no password */
	bool for_another; /* asks to act as another user */
};

enum login_result {
	LOGIN_OK,
	LOGIN_WRONG,
	LOGIN_LATER, /* cannot be checked now */
	LOGIN_RESULTS
};

/* user: of users; if the result is not OK, for the log only. NULL if there is none. */
typedef void login_done(void *arg, enum login_result result, struct users *users,
	const struct user *user);

struct login_request {
	const struct credentials *credentials;
	const char *address;                    /* of the client */
	const char *cert_sha256, *cert_subject; /* of its certificate; "" without one */
	login_done *done;
	void *arg; /* of done() */
};

/* What a session asks; tests have one of their own. */
struct authenticator {
	/* Calls done() exactly once, later, and never from inside. Returns what cancel() is
	 * called with. Copies the request, and what it points to. */
	void *(*check)(void *ctx, const struct login_request *request);
	/* The client is gone: done() is not called. */
	void (*cancel)(void *ctx, void *job);
	/* The user of that name, with a reference to its users, which is the caller's; NULL. */
	const struct user *(*find)(void *ctx, const char *name, struct users **users);
};

struct login;
struct rate;

/* failures: of one client, counted in `rate` of LOGIN_PERIOD, which is borrowed; 0: any number.
 * Nobody can log in before login_use(). NULL if there are no threads. */
struct login *login_new(struct loop *loop, struct rate *rate, unsigned failures,
	struct err *err) MUST_CHECK;

/* Waits for the hashes that are being computed. done() is not called: all sessions have
 * ended. */
void login_free(struct login **l);

/* Takes a reference. Logins that are being checked are still checked against the old users. */
void login_use(struct login *l, struct users *users);

/* For session_config.authenticator; its authenticator_ctx is a struct login. */
extern const struct authenticator login_authenticator;

#endif
