/* SPDX-License-Identifier: MIT */
/* mail/charset: bytes in the charsets of mail to UTF-8. */
#include "mail/charset.h"

#include "core/utf8.h"

#include "mail/converter.h"
#include "mail_fixture.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

/* --- iconv, counted ------------------------------------------------------------------------ */

/* The linker sends every call of iconv() here. */
size_t __real_iconv(iconv_t cd, char **in, size_t *in_len, char **out, size_t *out_len);
size_t __wrap_iconv(iconv_t cd, char **in, size_t *in_len, char **out, size_t *out_len);
static size_t iconv_calls, iconv_bytes;

size_t __wrap_iconv(iconv_t cd, char **in, size_t *in_len, char **out, size_t *out_len)
{
	size_t before = in_len != NULL ? *in_len : 0;
	size_t rc = __real_iconv(cd, in, in_len, out, out_len);

	iconv_calls++;
	iconv_bytes += before - (in_len != NULL ? *in_len : 0);
	return rc;
}

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

/* --- bad bytes ------------------------------------------------------------------------------- */

static void a_bad_unit_spoils_no_more_than_itself(void **state)
{
#define BYTES(s)                                                                         \
	{                                                                                \
		s, sizeof(s) - 1                                                         \
	}
	static const struct {
		const char *charset;
		struct span bytes;
		const char *text;
		size_t bad;
	} rows[] = {
		/* U+D800 alone, U+DC00 alone, U+D800 twice before a whole pair. */
		{"utf-16le",
			BYTES("a\0\0\xd8"
			      "b\0\x2d\x4e"),
			"a\xef\xbf\xbd"
			"b中",
			1},
		{"utf-16be", BYTES("\0a\xdc\0\0b\x4e\x2d"),
			"a\xef\xbf\xbd"
			"b中",
			1},
		{"utf-16",
			BYTES("\xff\xfe\0\xd8\0\xd8\x3d\xd8\0\xde"
			      "b\0"),
			"\xef\xbf\xbd\xef\xbf\xbd😀b", 2},
		{"utf-16", BYTES("\xfe\xff\xd8\0\x4e\x2d"), "\xef\xbf\xbd中", 1},
		{"utf-16",
			BYTES("\xff\xfe\x2d\x4e"
			      "a"),
			"中\xef\xbf\xbd", 1},
		{"utf-32le",
			BYTES("a\0\0\0\0\0\x11\0"
			      "b\0\0\0"),
			"a\xef\xbf\xbd"
			"b",
			1},
		{"utf-32be", BYTES("\0\0\xd8\0\0\0\x4e\x2d"), "\xef\xbf\xbd中", 1},
		{"gb18030", BYTES("\xff\xff\xd6\xd0\xff\x81 a"),
			"\xef\xbf\xbd\xef\xbf\xbd中\xef\xbf\xbd\xef\xbf\xbd a", 4},
		{"iso-2022-jp", BYTES("\xff\x1b$BF|\xff\x1b(B"),
			"\xef\xbf\xbd日\xef\xbf\xbd", 2},
		{"utf-8", BYTES("\xff\x80\xe4\xb8\xe4\xb8\xad\xc0"),
			"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd中\xef\xbf\xbd",
			1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out;
		size_t bad;

		buf_init(&out, 1000, NULL);
		assert_int_equal(
			charset_convert(&out, rows[i].bytes, rows[i].charset, &bad), 0);
		if (bad != rows[i].bad || strcmp(out.data, rows[i].text) != 0)
			fail_msg("%s (%zu): %s, %zu bad", rows[i].charset, i, out.data,
				bad);
		buf_free(&out);
	}
}

#define MANY ((size_t)1024 * 1024)

/* A text of the two bytes in turn; the caller's. */
static char *make_text(size_t len, const char *two)
{
	char *text = malloc(len);

	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = two[i % 2];
	return text;
}

/* The calls that a text takes whose charset is declared, or guessed where it is NULL. */
static size_t count_calls(struct span text, const char *charset)
{
	static char names[5][16] = {
		"GB18030", "Big5", "Shift_JIS", "EUC-KR", "windows-1252"};
	static char *list[] = {names[0], names[1], names[2], names[3], names[4]};
	static const struct conf_list all = {.items = list, .n = 5};
	struct buf out;
	size_t bad;

	buf_init(&out, 6 * text.len + 1024, NULL);
	/* A few bytes first: opening a converter takes calls as well. */
	if (text.len > 2)
		(void)count_calls(span_make(text.p, 2), charset);
	iconv_calls = iconv_bytes = 0;
	if (charset != NULL)
		assert_int_equal(charset_convert(&out, text, charset, &bad), 0);
	else
		assert_int_equal(charset_guess(&out, text, &all, &bad), 0);
	assert_true(utf8_valid(span_make(out.data, out.len)));
	buf_free(&out);
	return iconv_calls;
}

static void replaces_runs_of_bad_bytes_in_one_piece(void **state)
{
	static const char *const charsets[] = {NULL, "utf-8", "gb18030", "big5",
		"shift_jis", "euc-jp", "euc-kr", "windows-874", "windows-1253"};
	char *text = make_text(MANY, "\xff\xff");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(charsets); i++) {
		size_t calls = count_calls(span_make(text, MANY), charsets[i]);

		/* A call for each 64 KB, in at most seven passes, and a few. */
		if (calls > 7 * MANY / 65536 + 50 &&
			(charsets[i] == NULL || strcmp(charsets[i], "windows-1253") != 0))
			fail_msg("%s: %zu calls",
				charsets[i] != NULL ? charsets[i] : "none", calls);
		/* One that is not among the usual ones: a call a byte, to the limit. */
		assert_true(calls <= 2 * (CONVERTER_CALLS_MAX + 10));
	}
	free(text);
}

