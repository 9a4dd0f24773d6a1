/* SPDX-License-Identifier: MIT */
/* Hashes by EVP. They fail only where memory is out or the library broken: then abort. */
#include "core/digest.h"

#include "core/mem.h"
#include "core/str.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

struct digest {
	EVP_MD_CTX *ctx; /* owned; holds the fetched algorithm, clones share it */
};

struct digest_key {
	EVP_MAC_CTX *ctx; /* owned; has the key and has read nothing */
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* OpenSSL looks an algorithm up by its name, which takes longer than a hash of some hundred
 * bytes does; so it is done once. Made at their first use, these never change again. */
static EVP_MD *sha256;
static EVP_MAC_CTX *hmac; /* of SHA-256, without a key */

static void look_up(void)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char name[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_construct_end(),
	};

	sha256 = EVP_MD_fetch(NULL, name, NULL);
	hmac = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	check(sha256 != NULL && hmac != NULL &&
		EVP_MAC_CTX_set_params(hmac, params) == 1);
}

static void need_library(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	check(pthread_once(&once, look_up) == 0);
}

static struct digest *digest_alloc(void)
{
	struct digest *d = mem_new(1, sizeof(*d));

	d->ctx = EVP_MD_CTX_new();
	check(d->ctx != NULL);
	return d;
}

struct digest *digest_new(void)
{
	struct digest *d = digest_alloc();

	need_library();
	check(EVP_DigestInit_ex(d->ctx, sha256, NULL) == 1);
	return d;
}

struct digest *digest_clone(const struct digest *d)
{
	struct digest *copy = digest_alloc();

	check(EVP_MD_CTX_copy_ex(copy->ctx, d->ctx) == 1);
	return copy;
}

void digest_update(struct digest *d, const void *bytes, size_t len)
{
	check(EVP_DigestUpdate(d->ctx, bytes, len) == 1);
}

void digest_final(struct digest *d, uint8_t out[DIGEST_LEN])
{
	unsigned len = 0;

	check(EVP_DigestFinal_ex(d->ctx, out, &len) == 1 && len == DIGEST_LEN);
}

void digest_free(struct digest **d)
{
	if (*d == NULL)
		return;
	EVP_MD_CTX_free((*d)->ctx);
	free(*d);
	*d = NULL;
}

void digest_sha256(const void *bytes, size_t len, uint8_t out[DIGEST_LEN])
{
	struct digest *d = digest_new();

	digest_update(d, bytes, len);
	digest_final(d, out);
	digest_free(&d);
}

void digest_hmac(const void *key, size_t key_len, const void *bytes, size_t len,
	uint8_t out[DIGEST_LEN])
{
	EVP_MAC_CTX *ctx;
	size_t out_len = 0;

	need_library();
	ctx = EVP_MAC_CTX_dup(hmac);
	/* A NULL key means "the key of before" to EVP: an empty one needs an address. */
	check(ctx != NULL &&
		EVP_MAC_init(ctx, key_len > 0 ? key : "", key_len, NULL) == 1 &&
		EVP_MAC_update(ctx, bytes, len) == 1 &&
		EVP_MAC_final(ctx, out, &out_len, DIGEST_LEN) == 1 &&
		out_len == DIGEST_LEN);
	EVP_MAC_CTX_free(ctx);
}

/* Looking the algorithm up costs more than a small message does: it is done once. */
struct digest_key *digest_key_new(const uint8_t key[DIGEST_MAC_KEY_LEN])
{
	struct digest_key *k = mem_new(1, sizeof(*k));
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "GMAC", NULL);
	char cipher[] = "AES-128-GCM";
	uint8_t nonce[12] = {0};
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_MAC_PARAM_IV, nonce, sizeof(nonce)),
		OSSL_PARAM_construct_end(),
	};

	check(mac != NULL);
	k->ctx = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	check(k->ctx != NULL &&
		EVP_MAC_init(k->ctx, key, DIGEST_MAC_KEY_LEN, params) == 1);
	return k;
}

void digest_key_free(struct digest_key **k)
{
	if (*k == NULL)
		return;
	EVP_MAC_CTX_free((*k)->ctx);
	free(*k);
	*k = NULL;
}

void digest_mac(const struct digest_key *k, const void *bytes, size_t len,
	uint8_t out[DIGEST_MAC_LEN])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(k->ctx);
	size_t out_len = 0;

	check(ctx != NULL && EVP_MAC_update(ctx, bytes, len) == 1 &&
		EVP_MAC_final(ctx, out, &out_len, DIGEST_MAC_LEN) == 1 &&
		out_len == DIGEST_MAC_LEN);
	EVP_MAC_CTX_free(ctx);
}

void digest_hex(const uint8_t in[DIGEST_LEN], char out[DIGEST_HEX_LEN])
{
	str_hex(out, in, DIGEST_LEN);
}

void digest_random(void *out, size_t n)
{
	char *p = out;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		check(got > 0 || (got < 0 && errno == EINTR));
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}
