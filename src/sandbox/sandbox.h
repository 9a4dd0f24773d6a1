/* SPDX-License-Identifier: MIT */
/*
 * The context that everything of one sandbox hangs on.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "sandbox/fault.h"
#include "sandbox/journal.h"
#include "sandbox/mailstore.h"
#include "sandbox/options.h"
#include "sandbox/reqlog.h"
#include "sandbox/template.h"

#include <jansson.h>

#include <stdint.h>

#define SANDBOX_ACTIONS 6

/* Calls of one action in one second. */
struct rate {
	int64_t second;
	int64_t calls;
};

struct counters {
	uint64_t connections;
	uint64_t requests; /* of the API, refused and broken ones included */
	uint64_t accepted; /* mails */
	uint64_t refused;  /* requests answered with an error code */
	uint64_t faults;   /* scripted or magic ones that happened */
};

struct sandbox {
	const struct options *opt;   /* borrowed */
	struct templates *templates; /* owned */
	struct mailstore store;
	struct journal journal;
	struct faults faults;
	struct reqlog log;
	struct counters counters;
	json_t *by_code; /* code -> how often it was answered; owned */
	struct rate rates[SANDBOX_ACTIONS];
	int64_t quota_day; /* days since 1970, UTC+8 */
	int64_t quota_used;
};

/* -1: *why, the caller's, says which file cannot be read or written. sandbox_clear() in any
 * case. opt is borrowed. */
int sandbox_init(struct sandbox *sb, const struct options *opt, char **why) MUST_CHECK;
void sandbox_clear(struct sandbox *sb);

/* The sandbox's clock: the machine's and --clock-offset. */
int64_t sandbox_now(const struct sandbox *sb);

/* The hooks of the HTTP server; sb is the argument of all. */
void sandbox_hooks(struct sandbox *sb, struct http_hooks *hooks);

#endif
