/* SPDX-License-Identifier: MIT */
/* smtp/shares: what each listener can have of the sessions. */
#include "net/shares.h"
#include "test.h"

/* Takes until it is refused; how many it got. */
static unsigned take_all(struct shares *s, size_t listener)
{
	unsigned n = 0;

	for (; shares_refuse(s, listener) == NULL; n++)
		shares_take(s, listener);
	return n;
}

static void one_listener_has_all_sessions(void **state)
{
	struct shares s;

	(void)state;
	shares_init(&s, 7, (const unsigned[]){0}, 1);
	assert_int_equal(take_all(&s, 0), 7);
	assert_string_equal(shares_refuse(&s, 0), "sessions");
	shares_drop(&s, 0);
	assert_null(shares_refuse(&s, 0));
	shares_clear(&s);
}

static void nobody_takes_the_part_of_another_listener(void **state)
{
	struct shares s;

	(void)state;
	shares_init(&s, 120, (const unsigned[]){0, 0, 0}, 3);
	assert_int_equal(take_all(&s, 0), 80);
	assert_string_equal(shares_refuse(&s, 0), "sessions of the listener");
	assert_int_equal(take_all(&s, 2), 20);
	assert_int_equal(take_all(&s, 1), 20);
	assert_string_equal(shares_refuse(&s, 1), "sessions");
	/* What the first had beyond its part is anybody's again. */
	shares_drop(&s, 0);
	assert_null(shares_refuse(&s, 2));
	shares_clear(&s);
}

static void a_listener_may_have_a_maximum_of_its_own(void **state)
{
	struct shares s;

	(void)state;
	shares_init(&s, 100, (const unsigned[]){10, 0}, 2);
	assert_int_equal(take_all(&s, 0), 10);
	assert_string_equal(shares_refuse(&s, 0), "sessions of the listener");
	/* It reserves no more than it can use. */
	assert_int_equal(take_all(&s, 1), 90);
	shares_clear(&s);
}

static void few_sessions_are_shared_as_well_as_can_be(void **state)
{
	static const unsigned none[4] = {0};

	(void)state;
	for (unsigned max = 1; max < 12; max++)
		for (size_t n = 1; n <= 4; n++) {
			struct shares s;

			shares_init(&s, max, none, n);
			assert_true(take_all(&s, 0) > 0);
			for (size_t i = 1; i < n && max >= n; i++)
				assert_true(take_all(&s, i) > 0);
			assert_true(s.open <= max);
			shares_clear(&s);
		}
}

/* In any order of coming and going each has its part, and all together no more than there are. */
static void every_listener_always_has_its_part(void **state)
{
	static const unsigned maxima[] = {0, 3, 40, 0};
	struct shares s;
	uint32_t random = 1;

	(void)state;
	shares_init(&s, 64, maxima, 4);
	for (int i = 0; i < 100000; i++) {
		size_t listener = (random = random * 1664525 + 1013904223) >> 30;
		struct share *own = &s.list[listener];

		if (own->open < own->reserved)
			assert_null(shares_refuse(&s, listener));
		if ((random >> 20 & 3) != 0 && shares_refuse(&s, listener) == NULL)
			shares_take(&s, listener);
		else if ((random >> 20 & 3) == 0 && own->open > 0)
			shares_drop(&s, listener);
		assert_true(s.open <= 64 && s.list[1].open <= 3);
	}
	shares_clear(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_listener_has_all_sessions),
		cmocka_unit_test(nobody_takes_the_part_of_another_listener),
		cmocka_unit_test(a_listener_may_have_a_maximum_of_its_own),
		cmocka_unit_test(few_sessions_are_shared_as_well_as_can_be),
		cmocka_unit_test(every_listener_always_has_its_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
