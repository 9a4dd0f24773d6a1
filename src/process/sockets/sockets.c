/* SPDX-License-Identifier: MIT */
/* The listening sockets of all workers and of admin, held by the supervisor. */
#include "process/sockets/sockets.h"

#include "core/mem.h"
#include "process/sockets/endpoint.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bound {
	enum endpoint_kind kind;
	struct sockaddr_storage addr;
	socklen_t len;
	struct stat file; /* UNIX: the socket's */
	int *fds;
	size_t n;
	size_t cap;
};

struct sockets {
	struct bound *items;
	size_t n;
	size_t cap;
	size_t width;                        /* of every TCP address but admin's */
	const struct activation *activation; /* borrowed; may be NULL */
};

struct sockets *sockets_new(const struct activation *activation)
{
	struct sockets *s = mem_new(1, sizeof(*s));

	s->activation = activation;
	return s;
}

/* The file goes first, so that nobody connects to a socket that nobody reads. Workers have
 * the sockets too, and take what is on its way. Admin answers until its end. */
static void bound_cut(struct bound *b, size_t n)
{
	if (b->kind == ENDPOINT_UNIX && b->n > n)
		endpoint_unlink(&b->addr, &b->file);
	while (b->n > n) {
		int fd = b->fds[--b->n];

		if (b->kind != ENDPOINT_ADMIN)
			endpoint_retire(fd);
		close(fd);
	}
}

void sockets_free(struct sockets **sockets)
{
	struct sockets *s = *sockets;

	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++) {
		bound_cut(&s->items[i], 0);
		free(s->items[i].fds);
	}
	free(s->items);
	free(s);
	*sockets = NULL;
}

size_t sockets_width(const struct sockets *s)
{
	return s->width;
}

static size_t count_wanted(const struct conf *conf)
{
	return conf->n_listeners + (conf->admin.enabled ? 1 : 0);
}

/* Listener i of the configuration; the one past the last is admin's. */
static int wanted_at(
	const struct conf *conf, size_t i, struct endpoint *e, struct err *err)
{
	return i < conf->n_listeners ? endpoint_of_listener(&conf->listeners[i], e, err)
	                             : endpoint_of_admin(conf, e, err);
}

static bool is_at(const struct bound *b, const struct endpoint *e)
{
	return b->kind == e->kind && b->len == e->len &&
	       memcmp(&b->addr, &e->addr, e->len) == 0;
}

static struct bound *find(const struct sockets *s, const struct endpoint *e)
{
	for (size_t i = 0; i < s->n; i++)
		if (is_at(&s->items[i], e))
			return &s->items[i];
	return NULL;
}

static bool is_tcp(enum endpoint_kind kind)
{
	return kind == ENDPOINT_TCP || kind == ENDPOINT_ADMIN;
}

static unsigned port_of(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
	                                : ((const struct sockaddr_in *)a)->sin_port;
}

/* The test would fail for a port that we hold at another address (0.0.0.0 for 127.0.0.1), and
 * is left out. */
static int check_unused(
	const struct sockets *s, const struct endpoint *e, struct err *err)
{
	for (size_t i = 0; i < s->n; i++)
		if (is_tcp(s->items[i].kind) &&
			s->items[i].addr.ss_family == e->addr.ss_family &&
			port_of(&s->items[i].addr) == port_of(&e->addr))
			return 0;
	return endpoint_check_unused(e, err);
}

static struct bound *add(struct sockets *s, const struct endpoint *e)
{
	struct bound *b;

	mem_grow(&s->items, &s->cap, s->n + 1, sizeof(*s->items));
	b = &s->items[s->n++];
	*b = (struct bound){.kind = e->kind, .addr = e->addr, .len = e->len};
	return b;
}

static int open_tcp(
	struct sockets *s, const struct endpoint *e, size_t width, struct err *err)
{
	struct bound *b = find(s, e);
	size_t n = e->kind == ENDPOINT_ADMIN ? 1 : width;

	if (b == NULL) {
		if (check_unused(s, e, err) != 0)
			return -1;
		b = add(s, e);
	}
	mem_grow(&b->fds, &b->cap, n, sizeof(*b->fds));
	while (b->n < n) {
		int fd = endpoint_bind(e, e->kind == ENDPOINT_TCP, err);

		if (fd < 0)
			return -1;
		b->fds[b->n++] = fd;
	}
	return 0;
}

