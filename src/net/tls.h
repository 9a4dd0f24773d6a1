/* SPDX-License-Identifier: MIT */
/*
 * TLS of one connection, on a socket that stays its owner's. It never goes back to clear text:
 * once it has failed or ended, everything but tls_free() says so.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "core/attr.h"
#include "net/tls_context.h"
#include "smtp/peer.h"

#include <stdbool.h>
#include <sys/types.h>

struct tls;

enum tls_progress {
	TLS_DONE,
	TLS_HANDSHAKE, /* call again when the socket is ready */
	TLS_FAILED,    /* tls_error() says why; close the connection */
};

/* As the server. Takes a reference of ctx. NULL if OpenSSL has no memory. */
struct tls *tls_new(struct tls_context *ctx, int fd) MUST_CHECK;
/* NULLs the pointer; NULL is fine. The socket stays open. */
void tls_free(struct tls **tls);

enum tls_progress tls_handshake(struct tls *tls) MUST_CHECK;
/* Only once it is done. */
void tls_get_info(const struct tls *tls, struct tls_info *info);
const char *tls_error(const struct tls *tls);

/* As recv(2) and send(2) on a non-blocking socket: -1 with EAGAIN if the socket has to
 * become ready, 0 (of reading) at the client's end, -1 with ECONNRESET if the connection
 * is broken. */
ssize_t tls_read(struct tls *tls, void *bytes, size_t len) MUST_CHECK;
ssize_t tls_write(struct tls *tls, const void *bytes, size_t len) MUST_CHECK;

/* What the last call that said EAGAIN, or TLS_HANDSHAKE, waits for: true for writing. */
bool tls_wants_write(const struct tls *tls);

/* Says that nothing will follow (close_notify), as far as the socket takes it. */
void tls_close(struct tls *tls);

#endif
