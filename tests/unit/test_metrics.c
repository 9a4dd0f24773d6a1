/* SPDX-License-Identifier: MIT */
/* core/metrics: who counts, who sums, and what Prometheus reads. */
#include "core/metrics.h"

#include "regions.h"
#include "test.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct shm *memory; /* of the test that runs */

static struct metrics *made(size_t slots)
{
	memory = regions_new(slots);
	return metrics_new(memory);
}

static void unmake(struct metrics **m)
{
	metrics_free(m);
	assert_null(*m);
	shm_free(&memory);
}

static void assert_printed(const struct metrics *m, const char *part, bool there)
{
	struct buf out;

	buf_init(&out, 65536, NULL);
	assert_int_equal(metrics_print(m, &out), 0);
	assert_int_equal(strstr(out.data, part) != NULL, there);
	buf_free(&out);
}

static void counting_without_memory_does_nothing(void **state)
{
	(void)state;
	metrics_use(NULL, 0);
	metrics_add(METRIC_CALLS, 0, 1);
	metrics_set(METRIC_SESSIONS, 0, 1);
	metrics_observe(METRIC_CALL_SECONDS, 1.0);
}

static void a_sum_goes_over_all_slots(void **state)
{
	struct metrics *m = made(3);

	(void)state;
	for (size_t slot = 0; slot < 3; slot++) {
		metrics_use(m, slot);
		metrics_add(METRIC_CALLS, 0, 10);
		metrics_add(METRIC_SESSIONS, 0, 5);
		metrics_add(METRIC_SESSIONS, 0, -3);
		metrics_add(METRIC_REPLIES, slot, 1);
	}
	assert_int_equal(metrics_sum(m, METRIC_CALLS, 0), 30);
	assert_int_equal(metrics_sum(m, METRIC_SESSIONS, 0), 6);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(metrics_sum(m, METRIC_REPLIES, i), 1);
	assert_int_equal(metrics_sum(m, METRIC_RETRIES, 0), 0);
	unmake(&m);
	metrics_add(METRIC_CALLS, 0, 1); /* its slot is gone */
}

static void a_gauge_of_the_same_thing_is_not_summed(void **state)
{
	struct metrics *m = made(3);

	(void)state;
	metrics_use(m, 0);
	metrics_set(METRIC_CLOCK_SKEW, 0, 2);
	metrics_use(m, 1);
	metrics_set(METRIC_CLOCK_SKEW, 0, -7);
	assert_int_equal(metrics_sum(m, METRIC_CLOCK_SKEW, 0), -7);
	assert_printed(m, "# TYPE sesrelay_clock_skew_seconds gauge\n", true);
	assert_printed(m, "\nsesrelay_clock_skew_seconds -7\n", true);
	unmake(&m);
}

static void what_does_not_exist_is_not_counted(void **state)
{
	struct metrics *m = made(1);
	struct buf before, after;

	(void)state;
	buf_init(&before, 65536, NULL);
	buf_init(&after, 65536, NULL);
	assert_int_equal(metrics_print(m, &before), 0);
	metrics_use(m, 0);
	metrics_add(METRIC_CALLS, 1, 1);
	metrics_add(METRIC_REPLIES, METRIC_CLASSES, 1);
	metrics_set(METRIC_OUTCOMES, METRIC_OUTCOMES_MAX, 1);
	metrics_add(METRIC_CALL_SECONDS, 0, 1);
	metrics_observe(METRIC_CONNECTIONS, 0.02);
	metrics_use(m, 1 << 20); /* there is only slot 0 */
	metrics_add(METRIC_CALLS, 0, 1);
	assert_true(metrics_end(m, 1, 0)); /* nor a slot 1 */
	assert_int_equal(metrics_sum(m, METRIC_CALLS, 7), 0);
	assert_int_equal(metrics_print(m, &after), 0);
	assert_string_equal(before.data, after.data);
	buf_free(&before);
	buf_free(&after);
	unmake(&m);
}

static void counts_survive_the_process_that_counted(void **state)
{
	struct metrics *m = made(2);
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		metrics_use(m, 1);
		metrics_add(METRIC_CALLS, 0, 3);
		metrics_add(METRIC_SESSIONS, 0, 4);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(metrics_sum(m, METRIC_CALLS, 0), 3);
	assert_int_equal(metrics_sum(m, METRIC_SESSIONS, 0), 4);
	/* Nobody holds those sessions any more. */
	metrics_use(m, 0);
	metrics_add(METRIC_SESSIONS, 0, 1);
	metrics_set(METRIC_AUTH_FAILING, 0, 1);
	assert_true(metrics_end(m, 1, 10));
	assert_int_equal(metrics_sum(m, METRIC_SESSIONS, 0), 1);
	assert_int_equal(metrics_sum(m, METRIC_AUTH_FAILING, 0), 1);
	assert_int_equal(metrics_sum(m, METRIC_CALLS, 0), 3);
	unmake(&m);
}

