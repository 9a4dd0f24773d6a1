/* SPDX-License-Identifier: MIT */
/* sandbox/fault: which request meets which fault. */
#include "sandbox/fault.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned add(struct faults *f, const char *text)
{
	json_t *spec = json_loads(text, 0, NULL);
	char *why = NULL;
	json_t *o = faults_add(f, spec, &why);

	assert_non_null(spec);
	if (o == NULL)
		print_message("# %s\n", why);
	assert_non_null(o);
	json_decref(o);
	json_decref(spec);
	return f->last_id;
}

static struct mail *mail_to(const char *address)
{
	struct mail *m = mem_alloc(sizeof(*m));

	strings_add(&m->to, address);
	return m;
}

static unsigned pick(struct faults *f, const char *action, const struct mail *m)
{
	const struct fault *x = faults_pick(f, HTTP_POINT_NONE, action, m);

	return x == NULL ? 0 : x->id;
}

static void fires_as_often_as_told(void **state)
{
	static const struct {
		const char *spec;
		const char *fires; /* of six requests, '1' where it fires */
	} rows[] = {
		{"{\"do\":{\"code\":\"X\"}}", "100000"},
		{"{\"count\":2,\"do\":{\"code\":\"X\"}}", "110000"},
		{"{\"count\":0,\"do\":{\"code\":\"X\"}}", "111111"},
		{"{\"match\":{\"nth\":3},\"do\":{\"code\":\"X\"}}", "001000"},
		{"{\"match\":{\"nth\":3},\"count\":2,\"do\":{\"code\":\"X\"}}", "001100"},
		{"{\"match\":{\"action\":\"SendEmail\"},\"do\":{\"code\":\"X\"}}",
			"100000"},
		{"{\"match\":{\"action\":\"Other\"},\"do\":{\"code\":\"X\"}}", "000000"},
		{"{\"match\":{\"recipient\":\"*@EXAMPLE.org\"},\"do\":{\"code\":\"X\"}}",
			"100000"},
		{"{\"match\":{\"recipient\":\"b@*\"},\"do\":{\"code\":\"X\"}}", "000000"},
		{"{\"probability\":0,\"count\":0,\"do\":{\"code\":\"X\"}}", "000000"},
		{"{\"probability\":1.0,\"count\":0,\"do\":{\"code\":\"X\"}}", "111111"},
		{"{\"count\":0,\"do\":{\"reset\":\"connect\"}}", "000000"},
		{"{\"count\":0,\"do\":{\"reset\":\"mid-request\"}}", "000000"},
		{"{\"count\":0,\"do\":{\"reset\":\"before-answer\"}}", "111111"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mail *m = mail_to("a@example.org");
		struct faults f;

		print_message("# %s\n", rows[i].spec);
		faults_init(&f, 1);
		add(&f, rows[i].spec);
		for (size_t k = 0; k < 6; k++)
			assert_int_equal(
				pick(&f, "SendEmail", m) != 0, rows[i].fires[k] == '1');
		faults_clear(&f);
		mail_free(&m);
	}
}

static void the_first_that_matches_wins(void **state)
{
	struct faults f;
	unsigned one, two;

	(void)state;
	faults_init(&f, 1);
	one = add(&f, "{\"do\":{\"code\":\"A\"}}");
	two = add(&f, "{\"count\":0,\"do\":{\"code\":\"B\"}}");
	assert_int_equal(pick(&f, "SendEmail", NULL), one);
	assert_int_equal(pick(&f, "SendEmail", NULL), two);
	assert_int_equal(faults_remove(&f, two), 0);
	assert_int_equal(faults_remove(&f, two), -1);
	assert_int_equal(pick(&f, "SendEmail", NULL), 0);
	faults_clear(&f);
}

static void same_seed_same_luck(void **state)
{
	char luck[3][101] = {{0}};

	(void)state;
	for (size_t run = 0; run < 3; run++) {
		struct faults f;

		faults_init(&f, run == 2 ? 8 : 7);
		add(&f, "{\"probability\":0.5,\"count\":0,\"do\":{\"code\":\"X\"}}");
		for (size_t k = 0; k < 100; k++)
			luck[run][k] = pick(&f, "SendEmail", NULL) != 0 ? '1' : '0';
		faults_clear(&f);
	}
	assert_string_equal(luck[0], luck[1]);
	assert_string_not_equal(luck[0], luck[2]);
	assert_non_null(strchr(luck[0], '0'));
	assert_non_null(strchr(luck[0], '1'));
}

static void early_points_are_matched_without_the_mail(void **state)
{
	struct faults f;
	unsigned any, one;

	(void)state;
	faults_init(&f, 1);
	any = add(&f, "{\"count\":0,\"do\":{\"close\":\"mid-request\"}}");
	one = add(&f, "{\"match\":{\"action\":\"SendEmail\"},\"count\":0,"
		      "\"do\":{\"reset\":\"mid-request\",\"after_bytes\":10}}");
	assert_int_equal(faults_pick(&f, HTTP_POINT_MID_REQUEST, NULL, NULL)->id, any);
	assert_int_equal(
		faults_pick(&f, HTTP_POINT_MID_REQUEST, "SendEmail", NULL)->id, one);
	assert_null(faults_pick(&f, HTTP_POINT_MID_REQUEST, "ListEmailAddress", NULL));
	assert_null(faults_pick(&f, HTTP_POINT_CONNECT, NULL, NULL));
	faults_clear(&f);
}

static void says_what_is_wrong_with_a_fault(void **state)
{
	static const struct {
		const char *spec, *why; /* why: a part of it */
	} rows[] = {
		{"[]", "a fault is an object"},
		{"{}", "\"do\" is missing"},
		{"{\"do\":{}}", "\"do\" is empty"},
		{"{\"do\":1}", "\"do\" must be an object"},
		{"{\"do\":{\"cod\":\"x\"}}", "there are: code, message, http_status"},
		{"{\"d\":{}}", "unknown field \"d\"; there are: match, count"},
		{"{\"match\":{\"to\":\"x\"},\"do\":{\"code\":\"X\"}}",
			"unknown field \"match.to\"; there are: action, recipient, nth"},
		{"{\"count\":-1,\"do\":{\"code\":\"X\"}}", "\"count\" must be from 0"},
		{"{\"count\":\"1\",\"do\":{\"code\":\"X\"}}",
			"\"count\" must be a whole number"},
		{"{\"probability\":1.5,\"do\":{\"code\":\"X\"}}", "from 0 to 1"},
		{"{\"do\":{\"code\":\"\"}}", "the length of \"do.code\""},
		{"{\"do\":{\"code\":\"internalerror\"}}", "is written InternalError"},
		{"{\"do\":{\"message\":\"x\"}}", "needs \"do.code\""},
		{"{\"do\":{\"http_status\":100}}",
			"\"do.http_status\" must be from 200 to 599"},
		{"{\"do\":{\"reset\":\"later\"}}", "\"later\" is no point: connect"},
		{"{\"do\":{\"reset\":\"connect\",\"close\":\"connect\"}}", "not both"},
		{"{\"do\":{\"reset\":\"connect\",\"after_bytes\":1}}",
			"\"do.after_bytes\" belongs"},
		{"{\"match\":{\"recipient\":\"*\"},\"do\":{\"reset\":\"mid-request\"}}",
			"\"match.recipient\" is not known yet"},
		{"{\"match\":{\"action\":\"A\"},\"do\":{\"reset\":\"connect\"}}",
			"\"match.action\" is not known yet"},
		{"{\"do\":{\"body\":\"x\",\"huge\":100}}", "not both"},
		{"{\"do\":{\"content_type\":\"a\\r\\nb: c\"}}", "one line"},
		{"{\"do\":{\"record\":1}}", "\"do.record\" must be true or false"},
	};
	struct faults f;

	(void)state;
	faults_init(&f, 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *spec = json_loads(rows[i].spec, JSON_DECODE_ANY, NULL);
		char *why = NULL;

		assert_non_null(spec);
		assert_null(faults_add(&f, spec, &why));
		print_message("# %s\n", why);
		assert_non_null(strstr(why, rows[i].why));
		free(why);
		json_decref(spec);
	}
	assert_int_equal(f.n, 0);
	faults_clear(&f);
}

static void reads_magic_recipients(void **state)
{
	static const struct {
		const char *address;
		const char *effect; /* as code/status/delay/point/record, "" for none */
	} rows[] = {
		{"user@example.org", ""},
		{"ok@example.org", "-/0/0/0/1"},
		{"RequestLimitExceeded@example.org", "RequestLimitExceeded/0/0/0/0"},
		{"failedoperation.emailaddrinblacklist@example.org",
			"FailedOperation.EmailAddrInBlacklist/0/0/0/0"},
		{"RequestLimitExceede@example.org", ""},
		{"http-503@example.org", "-/503/0/0/0"},
		{"http-999@example.org", ""},
		{"http-@example.org", ""},
		{"delay-2000@example.org", "-/0/2000/0/1"},
		{"delay-600001@example.org", ""},
		{"reset@example.org", "-/0/0/3/0"},
		{"Reset-After@example.org", "-/0/0/3/1"},
		{"close@example.org", "-/0/0/3/0"},
		{"reset-before@example.org", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mail *m = mail_to(rows[i].address);
		struct fault_effect e;
		char got[200] = "";

		if (fault_magic(m, &e))
			snprintf(got, sizeof(got), "%s/%d/%d/%d/%d",
				e.code != NULL ? e.code : "-", e.http_status,
				(int)e.delay_ms, (int)e.cut.point,
				fault_effect_records(&e));
		print_message("# %s\n", rows[i].address);
		assert_string_equal(got, rows[i].effect);
		fault_effect_clear(&e);
		mail_free(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_as_often_as_told),
		cmocka_unit_test(the_first_that_matches_wins),
		cmocka_unit_test(same_seed_same_luck),
		cmocka_unit_test(early_points_are_matched_without_the_mail),
		cmocka_unit_test(says_what_is_wrong_with_a_fault),
		cmocka_unit_test(reads_magic_recipients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
