/* SPDX-License-Identifier: MIT */
/*
 * SHA-256, HMAC-SHA-256 and GMAC (FIPS 180-4, RFC 2104, NIST SP 800-38D), by OpenSSL's EVP.
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

#define DIGEST_MAC_KEY_LEN 16
#define DIGEST_MAC_LEN     16

/* A key of digest_mac(), ready for use. */
struct digest_key;

/*
 * GMAC with AES-128 (NIST SP 800-38D) and a nonce that never changes: a fingerprint, a fifth
 * of the price of SHA-256. Two texts have the same one by chance only, as long as who writes
 * them knows neither the key nor any fingerprint; so neither may leave the gateway.
 */
struct digest_key *digest_key_new(const uint8_t key[DIGEST_MAC_KEY_LEN]) MUST_CHECK;
void digest_key_free(struct digest_key **k);
/* Threads may use one key at the same time. */
void digest_mac(const struct digest_key *k, const void *bytes, size_t len,
	uint8_t out[DIGEST_MAC_LEN]);

/* Lower-case hexadecimal, NUL-terminated. */
void digest_hex(const uint8_t in[DIGEST_LEN], char out[DIGEST_HEX_LEN]);

/* n random bytes from the kernel. */
void digest_random(void *out, size_t n);

#endif
