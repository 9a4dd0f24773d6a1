/* SPDX-License-Identifier: MIT */
/*
 * smtp/session: one message stays one, whatever another server may take for its end
 * (CVE-2023-51764 and its kin), under either rule for bare line ends. And what a lenient
 * listener lets pass.
 */
#include "session_rig.h"
#include "test.h"

#include <string.h>

#define SMUGGLED                                                                         \
	"MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n"
#define BYTES(s)                                                                         \
	{                                                                                \
		s, sizeof(s) - 1                                                         \
	}

/* What somebody, somewhere, takes for the end of data. */
static const struct span ends[] = {
	BYTES("\n.\n"),
	BYTES("\n.\r\n"),
	BYTES("\r.\r"),
	BYTES("\r\n.\n"),
	BYTES("\r\n.\r"),
	BYTES("\r.\r\n"),
	BYTES("\n.\r"),
	BYTES("\r\n.\r\r\n"),
	BYTES("\r\n\0.\r\n"),
	BYTES("\r\n.\0\r\n"),
	BYTES("\r\r\n.\n"),
	BYTES("\n\n.\n\n"),
};

/* The replies behind 354, and how many messages there were. */
static unsigned send_mail(
	enum conf_newline rule, struct span end, size_t piece, char *got, size_t cap)
{
	struct conf_listener policy = {.bare_newline = rule};
	unsigned messages;
	struct rig r;

	rig_init_with(&r, &policy);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
	rig_give(&r, span_of("From: a@example.com\r\n\r\nx"), piece);
	rig_give(&r, end, piece);
	rig_give(&r, span_of(SMUGGLED "y\r\n.\r\n"), piece);
	rig_replies(&r, got, cap);
	messages = r.fake.messages;
	if (messages > 0)
		assert_string_equal(r.fake.envelope.reverse_path, "s@example.com");
	rig_free(&r);
	return messages;
}

static bool has_bare(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.p[i] == '\r' && (i + 1 == s.len || s.p[i + 1] != '\n')) ||
			(s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r')))
			return true;
	return false;
}

static void one_message_stays_one(void **state)
{
	static const size_t pieces[] = {SIZE_MAX, 1, 2, 3};
	char got[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			assert_int_equal(send_mail(CONF_NEWLINE_NORMALIZE, ends[i],
						 pieces[k], got, sizeof(got)),
				1);
			assert_string_equal(got, "250 2.0.0");
		}
}

static void or_none_where_bare_line_ends_are_rejected(void **state)
{
	static const size_t pieces[] = {SIZE_MAX, 1, 2, 3};
	char got[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			bool bare = has_bare(ends[i]);

			assert_int_equal(send_mail(CONF_NEWLINE_REJECT, ends[i],
						 pieces[k], got, sizeof(got)),
				!bare);
			assert_string_equal(got, bare ? "554 5.6.0" : "250 2.0.0");
		}
}

/* The rule holds for chunks, too; a binary message has no line ends to judge. */
static void chunks_are_held_to_the_same_rule(void **state)
{
	struct conf_listener policy = {.bare_newline = CONF_NEWLINE_REJECT};
	struct rig r;

	(void)state;
	rig_init_with(&r, &policy);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, ENVELOPE "BDAT 3\r\na\r\nBDAT 2 LAST\r\nb\n",
		"250 2.1.0, 250 2.1.5, 250 2.0.0, 554 5.6.0");
	rig_expect(&r,
		"MAIL FROM:<s@example.com> BODY=BINARYMIME\r\n" RCPT "BDAT 2 LAST\r\nb\n",
		"250 2.1.0, 250 2.1.5, 250 2.0.0");
	assert_int_equal(r.fake.messages, 1);
	rig_free(&r);
}

static const struct conf_listener lenient = {.lenient = true};

static void a_lenient_listener_takes_what_devices_send(void **state)
{
	struct rig r;

	(void)state;
	rig_init_with(&r, &lenient);
	rig_expect(&r, "helo my printer\r\n", "220, 250");
	assert_string_equal(session_peer(r.session)->helo, "unknown");
	rig_expect(&r, "mail from: s@example.com\r\n", "250 2.1.0");
	rig_expect(&r, "rcpt to:R@Example.com \r\n", "250 2.1.5");
	rig_expect(&r, "rcpt to: <q@example.com>\r\n", "250 2.1.5");
	rig_expect(&r, "data\r\n", "354");
	rig_expect(&r, "x\r\n.\r\n", "250 2.0.0");
	assert_string_equal(r.fake.envelope.reverse_path, "s@example.com");
	assert_string_equal(r.fake.envelope.recipients[0], "R@example.com");
	rig_expect(&r, "HELO\r\n", "250");
	rig_free(&r);
}

static void lenient_is_not_careless(void **state)
{
	static const char *const bad[] = {
		"MAIL FROM:\r\n",
		"MAIL FROM:s\r\n",
		"MAIL FROM:s@example.com>\r\n",
		"MAIL FROM:>s@example.com\r\n",
		"MAIL FROM:s@example.com,t@example.com\r\n",
		"MAIL FROM:s@example.com SIZE=x\r\n",
		"MAIL FROM:s@example..com\r\n",
	};
	struct rig r;

	(void)state;
	rig_init_with(&r, &lenient);
	r.limits.errors = 100;
	rig_expect(&r, EHLO, "220, 250");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char got[200];

		rig_give(&r, span_of(bad[i]), SIZE_MAX);
		rig_replies(&r, got, sizeof(got));
		if (strncmp(got, "501 5.", 6) != 0)
			fail_msg("%s: %s", bad[i], got);
	}
	rig_free(&r);
}

static void others_are_strict(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, "HELO my printer\r\n", "220, 501 5.5.4");
	rig_expect(&r, EHLO, "250");
	rig_expect(&r, "MAIL FROM:s@example.com\r\n", "501 5.1.7");
	rig_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_message_stays_one),
		cmocka_unit_test(or_none_where_bare_line_ends_are_rejected),
		cmocka_unit_test(chunks_are_held_to_the_same_rule),
		cmocka_unit_test(a_lenient_listener_takes_what_devices_send),
		cmocka_unit_test(lenient_is_not_careless),
		cmocka_unit_test(others_are_strict),
	};

	rig_quiet();
	return cmocka_run_group_tests_name("smuggling", tests, NULL, NULL);
}
