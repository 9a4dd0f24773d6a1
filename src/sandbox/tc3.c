/* SPDX-License-Identifier: MIT */
/* Verifies TC3-HMAC-SHA256: https://www.tencentcloud.com/document/product/1084/39391 */
#include "sandbox/tc3.h"

#include "sandbox/digest.h"
#include "sandbox/mem.h"

#include <openssl/crypto.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define ALGORITHM "TC3-HMAC-SHA256"
#define UNSIGNED  "UNSIGNED-PAYLOAD"

/* What the Authorization field says; strings are cut out of one copy of it. */
struct authorization {
	char *text; /* owned */
	char *secret_id;
	char *date;
	char *service;
	char *signed_headers;
	char *signature;
};

/* Steps over a literal; -1 where something else stands there. */
static int skip(char **p, const char *literal)
{
	size_t len = strlen(literal);

	if (strncmp(*p, literal, len) != 0)
		return -1;
	*p += len;
	return 0;
}

/* Cuts off what stands before the delimiter; NULL where there is none or nothing. */
static char *cut(char **p, char delimiter)
{
	char *start = *p, *end = strchr(start, delimiter);

	if (end == NULL || end == start)
		return NULL;
	*end = '\0';
	*p = end + 1;
	return start;
}

/* ALGORITHM Credential=ID/date/service/tc3_request, SignedHeaders=a;b, Signature=hex */
static int parse_authorization(struct authorization *a, const char *value)
{
	char *p;

	a->text = mem_strdup(value);
	p = a->text;
	if (skip(&p, ALGORITHM " Credential=") != 0 ||
		(a->secret_id = cut(&p, '/')) == NULL ||
		(a->date = cut(&p, '/')) == NULL || (a->service = cut(&p, '/')) == NULL ||
		skip(&p, "tc3_request,") != 0)
		return -1;
	p += strspn(p, " ");
	if (skip(&p, "SignedHeaders=") != 0 || (a->signed_headers = cut(&p, ',')) == NULL)
		return -1;
	p += strspn(p, " ");
	if (skip(&p, "Signature=") != 0)
		return -1;
	a->signature = p;
	if (strlen(p) != 64 || strspn(p, "0123456789abcdef") != 64)
		return -1;
	return 0;
}

static bool list_has(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list != '\0') {
		size_t n = strcspn(list, ";");

		if (n == len && strncmp(list, name, len) == 0)
			return true;
		list += n + (list[n] == ';');
	}
	return false;
}

/* Names must be lower case, sorted, each once, and hold content-type and host. */
static int check_signed_headers(const char *list, struct api_error *err)
{
	char last[128] = "";

	for (const char *p = list; *p != '\0';) {
		size_t n = strcspn(p, ";");
		char name[128];

		if (n == 0 || n >= sizeof(name))
			return api_refuse(err, "AuthFailure.InvalidAuthorization", NULL);
		memcpy(name, p, n);
		name[n] = '\0';
		for (size_t i = 0; i < n; i++) {
			if (isupper((unsigned char)name[i]))
				return api_refuse(err, "AuthFailure.InvalidAuthorization",
					"SignedHeaders must be in lower case.");
		}
		if (strcmp(name, last) <= 0)
			return api_refuse(err, "AuthFailure.InvalidAuthorization",
				"SignedHeaders must be sorted, each name once.");
		memcpy(last, name, n + 1);
		p += n + (p[n] == ';');
	}
	if (!list_has(list, "content-type") || !list_has(list, "host"))
		return api_refuse(err, "AuthFailure.InvalidAuthorization",
			"SignedHeaders must include content-type and host.");
	return 0;
}

static void put_lower(FILE *out, const char *s)
{
	for (; *s != '\0'; s++)
		fputc(tolower((unsigned char)*s), out);
}

/* The host as sent, or without its port: SDKs sign the name alone. */
static void put_host(FILE *out, const char *host, bool with_port)
{
	const char *colon = strrchr(host, ':');

	if (with_port || colon == NULL || strchr(colon, ']') != NULL) {
		put_lower(out, host);
		return;
	}
	for (; host < colon; host++)
		fputc(tolower((unsigned char)*host), out);
}

