/* SPDX-License-Identifier: MIT */
/*
 * What is tried against a mail server, session by session, however the bytes are cut:
 * doc/threats.md says which threat is tested here and which elsewhere.
 */
#include "session_rig.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(s)                                                                         \
	{                                                                                \
		s, sizeof(s) - 1                                                         \
	}

static const size_t pieces[] = {SIZE_MAX, 1, 2, 3, 7};

static const struct conf_listener plain = {.name = (char *)"test"};
static const struct conf_listener lenient = {.name = (char *)"test", .lenient = true};
static const struct conf_listener logins = {
	.name = (char *)"test", .auth = CONF_AUTH_REQUIRED, .auth_plaintext = true};
static const struct conf_listener secure = {
	.name = (char *)"test", .tls = CONF_TLS_REQUIRED, .auth = CONF_AUTH_REQUIRED};

/* --- dialogues ------------------------------------------------------------------------ */

/* A client that says in, and reads want in the end; '\1' is where it waits for a reply. None
 * of them sends a message or tries a password. */
struct attack {
	const char *title;
	const struct conf_listener *policy;
	struct span in;
	const char *want;
};

/* clang-format off */
static const struct attack attacks[] = {
	/* other protocols */
	{"a TLS handshake in the place of a command", &plain,
		BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\1QUIT\r\n"),
		"220, 501 5.5.2, 221 2.0.0 CLOSED"},
	{"a page's form, with a mail in it", &plain,
		BYTES("POST / HTTP/1.1\r\nHost: mx.example.com:25\r\n\r\n" EHLO ENVELOPE),
		"220, 421 4.7.0 CLOSED"},

	/* NUL and other control bytes: none of them is the end of a string */
	{"NUL in a verb", &plain,
		BYTES(EHLO "\1NOOP\0\r\nNO\0OP\r\nNOOP\r\n"),
		"220, 250, 501 5.5.2, 501 5.5.2, 250 2.0.0"},
	{"NUL in EHLO", &plain,
		BYTES("EHLO a\0.example.com\r\n"),
		"220, 501 5.5.2"},
	{"NUL in an address", &plain,
		BYTES(EHLO "\1MAIL FROM:<s@example.com\0.example.org>\r\n" MAIL
			"RCPT TO:<r@example.com\0>\r\nRCPT TO:<r\0@example.com>\r\nDATA\r\n"),
		"220, 250, 501 5.5.2, 250 2.1.0, 501 5.5.2, 501 5.5.2, 554 5.5.1"},
	{"NUL in an address, to a lenient listener", &lenient,
		BYTES(EHLO "\1MAIL FROM: s@example.com\0.example.org\r\n"),
		"220, 250, 501 5.5.2"},

	/* UTF-8 that is none */
	{"an overlong slash", &plain,
		BYTES(EHLO "\1MAIL FROM:<a\xc0\xaf@example.com> SMTPUTF8\r\n"),
		"220, 250, 501 5.5.2"},
	{"half of a surrogate pair", &plain,
		BYTES(EHLO "\1MAIL FROM:<a\xed\xa0\x80@example.com> SMTPUTF8\r\n"),
		"220, 250, 501 5.5.2"},
	{"a character that ends in the middle", &plain,
		BYTES(EHLO "\1MAIL FROM:<a@\xe4\xbe> SMTPUTF8\r\nNOOP\r\n"),
		"220, 250, 501 5.5.2, 250 2.0.0"},
	{"a character that turns the line round", &plain,
		BYTES(EHLO "\1MAIL FROM:<a\xe2\x80\xae" "b@example.com> SMTPUTF8\r\n"),
		"220, 250, 501 5.1.7"},
	{"a C1 control that is a line end to some", &plain,
		BYTES(EHLO "\1MAIL FROM:<a\xc2\x85" "b@example.com> SMTPUTF8\r\n"),
		"220, 250, 501 5.1.7"},

	/* envelopes that would be more than one thing behind us */
	{"a line end in an address", &plain,
		BYTES(EHLO "\1" MAIL "RCPT TO:<r@example.com\rBcc: x@example.net>\r\n"
			"RCPT TO:<\"r\rx\"@example.com>\r\nDATA\r\n"),
		"220, 250, 250 2.1.0, 500 5.5.2, 500 5.5.2, 554 5.5.1"},
	{"two addresses in one", &plain,
		BYTES(EHLO "\1" MAIL "RCPT TO:<r@example.com,x@example.net>\r\n"
			"RCPT TO:<r@example.com> <x@example.net>\r\n"
			"RCPT TO:<r@example.com>,<x@example.net>\r\n"
			"RCPT TO:<r@example.com x@example.net>\r\nDATA\r\n"),
		"220, 250, 250 2.1.0, 501 5.1.3, 501 5.5.4, 501 5.1.3, 501 5.1.3, 554 5.5.1"},
	{"two addresses in one, to a lenient listener", &lenient,
		BYTES(EHLO "\1" MAIL "RCPT TO: r@example.com,x@example.net\r\n"
			"RCPT TO: r@example.com;x@example.net\r\nDATA\r\n"),
		"220, 250, 250 2.1.0, 501 5.1.3, 501 5.1.3, 554 5.5.1"},
	{"a port behind the domain", &plain,
		BYTES(EHLO "\1" MAIL "RCPT TO:<r@example.com:25>\r\n"),
		"220, 250, 250 2.1.0, 501 5.1.3"},
	{"a line end in xtext", &plain,
		BYTES(EHLO "\1MAIL FROM:<> ENVID=a+0D+0Ab\r\n" MAIL
			"RCPT TO:<r@example.com> ORCPT=rfc822;a+0D+0Ab\r\n"
			"RCPT TO:<r@example.com> ORCPT=rfc822;a+00b\r\n"
			"RCPT TO:<r@example.com> ORCPT=rfc822;a\tx\r\nDATA\r\n"),
		"220, 250, 501 5.5.4, 250 2.1.0, 501 5.5.4, 501 5.5.4, 555 5.5.4, 554 5.5.1"},
	{"a stranger who says who he is", &plain,
		BYTES(EHLO "\1XCLIENT ADDR=127.0.0.1 LOGIN=a+0D+0Ab\r\n\1"
			"XFORWARD ADDR=127.0.0.1\r\n"),
		"220, 250, 550 5.7.1, 550 5.7.1"},

	/* who has not logged in */
	{"a stranger who tries every verb", &logins,
		BYTES(EHLO "\1" MAIL RCPT "VRFY r\r\nDATA\r\n"),
		"220, 250, 530 5.7.0, 530 5.7.0, 530 5.7.0, 530 5.7.0"},
	{"a stranger with a chunk", &logins,
		BYTES(EHLO "\1" "BDAT 6 LAST\r\n" "RSET\r\n"),
		"220, 250, 530 5.7.0 CLOSED"},
	{"a stranger who says that somebody logged in", &logins,
		BYTES(EHLO "\1MAIL FROM:<s@example.com> AUTH=app\r\n" RCPT),
		"220, 250, 530 5.7.0, 530 5.7.0"},
	{"a name and a password with line ends and NUL", &logins,
		BYTES(EHLO "\1" "AUTH PLAIN AGEKYgBj\r\n\1" "AUTH PLAIN AGFwcABzZWMACg==\r\n\1"
			"AUTH LOGIN YQBi\r\n\1" MAIL),
		"220, 250, 501 5.5.2, 501 5.5.2, 501 5.5.2, 530 5.7.0"},
	{"commands in the place of a response", &logins,
		BYTES(EHLO "\1" "AUTH LOGIN\r\n\1" "MAIL FROM:<s@example.com>\r\n\1" MAIL),
		"220, 250, 334, 501 5.5.2, 530 5.7.0"},
	{"a login in clear text, where TLS is required", &secure,
		BYTES(EHLO "\1" "AUTH PLAIN AGFwcABzZWNyZXQ=\r\n\1" MAIL),
		"220, 250, 530 5.7.0, 530 5.7.0"},
	{"a mail in clear text, where TLS is required", &secure,
		BYTES(EHLO "\1" ENVELOPE "DATA\r\n"),
		"220, 250, 530 5.7.0, 530 5.7.0, 530 5.7.0"},
};
/* clang-format on */

