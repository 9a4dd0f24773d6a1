/* SPDX-License-Identifier: MIT */
/* delivery/: the state machine and its calls. */
#include "delivery/schedule.h"
#include "mail/message.h"
#include "ses/account_health.h"

#include "delivery_rig.h"

#include <stdio.h>
#include <string.h>

/* --- states ------------------------------------------------------------------------------- */

static void moves_only_where_the_table_allows(void **state)
{
	static const char *const arrows[] = {"planning>waiting-turn", "planning>done",
		"waiting-turn>sending", "waiting-turn>done", "sending>waiting-retry",
		"sending>done", "waiting-retry>waiting-turn", "waiting-retry>done"};
	size_t n = 0;

	(void)state;
	for (int from = 0; from < DELIVERY_STATES; from++) {
		for (int to = 0; to < DELIVERY_STATES; to++) {
			char arrow[64];
			bool listed = false;

			snprintf(arrow, sizeof(arrow), "%s>%s", delivery_state_name(from),
				delivery_state_name(to));
			for (size_t i = 0; i < ARRAY_LEN(arrows); i++)
				listed = listed || strcmp(arrow, arrows[i]) == 0;
			assert_int_equal(delivery_state_allows(from, to), listed);
			n += listed;
		}
	}
	assert_int_equal(n, ARRAY_LEN(arrows));
}

/* --- one call ----------------------------------------------------------------------------- */

static void answers_250_when_the_api_accepted(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@example.com");
	assert_int_equal(a.rc, 0);
	assert_int_equal(n_paper, 1);
	assert_int_equal(state_of(&a), DELIVERY_SENDING);
	assert_int_equal(paper[0].timeout, 30000);
	assert_true(is_for(0, "b@example.com"));
	assert_non_null(strstr(paper[0].body, "X-Tencentcloudses-Cb-Sesrelay"));
	assert_int_equal(w->ctx.in_flight, 1);
	assert_int_equal(metrics_sum(w->metrics, METRIC_IN_FLIGHT, 0), 1);
	assert_int_equal(a.call.replies, 0);
	answer(0, accepted("qcloudses-1"));
	assert_replied(&a, 250, "Ok: queued as qcloudses-1 req=req-1");
	assert_int_equal(w->ctx.in_flight, 0);
	assert_int_equal(w->idled, 1);
	assert_int_equal(metrics_sum(w->metrics, METRIC_REPLIES, 0), 1);
	assert_int_equal(metrics_sum(w->metrics, METRIC_IN_FLIGHT, 0), 0);
	assert_int_equal(
		metrics_sum(w->metrics, METRIC_OUTCOMES, OUTCOME_SERIES_ACCEPTED), 1);
}

static void fills_a_template_from_the_mail(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a,
		"From: a@example.com\r\nDate: Fri, 2 Jan 2026 03:04:05 "
		"+0000\r\n\r\ntext\r\n",
		"b@dated.example");
	assert_int_equal(a.rc, 0);
	assert_non_null(strstr(paper[0].body,
		"\"TemplateID\":7,\"TemplateData\":\"{\\\"when\\\":\\\"Fri, 2 Jan 2026 "
		"03:04:05 +0000\\\",\\\"what\\\":\\\"text\\\"}\""));
	assert_null(strstr(paper[0].body, "Simple"));
	answer(0, accepted("m"));
	assert_replied(&a, 250, "queued as m");
}

static void answers_each_class_by_its_row(void **state)
{
	static const struct {
		enum outcome_class class;
		const char *code;
		unsigned smtp;
		const char *enhanced;
	} cases[] = {
		{OUTCOME_REFUSED, "InvalidParameter", 554, "5.5.4"},
		{OUTCOME_REFUSED, "FailedOperation.FrequencyLimit", 450, "4.2.1"},
		{OUTCOME_REFUSED, "RequestLimitExceeded", 451, "4.4.5"},
		{OUTCOME_REFUSED, "AuthFailure.SecretIdNotFound", 554, "5.3.5"},
		{OUTCOME_REFUSED, "AuthFailure.TokenFailure", 554, "5.3.5"},
		{OUTCOME_REFUSED, "Never.Heard.Of", 451, "4.3.0"},
		{OUTCOME_UNCERTAIN, "Transport.Timeout", 451, "4.4.2"},
		{OUTCOME_UNCERTAIN, "Transport.BadResponse", 451, "4.4.2"},
	};
	struct worker *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct attempt a;
		char enhanced[16];
		size_t begun;

		hand_in(w, &a, without_id, "b@example.com");
		answer(n_paper - 1, failed(cases[i].class, cases[i].code));
		assert_replied(&a, cases[i].smtp, cases[i].code);
		assert_non_null(strstr(a.call.reply.text, "req=req-2"));
		snprintf(enhanced, sizeof(enhanced), "%hu.%hu.%hu", a.call.reply.enh[0],
			a.call.reply.enh[1], a.call.reply.enh[2]);
		assert_string_equal(enhanced, cases[i].enhanced);
		/* Neither an answer nor an uncertain call is tried again. */
		begun = n_paper;
		loop_advance(paper_loop, 60000);
		for (size_t j = begun; j < n_paper; j++)
			assert_string_not_equal(paper[j].action, "SendEmail");
	}
}

