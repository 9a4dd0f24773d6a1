/* SPDX-License-Identifier: MIT */
/* Deriving day keys and handing them to workers. */
#include "process/keys.h"

#include "core/secret.h"
#include "core/str.h"

#include <string.h>

#define HALF_A_DAY (12 * 60 * 60)

bool keys_rotate(struct keys *k, int64_t wall_s)
{
	struct keys now;

	memset(&now, 0, sizeof(now));
	clock_utc_date(wall_s - HALF_A_DAY, now.dates[0]);
	clock_utc_date(wall_s + HALF_A_DAY, now.dates[1]);
	if (memcmp(&now, k, sizeof(now)) == 0)
		return false;
	*k = now;
	return true;
}

static int send_key(const struct conf_account *a, uint32_t index, const char *date,
	struct channel *c, struct err *err)
{
	struct channel_message m = {.type = CHANNEL_KEY, .key = {.account = index}};
	int rc = -1;

	if (!str_copy(m.key.secret_id, sizeof(m.key.secret_id), a->secret_id) ||
		!str_copy(m.key.token, sizeof(m.key.token), a->token)) {
		err_set(err, "account %s: secret_id or token is too long", a->name);
		goto out;
	}
	if (a->secret_key == NULL ||
		sign_derive(secret_bytes(a->secret_key), secret_len(a->secret_key), date,
			"ses", &m.key.key) != 0) {
		err_set(err, "account %s: secret_key is missing or too long", a->name);
		goto out;
	}
	rc = channel_send(c, &m, -1, err);
out:
	secret_wipe(&m, sizeof(m));
	return rc;
}

int keys_send(
	const struct keys *k, const struct conf *conf, struct channel *c, struct err *err)
{
	for (size_t i = 0; i < conf->n_accounts; i++)
		for (size_t day = 0; day < KEYS_DAYS; day++)
			if (send_key(&conf->accounts[i], (uint32_t)i, k->dates[day], c,
				    err) != 0)
				return -1;
	return 0;
}
