/* SPDX-License-Identifier: MIT */
/* One connection of the server: reading a request, breaking or writing its answer. */
#include "sandbox/http_conn.h"

#include "sandbox/mem.h"

#include <event2/bufferevent_ssl.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define IDLE_SECONDS   75 /* of a kept connection, and between two reads of a request */
#define LINGER_SECONDS 2

static void conn_advance(struct http_conn *c);
static void conn_write_on(struct http_conn *c);

static const char *const state_names[] = {
	[HTTP_STATE_HEAD] = "HEAD",
	[HTTP_STATE_BODY] = "BODY",
	[HTTP_STATE_BUSY] = "BUSY",
	[HTTP_STATE_ANSWER] = "ANSWER",
	[HTTP_STATE_LINGER] = "LINGER",
	[HTTP_STATE_CLOSED] = "CLOSED",
};

#define TO(state) (1u << HTTP_STATE_##state)
static const unsigned legal[] = {
	[HTTP_STATE_HEAD] = TO(BODY) | TO(BUSY) | TO(LINGER) | TO(CLOSED),
	[HTTP_STATE_BODY] = TO(BUSY) | TO(LINGER) | TO(CLOSED),
	[HTTP_STATE_BUSY] = TO(ANSWER) | TO(LINGER) | TO(CLOSED),
	[HTTP_STATE_ANSWER] = TO(HEAD) | TO(LINGER) | TO(CLOSED),
	[HTTP_STATE_LINGER] = TO(CLOSED),
	[HTTP_STATE_CLOSED] = 0,
};

static void set_state(struct http_conn *c, enum http_state next)
{
	if ((legal[c->state] & 1u << next) == 0) {
		fprintf(stderr, "sandbox: bug: connection goes %s -> %s\n",
			state_names[c->state], state_names[next]);
		abort();
	}
	c->state = next;
}

