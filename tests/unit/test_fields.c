/* SPDX-License-Identifier: MIT */
/* delivery/fields: what of a message goes into which field of the API. */
#include "delivery/fields.h"

#include "core/base64.h"
#include "core/mem.h"
#include "delivery/carry.h"

#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A string that a message or a route may own; made at file scope, so it lives for ever. */
#define TEXT(s) ((char[]){s})

static char nothing[] = "";
/* Parts in which nobody sees anything. */
static const char *const blanks[] = {
	"", " \r\n\t\r\n", "\xc2\xa0\r\n", "\xe3\x80\x80\xe2\x80\x8b\xef\xbb\xbf\r\n"};
static char *every_x[] = {TEXT("X-*"), TEXT("References")};

static struct mailbox reply_to[] = {
	{TEXT("R"), TEXT("r@example.com")},
	{TEXT(""), TEXT("s@example.com")},
};

static const struct message template_message = {
	.from = {TEXT("A B"), TEXT("a@example.com")},
	.subject = TEXT("hello"),
	.message_id = TEXT("<1@example.com>"),
};

static const struct conf_route template_route = {
	.name = TEXT("r"),
	.rewrite_from = nothing,
	.headers = {.items = every_x, .n = 2},
	.message_id = true,
	.trigger = 1,
	.unsubscribe = 3,
};

/* One case: a message and a route to change, then the fields that come of them. */
struct state {
	struct message m;
	struct conf_route route;
	struct hidden *hidden; /* NULL where a test has no recipients */
	struct fields f;
	struct reply why;
};

static int setup(void **state)
{
	struct state *s = mem_new(1, sizeof(*s));

	s->m = template_message;
	s->route = template_route;
	buf_init(&s->m.text, 1 << 20, NULL);
	buf_init(&s->m.html, 1 << 20, NULL);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct state *s = *state;

	buf_free(&s->m.text);
	buf_free(&s->m.html);
	free(s);
	return 0;
}

static void set_text(struct state *s, const char *text)
{
	buf_clear(&s->m.text);
	assert_int_equal(buf_append_str(&s->m.text, text), 0);
	s->m.has_text = true;
}

static int make(struct state *s)
{
	const struct fields_input in = {
		.route = &s->route, .message = &s->m, .id = "d1", .hidden = s->hidden};

	return fields_make(&s->f, &in, &s->why);
}

static void assert_made(struct state *s)
{
	assert_int_equal(make(s), 0);
}

static void assert_refused(struct state *s, unsigned code, const char *says)
{
	assert_int_equal(make(s), -1);
	assert_int_equal(s->why.code, code);
	assert_non_null(strstr(s->why.text, says));
	fields_clear(&s->f);
}

/* --- sender ------------------------------------------------------------------------------ */

static void writes_the_alias_with_one_space_and_no_colon(void **state)
{
	static char long_name[400];
	const struct {
		char *name, *from;
		size_t notes;
	} cases[] = {
		{TEXT(""), TEXT("a@example.com"), 0},
		{TEXT("A B"), TEXT("A B <a@example.com>"), 0},
		{TEXT("\xe5\xbc\xa0 \xe4\xb8\x89"),
			TEXT("\xe5\xbc\xa0 \xe4\xb8\x89 <a@example.com>"), 0},
		{TEXT("ACME: Support"), TEXT("ACME Support <a@example.com>"), 1},
		{TEXT("Doe,  John"), TEXT("Doe John <a@example.com>"), 1},
		{TEXT("x <b@example.com>"), TEXT("x b example.com <a@example.com>"), 1},
		{TEXT("\"q\" \\ (c) d@e.f"), TEXT("q c d e.f <a@example.com>"), 1},
		{TEXT("ceo@victim.example"), TEXT("ceo victim.example <a@example.com>"),
			1},
		{TEXT(" : "), TEXT("a@example.com"), 1},
	};
	struct state *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		s->m.from.name = cases[i].name;
		assert_made(s);
		assert_string_equal(s->f.api.from, cases[i].from);
		assert_int_equal(s->f.n_notes, cases[i].notes);
		fields_clear(&s->f);
	}
	/* A cut does not fall into a character. */
	for (size_t i = 0; i + 3 < sizeof(long_name); i += 3)
		memcpy(long_name + i, "\xe4\xbd\xa0", 3);
	s->m.from.name = long_name;
	assert_made(s);
	assert_int_equal(strspn(s->f.api.from, "\xe4\xbd\xa0") % 3, 0);
	assert_non_null(strstr(s->f.api.from, "\xa0 <a@example.com>"));
	fields_clear(&s->f);
}

