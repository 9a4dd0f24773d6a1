/* SPDX-License-Identifier: MIT */
/* smtp/session: what a dialogue does not show: the handler, memory, time, the end. */
#include "core/log.h"
#include "session_rig.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void offers_its_extensions(void **state)
{
	static const char want[] = "220 mx.example.com ESMTP sesrelay\r\n"
				   "250-mx.example.com\r\n"
				   "250-PIPELINING\r\n"
				   "250-SIZE 1000\r\n"
				   "250-8BITMIME\r\n"
				   "250-CHUNKING\r\n"
				   "250-BINARYMIME\r\n"
				   "250-SMTPUTF8\r\n"
				   "250-DSN\r\n"
				   "250-PRDR\r\n"
				   "250-ENHANCEDSTATUSCODES\r\n"
				   "250-LIMITS MAILMAX=3 RCPTMAX=3\r\n"
				   "250 HELP\r\n";
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_give(&r, span_of(EHLO), SIZE_MAX);
	assert_string_equal(session_output(r.session)->data, want);
	assert_true(session_peer(r.session)->esmtp);
	assert_string_equal(session_peer(r.session)->helo, "client.example.com");
	rig_free(&r);
}

/* A host name of 255 bytes, and all extensions at once with the largest limits. */
static void offers_all_its_extensions_with_the_longest_name(void **state)
{
	static const char *const keywords[] = {"PIPELINING", "SIZE 10485760", "8BITMIME",
		"CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN", "PRDR",
		"ENHANCEDSTATUSCODES", "LIMITS MAILMAX=1000000 RCPTMAX=100000",
		"STARTTLS", "AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN",
		"XCLIENT NAME ADDR PORT PROTO HELO LOGIN",
		"XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"};
	struct conf_listener policy = {.name = (char *)"test",
		.auth = CONF_AUTH_OPTIONAL,
		.auth_plaintext = true,
		.lenient = true,
		.tls = CONF_TLS_STARTTLS};
	char name[256], line[280];
	struct ip_prefix net;
	const char *got;
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(name) - 1; i++)
		name[i] = i % 64 == 63 ? '.' : 'x';
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(ip_parse("192.0.2.1", &net, NULL), 0);
	policy.xclient.nets = &net;
	policy.xclient.n = 1;
	rig_init_with(&r, &policy);
	r.cfg.hostname = name;
	r.limits.message_size = 10485760;
	r.limits.messages = 1000000;
	r.limits.recipients = 100000;
	rig_open_again(&r);
	rig_expect(&r, "", "220");
	rig_give(&r, span_of(EHLO), SIZE_MAX);
	got = session_output(r.session)->data;
	snprintf(line, sizeof(line), "250-%s\r\n", name);
	assert_true(strncmp(got, line, strlen(line)) == 0);
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		snprintf(line, sizeof(line), "\r\n250-%s\r\n", keywords[i]);
		assert_non_null(strstr(got, line));
	}
	assert_non_null(strstr(got, "\r\n250 HELP\r\n"));
	rig_free(&r);
}

