/* SPDX-License-Identifier: MIT */
/* `sesrelay admin`: metrics, health and a page for people, away from mail and keys. */
#include "config.h"

#include "admin/http.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "process/channel.h"
#include "process/child.h"
#include "process/confine/confine.h"
#include "process/trim.h"
#include "ses/outcome.h"

#include <signal.h>
#include <stddef.h>

/* Time for the last responses to reach their clients. */
#define LINGER_MS 300
/* After a reload, for clients that keep a connection: their next response says "close". At most
 * so many times LINGER_MS. */
#define HANDOVER_TURNS 20

struct admin {
	struct child_self self;
	struct channel *channel;
	const char *labels[METRIC_OUTCOMES_MAX];
	struct http_server *http;
	struct loop_timer *linger;
	unsigned turns; /* further runs of that timer */
	struct loop_signal *term;
	bool going_down; /* the gateway stops; no other admin follows */
};

/* --- pages ---------------------------------------------------------------------------- */

static unsigned page_metrics(void *arg, struct buf *body)
{
	const struct admin *a = arg;

	return metrics_print(a->self.metrics, body) == 0 ? 200 : 500;
}

/* Alive as long as it can respond: a failing API is no reason to be killed. */
static unsigned page_healthz(void *arg, struct buf *body)
{
	(void)arg;
	return buf_append_str(body, "ok\n") == 0 ? 200 : 500;
}

/* Why no mail should be sent here now, one reason per line; returns how many. */
static size_t list_reasons(const struct admin *a, struct buf *out)
{
	const struct metrics *m = a->self.metrics;
	const struct {
		bool holds;
		const char *text;
	} all[] = {
		{a->going_down, "draining: the gateway is going down\n"},
		{metrics_sum(m, METRIC_WORKERS_READY, 0) <= 0,
			"no worker: nothing accepts connections\n"},
		{metrics_sum(m, METRIC_AUTH_FAILING, 0) > 0,
			"backend authentication: the API refuses our credentials\n"},
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].holds && buf_append_str(out, all[i].text) == 0)
			n++;
	return n;
}

static unsigned page_readyz(void *arg, struct buf *body)
{
	if (list_reasons(arg, body) > 0)
		return 503;
	return buf_append_str(body, "ready\n") == 0 ? 200 : 500;
}

static int row(struct buf *body, const char *what, int64_t value) MUST_CHECK;

static int row(struct buf *body, const char *what, int64_t value)
{
	return buf_appendf(
		body, "<tr><th>%s</th><td>%lld</td></tr>\n", what, (long long)value);
}

static unsigned page_status(void *arg, struct buf *body)
{
	static const struct {
		enum metric metric;
		const char *what;
	} rows[] = {
		{METRIC_WORKERS_READY, "workers ready"},
		{METRIC_WORKER_RESTARTS, "worker restarts"},
		{METRIC_SESSIONS, "SMTP sessions open"},
		{METRIC_CONNECTIONS, "SMTP connections"},
		{METRIC_MESSAGES_RECEIVED, "messages received"},
		{METRIC_IN_FLIGHT, "deliveries in flight"},
		{METRIC_CALLS, "API calls"},
		{METRIC_MEMORY, "message memory, bytes"},
		{METRIC_RELOADS, "configuration reloads"},
		{METRIC_RELOADS_FAILED, "configuration reloads refused"},
		{METRIC_LOG_DROPPED, "log lines dropped"},
	};
	const struct admin *a = arg;
	struct buf why;
	int rc;

	buf_init(&why, 1024, NULL);
	rc = buf_appendf(body,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<title>sesrelay</title></head><body>\n"
		"<h1>sesrelay " PACKAGE_VERSION
		"</h1>\n<p>%s</p>\n<pre>%s</pre>\n<table>\n",
		list_reasons(a, &why) == 0 ? "ready" : "not ready", why.data);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rows); i++)
		rc = row(body, rows[i].what,
			metrics_sum(a->self.metrics, rows[i].metric, 0));
	if (rc == 0)
		rc = buf_append_str(body,
			"</table>\n<p><a href=\"/metrics\">metrics</a>, "
			"<a href=\"/healthz\">healthz</a>, "
			"<a href=\"/readyz\">readyz</a></p>\n</body></html>\n");
	buf_free(&why);
	return rc == 0 ? 200 : 500;
}

