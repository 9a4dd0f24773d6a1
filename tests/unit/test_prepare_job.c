/* SPDX-License-Identifier: MIT */
/* delivery/prepare_job: a large message is prepared beside the loop, a small one at once. */
#include "delivery/delivery.h"

#include "core/log.h"
#include "core/mem.h"
#include "delivery/delivery_private.h"
#include "delivery/handler.h"
#include "ledger/ledger_memory.h"
#include "mail/message.h"

#include "regions.h"
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define TEXT(s) ((char[]){s})

/* --- the backend and the session, on paper ------------------------------------------------ */

struct ses_account {
	const char *name;
};

static struct ses_account the_account = {"first"};

/* A request that was to be sent. */
struct backend_call {
	char *body; /* owned */
	backend_done *done;
	void *arg;
};

#define PAPER_CALLS 64
static struct backend_call paper[PAPER_CALLS];
static size_t n_paper;

struct ses_account *backend_account(struct backend *b, const char *name)
{
	(void)b;
	return strcmp(name, the_account.name) == 0 ? &the_account : NULL;
}

const char *ses_account_name(const struct ses_account *a)
{
	return a->name;
}

int64_t ses_account_learn_skew(struct ses_account *a, int64_t date)
{
	(void)a;
	return date;
}

bool ses_account_can_sign_at(const struct ses_account *a, int64_t time)
{
	(void)a;
	(void)time;
	return false;
}

struct backend_call *backend_send(struct ses_account *a, struct ses_request *request,
	uint64_t timeout_ms, backend_done *done, void *arg)
{
	struct backend_call *c = &paper[n_paper++];
	size_t size = ses_request_size(request);

	(void)a;
	(void)timeout_ms;
	assert_true(n_paper < PAPER_CALLS);
	*c = (struct backend_call){mem_new(size + 1, 1), done, arg};
	assert_int_equal(ses_request_read(request, 0, c->body, size), size);
	return c;
}

void backend_call_drop(struct backend_call **call)
{
	(*call)->done = NULL;
	*call = NULL;
}

/* A client that waits, with the transaction that the handler gets. */
struct call {
	struct transaction transaction;
	unsigned replies;
	struct reply reply;
};

static struct call *call_of(struct transaction *t)
{
	return (struct call *)((char *)t - offsetof(struct call, transaction));
}

void transaction_finish(struct transaction *t, const struct reply *reply,
	transaction_reply_of *of, void *arg)
{
	struct call *call = call_of(t);

	(void)of;
	(void)arg;
	call->replies++;
	call->reply = *reply;
}

/* Nobody is in doubt here. */
void transaction_set_receipt(struct transaction *t, const struct smtp_receipt *receipt)
{
	(void)t;
	receipt->settle(receipt->arg, true);
}

/* --- a worker ----------------------------------------------------------------------------- */

static char *to_alone[] = {TEXT("*@alone.example")};

static struct conf_account accounts[] = {{.name = TEXT("first")}};
static struct conf_route routes[] = {
	{.name = TEXT("alone"),
		.recipient = {to_alone, 1},
		.account = TEXT("first"),
		.recipients = CONF_RECIPIENTS_SEPARATE,
		.message_id = true,
		.rewrite_from = TEXT("")},
	{.name = TEXT("all"),
		.account = TEXT("first"),
		.message_id = true,
		.rewrite_from = TEXT("")},
};

static const struct conf conf = {
	.accounts = accounts,
	.n_accounts = ARRAY_LEN(accounts),
	.routes = routes,
	.n_routes = ARRAY_LEN(routes),
	.limits =
		{
			.message_size = 1 << 24,
			.request_size = 1 << 24,
			.deadline = 50000,
			.call_timeout = 30000,
			.retry_delay = 1000,
			.header_lines = 1000,
			.header_bytes = 102400,
			.address_tokens = 10240,
			.parts = 1000,
			.nesting = 100,
			.hops = 50,
		},
};

struct worker {
	struct loop *loop;
	struct outcome_table *outcomes;
	struct budget budget;
	struct shm *shm;
	struct delivery_context ctx;
	unsigned idled;
};

static void on_idle(void *arg)
{
	struct worker *w = arg;

	w->idled++;
}