static void never_says_250_without_a_message_id(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@example.com");
	answer(0, accepted(""));
	assert_replied(&a, 451, "without a MessageId");
}

static void tries_again_what_was_not_sent_until_the_deadline(void **state)
{
	static const uint64_t begun[] = {0, 1000, 3000, 7000, 15000, 31000};
	struct worker *w = *state;
	struct attempt a;
	uint64_t start = loop_now_ms(paper_loop);

	hand_in(w, &a, with_id, "b@example.com");
	for (size_t i = 0; i < ARRAY_LEN(begun); i++) {
		assert_int_equal(n_paper, i + 1);
		assert_int_equal(paper[i].begun_at - start, begun[i]);
		assert_int_equal(a.call.replies, 0);
		answer(i, failed(OUTCOME_NOT_SENT, "Transport.Connect"));
		if (i + 1 < ARRAY_LEN(begun)) {
			assert_int_equal(state_of(&a), DELIVERY_WAITING_RETRY);
			loop_advance(paper_loop, begun[i + 1] - begun[i] - 1);
			assert_int_equal(n_paper, i + 1);
			loop_advance(paper_loop, 1);
		}
	}
	/* 31 s and 32 s of pause would pass the deadline of 50 s. */
	assert_replied(&a, 451, "Transport.Connect");
	assert_int_equal(a.call.reply.enh[2], 1);
	assert_int_equal(metrics_sum(w->metrics, METRIC_RETRIES, 0), 5);
	/* The last call had what was left. */
	assert_int_equal(paper[5].timeout, 19000);
}

static void sends_at_last_what_was_not_sent_at_first(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@example.com");
	answer(0, failed(OUTCOME_NOT_SENT, "Transport.Dns"));
	loop_advance(paper_loop, 1000);
	answer(1, accepted("m"));
	assert_replied(&a, 250, "queued as m");
}

static void learns_the_skew_and_signs_again_once(void **state)
{
	struct worker *w = *state;
	struct ses_result expired =
		failed(OUTCOME_REFUSED, "AuthFailure.SignatureExpire");
	struct attempt a;

	expired.date = loop_wall_s(paper_loop) + 900;
	hand_in(w, &a, with_id, "b@example.com");
	answer(0, expired);
	assert_int_equal(n_paper, 2);
	assert_int_equal(paper[1].skew, 900);
	answer(1, accepted("m"));
	assert_replied(&a, 250, "queued as m");
	/* The second time it is an answer like others. */
	hand_in(w, &a, without_id, "b@example.com");
	answer(2, expired);
	answer(3, expired);
	assert_int_equal(n_paper, 4);
	assert_replied(&a, 554, "AuthFailure.SignatureExpire");
	/* Without a Date there is nothing to learn. */
	expired.date = 0;
	hand_in(w, &a, without_id, "b@example.com");
	answer(4, expired);
	assert_int_equal(n_paper, 5);
	assert_replied(&a, 554, "AuthFailure.SignatureExpire");
	/* A Date for which there is no key is not believed. */
	expired.date = loop_wall_s(paper_loop) + 10 * 86400;
	hand_in(w, &a, without_id, "b@example.com");
	answer(5, expired);
	assert_int_equal(n_paper, 6);
	assert_replied(&a, 554, "AuthFailure.SignatureExpire");
	hand_in(w, &a, without_id, "b@example.com");
	assert_int_equal(paper[6].skew, 900);
	answer(6, accepted("m"));
	assert_replied(&a, 250, "queued as m");
}

static void expect_failing(const struct worker *w, int64_t failing)
{
	assert_int_equal(metrics_sum(w->metrics, METRIC_AUTH_FAILING, 0), failing);
}