/* What HELP names is what does not meet "not offered", "say STARTTLS first" and the like. */
static void helps_with_the_verbs_that_it_offers(void **state)
{
	static const struct {
		struct conf_listener policy;
		bool trusted;
		const char *want;
	} cases[] = {
		{{0}, false, "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT"},
		{{0}, true,
			"EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT XCLIENT "
			"XFORWARD"},
		{{.protocol = CONF_PROTOCOL_LMTP}, false,
			"LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT"},
		{{.tls = CONF_TLS_STARTTLS}, false,
			"EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT "
			"STARTTLS"},
		{{.tls = CONF_TLS_REQUIRED}, true,
			"EHLO HELO RSET NOOP HELP QUIT STARTTLS"},
		{{.auth = CONF_AUTH_REQUIRED, .auth_plaintext = true}, false,
			"EHLO HELO RSET NOOP HELP QUIT AUTH"},
		{{.auth = CONF_AUTH_REQUIRED, .tls = CONF_TLS_STARTTLS}, false,
			"EHLO HELO RSET NOOP HELP QUIT STARTTLS"},
	};
	struct ip_prefix net;

	(void)state;
	assert_int_equal(ip_parse("192.0.2.1", &net, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf_listener policy = cases[i].policy;
		char want[200];
		struct rig r;

		policy.name = (char *)"test";
		policy.xclient.nets = &net;
		policy.xclient.n = cases[i].trusted;
		rig_init_with(&r, &policy);
		rig_expect(&r, "", "220");
		rig_give(&r, span_of("HELP\r\n"), SIZE_MAX);
		snprintf(want, sizeof(want), "214-2.0.0 %s\r\n", cases[i].want);
		assert_true(strncmp(session_output(r.session)->data, want,
				    strlen(want)) == 0);
		rig_free(&r);
	}
}

static void hands_over_envelope_and_body(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r,
		"MAIL FROM:<S@Example.COM> SIZE=5 BODY=8BITMIME\r\n"
		"RCPT TO:<b@Example.com>\r\nRCPT TO:<a@example.com>\r\n"
		"RCPT TO:<b@EXAMPLE.com>\r\nDATA\r\n",
		"250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 354");
	rig_expect(&r, "..\r\na\nb\r\n.\r\n", "250 2.0.0");
	assert_string_equal(r.fake.envelope.reverse_path, "S@example.com");
	assert_int_equal(r.fake.envelope.n_recipients, 2);
	assert_string_equal(r.fake.envelope.recipients[0], "b@example.com");
	assert_string_equal(r.fake.envelope.recipients[1], "a@example.com");
	assert_int_equal(r.fake.envelope.size, 5);
	assert_true(r.fake.envelope.eightbit);
	assert_false(r.fake.envelope.smtputf8);
	assert_string_equal(r.fake.body.data, ".\r\na\r\nb\r\n");
	/* and nothing of it is left for the next one */
	rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
	rig_expect(&r, "x\r\n.\r\n", "250 2.0.0");
	assert_int_equal(r.fake.envelope.n_recipients, 1);
	assert_int_equal(r.fake.envelope.size, 0);
	assert_string_equal(r.fake.body.data, "x\r\n");
	rig_free(&r);
}

static void a_nul_in_a_command_is_no_end_of_it(void **state)
{
	struct rig r;
	char got[200];

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_give(&r, span_make("MAIL FROM:<s@example.com>\0\r\n", 28), SIZE_MAX);
	rig_replies(&r, got, sizeof(got));
	assert_string_equal(got, "501 5.5.2");
	rig_free(&r);
}

static void drops_an_endless_line_without_keeping_it(void **state)
{
	char fill[1000];
	struct rig r;

	(void)state;
	rig_init(&r);
	memset(fill, 'x', sizeof(fill));
	rig_expect(&r, EHLO, "220, 250");
	for (int i = 0; i < 100; i++)
		rig_give(&r, span_make(fill, sizeof(fill)), SIZE_MAX);
	rig_expect(&r, "", "");
	rig_expect(&r, "\r\nNOOP\r\n", "500 5.5.2, 250 2.0.0");
	rig_free(&r);
}

static void takes_a_line_of_just_the_maximum(void **state)
{
	char line[300];
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	snprintf(line, sizeof(line), "NOOP %0195d\r\n", 0);
	rig_expect(&r, line, "250 2.0.0");
	snprintf(line, sizeof(line), "NOOP %0196d\r\n", 0);
	rig_expect(&r, line, "500 5.5.2");
	rig_free(&r);
}

/* --- the log ----------------------------------------------------------------------------- */

/* What the dialogue leaves in the log, in memory that the caller frees. */
static char *log_of(const char *in)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	char *text = calloc(1, 65536);
	struct rig r;

	assert_true(fd >= 0);
	assert_non_null(text);
	log_use_fd(fd, LOG_TEXT, LOG_DEBUG);
	rig_init(&r);
	rig_give(&r, span_of(in), 1);
	rig_free(&r);
	rig_quiet();
	assert_true(pread(fd, text, 65535, 0) > 0);
	close(fd);
	return text;
}

