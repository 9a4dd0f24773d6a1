/* SPDX-License-Identifier: MIT */
/* mail/message: whole messages to fields. */
#include "mail/message.h"

#include "mail_fixture.h"

#define FROM "From: a@example.com\r\n"

static void assert_text(const struct message *m, const char *text)
{
	assert_true(m->has_text);
	assert_string_equal(m->text.data, text);
}

static void assert_html(const struct message *m, const char *html)
{
	assert_true(m->has_html);
	assert_string_equal(m->html.data, html);
}

/* --- the header ----------------------------------------------------------------- */

static void reads_every_field_of_the_header(void **state)
{
	struct message *m =
		fixture_parse("Received: from x by y; Thu, 1 Jan 2026 00:00:00 +0000\r\n"
			      "From: =?UTF-8?B?5byg5LiJ?= <Zhang@EXAMPLE.com>\r\n"
			      "Sender: Office <office@example.com>\r\n"
			      "To: \"Doe, John\" <john@Example.ORG>,\r\n"
			      "\tteam: jane@example.net (Jane), <x@example.net>;\r\n"
			      "To: second@example.org\r\n"
			      "Cc: undisclosed-recipients:;\r\n"
			      "Bcc: hidden@example.org\r\n"
			      "Reply-To: r@example.com\r\n"
			      "Subject: =?gb2312?B?1tDOxA==?=\r\n"
			      " and more\r\n"
			      "Message-ID: <1.2@example.com>\r\n"
			      "X-Priority: 1\r\n"
			      "List-Unsubscribe: <mailto:u@example.com>,\r\n"
			      "  <https://example.com/u>\r\n"
			      "DKIM-Signature: v=1; a=rsa-sha256\r\n"
			      "MIME-Version: 1.0\r\n"
			      "\r\n"
			      "body\r\n");

	(void)state;
	assert_string_equal(m->from.name, "\xe5\xbc\xa0\xe4\xb8\x89");
	assert_string_equal(m->from.address, "Zhang@example.com");
	assert_string_equal(m->sender.address, "office@example.com");
	assert_int_equal(m->to.n, 4);
	assert_string_equal(m->to.items[0].name, "Doe, John");
	assert_string_equal(m->to.items[0].address, "john@example.org");
	assert_string_equal(m->to.items[1].name, "Jane");
	assert_string_equal(m->to.items[3].address, "second@example.org");
	assert_int_equal(m->cc.n, 0);
	assert_int_equal(m->reply_to.n, 1);
	assert_string_equal(m->subject, "\xe4\xb8\xad\xe6\x96\x87 and more");
	assert_string_equal(m->message_id, "<1.2@example.com>");
	assert_int_equal(m->n_headers, 2);
	assert_string_equal(m->headers[0].name, "X-Priority");
	assert_string_equal(
		m->headers[1].value, "<mailto:u@example.com>,  <https://example.com/u>");
	assert_int_equal(m->n_losses, 1);
	assert_int_equal(m->losses[0].kind, LOSS_DKIM);
	assert_text(m, "body\r\n");
	assert_false(m->has_html);
	message_free(&m);
}

static void leaves_absent_fields_empty(void **state)
{
	struct message *m = fixture_parse(FROM "\r\n");

	(void)state;
	assert_string_equal(m->from.name, "");
	assert_string_equal(m->sender.address, "");
	assert_string_equal(m->subject, "");
	assert_string_equal(m->message_id, "");
	assert_text(m, "");
	assert_int_equal(m->n_attachments, 0);
	assert_int_equal(m->n_losses, 0);
	message_free(&m);
}

