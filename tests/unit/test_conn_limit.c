/* SPDX-License-Identifier: MIT */
/* smtp/conn_limit: sessions per client, also if many share a bucket, and over workers. */
#include "smtp/conn_limit.h"

#include "regions.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

#define ADDRESSES 2000
#define WORKERS   4

static const struct conf_listener plain = {.name = (char *)"default"};

static void name(char text[32], int i)
{
	snprintf(text, 32, "192.0.%d.%d", i / 256, i % 256);
}

static void counts_each_address_alone(void **state)
{
	static struct conn_limit l;
	char text[32];

	(void)state;
	for (int i = 0; i < ADDRESSES; i++) {
		name(text, i);
		assert_int_equal(conn_limit_count(&l, &plain, text), 0);
		for (int n = 0; n <= i % 3; n++)
			conn_limit_add(&l, &plain, text);
	}
	/* those in between go first, then the others */
	for (int i = 0; i < ADDRESSES; i += 2) {
		name(text, i);
		for (int n = i % 3; n >= 0; n--) {
			assert_int_equal(conn_limit_count(&l, &plain, text), n + 1);
			conn_limit_drop(&l, &plain, text);
		}
	}
	for (int i = 1; i < ADDRESSES; i += 2) {
		name(text, i);
		assert_int_equal(conn_limit_count(&l, &plain, text), i % 3 + 1);
		for (int n = i % 3; n >= 0; n--)
			conn_limit_drop(&l, &plain, text);
	}
	for (int i = 0; i < CONN_LIMIT_BUCKETS; i++)
		assert_true(LIST_EMPTY(&l.open.bucket[i]));
}

static bool enters(
	struct conn_limit *l, const struct conf_listener *by, const char *address)
{
	return conn_limit_enter(l, by, address, 1000) == CONN_LIMIT_GRANTED;
}

/* --- over workers ------------------------------------------------------------------------- */

struct gateway {
	struct shm *shm;
	struct conn_limit workers[WORKERS];
};

static void gateway_init(struct gateway *g, unsigned sessions)
{
	memset(g, 0, sizeof(*g));
	g->shm = regions_new(WORKERS + 1);
	for (size_t i = 0; i < WORKERS; i++) {
		g->workers[i].sessions = sessions;
		g->workers[i].open.shm = g->shm;
		g->workers[i].open.slot = i + 1;
	}
}

static void gateway_free(struct gateway *g)
{
	for (size_t i = 0; i < WORKERS; i++)
		for (size_t k = 0; k < CONN_LIMIT_BUCKETS; k++)
			assert_true(LIST_EMPTY(&g->workers[i].open.bucket[k]));
	shm_free(&g->shm);
}

static void a_limit_of_one_lets_one_in_whichever_worker_it_meets(void **state)
{
	struct gateway g;
	size_t in = WORKERS, n = 0;

	(void)state;
	gateway_init(&g, 1);
	for (size_t i = 0; i < 3 * WORKERS; i++)
		if (enters(&g.workers[i % WORKERS], &plain, "192.0.2.1")) {
			in = i % WORKERS;
			n++;
		}
	assert_int_equal(n, 1);
	assert_int_equal(conn_limit_count(&g.workers[3], &plain, "192.0.2.1"), 1);
	assert_true(enters(&g.workers[2], &plain, "192.0.2.2"));
	conn_limit_drop(&g.workers[2], &plain, "192.0.2.2");
	conn_limit_drop(&g.workers[in], &plain, "192.0.2.1");
	assert_true(enters(&g.workers[3], &plain, "192.0.2.1"));
	conn_limit_drop(&g.workers[3], &plain, "192.0.2.1");
	gateway_free(&g);
}

static void ipv6_is_counted_by_64(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 2);
	assert_true(enters(&g.workers[0], &plain, "2001:db8::1"));
	assert_true(enters(&g.workers[1], &plain, "2001:db8::ffff:2"));
	assert_false(enters(&g.workers[2], &plain, "2001:db8::3"));
	assert_true(enters(&g.workers[2], &plain, "2001:db8:0:1::3"));
	conn_limit_drop(&g.workers[0], &plain, "2001:db8::9"); /* one of the same /64 */
	conn_limit_drop(&g.workers[1], &plain, "2001:db8::1");
	conn_limit_drop(&g.workers[2], &plain, "2001:db8:0:1::3");
	gateway_free(&g);
}