static void logs_what_was_refused(void **state)
{
	char *log = log_of("EHLO x\r\nMAIL FROM:<a b>\r\nWHAT\r\n");

	(void)state;
	assert_non_null(strstr(log, "0123456789abcdef connect client=192.0.2.1"));
	assert_non_null(strstr(log, "refused command=\"MAIL FROM:<a b>\" code=501 "
				    "enhanced=5.1.7"));
	assert_non_null(strstr(log, "refused command=WHAT code=500"));
	assert_non_null(strstr(log, "disconnect reason=aborted"));
	free(log);
}

static void never_logs_what_may_be_a_password(void **state)
{
	static const char *const dialogues[] = {
		"EHLO x\r\nAUTH PLAIN c2VjcmV0\r\n",
		"EHLO x\r\nauth login\r\nc2VjcmV0\r\nc2VjcmV0\r\n",
		"AUTH PLAIN c2VjcmV0\nc2VjcmV0\r\nc2VjcmV0\r\n",
		"AUTH\tPLAIN c2VjcmV0\x01\r\n",
		" AUTH PLAIN c2VjcmV0\r\n",
		"\t auth login\r\nc2VjcmV0\r\n",
		"AUTH=PLAIN c2VjcmV0\r\n",
		"XAUTH PLAIN c2VjcmV0\r\nc2VjcmV0\r\n",
		"EHLO x\rAUTH PLAIN c2VjcmV0\r\n",
		"NOOP\rauth login c2VjcmV0\r\nc2VjcmV0\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialogues); i++) {
		char *log = log_of(dialogues[i]);

		assert_null(strstr(log, "c2VjcmV0"));
		assert_non_null(strstr(log, "refused command="));
		free(log);
	}
}

/* --- size and memory ------------------------------------------------------------------ */

