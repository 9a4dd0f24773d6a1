/* SPDX-License-Identifier: MIT */
/* sandbox/http_head: heads of requests, right and wrong. */
#include "sandbox/http_head.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

static int parse(struct http_head *h, const char *text)
{
	return http_head_parse(h, text, strlen(text));
}

static void reads_a_request(void **state)
{
	struct http_head h;

	(void)state;
	assert_int_equal(parse(&h, "POST /a/b?x=1 HTTP/1.1\r\nHost:  example.com \r\n"
				   "content-LENGTH: 12\r\nExpect: 100-continue\r\n\r\n"),
		0);
	assert_string_equal(h.method, "POST");
	assert_string_equal(h.path, "/a/b");
	assert_string_equal(h.query, "x=1");
	assert_string_equal(http_head_get(&h, "HOST"), "example.com");
	assert_int_equal(h.body_len, 12);
	assert_true(h.keep_alive);
	assert_true(h.expects_continue);
	assert_null(http_head_get(&h, "Accept"));
	http_head_clear(&h);
}

static void says_how_a_head_is_wrong(void **state)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{"\r\n\r\n", 400},
		{"GET\r\n\r\n", 400},
		{"GET /\r\n\r\n", 400},
		{"GET example.com HTTP/1.1\r\n\r\n", 400},
		{"G@T / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/2.0\r\n\r\n", 505},
		{"GET / HTTP/1.10\r\n\r\n", 505},
		{"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n: x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA b: x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n folded: x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA: x\ry\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_head h;

		print_message("# %s\n", rows[i].text);
		assert_int_equal(parse(&h, rows[i].text), rows[i].status);
		http_head_clear(&h);
	}
}

static void refuses_nul_and_too_many_fields(void **state)
{
	char text[HTTP_HEAD_MAX] = "GET / HTTP/1.1\r\n";
	struct http_head h;

	(void)state;
	assert_int_equal(http_head_parse(&h, "GET /\0 HTTP/1.1\r\n\r\n", 20), 400);
	http_head_clear(&h);
	for (size_t i = 0; i <= HTTP_HEADERS_MAX; i++)
		strncat(text, "A: b\r\n", sizeof(text) - strlen(text) - 1);
	strncat(text, "\r\n", sizeof(text) - strlen(text) - 1);
	assert_int_equal(parse(&h, text), 431);
	http_head_clear(&h);
}

static void keeps_a_connection_as_asked(void **state)
{
	static const struct {
		const char *text;
		bool keep;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", true},
		{"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", false},
		{"GET / HTTP/1.0\r\n\r\n", false},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_head h;

		assert_int_equal(parse(&h, rows[i].text), 0);
		assert_int_equal(h.keep_alive, rows[i].keep);
		http_head_clear(&h);
	}
}

static void decodes_a_query(void **state)
{
	static const struct {
		const char *query, *name, *value;
	} rows[] = {
		{"to=a+b%40example.org&since=3", "to", "a+b@example.org"},
		{"to=a&since=3", "since", "3"},
		{"to=", "to", ""},
		{"tox=a&to=b", "to", "b"},
		{"", "to", NULL},
		{"to", "to", NULL},
		{"to=%4", "to", NULL},
		{"to=%zz", "to", NULL},
		{"to=%00", "to", NULL},
		{"to=%E6%B5%8B", "to", "测"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *value = http_query_get(rows[i].query, rows[i].name);

		if (rows[i].value == NULL)
			assert_null(value);
		else
			assert_string_equal(value, rows[i].value);
		free(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_request),
		cmocka_unit_test(says_how_a_head_is_wrong),
		cmocka_unit_test(refuses_nul_and_too_many_fields),
		cmocka_unit_test(keeps_a_connection_as_asked),
		cmocka_unit_test(decodes_a_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
