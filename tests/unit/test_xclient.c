/* SPDX-License-Identifier: MIT */
/* smtp/xclient, xtext (smtp/param), and the session that is told who its client is. */
#include "session_rig.h"
#include "smtp/xclient.h"
#include "smtp/param.h"
#include "test.h"

#include <string.h>

static void decodes_xtext(void **state)
{
	static const struct {
		const char *in, *want; /* NULL: refused */
	} cases[] = {
		{"plain", "plain"},
		{"a+20b+2Bc", "a b+c"},
		{"+e4+BD+A0", "\xe4\xbd\xa0"},
		{"", ""},
		{"a+", NULL},
		{"a+2", NULL},
		{"a+2G", NULL},
		{"a=b", NULL},
		{"a b", NULL},
		{"a+0D+0Ab", NULL},
		{"a+00", NULL},
		{"+7F", NULL},
		{"+FF", NULL},
		{"\xe4\xbd\xa0", NULL},
		{"1234567890123456789", "1234567890123456789"},
		{"12345678901234567890", NULL},
	};
	char out[20];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = param_decode_xtext(span_of(cases[i].in), out, sizeof(out));

		assert_int_equal(ok, cases[i].want != NULL);
		if (ok)
			assert_string_equal(out, cases[i].want);
	}
}

static void reads_attributes(void **state)
{
	struct xclient x;
	struct reply r;

	(void)state;
	assert_int_equal(xclient_parse(span_of("NAME=spike.example.com "
					       "ADDR=192.0.2.42 PORT=4711 proto=ESMTP "
					       "HELO=spike+2Bx IDENT=4FzQ SOURCE=REMOTE"),
				 XFORWARD_NAMES, &x, &r),
		0);
	assert_string_equal(x.name, "spike.example.com");
	assert_string_equal(x.address, "192.0.2.42");
	assert_int_equal(x.port, 4711);
	assert_string_equal(x.protocol, "ESMTP");
	assert_string_equal(x.helo, "spike+x");
	assert_string_equal(x.ident, "4FzQ");
	assert_string_equal(x.source, "REMOTE");
	assert_int_equal(
		xclient_parse(span_of("ADDR=IPV6:2001:DB8::0:1 NAME=[UNAVAILABLE]"),
			XCLIENT_NAMES, &x, &r),
		0);
	assert_string_equal(x.address, "2001:db8::1");
	assert_string_equal(x.name, "");
	assert_int_equal(
		xclient_parse(span_of("ADDR=[TEMPUNAVAIL]"), XCLIENT_NAMES, &x, &r), 0);
	assert_true(x.has_address);
	assert_string_equal(x.address, "");
}

static void refuses_bad_attributes(void **state)
{
	static const char *const bad[] = {
		"",
		"ADDR",
		"ADDR=",
		"ADDR=192.0.2.300",
		"ADDR=192.0.2.0/24",
		"ADDR=spike.example.com",
		"ADDR=192.0.2.1 ADDR=192.0.2.1",
		"PORT=0",
		"PORT=65536",
		"PORT=+2F1",
		"PORT=18446744073709551617",
		"PROTO=HTTP",
		"LOGIN=a+0D",
		"SASL=root",
		"IDENT=1",
		"NAM=x",
		"NAME=a+0Ab",
		"=x",
	};
	struct xclient x;
	struct reply r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
			xclient_parse(span_of(bad[i]), XCLIENT_NAMES, &x, &r), -1);
		assert_int_equal(r.code, 501);
	}
}

static struct ip_prefix inside, proxy;

static struct conf_listener trusting(void)
{
	assert_int_equal(ip_parse("198.51.100.0/24", &inside, NULL), 0);
	assert_int_equal(ip_parse("192.0.2.1", &proxy, NULL), 0);
	return (struct conf_listener){.allow.nets = &inside,
		.allow.n = 1,
		.xclient.nets = &proxy,
		.xclient.n = 1};
}

static void is_for_trusted_peers_only(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_give(&r, span_of(EHLO), SIZE_MAX);
	assert_null(strstr(session_output(r.session)->data, "XCLIENT"));
	assert_null(strstr(session_output(r.session)->data, "XFORWARD"));
	rig_expect(&r, "", "220, 250");
	rig_expect(&r, "XCLIENT ADDR=198.51.100.7\r\n", "550 5.7.1");
	rig_expect(&r, "XFORWARD ADDR=198.51.100.7\r\n", "550 5.7.1");
	assert_string_equal(session_peer(r.session)->address, "192.0.2.1");
	rig_free(&r);
}

/* As long as they would get 530. */
static void is_not_offered_before_the_tls_that_is_required(void **state)
{
	struct conf_listener policy = trusting();
	struct rig r;

	(void)state;
	policy.tls = CONF_TLS_REQUIRED;
	rig_init_with(&r, &policy);
	rig_give(&r, span_of(EHLO), SIZE_MAX);
	assert_null(strstr(session_output(r.session)->data, "XCLIENT"));
	rig_expect(&r, "", "220, 250");
	rig_expect(&r, "XCLIENT ADDR=198.51.100.7\r\n", "530 5.7.0");
	rig_free(&r);
}

