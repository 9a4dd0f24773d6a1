/* SPDX-License-Identifier: MIT */
/* delivery/: the state machine, its calls and its memory, over a backend of paper. */
#include "delivery/delivery.h"
#include "ses/account_health.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "delivery/fields.h"
#include "delivery/handler.h"
#include "ledger/ledger_memory.h"
#include "mail/message.h"

#include "regions.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT(s) ((char[]){s})

/* --- the backend and the session, on paper ------------------------------------------------ */

struct ses_account {
	const char *name;
	int64_t skew;
};

struct backend {
	struct ses_account accounts[2];
};

struct backend_call {
	const char *action;
	char body[4096];
	const struct ses_account *account;
	uint64_t timeout, begun_at;
	int64_t skew; /* that it was signed with */
	backend_done *done;
	void *arg;
};

#define PAPER_CALLS 4096
static struct backend_call paper[PAPER_CALLS];
static size_t n_paper;
static struct loop *paper_loop;

struct ses_account *backend_account(struct backend *b, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(b->accounts); i++)
		if (strcmp(b->accounts[i].name, name) == 0)
			return &b->accounts[i];
	return NULL;
}

const char *ses_account_name(const struct ses_account *a)
{
	return a->name;
}

int64_t ses_account_learn_skew(struct ses_account *a, int64_t date)
{
	a->skew = date - loop_wall_s(paper_loop);
	return a->skew;
}

bool ses_account_can_sign_at(const struct ses_account *a, int64_t time)
{
	int64_t off = time - loop_wall_s(paper_loop);

	(void)a;
	return -86400 < off && off < 86400;
}

struct backend_call *backend_send(struct ses_account *a, struct ses_request *request,
	uint64_t timeout_ms, backend_done *done, void *arg)
{
	struct backend_call *c = &paper[n_paper++];
	size_t len;

	assert_true(n_paper < PAPER_CALLS);
	*c = (struct backend_call){.account = a,
		.action = ses_request_action(request),
		.timeout = timeout_ms,
		.begun_at = loop_now_ms(paper_loop),
		.skew = a->skew,
		.done = done,
		.arg = arg};
	len = ses_request_read(request, 0, c->body, sizeof(c->body) - 1);
	c->body[len] = '\0';
	return c;
}

void backend_call_drop(struct backend_call **call)
{
	(*call)->done = NULL;
	*call = NULL;
}

#define EACH_MAX 8

/* A client that waits, with the transaction that the handler gets. */
struct call {
	struct transaction transaction;
	unsigned replies;
	struct reply reply;
	struct smtp_receipt *receipt; /* one of receipts[]; NULL: none was handed over */
	size_t recipients;            /* whose own replies are wanted, as in LMTP */
	struct reply each[EACH_MAX];
};

static struct call *call_of(struct transaction *t)
{
	return (struct call *)((char *)t - offsetof(struct call, transaction));
}

void transaction_finish(struct transaction *t, const struct reply *reply,
	transaction_reply_of *of, void *arg)
{
	struct call *call = call_of(t);

	call->replies++;
	call->reply = *reply;
	for (size_t i = 0; i < call->recipients; i++) {
		call->each[i] = *reply;
		of(arg, i, &call->each[i]);
	}
}

/* Those that no session has settled yet. */
#define RECEIPTS 64
static struct smtp_receipt receipts[RECEIPTS];

void transaction_set_receipt(struct transaction *t, const struct smtp_receipt *receipt)
{
	struct call *call = call_of(t);
	size_t i = 0;

	assert_null(call->receipt);
	assert_int_equal(call->replies, 0);
	while (i < RECEIPTS && receipts[i].settle != NULL)
		i++;
	assert_true(i < RECEIPTS);
	receipts[i] = *receipt;
	call->receipt = &receipts[i];
}

static void settle_receipt(struct smtp_receipt *r, bool acknowledged)
{
	struct smtp_receipt once = *r;

	*r = (struct smtp_receipt){0};
	if (once.settle != NULL)
		once.settle(once.arg, acknowledged);
}

