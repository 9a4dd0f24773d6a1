/* SPDX-License-Identifier: MIT */
/* smtp/session with PRDR (draft-hall-prdr-00): a reply for each recipient, and one for all that
 * tells Exim nothing else. */
#include "session_rig.h"
#include "test.h"

#include <string.h>

#define MAIL_PRDR "MAIL FROM:<s@example.com> PRDR\r\n"
#define TO_A      "RCPT TO:<a@example.com>\r\n"
#define TO_B      "RCPT TO:<b@example.com>\r\n"
#define TO_C      "RCPT TO:<c@example.com>\r\n"
#define OK_1      "250 2.1.0, 250 2.1.5"
#define OK_2      OK_1 ", 250 2.1.5"
#define OK_3      OK_2 ", 250 2.1.5"

static const struct conf_listener lmtp = {.protocol = CONF_PROTOCOL_LMTP};

/* arg: a code for each recipient. */
static void by_code(void *arg, size_t recipient, struct reply *reply)
{
	unsigned code = ((const unsigned *)arg)[recipient];

	*reply = reply_make(code,
		code < 300   ? "2.0.0"
		: code < 500 ? "4.4.5"
			     : "5.1.1",
		"as it went");
}

static void is_offered_by_smtp(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, "", "220");
	(void)rig_give(&r, span_of(EHLO), SIZE_MAX);
	assert_non_null(strstr(session_output(r.session)->data, "250-PRDR\r\n"));
	buf_clear(session_output(r.session));
	rig_expect(&r, "MAIL FROM:<s@example.com> PRDR=1\r\n", "501 5.5.4");
	rig_expect(&r, "MAIL FROM:<s@example.com> PRDR PRDR\r\n", "501 5.5.4");
	rig_expect(&r, "MAIL FROM:<s@example.com> prdr SIZE=3\r\n", "250 2.1.0");
	rig_free(&r);
}

static void is_nothing_for_lmtp(void **state)
{
	struct rig r;

	(void)state;
	rig_init_with(&r, &lmtp);
	rig_expect(&r, "", "220");
	(void)rig_give(&r, span_of("LHLO client.example.com\r\n"), SIZE_MAX);
	assert_null(strstr(session_output(r.session)->data, "PRDR"));
	buf_clear(session_output(r.session));
	rig_expect(&r, MAIL_PRDR, "555 5.5.4");
	rig_free(&r);
}

/* The last reply is what Exim believes: 4yz and 5yz there undo what was said before. */
static void answers_each_and_all(void **state)
{
	static const struct {
		unsigned codes[3];
		unsigned all;
		const char *want;
	} cases[] = {
		{{250, 250, 250}, 250, "353, 250 2.0.0, 250 2.0.0, 250 2.0.0, 250 2.0.0"},
		{{250, 451, 550}, 451, "353, 250 2.0.0, 451 4.4.5, 550 5.1.1, 250 2.0.0"},
		{{550, 550, 250}, 550, "353, 550 5.1.1, 550 5.1.1, 250 2.0.0, 250 2.0.0"},
		{{550, 451, 550}, 550, "353, 550 5.1.1, 451 4.4.5, 550 5.1.1, 451 4.4.5"},
		{{451, 451, 451}, 451, "353, 451 4.4.5, 451 4.4.5, 451 4.4.5, 451 4.4.5"},
		{{550, 550, 550}, 550, "353, 550 5.1.1, 550 5.1.1, 550 5.1.1, 550 5.1.1"},
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
		unsigned codes[3];
		struct reply all;
		struct rig r;

		memcpy(codes, cases[i / 2].codes, sizeof(codes));
		rig_init(&r);
		r.fake.verdict = 0;
		rig_expect(&r, EHLO, "220, 250");
		rig_expect(&r, MAIL_PRDR TO_A TO_B TO_C, OK_3);
		if (i % 2 == 0)
			rig_expect(&r, "DATA\r\n", "354");
		rig_expect(&r, i % 2 == 0 ? "x\r\n.\r\n" : "BDAT 3 LAST\r\nx\r\n", "");
		by_code((unsigned[]){cases[i / 2].all}, 0, &all);
		transaction_finish(r.fake.transaction, &all, by_code, codes);
		rig_expect(&r, "", cases[i / 2].want);
		rig_expect(&r, MAIL_PRDR, "250 2.1.0");
		rig_free(&r);
	}
}

/* Also for one who was named twice, as each RCPT that was accepted counts. */
static void answers_each_rcpt_in_their_order(void **state)
{
	struct reply all = reply_make(451, "4.4.5", "not all");
	unsigned codes[] = {451, 250};
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL_PRDR TO_A "RCPT TO:<bad\r\n" TO_B TO_A TO_C "DATA\r\n",
		OK_1 ", 501 5.1.3, 250 2.1.5, 250 2.1.5, 452 4.5.3, 354");
	rig_expect(&r, "x\r\n.\r\n", "");
	transaction_finish(r.fake.transaction, &all, by_code, codes);
	rig_expect(&r, "NOOP\r\n",
		"353, 451 4.4.5, 250 2.0.0, 451 4.4.5, 250 2.0.0, 250 2.0.0");
	rig_free(&r);
}