void http_socket_will_reset(int fd)
{
	const struct linger hard = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

static void timer_in(struct http_conn *c, uint64_t ms)
{
	const struct timeval tv = {.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	event_add(c->timer, &tv);
}

/* Ends the connection: the loop frees it, never its own callback. */
static void conn_close(struct http_conn *c)
{
	if (c->state == HTTP_STATE_CLOSED)
		return;
	set_state(c, HTTP_STATE_CLOSED);
	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	event_del(c->timer);
	timer_in(c, 0);
}

/* RST, and nothing before it: a TLS close_notify would look like an orderly end. */
static void conn_reset(struct http_conn *c)
{
	if (c->tls)
		SSL_set_quiet_shutdown(bufferevent_openssl_get_ssl(c->bev), 1);
	http_socket_will_reset(bufferevent_getfd(c->bev));
	conn_close(c);
}

/* FIN, and then read what the peer still sends: closing over unread bytes would be RST. */
static void conn_finish(struct http_conn *c)
{
	SSL *ssl = c->tls ? bufferevent_openssl_get_ssl(c->bev) : NULL;

	set_state(c, HTTP_STATE_LINGER);
	if (ssl != NULL)
		SSL_shutdown(ssl);
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	evbuffer_drain(bufferevent_get_input(c->bev), SIZE_MAX);
	bufferevent_enable(c->bev, EV_READ);
	timer_in(c, LINGER_SECONDS * 1000);
}

static void conn_cut(struct http_conn *c, const struct http_cut *cut)
{
	if (cut->reset)
		conn_reset(c);
	else
		conn_finish(c);
}

/* The answer is written (or as much of it as is wanted): break, close or go on. */
static void answer_done(struct http_conn *c)
{
	if (c->answer.cut.point != HTTP_POINT_NONE) {
		conn_cut(c, &c->answer.cut);
		return;
	}
	if (c->close_after) {
		conn_finish(c);
		return;
	}
	set_state(c, HTTP_STATE_HEAD);
	c->start[0] = '\0';
	c->request_bytes = 0;
	c->mid = (struct http_cut){0};
	bufferevent_enable(c->bev, EV_READ);
	conn_advance(c);
}

static void conn_write_on(struct http_conn *c)
{
	if (evbuffer_get_length(c->out) == 0) {
		answer_done(c);
	} else if (c->answer.drip_ms == 0) {
		bufferevent_write_buffer(c->bev, c->out);
	} else {
		char byte;

		evbuffer_remove(c->out, &byte, 1);
		bufferevent_write(c->bev, &byte, 1);
		/* the timer goes on from here; an empty output buffer calls nobody */
		timer_in(c, c->answer.drip_ms);
	}
}

static void add_head(struct http_conn *c)
{
	const struct http_answer *a = &c->answer;
	time_t now = (time_t)c->hooks->now(c->hooks->arg);
	struct tm tm;
	char date[64];

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	evbuffer_add_printf(c->out,
		"HTTP/1.1 %d %s\r\nDate: %s\r\nServer: sesrelay-sandbox\r\n", a->status,
		http_status_text(a->status), date);
	evbuffer_add_printf(c->out, "Content-Type: %s\r\nContent-Length: %zu\r\n",
		a->type, evbuffer_get_length(a->body));
	if (a->extra_headers != NULL)
		evbuffer_add_printf(c->out, "%s", a->extra_headers);
	evbuffer_add_printf(c->out, "Connection: %s\r\n\r\n",
		c->close_after ? "close" : "keep-alive");
}

/* Keeps the first len bytes. */
static void cut_buffer(struct evbuffer *b, size_t len)
{
	struct evbuffer *head = evbuffer_new();

	if (evbuffer_get_length(b) > len) {
		evbuffer_remove_buffer(b, head, len);
		evbuffer_drain(b, SIZE_MAX);
		evbuffer_add_buffer(b, head);
	}
	evbuffer_free(head);
}

static void answer_start(struct http_conn *c)
{
	struct http_answer *a = &c->answer;
	bool head_only = c->head.method != NULL && strcmp(c->head.method, "HEAD") == 0;

	if (a->cut.point == HTTP_POINT_BEFORE_ANSWER) {
		conn_cut(c, &a->cut);
		return;
	}
	set_state(c, HTTP_STATE_ANSWER);
	if (a->truncate_at < evbuffer_get_length(a->body))
		c->close_after = true;
	add_head(c);
	cut_buffer(a->body, head_only ? 0 : a->truncate_at);
	evbuffer_add_buffer(c->out, a->body);
	if (a->cut.point == HTTP_POINT_MID_ANSWER)
		cut_buffer(c->out, a->cut.after == HTTP_HALF
					   ? evbuffer_get_length(c->out) / 2
					   : a->cut.after);
	http_head_clear(&c->head);
	conn_write_on(c);
}

static void answer_clear(struct http_conn *c)
{
	evbuffer_drain(c->out, SIZE_MAX);
	evbuffer_drain(c->answer.body, SIZE_MAX);
	free(c->answer.owned_type);
	c->answer = (struct http_answer){
		.status = 200,
		.type = "application/json",
		.body = c->answer.body,
		.truncate_at = HTTP_NO_TRUNCATE,
	};
}

/* The request is read: from here until the answer is out, the peer is not read. */
static void conn_answer(struct http_conn *c)
{
	set_state(c, HTTP_STATE_BUSY);
	bufferevent_disable(c->bev, EV_READ);
	if (c->answer.delay_ms > 0)
		timer_in(c, c->answer.delay_ms);
	else
		answer_start(c);
}

static void answer_status(struct http_conn *c, int status)
{
	answer_clear(c);
	c->answer.status = status;
	c->answer.type = "text/plain; charset=utf-8";
	evbuffer_add_printf(c->answer.body, "%d %s\n", status, http_status_text(status));
	c->close_after = true;
	conn_answer(c);
}

static void handle_request(struct http_conn *c)
{
	struct http_request req = {
		.head = &c->head,
		.body = "",
		.body_len = c->head.body_len,
		.too_large = c->discard,
		.tls = c->tls,
		.client = c->client,
		.local = c->local,
	};

	answer_clear(c);
	c->close_after = !c->head.keep_alive;
	evbuffer_add(c->body, "", 1);
	req.body = (const char *)evbuffer_pullup(c->body, -1);
	c->hooks->request(c->hooks->arg, &req, &c->answer);
	evbuffer_drain(c->body, SIZE_MAX);
	conn_answer(c);
}

/* True where a cut of the request that is being read is due; it is carried out then. */
static bool mid_request_cut(struct http_conn *c)
{
	if (c->mid.point != HTTP_POINT_MID_REQUEST || c->request_bytes < c->mid.after)
		return false;
	http_head_clear(&c->head);
	conn_cut(c, &c->mid);
	return true;
}

/* Shows the first bytes of a request to the hook, once. -1: they are not there yet. */
static int request_begins(struct http_conn *c)
{
	if (c->start[0] != '\0')
		return 0;
	if (evbuffer_copyout(bufferevent_get_input(c->bev), c->start, HTTP_START_LEN) <
		HTTP_START_LEN) {
		c->start[0] = '\0';
		return -1;
	}
	c->start[HTTP_START_LEN] = '\0';
	c->hooks->begun(c->hooks->arg, c->start, NULL, &c->mid);
	return 0;
}

/* 1: a head was read, 0: more bytes are needed, -1: the connection is being ended. */
static int read_head(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_ptr end;
	size_t len;
	int status;

	end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	if (end.pos < 0 || (size_t)end.pos + 4 > HTTP_HEAD_MAX) {
		c->request_bytes = evbuffer_get_length(in);
		if (mid_request_cut(c))
			return -1;
		if (end.pos < 0 && c->request_bytes <= HTTP_HEAD_MAX)
			return 0;
		answer_status(c, 431);
		return -1;
	}
	len = (size_t)end.pos + 4;
	status = http_head_parse(
		&c->head, (const char *)evbuffer_pullup(in, (ev_ssize_t)len), len);
	if (status == 0 && c->head.body_len > HTTP_DISCARD_MAX)
		status = 413;
	if (status != 0) {
		http_head_clear(&c->head);
		answer_status(c, status);
		return -1;
	}
	evbuffer_drain(in, len);
	c->request_bytes = len;
	if (c->mid.point == HTTP_POINT_NONE)
		c->hooks->begun(c->hooks->arg, c->start, &c->head, &c->mid);
	return 1;
}

static void start_body(struct http_conn *c)
{
	set_state(c, HTTP_STATE_BODY);
	evbuffer_drain(c->body, SIZE_MAX);
	c->body_left = c->head.body_len;
	c->discard = c->head.body_len > HTTP_BODY_MAX;
	if (c->head.expects_continue && c->body_left > 0)
		evbuffer_add_printf(
			bufferevent_get_output(c->bev), "HTTP/1.1 100 Continue\r\n\r\n");
}

static void read_body(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t n = evbuffer_get_length(in);

	if (n > c->body_left)
		n = c->body_left;
	if (c->discard)
		evbuffer_drain(in, n);
	else
		evbuffer_remove_buffer(in, c->body, n);
	c->body_left -= n;
	c->request_bytes += n;
}

/* Goes on with whatever bytes are there. */
static void conn_advance(struct http_conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);

	if (c->state == HTTP_STATE_HEAD) {
		if (request_begins(c) != 0 || read_head(c) != 1)
			return;
		start_body(c);
	}
	if (c->state == HTTP_STATE_BODY) {
		read_body(c);
		if (mid_request_cut(c) || c->body_left > 0)
			return;
		handle_request(c);
	}
	if (c->state == HTTP_STATE_LINGER)
		evbuffer_drain(in, SIZE_MAX);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	conn_advance(arg);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct http_conn *c = arg;

	(void)bev;
	if (c->state == HTTP_STATE_ANSWER && c->answer.drip_ms == 0)
		conn_write_on(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)bev;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
		conn_close(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state == HTTP_STATE_BUSY)
		answer_start(c);
	else if (c->state == HTTP_STATE_ANSWER)
		conn_write_on(c);
	else if (c->state == HTTP_STATE_LINGER)
		conn_close(c);
	else if (c->state == HTTP_STATE_CLOSED)
		http_conn_free(c);
}

struct http_conn *http_conn_new(struct http_conns *all, const struct http_hooks *hooks,
	struct bufferevent *bev, bool tls)
{
	const struct timeval idle = {.tv_sec = IDLE_SECONDS};
	struct http_conn *c = mem_alloc(sizeof(*c));

	c->all = all;
	c->hooks = hooks;
	c->base = bufferevent_get_base(bev);
	c->bev = bev;
	c->tls = tls;
	c->timer = event_new(c->base, -1, 0, on_timer, c);
	c->body = evbuffer_new();
	c->out = evbuffer_new();
	c->answer.body = evbuffer_new();
	assert(c->timer != NULL && c->body != NULL && c->out != NULL &&
		c->answer.body != NULL);
	TAILQ_INSERT_TAIL(all, c, link);
	bufferevent_setcb(bev, on_read, on_written, on_event, c);
	bufferevent_set_timeouts(bev, &idle, &idle);
	bufferevent_setwatermark(bev, EV_READ, 0, 1 << 20);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	return c;
}

void http_conn_free(struct http_conn *c)
{
	TAILQ_REMOVE(c->all, c, link);
	http_head_clear(&c->head);
	bufferevent_free(c->bev);
	event_free(c->timer);
	evbuffer_free(c->body);
	evbuffer_free(c->out);
	evbuffer_free(c->answer.body);
	free(c->answer.owned_type);
	free(c);
}