static int put_headers(
	FILE *out, const struct http_head *head, const char *list, bool with_port)
{
	for (const char *p = list; *p != '\0';) {
		size_t n = strcspn(p, ";");
		char name[128];
		const char *value;

		memcpy(name, p, n);
		name[n] = '\0';
		value = http_head_get(head, name);
		if (value == NULL || http_head_count(head, name) != 1)
			return -1;
		fprintf(out, "%s:", name);
		if (strcmp(name, "host") == 0)
			put_host(out, value, with_port);
		else
			put_lower(out, value);
		fputc('\n', out);
		p += n + (p[n] == ';');
	}
	return 0;
}

/* Step 1 of the documentation; NULL where a signed header is absent or doubled. */
static char *canonical_request(const struct http_head *head, const char *list,
	const char *body_hex, bool with_port)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int bad;

	if (out == NULL)
		abort();
	fprintf(out, "%s\n%s\n%s\n", head->method, head->path, head->query);
	bad = put_headers(out, head, list, with_port);
	fprintf(out, "\n%s\n%s", list, body_hex);
	if (fclose(out) != 0)
		abort();
	if (bad) {
		free(text);
		return NULL;
	}
	return text;
}

/* Steps 2 and 3. */
static void sign(const struct tc3_key *key, const struct authorization *auth,
	const char *string_to_sign, char hex[DIGEST_HEX_LEN])
{
	uint8_t a[DIGEST_LEN], b[DIGEST_LEN];
	char *secret = mem_printf("TC3%s", key->secret_key);

	digest_hmac(secret, strlen(secret), auth->date, a);
	digest_hmac(a, sizeof(a), auth->service, b);
	digest_hmac(b, sizeof(b), "tc3_request", a);
	digest_hmac(a, sizeof(a), string_to_sign, b);
	digest_hex(b, hex);
	OPENSSL_cleanse(a, sizeof(a));
	explicit_bzero(secret, strlen(secret));
	free(secret);
}

struct attempt {
	const struct http_head *head;
	const struct authorization *auth;
	const struct tc3_key *key;
	const char *timestamp;
	const char *body_hex;
};

/* Computes the signature with the host in one of its two forms. 1: it is the one sent. */
static int try_host(const struct attempt *t, bool with_port, struct tc3_trace *trace)
{
	char hex[DIGEST_HEX_LEN];
	char *request = canonical_request(
		t->head, t->auth->signed_headers, t->body_hex, with_port);
	char *to_sign;
	int same;

	if (request == NULL)
		return -1;
	digest_sha256_hex(request, strlen(request), hex);
	to_sign = mem_printf(ALGORITHM "\n%s\n%s/%s/tc3_request\n%s", t->timestamp,
		t->auth->date, t->auth->service, hex);
	sign(t->key, t->auth, to_sign, hex);
	same = CRYPTO_memcmp(hex, t->auth->signature, 64) == 0;
	tc3_trace_clear(trace);
	trace->canonical_request = request;
	trace->string_to_sign = to_sign;
	text_copy(trace->expected, sizeof(trace->expected), hex);
	return same;
}

static int check_signature(
	const struct attempt *t, struct tc3_trace *trace, struct api_error *err)
{
	struct tc3_trace as_sent = {0};
	int same = try_host(t, true, &as_sent);

	if (same == 0) {
		same = try_host(t, false, trace);
		if (same == 1) {
			tc3_trace_clear(&as_sent);
			return 0;
		}
	}
	tc3_trace_clear(trace);
	*trace = as_sent;
	if (same == 1)
		return 0;
	if (same < 0)
		return api_refuse(err, "AuthFailure.InvalidAuthorization",
			"A header of SignedHeaders is missing or stands there twice.");
	return api_refuse(err, "AuthFailure.SignatureFailure", NULL);
}

