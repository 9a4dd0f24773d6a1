/* SPDX-License-Identifier: MIT */
/* What a client gets who asks too much, or is too slow; all on a frozen clock. */
#include "session_rig.h"
#include "smtp/pace.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static void expire_after(struct rig *r, uint64_t ms)
{
	clock_advance(&r->clock, ms);
	session_expire(r->session);
}

/* --- commands ----------------------------------------------------------------------------- */

static void ends_a_session_of_commands_without_a_message(void **state)
{
	static const char *const idle[] = {"NOOP\r\n", "RSET\r\n", "VRFY x\r\n",
		"HELP\r\n", EHLO, MAIL "RSET\r\n", "BDAT 0 LAST\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(idle); i++) {
		struct rig r;
		char got[4000];
		size_t n = 0;

		rig_init(&r);
		r.limits.commands = 30;
		r.limits.errors = 1000;
		rig_expect(&r, EHLO, "220, 250");
		for (n = 0; n < 100 && !session_closing(r.session); n++) {
			(void)rig_give(&r, span_of(idle[i]), SIZE_MAX);
			rig_replies(&r, got, sizeof(got));
		}
		assert_non_null(strstr(got, "421 4.7.0 CLOSED"));
		assert_string_equal(session_reason(r.session), "commands");
		assert_true(n <= 30);
		rig_free(&r);
	}
}

static void begins_to_count_anew_behind_a_message(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.commands = 5;
	r.limits.messages = 100;
	rig_expect(&r, EHLO, "220, 250");
	for (int i = 0; i < 10; i++) {
		rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
		rig_expect(&r, ".\r\n", "250 2.0.0");
	}
	/* What was refused is no message. */
	r.fake.verdict = -1;
	r.fake.reply = reply_make(554, "5.6.0", "no");
	rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
	rig_expect(&r, ".\r\n", "554 5.6.0");
	rig_expect(&r, "RSET\r\nNOOP\r\nNOOP\r\nNOOP\r\n",
		"250 2.0.0, 250 2.0.0, 250 2.0.0, 421 4.7.0 CLOSED");
	rig_free(&r);
}

static void begin_many(struct rig *r, unsigned recipients, unsigned commands)
{
	rig_init(r);
	session_free(&r->session);
	r->limits.recipients = recipients;
	r->limits.commands = commands;
	r->limits.message_size = 100000;
	rig_open_again(r);
	rig_expect(r, EHLO, "220, 250");
}

/* RCPTMAX is a promise: the commands of a transaction are not idle ones. */
static void takes_all_recipients_that_it_advertises(void **state)
{
	struct rig r;
	char line[80];

	(void)state;
	begin_many(&r, 300, 10);
	for (int mail = 0; mail < 2; mail++) {
		rig_expect(&r, MAIL, "250 2.1.0");
		for (int i = 0; i < 300; i++) {
			snprintf(line, sizeof(line), "RCPT TO:<r%d@example.com>\r\n", i);
			rig_expect(&r, line, "250 2.1.5");
		}
		/* Those past the limit are idle, in the end. */
		rig_expect(&r, "RCPT TO:<one@example.com>\r\n", "452 4.5.3");
		rig_expect(&r, "DATA\r\n", "354");
		rig_expect(&r, ".\r\n", "250 2.0.0");
		assert_int_equal(r.fake.envelope.n_recipients, 300);
	}
	rig_expect(&r, MAIL, "250 2.1.0");
	for (int i = 0; i < 309; i++)
		rig_expect(&r, RCPT, "250 2.1.5");
	rig_expect(&r, RCPT, "421 4.7.0 CLOSED");
	assert_string_equal(session_reason(r.session), "commands");
	rig_free(&r);
}

static void takes_recipients_after_many_that_were_refused(void **state)
{
	struct rig r;

	(void)state;
	begin_many(&r, 300, 10);
	rig_expect(&r, MAIL, "250 2.1.0");
	r.fake.refuse_rcpt = true;
	for (int i = 0; i < 200; i++)
		rig_expect(&r, RCPT, "550 5.7.1");
	r.fake.refuse_rcpt = false;
	rig_expect(&r, RCPT "DATA\r\n", "250 2.1.5, 354");
	rig_free(&r);
}

