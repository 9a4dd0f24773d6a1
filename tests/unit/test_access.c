/* SPDX-License-Identifier: MIT */
/* smtp/access: what a peer may do, as a table of facts and answers. */
#include "smtp/access.h"

#include "auth/users.h"
#include "core/ip.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

#define USERS                                                                            \
	"app:*\n"                                                                        \
	"shop:*:senders=@example.com\n"                                                  \
	"alice:*:senders=alice@example.org,al+*@example.org:route=slow\n"

/* The networks of the listener, and an address in each; OUTSIDE is in none. */
#define INSIDE  "192.0.2.1"
#define INSIDE6 "2001:db8::1"
#define MTA     "198.51.100.1"
#define PROXY   "203.0.113.1"
#define OUTSIDE "198.51.100.77"

/* What is not said is as with the most common peer: in clear text, without a login. */
struct facts {
	const char *address;
	bool unix_socket, tls, tls_in_front, certificate, xclient;
	const char *user; /* of USERS, or a name that XCLIENT tells of */
	enum conf_auth auth;
	enum conf_tls policy;
	bool plaintext; /* auth_plaintext */
};

struct answers {
	enum access connect, mail, xforward, noop, login;
	bool one_client, proxy, external;
};

#define NO ACCESS_NOT_TRUSTED

