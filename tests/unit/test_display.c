/* SPDX-License-Identifier: MIT */
/* delivery/display: names and subjects that mean nothing but themselves. */
#include "delivery/display.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

static void a_name_is_no_address_and_needs_no_quotes(void **state)
{
	static const struct {
		const char *name, *alias;
		bool changed;
	} cases[] = {
		{"", "", false},
		{"A B", "A B", false},
		{"  A \t B ", "A B", false},
		{"J. Smith-O'Neil & Co", "J. Smith-O'Neil & Co", false},
		{"张 三", "张 三", false},
		{"ceo@victim.example", "ceo victim.example", true},
		{"<ceo@victim.example>", "ceo victim.example", true},
		{"ceo\xef\xbc\xa0victim.example", "ceo victim.example", true},
		{"ceo\xef\xb9\xabvictim.example", "ceo victim.example", true},
		{"张三＠例子.公司", "张三 例子.公司", true},
		{"@", "", true},
		{"a@b, c@d", "a b c d", true},
		{"A (Sales) [B]", "A Sales B", true},
		{"a\"b\\c:d;e,f", "a b c d e f", true},
		{"=?utf-8?q?ceo=40victim.example?=", "= ?utf-8?q?ceo=40victim.example?=",
			true},
		{"=?utf-8?B?Y2VvQHZpY3RpbS5leGFtcGxl",
			"= ?utf-8?B?Y2VvQHZpY3RpbS5leGFtcGxl", true},
		/* Taking something out must not make one. */
		{"=\"?utf-8?q?x?=", "= ?utf-8?q?x?=", true},
		{"2+2=?", "2+2=?", false},
		{"=?=?utf-8?q?x?=", "=?= ?utf-8?q?x?=", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool changed = false;
		char *alias = display_alias(span_of(cases[i].name), &changed);

		assert_string_equal(alias, cases[i].alias);
		if (changed != cases[i].changed)
			fail_msg("%s: changed is %d", cases[i].name, changed);
		free(alias);
	}
}

static void a_long_name_is_cut_between_characters(void **state)
{
	char name[400];
	bool changed = false;
	char *alias;

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(name); i += 3)
		memcpy(name + i, "\xe4\xbd\xa0", 3);
	alias = display_alias(span_make(name, 399), &changed);
	assert_int_equal(strlen(alias), 255);
	assert_true(changed);
	free(alias);
	/* Of encoded words alone: each is broken, and nothing is lost. */
	for (size_t i = 0; i < 240; i += 6)
		memcpy(name + i, "=?a?b?", 6);
	changed = false;
	alias = display_alias(span_make(name, 240), &changed);
	assert_int_equal(strlen(alias), 240 + 40);
	assert_null(strstr(alias, "=?"));
	free(alias);
}

static void a_subject_is_decoded_once(void **state)
{
	static const struct {
		const char *subject, *sent;
	} cases[] = {
		{"", ""},
		{"hello, a@example.com: \"x\" <y>", "hello, a@example.com: \"x\" <y>"},
		{"=?utf-8?q?x?=", "= ?utf-8?q?x?="},
		{"Re: =?gb2312?B?xOM=?= and =?x?Q?y?=",
			"Re: = ?gb2312?B?xOM=?= and = ?x?Q?y?="},
		{"=?utf-8?q?never ends", "= ?utf-8?q?never ends"},
		{"what is 2+2=?", "what is 2+2=?"},
		{"=?utf-8?x?y?=", "=?utf-8?x?y?="},
		{"=??q?x?=", "=??q?x?="},
		{"=?utf-8?q", "=?utf-8?q"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool changed = false;
		char *sent = display_subject(cases[i].subject, &changed);

		assert_string_equal(sent, cases[i].sent);
		assert_int_equal(changed, strcmp(cases[i].subject, cases[i].sent) != 0);
		free(sent);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_no_address_and_needs_no_quotes),
		cmocka_unit_test(a_long_name_is_cut_between_characters),
		cmocka_unit_test(a_subject_is_decoded_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