static const struct http_page pages[] = {
	{"/", "text/html; charset=utf-8", page_status},
	{"/metrics", "text/plain; version=0.0.4; charset=utf-8", page_metrics},
	{"/healthz", "text/plain; charset=utf-8", page_healthz},
	{"/readyz", "text/plain; charset=utf-8", page_readyz},
	{NULL, NULL, NULL},
};

/* --- life ----------------------------------------------------------------------------- */

static void on_linger(void *arg)
{
	struct admin *a = arg;

	if (a->turns == 0 || http_server_is_idle(a->http)) {
		loop_stop(a->self.loop);
		return;
	}
	a->turns--;
	loop_timer_set(a->linger, LINGER_MS);
}

static void finish(struct admin *a, unsigned turns)
{
	a->turns = turns;
	http_server_stop(a->http);
	loop_timer_set(a->linger, LINGER_MS);
}

/* To this process alone: the supervisor starts another one. */
static void on_term(void *arg)
{
	finish(arg, 0);
}

/* During a stop it responds "not ready" until the last worker has ended and the channel is
 * closed. After a reload another admin has taken over. */
static void drain(struct admin *a, const struct channel_drain *order)
{
	if (order->stop != 0)
		a->going_down = true;
	else
		finish(a, HANDOVER_TURNS);
}

static void on_message(void *arg, const struct channel_message *m, int fd)
{
	struct admin *a = arg;

	switch (m->type) {
	case CHANNEL_DRAIN: drain(a, &m->drain); break;
	case CHANNEL_PING: child_pong(a->channel); break;
	case CHANNEL_REOPEN: child_use_log(&a->self, fd); return; /* which closed it */
	case CHANNEL_SLOT: child_use_slot(&a->self, m->slot, fd); return; /* as well */
	default: break;
	}
	child_drop_fd(fd);
}

/* The supervisor ends this process, or has ended itself. */
static void on_closed(void *arg)
{
	struct admin *a = arg;

	channel_free(&a->channel);
	a->going_down = true;
	finish(a, 0);
}

static void name_labels(struct admin *a)
{
	static const char *const classes[METRIC_CLASSES] = {"2yz", "4yz", "5yz"};
	static const char *const logins[METRIC_LOGIN_RESULTS] = {"ok", "wrong", "later"};
	size_t n;

	metrics_labels(METRIC_REPLIES, classes, METRIC_CLASSES);
	metrics_labels(METRIC_LOGINS, logins, METRIC_LOGIN_RESULTS);
	outcome_labels(a->labels, &n);
	metrics_labels(METRIC_OUTCOMES, a->labels, n);
}

static int set_up(struct admin *a, unsigned slot, struct err *err)
{
	const struct channel_message ready = {.type = CHANNEL_READY};

	if (child_attach(&a->self, "admin", slot, err) != 0 ||
		confine_self(a->self.conf, CONFINE_ADMIN, a->self.id, err) != 0)
		return -1;
	name_labels(a);
	a->http = http_server_new(a->self.loop, CHILD_FD_LISTEN,
		&(struct http_site){
			.pages = pages, .arg = a, .hosts = &a->self.conf->admin.hosts},
		err);
	if (a->http == NULL)
		return -1;
	a->linger = loop_timer_new(a->self.loop, on_linger, a);
	a->term = loop_signal_new(a->self.loop, SIGTERM, on_term, a);
	a->channel =
		channel_new(a->self.loop, CHILD_FD_CHANNEL, on_message, on_closed, a);
	if (channel_send(a->channel, &ready, -1, err) != 0)
		return -1;
	trim_after_start();
	return 0;
}

static void clean_up(struct admin *a)
{
	http_server_free(&a->http);
	channel_free(&a->channel);
	loop_timer_free(&a->linger);
	loop_signal_free(&a->term);
	child_detach(&a->self);
	metrics_labels(METRIC_OUTCOMES, NULL, 0);
}

int admin_main(unsigned slot)
{
	struct admin a = {.going_down = false};
	struct err err;
	int status = 0;

	if (set_up(&a, slot, &err) != 0) {
		log_event(LOG_ERROR, "admin", "cannot_start", LOG_S("error", err.text));
		status = 1;
	} else if (loop_run(a.self.loop) != 0) {
		status = 1;
	}
	clean_up(&a);
	confine_end();
	return status;
}
