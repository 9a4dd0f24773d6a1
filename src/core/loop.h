/* SPDX-License-Identifier: MIT */
/*
 * The event loop of a process: libevent's, with our clock, timers and a place to free
 * things that are still on the call stack.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include "core/attr.h"
#include "core/clock.h"

#include <stdint.h>

struct event_base;
struct loop;
struct loop_timer;
struct loop_signal;
struct loop_wakeup;

/* NULL where libevent fails (no fds or memory). Free with loop_free(&l), last of all: after
 * every timer, signal and event on it. */
struct loop *loop_new(void) MUST_CHECK;
void loop_free(struct loop **loop);

/* Borrowed; for the few files that may include <event2/...>. */
struct event_base *loop_base(struct loop *loop);

/* The clock; borrowed. Tests freeze it, then move it with loop_advance(). */
struct clock *loop_clock(struct loop *loop);
uint64_t loop_now_ms(const struct loop *loop);
int64_t loop_wall_s(const struct loop *loop);

/* Runs until loop_stop(), even when there is nothing to wait for; -1 where libevent gave
 * up. A loop_stop() that came before it counts. */
int loop_run(struct loop *loop);
/* No callback runs after the one that calls it; deferred calls wait for loop_free(). */
void loop_stop(struct loop *loop);

/* Runs what is ready now and returns without waiting: for tests. */
void loop_turn(struct loop *loop);

/* Moves a frozen clock on by ms and fires every timer that is due, in order, each at its
 * own time and followed by its deferred calls: for tests. Sockets are not looked at. */
void loop_advance(struct loop *loop, uint64_t ms);

/* A one-shot timer. Set again, it forgets the earlier time. It never fires before
 * loop_now_ms() has reached its time. The callback may set, stop or free it. Never NULL.
 * Under a frozen clock it fires from loop_advance() only. */
struct loop_timer *loop_timer_new(
	struct loop *loop, void (*fire)(void *arg), void *arg) MUST_CHECK;
void loop_timer_set(struct loop_timer *t, uint64_t after_ms);
void loop_timer_stop(struct loop_timer *t);
void loop_timer_free(struct loop_timer **t);

/* Calls fn(arg) when the current turn of the loop is over: how objects are freed whose
 * callbacks may still be on the stack. Runs in order; fn may defer again, into the same
 * turn (some thousands; the rest is for the next). Deferred calls that are left at
 * loop_free() run there. */
void loop_defer(struct loop *loop, void (*fn)(void *arg), void *arg);

/* Calls fn(arg) in the loop (not in the handler) for each signal signo. Never NULL. One loop
 * of a process at a time may have signals. */
struct loop_signal *loop_signal_new(
	struct loop *loop, int signo, void (*fn)(void *arg), void *arg) MUST_CHECK;
void loop_signal_free(struct loop_signal **s);

/* Calls fn(arg) in the loop soon after another thread has rung, once for any number of
 * rings. NULL where there are no descriptors. */
struct loop_wakeup *loop_wakeup_new(
	struct loop *loop, void (*fn)(void *arg), void *arg) MUST_CHECK;
void loop_wakeup_free(struct loop_wakeup **w);
/* From any thread. */
void loop_wakeup_ring(const struct loop_wakeup *w);

#endif