/* Adds the replies that came since to all. */
static void add_replies(struct rig *r, struct buf *all)
{
	char got[1000];

	rig_replies(r, got, sizeof(got));
	assert_int_equal(
		buf_appendf(all, "%s%s", all->len > 0 && got[0] != '\0' ? ", " : "", got),
		0);
}

static void play(const struct attack *a, size_t piece)
{
	struct span left = a->in;
	struct buf all;
	struct rig r;

	rig_init_with(&r, a->policy);
	r.limits.errors = 100;
	buf_init(&all, 4000, NULL);
	for (;;) {
		const char *wait = memchr(left.p, '\1', left.len);
		size_t n = wait != NULL ? (size_t)(wait - left.p) : left.len;

		(void)rig_give(&r, span_make(left.p, n), piece);
		add_replies(&r, &all);
		if (wait == NULL)
			break;
		left = span_make(wait + 1, left.len - n - 1);
	}
	if (strcmp(all.data, a->want) != 0)
		fail_msg("%s, in pieces of %zu: %s", a->title, piece, all.data);
	assert_int_equal(r.fake.messages, 0);
	assert_int_equal(r.auth.checks, 0);
	buf_free(&all);
	rig_free(&r);
}

static void no_attack_sends_a_message_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++)
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++)
			play(&attacks[i], pieces[k]);
}