static void begin_mail(struct rig *r)
{
	rig_expect(r, EHLO, "220, 250");
	rig_expect(r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
}

static void reads_a_mail_that_is_too_large_to_its_end(void **state)
{
	char fill[998];
	struct rig r;

	(void)state;
	rig_init(&r);
	memset(fill, 'x', sizeof(fill));
	begin_mail(&r);
	rig_give(&r, span_make(fill, sizeof(fill)), SIZE_MAX);
	rig_expect(&r, "\r\n.\r\n", "250 2.0.0"); /* 1000 bytes */
	rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
	rig_give(&r, span_make(fill, sizeof(fill)), SIZE_MAX);
	rig_expect(&r, "x\r\n", "");
	assert_int_equal(r.budget.used, r.fake.body.cap); /* what it had is given back */
	rig_expect(&r, "MAIL FROM:<no@example.com>\r\n.\r\n", "552 5.3.4");
	assert_int_equal(r.fake.messages, 1);
	rig_expect(&r, ENVELOPE, "250 2.1.0, 250 2.1.5");
	rig_free(&r);
}

static void refuses_mails_that_memory_cannot_hold(void **state)
{
	char fill[900];
	struct rig r;

	(void)state;
	rig_init(&r);
	memset(fill, 'x', sizeof(fill));
	r.limits.message_size = 100000;
	r.budget.limit = 5000;
	begin_mail(&r);
	for (int i = 0; i < 10; i++)
		rig_give(&r, span_make(fill, sizeof(fill)), SIZE_MAX);
	assert_int_equal(r.budget.used, 0);
	rig_expect(&r, "\r\n.\r\n", "452 4.3.1");
	assert_int_equal(r.fake.messages, 0);
	/* at once, where the client says how large it will be */
	rig_expect(&r, "MAIL FROM:<> SIZE=5001\r\n", "452 4.3.1");
	/* and before the body, where there is nothing left at all */
	r.budget.used = 4000;
	rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 452 4.3.1");
	r.budget.used = 0;
	rig_expect(&r, "DATA\r\n", "354");
	rig_free(&r);
}

/* --- the handler ---------------------------------------------------------------------- */

static void passes_on_what_the_handler_refuses(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	r.fake.refuse_mail = true;
	rig_expect(&r, MAIL RCPT, "550 5.7.1, 503 5.5.1");
	r.fake.refuse_mail = false;
	r.fake.refuse_rcpt = true;
	rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 550 5.7.1, 554 5.5.1");
	r.fake.refuse_rcpt = false;
	rig_expect(&r, RCPT "DATA\r\n", "250 2.1.5, 354");
	r.fake.verdict = -1;
	r.fake.reply = reply_make(554, "5.6.0", "not such a message");
	rig_expect(&r, "a\r\n.\r\nNOOP\r\n", "554 5.6.0, 250 2.0.0");
	rig_free(&r);
}

static void takes_no_input_until_the_handler_answers(void **state)
{
	static const char in[] = "a\r\n.\r\nNOOP\r\n";
	struct reply ok = reply_make(250, "2.0.0", "accepted");
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	assert_int_equal(rig_give(&r, span_of(in), SIZE_MAX), 6);
	assert_true(session_busy(r.session));
	assert_false(session_wants_input(r.session));
	assert_int_equal(session_input(r.session, "NOOP\r\n", 6), 0);
	assert_int_equal(session_deadline(r.session), 0);
	clock_advance(&r.clock, 10000000);
	session_expire(r.session);
	rig_expect(&r, "", "");
	transaction_finish(r.fake.transaction, &ok, NULL, NULL);
	assert_int_equal(r.output_ready, 1);
	assert_true(session_wants_input(r.session));
	rig_expect(&r, "NOOP\r\n", "250 2.0.0, 250 2.0.0");
	rig_free(&r);
	assert_int_equal(r.fake.aborted, 0);
}

/* --- whether the client has its reply ----------------------------------------------------- */

struct news {
	unsigned yes, no;
};

static void on_settled(void *arg, bool acknowledged)
{
	struct news *n = arg;

	n->yes += acknowledged;
	n->no += !acknowledged;
}

/* A message whose handler asks. */
static void answer_and_ask(struct rig *r, struct news *n)
{
	struct reply ok = reply_make(250, "2.0.0", "accepted");

	rig_give(r, span_of("a\r\n.\r\n"), 1);
	transaction_set_receipt(
		r->fake.transaction, &(struct smtp_receipt){on_settled, n});
	assert_false(session_awaits_ack(r->session));
	transaction_finish(r->fake.transaction, &ok, NULL, NULL);
	assert_true(session_awaits_ack(r->session));
}

static void tells_once_whether_the_client_has_its_reply(void **state)
{
	struct news n = {0};
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	answer_and_ask(&r, &n);
	rig_expect(&r, "NOOP\r\n", "250 2.0.0, 250 2.0.0");
	assert_int_equal(n.yes + n.no, 0); /* its owner knows, not the session */
	session_acknowledged(r.session);
	session_lose_reply(r.session);
	assert_false(session_awaits_ack(r.session));
	assert_true(n.yes == 1 && n.no == 0);
	/* Another message over the same connection. */
	rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
	answer_and_ask(&r, &n);
	rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.0.0, 250 2.1.0, 250 2.1.5, 354");
	assert_int_equal(n.yes, 1);
	answer_and_ask(&r, &n);
	assert_int_equal(n.yes, 2);
	session_lose_reply(r.session);
	assert_int_equal(n.no, 1);
	rig_free(&r);
}

/* Its owner waits for what it took over; of the rest nobody will learn. */
static void settles_at_its_end_what_its_owner_did_not_take(void **state)
{
	struct news n = {0};
	struct smtp_receipt taken;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	answer_and_ask(&r, &n);
	taken = session_take_receipt(r.session);
	rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.0.0, 250 2.1.0, 250 2.1.5, 354");
	answer_and_ask(&r, &n);
	rig_free(&r);
	assert_true(n.yes == 0 && n.no == 1);
	taken.settle(taken.arg, true);
	assert_int_equal(n.yes, 1);
}

static void a_handler_may_close(void **state)
{
	struct reply bye = reply_make(421, "4.3.2", "no");
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	rig_give(&r, span_of("a\r\n.\r\n"), 1);
	transaction_finish(r.fake.transaction, &bye, NULL, NULL);
	rig_expect(&r, "", "421 4.3.2 CLOSED");
	rig_free(&r);
}

static void tells_the_handler_when_the_client_is_gone(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	rig_give(&r, span_of("a\r\n.\r\n"), 1);
	session_gone(r.session);
	assert_int_equal(r.fake.aborted, 1);
	assert_true(session_closing(r.session));
	assert_string_equal(session_reason(r.session), "eof while busy");
	session_gone(r.session);
	rig_free(&r);
	assert_int_equal(r.fake.aborted, 1);

	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	rig_give(&r, span_of("a\r\n.\r\n"), 1);
	rig_free(&r);
	assert_int_equal(r.fake.aborted, 1);
}

/* Exim says QUIT behind its last message and closes its side, and waits for the reply. */
static void answers_a_client_that_has_closed_its_side(void **state)
{
	struct reply ok = reply_make(250, "2.0.0", "accepted");
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	assert_int_equal(rig_give(&r, span_of("a\r\n.\r\nQUIT\r\n"), SIZE_MAX), 6);
	session_eof(r.session);
	session_eof(r.session);
	assert_int_equal(r.fake.half_closed, 1);
	assert_int_equal(r.fake.aborted, 0);
	assert_true(session_busy(r.session));
	transaction_finish(r.fake.transaction, &ok, NULL, NULL);
	rig_expect(&r, "QUIT\r\n", "250 2.0.0, 221 2.0.0 CLOSED");
	rig_free(&r);
	assert_int_equal(r.fake.aborted, 0);
}

static void drops_a_mail_whose_end_never_comes(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	begin_mail(&r);
	rig_give(&r, span_of("a\r\n.\r"), SIZE_MAX);
	session_eof(r.session);
	rig_expect(&r, "\n", "CLOSED");
	assert_string_equal(session_reason(r.session), "eof in data");
	assert_int_equal(r.fake.messages, 0);
	rig_free(&r);
}

static void refused_recipients_are_no_errors(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL, "250 2.1.0");
	r.fake.refuse_rcpt = true;
	for (int i = 0; i < 50; i++)
		rig_expect(&r, RCPT, "550 5.7.1");
	r.fake.refuse_rcpt = false;
	rig_expect(&r, RCPT "DATA\r\n", "250 2.1.5, 354");
	rig_free(&r);
}

