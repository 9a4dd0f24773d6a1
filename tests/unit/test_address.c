/* SPDX-License-Identifier: MIT */
/* smtp/address: paths of RFC 5321 §4.1.2 and RFC 6531. */
#include "smtp/address.h"

#include "test.h"

#include <stdio.h>

static void takes_what_the_grammar_takes(void **state)
{
	static const struct {
		const char *in, *text;
		size_t at;
		bool non_ascii;
	} cases[] = {
		{"<a@example.com>", "a@example.com", 1, false},
		{"<A.b+c@EXAMPLE.Com>", "A.b+c@example.com", 5, false},
		{"<!#$%&'*+-/=?^_`{|}~@example.com>", "!#$%&'*+-/=?^_`{|}~@example.com",
			19, false},
		{"<a@localhost>", "a@localhost", 1, false},
		{"<a@my_host.example.com>", "a@my_host.example.com", 1, false},
		{"<a@[192.0.2.1]>", "a@[192.0.2.1]", 1, false},
		{"<a@[IPv6:2001:DB8::1]>", "a@[ipv6:2001:db8::1]", 1, false},
		/* source routes are dropped */
		{"<@one.example:a@b.example>", "a@b.example", 1, false},
		{"<@one.example,@two.example:a@b.example>", "a@b.example", 1, false},
		/* quotes stay where they are needed */
		{"<\"abc\"@example.com>", "abc@example.com", 3, false},
		{"<\"a\\bc\"@example.com>", "abc@example.com", 3, false},
		{"<\"a b\"@example.com>", "\"a b\"@example.com", 5, false},
		{"<\"a..b\"@example.com>", "\"a..b\"@example.com", 6, false},
		{"<\"a@b\"@example.com>", "\"a@b\"@example.com", 5, false},
		{"<\"a>b\"@example.com>", "\"a>b\"@example.com", 5, false},
		{"<\"a\\\"b\"@example.com>", "\"a\\\"b\"@example.com", 6, false},
		{"<\"\\\\\"@example.com>", "\"\\\\\"@example.com", 4, false},
		{"<\"\"@example.com>", "\"\"@example.com", 2, false},
		/* UTF-8 stays as it is */
		{"<\xe4\xbd\xa0@example.com>", "\xe4\xbd\xa0@example.com", 3, true},
		{"<a@\xe4\xbe\x8b.example>", "a@\xe4\xbe\x8b.example", 1, true},
		{"<\"\xe4\xbd\xa0 x\"@example.com>", "\"\xe4\xbd\xa0 x\"@example.com", 7,
			true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span in = span_of(cases[i].in);
		struct smtp_address a;

		assert_int_equal(address_parse_path(&in, false, &a), ADDRESS_OK);
		assert_string_equal(a.text, cases[i].text);
		assert_int_equal(a.at, cases[i].at);
		assert_int_equal(a.non_ascii, cases[i].non_ascii);
		assert_int_equal(in.len, 0);
	}
}

static void refuses_the_rest(void **state)
{
	static const struct {
		const char *in;
		enum address_result result;
	} cases[] = {
		{"", ADDRESS_SYNTAX},
		{"<", ADDRESS_SYNTAX},
		{"<>", ADDRESS_SYNTAX}, /* not where it is no reverse-path */
		{"a@example.com", ADDRESS_SYNTAX},
		{"<a@example.com", ADDRESS_SYNTAX},
		{"<<a@example.com>>", ADDRESS_SYNTAX},
		{"<a b@example.com>", ADDRESS_SYNTAX},
		{"< a@example.com>", ADDRESS_SYNTAX},
		{"<a@example.com >", ADDRESS_SYNTAX},
		{"<@example.com>", ADDRESS_SYNTAX},
		{"<a@>", ADDRESS_SYNTAX},
		{"<a@b@example.com>", ADDRESS_SYNTAX},
		{"<.a@example.com>", ADDRESS_SYNTAX},
		{"<a.@example.com>", ADDRESS_SYNTAX},
		{"<a..b@example.com>", ADDRESS_SYNTAX},
		{"<a@example..com>", ADDRESS_SYNTAX},
		{"<a@.example.com>", ADDRESS_SYNTAX},
		{"<a@example.com.>", ADDRESS_SYNTAX},
		{"<a@-example.com>", ADDRESS_SYNTAX},
		{"<a@example-.com>", ADDRESS_SYNTAX},
		{"<a@exam!ple.com>", ADDRESS_SYNTAX},
		{"<a@example.com:25>", ADDRESS_SYNTAX},
		{"<a@example.com,b@example.com>", ADDRESS_SYNTAX},
		{"<a,b@example.com>", ADDRESS_SYNTAX},
		{"<a(x)@example.com>", ADDRESS_SYNTAX},
		{"<a@[192.0.2.256]>", ADDRESS_SYNTAX},
		{"<a@[192.0.2]>", ADDRESS_SYNTAX},
		{"<a@[2001:db8::1]>", ADDRESS_SYNTAX},
		{"<a@[IPv6:192.0.2.1]>", ADDRESS_SYNTAX},
		{"<a@[192.0.2.1>", ADDRESS_SYNTAX},
		{"<a@[192.0.2.1]x>", ADDRESS_SYNTAX},
		{"<@one.example:>", ADDRESS_SYNTAX},
		{"<@one.example,a@b.example>", ADDRESS_SYNTAX},
		{"<@one..example:a@b.example>", ADDRESS_SYNTAX},
		{"<\"a\"b@example.com>", ADDRESS_SYNTAX},
		{"<\"a@example.com>", ADDRESS_SYNTAX},
		{"<\"a\\\"@example.com>", ADDRESS_SYNTAX},
		{"<a\r\nb@example.com>", ADDRESS_SYNTAX},
		{"<\"a\rb\"@example.com>", ADDRESS_SYNTAX},
		{"<a\x7f@example.com>", ADDRESS_SYNTAX},
		{"<a\xc2\x85@example.com>", ADDRESS_SYNTAX},     /* NEL */
		{"<a\xe2\x80\xa8@example.com>", ADDRESS_SYNTAX}, /* line separator */
		{"<a\xe2\x80\xae@example.com>", ADDRESS_SYNTAX}, /* right to left */
		{"<a\xff@example.com>", ADDRESS_BAD_UTF8},
		{"<a@exam\xc3ple.com>", ADDRESS_BAD_UTF8},
		{"<a\xed\xa0\x80@example.com>", ADDRESS_BAD_UTF8}, /* a surrogate */
		{"<postmaster>", ADDRESS_NO_DOMAIN},
		{"<\"post master\">", ADDRESS_NO_DOMAIN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span in = span_of(cases[i].in);
		struct smtp_address a;

		if (address_parse_path(&in, false, &a) != cases[i].result)
			fail_msg("case %zu: %s", i, cases[i].in);
		assert_ptr_equal(in.p, cases[i].in);
	}
}

static void a_nul_is_no_end(void **state)
{
	struct span in = span_make("<a\0b@example.com>", 17);
	struct smtp_address a;

	(void)state;
	assert_int_equal(address_parse_path(&in, false, &a), ADDRESS_SYNTAX);
}

static void takes_the_null_path_where_it_may_stand(void **state)
{
	struct span in = span_of("<> SIZE=1");
	struct smtp_address a;

	(void)state;
	assert_int_equal(address_parse_path(&in, true, &a), ADDRESS_OK);
	assert_string_equal(a.text, "");
	assert_int_equal(a.at, 0);
	assert_string_equal(in.p, " SIZE=1");
}

/* "<" local "@" domain ">", both of x-es, the domain in labels of at most 63. */
static enum address_result parse_of_length(size_t local, size_t domain)
{
	char text[1024];
	size_t n = 0;
	struct smtp_address a;
	struct span in;

	text[n++] = '<';
	for (size_t i = 0; i < local; i++)
		text[n++] = 'x';
	text[n++] = '@';
	for (size_t i = 0; i < domain; i++)
		text[n++] = i % 64 == 63 ? '.' : 'x';
	text[n++] = '>';
	in = span_make(text, n);
	return address_parse_path(&in, false, &a);
}

static void keeps_the_lengths_of_the_standard(void **state)
{
	(void)state;
	assert_int_equal(parse_of_length(64, 100), ADDRESS_OK);
	assert_int_equal(parse_of_length(65, 100), ADDRESS_TOO_LONG);
	assert_int_equal(parse_of_length(1, 252), ADDRESS_OK);
	assert_int_equal(parse_of_length(1, 253), ADDRESS_TOO_LONG); /* the path */
	assert_int_equal(parse_of_length(64, 189), ADDRESS_OK);
	assert_int_equal(parse_of_length(64, 190), ADDRESS_TOO_LONG);
	assert_int_equal(parse_of_length(1, 300), ADDRESS_TOO_LONG);
	assert_int_equal(parse_of_length(1, 700), ADDRESS_TOO_LONG);
}

static void a_long_quoted_part_is_too_long(void **state)
{
	char text[256];
	struct smtp_address a;
	struct span in;

	(void)state;
	snprintf(text, sizeof(text), "<\"%065d\"@example.com>", 0);
	in = span_of(text);
	assert_int_equal(address_parse_path(&in, false, &a), ADDRESS_TOO_LONG);
	/* 64 without quotes, 66 with the quotes that it needs */
	snprintf(text, sizeof(text), "<\" %063d\"@example.com>", 0);
	in = span_of(text);
	assert_int_equal(address_parse_path(&in, false, &a), ADDRESS_TOO_LONG);
	snprintf(text, sizeof(text), "<\"%064d\"@example.com>", 0);
	in = span_of(text);
	assert_int_equal(address_parse_path(&in, false, &a), ADDRESS_OK);
}

static void knows_a_domain(void **state)
{
	(void)state;
	assert_true(address_is_domain(span_of("mail.example.com")));
	assert_true(address_is_domain(span_of("WIN_PC-7")));
	assert_true(address_is_domain(span_of("192.0.2.1")));
	assert_false(address_is_domain(span_of("")));
	assert_false(address_is_domain(span_of(".")));
	assert_false(address_is_domain(span_of("a b")));
	assert_false(address_is_domain(span_of("[192.0.2.1]")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_the_grammar_takes),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(a_nul_is_no_end),
		cmocka_unit_test(takes_the_null_path_where_it_may_stand),
		cmocka_unit_test(keeps_the_lengths_of_the_standard),
		cmocka_unit_test(a_long_quoted_part_is_too_long),
		cmocka_unit_test(knows_a_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