/* --- bodies --------------------------------------------------------------------------- */

/* What is sent behind 354, and what is to arrive. */
static const struct {
	struct span sent, got;
} bodies[] = {
	{BYTES("..\r\n"), BYTES(".\r\n")},
	{BYTES("...\r\n.. \r\n..\t\r\n"), BYTES("..\r\n. \r\n.\t\r\n")},
	{BYTES("a\r\n..\r\n\r\n..b\r\n"), BYTES("a\r\n.\r\n\r\n.b\r\n")},
	{BYTES(".a\r\n.\0\r\n"), BYTES("a\r\n\0\r\n")},
	{BYTES("a.\r\nb\r\n"), BYTES("a.\r\nb\r\n")},
	{BYTES("\0\0\r\na\0b\r\n"), BYTES("\0\0\r\na\0b\r\n")},
	{BYTES("\xff\xfe\x80\r\n\xe4\xbd\xa0\r\n"),
		BYTES("\xff\xfe\x80\r\n\xe4\xbd\xa0\r\n")},
	{BYTES("a\n.\nb\r\n"), BYTES("a\r\n.\r\nb\r\n")},
	{BYTES("a\r.\rb\r\n"), BYTES("a\r\n.\r\nb\r\n")},
};

static void begin(struct rig *r, size_t largest)
{
	rig_init(r);
	r->limits.message_size = largest;
	rig_expect(r, EHLO, "220, 250");
	rig_expect(r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
}

static void expect_body(struct rig *r, struct span want)
{
	rig_expect(r, "", "250 2.0.0");
	assert_int_equal(r->fake.messages, 1);
	assert_int_equal(r->fake.body.len, want.len);
	assert_memory_equal(r->fake.body.data, want.p, want.len);
}

/* Cut in two at every place, and into single bytes. */
static void every_byte_of_a_body_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct span sent = bodies[i].sent;

		for (size_t cut = 0; cut <= sent.len; cut++) {
			struct rig r;

			begin(&r, 1000);
			(void)rig_give(&r, span_make(sent.p, cut), SIZE_MAX);
			(void)rig_give(
				&r, span_make(sent.p + cut, sent.len - cut), SIZE_MAX);
			(void)rig_give(&r, span_of(".\r\n"), cut + 1);
			expect_body(&r, bodies[i].got);
			rig_free(&r);
		}
	}
}