static int setup(void **state)
{
	struct worker *w = mem_new(1, sizeof(*w));

	log_use_fd(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_TEXT, LOG_DEBUG);
	assert_int_equal(outcome_table_new(&conf, &w->outcomes, NULL), 0);
	w->shm = regions_new(1);
	w->loop = loop_new();
	clock_freeze(loop_clock(w->loop), 1000000, 1767323045);
	n_paper = 0;
	w->ctx = (struct delivery_context){.loop = w->loop,
		.conf = &conf,
		.outcomes = w->outcomes,
		.budget = &w->budget,
		.ledger = ledger_memory_new(w->shm, 0, 1024),
		.idle = on_idle,
		.idle_arg = w};
	assert_int_equal(delivery_context_init(&w->ctx, NULL), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct worker *w = *state;

	delivery_context_clear(&w->ctx);
	assert_int_equal(w->ctx.in_flight, 0);
	loop_free(&w->loop);
	assert_int_equal(w->budget.used, 0);
	while (n_paper > 0)
		free(paper[--n_paper].body);
	ledger_free(&w->ctx.ledger);
	shm_free(&w->shm);
	outcome_table_free(&w->outcomes);
	close(log_fd());
	free(w);
	return 0;
}

/* --- a client ----------------------------------------------------------------------------- */

#define HEAD  "From: a@example.com\r\nTo: b@example.com\r\nMessage-ID: <1@example.com>\r\n"
#define LARGE ((size_t)2 * 1024 * 1024)

static const struct conf_listener inside = {.name = (char *)"inside"};
static const struct peer peer = {.session_id = "5e5510", .listener = &inside};

struct attempt {
	struct call call;
	int rc;
	struct reply now;
};

static enum delivery_state state_of(const struct attempt *a)
{
	return delivery_state(a->call.transaction.handler_data);
}

/* Hands in head and size bytes of text, to recipients 0@domain, 1@domain ... */
static void hand_in(struct worker *w, struct attempt *a, const char *head, size_t size,
	const char *domain, size_t recipients)
{
	struct transaction *t = &a->call.transaction;

	*a = (struct attempt){.rc = 0};
	t->peer = &peer;
	envelope_init(&t->envelope);
	t->envelope.reverse_path = mem_strdup("a@example.com");
	for (size_t i = 0; i < recipients; i++) {
		char *one = mem_sprintf("%zu@%s", i, domain);

		envelope_add(&t->envelope, one);
		free(one);
	}
	buf_init(&t->body, 1 << 24, &w->budget);
	assert_int_equal(buf_append_str(&t->body, head), 0);
	assert_int_equal(buf_append_str(&t->body, "\r\n"), 0);
	assert_int_equal(buf_reserve(&t->body, size), 0);
	memset(t->body.data + t->body.len, 'x', size);
	buf_set_len(&t->body, t->body.len + size);
	a->rc = delivery_handler.message(&w->ctx, t, &a->now);
	buf_free(&t->body);
	envelope_clear(&t->envelope);
}

/* Turns the loop until nothing is planned any more; returns how often. */
static size_t wait_for(struct worker *w, const size_t *what, size_t least)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	size_t turns = 0;

	for (; *what < least; turns++) {
		if (turns == 20000)
			fail_msg("nothing happened in 20 s");
		loop_turn(w->loop);
		nanosleep(&pause, NULL);
	}
	return turns;
}

static void wait_for_reply(struct worker *w, const struct attempt *a)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int turns = 0; a->call.replies == 0; turns++) {
		if (turns == 20000)
			fail_msg("no reply in 20 s");
		loop_turn(w->loop);
		nanosleep(&pause, NULL);
	}
}

