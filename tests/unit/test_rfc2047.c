/* SPDX-License-Identifier: MIT */
/* mail/rfc2047: header values to UTF-8. */
#include "mail/rfc2047.h"

#include "mail/charset.h"
#include "mail_fixture.h"

#include <stdlib.h>

struct row {
	const char *value, *text;
};

static void assert_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct decode_notes notes = {0};
		char *text =
			rfc2047_string(span_of(rows[i].value), &fixture_charsets, &notes);

		if (strcmp(text, rows[i].text) != 0)
			fail_msg("%s: %s, not %s", rows[i].value, text, rows[i].text);
		assert_false(notes.characters);
		assert_false(notes.controls);
		free(text);
	}
}

static void decodes_what_python_writes(void **state)
{
	static const struct row rows[] = {
		{"=?utf-8?b?5Lit5paH6YKu5Lu25Li76aKY5rWL6K+VIG1peGVkIHdpdGgg?=\r\n"
		 " =?utf-8?b?QVNDSUk=?=",
			"中文邮件主题测试 mixed with ASCII"},
		{"=?utf-8?b?5Lya6K6u8J+YgOe6quimgfCfjonvvJrnrKwx5a2j5bqm8J+Rjeaa?=\r\n"
		 " =?utf-8?b?guWumg==?=",
			"会议😀纪要🎉：第1季度👍暂定"},
		{"=?gb18030?b?vPLM5dbQzsSy4srU?=", "简体中文测试"},
		{"=?gb18030?b?yfrGp9fWlTSyNSCUOfw2?=", "生僻字𠮷 😀"},
		{"=?eucgb2312_cn?b?vPLM5dbQzsQ=?=", "简体中文"},
		{"=?big5_tw?b?wWPF6aSkpOW0+rjV?=", "繁體中文測試"},
		{"=?shift_jis?b?k/qWe4zqg2WDWINn?=", "日本語テスト"},
		{"=?iso-2022-jp?b?GyRCRnxLXDhsJUYlOSVIN29MPhsoQg==?=",
			"日本語テスト件名"},
		{"=?euc-kr?b?x9Gxub7uIL3Dx+g=?=", "한국어 시험"},
		{"=?koi8-r?b?8NLJ18XUIM3J0g==?=", "Привет мир"},
		{"=?iso-8859-1?q?Gr=FC=DFe?=", "Grüße"},
		{"Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus Wien", "Re: Grüße aus Wien"},
	};

	(void)state;
	assert_rows(rows, ARRAY_LEN(rows));
}

static void decodes_what_nodemailer_writes(void **state)
{
	static const struct row rows[] = {
		{"=?UTF-8?B?SGVsbG8=?= =?UTF-8?B?IHdvcmxk?=", "Hello world"},
		{"=?UTF-8?B?5Lit5paH?= =?UTF-8?B?IGFuZCBBU0NJSQ==?=\r\n"
		 " =?UTF-8?B?IOa3t+WQiA==?=",
			"中文 and ASCII 混合"},
		{"=?UTF-8?Q?Order_=E2=84=96_42=3F?= =?UTF-8?Q?_=E2=9C=94=2Egif?=",
			"Order № 42? ✔.gif"},
		{"nyan cat =?UTF-8?Q?=E2=9C=94=2Egif?=", "nyan cat ✔.gif"},
	};

	(void)state;
	assert_rows(rows, ARRAY_LEN(rows));
}

static void joins_characters_that_were_cut_in_two(void **state)
{
	static const struct row rows[] = {
		/* An emoji of four bytes after the second; with each encoding. */
		{"=?utf-8?B?8J8=?= =?utf-8?B?mIA=?=", "😀"},
		{"=?utf-8?Q?=F0=9F?=\r\n\t=?UTF-8?Q?=98=80?=", "😀"},
		{"=?utf-8?Q?=F0?= =?utf-8?B?n5iA?=", "😀"},
		{"=?gbk?B?1g==?= =?GBK?B?0A==?=", "中"},
		{"=?utf-8*zh?Q?=E4=B8?= =?utf-8?Q?=AD?=", "中"},
	};

	(void)state;
	assert_rows(rows, ARRAY_LEN(rows));
}

static void starts_each_word_of_iso_2022_anew(void **state)
{
	static const struct row rows[] = {
		{"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?iso-2022-jp?B?GyRCOGwbKEI=?=",
			"日本語"},
		/* The first does not go back to ASCII; the second is "ABC". */
		{"=?iso-2022-jp?B?GyRCRnxLXA==?= =?iso-2022-jp?B?QUJD?=", "日本ABC"},
	};

	(void)state;
	assert_rows(rows, ARRAY_LEN(rows));
}