/* Longer than anybody's line may be, and no more memory than its bytes need. */
static void a_line_of_a_body_has_no_end(void **state)
{
	enum { LONG = 200000 };
	char *line = malloc(LONG + 2);

	(void)state;
	assert_non_null(line);
	memset(line, 'x', LONG);
	memcpy(line + LONG, "\r\n", 2);
	for (size_t k = 0; k < 2; k++) {
		struct rig r;

		begin(&r, LONG + 2);
		(void)rig_give(&r, span_make(line, LONG + 2), pieces[k]);
		assert_true(r.budget.used <= 3 * (size_t)LONG);
		(void)rig_give(&r, span_of(".\r\n"), pieces[k]);
		expect_body(&r, span_make(line, LONG + 2));
		rig_free(&r);
	}
	free(line);
}

/* --- memory --------------------------------------------------------------------------- */

static void a_command_without_end_is_dropped_byte_by_byte(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	for (size_t i = 0; i < 100000; i++)
		(void)rig_give(&r, span_of("x"), 1);
	rig_expect(&r, "", "");
	assert_int_equal(r.budget.used, 0);
	(void)rig_give(&r, span_of("\r\nNOOP\r\n"), 1);
	rig_expect(&r, "", "500 5.5.2, 250 2.0.0");
	rig_free(&r);
}

/* Each of them alone would fit; what they have together stays below the limit, and the
 * memory comes back. */
static void memory_for_all_has_an_end(void **state)
{
	static const char *const begins[] = {"DATA\r\n", "BDAT 9000 LAST\r\n"};
	static const char *const ends[] = {"\r\n.\r\n", ""};
	const size_t others = 4000;
	char body[9000];

	(void)state;
	memset(body, 'x', sizeof(body));
	for (size_t i = 0; i < ARRAY_LEN(begins) * ARRAY_LEN(pieces); i++) {
		size_t how = i / ARRAY_LEN(pieces), piece = pieces[i % ARRAY_LEN(pieces)];
		struct rig r;

		rig_init(&r);
		r.limits.message_size = 100000;
		r.budget.limit = 10000;
		r.budget.used = others;
		rig_expect(&r, EHLO, "220, 250");
		rig_expect(&r, "MAIL FROM:<s@example.com> SIZE=9000\r\n", "452 4.3.1");
		rig_expect(&r, ENVELOPE, "250 2.1.0, 250 2.1.5");
		rig_expect(&r, begins[how], how == 0 ? "354" : "");
		(void)rig_give(&r, span_make(body, sizeof(body)), piece);
		(void)rig_give(&r, span_of(ends[how]), piece);
		rig_expect(&r, "", "452 4.3.1");
		assert_int_equal(r.fake.messages, 0);
		assert_int_equal(r.budget.used, others);
		r.budget.used = 0;
		rig_free(&r);
	}
}

/* --- guesses -------------------------------------------------------------------------- */

static void three_wrong_passwords_end_a_session(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
		struct rig r;

		rig_init_with(&r, &logins);
		rig_users(&r, "app:*\n");
		rig_expect(&r, EHLO, "220, 250");
		for (unsigned i = 0; i < r.limits.auth_tries; i++) {
			(void)rig_give(&r, span_of("AUTH PLAIN AGFwcABzZWNyZXQ=\r\n"),
				pieces[k]);
			rig_expect(&r, "", "");
			rig_authenticate(&r, LOGIN_WRONG, i == 1 ? "app" : NULL);
			if (i + 1 < r.limits.auth_tries)
				rig_expect(&r, "", "535 5.7.8");
		}
		rig_expect(&r, "", "535 5.7.8 CLOSED");
		assert_int_equal(
			rig_give(&r, span_of("AUTH PLAIN AGFwcABzZWNyZXQ=\r\n"), 1), 0);
		assert_int_equal(r.auth.checks, r.limits.auth_tries);
		rig_free(&r);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_attack_sends_a_message_however_it_is_cut),
		cmocka_unit_test(every_byte_of_a_body_arrives),
		cmocka_unit_test(a_line_of_a_body_has_no_end),
		cmocka_unit_test(a_command_without_end_is_dropped_byte_by_byte),
		cmocka_unit_test(memory_for_all_has_an_end),
		cmocka_unit_test(three_wrong_passwords_end_a_session),
	};

	rig_quiet();
	return cmocka_run_group_tests_name("threats", tests, NULL, NULL);
}
