/* SPDX-License-Identifier: MIT */
/* ses/request: the JSON that the API gets, read back by another parser. */
#include "ses/request.h"

#include "core/base64.h"
#include "core/mem.h"
#include "test.h"

#include <jansson.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX ((size_t)8 * 1024 * 1024)

static const char *const one[] = {"user@example.org"};
static const struct ses_recipients one_recipient = {.to = one, .n_to = 1};

static struct ses_fields plain(void)
{
	return (struct ses_fields){
		.from = "Gateway <noreply@mail.example.com>",
		.subject = "hello",
		.has_text = true,
		.text = span_of("hello world"),
	};
}

/* The whole body of a request, read in steps of step bytes. Freed by the caller. */
static char *read_all(const struct ses_request *q, size_t step)
{
	size_t size = ses_request_size(q), got = 0;
	char *body = mem_new(size + 1, 1);

	for (;;) {
		size_t n = ses_request_read(q, got, body + got, step);

		if (n == 0)
			break;
		got += n;
		assert_true(got <= size);
	}
	assert_int_equal(got, size);
	return body;
}

static void expect_digest(const struct ses_request *q, const char *body)
{
	uint8_t raw[DIGEST_LEN];
	char hex[DIGEST_HEX_LEN];

	digest_sha256(body, ses_request_size(q), raw);
	digest_hex(raw, hex);
	assert_string_equal(ses_request_sha256(q), hex);
}

static json_t *parse(const struct ses_request *q)
{
	char *body = read_all(q, 4096);
	json_error_t error;
	json_t *root =
		json_loadb(body, ses_request_size(q), JSON_REJECT_DUPLICATES, &error);

	if (root == NULL)
		fail_msg("%s in %s", error.text, body);
	expect_digest(q, body);
	free(body);
	return root;
}

/* The JSON of fields and recipients. */
static json_t *build(const struct ses_fields *f, const struct ses_recipients *r)
{
	struct ses_content *c = ses_request_content_new(f, MAX, NULL);
	struct ses_request *q;
	json_t *root;

	assert_non_null(c);
	q = ses_request_new(c, r);
	assert_non_null(q);
	ses_request_content_unref(&c);
	root = parse(q);
	ses_request_free(&q);
	return root;
}

static const char *get(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	assert_non_null(s);
	return s;
}

/* Whether a base64 string decodes to want. */
static void expect_base64(const char *text, struct span want)
{
	struct buf b;

	buf_init(&b, MAX, NULL);
	assert_int_equal(base64_decode_strict(&b, span_of(text)), 0);
	assert_int_equal(b.len, want.len);
	assert_memory_equal(b.data, want.p, want.len);
	buf_free(&b);
}

static void writes_exactly_this(void **state)
{
	static const char want[] =
		"{\"FromEmailAddress\":\"Gateway <noreply@mail.example.com>\","
		"\"Subject\":\"hello\",\"TriggerType\":0,"
		"\"Simple\":{\"Text\":\"aGVsbG8gd29ybGQ=\"},"
		"\"Destination\":[\"user@example.org\"]}";
	struct ses_fields f = plain();
	struct ses_content *c = ses_request_content_new(&f, MAX, NULL);
	struct ses_request *q = ses_request_new(c, &one_recipient);
	char *body = read_all(q, 7);

	(void)state;
	assert_string_equal(body, want);
	expect_digest(q, body);
	free(body);
	ses_request_free(&q);
	ses_request_content_unref(&c);
}

static void carries_every_field(void **state)
{
	static const char *const to[] = {"a@example.org", "b@example.org"};
	static const char *const cc[] = {"c@example.org"};
	static const char *const bcc[] = {"d@example.org", "e@example.org"};
	const struct ses_recipients r = {to, 2, cc, 1, bcc, 2};
	struct ses_fields f = plain();
	json_t *root, *simple;

	(void)state;
	f.reply_to = "back@example.com";
	f.message_id = "<1@example.com>";
	f.headers = "{\"X-A\":\"b \\\"c\\\"\"}";
	f.has_html = true;
	f.html = span_of("<p>hello</p>");
	f.unsubscribe = 11;
	f.trigger = 1;
	root = build(&f, &r);
	assert_string_equal(get(root, "FromEmailAddress"), f.from);
	assert_string_equal(get(root, "Subject"), "hello");
	assert_string_equal(get(root, "ReplyToAddresses"), f.reply_to);
	assert_string_equal(get(root, "SmtpMessageId"), f.message_id);
	assert_string_equal(get(root, "SmtpHeaders"), f.headers);
	assert_string_equal(get(root, "Unsubscribe"), "11");
	assert_int_equal(json_integer_value(json_object_get(root, "TriggerType")), 1);
	simple = json_object_get(root, "Simple");
	expect_base64(get(simple, "Text"), f.text);
	expect_base64(get(simple, "Html"), f.html);
	assert_int_equal(json_array_size(json_object_get(root, "Destination")), 2);
	assert_int_equal(json_array_size(json_object_get(root, "Cc")), 1);
	assert_int_equal(json_array_size(json_object_get(root, "Bcc")), 2);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(root, "Destination"), 1)),
		"b@example.org");
	assert_null(json_object_get(root, "Template"));
	json_decref(root);
}