/* --- a worker ----------------------------------------------------------------------------- */

static char *every[] = {TEXT("*")};
static char *to_second[] = {TEXT("*@second.example")};
static char *to_one[] = {TEXT("*@alone.example")};
static char *to_dated[] = {TEXT("*@dated.example")};
static char *date_variable[] = {TEXT("when=%{date}"), TEXT("what=%{text}")};
static char *to_known[] = {TEXT("*.example"), TEXT("*@example.com")};

static struct conf_account accounts[] = {
	{.name = TEXT("first")},
	{.name = TEXT("second")},
};

static struct conf_route routes[] = {
	{.name = TEXT("dated"),
		.recipient = {to_dated, 1},
		.account = TEXT("first"),
		.content = CONF_CONTENT_TEMPLATE,
		.template_id = 7,
		.variables = {date_variable, 2},
		.rewrite_from = TEXT("")},
	{.name = TEXT("second"),
		.recipient = {to_second, 1},
		.account = TEXT("second"),
		.rewrite_from = TEXT("")},
	{.name = TEXT("alone"),
		.recipient = {to_one, 1},
		.account = TEXT("first"),
		.recipients = CONF_RECIPIENTS_SEPARATE,
		.rewrite_from = TEXT("")},
	{.name = TEXT("first"),
		.recipient = {to_known, 2},
		.account = TEXT("first"),
		.headers = {every, 1},
		.rewrite_from = TEXT("")},
};

