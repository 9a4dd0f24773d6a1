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
#include "ses/account.h"
#include "ses/outcome.h"
#include "ses/request.h"

struct backend;

/* conf is borrowed and outlives the backend. -1 if libcurl fails or the system's CAs cannot be
 * read: a gateway that cannot verify the API must not start. The process must ignore SIGPIPE,
 * or a TLS connection that the API resets would end it. */
int backend_new(struct loop *loop, const struct conf *conf, struct backend **b,
	struct err *err) MUST_CHECK;
/* Calls still in flight are dropped without their done(). */
void backend_free(struct backend **b);

/* The content of the account's ca_file (copied), which the process may not be able to read:
 * used by the calls that begin from then on. -1 if it holds no PEM certificate: nothing
 * changes then. Until it is given, libcurl reads ca_file itself. */
int backend_use_ca(
	struct backend *b, size_t index, struct span pem, struct err *err) MUST_CHECK;

/* Borrowed; NULL if there is none of that name. */
struct ses_account *backend_account(struct backend *b, const char *name);
/* By the index in conf->accounts. */
struct ses_account *backend_account_at(struct backend *b, size_t index);

/* Called once, from the loop, never from inside backend_send(). result is borrowed. */
typedef void backend_done(void *arg, const struct ses_result *result);

struct backend_call;

/* No call goes out with less time than this, or than half of limits.call_timeout if that is
 * less: it ends as "not sent" (Transport.NotSent). */
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