static void leaves_out_what_is_not_there(void **state)
{
	static const char *const absent[] = {"ReplyToAddresses", "SmtpMessageId",
		"SmtpHeaders", "Unsubscribe", "Template", "Attachments", "Cc", "Bcc",
		"HeaderFrom"};
	struct ses_fields f = plain();
	json_t *root;

	(void)state;
	f.reply_to = "";
	f.headers = "";
	root = build(&f, &one_recipient);
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		assert_null(json_object_get(root, absent[i]));
	assert_null(json_object_get(json_object_get(root, "Simple"), "Html"));
	json_decref(root);
}

static void sends_no_destination_where_all_are_hidden(void **state)
{
	const struct ses_recipients r = {.bcc = one, .n_bcc = 1};
	struct ses_fields f = plain();
	json_t *root = build(&f, &r);

	(void)state;
	assert_null(json_object_get(root, "Destination"));
	assert_int_equal(json_array_size(json_object_get(root, "Bcc")), 1);
	json_decref(root);
}

static void sends_an_empty_subject_and_an_empty_text(void **state)
{
	struct ses_fields f = plain();
	json_t *root;

	(void)state;
	f.subject = NULL;
	f.text = span_make(NULL, 0);
	root = build(&f, &one_recipient);
	assert_string_equal(get(root, "Subject"), "");
	assert_string_equal(get(json_object_get(root, "Simple"), "Text"), "");
	json_decref(root);
}

static void sends_a_template_instead_of_a_body(void **state)
{
	struct ses_fields f = plain();
	json_t *root, *t;

	(void)state;
	f.template_id = 12345;
	f.template_data = "{\"code\":\"12\\\"34\"}";
	root = build(&f, &one_recipient);
	t = json_object_get(root, "Template");
	assert_int_equal(json_integer_value(json_object_get(t, "TemplateID")), 12345);
	assert_string_equal(get(t, "TemplateData"), f.template_data);
	assert_null(json_object_get(root, "Simple"));
	json_decref(root);
	f.template_data = NULL;
	root = build(&f, &one_recipient);
	assert_string_equal(get(json_object_get(root, "Template"), "TemplateData"), "{}");
	json_decref(root);
}

static void strings_come_back_as_they_were(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"\"",
		"\\",
		"\\\"\\",
		"a\"b\\c/d",
		"\x01\x02\x1f",
		"\b\f\n\r\t",
		"\x7f",
		"测试邮件",
		"\xf0\x9f\x93\xa7 mixed \"quotes\"",
		"\\u0041",
		"</script>",
		"{\"a\":[1]}",
		"\",\"Bcc\":[\"thief@example.net\"],\"x\":\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct ses_fields f = plain();
		json_t *root;

		f.subject = texts[i];
		root = build(&f, &one_recipient);
		assert_string_equal(get(root, "Subject"), texts[i]);
		assert_null(json_object_get(root, "Bcc"));
		json_decref(root);
	}
}

static void refuses_what_is_not_utf8(void **state)
{
	static const char *const bad[] = {
		"\xff", "a\xc0\x80", "\xed\xa0\x80", "\xe6\xb5"};
	struct ses_fields f = plain();
	struct ses_content *c = ses_request_content_new(&f, MAX, NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct ses_recipients r = {.to = &bad[i], .n_to = 1};

		f.subject = bad[i];
		errno = 0;
		assert_null(ses_request_content_new(&f, MAX, NULL));
		assert_int_equal(errno, EINVAL);
		errno = 0;
		assert_null(ses_request_new(c, &r));
		assert_int_equal(errno, EINVAL);
	}
	ses_request_content_unref(&c);
}

