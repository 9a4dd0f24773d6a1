/* SPDX-License-Identifier: MIT */
/*
 * Calls to the API: libcurl's multi interface on the worker's loop, with kept connections
 * and without libcurl's silent second send.
 */
#ifndef SES_BACKEND_H
#define SES_BACKEND_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"
#include "core/loop.h"
#include "ses/outcome.h"
#include "ses/request.h"
#include "ses/sign.h"

struct backend;

/* An account as a worker knows it: where to call, as whom, and the keys of today and
 * tomorrow; never the SecretKey. */
struct ses_account;

/* conf is borrowed and outlives the backend. -1 where libcurl fails or the system's CAs
 * cannot be read: a gateway that cannot verify the API must not start. The process ignores SIGPIPE,
 * or a TLS connection that the API resets would end it. */
int backend_new(struct loop *loop, const struct conf *conf, struct backend **b,
	struct err *err) MUST_CHECK;
/* Calls still in flight are dropped without their done(). */
void backend_free(struct backend **b);

/* The content of the account's ca_file (copied), which the process may not be able to read:
 * in force for the calls that begin then, and for their connections. -1 where it holds no PEM
 * certificate: what was in force stays. Until it is given, libcurl reads ca_file itself. */
int backend_use_ca(
	struct backend *b, size_t index, struct span pem, struct err *err) MUST_CHECK;

/* Borrowed; NULL where there is none of that name. */
struct ses_account *backend_account(struct backend *b, const char *name);
/* By the index in conf->accounts. */
struct ses_account *backend_account_at(struct backend *b, size_t index);

/* Takes a day's key (copied); the one of the same day, else the older of the two kept is
 * overwritten. token and secret_id may be NULL: unchanged. Another secret_id makes the keys
 * kept so far useless: they go. */
void ses_account_set_key(struct ses_account *a, const struct sign_key *key,
	const char *secret_id, const char *token);
const char *ses_account_name(const struct ses_account *a);
/* Adds to our clock when signing: learned from an answer's Date. Seconds. */
void ses_account_set_skew(struct ses_account *a, int64_t seconds);
/* Whether there is a key to sign with at that time (seconds since 1970). Where there is
 * none, a skew that leads there would end every later call before it begins, and so never
 * be learned anew. */
bool ses_account_can_sign_at(const struct ses_account *a, int64_t time);
int64_t ses_account_skew(const struct ses_account *a);
/* Sets it so that our clock says what the answer's Date header said (ses_result.date; 0:
 * unchanged, as where there is no key for it). Returns the skew in force. */
int64_t ses_account_learn_skew(struct ses_account *a, int64_t date);

/* Called once, from the loop, never from inside backend_send(). result is borrowed. */
typedef void backend_done(void *arg, const struct ses_result *result);

struct backend_call;

/* No call goes out with less time than this, or than half of limits.call_timeout where that
 * is less: it ends as "not sent" (Transport.NotSent). */
#define BACKEND_CALL_MIN_MS 1000

/*
 * Signs and sends. The request is borrowed until done() is called, which may free it, or
 * until backend_call_drop(). timeout_ms (0: too late) bounds the whole call, including the
 * wait for one of the account's connections. If signing is impossible (no key for today) the
 * result is "not sent" with code "Transport.NoKey". Never NULL; the call is freed when done()
 * returns.
 *
 * done() may begin other calls, but not free the backend. "Not sent" means that the API
 * cannot have accepted the request: no connection was made, or it broke before the whole body
 * was written to it. The backend never sends a request a second time.
 */
struct backend_call *backend_send(struct ses_account *a, struct ses_request *request,
	uint64_t timeout_ms, backend_done *done, void *arg);

/* Forgets the call without done() and closes its connection: only for shutdown past the
 * deadline. *call becomes NULL. */
void backend_call_drop(struct backend_call **call);

#endif