static void counts_no_chunk_that_brings_bytes(void **state)
{
	struct rig r;

	(void)state;
	begin_many(&r, 3, 10);
	rig_expect(&r, ENVELOPE, "250 2.1.0, 250 2.1.5");
	for (int i = 0; i < 300; i++)
		rig_expect(&r, "BDAT 3\r\nabc", "250 2.0.0");
	rig_expect(&r, "BDAT 3 LAST\r\nabc", "250 2.0.0");
	assert_int_equal(r.fake.messages, 1);
	rig_expect(&r, ENVELOPE, "250 2.1.0, 250 2.1.5");
	for (int i = 0; i < 9; i++)
		rig_expect(&r, "BDAT 0\r\n", "250 2.0.0");
	rig_expect(&r, "BDAT 0\r\n", "421 4.7.0 CLOSED");
	rig_free(&r);
}

/* --- mistakes ----------------------------------------------------------------------------- */

/* What a session may do any number of times without being sent away for its mistakes. */
static void counts_mistakes_of_syntax_and_sequence_only(void **state)
{
	static const struct {
		const char *line, *reply;
		bool mistake;
	} cases[] = {
		{"WHAT\r\n", "500 5.5.1", true},
		{"VRFY\r\n", "501 5.5.4", true},
		{"ETRN x\r\n", "502 5.5.1", true},
		{RCPT, "503 5.5.1", true},
		{"AUTH NTLM\r\n", "504 5.5.4", false},
		{MAIL, "530 5.7.0", false},
		{"XCLIENT ADDR=192.0.2.1\r\n", "550 5.7.1", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf_listener policy = {
			.auth = CONF_AUTH_OPTIONAL, .auth_plaintext = true};
		struct rig r;

		/* RCPT and VRFY shall not ask for a login. */
		if (cases[i].mistake)
			policy.auth = CONF_AUTH_OFF;
		rig_init_with(&r, &policy);
		rig_expect(&r, EHLO, "220, 250");
		for (unsigned k = 0; k < r.limits.errors; k++)
			rig_expect(&r, cases[i].line, cases[i].reply);
		rig_expect(&r, cases[i].line,
			cases[i].mistake ? "421 4.7.0 CLOSED" : cases[i].reply);
		rig_free(&r);
	}
}

/* A group was sent before the reply to MAIL was known. */
static void takes_no_group_after_a_refused_mail_for_mistakes(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.errors = 2;
	rig_expect(&r, EHLO, "220, 250");
	r.fake.refuse_mail = true;
	for (int i = 0; i < 3; i++)
		rig_expect(&r, MAIL RCPT RCPT "DATA\r\n",
			"550 5.7.1, 503 5.5.1, 503 5.5.1, 503 5.5.1");
	rig_expect(&r, "RSET\r\n" RCPT RCPT, "250 2.0.0, 503 5.5.1, 503 5.5.1");
	rig_expect(&r, RCPT, "421 4.7.0 CLOSED");
	rig_free(&r);
}

static void ends_where_a_payload_follows_a_spoiled_bdat(void **state)
{
	static const char *const lines[] = {" BDAT 6 LAST\r\nRSET\r\n",
		"\tBDAT 6\r\nRSET\r\n", "  bdat x\r\nRSET\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		for (size_t piece = 1; piece < 8; piece++) {
			char got[200];
			struct rig r;

			rig_init(&r);
			rig_expect(&r, EHLO, "220, 250");
			(void)rig_give(&r, span_of(lines[i]), piece);
			rig_replies(&r, got, sizeof(got));
			assert_string_equal(got, "500 5.5.2 CLOSED");
			rig_free(&r);
		}
}

/* --- slowness ----------------------------------------------------------------------------- */

/* A byte a second, of each kind of waiting: the deadline does not move. */
static void culls_who_sends_a_byte_a_second(void **state)
{
	static const struct {
		const char *before, *replies; /* to get there */
		const char *last;
		uint64_t seconds;
	} cases[] = {
		{"", "220", "421 4.4.2 CLOSED", 60},
		{EHLO, "220, 250", "421 4.4.2 CLOSED", 60},
		{EHLO "\1" MAIL, "220, 250, 250 2.1.0", "421 4.4.2 CLOSED", 60},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *group = strchr(cases[i].before, '\1');
		struct rig r;
		uint64_t s;

		rig_init(&r);
		if (group != NULL) {
			(void)rig_give(&r,
				span_make(cases[i].before,
					(size_t)(group - cases[i].before)),
				SIZE_MAX);
			rig_expect(&r, group + 1, cases[i].replies);
		} else {
			rig_expect(&r, cases[i].before, cases[i].replies);
		}
		for (s = 0; s < 1000 && !session_closing(r.session); s++) {
			(void)rig_give(&r, span_of("N"), 1);
			expire_after(&r, 1000);
		}
		assert_int_equal(s, cases[i].seconds);
		rig_expect(&r, "", cases[i].last);
		rig_free(&r);
	}
}

/* Silence and talk alike: what counts is a login or a mail. */
static void closes_clients_that_neither_log_in_nor_begin_a_mail(void **state)
{
	static const char *const talk[] = {
		"", EHLO, "NOOP\r\n", "RSET\r\n", "VRFY x\r\n", "BDAT 1000 LAST\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(talk); i++) {
		struct rig r;
		char got[200];
		uint64_t s;

		rig_init(&r);
		r.limits.start_timeout = 30000;
		rig_open_again(&r);
		rig_expect(&r, i > 0 ? EHLO : "", i > 0 ? "220, 250" : "220");
		for (s = 0; s < 1000 && !session_closing(r.session); s++) {
			(void)rig_give(&r, span_of(talk[i]), SIZE_MAX);
			rig_replies(&r, got, sizeof(got));
			expire_after(&r, 1000);
		}
		assert_int_equal(s, 30);
		rig_expect(&r, "", "421 4.4.2 CLOSED");
		rig_free(&r);
	}
}

static void keeps_clients_that_have_begun_a_mail_or_logged_in(void **state)
{
	struct conf_listener auth = {.auth = CONF_AUTH_REQUIRED, .auth_plaintext = true};
	struct rig r;

	(void)state;
	for (int login = 0; login < 2; login++) {
		rig_init_with(&r, login ? &auth : &(struct conf_listener){0});
		rig_users(&r, "app:*\n");
		r.limits.start_timeout = 30000;
		rig_open_again(&r);
		rig_expect(&r, EHLO, "220, 250");
		expire_after(&r, 29000);
		if (login) {
			/* "app", "x" */
			rig_expect(&r, "AUTH PLAIN AGFwcAB4\r\n", "");
			expire_after(&r, 29000);
			rig_authenticate(&r, LOGIN_OK, "app");
			rig_expect(&r, "", "235 2.7.0");
		} else {
			rig_expect(&r, MAIL "RSET\r\n", "250 2.1.0, 250 2.0.0");
		}
		expire_after(&r, r.limits.command_timeout - 1);
		rig_expect(&r, "NOOP\r\n", "250 2.0.0");
		expire_after(&r, r.limits.command_timeout - 1);
		assert_false(session_closing(r.session));
		expire_after(&r, 1);
		rig_expect(&r, "", "421 4.4.2 CLOSED");
		rig_free(&r);
	}
}

static void begin_body(struct rig *r, bool chunk)
{
	rig_expect(r, EHLO, "220, 250");
	rig_expect(r, ENVELOPE, "250 2.1.0, 250 2.1.5");
	if (chunk)
		rig_expect(r, "BDAT 100000 LAST\r\n", "");
	else
		rig_expect(r, "DATA\r\n", "354");
}

/* Sends rate bytes each second; the second in which the session ended, or 0. */
static unsigned send_at(struct rig *r, unsigned rate, unsigned seconds)
{
	static const char line[] = "0123456789abcdef0123456789abcdef0123456789abcdef\r\n";

	for (unsigned s = 1; s <= seconds; s++) {
		for (unsigned left = rate; left > 0;) {
			unsigned n = left < sizeof(line) - 1 ? left : sizeof(line) - 1;

			(void)rig_give(r, span_make(line, n), SIZE_MAX);
			left -= n;
		}
		clock_advance(&r->clock, 1000);
		if (session_deadline(r->session) <= clock_mono_ms(&r->clock))
			session_expire(r->session);
		if (session_closing(r->session))
			return s;
	}
	return 0;
}

static void culls_a_message_that_comes_too_slowly(void **state)
{
	static const struct {
		unsigned rate, lowest;
		unsigned end; /* second; 0: not in 200 */
	} cases[] = {
		{1, 100, PACE_GRACE / 1000},
		{99, 100, PACE_GRACE / 1000},
		{100, 100, 0},
		{1, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
		struct rig r;

		rig_init(&r);
		r.limits.message_size = 200000;
		r.limits.data_rate = cases[i / 2].lowest;
		begin_body(&r, i % 2 == 1);
		assert_int_equal(send_at(&r, cases[i / 2].rate, 200), cases[i / 2].end);
		if (cases[i / 2].end != 0)
			rig_expect(&r, "", "421 4.4.2 CLOSED");
		assert_int_equal(r.fake.messages, 0);
		rig_free(&r);
	}
}

static void looks_again_at_one_who_becomes_slow(void **state)
{
	struct rig r;
	unsigned end;

	(void)state;
	rig_init(&r);
	r.limits.message_size = 1 << 19;
	r.limits.data_rate = 100;
	begin_body(&r, false);
	assert_int_equal(send_at(&r, 200, 40), 0);
	/* 8000 bytes are enough for 80 s; then he is below. */
	end = send_at(&r, 1, 100);
	assert_true(end >= 40 && end <= 51);
	rig_free(&r);
}

static void a_message_has_an_end_however_fast_it_comes(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.message_size = 1 << 19;
	r.limits.data_rate = 100;
	begin_body(&r, false);
	assert_int_equal(send_at(&r, 200, 1000), r.limits.data_timeout / 1000);
	rig_expect(&r, "", "421 4.4.2 CLOSED");
	rig_free(&r);
}

static void gives_up_who_reads_no_replies(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	while (session_wants_input(r.session))
		(void)rig_give(&r, span_of("NOOP\r\n"), SIZE_MAX);
	assert_false(session_closing(r.session));
	expire_after(&r, r.limits.command_timeout);
	assert_true(session_closing(r.session));
	assert_int_not_equal(session_output(r.session)->len, 0);
	expire_after(&r, 10000);
	assert_int_equal(session_output(r.session)->len, 0);
	rig_free(&r);
}

/* --- how often ---------------------------------------------------------------------------- */

static void lets_a_client_send_so_much_a_minute(void **state)
{
	struct rate *rate = rate_new(NULL, 0, SHM_MESSAGES, 60000);
	struct conn_limit limits = {.sessions = 10, .message_rate = 2, .messages = rate};
	struct rig r;

	(void)state;
	rig_init(&r);
	r.cfg.clients = &limits;
	rig_expect(&r, EHLO, "220, 250");
	for (int i = 0; i < 2; i++)
		rig_expect(&r, MAIL "RSET\r\n", "250 2.1.0, 250 2.0.0");
	rig_expect(&r, MAIL, "450 4.7.1");
	rig_open_again(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL, "450 4.7.1");
	clock_advance(&r.clock, 52000);
	rig_expect(&r, MAIL, "450 4.7.1");
	clock_advance(&r.clock, 8000);
	for (int i = 0; i < 2; i++)
		rig_expect(&r, MAIL "RSET\r\n", "250 2.1.0, 250 2.0.0");
	rig_expect(&r, MAIL, "450 4.7.1");
	(void)str_copy(r.address, sizeof(r.address), "192.0.2.2");
	rig_open_again(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL, "250 2.1.0");
	rig_free(&r);
	rate_free(&rate);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_a_session_of_commands_without_a_message),
		cmocka_unit_test(begins_to_count_anew_behind_a_message),
		cmocka_unit_test(takes_all_recipients_that_it_advertises),
		cmocka_unit_test(takes_recipients_after_many_that_were_refused),
		cmocka_unit_test(counts_no_chunk_that_brings_bytes),
		cmocka_unit_test(counts_mistakes_of_syntax_and_sequence_only),
		cmocka_unit_test(takes_no_group_after_a_refused_mail_for_mistakes),
		cmocka_unit_test(ends_where_a_payload_follows_a_spoiled_bdat),
		cmocka_unit_test(culls_who_sends_a_byte_a_second),
		cmocka_unit_test(closes_clients_that_neither_log_in_nor_begin_a_mail),
		cmocka_unit_test(keeps_clients_that_have_begun_a_mail_or_logged_in),
		cmocka_unit_test(culls_a_message_that_comes_too_slowly),
		cmocka_unit_test(looks_again_at_one_who_becomes_slow),
		cmocka_unit_test(a_message_has_an_end_however_fast_it_comes),
		cmocka_unit_test(gives_up_who_reads_no_replies),
		cmocka_unit_test(lets_a_client_send_so_much_a_minute),
	};

	rig_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
