/* SPDX-License-Identifier: MIT */
/* smtp/transaction without a session: how it ends, who is told, and the replies it makes. */
#include "smtp/transaction.h"

#include "smtp/handler.h"
#include "core/budget.h"
#include "core/mem.h"
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Handler and session of one transaction. */
struct scene {
	struct peer peer;
	struct transaction *t;
	int rc;             /* what message() returns */
	bool asks;          /* and whether it asks for a receipt */
	struct reply reply; /* that it sets */
	unsigned messages, aborted, half_closed, ended, settled;
	bool is_late;
	char replies[200]; /* "250 2.0.0, ..." */
};

static void on_settle(void *arg, bool acknowledged)
{
	assert_true(acknowledged);
	((struct scene *)arg)->settled++;
}

static int on_message(void *ctx, struct transaction *t, struct reply *reply)
{
	struct scene *s = ctx;

	s->messages++;
	assert_ptr_equal(t, s->t);
	assert_int_equal(t->state, TRANSACTION_SUBMITTING);
	if (s->asks)
		transaction_set_receipt(t, &(struct smtp_receipt){on_settle, s});
	*reply = s->reply;
	return s->rc;
}

static void on_aborted(void *ctx, struct transaction *t)
{
	assert_ptr_equal(t, ((struct scene *)ctx)->t);
	((struct scene *)ctx)->aborted++;
}

static void on_half_closed(void *ctx, struct transaction *t)
{
	assert_ptr_equal(t, ((struct scene *)ctx)->t);
	((struct scene *)ctx)->half_closed++;
}

static const struct smtp_handler handler = {
	.message = on_message, .aborted = on_aborted, .half_closed = on_half_closed};

static void on_end(void *arg, struct transaction_end *end)
{
	struct scene *s = arg;
	struct reply reply;

	assert_ptr_equal(end->transaction, s->t);
	s->ended++;
	s->is_late = end->is_late;
	while (transaction_next_reply(end, &reply)) {
		char enhanced[REPLY_ENHANCED_LEN];
		size_t n = strlen(s->replies);

		reply_enhanced(&reply, enhanced);
		(void)snprintf(s->replies + n, sizeof(s->replies) - n, "%s%u%s%s",
			n > 0 ? ", " : "", reply.code, enhanced[0] != '\0' ? " " : "",
			enhanced);
	}
	if (end->receipt.settle != NULL)
		end->receipt.settle(end->receipt.arg, true);
}

/* With so many recipients. */
static void begin(struct scene *s, bool prdr, size_t recipients)
{
	struct envelope e;

	s->reply = reply_make(250, "2.0.0", "accepted");
	envelope_init(&e);
	e.reverse_path = mem_strdup("s@example.com");
	e.prdr = prdr;
	s->t = transaction_new(&s->peer, on_end, s);
	transaction_begin(s->t, &e);
	envelope_clear(&e);
	for (size_t i = 0; i < recipients; i++)
		transaction_note_rcpt(s->t, i);
}

/* The first recipient is fine, the second is not. */
static void first_only(void *arg, size_t recipient, struct reply *reply)
{
	(void)arg;
	if (recipient > 0)
		*reply = reply_make(550, "5.1.1", "unknown");
}

static void ends_at_once_if_the_handler_has_a_reply(void **state)
{
	static const int codes[] = {1, -1};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		struct scene s = {.rc = codes[i], .asks = codes[i] > 0};

		begin(&s, false, 1);
		transaction_submit(s.t, &handler, &s);
		assert_int_equal(s.messages, 1);
		assert_int_equal(s.ended, 1);
		assert_false(s.is_late);
		assert_int_equal(s.aborted, 0);
		assert_int_equal(s.settled, codes[i] > 0);
		assert_string_equal(s.replies, "250 2.0.0");
	}
}