static void asks_whether_failing_credentials_are_good_again(void **state)
{
	struct worker *w = *state;
	struct ses_result not_sent = failed(OUTCOME_NOT_SENT, "Transport.Connect");
	struct attempt a;

	hand_in(w, &a, without_id, "b@example.com");
	answer(0, failed(OUTCOME_REFUSED, "AuthFailure.SignatureFailure"));
	expect_failing(w, 1);
	loop_advance(paper_loop, ACCOUNT_HEALTH_PAUSE_MIN_MS - 1);
	assert_int_equal(n_paper, 1);
	loop_advance(paper_loop, 1);
	assert_int_equal(n_paper, 2);
	assert_string_equal(paper[1].action, "ListEmailTemplates");
	/* One at a time, and later each time. */
	loop_advance(paper_loop, 10 * ACCOUNT_HEALTH_PAUSE_MIN_MS);
	assert_int_equal(n_paper, 2);
	answer(1, failed(OUTCOME_REFUSED, "AuthFailure.SignatureFailure"));
	expect_failing(w, 1);
	loop_advance(paper_loop, 2 * ACCOUNT_HEALTH_PAUSE_MIN_MS - 1);
	assert_int_equal(n_paper, 2);
	loop_advance(paper_loop, 1);
	assert_int_equal(n_paper, 3);
	answer(2, not_sent); /* proves nothing */
	expect_failing(w, 1);
	loop_advance(paper_loop, 4 * ACCOUNT_HEALTH_PAUSE_MIN_MS);
	answer(3, failed(OUTCOME_REFUSED, "Transport.Http4xx")); /* nor does this */
	expect_failing(w, 1);
	loop_advance(paper_loop, ACCOUNT_HEALTH_PAUSE_MAX_MS);
	answer(4, accepted(""));
	expect_failing(w, 0);
	loop_advance(paper_loop, 2 * ACCOUNT_HEALTH_PAUSE_MAX_MS);
	assert_int_equal(n_paper, 5);
}

static void a_key_that_may_only_send_is_good(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, without_id, "b@example.com");
	answer(0, failed(OUTCOME_REFUSED, "AuthFailure.SecretIdNotFound"));
	expect_failing(w, 1);
	loop_advance(paper_loop, ACCOUNT_HEALTH_PAUSE_MIN_MS);
	answer(1, failed(OUTCOME_REFUSED, "UnauthorizedOperation"));
	expect_failing(w, 0);
}

static void a_call_that_is_signed_again_says_nothing_of_credentials(void **state)
{
	struct worker *w = *state;
	struct ses_result expired =
		failed(OUTCOME_REFUSED, "AuthFailure.SignatureExpire");
	struct attempt a;

	expired.date = loop_wall_s(paper_loop) + 900;
	hand_in(w, &a, without_id, "b@example.com");
	answer(0, expired);
	expect_failing(w, 0);
	answer(1, accepted("m"));
	assert_replied(&a, 250, "queued as m");
	expect_failing(w, 0);
	/* The second time it does. */
	hand_in(w, &a, without_id, "c@example.com");
	answer(2, expired);
	expect_failing(w, 0);
	answer(3, expired);
	assert_replied(&a, 554, "AuthFailure.SignatureExpire");
	expect_failing(w, 1);
}

static void counts_accounts_whose_credentials_fail(void **state)
{
	struct worker *w = *state;
	static const struct {
		const char *recipient, *code;
		int64_t failing;
	} steps[] = {
		{"b@example.com", "AuthFailure.SecretIdNotFound", 1},
		{"b@example.com", "AuthFailure.SignatureFailure", 1},
		{"b@second.example", "UnauthorizedOperation", 2},
		/* Another answer proves the credentials. */
		{"b@example.com", "InvalidParameter", 1},
		{"b@second.example", NULL, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct attempt a;

		hand_in(w, &a, without_id, steps[i].recipient);
		answer(i, steps[i].code != NULL ? failed(OUTCOME_REFUSED, steps[i].code)
						: accepted("m"));
		assert_int_equal(metrics_sum(w->metrics, METRIC_AUTH_FAILING, 0),
			steps[i].failing);
	}
}

/* --- several calls ------------------------------------------------------------------------ */

#define TEN                                                                              \
	"0@alone.example 1@alone.example 2@alone.example 3@alone.example "               \
	"4@alone.example "                                                               \
	"5@alone.example 6@alone.example 7@alone.example 8@alone.example "               \
	"9@alone.example"

static void sends_one_call_then_several_at_a_time(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, TEN);
	assert_int_equal(n_paper, 1);
	answer(0, accepted("m0"));
	assert_int_equal(n_paper, 1 + SCHEDULE_PARALLEL);
	answer(3, accepted("m3"));
	assert_int_equal(n_paper, 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(a.call.replies, 0);
		if (i != 0 && i != 3)
			answer(i, accepted("m"));
	}
	assert_replied(&a, 250, "queued as m0 and 9 more");
}

