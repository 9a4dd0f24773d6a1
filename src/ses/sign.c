/* SPDX-License-Identifier: MIT */
/* Signs API requests with TC3-HMAC-SHA256, step by step as the API's "Signature v3" page
 * numbers them. */
#include "ses/sign.h"

#include "core/buf.h"
#include "core/secret.h"
#include "core/str.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ALGORITHM     "TC3-HMAC-SHA256"
#define TERMINATOR    "tc3_request"
#define KEY_PREFIX    "TC3"
#define SECRET_MAX    256
#define SERVICE_MAX   32
#define CANONICAL_MAX 4096

int sign_derive(const void *secret, size_t secret_len, const char date[CLOCK_DATE_LEN],
	const char *service, struct sign_key *key)
{
	char first[sizeof(KEY_PREFIX) - 1 + SECRET_MAX];
	const size_t prefix = sizeof(KEY_PREFIX) - 1;
	uint8_t day[DIGEST_LEN], scoped[DIGEST_LEN];

	if (secret_len == 0 || secret_len > SECRET_MAX ||
		strlen(date) != CLOCK_DATE_LEN - 1)
		return -1;
	memcpy(first, KEY_PREFIX, prefix);
	memcpy(first + prefix, secret, secret_len);
	digest_hmac(first, prefix + secret_len, date, strlen(date), day);
	digest_hmac(day, sizeof(day), service, strlen(service), scoped);
	digest_hmac(scoped, sizeof(scoped), TERMINATOR, strlen(TERMINATOR), key->key);
	str_copy(key->date, sizeof(key->date), date);
	secret_wipe(first, sizeof(first));
	secret_wipe(day, sizeof(day));
	secret_wipe(scoped, sizeof(scoped));
	return 0;
}

/* A line end in a header value would make two lines of it. */
static bool is_one_line(const char *s)
{
	return strpbrk(s, "\r\n") == NULL;
}

/* The SecretId stands between '=' and '/' in the Authorization header. */
static bool is_secret_id(const char *id)
{
	return *id != '\0' && span_is_all(span_of(id), ascii_isgraph) &&
	       strpbrk(id, ",/") == NULL;
}

static bool is_signable(const struct sign_input *in)
{
	char date[CLOCK_DATE_LEN];

	clock_utc_date(in->timestamp, date);
	if (strcmp(date, in->key->date) != 0 || !is_secret_id(in->secret_id) ||
		strlen(in->service) > SERVICE_MAX ||
		strlen(in->payload_hex) != DIGEST_HEX_LEN - 1)
		return false;
	for (size_t i = 0; i < in->n_headers; i++) {
		if (!is_one_line(in->headers[i].name) ||
			!is_one_line(in->headers[i].value))
			return false;
		if (i > 0 && strcmp(in->headers[i - 1].name, in->headers[i].name) >= 0)
			return false;
	}
	return in->n_headers > 0;
}

/* Appends texts, up to a NULL: several times as fast as formatting them. */
static int append_all(struct buf *out, const char *const texts[])
{
	for (; *texts != NULL; texts++)
		if (buf_append_str(out, *texts) < 0)
			return -1;
	return 0;
}

#define APPEND(out, ...) append_all((out), (const char *const[]){__VA_ARGS__, NULL})

/* "name:value\n", the value trimmed and in lower case. */
static int append_header(struct buf *out, const struct sign_header *h)
{
	struct span value = span_trim(span_of(h->value));
	size_t start;

	if (APPEND(out, h->name, ":") < 0)
		return -1;
	start = out->len;
	if (buf_append(out, value.p, value.len) < 0 || buf_append_byte(out, '\n') < 0)
		return -1;
	str_lower(out->data + start);
	return 0;
}

/* "name;name;name" */
static int append_names(struct buf *out, const struct sign_input *in)
{
	for (size_t i = 0; i < in->n_headers; i++)
		if (APPEND(out, i > 0 ? ";" : "", in->headers[i].name) < 0)
			return -1;
	return 0;
}

/* Step 1: method, path, query string (empty for POST), headers, their names, payload. */
static int canonical_request(const struct sign_input *in, struct buf *out)
{
	if (buf_append_str(out, "POST\n/\n\n") < 0)
		return -1;
	for (size_t i = 0; i < in->n_headers; i++)
		if (append_header(out, &in->headers[i]) < 0)
			return -1;
	if (buf_append_byte(out, '\n') < 0 || append_names(out, in) < 0)
		return -1;
	return APPEND(out, "\n", in->payload_hex);
}

/* Step 2: algorithm, time, credential scope, digest of step 1. */
static int string_to_sign(
	const struct sign_input *in, const struct buf *canonical, struct buf *out)
{
	uint8_t digest[DIGEST_LEN];
	char hex[DIGEST_HEX_LEN], timestamp[24];

	snprintf(timestamp, sizeof(timestamp), "%lld", (long long)in->timestamp);
	digest_sha256(canonical->data, canonical->len, digest);
	digest_hex(digest, hex);
	return APPEND(out, ALGORITHM "\n", timestamp, "\n", in->key->date, "/",
		in->service, "/" TERMINATOR "\n", hex);
}

/* Steps 3 and 4: the signature, and the header that carries it. */
static int authorization(
	const struct sign_input *in, const struct buf *to_sign, struct buf *out)
{
	uint8_t mac[DIGEST_LEN];
	char signature[DIGEST_HEX_LEN];

	digest_hmac(in->key->key, sizeof(in->key->key), to_sign->data, to_sign->len, mac);
	digest_hex(mac, signature);
	if (APPEND(out, ALGORITHM " Credential=", in->secret_id, "/", in->key->date, "/",
		    in->service, "/" TERMINATOR ", SignedHeaders=") < 0 ||
		append_names(out, in) < 0)
		return -1;
	return APPEND(out, ", Signature=", signature);
}

int sign_authorization(const struct sign_input *in, char out[SIGN_AUTHORIZATION_MAX])
{
	struct buf canonical, to_sign, line;
	int rc = -1;

	if (!is_signable(in))
		return -1;
	buf_init(&canonical, CANONICAL_MAX, NULL);
	buf_init(&to_sign, CANONICAL_MAX, NULL);
	buf_init(&line, SIGN_AUTHORIZATION_MAX - 1, NULL);
	if (canonical_request(in, &canonical) < 0 ||
		string_to_sign(in, &canonical, &to_sign) < 0 ||
		authorization(in, &to_sign, &line) < 0)
		goto out;
	memcpy(out, line.data, line.len + 1);
	rc = 0;
out:
	buf_free(&canonical);
	buf_free(&to_sign);
	buf_free(&line);
	return rc;
}
