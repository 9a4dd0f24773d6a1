/* SPDX-License-Identifier: MIT */
/* core/loop: timers by both clocks, calls at the end of a turn, signals. */
#include "core/loop.h"

#include "core/attr.h"

#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What happened, in order, as letters; and what an object of the test needs. */
struct scene {
	struct loop *loop;
	struct loop_timer *a, *b, *c;
	char log[200];
	size_t n;
	int left; /* repetitions */
};

static void note(struct scene *s, char c)
{
	assert_true(s->n + 1 < sizeof(s->log));
	s->log[s->n++] = c;
	s->log[s->n] = '\0';
}

static void expect(struct scene *s, const char *log)
{
	assert_string_equal(s->log, log);
	s->n = 0;
	s->log[0] = '\0';
}

static void note_a(void *arg)
{
	note(arg, 'a');
}

static void note_b(void *arg)
{
	note(arg, 'b');
}

static void note_c(void *arg)
{
	note(arg, 'c');
}

static int scene_open(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->loop = loop_new();
	assert_non_null(s->loop);
	s->a = loop_timer_new(s->loop, note_a, s);
	s->b = loop_timer_new(s->loop, note_b, s);
	s->c = loop_timer_new(s->loop, note_c, s);
	*state = s;
	return 0;
}

static int scene_close(void **state)
{
	struct scene *s = *state;

	loop_timer_free(&s->a);
	loop_timer_free(&s->b);
	loop_timer_free(&s->c);
	loop_timer_free(&s->c);
	loop_free(&s->loop);
	loop_free(&s->loop);
	free(s);
	return 0;
}

static void stop(void *arg)
{
	struct scene *s = arg;

	note(s, '.');
	loop_stop(s->loop);
}

/* --- frozen ----------------------------------------------------------------------------- */

static void frozen_timers_fire_in_the_order_of_their_time(void **state)
{
	struct scene *s = *state;

	clock_freeze(loop_clock(s->loop), 1000, 0);
	loop_timer_set(s->a, 300);
	loop_timer_set(s->b, 100);
	loop_timer_set(s->c, 200);
	loop_advance(s->loop, 99);
	expect(s, "");
	loop_advance(s->loop, 1);
	expect(s, "b");
	loop_advance(s->loop, 500);
	expect(s, "ca");
	loop_advance(s->loop, 100000);
	expect(s, "");
	assert_int_equal(loop_now_ms(s->loop), 1000 + 100600);
	assert_int_equal(loop_wall_s(s->loop), 100);
}

static void at_the_same_time_the_one_set_first_fires_first(void **state)
{
	struct scene *s = *state;

	clock_freeze(loop_clock(s->loop), 0, 0);
	loop_timer_set(s->a, 10);
	loop_timer_set(s->b, 10);
	loop_timer_set(s->c, 10);
	loop_timer_set(s->a, 10); /* set again: now the last */
	loop_advance(s->loop, 10);
	expect(s, "bca");
}

static void a_frozen_timer_ignores_the_real_time(void **state)
{
	struct scene *s = *state;

	loop_timer_set(s->a, 0); /* set by the running clock, fired by the frozen one */
	clock_freeze(loop_clock(s->loop), loop_now_ms(s->loop), 0);
	loop_timer_set(s->b, 0);
	loop_turn(s->loop);
	loop_turn(s->loop);
	expect(s, "");
	loop_advance(s->loop, 0);
	expect(s, "ab");
}

static void stopping_and_setting_again_forget_the_earlier_time(void **state)
{
	struct scene *s = *state;

	clock_freeze(loop_clock(s->loop), 0, 0);
	loop_timer_set(s->a, 10);
	loop_timer_stop(s->a);
	loop_timer_stop(s->a);
	loop_timer_set(s->b, 10);
	loop_timer_set(s->b, 30);
	loop_timer_set(s->c, 30);
	loop_timer_set(s->c, 10);
	loop_advance(s->loop, 29);
	expect(s, "c");
	loop_advance(s->loop, 1);
	expect(s, "b");
}

/* A retry that doubles its pause sees each due time on the clock. */
static void again_later(void *arg)
{
	struct scene *s = arg;

	s->n += (size_t)snprintf(
		s->log + s->n, sizeof(s->log) - s->n, "%d ", (int)loop_now_ms(s->loop));
	if (--s->left > 0)
		loop_timer_set(s->a, loop_now_ms(s->loop));
}