static void rewrites_the_sender_and_keeps_him_for_replies(void **state)
{
	const struct {
		char *rewrite, *from;
	} cases[] = {
		{TEXT("noreply@example.net"), TEXT("noreply@example.net")},
		{TEXT("Shop <noreply@example.net>"), TEXT("Shop <noreply@example.net>")},
		{TEXT("%{from.name} by Shop  <noreply@example.net>"),
			TEXT("A B by Shop <noreply@example.net>")},
		{TEXT("<noreply@example.net>"), TEXT("noreply@example.net")},
	};
	struct state *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		s->route.rewrite_from = cases[i].rewrite;
		assert_made(s);
		assert_string_equal(s->f.api.from, cases[i].from);
		assert_string_equal(s->f.api.reply_to, "a@example.com");
		fields_clear(&s->f);
	}
	/* Unless the mail says where replies go. */
	s->m.reply_to = (struct mailbox_list){reply_to, 2, 2};
	assert_made(s);
	assert_string_equal(s->f.api.reply_to, "r@example.com");
	assert_int_equal(s->f.n_notes, 1);
	fields_clear(&s->f);
}

/* From: root (Cron Daemon), by a sender whose address the envelope told, or did not. */
static void names_an_author_without_address_by_route_or_envelope(void **state)
{
	const struct {
		char *address, *rewrite, *from;
	} cases[] = {
		{TEXT("app@example.com"), TEXT(""), TEXT("A B <app@example.com>")},
		{TEXT("app@example.com"), TEXT("cron@example.net"),
			TEXT("A B <cron@example.net>")},
		{TEXT("app@example.com"), TEXT("Cron <cron@example.net>"),
			TEXT("Cron <cron@example.net>")},
		{TEXT(""), TEXT("cron@example.net"), TEXT("A B <cron@example.net>")},
	};
	struct state *s = *state;

	s->m.no_author = true;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		s->m.from.address = cases[i].address;
		s->route.rewrite_from = cases[i].rewrite;
		assert_made(s);
		assert_string_equal(s->f.api.from, cases[i].from);
		assert_null(s->f.api.reply_to);
		assert_int_equal(s->f.n_notes, 1);
		fields_clear(&s->f);
	}
	s->route.rewrite_from = nothing;
	assert_refused(s, 554, "no author");
}

static void sets_no_reply_address_of_its_own(void **state)
{
	struct state *s = *state;

	assert_made(s);
	assert_null(s->f.api.reply_to);
	fields_clear(&s->f);
}

/* --- subject, ids, flags, body ------------------------------------------------------------ */

static void copies_the_plain_fields(void **state)
{
	struct state *s = *state;

	set_text(s, "text");
	assert_made(s);
	assert_string_equal(s->f.api.subject, "hello");
	assert_string_equal(s->f.api.message_id, "<1@example.com>");
	assert_int_equal(s->f.api.trigger, 1);
	assert_int_equal(s->f.api.unsubscribe, 3);
	assert_int_equal(s->f.api.template_id, 0);
	assert_true(s->f.api.has_text);
	assert_false(s->f.api.has_html);
	assert_int_equal(s->f.n_notes, 0);
	fields_clear(&s->f);
	s->m.subject = TEXT("=?utf-8?q?x?=");
	assert_made(s);
	assert_string_equal(s->f.api.subject, "= ?utf-8?q?x?=");
	assert_int_equal(s->f.n_notes, 1);
	fields_clear(&s->f);
	s->route.message_id = false;
	assert_made(s);
	assert_null(s->f.api.message_id);
	fields_clear(&s->f);
}

static void never_sends_what_the_api_refuses_as_empty(void **state)
{
	struct state *s = *state;

	s->m.subject = nothing;
	assert_made(s);
	assert_string_equal(s->f.api.subject, "(no subject)");
	assert_int_equal(s->f.n_notes, 1);
	assert_true(s->f.api.has_text);
	assert_int_equal(s->f.api.text.len, 1);
	fields_clear(&s->f);
}