static void makes_the_session_the_clients(void **state)
{
	struct conf_listener policy = trusting();
	struct rig r;

	(void)state;
	rig_init_with(&r, &policy);
	rig_give(&r, span_of(EHLO), SIZE_MAX);
	assert_non_null(strstr(session_output(r.session)->data, "XCLIENT NAME ADDR"));
	rig_expect(&r, "", "220, 250");
	rig_expect(&r, "XCLIENT ADDR=198.51.100.7 PORT=99\r\n", "220");
	assert_string_equal(session_peer(r.session)->address, "198.51.100.7");
	assert_int_equal(session_peer(r.session)->port, 99);
	/* Everything begins anew. */
	assert_null(session_peer(r.session)->helo);
	rig_expect(&r, MAIL, "503 5.5.1");
	rig_expect(&r, EHLO, "250");
	/* The peer goes on to speak for others on the same connection. */
	rig_expect(&r, "XCLIENT ADDR=198.51.100.8\r\n", "220");
	assert_string_equal(session_peer(r.session)->address, "198.51.100.8");
	rig_free(&r);
}

/* What is limited is the client, not the peer that speaks for all of them. */
static void counts_the_client_behind_the_peer(void **state)
{
	struct conn_limit limits = {.sessions = 1,
		.connection_rate = 3,
		.connections = rate_new(NULL, 0, SHM_CONNECTIONS, 60000)};
	struct conf_listener policy = trusting();
	struct rig r;

	(void)state;
	conn_limit_add(&limits, &policy, "198.51.100.7");
	rig_init_with(&r, &policy);
	session_free(&r.session);
	r.cfg.clients = &limits;
	rig_open_again(&r);
	assert_int_equal(conn_limit_count(&limits, &policy, "192.0.2.1"), 1);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, "XCLIENT ADDR=198.51.100.8\r\n", "220");
	assert_int_equal(conn_limit_count(&limits, &policy, "192.0.2.1"), 0);
	assert_int_equal(conn_limit_count(&limits, &policy, "198.51.100.8"), 1);
	/* The same again is no other connection. */
	for (int i = 0; i < 3; i++) {
		rig_expect(&r, EHLO, "250");
		rig_expect(&r, "XCLIENT ADDR=198.51.100.8\r\n", "220");
	}
	rig_expect(&r, EHLO, "250");
	rig_expect(&r, "XCLIENT ADDR=198.51.100.7\r\n", "421 4.7.0 CLOSED");
	assert_string_equal(session_reason(r.session), "sessions per client");
	conn_limit_drop(&limits, &policy, "198.51.100.7");
	/* In a minute. */
	rig_open_again(&r);
	rig_expect(&r, EHLO, "220, 250");
	for (int i = 0; i < 2; i++) {
		rig_expect(&r, "XCLIENT ADDR=198.51.100.8\r\n", "220");
		rig_expect(&r, EHLO, "250");
		rig_expect(&r, "XCLIENT ADDR=198.51.100.9\r\n", "220");
		rig_expect(&r, EHLO, "250");
	}
	rig_expect(&r, "XCLIENT ADDR=198.51.100.8\r\n", "421 4.7.0 CLOSED");
	assert_string_equal(session_reason(r.session), "connection rate");
	session_free(&r.session);
	for (int i = 0; i < CONN_LIMIT_BUCKETS; i++)
		assert_true(LIST_EMPTY(&limits.open.bucket[i]));
	rig_free(&r);
	rate_free(&limits.connections);
}

/* The peer's certificate and its failed logins are not the client's. */
static void forgets_what_belonged_to_the_peer(void **state)
{
	static const struct tls_info facts = {
		.certificate.sha256 = "00", .certificate.subject = "CN=proxy"};
	struct conf_listener policy = trusting();
	struct rig r;

	(void)state;
	policy.auth = CONF_AUTH_OPTIONAL;
	policy.tls = CONF_TLS_STARTTLS;
	rig_init_with(&r, &policy);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, "STARTTLS\r\n", "220 2.0.0");
	session_secured(r.session, &facts);
	rig_give(&r, span_of(EHLO), SIZE_MAX);
	assert_non_null(strstr(session_output(r.session)->data, " EXTERNAL\r\n"));
	rig_expect(&r, "", "250");
	for (unsigned i = 1; i < r.limits.auth_tries; i++) {
		rig_expect(&r, "AUTH EXTERNAL =\r\n", "");
		rig_authenticate(&r, LOGIN_WRONG, NULL);
		rig_expect(&r, "", "535 5.7.8");
	}
	rig_expect(&r, "XCLIENT ADDR=203.0.113.5\r\n", "220");
	assert_null(session_peer(r.session)->certificate);
	rig_give(&r, span_of(EHLO), SIZE_MAX);
	assert_null(strstr(session_output(r.session)->data, "EXTERNAL"));
	rig_expect(&r, "", "250");
	rig_expect(&r, "AUTH EXTERNAL =\r\n", "504 5.5.4");
	assert_int_equal(r.auth.checks, r.limits.auth_tries - 1);
	/* "app", "wrong" */
	rig_expect(&r, "AUTH PLAIN AGFwcAB3cm9uZw==\r\n", "");
	rig_authenticate(&r, LOGIN_WRONG, NULL);
	rig_expect(&r, "", "535 5.7.8");
	rig_free(&r);
}