static void begins_no_more_after_one_was_not_sent(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, TEN);
	answer(0, accepted("m0"));
	answer(1, failed(OUTCOME_NOT_SENT, "Transport.Connect"));
	assert_int_equal(n_paper, 1 + SCHEDULE_PARALLEL);
	/* An answer says that the way is open again. */
	answer(2, accepted("m2"));
	assert_int_equal(n_paper, 10);
	for (size_t i = 3; i < 10; i++)
		answer(i, accepted("m"));
	assert_int_equal(a.call.replies, 0);
	loop_advance(paper_loop, 1000);
	assert_int_equal(n_paper, 11);
	assert_true(is_for(10, "1@alone.example"));
	answer(10, accepted("m1"));
	assert_replied(&a, 250, "queued as m0 and 9 more");
}

static void goes_on_where_one_recipient_is_refused(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@alone.example c@alone.example");
	answer(0, failed(OUTCOME_REFUSED, "FailedOperation.EmailAddrInBlacklist"));
	assert_int_equal(n_paper, 2);
	answer(1, accepted("m"));
	assert_replied(&a, 550, "not sent to b@alone.example; sent to c@alone.example");
}

static void stops_where_the_whole_message_is_refused(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@alone.example c@alone.example d@alone.example");
	answer(0, failed(OUTCOME_REFUSED, "FailedOperation.IllegalURL"));
	assert_int_equal(n_paper, 1);
	assert_replied(&a, 550, "FailedOperation.IllegalURL");
	assert_null(strstr(a.call.reply.text, "sent to"));
}

static void stops_one_account_and_goes_on_with_another(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@alone.example c@alone.example b@second.example");
	answer(0, failed(OUTCOME_REFUSED, "RequestLimitExceeded"));
	assert_int_equal(n_paper, 2);
	assert_string_equal(paper[1].account->name, "second");
	answer(1, accepted("m"));
	assert_replied(&a, 451, "RequestLimitExceeded");
}

static void holds_the_others_back_while_the_api_is_not_reached(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@alone.example c@alone.example");
	answer(0, failed(OUTCOME_NOT_SENT, "Transport.Connect"));
	assert_int_equal(n_paper, 1);
	loop_advance(paper_loop, 1000);
	assert_int_equal(n_paper, 2);
	assert_true(is_for(1, "b@alone.example"));
	answer(1, accepted("m1"));
	assert_true(is_for(2, "c@alone.example"));
	answer(2, accepted("m2"));
	assert_replied(&a, 250, "queued as m1 and 1 more");
}

static void begins_no_call_that_the_deadline_would_cut(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, with_id, "b@alone.example c@alone.example");
	loop_advance(paper_loop, 49500);
	answer(0, accepted("m"));
	assert_int_equal(n_paper, 1);
	assert_replied(&a, 451, "1 of 2 recipients done");
}

/* message() never calls the client back itself, however little time is left. */
static void starts_with_a_call_though_no_time_is_left(void **state)
{
	struct worker *w = *state;
	struct conf late = rig_conf;
	struct attempt a;

	late.limits.deadline = 0;
	w->ctx.conf = &late;
	hand_in(w, &a, with_id, "b@alone.example c@alone.example");
	assert_int_equal(a.rc, 0);
	assert_int_equal(a.call.replies, 0);
	assert_int_equal(n_paper, 1);
	assert_int_equal(paper[0].timeout, 0);
	answer(0, failed(OUTCOME_NOT_SENT, "Transport.NotSent"));
	assert_int_equal(n_paper, 1);
	assert_replied(&a, 451, "Transport.NotSent");
	w->ctx.conf = &rig_conf;
}

static void tells_each_recipient_its_own_result_if_asked(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in_each(
		w, &a, without_id, "b@alone.example c@alone.example d@alone.example", 3);
	answer(0, accepted("m0"));
	answer(1, failed(OUTCOME_REFUSED, "FailedOperation.FrequencyLimit"));
	answer(2, failed(OUTCOME_REFUSED, "FailedOperation.EmailAddrInBlacklist"));
	assert_int_equal(a.call.replies, 1);
	assert_each(&a, 0, 250, "queued as m0");
	assert_each(&a, 1, 450, "FailedOperation.FrequencyLimit");
	assert_each(&a, 2, 550, "FailedOperation.EmailAddrInBlacklist");
	/* It was told that it has the mail: the same bytes again are a new one. */
	hand_in_each(w, &a, without_id, "b@alone.example", 1);
	assert_int_equal(n_paper, 4);
	answer(3, accepted("m3"));
	assert_each(&a, 0, 250, "queued as m3");
}

