/* SPDX-License-Identifier: MIT */
/* libevent's loop with our clock on it. */
#include "core/loop.h"

#include "core/log.h"
#include "core/mem.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

/* Deferred calls that one turn runs; the rest waits until sockets were looked at. */
#define DEFERRED_PER_TURN 4096

struct deferred {
	void (*fn)(void *arg);
	void *arg;
	STAILQ_ENTRY(deferred) next;
};

struct loop_timer {
	struct loop *loop; /* borrowed */
	struct event *ev;  /* owned; not pending while the clock is frozen */
	void (*fire)(void *arg);
	void *arg;
	uint64_t due;
	bool armed; /* is in loop->armed */
	TAILQ_ENTRY(loop_timer) next;
};

struct loop_signal {
	struct event *ev; /* owned */
	void (*fn)(void *arg);
	void *arg;
};

struct loop_wakeup {
	int fd;
	struct event *ev; /* owned */
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	struct event_base *base; /* owned */
	struct clock clock;
	TAILQ_HEAD(, loop_timer) armed; /* in the order in which they were set */
	STAILQ_HEAD(, deferred) deferred;
	struct event *run_deferred; /* owned */
	bool scheduled;             /* run_deferred is to come, or running */
	bool stopped;
};

static void *must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

/* --- calls at the end of a turn --------------------------------------------------------- */

/* Runs at most limit of them, those included that are added meanwhile. */
static void run_deferred(struct loop *loop, size_t limit)
{
	struct deferred *d;

	while (limit-- > 0 && (d = STAILQ_FIRST(&loop->deferred)) != NULL) {
		void (*fn)(void *arg) = d->fn;
		void *arg = d->arg;

		STAILQ_REMOVE_HEAD(&loop->deferred, next);
		free(d);
		fn(arg);
	}
}

static void on_deferred(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval now;
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	run_deferred(loop, DEFERRED_PER_TURN);
	/* By a timer: made active here, it would run in this turn still, for ever. */
	loop->scheduled = !STAILQ_EMPTY(&loop->deferred);
	if (loop->scheduled)
		event_add(loop->run_deferred, &now);
}

void loop_defer(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct deferred *d = mem_new(1, sizeof(*d));

	d->fn = fn;
	d->arg = arg;
	STAILQ_INSERT_TAIL(&loop->deferred, d, next);
	if (loop->scheduled)
		return;
	/* After all that is active already, so at the end of the turn. */
	event_active(loop->run_deferred, EV_TIMEOUT, 0);
	loop->scheduled = true;
}

/* --- the loop --------------------------------------------------------------------------- */

static void on_libevent_message(int severity, const char *text)
{
	if (severity == EVENT_LOG_DEBUG)
		return;
	log_event(severity == EVENT_LOG_ERR ? LOG_ERROR : LOG_WARN, NULL, "libevent",
		LOG_S("text", text));
}

static struct event_base *base_new(void)
{
	struct event_config *config = must(event_config_new());
	struct event_base *base;

	/* No environment variable chooses how we wait. */
	event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct loop *loop_new(void)
{
	struct event_base *base;
	struct loop *loop;

	event_set_log_callback(on_libevent_message);
	base = base_new();
	if (base == NULL)
		return NULL;
	loop = mem_new(1, sizeof(*loop));
	loop->base = base;
	TAILQ_INIT(&loop->armed);
	STAILQ_INIT(&loop->deferred);
	loop->run_deferred = must(event_new(base, -1, 0, on_deferred, loop));
	return loop;
}

void loop_free(struct loop **loop)
{
	struct loop *l = *loop;

	if (l == NULL)
		return;
	run_deferred(l, SIZE_MAX);
	event_free(l->run_deferred);
	event_base_free(l->base);
	free(l);
	*loop = NULL;
}

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}

struct clock *loop_clock(struct loop *loop)
{
	return &loop->clock;
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return clock_mono_ms(&loop->clock);
}

int64_t loop_wall_s(const struct loop *loop)
{
	return clock_wall_s(&loop->clock);
}

int loop_run(struct loop *loop)
{
	int rc = 0;

	/* libevent forgets a break that came before it began; we do not. */
	while (!loop->stopped && rc >= 0)
		rc = event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
	loop->stopped = false;
	return rc < 0 ? -1 : 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
	event_base_loopbreak(loop->base);
}

