/* SPDX-License-Identifier: MIT */
/*
 * The defects of GMime 3.2.13 that Debian 12 ships, one test each (doc/mail.md lists them):
 * what must hold whatever version is linked.
 */
#include "mail/message.h"

#include "core/base64.h"
#include "mail_fixture.h"

#include <pthread.h>
#include <time.h>

#define FROM "From: a@example.com\r\n"

/* Far more than any of these takes with sanitizers, far less than they took without a
 * guard. */
#define SECONDS_MAX 2

static struct buf build(const char *head, const char *piece, size_t n, const char *end)
{
	struct buf b;

	buf_init(&b, (size_t)64 << 20, NULL);
	assert_int_equal(buf_append_str(&b, head), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_append_str(&b, piece), 0);
	assert_int_equal(buf_append_str(&b, end), 0);
	return b;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void assert_refused_fast(struct buf *b, const char *says)
{
	double start = now();
	struct message_refusal why = fixture_refuse_span(span_make(b->data, b->len));

	assert_true(now() - start < SECONDS_MAX);
	assert_int_equal(why.code, 554);
	assert_string_equal(why.enhanced, "5.6.0");
	if (strstr(why.text, says) == NULL)
		fail_msg("%s", why.text);
	buf_free(b);
}

static void defect_1_encoded_words_behind_a_padded_one_are_kept(void **state)
{
	struct message *m = fixture_parse(
		"From: =?UTF-8?B?5byg?= =?UTF-8?B?5LiJIA==?= =?UTF-8?B?QQ==?= "
		"<a@example.com>\r\n"
		"Subject: =?UTF-8?B?SGVsbG8=?= =?UTF-8?B?IHdvcmxk?=\r\n"
		"Content-Type: application/pdf;\r\n"
		" name=\"=?UTF-8?B?YQ==?= =?UTF-8?B?5Lit?= "
		"=?UTF-8?B?LnBkZg==?=\"\r\n\r\n");

	(void)state;
	assert_string_equal(m->from.name, "张三 A");
	assert_string_equal(m->subject, "Hello world");
	assert_string_equal(m->attachments[0].filename, "a中.pdf");
	message_free(&m);
}

/* --- 2 -------------------------------------------------------------------------- */

#define SMALL_STACK ((size_t)256 << 10)

static void *parse_in_thread(void *arg)
{
	struct conf_limits limits = fixture_limits();
	struct conf_mail policy = fixture_policy();
	struct message_refusal why;
	struct buf *raw = arg;
	struct message *m;

	if (message_parse(
		    &m, span_make(raw->data, raw->len), &limits, &policy, NULL, &why) < 0)
		return NULL;
	message_free(&m);
	return raw;
}

/* Whether the message was taken, by a thread that would overflow where it recursed. */
static bool parse_on_a_small_stack(struct buf *raw)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, SMALL_STACK), 0);
	assert_int_equal(pthread_create(&thread, &attr, parse_in_thread, raw), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	pthread_attr_destroy(&attr);
	return result != NULL;
}

