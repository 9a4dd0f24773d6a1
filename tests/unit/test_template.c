/* SPDX-License-Identifier: MIT */
/* delivery/template: %{...} filled from a message. */
#include "delivery/template.h"

#include "test.h"

#include <errno.h>

#define TEXT(s) ((char[]){s})

static struct mailbox to[] = {
	{TEXT("B"), TEXT("b@example.com")}, {TEXT(""), TEXT("c@example.com")}};
static struct mail_header headers[] = {
	{TEXT("Date"), TEXT("Fri, 2 Jan 2026 03:04:05 +0000")},
	{TEXT("X-Order"), TEXT("17")},
	{TEXT("x-order"), TEXT("18")},
};
static struct message message = {
	.from = {TEXT("A \xe4\xbd\xa0"), TEXT("a@example.com")},
	.to = {to, 2, 2},
	.subject = TEXT("100% %{text}"),
	.message_id = TEXT("<1@example.com>"),
	.headers = headers,
	.n_headers = 3,
	.has_text = true,
	.text = {.data = TEXT("line\r\n\r\nend\r\n\r\n"), .len = 15},
};

static void fills_what_the_message_has(void **state)
{
	static const struct {
		const char *text, *out;
	} cases[] = {
		{"", ""},
		{"plain", "plain"},
		/* What came from the mail is not looked at again. */
		{"%{subject}!", "100% %{text}!"},
		{"%{text}", "line\r\n\r\nend"},
		{"%{from.name} %{from.address}", "A \xe4\xbd\xa0 a@example.com"},
		{"%{to}|%{cc}|", "b@example.com, c@example.com||"},
		{"%{message_id}", "<1@example.com>"},
		{"%{date}", "Fri, 2 Jan 2026 03:04:05 +0000"},
		{"%{header:x-ORDER}%{header:None}", "17"},
		{"%{ Subject }", "100% %{text}"},
		{"50% %% %%{text}", "50% % %{text}"},
		{"%", "%"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out;

		buf_init(&out, 1024, NULL);
		assert_int_equal(template_expand(cases[i].text, &message, &out), 0);
		assert_string_equal(out.data, cases[i].out);
		buf_free(&out);
	}
}

static void tells_which_variables_a_text_uses(void **state)
{
	(void)state;
	assert_true(template_uses("x %{Text} y", CONF_PIECE_BODY));
	assert_false(template_uses("text %{subject} %%{text}", CONF_PIECE_BODY));
}

static void stops_at_the_room_it_has(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4, NULL);
	assert_int_equal(template_expand("%{message_id}", &message, &out), -1);
	assert_int_equal(errno, EMSGSIZE);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_what_the_message_has),
		cmocka_unit_test(tells_which_variables_a_text_uses),
		cmocka_unit_test(stops_at_the_room_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
