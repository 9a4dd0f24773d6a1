/* SPDX-License-Identifier: MIT */
/*
 * Certificates for https: the user's, or a CA and a server certificate made at start.
 */
#ifndef SANDBOX_TLS_H
#define SANDBOX_TLS_H

#include "sandbox/attr.h"

#include <openssl/ssl.h>

/* A context that serves this chain and key (PEM). NULL: *why, the caller's. */
SSL_CTX *tls_context(const char *cert, const char *key, char **why) MUST_CHECK;

/*
 * Makes ca.pem, cert.pem and key.pem in dir (made if absent; valid for 10 years, for
 * localhost, 127.0.0.1 and ::1) and replaces older ones. -1: *why, the caller's. The
 * CA's key is not kept: nobody can sign with it afterwards.
 */
int tls_make_certificates(const char *dir, char **why) MUST_CHECK;

#endif
