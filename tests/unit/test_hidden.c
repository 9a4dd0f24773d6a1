/* SPDX-License-Identifier: MIT */
/* delivery/hidden: no field that is carried names a recipient who is not shown. */
#include "delivery/hidden.h"

#include "core/mem.h"
#include "delivery/carry.h"
#include "delivery/prepare.h"

#include "mail_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(s) ((char[]){s})

static char *every[] = {TEXT("*")};
static const struct conf_route together = {
	.name = TEXT("together"),
	.rewrite_from = TEXT(""),
	.headers = {.items = every, .n = 1},
	.message_id = true,
};
static const struct conf_route separate = {
	.name = TEXT("separate"),
	.rewrite_from = TEXT(""),
	.headers = {.items = every, .n = 1},
	.message_id = true,
	.recipients = CONF_RECIPIENTS_SEPARATE,
};

/* A message and what is made of it. */
struct rig {
	struct conf conf;
	struct envelope envelope;
	struct routed_recipient recipients[128];
	struct prepare prepare;
	char *body; /* of the first request */
	char *left; /* the notes */
};

/* recipients: words parted with spaces. */
static void make(struct rig *r, const char *raw, const char *recipients,
	const struct conf_route *route)
{
	struct reply why;
	size_t size;

	*r = (struct rig){.left = mem_strdup("")};
	r->conf.limits.request_size = 1 << 20;
	r->prepare = (struct prepare){.conf = &r->conf,
		.envelope = &r->envelope,
		.id = "d1",
		.message = fixture_parse(raw)};
	envelope_init(&r->envelope);
	while (*recipients != '\0') {
		size_t len = strcspn(recipients, " ");
		char *one = mem_strndup(recipients, len);

		envelope_add(&r->envelope, one);
		free(one);
		recipients += len + (recipients[len] == ' ');
	}
	for (size_t i = 0; i < r->envelope.n_recipients; i++)
		r->recipients[i] =
			(struct routed_recipient){r->envelope.recipients[i], route};
	batch_make(&r->prepare.batches, r->recipients, r->envelope.n_recipients,
		r->prepare.message);
	assert_int_equal(prepare_requests(&r->prepare, &why), 0);
	for (size_t i = 0; i < r->prepare.n_notes; i++) {
		char *more = mem_sprintf("%s%s\n", r->left, r->prepare.notes[i].text);

		free(r->left);
		r->left = more;
	}
	size = ses_request_size(r->prepare.requests[0]);
	r->body = mem_new(size + 1, 1);
	assert_int_equal(
		ses_request_read(r->prepare.requests[0], 0, r->body, size), size);
}

static void clear(struct rig *r)
{
	prepare_clear(&r->prepare);
	envelope_clear(&r->envelope);
	free(r->body);
	free(r->left);
}

#define HEAD "From: a@example.com\r\nTo: b@example.com\r\nCc: c@example.com\r\n"

/* Whether the field is carried in a mail to b, c and the recipients named. */
static bool is_carried(
	const char *field, const char *recipients, const struct conf_route *route)
{
	char *raw = mem_sprintf(HEAD "%s\r\n\r\ntext\r\n", field);
	char *name = mem_strndup(field, strcspn(field, ":"));
	char *needle = mem_sprintf("\\\"%s\\\":", name);
	struct rig r;
	bool carried;

	make(&r, raw, recipients, route);
	carried = strstr(r.body, needle) != NULL;
	/* Whoever writes a field reads why it is gone. */
	if (!carried && !carry_is_barred(name))
		assert_non_null(strstr(r.left, name));
	clear(&r);
	free(raw);
	free(name);
	free(needle);
	return carried;
}

static void drops_what_holds_a_blind_address(void **state)
{
	static const char *const fields[] = {
		"X-MC-BccAddress: bob@example.org",
		"X-SMTPAPI: {\"to\":[\"bob@example.org\",\"b@example.com\"]}",
		"X-Receiver: bob@example.org",
		"X-Api: {\"to\":[\"bob@example.org\"]}",
		"X-Api: {\"to\":[\"bob\\u0040example.org\"]}",
		"X-Api: {\"to\":[\"bob@example.\r\n org\"]}",
		"X-Note: BOB@Example.ORG",
		"X-Note: for <bob@example.org>; urgent",
		"X-Note: bob @ example.org",
		"X-Note: \"bob\"@example.org",
		"X-Note: bob\xe2\x81\xa3@example\xcd\x8f.org", /* U+2063, U+034F */
		"X-Note: =?utf-8?q?bob=40example=2Eorg?=",
		"X-Note: =?utf-8?b?Ym9iQGV4YW1wbGUub3Jn?=",
		"X-Note: =?utf-8?q?=3D=3Futf-8=3Fb=3FYm9iQGV4YW1wbGUub3Jn=3F=3D?=",
		"X-Note: =?utf-8?q?bob=40example.org",
		"X-Note: bob&#64;example.org bob&#x40;example.org",
		"X-Note: bob\xef\xbc\xa0"
		"example.org",
		"X-Note: bob@\xe2\x80\x8b"
		"example.org",
		"List-Unsubscribe: <https://example.com/u?a=bob%40example.org>",
		"List-Unsubscribe: <https://example.com/u?a=bob%2540example.org>",
		"List-Unsubscribe: <mailto:u+bob=example.org@example.com>",
		"List-Post: <mailto:bob%example.org@example.com>",
		"X-Srs: SRS0=hash=tt=example.org=bob@example.com",
		"References: <1@example.com> <bob@example.org>",
		"In-Reply-To: <1.bob@example.org>",
		"X-bob@example.org: yes",
		"Message-ID: <bob@example.org>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *to = "b@example.com c@example.com bob@example.org";

		if (is_carried(fields[i], to, &together))
			fail_msg("carried: %s", fields[i]);
		/* The address as the client spelled it decides nothing. */
		to = "b@example.com c@example.com BOB@EXAMPLE.ORG";
		if (is_carried(fields[i], to, &together))
			fail_msg("carried in capitals: %s", fields[i]);
	}
}

