/* SPDX-License-Identifier: MIT */
/*
 * The server on libevent's bufferevents. evhttp only bounds the pause between two reads, so a
 * byte per second keeps a connection open; here each state of a connection has one timer that
 * nothing prolongs.
 */
#include "admin/http.h"

#include "admin/host.h"
#include "admin/http_request.h"
#include "core/log.h"
#include "core/mem.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE_MAX  (4 * 1024 * 1024)
#define RETRY_MS  1000
#define LINGER_MS 1000

enum conn_state {
	CONN_READING,   /* the head of a request */
	CONN_WRITING,   /* the response; nothing is read meanwhile */
	CONN_LINGERING, /* FIN is sent; further input is discarded */
	CONN_CLOSED,    /* the loop will free it */
};

static const char *const state_names[] = {
	[CONN_READING] = "READING",
	[CONN_WRITING] = "WRITING",
	[CONN_LINGERING] = "LINGERING",
	[CONN_CLOSED] = "CLOSED",
};

#define TO(state) (1u << CONN_##state)
static const unsigned legal[] = {
	[CONN_READING] = TO(WRITING) | TO(CLOSED),
	[CONN_WRITING] = TO(READING) | TO(LINGERING) | TO(CLOSED),
	[CONN_LINGERING] = TO(CLOSED),
	[CONN_CLOSED] = 0,
};

struct conn {
	struct http_server *server; /* borrowed */
	struct bufferevent *bev;    /* owned; closes the socket */
	struct loop_timer *timer;   /* of the state */
	enum conn_state state;
	bool keep;
	TAILQ_ENTRY(conn) link;
};

struct http_server {
	struct loop *loop; /* borrowed */
	struct evconnlistener *listener;
	struct loop_timer *retry;
	struct http_site site;
	TAILQ_HEAD(, conn) conns; /* ordered by the time of their last change of state */
	size_t n_conns;
	bool stopped; /* the next response on each connection is its last */
};

/* --- a connection --------------------------------------------------------------------- */

static bool set_state(struct conn *c, enum conn_state to)
{
	if ((legal[c->state] & 1u << to) == 0) {
		log_event(LOG_ERROR, "admin", "illegal_state",
			LOG_S("from", state_names[c->state]),
			LOG_S("to", state_names[to]));
		return false;
	}
	c->state = to;
	TAILQ_REMOVE(&c->server->conns, c, link);
	if (to != CONN_CLOSED)
		TAILQ_INSERT_TAIL(&c->server->conns, c, link);
	return true;
}

static void conn_free(void *arg)
{
	struct conn *c = arg;

	bufferevent_free(c->bev);
	loop_timer_free(&c->timer);
	free(c);
}

static void conn_close(struct conn *c)
{
	if (c->state == CONN_CLOSED || !set_state(c, CONN_CLOSED))
		return;
	c->server->n_conns--;
	bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
	loop_timer_stop(c->timer);
	loop_defer(c->server->loop, conn_free, c);
}

static void on_timer(void *arg)
{
	conn_close(arg);
}

static const char *reason(unsigned status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 421: return "Misdirected Request";
	case 431: return "Request Header Fields Too Large";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	default: return "Internal Server Error";
	}
}

/* head_only: Content-Length is that of the body, which is not sent. */
static void send_response(struct conn *c, unsigned status, const char *type,
	const struct buf *body, bool head_only)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (!set_state(c, CONN_WRITING))
		return;
	bufferevent_disable(c->bev, EV_READ);
	loop_timer_set(c->timer, HTTP_RESPONSE_MS);
	evbuffer_add_printf(out,
		"HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
		"Content-Security-Policy: default-src 'none'\r\n%sConnection: %s\r\n\r\n",
		status, reason(status), type, body->len,
		status == 405 ? "Allow: GET, HEAD\r\n" : "",
		c->keep ? "keep-alive" : "close");
	if (!head_only)
		evbuffer_add(out, body->data, body->len);
}

static const struct http_page *find_page(const struct http_server *s, const char *path)
{
	for (const struct http_page *p = s->site.pages; p->path != NULL; p++)
		if (strcmp(p->path, path) == 0)
			return p;
	return NULL;
}

static bool is_host_served(const struct conn *c, const char *host)
{
	struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(local);

	(void)getsockname(bufferevent_getfd(c->bev), (struct sockaddr *)&local, &len);
	return host_is_served(
		host, (const struct sockaddr *)&local, c->server->site.hosts);
}

/* Why a request with a valid head is refused; NULL: it is not. */
static const char *refusal(
	const struct conn *c, const struct http_request *r, unsigned *status)
{
	if (!is_host_served(c, r->host)) {
		*status = 421;
		return "The name in Host is not one that is served here. Ask for "
		       "localhost or the address, or name it in "
		       "admin { hosts = {...} }.\n";
	}
	if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0) {
		*status = 405;
		return "only GET and HEAD\n";
	}
	if (find_page(c->server, r->path) == NULL) {
		*status = 404;
		return "no such page\n";
	}
	return NULL;
}

