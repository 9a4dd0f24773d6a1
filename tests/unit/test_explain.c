/* SPDX-License-Identifier: MIT */
/* delivery/explain: what people are told of a message and of the table of replies. */
#include "cli/explain.h"
#include "cli/replies.h"

#include "core/mem.h"
#include "mail/message.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT(s) ((char[]){s})

static char *to_known[] = {TEXT("*@example.com"), TEXT("*@example.org")};
static struct conf_listener listeners[] = {{.name = TEXT("inside")}};
static struct conf_account accounts[] = {{.name = TEXT("main")}};
static struct conf_route routes[] = {{.name = TEXT("default"),
	.recipient = {.items = to_known, .n = 2},
	.account = TEXT("main"),
	.rewrite_from = TEXT("")}};
static struct conf_reply replies[] = {
	{TEXT("InternalError"), 450, TEXT("4.3.0"), TEXT("hiccup")},
	{TEXT("Brand.New"), 554, TEXT("5.1.1"), TEXT("new")},
};
static const struct conf conf = {
	.listeners = listeners,
	.n_listeners = 1,
	.accounts = accounts,
	.n_accounts = 1,
	.routes = routes,
	.n_routes = 1,
	.replies = replies,
	.n_replies = 2,
	.limits = {.message_size = 1 << 16,
		.request_size = 1 << 20,
		.header_lines = 1000,
		.header_bytes = 102400,
		.address_tokens = 10240,
		.parts = 1000,
		.nesting = 100,
		.hops = 50},
};

/* A file with the text; the caller unlinks and frees its name. */
static char *file_of(const char *text)
{
	char *name = mem_strdup("/tmp/sesrelay-explain-XXXXXX");
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return name;
}

/* What explain() prints; *rc is what it returned. The caller frees. */
static char *explained(const char *text, struct explain_options o, int *rc)
{
	char *name = file_of(text), *printed = NULL;
	size_t len;
	FILE *out = open_memstream(&printed, &len);
	struct err err = {""};

	o.file = name;
	*rc = explain(&conf, &o, out, &err);
	assert_string_equal(err.text, "");
	fclose(out);
	unlink(name);
	free(name);
	return printed;
}

static void assert_says(const char *printed, const char *words)
{
	if (strstr(printed, words) == NULL)
		fail_msg("no \"%s\" in:\n%s", words, printed);
}

static void shows_calls_recipients_and_changes(void **state)
{
	int rc;
	char *p = explained("From: \"A: B\" <a@example.com>\nTo: b@example.com\n"
			    "Cc: c@example.com\nBcc: Blind <d@example.com>\n"
			    "Organization: none\n\n"
			    "0123456789012345678901234567890123456789 0123456789\n",
		(struct explain_options){0}, &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_says(p, "from <a@example.com> by listener inside, 3 recipients");
	assert_says(p, "Call 1 of 1: route default, account main");
	assert_says(p, "Destination  b@example.com\n");
	assert_says(p, "Cc           c@example.com\n");
	assert_says(p, "Bcc          d@example.com  (shown to nobody)");
	assert_says(p, "\"FromEmailAddress\": \"A B <a@example.com>\"");
	assert_says(p, "characters)\"");
	assert_says(p, "route default: Subject: empty, sent as (no subject)");
	assert_says(p, "1 header field not carried: Organization");
	free(p);
}

static void takes_the_envelope_it_is_given(void **state)
{
	const char *recipients[] = {"x@example.org", "y@example.org"};
	const struct explain_options o = {.listener = "dmz",
		.sender = "bounce@example.net",
		.recipients = recipients,
		.n_recipients = 2,
		.full = true};
	int rc;
	char *p = explained("From: a@example.com\nTo: b@example.com\nSubject: s\n\n"
			    "0123456789012345678901234567890123456789 0123456789\n",
		o, &rc);

	(void)state;
	assert_int_equal(rc, 0);
	assert_says(p, "from <bounce@example.net> by listener dmz, 2 recipients");
	assert_says(p, "Destination  x@example.org  (alone)");
	assert_says(p, "Call 2 of 2");
	assert_null(strstr(p, "b@example.com"));
	assert_null(strstr(p, "characters)\""));
	free(p);
}

static void prints_the_reply_to_what_would_be_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"From: a@example.com\nTo: b@nowhere.test\n\nx\n",
			"Refused: 550 5.7.1 no route for <b@nowhere.test>"},
		{"From: a@example.com\n\nx\n", "Refused: 554 5.5.1 no recipients"},
		{"To: b@example.com\n\nx\n", "Refused: 554 5.6.0 no author"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int rc;
		char *p = explained(cases[i].text, (struct explain_options){0}, &rc);

		assert_int_equal(rc, 1);
		assert_says(p, cases[i].says);
		free(p);
	}
}

static void refuses_a_file_larger_than_a_message(void **state)
{
	char *text = mem_new((1 << 16) + 1, 1), *p;
	int rc;

	(void)state;
	memset(text, 'x', 1 << 16);
	memcpy(text, "From: a@example.com\n\n", 21);
	text[1 << 15] = '\n';
	p = explained(text, (struct explain_options){0}, &rc);
	assert_int_equal(rc, 1);
	assert_says(p, "Refused: 552 5.3.4 message larger than 65536 bytes");
	free(p);
	free(text);
}

static void says_which_file_it_cannot_read(void **state)
{
	const struct explain_options o = {.file = "/nonexistent/mail.eml"};
	struct err err;

	(void)state;
	assert_int_equal(explain(&conf, &o, stdout, &err), -1);
	assert_non_null(strstr(err.text, "cannot open /nonexistent/mail.eml: "));
}

static char *replies_of(const char *code)
{
	char *printed = NULL;
	size_t len;
	FILE *out = open_memstream(&printed, &len);

	assert_int_equal(replies_print(&conf, code, out, NULL), 0);
	fclose(out);
	return printed;
}

/* The line of a code, single spaces between its columns. */
static void assert_row(const char *printed, const char *code, const char *rest)
{
	char want[256];
	const char *at = strstr(printed, code);

	snprintf(want, sizeof(want), "%-55s %s\n", code, rest);
	assert_non_null(at);
	assert_says(printed, want);
}

static void prints_the_table_with_the_operators_rows(void **state)
{
	char *p = replies_of(NULL);

	(void)state;
	assert_row(p, "RequestLimitExceeded", "451  4.4.5   account    API rate limit");
	assert_row(p, "InternalError", "450  4.3.0   account    hiccup");
	assert_row(p, "Brand.New", "554  5.1.1   account    new");
	free(p);
}

static void prints_what_one_code_becomes(void **state)
{
	char *p = replies_of("InternalError");

	(void)state;
	assert_row(p, "InternalError", "450  4.3.0   account    hiccup");
	assert_null(strstr(p, "Brand.New"));
	free(p);
	p = replies_of("AuthFailure.Unheard");
	assert_says(p, "554  5.3.5");
	assert_says(p, "(no row of its own: it meets \"AuthFailure*\")");
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_calls_recipients_and_changes),
		cmocka_unit_test(takes_the_envelope_it_is_given),
		cmocka_unit_test(prints_the_reply_to_what_would_be_refused),
		cmocka_unit_test(refuses_a_file_larger_than_a_message),
		cmocka_unit_test(says_which_file_it_cannot_read),
		cmocka_unit_test(prints_the_table_with_the_operators_rows),
		cmocka_unit_test(prints_what_one_code_becomes),
	};
	int rc;

	message_library_init();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	message_library_shutdown();
	return rc;
}
