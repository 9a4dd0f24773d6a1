/* SPDX-License-Identifier: MIT */
/* smtp/session: messages in chunks (RFC 3030). */
#include "session_rig.h"
#include "test.h"

#include <string.h>

static void open_mail(struct rig *r)
{
	rig_init(r);
	rig_expect(r, EHLO, "220, 250");
	rig_expect(r, ENVELOPE, "250 2.1.0, 250 2.1.5");
}

static void assert_body(const struct rig *r, const char *want)
{
	assert_int_equal(r->fake.body.len, strlen(want));
	assert_memory_equal(r->fake.body.data, want, strlen(want));
}

struct chunks {
	const char *title;
	const char *in, *want;
	const char *body; /* of the last message */
	unsigned messages;
};

/* From a session with an envelope on; each also byte by byte. */
static const struct chunks cases[] = {
	{"one chunk", "BDAT 5 LAST\r\na: b\n", "250 2.0.0", "a: b\r\n", 1},
	{"several", "BDAT 3\r\na: BDAT 0\r\nBDAT 3 LAST\r\nb\r\n",
		"250 2.0.0, 250 2.0.0, 250 2.0.0", "a: b\r\n", 1},
	{"LAST alone", "BDAT 6\r\na: b\r\nBDAT 0 LAST\r\n", "250 2.0.0, 250 2.0.0",
		"a: b\r\n", 1},
	{"nothing at all", "BDAT 0 LAST\r\n", "250 2.0.0", "", 1},
	{"verb and LAST in any case", "bdat 2 lAsT\r\n\r\n", "250 2.0.0", "\r\n", 1},
	{"dots mean nothing", "BDAT 11 LAST\r\n..a\r\n.\r\n.\r\n", "250 2.0.0",
		"..a\r\n.\r\n.\r\n", 1},
	{"line ends are mended over chunks",
		"BDAT 3\r\nab\rBDAT 3\r\n\nc\rBDAT 2 LAST\r\nd\r",
		"250 2.0.0, 250 2.0.0, 250 2.0.0", "ab\r\nc\r\nd\r\n", 1},
	{"a chunk that looks like commands", "BDAT 12 LAST\r\nRSET\r\nQUIT\r\nNOOP\r\n",
		"250 2.0.0, 250 2.0.0", "RSET\r\nQUIT\r\n", 1},
	{"the next mail behind the last chunk",
		"BDAT 2 LAST\r\n\r\n" ENVELOPE "BDAT 1 LAST\r\nx",
		"250 2.0.0, 250 2.1.0, 250 2.1.5, 250 2.0.0", "x", 2},
	{"DATA between chunks", "BDAT 1\r\nxDATA\r\n", "250 2.0.0, 503 5.5.1", NULL, 0},
	{"MAIL between chunks", "BDAT 1\r\nx" MAIL, "250 2.0.0, 503 5.5.1", NULL, 0},
	{"RCPT between chunks", "BDAT 1\r\nx" RCPT, "250 2.0.0, 503 5.5.1", NULL, 0},
	{"NOOP between chunks", "BDAT 1\r\nxNOOP\r\nBDAT 0 LAST\r\n",
		"250 2.0.0, 250 2.0.0, 250 2.0.0", "x", 1},
	{"RSET between chunks",
		"BDAT 1\r\nxRSET\r\nBDAT 1 LAST\r\nx" ENVELOPE "BDAT 1 LAST\r\ny",
		"250 2.0.0, 250 2.0.0, 503 5.5.1, 250 2.1.0, 250 2.1.5, 250 2.0.0", "y",
		1},
	{"no size", "BDAT\r\n", "501 5.5.4 CLOSED", NULL, 0},
	{"no number", "BDAT x LAST\r\n", "501 5.5.4 CLOSED", NULL, 0},
	{"a negative number", "BDAT -1 LAST\r\n", "501 5.5.4 CLOSED", NULL, 0},
	{"more than 64 bits", "BDAT 18446744073709551616 LAST\r\n", "501 5.5.4 CLOSED",
		NULL, 0},
	{"far too much", "BDAT 18446744073709551615 LAST\r\n", "552 5.3.4 CLOSED", NULL,
		0},
	{"another word than LAST", "BDAT 1 FIRST\r\n", "501 5.5.4 CLOSED", NULL, 0},
	{"a word too much", "BDAT 1 LAST x\r\n", "501 5.5.4 CLOSED", NULL, 0},
};

