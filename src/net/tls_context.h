/* SPDX-License-Identifier: MIT */
/*
 * What the TLS connections of one listener share: certificates with their keys, the profile,
 * the CAs of clients, and the keys of session tickets.
 */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"
#include "core/str.h"

#include <stdint.h>

/* Name, HMAC key and AES key of a ticket (RFC 5077 §4). */
#define TLS_TICKET_NAME_LEN 16
#define TLS_TICKET_KEY_LEN  (TLS_TICKET_NAME_LEN + 32 + 32)
/* The one that tickets are made with, and the one before it, which is still understood. */
#define TLS_TICKET_KEYS 2

struct tls_tickets {
	size_t n; /* keys that are there; 0: no session is resumed */
	unsigned char key[TLS_TICKET_KEYS][TLS_TICKET_KEY_LEN];
};

/* Where the files are: the content under a path that the configuration has; borrowed. */
struct tls_files {
	struct span (*get)(const void *arg, const char *path);
	const void *arg;
};

struct tls_context;

/*
 * For a listener whose tls is not off. tickets are borrowed, outlive the context, and may
 * change meanwhile; NULL: none. One reference is the caller's. On -1 the error names
 * listener and file, and what is wrong with it: no PEM, a key with a passphrase, a key of
 * another certificate, one that is too weak for the profile.
 */
int tls_context_new(const struct conf_listener *l, const struct tls_files *files,
	const struct tls_tickets *tickets, struct tls_context **ctx,
	struct err *err) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *ctx);
/* NULLs the pointer; NULL is fine. */
void tls_context_unref(struct tls_context **ctx);

/* When the certificate that ends first does, in Unix time; for the log. */
int64_t tls_context_expires(const struct tls_context *ctx);

/* For net/tls.c: the library's context for clients that name no host. */
void *tls_context_ssl(const struct tls_context *ctx);

#endif
