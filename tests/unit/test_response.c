/* SPDX-License-Identifier: MIT */
/* ses/response: what an answer proves. */
#include "ses/response.h"

#include "core/buf.h"
#include "test.h"

#include <string.h>

#define ID  "\"MessageId\":\"qcloudses-30-1-date-20260102030405-x\""
#define RID "\"RequestId\":\"1b2c3d\""
#define ERR "\"Error\":{\"Code\":\"FailedOperation.FrequencyLimit\",\"Message\":\"slow\"}"
#define BAD OUTCOME_UNCERTAIN, "Transport.BadResponse"
#define HIT OUTCOME_REFUSED, "FailedOperation.FrequencyLimit"

struct row {
	unsigned status;
	const char *body;
	enum outcome_class class;
	const char *code;
};

/* clang-format off */
static const struct row rows[] = {
	/* Accepted: only this. */
	{200, "{\"Response\":{" ID "," RID "}}", OUTCOME_ACCEPTED, ""},
	{200, " \r\n{\"Response\" : {" RID ", " ID "} }\n", OUTCOME_ACCEPTED, ""},
	{200, "{\"Response\":{" ID "}}", OUTCOME_ACCEPTED, ""},
	{200, "{\"Response\":{" ID "," RID ",\"New\":[1,{\"a\":null}]}}", OUTCOME_ACCEPTED, ""},
	{200, "{\"Response\":{" ID ",\"Error\":null}}", OUTCOME_ACCEPTED, ""},
	{200, "{\"Response\":{" ID ",\"RequestId\":7}}", OUTCOME_ACCEPTED, ""},
	/* Refused in the API's own words. */
	{200, "{\"Response\":{" ERR "," RID "}}", HIT},
	{200, "{\"Response\":{" ERR "}}", HIT},
	{200, "{\"Response\":{" ERR ",\"MessageId\":null}}", HIT},
	{200, "{\"Response\":{\"Error\":{\"Code\":\"FailedOperation.FrequencyLimit\"}}}", HIT},
	{400, "{\"Response\":{" ERR "," RID "}}", HIT},
	{403, "{\"Response\":{" ERR "," RID "}}", HIT},
	{413, "{\"Response\":{" ERR "," RID "}}", HIT},
	{429, "{\"Response\":{" ERR "," RID "}}", HIT},
	{500, "{\"Response\":{" ERR "," RID "}}", HIT},
	{503, "{\"Response\":{" ERR "," RID "}}", HIT},
	/* Carried out perhaps: only the answer was too large. */
	{200, "{\"Response\":{\"Error\":{\"Code\":\"ResponseSizeLimitExceeded\"}," RID "}}",
		OUTCOME_UNCERTAIN, "ResponseSizeLimitExceeded"},
	/* Both, or neither. */
	{200, "{\"Response\":{" ID "," ERR "," RID "}}", BAD},
	{200, "{\"Response\":{" RID "}}", BAD},
	{200, "{\"Response\":{}}", BAD},
	{200, "{\"Response\":{\"MessageId\":\"\"," RID "}}", BAD},
	{200, "{\"Response\":{\"MessageId\":\" \\n\"," RID "}}", BAD},
	{200, "{\"Response\":{\"MessageId\":17," RID "}}", BAD},
	{200, "{\"Response\":{\"MessageId\":[\"x\"]," RID "}}", BAD},
	{200, "{\"Response\":{\"MessageId\":{\"x\":1}," RID "}}", BAD},
	{200, "{\"Response\":{\"MessageId\":true," RID "}}", BAD},
	{200, "{\"Response\":{\"Error\":{}," RID "}}", BAD},
	{200, "{\"Response\":{\"Error\":{\"Code\":\"\"}}}", BAD},
	{200, "{\"Response\":{\"Error\":{\"Code\":5}}}", BAD},
	{200, "{\"Response\":{\"Error\":\"InternalError\"}}", BAD},
	{200, "{\"Response\":{\"Error\":[]}}", BAD},
	{200, "{\"Response\":{\"Error\":false," ID "}}", BAD},
	{200, "{\"Response\":{\"Error\":\"\"," ID "}}", BAD},
	{200, "{\"Response\":{\"Error\":{\"Message\":\"no code\"}," RID "}}", BAD},
	/* Other JSON. */
	{200, "{}", BAD},
	{200, "[]", BAD},
	{200, "[{\"Response\":{" ID "}}]", BAD},
	{200, "null", BAD},
	{200, "\"MessageId\"", BAD},
	{200, "42", BAD},
	{200, "{" ID "," RID "}", BAD},
	{200, "{\"response\":{" ID "}}", BAD},
	{200, "{\"Response\":[" "{" ID "}]}", BAD},
	{200, "{\"Response\":\"MessageId\"}", BAD},
	{200, "{\"Response\":null}", BAD},
	{200, "{\"code\":4000,\"message\":\"x\",\"codeDesc\":\"InternalError\"}", BAD},
	/* Doubled keys: two readers could see two answers. */
	{200, "{\"Response\":{" ID "," ID "}}", BAD},
	{200, "{\"Response\":{" ID "},\"Response\":{" ERR "}}", BAD},
	{200, "{\"Response\":{\"Error\":{\"Code\":\"A\",\"Code\":\"B\"}}}", BAD},
	{200, "{\"Response\":{" ID ",\"New\":{\"a\":1,\"a\":2}}}", BAD},
	/* No JSON. */
	{200, "", BAD},
	{200, " ", BAD},
	{200, "OK", BAD},
	{200, "{\"Response\":{" ID "," RID "}", BAD},
	{200, "{\"Response\":{" ID "," RID, BAD},
	{200, "{\"Response\":{\"MessageId\":\"qclo", BAD},
	{200, "{\"Response\":{" ID "}} trailing", BAD},
	{200, "{\"Response\":{" ID "}}{}", BAD},
	{200, "{\"Response\":{" ID ",}}", BAD},
	{200, "{'Response':{'MessageId':'x'}}", BAD},
	{200, "\xef\xbb\xbf{\"Response\":{" ID "}}", BAD},
	{200, "{\"Response\":{\"MessageId\":\"\xff\xfe\"}}", BAD},
	{200, "{\"Response\":{\"MessageId\":\"\xc0\x80\"}}", BAD},
	{200, "{\"Response\":{\"MessageId\":\"a\\u0000b\"}}", BAD},
	{200, "{\"Response\":{\"MessageId\":\"\\ud800\"}}", BAD},
	{200, "{\"Response\":{\"MessageId\":\"a\nb\"}}", BAD},
	{200, "{\"Response\":{" ID ",\"n\":1e99999}}", BAD},
	{200, "{\"Response\":{" ID ",\"n\":99999999999999999999999}}", BAD},
	{200, "<html><body>log in first</body></html>", BAD},
	/* The status alone. */
	{413, "", OUTCOME_REFUSED, "Transport.Http413"},
	{413, "<html>", OUTCOME_REFUSED, "Transport.Http413"},
	{429, "", OUTCOME_REFUSED, "Transport.Http429"},
	{300, "", OUTCOME_REFUSED, "Transport.Http4xx"},
	{301, "", OUTCOME_REFUSED, "Transport.Http4xx"},
	{302, "", OUTCOME_REFUSED, "Transport.Http4xx"},
	{303, "", BAD},
	{307, "", OUTCOME_REFUSED, "Transport.Http4xx"},
	{400, "", OUTCOME_REFUSED, "Transport.Http4xx"},
	{403, "<html>forbidden</html>", OUTCOME_REFUSED, "Transport.Http4xx"},
	{404, "{}", OUTCOME_REFUSED, "Transport.Http4xx"},
	{407, "", OUTCOME_REFUSED, "Transport.Http4xx"},
	{499, "", OUTCOME_REFUSED, "Transport.Http4xx"},
	{500, "", OUTCOME_UNCERTAIN, "Transport.Http5xx"},
	{502, "<html>bad gateway</html>", OUTCOME_UNCERTAIN, "Transport.Http5xx"},
	{503, "", OUTCOME_UNCERTAIN, "Transport.Http5xx"},
	{504, "", OUTCOME_UNCERTAIN, "Transport.Http5xx"},
	{599, "", OUTCOME_UNCERTAIN, "Transport.Http5xx"},
	{0, "", BAD},
	{101, "", BAD},
	{201, "", BAD},
	{204, "", BAD},
	{600, "", BAD},
	{999, "", BAD},
	/* Acceptance counts with 200 only. */
	{201, "{\"Response\":{" ID "," RID "}}", BAD},
	{202, "{\"Response\":{" ID "," RID "}}", BAD},
	{206, "{\"Response\":{" ID "," RID "}}", BAD},
	{302, "{\"Response\":{" ID "," RID "}}", OUTCOME_REFUSED, "Transport.Http4xx"},
	{500, "{\"Response\":{" ID "," RID "}}", OUTCOME_UNCERTAIN, "Transport.Http5xx"},
	/* A refusal does not count where it cannot be one of the API's. */
	{201, "{\"Response\":{" ERR "}}", BAD},
	{302, "{\"Response\":{" ERR "}}", OUTCOME_REFUSED, "Transport.Http4xx"},
};
/* clang-format on */

