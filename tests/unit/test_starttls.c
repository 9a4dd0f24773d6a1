/* SPDX-License-Identifier: MIT */
/* The session's side of TLS: what it says, when it takes no input, what it forgets. Handshakes are
 * in tests/integration/test_tls.py. */
#include "session_rig.h"
#include "test.h"

#include <string.h>

static const struct tls_info facts = {.version = "TLSv1.3",
	.cipher = "TLS_AES_256_GCM_SHA384",
	.certificate.sha256 = "00ff",
	.certificate.subject = "CN=client"};

static const size_t pieces[] = {SIZE_MAX, 1, 2, 3, 7};

static struct conf_listener with_tls(enum conf_tls tls)
{
	return (struct conf_listener){.name = (char *)"test", .tls = tls};
}

/* The text of what the session has to say; taken. */
static void take_output(struct rig *r, char *text, size_t cap)
{
	struct buf *out = session_output(r->session);

	assert_true(span_copy(text, cap, span_make(out->data, out->len)));
	buf_consume(out, out->len);
}

static void expect_ehlo(struct rig *r, bool offered)
{
	char text[4096];

	(void)rig_give(r, span_of(EHLO), SIZE_MAX);
	take_output(r, text, sizeof(text));
	assert_int_equal(strncmp(text, "250-", 4), 0);
	assert_int_equal(strstr(text, "\r\n250-STARTTLS\r\n") != NULL, offered);
}

static void offers_starttls_where_it_can_be_said(void **state)
{
	static const struct {
		enum conf_tls tls;
		bool offered;
	} cases[] = {
		{CONF_TLS_OFF, false},
		{CONF_TLS_STARTTLS, true},
		{CONF_TLS_REQUIRED, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf_listener policy = with_tls(cases[i].tls);
		struct rig r;

		rig_init_with(&r, &policy);
		rig_expect(&r, "", "220");
		expect_ehlo(&r, cases[i].offered);
		rig_expect(
			&r, "STARTTLS\r\n", cases[i].offered ? "220 2.0.0" : "502 5.5.1");
		rig_free(&r);
	}
}

/* To the state TLS, the 220 taken; where one is encrypted, secured as well. */
static void start_tls(struct rig *r, size_t piece)
{
	static const char hello[] = EHLO, verb[] = "STARTTLS\r\n";
	char text[4096];

	(void)rig_give(r, span_of(hello), piece);
	take_output(r, text, sizeof(text));
	assert_int_equal(rig_give(r, span_of(verb), piece), strlen(verb));
	assert_false(session_wants_tls(r->session));
	take_output(r, text, sizeof(text));
	assert_int_equal(strncmp(text, "220 2.0.0 ", 10), 0);
	assert_true(session_wants_tls(r->session));
}

static void takes_no_input_until_it_is_secured(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct conf_listener policy = with_tls(CONF_TLS_STARTTLS);
		struct rig r;

		rig_init_with(&r, &policy);
		start_tls(&r, pieces[i]);
		assert_false(session_wants_input(r.session));
		assert_int_equal(rig_give(&r, span_of("NOOP\r\n" EHLO), pieces[i]), 0);
		assert_int_equal(session_output(r.session)->len, 0);
		session_secured(r.session, &facts);
		assert_int_equal(session_output(r.session)->len, 0);
		assert_false(session_wants_tls(r.session));
		assert_true(session_peer(r.session)->tls);
		assert_string_equal(session_peer(r.session)->certificate->sha256, "00ff");
		assert_null(session_peer(r.session)->helo);
		rig_expect(&r, MAIL, "503 5.5.1");
		expect_ehlo(&r, false);
		rig_expect(&r, "STARTTLS\r\n", "503 5.5.1");
		rig_expect(&r, ENVELOPE, "250 2.1.0, 250 2.1.5");
		rig_free(&r);
	}
}

/* CVE-2011-0411: a man in the middle puts commands behind STARTTLS. Where they come in the
 * same read the session ends; where they come later nobody takes them from the socket as
 * clear text. In no cut are they obeyed. */
static void obeys_nothing_behind_starttls(void **state)
{
	static const char in[] = "STARTTLS\r\n" EHLO ENVELOPE "DATA\r\nevil\r\n.\r\n";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct conf_listener policy = with_tls(CONF_TLS_STARTTLS);
		char replies[256];
		struct rig r;

		rig_init_with(&r, &policy);
		rig_expect(&r, "", "220");
		rig_expect(&r, EHLO, "250");
		(void)rig_give(&r, span_of(in), pieces[i]);
		rig_replies(&r, replies, sizeof(replies));
		if (strlen("STARTTLS\r\n") % pieces[i] == 0) {
			assert_string_equal(replies, "220 2.0.0");
			session_secured(r.session, &facts);
			rig_expect(&r, "MAIL FROM:<a@example.com>\r\n", "503 5.5.1");
		} else {
			assert_string_equal(replies, "503 5.5.0 CLOSED");
		}
		assert_int_equal(r.fake.messages, 0);
		rig_free(&r);
	}
}

