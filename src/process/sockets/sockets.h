/* SPDX-License-Identifier: MIT */
/*
 * Every listening address, bound by the supervisor before anybody drops rights, and kept
 * through reloads and restarts: what waits in a socket's queue is never lost.
 *
 * Each SMTP address has `width` sockets in one SO_REUSEPORT group, so that the kernel
 * spreads connections over the workers. They are bound here, but a worker calls listen(),
 * when it is ready to accept: an address joins the group with its first reader. width never
 * shrinks while an address stays: where there are fewer workers, each serves several.
 *
 * A unix socket, and what the service manager passes, is one that all workers accept on: the
 * kernel has no groups of them.
 */
#ifndef PROCESS_SOCKETS_SOCKETS_H
#define PROCESS_SOCKETS_SOCKETS_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"
#include "process/sockets/activation.h"

#include <stddef.h>

struct sockets;

/* Never NULL. activation is borrowed, and may be NULL. */
struct sockets *sockets_new(const struct activation *activation) MUST_CHECK;
/* Closes all, as sockets_trim() does. */
void sockets_free(struct sockets **s);

/* Binds what conf names and is not bound yet. On -1 nothing new is left open; the error
 * names listener and address. */
int sockets_open(struct sockets *s, const struct conf *conf, struct err *err) MUST_CHECK;

/* Closes what conf does not name, and what is past width (0: any width). Workers that have such
 * a socket find it retired (endpoint_is_retired()): it ends when they close it. */
void sockets_trim(struct sockets *s, const struct conf *conf, size_t width);

size_t sockets_width(const struct sockets *s);

/* The descriptors of worker index (of conf->workers), the listeners in their order, and
 * again as long as one of them has a further socket; -1 where others have none any more.
 * Owned by the caller with free(); the descriptors stay ours. */
int *sockets_of_worker(const struct sockets *s, const struct conf *conf, unsigned index,
	size_t *n) MUST_CHECK;

/* The admin listener's; -1 where conf has none. */
int sockets_of_admin(const struct sockets *s, const struct conf *conf);

#endif
