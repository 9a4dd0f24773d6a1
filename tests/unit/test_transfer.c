/* SPDX-License-Identifier: MIT */
/* mail/transfer: Content-Transfer-Encoding. */
#include "mail/transfer.h"

#include "test.h"

static void knows_encodings_by_name(void **state)
{
	static const struct {
		const char *value;
		enum transfer how;
	} rows[] = {
		{"", TRANSFER_IDENTITY},
		{"7bit", TRANSFER_IDENTITY},
		{" 8BIT \r\n", TRANSFER_IDENTITY},
		{"binary", TRANSFER_IDENTITY},
		{"BASE64", TRANSFER_BASE64},
		{"base64; x=y", TRANSFER_BASE64},
		{"\"base64\"", TRANSFER_BASE64},
		{"Quoted-Printable (comment)", TRANSFER_QUOTED},
		{"x-uuencode", TRANSFER_UUENCODE},
		{"x-gzip64", TRANSFER_UNKNOWN},
		{"base65", TRANSFER_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(transfer_parse(span_of(rows[i].value)), rows[i].how);
}

static void decodes_as_mail_readers_do(void **state)
{
	static const struct {
		enum transfer how;
		const char *in, *out;
		bool dirty;
	} rows[] = {
		{TRANSFER_IDENTITY, "a=20\r\n", "a=20\r\n", false},
		{TRANSFER_UNKNOWN, "a=20", "a=20", false},
		{TRANSFER_BASE64, "YWFh\r\nYQ==", "aaaa", false},
		{TRANSFER_BASE64, "YW-FhYQ==", "aaaa", true},
		/* RFC 2045 §6.7 */
		{TRANSFER_QUOTED, "=E4=b8=AD", "\xe4\xb8\xad", false},
		{TRANSFER_QUOTED, "a=\r\nb", "ab", false},
		{TRANSFER_QUOTED, "a= \t\r\nb", "ab", false},
		{TRANSFER_QUOTED, "a \t\r\nb", "a\r\nb", false},
		{TRANSFER_QUOTED, "a=20\r\n", "a \r\n", false},
		{TRANSFER_QUOTED, "a\nb=\nc", "a\nbc", false},
		{TRANSFER_QUOTED, "a=ZZ=4=", "a=ZZ=4", false},
		{TRANSFER_QUOTED, "=", "", false},
		{TRANSFER_QUOTED, "", "", false},
		{TRANSFER_UUENCODE, "text\r\nbegin 644 a\r\n#86)C\r\n`\r\nend\r\nmore",
			"abc", false},
		{TRANSFER_UUENCODE, "#86)C\r\n$86)C9 \r\n", "abcabcd", false},
		{TRANSFER_UUENCODE, "M86)C\r\n", "abc", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out;
		bool dirty;

		buf_init(&out, 1000, NULL);
		assert_int_equal(
			transfer_decode(&out, span_of(rows[i].in), rows[i].how, &dirty),
			0);
		assert_string_equal(out.data, rows[i].out);
		assert_int_equal(dirty, rows[i].dirty);
		buf_free(&out);
	}
}

static void says_when_there_is_no_room(void **state)
{
	static const enum transfer all[] = {
		TRANSFER_IDENTITY, TRANSFER_BASE64, TRANSFER_QUOTED, TRANSFER_UUENCODE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct buf out;
		bool dirty;

		buf_init(&out, 1, NULL);
		assert_int_equal(
			transfer_decode(&out, span_of("#86)C"), all[i], &dirty), -1);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_encodings_by_name),
		cmocka_unit_test(decodes_as_mail_readers_do),
		cmocka_unit_test(says_when_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
