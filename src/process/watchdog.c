/* SPDX-License-Identifier: MIT */
/* Asks children whether their loop is alive. */
#include "process/watchdog.h"

#include "core/log.h"

#include <signal.h>

#define ID "supervisor"

/* A child that starts, or has closed its channel, has a time limit of its own (children.c). */
static bool is_watched(const struct child *c)
{
	return c->generation->conf->watchdog > 0 && c->channel != NULL && c->pid > 0 &&
	       (c->state == CHILD_READY || c->state == CHILD_DRAINING);
}

/* In periods. With one, a child that was asked a moment ago would be killed. */
static unsigned limit_of(const struct child *c)
{
	uint64_t n = c->generation->conf->watchdog / WATCHDOG_PERIOD_MS;

	return n > 2 ? (unsigned)n : 2;
}

static void ask(struct child *c)
{
	const struct channel_message m = {.type = CHANNEL_PING};
	struct err err;

	c->pings_missed = 0;
	c->pinged = channel_send(c->channel, &m, -1, &err) == 0;
}

static void kill_hung(struct child *c)
{
	log_event(LOG_ERROR, ID, "child_hangs", LOG_S("child", c->id),
		LOG_I("pid", c->pid), LOG_U("seconds", c->pings_missed));
	metrics_add(METRIC_CHILDREN_HUNG, 0, 1);
	/* A worker that is cut while it drains had clients. */
	if (c->state == CHILD_DRAINING && c->role == CHILD_WORKER)
		c->set->overran = true;
	kill(c->pid, SIGKILL);
}

void watchdog_tick(struct children *set)
{
	struct child *c;

	LIST_FOREACH (c, &set->list, next) {
		if (!is_watched(c))
			continue;
		if (!c->pinged)
			ask(c);
		else if (++c->pings_missed ==
			 limit_of(c)) /* once: it may take a moment */
			kill_hung(c);
	}
}

bool watchdog_answered(struct child *c)
{
	bool asked = c->pinged;

	c->pinged = false;
	return asked;
}
