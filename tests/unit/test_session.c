/* SPDX-License-Identifier: MIT */
/* smtp/session: dialogues, whole and byte by byte, against a handler that plays a part. */
#include "smtp/session.h"

#include "core/log.h"
#include "core/mem.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a handler that does as it is told ------------------------------------------------ */

struct fake {
	int verdict;        /* what message() returns */
	struct reply reply; /* with 1 and -1, and what answer() gives */
	bool refuse_mail, refuse_rcpt;
	struct smtp_call *call; /* of the message that waits */
	unsigned messages, gone;
	struct envelope envelope; /* of the last message */
	struct buf body;
};

static int fake_mail(void *ctx, const struct smtp_peer *peer, const struct envelope *e,
	struct reply *reply)
{
	struct fake *f = ctx;

	assert_string_not_equal(peer->helo, "");
	assert_non_null(e->reverse_path);
	if (!f->refuse_mail)
		return 1;
	*reply = reply_make(550, "5.7.1", "not this sender");
	return -1;
}

static int fake_rcpt(void *ctx, const struct smtp_peer *peer, const struct envelope *e,
	const char *recipient, struct reply *reply)
{
	struct fake *f = ctx;

	(void)peer;
	assert_non_null(e->reverse_path);
	if (!f->refuse_rcpt)
		return 1;
	*reply = reply_make(550, "5.7.1", "not %s", recipient);
	return -1;
}

static int fake_message(
	void *ctx, struct smtp_message *m, void **job, struct reply *reply)
{
	struct fake *f = ctx;

	f->messages++;
	f->call = m->call;
	*job = f;
	envelope_move(&f->envelope, &m->envelope);
	buf_free(&f->body);
	f->body = m->body;
	buf_init(&m->body, 0, NULL);
	*reply = f->reply;
	return f->verdict;
}

static void fake_gone(void *ctx, void *job)
{
	struct fake *f = ctx;

	assert_ptr_equal(ctx, job);
	f->gone++;
	f->call = NULL;
}

static const struct smtp_handler fake_handler = {
	.mail = fake_mail,
	.rcpt = fake_rcpt,
	.message = fake_message,
	.gone = fake_gone,
};

/* --- a session on a frozen clock ------------------------------------------------------ */

struct rig {
	struct clock clock;
	struct budget budget;
	struct session_config cfg;
	struct fake fake;
	struct session *session;
	unsigned woken;
};

static void count_woken(void *arg)
{
	((struct rig *)arg)->woken++;
}

static void rig_open(struct rig *r)
{
	static const struct smtp_peer peer = {
		.session_id = "0123456789abcdef",
		.address = "192.0.2.1",
		.port = 2525,
		.listener = "test",
	};

	r->session = session_new(&r->cfg, &peer, count_woken, r);
}

static void rig_init(struct rig *r)
{
	*r = (struct rig){.budget.limit = 1 << 20};
	clock_freeze(&r->clock, 1000, 1767312000);
	r->cfg = (struct session_config){
		.hostname = "mx.example.com",
		.message_size = 1000,
		.recipients = 3,
		.command_length = 200,
		.errors = 5,
		.messages = 3,
		.command_timeout = 60000,
		.data_timeout = 300000,
		.clock = &r->clock,
		.budget = &r->budget,
		.handler = &fake_handler,
		.handler_ctx = &r->fake,
	};
	r->fake.verdict = 1;
	r->fake.reply = reply_make(250, "2.0.0", "accepted");
	envelope_init(&r->fake.envelope);
	buf_init(&r->fake.body, 0, NULL);
	rig_open(r);
	session_start(r->session);
}

static void rig_free(struct rig *r)
{
	session_free(&r->session);
	assert_null(r->session);
	envelope_clear(&r->fake.envelope);
	buf_free(&r->fake.body);
	assert_int_equal(r->budget.used, 0);
}

