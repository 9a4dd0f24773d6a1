/* SPDX-License-Identifier: MIT */
/*
 * How long the sessions and the API calls of a worker may go on once it is told to finish.
 *
 * A call must not be cut: the client could not know whether the mail was sent, and would send
 * it again. An upload may be cut: the client keeps the mail. So uploads end first, and a call
 * that began with the last of them has all of `limits.deadline`.
 */
#ifndef PROCESS_DRAIN_TIMES_H
#define PROCESS_DRAIN_TIMES_H

#include "config/conf.h"

#include <stdbool.h>
#include <stdint.h>

/* From the deadline of a delivery to the last byte of its reply, on a machine under load. */
#define DRAIN_CALL_GRACE_MS 5000

struct drain_times {
	uint64_t uploads_ms; /* until what is not a call in flight is cut; 0: at once */
	uint64_t calls_ms;   /* until everything is */
};

/* Old workers after a reload: `shutdown_timeout` for uploads, and for each call that began
 * until then its whole deadline. */
struct drain_times drain_times_reload(const struct conf *conf);

/* A stop within timeout_ms: what the calls do not need of it is for uploads. */
struct drain_times drain_times_stop(const struct conf *conf, uint64_t timeout_ms);

/* The least `shutdown_timeout` with which a stop cuts no call, in ms. */
uint64_t drain_times_needed(const struct conf *conf);

/* Whether a stop may cut a call: `shutdown_timeout` is too short for `limits.deadline`. */
bool drain_times_cut_calls(const struct conf *conf);

#endif