static void counts_the_same_recipient_again(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL_PRDR TO_A TO_A TO_A TO_A, OK_3 ", 452 4.5.3");
	rig_free(&r);
}

/* One reply that is everybody's needs no block; Exim, too, takes it for all. */
static void gives_one_reply_where_all_fare_alike(void **state)
{
	unsigned codes[] = {550};
	struct reply all = reply_make(451, "4.4.5", "later");
	char large[2000];
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL_PRDR TO_A TO_B "DATA\r\n", OK_2 ", 354");
	rig_expect(&r, "x\r\n.\r\n", "250 2.0.0");
	memset(large, 'x', sizeof(large));
	rig_expect(&r, MAIL_PRDR TO_A TO_B "DATA\r\n", OK_2 ", 354");
	(void)rig_give(&r, span_make(large, sizeof(large)), SIZE_MAX);
	rig_expect(&r, "\r\n.\r\n", "552 5.3.4");
	/* One recipient. */
	r.fake.verdict = 0;
	rig_expect(&r, MAIL_PRDR TO_A "DATA\r\n", OK_1 ", 354");
	rig_expect(&r, "x\r\n.\r\n", "");
	transaction_finish(r.fake.transaction, &all, by_code, codes);
	rig_expect(&r, "", "451 4.4.5");
	rig_free(&r);
}

static void is_asked_for_by_each_mail(void **state)
{
	struct reply all = reply_make(451, "4.4.5", "not all");
	unsigned codes[] = {250, 451};
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL_PRDR TO_A TO_B "RSET\r\n" MAIL TO_A TO_B "DATA\r\n",
		OK_2 ", 250 2.0.0, " OK_2 ", 354");
	rig_expect(&r, "x\r\n.\r\n", "");
	assert_false(r.fake.per_recipient);
	transaction_finish(r.fake.transaction, &all, by_code, codes);
	rig_expect(&r, "", "451 4.4.5");
	rig_expect(&r, MAIL_PRDR TO_A TO_B "DATA\r\n", OK_2 ", 354");
	rig_expect(&r, "x\r\n.\r\n", "");
	assert_true(r.fake.per_recipient);
	transaction_finish(r.fake.transaction, &all, by_code, codes);
	rig_expect(&r, "", "353, 250 2.0.0, 451 4.4.5, 250 2.0.0");
	rig_free(&r);
}

static void says_goodbye_behind_the_block(void **state)
{
	struct reply all = reply_make(451, "4.4.5", "not all");
	unsigned codes[] = {250, 451};
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL_PRDR TO_A TO_B "DATA\r\n", OK_2 ", 354");
	rig_expect(&r, "x\r\n.\r\n", "");
	session_shutdown(r.session);
	transaction_finish(r.fake.transaction, &all, by_code, codes);
	rig_expect(&r, "", "353, 250 2.0.0, 451 4.4.5, 250 2.0.0, 421 4.3.2 CLOSED");
	rig_free(&r);
}

static void as_all(void *arg, size_t recipient, struct reply *reply)
{
	(void)arg, (void)recipient, (void)reply;
}

static void long_replies_for_many_fit(void **state)
{
	struct reply all = reply_make(451, "4.4.5", "%0479d", 0);
	char to[60];
	struct rig r;

	(void)state;
	rig_init(&r);
	r.limits.recipients = 500;
	r.fake.verdict = 0;
	rig_open_again(&r);
	(void)rig_give(&r, span_of(EHLO), SIZE_MAX);
	(void)rig_give(&r, span_of(MAIL_PRDR), SIZE_MAX);
	for (size_t i = 0; i < 500; i++) {
		(void)snprintf(to, sizeof(to), "RCPT TO:<r%zu@example.com>\r\n", i);
		(void)rig_give(&r, span_of(to), SIZE_MAX);
		buf_clear(session_output(r.session));
	}
	(void)rig_give(&r, span_of("DATA\r\n"), SIZE_MAX);
	(void)rig_give(&r, span_of("x\r\n.\r\n"), SIZE_MAX);
	buf_clear(session_output(r.session));
	transaction_finish(r.fake.transaction, &all, as_all, NULL);
	assert_false(session_closing(r.session));
	assert_true(session_output(r.session)->len > 500 * strlen(all.text));
	rig_free(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_offered_by_smtp),
		cmocka_unit_test(is_nothing_for_lmtp),
		cmocka_unit_test(answers_each_and_all),
		cmocka_unit_test(answers_each_rcpt_in_their_order),
		cmocka_unit_test(counts_the_same_recipient_again),
		cmocka_unit_test(gives_one_reply_where_all_fare_alike),
		cmocka_unit_test(is_asked_for_by_each_mail),
		cmocka_unit_test(says_goodbye_behind_the_block),
		cmocka_unit_test(long_replies_for_many_fit),
	};

	rig_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
