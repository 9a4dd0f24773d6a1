/* SPDX-License-Identifier: MIT */
/* One backend and one loop at a time: cmocka runs one test after another. */
#include "delivery_rig.h"

#include "core/log.h"
#include "core/mem.h"
#include "ledger/ledger_memory.h"

#include "regions.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct backend_call paper[PAPER_CALLS];
size_t n_paper;
struct loop *paper_loop;

/* --- the backend and the session, on paper ------------------------------------------------ */

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
	size_t size = ses_request_size(request);

	assert_true(n_paper < PAPER_CALLS);
	*c = (struct backend_call){.account = a,
		.action = ses_request_action(request),
		.body = mem_new(size + 1, 1),
		.timeout = timeout_ms,
		.begun_at = loop_now_ms(paper_loop),
		.skew = a->skew,
		.done = done,
		.arg = arg};
	assert_int_equal(ses_request_read(request, 0, c->body, size), size);
	return c;
}

void backend_call_drop(struct backend_call **call)
{
	(*call)->done = NULL;
	*call = NULL;
}

void paper_clear(void)
{
	while (n_paper > 0)
		free(paper[--n_paper].body);
}

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
		.recipient = {.items = to_dated, .n = 1},
		.account = TEXT("first"),
		.content = CONF_CONTENT_TEMPLATE,
		.template_id = 7,
		.variables = {.items = date_variable, .n = 2},
		.rewrite_from = TEXT("")},
	{.name = TEXT("second"),
		.recipient = {.items = to_second, .n = 1},
		.account = TEXT("second"),
		.rewrite_from = TEXT("")},
	{.name = TEXT("alone"),
		.recipient = {.items = to_one, .n = 1},
		.account = TEXT("first"),
		.recipients = CONF_RECIPIENTS_SEPARATE,
		.message_id = true,
		.rewrite_from = TEXT("")},
	{.name = TEXT("first"),
		.recipient = {.items = to_known, .n = 2},
		.account = TEXT("first"),
		.headers = {.items = every, .n = 1},
		.rewrite_from = TEXT("")},
};

const struct conf rig_conf = {
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

static void on_idle(void *arg)
{
	struct worker *w = arg;

	w->idled++;
}

int rig_setup(void **state)
{
	struct worker *w = mem_new(1, sizeof(*w));

	log_use_fd(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_TEXT, LOG_DEBUG);
	w->backend = (struct backend){{{"first", 0}, {"second", 0}}};
	assert_int_equal(outcome_table_new(&rig_conf, &w->outcomes, NULL), 0);
	w->shm = regions_new(1);
	w->metrics = metrics_new(w->shm);
	metrics_use(w->metrics, 0);
	paper_loop = loop_new();
	clock_freeze(loop_clock(paper_loop), 1000000, 1767323045);
	w->ctx = (struct delivery_context){.loop = paper_loop,
		.conf = &rig_conf,
		.backend = &w->backend,
		.outcomes = w->outcomes,
		.budget = &w->budget,
		.ledger = ledger_memory_new(w->shm, 0, 1024),
		.idle = on_idle,
		.idle_arg = w};
	delivery_context_init(&w->ctx);
	*state = w;
	return 0;
}

int rig_teardown(void **state)
{
	struct worker *w = *state;

	delivery_context_clear(&w->ctx);
	assert_int_equal(w->ctx.in_flight, 0);
	for (size_t i = 0; i < RECEIPTS; i++)
		settle_receipt(&receipts[i], true);
	paper_clear();
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

char *read_log(int fd)
{
	off_t len = lseek(fd, 0, SEEK_END);
	char *text = mem_new((size_t)len + 1, 1);

	assert_int_equal(pread(fd, text, (size_t)len, 0), len);
	return text;
}

/* --- a client ----------------------------------------------------------------------------- */

const char with_id[] = MAIL("Message-ID: <1@example.com>\r\n");
const char without_id[] = MAIL("");

enum delivery_state state_of(const struct attempt *a)
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
	buf_init(&t->body, rig_conf.limits.message_size, &w->budget);
	assert_int_equal(buf_append_str(&t->body, mail), 0);
	a->rc = delivery_handler.message(&w->ctx, t, &a->now);
	assert_int_equal(t->body.len, 0);
	buf_free(&t->body);
	envelope_clear(&t->envelope);
}

const struct conf_listener inside = {.name = (char *)"inside"};

void hand_in(
	struct worker *w, struct attempt *a, const char *mail, const char *recipients)
{
	static const struct peer peer = {.session_id = "5e5510", .listener = &inside};

	hand_in_as(w, a, &peer, mail, recipients);
}

void hand_in_each(struct worker *w, struct attempt *a, const char *mail,
	const char *recipients, size_t n)
{
	static const struct peer peer = {
		.session_id = "5e5510", .listener = &inside, .lmtp = true};

	hand_in_as(w, a, &peer, mail, recipients);
	a->call.recipients = n;
}

void settle(struct attempt *a, bool acknowledged)
{
	assert_non_null(a->call.receipt);
	settle_receipt(a->call.receipt, acknowledged);
	a->call.receipt = NULL;
}

void close_side(struct worker *w, struct attempt *a)
{
	delivery_handler.half_closed(&w->ctx, &a->call.transaction);
}

void leave(struct worker *w, struct attempt *a)
{
	delivery_handler.aborted(&w->ctx, &a->call.transaction);
}

void answer(size_t i, struct ses_result r)
{
	backend_done *done = paper[i].done;

	assert_true(i < n_paper);
	assert_non_null(done);
	paper[i].done = NULL;
	done(paper[i].arg, &r);
	loop_turn(paper_loop);
}

struct ses_result accepted(const char *id)
{
	struct ses_result r = {.class = OUTCOME_ACCEPTED, .request_id = "req-1"};

	str_copy(r.message_id, sizeof(r.message_id), id);
	return r;
}

struct ses_result failed(enum outcome_class class, const char *code)
{
	struct ses_result r = {.class = class, .request_id = "req-2"};

	str_copy(r.code, sizeof(r.code), code);
	return r;
}

void assert_replied(const struct attempt *a, unsigned code, const char *says)
{
	assert_int_equal(a->call.replies, 1);
	assert_int_equal(a->call.reply.code, code);
	assert_non_null(strstr(a->call.reply.text, says));
}

bool is_for(size_t i, const char *recipient)
{
	char quoted[64];

	snprintf(quoted, sizeof(quoted), "\"%s\"", recipient);
	return strstr(paper[i].body, quoted) != NULL;
}

void assert_each(const struct attempt *a, size_t i, unsigned code, const char *says)
{
	assert_int_equal(a->call.each[i].code, code);
	assert_non_null(strstr(a->call.each[i].text, says));
	assert_null(strstr(a->call.each[i].text, "sent to"));
}
