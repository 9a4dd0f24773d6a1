/* SPDX-License-Identifier: MIT */
/* process/keys: which days, and that only derived keys travel. */
#include "process/keys.h"

#include "core/attr.h"
#include "core/mem.h"
#include "core/secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

#define NOON     1767355200 /* 2026-01-02T12:00:00Z */
#define MIDNIGHT 1767398400 /* 2026-01-03T00:00:00Z */

static void holds_the_days_12_hours_around(void **state)
{
	static const struct {
		int64_t at;
		bool changed;
		const char *dates[2];
	} steps[] = {
		{NOON - 1, true, {"2026-01-01", "2026-01-02"}},
		{NOON, true, {"2026-01-02", "2026-01-03"}},
		{NOON + 1, false, {"2026-01-02", "2026-01-03"}},
		/* Midnight changes nothing: both of its days were there for hours. */
		{MIDNIGHT - 1, false, {"2026-01-02", "2026-01-03"}},
		{MIDNIGHT, false, {"2026-01-02", "2026-01-03"}},
		{MIDNIGHT + 43199, false, {"2026-01-02", "2026-01-03"}},
		{MIDNIGHT + 43200, true, {"2026-01-03", "2026-01-04"}},
		/* The clock jumps. */
		{NOON + 40 * 86400, true, {"2026-02-11", "2026-02-12"}},
		{NOON, true, {"2026-01-02", "2026-01-03"}},
	};
	struct keys k = {.dates = {"", ""}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		assert_int_equal(keys_rotate(&k, steps[i].at), steps[i].changed);
		assert_string_equal(k.dates[0], steps[i].dates[0]);
		assert_string_equal(k.dates[1], steps[i].dates[1]);
	}
}

struct received {
	struct channel_message m[8];
	size_t n;
};

static void on_message(void *arg, const struct channel_message *m, int fd)
{
	struct received *r = arg;

	assert_int_equal(fd, -1);
	assert_true(r->n < ARRAY_LEN(r->m));
	r->m[r->n++] = *m;
}

static void on_closed(void *arg)
{
	(void)arg;
	fail();
}

static char name[] = "main", secret_id[] = "AKIDEXAMPLE", token[] = "", token_2[] = "tok";

static void fill_account(struct conf_account *a, const char *secret, char *token_text)
{
	*a = (struct conf_account){.name = name,
		.secret_id = secret_id,
		.token = token_text,
		.secret_key = secret_new(secret, strlen(secret))};
}

static void sends_each_accounts_key_of_both_days(void **state)
{
	struct conf_account accounts[2];
	const struct conf conf = {.accounts = accounts, .n_accounts = 2};
	struct loop *loop = loop_new();
	struct received r = {.n = 0};
	struct channel *a, *b;
	struct sign_key expected;
	struct keys k = {.dates = {"", ""}};
	struct err err;
	int pair[2];

	(void)state;
	fill_account(&accounts[0], "first secret", token);
	fill_account(&accounts[1], "second secret", token_2);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	a = channel_new(loop, pair[0], on_message, on_closed, &r);
	b = channel_new(loop, pair[1], on_message, on_closed, &r);
	keys_rotate(&k, NOON);
	assert_int_equal(keys_send(&k, &conf, a, &err), 0);
	for (int i = 0; i < 20; i++)
		loop_turn(loop);
	assert_int_equal(r.n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(r.m[i].type, CHANNEL_KEY);
		assert_int_equal(r.m[i].key.account, i / 2);
		assert_string_equal(r.m[i].key.secret_id, secret_id);
		assert_string_equal(r.m[i].key.token, i < 2 ? "" : "tok");
		assert_int_equal(
			sign_derive(i < 2 ? "first secret" : "second secret",
				i < 2 ? 12 : 13, k.dates[i % 2], "ses", &expected),
			0);
		assert_memory_equal(&r.m[i].key.key, &expected, sizeof(expected));
	}
	channel_free(&a);
	channel_free(&b);
	loop_free(&loop);
	secret_free(&accounts[0].secret_key);
	secret_free(&accounts[1].secret_key);
}

static void refuses_an_account_without_a_key(void **state)
{
	struct conf_account account = {
		.name = name, .secret_id = secret_id, .token = token};
	const struct conf conf = {.accounts = &account, .n_accounts = 1};
	struct loop *loop = loop_new();
	struct keys k = {.dates = {"", ""}};
	struct channel *c;
	struct err err;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	c = channel_new(loop, pair[0], on_message, on_closed, NULL);
	keys_rotate(&k, NOON);
	assert_int_equal(keys_send(&k, &conf, c, &err), -1);
	assert_non_null(strstr(err.text, "account main"));
	channel_free(&c);
	loop_free(&loop);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_the_days_12_hours_around),
		cmocka_unit_test(sends_each_accounts_key_of_both_days),
		cmocka_unit_test(refuses_an_account_without_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
