/* SPDX-License-Identifier: MIT */
/* core/buf: bytes that grow up to a maximum, and a budget that many of them share. */
#include "core/buf.h"

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void grows_to_its_maximum_and_no_further(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10, NULL);
	assert_int_equal(buf_append_str(&b, "12345"), 0);
	assert_int_equal(buf_append_str(&b, "67890"), 0);
	errno = 0;
	assert_int_equal(buf_append_byte(&b, 'x'), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_string_equal(b.data, "1234567890");
	assert_int_equal(b.len, 10);
	buf_free(&b);
}

static void an_empty_buffer_is_a_string(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0, NULL);
	assert_string_equal(b.data, "");
	assert_int_equal(buf_append(&b, "", 0), 0);
	buf_clear(&b);
	buf_free(&b);
	assert_string_equal(b.data, "");
}

static void keeps_nul_bytes(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100, NULL);
	assert_int_equal(buf_append(&b, "a\0b", 3), 0);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	buf_free(&b);
}

static void asks_its_budget_before_it_grows(void **state)
{
	struct budget budget = {.limit = 1000};
	struct buf a, b;
	static const char fill[600];

	(void)state;
	buf_init(&a, 4096, &budget);
	buf_init(&b, 4096, &budget);
	assert_int_equal(buf_append(&a, fill, sizeof(fill)), -1); /* would be 1024 */
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(budget.used, 0);
	assert_int_equal(buf_append(&a, fill, 300), 0);
	assert_int_equal(budget.used, 512);
	assert_int_equal(buf_append(&b, fill, 500), -1);
	buf_free(&a);
	assert_int_equal(budget.used, 0);
	assert_int_equal(buf_append(&b, fill, 500), 0);
	buf_free(&b);
	assert_int_equal(budget.used, 0);
}

static size_t told;

static void on_change(size_t used)
{
	told = used;
}

static void its_budget_tells_every_change(void **state)
{
	struct budget budget = {.limit = 1000, .changed = on_change};
	static const char fill[600];
	struct buf b;

	(void)state;
	buf_init(&b, 4096, &budget);
	assert_int_equal(buf_append(&b, fill, 300), 0);
	assert_int_equal(told, 512);
	assert_int_equal(buf_append(&b, fill, 600), -1);
	assert_int_equal(told, 512);
	buf_free(&b);
	assert_int_equal(told, 0);
}

static void formats_consumes_and_is_taken(void **state)
{
	struct budget budget = {.limit = 0};
	struct buf b;
	char *text;

	(void)state;
	buf_init(&b, 64, &budget);
	assert_int_equal(buf_appendf(&b, "%s=%d", "n", 42), 0);
	buf_consume(&b, 2);
	assert_string_equal(b.data, "42");
	text = buf_take(&b);
	assert_string_equal(text, "42");
	assert_int_equal(b.len, 0);
	assert_int_equal(budget.used, 0);
	free(text);
	text = buf_take(&b);
	assert_string_equal(text, "");
	free(text);
}

/* Around the length up to which a text is formatted once, and around the buffer's maximum. */
static void formats_texts_of_any_length(void **state)
{
	char want[600];

	(void)state;
	for (int len = 0; len < (int)sizeof(want) - 1; len++) {
		struct buf b;

		snprintf(want, sizeof(want), "%*d", len, 7);
		buf_init(&b, 512, NULL);
		if (strlen(want) <= b.max) {
			assert_int_equal(buf_appendf(&b, "%*d", len, 7), 0);
			assert_string_equal(b.data, want);
			assert_int_equal(b.len, strlen(want));
		} else {
			assert_int_equal(buf_appendf(&b, "%*d", len, 7), -1);
			assert_int_equal(errno, EMSGSIZE);
			assert_int_equal(b.len, 0);
		}
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_to_its_maximum_and_no_further),
		cmocka_unit_test(an_empty_buffer_is_a_string),
		cmocka_unit_test(keeps_nul_bytes),
		cmocka_unit_test(asks_its_budget_before_it_grows),
		cmocka_unit_test(its_budget_tells_every_change),
		cmocka_unit_test(formats_consumes_and_is_taken),
		cmocka_unit_test(formats_texts_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