/* The client that the peer names begins as any other. */
static void gives_the_client_time_of_its_own_to_begin(void **state)
{
	struct conf_listener policy = trusting();
	struct rig r;

	(void)state;
	rig_init_with(&r, &policy);
	r.limits.start_timeout = 30000;
	rig_open_again(&r);
	for (int i = 0; i < 2; i++) {
		clock_advance(&r.clock, 29000);
		session_expire(r.session);
		rig_expect(&r, EHLO, i == 0 ? "220, 250" : "250");
		rig_expect(&r, "XCLIENT ADDR=198.51.100.7\r\n", "220");
	}
	rig_expect(&r, EHLO, "250");
	clock_advance(&r.clock, 30000);
	session_expire(r.session);
	rig_expect(&r, "", "421 4.4.2 CLOSED");
	rig_free(&r);
}

/* The pool of an application that logged in at the proxy stays open, as one that did here. */
static void a_login_at_the_proxy_is_a_beginning(void **state)
{
	struct conf_listener policy = trusting();
	struct rig r;

	(void)state;
	rig_init_with(&r, &policy);
	r.limits.start_timeout = 30000;
	rig_open_again(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, "XCLIENT ADDR=198.51.100.7 LOGIN=app\r\n", "220");
	rig_expect(&r, EHLO, "250");
	clock_advance(&r.clock, r.limits.command_timeout - 1);
	session_expire(r.session);
	rig_expect(&r, "NOOP\r\n", "250 2.0.0");
	/* The next client is not logged in. */
	rig_expect(&r, "XCLIENT ADDR=198.51.100.8 LOGIN=[UNAVAILABLE]\r\n", "220");
	rig_expect(&r, EHLO, "250");
	clock_advance(&r.clock, 30000);
	session_expire(r.session);
	rig_expect(&r, "", "421 4.4.2 CLOSED");
	rig_free(&r);
}

/* A peer that is believed cannot bring in a stranger. */
static void ends_where_the_client_is_not_allowed(void **state)
{
	static const char *const strangers[] = {
		"XCLIENT ADDR=203.0.113.5\r\n",
		"XCLIENT ADDR=IPV6:2001:db8::1\r\n",
		"XCLIENT ADDR=[UNAVAILABLE]\r\n",
	};
	struct conf_listener policy = trusting();
	struct rig r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
		rig_init_with(&r, &policy);
		rig_expect(&r, EHLO, "220, 250");
		rig_expect(&r, strangers[i], "554 5.7.1 CLOSED");
		rig_free(&r);
	}
}

static void comes_between_mails_and_last_of_its_group(void **state)
{
	struct conf_listener policy = trusting();
	struct rig r;

	(void)state;
	rig_init_with(&r, &policy);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL "XCLIENT ADDR=198.51.100.7\r\n", "250 2.1.0, 503 5.5.1");
	rig_expect(&r, "XFORWARD ADDR=198.51.100.7\r\n", "503 5.5.1");
	rig_expect(&r,
		"RSET\r\nXFORWARD IDENT=a PROTO=SMTP\r\nXFORWARD ADDR=198.51.100.7\r\n",
		"250 2.0.0, 250 2.0.0, 250 2.0.0");
	assert_string_equal(session_peer(r.session)->address, "192.0.2.1");
	rig_expect(&r, "XCLIENT ADDR=198.51.100.7\r\n" EHLO, "503 5.5.0 CLOSED");
	rig_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_xtext),
		cmocka_unit_test(reads_attributes),
		cmocka_unit_test(refuses_bad_attributes),
		cmocka_unit_test(is_for_trusted_peers_only),
		cmocka_unit_test(is_not_offered_before_the_tls_that_is_required),
		cmocka_unit_test(makes_the_session_the_clients),
		cmocka_unit_test(counts_the_client_behind_the_peer),
		cmocka_unit_test(forgets_what_belonged_to_the_peer),
		cmocka_unit_test(gives_the_client_time_of_its_own_to_begin),
		cmocka_unit_test(a_login_at_the_proxy_is_a_beginning),
		cmocka_unit_test(ends_where_the_client_is_not_allowed),
		cmocka_unit_test(comes_between_mails_and_last_of_its_group),
	};

	rig_quiet();
	return cmocka_run_group_tests_name("xclient", tests, NULL, NULL);
}