/* Readers that show the blank one would show nothing. */
static void leaves_out_a_blank_text_or_html_beside_the_other(void **state)
{
	struct state *s = *state;

	s->m.has_html = true;
	assert_int_equal(buf_append_str(&s->m.html, "<p>hi"), 0);
	for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
		set_text(s, blanks[i]);
		assert_made(s);
		assert_false(s->f.api.has_text);
		assert_true(s->f.api.has_html);
		fields_clear(&s->f);
		buf_clear(&s->m.html);
		assert_int_equal(buf_append_str(&s->m.html, blanks[i]), 0);
		set_text(s, "hi");
		assert_made(s);
		assert_true(s->f.api.has_text);
		assert_false(s->f.api.has_html);
		fields_clear(&s->f);
		buf_clear(&s->m.html);
		assert_int_equal(buf_append_str(&s->m.html, "<p>hi"), 0);
	}
	/* Where nothing is left it is as it was. */
	buf_clear(&s->m.html);
	set_text(s, " \r\n");
	assert_made(s);
	assert_true(s->f.api.has_text && !s->f.api.has_html);
	assert_int_equal(s->f.api.text.len, 3);
	fields_clear(&s->f);
}

/* --- headers ------------------------------------------------------------------------------ */

static void carries_the_headers_of_the_route_and_its_own(void **state)
{
	struct mail_header headers[] = {
		{TEXT("X-Order"), TEXT("17 \"\xe4\xbd\xa0\"")},
		{TEXT("x-order"), TEXT("18")},
		{TEXT("REFERENCES"), TEXT("<0@example.com>")},
		{TEXT("Organization"), TEXT("none")},
		{TEXT("X-Original-To"), TEXT("blind@example.com")},
		{TEXT("X-Tencentcloudses-Cb-Sesrelay"), TEXT("forged")},
		{TEXT("X-SES-Template-ID"), TEXT("1")},
	};
	struct state *s = *state;

	s->m.headers = headers;
	s->m.n_headers = ARRAY_LEN(headers);
	assert_made(s);
	assert_string_equal(s->f.api.headers,
		"{\"X-Tencentcloudses-Cb-Sesrelay\":\"d1\","
		"\"X-Order\":\"17 "
		"\\\"\xe4\xbd\xa0\\\"\",\"REFERENCES\":\"<0@example.com>\"}");
	assert_int_equal(s->f.n_notes, 1);
	assert_string_equal(
		s->f.notes[0], "2 header fields not carried: x-order, Organization");
	fields_clear(&s->f);
}

static void bars_headers_that_tell_or_lie(void **state)
{
	static const char *const barred[] = {"bcc", "Resent-Bcc", "Received",
		"DKIM-Signature", "Content-Type", "delivered-to", "X-Envelope-To",
		"X-Delivered-To", "X-RcptTo", "X-Rcpt-To", "X-MDRcpt-To",
		"X-Apparently-To", "X-MDaemon-Deliver-To", "X-Recipients",
		"X-BCC-Recipients", "X-Failed-Recipients", "X-Gm-Original-To",
		"X-HmXmrOriginalRecipient", "X-Orig-To", "X-RCPT-TO", "ARC-Seal",
		"X-Forwarded-To", "Return-Path", "Reply-To", "Date"};
	static const char *const open[] = {
		"List-Unsubscribe", "In-Reply-To", "X-Mailer", "References"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(barred); i++)
		assert_true(carry_is_barred(barred[i]));
	for (size_t i = 0; i < ARRAY_LEN(open); i++)
		assert_false(carry_is_barred(open[i]));
}

static void bounds_the_headers(void **state)
{
	static struct mail_header headers[200];
	static char value[4000], names[200][16];
	struct state *s = *state;

	memset(value, '"', sizeof(value) - 1);
	for (size_t i = 0; i < 200; i++) {
		snprintf(names[i], sizeof(names[i]), "X-%zu", i);
		headers[i] = (struct mail_header){names[i], i < 100 ? value : nothing};
	}
	s->m.headers = headers;
	s->m.n_headers = 200;
	assert_made(s);
	assert_true(s->f.headers.len > 8000);
	assert_true(s->f.headers.len <= SES_HEADERS_MAX);
	assert_int_equal(s->f.n_notes, 1);
	fields_clear(&s->f);
}

/* --- template ----------------------------------------------------------------------------- */

