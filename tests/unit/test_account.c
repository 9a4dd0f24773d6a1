/* SPDX-License-Identifier: MIT */
/* ses/account: keys of two days, and whose midnight it is. */
#include "ses/account_private.h"

#include "core/metrics.h"
#include "core/str.h"

#include "regions.h"
#include "test.h"

#include <string.h>

#define NIGHT 1735689600 /* 2025-01-01T00:00:00Z */

static const char payload[] =
	"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

struct fixture {
	struct loop *loop;
	struct conf_account conf;
	struct ses_account account;
};

static void init(struct fixture *f, const char *endpoint, int64_t now)
{
	struct err err = {""};

	memset(f, 0, sizeof(*f));
	f->loop = loop_new();
	clock_freeze(loop_clock(f->loop), 1000, now);
	f->conf = (struct conf_account){
		.name = (char *)"default",
		.endpoint = (char *)endpoint,
		.region = (char *)"ap-guangzhou",
		.secret_id = (char *)"AKIDone",
		.token = (char *)"",
		.ca_file = (char *)"",
		.proxy = (char *)"",
		.connections = 1,
	};
	if (ses_account_init(&f->account, &f->conf, f->loop, &err) < 0)
		fail_msg("%s", err.text);
}

static void clear(struct fixture *f)
{
	ses_account_clear(&f->account);
	loop_free(&f->loop);
}

static void give(struct fixture *f, const char *date, const char *id, const char *token)
{
	struct sign_key key = {.key = {0}};

	assert_true(str_copy(key.date, sizeof(key.date), date));
	ses_account_set_key(&f->account, &key, id, token);
}

/* Whether it can sign now, and for which day. */
static const char *signs_for(struct fixture *f)
{
	static char scope[11];
	char out[SIGN_AUTHORIZATION_MAX];
	const char *slash;
	int64_t timestamp;

	if (ses_account_sign(&f->account, "SendEmail", payload, &timestamp, out) < 0)
		return "none";
	slash = strchr(out, '/');
	assert_non_null(slash);
	memcpy(scope, slash + 1, 10);
	return scope;
}

static void signs_with_the_key_of_the_utc_day(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, "https://ses.tencentcloudapi.com", NIGHT - 1);
	assert_string_equal(signs_for(&f), "none");
	give(&f, "2024-12-31", NULL, NULL);
	give(&f, "2025-01-01", NULL, NULL);
	assert_string_equal(signs_for(&f), "2024-12-31");
	loop_advance(f.loop, 1000);
	assert_string_equal(signs_for(&f), "2025-01-01");
	loop_advance(f.loop, 86400 * 1000);
	assert_string_equal(signs_for(&f), "none");
	clear(&f);
}

static void the_older_key_makes_room(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, "https://ses.tencentcloudapi.com", NIGHT);
	give(&f, "2024-12-31", NULL, NULL);
	give(&f, "2025-01-01", NULL, NULL);
	give(&f, "2025-01-02", NULL, NULL);
	assert_string_equal(signs_for(&f), "2025-01-01");
	loop_advance(f.loop, 86400 * 1000);
	assert_string_equal(signs_for(&f), "2025-01-02");
	/* The same day again takes no other's place. */
	give(&f, "2025-01-02", NULL, NULL);
	f.account.skew = -86400;
	assert_string_equal(signs_for(&f), "2025-01-01");
	clear(&f);
}

static void a_date_without_a_key_is_not_learned(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, "https://ses.tencentcloudapi.com", NIGHT - 100);
	give(&f, "2024-12-31", NULL, NULL);
	give(&f, "2025-01-01", NULL, NULL);
	assert_int_equal(ses_account_learn_skew(&f.account, NIGHT + 300), 400);
	assert_int_equal(ses_account_learn_skew(&f.account, NIGHT + 2 * 86400), 400);
	assert_int_equal(ses_account_learn_skew(&f.account, 1), 400);
	assert_int_equal(ses_account_learn_skew(&f.account, INT64_MAX), 400);
	assert_string_equal(signs_for(&f), "2025-01-01");
	clear(&f);
}

static void the_skew_moves_the_day_too(void **state)
{
	struct shm *shm = regions_new(1);
	struct metrics *m = metrics_new(shm);
	struct fixture f;
	char out[SIGN_AUTHORIZATION_MAX];
	int64_t timestamp;

	(void)state;
	metrics_use(m, 0);
	init(&f, "https://ses.tencentcloudapi.com", NIGHT - 100);
	give(&f, "2024-12-31", NULL, NULL);
	give(&f, "2025-01-01", NULL, NULL);
	assert_int_equal(ses_account_learn_skew(&f.account, 0), 0);
	assert_int_equal(ses_account_learn_skew(&f.account, NIGHT + 300), 400);
	assert_int_equal(f.account.skew, 400);
	assert_int_equal(metrics_sum(m, METRIC_CLOCK_SKEW, 0), 400);
	assert_int_equal(
		ses_account_sign(&f.account, "SendEmail", payload, &timestamp, out), 0);
	assert_int_equal(timestamp, NIGHT + 300);
	assert_string_equal(signs_for(&f), "2025-01-01");
	clear(&f);
	metrics_use(NULL, 0);
	metrics_free(&m);
	shm_free(&shm);
}

static void another_secret_id_drops_the_keys_of_the_last(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, "https://ses.tencentcloudapi.com", NIGHT);
	give(&f, "2025-01-01", "AKIDone", "token-1");
	assert_string_equal(f.account.token, "token-1");
	assert_string_equal(signs_for(&f), "2025-01-01");
	give(&f, "2025-01-02", "AKIDtwo", "token-2");
	assert_string_equal(f.account.token, "token-2");
	assert_string_equal(signs_for(&f), "none");
	give(&f, "2025-01-01", "AKIDtwo", NULL);
	assert_string_equal(signs_for(&f), "2025-01-01");
	assert_string_equal(f.account.token, "token-2");
	clear(&f);
}

static void the_host_is_what_other_clients_send(void **state)
{
	static const struct {
		const char *endpoint, *host, *url;
		bool plain;
	} rows[] = {
		{"https://ses.tencentcloudapi.com", "ses.tencentcloudapi.com",
			"https://ses.tencentcloudapi.com/", false},
		{"https://SES.Example.com:443", "ses.example.com",
			"https://SES.Example.com:443/", false},
		{"https://ses.example.com:8443", "ses.example.com:8443",
			"https://ses.example.com:8443/", false},
		{"http://127.0.0.1:80", "127.0.0.1", "http://127.0.0.1:80/", true},
		{"http://127.0.0.1:443", "127.0.0.1:443", "http://127.0.0.1:443/", true},
		{"http://[::1]:8080", "[::1]:8080", "http://[::1]:8080/", true},
		{"http://localhost", "localhost", "http://localhost/", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fixture f;

		init(&f, rows[i].endpoint, NIGHT);
		assert_string_equal(f.account.host, rows[i].host);
		assert_string_equal(f.account.url, rows[i].url);
		assert_int_equal(f.account.plain, rows[i].plain);
		clear(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_with_the_key_of_the_utc_day),
		cmocka_unit_test(the_older_key_makes_room),
		cmocka_unit_test(a_date_without_a_key_is_not_learned),
		cmocka_unit_test(the_skew_moves_the_day_too),
		cmocka_unit_test(another_secret_id_drops_the_keys_of_the_last),
		cmocka_unit_test(the_host_is_what_other_clients_send),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
