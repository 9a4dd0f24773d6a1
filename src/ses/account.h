/* SPDX-License-Identifier: MIT */
/*
 * What a worker knows of an account: where to call, as whom, the signing keys of two days,
 * and how far its clock is from the API's. For the backend; others see backend.h.
 */
#ifndef SES_ACCOUNT_H
#define SES_ACCOUNT_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"
#include "core/loop.h"
#include "ses/backend.h"
#include "ses/sign.h"

#include <stdbool.h>
#include <stdint.h>

#define ACCOUNT_KEYS         2
#define ACCOUNT_CONTENT_TYPE "application/json"

struct ses_account {
	const struct conf_account *conf; /* borrowed */
	struct loop *loop;               /* borrowed: its clock */
	char *url;                       /* owned: the endpoint with its path */
	char *host;                      /* owned: Host header, as sent and signed */
	bool plain;                      /* http, to a loopback address only */
	char *secret_id;                 /* owned */
	char *token;                     /* owned; "" for long-term keys */
	struct sign_key keys[ACCOUNT_KEYS];
	int64_t skew;
};

/* -1 where the endpoint is none: https://HOST[:PORT], or http:// with a loopback one. */
int account_init(struct ses_account *a, const struct conf_account *conf,
	struct loop *loop, struct err *err) MUST_CHECK;
void account_clear(struct ses_account *a);

/* Signs one call now. *timestamp is what X-TC-Timestamp must say. -1 where there is no key
 * for today, UTC, or the SecretId cannot be signed with. */
int account_sign(const struct ses_account *a, const char *action, const char *payload_hex,
	int64_t *timestamp, char authorization[SIGN_AUTHORIZATION_MAX]) MUST_CHECK;

#endif