static struct ses_result parse(unsigned status, struct span body, bool need_id)
{
	struct ses_result r;

	memset(&r, 'x', sizeof(r));
	response_parse(status, body, need_id, &r);
	return r;
}

static void every_answer_proves_what_it_proves(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ses_result r = parse(rows[i].status, span_of(rows[i].body), true);

		print_message("# %zu: %u\n", i, rows[i].status);
		assert_int_equal(r.class, rows[i].class);
		assert_string_equal(r.code, rows[i].code);
		assert_int_equal(r.http_status, rows[i].status);
		if (r.class != OUTCOME_ACCEPTED)
			assert_string_equal(r.message_id, "");
		else
			assert_string_equal(
				r.message_id, "qcloudses-30-1-date-20260102030405-x");
	}
}

static void takes_the_words_out_of_an_error(void **state)
{
	struct ses_result r =
		parse(200, span_of("{\"Response\":{" ERR "," RID "}}"), true);

	(void)state;
	assert_string_equal(r.message, "slow");
	assert_string_equal(r.request_id, "1b2c3d");
}

static void strings_become_one_clean_line(void **state)
{
	struct ses_result r = parse(200,
		span_of("{\"Response\":{\"Error\":{\"Code\":\"A\\r\\n250 B\\u0007\","
			"\"Message\":\"\\u90ae\\n\\nx\\u202e\"},\"RequestId\":\" "
			"a\\tb \"}}"),
		true);

	(void)state;
	assert_string_equal(r.code, "A 250 B");
	assert_null(strpbrk(r.message, "\r\n"));
	for (const char *p = r.message; *p != '\0'; p++)
		assert_in_range(*p, ' ', '~');
	assert_string_equal(r.request_id, "a b");
}

