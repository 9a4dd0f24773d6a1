/* SPDX-License-Identifier: MIT */
/* process/descriptors: what is left for calls, however few there are. */
#include "process/descriptors.h"
#include "test.h"

static struct conf_account accounts[2];

static struct conf conf_of(unsigned workers, unsigned sessions, unsigned connections)
{
	accounts[0].connections = accounts[1].connections = connections;
	return (struct conf){.workers = workers,
		.limits.sessions = sessions,
		.accounts = accounts,
		.n_accounts = 2};
}

static void gives_all_that_is_asked_for_where_there_is_enough(void **state)
{
	struct conf conf = conf_of(4, 10000, 64);
	struct descriptors d;

	(void)state;
	descriptors_share(&conf,
		2500 + 2 * 64 * DESCRIPTORS_PER_CALL + 20 + DESCRIPTORS_SPARE, 20, &d);
	assert_false(d.fewer);
	assert_int_equal(d.sessions, 2500);
	assert_int_equal(d.connections, 128);
	descriptors_share(&conf,
		2500 + 2 * 64 * DESCRIPTORS_PER_CALL + 19 + DESCRIPTORS_SPARE, 20, &d);
	assert_true(d.fewer);
	/* Calls keep what they need: they need less than half. */
	assert_int_equal(d.connections, 128);
	assert_int_equal(d.sessions, 2499);
	descriptors_share(&conf, UINT64_MAX, 20, &d);
	assert_false(d.fewer);
}

static void shares_out_no_more_than_there_is(void **state)
{
	(void)state;
	for (uint64_t limit = 0; limit < 1500; limit += 7)
		for (unsigned sessions = 1; sessions < 2000; sessions += 111) {
			struct conf conf = conf_of(1, sessions, 64);
			struct descriptors d;
			uint64_t need;

			descriptors_share(&conf, limit, 20, &d);
			need = d.sessions +
			       (uint64_t)d.connections * DESCRIPTORS_PER_CALL;
			assert_true(d.sessions >= 1 && d.sessions <= sessions);
			assert_true(d.connections >= 1 && d.connections <= 128);
			/* One each is the least, and comes of what is to spare. */
			assert_true(limit < 64 || need + 20 + DESCRIPTORS_SPARE <= limit);
			assert_int_equal(
				d.fewer, d.sessions < sessions || d.connections < 128);
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_all_that_is_asked_for_where_there_is_enough),
		cmocka_unit_test(shares_out_no_more_than_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