static const struct {
	struct facts is;
	struct answers want;
} rows[] = {
	/* network */
	{{.address = INSIDE},
		{.xforward = NO, .login = ACCESS_NO_AUTH, .one_client = true}},
	{{.address = INSIDE6},
		{.xforward = NO, .login = ACCESS_NO_AUTH, .one_client = true}},
	{{.address = OUTSIDE}, {.connect = ACCESS_NOT_ALLOWED,
				       .xforward = NO,
				       .login = ACCESS_NO_AUTH,
				       .one_client = true}},
	{{.address = "127.0.0.1"}, {.connect = ACCESS_NOT_ALLOWED,
					   .xforward = NO,
					   .login = ACCESS_NO_AUTH,
					   .one_client = true}},
	{{.address = "unknown"}, {.connect = ACCESS_NOT_ALLOWED,
					 .xforward = NO,
					 .login = ACCESS_NO_AUTH,
					 .one_client = true}},
	{{.address = "unix", .unix_socket = true},
		{.xforward = NO, .login = ACCESS_NO_AUTH}},
	{{.address = MTA}, {.connect = ACCESS_NOT_ALLOWED, .login = ACCESS_NO_AUTH}},
	{{.address = PROXY}, {.connect = ACCESS_NOT_ALLOWED,
				     .xforward = NO,
				     .login = ACCESS_NO_AUTH,
				     .one_client = true,
				     .proxy = true}},
	/* the client that XCLIENT names: by its own address, and counted */
	{{.address = INSIDE, .xclient = true},
		{.login = ACCESS_NO_AUTH, .one_client = true}},
	{{.address = OUTSIDE, .xclient = true}, {.connect = ACCESS_NOT_ALLOWED,
							.login = ACCESS_NO_AUTH,
							.one_client = true}},
	{{.address = MTA, .xclient = true}, {.connect = ACCESS_NOT_ALLOWED,
						    .login = ACCESS_NO_AUTH,
						    .one_client = true}},
	{{.address = "unknown", .xclient = true}, {.connect = ACCESS_NOT_ALLOWED,
							  .login = ACCESS_NO_AUTH,
							  .one_client = true}},
	/* auth = optional: strangers may connect, and log in */
	{{.address = INSIDE, .auth = CONF_AUTH_OPTIONAL},
		{.xforward = NO, .login = ACCESS_IN_CLEAR, .one_client = true}},
	{{.address = OUTSIDE, .auth = CONF_AUTH_OPTIONAL},
		{.mail = ACCESS_LOGIN_FIRST,
			.xforward = NO,
			.login = ACCESS_IN_CLEAR,
			.one_client = true}},
	{{.address = "unix", .unix_socket = true, .auth = CONF_AUTH_OPTIONAL},
		{.xforward = NO}},
	{{.address = OUTSIDE, .auth = CONF_AUTH_OPTIONAL, .user = "app"},
		{.xforward = NO, .login = ACCESS_LOGGED_IN, .one_client = true}},
	{{.address = OUTSIDE, .auth = CONF_AUTH_OPTIONAL, .xclient = true},
		{.mail = ACCESS_LOGIN_FIRST,
			.login = ACCESS_IN_CLEAR,
			.one_client = true}},
	{{.address = MTA, .auth = CONF_AUTH_OPTIONAL},
		{.mail = ACCESS_LOGIN_FIRST, .login = ACCESS_IN_CLEAR}},
	/* auth = required: everybody has to, from within allow too */
	{{.address = INSIDE, .auth = CONF_AUTH_REQUIRED},
		{.mail = ACCESS_LOGIN_FIRST,
			.xforward = NO,
			.login = ACCESS_IN_CLEAR,
			.one_client = true}},
	{{.address = "unix", .unix_socket = true, .auth = CONF_AUTH_REQUIRED},
		{.mail = ACCESS_LOGIN_FIRST, .xforward = NO}},
	{{.address = OUTSIDE, .auth = CONF_AUTH_REQUIRED},
		{.connect = ACCESS_NOT_ALLOWED,
			.mail = ACCESS_LOGIN_FIRST,
			.xforward = NO,
			.login = ACCESS_IN_CLEAR,
			.one_client = true}},
	{{.address = INSIDE, .auth = CONF_AUTH_REQUIRED, .user = "shop"},
		{.xforward = NO, .login = ACCESS_LOGGED_IN, .one_client = true}},
	/* where a password may be sent */
	{{.address = INSIDE, .auth = CONF_AUTH_OPTIONAL, .tls = true},
		{.xforward = NO, .one_client = true}},
	{{.address = INSIDE, .auth = CONF_AUTH_OPTIONAL, .tls_in_front = true},
		{.xforward = NO, .one_client = true}},
	{{.address = INSIDE, .auth = CONF_AUTH_OPTIONAL, .plaintext = true},
		{.xforward = NO, .one_client = true}},
	{{.address = "127.0.0.1", .auth = CONF_AUTH_OPTIONAL},
		{.mail = ACCESS_LOGIN_FIRST, .xforward = NO, .one_client = true}},
	{{.address = "::1", .auth = CONF_AUTH_OPTIONAL},
		{.mail = ACCESS_LOGIN_FIRST, .xforward = NO, .one_client = true}},
	{{.address = INSIDE, .tls = true},
		{.xforward = NO, .login = ACCESS_NO_AUTH, .one_client = true}},
	/* tls = required: TLS comes before trust and login; it is no login */
	{{.address = INSIDE, .policy = CONF_TLS_STARTTLS},
		{.xforward = NO, .login = ACCESS_NO_AUTH, .one_client = true}},
	{{.address = INSIDE, .policy = CONF_TLS_REQUIRED},
		{.mail = ACCESS_TLS_FIRST,
			.xforward = ACCESS_TLS_FIRST,
			.login = ACCESS_NO_AUTH,
			.one_client = true}},
	{{.address = MTA, .policy = CONF_TLS_REQUIRED},
		{.connect = ACCESS_NOT_ALLOWED,
			.mail = ACCESS_TLS_FIRST,
			.xforward = ACCESS_TLS_FIRST,
			.login = ACCESS_NO_AUTH}},
	{{.address = "unix", .unix_socket = true, .policy = CONF_TLS_REQUIRED},
		{.mail = ACCESS_TLS_FIRST,
			.xforward = ACCESS_TLS_FIRST,
			.login = ACCESS_NO_AUTH}},
	{{.address = INSIDE, .policy = CONF_TLS_REQUIRED, .tls = true},
		{.xforward = NO, .login = ACCESS_NO_AUTH, .one_client = true}},
	{{.address = INSIDE, .policy = CONF_TLS_REQUIRED, .tls_in_front = true},
		{.xforward = NO, .login = ACCESS_NO_AUTH, .one_client = true}},
	{{.address = INSIDE,
		 .policy = CONF_TLS_REQUIRED,
		 .tls = true,
		 .auth = CONF_AUTH_REQUIRED},
		{.mail = ACCESS_LOGIN_FIRST, .xforward = NO, .one_client = true}},
	/* a certificate alone is no login */
	{{.address = OUTSIDE,
		 .auth = CONF_AUTH_OPTIONAL,
		 .tls = true,
		 .certificate = true},
		{.mail = ACCESS_LOGIN_FIRST,
			.xforward = NO,
			.one_client = true,
			.external = true}},
};