static int open_unix(struct sockets *s, const struct endpoint *e, struct err *err)
{
	struct bound *b = find(s, e);
	struct stat file;
	int fd;

	if (b != NULL)
		return endpoint_set_rights(e, &b->file, err);
	fd = endpoint_bind_unix(e, &file, err);
	if (fd < 0)
		return -1;
	b = add(s, e);
	b->file = file;
	mem_grow(&b->fds, &b->cap, 1, sizeof(*b->fds));
	b->fds[b->n++] = fd;
	return 0;
}

static int find_inherited(
	const struct sockets *s, const struct endpoint *e, struct err *err)
{
	if (activation_socket(s->activation, e->name, 0) >= 0)
		return 0;
	return err_set(err,
		"listener %s: no socket was passed under that name; write "
		"FileDescriptorName=%s in its .socket unit, or take activation away",
		e->name, e->name);
}

static int open_wanted(
	struct sockets *s, const struct endpoint *e, size_t width, struct err *err)
{
	switch (e->kind) {
	case ENDPOINT_UNIX: return open_unix(s, e, err);
	case ENDPOINT_INHERITED: return find_inherited(s, e, err);
	case ENDPOINT_ADMIN:
	case ENDPOINT_TCP: break;
	}
	return open_tcp(s, e, width, err);
}

/* Undo: the first n addresses get their old width. */
static void undo(struct sockets *s, size_t n, size_t width)
{
	while (s->n > n) {
		struct bound *b = &s->items[--s->n];

		bound_cut(b, 0);
		free(b->fds);
	}
	for (size_t i = 0; i < n; i++)
		if (s->items[i].kind == ENDPOINT_TCP)
			bound_cut(&s->items[i], width);
}

int sockets_open(struct sockets *s, const struct conf *conf, struct err *err)
{
	size_t before = s->n;
	size_t width = s->width > conf->workers ? s->width : conf->workers;

	for (size_t i = 0; i < count_wanted(conf); i++) {
		struct endpoint e;

		if (wanted_at(conf, i, &e, err) != 0 ||
			open_wanted(s, &e, width, err) != 0) {
			undo(s, before, s->width);
			return -1;
		}
	}
	s->width = width;
	return 0;
}

static bool is_wanted(const struct conf *conf, const struct bound *b)
{
	for (size_t i = 0; i < count_wanted(conf); i++) {
		struct endpoint e;

		if (wanted_at(conf, i, &e, NULL) == 0 && is_at(b, &e))
			return true;
	}
	return false;
}

void sockets_trim(struct sockets *s, const struct conf *conf, size_t width)
{
	size_t kept = 0;

	if (width != 0 && width < s->width)
		s->width = width;
	for (size_t i = 0; i < s->n; i++) {
		struct bound *b = &s->items[i];

		if (!is_wanted(conf, b)) {
			bound_cut(b, 0);
			free(b->fds);
			continue;
		}
		if (b->kind == ENDPOINT_TCP)
			bound_cut(b, s->width);
		s->items[kept++] = *b;
	}
	s->n = kept;
}

/* Socket number i of a worker at an endpoint; -1 past its last. */
static int socket_of(const struct sockets *s, const struct conf *conf,
	const struct endpoint *e, unsigned worker, size_t i)
{
	const struct bound *b;

	if (e->kind == ENDPOINT_INHERITED)
		return activation_socket(s->activation, e->name, i);
	b = find(s, e);
	if (e->kind == ENDPOINT_TCP)
		i = worker + i * conf->workers;
	return b != NULL && i < b->n ? b->fds[i] : -1;
}

int *sockets_of_worker(
	const struct sockets *s, const struct conf *conf, unsigned index, size_t *n)
{
	int *fds = NULL;
	size_t cap = 0, found = conf->n_listeners;

	*n = 0;
	for (size_t round = 0; found > 0; round++) {
		found = 0;
		mem_grow(&fds, &cap, *n + conf->n_listeners, sizeof(*fds));
		for (size_t i = 0; i < conf->n_listeners; i++) {
			struct endpoint e;
			int fd = wanted_at(conf, i, &e, NULL) == 0
			                 ? socket_of(s, conf, &e, index, round)
			                 : -1;

			fds[*n + i] = fd;
			found += fd >= 0;
		}
		if (found > 0)
			*n += conf->n_listeners;
	}
	return fds;
}

int sockets_of_admin(const struct sockets *s, const struct conf *conf)
{
	struct endpoint e;
	const struct bound *b;

	if (!conf->admin.enabled || endpoint_of_admin(conf, &e, NULL) != 0)
		return -1;
	b = find(s, &e);
	return b != NULL && b->n > 0 ? b->fds[0] : -1;
}