static void run(const struct chunks *c, size_t piece)
{
	char got[2000];
	struct rig r;

	open_mail(&r);
	rig_give(&r, span_of(c->in), piece);
	rig_replies(&r, got, sizeof(got));
	if (strcmp(got, c->want) != 0)
		fail_msg("%s: got %s, want %s", c->title, got, c->want);
	assert_int_equal(r.fake.messages, c->messages);
	if (c->body != NULL)
		assert_body(&r, c->body);
	rig_free(&r);
}

static void takes_messages_in_chunks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		run(&cases[i], SIZE_MAX);
}

static void takes_them_byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		run(&cases[i], 1);
}

static void is_offered(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_give(&r, span_of(EHLO), SIZE_MAX);
	assert_non_null(strstr(session_output(r.session)->data, "CHUNKING\r\n"));
	assert_non_null(strstr(session_output(r.session)->data, "BINARYMIME\r\n"));
	rig_free(&r);
}

/* What was pipelined behind a refused MAIL or RCPT is dropped, not obeyed. */
static void drops_the_chunks_of_a_refused_envelope(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	r.fake.refuse_mail = true;
	rig_expect(&r, ENVELOPE "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
		"550 5.7.1, 503 5.5.1, 503 5.5.1, 503 5.5.1, 250 2.0.0");
	r.fake.refuse_mail = false;
	r.fake.refuse_rcpt = true;
	rig_expect(&r, ENVELOPE "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
		"250 2.1.0, 550 5.7.1, 554 5.5.1, 554 5.5.1, 250 2.0.0");
	/* LAST ended that mail. */
	r.fake.refuse_rcpt = false;
	rig_expect(&r, ENVELOPE "BDAT 1 LAST\r\nx", "250 2.1.0, 250 2.1.5, 250 2.0.0");
	assert_int_equal(r.fake.messages, 1);
	rig_free(&r);
}

static void closes_where_nobody_was_greeted(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, "BDAT 6 LAST\r\n", "220, 503 5.5.1 CLOSED");
	rig_free(&r);
}

/* CHUNKING was not offered to it; how the bytes are cut must not matter. */
static void closes_where_only_helo_was_said(void **state)
{
	char got[200];
	struct rig r;

	(void)state;
	for (size_t piece = 1; piece <= 64; piece += 63) {
		rig_init(&r);
		for (const char *const *c =
				(const char *const[]){"HELO x\r\n", MAIL, RCPT, NULL};
			*c != NULL; c++)
			rig_give(&r, span_of(*c), SIZE_MAX);
		rig_replies(&r, got, sizeof(got));
		rig_give(&r, span_of("BDAT 6 LAST\r\nQUIT\r\n"), piece);
		rig_expect(&r, "", "503 5.5.1 CLOSED");
		assert_int_equal(r.fake.messages, 0);
		rig_free(&r);
	}
}

