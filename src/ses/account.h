/* SPDX-License-Identifier: MIT */
/*
 * An account as a worker knows it: where to call, under which SecretId, the signing keys of
 * two days, and how far its clock is from the API's; never the SecretKey.
 */
#ifndef SES_ACCOUNT_H
#define SES_ACCOUNT_H

#include "ses/sign.h"

#include <stdbool.h>
#include <stdint.h>

struct ses_account; /* see backend_account() */

const char *ses_account_name(const struct ses_account *a);

/* Takes a day's key (copied) in place of the one of the same day, else of the older of the
 * two kept. secret_id and token may be NULL: unchanged. Another secret_id deletes the keys
 * kept so far, which do not fit it. */
void ses_account_set_key(struct ses_account *a, const struct sign_key *key,
	const char *secret_id, const char *token);

/* Whether there is a key to sign with at that time (seconds since 1970). */
bool ses_account_can_sign_at(const struct ses_account *a, int64_t time);

/* Adds a skew to our clock when signing, so that it agrees with the Date header of an answer
 * (ses_result.date). Unchanged if date is 0 or there is no key for it: every later call would
 * end before it begins, and the skew never be learned again. Returns the skew, seconds. */
int64_t ses_account_learn_skew(struct ses_account *a, int64_t date);

#endif
