/* SPDX-License-Identifier: MIT */
/* libevent's HTTP server behind a table of pages. */
#include "admin/http.h"

#include "core/log.h"
#include "core/mem.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 8192
#define BODY_MAX    4096 /* nobody has a reason to send one */
#define TIMEOUT_S   10
#define PAGE_MAX    (4 * 1024 * 1024)
#define RETRY_MS    1000

#define ALL_METHODS                                                                      \
	(EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |           \
		EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |              \
		EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH)

struct http_server {
	struct evhttp *http;
	struct evconnlistener *listener; /* owned by http */
	struct loop_timer *retry;
	const struct http_page *pages; /* ends with one whose path is NULL */
	void *arg;
};

static const char *reason(unsigned status)
{
	switch (status) {
	case 200: return "OK";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 503: return "Service Unavailable";
	default: return "Internal Server Error";
	}
}

static void send_page(struct evhttp_request *req, unsigned status, const char *type,
	const struct buf *body)
{
	struct evkeyvalq *h = evhttp_request_get_output_headers(req);
	bool is_head = evhttp_request_get_command(req) == EVHTTP_REQ_HEAD;

	evhttp_add_header(h, "Content-Type", type);
	evhttp_add_header(h, "Cache-Control", "no-store");
	evhttp_add_header(h, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(h, "Content-Security-Policy", "default-src 'none'");
	if (status == 405)
		evhttp_add_header(h, "Allow", "GET, HEAD");
	if (!is_head)
		evbuffer_add(
			evhttp_request_get_output_buffer(req), body->data, body->len);
	evhttp_send_reply(req, (int)status, reason(status), NULL);
}

static const struct http_page *find_page(
	const struct http_server *s, struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;

	for (const struct http_page *p = s->pages; path != NULL && p->path != NULL; p++)
		if (strcmp(p->path, path) == 0)
			return p;
	return NULL;
}

static void on_request(struct evhttp_request *req, void *arg)
{
	const struct http_server *s = arg;
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	const struct http_page *page = find_page(s, req);
	const char *type = "text/plain; charset=utf-8";
	unsigned status;
	struct buf body;
	int rc = 0;

	buf_init(&body, PAGE_MAX, NULL);
	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		status = 405;
		rc = buf_append_str(&body, "only GET and HEAD\n");
	} else if (page == NULL) {
		status = 404;
		rc = buf_append_str(&body, "no such page\n");
	} else {
		type = page->type;
		status = page->make(s->arg, &body);
	}
	send_page(req, rc == 0 ? status : 500, type, &body);
	buf_free(&body);
}

/* Out of descriptors: the socket would wake us again at once, and for ever. */
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

	if (s->listener != NULL)
		evconnlistener_enable(s->listener);
}

struct http_server *http_server_new(struct loop *loop, int fd,
	const struct http_page *pages, void *arg, struct err *err)
{
	struct http_server *s = mem_new(1, sizeof(*s));
	struct evhttp_bound_socket *bound;

	s->pages = pages;
	s->arg = arg;
	s->retry = loop_timer_new(loop, accept_again, s);
	s->http = evhttp_new(loop_base(loop));
	s->listener = evconnlistener_new(
		loop_base(loop), NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, SOMAXCONN, fd);
	bound = s->http != NULL && s->listener != NULL
	                ? evhttp_bind_listener(s->http, s->listener)
	                : NULL;
	if (bound == NULL) {
		err_errno(err, "cannot serve HTTP");
		if (s->listener != NULL)
			evconnlistener_free(s->listener);
		s->listener = NULL;
		http_server_free(&s);
		return NULL;
	}
	evconnlistener_set_error_cb(s->listener, on_accept_error);
	evhttp_set_allowed_methods(s->http, ALL_METHODS);
	evhttp_set_max_headers_size(s->http, HEADERS_MAX);
	evhttp_set_max_body_size(s->http, BODY_MAX);
	evhttp_set_timeout(s->http, TIMEOUT_S);
	evhttp_set_gencb(s->http, on_request, s);
	return s;
}

void http_server_stop(struct http_server *s)
{
	loop_timer_stop(s->retry);
	if (s->listener != NULL)
		evconnlistener_disable(s->listener);
	s->listener = NULL;
}

void http_server_free(struct http_server **server)
{
	struct http_server *s = *server;

	if (s == NULL)
		return;
	*server = NULL;
	if (s->http != NULL)
		evhttp_free(s->http);
	loop_timer_free(&s->retry);
	free(s);
}
