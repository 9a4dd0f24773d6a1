/* SPDX-License-Identifier: MIT */
/*
 * Sockets that the service manager has bound and passes to us: sd_listen_fds(3), without its
 * library. A name (FileDescriptorName= of the .socket unit) may have several.
 */
#ifndef PROCESS_SOCKETS_ACTIVATION_H
#define PROCESS_SOCKETS_ACTIVATION_H

#include "core/attr.h"
#include "core/err.h"

#include <stddef.h>

struct activation;

/* Takes what $LISTEN_FDS, $LISTEN_FDNAMES and $LISTEN_PID say, and removes them from the
 * environment; nothing where they are not there, or meant for another process. -1 where one
 * is no listening stream socket. Call it before any descriptor is opened. */
int activation_new(struct activation **a, struct err *err) MUST_CHECK;
/* Closes them. */
void activation_free(struct activation **a);

/* Socket i of those with that name; -1 past the last. Ours. */
int activation_socket(const struct activation *a, const char *name, size_t i);

/* Name i of all sockets; NULL past the last. Borrowed. */
const char *activation_name(const struct activation *a, size_t i);

#endif