static struct ip_prefix net_of(const char *text)
{
	struct ip_prefix net;

	assert_int_equal(ip_parse(text, &net, NULL), 0);
	return net;
}

/* A peer and its listener, until the next one. */
struct scene {
	struct ip_prefix allow[2], xclient, proxy;
	struct conf_listener listener;
	struct peer_certificate certificate;
	struct users *users;
	struct peer peer;
};

static void scene_init(struct scene *s, const struct facts *is)
{
	struct peer *p = &s->peer;

	memset(s, 0, sizeof(*s));
	assert_int_equal(users_parse(span_of(USERS), "users", &s->users, NULL), 0);
	s->allow[0] = net_of("192.0.2.0/24");
	s->allow[1] = net_of("2001:db8::/64");
	s->xclient = net_of("198.51.100.0/28");
	s->proxy = net_of("203.0.113.0/24");
	s->listener = (struct conf_listener){.name = (char *)"test",
		.allow.nets = s->allow,
		.allow.n = ARRAY_LEN(s->allow),
		.xclient.nets = &s->xclient,
		.xclient.n = 1,
		.proxy.nets = &s->proxy,
		.proxy.n = 1,
		.auth = is->auth,
		.tls = is->policy,
		.auth_plaintext = is->plaintext};
	*p = (struct peer){.listener = &s->listener,
		.local = is->unix_socket,
		.tls = is->tls,
		.tls_in_front = is->tls_in_front,
		.certificate = is->certificate ? &s->certificate : NULL,
		.by_xclient = is->xclient};
	(void)str_copy(p->address, sizeof(p->address), is->address);
	if (is->user == NULL)
		return;
	(void)str_copy(p->user, sizeof(p->user), is->user);
	p->login = users_find(s->users, is->user);
}

static void answers_every_row(void **state)
{
	const unsigned mail = ACCESS_NEEDS_TLS | ACCESS_NEEDS_LOGIN;
	const unsigned xforward = ACCESS_NEEDS_TLS | ACCESS_NEEDS_TRUST;
	struct scene s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct answers *want = &rows[i].want;
		const struct peer *p = &s.peer;

		scene_init(&s, &rows[i].is);
		if (access_connect(p) != want->connect ||
			access_command(p, mail) != want->mail ||
			access_command(p, xforward) != want->xforward ||
			access_command(p, 0) != want->noop ||
			access_login(p) != want->login ||
			access_is_one_client(p) != want->one_client ||
			access_proxy(p) != want->proxy ||
			access_external(p) != want->external)
			fail_msg("row %zu, %s: connect %d, mail %d, xforward %d, "
				 "noop %d, login %d, one client %d, proxy %d, "
				 "external %d",
				i, p->address, access_connect(p), access_command(p, mail),
				access_command(p, xforward), access_command(p, 0),
				access_login(p), access_is_one_client(p), access_proxy(p),
				access_external(p));
		users_unref(&s.users);
	}
}

/* XCLIENT may come again, and with it XFORWARD, whatever client was named. */
static void trusts_whoever_has_named_a_client(void **state)
{
	static const struct {
		struct facts is;
		bool trusted;
	} cases[] = {
		{{.address = MTA}, true},
		{{.address = INSIDE}, false},
		{{.address = PROXY}, false},
		{{.address = "unix", .unix_socket = true}, false},
		{{.address = INSIDE, .xclient = true}, true},
		{{.address = OUTSIDE, .xclient = true}, true},
	};
	struct scene s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scene_init(&s, &cases[i].is);
		assert_int_equal(access_xclient(&s.peer), cases[i].trusted);
		users_unref(&s.users);
	}
}

