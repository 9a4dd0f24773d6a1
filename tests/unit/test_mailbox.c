/* SPDX-License-Identifier: MIT */
/* mail/mailbox: address lists. */
#include "mail/mailbox.h"

#include "mail_fixture.h"

/* Mailboxes as "name|address", parted by '/'. */
static const struct {
	const char *value, *mailboxes;
} rows[] = {
	{"a@example.com", "|a@example.com"},
	{"<a@Example.COM>", "|a@example.com"},
	{"John Doe <john@example.com>", "John Doe|john@example.com"},
	{"\"Doe, John\" <john@example.com>, b@example.org",
		"Doe, John|john@example.com/|b@example.org"},
	{"\"a \\\"b\\\" c\" <a@example.com>", "a \"b\" c|a@example.com"},
	{"john@example.com (John Doe)", "John Doe|john@example.com"},
	{"John (the (great)) Doe <a@example.com>", "John Doe|a@example.com"},
	{"undisclosed-recipients:;", ""},
	{"team: a@example.com, B <b@example.com>;, c@example.com",
		"|a@example.com/B|b@example.com/|c@example.com"},
	{"a@example.com; b@example.com", "|a@example.com/|b@example.com"},
	{"<@x.example,@y.example:a@example.com>", "|a@example.com"},
	{"\"john doe\"@example.com", "|\"john doe\"@example.com"},
	{"X <\"a>b,c\"@example.com>", "X|\"a>b,c\"@example.com"},
	{"john . doe @ example . com", "|john.doe@example.com"},
	{"a@[192.0.2.1], b@[IPv6:2001:db8::1]", "|a@[192.0.2.1]/|b@[ipv6:2001:db8::1]"},
	{"=?UTF-8?B?5byg5LiJ?= <z@example.com>", "张三|z@example.com"},
	{"\"=?UTF-8?B?5byg?= =?UTF-8?B?5LiJ?=\" <z@example.com>", "张三|z@example.com"},
	{"=?utf-8?Q?Doe,_John?= <j@example.com>", "Doe, John|j@example.com"},
	{"=?utf-8?Q?a?= b =?utf-8?Q?c?= =?utf-8?Q?d?= <j@example.com>",
		"a b cd|j@example.com"},
	{"\xd6\xd0\xce\xc4 <z@example.com>", "中文|z@example.com"},
	{"用户@例子.example", "|用户@例子.example"},
	{"\"A@Example.com\" <a@example.com>", "|a@example.com"},
	{"a@example.com <a@example.com>", "|a@example.com"},
	{"J. R. Doe <j@example.com>", "J. R. Doe|j@example.com"},
	{"J. Doe j@example.com", "J. Doe|j@example.com"},
	{"mailto:a@example.com", "|a@example.com"},
	{"<mailto:a@example.com>", "|a@example.com"},
	{"A <a@example.com> B <b@example.com>", "A|a@example.com/B|b@example.com"},
	{"A <a@example.com, b@example.com", "A|a@example.com/|b@example.com"},
	{"\"never ends <a@example.com>", "never ends|a@example.com"},
	{"a@example.com\r\n\t,\r\n b@example.com", "|a@example.com/|b@example.com"},
	{",, ,a@example.com,,", "|a@example.com"},
	{"nobody, root <root>, <>, a@, @b, a b@c d", "a d|b@c"},
	{"a@b@example.com", ""},
	{"<a\x01@example.com>", ""},
	{"\xff@example.com", ""},
	{"=?utf-8?Q?admin=40example.net?= <a@example.com>",
		"admin@example.net|a@example.com"},
	{"=?utf-8?Q?a=0D=0AB?= <a@example.com>", "a B|a@example.com"},
	{"", ""},
	{"(only a comment", ""},
	{"<", ""},
	{"\"", ""},
};

static void reads_lists_however_they_are_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mailbox_list list = {0};
		struct decode_notes notes = {0};
		struct buf all;

		buf_init(&all, 1000, NULL);
		mailbox_list_parse(
			&list, span_of(rows[i].value), &fixture_charsets, &notes);
		for (size_t k = 0; k < list.n; k++)
			assert_int_equal(
				buf_appendf(&all, "%s%s|%s", k > 0 ? "/" : "",
					list.items[k].name, list.items[k].address),
				0);
		if (strcmp(all.data, rows[i].mailboxes) != 0)
			fail_msg("%s: %s", rows[i].value, all.data);
		buf_free(&all);
		mailbox_list_clear(&list);
	}
}

/* 100 kB of what could recurse or scan again and again: it must be done at once. */
static void takes_linear_time_for_hostile_lists(void **state)
{
	static const char *const pieces[] = {"a:", "(", "\"", "<", "<\"", "\"\\", "[",
		",", "=?a?q?", "@", ". ", "a@b ", "\\", ";:"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct mailbox_list list = {0};
		struct decode_notes notes = {0};
		struct buf raw;

		buf_init(&raw, 200000, NULL);
		while (raw.len < 100000)
			assert_int_equal(buf_append_str(&raw, pieces[i]), 0);
		mailbox_list_parse(
			&list, span_make(raw.data, raw.len), &fixture_charsets, &notes);
		mailbox_list_clear(&list);
		buf_free(&raw);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lists_however_they_are_written),
		cmocka_unit_test(takes_linear_time_for_hostile_lists),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