/* n bytes that repeat no short period. */
static char *noise(size_t n)
{
	char *p = mem_new(n + 1, 1);
	uint32_t x = 12345;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (char)(x >> 24);
	}
	return p;
}

/* As a mail holds it: base64 in lines of 76, CRLF. */
static void as_mail_lines(struct buf *out, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i += 57) {
		size_t len = n - i < 57 ? n - i : 57;

		assert_int_equal(base64_encode(out, bytes + i, len), 0);
		assert_int_equal(buf_append_str(out, "\r\n"), 0);
	}
}

static void attachments_arrive_byte_for_byte(void **state)
{
	/* Around the ends of quanta, lines and hashed blocks. */
	static const size_t sizes[] = {0, 1, 2, 3, 56, 57, 58, 1000, 36 * 1024 - 1,
		36 * 1024, 36 * 1024 + 1, 48 * 1024 - 1, 48 * 1024, 48 * 1024 + 1, 98304,
		300001};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char *bytes = noise(sizes[i]);
		struct buf lines;
		struct ses_attachment a[2] = {
			{.filename = "报告.pdf"}, {.filename = "b"}};
		struct ses_fields f = plain();
		json_t *root, *list;

		buf_init(&lines, MAX, NULL);
		as_mail_lines(&lines, bytes, sizes[i]);
		a[0].is_base64 = true;
		a[0].data = span_make(lines.data, lines.len);
		a[1].data = span_make(bytes, sizes[i]);
		a[0].base64_chars = i % 2 == 0 ? (sizes[i] + 2) / 3 * 4 : 0;
		f.attachments = a;
		f.n_attachments = 2;
		root = build(&f, &one_recipient);
		list = json_object_get(root, "Attachments");
		assert_int_equal(json_array_size(list), 2);
		for (size_t j = 0; j < 2; j++) {
			json_t *item = json_array_get(list, j);

			assert_string_equal(get(item, "FileName"), a[j].filename);
			expect_base64(get(item, "Content"), a[1].data);
		}
		json_decref(root);
		buf_free(&lines);
		free(bytes);
	}
}

static void calls_of_one_message_share_their_content(void **state)
{
	static const char *const other[] = {"other@example.org"};
	const struct ses_recipients second = {.cc = other, .n_cc = 1};
	struct ses_fields f = plain();
	struct ses_content *c = ses_request_content_new(&f, MAX, NULL);
	struct ses_request *a = ses_request_new(c, &one_recipient);
	struct ses_request *b = ses_request_new(c, &second);
	json_t *root;

	(void)state;
	ses_request_content_unref(&c);
	assert_null(c);
	assert_string_not_equal(ses_request_sha256(a), ses_request_sha256(b));
	json_decref(parse(a));
	ses_request_free(&a);
	assert_null(a);
	/* The content outlives the first of its requests. */
	root = parse(b);
	assert_int_equal(json_array_size(json_object_get(root, "Cc")), 1);
	json_decref(root);
	ses_request_free(&b);
}

static void reads_at_any_offset(void **state)
{
	struct ses_fields f = plain();
	struct ses_content *c = ses_request_content_new(&f, MAX, NULL);
	struct ses_request *q = ses_request_new(c, &one_recipient);
	char *body = read_all(q, 1 << 20), piece[16];
	size_t size = ses_request_size(q);

	(void)state;
	for (size_t offset = 0; offset <= size + 20; offset++) {
		size_t left = offset < size ? size - offset : 0;
		size_t want = left < sizeof(piece) ? left : sizeof(piece);

		assert_int_equal(ses_request_read(q, offset, piece, sizeof(piece)), want);
		assert_memory_equal(piece, body + (offset < size ? offset : 0), want);
	}
	free(body);
	ses_request_free(&q);
	ses_request_content_unref(&c);
}

static void lists_have_the_lengths_that_the_api_takes(void **state)
{
	static const struct {
		size_t to, cc, bcc;
		int error;
	} rows[] = {
		{50, 20, 20, 0},
		{51, 0, 0, EINVAL},
		{1, 21, 0, EINVAL},
		{1, 0, 21, EINVAL},
		{0, 0, 0, EINVAL},
		{0, 20, 0, 0},
	};
	const char *many[51];
	struct ses_fields f = plain();
	struct ses_content *c = ses_request_content_new(&f, MAX, NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = "user@example.org";
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct ses_recipients r = {
			many, rows[i].to, many, rows[i].cc, many, rows[i].bcc};
		struct ses_request *q;

		errno = 0;
		q = ses_request_new(c, &r);
		assert_int_equal(q != NULL, rows[i].error == 0);
		if (rows[i].error != 0)
			assert_int_equal(errno, rows[i].error);
		ses_request_free(&q);
	}
	ses_request_content_unref(&c);
}

