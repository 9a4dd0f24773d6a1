/* SPDX-License-Identifier: MIT */
/* The listening sockets of all workers and of admin, held by the supervisor. */
#include "process/sockets.h"

#include "core/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct bound {
	struct sockaddr_storage addr;
	socklen_t len;
	bool admin; /* one socket, outside the workers' groups */
	int *fds;
	size_t n;
	size_t cap;
};

struct sockets {
	struct bound *items;
	size_t n;
	size_t cap;
	size_t width; /* of every address but admin's */
};

/* What one section of the configuration asks for. */
struct wanted {
	const char *what; /* for messages */
	const char *name;
	const char *address;
	unsigned port;
	bool admin;
	struct sockaddr_storage addr;
	socklen_t len;
};

struct sockets *sockets_new(void)
{
	return mem_new(1, sizeof(struct sockets));
}

static void bound_cut(struct bound *b, size_t n)
{
	while (b->n > n)
		close(b->fds[--b->n]);
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

static int resolve(struct wanted *w, struct err *err)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	uint16_t port = htons((uint16_t)w->port);

	if (getaddrinfo(w->address, NULL, &hints, &found) != 0)
		return err_set(err, "%s %s: \"%s\" is not an IPv4 or IPv6 address",
			w->what, w->name, w->address);
	memset(&w->addr, 0, sizeof(w->addr));
	memcpy(&w->addr, found->ai_addr, found->ai_addrlen);
	w->len = found->ai_addrlen;
	freeaddrinfo(found);
	if (w->addr.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&w->addr)->sin6_port = port;
	else
		((struct sockaddr_in *)&w->addr)->sin_port = port;
	return 0;
}

static size_t count_wanted(const struct conf *conf)
{
	return conf->n_listeners + (conf->admin.enabled ? 1 : 0);
}

/* Listener i of the configuration; the one behind the last is admin's. */
static int wanted_at(const struct conf *conf, size_t i, struct wanted *w, struct err *err)
{
	*w = (struct wanted){.what = "admin",
		.name = "",
		.address = conf->admin.address,
		.port = conf->admin.port,
		.admin = true};
	if (i < conf->n_listeners)
		*w = (struct wanted){.what = "listener",
			.name = conf->listeners[i].name,
			.address = conf->listeners[i].address,
			.port = conf->listeners[i].port};
	return resolve(w, err);
}

static struct bound *find(const struct sockets *s, const struct wanted *w)
{
	for (size_t i = 0; i < s->n; i++) {
		struct bound *b = &s->items[i];

		if (b->admin == w->admin && b->len == w->len &&
			memcmp(&b->addr, &w->addr, w->len) == 0)
			return b;
	}
	return NULL;
}

static int bind_one(const struct wanted *w, bool share)
{
	const int on = 1;
	int fd = socket(w->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		(share &&
			setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) ||
		(w->addr.ss_family == AF_INET6 &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) !=
				0) ||
		bind(fd, (const struct sockaddr *)&w->addr, w->len) != 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int bind_failed(const struct wanted *w, struct err *err)
{
	const char *hint = "";

	if (errno == EADDRINUSE)
		hint = " (another program listens there)";
	else if (errno == EACCES)
		hint = " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
	return err_errno(err, "%s %s: cannot bind %s port %u%s", w->what, w->name,
		w->address, w->port, hint);
}

static unsigned port_of(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
	                                : ((const struct sockaddr_in *)a)->sin_port;
}

/* With SO_REUSEPORT a second gateway of the same user would share our port, and half of the
 * mail, unnoticed. So an address is first tried without. A port that we hold at another
 * address (0.0.0.0 for 127.0.0.1) would be in our own way: there the test is left out. */
static int check_unused(const struct sockets *s, const struct wanted *w, struct err *err)
{
	int fd;

	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].addr.ss_family == w->addr.ss_family &&
			port_of(&s->items[i].addr) == port_of(&w->addr))
			return 0;
	fd = bind_one(w, false);
	/* A socket that is bound does not keep others out, one that listens does. */
	if (fd < 0 || listen(fd, 1) != 0) {
		bind_failed(w, err);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

static int open_wanted(
	struct sockets *s, const struct wanted *w, size_t width, struct err *err)
{
	struct bound *b = find(s, w);
	size_t n = w->admin ? 1 : width;

	if (b == NULL) {
		if (check_unused(s, w, err) != 0)
			return -1;
		mem_grow(&s->items, &s->cap, s->n + 1, sizeof(*s->items));
		b = &s->items[s->n++];
		*b = (struct bound){.addr = w->addr, .len = w->len, .admin = w->admin};
	}
	mem_grow(&b->fds, &b->cap, n, sizeof(*b->fds));
	while (b->n < n) {
		int fd = bind_one(w, !w->admin);

		if (fd < 0)
			return bind_failed(w, err);
		b->fds[b->n++] = fd;
	}
	return 0;
}

/* Back to what there was: the first n addresses at their old width. */
static void undo(struct sockets *s, size_t n, size_t width)
{
	while (s->n > n) {
		struct bound *b = &s->items[--s->n];

		bound_cut(b, 0);
		free(b->fds);
	}
	for (size_t i = 0; i < n; i++)
		if (!s->items[i].admin)
			bound_cut(&s->items[i], width);
}

int sockets_open(struct sockets *s, const struct conf *conf, struct err *err)
{
	size_t before = s->n;
	size_t width = s->width > conf->workers ? s->width : conf->workers;

	for (size_t i = 0; i < count_wanted(conf); i++) {
		struct wanted w;

		if (wanted_at(conf, i, &w, err) != 0 ||
			open_wanted(s, &w, width, err) != 0) {
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
		struct wanted w;

		if (wanted_at(conf, i, &w, NULL) == 0 && b->admin == w.admin &&
			b->len == w.len && memcmp(&b->addr, &w.addr, w.len) == 0)
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
		if (!b->admin)
			bound_cut(b, s->width);
		s->items[kept++] = *b;
	}
	s->n = kept;
}

int *sockets_of_worker(
	const struct sockets *s, const struct conf *conf, unsigned index, size_t *n)
{
	size_t rounds = (s->width + conf->workers - 1) / conf->workers;
	int *fds = mem_new(rounds * conf->n_listeners, sizeof(*fds));

	*n = 0;
	for (size_t k = index; k < s->width; k += conf->workers)
		for (size_t i = 0; i < conf->n_listeners; i++) {
			struct wanted w;
			const struct bound *b;

			if (wanted_at(conf, i, &w, NULL) != 0)
				continue;
			b = find(s, &w);
			if (b != NULL && k < b->n)
				fds[(*n)++] = b->fds[k];
		}
	return fds;
}

int sockets_of_admin(const struct sockets *s, const struct conf *conf)
{
	struct wanted w;
	const struct bound *b;

	if (!conf->admin.enabled || wanted_at(conf, conf->n_listeners, &w, NULL) != 0)
		return -1;
	b = find(s, &w);
	return b != NULL && b->n > 0 ? b->fds[0] : -1;
}
