/* SPDX-License-Identifier: MIT */
/* The identity that calls are signed with, and the clock of the API. */
#include "ses/account.h"

#include "core/mem.h"
#include "core/metrics.h"
#include "core/secret.h"
#include "core/str.h"
#include "ses/account_private.h"

#include <stdlib.h>
#include <string.h>

#define SERVICE "ses"

static bool starts_with(const char *s, const char *prefix)
{
	return span_istarts(span_of(s), prefix);
}

/* Clear text stays on this machine: 127.0.0.0/8, [::1], localhost, with or without a port. */
static bool is_loopback(const char *host)
{
	size_t len = strcspn(host, ":");

	if (starts_with(host, "[::1]"))
		return host[5] == '\0' || host[5] == ':';
	if (starts_with(host, "127."))
		return strspn(host, "0123456789.") == len;
	return len == strlen("localhost") && starts_with(host, "localhost");
}

/* Drops the port that is the scheme's default: libcurl, like every client, leaves it out of
 * the Host header too. */
static void drop_default_port(char *host, bool plain)
{
	const char *port = plain ? ":80" : ":443";
	size_t len = strlen(host), n = strlen(port);

	if (len > n && strcmp(host + len - n, port) == 0)
		host[len - n] = '\0';
}

int ses_account_init(struct ses_account *a, const struct conf_account *conf,
	struct loop *loop, struct err *err)
{
	const char *endpoint = conf->endpoint;
	bool plain = starts_with(endpoint, "http://");
	const char *host = endpoint + (plain ? 7 : 8);

	if ((!plain && !starts_with(endpoint, "https://")) || *host == '\0' ||
		strpbrk(host, "/?#@ \r\n") != NULL)
		return err_set(err,
			"account \"%s\": endpoint \"%s\" is not https://HOST or "
			"https://HOST:PORT",
			conf->name, endpoint);
	if (plain && !is_loopback(host))
		return err_set(err,
			"account \"%s\": endpoint \"%s\" would send mail in clear text; "
			"use https://",
			conf->name, endpoint);
	*a = (struct ses_account){.conf = conf, .loop = loop, .plain = plain};
	a->url = mem_sprintf("%s/", endpoint);
	a->host = str_lower(mem_strdup(host));
	drop_default_port(a->host, plain);
	a->secret_id = mem_strdup(conf->secret_id);
	a->token = mem_strdup(conf->token);
	return 0;
}

void ses_account_clear(struct ses_account *a)
{
	free(a->url);
	free(a->host);
	free(a->secret_id);
	if (a->token != NULL)
		secret_wipe(a->token, strlen(a->token));
	free(a->token);
	secret_wipe(a->keys, sizeof(a->keys));
}

/* Replaces a string; true if it is another one now. */
static bool replace(char **slot, const char *value)
{
	if (value == NULL || strcmp(*slot, value) == 0)
		return false;
	secret_wipe(*slot, strlen(*slot));
	free(*slot);
	*slot = mem_strdup(value);
	return true;
}

/* The slot for a key of that date: that of the same date, else the older one. */
static struct sign_key *key_slot(struct ses_account *a, const char *date)
{
	struct sign_key *oldest = &a->keys[0];

	for (size_t i = 0; i < ACCOUNT_KEYS; i++) {
		if (strcmp(a->keys[i].date, date) == 0)
			return &a->keys[i];
		if (strcmp(a->keys[i].date, oldest->date) < 0)
			oldest = &a->keys[i];
	}
	return oldest;
}

void ses_account_set_key(struct ses_account *a, const struct sign_key *key,
	const char *secret_id, const char *token)
{
	/* Keys of another SecretId do not fit this one. */
	if (replace(&a->secret_id, secret_id))
		secret_wipe(a->keys, sizeof(a->keys));
	replace(&a->token, token);
	*key_slot(a, key->date) = *key;
}

const char *ses_account_name(const struct ses_account *a)
{
	return a->conf->name;
}

static const struct sign_key *key_of(const struct ses_account *a, const char *date)
{
	for (size_t i = 0; i < ACCOUNT_KEYS; i++)
		if (strcmp(a->keys[i].date, date) == 0)
			return &a->keys[i];
	return NULL;
}

bool ses_account_can_sign_at(const struct ses_account *a, int64_t time)
{
	char date[CLOCK_DATE_LEN];

	clock_utc_date(time, date);
	return key_of(a, date) != NULL;
}

int64_t ses_account_learn_skew(struct ses_account *a, int64_t date)
{
	if (date != 0 && ses_account_can_sign_at(a, date)) {
		a->skew = date - loop_wall_s(a->loop);
		metrics_set(METRIC_CLOCK_SKEW, 0, a->skew);
	}
	return a->skew;
}

int ses_account_sign(const struct ses_account *a, const char *action,
	const char *payload_hex, int64_t *timestamp,
	char authorization[SIGN_AUTHORIZATION_MAX])
{
	const struct sign_header headers[] = {
		{"content-type", ACCOUNT_CONTENT_TYPE},
		{"host", a->host},
		{"x-tc-action", action},
	};
	struct sign_input in = {
		.secret_id = a->secret_id,
		.service = SERVICE,
		.headers = headers,
		.n_headers = ARRAY_LEN(headers),
		.payload_hex = payload_hex,
	};
	char date[CLOCK_DATE_LEN];

	in.timestamp = loop_wall_s(a->loop) + a->skew;
	clock_utc_date(in.timestamp, date);
	in.key = key_of(a, date);
	*timestamp = in.timestamp;
	return in.key != NULL ? sign_authorization(&in, authorization) : -1;
}