static void fills_the_variables_of_a_template(void **state)
{
	char *variables[] = {
		TEXT("title=%{subject}"), TEXT(" body = %{text}"), TEXT("title=second")};
	struct state *s = *state;

	s->route.content = CONF_CONTENT_TEMPLATE;
	s->route.template_id = 77;
	s->route.variables = (struct conf_list){.items = variables, .n = 3};
	set_text(s, "say \"hi\"\r\n");
	assert_made(s);
	assert_int_equal(s->f.api.template_id, 77);
	assert_string_equal(s->f.api.template_data,
		"{\"title\":\"hello\",\"body\":\" say \\\"hi\\\"\"}");
	assert_false(s->f.api.has_text);
	assert_int_equal(s->f.n_notes, 0);
	fields_clear(&s->f);
	/* A mail that has only HTML would lose its text; a blank text beside it is none. */
	s->m.has_html = true;
	assert_int_equal(buf_append_str(&s->m.html, "<p>hi"), 0);
	for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
		set_text(s, blanks[i]);
		assert_refused(s, 554, "only HTML");
	}
	s->m.has_text = false;
	assert_refused(s, 554, "only HTML");
	/* Nobody asked for the text: then it is told. */
	s->route.variables.n = 1;
	assert_made(s);
	assert_int_equal(s->f.n_notes, 1);
	fields_clear(&s->f);
}

static void takes_the_template_from_the_mail_where_the_route_has_none(void **state)
{
	struct mail_header headers[] = {
		{TEXT("X-SES-Template-ID"), nothing},
		{TEXT("X-SES-Template-Data"), TEXT("{ \"a\": \"b\" }")},
	};
	const struct {
		char *id;
		unsigned long is; /* 0: refused */
	} cases[] = {
		{TEXT("12345"), 12345},
		{TEXT("4294967295"), 4294967295},
		{TEXT("4294967296"), 0},
		{TEXT("0"), 0},
		{TEXT("-1"), 0},
		{TEXT("+1"), 0},
		{TEXT("1x"), 0},
		{TEXT(""), 0},
		{TEXT("99999999999999999999999"), 0},
	};
	struct state *s = *state;

	s->route.content = CONF_CONTENT_TEMPLATE;
	assert_refused(s, 554, "X-SES-Template-ID");
	s->m.headers = headers;
	s->m.n_headers = 2;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		headers[0].value = cases[i].id;
		if (cases[i].is == 0) {
			assert_refused(s, 554, "X-SES-Template-ID");
			continue;
		}
		assert_made(s);
		assert_int_equal(s->f.api.template_id, cases[i].is);
		assert_string_equal(s->f.api.template_data, "{\"a\":\"b\"}");
		fields_clear(&s->f);
	}
	/* A route's own cannot be changed from outside. */
	headers[0].value = cases[0].id;
	s->route.template_id = 7;
	assert_made(s);
	assert_int_equal(s->f.api.template_id, 7);
	fields_clear(&s->f);
}

static void takes_the_data_from_the_body(void **state)
{
	struct attachment json = {
		.filename = TEXT("data.json"),
		.content_type = TEXT("application/json"),
		.is_base64 = true,
		.base64 = {"eyJiIjoi\r\nMiJ9", 14},
		.base64_chars = 12,
	};
	struct state *s = *state;

	s->route.content = CONF_CONTENT_TEMPLATE;
	s->route.template_id = 7;
	set_text(s, "\r\n{\"a\":1}\r\n");
	assert_made(s);
	assert_string_equal(s->f.api.template_data, "{\"a\":1}");
	fields_clear(&s->f);
	set_text(s, "{\"a\":1");
	assert_refused(s, 554, "not a JSON object");
	set_text(s, "plain text");
	assert_made(s);
	assert_string_equal(s->f.api.template_data, "{}");
	assert_int_equal(s->f.n_notes, 1);
	fields_clear(&s->f);
	/* A mail that is one JSON part: it is the data, and no attachment. */
	s->m.has_text = false;
	buf_clear(&s->m.text);
	s->m.attachments = &json;
	s->m.n_attachments = 1;
	assert_made(s);
	assert_string_equal(s->f.api.template_data, "{\"b\":\"2\"}");
	assert_int_equal(s->f.api.n_attachments, 0);
	fields_clear(&s->f);
}

/* --- errors ------------------------------------------------------------------------------- */

