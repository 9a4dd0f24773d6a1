/* SPDX-License-Identifier: MIT */
/* Certificates made for one test: an authority, and servers that it vouches for or not. */
#ifndef TESTS_UNIT_IDENTITY_H
#define TESTS_UNIT_IDENTITY_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdbool.h>

#define IDENTITY_DAY (24L * 60 * 60)

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

struct wish {
	const char *name; /* subjectAltName */
	long from, until; /* seconds from now */
	bool authority;
};

/* issuer NULL: signed by itself. */
struct identity identity_make(struct wish w, const struct identity *issuer);
void identity_free(struct identity *id);
/* A server that shows it. Owned: SSL_CTX_free(). */
SSL_CTX *identity_server(const struct identity *id);

/* A CA, and a file that holds it. */
struct authority {
	struct identity id;
	char file[64];
};

struct authority authority_make(void);
void authority_free(struct authority *a);

#endif
