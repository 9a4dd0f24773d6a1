/* SPDX-License-Identifier: MIT */
/*
 * A place to listen at, as a listener of the configuration, or admin, names it; and how a
 * socket is bound there.
 */
#ifndef PROCESS_SOCKETS_ENDPOINT_H
#define PROCESS_SOCKETS_ENDPOINT_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum endpoint_kind {
	ENDPOINT_ADMIN, /* TCP, one socket */
	ENDPOINT_TCP,   /* one for each worker, in a SO_REUSEPORT group */
	ENDPOINT_UNIX, /* one that all workers accept on; the kernel has no groups here */
	ENDPOINT_INHERITED, /* bound by the service manager, under the listener's name */
};

/* Strings are borrowed from the configuration. */
struct endpoint {
	enum endpoint_kind kind;
	const char *name; /* of the listener; "" for admin */
	const char *address;
	unsigned port;
	const char *path, *mode, *owner;
	struct sockaddr_storage addr; /* TCP, UNIX */
	socklen_t len;
};

/* -1 where the address is none. */
int endpoint_of_listener(
	const struct conf_listener *l, struct endpoint *e, struct err *err) MUST_CHECK;
int endpoint_of_admin(
	const struct conf *conf, struct endpoint *e, struct err *err) MUST_CHECK;

/* Binds TCP; share: others of ours will be bound there, too. Non-blocking, close-on-exec, not
 * listening. -1 and why; ADMIN and TCP. */
int endpoint_bind(const struct endpoint *e, bool share, struct err *err) MUST_CHECK;

/* With SO_REUSEPORT a second gateway of the same user would share our port, and half of the
 * mail, unnoticed: -1 where somebody listens there already. */
int endpoint_check_unused(const struct endpoint *e, struct err *err) MUST_CHECK;

/*
 * Binds UNIX, with owner and mode, and listens: before that nobody could connect. What a
 * program that died has left there is removed, nothing else is: -1 where somebody listens
 * at the path, or another file has it. *file is set to that of the socket.
 */
int endpoint_bind_unix(
	const struct endpoint *e, struct stat *file, struct err *err) MUST_CHECK;

/* Gives the socket's file owner and mode again, after a reload. -1 where it is no longer ours
 * (another file has the path). */
int endpoint_set_rights(
	const struct endpoint *e, const struct stat *file, struct err *err) MUST_CHECK;

/*
 * Prepares a listening socket for its end: no new connection begins, while those that are
 * being made come about, and whoever accepts on it takes them before it closes. The kernel
 * drops each SYN, so that the client asks again a second later and is then refused; a unix
 * socket has lost its file before. All processes that share the socket see the mark. TCP,
 * UNIX; a kernel without socket filters leaves it as it is.
 */
void endpoint_retire(int fd);
bool endpoint_is_retired(int fd);

/* Removes the file at the address, if it is still this one. */
void endpoint_unlink(const struct sockaddr_storage *addr, const struct stat *file);

#endif