static void respond(struct conn *c, const struct http_request *r, unsigned status)
{
	const char *type = "text/plain; charset=utf-8";
	const char *text = status != 0 ? reason(status) : refusal(c, r, &status);
	bool head_only = r->method != NULL && strcmp(r->method, "HEAD") == 0;
	const struct http_page *page;
	struct buf body;
	int rc = 0;

	buf_init(&body, PAGE_MAX, NULL);
	if (text != NULL) {
		rc = buf_append_str(&body, text);
	} else {
		page = find_page(c->server, r->path);
		type = page->type;
		status = page->make(c->server->site.arg, &body);
	}
	send_response(c, rc == 0 ? status : 500, type, &body, head_only);
	buf_free(&body);
}

/* Responds to the first head that has arrived. */
static void read_head(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t all = evbuffer_get_length(in);
	size_t len = all < HTTP_HEAD_MAX ? all : HTTP_HEAD_MAX;
	struct http_request request = {.method = NULL};
	char head[HTTP_HEAD_MAX];
	unsigned status;

	evbuffer_copyout(in, head, len);
	len = http_request_length(head, len);
	if (len == 0 && all < HTTP_HEAD_MAX)
		return;
	if (len == 0) {
		status = 431;
	} else {
		evbuffer_drain(in, len);
		status = http_request_parse(&request, head, len);
	}
	/* Bodies are not read, so the next request could not be found after one. */
	c->keep = status == 0 && request.keep_alive && !request.has_body &&
	          !c->server->stopped;
	respond(c, &request, status);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	if (c->state == CONN_READING)
		read_head(c);
	else
		evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
}

/* The kernel has the response. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	if (c->state != CONN_WRITING)
		return;
	if (c->keep && set_state(c, CONN_READING)) {
		loop_timer_set(c->timer, HTTP_REQUEST_MS);
		bufferevent_enable(bev, EV_READ);
		read_head(c);
	} else if (set_state(c, CONN_LINGERING)) {
		/* Closing a socket with unread bytes sends RST, which could discard the
		 * response. */
		loop_timer_set(c->timer, LINGER_MS);
		shutdown(bufferevent_getfd(bev), SHUT_WR);
		evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
		bufferevent_enable(bev, EV_READ);
	}
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	conn_close(arg);
}

/* --- the server ----------------------------------------------------------------------- */

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
	struct sockaddr *addr, int len, void *arg)
{
	struct http_server *s = arg;
	struct conn *c;

	(void)listener;
	(void)addr;
	(void)len;
	if (s->n_conns >= HTTP_CONNECTIONS_MAX)
		conn_close(TAILQ_FIRST(&s->conns));
	c = mem_new(1, sizeof(*c));
	c->bev = bufferevent_socket_new(loop_base(s->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->bev == NULL) {
		close(fd);
		free(c);
		return;
	}
	c->server = s;
	c->state = CONN_READING;
	c->timer = loop_timer_new(s->loop, on_timer, c);
	TAILQ_INSERT_TAIL(&s->conns, c, link);
	s->n_conns++;
	loop_timer_set(c->timer, HTTP_REQUEST_MS);
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, HTTP_HEAD_MAX);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

/* Out of descriptors: without a pause the socket would be ready again at once. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct http_server *s = arg;

	log_event(LOG_WARN, "admin", "accept_failed", LOG_I("errno", errno));
	evconnlistener_disable(listener);
	loop_timer_set(s->retry, RETRY_MS);
}

static void accept_again(void *arg)
{
	struct http_server *s = arg;

	evconnlistener_enable(s->listener);
}

struct http_server *http_server_new(
	struct loop *loop, int fd, const struct http_site *site, struct err *err)
{
	struct http_server *s = mem_new(1, sizeof(*s));

	s->loop = loop;
	s->site = *site;
	TAILQ_INIT(&s->conns);
	s->retry = loop_timer_new(loop, accept_again, s);
	s->listener = evconnlistener_new(
		loop_base(loop), on_accept, s, LEV_OPT_CLOSE_ON_EXEC, SOMAXCONN, fd);
	if (s->listener == NULL) {
		err_errno(err, "cannot serve HTTP");
		http_server_free(&s);
		return NULL;
	}
	evconnlistener_set_error_cb(s->listener, on_accept_error);
	return s;
}

void http_server_stop(struct http_server *s)
{
	s->stopped = true;
	loop_timer_stop(s->retry);
	evconnlistener_disable(s->listener);
}

bool http_server_is_idle(const struct http_server *s)
{
	return s->n_conns == 0;
}

void http_server_free(struct http_server **server)
{
	struct http_server *s = *server;

	if (s == NULL)
		return;
	*server = NULL;
	while (!TAILQ_EMPTY(&s->conns))
		conn_close(TAILQ_FIRST(&s->conns));
	if (s->listener != NULL)
		evconnlistener_free(s->listener);
	loop_timer_free(&s->retry);
	free(s);
}
