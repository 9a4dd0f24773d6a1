/* SPDX-License-Identifier: MIT */
/* core/utf8: what is valid, and what is left of the rest. */
#include "core/utf8.h"

#include "test.h"

#include <errno.h>

#define SPAN(literal)                                                                    \
	(struct span)                                                                    \
	{                                                                                \
		literal, sizeof(literal) - 1                                             \
	}
#define FFFD "\xef\xbf\xbd"

static void tells_valid_from_invalid(void **state)
{
	static const struct {
		struct span in;
		bool valid;
	} cases[] = {
		{{"", 0}, true}, {SPAN("plain"), true}, {SPAN("a\0b"), true},
		{SPAN("\x7f"), true},
		{SPAN("\xc2\x80"), true},         /* U+0080, the least of two */
		{SPAN("\xdf\xbf"), true},         /* U+07FF */
		{SPAN("\xe0\xa0\x80"), true},     /* U+0800 */
		{SPAN("\xed\x9f\xbf"), true},     /* U+D7FF, before the surrogates */
		{SPAN("\xee\x80\x80"), true},     /* U+E000, behind them */
		{SPAN("\xef\xbf\xbf"), true},     /* U+FFFF */
		{SPAN("\xf0\x90\x80\x80"), true}, /* U+10000 */
		{SPAN("\xf4\x8f\xbf\xbf"), true}, /* U+10FFFF */
		{SPAN("\xe4\xb8\xad\xe6\x96\x87"), true},
		{SPAN("\x80"), false},                            /* continuation alone */
		{SPAN("\xbf"), false}, {SPAN("\xc0\x80"), false}, /* overlong NUL */
		{SPAN("\xc0\xaf"), false},                        /* overlong '/' */
		{SPAN("\xc1\xbf"), false}, {SPAN("\xe0\x80\xaf"), false},
		{SPAN("\xe0\x9f\xbf"), false}, {SPAN("\xf0\x80\x80\xaf"), false},
		{SPAN("\xf0\x8f\xbf\xbf"), false},
		{SPAN("\xed\xa0\x80"), false},     /* U+D800 */
		{SPAN("\xed\xbf\xbf"), false},     /* U+DFFF */
		{SPAN("\xf4\x90\x80\x80"), false}, /* past U+10FFFF */
		{SPAN("\xf5\x80\x80\x80"), false}, {SPAN("\xf8\x88\x80\x80\x80"), false},
		{SPAN("\xfe"), false}, {SPAN("\xff"), false},
		{SPAN("\xc3"), false}, /* cut */
		{SPAN("\xe4\xb8"), false}, {SPAN("\xf0\x9f\x98"), false},
		{SPAN("\xc3("), false}, /* no continuation */
		{SPAN("\xe4\xb8"
		      "a"),
			false},
		{SPAN("123456789 12345\xff"), false}, /* behind whole words of ASCII */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(utf8_valid(cases[i].in), cases[i].valid);
}

static void every_code_point_reads_as_itself(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c += c < 0x3000 ? 1 : 251) {
		char s[4] = {(char)c};
		size_t len = 1;
		uint32_t got = 0;

		if (c >= 0x10000) {
			s[0] = (char)(0xf0 | c >> 18);
			s[1] = (char)(0x80 | (c >> 12 & 63));
			s[2] = (char)(0x80 | (c >> 6 & 63));
			s[3] = (char)(0x80 | (c & 63));
			len = 4;
		} else if (c >= 0x800) {
			s[0] = (char)(0xe0 | c >> 12);
			s[1] = (char)(0x80 | (c >> 6 & 63));
			s[2] = (char)(0x80 | (c & 63));
			len = 3;
		} else if (c >= 0x80) {
			s[0] = (char)(0xc0 | c >> 6);
			s[1] = (char)(0x80 | (c & 63));
			len = 2;
		}
		if (c >= 0xd800 && c <= 0xdfff) {
			assert_int_equal(utf8_next(span_make(s, 4), &got), 0);
			continue;
		}
		assert_int_equal(utf8_next(span_make(s, len), &got), len);
		assert_int_equal(got, c);
		assert_int_equal(utf8_next(span_make(s, len - 1 + (len == 1)), &got),
			len == 1 ? 1 : 0);
	}
}