static void accept_call(struct worker *w, size_t i)
{
	struct ses_result r = {
		.class = OUTCOME_ACCEPTED, .message_id = "m1", .request_id = "r1"};
	backend_done *done = paper[i].done;

	assert_non_null(done);
	paper[i].done = NULL;
	done(paper[i].arg, &r);
	loop_turn(w->loop);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void the_loop_goes_on_while_a_large_message_is_prepared(void **state)
{
	struct worker *w = *state;
	struct attempt large, small;

	hand_in(w, &large, HEAD, LARGE, "example.com", 1);
	assert_int_equal(large.rc, 0);
	assert_int_equal(state_of(&large), DELIVERY_PLANNING);
	assert_int_equal(n_paper, 0);
	assert_int_equal(w->ctx.in_flight, 1);
	/* Another client's, small: its call begins at once. */
	hand_in(w, &small, HEAD, 100, "example.com", 1);
	assert_int_equal(n_paper, 1);
	assert_int_equal(state_of(&small), DELIVERY_SENDING);
	assert_true(wait_for(w, &n_paper, 2) > 0);
	assert_int_equal(state_of(&large), DELIVERY_SENDING);
	assert_true(strlen(paper[1].body) > LARGE);
	accept_call(w, 1);
	accept_call(w, 0);
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

	hand_in(w, &small, HEAD, 99, "alone.example", 3);
	while (n_paper < 3)
		accept_call(w, n_paper - 1);
	hand_in(w, &large, HEAD, LARGE, "alone.example", 3);
	(void)wait_for(w, &n_paper, 4);
	accept_call(w, 3);
	(void)wait_for(w, &n_paper, 6);
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

	hand_in(w, &a, HEAD, 10, "alone.example", 1000);
	assert_int_equal(a.rc, 0);
	assert_int_equal(n_paper, 0);
	assert_int_equal(state_of(&a), DELIVERY_PLANNING);
	(void)wait_for(w, &n_paper, 1);
}

static void refuses_a_large_message_later(void **state)
{
	struct worker *w = *state;
	struct attempt a;

	hand_in(w, &a, HEAD "From: another@example.com\r\n", LARGE, "example.com", 2);
	assert_int_equal(a.rc, 0);
	wait_for_reply(w, &a);
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
	hand_in(w, &a, HEAD, LARGE, "example.com", 1);
	assert_int_equal(a.rc, 0);
	wait_for_reply(w, &a);
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

	hand_in(w, &a, HEAD, LARGE, "example.com", 1);
	assert_int_equal(a.rc, 0);
	delivery_handler.aborted(&w->ctx, &a.call.transaction);
	for (int i = 0; i < 20000 && w->ctx.in_flight > 0; i++) {
		loop_turn(w->loop);
		nanosleep(&pause, NULL);
	}
	assert_int_equal(w->ctx.in_flight, 0);
	assert_int_equal(n_paper, 0);
	assert_int_equal(a.call.replies, 0);
	assert_int_equal(w->idled, 1);
	/* Its next attempt is no double, and does not wait. */
	hand_in(w, &a, HEAD, LARGE, "example.com", 1);
	(void)wait_for(w, &n_paper, 1);
}

/* The log as a text; the caller frees it. */
static char *read_log(int fd)
{
	off_t len = lseek(fd, 0, SEEK_END);
	char *text = mem_new((size_t)len + 1, 1);

	assert_int_equal(pread(fd, text, (size_t)len, 0), len);
	return text;
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
	hand_in(w, &a, HEAD, LARGE, "example.com", 2);
	d = a.call.transaction.handler_data;
	/* They are read before the requests of the first are written. */
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		hand_in(w, &others[i], HEAD, LARGE + 1 + i, "other.example", 1);
	for (int i = 0; i < 20000 && d->message_id[0] == '\0'; i++) {
		nanosleep(&pause, NULL);
		loop_turn(w->loop);
	}
	assert_string_not_equal(d->message_id, "");
	assert_int_equal(d->n_calls, 0);
	delivery_handler.aborted(&w->ctx, &a.call.transaction);
	(void)wait_for(w, &n_paper, ARRAY_LEN(others));
	for (int i = 0; i < 20000 && w->ctx.in_flight > ARRAY_LEN(others); i++)
		loop_turn(w->loop);
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

	hand_in(w, &a, HEAD, LARGE, "example.com", 1);
	delivery_handler.half_closed(&w->ctx, &a.call.transaction);
	(void)wait_for(w, &n_paper, 1);
	/* An attempt of its own meanwhile is told that this one is under way. */
	hand_in(w, &again, HEAD, LARGE, "example.com", 1);
	wait_for_reply(w, &again);
	assert_int_equal(again.call.reply.code, 451);
	assert_int_equal(n_paper, 1);
	accept_call(w, 0);
	assert_int_equal(a.call.reply.code, 250);
	/* And the next one, that it has the mail. */
	hand_in(w, &again, HEAD, LARGE, "example.com", 1);
	wait_for_reply(w, &again);
	assert_int_equal(again.call.reply.code, 250);
	assert_int_equal(n_paper, 1);
}

static void ends_with_messages_in_hand(void **state)
{
	static struct attempt a[8];
	struct worker *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(a); i++) {
		hand_in(w, &a[i], HEAD, LARGE, "example.com", 1);
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
		hand_in(w, &a[i],
			"From: =?gb18030?b?1tDOxA==?= <a@example.com>\r\n"
			"Subject: =?big5?b?pKSk5Q==?=\r\n"
			"Content-Type: text/plain; charset=gb18030\r\n",
			LARGE, "example.com", 1);
	for (size_t i = 0; i < 40; i++) {
		hand_in(w, &small,
			"From: =?gb18030?b?1tDOxA==?= <a@example.com>\r\n"
			"Subject: =?big5?b?pKSk5Q==?=\r\n"
			"Content-Type: text/plain; charset=gb18030\r\n",
			2000 + i, "example.com", 1);
		assert_int_equal(small.rc, 0);
		loop_turn(w->loop);
	}
	(void)wait_for(w, &n_paper, 40 + ARRAY_LEN(a));
	for (size_t i = 0; i < n_paper; i++)
		calls += strstr(paper[i].body, "\"Subject\":\"中文\"") != NULL &&
		         strstr(paper[i].body, "中文 <a@example.com>") != NULL;
	assert_int_equal(calls, 40 + ARRAY_LEN(a));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