static void the_maximum_counts_both_pieces(void **state)
{
	struct ses_fields f = plain();
	struct ses_content *c = ses_request_content_new(&f, MAX, NULL);
	struct ses_request *q = ses_request_new(c, &one_recipient);
	size_t whole = ses_request_size(q);
	size_t tail = strlen(",\"Destination\":[\"user@example.org\"]}");

	(void)state;
	ses_request_free(&q);
	ses_request_content_unref(&c);

	c = ses_request_content_new(&f, whole, NULL);
	q = ses_request_new(c, &one_recipient);
	assert_non_null(q);
	ses_request_free(&q);
	ses_request_content_unref(&c);

	c = ses_request_content_new(&f, whole - 1, NULL);
	errno = 0;
	assert_null(ses_request_new(c, &one_recipient));
	assert_int_equal(errno, EMSGSIZE);
	ses_request_content_unref(&c);

	errno = 0;
	assert_null(ses_request_content_new(&f, whole - tail - 1, NULL));
	assert_int_equal(errno, EMSGSIZE);
}

static void holds_a_message_once_and_asks_the_budget_first(void **state)
{
	struct budget budget = {.limit = 1100 * 1024};
	char *bytes = noise(768 * 1024);
	struct ses_attachment a = {
		.filename = "a.bin", .data = span_make(bytes, 768 * 1024)};
	struct ses_fields f = plain();
	struct ses_content *c;

	(void)state;
	f.attachments = &a;
	f.n_attachments = 1;
	c = ses_request_content_new(&f, MAX, &budget);
	assert_non_null(c);
	/* 1 MB of base64 and not a doubled buffer. */
	assert_in_range(budget.used, 1024 * 1024, 1024 * 1024 + 1024);
	errno = 0;
	assert_null(ses_request_content_new(&f, MAX, &budget));
	assert_int_equal(errno, ENOMEM);
	ses_request_content_unref(&c);
	assert_int_equal(budget.used, 0);
	free(bytes);
}

static void the_tail_asks_the_budget_too(void **state)
{
	struct budget budget = {.limit = 0};
	struct ses_fields f = plain();
	struct ses_content *c = ses_request_content_new(&f, MAX, &budget);

	(void)state;
	budget.limit = budget.used;
	errno = 0;
	assert_null(ses_request_new(c, &one_recipient));
	assert_int_equal(errno, ENOMEM);
	ses_request_content_unref(&c);
	assert_int_equal(budget.used, 0);
}

static void other_actions_send_their_json_as_it_is(void **state)
{
	struct ses_request *q =
		ses_request_new_query("ListEmailTemplates", "{\"Limit\":10}");
	char *body = read_all(q, 5);

	(void)state;
	assert_string_equal(ses_request_action(q), "ListEmailTemplates");
	assert_false(ses_request_is_mail(q));
	assert_string_equal(body, "{\"Limit\":10}");
	expect_digest(q, body);
	free(body);
	ses_request_free(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_exactly_this),
		cmocka_unit_test(carries_every_field),
		cmocka_unit_test(leaves_out_what_is_not_there),
		cmocka_unit_test(sends_no_destination_where_all_are_hidden),
		cmocka_unit_test(sends_an_empty_subject_and_an_empty_text),
		cmocka_unit_test(sends_a_template_instead_of_a_body),
		cmocka_unit_test(strings_come_back_as_they_were),
		cmocka_unit_test(refuses_what_is_not_utf8),
		cmocka_unit_test(attachments_arrive_byte_for_byte),
		cmocka_unit_test(calls_of_one_message_share_their_content),
		cmocka_unit_test(reads_at_any_offset),
		cmocka_unit_test(lists_have_the_lengths_that_the_api_takes),
		cmocka_unit_test(the_maximum_counts_both_pieces),
		cmocka_unit_test(holds_a_message_once_and_asks_the_budget_first),
		cmocka_unit_test(the_tail_asks_the_budget_too),
		cmocka_unit_test(other_actions_send_their_json_as_it_is),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