/* A name without a line would have no restriction of senders. */
static void takes_a_login_of_xclient_if_the_users_file_has_it(void **state)
{
	static const struct {
		struct facts is;
		bool counts;
	} cases[] = {
		{{.address = INSIDE, .user = "shop", .auth = CONF_AUTH_OPTIONAL}, true},
		{{.address = INSIDE, .user = "eve", .auth = CONF_AUTH_OPTIONAL}, false},
		{{.address = INSIDE, .user = "eve", .auth = CONF_AUTH_REQUIRED}, false},
		{{.address = INSIDE, .user = "eve", .auth = CONF_AUTH_OFF}, true},
	};
	struct scene s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		scene_init(&s, &cases[i].is);
		assert_int_equal(access_xclient_login(&s.peer), cases[i].counts);
		users_unref(&s.users);
	}
}

/* --- sender and From ------------------------------------------------------------------------ */

static void holds_a_login_to_its_senders(void **state)
{
	static const struct {
		const char *user, *address;
		bool granted;
	} cases[] = {
		{NULL, "anybody@example.net", true},
		{"eve", "anybody@example.net", true}, /* auth = off, by XCLIENT */
		{"app", "anybody@example.net", true},
		{"app", "\"a b\"@example.net", true},
		{"shop", "a@example.com", true},
		{"shop", "A@EXAMPLE.COM", true},
		{"shop", "a@sub.example.com", false},
		{"shop", "a@example.com.example.org", false},
		{"shop", "\"a\"@example.com", false},
		{"shop", "\"x <b@example.net>, \"@example.com", false},
		{"shop", "", true},
		{"alice", "alice@example.org", true},
		{"alice", "al+news@example.org", true},
		{"alice", "bob@example.org", false},
		{"alice", "alice@example.com", false},
	};
	struct scene s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct facts is = {.address = INSIDE, .user = cases[i].user};

		scene_init(&s, &is);
		assert_int_equal(access_sender(&s.peer, cases[i].address),
			cases[i].granted ? ACCESS_GRANTED : ACCESS_NOT_SENDER);
		assert_int_equal(access_author(&s.peer, cases[i].address),
			cases[i].granted ? ACCESS_GRANTED : ACCESS_NOT_AUTHOR);
		users_unref(&s.users);
	}
}

static void takes_the_null_sender_if_the_configuration_does(void **state)
{
	const struct conf_mail off = {.null_sender = false}, on = {.null_sender = true};

	(void)state;
	assert_int_equal(access_null_sender(&off, ""), ACCESS_NULL_SENDER);
	assert_int_equal(access_null_sender(&on, ""), ACCESS_GRANTED);
	assert_int_equal(access_null_sender(&off, "a@example.com"), ACCESS_GRANTED);
}

static void knows_the_route_of_a_login(void **state)
{
	static const struct facts none = {.address = INSIDE},
				  app = {.address = INSIDE, .user = "app"},
				  alice = {.address = INSIDE, .user = "alice"};
	struct scene s;

	(void)state;
	scene_init(&s, &none);
	assert_null(access_route(&s.peer));
	users_unref(&s.users);
	scene_init(&s, &app);
	assert_null(access_route(&s.peer));
	users_unref(&s.users);
	scene_init(&s, &alice);
	assert_string_equal(access_route(&s.peer), "slow");
	users_unref(&s.users);
}

/* --- the limits of a client ------------------------------------------------------------------- */

