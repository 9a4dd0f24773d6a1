/* SPDX-License-Identifier: MIT */
/*
 * TC3-HMAC-SHA256, "Signature v3" of the API's common documentation.
 */
#ifndef SES_SIGN_H
#define SES_SIGN_H

#include "core/attr.h"
#include "core/clock.h"
#include "core/digest.h"

#include <stddef.h>
#include <stdint.h>

/* One day's signing key of one account: all that a worker needs. */
struct sign_key {
	char date[CLOCK_DATE_LEN]; /* UTC; "": unset */
	uint8_t key[DIGEST_LEN];   /* secret */
};

/* Derives the key of a date from the SecretKey: kSigning = HMAC(HMAC(HMAC("TC3" + SecretKey,
 * date), service), "tc3_request"). -1 if secret_len is 0 or over 256, or date is none. */
int sign_derive(const void *secret, size_t secret_len, const char date[CLOCK_DATE_LEN],
	const char *service, struct sign_key *key) MUST_CHECK;

struct sign_header {
	const char *name;  /* lower case */
	const char *value; /* as sent; trimmed and lower-cased for the canonical form */
};

struct sign_input {
	const char *secret_id;
	const struct sign_key *key;
	const char *service;               /* "ses" */
	int64_t timestamp;                 /* its UTC date must be key->date */
	const struct sign_header *headers; /* the set to sign, sorted by name */
	size_t n_headers;
	const char *payload_hex; /* SHA-256 of the body, lower-case hex */
};

#define SIGN_AUTHORIZATION_MAX 512

/* Writes the value of the Authorization header. -1 if it does not fit, the key is of
 * another date, a header holds a line end, the headers are not sorted, or secret_id is not
 * a word of printable ASCII without ',' and '/'. */
int sign_authorization(
	const struct sign_input *in, char out[SIGN_AUTHORIZATION_MAX]) MUST_CHECK;

#endif