/* Takes the output and writes its replies as "250 2.1.0, 354, 250 2.0.0 CLOSED". */
static void replies(struct rig *r, char *text, size_t cap)
{
	struct buf *out = session_output(r->session);
	const char *line = out->data;
	size_t n = 0;

	text[0] = '\0';
	while (*line != '\0') {
		const char *end = strstr(line, "\r\n");
		unsigned a, b, c;

		assert_non_null(end);
		if (line[3] == ' ') {
			n += (size_t)snprintf(
				text + n, cap - n, "%s%.3s", n > 0 ? ", " : "", line);
			if (sscanf(line + 4, "%u.%u.%u", &a, &b, &c) == 3)
				n += (size_t)snprintf(
					text + n, cap - n, " %u.%u.%u", a, b, c);
		}
		line = end + 2;
	}
	buf_consume(out, out->len);
	if (session_closing(r->session))
		snprintf(text + n, cap - n, "%sCLOSED", n > 0 ? " " : "");
}

/* Gives all bytes, cut into pieces; returns how many were taken. */
static size_t give(struct rig *r, struct span in, size_t piece)
{
	size_t at = 0, used;

	do {
		size_t n = in.len - at < piece ? in.len - at : piece;

		used = session_input(r->session, in.p + at, n);
		at += used;
	} while (at < in.len && used > 0);
	return at;
}

static void expect(struct rig *r, const char *in, const char *want)
{
	char got[2000];

	give(r, span_of(in), SIZE_MAX);
	replies(r, got, sizeof(got));
	assert_string_equal(got, want);
}

/* --- dialogues ------------------------------------------------------------------------ */

