/* SPDX-License-Identifier: MIT */
/* delivery/dedup: a client that tries again sends no second mail. */
#include "core/log.h"
#include "mail/message.h"

#include "delivery_rig.h"
#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- one attempt after another ------------------------------------------------------------- */

static void sends_only_the_rest_when_the_client_tries_again(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, without_id, "b@alone.example c@alone.example");
	answer(0, accepted("m0"));
	answer(1, failed(OUTCOME_REFUSED, "FailedOperation.FrequencyLimit"));
	assert_replied(&a, 450, "1 of 2 recipients done");
	hand_in(w, &a, without_id, "b@alone.example c@alone.example");
	assert_int_equal(n_paper, 3);
	assert_true(is_for(2, "c@alone.example"));
	assert_false(is_for(2, "b@alone.example"));
	answer(2, accepted("m2"));
	assert_replied(&a, 250, "queued as m2 and 1 more");
	/* Without a Message-ID the same bytes are a new mail after a 250. */
	hand_in(w, &a, without_id, "b@alone.example c@alone.example");
	answer(3, accepted("m3"));
	answer(4, accepted("m4"));
	assert_replied(&a, 250, "queued as m3 and 1 more");
}

/* A client that did not hear the replies asks for all again. */
static void remembers_who_has_the_mail_where_each_was_told(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in_each(w, &a, with_id, "b@alone.example c@alone.example", 2);
	answer(0, accepted("m0"));
	answer(1, failed(OUTCOME_REFUSED, "FailedOperation.FrequencyLimit"));
	hand_in_each(w, &a, with_id, "b@alone.example c@alone.example", 2);
	assert_int_equal(n_paper, 3);
	assert_true(is_for(2, "c@alone.example"));
	answer(2, failed(OUTCOME_REFUSED, "FailedOperation.FrequencyLimit"));
	assert_each(&a, 0, 250, "queued as m0");
	assert_each(&a, 1, 450, "FailedOperation.FrequencyLimit");
}

static void knows_a_message_id_again_after_a_250_that_may_be_lost(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@alone.example c@alone.example");
	answer(0, accepted("m0"));
	answer(1, accepted("m1"));
	assert_replied(&a, 250, "m0 and 1 more");
	hand_in(w, &a, with_id, "b@alone.example c@alone.example");
	assert_int_equal(a.rc, 1);
	assert_int_equal(a.now.code, 250);
	assert_non_null(strstr(a.now.text, "queued as m0"));
	assert_int_equal(n_paper, 2);
	/* Another body is another mail. */
	hand_in(w, &a, without_id, "b@alone.example");
	assert_int_equal(n_paper, 3);
}

static void finishes_without_its_client_and_remembers(void **state)
{
	struct worker *w = *state;
	struct attempt a, again;

	hand_in(w, &a, without_id, "b@example.com");
	leave(w, &a);
	assert_int_equal(metrics_sum(w->metrics, METRIC_DETACHED, 0), 1);
	/* It comes back too early. */
	hand_in(w, &again, without_id, "b@example.com");
	assert_int_equal(again.rc, -1);
	assert_int_equal(again.now.code, 451);
	assert_int_equal(n_paper, 1);
	answer(0, accepted("m"));
	assert_int_equal(a.call.replies, 0);
	assert_int_equal(w->ctx.in_flight, 0);
	hand_in(w, &again, without_id, "b@example.com");
	assert_int_equal(again.rc, 1);
	assert_int_equal(again.now.code, 250);
	assert_int_equal(n_paper, 1);
}

static void assert_known_as(struct attempt *a, const char *id)
{
	assert_int_equal(a->rc, 1);
	assert_int_equal(a->now.code, 250);
	assert_non_null(strstr(a->now.text, id));
}

/* A client may lose its 250 in any mail, not only in those of several calls. */
static void knows_every_message_id_again(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@example.com");
	answer(0, accepted("m0"));
	assert_replied(&a, 250, "queued as m0");
	assert_null(a.call.receipt);
	hand_in(w, &a, with_id, "b@example.com");
	assert_known_as(&a, "queued as m0");
	assert_int_equal(metrics_sum(w->metrics, METRIC_REMEMBERED, 0), 1);
	/* The same to another, or another's, is another mail. */
	hand_in(w, &a, with_id, "c@example.com");
	assert_int_equal(a.rc, 0);
	hand_in(w, &a, MAIL("Message-ID: <2@example.com>\r\n"), "b@example.com");
	assert_int_equal(a.rc, 0);
	assert_int_equal(n_paper, 3);
}

