/* SPDX-License-Identifier: MIT */
/*
 * What a client asks of reports about its mail (RFC 3461): RET and ENVID of MAIL, NOTIFY and
 * ORCPT of RCPT.
 */
#ifndef SMTP_DSN_H
#define SMTP_DSN_H

#include "core/attr.h"
#include "core/str.h"

#include <stdbool.h>

#define DSN_ENVID_MAX 100 /* bytes, as sent (RFC 3461 §4.4) */
#define DSN_ORCPT_MAX 500 /* (§4.2) */

enum dsn_ret { DSN_RET_UNSAID, DSN_RET_FULL, DSN_RET_HDRS };

/* A set; empty where NOTIFY was not said. */
enum dsn_notify {
	DSN_NEVER = 1 << 0,
	DSN_SUCCESS = 1 << 1,
	DSN_FAILURE = 1 << 2,
	DSN_DELAY = 1 << 3,
};

/* "FULL" or "HDRS". Here and below: false where the syntax is wrong, or there is no value. */
bool dsn_parse_ret(struct span value, enum dsn_ret *ret) MUST_CHECK;

/* xtext; *envid becomes what was sent, and is the caller's. */
bool dsn_parse_envid(struct span value, char **envid) MUST_CHECK;

/* "NEVER", or some of "SUCCESS,FAILURE,DELAY", each once. */
bool dsn_parse_notify(struct span value, unsigned *notify) MUST_CHECK;

/* "TYPE;xtext"; *orcpt becomes what was sent, and is the caller's. */
bool dsn_parse_orcpt(struct span value, char **orcpt) MUST_CHECK;

/* "SUCCESS,DELAY", for the log; "" for the empty set. */
#define DSN_NOTIFY_LEN 32
void dsn_format_notify(unsigned notify, char out[DSN_NOTIFY_LEN]);

#endif
