/* SPDX-License-Identifier: MIT */
/* delivery/schedule: from the calls as they are, what came of one, and the time, to the next
 * step. There is no loop, no backend and no clock here. */
#include "delivery/schedule.h"

#include "core/attr.h"
#include "delivery/delivery_private.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

#define CALLS_MAX 16
#define DEADLINE  50000 /* since `started`, which is 0 here */

static const struct conf conf = {.limits = {.call_timeout = 30000, .retry_delay = 1000}};
static struct delivery_context ctx = {.conf = &conf};

/* Routes p and q use one account, route r another. */
struct ses_account {
	bool has_key; /* for the day of any Date */
};
static struct ses_account accounts[2];
static const struct conf_route routes[3];
static const struct batch batches[] = {
	{.route = &routes[0]}, {.route = &routes[1]}, {.route = &routes[2]}};

bool ses_account_can_sign_at(const struct ses_account *a, int64_t time)
{
	(void)time;
	return a->has_key;
}

static int setup(void **state)
{
	(void)state;
	return outcome_table_new(&conf, (struct outcome_table **)&ctx.outcomes, NULL);
}

static int teardown(void **state)
{
	(void)state;
	outcome_table_free((struct outcome_table **)&ctx.outcomes);
	return 0;
}

/*
 * A letter a call:
 *	o  open			r  open, after a pause
 *	f  in flight		F  in flight, and it ends now
 *	a  was not sent, waits for the next round
 *	A N D U R  settled: accepted, not sent, past the deadline, uncertain, refused
 */
struct scene {
	const char *calls;
	const char *routes; /* a letter a call; NULL: all p */
	bool answered;
	bool signed_again;
	/* What the call F ends with: "": accepted. */
	enum outcome_class class;
	const char *code;
	int64_t date;
	uint64_t left; /* before the deadline; 0: all of it */
	/* "again" if F is signed again; the calls that are begun; what is to be done then; the
	 * calls after that. */
	const char *steps;
};

struct made {
	struct delivery d;
	struct delivery_call calls[CALLS_MAX];
};

static void set_call(struct delivery_call *c, char letter)
{
	static const struct {
		char letter;
		enum call_state state;
		unsigned begun;
		enum outcome_class class;
		const char *code;
	} letters[] = {
		{'o', CALL_OPEN, 0, OUTCOME_ACCEPTED, ""},
		{'r', CALL_OPEN, 1, OUTCOME_NOT_SENT, "Transport.Connect"},
		{'f', CALL_IN_FLIGHT, 1, OUTCOME_ACCEPTED, ""},
		{'F', CALL_IN_FLIGHT, 1, OUTCOME_ACCEPTED, ""},
		{'a', CALL_AGAIN, 1, OUTCOME_NOT_SENT, "Transport.Connect"},
		{'A', CALL_SETTLED, 1, OUTCOME_ACCEPTED, ""},
		{'N', CALL_SETTLED, 1, OUTCOME_NOT_SENT, "Transport.Connect"},
		{'D', CALL_SETTLED, 0, OUTCOME_NOT_SENT, "Transport.Deadline"},
		{'U', CALL_SETTLED, 1, OUTCOME_UNCERTAIN, "Transport.Timeout"},
		{'R', CALL_SETTLED, 1, OUTCOME_REFUSED, "InvalidParameter"},
	};
	size_t i = 0;

	while (letters[i].letter != letter)
		assert_true(++i < ARRAY_LEN(letters));
	c->state = letters[i].state;
	c->begun = letters[i].begun;
	outcome_set_result(&c->result, letters[i].class, letters[i].code);
	c->outcome = outcome_of(ctx.outcomes, &c->result);
}

static char letter_of(const struct delivery_call *c)
{
	switch (c->state) {
	case CALL_OPEN: return c->begun == 0 ? 'o' : 'r';
	case CALL_IN_FLIGHT: return 'f';
	case CALL_SIGN_AGAIN: return 's';
	case CALL_AGAIN: return 'a';
	case CALL_SETTLED: break;
	}
	assert_ptr_equal(c->outcome, outcome_of(ctx.outcomes, &c->result));
	if (strcmp(c->result.code, "Transport.Deadline") == 0)
		return 'D';
	return "ANUR"[c->result.class];
}

