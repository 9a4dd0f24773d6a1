/* SPDX-License-Identifier: MIT */
/*
 * Verifies TC3-HMAC-SHA256 ("Signature v3" of the API's common documentation), with code
 * that shares nothing with any client's.
 */
#ifndef SANDBOX_TC3_H
#define SANDBOX_TC3_H

#include "sandbox/api_error.h"
#include "sandbox/http_head.h"

#include <stddef.h>
#include <stdint.h>

/* Seconds that a timestamp may be off (X-TC-Timestamp, AuthFailure.SignatureExpire). */
#define TC3_SKEW 300

struct tc3_key {
	const char *secret_id;
	const char *secret_key;
	const char *token;   /* "" for a long-term key: then none may be sent */
	const char *service; /* of the credential scope: "ses" */
};

/* How the signature was checked, for people who look for their mistake. */
struct tc3_trace {
	char *canonical_request; /* owned; NULL where it was not come so far */
	char *string_to_sign;    /* owned */
	char expected[65];       /* the right signature; "" likewise */
};

/*
 * Verifies the Authorization of a request with this head and body at this time. 0, or -1
 * with AuthFailure.* or MissingParameter in err. trace may be NULL; tc3_trace_clear() it.
 */
int tc3_verify(const struct http_head *head, const char *body, size_t body_len,
	const struct tc3_key *key, int64_t now, struct tc3_trace *trace,
	struct api_error *err) MUST_CHECK;

void tc3_trace_clear(struct tc3_trace *trace);

#endif
