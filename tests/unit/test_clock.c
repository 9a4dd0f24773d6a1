/* SPDX-License-Identifier: MIT */
/* core/clock: running, frozen, and dates. */
#include "core/clock.h"

#include "core/attr.h"

#include "test.h"

#include <time.h>

static void runs_with_the_kernel(void **state)
{
	struct clock c = {0};
	uint64_t first = clock_mono_ms(&c);
	int64_t wall = clock_wall_s(&c), real = (int64_t)time(NULL);

	(void)state;
	assert_true(clock_mono_ms(&c) >= first);
	assert_true(real - wall >= -1 && real - wall <= 1);
}

static void stands_still_until_it_is_moved(void **state)
{
	struct clock c = {0};

	(void)state;
	clock_freeze(&c, 10000, 1551113065);
	assert_int_equal(clock_mono_ms(&c), 10000);
	assert_int_equal(clock_wall_s(&c), 1551113065);
	clock_advance(&c, 999);
	assert_int_equal(clock_mono_ms(&c), 10999);
	assert_int_equal(clock_wall_s(&c), 1551113065);
	clock_advance(&c, 1);
	assert_int_equal(clock_wall_s(&c), 1551113066);
	clock_advance(&c, 86400000);
	assert_int_equal(clock_wall_s(&c), 1551113066 + 86400);
}

static void gives_the_date_in_utc(void **state)
{
	static const struct {
		int64_t wall;
		const char *date;
	} cases[] = {
		{0, "1970-01-01"},
		{1551113065, "2019-02-25"},
		{1704067199, "2023-12-31"},
		{1704067200, "2024-01-01"},
		{1709164800, "2024-02-29"},
		{253402300799, "9999-12-31"},
		{253402300800, "0000-00-00"}, /* has no room */
		{INT64_MAX, "0000-00-00"},
	};
	char date[CLOCK_DATE_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		clock_utc_date(cases[i].wall, date);
		assert_string_equal(date, cases[i].date);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_with_the_kernel),
		cmocka_unit_test(stands_still_until_it_is_moved),
		cmocka_unit_test(gives_the_date_in_utc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