static void make(struct made *m, const struct scene *s)
{
	size_t n = strlen(s->calls);

	assert_true(n <= CALLS_MAX);
	*m = (struct made){0};
	m->d = (struct delivery){.ctx = &ctx,
		.calls = m->calls,
		.n_calls = n,
		.answered = s->answered,
		.deadline = DEADLINE};
	for (size_t i = 0; i < n; i++) {
		size_t route = s->routes != NULL ? (size_t)(s->routes[i] - 'p') : 0;

		m->calls[i] = (struct delivery_call){.delivery = &m->d,
			.batch = &batches[route],
			.account = &accounts[route == 2],
			.signed_again = s->signed_again};
		set_call(&m->calls[i], s->calls[i]);
		m->d.in_flight += m->calls[i].state == CALL_IN_FLIGHT;
	}
}

/* What delivery.c does when a call ended, written as the tables do. */
static void take_steps(
	struct made *m, struct delivery_call *ended, uint64_t now, FILE *out)
{
	static const char *const names[] = {[SCHEDULE_WAIT] = "wait",
		[SCHEDULE_BUSY] = "busy",
		[SCHEDULE_FINISH] = "finish"};
	struct schedule_step step;

	if (ended != NULL && ended->state == CALL_SIGN_AGAIN) {
		step = schedule_at_once(ended, now);
		assert_int_equal(step.action, SCHEDULE_CALL);
		assert_ptr_equal(step.call, ended);
		fputs("again ", out);
	}
	while ((step = schedule_next(&m->d, now)).action == SCHEDULE_CALL)
		fprintf(out, "%td ", step.call - m->calls);
	fprintf(out, "%s ", names[step.action]);
	for (size_t i = 0; i < m->d.n_calls; i++)
		fputc(letter_of(&m->calls[i]), out);
}

static void play(const struct scene *scenes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct scene *s = &scenes[i];
		const char *at = strchr(s->calls, 'F');
		uint64_t now = s->left != 0 ? DEADLINE - s->left : 0;
		struct ses_result result = {.message_id = "m", .date = s->date};
		char got[128], want[128];
		FILE *out = fmemopen(got, sizeof(got), "w");
		struct delivery_call *ended;
		struct made m;

		make(&m, s);
		outcome_set_result(&result, s->class, s->code != NULL ? s->code : "");
		ended = at != NULL ? &m.calls[at - s->calls] : NULL;
		if (ended != NULL)
			schedule_note(ended, &result, now);
		fprintf(out, "%s: ", s->calls);
		take_steps(&m, ended, now, out);
		fclose(out);
		snprintf(want, sizeof(want), "%s: %s", s->calls, s->steps);
		assert_string_equal(got, want);
	}
}

#define CONNECT   OUTCOME_NOT_SENT, "Transport.Connect"
#define UNCERTAIN OUTCOME_UNCERTAIN, "Transport.Timeout"
#define BLOCKED   OUTCOME_REFUSED, "FailedOperation.EmailAddrInBlacklist" /* recipient */
#define BAD_URL   OUTCOME_REFUSED, "FailedOperation.IllegalURL"           /* message */
#define BAD_FROM  OUTCOME_REFUSED, "FailedOperation.IncorrectSender"      /* sender */
#define TOO_MANY  OUTCOME_REFUSED, "RequestLimitExceeded"                 /* account */
#define EXPIRED   OUTCOME_REFUSED, "AuthFailure.SignatureExpire"

static void begins_one_call_until_one_was_answered(void **state)
{
	static const struct scene scenes[] = {
		{"oo", .steps = "0 busy fo"},
		{"fo", .steps = "busy fo"},
		{"Foo", .steps = "1 2 busy Aff"},
		{"Fooooooooooo", .steps = "1 2 3 4 5 6 7 8 busy Affffffffooo"},
		{"Ffffffffoo", .steps = "8 busy Affffffffo"},
		{"Fo", NULL, false, false, UNCERTAIN, .steps = "1 busy Uf"},
		{"Ffo", NULL, true, false, UNCERTAIN, .steps = "2 busy Uff"},
		{"F", .steps = "finish A"},
		{"AFU", .steps = "finish AAU"},
	};

	(void)state;
	play(scenes, ARRAY_LEN(scenes));
}