static void defect_2_no_address_list_overflows_the_stack(void **state)
{
	static const struct {
		const char *head, *piece;
		size_t n;
		const char *end;
		bool taken;
	} cases[] = {
		/* As it was found: 135 kB. */
		{"From: ", "a:", 67500, "\r\n\r\n", false},
		/* As much as the guard lets through. */
		{"From: b@example.com,", "a:", 10200, "\r\n\r\n", true},
		{FROM "To: ", "a:", 10200, "\r\n\r\n", true},
		{FROM "Resent-Cc: ", "(", 10200, "\r\n\r\n", true},
		/* GMime would parse the addresses of a message within. */
		{FROM "Content-Type: message/rfc822\r\n\r\nFrom: ", "a:", 67500,
			"\r\n\r\n", true},
		{FROM "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nTo: ",
			"a:", 67500, "\r\n\r\n--b--", true},
		/* Messages within messages; comments within comments. */
		{FROM, "Content-Type: message/rfc822\r\n\r\n", 5000, "", true},
		{FROM "Content-Type: text/plain; x=", "(", 50000, "\r\n\r\n", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b =
			build(cases[i].head, cases[i].piece, cases[i].n, cases[i].end);

		if (parse_on_a_small_stack(&b) != cases[i].taken)
			fail_msg("case %zu", i);
		buf_free(&b);
	}
}

static void defect_2_nor_does_the_deepest_multipart(void **state)
{
	struct buf b = build(FROM, "", 0, "");

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(
			buf_appendf(&b,
				"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n"
				"--b%d\r\n",
				i, i),
			0);
	assert_int_equal(buf_append_str(&b, "\r\ntext"), 0);
	assert_true(parse_on_a_small_stack(&b));
	buf_free(&b);
}

/* --- 3 to 8 --------------------------------------------------------------------- */

static void defect_3_a_long_parameter_name_does_not_loop(void **state)
{
	char name[80];

	(void)state;
	for (size_t len = 68; len <= 74; len++) {
		struct message *m;
		char raw[400];
		double start = now();

		memset(name, 'x', len);
		name[len] = '\0';
		(void)snprintf(raw, sizeof(raw),
			FROM "Content-Type: multipart/mixed; %s=\"\xc3\xa9\"\r\n"
			     "Content-Disposition: inline; %s*=utf-8''%%C3%%A9\r\n\r\n"
			     "text",
			name, name);
		m = fixture_parse(raw);
		assert_string_equal(m->text.data, "text");
		assert_true(now() - start < SECONDS_MAX);
		message_free(&m);
	}
}

static void defect_4_base64_behind_padding_is_kept(void **state)
{
	struct message *m = fixture_parse(
		FROM "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
		     "\r\nYWFhYQ==\r\nYmJiYg==\r\nY2NjYw==\r\n");

	(void)state;
	assert_false(m->attachments[0].is_base64);
	assert_string_equal(m->attachments[0].bytes.data, "aaaabbbbcccc");
	message_free(&m);
	m = fixture_parse(FROM "Content-Transfer-Encoding: base64\r\n\r\n"
			       "YWFhYQ==\r\nYmJiYg==\r\n");
	assert_string_equal(m->text.data, "aaaabbbb");
	message_free(&m);
}

static void defect_5_memory_is_bounded_before_gmime(void **state)
{
	struct buf b;

	(void)state;
	b = build(FROM "Content-Type: multipart/mixed; boundary=a\r\n\r\n",
		"--a\nx:y\n\n", 500001, "");
	assert_refused_fast(&b, "parts");
	b = build(FROM, "X: y\r\n", 850000, "\r\n");
	assert_refused_fast(&b, "header lines");
	b = build(FROM "To: a@b", ",a@b", 500000, "\r\n\r\n");
	assert_refused_fast(&b, "header bytes");
	b = build(FROM "Subject: a", " =?utf-8?q?a?=", 600000, "\r\n\r\n");
	assert_refused_fast(&b, "header bytes");
	b = build(FROM "Content-Type: multipart/mixed; boundary=a\r\n\r\n",
		"--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n", 100000, "");
	assert_refused_fast(&b, "Message too complex");
}

/* The fallback holds too: GLib aborts where memory ends, so it is asked for before. */
static void defect_5_the_budget_is_asked_before_gmime(void **state)
{
	struct conf_limits limits = fixture_limits();
	struct conf_mail policy = fixture_policy();
	struct budget budget = {.limit = 1 << 20};
	struct message_refusal why;
	struct message *m;
	struct buf b = build(FROM "\r\n", "0123456789abcdef", 65536, "");

	(void)state;
	assert_int_equal(message_parse(&m, span_make(b.data, b.len), &limits, &policy,
				 &budget, &why),
		-1);
	assert_int_equal(why.code, 452);
	assert_int_equal(budget.used, 0);
	buf_free(&b);
}

static void defect_6_no_message_is_an_answer_not_a_crash(void **state)
{
	static const char *const raws[] = {"", "\r\n", "no header\r\n\r\nbody",
		": x\r\n\r\n", " folded: x\r\n\r\n", "\xff\xfe\r\n\r\n", "From\r\n",
		"--b\r\n\r\nx", "a\0b: c\r\n"};
	struct message *m = fixture_parse("Subject : x");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(raws); i++)
		assert_int_equal(fixture_refuse(raws[i]).code, 554);
	/* A header without its end, and without an author, is one. */
	assert_string_equal(m->subject, "x");
	assert_string_equal(m->from.address, "");
	message_free(&m);
}

