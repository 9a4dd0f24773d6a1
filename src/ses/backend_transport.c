/* SPDX-License-Identifier: MIT */
/*
 * libcurl's multi_socket interface on libevent: libcurl says which sockets it watches and
 * when it wants to be called; we report what happened, and collect what ended.
 *
 * Callbacks get the transport and never a socket's own struct: libcurl may drop the socket,
 * and its event with it, inside the very call that an event makes.
 */
#include "core/log.h"
#include "core/mem.h"
#include "ses/backend_private.h"

#include <event2/event.h>

#include <stdlib.h>
#include <sys/time.h>

struct transport {
	struct event_base *base; /* borrowed */
	CURLM *multi;            /* owned */
	CURLSH *share;           /* owned */
	struct event *timer;     /* owned; libcurl's own clock, not the loop's */
	transport_ended *ended;
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
static void collect(struct transport *t)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(t->multi, &left)) != NULL) {
		CURL *easy = msg->easy_handle;
		CURLcode rc = msg->data.result; /* msg dies with the handle's removal */

		if (msg->msg != CURLMSG_DONE)
			continue;
		transport_remove(t, easy);
		t->ended(t->arg, easy, rc);
	}
}

static void socket_action(struct transport *t, curl_socket_t fd, int what)
{
	int running;
	CURLMcode rc = curl_multi_socket_action(t->multi, fd, what, &running);

	/* Each call has its own deadline. */
	if (rc != CURLM_OK)
		log_event(LOG_ERROR, NULL, "libcurl",
			LOG_S("error", curl_multi_strerror(rc)));
	collect(t);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	socket_action(arg, fd,
		(what & EV_READ ? CURL_CSELECT_IN : 0) |
			(what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	socket_action(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl wants to know of these events of fd, or of no more. */
static int set_events(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct transport *t = arg;
	struct event *ev = socket_arg;
	short events = EV_PERSIST;

	(void)easy;
	if (ev != NULL)
		event_free(ev);
	if (what == CURL_POLL_REMOVE)
		return 0;
	events |= what & CURL_POLL_IN ? EV_READ : 0;
	events |= what & CURL_POLL_OUT ? EV_WRITE : 0;
	ev = must_event(t->base, fd, events, on_socket, t);
	curl_multi_assign(t->multi, fd, ev);
	return event_add(ev, NULL);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct transport *t = arg;
	const struct timeval tv = {timeout_ms / 1000, timeout_ms % 1000 * 1000};

	(void)multi;
	/* Never calls libcurl from here, even for 0: we are inside one of its calls. */
	return timeout_ms < 0 ? evtimer_del(t->timer) : evtimer_add(t->timer, &tv);
}

static int set_up(struct transport *t, unsigned connections)
{
	CURLMcode rc = CURLM_OK;

#define SET(option, value)                                                               \
	(rc = rc == CURLM_OK ? curl_multi_setopt(t->multi, (option), (value)) : rc)
	SET(CURLMOPT_SOCKETFUNCTION, set_events);
	SET(CURLMOPT_SOCKETDATA, t);
	SET(CURLMOPT_TIMERFUNCTION, set_timer);
	SET(CURLMOPT_TIMERDATA, t);
	SET(CURLMOPT_MAXCONNECTS, (long)connections);
	SET(CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
#undef SET
	if (rc != CURLM_OK)
		return -1;
	return curl_share_setopt(t->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) ==
	                       CURLSHE_OK
	               ? 0
	               : -1;
}

struct transport *transport_new(
	struct loop *loop, unsigned connections, transport_ended *ended, void *arg)
{
	struct transport *t = mem_new(1, sizeof(*t));

	t->base = loop_base(loop);
	t->ended = ended;
	t->arg = arg;
	t->timer = must_event(t->base, -1, 0, on_timer, t);
	t->multi = curl_multi_init();
	t->share = curl_share_init();
	if (t->multi == NULL || t->share == NULL || set_up(t, connections) < 0)
		transport_free(&t);
	return t;
}

void transport_free(struct transport **transport)
{
	struct transport *t = *transport;

	if (t == NULL)
		return;
	curl_multi_cleanup(t->multi);
	curl_share_cleanup(t->share);
	event_free(t->timer);
	free(t);
	*transport = NULL;
}

int transport_add(struct transport *t, CURL *easy)
{
	return curl_multi_add_handle(t->multi, easy) == CURLM_OK ? 0 : -1;
}

void transport_remove(struct transport *t, CURL *easy)
{
	curl_multi_remove_handle(t->multi, easy);
}

CURLSH *transport_share(struct transport *t)
{
	return t->share;
}
