/* SPDX-License-Identifier: MIT */
/*
 * A worker's listening sockets, inherited from the supervisor, which holds them too: from the
 * first accept(2) to the last.
 */
#ifndef PROCESS_SOCKETS_WORKER_LISTENERS_H
#define PROCESS_SOCKETS_WORKER_LISTENERS_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"
#include "net/listener.h"

#include <stdbool.h>
#include <stddef.h>

struct worker_listeners;

/* n descriptors from first_fd on: listener i of conf has the sockets i, i + its number of
 * listeners, and so on; what is no socket is a hole. All borrowed but the descriptors. Never
 * NULL. */
struct worker_listeners *worker_listeners_new(struct listener_shared *shared,
	const struct conf *conf, int first_fd, size_t n) MUST_CHECK;
void worker_listeners_free(struct worker_listeners **l);

/* Accepts from now on. tls: by listener of conf. */
int worker_listeners_begin(struct worker_listeners *l, struct tls_context *const *tls,
	struct err *err) MUST_CHECK;
bool worker_listeners_has_begun(const struct worker_listeners *l);

/* For connections from now on. */
void worker_listeners_use_tls(struct worker_listeners *l, struct tls_context *const *tls);

/*
 * Accepts no more, and closes the sockets. One that other processes go on to accept on is
 * closed now. One that nobody reads after us (stop: all but the service manager's; else those
 * that the supervisor has retired) is closed when all that were connecting are accepted;
 * then shared->idle() is called.
 */
void worker_listeners_leave(struct worker_listeners *l, bool stop);

/* Does not wait for those that are still connecting. */
void worker_listeners_leave_now(struct worker_listeners *l);

/* No socket is open: before begin, or at the end of leave. */
bool worker_listeners_is_over(const struct worker_listeners *l);

#endif
