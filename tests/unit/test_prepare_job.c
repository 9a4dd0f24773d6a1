/* SPDX-License-Identifier: MIT */
/* delivery/prepare_job: a large message is prepared beside the loop, a small one at once. */
#include "core/log.h"
#include "core/mem.h"
#include "delivery/delivery_private.h"
#include "mail/message.h"

#include "delivery_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* --- a client ----------------------------------------------------------------------------- */

#define HEAD  "From: a@example.com\r\nTo: b@example.com\r\nMessage-ID: <1@example.com>\r\n"
#define LARGE ((size_t)2 * 1024 * 1024)

/* Hands in head and size bytes of text, to recipients 0@domain, 1@domain ... */
static void hand_in_text(struct worker *w, struct attempt *a, const char *head,
	size_t size, const char *domain, size_t recipients)
{
	size_t room = recipients * (strlen(domain) + 8) + 1, used = 0;
	char *to = mem_new(room, 1), *mail = mem_new(strlen(head) + 2 + size + 1, 1);

	for (size_t i = 0; i < recipients; i++)
		used += (size_t)snprintf(
			to + used, room - used, "%s%zu@%s", i > 0 ? " " : "", i, domain);
	memset(stpcpy(stpcpy(mail, head), "\r\n"), 'x', size);
	hand_in(w, a, mail, to);
	free(mail);
	free(to);
}

/* Turns the loop until nothing is planned any more; returns how often. */
static size_t wait_for(const size_t *what, size_t least)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	size_t turns = 0;

	for (; *what < least; turns++) {
		if (turns == 20000)
			fail_msg("nothing happened in 20 s");
		loop_turn(paper_loop);
		nanosleep(&pause, NULL);
	}
	return turns;
}

static void wait_for_reply(const struct attempt *a)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int turns = 0; a->call.replies == 0; turns++) {
		if (turns == 20000)
			fail_msg("no reply in 20 s");
		loop_turn(paper_loop);
		nanosleep(&pause, NULL);
	}
}

/* --- tests ---------------------------------------------------------------------------------- */

static void the_loop_goes_on_while_a_large_message_is_prepared(void **state)
{
	struct worker *w = *state;
	struct attempt large, small;

	hand_in_text(w, &large, HEAD, LARGE, "example.com", 1);
	assert_int_equal(large.rc, 0);
	assert_int_equal(state_of(&large), DELIVERY_PLANNING);
	assert_int_equal(n_paper, 0);
	assert_int_equal(w->ctx.in_flight, 1);
	/* Another client's, small: its call begins at once. */
	hand_in_text(w, &small, HEAD, 100, "example.com", 1);
	assert_int_equal(n_paper, 1);
	assert_int_equal(state_of(&small), DELIVERY_SENDING);
	assert_true(wait_for(&n_paper, 2) > 0);
	assert_int_equal(state_of(&large), DELIVERY_SENDING);
	assert_true(strlen(paper[1].body) > LARGE);
	answer(1, accepted("m1"));
	answer(0, accepted("m1"));
	assert_int_equal(large.call.reply.code, 250);
	assert_int_equal(small.call.reply.code, 250);
	assert_int_equal(w->idled, 1);
}

/* All but the size of the text is the same, so all before it must be. */
static void a_large_message_becomes_the_same_requests(void **state)
{
	struct worker *w = *state;
	struct attempt small, large;
	const char *a, *b;

	hand_in_text(w, &small, HEAD, 99, "alone.example", 3);
	while (n_paper < 3)
		answer(n_paper - 1, accepted("m1"));
	hand_in_text(w, &large, HEAD, LARGE, "alone.example", 3);
	(void)wait_for(&n_paper, 4);
	answer(3, accepted("m1"));
	(void)wait_for(&n_paper, 6);
	for (size_t i = 0; i < 3; i++) {
		a = strstr(paper[i].body, "\"Subject\"");
		b = strstr(paper[3 + i].body, "\"Subject\"");
		assert_non_null(a);
		assert_non_null(b);
		a = strstr(paper[i].body, "\"Destination\"");
		b = strstr(paper[3 + i].body, "\"Destination\"");
		assert_non_null(a);
		assert_string_equal(a, b);
		assert_non_null(strstr(paper[3 + i].body, "<1@example.com>"));
	}
}

static void many_recipients_are_as_much_work_as_a_large_text(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in_text(w, &a, HEAD, 10, "alone.example", 1000);
	assert_int_equal(a.rc, 0);
	assert_int_equal(n_paper, 0);
	assert_int_equal(state_of(&a), DELIVERY_PLANNING);
	(void)wait_for(&n_paper, 1);
}

static void refuses_a_large_message_later(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in_text(
		w, &a, HEAD "From: another@example.com\r\n", LARGE, "example.com", 2);
	assert_int_equal(a.rc, 0);
	wait_for_reply(&a);
	assert_int_equal(a.call.reply.code, 554);
	assert_int_equal(n_paper, 0);
	assert_int_equal(w->ctx.in_flight, 0);
	assert_int_equal(w->idled, 1);
}

static void defers_a_large_message_where_memory_ends(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	w->budget.limit = 3 * LARGE;
	hand_in_text(w, &a, HEAD, LARGE, "example.com", 1);
	assert_int_equal(a.rc, 0);
	wait_for_reply(&a);
	assert_int_equal(a.call.reply.code, 452);
	assert_int_equal(n_paper, 0);
	w->budget.limit = 0;
}