static void a_callback_sees_its_due_time_and_may_set_its_timer(void **state)
{
	struct scene *s = *state;

	loop_timer_free(&s->a);
	s->a = loop_timer_new(s->loop, again_later, s);
	s->left = 4;
	clock_freeze(loop_clock(s->loop), 0, 0);
	loop_timer_set(s->a, 100);
	loop_advance(s->loop, 5000);
	expect(s, "100 200 400 800 ");
	assert_int_equal(loop_now_ms(s->loop), 5000);
}

static void free_a_and_stop_b(void *arg)
{
	struct scene *s = arg;

	note(s, 'x');
	loop_timer_free(&s->a);
	loop_timer_stop(s->b);
}

static void a_callback_may_free_its_timer_and_stop_others(void **state)
{
	struct scene *s = *state;

	for (int frozen = 0; frozen < 2; frozen++) {
		loop_timer_free(&s->a);
		s->a = loop_timer_new(s->loop, free_a_and_stop_b, s);
		if (frozen)
			clock_freeze(loop_clock(s->loop), 0, 0);
		loop_timer_set(s->a, 0);
		loop_timer_set(s->b, 0);
		loop_timer_set(s->c, 0);
		if (frozen)
			loop_advance(s->loop, 0);
		else
			loop_turn(s->loop);
		expect(s, "xc");
		assert_null(s->a);
	}
}

static void defer_c(void *arg)
{
	struct scene *s = arg;

	note(s, 'd');
	loop_defer(s->loop, note_c, s);
}

static void advancing_runs_the_deferred_calls_of_each_timer(void **state)
{
	struct scene *s = *state;

	loop_timer_free(&s->a);
	s->a = loop_timer_new(s->loop, defer_c, s);
	clock_freeze(loop_clock(s->loop), 0, 0);
	loop_timer_set(s->a, 10);
	loop_timer_set(s->b, 20);
	loop_advance(s->loop, 100);
	expect(s, "dcb");
	loop_turn(s->loop);
	loop_defer(s->loop, note_a, s);
	loop_turn(s->loop);
	expect(s, "a");
}

static void a_running_clock_cannot_be_advanced(void **state)
{
	struct scene *s = *state;

	loop_timer_set(s->a, 60000);
	loop_advance(s->loop, 120000);
	expect(s, "");
}

/* --- running ---------------------------------------------------------------------------- */

static void the_loop_runs_until_it_is_stopped(void **state)
{
	struct scene *s = *state;
	uint64_t before = loop_now_ms(s->loop);

	loop_timer_free(&s->c);
	s->c = loop_timer_new(s->loop, stop, s);
	loop_timer_set(s->c, 30);
	loop_timer_set(s->b, 20);
	loop_timer_set(s->a, 10);
	assert_int_equal(loop_run(s->loop), 0);
	expect(s, "ab.");
	assert_true(loop_now_ms(s->loop) - before >= 30);
	/* And once more. */
	loop_timer_set(s->c, 0);
	assert_int_equal(loop_run(s->loop), 0);
	expect(s, ".");
}

static void a_stop_before_the_run_counts(void **state)
{
	struct scene *s = *state;

	loop_stop(s->loop);
	assert_int_equal(loop_run(s->loop), 0);
}

static void stall_then_set(void *arg)
{
	struct scene *s = arg;
	uint64_t until = loop_now_ms(s->loop) + 50;

	while (loop_now_ms(s->loop) < until)
		;
	loop_timer_set(s->b, 40);
	s->left = (int)(loop_now_ms(s->loop) % 1000000);
}

static void check_not_early(void *arg)
{
	struct scene *s = arg;

	assert_true((int)(loop_now_ms(s->loop) % 1000000) - s->left >= 40);
	stop(s);
}

/* libevent counts from the start of the turn: after a stall its timers are early. */
static void a_timer_set_after_a_stall_is_not_early(void **state)
{
	struct scene *s = *state;

	loop_timer_free(&s->a);
	loop_timer_free(&s->b);
	s->a = loop_timer_new(s->loop, stall_then_set, s);
	s->b = loop_timer_new(s->loop, check_not_early, s);
	for (int i = 0; i < 3; i++) {
		loop_timer_set(s->a, 0);
		loop_turn(s->loop);
		assert_int_equal(loop_run(s->loop), 0);
		expect(s, ".");
	}
}