/* Whatever a process writes into its slot: numbers that can be, and the others' stay. */
static void believes_no_value_that_cannot_be(void **state)
{
	static const int bytes[] = {0xff, 0x80, 0x7f, 0x41};
	struct metrics *m = made(3);
	struct buf out;

	(void)state;
	metrics_use(m, 0);
	metrics_add(METRIC_CALLS, 0, 1);
	metrics_set(METRIC_WORKERS_READY, 0, 2);
	metrics_observe(METRIC_CALL_SECONDS, 0.02);
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		memset(shm_write(memory, 1, SHM_METRICS), bytes[i], SHM_METRICS_BYTES);
		assert_int_equal(metrics_sum(m, METRIC_CALLS, 0), 1);
		assert_int_equal(metrics_sum(m, METRIC_CALL_SECONDS, 0), 1);
		assert_int_equal(metrics_sum(m, METRIC_AUTH_FAILING, 0), 0);
		buf_init(&out, 65536, NULL);
		assert_int_equal(metrics_print(m, &out), 0);
		assert_non_null(strstr(out.data, "\nsesrelay_workers_ready 2\n"));
		buf_free(&out);
	}
	unmake(&m);
}

/* The largest values that are believed, in every slot that there can be. */
static void no_sum_passes_what_a_number_holds(void **state)
{
	const size_t slots = 513;
	struct shm *shm = shm_new(slots);
	struct metrics *m = metrics_new(shm);

	(void)state;
	for (size_t i = 0; i < slots; i++) {
		assert_int_equal(shm_make(shm, i, NULL), 1);
		metrics_use(m, i);
		metrics_add(METRIC_CALLS, 0, (int64_t)1 << 52);
	}
	assert_int_equal(metrics_sum(m, METRIC_CALLS, 0), (int64_t)513 << 52);
	metrics_free(&m);
	shm_free(&shm);
}

/* Workers do not say how many workers there are. */
static void what_the_supervisor_counts_is_read_from_its_slot_alone(void **state)
{
	struct metrics *m = made(3);

	(void)state;
	metrics_use(m, 0);
	metrics_set(METRIC_WORKERS_READY, 0, 2);
	metrics_add(METRIC_RELOADS, 0, 3);
	metrics_use(m, 2);
	metrics_set(METRIC_WORKERS_READY, 0, -2);
	metrics_add(METRIC_RELOADS, 0, 40);
	assert_int_equal(metrics_sum(m, METRIC_WORKERS_READY, 0), 2);
	assert_int_equal(metrics_sum(m, METRIC_RELOADS, 0), 3);
	unmake(&m);
}

static void counters_that_no_process_can_have_counted_are_taken_back(void **state)
{
	struct metrics *m = made(2);

	(void)state;
	metrics_use(m, 1);
	metrics_add(METRIC_CALLS, 0, 7);
	metrics_begin(m, 1);
	metrics_add(METRIC_CALLS, 0, 100000);
	metrics_add(METRIC_BYTES_RECEIVED, 0, 1000000000);
	metrics_set(METRIC_SESSIONS, 0, 9);
	assert_true(metrics_end(m, 1, 60000));
	assert_int_equal(metrics_sum(m, METRIC_CALLS, 0), 100007);
	assert_int_equal(metrics_sum(m, METRIC_SESSIONS, 0), 0);

	metrics_begin(m, 1);
	metrics_add(METRIC_RETRIES, 0, 5);
	metrics_add(METRIC_CALLS, 0, 1000000000);
	assert_false(metrics_end(m, 1, 60000));
	assert_int_equal(metrics_sum(m, METRIC_CALLS, 0), 100007);
	assert_int_equal(metrics_sum(m, METRIC_RETRIES, 0), 0);

	metrics_begin(m, 1);
	metrics_add(METRIC_CALLS, 0, -1);
	assert_false(metrics_end(m, 1, 60000));
	memset(shm_write(memory, 1, SHM_METRICS), 0xff, SHM_METRICS_BYTES);
	metrics_begin(m, 0); /* another's */
	assert_false(metrics_end(m, 1, UINT64_MAX));
	assert_int_equal(metrics_sum(m, METRIC_CALLS, 0), 100007);
	assert_int_equal(metrics_sum(m, METRIC_CLOCK_SKEW, 0), 0);
	unmake(&m);
}