static void an_accepted_mail_wipes_the_errors(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	for (int i = 0; i < 3; i++) {
		rig_expect(&r, "X\r\nX\r\nX\r\nX\r\n",
			"500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1");
		rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
		rig_expect(&r, "a\r\n.\r\n", "250 2.0.0");
	}
	rig_free(&r);
}

/* --- time ----------------------------------------------------------------------------- */

static void a_deadline_is_not_moved_by_bytes(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, "", "220");
	for (int i = 0; i < 59; i++) {
		clock_advance(&r.clock, 1000);
		session_expire(r.session);
		rig_expect(&r, "N", "");
	}
	clock_advance(&r.clock, 1000);
	session_expire(r.session);
	rig_expect(&r, "", "421 4.4.2 CLOSED");
	assert_string_equal(session_reason(r.session), "timeout");
	rig_free(&r);
}

static void each_command_has_its_own_deadline(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	for (int i = 0; i < 3; i++) {
		clock_advance(&r.clock, 59000);
		session_expire(r.session);
		rig_expect(&r, "NOOP\r\n", "250 2.0.0");
	}
	assert_int_equal(session_deadline(r.session), clock_mono_ms(&r.clock) + 60000);
	rig_free(&r);
}

static void a_whole_message_has_one_deadline(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	begin_mail(&r);
	clock_advance(&r.clock, 299999);
	rig_expect(&r, "a\r\n", "");
	session_expire(r.session);
	rig_expect(&r, "", "");
	clock_advance(&r.clock, 1);
	session_expire(r.session);
	rig_expect(&r, ".\r\n", "421 4.4.2 CLOSED");
	assert_int_equal(r.fake.messages, 0);
	rig_free(&r);
}