static void takes_a_message_id_with_brackets_or_without(void **state)
{
	static const struct {
		const char *value, *id;
		bool lost;
	} cases[] = {
		{"<1.2@example.com>", "<1.2@example.com>", false},
		{" <1.2@example.com> (comment)", "<1.2@example.com>", false},
		{"\r\n 1.2@example.com", "<1.2@example.com>", false},
		{"<1.2@example.com", "<1.2@example.com>", false},
		{"1", "<1>", false},
		{"", "", true},
		{"<>", "", true},
		{"1.2 @example.com", "", true},
		{"a <1@example.com>", "", true},
		{"<\xc4\xe3@example.com>", "", true},
		{"\xe4\xbd\xa0@example.com", "", true},
		{"<a\x7f@example.com>", "", true},
		{"<a\x01@example.com>", "", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char raw[200];
		struct message *m;

		snprintf(raw, sizeof(raw), FROM "Message-ID: %s\r\n\r\ntext\r\n",
			cases[i].value);
		m = fixture_parse(raw);
		assert_string_equal(m->message_id, cases[i].id);
		assert_int_equal(conversion_loss_has(m, LOSS_HEADER), cases[i].lost);
		message_free(&m);
	}
}

static void takes_the_author_that_sender_names(void **state)
{
	struct message *m = fixture_parse("From: a@example.com, B <b@example.com>\r\n"
					  "Sender: b@EXAMPLE.com\r\n\r\n");

	(void)state;
	assert_string_equal(m->from.address, "b@example.com");
	assert_string_equal(m->from.name, "B");
	assert_true(conversion_loss_has(m, LOSS_HEADER));
	message_free(&m);
	m = fixture_parse("From: a@example.com, b@example.com\r\n\r\n");
	assert_string_equal(m->from.address, "a@example.com");
	message_free(&m);
}

static void keeps_the_name_of_an_author_without_address(void **state)
{
	static const struct {
		const char *raw, *name;
	} cases[] = {
		{"To: a@example.com\r\n\r\nx", ""},
		{"From:\r\n\r\nx", ""},
		{"From: <>\r\n\r\nx", ""},
		{"From: group:;\r\n\r\nx", ""},
		{"From: root\r\n\r\nx", "root"},
		{"From: root (Cron Daemon)\r\n\r\nx", "Cron Daemon"},
		{"From: MAILER-DAEMON <>\r\n\r\nx", "MAILER-DAEMON"},
		{"From: \"Cron Daemon\" <root>\r\n\r\nx", "Cron Daemon"},
		{"From: =?utf-8?q?Z=C3=BCrich?= <root>\r\n\r\nx", "Z\xc3\xbcrich"},
		{"From: <root> (Cron)\r\n\r\nx", "Cron"},
		{"From: root@ (Cron)\r\n\r\nx", "Cron"},
		{"From: root@\r\n\r\nx", ""},
		{"From: <>, b <>, c <>\r\n\r\nx", "b"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct message *m = fixture_parse(cases[i].raw);

		assert_true(m->no_author);
		assert_string_equal(m->from.address, "");
		assert_string_equal(m->from.name, cases[i].name);
		message_free(&m);
	}
}

static void refuses_a_message_without_one_author(void **state)
{
	static const struct {
		const char *raw, *says;
	} cases[] = {
		{FROM "from: b@example.com\r\n\r\nx", "more than one From"},
		{"no header here\r\n\r\nx", "no header"},
		{"\r\n\r\n", "no header"},
		{"", "no header"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct message_refusal why = fixture_refuse(cases[i].raw);

		assert_int_equal(why.code, 554);
		assert_string_equal(why.enhanced, "5.6.0");
		assert_non_null(strstr(why.text, cases[i].says));
	}
}

static void passes_over_what_stands_before_the_header(void **state)
{
	static const char *const before[] = {
		"\r\n\r\n",
		"   \r\n",
		"From a@example.com Thu Jan  1 00:00:00 2026\r\n",
		"\xef\xbb\xbf",
		"\n",
	};
	char raw[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		struct message *m;

		(void)snprintf(
			raw, sizeof(raw), "%s" FROM "Subject: s\r\n\r\nbody", before[i]);
		m = fixture_parse(raw);
		assert_string_equal(m->subject, "s");
		assert_text(m, "body");
		message_free(&m);
	}
}

static void keeps_a_body_whose_blank_line_is_missing(void **state)
{
	struct message *m = fixture_parse(FROM "Subject: s\r\nHello there\r\n\r\nmore");

	(void)state;
	assert_text(m, "Hello there\r\n\r\nmore");
	message_free(&m);
	m = fixture_parse(FROM "stray line\r\nContent-Type: text/html\r\n\r\n<p>");
	assert_html(m, "<p>");
	message_free(&m);
	m = fixture_parse(FROM "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
			       "--b\r\nfirst line\r\nsecond\r\n\r\nthird\r\n"
			       "--b\r\nContent-Type: text/plain\r\nfourth\r\n--b--\r\n");
	assert_text(m, "first line\r\nsecond\r\n\r\nthird\r\nfourth");
	message_free(&m);
}

/* --- bodies --------------------------------------------------------------------- */

static void chooses_text_and_html_of_an_alternative(void **state)
{
	struct message *m = fixture_parse(
		FROM "Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n"
		     "preamble\r\n"
		     "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ntext\r\n"
		     "--b\r\nContent-Type: text/html; charset=gbk\r\n"
		     "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		     "<b>=D6=D0=CE=C4</b> a=\r\nb\r\n"
		     "--b--\r\nepilogue");

	(void)state;
	assert_text(m, "text");
	assert_html(m, "<b>\xe4\xb8\xad\xe6\x96\x87</b> ab");
	assert_int_equal(m->n_attachments, 0);
	assert_int_equal(m->n_losses, 0);
	message_free(&m);
}

static void takes_one_of_two_versions_of_a_kind(void **state)
{
	struct message *m = fixture_parse(
		FROM "Content-Type: multipart/alternative; boundary=b\r\n\r\n"
		     "--b\r\n\r\nfirst\r\n"
		     "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
		     "--c\r\nContent-Type: text/html\r\n\r\n<p>1\r\n"
		     "--c\r\nContent-Type: text/html\r\n\r\n<p>2\r\n--c--\r\n"
		     "--b\r\n\r\nsecond\r\n"
		     "--b\r\nContent-Type: text/enriched\r\n\r\nrich\r\n"
		     "--b\r\nContent-Type: text/x-amp-html\r\n\r\namp\r\n--b--\r\n");

	(void)state;
	assert_text(m, "first");
	assert_html(m, "<p>1\r\n<p>2");
	assert_int_equal(m->n_attachments, 1);
	assert_string_equal(m->attachments[0].content_type, "text/enriched");
	assert_int_equal(m->n_losses, 3);
	for (size_t i = 0; i < m->n_losses; i++)
		assert_int_equal(m->losses[i].kind, LOSS_ALTERNATIVE);
	message_free(&m);
}

static void takes_only_the_root_of_a_related_message(void **state)
{
	struct message *m = fixture_parse(
		FROM "Content-Type: multipart/related; boundary=b; start=\"<r>\"\r\n\r\n"
		     "--b\r\nContent-Type: text/html\r\nContent-ID: <f>\r\n\r\nframe\r\n"
		     "--b\r\nContent-Type: text/html\r\nContent-ID: <r>\r\n\r\nroot\r\n"
		     "--b--\r\n");

	(void)state;
	assert_html(m, "root");
	assert_int_equal(m->n_attachments, 1);
	assert_string_equal(m->attachments[0].bytes.data, "frame");
	assert_string_equal(m->attachments[0].content_id, "f");
	message_free(&m);
}

static void believes_the_first_of_two_content_types(void **state)
{
	struct message *m = fixture_parse(
		FROM "Content-Type: multipart/mixed; boundary=b\r\n"
		     "Content-type: multipart/mixed;\r\n boundary=c\r\n\r\n"
		     "--c\r\n--b\r\n\r\ntext\r\n--b\r\n"
		     "Content-Type: image/png\r\nContent-Type: text/plain\r\n"
		     "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n");

	(void)state;
	assert_text(m, "text");
	assert_int_equal(m->n_attachments, 1);
	assert_string_equal(m->attachments[0].content_type, "image/png");
	assert_memory_equal(m->attachments[0].base64.p, "AAAA", 4);
	assert_int_equal(m->attachments[0].base64.len, 4);
	message_free(&m);
}

static void joins_the_texts_of_a_mixed_message(void **state)
{
	struct message *m =
		fixture_parse(FROM "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
				   "--b\r\n\r\none\r\n"
				   "--b\r\n\r\ntwo\r\n"
				   "--b--\r\n");

	(void)state;
	assert_text(m, "one\r\ntwo");
	message_free(&m);
}

static void shows_a_text_footer_to_readers_of_the_html(void **state)
{
	struct message *m = fixture_parse(
		FROM "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
		     "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
		     "--c\r\n\r\ntext\r\n"
		     "--c\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--c--\r\n"
		     "--b\r\n\r\nfooter <&>\r\n--b--\r\n");

	(void)state;
	assert_text(m, "text\r\nfooter <&>");
	assert_html(m, "<p>html\r\n<pre style=\"white-space: pre-wrap\">"
		       "footer &lt;&amp;&gt;</pre>\r\n");
	message_free(&m);
	/* A text that is only the footer would hide the HTML. */
	m = fixture_parse(FROM "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
			       "--b\r\nContent-Type: text/html\r\n\r\n<p>html\r\n"
			       "--b\r\n\r\nfooter\r\n--b--\r\n");
	assert_false(m->has_text);
	assert_html(
		m, "<p>html\r\n<pre style=\"white-space: pre-wrap\">footer</pre>\r\n");
	message_free(&m);
}

static void reads_a_multipart_without_parts_as_text(void **state)
{
	struct message *m =
		fixture_parse(FROM "Content-Type: multipart/mixed\r\n\r\nplain");

	(void)state;
	assert_text(m, "plain");
	message_free(&m);
	m = fixture_parse(FROM "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
			       "--c\r\n\r\nplain");
	assert_text(m, "--c\r\n\r\nplain");
	message_free(&m);
}

static void decodes_bodies_in_any_charset(void **state)
{
	static const struct {
		const char *charset, *bytes, *text;
		bool lossy;
	} cases[] = {
		{"utf-8", "\xef\xbb\xbf\xe4\xb8\xad", "\xe4\xb8\xad", false},
		{"us-ascii", "\xd6\xd0", "\xe4\xb8\xad", false},
		{"big5", "\xa4\xa4\xa4\xe5", "\xe4\xb8\xad\xe6\x96\x87", false},
		{"iso-2022-jp", "\x1b$BF|K\\\x1b(B", "\xe6\x97\xa5\xe6\x9c\xac", false},
		{"iso-8859-1", "caf\xe9 \x80", "caf\xc3\xa9 \xe2\x82\xac", false},
		{"x-unknown", "plain", "plain", false},
		{"x-unknown", "\xd6\xd0", "\xe4\xb8\xad", true},
		{"utf-8",
			"a\xff"
			"b",
			"a\xef\xbf\xbd"
			"b",
			true},
	};
	char raw[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct message *m;

		(void)snprintf(raw, sizeof(raw),
			FROM "Content-Type: text/plain; charset=\"%s\"\r\n\r\n%s",
			cases[i].charset, cases[i].bytes);
		m = fixture_parse(raw);
		assert_text(m, cases[i].text);
		assert_int_equal(conversion_loss_has(m, LOSS_CHARACTERS), cases[i].lossy);
		message_free(&m);
	}
}

/* --- attachments ---------------------------------------------------------------- */

static void borrows_clean_base64(void **state)
{
	const char *raw =
		FROM "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
		     "--b\r\n\r\ntext\r\n"
		     "--b\r\nContent-Type: IMAGE/PNG; name=\"a.png\"\r\n"
		     "Content-Transfer-Encoding: BASE64\r\n"
		     "Content-Disposition: attachment; filename=\"a b?.png\"\r\n\r\n"
		     "YWFh\r\nYQ==\r\n"
		     "--b--\r\n";
	struct message *m = fixture_parse(raw);

	(void)state;
	assert_text(m, "text");
	assert_int_equal(m->n_attachments, 1);
	assert_true(m->attachments[0].is_base64);
	assert_ptr_equal(m->attachments[0].base64.p, strstr(raw, "YWFh"));
	assert_int_equal(m->attachments[0].base64.len, 10);
	assert_int_equal(m->attachments[0].base64_chars, 8);
	assert_string_equal(m->attachments[0].filename, "a_b_.png");
	assert_string_equal(m->attachments[0].content_type, "image/png");
	assert_true(conversion_loss_has(m, LOSS_FILENAME));
	message_free(&m);
}

static void decodes_base64_that_is_not_clean(void **state)
{
	static const struct {
		const char *base64, *bytes;
		bool lossy;
	} cases[] = {
		{"YWFhYQ==\r\nYmJiYg==", "aaaabbbb", false},
		{"YWFhYQ", "aaaa", false},
		{"YW*FhYQ==", "aaaa", true},
	};
	char raw[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct message *m;

		(void)snprintf(raw, sizeof(raw),
			FROM "Content-Type: application/zip\r\n"
			     "Content-Transfer-Encoding: base64\r\n\r\n%s\r\n",
			cases[i].base64);
		m = fixture_parse(raw);
		assert_int_equal(m->n_attachments, 1);
		assert_false(m->attachments[0].is_base64);
		assert_string_equal(m->attachments[0].bytes.data, cases[i].bytes);
		assert_string_equal(m->attachments[0].filename, "attachment-1.zip");
		assert_int_equal(conversion_loss_has(m, LOSS_BASE64), cases[i].lossy);
		assert_false(m->has_text);
		message_free(&m);
	}
}

static void attaches_a_message_as_it_is(void **state)
{
	struct message *m = fixture_parse(
		FROM "Content-Type: multipart/digest; boundary=b\r\n\r\n"
		     "--b\r\n\r\nFrom: x@example.com\r\nSubject: inner\r\n\r\ninner\r\n"
		     "--b\r\nContent-Type: message/rfc822; name=\"letter\"\r\n\r\n"
		     "Subject: two\r\n\r\n\r\n--b--\r\n");

	(void)state;
	assert_int_equal(m->n_attachments, 2);
	assert_string_equal(m->attachments[0].filename, "attachment-1.eml");
	assert_string_equal(m->attachments[0].bytes.data,
		"From: x@example.com\r\nSubject: inner\r\n\r\ninner");
	assert_string_equal(m->attachments[1].filename, "letter.eml");
	assert_false(m->has_text);
	message_free(&m);
}

static void keeps_texts_that_are_files_as_attachments(void **state)
{
	struct message *m = fixture_parse(
		FROM "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
		     "--b\r\nContent-Type: text/plain; name=body\r\n\r\ntext\r\n"
		     "--b\r\nContent-Type: text/plain; name=notes.txt\r\n\r\nnotes\r\n"
		     "--b\r\nContent-Type: text/html\r\n"
		     "Content-Disposition: attachment\r\n\r\n<p>\r\n"
		     "--b\r\nContent-Type: text/plain\r\n"
		     "Content-Disposition: inline; filename=log.txt\r\n\r\nlog\r\n"
		     "--b\r\nContent-Type: text/csv\r\n\r\na,b\r\n"
		     "--b--\r\n");

	(void)state;
	assert_text(m, "text");
	assert_false(m->has_html);
	assert_int_equal(m->n_attachments, 4);
	assert_string_equal(m->attachments[0].filename, "notes.txt");
	assert_string_equal(m->attachments[1].filename, "attachment-2.html");
	assert_string_equal(m->attachments[2].filename, "log.txt");
	assert_string_equal(m->attachments[3].filename, "attachment-4.csv");
	message_free(&m);
}

/* --- what the API cannot carry -------------------------------------------------- */

#define RELATED                                                                          \
	FROM "Content-Type: multipart/related; boundary=b\r\n\r\n"                       \
	     "--b\r\nContent-Type: text/html\r\n\r\n<img src=\"cid:i\">\r\n"             \
	     "--b\r\nContent-Type: image/gif\r\nContent-ID: <i>\r\n"                     \
	     "Content-Transfer-Encoding: base64\r\n\r\nR0lG\r\n--b--\r\n"

static const struct special {
	const char *raw;
	enum conversion_loss_kind kind;
	size_t offset; /* of the policy in struct conf_mail */
} specials[] = {
	{RELATED, LOSS_INLINE_IMAGE, offsetof(struct conf_mail, inline_image)},
	{FROM "Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR",
		LOSS_CALENDAR, offsetof(struct conf_mail, calendar)},
	{FROM "Content-Type: application/ms-tnef\r\n\r\nx", LOSS_TNEF,
		offsetof(struct conf_mail, tnef)},
	{FROM "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n"
	      "--b\r\nContent-Type: application/pgp-signature\r\n\r\nsig\r\n--b--",
		LOSS_SIGNATURE, offsetof(struct conf_mail, signature)},
	{FROM "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nx",
		LOSS_ENCRYPTED, offsetof(struct conf_mail, encrypted)},
	{FROM "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n"
	      "--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n"
	      "--b--",
		LOSS_REPORT, offsetof(struct conf_mail, report)},
};

static struct message *parse_with(
	const struct special *s, enum conf_policy value, struct message_refusal *why)
{
	struct conf_limits limits = fixture_limits();
	struct conf_mail policy = fixture_policy();
	struct message *m;

	memcpy((char *)&policy + s->offset, &value, sizeof(value));
	*why = (struct message_refusal){0};
	if (message_parse(&m, span_of(s->raw), &limits, &policy, NULL, why) < 0)
		return NULL;
	return m;
}

static void does_what_the_policy_says(void **state)
{
	struct message_refusal why;
	struct message *m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specials); i++) {
		m = parse_with(&specials[i], CONF_ATTACH, &why);
		assert_non_null(m);
		assert_int_equal(m->n_attachments, 1);
		assert_true(conversion_loss_has(m, specials[i].kind));
		message_free(&m);

		m = parse_with(&specials[i], CONF_DROP, &why);
		assert_non_null(m);
		assert_int_equal(m->n_attachments, 0);
		assert_true(conversion_loss_has(m, specials[i].kind));
		message_free(&m);

		assert_null(parse_with(&specials[i], CONF_REFUSE, &why));
		assert_int_equal(why.code, 554);
		assert_string_equal(why.enhanced, "5.6.1");
		assert_non_null(strstr(why.text, conversion_loss_name(specials[i].kind)));
	}
}

static void converts_a_report_to_text(void **state)
{
	struct message_refusal why;
	struct message *m = parse_with(&specials[5], CONF_CONVERT, &why);

	(void)state;
	assert_text(m, "text\r\nAction: failed");
	message_free(&m);
}

static void tells_of_a_multipart_without_end(void **state)
{
	struct message *m = fixture_parse(FROM
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n");

	(void)state;
	assert_text(m, "text\r\n");
	assert_true(conversion_loss_has(m, LOSS_TRUNCATED));
	message_free(&m);
}

/* --- memory --------------------------------------------------------------------- */

static void charges_the_budget_and_gives_back(void **state)
{
	struct conf_limits limits = fixture_limits();
	struct conf_mail policy = fixture_policy();
	struct message_refusal why;
	struct budget budget = {.limit = 200000};
	struct span raw = span_of(FROM "\r\ntext");
	struct message *m;

	(void)state;
	assert_int_equal(message_parse(&m, raw, &limits, &policy, &budget, &why), 0);
	assert_true(budget.used > 0);
	message_free(&m);
	assert_int_equal(budget.used, 0);
	budget.limit = 1000;
	assert_int_equal(message_parse(&m, raw, &limits, &policy, &budget, &why), -1);
	assert_int_equal(why.code, 452);
	assert_string_equal(why.enhanced, "4.3.1");
	assert_int_equal(budget.used, 0);
}

/* Each byte of it is twelve of UTF-8. Memory is not what is missing, so the client must not
 * come back with it for days. */
static void refuses_for_good_what_is_too_large_in_utf8(void **state)
{
	static const char head[] = FROM "Content-Type: text/plain; charset=tscii\r\n\r\n";
	struct message_refusal why;
	struct buf raw;

	(void)state;
	buf_init(&raw, 30000, NULL);
	assert_int_equal(buf_append_str(&raw, head), 0);
	assert_int_equal(buf_reserve(&raw, 20000), 0);
	memset(raw.data + raw.len, 0x82, 20000);
	buf_set_len(&raw, raw.len + 20000);
	why = fixture_refuse_span(span_make(raw.data, raw.len));
	assert_int_equal(why.code, 552);
	assert_string_equal(why.enhanced, "5.3.4");
	buf_free(&raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_field_of_the_header),
		cmocka_unit_test(leaves_absent_fields_empty),
		cmocka_unit_test(takes_a_message_id_with_brackets_or_without),
		cmocka_unit_test(takes_the_author_that_sender_names),
		cmocka_unit_test(keeps_the_name_of_an_author_without_address),
		cmocka_unit_test(refuses_a_message_without_one_author),
		cmocka_unit_test(passes_over_what_stands_before_the_header),
		cmocka_unit_test(keeps_a_body_whose_blank_line_is_missing),
		cmocka_unit_test(chooses_text_and_html_of_an_alternative),
		cmocka_unit_test(takes_one_of_two_versions_of_a_kind),
		cmocka_unit_test(takes_only_the_root_of_a_related_message),
		cmocka_unit_test(believes_the_first_of_two_content_types),
		cmocka_unit_test(joins_the_texts_of_a_mixed_message),
		cmocka_unit_test(shows_a_text_footer_to_readers_of_the_html),
		cmocka_unit_test(reads_a_multipart_without_parts_as_text),
		cmocka_unit_test(decodes_bodies_in_any_charset),
		cmocka_unit_test(borrows_clean_base64),
		cmocka_unit_test(decodes_base64_that_is_not_clean),
		cmocka_unit_test(attaches_a_message_as_it_is),
		cmocka_unit_test(keeps_texts_that_are_files_as_attachments),
		cmocka_unit_test(does_what_the_policy_says),
		cmocka_unit_test(converts_a_report_to_text),
		cmocka_unit_test(tells_of_a_multipart_without_end),
		cmocka_unit_test(charges_the_budget_and_gives_back),
		cmocka_unit_test(refuses_for_good_what_is_too_large_in_utf8),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
