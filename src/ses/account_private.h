/* SPDX-License-Identifier: MIT */
/* The inside of an account, for account.c and the backend. */
#ifndef SES_ACCOUNT_PRIVATE_H
#define SES_ACCOUNT_PRIVATE_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"
#include "core/loop.h"
#include "ses/account.h"
#include "ses/sign.h"

#include <stdbool.h>
#include <stdint.h>

#define ACCOUNT_KEYS         2
#define ACCOUNT_CONTENT_TYPE "application/json"

struct ses_account {
	const struct conf_account *conf; /* borrowed */
	struct loop *loop;               /* borrowed: its clock */
	char *url;                       /* owned: the endpoint with its path */
	char *host;                      /* owned: the Host header, as sent and signed */
	bool plain;                      /* http, to a loopback address only */
	char *secret_id;                 /* owned */
	char *token;                     /* owned; "" for long-term keys */
	struct sign_key keys[ACCOUNT_KEYS];
	int64_t skew; /* seconds; added to our clock when signing */
};

/* -1 if the endpoint is neither https://HOST[:PORT] nor http:// with a loopback host. */
int ses_account_init(struct ses_account *a, const struct conf_account *conf,
	struct loop *loop, struct err *err) MUST_CHECK;
void ses_account_clear(struct ses_account *a);

/* Signs one call now. *timestamp is the value of X-TC-Timestamp. -1 if there is no key for
 * today (UTC), or the SecretId cannot be signed with. */
int ses_account_sign(const struct ses_account *a, const char *action,
	const char *payload_hex, int64_t *timestamp,
	char authorization[SIGN_AUTHORIZATION_MAX]) MUST_CHECK;

#endif
