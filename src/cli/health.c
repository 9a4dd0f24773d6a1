/* SPDX-License-Identifier: MIT */
/* One question to a running gateway, over its own listeners. */
#include "cli/health.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX 1024 /* bytes of an answer that are looked at */

/* Where the question goes. */
struct place {
	char name[160]; /* for people: "127.0.0.1 port 8025" or a path */
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un path;
	} addr;
	socklen_t len;
};

struct question {
	struct place place;
	int fd;
	uint64_t end_ms; /* on the monotonic clock */
	char answer[ANSWER_MAX];
	size_t len;
	struct err *err;
};

static const struct clock real_clock = {.frozen = false};

/* --- places --------------------------------------------------------------------------- */

/* The address is one that the configuration has taken for good. */
static void place_tcp(struct place *p, const char *address, unsigned port)
{
	*p = (struct place){.len = sizeof(p->addr.v4)};
	if (strcmp(address, "0.0.0.0") == 0)
		address = "127.0.0.1";
	else if (strcmp(address, "::") == 0)
		address = "::1";
	snprintf(p->name, sizeof(p->name), "%s port %u", address, port);
	if (inet_pton(AF_INET, address, &p->addr.v4.sin_addr) == 1) {
		p->addr.v4.sin_family = AF_INET;
		p->addr.v4.sin_port = htons((uint16_t)port);
	} else if (inet_pton(AF_INET6, address, &p->addr.v6.sin6_addr) == 1) {
		p->len = sizeof(p->addr.v6);
		p->addr.v6.sin6_family = AF_INET6;
		p->addr.v6.sin6_port = htons((uint16_t)port);
	}
}

static void place_path(struct place *p, const char *path)
{
	*p = (struct place){.len = sizeof(p->addr.path)};
	str_copy(p->name, sizeof(p->name), path);
	p->addr.path.sun_family = AF_UNIX;
	str_copy(p->addr.path.sun_path, sizeof(p->addr.path.sun_path), path);
}

/* --- the wire ------------------------------------------------------------------------- */

static int fail(const struct question *q, const char *what)
{
	if (errno == ETIMEDOUT)
		return err_set(q->err, "not well: %s does not answer within %d s",
			q->place.name, HEALTH_TIMEOUT_MS / 1000);
	return err_errno(q->err, "not well: %s %s", what, q->place.name);
}

/* Waits until fd can be read or written; -1 with errno once the time is over. */
static int wait_for(const struct question *q, short events)
{
	struct pollfd p = {.fd = q->fd, .events = events};

	for (;;) {
		uint64_t now = clock_mono_ms(&real_clock);
		int rc;

		if (now >= q->end_ms) {
			errno = ETIMEDOUT;
			return -1;
		}
		rc = poll(&p, 1, (int)(q->end_ms - now));
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return -1;
	}
}

static int begin(struct question *q)
{
	int failed = 0;
	socklen_t len = sizeof(failed);

	q->fd = socket(q->place.addr.any.sa_family,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (q->fd < 0)
		return fail(q, "cannot make a socket for");
	if (connect(q->fd, &q->place.addr.any, q->place.len) == 0)
		return 0;
	if (errno != EINPROGRESS && errno != EAGAIN)
		return fail(q, "cannot connect to");
	if (wait_for(q, POLLOUT) < 0)
		return fail(q, "cannot connect to");
	if (getsockopt(q->fd, SOL_SOCKET, SO_ERROR, &failed, &len) < 0 || failed != 0) {
		errno = failed != 0 ? failed : errno;
		return fail(q, "cannot connect to");
	}
	return 0;
}

static int put(struct question *q, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(q->fd, bytes, len, MSG_NOSIGNAL);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN || wait_for(q, POLLOUT) < 0) {
			return fail(q, "cannot write to");
		}
	}
	return 0;
}

/* Until the answer holds `last`, ends, or is as long as is looked at. */
static int get(struct question *q, const char *last)
{
	while (q->len < ANSWER_MAX - 1) {
		ssize_t n;

		if (wait_for(q, POLLIN) < 0)
			return fail(q, "cannot read from");
		n = recv(q->fd, q->answer + q->len, ANSWER_MAX - 1 - q->len, 0);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0)
			return fail(q, "cannot read from");
		if (n == 0)
			break;
		q->len += (size_t)n;
		q->answer[q->len] = '\0';
		if (last != NULL && strstr(q->answer, last) != NULL)
			break;
	}
	return 0;
}

/* --- what is asked -------------------------------------------------------------------- */

static int ask_admin(struct question *q, const struct conf_admin *admin, bool ready)
{
	const char *path = ready ? "/readyz" : "/healthz";
	char *text, why[200];
	int rc;

	place_tcp(&q->place, admin->address, admin->port);
	if (begin(q) < 0)
		return -1;
	/* "localhost" is a name that admin always goes by. */
	text = mem_sprintf("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
			   "\r\n",
		path);
	rc = put(q, text, strlen(text));
	free(text);
	if (rc < 0 || get(q, NULL) < 0)
		return -1;
	if (strncmp(q->answer, "HTTP/1.1 200 ", 13) == 0)
		return 0;
	/* The reasons stand in the body. */
	text = strstr(q->answer, "\r\n\r\n");
	str_ascii_line(why, sizeof(why), span_of(text != NULL ? text : q->answer));
	return err_set(q->err, "not well: %s of %s says: %s", path, q->place.name,
		why[0] != '\0' ? why : "nothing");
}

static bool is_silent(const struct conf_listener *l)
{
	return l->tls == CONF_TLS_IMPLICIT || l->proxy.n > 0;
}

static int read_greeting(struct question *q)
{
	char line[200];

	if (get(q, "\n") < 0)
		return -1;
	if (strncmp(q->answer, "220", 3) == 0 || strncmp(q->answer, "554", 3) == 0)
		return 0;
	str_ascii_line(
		line, sizeof(line), span_make(q->answer, strcspn(q->answer, "\r\n")));
	return err_set(q->err, "not well: %s greets with: %s", q->place.name,
		line[0] != '\0' ? line : "nothing");
}

/* One that greets by itself, else any; NULL where systemd has bound them all. */
static const struct conf_listener *pick(const struct conf *conf)
{
	const struct conf_listener *best = NULL;

	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct conf_listener *l = &conf->listeners[i];

		if (l->activation)
			continue;
		if (!is_silent(l))
			return l;
		if (best == NULL)
			best = l;
	}
	return best;
}

static int ask_listener(struct question *q, const struct conf *conf)
{
	const struct conf_listener *l = pick(conf);

	if (l == NULL)
		return err_set(q->err,
			"there is nothing to ask: admin is off, and every listener has "
			"activation; write admin { enabled = true }");
	if (l->path[0] != '\0')
		place_path(&q->place, l->path);
	else
		place_tcp(&q->place, l->address, l->port);
	if (begin(q) < 0)
		return -1;
	return is_silent(l) ? 0 : read_greeting(q);
}

int health(const struct conf *conf, bool ready, FILE *out, struct err *err)
{
	struct question q = {.fd = -1,
		.end_ms = clock_mono_ms(&real_clock) + HEALTH_TIMEOUT_MS,
		.err = err};
	int rc = conf->admin.enabled ? ask_admin(&q, &conf->admin, ready)
	                             : ask_listener(&q, conf);

	if (q.fd >= 0)
		close(q.fd);
	if (rc == 0)
		fprintf(out, "%s: %s\n", ready && conf->admin.enabled ? "ready" : "well",
			q.place.name);
	return rc;
}