#define EHLO     "EHLO client.example.com\r\n"
#define MAIL     "MAIL FROM:<s@example.com>\r\n"
#define RCPT     "RCPT TO:<r@example.com>\r\n"
#define ENVELOPE MAIL RCPT

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
	{"greets", "", "220", 0, 0},
	{"EHLO", EHLO, "220, 250", 0, 0},
	{"HELO", "HELO client.example.com\r\n", "220, 250", 0, 0},
	{"verbs in any case", "eHlO x\r\n\1noop\r\n", "220, 250, 250 2.0.0", 0, 0},
	{"trailing blanks", "EHLO x \t\r\n", "220, 250", 0, 0},
	{"EHLO with a literal", "EHLO [192.0.2.1]\r\n", "220, 250", 0, 0},
	{"EHLO with JavaMail's literal", "EHLO [2001:db8:0:0:0:0:0:1]\r\n", "220, 250", 0,
		0},
	{"EHLO without argument", "EHLO\r\n", "220, 501 5.5.4", 0, 0},
	{"EHLO with two words", "EHLO a b\r\n", "220, 501 5.5.4", 0, 0},
	{"EHLO with a bad name", "EHLO a..b\r\n", "220, 501 5.5.4", 0, 0},
	{"EHLO outside ASCII", "EHLO \xe4\xbd\xa0\r\n", "220, 501 5.5.4", 0, 0},
	{"EHLO with an empty literal", "EHLO []\r\n", "220, 501 5.5.4", 0, 0},

	/* one after the other, as the table wants it */
	{"MAIL before EHLO", MAIL, "220, 503 5.5.1", 0, 0},
	{"NOOP before EHLO", "NOOP\r\n", "220, 250 2.0.0", 0, 0},
	{"QUIT before EHLO", "QUIT\r\n", "220, 221 2.0.0 CLOSED", 0, 0},
	{"RCPT before MAIL", EHLO "\1" RCPT, "220, 250, 503 5.5.1", 0, 0},
	{"DATA before MAIL", EHLO "\1" "DATA\r\n", "220, 250, 503 5.5.1", 0, 0},
	{"DATA without RCPT", EHLO "\1" MAIL "DATA\r\n",
		"220, 250, 250 2.1.0, 554 5.5.1", 0, 0},
	{"nested MAIL", EHLO "\1" MAIL MAIL, "220, 250, 250 2.1.0, 503 5.5.1", 0, 0},
	{"MAIL behind RCPT", EHLO "\1" ENVELOPE MAIL,
		"220, 250, 250 2.1.0, 250 2.1.5, 503 5.5.1", 0, 0},
	{"RSET forgets the sender", EHLO "\1" MAIL "RSET\r\n" RCPT,
		"220, 250, 250 2.1.0, 250 2.0.0, 503 5.5.1", 0, 0},
	{"EHLO forgets the sender", EHLO "\1" MAIL EHLO "\1" RCPT,
		"220, 250, 250 2.1.0, 250, 503 5.5.1", 0, 0},

	/* a mail */
	{"a mail", EHLO "\1" ENVELOPE "DATA\r\n\1" "Subject: x\r\n\r\nhi\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},
	{"an empty mail", EHLO "\1" ENVELOPE "DATA\r\n\1" ".\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},
	{"two mails", EHLO "\1" ENVELOPE "DATA\r\n\1" "a\r\n.\r\n" ENVELOPE
		"DATA\r\n\1" "b\r\n.\r\nQUIT\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 250 2.1.0, 250 2.1.5, "
		"354, 250 2.0.0, 221 2.0.0 CLOSED", 0, 2},
	{"the null sender", EHLO "\1" "MAIL FROM:<>\r\n" RCPT,
		"220, 250, 250 2.1.0, 250 2.1.5", 0, 0},
	{"a space behind the colon", EHLO "\1" "MAIL FROM: <s@example.com>\r\n"
		"RCPT TO: <r@example.com>\r\n", "220, 250, 250 2.1.0, 250 2.1.5", 0, 0},
	{"with HELO", "HELO x\r\n\1" MAIL "\1" RCPT "\1" "DATA\r\n\1" "a\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},

	/* the end of data, and what only looks like it */
	{"smuggling: LF dot LF", EHLO "\1" ENVELOPE "DATA\r\n\1" "a\n.\n" MAIL "\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},
	{"smuggling: CR dot CR", EHLO "\1" ENVELOPE "DATA\r\n\1" "a\r.\r" MAIL "\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},
	{"smuggling: LF dot CRLF", EHLO "\1" ENVELOPE "DATA\r\n\1" "a\n.\r\n" MAIL
		"\r\n.\r\n", "220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},
	{"smuggling: CRLF dot LF", EHLO "\1" ENVELOPE "DATA\r\n\1" "a\r\n.\n" MAIL
		"\r\n.\r\n", "220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0", 0, 1},

	/* parameters of MAIL and RCPT */
	{"parameters", EHLO "\1" "MAIL FROM:<s@example.com> SIZE=1000 BODY=8BITMIME "
		"SMTPUTF8\r\n", "220, 250, 250 2.1.0", 0, 0},
	{"parameters in small letters", EHLO "\1" "mail from:<s@example.com> size=10 "
		"body=7bit smtputf8\r\n", "220, 250, 250 2.1.0", 0, 0},
	{"SIZE too large", EHLO "\1" "MAIL FROM:<> SIZE=1001\r\n",
		"220, 250, 552 5.3.4", 0, 0},
	{"SIZE past 64 bits", EHLO "\1" "MAIL FROM:<> SIZE=99999999999999999999\r\n",
		"220, 250, 552 5.3.4", 0, 0},
	{"SIZE with 21 digits", EHLO "\1" "MAIL FROM:<> SIZE=000000000000000000001\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"SIZE that is no number", EHLO "\1" "MAIL FROM:<> SIZE=1k\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"SIZE without value", EHLO "\1" "MAIL FROM:<> SIZE\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"SIZE with an empty value", EHLO "\1" "MAIL FROM:<> SIZE=\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"SIZE twice", EHLO "\1" "MAIL FROM:<> SIZE=1 SIZE=1\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"BODY unknown", EHLO "\1" "MAIL FROM:<> BODY=BINARYMIME\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"SMTPUTF8 with a value", EHLO "\1" "MAIL FROM:<> SMTPUTF8=1\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"a parameter nobody offered", EHLO "\1" "MAIL FROM:<> RET=FULL\r\n",
		"220, 250, 555 5.5.4", 0, 0},
	{"a parameter that is none", EHLO "\1" "MAIL FROM:<> =\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"no space before the parameter", EHLO "\1" "MAIL FROM:<s@example.com>SIZE=1\r\n",
		"220, 250, 501 5.1.7", 0, 0},
	{"a parameter of RCPT", EHLO "\1" MAIL "RCPT TO:<r@example.com> NOTIFY=NEVER\r\n",
		"220, 250, 250 2.1.0, 555 5.5.4", 0, 0},
	{"a bad parameter of RCPT", EHLO "\1" MAIL "RCPT TO:<r@example.com> ?\r\n",
		"220, 250, 250 2.1.0, 501 5.5.4", 0, 0},

	/* addresses */
	{"MAIL without FROM", EHLO "\1" "MAIL <s@example.com>\r\n",
		"220, 250, 501 5.5.4", 0, 0},
	{"MAIL without brackets", EHLO "\1" "MAIL FROM:s@example.com\r\n",
		"220, 250, 501 5.1.7", 0, 0},
	{"MAIL without domain", EHLO "\1" "MAIL FROM:<root>\r\n",
		"220, 250, 501 5.1.7", 0, 0},
	{"RCPT without TO", EHLO "\1" MAIL "RCPT <r@example.com>\r\n",
		"220, 250, 250 2.1.0, 501 5.5.4", 0, 0},
	{"RCPT with the null path", EHLO "\1" MAIL "RCPT TO:<>\r\n",
		"220, 250, 250 2.1.0, 501 5.1.3", 0, 0},
	{"RCPT to the postmaster", EHLO "\1" MAIL "RCPT TO:<postmaster>\r\n",
		"220, 250, 250 2.1.0, 550 5.1.3", 0, 0},
	{"UTF-8 without SMTPUTF8", EHLO "\1" "MAIL FROM:<\xe4\xbd\xa0@example.com>\r\n"
		MAIL "RCPT TO:<r@\xe4\xbe\x8b.example>\r\n",
		"220, 250, 553 5.6.7, 250 2.1.0, 553 5.6.7", 0, 0},
	{"UTF-8 with SMTPUTF8", EHLO "\1"
		"MAIL FROM:<\xe4\xbd\xa0@example.com> SMTPUTF8\r\n"
		"RCPT TO:<r@\xe4\xbe\x8b.example>\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5", 0, 0},
	{"more recipients than allowed", EHLO "\1" MAIL "RCPT TO:<a@example.com>\r\n"
		"RCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\n"
		"RCPT TO:<d@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 452 4.5.3, "
		"250 2.1.5, 354", 0, 0},

	/* the small verbs, and those that are not there */
	{"the small verbs", EHLO "\1" "NOOP\r\nNOOP x y\r\nRSET\r\nVRFY x\r\nHELP\r\n"
		"HELP MAIL\r\nQUIT\r\n", "220, 250, 250 2.0.0, 250 2.0.0, 250 2.0.0, "
		"252 2.5.0, 214 2.0.0, 214 2.0.0, 221 2.0.0 CLOSED", 0, 0},
	{"arguments where none belong", EHLO "\1" "RSET x\r\nQUIT x\r\n" ENVELOPE
		"DATA x\r\n", "220, 250, 501 5.5.4, 501 5.5.4, 250 2.1.0, 250 2.1.5, "
		"501 5.5.4", 0, 0},
	{"VRFY without argument", EHLO "\1" "VRFY\r\n", "220, 250, 501 5.5.4", 0, 0},
	{"verbs that are not offered", EHLO "\1" "ETRN x\r\nEXPN x\r\nSTARTTLS\r\n"
		"AUTH PLAIN AGEAYg==\r\n",
		"220, 250, 502 5.5.1, 502 5.5.1, 502 5.5.1, 502 5.5.1", 0, 0},
	{"BDAT closes", EHLO "\1" ENVELOPE "BDAT 6 LAST\r\nRSET\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 502 5.5.1 CLOSED", 0, 0},
	{"an unknown verb", EHLO "\1" "XYZZY\r\n", "220, 250, 500 5.5.1", 0, 0},
	{"HTTP closes", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "220, 421 4.7.0 CLOSED", 0,
		0},
	{"HTTP POST closes", "POST / HTTP/1.1\r\n", "220, 421 4.7.0 CLOSED", 0, 0},

	/* lines that are none */
	{"an empty line", EHLO "\1" "\r\n", "220, 250, 500 5.5.2", 0, 0},
	{"a leading blank", EHLO "\1" " NOOP\r\n", "220, 250, 500 5.5.2", 0, 0},
	{"a bare LF", "EHLO x\n", "220, 500 5.5.2", 0, 0},
	{"a bare LF spoils all up to CRLF", EHLO "\1" "NOOP\nNOOP\nNOOP\r\nNOOP\r\n",
		"220, 250, 500 5.5.2, 500 5.5.2, 500 5.5.2, 250 2.0.0", 0, 0},
	{"a bare LF in an address", EHLO "\1" MAIL
		"RCPT TO:<r@example.com\nRCPT TO:<x@example.com>\r\n",
		"220, 250, 250 2.1.0, 500 5.5.2, 500 5.5.2", 0, 0},
	{"a bare CR", EHLO "\1" "NO\rOP\r\nNOOP\r\r\nNOOP\r\n",
		"220, 250, 500 5.5.2, 500 5.5.2, 250 2.0.0", 0, 0},
	{"a control character", EHLO "\1" "NOOP \x1b\r\nNOOP \x7f\r\n",
		"220, 250, 501 5.5.2, 501 5.5.2", 0, 0},
	{"invalid UTF-8", EHLO "\1" "NOOP \xff\r\nNOOP\r\n",
		"220, 250, 501 5.5.2, 250 2.0.0", 0, 0},

	/* groups of commands */
	{"a group", EHLO "\1" ENVELOPE "RSET\r\nNOOP\r\n" ENVELOPE "QUIT\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 250 2.0.0, 250 2.0.0, 250 2.1.0, "
		"250 2.1.5, 221 2.0.0 CLOSED", 0, 0},
	{"a body behind DATA", EHLO "\1" ENVELOPE "DATA\r\na\r\n.\r\n",
		"220, 250, 250 2.1.0, 250 2.1.5, 503 5.5.0 CLOSED", WHOLE, 0},
	{"a command behind EHLO", EHLO MAIL, "220, 503 5.5.0 CLOSED", WHOLE, 0},
	{"groups without EHLO", "HELO x\r\n\1" ENVELOPE,
		"220, 250, 503 5.5.0 CLOSED", WHOLE, 0},

	/* limits */
	{"too many errors", EHLO "\1" "X\r\nX\r\nX\r\nX\r\nX\r\nX\r\nNOOP\r\n",
		"220, 250, 500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, "
		"421 4.7.0 CLOSED", 0, 0},
	{"too many messages", EHLO "\1" ENVELOPE "DATA\r\n\1.\r\n" ENVELOPE
		"DATA\r\n\1.\r\n" ENVELOPE "DATA\r\n\1.\r\n" MAIL,
		"220, 250, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 250 2.1.0, 250 2.1.5, "
		"354, 250 2.0.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 421 4.7.0 CLOSED",
		0, 3},
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

		give(&r, span_make(p, (size_t)(end - p)), piece);
		replies(&r, got, sizeof(got));
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

/* --- what a dialogue does not show ---------------------------------------------------- */

static void offers_its_extensions(void **state)
{
	static const char want[] = "220 mx.example.com ESMTP sesrelay\r\n"
				   "250-mx.example.com\r\n"
				   "250-PIPELINING\r\n"
				   "250-SIZE 1000\r\n"
				   "250-8BITMIME\r\n"
				   "250-SMTPUTF8\r\n"
				   "250-ENHANCEDSTATUSCODES\r\n"
				   "250 HELP\r\n";
	struct rig r;

	(void)state;
	rig_init(&r);
	give(&r, span_of(EHLO), SIZE_MAX);
	assert_string_equal(session_output(r.session)->data, want);
	assert_true(session_peer(r.session)->esmtp);
	assert_string_equal(session_peer(r.session)->helo, "client.example.com");
	rig_free(&r);
}

static void hands_over_envelope_and_body(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	expect(&r, EHLO, "220, 250");
	expect(&r,
		"MAIL FROM:<S@Example.COM> SIZE=5 BODY=8BITMIME\r\n"
		"RCPT TO:<b@Example.com>\r\nRCPT TO:<a@example.com>\r\n"
		"RCPT TO:<b@EXAMPLE.com>\r\nDATA\r\n",
		"250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 354");
	expect(&r, "..\r\na\nb\r\n.\r\n", "250 2.0.0");
	assert_string_equal(r.fake.envelope.reverse_path, "S@example.com");
	assert_int_equal(r.fake.envelope.n_recipients, 2);
	assert_string_equal(r.fake.envelope.recipients[0], "b@example.com");
	assert_string_equal(r.fake.envelope.recipients[1], "a@example.com");
	assert_int_equal(r.fake.envelope.size, 5);
	assert_true(r.fake.envelope.eightbit);
	assert_false(r.fake.envelope.smtputf8);
	assert_string_equal(r.fake.body.data, ".\r\na\r\nb\r\n");
	/* and nothing of it is left for the next one */
	expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
	expect(&r, "x\r\n.\r\n", "250 2.0.0");
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
	expect(&r, EHLO, "220, 250");
	give(&r, span_make("MAIL FROM:<s@example.com>\0\r\n", 28), SIZE_MAX);
	replies(&r, got, sizeof(got));
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
	expect(&r, EHLO, "220, 250");
	for (int i = 0; i < 100; i++)
		give(&r, span_make(fill, sizeof(fill)), SIZE_MAX);
	expect(&r, "", "");
	expect(&r, "\r\nNOOP\r\n", "500 5.5.2, 250 2.0.0");
	rig_free(&r);
}

static void takes_a_line_of_just_the_maximum(void **state)
{
	char line[300];
	struct rig r;

	(void)state;
	rig_init(&r);
	expect(&r, EHLO, "220, 250");
	snprintf(line, sizeof(line), "NOOP %0195d\r\n", 0);
	expect(&r, line, "250 2.0.0");
	snprintf(line, sizeof(line), "NOOP %0196d\r\n", 0);
	expect(&r, line, "500 5.5.2");
	rig_free(&r);
}

/* --- size and memory ------------------------------------------------------------------ */

static void begin_mail(struct rig *r)
{
	expect(r, EHLO, "220, 250");
	expect(r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
}

static void reads_a_mail_that_is_too_large_to_its_end(void **state)
{
	char fill[998];
	struct rig r;

	(void)state;
	rig_init(&r);
	memset(fill, 'x', sizeof(fill));
	begin_mail(&r);
	give(&r, span_make(fill, sizeof(fill)), SIZE_MAX);
	expect(&r, "\r\n.\r\n", "250 2.0.0"); /* 1000 bytes */
	expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
	give(&r, span_make(fill, sizeof(fill)), SIZE_MAX);
	expect(&r, "x\r\n", "");
	assert_int_equal(r.budget.used, r.fake.body.cap); /* what it had is given back */
	expect(&r, "MAIL FROM:<no@example.com>\r\n.\r\n", "552 5.3.4");
	assert_int_equal(r.fake.messages, 1);
	expect(&r, ENVELOPE, "250 2.1.0, 250 2.1.5");
	rig_free(&r);
}

static void refuses_mails_that_memory_cannot_hold(void **state)
{
	char fill[900];
	struct rig r;

	(void)state;
	rig_init(&r);
	memset(fill, 'x', sizeof(fill));
	r.cfg.message_size = 100000;
	r.budget.limit = 5000;
	begin_mail(&r);
	for (int i = 0; i < 10; i++)
		give(&r, span_make(fill, sizeof(fill)), SIZE_MAX);
	assert_int_equal(r.budget.used, 0);
	expect(&r, "\r\n.\r\n", "452 4.3.1");
	assert_int_equal(r.fake.messages, 0);
	/* at once, where the client says how large it will be */
	expect(&r, "MAIL FROM:<> SIZE=5001\r\n", "452 4.3.1");
	/* and before the body, where there is nothing left at all */
	r.budget.used = 4000;
	expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 452 4.3.1");
	r.budget.used = 0;
	expect(&r, "DATA\r\n", "354");
	rig_free(&r);
}

/* --- the handler ---------------------------------------------------------------------- */

static void passes_on_what_the_handler_refuses(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	expect(&r, EHLO, "220, 250");
	r.fake.refuse_mail = true;
	expect(&r, MAIL RCPT, "550 5.7.1, 503 5.5.1");
	r.fake.refuse_mail = false;
	r.fake.refuse_rcpt = true;
	expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 550 5.7.1, 554 5.5.1");
	r.fake.refuse_rcpt = false;
	expect(&r, RCPT "DATA\r\n", "250 2.1.5, 354");
	r.fake.verdict = -1;
	r.fake.reply = reply_make(554, "5.6.0", "not such a message");
	expect(&r, "a\r\n.\r\nNOOP\r\n", "554 5.6.0, 250 2.0.0");
	rig_free(&r);
}

static void is_deaf_until_the_handler_answers(void **state)
{
	static const char in[] = "a\r\n.\r\nNOOP\r\n";
	struct reply ok = reply_make(250, "2.0.0", "accepted");
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	assert_int_equal(give(&r, span_of(in), SIZE_MAX), 6);
	assert_true(session_busy(r.session));
	assert_false(session_wants_input(r.session));
	assert_int_equal(session_input(r.session, "NOOP\r\n", 6), 0);
	assert_int_equal(session_deadline(r.session), 0);
	clock_advance(&r.clock, 10000000);
	session_expire(r.session);
	expect(&r, "", "");
	smtp_call_reply(r.fake.call, &ok);
	assert_int_equal(r.woken, 1);
	assert_true(session_wants_input(r.session));
	expect(&r, "NOOP\r\n", "250 2.0.0, 250 2.0.0");
	rig_free(&r);
	assert_int_equal(r.fake.gone, 0);
}

static void a_handler_may_close(void **state)
{
	struct reply bye = reply_make(421, "4.3.2", "no");
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	give(&r, span_of("a\r\n.\r\n"), 1);
	smtp_call_reply(r.fake.call, &bye);
	expect(&r, "", "421 4.3.2 CLOSED");
	rig_free(&r);
}

static void tells_the_handler_when_the_client_is_gone(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	give(&r, span_of("a\r\n.\r\n"), 1);
	session_eof(r.session);
	assert_int_equal(r.fake.gone, 1);
	assert_true(session_closing(r.session));
	assert_string_equal(session_reason(r.session), "eof while busy");
	session_eof(r.session);
	rig_free(&r);
	assert_int_equal(r.fake.gone, 1);

	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	give(&r, span_of("a\r\n.\r\n"), 1);
	rig_free(&r);
	assert_int_equal(r.fake.gone, 1);
}

static void drops_a_mail_whose_end_never_comes(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	begin_mail(&r);
	give(&r, span_of("a\r\n.\r"), SIZE_MAX);
	session_eof(r.session);
	expect(&r, "\n", "CLOSED");
	assert_string_equal(session_reason(r.session), "eof in data");
	assert_int_equal(r.fake.messages, 0);
	rig_free(&r);
}

static void refused_recipients_are_no_errors(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	expect(&r, EHLO, "220, 250");
	expect(&r, MAIL, "250 2.1.0");
	r.fake.refuse_rcpt = true;
	for (int i = 0; i < 50; i++)
		expect(&r, RCPT, "550 5.7.1");
	r.fake.refuse_rcpt = false;
	expect(&r, RCPT "DATA\r\n", "250 2.1.5, 354");
	rig_free(&r);
}

static void an_accepted_mail_wipes_the_errors(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	expect(&r, EHLO, "220, 250");
	for (int i = 0; i < 3; i++) {
		expect(&r, "X\r\nX\r\nX\r\nX\r\n",
			"500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1");
		expect(&r, ENVELOPE "DATA\r\n", "250 2.1.0, 250 2.1.5, 354");
		expect(&r, "a\r\n.\r\n", "250 2.0.0");
	}
	rig_free(&r);
}

/* --- time ----------------------------------------------------------------------------- */

static void a_deadline_is_not_moved_by_bytes(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	expect(&r, "", "220");
	for (int i = 0; i < 59; i++) {
		clock_advance(&r.clock, 1000);
		session_expire(r.session);
		expect(&r, "N", "");
	}
	clock_advance(&r.clock, 1000);
	session_expire(r.session);
	expect(&r, "", "421 4.4.2 CLOSED");
	assert_string_equal(session_reason(r.session), "timeout");
	rig_free(&r);
}

static void each_command_has_its_own_deadline(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	expect(&r, EHLO, "220, 250");
	for (int i = 0; i < 3; i++) {
		clock_advance(&r.clock, 59000);
		session_expire(r.session);
		expect(&r, "NOOP\r\n", "250 2.0.0");
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
	expect(&r, "a\r\n", "");
	session_expire(r.session);
	expect(&r, "", "");
	clock_advance(&r.clock, 1);
	session_expire(r.session);
	expect(&r, ".\r\n", "421 4.4.2 CLOSED");
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
	expect(&r, EHLO, "220, 250");
	for (size_t i = 0; i < sizeof(noops); i++)
		noops[i] = "NOOP\r\n"[i % 6];
	used = give(&r, span_make(noops, sizeof(noops)), SIZE_MAX);
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
	expect(&r, EHLO, "220, 250");
	expect(&r, MAIL "RCP", "250 2.1.0");
	session_shutdown(r.session);
	expect(&r, "T TO:<r@example.com>\r\n", "421 4.3.2 CLOSED");
	assert_string_equal(session_reason(r.session), "shutdown");
	rig_free(&r);

	rig_init(&r);
	begin_mail(&r);
	give(&r, span_of("a\r\n"), 1);
	session_shutdown(r.session);
	expect(&r, ".\r\n", "421 4.3.2 CLOSED");
	assert_int_equal(r.fake.messages, 0);
	rig_free(&r);
}

static void answers_the_mail_before_it_goes_down(void **state)
{
	struct reply ok = reply_make(250, "2.0.0", "accepted");
	struct rig r;

	(void)state;
	rig_init(&r);
	r.fake.verdict = 0;
	begin_mail(&r);
	give(&r, span_of("a\r\n.\r\n"), SIZE_MAX);
	session_shutdown(r.session);
	expect(&r, "", "");
	smtp_call_reply(r.fake.call, &ok);
	expect(&r, "", "250 2.0.0, 421 4.3.2 CLOSED");
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
		cmocka_unit_test(speaks_every_dialogue),
		cmocka_unit_test(speaks_every_dialogue_in_pieces),
		cmocka_unit_test(offers_its_extensions),
		cmocka_unit_test(hands_over_envelope_and_body),
		cmocka_unit_test(a_nul_in_a_command_is_no_end_of_it),
		cmocka_unit_test(drops_an_endless_line_without_keeping_it),
		cmocka_unit_test(takes_a_line_of_just_the_maximum),
		cmocka_unit_test(reads_a_mail_that_is_too_large_to_its_end),
		cmocka_unit_test(refuses_mails_that_memory_cannot_hold),
		cmocka_unit_test(passes_on_what_the_handler_refuses),
		cmocka_unit_test(is_deaf_until_the_handler_answers),
		cmocka_unit_test(a_handler_may_close),
		cmocka_unit_test(tells_the_handler_when_the_client_is_gone),
		cmocka_unit_test(drops_a_mail_whose_end_never_comes),
		cmocka_unit_test(refused_recipients_are_no_errors),
		cmocka_unit_test(an_accepted_mail_wipes_the_errors),
		cmocka_unit_test(a_deadline_is_not_moved_by_bytes),
		cmocka_unit_test(each_command_has_its_own_deadline),
		cmocka_unit_test(a_whole_message_has_one_deadline),
		cmocka_unit_test(gives_up_on_output_that_nobody_takes),
		cmocka_unit_test(stops_reading_from_a_client_that_does_not_read),
		cmocka_unit_test(says_goodbye_when_the_server_goes_down),
		cmocka_unit_test(answers_the_mail_before_it_goes_down),
		cmocka_unit_test(names_every_state),
	};

	log_use_fd(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_TEXT, LOG_DEBUG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