void loop_turn(struct loop *loop)
{
	(void)event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* --- timers ----------------------------------------------------------------------------- */

static void timer_disarm(struct loop_timer *t)
{
	if (t->armed)
		TAILQ_REMOVE(&t->loop->armed, t, next);
	t->armed = false;
}

static void timer_fire(struct loop_timer *t)
{
	timer_disarm(t);
	t->fire(t->arg); /* may free t */
}

static void timer_wait(struct loop_timer *t, uint64_t ms)
{
	struct timeval tv = {.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	event_add(t->ev, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;
	uint64_t now = loop_now_ms(t->loop);

	(void)fd;
	(void)what;
	if (t->loop->clock.frozen)
		return; /* frozen after the timer was set: loop_advance() finds it */
	/* libevent counts from the start of the turn in which the timer was set. */
	if (now < t->due)
		timer_wait(t, t->due - now);
	else
		timer_fire(t);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*fire)(void *arg), void *arg)
{
	struct loop_timer *t = mem_new(1, sizeof(*t));

	t->loop = loop;
	t->fire = fire;
	t->arg = arg;
	t->ev = must(event_new(loop->base, -1, 0, on_timer, t));
	return t;
}

void loop_timer_set(struct loop_timer *t, uint64_t after_ms)
{
	loop_timer_stop(t);
	t->due = loop_now_ms(t->loop) + after_ms;
	t->armed = true;
	TAILQ_INSERT_TAIL(&t->loop->armed, t, next);
	if (!t->loop->clock.frozen)
		timer_wait(t, after_ms);
}

void loop_timer_stop(struct loop_timer *t)
{
	timer_disarm(t);
	event_del(t->ev);
}

void loop_timer_free(struct loop_timer **t)
{
	if (*t == NULL)
		return;
	loop_timer_stop(*t);
	event_free((*t)->ev);
	free(*t);
	*t = NULL;
}

/* The timer that is due first, at the latest at `until`; of several the one set first. */
static struct loop_timer *first_due(struct loop *loop, uint64_t until)
{
	struct loop_timer *t, *first = NULL;

	TAILQ_FOREACH (t, &loop->armed, next)
		if (t->due <= until && (first == NULL || t->due < first->due))
			first = t;
	return first;
}

void loop_advance(struct loop *loop, uint64_t ms)
{
	uint64_t until = loop_now_ms(loop) + ms;
	struct loop_timer *t;

	if (!loop->clock.frozen)
		return;
	while ((t = first_due(loop, until)) != NULL) {
		uint64_t now = loop_now_ms(loop);

		if (t->due > now)
			clock_advance(&loop->clock, t->due - now);
		timer_fire(t);
		run_deferred(loop, DEFERRED_PER_TURN);
	}
	clock_advance(&loop->clock, until - loop_now_ms(loop));
}

/* --- signals ---------------------------------------------------------------------------- */

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct loop_signal *s = arg;

	(void)signo;
	(void)what;
	s->fn(s->arg);
}

struct loop_signal *loop_signal_new(
	struct loop *loop, int signo, void (*fn)(void *arg), void *arg)
{
	struct loop_signal *s = mem_new(1, sizeof(*s));

	s->fn = fn;
	s->arg = arg;
	s->ev = must(evsignal_new(loop->base, signo, on_signal, s));
	if (event_add(s->ev, NULL) < 0)
		abort();
	return s;
}

void loop_signal_free(struct loop_signal **s)
{
	if (*s == NULL)
		return;
	event_free((*s)->ev);
	free(*s);
	*s = NULL;
}

/* --- other threads ---------------------------------------------------------------------- */

static void on_ring(evutil_socket_t fd, short what, void *arg)
{
	struct loop_wakeup *w = arg;
	eventfd_t rings;

	(void)what;
	if (eventfd_read(fd, &rings) == 0)
		w->fn(w->arg);
}

struct loop_wakeup *loop_wakeup_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct loop_wakeup *w = mem_new(1, sizeof(*w));

	w->fn = fn;
	w->arg = arg;
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fd >= 0)
		w->ev = event_new(loop->base, w->fd, EV_READ | EV_PERSIST, on_ring, w);
	if (w->ev == NULL || event_add(w->ev, NULL) < 0)
		loop_wakeup_free(&w);
	return w;
}

void loop_wakeup_free(struct loop_wakeup **wp)
{
	struct loop_wakeup *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	if (w->ev != NULL)
		event_free(w->ev);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

void loop_wakeup_ring(const struct loop_wakeup *w)
{
	(void)eventfd_write(w->fd, 1);
}
