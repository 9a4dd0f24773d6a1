/* SPDX-License-Identifier: MIT */
/* mail/content: values and parameters of Content-Type and Content-Disposition. */
#include "mail/content.h"

#include "mail_fixture.h"

static void reads_parameters_however_they_are_written(void **state)
{
	static const struct {
		const char *raw, *value, *name, *param;
	} rows[] = {
		{"text/plain; charset=utf-8", "text/plain", "charset", "utf-8"},
		{" Text / Plain (a (b) c) ;\r\n\tCharset = \"GBK\" ; x=y", "text/plain",
			"charset", "GBK"},
		{"attachment; filename=\"a \\\"b\\\" c.txt\"", "attachment", "filename",
			"a \"b\" c.txt"},
		{"attachment; filename=my file.pdf; size=3", "attachment", "filename",
			"my file.pdf"},
		{"attachment; filename=\"C:\\dir\\a.txt\"", "attachment", "filename",
			"C:\\dir\\a.txt"},
		{"attachment; filename=\"never ends", "attachment", "filename",
			"never ends"},
		{"attachment;; ; filename=a;", "attachment", "filename", "a"},
		{"attachment; filename=", "attachment", "filename", ""},
		{"attachment; filename", "attachment", "filename", ""},
		{"", "", "filename", ""},
		{";filename=a", "", "filename", "a"},
		/* RFC 2231 */
		{"attachment; filename*=UTF-8''%E4%B8%AD%20%e6%96%87.pdf", "attachment",
			"filename", "中 文.pdf"},
		{"attachment; filename*=gb2312'zh-cn'%D6%D0%CE%C4", "attachment",
			"filename", "中文"},
		{"attachment; filename*0=ab; filename*1=\"cd\"", "attachment", "filename",
			"abcd"},
		{"attachment; filename*1*=%AD.txt; filename*0*=utf-8''%E4%B8",
			"attachment", "filename", "中.txt"},
		{"attachment; filename*0*=utf-8''a%20; filename*1=\"%20b\"", "attachment",
			"filename", "a %20b"},
		{"attachment; filename*0=a; filename*2=c", "attachment", "filename", "a"},
		{"attachment; filename*1=b", "attachment", "filename", "b"},
		{"attachment; filename=plain; filename*=utf-8''extended", "attachment",
			"filename", "extended"},
		{"attachment; filename*=us-ascii'en'%ZZa%", "attachment", "filename",
			"%ZZa%"},
		{"attachment; filename*=x-none''%D6%D0", "attachment", "filename", "中"},
		{"attachment; filename*=nothing", "attachment", "filename", "nothing"},
		{"attachment; filename*0=x; filename*00=y", "attachment", "filename",
			"x"},
		/* RFC 2047 where it should not be, and raw bytes. */
		{"attachment; filename=\"=?UTF-8?B?5Lit?= =?UTF-8?B?5paH?=.pdf\"",
			"attachment", "filename", "中文.pdf"},
		{"attachment; filename*0=\"=?UTF-8?B?5Li\"; filename*1=\"t?=\"",
			"attachment", "filename", "中"},
		{"attachment; filename=\"\xd6\xd0.txt\"", "attachment", "filename",
			"中.txt"},
		{"attachment; filename=\"a\r\n b.txt\"", "attachment", "filename",
			"a b.txt"},
		{"attachment; filename=a; FileName=b", "attachment", "filename", "a"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct decode_notes notes = {0};
		struct content_field f;

		content_field_parse(&f, span_of(rows[i].raw), &fixture_charsets, &notes);
		if (strcmp(f.value, rows[i].value) != 0 ||
			strcmp(content_param(&f, rows[i].name), rows[i].param) != 0)
			fail_msg("%s: %s, %s", rows[i].raw, f.value,
				content_param(&f, rows[i].name));
		content_field_clear(&f);
	}
}

static void leaves_control_characters_out(void **state)
{
	struct decode_notes notes = {0};
	struct content_field f;

	(void)state;
	content_field_parse(&f, span_of("x; filename*=utf-8''a%0D%0AB%00c%e2%80%aed"),
		&fixture_charsets, &notes);
	assert_string_equal(content_param(&f, "filename"), "a Bcd");
	assert_true(notes.controls);
	content_field_clear(&f);
}

static void joins_thousands_of_pieces(void **state)
{
	struct decode_notes notes = {0};
	struct content_field f;
	struct buf raw;

	(void)state;
	buf_init(&raw, 1 << 20, NULL);
	assert_int_equal(buf_append_str(&raw, "attachment"), 0);
	for (int i = 4999; i >= 0; i--)
		assert_int_equal(buf_appendf(&raw, "; filename*%d=%d", i, i % 10), 0);
	content_field_parse(&f, span_make(raw.data, raw.len), &fixture_charsets, &notes);
	assert_int_equal(strlen(content_param(&f, "filename")), 5000);
	assert_memory_equal(content_param(&f, "filename"), "0123456789012", 13);
	content_field_clear(&f);
	buf_free(&raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_parameters_however_they_are_written),
		cmocka_unit_test(leaves_control_characters_out),
		cmocka_unit_test(joins_thousands_of_pieces),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
