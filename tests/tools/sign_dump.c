/* SPDX-License-Identifier: MIT */
/*
 * Signs with the gateway's signer what tests/node/sign.js signs with the SDK's: JSON lines
 * {payload (base64), timestamp, host, contentType, action, secretId, secretKey} on standard
 * input; each becomes a line, the value of the Authorization header. Without an action only
 * content-type and host are signed, as the SDK does.
 */
#include "core/base64.h"
#include "core/clock.h"
#include "core/digest.h"
#include "ses/sign.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX ((size_t)16 << 20)

static const char *text(const json_t *job, const char *name)
{
	const char *s = json_string_value(json_object_get(job, name));

	return s != NULL ? s : "";
}

/* The lower-case hex SHA-256 of the decoded payload. */
static int hash_payload(const json_t *job, char hex[DIGEST_HEX_LEN])
{
	const char *base64 = text(job, "payload");
	const struct span in = {base64, strlen(base64)};
	uint8_t digest[DIGEST_LEN];
	struct buf payload;
	int rc;

	buf_init(&payload, PAYLOAD_MAX, NULL);
	rc = base64_decode_strict(&payload, in);
	if (rc == 0) {
		digest_sha256(payload.data, payload.len, digest);
		digest_hex(digest, hex);
	}
	buf_free(&payload);
	return rc;
}

static int sign_job(const json_t *job, char out[SIGN_AUTHORIZATION_MAX])
{
	const char *secret = text(job, "secretKey"), *action = text(job, "action");
	const struct sign_header headers[] = {
		{"content-type", text(job, "contentType")},
		{"host", text(job, "host")},
		{"x-tc-action", action},
	};
	char hex[DIGEST_HEX_LEN];
	struct sign_key key;
	struct sign_input in = {
		.secret_id = text(job, "secretId"),
		.key = &key,
		.service = "ses",
		.timestamp = json_integer_value(json_object_get(job, "timestamp")),
		.headers = headers,
		.n_headers = action[0] != '\0' ? 3 : 2,
		.payload_hex = hex,
	};
	char date[CLOCK_DATE_LEN];

	clock_utc_date(in.timestamp, date);
	if (hash_payload(job, hex) != 0 ||
		sign_derive(secret, strlen(secret), date, in.service, &key) != 0)
		return -1;
	return sign_authorization(&in, out);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	int status = EXIT_SUCCESS;

	while (status == EXIT_SUCCESS && getline(&line, &size, stdin) > 0) {
		char out[SIGN_AUTHORIZATION_MAX];
		json_t *job = json_loads(line, 0, NULL);

		if (job == NULL || sign_job(job, out) != 0) {
			fprintf(stderr, "cannot sign: %s", line);
			status = EXIT_FAILURE;
		} else {
			puts(out);
		}
		json_decref(job);
	}
	free(line);
	return status;
}