static void counts_code_points(void **state)
{
	(void)state;
	assert_int_equal(utf8_count(SPAN("")), 0);
	assert_int_equal(utf8_count(SPAN("a\xe4\xb8\xad\xf0\x9f\x98\x80z")), 4);
}

struct clean_case {
	struct span in, out;
	bool changed;
};

static void check_clean(const struct clean_case *cases, size_t n,
	int (*clean)(struct buf *, struct span, bool *))
{
	for (size_t i = 0; i < n; i++) {
		struct buf b;
		bool changed = !cases[i].changed;

		buf_init(&b, cases[i].out.len, NULL);
		assert_int_equal(clean(&b, cases[i].in, &changed), 0);
		assert_int_equal(b.len, cases[i].out.len);
		assert_memory_equal(b.data, cases[i].out.p, b.len + 1);
		assert_int_equal(changed, cases[i].changed);
		assert_true(utf8_valid(span_make(b.data, b.len)));
		buf_free(&b);
	}
}

static void cleans_a_line(void **state)
{
	static const struct clean_case cases[] = {
		{SPAN(""), SPAN(""), false},
		{SPAN("plain text"), SPAN("plain text"), false},
		{SPAN("\xe4\xb8\xad \xf0\x9f\x98\x80"),
			SPAN("\xe4\xb8\xad \xf0\x9f\x98\x80"), false},
		/* Folding, RFC 5322 §2.2.3, in its spellings. */
		{SPAN("a\r\n b"), SPAN("a b"), false},
		{SPAN("a\r\n\tb"), SPAN("a b"), false},
		{SPAN("a\n b"), SPAN("a b"), false},
		{SPAN("a \r\n\tb"), SPAN("a b"), false},
		{SPAN("a\r\n  b"), SPAN("a  b"), false},
		{SPAN("a\r\n \r\n b"), SPAN("a  b"), false},
		{SPAN("a\tb"), SPAN("a b"), false},
		/* A line end that folds nothing was put there by somebody. */
		{SPAN("foo\r\nBcc: x@example.com"), SPAN("foo Bcc: x@example.com"), true},
		{SPAN("a\rb"), SPAN("a b"), true},
		{SPAN("a\nb"), SPAN("a b"), true},
		{SPAN("a\r\n"), SPAN("a "), true},
		{SPAN("a\t\r\nb"), SPAN("a b"), true},
		/* Controls. */
		{SPAN("a\0b"), SPAN("ab"), true},
		{SPAN("a\x1b[31mb\x7f"), SPAN("a[31mb"), true},
		{SPAN("\x0b\x0c"
		      "a"),
			SPAN("a"), true},
		{SPAN("a\xc2\x80\xc2\x85\xc2\x9f"
		      "b\xc2\xa0"),
			SPAN("ab\xc2\xa0"), true},
		{SPAN("a\xe2\x80\xa8"
		      "b\xe2\x80\xa9"),
			SPAN("ab"), true},
		/* Bidirectional controls, and their neighbours that stay. */
		{SPAN("x\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f"
		      "y"),
			SPAN("xy"), true},
		{SPAN("\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad\xe2\x80\xae"),
			SPAN(""), true},
		{SPAN("\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9"), SPAN(""),
			true},
		{SPAN("\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xd8\x9b"),
			SPAN("\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xd8\x9b"),
			false},
		/* Invalid bytes, one each. */
		{SPAN("a\xff\xfe"
		      "b"),
			SPAN("a" FFFD FFFD "b"), true},
		{SPAN("\xc0\x8a"), SPAN(FFFD FFFD), true}, /* overlong line feed */
		{SPAN("\xed\xa0\x80"), SPAN(FFFD FFFD FFFD), true},
		{SPAN("\xe4\xb8"), SPAN(FFFD FFFD), true},
	};

	(void)state;
	check_clean(cases, ARRAY_LEN(cases), utf8_clean_line);
}