static void a_listener_with_its_own_limit_counts_for_itself(void **state)
{
	static const struct conf_listener own = {
		.name = (char *)"submission", .sessions_per_client = 2};
	struct gateway g;

	(void)state;
	gateway_init(&g, 1);
	assert_true(enters(&g.workers[0], &plain, "192.0.2.1"));
	assert_true(enters(&g.workers[1], &own, "192.0.2.1"));
	assert_true(enters(&g.workers[2], &own, "192.0.2.1"));
	assert_false(enters(&g.workers[3], &own, "192.0.2.1"));
	assert_false(enters(&g.workers[3], &plain, "192.0.2.1"));
	conn_limit_drop(&g.workers[0], &plain, "192.0.2.1");
	conn_limit_drop(&g.workers[1], &own, "192.0.2.1");
	conn_limit_drop(&g.workers[2], &own, "192.0.2.1");
	gateway_free(&g);
}

/* As of a process that ended without a word: the supervisor clears what it showed. */
static void sessions_of_a_worker_that_ended_are_no_more(void **state)
{
	struct gateway g;

	(void)state;
	gateway_init(&g, 1);
	assert_true(enters(&g.workers[0], &plain, "192.0.2.1"));
	assert_false(enters(&g.workers[1], &plain, "192.0.2.1"));
	shm_clear(g.shm, 1, SHM_SESSIONS);
	assert_true(enters(&g.workers[1], &plain, "192.0.2.1"));
	conn_limit_drop(&g.workers[0], &plain, "192.0.2.1");
	conn_limit_drop(&g.workers[1], &plain, "192.0.2.1");
	gateway_free(&g);
}

static void garbage_in_another_table_keeps_nobody_out(void **state)
{
	static const int bytes[] = {0xff, 0x7f, 0x01, 0x80};
	struct gateway g;
	uint64_t *words, key;

	(void)state;
	gateway_init(&g, 1);
	words = shm_write(g.shm, 1, SHM_SESSIONS);
	key = rate_key(shm_seed(g.shm), rate_client("192.0.2.1"), 0);
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		memset(words, bytes[i], SHM_SESSIONS_BYTES);
		for (size_t w = 0; w < SHM_SESSIONS_BYTES / 8; w += 2)
			words[w] = key;
		assert_true(enters(&g.workers[1], &plain, "192.0.2.1"));
		conn_limit_drop(&g.workers[1], &plain, "192.0.2.1");
		/* Nor the worker whose table it is. */
		assert_true(enters(&g.workers[0], &plain, "192.0.2.9"));
		conn_limit_drop(&g.workers[0], &plain, "192.0.2.9");
	}
	gateway_free(&g);
}

/* More clients than a set has room for: each worker still counts its own. */
static void a_table_that_is_full_counts_each_worker_alone(void **state)
{
	struct gateway g;
	char text[32];

	(void)state;
	gateway_init(&g, 1);
	memset(shm_write(g.shm, 1, SHM_SESSIONS), 0x55, SHM_SESSIONS_BYTES);
	for (int i = 0; i < ADDRESSES; i++) {
		name(text, i);
		assert_true(enters(&g.workers[0], &plain, text));
		assert_false(enters(&g.workers[0], &plain, text));
		conn_limit_drop(&g.workers[0], &plain, text);
	}
	gateway_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_each_address_alone),
		cmocka_unit_test(a_limit_of_one_lets_one_in_whichever_worker_it_meets),
		cmocka_unit_test(ipv6_is_counted_by_64),
		cmocka_unit_test(a_listener_with_its_own_limit_counts_for_itself),
		cmocka_unit_test(sessions_of_a_worker_that_ended_are_no_more),
		cmocka_unit_test(garbage_in_another_table_keeps_nobody_out),
		cmocka_unit_test(a_table_that_is_full_counts_each_worker_alone),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