static void a_turn_does_not_wait(void **state)
{
	struct scene *s = *state;

	loop_timer_set(s->a, 60000);
	loop_turn(s->loop);
	expect(s, "");
	loop_timer_set(s->b, 0);
	loop_turn(s->loop);
	expect(s, "b");
}

/* --- deferred --------------------------------------------------------------------------- */

static void deferred_calls_run_in_order_when_the_turn_is_over(void **state)
{
	struct scene *s = *state;

	loop_timer_free(&s->a);
	s->a = loop_timer_new(s->loop, defer_c, s);
	loop_timer_set(s->a, 0); /* active in the same turn as b, before it */
	loop_timer_set(s->b, 0);
	loop_turn(s->loop);
	expect(s, "dbc");
	loop_defer(s->loop, note_a, s);
	loop_defer(s->loop, note_b, s);
	loop_defer(s->loop, note_c, s);
	expect(s, "");
	loop_turn(s->loop);
	expect(s, "abc");
}

static void what_is_deferred_meanwhile_runs_in_the_same_turn(void **state)
{
	struct scene *s = *state;

	loop_defer(s->loop, defer_c, s);
	loop_defer(s->loop, note_b, s);
	loop_turn(s->loop);
	expect(s, "dbc");
}

static void defer_for_ever(void *arg)
{
	struct scene *s = arg;

	s->left++;
	if (s->left < 1000000)
		loop_defer(s->loop, defer_for_ever, s);
}

static void an_endless_chain_does_not_starve_the_loop(void **state)
{
	struct scene *s = *state;

	loop_timer_free(&s->c);
	s->c = loop_timer_new(s->loop, stop, s);
	loop_timer_set(s->c, 5);
	loop_defer(s->loop, defer_for_ever, s);
	assert_int_equal(loop_run(s->loop), 0);
	expect(s, ".");
	assert_in_range(s->left, 1, 999999);
	s->left = 999999; /* the next is the last */
}

static void what_is_left_runs_when_the_loop_is_freed(void **state)
{
	struct scene s = {.loop = loop_new()};

	(void)state;
	assert_non_null(s.loop);
	loop_defer(s.loop, defer_c, &s);
	loop_defer(s.loop, note_a, &s);
	loop_free(&s.loop);
	assert_null(s.loop);
}

/* --- signals ---------------------------------------------------------------------------- */

static void a_signal_is_seen_in_the_loop(void **state)
{
	struct scene *s = *state;
	struct loop_signal *sig = loop_signal_new(s->loop, SIGUSR1, stop, s);
	struct sigaction old;

	assert_int_equal(raise(SIGUSR1), 0);
	expect(s, "");
	assert_int_equal(loop_run(s->loop), 0);
	expect(s, ".");
	loop_signal_free(&sig);
	loop_signal_free(&sig);
	assert_int_equal(sigaction(SIGUSR1, NULL, &old), 0);
	assert_ptr_equal(old.sa_handler, SIG_DFL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frozen_timers_fire_in_the_order_of_their_time),
		TEST(at_the_same_time_the_one_set_first_fires_first),
		TEST(a_frozen_timer_ignores_the_real_time),
		TEST(stopping_and_setting_again_forget_the_earlier_time),
		TEST(a_callback_sees_its_due_time_and_may_set_its_timer),
		TEST(a_callback_may_free_its_timer_and_stop_others),
		TEST(advancing_runs_the_deferred_calls_of_each_timer),
		TEST(a_running_clock_cannot_be_advanced),
		TEST(the_loop_runs_until_it_is_stopped),
		TEST(a_stop_before_the_run_counts),
		TEST(a_timer_set_after_a_stall_is_not_early),
		TEST(a_turn_does_not_wait),
		TEST(deferred_calls_run_in_order_when_the_turn_is_over),
		TEST(what_is_deferred_meanwhile_runs_in_the_same_turn),
		TEST(an_endless_chain_does_not_starve_the_loop),
		cmocka_unit_test(what_is_left_runs_when_the_loop_is_freed),
		TEST(a_signal_is_seen_in_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
