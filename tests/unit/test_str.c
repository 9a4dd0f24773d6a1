/* SPDX-License-Identifier: MIT */
/* core/str: classes, ASCII case, numbers, trimming, cleaning, globs. */
#include "core/str.h"

#include "test.h"

static void ignores_ascii_case_only(void **state)
{
	(void)state;
	assert_true(str_ieq("Content-Type", "content-TYPE"));
	assert_false(str_ieq("a", "ab"));
	assert_false(str_ieq("\xc3\x84", "\xc3\xa4"));
	assert_true(span_istarts(span_of("MAIL FROM:<>"), "mail from:"));
	assert_false(span_istarts(span_of("MA"), "mail"));
}

static void trims_both_ends(void **state)
{
	struct span s;

	(void)state;
	s = span_trim(span_of(" \t a b\r\n"));
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.p, "a b", 3);
	assert_int_equal(span_trim(span_of("  ")).len, 0);
}

static void makes_one_clean_line(void **state)
{
	char out[16];

	(void)state;
	str_ascii_line(out, sizeof(out), span_of("a\r\nb\x01\x7f c\xe4"));
	assert_string_equal(out, "a b c?");
	str_ascii_line(out, sizeof(out), span_of("0123456789abcdefgh"));
	assert_string_equal(out, "0123456789abcde");
	str_ascii_line(out, sizeof(out), span_make("\n\0\n", 3));
	assert_string_equal(out, "");
}

static void copies_and_tells_of_a_cut(void **state)
{
	char out[4];

	(void)state;
	assert_true(str_copy(out, sizeof(out), "abc"));
	assert_false(str_copy(out, sizeof(out), "abcd"));
	assert_string_equal(out, "abc");
}

static void matches_globs(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} cases[] = {
		{"*", "", true},
		{"*", "anything", true},
		{"*@example.com", "A@EXAMPLE.COM", true},
		{"*@example.com", "a@example.org", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-b-b", false},
		{"", "", true},
		{"", "a", false},
		{"*a", "aaab", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			str_glob(cases[i].pattern, cases[i].text), cases[i].match);
}

static void finds_the_nearest_name(void **state)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} cases[] = {
		{"", "", 0},
		{"port", "Port", 0},
		{"prot", "port", 2},
		{"sesions", "sessions", 1},
		{"abc", "", 3},
		{"kitten", "sitting", 3},
	};
	const char *best = NULL;
	size_t distance = 2;
	char longer[200] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t d = 100;
		const char *which = NULL;

		str_nearer(cases[i].a, cases[i].b, &d, &which);
		assert_int_equal(d, cases[i].distance);
		assert_ptr_equal(which, cases[i].b);
	}
	str_nearer("prot", "port", &distance, &best);
	assert_null(best);
	memset(longer, 'a', sizeof(longer) - 1);
	str_nearer(longer, longer, &distance, &best);
	assert_null(best);
	str_nearer("port", "ports", &distance, &best);
	assert_string_equal(best, "ports");
	assert_int_equal(distance, 1);
}

static void reads_decimal_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max, n;
		bool ok;
	} cases[] = {
		{"0", 0, 0, true},
		{"65535", 65535, 65535, true},
		{"65536", 65535, 0, false},
		{"007", 9, 7, true},
		{"18446744073709551615", UINT64_MAX, UINT64_MAX, true},
		{"18446744073709551616", UINT64_MAX, 0, false},
		{"", 9, 0, false},
		{"-1", 9, 0, false},
		{"+1", 9, 0, false},
		{" 1", 9, 0, false},
		{"1 ", 9, 0, false},
		{"0x1", 9, 0, false},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t n;

		assert_int_equal(span_number(span_of(cases[i].text), cases[i].max, &n),
			cases[i].ok);
		if (cases[i].ok)
			assert_int_equal(n, cases[i].n);
	}
	assert_int_equal(span_digits(span_of("12a3")), 2);
	assert_int_equal(span_digits(span_of("")), 0);
}

static void reads_and_writes_hexadecimal(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x9a, 0xff};
	char c = '?', text[2 * sizeof(bytes) + 1];
	(void)state;

	str_hex(text, bytes, sizeof(bytes));
	assert_string_equal(text, "009aff");
	assert_true(span_hex_byte(span_of("c3B"), &c));
	assert_int_equal((unsigned char)c, 0xc3);
	assert_false(span_hex_byte(span_of("4"), &c));
	assert_false(span_hex_byte(span_of("4g"), &c));
	assert_false(span_hex_byte(span_of("@0"), &c));
	assert_int_equal((unsigned char)c, 0xc3);
}

static void sorts_characters_into_classes(void **state)
{
	(void)state;
	for (int i = -128; i < 256; i++) {
		char c = (char)i;
		int byte = (unsigned char)c;

		assert_int_equal(ascii_iscntrl(c), byte < 32 || byte == 127);
		assert_int_equal(ascii_isprint(c), byte >= 32 && byte < 127);
		assert_int_equal(ascii_isgraph(c), byte > 32 && byte < 127);
	}
	assert_true(span_is_all(span_of(""), ascii_isgraph));
	assert_false(span_is_all(span_of("a b"), ascii_isgraph));
	assert_true(span_is_all(span_of("a b"), ascii_isprint));
	assert_true(span_has_control(span_make("a\0", 2)));
	assert_false(span_has_control(span_of("a b\xc3\xa4")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ignores_ascii_case_only),
		cmocka_unit_test(trims_both_ends),
		cmocka_unit_test(makes_one_clean_line),
		cmocka_unit_test(copies_and_tells_of_a_cut),
		cmocka_unit_test(matches_globs),
		cmocka_unit_test(finds_the_nearest_name),
		cmocka_unit_test(reads_decimal_numbers),
		cmocka_unit_test(reads_and_writes_hexadecimal),
		cmocka_unit_test(sorts_characters_into_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
