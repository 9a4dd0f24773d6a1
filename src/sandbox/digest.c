/* SPDX-License-Identifier: MIT */
/* SHA-256, HMAC, hexadecimal, base64 and random names for the sandbox. */
#include "sandbox/digest.h"

#include "sandbox/mem.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* OpenSSL fails here only where memory or its random source is gone. */
static void must(int ok)
{
	if (!ok) {
		fputs("sandbox: libcrypto failed\n", stderr);
		abort();
	}
}

void digest_sha256(const void *bytes, size_t len, uint8_t out[DIGEST_LEN])
{
	must(EVP_Digest(bytes, len, out, NULL, EVP_sha256(), NULL));
}

void digest_hex(const uint8_t in[DIGEST_LEN], char out[DIGEST_HEX_LEN])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_LEN; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[DIGEST_HEX_LEN - 1] = '\0';
}

void digest_sha256_hex(const void *bytes, size_t len, char out[DIGEST_HEX_LEN])
{
	uint8_t d[DIGEST_LEN];

	digest_sha256(bytes, len, d);
	digest_hex(d, out);
}

void digest_hmac(
	const void *key, size_t key_len, const char *text, uint8_t out[DIGEST_LEN])
{
	unsigned len = DIGEST_LEN;

	must(HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text,
		     strlen(text), out, &len) != NULL);
}

static int base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* One quantum of 4 characters, the last `pad` of them '='; returns bytes written or -1. */
static int base64_quantum(const char *in, int pad, unsigned char *out)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int d = i >= 4 - pad ? 0 : base64_value((unsigned char)in[i]);

		if (d < 0)
			return -1;
		v = v << 6 | (uint32_t)d;
	}
	if ((pad == 1 && (v & 0xff) != 0) || (pad == 2 && (v & 0xffff) != 0))
		return -1; /* bits after the data: not canonical */
	out[0] = (unsigned char)(v >> 16);
	out[1] = (unsigned char)(v >> 8);
	out[2] = (unsigned char)v;
	return 3 - pad;
}

int digest_base64_decode(const char *in, size_t len, char **out, size_t *out_len)
{
	unsigned char *bytes;
	size_t n = 0;

	if (len % 4 != 0)
		return -1;
	bytes = mem_alloc(len / 4 * 3 + 1);
	for (size_t i = 0; i < len; i += 4) {
		int pad = 0, got;

		if (i + 4 == len)
			pad = in[i + 3] != '=' ? 0 : in[i + 2] != '=' ? 1 : 2;
		got = base64_quantum(in + i, pad, bytes + n);
		if (got < 0) {
			free(bytes);
			return -1;
		}
		n += (size_t)got;
	}
	bytes[n] = '\0';
	*out = (char *)bytes;
	*out_len = n;
	return 0;
}

char *digest_base64_encode(const void *bytes, size_t len)
{
	unsigned char *out = mem_alloc((len + 2) / 3 * 4 + 1);

	EVP_EncodeBlock(out, bytes, (int)len);
	return (char *)out;
}

void digest_uuid(char out[DIGEST_UUID_LEN])
{
	unsigned char b[16];

	must(RAND_bytes(b, sizeof(b)) == 1);
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(out, DIGEST_UUID_LEN,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
		b[12], b[13], b[14], b[15]);
}

void digest_random_name(char *out, size_t n)
{
	static const char letters[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (size_t i = 0; i < n; i++) {
		unsigned char c;

		must(RAND_bytes(&c, 1) == 1);
		out[i] = letters[c % (sizeof(letters) - 1)];
	}
	out[n] = '\0';
}