static void assert_clean(const char *s)
{
	for (; *s != '\0'; s++)
		assert_true((unsigned char)*s >= ' ' && *s != 0x7f);
}

static void defect_7_no_field_holds_a_line_end(void **state)
{
	struct message *m =
		fixture_parse("From: =?utf-8?B?Zm9vDQpCY2M6IHhAeS56?= <a@example.com>\r\n"
			      "To: \"=?utf-8?Q?a=0D=0Ab=00=7F?=\" <b@example.com>\r\n"
			      "Subject: =?utf-8?B?Zm9vDQpCY2M6IHhAeS56?=\r\n"
			      "X-Note: =?utf-8?Q?a=0Ab=E2=80=A8c?=\r\n"
			      "Content-Type: image/png; name*=utf-8''a%0D%0Ab%0C.png\r\n"
			      "Content-ID: <a\x01\r\n b>\r\n\r\n");

	(void)state;
	assert_string_equal(m->subject, "foo Bcc: x@y.z");
	assert_string_equal(m->from.name, "foo Bcc: x@y.z");
	assert_clean(m->to.items[0].name);
	assert_clean(m->headers[0].value);
	assert_string_equal(m->headers[0].value, "a bc");
	assert_clean(m->attachments[0].filename);
	assert_clean(m->attachments[0].content_id);
	assert_true(conversion_loss_has(m, LOSS_CONTROL));
	message_free(&m);
}

static void defect_8_one_rule_for_fields_that_are_there_twice(void **state)
{
	struct message *m =
		fixture_parse(FROM "Subject: first\r\nSubject: second\r\n"
				   "Message-ID: <1@x>\r\nMessage-ID: <2@x>\r\n"
				   "Content-Type: text/html\r\n"
				   "Content-Type: text/plain\r\n\r\n<p>");

	(void)state;
	assert_string_equal(m->subject, "first");
	assert_string_equal(m->message_id, "<1@x>");
	assert_true(m->has_html);
	assert_false(m->has_text);
	message_free(&m);
	assert_int_equal(fixture_refuse(FROM "From: b@example.com\r\n\r\n").code, 554);
	assert_int_equal(fixture_refuse(FROM "FROM : b@example.com\r\n\r\n").code, 554);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defect_1_encoded_words_behind_a_padded_one_are_kept),
		cmocka_unit_test(defect_2_no_address_list_overflows_the_stack),
		cmocka_unit_test(defect_2_nor_does_the_deepest_multipart),
		cmocka_unit_test(defect_3_a_long_parameter_name_does_not_loop),
		cmocka_unit_test(defect_4_base64_behind_padding_is_kept),
		cmocka_unit_test(defect_5_memory_is_bounded_before_gmime),
		cmocka_unit_test(defect_5_the_budget_is_asked_before_gmime),
		cmocka_unit_test(defect_6_no_message_is_an_answer_not_a_crash),
		cmocka_unit_test(defect_7_no_field_holds_a_line_end),
		cmocka_unit_test(defect_8_one_rule_for_fields_that_are_there_twice),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
