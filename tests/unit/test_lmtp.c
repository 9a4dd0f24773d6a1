/* SPDX-License-Identifier: MIT */
/* smtp/session as LMTP (RFC 2033): LHLO, and a reply for each recipient. */
#include "session_rig.h"
#include "test.h"

#include <string.h>

#define LHLO "LHLO client.example.com\r\n"
#define TO_A "RCPT TO:<a@example.com>\r\n"
#define TO_B "RCPT TO:<b@example.com>\r\n"

static const struct conf_listener lmtp = {.protocol = CONF_PROTOCOL_LMTP};

static void speaks_lhlo_only(void **state)
{
	struct rig r;

	(void)state;
	rig_init_with(&r, &lmtp);
	assert_non_null(strstr(session_output(r.session)->data, " LMTP "));
	rig_expect(&r, "", "220");
	rig_expect(&r, MAIL, "503 5.5.1");
	rig_expect(&r, "EHLO x\r\n", "500 5.5.1");
	rig_expect(&r, "HELO x\r\n", "500 5.5.1");
	rig_expect(&r, LHLO, "250");
	rig_expect(&r, ENVELOPE, "250 2.1.0, 250 2.1.5");
	rig_free(&r);
}

static void is_no_verb_of_smtp(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, LHLO, "220, 500 5.5.1");
	rig_free(&r);
}

/* All fare alike: refused by the session, or answered at once by the handler. */
static void repeats_a_reply_for_each_rcpt(void **state)
{
	char large[2000];
	struct rig r;

	(void)state;
	rig_init_with(&r, &lmtp);
	rig_expect(&r, LHLO, "220, 250");
	rig_expect(&r, MAIL TO_A TO_B TO_A "DATA\r\n",
		"250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 354");
	assert_int_equal(r.fake.messages, 0);
	rig_expect(&r, "x\r\n.\r\n", "250 2.0.0, 250 2.0.0, 250 2.0.0");
	assert_int_equal(r.fake.messages, 1);
	assert_int_equal(r.fake.envelope.n_recipients, 2);

	memset(large, 'x', sizeof(large));
	rig_expect(&r, MAIL TO_A TO_B "DATA\r\n", "250 2.1.0, 250 2.1.5, 250 2.1.5, 354");
	rig_give(&r, span_make(large, sizeof(large)), SIZE_MAX);
	rig_expect(&r, "\r\n.\r\n", "552 5.3.4, 552 5.3.4");
	assert_int_equal(r.fake.messages, 1);
	rig_free(&r);
}

static void counts_rcpts_of_the_last_mail_only(void **state)
{
	struct rig r;

	(void)state;
	rig_init_with(&r, &lmtp);
	rig_expect(&r, LHLO, "220, 250");
	rig_expect(&r, MAIL TO_A TO_B "RSET\r\n" MAIL TO_B "DATA\r\n",
		"250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.0.0, "
		"250 2.1.0, 250 2.1.5, 354");
	rig_expect(&r, "x\r\n.\r\n", "250 2.0.0");
	rig_free(&r);
}

static void counts_the_same_recipient_again(void **state)
{
	struct rig r;

	(void)state;
	rig_init_with(&r, &lmtp);
	rig_expect(&r, LHLO, "220, 250");
	rig_expect(&r, MAIL TO_A TO_A TO_A TO_A,
		"250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 452 4.5.3");
	rig_free(&r);
}

/* The first recipient is deferred, the others have it. */
static void second_only(void *arg, size_t recipient, struct reply *reply)
{
	(*(unsigned *)arg)++;
	if (recipient == 0)
		*reply = reply_make(451, "4.4.5", "later");
	else
		*reply = reply_make(250, "2.0.0", "accepted");
}

static void tells_each_recipient_how_he_fared(void **state)
{
	struct reply all = reply_make(451, "4.4.5", "not all");
	unsigned asked = 0;
	struct rig r;

	(void)state;
	rig_init_with(&r, &lmtp);
	r.fake.verdict = 0;
	rig_expect(&r, LHLO, "220, 250");
	rig_expect(&r, MAIL TO_A TO_B TO_A "DATA\r\n",
		"250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 354");
	rig_expect(&r, "x\r\n.\r\n", "");
	transaction_finish(r.fake.transaction, &all, second_only, &asked);
	rig_expect(&r, "NOOP\r\n", "451 4.4.5, 250 2.0.0, 451 4.4.5, 250 2.0.0");
	assert_int_equal(asked, 3);
	rig_free(&r);
}

/* SMTP has one reply for all, whatever became of each. */
static void smtp_asks_for_no_recipient(void **state)
{
	struct reply all = reply_make(451, "4.4.5", "not all");
	unsigned asked = 0;
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL TO_A TO_B "DATA\r\n", "250 2.1.0, 250 2.1.5, 250 2.1.5, 354");
	rig_expect(&r, "x\r\n.\r\n", "");
	transaction_finish(r.fake.transaction, &all, second_only, &asked);
	rig_expect(&r, "", "451 4.4.5");
	assert_int_equal(asked, 0);
	rig_free(&r);
}

static void long_replies_for_many_fit(void **state)
{
	char text[REPLY_LINE_MAX];
	struct rig r;

	(void)state;
	rig_init_with(&r, &lmtp);
	r.limits.recipients = 500;
	rig_open_again(&r);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	r.fake.reply = reply_make(451, "4.4.5", "%s", text);
	r.fake.verdict = -1;
	rig_give(&r, span_of(LHLO), SIZE_MAX);
	rig_give(&r, span_of(MAIL), SIZE_MAX);
	for (int i = 0; i < 500; i++) {
		rig_give(&r, span_of(TO_A), SIZE_MAX);
		buf_clear(session_output(r.session));
	}
	rig_give(&r, span_of("DATA\r\n"), SIZE_MAX);
	buf_clear(session_output(r.session));
	rig_give(&r, span_of("x\r\n.\r\n"), SIZE_MAX);
	assert_false(session_closing(r.session));
	assert_true(session_output(r.session)->len > 500 * (sizeof(text) - 1));
	rig_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speaks_lhlo_only),
		cmocka_unit_test(is_no_verb_of_smtp),
		cmocka_unit_test(repeats_a_reply_for_each_rcpt),
		cmocka_unit_test(counts_rcpts_of_the_last_mail_only),
		cmocka_unit_test(counts_the_same_recipient_again),
		cmocka_unit_test(tells_each_recipient_how_he_fared),
		cmocka_unit_test(smtp_asks_for_no_recipient),
		cmocka_unit_test(long_replies_for_many_fit),
	};

	rig_quiet();
	return cmocka_run_group_tests_name("lmtp", tests, NULL, NULL);
}