static void ends_later_if_the_handler_says_so(void **state)
{
	struct scene s = {.rc = 0};

	(void)state;
	begin(&s, false, 1);
	transaction_half_close(s.t); /* nobody works on it yet */
	assert_int_equal(s.half_closed, 0);
	transaction_submit(s.t, &handler, &s);
	assert_int_equal(s.ended, 0);
	assert_int_equal(s.t->state, TRANSACTION_WAITING);
	transaction_half_close(s.t);
	assert_int_equal(s.half_closed, 1);
	transaction_set_receipt(s.t, &(struct smtp_receipt){on_settle, &s});
	transaction_finish(s.t, &s.reply, NULL, NULL);
	assert_int_equal(s.ended, 1);
	assert_true(s.is_late);
	assert_int_equal(s.settled, 1);
	assert_int_equal(s.aborted, 0);
}

static void tells_only_a_handler_that_waits_of_the_abort(void **state)
{
	struct scene open = {.rc = 0}, waiting = {.rc = 0};
	struct transaction *t;

	(void)state;
	begin(&open, false, 1);
	transaction_free(&open.t);
	assert_null(open.t);
	transaction_free(&open.t);
	assert_int_equal(open.aborted + open.ended, 0);
	begin(&waiting, false, 1);
	transaction_submit(waiting.t, &handler, &waiting);
	t = waiting.t;
	transaction_free(&t);
	assert_int_equal(waiting.aborted, 1);
	assert_int_equal(waiting.ended, 0);
}

static void refuses_without_the_handler(void **state)
{
	struct scene s = {0};
	struct reply no = reply_make(554, "5.6.0", "no");

	(void)state;
	begin(&s, false, 1);
	transaction_refuse(s.t, &no);
	assert_int_equal(s.messages, 0);
	assert_int_equal(s.ended, 1);
	assert_string_equal(s.replies, "554 5.6.0");
}

static void replies_to_whoever_gets_one(void **state)
{
	static const struct {
		bool lmtp, prdr;
		size_t recipients;
		transaction_reply_of *of;
		const char *want;
	} cases[] = {
		{false, false, 2, NULL, "250 2.0.0"},
		{false, false, 2, first_only, "250 2.0.0"},
		{true, false, 1, NULL, "250 2.0.0"},
		{true, false, 3, NULL, "250 2.0.0, 250 2.0.0, 250 2.0.0"},
		{true, false, 2, first_only, "250 2.0.0, 550 5.1.1"},
		{false, true, 2, NULL, "250 2.0.0"},
		{false, true, 1, first_only, "250 2.0.0"},
		{false, true, 2, first_only, "353, 250 2.0.0, 550 5.1.1, 250 2.0.0"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct scene s = {.peer.lmtp = cases[i].lmtp};

		begin(&s, cases[i].prdr, cases[i].recipients);
		assert_int_equal(s.t->per_recipient, cases[i].lmtp || cases[i].prdr);
		/* Without a handler's own replies there is one for all. */
		transaction_submit(s.t, &handler, &s);
		transaction_finish(s.t, &s.reply, cases[i].of, NULL);
		assert_string_equal(s.replies, cases[i].want);
	}
}

static void keeps_no_more_body_than_its_maximum(void **state)
{
	struct scene s = {0};
	struct budget budget = {.limit = 10000};
	struct reply reply;

	(void)state;
	begin(&s, false, 1);
	assert_int_equal(transaction_open_body(s.t, 100, &budget, &reply), 0);
	assert_int_equal(buf_append(&s.t->body, (char[101]){0}, 101), -1);
	assert_int_equal(errno, EMSGSIZE);
	reply = transaction_refuse_body(100, EMSGSIZE);
	assert_int_equal(reply.code, 552);
	buf_free(&s.t->body);
	budget.limit = 50;
	assert_int_equal(transaction_open_body(s.t, 100, &budget, &reply), -1);
	assert_int_equal(reply.code, 452);
	transaction_free(&s.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_at_once_if_the_handler_has_a_reply),
		cmocka_unit_test(ends_later_if_the_handler_says_so),
		cmocka_unit_test(tells_only_a_handler_that_waits_of_the_abort),
		cmocka_unit_test(refuses_without_the_handler),
		cmocka_unit_test(replies_to_whoever_gets_one),
		cmocka_unit_test(keeps_no_more_body_than_its_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