static const struct conf conf = {
	.accounts = accounts,
	.n_accounts = ARRAY_LEN(accounts),
	.routes = routes,
	.n_routes = ARRAY_LEN(routes),
	.limits =
		{
			.message_size = 1 << 23,
			.request_size = 1 << 23,
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
	struct backend backend;
	struct outcome_table *outcomes;
	struct budget budget;
	struct shm *shm;
	struct metrics *metrics;
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
	w->backend = (struct backend){{{"first", 0}, {"second", 0}}};
	assert_int_equal(outcome_table_new(&conf, &w->outcomes, NULL), 0);
	w->shm = regions_new(1);
	w->metrics = metrics_new(w->shm);
	metrics_use(w->metrics, 0);
	paper_loop = loop_new();
	clock_freeze(loop_clock(paper_loop), 1000000, 1767323045);
	n_paper = 0;
	w->ctx = (struct delivery_context){.loop = paper_loop,
		.conf = &conf,
		.backend = &w->backend,
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
	for (size_t i = 0; i < RECEIPTS; i++)
		settle_receipt(&receipts[i], true);
	loop_free(&paper_loop);
	assert_int_equal(w->budget.used, 0);
	ledger_free(&w->ctx.ledger);
	outcome_table_free(&w->outcomes);
	metrics_use(NULL, 0);
	metrics_free(&w->metrics);
	shm_free(&w->shm);
	close(log_fd());
	free(w);
	return 0;
}

/* --- a client ----------------------------------------------------------------------------- */

#define MAIL(id)                                                                         \
	"From: A <a@example.com>\r\nTo: b@alone.example, c@alone.example, "              \
	"b@example.com\r\n"                                                              \
	"Subject: hello\r\n" id "\r\ntext\r\n"
static const char with_id[] = MAIL("Message-ID: <1@example.com>\r\n");
static const char without_id[] = MAIL("");

/* A message that was handed in: rc is what message() said. */
struct attempt {
	struct call call;
	int rc;
	struct reply now; /* where rc is not 0 */
	size_t first;     /* of its calls on paper */
};

static enum delivery_state state_of(const struct attempt *a)
{
	return delivery_state(a->call.transaction.handler_data);
}

static void hand_in_as(struct worker *w, struct attempt *a, const struct peer *peer,
	const char *mail, const char *recipients)
{
	struct transaction *t = &a->call.transaction;

	*a = (struct attempt){.first = n_paper};
	t->peer = peer;
	t->per_recipient = peer->lmtp;
	envelope_init(&t->envelope);
	t->envelope.reverse_path = mem_strdup("bounce@example.com");
	while (*recipients != '\0') {
		size_t len = strcspn(recipients, " ");
		char *one = mem_strndup(recipients, len);

		envelope_add(&t->envelope, one);
		free(one);
		recipients += len + (recipients[len] == ' ');
	}
	buf_init(&t->body, 1 << 23, &w->budget);
	assert_int_equal(buf_append_str(&t->body, mail), 0);
	a->rc = delivery_handler.message(&w->ctx, t, &a->now);
	assert_int_equal(t->body.len, 0);
	buf_free(&t->body);
	envelope_clear(&t->envelope);
}

static const struct conf_listener inside = {.name = (char *)"inside"};

/* recipients: words parted with spaces. */
static void hand_in(
	struct worker *w, struct attempt *a, const char *mail, const char *recipients)
{
	const struct peer peer = {.session_id = "5e5510", .listener = &inside};

	hand_in_as(w, a, &peer, mail, recipients);
}

/* The same by LMTP, or with PRDR: n recipients, whose replies stand in a->call.each afterwards. */
static void hand_in_each(struct worker *w, struct attempt *a, const char *mail,
	const char *recipients, size_t n)
{
	const struct peer peer = {
		.session_id = "5e5510", .listener = &inside, .lmtp = true};

	hand_in_as(w, a, &peer, mail, recipients);
	a->call.recipients = n;
}

/* The session learned whether the client has its reply. */
static void settle(struct attempt *a, bool acknowledged)
{
	assert_non_null(a->call.receipt);
	settle_receipt(a->call.receipt, acknowledged);
	a->call.receipt = NULL;
}

static void leave(struct worker *w, struct attempt *a)
{
	delivery_handler.aborted(&w->ctx, &a->call.transaction);
}

static void answer(size_t i, struct ses_result r)
{
	backend_done *done = paper[i].done;

	assert_true(i < n_paper);
	assert_non_null(done);
	paper[i].done = NULL;
	done(paper[i].arg, &r);
	loop_turn(paper_loop);
}

static struct ses_result accepted(const char *id)
{
	struct ses_result r = {.class = OUTCOME_ACCEPTED, .request_id = "req-1"};

	str_copy(r.message_id, sizeof(r.message_id), id);
	return r;
}

static struct ses_result failed(enum outcome_class class, const char *code)
{
	struct ses_result r = {.class = class, .request_id = "req-2"};

	str_copy(r.code, sizeof(r.code), code);
	return r;
}

static void assert_replied(const struct attempt *a, unsigned code, const char *says)
{
	assert_int_equal(a->call.replies, 1);
	assert_int_equal(a->call.reply.code, code);
	assert_non_null(strstr(a->call.reply.text, says));
}

static bool is_for(size_t i, const char *recipient)
{
	char quoted[64];

	snprintf(quoted, sizeof(quoted), "\"%s\"", recipient);
	return strstr(paper[i].body, quoted) != NULL;
}

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
	assert_int_equal(n_paper, 1 + DELIVERY_PARALLEL);
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
	assert_int_equal(n_paper, 1 + DELIVERY_PARALLEL);
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
	struct conf strict = conf;
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
	w->ctx.conf = &conf;
}

static void refuses_a_configuration_with_unknown_variables(void **state)
{
	char *variables[] = {TEXT("a=%{subject}"), TEXT("b=%{html}")};
	struct conf_route route = {.name = TEXT("r"), .rewrite_from = TEXT("")};
	const struct conf bad = {.routes = &route, .n_routes = 1};
	struct err err;

	(void)state;
	assert_int_equal(fields_check_conf(&bad, &err), 0);
	route.variables = (struct conf_list){variables, 2};
	assert_int_equal(fields_check_conf(&bad, &err), -1);
	assert_non_null(strstr(err.text, "route 'r', variables: there is no %{html}"));
	route.variables.n = 1;
	route.rewrite_from = TEXT("%{from.nam} <a@example.com>");
	assert_int_equal(fields_check_conf(&bad, &err), -1);
	assert_non_null(strstr(err.text, "rewrite_from"));
}

/* --- what is remembered -------------------------------------------------------------------- */

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

static void assert_each(
	const struct attempt *a, size_t i, unsigned code, const char *says)
{
	assert_int_equal(a->call.each[i].code, code);
	assert_non_null(strstr(a->call.each[i].text, says));
	assert_null(strstr(a->call.each[i].text, "sent to"));
}

static void tells_each_recipient_how_he_fared_where_asked(void **state)
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
	/* He who has it was told so: the same bytes to him again are a new mail. */
	hand_in_each(w, &a, without_id, "b@alone.example", 1);
	assert_int_equal(n_paper, 4);
	answer(3, accepted("m3"));
	assert_each(&a, 0, 250, "queued as m3");
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
		delivery_handler.half_closed(&w->ctx, &a.call.transaction);
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
	delivery_handler.half_closed(&w->ctx, &a.call.transaction);
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
	delivery_handler.half_closed(&w->ctx, &a.call.transaction);
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

/* Nothing is lost of mail that an earlier attempt has brought. */
static void says_of_no_remembered_recipient_that_it_was_dropped(void **state)
{
	struct worker *w = *state;
	int fd = memfd_create("log", MFD_CLOEXEC), before = log_fd();
	struct attempt a;
	char text[4096] = "";

	hand_in_each(w, &a, with_id, "b@alone.example c@alone.example", 2);
	answer(0, accepted("m0"));
	answer(1, accepted("m1"));
	log_use_fd(fd, LOG_TEXT, LOG_INFO);
	/* It is answered in the next turn, and the worker ends before. */
	hand_in_each(w, &a, with_id, "b@alone.example c@alone.example", 2);
	delivery_context_clear(&w->ctx);
	log_use_fd(before, LOG_TEXT, LOG_DEBUG);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	close(fd);
	assert_non_null(strstr(text, "remembered to=c@alone.example"));
	assert_null(strstr(text, "dropped"));
}

/* --- any end of any mail ------------------------------------------------------------------- */

#define RECIPIENTS 12
#define MAILS      1500
#define ATTEMPTS   40

static uint64_t seed = 20201002;

static size_t below(size_t n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (size_t)((seed * 2685821657736338717ULL) >> 33) % n;
}

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

		n_paper = 0;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		TEST(refuses_without_a_call),
		TEST(defers_where_memory_is_at_its_end),
		TEST(applies_its_policy_at_mail_and_rcpt),
		cmocka_unit_test(refuses_a_configuration_with_unknown_variables),
		TEST(sends_only_the_rest_when_the_client_tries_again),
		TEST(tells_each_recipient_how_he_fared_where_asked),
		TEST(remembers_who_has_the_mail_where_each_was_told),
		TEST(knows_a_message_id_again_after_a_250_that_may_be_lost),
		TEST(knows_every_message_id_again),
		TEST(sends_the_same_text_again_once_its_client_has_the_250),
		TEST(knows_a_text_again_only_where_its_250_may_be_lost),
		TEST(tells_each_as_what_it_has_the_mail),
		TEST(finishes_without_its_client_and_remembers),
		TEST(answers_a_half_closed_client_and_remembers),
		TEST(asks_the_ledger_only_if_all_recipients_have_a_route),
		TEST(forgets_who_was_being_sent_and_was_not),
		TEST(sends_again_what_was_uncertain_when_asked_again),
		TEST(drops_what_is_left_at_the_end_of_a_worker),
		TEST(says_of_no_remembered_recipient_that_it_was_dropped),
		TEST(loses_nothing_and_doubles_nothing_whatever_happens),
	};
	int rc;

	message_library_init();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	message_library_shutdown();
	return rc;
}
