/* SPDX-License-Identifier: MIT */
/*
 * SHA-256, HMAC-SHA-256, hexadecimal and base64 for the sandbox, and random names.
 */
#ifndef SANDBOX_DIGEST_H
#define SANDBOX_DIGEST_H

#include "sandbox/attr.h"

#include <stddef.h>
#include <stdint.h>

#define DIGEST_LEN     32
#define DIGEST_HEX_LEN 65 /* with the NUL */

void digest_sha256(const void *bytes, size_t len, uint8_t out[DIGEST_LEN]);
void digest_sha256_hex(const void *bytes, size_t len, char out[DIGEST_HEX_LEN]);
void digest_hmac(
	const void *key, size_t key_len, const char *text, uint8_t out[DIGEST_LEN]);
void digest_hex(const uint8_t in[DIGEST_LEN], char out[DIGEST_HEX_LEN]);

/* Strict base64 (RFC 4648 section 4): no white space, whole quanta, canonical padding.
 * *out is the caller's (NUL-terminated, also where the data is empty); -1 otherwise. */
int digest_base64_decode(
	const char *in, size_t len, char **out, size_t *out_len) MUST_CHECK;

/* The other way; NUL-terminated, the caller owns it. */
char *digest_base64_encode(const void *bytes, size_t len) MUST_CHECK;

#define DIGEST_UUID_LEN 37
/* A random UUID (RFC 4122, version 4). */
void digest_uuid(char out[DIGEST_UUID_LEN]);

/* n random letters and digits and a NUL. */
void digest_random_name(char *out, size_t n);

#endif