/* "Disk full", four times: the client closes its side after each, and has each 250. */
static void sends_the_same_text_again_once_its_client_has_the_250(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	for (size_t i = 0; i < 4; i++) {
		hand_in(w, &a, without_id, "b@example.com");
		assert_int_equal(a.rc, 0);
		close_side(w, &a);
		answer(i, accepted("m"));
		assert_replied(&a, 250, "queued as m");
		settle(&a, true);
	}
	assert_int_equal(n_paper, 4);
}

/* Without a Message-ID: while the reply is on its way it is another mail; after the connection
 * ended without an acknowledgement it is the same one, for ten minutes. */
static void knows_a_text_again_only_where_its_250_may_be_lost(void **state)
{
	struct worker *w = *state;
	struct attempt a, b;

	hand_in(w, &a, without_id, "b@alone.example c@alone.example");
	answer(0, accepted("m0"));
	answer(1, accepted("m1"));
	assert_replied(&a, 250, "m0 and 1 more");
	hand_in(w, &b, without_id, "b@alone.example");
	assert_int_equal(b.rc, 0);
	answer(2, accepted("m2"));
	settle(&b, true);
	settle(&a, false);
	hand_in_each(w, &a, without_id, "b@alone.example c@alone.example", 2);
	assert_int_equal(a.rc, 0);
	loop_advance(paper_loop, 0);
	assert_each(&a, 0, 250, "queued as m0");
	assert_each(&a, 1, 250, "queued as m1");
	settle(&a, false);
	hand_in(w, &a, without_id, "c@alone.example");
	assert_known_as(&a, "queued as m1");
	settle(&a, true);
	hand_in(w, &a, without_id, "c@alone.example");
	assert_int_equal(a.rc, 0);
	hand_in(w, &a, without_id, "b@alone.example");
	assert_known_as(&a, "queued as m0");
	settle(&a, false);
	loop_advance(paper_loop, 10 * 60 * 1000);
	hand_in(w, &a, without_id, "b@alone.example");
	assert_int_equal(a.rc, 0);
}

/* Said to each: of those who have the mail already, each by the name of its own call. */
static void tells_each_as_what_it_has_the_mail(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in_each(
		w, &a, with_id, "b@alone.example c@alone.example d@alone.example", 3);
	answer(0, accepted("m0"));
	answer(1, accepted("m1"));
	answer(2, failed(OUTCOME_REFUSED, "FailedOperation.FrequencyLimit"));
	hand_in_each(
		w, &a, with_id, "b@alone.example c@alone.example d@alone.example", 3);
	answer(3, accepted("m3"));
	assert_each(&a, 0, 250, "queued as m0");
	assert_each(&a, 1, 250, "queued as m1");
	assert_each(&a, 2, 250, "queued as m3");
	/* Even where no call is left; and the client may leave before it is answered. */
	hand_in_each(w, &a, with_id, "b@alone.example c@alone.example", 2);
	assert_int_equal(a.rc, 0);
	loop_advance(paper_loop, 0);
	assert_each(&a, 1, 250, "queued as m1");
	hand_in_each(w, &a, with_id, "b@alone.example c@alone.example", 2);
	leave(w, &a);
	loop_advance(paper_loop, 0);
	assert_int_equal(a.call.replies, 0);
	assert_int_equal(w->ctx.in_flight, 0);
	assert_int_equal(n_paper, 4);
}

/* A client that has closed its side may wait for the reply, or be gone: both must be right. */
static void answers_a_half_closed_client_and_remembers(void **state)
{
	struct worker *w = *state;
	struct attempt a, again;

	hand_in(w, &a, without_id, "b@example.com");
	close_side(w, &a);
	hand_in(w, &again, without_id, "b@example.com");
	assert_int_equal(again.rc, -1);
	assert_int_equal(again.now.code, 451);
	answer(0, accepted("m"));
	assert_replied(&a, 250, "queued as m");
	settle(&a, false);
	hand_in(w, &again, without_id, "b@example.com");
	assert_known_as(&again, "queued as m");
	assert_int_equal(n_paper, 1);
	/* What was refused is not remembered. */
	hand_in(w, &a, with_id, "b@example.com");
	close_side(w, &a);
	answer(1, failed(OUTCOME_REFUSED, "InvalidParameter"));
	hand_in(w, &again, with_id, "b@example.com");
	assert_int_equal(again.rc, 0);
	assert_int_equal(n_paper, 3);
}

