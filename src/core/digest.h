/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104), by OpenSSL's EVP.
 */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include "core/attr.h"

#include <stddef.h>
#include <stdint.h>

#define DIGEST_LEN     32
#define DIGEST_HEX_LEN 65 /* with the NUL */

/* A running SHA-256. */
struct digest;

struct digest *digest_new(void) MUST_CHECK; /* never NULL */
/* A second one that has read the same bytes. Never NULL. */
struct digest *digest_clone(const struct digest *d) MUST_CHECK;
void digest_update(struct digest *d, const void *bytes, size_t len);
/* The digest; d must only be freed afterwards. */
void digest_final(struct digest *d, uint8_t out[DIGEST_LEN]);
void digest_free(struct digest **d);

/* In one call. */
void digest_sha256(const void *bytes, size_t len, uint8_t out[DIGEST_LEN]);
void digest_hmac(const void *key, size_t key_len, const void *bytes, size_t len,
	uint8_t out[DIGEST_LEN]);

/* Lower-case hexadecimal, NUL-terminated. */
void digest_hex(const uint8_t in[DIGEST_LEN], char out[DIGEST_HEX_LEN]);

/* n random bytes from the kernel. */
void digest_random(void *out, size_t n);

#endif
