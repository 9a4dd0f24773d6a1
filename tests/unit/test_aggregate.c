/* SPDX-License-Identifier: MIT */
/* delivery/aggregate: several results, one reply. */
#include "delivery/aggregate.h"

#include "core/attr.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

static const struct outcome later = {"RequestLimitExceeded", 451, "4.4.5", SCOPE_ACCOUNT,
	"API rate limit", .recovery = RECOVERY_NONE};
static const struct outcome blocked = {"FailedOperation.TemporaryBlocked", 450, "4.7.0",
	SCOPE_RECIPIENT, "sending paused", .recovery = RECOVERY_NONE};
static const struct outcome never = {"FailedOperation.EmailAddrInBlacklist", 550, "5.7.1",
	SCOPE_RECIPIENT, "recipient on the suppression list", .recovery = RECOVERY_NONE};
static const struct outcome wrong = {"InvalidParameter", 554, "5.5.4", SCOPE_MESSAGE,
	"parameter wrong", .recovery = RECOVERY_NONE};
static const struct outcome absurd = {
	"Absurd", 250, "2.0.0", SCOPE_MESSAGE, "absurd", .recovery = RECOVERY_NONE};

/* A letter a result: A accepted, L B temporary, N W permanent, X a row that says 250, M
 * accepted without a MessageId. */
struct made {
	struct aggregate_part parts[8];
	struct batch batches[8];
	struct ses_result results[8];
	const char *names[8];
	char addresses[8][40];
};

static const struct outcome *row_of(char letter)
{
	switch (letter) {
	case 'L': return &later;
	case 'B': return &blocked;
	case 'N': return &never;
	case 'W': return &wrong;
	case 'X': return &absurd;
	default: return NULL;
	}
}

static struct reply judge(struct made *m, const char *letters)
{
	size_t n = strlen(letters);

	for (size_t i = 0; i < n; i++) {
		const struct outcome *row = row_of(letters[i]);
		struct ses_result *r = &m->results[i];

		*r = (struct ses_result){.class = OUTCOME_ACCEPTED};
		snprintf(r->request_id, sizeof(r->request_id), "r%zu", i + 1);
		if (row != NULL) {
			r->class = OUTCOME_REFUSED;
			snprintf(r->code, sizeof(r->code), "%s", row->code);
		} else if (letters[i] == 'A') {
			snprintf(r->message_id, sizeof(r->message_id), "m%zu", i + 1);
		}
		snprintf(m->addresses[i], sizeof(m->addresses[i]), "u%zu@example.com",
			i + 1);
		m->names[i] = m->addresses[i];
		m->batches[i] = (struct batch){.to = &m->names[i], .n_to = 1};
		m->parts[i] = (struct aggregate_part){
			&m->batches[i], r, row != NULL ? row : outcome_of(NULL, r)};
	}
	return aggregate(m->parts, n);
}

