/* SPDX-License-Identifier: MIT */
/*
 * libcurl's multi_socket interface on libevent: libcurl says which sockets it watches and
 * when it wants to be woken; we tell it what happened, and collect what ended.
 *
 * Callbacks get the wire and never a socket's own struct: libcurl may drop the socket, and
 * its event with it, inside the very call that an event makes.
 */
#include "core/log.h"
#include "core/mem.h"
#include "ses/backend_private.h"

#include <event2/event.h>

#include <stdlib.h>
#include <sys/time.h>

struct wire {
	struct event_base *base; /* borrowed */
	CURLM *multi;            /* owned */
	CURLSH *share;           /* owned */
	struct event *timer;     /* owned; libcurl's own clock, not the loop's */
	wire_ended *ended;
	void *arg;
};

/* Events are small memory: see core/mem.h. */
static struct event *must_event(struct event_base *base, evutil_socket_t fd, short what,
	event_callback_fn fn, void *arg)
{
	struct event *ev = event_new(base, fd, what, fn, arg);

	if (ev == NULL)
		abort();
	return ev;
}

/* Collects every transfer that is over. Its callback may add others. */
static void collect(struct wire *w)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(w->multi, &left)) != NULL) {
		CURL *easy = msg->easy_handle;
		CURLcode rc = msg->data.result; /* msg dies with the handle's removal */

		if (msg->msg != CURLMSG_DONE)
			continue;
		wire_remove(w, easy);
		w->ended(w->arg, easy, rc);
	}
}

static void act(struct wire *w, curl_socket_t fd, int what)
{
	int running;
	CURLMcode rc = curl_multi_socket_action(w->multi, fd, what, &running);

	/* The calls themselves meet their deadlines. */
	if (rc != CURLM_OK)
		log_event(LOG_ERROR, NULL, "libcurl",
			LOG_S("error", curl_multi_strerror(rc)));
	collect(w);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	act(arg, fd,
		(what & EV_READ ? CURL_CSELECT_IN : 0) |
			(what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl wants to hear of fd what says, or nothing more. */
static int watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct wire *w = arg;
	struct event *ev = socket_arg;
	short events = EV_PERSIST;

	(void)easy;
	if (ev != NULL)
		event_free(ev);
	if (what == CURL_POLL_REMOVE)
		return 0;
	events |= what & CURL_POLL_IN ? EV_READ : 0;
	events |= what & CURL_POLL_OUT ? EV_WRITE : 0;
	ev = must_event(w->base, fd, events, on_socket, w);
	curl_multi_assign(w->multi, fd, ev);
	return event_add(ev, NULL);
}

static int wake(CURLM *multi, long timeout_ms, void *arg)
{
	struct wire *w = arg;
	const struct timeval tv = {timeout_ms / 1000, timeout_ms % 1000 * 1000};

	(void)multi;
	/* Not by calling libcurl from here, even for 0: we are inside of it. */
	return timeout_ms < 0 ? evtimer_del(w->timer) : evtimer_add(w->timer, &tv);
}

static int set_up(struct wire *w, unsigned connections)
{
	CURLMcode rc = CURLM_OK;

#define SET(option, value)                                                               \
	(rc = rc == CURLM_OK ? curl_multi_setopt(w->multi, (option), (value)) : rc)
	SET(CURLMOPT_SOCKETFUNCTION, watch);
	SET(CURLMOPT_SOCKETDATA, w);
	SET(CURLMOPT_TIMERFUNCTION, wake);
	SET(CURLMOPT_TIMERDATA, w);
	SET(CURLMOPT_MAXCONNECTS, (long)connections);
	SET(CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
#undef SET
	if (rc != CURLM_OK)
		return -1;
	return curl_share_setopt(w->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) ==
	                       CURLSHE_OK
	               ? 0
	               : -1;
}

struct wire *wire_new(
	struct loop *loop, unsigned connections, wire_ended *ended, void *arg)
{
	struct wire *w = mem_new(1, sizeof(*w));

	w->base = loop_base(loop);
	w->ended = ended;
	w->arg = arg;
	w->timer = must_event(w->base, -1, 0, on_timer, w);
	w->multi = curl_multi_init();
	w->share = curl_share_init();
	if (w->multi == NULL || w->share == NULL || set_up(w, connections) < 0)
		wire_free(&w);
	return w;
}

void wire_free(struct wire **wire)
{
	struct wire *w = *wire;

	if (w == NULL)
		return;
	curl_multi_cleanup(w->multi);
	curl_share_cleanup(w->share);
	event_free(w->timer);
	free(w);
	*wire = NULL;
}

int wire_add(struct wire *w, CURL *easy)
{
	return curl_multi_add_handle(w->multi, easy) == CURLM_OK ? 0 : -1;
}

void wire_remove(struct wire *w, CURL *easy)
{
	curl_multi_remove_handle(w->multi, easy);
}

CURLSH *wire_share(struct wire *w)
{
	return w->share;
}
