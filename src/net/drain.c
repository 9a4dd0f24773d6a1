/* SPDX-License-Identifier: MIT */
/* Tells the sessions of a worker, step by step, that it goes down. */
#include "net/drain.h"

#include "core/mem.h"
#include "net/conn.h"

#include <stdlib.h>

struct drain {
	struct listener_shared *shared; /* borrowed */
	struct loop_timer *step;
	unsigned at_a_time; /* idle sessions told in one step */
};

static unsigned count_idle(const struct listener_shared *shared)
{
	unsigned n = 0;

	for (const struct conn *c = LIST_FIRST(&shared->conns); c != NULL;
		c = conn_next(c))
		n += conn_is_idle(c);
	return n;
}

/* A session in a transaction is told always: it closes when that has ended. Of the idle ones
 * at most n. */
static void tell(struct drain *d, unsigned n)
{
	struct conn *c, *next;
	bool left = false;

	for (c = LIST_FIRST(&d->shared->conns); c != NULL; c = next) {
		next = conn_next(c);
		if (!conn_is_idle(c)) {
			conn_shutdown(c, false);
		} else if (n > 0) {
			conn_shutdown(c, false);
			n--;
		} else {
			left = true;
		}
	}
	if (left)
		loop_timer_set(d->step, DRAIN_STEP_MS);
}

static void on_step(void *arg)
{
	struct drain *d = arg;

	tell(d, d->at_a_time);
}

static unsigned share(unsigned idle, uint64_t spread_ms)
{
	uint64_t steps = spread_ms / DRAIN_STEP_MS;
	uint64_t n = steps > 0 ? idle / steps + 1 : idle;

	return n > DRAIN_STEP_MIN ? (unsigned)n : DRAIN_STEP_MIN;
}

struct drain *drain_new(struct listener_shared *shared, uint64_t spread_ms)
{
	struct drain *d = mem_new(1, sizeof(*d));

	shared->draining = true;
	d->shared = shared;
	d->step = loop_timer_new(shared->loop, on_step, d);
	d->at_a_time = share(count_idle(shared), spread_ms);
	tell(d, d->at_a_time);
	return d;
}

void drain_cut(struct drain *d)
{
	struct conn *c, *next;

	loop_timer_stop(d->step);
	for (c = LIST_FIRST(&d->shared->conns); c != NULL; c = next) {
		next = conn_next(c);
		conn_shutdown(c, true);
	}
}

void drain_free(struct drain **dp)
{
	struct drain *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	loop_timer_free(&d->step);
	free(d);
}