/* Nothing was sent: the client has its mail still. */
static void sends_nothing_for_a_client_that_left_meanwhile(void **state)
{
	struct worker *w = *state;
	struct attempt a;
	const struct timespec pause = {.tv_nsec = 1000000};

	hand_in_text(w, &a, HEAD, LARGE, "example.com", 1);
	assert_int_equal(a.rc, 0);
	leave(w, &a);
	for (int i = 0; i < 20000 && w->ctx.in_flight > 0; i++) {
		loop_turn(paper_loop);
		nanosleep(&pause, NULL);
	}
	assert_int_equal(w->ctx.in_flight, 0);
	assert_int_equal(n_paper, 0);
	assert_int_equal(a.call.replies, 0);
	assert_int_equal(w->idled, 1);
	/* Its next attempt is no double, and does not wait. */
	hand_in_text(w, &a, HEAD, LARGE, "example.com", 1);
	(void)wait_for(&n_paper, 1);
}

/* By then its requests are written, but none was sent: the log must not say otherwise. */
static void logs_as_deferred_what_was_written_for_a_client_that_left(void **state)
{
	static struct attempt a, others[4];
	struct worker *w = *state;
	const struct timespec pause = {.tv_nsec = 1000000};
	const struct delivery *d;
	int fd = memfd_create("log", MFD_CLOEXEC), before = log_fd();
	char *text;

	log_use_fd(fd, LOG_TEXT, LOG_INFO);
	hand_in_text(w, &a, HEAD, LARGE, "example.com", 2);
	d = a.call.transaction.handler_data;
	/* They are read before the requests of the first are written. */
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		hand_in_text(w, &others[i], HEAD, LARGE + 1 + i, "other.example", 1);
	for (int i = 0; i < 20000 && d->message_id[0] == '\0'; i++) {
		nanosleep(&pause, NULL);
		loop_turn(paper_loop);
	}
	assert_string_not_equal(d->message_id, "");
	assert_int_equal(d->n_calls, 0);
	leave(w, &a);
	(void)wait_for(&n_paper, ARRAY_LEN(others));
	for (int i = 0; i < 20000 && w->ctx.in_flight > ARRAY_LEN(others); i++)
		loop_turn(paper_loop);
	text = read_log(fd);
	assert_null(strstr(text, "accepted"));
	assert_non_null(strstr(text, "deferred to=0@example.com"));
	assert_non_null(strstr(text, "deferred to=1@example.com"));
	free(text);
	log_use_fd(before, LOG_TEXT, LOG_DEBUG);
	close(fd);
}

static void answers_one_that_closed_its_side_meanwhile(void **state)
{
	struct worker *w = *state;
	struct attempt a, again;

	hand_in_text(w, &a, HEAD, LARGE, "example.com", 1);
	close_side(w, &a);
	(void)wait_for(&n_paper, 1);
	/* An attempt of its own meanwhile is told that this one is under way. */
	hand_in_text(w, &again, HEAD, LARGE, "example.com", 1);
	wait_for_reply(&again);
	assert_int_equal(again.call.reply.code, 451);
	assert_int_equal(n_paper, 1);
	answer(0, accepted("m1"));
	assert_int_equal(a.call.reply.code, 250);
	/* And the next one, that it has the mail. */
	hand_in_text(w, &again, HEAD, LARGE, "example.com", 1);
	wait_for_reply(&again);
	assert_int_equal(again.call.reply.code, 250);
	assert_int_equal(n_paper, 1);
}

static void ends_with_messages_in_hand(void **state)
{
	static struct attempt a[8];
	struct worker *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(a); i++) {
		hand_in_text(w, &a[i], HEAD, LARGE, "example.com", 1);
		assert_int_equal(a[i].rc, 0);
	}
	assert_int_equal(w->ctx.in_flight, ARRAY_LEN(a));
	delivery_context_clear(&w->ctx);
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		assert_int_equal(a[i].call.replies, 0);
	assert_int_equal(n_paper, 0);
}

/* Thread and loop use the same converters, and GMime, at the same time. */
static void prepares_large_and_small_ones_at_the_same_time(void **state)
{
	static struct attempt a[8];
	struct worker *w = *state;
	struct attempt small;
	size_t calls = 0;

	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		hand_in_text(w, &a[i],
			"From: =?gb18030?b?1tDOxA==?= <a@example.com>\r\n"
			"Subject: =?big5?b?pKSk5Q==?=\r\n"
			"Content-Type: text/plain; charset=gb18030\r\n",
			LARGE, "example.com", 1);
	for (size_t i = 0; i < 40; i++) {
		hand_in_text(w, &small,
			"From: =?gb18030?b?1tDOxA==?= <a@example.com>\r\n"
			"Subject: =?big5?b?pKSk5Q==?=\r\n"
			"Content-Type: text/plain; charset=gb18030\r\n",
			2000 + i, "example.com", 1);
		assert_int_equal(small.rc, 0);
		loop_turn(paper_loop);
	}
	(void)wait_for(&n_paper, 40 + ARRAY_LEN(a));
	for (size_t i = 0; i < n_paper; i++)
		calls += strstr(paper[i].body, "\"Subject\":\"中文\"") != NULL &&
		         strstr(paper[i].body, "中文 <a@example.com>") != NULL;
	assert_int_equal(calls, 40 + ARRAY_LEN(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_loop_goes_on_while_a_large_message_is_prepared),
		TEST(a_large_message_becomes_the_same_requests),
		TEST(many_recipients_are_as_much_work_as_a_large_text),
		TEST(refuses_a_large_message_later),
		TEST(defers_a_large_message_where_memory_ends),
		TEST(sends_nothing_for_a_client_that_left_meanwhile),
		TEST(logs_as_deferred_what_was_written_for_a_client_that_left),
		TEST(answers_one_that_closed_its_side_meanwhile),
		TEST(ends_with_messages_in_hand),
		TEST(prepares_large_and_small_ones_at_the_same_time),
	};
	int rc;

	message_library_init();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	message_library_shutdown();
	return rc;
}