static void counts_a_client_up_to_its_limits(void **state)
{
	static const struct facts is = {.address = INSIDE},
				  unix_socket = {.address = "unix", .unix_socket = true};
	struct conn_limit l = {.sessions = 2,
		.connection_rate = 3,
		.message_rate = 1,
		.connections = rate_new(NULL, 0, SHM_CONNECTIONS, 60000),
		.messages = rate_new(NULL, 0, SHM_MESSAGES, 60000)};
	struct scene s, local;

	(void)state;
	scene_init(&s, &is);
	scene_init(&local, &unix_socket);
	assert_int_equal(access_enter(&s.peer, &l, 10), ACCESS_GRANTED);
	assert_int_equal(access_enter(&s.peer, &l, 10), ACCESS_GRANTED);
	assert_int_equal(access_enter(&s.peer, &l, 10), ACCESS_SESSIONS);
	assert_int_equal(conn_limit_count(&l, &s.listener, INSIDE), 2);
	conn_limit_drop(&l, &s.listener, INSIDE);
	assert_int_equal(access_enter(&s.peer, &l, 10), ACCESS_GRANTED);
	conn_limit_drop(&l, &s.listener, INSIDE);
	assert_int_equal(access_enter(&s.peer, &l, 10), ACCESS_CONNECTION_RATE);
	assert_int_equal(conn_limit_count(&l, &s.listener, INSIDE), 1);
	conn_limit_drop(&l, &s.listener, INSIDE);
	assert_int_equal(access_mail(&s.peer, &l, 10), ACCESS_GRANTED);
	assert_int_equal(access_mail(&s.peer, &l, 10), ACCESS_MESSAGE_RATE);
	assert_int_equal(access_mail(&s.peer, NULL, 10), ACCESS_GRANTED);
	for (int i = 0; i < 3; i++)
		assert_int_equal(access_mail(&local.peer, &l, 10), ACCESS_GRANTED);
	rate_free(&l.connections);
	rate_free(&l.messages);
	users_unref(&s.users);
	users_unref(&local.users);
}

/* --- replies ---------------------------------------------------------------------------------- */

static void tells_each_answer(void **state)
{
	static const struct {
		enum access a;
		const char *told;
		bool closes;
	} cases[] = {
		{ACCESS_NOT_ALLOWED, "554 5.7.1 X may not use this relay", true},
		{ACCESS_SESSIONS, "421 4.7.0 too many connections from X", true},
		{ACCESS_CONNECTION_RATE,
			"421 4.7.0 too many connections from X in a minute", true},
		{ACCESS_MESSAGE_RATE, "450 4.7.1 too much mail from X, try again later",
			false},
		{ACCESS_TLS_FIRST, "530 5.7.0 say STARTTLS first", false},
		{ACCESS_LOGIN_FIRST, "530 5.7.0 log in first", false},
		{ACCESS_NOT_TRUSTED, "550 5.7.1 X is not for you", false},
		{ACCESS_NO_AUTH, "502 5.5.1 AUTH is not offered here", false},
		{ACCESS_LOGGED_IN, "503 5.5.1 you are logged in already", false},
		{ACCESS_IN_CLEAR, "538 5.7.11 say STARTTLS first", false},
		{ACCESS_NOT_SENDER, "553 5.7.1 you may not send as <X>", false},
		{ACCESS_NOT_AUTHOR, "554 5.7.1 you may not send mail from <X>", false},
		{ACCESS_NULL_SENDER,
			"550 5.7.1 mail from the null sender is not taken here", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reply r = access_reply(cases[i].a, "X");
		char enhanced[REPLY_ENHANCED_LEN], told[REPLY_TEXT_MAX + 40];

		reply_enhanced(&r, enhanced);
		snprintf(told, sizeof(told), "%u %s %s", r.code, enhanced, r.text);
		assert_string_equal(told, cases[i].told);
		assert_int_equal(r.close, cases[i].closes);
	}
	assert_string_equal(access_reason(ACCESS_NOT_ALLOWED), "not allowed");
	assert_string_equal(access_reason(ACCESS_SESSIONS), "sessions per client");
	assert_string_equal(access_reason(ACCESS_CONNECTION_RATE), "connection rate");
}

/* Whatever is asked: who was refused nothing has not been promised anything either. */
static void never_replies_that_something_was_done(void **state)
{
	(void)state;
	for (int a = ACCESS_GRANTED; a <= ACCESS_NULL_SENDER; a++) {
		struct reply r = access_reply((enum access)a, "x");

		assert_in_range(r.code, 400, 599);
		assert_int_not_equal(r.text[0], '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_every_row),
		cmocka_unit_test(trusts_whoever_has_named_a_client),
		cmocka_unit_test(takes_a_login_of_xclient_if_the_users_file_has_it),
		cmocka_unit_test(holds_a_login_to_its_senders),
		cmocka_unit_test(takes_the_null_sender_if_the_configuration_does),
		cmocka_unit_test(knows_the_route_of_a_login),
		cmocka_unit_test(counts_a_client_up_to_its_limits),
		cmocka_unit_test(tells_each_answer),
		cmocka_unit_test(never_replies_that_something_was_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
