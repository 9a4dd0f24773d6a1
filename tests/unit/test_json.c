/* SPDX-License-Identifier: MIT */
/* ses/json: objects in strings, and requests made readable. */
#include "ses/json.h"

#include "test.h"

#include <errno.h>

static void writes_pairs_in_order_and_the_first_of_doubles(void **state)
{
	const struct ses_pair pairs[] = {
		{"b", "1"}, {"a", "\"\\\n\xe4\xbd\xa0"}, {"b", "2"}, {"", ""}};
	struct buf out;

	(void)state;
	buf_init(&out, 1024, NULL);
	assert_int_equal(ses_json_object(pairs, ARRAY_LEN(pairs), &out), 0);
	assert_string_equal(
		out.data, "{\"b\":\"1\",\"a\":\"\\\"\\\\\\n\xe4\xbd\xa0\",\"\":\"\"}");
	buf_clear(&out);
	assert_int_equal(ses_json_object(NULL, 0, &out), 0);
	assert_string_equal(out.data, "{}");
	buf_free(&out);
}

static void refuses_what_is_no_utf8(void **state)
{
	const struct ses_pair value[] = {{"a", "\xff"}}, name[] = {{"\xff", "a"}};
	struct buf out;

	(void)state;
	buf_init(&out, 1024, NULL);
	assert_int_equal(ses_json_object(value, 1, &out), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(ses_json_object(name, 1, &out), -1);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void appends_nothing_where_it_does_not_fit(void **state)
{
	const struct ses_pair pairs[] = {{"name", "a value that is too long for it"}};
	struct buf out;

	(void)state;
	buf_init(&out, 16, NULL);
	assert_int_equal(buf_append_str(&out, "x"), 0);
	assert_int_equal(ses_json_object(pairs, 1, &out), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_string_equal(out.data, "x");
	buf_free(&out);
}

static void takes_one_object_only(void **state)
{
	static const struct {
		const char *text, *compact;
	} cases[] = {
		{" { \"a\" : 1,\r\n \"b\":\"x\" } \r\n", "{\"a\":1,\"b\":\"x\"}"},
		{"{}", "{}"},
		{"", NULL},
		{"[]", NULL},
		{"\"a\"", NULL},
		{"null", NULL},
		{"{\"a\":1} x", NULL},
		{"{\"a\":1,\"a\":2}", NULL},
		{"{\"a\":\"\xff\"}", NULL},
		{"{\"a\":\"\\u0000\"}", NULL},
		{"{'a':1}", NULL},
	};
	struct buf out;

	(void)state;
	buf_init(&out, 1024, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int rc = ses_json_compact(span_of(cases[i].text), &out);

		assert_int_equal(rc, cases[i].compact != NULL ? 0 : -1);
		assert_string_equal(
			out.data, cases[i].compact != NULL ? cases[i].compact : "");
		buf_clear(&out);
	}
	buf_free(&out);
}

static void survives_a_deep_or_a_long_text(void **state)
{
	struct buf text, out;

	(void)state;
	buf_init(&text, SES_JSON_TEXT_MAX * 2, NULL);
	buf_init(&out, 1024, NULL);
	for (size_t i = 0; i < SES_JSON_TEXT_MAX / 5; i++)
		assert_int_equal(buf_append_str(&text, "{\"a\":"), 0);
	assert_int_equal(ses_json_compact(span_make(text.data, text.len), &out), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(buf_append_str(&text, "          "), 0);
	assert_int_equal(ses_json_compact(span_make(text.data, text.len), &out), -1);
	assert_int_equal(errno, EMSGSIZE);
	buf_free(&text);
	buf_free(&out);
}

static void shortens_bodies_and_attachments_for_people(void **state)
{
	static const char in[] =
		"{\"Subject\":\"0123456789\",\"Simple\":{\"Text\":\"0123456789\"},"
		"\"Attachments\":[{\"FileName\":\"0123456789\",\"Content\":"
		"\"0123456789\"}]}";
	struct buf out;

	(void)state;
	buf_init(&out, 4096, NULL);
	assert_int_equal(ses_json_pretty(span_of(in), 4, &out), 0);
	assert_non_null(strstr(out.data, "\"Subject\": \"0123456789\""));
	assert_non_null(strstr(out.data, "\"FileName\": \"0123456789\""));
	assert_non_null(strstr(out.data, "\"Text\": \"0123... (10 characters)\""));
	assert_non_null(strstr(out.data, "\"Content\": \"0123... (10 characters)\""));
	buf_clear(&out);
	assert_int_equal(ses_json_pretty(span_of(in), 0, &out), 0);
	assert_non_null(strstr(out.data, "\"Text\": \"0123456789\""));
	assert_int_equal(ses_json_pretty(span_of("{"), 0, &out), -1);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_pairs_in_order_and_the_first_of_doubles),
		cmocka_unit_test(refuses_what_is_no_utf8),
		cmocka_unit_test(appends_nothing_where_it_does_not_fit),
		cmocka_unit_test(takes_one_object_only),
		cmocka_unit_test(survives_a_deep_or_a_long_text),
		cmocka_unit_test(shortens_bodies_and_attachments_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
