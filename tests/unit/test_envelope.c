/* SPDX-License-Identifier: MIT */
/* smtp/envelope: recipients in order, doubles once, moved as a whole. */
#include "smtp/envelope.h"

#include "core/mem.h"
#include "test.h"

#include <stdlib.h>

static void keeps_order_and_drops_doubles(void **state)
{
	struct envelope e;

	(void)state;
	envelope_init(&e);
	envelope_add(&e, "b@example.com");
	envelope_add(&e, "a@example.com");
	envelope_add(&e, "b@EXAMPLE.com");
	envelope_add(&e, "B@example.com");
	assert_int_equal(e.n_recipients, 3);
	assert_string_equal(e.recipients[0], "b@example.com");
	assert_string_equal(e.recipients[1], "a@example.com");
	assert_string_equal(e.recipients[2], "B@example.com");
	assert_true(envelope_find(&e, "a@Example.Com") < e.n_recipients);
	assert_true(envelope_find(&e, "A@example.com") == e.n_recipients);
	assert_true(envelope_find(&e, "a@example.co") == e.n_recipients);
	envelope_clear(&e);
}

static void compares_the_domain_behind_the_last_at(void **state)
{
	struct envelope e;

	(void)state;
	envelope_init(&e);
	envelope_add(&e, "\"x@Y\"@example.com");
	assert_true(envelope_find(&e, "\"x@Y\"@EXAMPLE.com") < e.n_recipients);
	assert_true(envelope_find(&e, "\"x@y\"@example.com") == e.n_recipients);
	envelope_clear(&e);
}

static void moves_everything(void **state)
{
	struct envelope a, b;

	(void)state;
	envelope_init(&a);
	envelope_init(&b);
	a.reverse_path = mem_strdup("s@example.com");
	a.smtputf8 = true;
	a.size = 7;
	envelope_add(&a, "r@example.com");
	envelope_add(&b, "old@example.com");
	envelope_move(&b, &a);
	assert_string_equal(b.reverse_path, "s@example.com");
	assert_int_equal(b.n_recipients, 1);
	assert_true(b.smtputf8);
	assert_int_equal(b.size, 7);
	assert_null(a.reverse_path);
	assert_int_equal(a.n_recipients, 0);
	envelope_clear(&a);
	envelope_clear(&b);
}

static void holds_many(void **state)
{
	struct envelope e;
	char *name;

	(void)state;
	envelope_init(&e);
	for (int i = 0; i < 500; i++) {
		name = mem_sprintf("r%d@example.com", i);
		envelope_add(&e, name);
		free(name);
	}
	assert_int_equal(e.n_recipients, 500);
	assert_string_equal(e.recipients[499], "r499@example.com");
	/* Each is found, and no double is stored, however many there are. */
	for (int i = 0; i < 500; i++) {
		name = mem_sprintf("r%d@EXAMPLE.com", i);
		assert_int_equal(envelope_find(&e, name), i);
		envelope_add(&e, name);
		free(name);
	}
	envelope_add(&e, "R7@example.com");
	assert_int_equal(e.n_recipients, 501);
	assert_int_equal(envelope_find(&e, "r500@example.com"), 501);
	envelope_clear(&e);
	envelope_clear(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order_and_drops_doubles),
		cmocka_unit_test(compares_the_domain_behind_the_last_at),
		cmocka_unit_test(moves_everything),
		cmocka_unit_test(holds_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