static void tries_again_after_a_pause_what_was_not_sent(void **state)
{
	static const struct scene scenes[] = {
		{"F", NULL, false, false, CONNECT, .steps = "wait a"},
		/* The others would meet the same trouble. */
		{"Foo", NULL, false, false, CONNECT, .steps = "wait aoo"},
		{"Fo", NULL, true, false, CONNECT, .steps = "wait ao"},
		{"Ffo", NULL, true, false, CONNECT, .steps = "busy afo"},
		{"aFo", NULL, false, false, UNCERTAIN, .steps = "wait aUo"},
		/* Unless one was answered since. */
		{"aFo", .steps = "2 busy aAf"},
		{"aF", .steps = "wait aA"},
		/* After the pause. */
		{"ro", .steps = "0 busy fo"},
		{"Ar", .answered = true, .steps = "1 busy Af"},
	};

	(void)state;
	play(scenes, ARRAY_LEN(scenes));
}

static void settles_what_would_be_refused_too(void **state)
{
	static const struct scene scenes[] = {
		{"Fooo", "ppqr", false, false, BLOCKED, .steps = "1 2 3 busy Rfff"},
		{"Fooo", "ppqr", false, false, BAD_URL, .steps = "2 busy RRfo"},
		{"Fooo", "ppqr", false, false, BAD_FROM, .steps = "2 busy RRfo"},
		{"Fooo", "ppqr", false, false, TOO_MANY, .steps = "3 busy RRRf"},
		{"oFo", "qpq", false, false, BAD_URL, .steps = "0 busy fRo"},
		{"FooAN", NULL, false, false, BAD_URL, .steps = "finish RRRAN"},
		{"Fra", NULL, false, false, BAD_URL, .steps = "finish RRR"},
		{"Fra", "pqr", false, false, BAD_URL, .steps = "wait Rra"},
		/* What is in flight ends by itself. */
		{"Ffo", NULL, true, false, TOO_MANY, .steps = "busy RfR"},
	};

	(void)state;
	play(scenes, ARRAY_LEN(scenes));
}

static void signs_again_once_and_at_once(void **state)
{
	static const struct scene with_key[] = {
		{"Fo", NULL, false, false, EXPIRED, 1, .steps = "again busy fo"},
		{"Fafo", NULL, false, false, EXPIRED, 1, .steps = "again busy fafo"},
		{"F", NULL, false, false, EXPIRED, 1, 1000, "again busy f"},
		{"F", NULL, false, false, EXPIRED, 1, 999, "finish R"},
		{"F", NULL, false, true, EXPIRED, 1, .steps = "finish R"},
		{"F", NULL, false, false, EXPIRED, 0, .steps = "finish R"},
		{"F", NULL, false, false, BAD_URL, 1, .steps = "finish R"},
	};
	static const struct scene without_key[] = {
		{"F", NULL, false, false, EXPIRED, 1, .steps = "finish R"}};
	struct delivery_call *c;
	struct made m;

	(void)state;
	accounts[0].has_key = true;
	play(with_key, ARRAY_LEN(with_key));
	make(&m, &with_key[0]);
	c = &m.calls[0];
	schedule_note(c,
		&(struct ses_result){
			OUTCOME_REFUSED, "AuthFailure.SignatureExpire", .date = 1},
		0);
	assert_int_equal(c->state, CALL_SIGN_AGAIN);
	assert_true(c->signed_again);
	/* The time may run out in between: then it is begun with none, and ends by itself. */
	assert_int_equal(schedule_at_once(c, DEADLINE).ms, 0);
	assert_int_equal(c->begun, 2);
	accounts[0].has_key = false;
	play(without_key, ARRAY_LEN(without_key));
}