static void gives_a_charset_up_that_explains_next_to_nothing(void **state)
{
	char *text = make_text(4 * MANY, "\x81 ");
	struct buf out;
	size_t bad;

	(void)state;
	assert_true(count_calls(span_make(text, 4 * MANY), "gb18030") <=
		    CONVERTER_CALLS_MAX + 10);
	assert_true(count_calls(span_make(text, 4 * MANY), "euc-jp") <=
		    3 * (CONVERTER_CALLS_MAX + 10));
	/* What is ASCII stays. */
	buf_init(&out, 16 * MANY, NULL);
	text[4 * MANY - 1] = 'z';
	assert_int_equal(
		charset_convert(&out, span_make(text, 4 * MANY), "gb18030", &bad), 0);
	assert_int_equal(bad, 2 * MANY);
	assert_string_equal(out.data + out.len - 8, "\xef\xbf\xbd \xef\xbf\xbdz");
	buf_free(&out);
	free(text);
}

static void tries_each_charset_up_to_its_first_bad_byte(void **state)
{
	char *text = make_text(MANY, "\xff\xff");

	(void)state;
	/* All but windows-1252 explain no byte of it. */
	(void)count_calls(span_make(text, MANY), NULL);
	assert_true(iconv_bytes <= MANY + 100);
	/* The first of the list explains all. */
	for (size_t i = 0; i < MANY; i++)
		text[i] = "\xd6\xd0"[i % 2];
	(void)count_calls(span_make(text, MANY), NULL);
	assert_true(iconv_bytes <= MANY + 100);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_names_as_mail_readers_do),
		cmocka_unit_test(refuses_names_that_are_none),
		cmocka_unit_test(counts_bytes_that_mean_nothing),
		cmocka_unit_test(appends_nothing_where_there_is_no_room),
		cmocka_unit_test(guesses_by_the_list_in_its_order),
		cmocka_unit_test(a_bad_unit_spoils_no_more_than_itself),
		cmocka_unit_test(replaces_runs_of_bad_bytes_in_one_piece),
		cmocka_unit_test(gives_a_charset_up_that_explains_next_to_nothing),
		cmocka_unit_test(tries_each_charset_up_to_its_first_bad_byte),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