/* A line that cannot be read as BDAT says nothing of its chunk either. */
static void closes_where_the_line_is_spoiled(void **state)
{
	static const struct {
		const char *in, *want;
	} bad[] = {
		{"BDAT 6\001 LAST\r\nQUIT\r\n", "501 5.5.2 CLOSED"},
		{"BDAT 6\177\r\nQUIT\r\n", "501 5.5.2 CLOSED"},
		{"BDAT 6 \377\r\nQUIT\r\n", "501 5.5.2 CLOSED"},
		{"BDAT 6 LAST\nQUIT\r\n", "500 5.5.2 CLOSED"},
		{"BDAT\t6\rLAST\r\nQUIT\r\n", "500 5.5.2 CLOSED"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		for (size_t piece = 1; piece <= 64; piece += 63) {
			char got[200];
			struct rig r;

			open_mail(&r);
			rig_give(&r, span_of(bad[i].in), piece);
			rig_replies(&r, got, sizeof(got));
			if (strcmp(got, bad[i].want) != 0)
				fail_msg("%zu by %zu: got %s, want %s", i, piece, got,
					bad[i].want);
			assert_int_equal(r.fake.messages, 0);
			rig_free(&r);
		}
}

static void closes_where_the_line_is_too_long(void **state)
{
	char zeros[1200];
	struct rig r;

	(void)state;
	memset(zeros, '0', sizeof(zeros));
	open_mail(&r);
	rig_give(&r, span_of("BDAT "), SIZE_MAX);
	rig_give(&r, span_make(zeros, r.limits.command_length), SIZE_MAX);
	rig_expect(&r, "6 LAST\r\nQUIT\r\n", "500 5.5.2 CLOSED");
	assert_int_equal(r.fake.messages, 0);
	rig_free(&r);
}

static void refuses_what_is_too_large(void **state)
{
	char chunk[700];
	struct rig r;

	(void)state;
	memset(chunk, 'x', sizeof(chunk));
	open_mail(&r);
	rig_expect(&r, "BDAT 700\r\n", "");
	rig_give(&r, span_make(chunk, sizeof(chunk)), SIZE_MAX);
	rig_expect(&r, "", "250 2.0.0");
	rig_expect(&r, "BDAT 301\r\n", "");
	rig_give(&r, span_make(chunk, 301), SIZE_MAX);
	rig_expect(&r, "", "552 5.3.4");
	assert_int_equal(r.budget.used, 0);
	/* The rest is dropped; the last of it ends the mail. */
	rig_expect(&r, "BDAT 1\r\nx", "552 5.3.4");
	rig_expect(&r, "BDAT 1 LAST\r\nx", "552 5.3.4");
	rig_expect(&r, ENVELOPE "BDAT 1 LAST\r\nx", "250 2.1.0, 250 2.1.5, 250 2.0.0");
	assert_int_equal(r.fake.messages, 1);
	rig_free(&r);
}

/* Mended line ends may make it too large at the very end. */
static void refuses_what_becomes_too_large(void **state)
{
	char chunk[600];
	struct rig r;

	(void)state;
	memset(chunk, '\n', sizeof(chunk));
	open_mail(&r);
	rig_expect(&r, "BDAT 600 LAST\r\n", "");
	rig_give(&r, span_make(chunk, sizeof(chunk)), 7);
	rig_expect(&r, "", "552 5.3.4");
	rig_expect(&r, ENVELOPE, "250 2.1.0, 250 2.1.5");
	assert_int_equal(r.fake.messages, 0);
	rig_free(&r);
}

static void says_when_memory_is_out(void **state)
{
	struct rig r;

	(void)state;
	open_mail(&r);
	r.budget.limit = 10;
	/* Temporary for all of its chunks: a client may go by any of the replies. */
	rig_expect(&r, "BDAT 5\r\nQUIT\rBDAT 1\r\nxBDAT 1 LAST\r\nxNOOP\r\n",
		"452 4.3.1, 452 4.3.1, 452 4.3.1, 250 2.0.0");
	assert_int_equal(r.fake.messages, 0);
	rig_free(&r);
}

static void keeps_binary_mail_as_it_stands(void **state)
{
	static const char body[] = "a\0b\rc\nd\r\n";
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, "MAIL FROM:<s@example.com> BODY=BINARYMIME\r\n" RCPT "DATA\r\n",
		"250 2.1.0, 250 2.1.5, 503 5.5.1");
	rig_expect(&r, "BDAT 9 LAST\r\n", "");
	rig_give(&r, span_make(body, 9), 1);
	rig_expect(&r, "", "250 2.0.0");
	assert_int_equal(r.fake.body.len, 9);
	assert_memory_equal(r.fake.body.data, body, 9);
	rig_free(&r);
}

static void a_client_that_leaves_within_has_sent_nothing(void **state)
{
	struct rig r;

	(void)state;
	open_mail(&r);
	rig_expect(&r, "BDAT 5 LAST\r\nabcd", "");
	session_eof(r.session);
	assert_true(session_closing(r.session));
	assert_int_equal(r.fake.messages, 0);
	rig_free(&r);
}

/* Chunks now and then do not keep a message open for ever. */
static void has_one_deadline(size_t memory, const char *reply)
{
	char got[100];
	struct rig r;

	open_mail(&r);
	r.budget.limit = memory;
	for (int i = 0; i < 6; i++) {
		rig_expect(&r, "BDAT 1\r\nx", reply);
		session_expire(r.session);
		assert_false(session_closing(r.session));
		/* 5 min in all, and 50 s behind the last command, which may take 60. */
		clock_advance(&r.clock, 50000);
	}
	session_expire(r.session);
	rig_replies(&r, got, sizeof(got));
	assert_string_equal(got, "421 4.4.2 CLOSED");
	rig_free(&r);
}

static void a_message_in_chunks_has_one_deadline(void **state)
{
	(void)state;
	has_one_deadline(0, "250 2.0.0");
}

static void also_one_that_was_refused(void **state)
{
	(void)state;
	has_one_deadline(10, "452 4.3.1");
}

static void answers_each_recipient_of_lmtp_once(void **state)
{
	static const struct conf_listener lmtp = {.protocol = CONF_PROTOCOL_LMTP};
	struct rig r;

	(void)state;
	rig_init_with(&r, &lmtp);
	rig_expect(&r, "LHLO x\r\n", "220, 250");
	rig_expect(&r, MAIL RCPT "RCPT TO:<q@example.com>\r\nBDAT 1\r\nxBDAT 1 LAST\r\nx",
		"250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.0.0, 250 2.0.0, 250 2.0.0");
	rig_expect(&r, MAIL RCPT "RCPT TO:<q@example.com>\r\nBDAT 1001\r\n",
		"250 2.1.0, 250 2.1.5, 250 2.1.5");
	for (int i = 0; i < 1001; i++)
		rig_give(&r, span_of("x"), 1);
	rig_expect(&r, "BDAT 0 LAST\r\n", "552 5.3.4, 552 5.3.4, 552 5.3.4");
	rig_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_messages_in_chunks),
		cmocka_unit_test(takes_them_byte_by_byte),
		cmocka_unit_test(is_offered),
		cmocka_unit_test(drops_the_chunks_of_a_refused_envelope),
		cmocka_unit_test(closes_where_nobody_was_greeted),
		cmocka_unit_test(closes_where_only_helo_was_said),
		cmocka_unit_test(closes_where_the_line_is_spoiled),
		cmocka_unit_test(closes_where_the_line_is_too_long),
		cmocka_unit_test(refuses_what_is_too_large),
		cmocka_unit_test(refuses_what_becomes_too_large),
		cmocka_unit_test(says_when_memory_is_out),
		cmocka_unit_test(keeps_binary_mail_as_it_stands),
		cmocka_unit_test(a_client_that_leaves_within_has_sent_nothing),
		cmocka_unit_test(a_message_in_chunks_has_one_deadline),
		cmocka_unit_test(also_one_that_was_refused),
		cmocka_unit_test(answers_each_recipient_of_lmtp_once),
	};

	rig_quiet();
	return cmocka_run_group_tests_name("bdat", tests, NULL, NULL);
}
