/* SPDX-License-Identifier: MIT */
/* Listening sockets of the server and the set of its connections. */
#include "sandbox/http_server.h"

#include "sandbox/http_conn.h"
#include "sandbox/mem.h"

#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 2000

struct listener {
	SLIST_ENTRY(listener) link;
	struct http_server *server; /* borrowed */
	struct evconnlistener *lev; /* owned */
	SSL_CTX *tls;               /* borrowed; NULL: http */
};

struct http_server {
	struct event_base *base;        /* borrowed */
	const struct http_hooks *hooks; /* borrowed */
	SLIST_HEAD(, listener) listeners;
	struct http_conns conns;
	struct event *accept_again; /* owned */
};

static void on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	struct listener *l;

	(void)fd;
	(void)what;
	SLIST_FOREACH(l, &s->listeners, link)
	evconnlistener_enable(l->lev);
}

struct http_server *http_server_new(
	struct event_base *base, const struct http_hooks *hooks)
{
	struct http_server *s = mem_alloc(sizeof(*s));

	s->base = base;
	s->hooks = hooks;
	SLIST_INIT(&s->listeners);
	TAILQ_INIT(&s->conns);
	s->accept_again = event_new(base, -1, 0, on_accept_again, s);
	return s;
}

static void name_client(const struct sockaddr *sa, int len, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN + 1], port[8];

	if (getnameinfo(sa, (socklen_t)len, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(out, size, sa->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
			port);
	else
		text_copy(out, size, "unknown");
}

/* The numeric address of the socket's own end. */
static void name_local(int fd, char *out, size_t size)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0 ||
		getnameinfo((struct sockaddr *)&ss, len, out, (socklen_t)size, NULL, 0,
			NI_NUMERICHOST) != 0)
		text_copy(out, size, "unknown");
}

static size_t count_conns(const struct http_server *s)
{
	const struct http_conn *c;
	size_t n = 0;

	TAILQ_FOREACH (c, &s->conns, link)
		n++;
	return n;
}

/* True where the new connection was refused or broken at once. */
static bool refuse_connection(struct http_server *s, int fd)
{
	struct http_cut cut = {0};

	if (count_conns(s) >= CONNECTIONS_MAX) {
		close(fd);
		return true;
	}
	s->hooks->connected(s->hooks->arg, &cut);
	if (cut.point != HTTP_POINT_CONNECT)
		return false;
	if (cut.reset)
		http_socket_will_reset(fd);
	else
		shutdown(fd, SHUT_WR);
	close(fd);
	return true;
}

static void on_accept(struct evconnlistener *lev, evutil_socket_t fd, struct sockaddr *sa,
	int len, void *arg)
{
	struct listener *l = arg;
	struct http_server *s = l->server;
	struct bufferevent *bev;
	struct http_conn *c;
	const int on = 1;
	SSL *ssl;

	(void)lev;
	if (refuse_connection(s, fd))
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (l->tls == NULL) {
		bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	} else {
		ssl = SSL_new(l->tls);
		bev = ssl == NULL
		              ? NULL
		              : bufferevent_openssl_socket_new(s->base, fd, ssl,
					BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	}
	if (bev == NULL) {
		close(fd);
		return;
	}
	if (l->tls != NULL)
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	c = http_conn_new(&s->conns, s->hooks, bev, l->tls != NULL);
	name_client(sa, len, c->client, sizeof(c->client));
	name_local(fd, c->local, sizeof(c->local));
}

/* EMFILE and the like: the listener would fire again at once, so rest for a second. */
static void on_accept_error(struct evconnlistener *lev, void *arg)
{
	struct listener *l = arg;
	const struct timeval second = {.tv_sec = 1};

	fprintf(stderr, "sandbox: accept: %s\n", strerror(EVUTIL_SOCKET_ERROR()));
	evconnlistener_disable(lev);
	event_add(l->server->accept_again, &second);
}

/* "192.0.2.1:80" or "[::1]:80" to its parts, which the caller owns. */
static int split_address(const char *address, char **host, char **port)
{
	const char *colon = strrchr(address, ':');
	size_t len;

	if (colon == NULL || colon == address)
		return -1;
	len = (size_t)(colon - address);
	if (address[0] == '[') {
		if (address[len - 1] != ']')
			return -1;
		address++;
		len -= 2;
	} else if (memchr(address, ':', len) != NULL) {
		return -1;
	}
	*host = mem_strndup(address, len);
	*port = mem_strdup(colon + 1);
	return 0;
}

static struct addrinfo *resolve(const char *address, char why[256])
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *ai = NULL;
	char *host = NULL, *port = NULL;
	int64_t n;

	if (split_address(address, &host, &port) != 0 ||
		text_number(port, 0, 65535, &n) != 0 ||
		getaddrinfo(host, port, &hints, &ai) != 0) {
		snprintf(why, 256,
			"\"%s\" is no address: write 127.0.0.1:8180 or [::1]:8180 (port "
			"0: any)",
			address);
		ai = NULL;
	}
	free(host);
	free(port);
	return ai;
}

static unsigned bound_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return 0;
	if (ss.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	return ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

int http_server_listen(struct http_server *s, const char *address, SSL_CTX *tls,
	unsigned *port, char why[256])
{
	struct addrinfo *ai = resolve(address, why);
	struct listener *l;

	if (ai == NULL)
		return -1;
	l = mem_alloc(sizeof(*l));
	l->server = s;
	l->tls = tls;
	l->lev = evconnlistener_new_bind(s->base, on_accept, l,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC, 1024,
		ai->ai_addr, (int)ai->ai_addrlen);
	freeaddrinfo(ai);
	if (l->lev == NULL) {
		snprintf(why, 256, "cannot listen on %s: %s", address, strerror(errno));
		free(l);
		return -1;
	}
	evconnlistener_set_error_cb(l->lev, on_accept_error);
	SLIST_INSERT_HEAD(&s->listeners, l, link);
	*port = bound_port(evconnlistener_get_fd(l->lev));
	return 0;
}

void http_server_free(struct http_server **sp)
{
	struct http_server *s = *sp;

	if (s == NULL)
		return;
	while (!SLIST_EMPTY(&s->listeners)) {
		struct listener *l = SLIST_FIRST(&s->listeners);

		SLIST_REMOVE_HEAD(&s->listeners, link);
		evconnlistener_free(l->lev);
		free(l);
	}
	while (!TAILQ_EMPTY(&s->conns))
		http_conn_free(TAILQ_FIRST(&s->conns));
	event_free(s->accept_again);
	free(s);
	*sp = NULL;
}