static void cleans_a_body(void **state)
{
	static const struct clean_case cases[] = {
		{SPAN(""), SPAN(""), false},
		{SPAN("a\r\n\tb\x1b\r"), SPAN("a\r\n\tb\x1b\r"), false},
		{SPAN("\xe2\x80\xae\xe4\xb8\xad"), SPAN("\xe2\x80\xae\xe4\xb8\xad"),
			false},
		{SPAN("\0a\0\0b\0"), SPAN("ab"), true},
		{SPAN("a\xff\xe4\xb8\xad\xe4"), SPAN("a" FFFD "\xe4\xb8\xad" FFFD), true},
	};

	(void)state;
	check_clean(cases, ARRAY_LEN(cases), utf8_clean_text);
}

static void a_full_buffer_keeps_what_it_had(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5, NULL);
	assert_int_equal(buf_append_str(&b, "xy"), 0);
	assert_int_equal(utf8_clean_line(&b, SPAN("ab\xff"), NULL), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(utf8_clean_text(&b, SPAN("ab\0cd"), NULL), -1);
	assert_string_equal(b.data, "xy");
	assert_int_equal(utf8_clean_text(&b, SPAN("a\0bc"), NULL), 0);
	assert_string_equal(b.data, "xyabc");
	buf_free(&b);
}

/* Seconds at most, also with sanitizers; with a look at all that is left for each NUL,
 * hours. */
static void drops_millions_of_nuls_in_one_pass(void **state)
{
	enum { SIZE = 8 << 20 };
	struct buf in, out;
	bool changed = false;

	(void)state;
	buf_init(&in, SIZE, NULL);
	buf_init(&out, SIZE, NULL);
	assert_int_equal(buf_reserve(&in, SIZE), 0);
	memset(in.data, 0, SIZE);
	for (size_t i = 0; i < SIZE / 2; i += 2)
		in.data[i] = 'a';
	buf_set_len(&in, SIZE);
	assert_int_equal(utf8_clean_text(&out, span_make(in.data, in.len), &changed), 0);
	assert_true(changed);
	assert_int_equal(out.len, SIZE / 4);
	buf_free(&in);
	buf_free(&out);
}

static void sees_whether_anything_is_to_be_seen(void **state)
{
	static const char *const seen[] = {"a", " .", "\xc2\xa0-", "\xe4\xb8\xad", "\xff",
		"\xe2\x80\x8b\xf0\x9f\x98\x80", "\xc2\xa1"};
	static const char *const blank[] = {"", " \t\r\n", "\xc2\xa0", "\xe3\x80\x80",
		"\xcd\x8f \xe2\x80\x8c\xc2\xa0", "\xef\xbb\xbf", "\xc2\xad\x01\x7f"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		assert_false(utf8_is_blank(span_of(seen[i])));
	for (size_t i = 0; i < ARRAY_LEN(blank); i++)
		assert_true(utf8_is_blank(span_of(blank[i])));
	assert_true(utf8_is_blank(span_make("\0\0", 2)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_millions_of_nuls_in_one_pass),
		cmocka_unit_test(tells_valid_from_invalid),
		cmocka_unit_test(every_code_point_reads_as_itself),
		cmocka_unit_test(counts_code_points),
		cmocka_unit_test(sees_whether_anything_is_to_be_seen),
		cmocka_unit_test(cleans_a_line),
		cmocka_unit_test(cleans_a_body),
		cmocka_unit_test(a_full_buffer_keeps_what_it_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