static void gives_up_on_output_that_nobody_takes(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	clock_advance(&r.clock, 60000);
	session_expire(r.session);
	assert_true(session_output(r.session)->len > 0);
	session_expire(r.session);
	assert_true(session_output(r.session)->len > 0);
	clock_advance(&r.clock, 60000);
	session_expire(r.session);
	assert_int_equal(session_output(r.session)->len, 0);
	rig_free(&r);
}

static void stops_reading_from_a_client_that_does_not_read(void **state)
{
	static char noops[60000];
	struct rig r;
	size_t used;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	for (size_t i = 0; i < sizeof(noops); i++)
		noops[i] = "NOOP\r\n"[i % 6];
	used = rig_give(&r, span_make(noops, sizeof(noops)), SIZE_MAX);
	assert_true(used < sizeof(noops));
	assert_false(session_wants_input(r.session));
	assert_true(session_output(r.session)->len < 20000);
	buf_clear(session_output(r.session));
	assert_true(session_wants_input(r.session));
	rig_free(&r);
}

/* --- shutdown ------------------------------------------------------------------------- */

static void says_goodbye_when_the_server_goes_down(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	session_shutdown(r.session);
	rig_expect(&r, MAIL, "421 4.3.2 CLOSED");
	assert_string_equal(session_reason(r.session), "shutdown");
	rig_free(&r);

	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, "QUIT\r\n", "221 2.0.0 CLOSED");
	session_shutdown(r.session);
	rig_expect(&r, "", "CLOSED");
	rig_free(&r);
}

/* How far the client was, what it goes on with, and what it reads. */
static const struct {
	const char *before, *after, *want;
	unsigned messages;
} ends[] = {
	{MAIL, RCPT "DATA\r\nx\r\n.\r\n", "250 2.1.5, 354, 250 2.0.0, 421 4.3.2 CLOSED",
		1},
	{MAIL "RCPT TO:<", "r@example.com>\r\nBDAT 1 LAST\r\nx",
		"250 2.1.5, 250 2.0.0, 421 4.3.2 CLOSED", 1},
	{ENVELOPE "DATA\r\nx\r\n", "y\r\n.\r\n" MAIL, "250 2.0.0, 421 4.3.2 CLOSED", 1},
	{ENVELOPE "BDAT 3\r\nx", "yzBDAT 0 LAST\r\n",
		"250 2.0.0, 250 2.0.0, 421 4.3.2 CLOSED", 1},
	{ENVELOPE "BDAT 1\r\nx", "BDAT 1 LAST\r\ny", "250 2.0.0, 421 4.3.2 CLOSED", 1},
	{ENVELOPE, "RSET\r\n" MAIL, "250 2.0.0, 421 4.3.2 CLOSED", 0},
	{ENVELOPE, "NOOP\r\nRSET\r\n", "250 2.0.0, 250 2.0.0, 421 4.3.2 CLOSED", 0},
	{ENVELOPE, "QUIT\r\n", "221 2.0.0 CLOSED", 0},
};

static void lets_a_transaction_end_before_it_goes_down(void **state)
{
	char skip[2000], got[2000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct rig r;

		rig_init(&r);
		rig_expect(&r, EHLO, "220, 250");
		rig_give(&r, span_of(ends[i].before), 1);
		rig_replies(&r, skip, sizeof(skip));
		session_shutdown(r.session);
		rig_expect(&r, "", "");
		rig_give(&r, span_of(ends[i].after), 1);
		rig_replies(&r, got, sizeof(got));
		assert_string_equal(got, ends[i].want);
		assert_int_equal(r.fake.messages, ends[i].messages);
		rig_free(&r);
	}
}

