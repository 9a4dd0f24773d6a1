/* SPDX-License-Identifier: MIT */
/*
 * The day keys: derived from the SecretKeys in the supervisor, and the only key material
 * that ever reaches a worker.
 *
 * A worker keeps two keys an account. They are those of the days of 12 hours ago and of 12
 * hours ahead: today's is always one of them, tomorrow's is there long before midnight, and
 * yesterday's until noon, for a clock that is ahead of the API's signs with its date.
 */
#ifndef PROCESS_KEYS_H
#define PROCESS_KEYS_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/clock.h"
#include "core/err.h"
#include "process/channel.h"

#include <stdbool.h>
#include <stdint.h>

#define KEYS_DAYS 2

struct keys {
	char dates[KEYS_DAYS][CLOCK_DATE_LEN]; /* UTC; "" at first */
};

/* Moves on to the days for a wall time; true where they changed, so that every worker needs
 * new keys. Works for jumps of the clock in either direction. */
bool keys_rotate(struct keys *k, int64_t wall_s);

/* Derives and sends every account's keys of the current days. -1 where the worker does not
 * take them, or an account has no key that can be used. */
int keys_send(const struct keys *k, const struct conf *conf, struct channel *c,
	struct err *err) MUST_CHECK;

#endif