static void begins_nothing_in_the_last_second(void **state)
{
	static const struct scene scenes[] = {
		{"oo", .left = 1000, .steps = "0 busy fo"},
		{"oo", .left = 999, .steps = "finish DD"},
		{"Foo", .left = 999, .steps = "finish ADD"},
		{"ra", .left = 999, .steps = "finish NN"},
		/* Settled while another is in flight, and not by what comes of that one. */
		{"fo", .left = 999, .steps = "busy fD"},
		{"FDN", NULL, false, false, BAD_URL, 0, 999, "finish RDN"},
		/* What was not begun, as no pause fits any more. */
		{"ao", .left = 1999, .steps = "finish ND"},
		{"ao", .left = 2000, .steps = "wait ao"},
	};

	(void)state;
	play(scenes, ARRAY_LEN(scenes));
}

static void gives_a_call_the_time_that_is_left(void **state)
{
	static const struct {
		uint64_t now, ms;
	} cases[] = {
		{0, 30000},
		{DEADLINE - 30000, 30000},
		{DEADLINE - 29999, 29999},
		{DEADLINE - 1000, 1000},
	};
	const struct scene one = {.calls = "o"};
	struct made m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		make(&m, &one);
		assert_int_equal(schedule_next(&m.d, cases[i].now).ms, cases[i].ms);
		assert_int_equal(m.calls[0].begun, 1);
	}
}

/* A delivery that is late already must not end while it starts. */
static void begins_the_first_call_in_any_case(void **state)
{
	static const struct {
		uint64_t now, ms;
	} cases[] = {{0, 30000}, {DEADLINE - 999, 0}, {DEADLINE, 0}, {2 * DEADLINE, 0}};
	const struct scene two = {.calls = "oo"};
	struct made m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct schedule_step step;

		make(&m, &two);
		step = schedule_at_once(&m.calls[0], cases[i].now);
		assert_int_equal(step.action, SCHEDULE_CALL);
		assert_ptr_equal(step.call, &m.calls[0]);
		assert_int_equal(step.ms, cases[i].ms);
		assert_int_equal(m.calls[0].state, CALL_IN_FLIGHT);
		assert_int_equal(m.calls[1].state, CALL_OPEN);
	}
}

static void doubles_the_pause_if_a_call_fits_after_it(void **state)
{
	static const struct {
		unsigned pauses;
		uint64_t left, ms; /* 0: none */
	} cases[] = {
		{0, 2000, 1000},
		{0, 1999, 0},
		{1, 3000, 2000},
		{5, 33000, 32000},
		{5, 32999, 0},
		{16, 70000000, 65536000},
		{17, 70000000, 65536000},
		{64, 70000000, 65536000},
	};
	const struct scene waits = {.calls = "aA"};
	struct made m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct schedule_step step;

		make(&m, &waits);
		m.d.pauses = cases[i].pauses;
		m.d.deadline = cases[i].left;
		step = schedule_next(&m.d, 0);
		assert_int_equal(
			step.action, cases[i].ms != 0 ? SCHEDULE_WAIT : SCHEDULE_FINISH);
		assert_int_equal(step.ms, cases[i].ms);
	}
	make(&m, &waits);
	schedule_resume(&m.d);
	assert_int_equal(m.d.pauses, 1);
	assert_int_equal(letter_of(&m.calls[0]), 'r');
	assert_int_equal(letter_of(&m.calls[1]), 'A');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_one_call_until_one_was_answered),
		cmocka_unit_test(tries_again_after_a_pause_what_was_not_sent),
		cmocka_unit_test(settles_what_would_be_refused_too),
		cmocka_unit_test(signs_again_once_and_at_once),
		cmocka_unit_test(begins_nothing_in_the_last_second),
		cmocka_unit_test(gives_a_call_the_time_that_is_left),
		cmocka_unit_test(begins_the_first_call_in_any_case),
		cmocka_unit_test(doubles_the_pause_if_a_call_fits_after_it),
	};

	return cmocka_run_group_tests_name("schedule", tests, setup, teardown);
}