/* Routes come first: a refused mail leaves no word of recipients that have it. */
static void asks_the_ledger_only_if_all_recipients_have_a_route(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@example.com");
	answer(0, accepted("m"));
	hand_in(w, &a, with_id, "b@example.com c@nowhere.test");
	assert_int_equal(a.rc, -1);
	assert_int_equal(a.now.code, 550);
	assert_int_equal(metrics_sum(w->metrics, METRIC_REMEMBERED, 0), 0);
}

static void forgets_who_was_being_sent_and_was_not(void **state)
{
	struct worker *w = *state;
	struct attempt a, again;

	hand_in(w, &a, with_id, "b@example.com");
	leave(w, &a);
	answer(0, failed(OUTCOME_REFUSED, "InvalidParameter"));
	hand_in(w, &again, with_id, "b@example.com");
	assert_int_equal(n_paper, 2);
	assert_int_equal(again.rc, 0);
}

static void sends_again_what_was_uncertain_when_asked_again(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@example.com");
	answer(0, failed(OUTCOME_UNCERTAIN, "Transport.Reset"));
	assert_replied(&a, 451, "outcome unclear");
	hand_in(w, &a, with_id, "b@example.com");
	assert_int_equal(n_paper, 2);
	answer(1, accepted("m"));
	assert_replied(&a, 250, "queued as m");
	/* Now it is known. */
	hand_in(w, &a, with_id, "b@example.com");
	assert_int_equal(a.rc, 1);
	assert_int_equal(n_paper, 2);
}

/* Nothing is lost of mail that an earlier attempt has brought. */
static void says_of_no_remembered_recipient_that_it_was_dropped(void **state)
{
	struct worker *w = *state;
	int fd = memfd_create("log", MFD_CLOEXEC), before = log_fd();
	struct attempt a;
	char *text;

	hand_in_each(w, &a, with_id, "b@alone.example c@alone.example", 2);
	answer(0, accepted("m0"));
	answer(1, accepted("m1"));
	log_use_fd(fd, LOG_TEXT, LOG_INFO);
	/* It is answered in the next turn, and the worker ends before. */
	hand_in_each(w, &a, with_id, "b@alone.example c@alone.example", 2);
	delivery_context_clear(&w->ctx);
	log_use_fd(before, LOG_TEXT, LOG_DEBUG);
	text = read_log(fd);
	close(fd);
	assert_non_null(strstr(text, "remembered to=c@alone.example"));
	assert_null(strstr(text, "dropped"));
	free(text);
}

/* --- any end of any mail ------------------------------------------------------------------- */

#define RECIPIENTS 12
#define MAILS      1500
#define ATTEMPTS   40

/* What the API knows of one mail. */
struct truth {
	char names[RECIPIENTS][40];
	size_t n;
	unsigned got[RECIPIENTS];       /* times accepted */
	unsigned uncertain[RECIPIENTS]; /* times left open */
};

static void count_got(struct truth *t, size_t i, unsigned *counters)
{
	for (size_t r = 0; r < t->n; r++)
		counters[r] += is_for(i, t->names[r]);
}

/* Any answer to call i. An uncertain one was accepted half of the time. */
static void answer_somehow(struct truth *t, size_t i)
{
	static const char *const codes[] = {"FailedOperation.FrequencyLimit",
		"FailedOperation.EmailAddrInBlacklist", "RequestLimitExceeded",
		"InvalidParameter", "InternalError"};
	char id[16];

	switch (below(8)) {
	default:
		count_got(t, i, t->got);
		snprintf(id, sizeof(id), "m%zu", i);
		answer(i, accepted(id));
		break;
	case 5: answer(i, failed(OUTCOME_NOT_SENT, "Transport.Connect")); break;
	case 6:
		if (below(2) == 0)
			count_got(t, i, t->got);
		count_got(t, i, t->uncertain);
		answer(i, failed(OUTCOME_UNCERTAIN, "Transport.Reset"));
		break;
	case 7: answer(i, failed(OUTCOME_REFUSED, codes[below(ARRAY_LEN(codes))])); break;
	}
}

