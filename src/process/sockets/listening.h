/* SPDX-License-Identifier: MIT */
/*
 * A worker's listening sockets, inherited from the supervisor, which holds them too: from the
 * first accept(2) to the last.
 */
#ifndef PROCESS_SOCKETS_LISTENING_H
#define PROCESS_SOCKETS_LISTENING_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"
#include "net/listener.h"

#include <stdbool.h>
#include <stddef.h>

struct listening;

/* n descriptors from first_fd on: listener i of conf has the sockets i, i + its number of
 * listeners, and so on; what is no socket is a hole. All borrowed but the descriptors. Never
 * NULL. */
struct listening *listening_new(struct listener_shared *shared, const struct conf *conf,
	int first_fd, size_t n) MUST_CHECK;
void listening_free(struct listening **l);

/* Accepts from now on. tls: by listener of conf. */
int listening_begin(
	struct listening *l, struct tls_context *const *tls, struct err *err) MUST_CHECK;
bool listening_has_begun(const struct listening *l);

/* For connections from now on. */
void listening_use_tls(struct listening *l, struct tls_context *const *tls);

/*
 * Accepts no more, and closes the sockets. One that other processes go on to accept on is
 * closed now. One that nobody reads after us (stop: all but the service manager's; else those
 * that the supervisor has retired) is closed when all that were connecting are accepted;
 * then shared->idle() is called.
 */
void listening_leave(struct listening *l, bool stop);

/* Does not wait for those that are still connecting. */
void listening_leave_now(struct listening *l);

/* No socket is open: before begin, or at the end of leave. */
bool listening_is_over(const struct listening *l);

#endif
