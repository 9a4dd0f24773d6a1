/* SPDX-License-Identifier: MIT */
/* smtp/session: dialogues, whole and in pieces. */
#include "session_rig.h"
#include "test.h"

#include <string.h>

enum { WHOLE = 1 }; /* what it shows needs the bytes to come together */

struct dialogue {
	const char *title;
	const char *in, *want;
	int flags;
	unsigned messages;
};

/* clang-format off */
static const struct dialogue dialogues[] = {
	/* greeting */
	{"greets",
		"",
		"220", 0, 0},
	{"EHLO",
		EHLO,
		"220, 250", 0, 0},
	{"HELO",
		"HELO client.example.com\r\n",
		"220, 250", 0, 0},
	{"verbs in any case",
		"eHlO x\r\n\1noop\r\n",
		"220, 250, 250 2.0.0", 0, 0},
	{"trailing blanks",
		"EHLO x \t\r\n",
		"220, 250", 0, 0},
	{"EHLO with a literal",
		"EHLO [192.0.2.1]\r\n",
		"220, 250", 0, 0},
	{"EHLO with JavaMail's literal",
		"EHLO [2001:db8:0:0:0:0:0:1]\r\n",
		"220, 250", 0, 0},
	{"EHLO without argument",
		"EHLO\r\n",
		"220, 501 5.5.4", 0, 0},
	{"EHLO with two words",
		"EHLO a b\r\n",
		"220, 501 5.5.4", 0, 0},
	{"EHLO with a bad name",
		"EHLO a..b\r\n",
		"220, 501 5.5.4", 0, 0},
	{"EHLO outside ASCII",
		"EHLO \xe4\xbd\xa0\r\n",
		"220, 501 5.5.4", 0, 0},
	{"EHLO with an empty literal",
		"EHLO []\r\n",
		"220, 501 5.5.4", 0, 0},

	/* one after the other, as the table wants it */
	{"MAIL before EHLO",
		MAIL,
		"220, 503 5.5.1", 0, 0},
	{"NOOP before EHLO",
		"NOOP\r\n",
		"220, 250 2.0.0", 0, 0},
	{"QUIT before EHLO",
		"QUIT\r\n",
		"220, 221 2.0.0 CLOSED", 0, 0},
	{"RCPT before MAIL",
		EHLO "\1" RCPT,
		"220, 250, 503 5.5.1", 0, 0},
	{"DATA before MAIL",
		EHLO "\1" "DATA\r\n",
		"220, 250, 503 5.5.1", 0, 0},
	{"DATA without RCPT",
		EHLO "\1" MAIL "DATA\r\n",
		"220, 250, 250 2.1.0, 554 5.5.1", 0, 0},
	{"nested MAIL",
		EHLO "\1" MAIL MAIL,
		"220, 250, 250 2.1.0, 503 5.5.1", 0, 0},
	{"MAIL behind RCPT",
		EHLO "\1" ENVELOPE MAIL,
		"220, 250, 250 2.1.0, 250 2.1.5, 503 5.5.1", 0, 0},
	{"RSET forgets the sender",
		EHLO "\1" MAIL "RSET\r\n" RCPT,
		"220, 250, 250 2.1.0, 250 2.0.0, 503 5.5.1", 0, 0},
	{"EHLO forgets the sender",
		EHLO "\1" MAIL EHLO "\1" RCPT,
		"220, 250, 250 2.1.0, 250, 503 5.5.1", 0, 0},

	/* a mail */
	{"a mail",
		EHLO "\1" ENVELOPE "DATA\r\n\1" "Subject: x\r\n\r\nhi\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},
	{"an empty mail",
		EHLO "\1" ENVELOPE "DATA\r\n\1" ".\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},
	{"two mails",
		EHLO "\1" ENVELOPE "DATA\r\n\1" "a\r\n.\r\n" ENVELOPE "DATA\r\n\1"
		"b\r\n.\r\nQUIT\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 250 2.1.0, "
		"250 2.1.5, 354, 250 2.0.0, 221 2.0.0 CLOSED", 0, 2},
	{"the null sender",
		EHLO "\1" "MAIL FROM:<>\r\n" RCPT,
		"220, 250, 250 2.1.0, 250 2.1.5", 0, 0},
	{"a space behind the colon",
		EHLO "\1"
		"MAIL FROM: <s@example.com>\r\nRCPT TO: <r@example.com>\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5", 0, 0},
	{"with HELO",
		"HELO x\r\n\1" MAIL "\1" RCPT "\1" "DATA\r\n\1" "a\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},

	/* the end of data, and what only looks like it */
	{"smuggling: LF dot LF",
		EHLO "\1" ENVELOPE "DATA\r\n\1" "a\n.\n" MAIL "\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},
	{"smuggling: CR dot CR",
		EHLO "\1" ENVELOPE "DATA\r\n\1" "a\r.\r" MAIL "\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},
	{"smuggling: LF dot CRLF",
		EHLO "\1" ENVELOPE "DATA\r\n\1" "a\n.\r\n" MAIL "\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},
	{"smuggling: CRLF dot LF",
		EHLO "\1" ENVELOPE "DATA\r\n\1" "a\r\n.\n" MAIL "\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},

	/* parameters of MAIL and RCPT */
	{"parameters",
		EHLO "\1"
		"MAIL FROM:<s@example.com> SIZE=1000 BODY=8BITMIME SMTPUTF8\r\n",
		"220, 250, 250 2.1.0", 0, 0},
	{"parameters in small letters",
		EHLO "\1"
		"mail from:<s@example.com> size=10 body=7bit smtputf8\r\n",
		"220, 250, 250 2.1.0", 0, 0},
	{"SIZE too large",
		EHLO "\1" "MAIL FROM:<> SIZE=1001\r\n",
		"220, 250, 552 5.3.4", 0, 0},
	{"SIZE past 64 bits",
		EHLO "\1" "MAIL FROM:<> SIZE=99999999999999999999\r\n",
		"220, 250, 552 5.3.4", 0, 0},
	{"SIZE with 21 digits",
		EHLO "\1" "MAIL FROM:<> SIZE=000000000000000000001\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"SIZE that is no number",
		EHLO "\1" "MAIL FROM:<> SIZE=1k\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"SIZE without value",
		EHLO "\1" "MAIL FROM:<> SIZE\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"SIZE with an empty value",
		EHLO "\1" "MAIL FROM:<> SIZE=\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"SIZE twice",
		EHLO "\1" "MAIL FROM:<> SIZE=1 SIZE=1\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"BODY unknown",
		EHLO "\1" "MAIL FROM:<> BODY=9BITMIME\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"SMTPUTF8 with a value",
		EHLO "\1" "MAIL FROM:<> SMTPUTF8=1\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"a parameter nobody offered",
		EHLO "\1" "MAIL FROM:<> MT-PRIORITY=3\r\n",
		"220, 250, 555 5.5.4", 0, 0},
	{"a parameter that is none",
		EHLO "\1" "MAIL FROM:<> =\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"no space before the parameter",
		EHLO "\1" "MAIL FROM:<s@example.com>SIZE=1\r\n",
		"220, 250, 501 5.1.7", 0, 0},
	{"a parameter of RCPT",
		EHLO "\1" MAIL "RCPT TO:<r@example.com> MT-PRIORITY=3\r\n",
		"220, 250, 250 2.1.0, 555 5.5.4", 0, 0},
	{"a bad parameter of RCPT",
		EHLO "\1" MAIL "RCPT TO:<r@example.com> ?\r\n",
		"220, 250, 250 2.1.0, 501 5.5.4", 0, 0},

	/* addresses */
	{"MAIL without FROM",
		EHLO "\1" "MAIL <s@example.com>\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"MAIL without brackets",
		EHLO "\1" "MAIL FROM:s@example.com\r\n",
		"220, 250, 501 5.1.7", 0, 0},
	{"MAIL without domain",
		EHLO "\1" "MAIL FROM:<root>\r\n",
		"220, 250, 501 5.1.7", 0, 0},
	{"RCPT without TO",
		EHLO "\1" MAIL "RCPT <r@example.com>\r\n",
		"220, 250, 250 2.1.0, 501 5.5.4", 0, 0},
	{"RCPT with the null path",
		EHLO "\1" MAIL "RCPT TO:<>\r\n",
		"220, 250, 250 2.1.0, 501 5.1.3", 0, 0},
	{"RCPT to the postmaster",
		EHLO "\1" MAIL "RCPT TO:<postmaster>\r\n",
		"220, 250, 250 2.1.0, 550 5.1.3", 0, 0},
	{"UTF-8 without SMTPUTF8",
		EHLO "\1" "MAIL FROM:<\xe4\xbd\xa0@example.com>\r\n" MAIL
		"RCPT TO:<r@\xe4\xbe\x8b.example>\r\n",
		"220, 250, 553 5.6.7, 250 2.1.0, 553 5.6.7", 0, 0},
	{"UTF-8 with SMTPUTF8",
		EHLO "\1" "MAIL FROM:<\xe4\xbd\xa0@example.com> SMTPUTF8\r\n"
		"RCPT TO:<r@\xe4\xbe\x8b.example>\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5", 0, 0},
	{"more recipients than allowed",
		EHLO "\1" MAIL
		"RCPT TO:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n"
		"RCPT TO:<c@example.com>\r\nRCPT TO:<d@example.com>\r\n"
		"RCPT TO:<a@example.com>\r\nDATA\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, "
		"452 4.5.3, 250 2.1.5, 354", 0, 0},

	/* the small verbs, and those that are not there */
	{"the small verbs",
		EHLO "\1"
		"NOOP\r\nNOOP x y\r\nRSET\r\nVRFY x\r\nHELP\r\nHELP MAIL\r\n"
		"QUIT\r\n",
		"220, 250, 250 2.0.0, 250 2.0.0, 250 2.0.0, 252 2.5.0, "
		"214 2.0.0, 214 2.0.0, 221 2.0.0 CLOSED", 0, 0},
	{"arguments where none belong",
		EHLO "\1" "RSET x\r\nQUIT x\r\n" ENVELOPE "DATA x\r\n",
		"220, 250, 501 5.5.4, 501 5.5.4, 250 2.1.0, 250 2.1.5, "
		"501 5.5.4", 0, 0},
	{"VRFY without argument",
		EHLO "\1" "VRFY\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"verbs that are not offered",
		EHLO "\1"
		"ETRN x\r\nEXPN x\r\nSTARTTLS\r\n",
		"220, 250, 502 5.5.1, 502 5.5.1, 502 5.5.1", 0, 0},
	{"BDAT before EHLO closes",
		"BDAT 6 LAST\r\n",
		"220, 503 5.5.1 CLOSED", 0, 0},
	{"an unknown verb",
		EHLO "\1" "XYZZY\r\n",
		"220, 250, 500 5.5.1", 0, 0},
	{"HTTP closes",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"220, 421 4.7.0 CLOSED", 0, 0},
	{"HTTP POST closes",
		"POST / HTTP/1.1\r\n",
		"220, 421 4.7.0 CLOSED", 0, 0},

	/* lines that are none */
	{"an empty line",
		EHLO "\1" "\r\n",
		"220, 250, 500 5.5.2", 0, 0},
	{"a leading blank",
		EHLO "\1" " NOOP\r\n",
		"220, 250, 500 5.5.2", 0, 0},
	{"a bare LF",
		"EHLO x\n",
		"220, 500 5.5.2", 0, 0},
	{"a bare LF spoils all up to CRLF",
		EHLO "\1" "NOOP\nNOOP\nNOOP\r\nNOOP\r\n",
		"220, 250, 500 5.5.2, 500 5.5.2, 500 5.5.2, 250 2.0.0", 0, 0},
	{"a bare LF in an address",
		EHLO "\1" MAIL
		"RCPT TO:<r@example.com\nRCPT TO:<x@example.com>\r\n",
		"220, 250, 250 2.1.0, 500 5.5.2, 500 5.5.2", 0, 0},
	{"a bare CR",
		EHLO "\1" "NO\rOP\r\nNOOP\r\r\nNOOP\r\n",
		"220, 250, 500 5.5.2, 500 5.5.2, 250 2.0.0", 0, 0},
	{"a control character",
		EHLO "\1" "NOOP \x1b\r\nNOOP \x7f\r\n",
		"220, 250, 501 5.5.2, 501 5.5.2", 0, 0},
	{"invalid UTF-8",
		EHLO "\1" "NOOP \xff\r\nNOOP\r\n",
		"220, 250, 501 5.5.2, 250 2.0.0", 0, 0},

	/* groups of commands */
	{"a group",
		EHLO "\1" ENVELOPE "RSET\r\nNOOP\r\n" ENVELOPE "QUIT\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 250 2.0.0, 250 2.0.0, "
		"250 2.1.0, 250 2.1.5, 221 2.0.0 CLOSED", 0, 0},
	{"a body behind DATA",
		EHLO "\1" ENVELOPE "DATA\r\na\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 503 5.5.0 CLOSED", WHOLE, 0},
	{"a command behind EHLO",
		EHLO MAIL,
		"220, 503 5.5.0 CLOSED", WHOLE, 0},
	{"groups without EHLO",
		"HELO x\r\n\1" ENVELOPE,
		"220, 250, 503 5.5.0 CLOSED", WHOLE, 0},

	/* limits */
	{"too many errors",
		EHLO "\1" "X\r\nX\r\nX\r\nX\r\nX\r\nX\r\nNOOP\r\n",
		"220, 250, 500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, "
		"500 5.5.1, 421 4.7.0 CLOSED", 0, 0},
	{"too many messages",
		EHLO "\1" ENVELOPE "DATA\r\n\1.\r\n" ENVELOPE "DATA\r\n\1.\r\n"
		ENVELOPE "DATA\r\n\1.\r\n" MAIL,
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 250 2.1.0, "
		"250 2.1.5, 354, 250 2.0.0, 250 2.1.0, 250 2.1.5, 354, "
		"250 2.0.0, 421 4.7.0 CLOSED", 0, 3},
};
/* clang-format on */

/* '\1' in a dialogue is where the client waits for the replies. */
static void play(const struct dialogue *d, size_t piece)
{
	const char *p = d->in;
	struct buf all;
	char got[2000];
	struct rig r;

	rig_init(&r);
	buf_init(&all, 4000, NULL);
	while (p != NULL) {
		const char *end = strchrnul(p, '\1');

		rig_give(&r, span_make(p, (size_t)(end - p)), piece);
		rig_replies(&r, got, sizeof(got));
		assert_int_equal(buf_appendf(&all, "%s%s",
					 all.len > 0 && got[0] != '\0' ? ", " : "", got),
			0);
		p = *end != '\0' ? end + 1 : NULL;
	}
	if (strcmp(all.data, d->want) != 0)
		fail_msg("%s, in pieces of %zu: %s", d->title, piece, all.data);
	assert_int_equal(r.fake.messages, d->messages);
	buf_free(&all);
	rig_free(&r);
}

static void speaks_every_dialogue(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialogues); i++)
		play(&dialogues[i], SIZE_MAX);
}

static void speaks_every_dialogue_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialogues); i++)
		for (size_t piece = 1; piece < 8; piece++)
			if ((dialogues[i].flags & WHOLE) == 0)
				play(&dialogues[i], piece);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speaks_every_dialogue),
		cmocka_unit_test(speaks_every_dialogue_in_pieces),
	};

	rig_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