/* Plays the API, and time, until the delivery is over. */
static void play(struct worker *w, struct truth *t, struct attempt *a, bool leaves)
{
	while (w->ctx.in_flight > 0) {
		size_t waiting[64], n = 0;

		for (size_t i = a->first; i < n_paper; i++)
			if (paper[i].done != NULL && n < ARRAY_LEN(waiting))
				waiting[n++] = i;
		if (leaves && below(4) == 0) {
			leave(w, a);
			leaves = false;
		}
		if (n == 0)
			loop_advance(paper_loop, 500);
		else
			answer_somehow(t, waiting[below(n)]);
	}
}

static void check_truth(const struct truth *t, bool told)
{
	for (size_t r = 0; r < t->n; r++) {
		/* Nothing twice, but for what nobody could know. */
		assert_true(t->got[r] <= 1 + t->uncertain[r]);
		/* Nothing lost. */
		assert_true(!told || t->got[r] >= 1);
	}
}

/* A client that tries until it hears 250 or 5yz, as an MTA does. */
static bool deliver(struct worker *w, struct truth *t, size_t number)
{
	char mail[256], rcpt[RECIPIENTS * 40] = "";

	snprintf(mail, sizeof(mail),
		"From: a@example.com\r\nTo: 0@x.example, "
		"1@x.example\r\n%s%zu@example.com>\r\n"
		"\r\n%zu\r\n",
		below(2) == 0 ? "Message-ID: <" : "X-Number: <", number, number);
	for (size_t r = 0; r < t->n; r++)
		snprintf(rcpt + strlen(rcpt), sizeof(rcpt) - strlen(rcpt), "%s%s",
			r > 0 ? " " : "", t->names[r]);
	for (size_t i = 0; i < ATTEMPTS; i++) {
		struct attempt a;
		unsigned code;

		paper_clear();
		hand_in(w, &a, mail, rcpt);
		play(w, t, &a, below(6) == 0);
		if (a.rc == 0 && a.call.replies == 0)
			continue; /* it left */
		code = a.rc == 0 ? a.call.reply.code : a.now.code;
		assert_true(a.call.replies <= 1);
		if (a.call.receipt != NULL || code == 250) {
			bool lost = below(4) == 0;

			if (a.call.receipt != NULL)
				settle(&a, !lost);
			if (lost)
				continue; /* it did not hear it */
		}
		if (code == 250 || code >= 500)
			return code == 250;
		loop_advance(paper_loop, 300000);
	}
	return false;
}

static void loses_nothing_and_doubles_nothing_whatever_happens(void **state)
{
	struct worker *w = *state;
	size_t told = 0;

	log_use_fd(log_fd(), LOG_TEXT, LOG_ERROR);
	for (size_t m = 0; m < MAILS; m++) {
		struct truth t = {.n = 1 + below(RECIPIENTS)};
		bool ok;

		for (size_t r = 0; r < t.n; r++)
			snprintf(t.names[r], sizeof(t.names[r]), "%zu@%s.example", r,
				r % 3 == 0   ? "x"
				: r % 3 == 1 ? "alone"
					     : "second");
		ok = deliver(w, &t, m);
		check_truth(&t, ok);
		told += ok;
	}
	assert_true(told > MAILS / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sends_only_the_rest_when_the_client_tries_again),
		TEST(remembers_who_has_the_mail_where_each_was_told),
		TEST(knows_a_message_id_again_after_a_250_that_may_be_lost),
		TEST(finishes_without_its_client_and_remembers),
		TEST(knows_every_message_id_again),
		TEST(sends_the_same_text_again_once_its_client_has_the_250),
		TEST(knows_a_text_again_only_where_its_250_may_be_lost),
		TEST(tells_each_as_what_it_has_the_mail),
		TEST(answers_a_half_closed_client_and_remembers),
		TEST(asks_the_ledger_only_if_all_recipients_have_a_route),
		TEST(forgets_who_was_being_sent_and_was_not),
		TEST(sends_again_what_was_uncertain_when_asked_again),
		TEST(says_of_no_remembered_recipient_that_it_was_dropped),
		TEST(loses_nothing_and_doubles_nothing_whatever_happens),
	};
	int rc;

	message_library_init();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	message_library_shutdown();
	return rc;
}