static void carries_what_all_may_see(void **state)
{
	static const char *const fields[] = {
		"X-Note: b@example.com and c@example.com",
		"X-Note: dan@example.org, who does not get it",
		"X-Note: bob at example.org",
		"X-Note: 100% of bob=example",
		"List-Unsubscribe: <mailto:leave@example.com>",
	};
	const char *to = "b@example.com c@example.com bob@example.org";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (!is_carried(fields[i], to, &together))
			fail_msg("not carried: %s", fields[i]);
	/* Without a blind one nothing is hidden; nor does one who is alone hide from itself. */
	assert_true(is_carried("X-Note: b@example.com, c@example.com",
		"b@example.com c@example.com", &together));
	assert_true(is_carried("List-Unsubscribe: <mailto:u+bob=example.org@example.com>",
		"bob@example.org", &together));
}

static void counts_the_blind_recipients_of_every_call(void **state)
{
	const char *field = "X-Note: bob@example.org";

	(void)state;
	/* One call each: what the one sees of another is all in the field. */
	assert_false(is_carried(
		"X-Note: b@example.com", "b@example.com c@example.com", &separate));
	/* All blind: none of them is the one that the first call shows. */
	assert_false(is_carried(field, "bob@example.org dan@example.org", &together));
	assert_false(is_carried(field, "dan@example.org bob@example.org", &together));
}

/* 60 shown recipients are two calls: the second's are not shown to the first. */
static void counts_those_whom_another_call_shows(void **state)
{
	char raw[4096] = "From: a@example.com\r\nX-Note: r3@example.com\r\nTo: ",
	     to[2048] = "";
	struct rig r;

	(void)state;
	for (int i = 0; i < 60; i++) {
		size_t len = strlen(raw), n = strlen(to);

		snprintf(raw + len, sizeof(raw) - len, "%sr%d@example.com",
			i > 0 ? ",\r\n " : "", i);
		snprintf(
			to + n, sizeof(to) - n, "%sr%d@example.com", i > 0 ? " " : "", i);
	}
	strncat(raw, "\r\n\r\ntext\r\n", sizeof(raw) - strlen(raw) - 1);
	make(&r, raw, to, &together);
	assert_int_equal(r.prepare.batches.n, 2);
	assert_null(strstr(r.body, "X-Note"));
	assert_non_null(strstr(r.left, "blind recipient"));
	clear(&r);
}

static void finds_one_of_very_many(void **state)
{
	struct envelope e;
	struct batches batches = {0};
	struct hidden *h;
	char text[64];

	(void)state;
	envelope_init(&e);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "r%d@d%d.example", i, i % 7);
		envelope_add(&e, text);
	}
	envelope_add(&e, "nobody");
	h = hidden_new(&batches, &together, &e);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "x %s%d@d%d.example y", i % 2 ? "r" : "<R",
			i, i % 7);
		assert_true(hidden_is_named(h, text));
		snprintf(text, sizeof(text), "r%d@d%d.example", i, i % 7 + 1);
		assert_false(hidden_is_named(h, text));
	}
	assert_false(hidden_is_named(h, "nobody"));
	assert_false(hidden_is_named(h, ""));
	assert_false(hidden_is_named(h, "& &# &#x &#0; % %4 = \\u \\u00 @ =?"));
	hidden_free(&h);
	hidden_free(&h);
	envelope_clear(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_what_holds_a_blind_address),
		cmocka_unit_test(carries_what_all_may_see),
		cmocka_unit_test(counts_the_blind_recipients_of_every_call),
		cmocka_unit_test(counts_those_whom_another_call_shows),
		cmocka_unit_test(finds_one_of_very_many),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