static void gives_the_reply_that_makes_the_client_do_right(void **state)
{
	static const struct {
		const char *results;
		unsigned code;
		unsigned short enh[3];
		const char *text;
	} cases[] = {
		{"A", 250, {2, 0, 0}, "Ok: queued as m1 req=r1"},
		{"AAA", 250, {2, 0, 0}, "Ok: queued as m1 and 2 more req=r1"},
		{"L", 451, {4, 4, 5}, "API rate limit (RequestLimitExceeded) req=r1"},
		{"AL", 451, {4, 4, 5},
			"API rate limit (RequestLimitExceeded) req=r2; 1 of 2 recipients "
			"done, the rest later"},
		{"BL", 450, {4, 7, 0},
			"sending paused (FailedOperation.TemporaryBlocked) req=r1"},
		{"W", 554, {5, 5, 4}, "parameter wrong (InvalidParameter) req=r1"},
		{"WW", 554, {5, 5, 4}, "parameter wrong (InvalidParameter) req=r1"},
		/* One could still succeed: try again, though another cannot. */
		{"NL", 451, {4, 4, 5}, "API rate limit (RequestLimitExceeded) req=r2"},
		{"NAL", 451, {4, 4, 5},
			"API rate limit (RequestLimitExceeded) req=r3; 1 of 3 recipients "
			"done, the rest later"},
		{"ANA", 550, {5, 7, 1},
			"recipient on the suppression list "
			"(FailedOperation.EmailAddrInBlacklist) req=r2; not sent to "
			"u2@example.com; sent to u1@example.com, u3@example.com"},
		{"NWA", 550, {5, 7, 1},
			"recipient on the suppression list "
			"(FailedOperation.EmailAddrInBlacklist) req=r1; not sent to "
			"u1@example.com, u2@example.com; sent to u3@example.com"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct made m;
		struct reply r = judge(&m, cases[i].results);

		assert_int_equal(r.code, cases[i].code);
		assert_memory_equal(r.enh, cases[i].enh, sizeof(r.enh));
		assert_string_equal(r.text, cases[i].text);
	}
}

static void says_250_for_nothing_but_a_message_id(void **state)
{
	static const char *const cases[] = {"X", "M", "AX", "MA", "AAM", "XM"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct made m;

		assert_int_equal(judge(&m, cases[i]).code, 451);
	}
}

static void bounds_the_names(void **state)
{
	const char *got[100], *not [3];
	static char names[100][80];
	struct batch batches[] = {{.to = got, .n_to = 100}, {.to = not, .n_to = 3}};
	struct ses_result results[] = {
		{.class = OUTCOME_ACCEPTED, .message_id = "m"},
		{.class = OUTCOME_REFUSED,
			.code = "FailedOperation.EmailAddrInBlacklist"},
	};
	struct aggregate_part parts[] = {
		{&batches[0], &results[0], NULL}, {&batches[1], &results[1], &never}};
	struct reply r;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		snprintf(names[i], sizeof(names[i]),
			"user-%02zu@a-rather-long-domain.example.com", i);
		got[i] = names[i];
	}
	memcpy(not, got, sizeof(not ));
	memset(results[1].request_id, 'r', sizeof(results[1].request_id) - 1);
	r = aggregate(parts, 2);
	assert_int_equal(r.code, 550);
	assert_non_null(strstr(r.text, "; not sent to user-00@"));
	assert_non_null(strstr(r.text, "; sent to user-00@"));
	assert_non_null(strstr(r.text, " and 97 more"));

	assert_null(strchr(r.text, '\n'));
}

/* The longest refusal is whole, and a name is whole or left out. */
static void ends_where_there_is_no_more_room(void **state)
{
	static char text[161], names[10][60];
	const struct outcome longest = {
		"X", 550, "5.7.1", SCOPE_RECIPIENT, text, .recovery = RECOVERY_NONE};
	const char *got[10], *refused[10];
	struct batch batches[] = {{.to = got, .n_to = 10}, {.to = refused, .n_to = 10}};
	struct ses_result results[] = {
		{.class = OUTCOME_ACCEPTED, .message_id = "m"},
		{.class = OUTCOME_REFUSED},
	};
	const struct aggregate_part parts[] = {
		{&batches[0], &results[0], NULL}, {&batches[1], &results[1], &longest}};
	struct reply r;
	char refusal[REPLY_LINE_MAX];

	(void)state;
	memset(text, 't', sizeof(text) - 1);
	memset(results[1].code, 'C', sizeof(results[1].code) - 1);
	memset(results[1].request_id, 'r', sizeof(results[1].request_id) - 1);
	for (size_t i = 0; i < 10; i++) {
		snprintf(names[i], sizeof(names[i]),
			"%zu@a-rather-long-domain.example.com", i);
		got[i] = refused[i] = names[i];
	}
	snprintf(refusal, sizeof(refusal),
		"%s (%s) req=%s; not sent to 0@a-rather-long-domain.example.com, ", text,
		results[1].code, results[1].request_id);
	r = aggregate(parts, 2);
	assert_int_equal(strncmp(r.text, refusal, strlen(refusal)), 0);
	assert_true(strlen(r.text) < REPLY_LINE_MAX);
	assert_string_equal(strstr(r.text, "; sent"), "; sent to");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_reply_that_makes_the_client_do_right),
		cmocka_unit_test(says_250_for_nothing_but_a_message_id),
		cmocka_unit_test(bounds_the_names),
		cmocka_unit_test(ends_where_there_is_no_more_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