/* --- what was refused before any call ------------------------------------------------------ */

static void refuses_without_a_call(void **state)
{
	static const struct {
		const char *mail, *recipients;
		unsigned code;
		const char *says;
	} cases[] = {
		{with_id, "b@example.com b@nowhere.test", 550,
			"no route for <b@nowhere.test>"},
		{"From: a@x.example\r\nFrom: b@x.example\r\n\r\nx\r\n", "b@example.com",
			554, "From"},
	};
	struct worker *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct attempt a;

		hand_in(w, &a, cases[i].mail, cases[i].recipients);
		assert_int_equal(a.rc, -1);
		assert_int_equal(a.now.code, cases[i].code);
		assert_non_null(strstr(a.now.text, cases[i].says));
		assert_int_equal(n_paper, 0);
		assert_int_equal(w->ctx.in_flight, 0);
		assert_int_equal(w->budget.used, 0);
	}
}

static void defers_where_memory_is_at_its_end(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	w->budget.limit = 300;
	hand_in(w, &a, with_id, "b@example.com");
	assert_int_equal(a.rc, -1);
	assert_int_equal(a.now.code, 452);
	assert_int_equal(metrics_sum(w->metrics, METRIC_MEMORY_REFUSED, 0), 1);
	w->budget.limit = 0;
}

static void applies_its_policy_at_mail_and_rcpt(void **state)
{
	struct worker *w = *state;
	struct conf strict = rig_conf;
	const struct peer peer = {.listener = &inside};
	struct envelope e = {.reverse_path = TEXT("")};
	struct reply r;

	w->ctx.conf = &strict;
	assert_int_equal(delivery_handler.mail(&w->ctx, &peer, &e, &r), -1);
	assert_int_equal(r.code, 550);
	strict.mail.null_sender = true;
	assert_int_equal(delivery_handler.mail(&w->ctx, &peer, &e, &r), 1);
	assert_int_equal(
		delivery_handler.rcpt(&w->ctx, &peer, &e, "b@example.com", &r), 1);
	assert_int_equal(
		delivery_handler.rcpt(&w->ctx, &peer, &e, "b@nowhere.test", &r), -1);
	assert_int_equal(r.code, 550);
	w->ctx.conf = &rig_conf;
}

static void drops_what_is_left_at_the_end_of_a_worker(void **state)
{
	struct worker *w = *state;
	struct attempt a, b;

	hand_in(w, &a, with_id, "b@alone.example c@alone.example");
	answer(0, failed(OUTCOME_NOT_SENT, "Transport.Dns"));
	hand_in(w, &b, without_id, "b@example.com");
	assert_int_equal(w->ctx.in_flight, 2);
	delivery_context_clear(&w->ctx);
	assert_int_equal(w->ctx.in_flight, 0);
	assert_int_equal(a.call.replies + b.call.replies, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_only_where_the_table_allows),
		TEST(answers_250_when_the_api_accepted),
		TEST(fills_a_template_from_the_mail),
		TEST(answers_each_class_by_its_row),
		TEST(never_says_250_without_a_message_id),
		TEST(tries_again_what_was_not_sent_until_the_deadline),
		TEST(sends_at_last_what_was_not_sent_at_first),
		TEST(learns_the_skew_and_signs_again_once),
		TEST(asks_whether_failing_credentials_are_good_again),
		TEST(a_key_that_may_only_send_is_good),
		TEST(a_call_that_is_signed_again_says_nothing_of_credentials),
		TEST(counts_accounts_whose_credentials_fail),
		TEST(sends_one_call_then_several_at_a_time),
		TEST(begins_no_more_after_one_was_not_sent),
		TEST(goes_on_where_one_recipient_is_refused),
		TEST(stops_where_the_whole_message_is_refused),
		TEST(stops_one_account_and_goes_on_with_another),
		TEST(holds_the_others_back_while_the_api_is_not_reached),
		TEST(begins_no_call_that_the_deadline_would_cut),
		TEST(starts_with_a_call_though_no_time_is_left),
		TEST(tells_each_recipient_its_own_result_if_asked),
		TEST(refuses_without_a_call),
		TEST(defers_where_memory_is_at_its_end),
		TEST(applies_its_policy_at_mail_and_rcpt),
		TEST(drops_what_is_left_at_the_end_of_a_worker),
	};
	int rc;

	message_library_init();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	message_library_shutdown();
	return rc;
}
