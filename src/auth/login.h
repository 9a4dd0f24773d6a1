/* SPDX-License-Identifier: MIT */
/*
 * Whether a client is who he says: names, passwords and certificates against the users file.
 *
 * Hashes are slow by design, so they are computed by a pool of threads, and a client who
 * guesses wrong is kept waiting by a timer: the loop never stands still. A name that is not
 * there takes as long as one that is. A client address with too many failures is not heard
 * for a while.
 */
#ifndef AUTH_LOGIN_H
#define AUTH_LOGIN_H

#include "auth/users.h"
#include "core/attr.h"
#include "core/err.h"
#include "core/loop.h"
#include "smtp/handler.h"

/* Threads, and logins that may wait for one: more are told to come again (454 4.7.0). */
#define LOGIN_THREADS 2
#define LOGIN_NICE    10 /* against the loop, which has to answer somebody */
#define LOGIN_WAITING 256

/* How many of them may be of one client: the rest of the queue is for others. */
#define LOGIN_WAITING_CLIENT 64

/* How long the reply to a failure waits, in ms. */
#define LOGIN_DELAY 1000

/* The time in which failures of a client are counted, in ms. */
#define LOGIN_PERIOD ((uint64_t)10 * 60 * 1000)

struct login;
struct rate;

/* failures: of one client, counted in `rate` of LOGIN_PERIOD, which is borrowed; 0: any number.
 * Nobody can log in before login_use(). NULL where there are no threads. */
struct login *login_new(struct loop *loop, struct rate *rate, unsigned failures,
	struct err *err) MUST_CHECK;

/* Waits for the hashes that are being computed. No client is told: every session is over. */
void login_free(struct login **l);

/* A reference is taken. Logins that are being checked are still checked by the old ones. */
void login_use(struct login *l, struct users *users);

/* Functions for session_config.authenticator; its authenticator_ctx is a struct login. */
extern const struct smtp_authenticator login_authenticator;

#endif
