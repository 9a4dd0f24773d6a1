/* SPDX-License-Identifier: MIT */
/* mail/filename: names of attachments that the API takes. */
#include "mail/filename.h"

#include "core/str.h"
#include "core/utf8.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static void makes_names_that_the_api_takes(void **state)
{
	static const struct {
		const char *given, *type, *name;
		bool changed;
	} rows[] = {
		{"a.pdf", "application/pdf", "a.pdf", false},
		{"my file.pdf", "application/pdf", "my_file.pdf", false},
		{"中文 名.pdf", "application/pdf", "中文_名.pdf", false},
		{"a?b*c|d\"e<f>g:h.txt", "text/plain", "a_b_c_d_e_f_g_h.txt", true},
		{"../../etc/passwd", "text/plain", "passwd", true},
		{"C:\\dir\\a.txt", "text/plain", "a.txt", true},
		{"dir/", "image/png", "attachment-3.png", true},
		{"..", "image/png", "attachment-3.png", true},
		{"", "image/png", "attachment-3.png", false},
		{" ", "image/png", "attachment-3.png", true},
		{"", "application/x-nobody-knows", "attachment-3.bin", false},
		{"letter", "message/rfc822", "letter.eml", false},
		{"letter.EML", "message/rfc822", "letter.EML", false},
		{".signature", "text/plain", ".signature", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool changed;
		char *name = filename_make(rows[i].given, rows[i].type, 3, &changed);

		assert_string_equal(name, rows[i].name);
		assert_int_equal(changed, rows[i].changed);
		free(name);
	}
}

static void cuts_long_names_before_the_extension(void **state)
{
	static const char *const ends[] = {".pdf", "", ".an-extension-that-is-none"};
	bool changed;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		char given[1200] = "", *name;

		for (int k = 0; k < 300; k++)
			memcpy(given + 3 * k, "中", 4);
		memcpy(given + 900, ends[i], strlen(ends[i]) + 1);
		name = filename_make(given, "application/pdf", 1, &changed);
		assert_true(utf8_valid(span_of(name)));
		assert_int_equal(utf8_count(span_of(name)), FILENAME_CHARACTERS_MAX);
		assert_int_equal(strstr(name, ".pdf") != NULL, i == 0);
		free(name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_names_that_the_api_takes),
		cmocka_unit_test(cuts_long_names_before_the_extension),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
