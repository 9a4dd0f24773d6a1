/* SPDX-License-Identifier: MIT */
/* mail/charset: bytes in the charsets of mail to UTF-8. */
#include "mail/charset.h"

#include "mail_fixture.h"

#include <errno.h>

static void reads_names_as_mail_readers_do(void **state)
{
	static const struct {
		const char *charset, *bytes, *text;
	} rows[] = {
		{"utf-8", "中", "中"},
		{"UTF8", "中", "中"},
		/* Not in GB 2312: 镕, and the euro sign of GB 18030. */
		{"gb2312", "\xe9\x46\xa2\xe3", "镕€"},
		{"GB_2312-80", "\xd6\xd0", "中"},
		{"gbk", "\xe9\x46", "镕"},
		{"gb18030", "\x94\x39\xfc\x36", "😀"},
		{"big5", "\xa4\xa4", "中"},
		{"x-big5", "\xa4\xa4", "中"},
		{"shift_jis", "\x87\x40\x5c", "①\\"},
		{"x-sjis", "\x93\xfa", "日"},
		{"euc-jp", "\xad\xa1", "①"},
		{"iso-2022-jp", "\x1b$BF|\x1b(B", "日"},
		{"ks_c_5601-1987", "\xc7\xd1\x8c\x64", "한똡"},
		{"iso-8859-1", "\x93\xe9\x94", "“é”"},
		{"latin1", "\x81", "\xc2\x81"},
		{"iso-8859-9", "\x80\xfe", "€ş"},
		{"windows-1251", "\xcf\xf0", "Пр"},
		{"koi8-r", "\xf0", "П"},
		{"utf-16", "\xff\xfe\x2d\x4e", "中"},
		{" \tutf-8 ", "a", "a"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out;
		size_t bad;

		buf_init(&out, 1000, NULL);
		if (charset_convert(&out, span_of(rows[i].bytes), rows[i].charset, &bad) <
				0 ||
			bad != 0 || strcmp(out.data, rows[i].text) != 0)
			fail_msg("%s: %s, %zu bad", rows[i].charset, out.data, bad);
		buf_free(&out);
	}
}

static void refuses_names_that_are_none(void **state)
{
	static const char *const names[] = {"", "x-unknown", "utf-8//IGNORE", "../UTF-16",
		"a b", "an-extremely-long-name-of-a-charset-that-nobody-has"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf out;
		size_t bad;

		buf_init(&out, 100, NULL);
		errno = 0;
		assert_int_equal(charset_convert(&out, span_of("a"), names[i], &bad), -1);
		assert_int_equal(errno, EINVAL);
		assert_int_equal(out.len, 0);
		buf_free(&out);
	}
}

static void counts_bytes_that_mean_nothing(void **state)
{
	struct buf out;
	size_t bad;

	(void)state;
	buf_init(&out, 100, NULL);
	assert_int_equal(charset_convert(&out,
				 span_of("\xd6\xd0\xff"
					 "a\xd6"),
				 "gbk", &bad),
		0);
	assert_int_equal(bad, 2);
	assert_string_equal(out.data, "中\xef\xbf\xbd"
				      "a\xef\xbf\xbd");
	buf_free(&out);
}

static void appends_nothing_where_there_is_no_room(void **state)
{
	struct budget budget = {.limit = 10};
	struct buf out;
	size_t bad;

	(void)state;
	buf_init(&out, 1000, &budget);
	assert_int_equal(
		charset_convert(&out, span_of("aaaaaaaaaaaaaaaa"), "gbk", &bad), -1);
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(out.len, 0);
	buf_free(&out);
	buf_init(&out, 4, NULL);
	assert_int_equal(
		charset_convert(&out, span_of("aaaaaaaaaaaaaaaa"), "gbk", &bad), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void guesses_by_the_list_in_its_order(void **state)
{
	static const struct {
		const char *bytes, *text;
		size_t bad;
	} rows[] = {
		{"plain", "plain", 0},
		{"中文", "中文", 0},
		{"\xd6\xd0\xce\xc4", "中文", 0},
		/* Cut in the middle of a character: not Chinese by accident. */
		{"Юникод\xd0", "Юникод\xef\xbf\xbd", 1},
		{"会议纪\xe8", "会议纪\xef\xbf\xbd", 1},
		{"你好\xe4\xb8", "你好\xef\xbf\xbd\xef\xbf\xbd", 1},
		/* "模中文" in GBK: its first character would be UTF-8. */
		{"\xc4\xa3\xd6\xd0\xce\xc4", "模中文", 0},
		{"\xff\xff", "\xef\xbf\xbd\xef\xbf\xbd", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out;
		size_t bad;

		buf_init(&out, 1000, NULL);
		assert_int_equal(charset_guess(&out, span_of(rows[i].bytes),
					 &fixture_charsets, &bad),
			0);
		assert_string_equal(out.data, rows[i].text);
		assert_int_equal(bad > 0, rows[i].bad > 0);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_names_as_mail_readers_do),
		cmocka_unit_test(refuses_names_that_are_none),
		cmocka_unit_test(counts_bytes_that_mean_nothing),
		cmocka_unit_test(appends_nothing_where_there_is_no_room),
		cmocka_unit_test(guesses_by_the_list_in_its_order),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
