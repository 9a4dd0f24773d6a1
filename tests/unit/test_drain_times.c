/* SPDX-License-Identifier: MIT */
/* process/drain_times: what a drain may cut, and when. */
#include "process/drain_times.h"

#include "test.h"

static struct conf conf_of(uint64_t shutdown_s, uint64_t deadline_s)
{
	return (struct conf){.shutdown_timeout = shutdown_s * 1000,
		.limits.deadline = deadline_s * 1000};
}

/* The last call begins with the end of the last upload. */
static void a_reload_leaves_each_call_its_deadline(void **state)
{
	static const uint64_t timeouts[] = {1, 30, 60, 3600};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct conf conf = conf_of(timeouts[i], 50);
		struct drain_times t = drain_times_reload(&conf);

		assert_int_equal(t.uploads_ms, timeouts[i] * 1000);
		assert_true(t.calls_ms > t.uploads_ms + 50000);
	}
}

static void a_stop_cuts_uploads_rather_than_calls(void **state)
{
	struct conf conf = conf_of(60, 50);
	struct drain_times t = drain_times_stop(&conf, 60000);

	(void)state;
	assert_int_equal(t.calls_ms, 60000);
	assert_int_equal(t.uploads_ms, 60000 - 50000 - DRAIN_CALL_GRACE_MS);
	/* Another configuration may be in force by then. */
	t = drain_times_stop(&conf, 10000);
	assert_int_equal(t.calls_ms, 10000);
	assert_int_equal(t.uploads_ms, 0);
}

static void knows_when_a_stop_may_cut_a_call(void **state)
{
	static const struct {
		uint64_t shutdown_s, deadline_s;
		bool cuts;
	} cases[] = {
		{60, 50, false},
		{55, 50, false},
		{54, 50, true},
		{30, 50, true},
		{30, 25, false},
		{3600, 600, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf conf = conf_of(cases[i].shutdown_s, cases[i].deadline_s);

		assert_int_equal(drain_times_cut_calls(&conf), cases[i].cuts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reload_leaves_each_call_its_deadline),
		cmocka_unit_test(a_stop_cuts_uploads_rather_than_calls),
		cmocka_unit_test(knows_when_a_stop_may_cut_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
