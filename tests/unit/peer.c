/* SPDX-License-Identifier: MIT */
/* A scripted HTTP server for tests. */
#include "peer.h"

#include "core/attr.h"
#include "core/mem.h"
#include "core/str.h"

#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define HANG_MS         10000

struct peer {
	peer_script *script;
	SSL_CTX *tls;
	bool is_proxy;
	int listening;
	unsigned port;
	pthread_t acceptor;
	pthread_mutex_t lock; /* of all below */
	pthread_t threads[CONNECTIONS_MAX];
	struct peer_conn conns[CONNECTIONS_MAX];
	unsigned n_conns, n_open, most_open, n_requests, n_answers;
	enum peer_manners manners;
	struct buf head, body;
};

/* --- bytes ---------------------------------------------------------------------------- */

static ssize_t receive(struct peer_conn *c, void *out, size_t len)
{
	ssize_t n = c->ssl != NULL ? SSL_read(c->ssl, out, (int)len)
	                           : recv(c->fd, out, len, 0);

	if (n > 0) {
		pthread_mutex_lock(&c->peer->lock);
		c->bytes += (size_t)n;
		pthread_mutex_unlock(&c->peer->lock);
	}
	return n;
}

static void send_all(struct peer_conn *c, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = c->ssl != NULL ? SSL_write(c->ssl, p, (int)len)
		                           : send(c->fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

bool peer_read_head(struct peer_conn *c, size_t *body_len)
{
	struct peer *p = c->peer;
	const char *length;
	struct buf head;
	char byte;

	buf_init(&head, 65536, NULL);
	while (strstr(head.data, "\r\n\r\n") == NULL)
		if (receive(c, &byte, 1) != 1 || buf_append_byte(&head, byte) < 0) {
			buf_free(&head);
			return false;
		}
	length = strcasestr(head.data, "\r\nContent-Length:");
	*body_len = length != NULL ? strtoul(length + 17, NULL, 10) : 0;
	pthread_mutex_lock(&p->lock);
	buf_free(&p->head);
	p->head = head;
	buf_clear(&p->body);
	pthread_mutex_unlock(&p->lock);
	return true;
}

bool peer_read_body(struct peer_conn *c, size_t n)
{
	struct peer *p = c->peer;
	char block[16384];

	while (n > 0) {
		ssize_t got = receive(c, block, n < sizeof(block) ? n : sizeof(block));
		int rc;

		if (got <= 0)
			return false;
		pthread_mutex_lock(&p->lock);
		rc = buf_append(&p->body, block, (size_t)got);
		pthread_mutex_unlock(&p->lock);
		if (rc < 0)
			return false;
		n -= (size_t)got;
	}
	return true;
}

static void count_request(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	p->n_requests++;
	pthread_mutex_unlock(&p->lock);
}

bool peer_read_request(struct peer_conn *c)
{
	size_t n;

	if (!peer_read_head(c, &n) || !peer_read_body(c, n))
		return false;
	count_request(c->peer);
	return true;
}

bool peer_skip_request(struct peer_conn *c)
{
	char block[16384];
	size_t n;

	if (!peer_read_head(c, &n))
		return false;
	while (n > 0) {
		ssize_t got = receive(c, block, n < sizeof(block) ? n : sizeof(block));

		if (got <= 0)
			return false;
		n -= (size_t)got;
	}
	count_request(c->peer);
	return true;
}

void peer_send(struct peer_conn *c, const char *text)
{
	send_all(c, text, strlen(text));
}

void peer_answer(struct peer_conn *c, const char *status, const char *body)
{
	char *text = mem_sprintf("HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
				 "Date: Fri, 02 Jan 2026 03:04:05 GMT\r\n"
				 "Content-Length: %zu\r\n\r\n%s",
		status, strlen(body), body);

	peer_send(c, text);
	free(text);
}

/* Each answer has a MessageId of its own, on whichever connection. */
static unsigned count_answer(struct peer *p)
{
	unsigned n;

	pthread_mutex_lock(&p->lock);
	n = ++p->n_answers;
	pthread_mutex_unlock(&p->lock);
	return n;
}

void peer_accept_mail(struct peer_conn *c)
{
	unsigned n = count_answer(c->peer);
	char *body = mem_sprintf(
		"{\"Response\":{\"MessageId\":\"qcloudses-%u\",\"RequestId\":\"r-%u\"}}",
		n, n);

	peer_answer(c, "200 OK", body);
	free(body);
}

void peer_reset(struct peer_conn *c)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void peer_finish_sending(struct peer_conn *c)
{
	shutdown(c->fd, SHUT_WR);
}

void peer_drain(struct peer_conn *c)
{
	char block[16384];

	while (receive(c, block, sizeof(block)) > 0)
		;
}

void peer_hang(struct peer_conn *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

	poll(&p, 1, HANG_MS);
}

/* --- threads -------------------------------------------------------------------------- */

static bool may_go_on(
	struct peer_conn *c, enum peer_manners breaks, enum peer_manners hangs)
{
	enum peer_manners m;

	pthread_mutex_lock(&c->peer->lock);
	m = c->peer->manners;
	pthread_mutex_unlock(&c->peer->lock);
	if (m == hangs)
		peer_hang(c);
	return m != breaks && m != hangs;
}

static bool open_tunnel(struct peer_conn *c)
{
	size_t n;

	if (!peer_read_head(c, &n))
		return false;
	peer_send(c, "HTTP/1.1 200 Connection established\r\n\r\n");
	return may_go_on(c, PEER_BREAKS_TUNNEL, PEER_HANGS_TUNNEL);
}

static bool greet(struct peer_conn *c)
{
	if (!may_go_on(c, PEER_BREAKS, PEER_HANGS))
		return false;
	if (c->peer->is_proxy && !open_tunnel(c))
		return false;
	if (c->peer->tls == NULL)
		return true;
	c->ssl = SSL_new(c->peer->tls);
	SSL_set_fd(c->ssl, c->fd);
	return SSL_accept(c->ssl) == 1;
}

static void *run_connection(void *arg)
{
	struct peer_conn *c = arg;

	if (greet(c))
		c->peer->script(c);
	SSL_free(c->ssl);
	pthread_mutex_lock(&c->peer->lock);
	close(c->fd);
	c->fd = -1;
	c->peer->n_open--;
	pthread_mutex_unlock(&c->peer->lock);
	return NULL;
}

static void begin(struct peer *p, int fd)
{
	struct peer_conn *c = &p->conns[p->n_conns];

	pthread_mutex_lock(&p->lock);
	*c = (struct peer_conn){.peer = p, .fd = fd, .nth = p->n_conns + 1};
	if (pthread_create(&p->threads[p->n_conns], NULL, run_connection, c) != 0)
		abort();
	p->n_conns++;
	p->n_open++;
	if (p->n_open > p->most_open)
		p->most_open = p->n_open;
	pthread_mutex_unlock(&p->lock);
}

static void *run_acceptor(void *arg)
{
	struct peer *p = arg;
	int fd;

	while ((fd = accept(p->listening, NULL, NULL)) >= 0) {
		if (p->n_conns == CONNECTIONS_MAX)
			abort();
		begin(p, fd);
	}
	return NULL;
}

static int listen_on_loopback(unsigned *port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int small = 4096, yes = 1;

	/* So that a large body cannot hide whole in the kernel. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	/* What a script sends is sent when it says so. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		listen(fd, 64) < 0 || getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		abort();
	*port = ntohs(a.sin_port);
	return fd;
}

static struct peer *start(peer_script *script, SSL_CTX *tls, bool is_proxy)
{
	struct peer *p = mem_new(1, sizeof(*p));

	p->script = script;
	p->tls = tls;
	p->is_proxy = is_proxy;
	p->listening = listen_on_loopback(&p->port);
	pthread_mutex_init(&p->lock, NULL);
	buf_init(&p->head, 65536, NULL);
	buf_init(&p->body, (size_t)16 * 1024 * 1024, NULL);
	if (pthread_create(&p->acceptor, NULL, run_acceptor, p) != 0)
		abort();
	return p;
}

struct peer *peer_new(peer_script *script, SSL_CTX *tls)
{
	return start(script, tls, false);
}

struct peer *peer_new_proxy(peer_script *script, SSL_CTX *tls)
{
	return start(script, tls, true);
}

void peer_behave(struct peer *p, enum peer_manners m)
{
	pthread_mutex_lock(&p->lock);
	p->manners = m;
	pthread_mutex_unlock(&p->lock);
	if (m == PEER_REFUSES)
		shutdown(p->listening, SHUT_RDWR);
}

void peer_free(struct peer **peer)
{
	struct peer *p = *peer;

	shutdown(p->listening, SHUT_RDWR);
	pthread_join(p->acceptor, NULL);
	close(p->listening);
	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->n_conns; i++)
		if (p->conns[i].fd >= 0)
			shutdown(p->conns[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_conns; i++)
		pthread_join(p->threads[i], NULL);
	buf_free(&p->head);
	buf_free(&p->body);
	pthread_mutex_destroy(&p->lock);
	free(p);
	*peer = NULL;
}

unsigned peer_port(const struct peer *p)
{
	return p->port;
}

static unsigned locked(struct peer *p, const unsigned *value)
{
	unsigned copy;

	pthread_mutex_lock(&p->lock);
	copy = *value;
	pthread_mutex_unlock(&p->lock);
	return copy;
}

unsigned peer_connections(struct peer *p)
{
	return locked(p, &p->n_conns);
}

unsigned peer_at_once(struct peer *p)
{
	return locked(p, &p->most_open);
}

unsigned peer_open(struct peer *p)
{
	return locked(p, &p->n_open);
}

unsigned peer_requests(struct peer *p)
{
	return locked(p, &p->n_requests);
}

size_t peer_bytes_of(struct peer *p, unsigned nth)
{
	size_t bytes;

	pthread_mutex_lock(&p->lock);
	bytes = p->conns[nth - 1].bytes;
	pthread_mutex_unlock(&p->lock);
	return bytes;
}

const struct buf *peer_head(struct peer *p)
{
	return &p->head;
}

const struct buf *peer_body(struct peer *p)
{
	return &p->body;
}
