/* SPDX-License-Identifier: MIT */
/*
 * Which call of a message is next, and when: order, retry and deadline, as doc/delivery.md,
 * "How calls follow each other", describes them.
 *
 * The schedule begins nothing, sets no timer and reads no clock. It is told the time and what
 * came of each call, and returns the next step as a value; delivery.c takes that step. No other
 * file changes the state of a call.
 */
#ifndef DELIVERY_SCHEDULE_H
#define DELIVERY_SCHEDULE_H

#include "ses/backend.h"

#include <stdint.h>

struct delivery;
struct delivery_call;

enum call_state {
	CALL_OPEN,      /* to be begun */
	CALL_IN_FLIGHT, /* begun, and not over */
	CALL_SIGN_AGAIN, /* refused for our clock: to be begun again by schedule_at_once() */
	CALL_AGAIN,      /* was not sent: to be begun again after a pause */
	CALL_SETTLED,    /* result and outcome are final */
};

/* Calls of one message that may be in flight at a time, once one was answered. */
#define SCHEDULE_PARALLEL 8
/* No call is begun with less time than this before the deadline. */
#define SCHEDULE_CALL_MIN_MS BACKEND_CALL_MIN_MS

enum schedule_action {
	SCHEDULE_CALL, /* begin `call`, which may take `ms`; then ask again */
	SCHEDULE_WAIT, /* nothing before `ms` are over: then schedule_resume(), and ask again */
	SCHEDULE_BUSY,   /* nothing before a call in flight is over */
	SCHEDULE_FINISH, /* every call is settled */
};

struct schedule_step {
	enum schedule_action action;
	struct delivery_call *call; /* borrowed; counts as in flight from now on */
	uint64_t ms;                /* of a call: 0 if no time is left for it */
};

/* The next step, `now` (loop_now_ms()). Settles what no time is left for as "not sent". */
struct schedule_step schedule_next(struct delivery *d, uint64_t now);

/* The step that begins `c` before all others, however little time is left: the first call, so
 * that a delivery never ends before delivery_start() has returned; or one that is
 * CALL_SIGN_AGAIN. */
struct schedule_step schedule_at_once(struct delivery_call *c, uint64_t now);

/* A call in flight ended with `result` (copied). Sets the call's result, outcome and state, and
 * settles those that would be refused as it was. */
void schedule_note(
	struct delivery_call *c, const struct ses_result *result, uint64_t now);

/* The pause of a SCHEDULE_WAIT is over. */
void schedule_resume(struct delivery *d);

#endif