static void gives_up_a_transaction_when_it_is_cut(void **state)
{
	char skip[2000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct rig r;

		rig_init(&r);
		rig_expect(&r, EHLO, "220, 250");
		rig_give(&r, span_of(ends[i].before), 1);
		rig_replies(&r, skip, sizeof(skip));
		session_shutdown(r.session);
		session_cut(r.session);
		rig_expect(&r, ends[i].after, "421 4.3.2 CLOSED");
		assert_int_equal(r.fake.messages, 0);
		rig_free(&r);
	}
}

static void answers_the_mail_before_it_goes_down(void **state)
{
	struct reply ok = reply_make(250, "2.0.0", "accepted");
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	rig_give(&r, span_of("a\r\n.\r\n"), SIZE_MAX);
	session_shutdown(r.session);
	session_cut(r.session);
	rig_expect(&r, "", "");
	transaction_finish(r.fake.transaction, &ok, NULL, NULL);
	rig_expect(&r, "", "250 2.0.0, 421 4.3.2 CLOSED");
	rig_free(&r);
}

static void names_every_state(void **state)
{
	(void)state;
	assert_string_equal(session_state_name(SESSION_GREETING), "GREETING");
	assert_string_equal(session_state_name(SESSION_CLOSING), "CLOSING");
	for (enum session_state s = SESSION_GREETING; s <= SESSION_CLOSING; s++)
		assert_non_null(session_state_name(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_its_extensions),
		cmocka_unit_test(offers_all_its_extensions_with_the_longest_name),
		cmocka_unit_test(helps_with_the_verbs_that_it_offers),
		cmocka_unit_test(hands_over_envelope_and_body),
		cmocka_unit_test(a_nul_in_a_command_is_no_end_of_it),
		cmocka_unit_test(drops_an_endless_line_without_keeping_it),
		cmocka_unit_test(takes_a_line_of_just_the_maximum),
		cmocka_unit_test(logs_what_was_refused),
		cmocka_unit_test(never_logs_what_may_be_a_password),
		cmocka_unit_test(reads_a_mail_that_is_too_large_to_its_end),
		cmocka_unit_test(refuses_mails_that_memory_cannot_hold),
		cmocka_unit_test(passes_on_what_the_handler_refuses),
		cmocka_unit_test(takes_no_input_until_the_handler_answers),
		cmocka_unit_test(tells_once_whether_the_client_has_its_reply),
		cmocka_unit_test(settles_at_its_end_what_its_owner_did_not_take),
		cmocka_unit_test(a_handler_may_close),
		cmocka_unit_test(tells_the_handler_when_the_client_is_gone),
		cmocka_unit_test(answers_a_client_that_has_closed_its_side),
		cmocka_unit_test(drops_a_mail_whose_end_never_comes),
		cmocka_unit_test(refused_recipients_are_no_errors),
		cmocka_unit_test(an_accepted_mail_wipes_the_errors),
		cmocka_unit_test(a_deadline_is_not_moved_by_bytes),
		cmocka_unit_test(each_command_has_its_own_deadline),
		cmocka_unit_test(a_whole_message_has_one_deadline),
		cmocka_unit_test(gives_up_on_output_that_nobody_takes),
		cmocka_unit_test(stops_reading_from_a_client_that_does_not_read),
		cmocka_unit_test(says_goodbye_when_the_server_goes_down),
		cmocka_unit_test(lets_a_transaction_end_before_it_goes_down),
		cmocka_unit_test(gives_up_a_transaction_when_it_is_cut),
		cmocka_unit_test(answers_the_mail_before_it_goes_down),
		cmocka_unit_test(names_every_state),
	};

	rig_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
