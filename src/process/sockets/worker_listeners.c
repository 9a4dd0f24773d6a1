/* SPDX-License-Identifier: MIT */
/* Which sockets a worker accepts on, and how it leaves them. */
#include "process/sockets/worker_listeners.h"

#include "core/mem.h"
#include "net/conn.h"
#include "process/sockets/endpoint.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Connections that the kernel has not made yet when their socket is retired: time for one
 * more round trip. */
#define LAST_ACCEPT_MS 250

struct worker_listeners {
	struct listener_shared *shared; /* borrowed */
	const struct conf *conf;        /* borrowed */
	int first_fd;
	size_t n;
	struct listener **listeners; /* one for each socket; NULL: a hole */
	size_t open;                 /* sockets that are */
	bool begun;
	struct loop_timer *last_accept; /* NULL before it is needed */
};

static int fd_of(const struct worker_listeners *l, size_t i)
{
	return l->first_fd + (int)i;
}

static size_t conf_index(const struct worker_listeners *l, size_t i)
{
	return i % l->conf->n_listeners;
}

/* --- accepting -------------------------------------------------------------------------- */

/* The supervisor only bound it (process/sockets/sockets.h); a unix socket, or one that was
 * passed, listens already. */
static int begin_to_listen(int fd)
{
	int listens = 0;
	socklen_t len = sizeof(listens);

	/* The previous process may have left one; an attacker may have controlled it. */
	(void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &listens, len);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens)
		return 0;
	return listen(fd, SOMAXCONN);
}

/* For a listener that has fewer sockets than another. */
static bool is_hole(int fd)
{
	struct stat st;

	return fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode);
}

int worker_listeners_begin(
	struct worker_listeners *l, struct tls_context *const *tls, struct err *err)
{
	l->begun = true;
	for (size_t i = 0; i < l->n; i++) {
		size_t k = conf_index(l, i);
		const struct conn_policy policy = {
			.conf = &l->conf->listeners[k], .share = k, .tls = tls[k]};
		int fd = fd_of(l, i);

		if (is_hole(fd))
			continue;
		if (begin_to_listen(fd) != 0)
			return err_errno(
				err, "listener %s: cannot listen", policy.conf->name);
		l->listeners[i] = listener_new(l->shared, &policy, fd, err);
		if (l->listeners[i] == NULL)
			return -1;
		l->open++;
	}
	return 0;
}

bool worker_listeners_has_begun(const struct worker_listeners *l)
{
	return l->begun;
}

void worker_listeners_use_tls(struct worker_listeners *l, struct tls_context *const *tls)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->listeners[i] != NULL)
			listener_use_tls(l->listeners[i], tls[conf_index(l, i)]);
}

/* --- leaving ---------------------------------------------------------------------------- */

static void leave(struct worker_listeners *l, size_t i)
{
	listener_stop(l->listeners[i]);
	close(fd_of(l, i));
	l->open--;
}

void worker_listeners_leave_now(struct worker_listeners *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->listeners[i] != NULL && listener_accepts(l->listeners[i])) {
			listener_accept(l->listeners[i]);
			leave(l, i);
		}
	if (l->shared->idle != NULL)
		l->shared->idle(l->shared->idle_arg);
}

static void on_last_accept(void *arg)
{
	worker_listeners_leave_now(arg);
}

static bool is_last_reader(const struct worker_listeners *l, size_t i, bool stop)
{
	return !l->conf->listeners[conf_index(l, i)].activation &&
	       (stop || endpoint_is_retired(fd_of(l, i)));
}

void worker_listeners_leave(struct worker_listeners *l, bool stop)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->listeners[i] == NULL || !listener_accepts(l->listeners[i]))
			continue;
		if (!is_last_reader(l, i, stop))
			leave(l, i);
		else
			endpoint_retire(fd_of(l, i));
	}
	if (l->open == 0)
		return;
	if (l->last_accept == NULL)
		l->last_accept = loop_timer_new(l->shared->loop, on_last_accept, l);
	loop_timer_set(l->last_accept, LAST_ACCEPT_MS);
}

bool worker_listeners_is_over(const struct worker_listeners *l)
{
	return l->open == 0;
}

/* --- life ------------------------------------------------------------------------------- */

struct worker_listeners *worker_listeners_new(
	struct listener_shared *shared, const struct conf *conf, int first_fd, size_t n)
{
	struct worker_listeners *l = mem_new(1, sizeof(*l));

	l->shared = shared;
	l->conf = conf;
	l->first_fd = first_fd;
	l->n = n;
	l->listeners = mem_new(n, sizeof(struct listener *));
	return l;
}

void worker_listeners_free(struct worker_listeners **lp)
{
	struct worker_listeners *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n; i++)
		listener_free(&l->listeners[i]);
	free(l->listeners);
	loop_timer_free(&l->last_accept);
	free(l);
}
