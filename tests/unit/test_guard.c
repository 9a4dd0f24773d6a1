/* SPDX-License-Identifier: MIT */
/* mail/guard: what the raw bytes may hold. */
#include "mail/guard.h"

#include "core/buf.h"
#include "mail_fixture.h"

#define FROM  "From: a@example.com\r\n"
#define MIXED FROM "Content-Type: multipart/mixed; boundary=b\r\n\r\n"

/* Appends text n times. */
static void repeat(struct buf *b, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_append_str(b, text), 0);
}

/* A header, then a piece n times, then an end; free it with buf_free(). */
static struct buf build(const char *head, const char *piece, size_t n, const char *end)
{
	struct buf b;

	buf_init(&b, (size_t)64 << 20, NULL);
	repeat(&b, head, 1);
	repeat(&b, piece, n);
	repeat(&b, end, 1);
	return b;
}

static int scan(struct span raw, struct message_refusal *why)
{
	struct conf_limits limits = fixture_limits();
	struct guard_report report;

	if (guard_scan(&report, raw, &limits, why) < 0)
		return -1;
	guard_report_clear(&report);
	return 0;
}

static const struct bound {
	const char *head, *piece, *end;
	size_t most; /* pieces that pass; one more does not */
	const char *says, *enhanced;
} bounds[] = {
	{FROM, "X: y\r\n", "\r\nbody", 999, "1000 header lines", "5.6.0"},
	{FROM "X: y\r\n", " z\r\n", "\r\nbody", 998, "1000 header lines", "5.6.0"},
	{FROM "X: ", "0123456789", "\r\n\r\n", 10237, "102400 header bytes", "5.6.0"},
	{FROM "To: a@example.com", ",b", "\r\n\r\n", 10240, "10240 tokens", "5.6.0"},
	{FROM "Cc: x", ":a", "\r\n\r\n", 10240, "10240 tokens", "5.6.0"},
	{FROM "Resent-To: x", "(", "\r\n\r\n", 10240, "10240 tokens", "5.6.0"},
	{FROM, "Received: x\r\n", "\r\n", 50, "more than 50 Received", "5.4.6"},
	{MIXED, "--b\r\n\r\nx\r\n", "--b", 999, "1000 parts", "5.6.0"},
	{MIXED "--b\r\n", "X: y\r\n", "\r\n", 1000, "1000 header lines", "5.6.0"},
	{MIXED, "--b\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\n\r\n", "", 799,
		"header lines in all", "5.6.0"},
};

static void refuses_one_more_than_the_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		const struct bound *c = &bounds[i];
		struct message_refusal why = {0};
		struct buf b = build(c->head, c->piece, c->most, c->end);

		if (scan(span_make(b.data, b.len), &why) < 0)
			fail_msg("%zu: %s", i, why.text);
		buf_free(&b);
		b = build(c->head, c->piece, c->most + 1, c->end);
		assert_int_equal(scan(span_make(b.data, b.len), &why), -1);
		assert_int_equal(why.code, 554);
		assert_string_equal(why.enhanced, c->enhanced);
		if (strstr(why.text, c->says) == NULL)
			fail_msg("%zu: %s", i, why.text);
		buf_free(&b);
	}
}

static void refuses_multiparts_that_are_too_deep(void **state)
{
	struct message_refusal why;
	char line[100];

	(void)state;
	for (unsigned depth = 100; depth <= 101; depth++) {
		struct buf b = build(FROM, "", 0, "");

		for (unsigned i = 0; i < depth; i++) {
			(void)snprintf(line, sizeof(line),
				"Content-Type: multipart/mixed; boundary=b%u\r\n\r\n"
				"--b%u\r\n",
				i, i);
			repeat(&b, line, 1);
		}
		repeat(&b, "\r\ntext", 1);
		assert_int_equal(
			scan(span_make(b.data, b.len), &why), depth == 100 ? 0 : -1);
		if (depth > 100)
			assert_non_null(strstr(why.text, "100 multiparts"));
		buf_free(&b);
	}
}

