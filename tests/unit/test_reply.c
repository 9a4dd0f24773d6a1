/* SPDX-License-Identifier: MIT */
/* smtp/reply: made clean, written in wire form. */
#include "smtp/reply.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

static void check_wire(const struct reply *r, const char *wire)
{
	struct buf out;

	buf_init(&out, 4096, NULL);
	assert_int_equal(reply_format(r, &out), 0);
	assert_string_equal(out.data, wire);
	buf_free(&out);
}

static void writes_code_enhanced_code_and_text(void **state)
{
	struct reply r = reply_make(451, "4.4.5", "try %s", "later");

	(void)state;
	assert_false(r.close);
	assert_false(reply_is_success(&r));
	check_wire(&r, "451 4.4.5 try later\r\n");
	/* RFC 3463 §2: up to three digits. */
	r = reply_make(554, "5.256.999", "no");
	check_wire(&r, "554 5.256.999 no\r\n");
	r = reply_make(220, "", "mx.example.com");
	assert_true(reply_is_success(&r));
	check_wire(&r, "220 mx.example.com\r\n");
	r = reply_close(421, "4.3.2", "bye");
	assert_true(r.close);
	check_wire(&r, "421 4.3.2 bye\r\n");
}

static void repeats_codes_on_each_line(void **state)
{
	struct reply r = reply_make(250, "2.1.5", "one");

	(void)state;
	reply_add_line(&r, "two %d", 2);
	reply_add_line(&r, "three");
	check_wire(&r, "250-2.1.5 one\r\n250-2.1.5 two 2\r\n250 2.1.5 three\r\n");
}

static void lets_nothing_start_a_new_line(void **state)
{
	struct reply r =
		reply_make(550, "5.1.1", "no %s", "x\r\n250 2.0.0 ok\x01\x7f\xe4");

	(void)state;
	check_wire(&r, "550 5.1.1 no x 250 2.0.0 ok ?\r\n");
	/* Also where somebody filled the struct himself. */
	snprintf(r.text, sizeof(r.text), "a\rb\nc\td");
	check_wire(&r, "550-5.1.1 a b\r\n550 5.1.1 c d\r\n");
}

static void cuts_at_the_longest_line(void **state)
{
	char text[2000];
	struct reply r;
	struct buf out;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	r = reply_make(554, "5.255.255", "%s", text);
	for (int i = 0; i < 4; i++)
		reply_add_line(&r, "%s", text);
	reply_add_line(&r, "no room for this");
	buf_init(&out, 8192, NULL);
	assert_int_equal(reply_format(&r, &out), 0);
	for (const char *line = out.data; *line != '\0'; line = strchr(line, '\n') + 1)
		assert_true(strchr(line, '\n') + 1 - line <= 512);
	assert_memory_equal(out.data + out.len - 3, "x\r\n", 3);
	assert_true(out.len > 1024 && out.len < 1200);
	buf_free(&out);
}

static void ignores_an_enhanced_code_that_is_none(void **state)
{
	static const char *const bad[] = {"", "4", "4.4", "4.4.x", "ok", "4,4,5"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct reply r = reply_make(451, bad[i], "text");

		check_wire(&r, "451 text\r\n");
	}
}

static void appends_all_or_nothing(void **state)
{
	struct reply r = reply_make(250, "2.0.0", "first line");
	struct buf out;

	(void)state;
	reply_add_line(&r, "second line");
	buf_init(&out, 40, NULL);
	assert_int_equal(buf_append_str(&out, "before"), 0);
	assert_int_equal(reply_format(&r, &out), -1);
	assert_string_equal(out.data, "before");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_code_enhanced_code_and_text),
		cmocka_unit_test(repeats_codes_on_each_line),
		cmocka_unit_test(lets_nothing_start_a_new_line),
		cmocka_unit_test(cuts_at_the_longest_line),
		cmocka_unit_test(ignores_an_enhanced_code_that_is_none),
		cmocka_unit_test(appends_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