static void comes_last_of_its_group_and_outside_a_mail(void **state)
{
	struct conf_listener policy = with_tls(CONF_TLS_STARTTLS);
	struct rig r;

	(void)state;
	rig_init_with(&r, &policy);
	rig_expect(&r, "STARTTLS\r\n", "220, 503 5.5.1");
	rig_expect(&r, EHLO MAIL, "503 5.5.0 CLOSED");
	rig_open_again(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL "STARTTLS\r\n", "250 2.1.0, 503 5.5.1");
	rig_expect(&r, RCPT "STARTTLS\r\n", "250 2.1.5, 503 5.5.1");
	rig_expect(&r, "RSET\r\nSTARTTLS now\r\n", "250 2.0.0, 501 5.5.4");
	rig_expect(&r, "starttls\r\n", "220 2.0.0");
	rig_free(&r);
}

static void required_lets_nothing_pass_in_clear_text(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"MAIL FROM:<s@example.com>\r\n", "530 5.7.0"},
		{"RCPT TO:<r@example.com>\r\n", "530 5.7.0"},
		{"DATA\r\n", "530 5.7.0"},
		{"VRFY r\r\n", "530 5.7.0"},
		{"XCLIENT ADDR=192.0.2.1\r\n", "530 5.7.0"},
		{"NOOP\r\n", "250 2.0.0"},
		{"RSET\r\n", "250 2.0.0"},
		{"HELP\r\n", "214 2.0.0"},
	};
	struct conf_listener policy = with_tls(CONF_TLS_REQUIRED);
	struct rig r;

	(void)state;
	rig_init_with(&r, &policy);
	rig_expect(&r, EHLO, "220, 250");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		rig_expect(&r, cases[i].in, cases[i].want);
	rig_open_again(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, "BDAT 4\r\nRSET", "530 5.7.0 CLOSED");
	rig_open_again(&r);
	rig_expect(&r, "", "220");
	start_tls(&r, SIZE_MAX);
	session_secured(r.session, &facts);
	rig_expect(&r, EHLO, "250");
	rig_expect(&r, ENVELOPE, "250 2.1.0, 250 2.1.5");
	rig_free(&r);
}

static void greets_behind_the_handshake_where_all_is_tls(void **state)
{
	struct conf_listener policy = with_tls(CONF_TLS_IMPLICIT);
	struct rig r;

	(void)state;
	rig_init_with(&r, &policy);
	assert_int_equal(session_output(r.session)->len, 0);
	assert_true(session_wants_tls(r.session));
	assert_int_equal(rig_give(&r, span_of(EHLO), SIZE_MAX), 0);
	session_secured(r.session, &facts);
	rig_expect(&r, "", "220");
	rig_expect(&r, EHLO, "250");
	rig_expect(&r, "STARTTLS\r\n", "503 5.5.1");
	rig_free(&r);
}

/* Whatever ends it, no clear text goes out where the client waits for TLS. */
static void ends_without_a_word_in_the_middle_of_a_handshake(void **state)
{
	(void)state;
	for (int how = 0; how < 4; how++) {
		struct conf_listener policy = with_tls(CONF_TLS_IMPLICIT);
		struct rig r;

		rig_init_with(&r, &policy);
		switch (how) {
		case 0: session_not_secured(r.session, "no cipher"); break;
		case 1: session_shutdown(r.session); break;
		case 2: session_eof(r.session); break;
		default:
			assert_int_not_equal(session_deadline(r.session), 0);
			clock_advance(&r.clock, r.limits.command_timeout);
			session_expire(r.session);
			break;
		}
		assert_true(session_closing(r.session));
		assert_false(session_wants_tls(r.session));
		assert_int_equal(session_output(r.session)->len, 0);
		rig_free(&r);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_starttls_where_it_can_be_said),
		cmocka_unit_test(takes_no_input_until_it_is_secured),
		cmocka_unit_test(obeys_nothing_behind_starttls),
		cmocka_unit_test(comes_last_of_its_group_and_outside_a_mail),
		cmocka_unit_test(required_lets_nothing_pass_in_clear_text),
		cmocka_unit_test(greets_behind_the_handshake_where_all_is_tls),
		cmocka_unit_test(ends_without_a_word_in_the_middle_of_a_handshake),
	};

	rig_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
