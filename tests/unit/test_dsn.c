/* SPDX-License-Identifier: MIT */
/* smtp/dsn, and the session that keeps what was asked of reports (RFC 3461). */
#include "session_rig.h"
#include "smtp/dsn.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static void reads_notify(void **state)
{
	static const struct {
		const char *in;
		bool good;
		unsigned set;
	} cases[] = {
		{"NEVER", true, DSN_NEVER},
		{"never", true, DSN_NEVER},
		{"SUCCESS,FAILURE,DELAY", true, DSN_SUCCESS | DSN_FAILURE | DSN_DELAY},
		{"DELAY,SUCCESS", true, DSN_SUCCESS | DSN_DELAY},
		{"NEVER,SUCCESS", false, 0},
		{"SUCCESS,NEVER", false, 0},
		{"SUCCESS,SUCCESS", false, 0},
		{"SUCCESS,", false, 0},
		{",SUCCESS", false, 0},
		{"ALWAYS", false, 0},
		{"", false, 0},
	};
	unsigned set;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(
			dsn_parse_notify(span_of(cases[i].in), &set), cases[i].good);
		if (cases[i].good)
			assert_int_equal(set, cases[i].set);
	}
}

static void writes_notify(void **state)
{
	char text[DSN_NOTIFY_LEN];

	(void)state;
	dsn_format_notify(0, text);
	assert_string_equal(text, "");
	dsn_format_notify(DSN_NEVER, text);
	assert_string_equal(text, "NEVER");
	dsn_format_notify(DSN_DELAY | DSN_SUCCESS | DSN_FAILURE, text);
	assert_string_equal(text, "SUCCESS,FAILURE,DELAY");
}

static void assert_orcpt(const char *in, bool good)
{
	char *orcpt = NULL;

	assert_int_equal(dsn_parse_orcpt(span_of(in), &orcpt), good);
	if (good)
		assert_string_equal(orcpt, in);
	else
		assert_null(orcpt);
	free(orcpt);
}

static void reads_orcpt(void **state)
{
	char large[DSN_ORCPT_MAX + 2];

	(void)state;
	assert_orcpt("rfc822;user@example.com", true);
	assert_orcpt("utf-8;user+2Bx@example.com", true);
	assert_orcpt("rfc822;", false);
	assert_orcpt(";user@example.com", false);
	assert_orcpt("user@example.com", false);
	assert_orcpt("rfc 822;user@example.com", false);
	assert_orcpt("rfc822;a+0Ab", false);
	assert_orcpt("rfc822;a=b", false);
	memset(large, 'x', sizeof(large));
	memcpy(large, "rfc822;", 7);
	large[DSN_ORCPT_MAX] = '\0';
	assert_orcpt(large, true);
	large[DSN_ORCPT_MAX] = 'x';
	large[DSN_ORCPT_MAX + 1] = '\0';
	assert_orcpt(large, false);
}

static void reads_envid_and_ret(void **state)
{
	char large[DSN_ENVID_MAX + 2];
	enum dsn_ret ret;
	char *envid;

	(void)state;
	assert_true(dsn_parse_envid(span_of("QQ314159+2B"), &envid));
	assert_string_equal(envid, "QQ314159+2B");
	free(envid);
	memset(large, 'x', sizeof(large));
	large[DSN_ENVID_MAX + 1] = '\0';
	assert_false(dsn_parse_envid(span_of(large), &envid));
	assert_false(dsn_parse_envid(span_of("a+0D+0Ab"), &envid));
	assert_true(dsn_parse_ret(span_of("full"), &ret) && ret == DSN_RET_FULL);
	assert_true(dsn_parse_ret(span_of("HDRS"), &ret) && ret == DSN_RET_HDRS);
	assert_false(dsn_parse_ret(span_of("BODY"), &ret));
}

static void keeps_what_was_asked_with_the_envelope(void **state)
{
	const struct envelope *e;
	struct rig r;

	(void)state;
	rig_init(&r);
	e = &r.fake.envelope;
	rig_give(&r, span_of(EHLO), SIZE_MAX);
	assert_non_null(strstr(session_output(r.session)->data, "DSN\r\n"));
	rig_expect(&r, "", "220, 250");
	rig_expect(&r,
		"MAIL FROM:<s@example.com> RET=HDRS ENVID=QQ1\r\n"
		"RCPT TO:<a@example.com> NOTIFY=SUCCESS,DELAY "
		"ORCPT=rfc822;b@example.com\r\n"
		"RCPT TO:<c@example.com>\r\n"
		"RCPT TO:<a@example.com> NOTIFY=NEVER "
		"ORCPT=rfc822;d@example.com\r\nDATA\r\n",
		"250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 354");
	rig_expect(&r, "x\r\n.\r\n", "250 2.0.0");
	assert_int_equal(e->ret, DSN_RET_HDRS);
	assert_string_equal(e->envid, "QQ1");
	assert_int_equal(e->n_recipients, 2);
	assert_int_equal(e->dsn[0].notify, DSN_SUCCESS | DSN_DELAY);
	assert_string_equal(e->dsn[0].orcpt, "rfc822;b@example.com");
	assert_int_equal(e->dsn[1].notify, 0);
	assert_null(e->dsn[1].orcpt);
	/* Nothing of it is left for the next mail. */
	rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
	rig_expect(&r, "x\r\n.\r\n", "250 2.0.0");
	assert_null(e->envid);
	assert_int_equal(e->ret, DSN_RET_UNSAID);
	assert_null(e->dsn[0].orcpt);
	rig_free(&r);
}

static void refuses_bad_parameters(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.errors = 100;
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r,
		"MAIL FROM:<> RET=ALL\r\nMAIL FROM:<> ENVID=a+\r\n"
		"MAIL FROM:<> ENVID=a ENVID=b\r\nMAIL FROM:<> RET\r\n"
		"MAIL FROM:<> ENVID\r\n"
		"MAIL FROM:<> NOTIFY=NEVER\r\n",
		"501 5.5.4, 501 5.5.4, 501 5.5.4, 501 5.5.4, 501 5.5.4, 555 5.5.4");
	rig_expect(&r,
		MAIL "RCPT TO:<a@example.com> NOTIFY=EVER\r\n"
		     "RCPT TO:<a@example.com> NOTIFY\r\n"
		     "RCPT TO:<a@example.com> ORCPT\r\n"
		     "RCPT TO:<a@example.com> ORCPT=rfc822;a ORCPT=rfc822;b\r\n"
		     "RCPT TO:<a@example.com> ORCPT=rfc822;a RET=FULL\r\n"
		     "DATA\r\n",
		"250 2.1.0, 501 5.5.4, 501 5.5.4, 501 5.5.4, 501 5.5.4, 555 5.5.4, 554 "
		"5.5.1");
	/* Nor is anything lost where the recipient himself is refused. */
	r.fake.refuse_rcpt = true;
	rig_expect(&r, "RCPT TO:<a@example.com> ORCPT=rfc822;a\r\n", "550 5.7.1");
	rig_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_notify),
		cmocka_unit_test(writes_notify),
		cmocka_unit_test(reads_orcpt),
		cmocka_unit_test(reads_envid_and_ret),
		cmocka_unit_test(keeps_what_was_asked_with_the_envelope),
		cmocka_unit_test(refuses_bad_parameters),
	};

	rig_quiet();
	return cmocka_run_group_tests_name("dsn", tests, NULL, NULL);
}
