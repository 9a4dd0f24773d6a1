/* SPDX-License-Identifier: MIT */
/*
 * The other end of an HTTP connection, scripted: a thread that accepts on a loopback port,
 * and a thread a connection that does what the test says.
 */
#ifndef TESTS_UNIT_PEER_H
#define TESTS_UNIT_PEER_H

#include "core/buf.h"

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>

struct peer;

struct peer_conn {
	struct peer *peer;
	int fd;
	SSL *ssl;     /* NULL: clear text */
	size_t bytes; /* of application data, read so far */
	unsigned nth; /* 1 for the first connection */
};

/* What to do with a connection; it is closed afterwards. */
typedef void peer_script(struct peer_conn *c);

/* tls (may be NULL) is borrowed. */
struct peer *peer_new(peer_script *script, SSL_CTX *tls);
/* The same as a proxy that is itself the server to which it leads: CONNECT is answered in
 * clear text, and TLS begins after that. */
struct peer *peer_new_proxy(peer_script *script, SSL_CTX *tls);

/* What a connection meets before any script runs. */
enum peer_manners {
	PEER_SERVES,
	PEER_REFUSES,       /* nobody listens */
	PEER_BREAKS,        /* accepted, and closed at once */
	PEER_HANGS,         /* accepted, and then nothing */
	PEER_BREAKS_TUNNEL, /* the same after CONNECT was answered */
	PEER_HANGS_TUNNEL,
};
/* For connections from now on; PEER_REFUSES is for good. */
void peer_behave(struct peer *p, enum peer_manners m);
/* Wakes every script that waits, and joins all threads. */
void peer_free(struct peer **p);

unsigned peer_port(const struct peer *p);
unsigned peer_connections(struct peer *p);
unsigned peer_at_once(struct peer *p);  /* most connections open together */
unsigned peer_open(struct peer *p);     /* now */
unsigned peer_requests(struct peer *p); /* read whole */
/* Application data that the nth connection brought; 0 where there was none. */
size_t peer_bytes_of(struct peer *p, unsigned nth);
const struct buf *peer_head(struct peer *p); /* of the last request */
const struct buf *peer_body(struct peer *p);

/* Reads the header; *body_len is its Content-Length. false at the end of the connection. */
bool peer_read_head(struct peer_conn *c, size_t *body_len);
/* Reads so many bytes of a body. */
bool peer_read_body(struct peer_conn *c, size_t n);
/* Both, whole, and counts it. */
bool peer_read_request(struct peer_conn *c);
/* The same, but forgets the body: for connections side by side. */
bool peer_skip_request(struct peer_conn *c);

void peer_send(struct peer_conn *c, const char *text);
/* HTTP/1.1 200, or any status line, with a body and its length. */
void peer_answer(struct peer_conn *c, const char *status, const char *body);
/* With the MessageId "qcloudses-N", N from 1. */
void peer_accept_mail(struct peer_conn *c);

/* Ends the connection with RST instead of FIN. */
void peer_reset(struct peer_conn *c);
/* Sends FIN and goes on. */
void peer_finish_sending(struct peer_conn *c);
/* Reads and forgets until the client goes. */
void peer_drain(struct peer_conn *c);
/* Reads nothing until the client goes, or the test ends. */
void peer_hang(struct peer_conn *c);

#endif
