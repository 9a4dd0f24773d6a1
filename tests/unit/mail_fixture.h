/* SPDX-License-Identifier: MIT */
/* Limits and policies for the tests of src/mail, and short ways to parse a message. */
#ifndef TESTS_UNIT_MAIL_FIXTURE_H
#define TESTS_UNIT_MAIL_FIXTURE_H

#include "mail/conversion_loss.h"
#include "mail/message.h"

#include "test.h"

static char fixture_gb18030[] = "gb18030", fixture_big5[] = "big5";
static char *fixture_names[] = {fixture_gb18030, fixture_big5};
static const struct conf_list fixture_charsets = {.items = fixture_names, .n = 2};

static inline struct conf_limits fixture_limits(void)
{
	return (struct conf_limits){
		.header_lines = 1000,
		.header_bytes = 102400,
		.address_tokens = 10240,
		.parts = 1000,
		.nesting = 100,
		.hops = 50,
	};
}

static inline struct conf_mail fixture_policy(void)
{
	return (struct conf_mail){
		.charsets = fixture_charsets,
		.inline_image = CONF_ATTACH,
		.calendar = CONF_ATTACH,
		.tnef = CONF_ATTACH,
		.signature = CONF_ATTACH,
		.encrypted = CONF_ATTACH,
		.report = CONF_CONVERT,
	};
}

/* Parses with the limits and policies above; the test fails where it is refused. */
static inline struct message *fixture_parse_span(struct span raw)
{
	struct conf_limits limits = fixture_limits();
	struct conf_mail policy = fixture_policy();
	struct message_refusal why = {0};
	struct message *m;

	if (message_parse(&m, raw, &limits, &policy, NULL, &why) < 0)
		fail_msg("refused: %u %s %s", why.code, why.enhanced, why.text);
	return m;
}

static inline struct message *fixture_parse(const char *raw)
{
	return fixture_parse_span(span_of(raw));
}

/* Parses what must be refused. */
static inline struct message_refusal fixture_refuse_span(struct span raw)
{
	struct conf_limits limits = fixture_limits();
	struct conf_mail policy = fixture_policy();
	struct message_refusal why = {0};
	struct message *m;

	if (message_parse(&m, raw, &limits, &policy, NULL, &why) == 0) {
		message_free(&m);
		fail_msg("was not refused");
	}
	assert_null(m);
	return why;
}

static inline struct message_refusal fixture_refuse(const char *raw)
{
	return fixture_refuse_span(span_of(raw));
}

static inline int fixture_setup(void **state)
{
	(void)state;
	message_library_init();
	return 0;
}

static inline int fixture_teardown(void **state)
{
	(void)state;
	message_library_shutdown();
	return 0;
}

#endif