static int check_timestamp(const struct http_head *head, int64_t now,
	const struct authorization *auth, struct api_error *err)
{
	const char *text = http_head_get(head, "X-TC-Timestamp");
	int64_t t;
	time_t at;
	struct tm tm;
	char date[16];

	if (text == NULL)
		return api_refuse(err, "MissingParameter",
			"The request is missing a required parameter `Timestamp`.");
	if (text_number(text, 0, (int64_t)1 << 40, &t) != 0)
		return api_refuse(err, "InvalidParameter",
			"The parameter `Timestamp` must be seconds since 1970.");
	if (t > now + TC3_SKEW || t < now - TC3_SKEW)
		return api_refuse(err, "AuthFailure.SignatureExpire", NULL);
	at = (time_t)t;
	gmtime_r(&at, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	if (strcmp(date, auth->date) != 0)
		return api_refuse(err, "AuthFailure.SignatureFailure",
			"The date of the credential scope is %s, but the UTC date of the "
			"timestamp is %s.",
			auth->date, date);
	return 0;
}

/* An SDK takes the name of the service from the first label of its endpoint, which for a
 * sandbox is "127" or "localhost:8180"; it says that it is an SDK. */
static bool is_sdk_service(const struct http_head *head, const char *service)
{
	const char *client = http_head_get(head, "X-TC-RequestClient");
	const char *host = http_head_get(head, "Host");
	size_t len;

	if (client == NULL || host == NULL || strncmp(client, "SDK_", 4) != 0)
		return false;
	len = strcspn(host, ".");
	return strlen(service) == len && strncmp(service, host, len) == 0;
}

static int check_key(const struct http_head *head, const struct tc3_key *key,
	const struct authorization *auth, struct api_error *err)
{
	const char *token = http_head_get(head, "X-TC-Token");

	if (strcmp(auth->secret_id, key->secret_id) != 0)
		return api_refuse(err, "AuthFailure.SecretIdNotFound", NULL);
	if (strcmp(auth->service, key->service) != 0 &&
		!is_sdk_service(head, auth->service))
		return api_refuse(err, "AuthFailure.SignatureFailure",
			"The service of the credential scope is %s, not %s.",
			auth->service, key->service);
	if (strcmp(token != NULL ? token : "", key->token) != 0)
		return api_refuse(err, "AuthFailure.TokenFailure", NULL);
	return 0;
}

/* The hash in the last line of the canonical request. */
static int payload_hash(const struct http_head *head, const char *body, size_t len,
	char hex[DIGEST_HEX_LEN], struct api_error *err)
{
	const char *said = http_head_get(head, "X-TC-Content-SHA256");

	if (said != NULL && strcmp(said, UNSIGNED) == 0) {
		digest_sha256_hex(UNSIGNED, strlen(UNSIGNED), hex);
		return 0;
	}
	digest_sha256_hex(body, len, hex);
	if (said != NULL && strcasecmp(said, hex) != 0)
		return api_refuse(err, "AuthFailure.SignatureFailure",
			"X-TC-Content-SHA256 is not the hash of the body.");
	return 0;
}

int tc3_verify(const struct http_head *head, const char *body, size_t body_len,
	const struct tc3_key *key, int64_t now, struct tc3_trace *trace,
	struct api_error *err)
{
	const char *value = http_head_get(head, "Authorization");
	struct authorization auth = {0};
	struct tc3_trace own = {0};
	char body_hex[DIGEST_HEX_LEN];
	struct attempt t = {.head = head,
		.auth = &auth,
		.key = key,
		.timestamp = http_head_get(head, "X-TC-Timestamp"),
		.body_hex = body_hex};
	int rc = -1;

	if (value == NULL) {
		(void)api_refuse(err, "MissingParameter",
			"The request is missing a required parameter `Authorization`.");
		goto out;
	}
	if (parse_authorization(&auth, value) != 0) {
		(void)api_refuse(err, "AuthFailure.InvalidAuthorization", NULL);
		goto out;
	}
	if (check_signed_headers(auth.signed_headers, err) != 0 ||
		check_timestamp(head, now, &auth, err) != 0 ||
		check_key(head, key, &auth, err) != 0 ||
		payload_hash(head, body, body_len, body_hex, err) != 0)
		goto out;
	rc = check_signature(&t, trace != NULL ? trace : &own, err);
out:
	tc3_trace_clear(&own);
	free(auth.text);
	return rc;
}

void tc3_trace_clear(struct tc3_trace *trace)
{
	free(trace->canonical_request);
	free(trace->string_to_sign);
	*trace = (struct tc3_trace){0};
}