static void keeps_and_drops_white_space_as_the_standard_says(void **state)
{
	/* RFC 2047 §8 */
	static const struct row rows[] = {
		{"=?ISO-8859-1?Q?a?=", "a"},
		{"=?ISO-8859-1?Q?a?= b", "a b"},
		{"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
		{"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"},
		{"=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"},
		{"=?ISO-8859-1?Q?a_b?=", "a b"},
		{"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
		{"  plain\r\n folded\r\n\tvalue ", "plain folded value"},
		{"", ""},
	};

	(void)state;
	assert_rows(rows, ARRAY_LEN(rows));
}

static void takes_words_that_break_the_rules(void **state)
{
	static const struct row rows[] = {
		{"a=?utf-8?Q?b?=c", "abc"},
		{"\"=?utf-8?Q?in_quotes?=\"", "\"in quotes\""},
		{"=?utf-8?Q?with space?=", "with space"},
		{"=?utf-8?Q?a=3?=", "a=3"},
		{"=?utf-8?Q?=e4=b8=ad?=", "中"},
		{"=?utf-8?Q?"
		 "?=",
			""},
		{"=?utf-8?B?"
		 "?=",
			""},
		{"=?utf-8?B?SGVsbG8?=", "Hello"},
		{"=?utf-8?B?SGVs\r\n bG8=?=", "Hello"},
		{"=?utf-8?Q?open =?utf-8?Q?whole?=", "=?utf-8?Q?open whole"},
		{"=?utf-8?X?a?=", "=?utf-8?X?a?="},
		{"=?utf-8?Q?never ends", "=?utf-8?Q?never ends"},
		{"=?"
		 "?Q?a?=",
			"=?"
			"?Q?a?="},
		{"=?", "=?"},
		{"a = b ? c", "a = b ? c"},
		{"=?none?B?VEVTVA==?=", "TEST"},
	};

	(void)state;
	assert_rows(rows, ARRAY_LEN(rows));
}

static void guesses_raw_bytes(void **state)
{
	static const struct row rows[] = {
		{"中文", "中文"},
		{"\xd6\xd0\xce\xc4", "中文"},
		{"=?us-ascii?Q?=D6=D0?=", "中"},
		{"Re: \xd6\xd0 =?gbk?B?zsQ=?=", "Re: 中 文"},
	};

	(void)state;
	assert_rows(rows, ARRAY_LEN(rows));
}

static void notes_what_it_could_not_keep(void **state)
{
	static const struct {
		const char *value, *text;
		bool characters, controls;
	} rows[] = {
		{"=?x-none?B?1tA=?=", "=?x-none?B?1tA=?=", true, false},
		{"=?utf-8?B?/w==?=", "\xef\xbf\xbd", true, false},
		{"=?utf-8?Q?a=0D=0AB:_c?=", "a B: c", false, true},
		{"=?utf-8?Q?a=00=07b?=", "ab", false, true},
		{"=?utf-8?Q?a=E2=80=AEb?=", "ab", false, true},
		{"a\x1b[2Jb", "a[2Jb", false, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct decode_notes notes = {0};
		char *text =
			rfc2047_string(span_of(rows[i].value), &fixture_charsets, &notes);

		if (strcmp(text, rows[i].text) != 0 ||
			notes.characters != rows[i].characters ||
			notes.controls != rows[i].controls)
			fail_msg("%s: %s, %d, %d", rows[i].value, text, notes.characters,
				notes.controls);
		free(text);
	}
}

static void measures_a_word(void **state)
{
	(void)state;
	assert_int_equal(rfc2047_word_len(span_of("=?utf-8?Q?a,b?= c")), 15);
	assert_int_equal(rfc2047_word_len(span_of("=?utf-8?B?SGVsbG8=?=")), 20);
	assert_int_equal(rfc2047_word_len(span_of("a =?utf-8?Q?a?=")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_what_python_writes),
		cmocka_unit_test(decodes_what_nodemailer_writes),
		cmocka_unit_test(joins_characters_that_were_cut_in_two),
		cmocka_unit_test(starts_each_word_of_iso_2022_anew),
		cmocka_unit_test(keeps_and_drops_white_space_as_the_standard_says),
		cmocka_unit_test(takes_words_that_break_the_rules),
		cmocka_unit_test(guesses_raw_bytes),
		cmocka_unit_test(notes_what_it_could_not_keep),
		cmocka_unit_test(measures_a_word),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