static void says_temporary_of_memory_alone(void **state)
{
	const struct {
		int error;
		unsigned code;
	} cases[] = {{ENOMEM, 452}, {EMSGSIZE, 552}, {EINVAL, 554}, {0, 554}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reply why;

		assert_int_equal(fields_refuse_error(&why, cases[i].error), -1);
		assert_int_equal(why.code, cases[i].code);
	}
}

/* --- attachments -------------------------------------------------------------------------- */

static void hands_over_attachments_within_the_limits(void **state)
{
	static struct attachment a[SES_ATTACHMENTS_MAX + 1];
	struct state *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		a[i] = (struct attachment){.filename = every_x[0],
			.content_type = nothing,
			.is_base64 = i % 2 == 0,
			.base64 = {"YQ==", 4},
			.base64_chars = 4,
			.bytes = {.data = nothing}};
	s->m.attachments = a;
	s->m.n_attachments = SES_ATTACHMENTS_MAX;
	assert_made(s);
	assert_int_equal(s->f.api.n_attachments, SES_ATTACHMENTS_MAX);
	assert_ptr_equal(s->f.api.attachments[0].data.p, a[0].base64.p);
	assert_ptr_equal(s->f.api.attachments[1].data.p, nothing);
	assert_false(s->f.api.attachments[1].is_base64);
	fields_clear(&s->f);
	s->m.n_attachments++;
	assert_refused(s, 554, "11 attachments");
	s->m.n_attachments = 2;
	a[0].base64_chars = (size_t)SES_ATTACHED_MAX / 3 * 4;
	assert_made(s);
	fields_clear(&s->f);
	a[0].base64_chars += 8;
	assert_refused(s, 552, "attachments of");
	a[0].base64_chars = 4;
	a[1].bytes.len = SES_ATTACHED_MAX + 1;
	assert_refused(s, 552, "attachments of");
}

/* The limit is of bytes, and base64 rounds them up to whole quanta. */
static void takes_a_file_of_exactly_the_limit(void **state)
{
	static char text[SES_ATTACHED_MAX / 3 * 4 + 16];
	const struct {
		size_t bytes;
		const char *end;
		bool taken;
	} cases[] = {
		/* 4194304 bytes are 1398101 whole quanta and one byte. */
		{SES_ATTACHED_MAX, "YQ==", true},
		{SES_ATTACHED_MAX, "YQ==\r\n \t\r\n", true},
		{SES_ATTACHED_MAX, "YQ=\r\n=", true},
		{SES_ATTACHED_MAX + 1, "YWE=", false},
		{SES_ATTACHED_MAX + 2, "YWFh", false},
	};
	struct attachment a = {
		.filename = every_x[0], .content_type = nothing, .is_base64 = true};
	struct state *s = *state;

	s->m.attachments = &a;
	s->m.n_attachments = 1;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t whole = SES_ATTACHED_MAX / 3 * 4;

		memset(text, 'A', whole);
		snprintf(text + whole, sizeof(text) - whole, "%s", cases[i].end);
		a.base64 = span_of(text);
		assert_int_equal(base64_inspect(a.base64, &a.base64_chars), BASE64_CLEAN);
		if (cases[i].taken) {
			assert_made(s);
			fields_clear(&s->f);
		} else {
			char says[64];

			snprintf(says, sizeof(says), "attachments of %zu bytes",
				cases[i].bytes);
			assert_refused(s, 552, says);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_the_alias_with_one_space_and_no_colon),
		TEST(rewrites_the_sender_and_keeps_him_for_replies),
		TEST(names_an_author_without_address_by_route_or_envelope),
		TEST(sets_no_reply_address_of_its_own),
		TEST(copies_the_plain_fields),
		TEST(never_sends_what_the_api_refuses_as_empty),
		TEST(leaves_out_a_blank_text_or_html_beside_the_other),
		TEST(carries_the_headers_of_the_route_and_its_own),
		TEST(bars_headers_that_tell_or_lie),
		TEST(bounds_the_headers),
		TEST(fills_the_variables_of_a_template),
		TEST(takes_the_template_from_the_mail_where_the_route_has_none),
		TEST(takes_the_data_from_the_body),
		TEST(says_temporary_of_memory_alone),
		TEST(hands_over_attachments_within_the_limits),
		TEST(takes_a_file_of_exactly_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