static void counts_multiparts_beside_each_other_as_flat(void **state)
{
	struct message_refusal why;
	struct buf b = build(MIXED,
		"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
		"--c\r\n\r\nx\r\n--c--\r\n",
		200, "--b--\r\n");

	(void)state;
	assert_int_equal(scan(span_make(b.data, b.len), &why), 0);
	buf_free(&b);
}

static void counts_only_lines_that_are_boundaries(void **state)
{
	struct message_refusal why;
	struct buf b = build(MIXED "--b\r\n\r\n", "-- comment\r\n--\r\n-----\r\n--bb\r\n",
		5000, "--b--\r\n");

	(void)state;
	assert_int_equal(scan(span_make(b.data, b.len), &why), 0);
	buf_free(&b);
}

/* The guard reads a boundary as GMime does, in whatever form it is written. */
static void knows_every_way_to_write_a_boundary(void **state)
{
	static const char *const heads[] = {
		"Content-Type: multipart/mixed; boundary=\"b c\"\r\n\r\n",
		"content-type: MULTIPART/X;\r\n\tBOUNDARY=\"b\\ c\"\r\n\r\n",
		"Content-Type: multipart/mixed; boundary*=us-ascii''b%20c\r\n\r\n",
		"Content-Type: multipart/x; boundary*0=\"b \";\r\n boundary*1=c\r\n\r\n",
		"Content-Type: multipart/mixed; (x) boundary = \"b c\"\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct message_refusal why;
		struct buf b = build(FROM, heads[i], 1, "");

		repeat(&b, "--b c  \r\n\r\n", 1001);
		assert_int_equal(scan(span_make(b.data, b.len), &why), -1);
		assert_non_null(strstr(why.text, "1000 parts"));
		buf_free(&b);
	}
}

static void refuses_nul_in_a_header_but_not_in_a_body(void **state)
{
	static const char top[] = FROM "Subject: a\0b\r\n\r\n";
	static const char part[] = MIXED "--b\r\nX: a\0b\r\n\r\n--b--";
	static const char body[] = FROM "\r\na\0b";
	struct message_refusal why;

	(void)state;
	assert_int_equal(scan(span_make(top, sizeof(top) - 1), &why), -1);
	assert_non_null(strstr(why.text, "NUL"));
	assert_int_equal(scan(span_make(part, sizeof(part) - 1), &why), -1);
	assert_int_equal(scan(span_make(body, sizeof(body) - 1), &why), 0);
}

static void reports_where_the_header_and_the_body_are(void **state)
{
	struct conf_limits limits = fixture_limits();
	struct guard_report r;
	struct message_refusal why;

	(void)state;
	assert_int_equal(
		guard_scan(&r, span_of("\r\n" FROM "\r\nbody"), &limits, &why), 0);
	assert_int_equal(r.start, 2);
	assert_int_equal(r.header_end, 2 + strlen(FROM));
	assert_int_equal(r.body, 4 + strlen(FROM));
	assert_int_equal(r.n_edits, 0);
	guard_report_clear(&r);
	assert_int_equal(guard_scan(&r, span_of(FROM "no field\r\n"), &limits, &why), 0);
	assert_int_equal(r.body, strlen(FROM));
	assert_int_equal(r.n_edits, 1);
	assert_true(r.edits[0].blank);
	guard_report_clear(&r);
	assert_int_equal(guard_scan(&r,
				 span_of(FROM "Content-Type: text/html\r\n"
					      "Content-Type: text/plain\r\n\r\n"),
				 &limits, &why),
		0);
	assert_int_equal(r.n_edits, 1);
	assert_int_equal(r.edits[0].cut, strlen("Content-Type: text/plain\r\n"));
	guard_report_clear(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_one_more_than_the_limit),
		cmocka_unit_test(refuses_multiparts_that_are_too_deep),
		cmocka_unit_test(counts_multiparts_beside_each_other_as_flat),
		cmocka_unit_test(counts_only_lines_that_are_boundaries),
		cmocka_unit_test(knows_every_way_to_write_a_boundary),
		cmocka_unit_test(refuses_nul_in_a_header_but_not_in_a_body),
		cmocka_unit_test(reports_where_the_header_and_the_body_are),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