static void long_strings_are_cut(void **state)
{
	struct ses_result r;
	struct buf b;

	(void)state;
	buf_init(&b, RESPONSE_MAX, NULL);
	assert_int_equal(buf_appendf(&b,
				 "{\"Response\":{\"MessageId\":\"%0300d\","
				 "\"RequestId\":\"%0300d\"}}",
				 1, 2),
		0);
	r = parse(200, span_make(b.data, b.len), true);
	assert_int_equal(r.class, OUTCOME_ACCEPTED);
	assert_int_equal(strlen(r.message_id), sizeof(r.message_id) - 1);
	assert_int_equal(strlen(r.request_id), sizeof(r.request_id) - 1);
	buf_clear(&b);
	assert_int_equal(buf_appendf(&b,
				 "{\"Response\":{\"Error\":{\"Code\":\"%0300d\","
				 "\"Message\":\"%0300d\"}}}",
				 1, 2),
		0);
	r = parse(200, span_make(b.data, b.len), true);
	assert_int_equal(r.class, OUTCOME_REFUSED);
	assert_int_equal(strlen(r.code), sizeof(r.code) - 1);
	assert_int_equal(strlen(r.message), sizeof(r.message) - 1);
	buf_free(&b);
}

/* An accepted answer of exactly size bytes. */
static void fill_answer(struct buf *b, size_t size)
{
	static const char head[] = "{\"Response\":{" ID "," RID "}";

	assert_int_equal(buf_append_str(b, head), 0);
	while (b->len < size - 1)
		assert_int_equal(buf_append_byte(b, ' '), 0);
	assert_int_equal(buf_append_byte(b, '}'), 0);
}

static void too_large_an_answer_proves_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, RESPONSE_MAX + 1, NULL);
	fill_answer(&b, RESPONSE_MAX);
	assert_int_equal(
		parse(200, span_make(b.data, b.len), true).class, OUTCOME_ACCEPTED);
	buf_clear(&b);
	fill_answer(&b, RESPONSE_MAX + 1);
	assert_int_equal(
		parse(200, span_make(b.data, b.len), true).class, OUTCOME_UNCERTAIN);
	buf_free(&b);
}

static void depth_and_nul_prove_nothing(void **state)
{
	static const char nul[] = "{\"Response\":{" ID "}}\0";
	static char deep[RESPONSE_MAX];

	(void)state;
	assert_int_equal(
		parse(200, span_make(nul, sizeof(nul)), true).class, OUTCOME_UNCERTAIN);
	memset(deep, '[', sizeof(deep));
	assert_int_equal(
		parse(200, span_make(deep, sizeof(deep)), true).class, OUTCOME_UNCERTAIN);
}

static void other_actions_have_no_message_id(void **state)
{
	static const struct row other[] = {
		{200, "{\"Response\":{\"TotalCount\":0," RID "}}", OUTCOME_ACCEPTED, ""},
		{200, "{\"Response\":{" ID "," RID "}}", OUTCOME_ACCEPTED, ""},
		{200, "{\"Response\":{\"TotalCount\":0}}", BAD},
		{200, "{\"Response\":{" ERR "," RID "}}", HIT},
		{200, "{}", BAD},
		{500, "", OUTCOME_UNCERTAIN, "Transport.Http5xx"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		struct ses_result r =
			parse(other[i].status, span_of(other[i].body), false);

		assert_int_equal(r.class, other[i].class);
		assert_string_equal(r.code, other[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_proves_what_it_proves),
		cmocka_unit_test(takes_the_words_out_of_an_error),
		cmocka_unit_test(strings_become_one_clean_line),
		cmocka_unit_test(long_strings_are_cut),
		cmocka_unit_test(too_large_an_answer_proves_nothing),
		cmocka_unit_test(depth_and_nul_prove_nothing),
		cmocka_unit_test(other_actions_have_no_message_id),
	};

	return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