static void prints_counters_gauges_and_labels(void **state)
{
	static const char *const classes[] = {"2yz", "4\"\\\nyz", NULL};
	struct metrics *m = made(2);

	(void)state;
	metrics_labels(METRIC_REPLIES, classes, ARRAY_LEN(classes));
	metrics_use(m, 1);
	metrics_add(METRIC_CALLS, 0, 42);
	assert_printed(m,
		"# HELP sesrelay_api_calls_total API calls begun\n"
		"# TYPE sesrelay_api_calls_total counter\n"
		"sesrelay_api_calls_total 42\n",
		true);
	assert_printed(m, "# TYPE sesrelay_sessions gauge\nsesrelay_sessions 0\n", true);
	assert_printed(m, "sesrelay_deliveries_total{", false);
	metrics_add(METRIC_REPLIES, 0, 7);
	metrics_add(METRIC_REPLIES, 1, 8);
	metrics_add(METRIC_REPLIES, 2, 9); /* has no name */
	assert_printed(m,
		"# TYPE sesrelay_deliveries_total counter\n"
		"sesrelay_deliveries_total{reply=\"2yz\"} 7\n"
		"sesrelay_deliveries_total{reply=\"4\\\"\\\\\\nyz\"} 8\n"
		"# HELP",
		true);
	metrics_labels(METRIC_REPLIES, NULL, 0);
	unmake(&m);
}

static void prints_a_histogram(void **state)
{
	static const double seen[] = {
		0, -1, 0.005, 0.0051, 0.3, 2.5, 59.9999995, 61, 1e300, INFINITY, NAN};
	struct metrics *m = made(2);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		metrics_use(m, i % 2);
		metrics_observe(METRIC_CALL_SECONDS, seen[i]);
	}
	assert_int_equal(metrics_sum(m, METRIC_CALL_SECONDS, 0), ARRAY_LEN(seen));
	assert_printed(m,
		"# TYPE sesrelay_api_call_seconds histogram\n"
		"sesrelay_api_call_seconds_bucket{le=\"0.005\"} 4\n"
		"sesrelay_api_call_seconds_bucket{le=\"0.01\"} 5\n"
		"sesrelay_api_call_seconds_bucket{le=\"0.025\"} 5\n"
		"sesrelay_api_call_seconds_bucket{le=\"0.05\"} 5\n"
		"sesrelay_api_call_seconds_bucket{le=\"0.1\"} 5\n"
		"sesrelay_api_call_seconds_bucket{le=\"0.25\"} 5\n"
		"sesrelay_api_call_seconds_bucket{le=\"0.5\"} 6\n"
		"sesrelay_api_call_seconds_bucket{le=\"1\"} 6\n"
		"sesrelay_api_call_seconds_bucket{le=\"2.5\"} 7\n"
		"sesrelay_api_call_seconds_bucket{le=\"5\"} 7\n"
		"sesrelay_api_call_seconds_bucket{le=\"10\"} 7\n"
		"sesrelay_api_call_seconds_bucket{le=\"30\"} 7\n"
		"sesrelay_api_call_seconds_bucket{le=\"60\"} 8\n"
		"sesrelay_api_call_seconds_bucket{le=\"+Inf\"} 11\n"
		"sesrelay_api_call_seconds_sum 2000000123.810100\n"
		"sesrelay_api_call_seconds_count 11\n",
		true);
	unmake(&m);
}

static void a_full_buffer_keeps_what_it_had(void **state)
{
	struct metrics *m = made(1);
	struct buf out;

	(void)state;
	for (size_t max = 3; max < 2000; max += 97) {
		buf_init(&out, max, NULL);
		assert_int_equal(buf_append_str(&out, "abc"), 0);
		assert_int_equal(metrics_print(m, &out), -1);
		assert_int_equal(errno, EMSGSIZE);
		assert_string_equal(out.data, "abc");
		buf_free(&out);
	}
	unmake(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counting_without_memory_does_nothing),
		cmocka_unit_test(a_sum_goes_over_all_slots),
		cmocka_unit_test(a_gauge_of_the_same_thing_is_not_summed),
		cmocka_unit_test(what_does_not_exist_is_not_counted),
		cmocka_unit_test(counts_survive_the_process_that_counted),
		cmocka_unit_test(believes_no_value_that_cannot_be),
		cmocka_unit_test(no_sum_passes_what_a_number_holds),
		cmocka_unit_test(what_the_supervisor_counts_is_read_from_its_slot_alone),
		cmocka_unit_test(
			counters_that_no_process_can_have_counted_are_taken_back),
		cmocka_unit_test(prints_counters_gauges_and_labels),
		cmocka_unit_test(prints_a_histogram),
		cmocka_unit_test(a_full_buffer_keeps_what_it_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
