/* SPDX-License-Identifier: MIT */
/* AUTH as the session speaks it, and who may send after all: the authenticator is a fake. */
#include "core/base64.h"
#include "core/ip.h"
#include "core/log.h"
#include "session_rig.h"
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of "secret" and the like; what they are does not matter here. */
#define HASH "$y$j9T$FoHcyen8xPFW.q79uvkZh1$lu2gK1q5PEmhBTSOrVkHJEv/DTO47ambXa5vN6aWxeC"

#define USERS                                                                            \
	"app:" HASH "\n"                                                                 \
	"shop:" HASH ":senders=@example.com\n"                                           \
	"alice:" HASH ":senders=alice@example.org,al+*@example.org\n"

/* NUL app NUL secret; app; secret */
#define PLAIN    "AGFwcABzZWNyZXQ="
#define USER     "YXBw"
#define PASSWORD "c2VjcmV0"

static const size_t pieces[] = {SIZE_MAX, 1, 2, 3};

static struct conf_listener with_auth(enum conf_auth auth)
{
	return (struct conf_listener){
		.name = (char *)"test", .auth = auth, .auth_plaintext = true};
}

static void init(struct rig *r, enum conf_auth auth)
{
	struct conf_listener policy = with_auth(auth);

	rig_init_with(r, &policy);
	rig_users(r, USERS);
	rig_expect(r, EHLO, "220, 250");
}

static void expect_pieces(struct rig *r, const char *in, size_t piece, const char *want)
{
	char got[500];

	(void)rig_give(r, span_of(in), piece);
	rig_replies(r, got, sizeof(got));
	assert_string_equal(got, want);
}

/* --- the dialogue ------------------------------------------------------------------------- */

/* What the client sends, line by line, and what it reads before the verdict. */
static const struct dialogue {
	const char *lines[4];
	const char *replies[4];
	const char *user, *password;
} dialogues[] = {
	{{"AUTH PLAIN " PLAIN}, {""}, "app", "secret"},
	{{"auth plain " PLAIN}, {""}, "app", "secret"},
	{{"AUTH PLAIN", PLAIN}, {"334", ""}, "app", "secret"},
	/* app NUL app NUL secret: acts for himself */
	{{"AUTH PLAIN YXBwAGFwcABzZWNyZXQ="}, {""}, "app", "secret"},
	{{"AUTH LOGIN", USER, PASSWORD}, {"334", "334", ""}, "app", "secret"},
	{{"AUTH LOGIN " USER, PASSWORD}, {"334", ""}, "app", "secret"},
	{{"AUTH LOGIN", USER, ""}, {"334", "334", ""}, "app", ""},
	{{"AUTH LOGIN =", PASSWORD}, {"334", ""}, "", "secret"},
};

static void understands_every_dialogue(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialogues) * ARRAY_LEN(pieces); i++) {
		const struct dialogue *d = &dialogues[i / ARRAY_LEN(pieces)];
		size_t piece = pieces[i % ARRAY_LEN(pieces)];
		char line[200];
		struct rig r;

		init(&r, CONF_AUTH_REQUIRED);
		for (size_t k = 0; d->lines[k] != NULL; k++) {
			snprintf(line, sizeof(line), "%s\r\n", d->lines[k]);
			expect_pieces(&r, line, piece, d->replies[k]);
		}
		assert_int_equal(r.auth.checks, 1);
		assert_string_equal(r.auth.credentials.user, d->user);
		assert_string_equal(r.auth.credentials.password, d->password);
		assert_false(r.auth.credentials.for_another);
		assert_string_equal(r.auth.address, "192.0.2.1");
		assert_string_equal(r.auth.cert_sha256, "");
		assert_false(session_wants_input(r.session));
		assert_true(session_busy(r.session));
		rig_authenticate(&r, LOGIN_OK, "app");
		assert_int_equal(r.output_ready, 1);
		rig_expect(&r, ENVELOPE, "235 2.7.0, 250 2.1.0, 250 2.1.5");
		assert_string_equal(session_peer(r.session)->user, "app");
		rig_free(&r);
	}
}

/* A name and a password as long as the users file and libcrypt have them, the name twice. */
static void takes_the_longest_there_are(void **state)
{
	char user[256], password[512], line[2048];
	struct buf raw, base64;
	struct rig r;

	(void)state;
	memset(user, 'u', sizeof(user) - 1);
	memset(password, 'p', sizeof(password) - 1);
	user[sizeof(user) - 1] = password[sizeof(password) - 1] = '\0';
	buf_init(&raw, 2048, NULL);
	buf_init(&base64, 2048, NULL);
	assert_int_equal(buf_append(&raw, user, sizeof(user)), 0);
	assert_int_equal(buf_append(&raw, user, sizeof(user)), 0);
	assert_int_equal(buf_append_str(&raw, password), 0);
	assert_int_equal(base64_encode(&base64, raw.data, raw.len), 0);
	snprintf(line, sizeof(line), "%s\r\n", base64.data);
	init(&r, CONF_AUTH_REQUIRED);
	r.limits.command_length = 2048;
	rig_open_again(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, "AUTH PLAIN\r\n", "334");
	rig_expect(&r, line, "");
	assert_string_equal(r.auth.credentials.user, user);
	assert_string_equal(r.auth.credentials.password, password);
	assert_false(r.auth.credentials.for_another);
	rig_authenticate(&r, LOGIN_WRONG, NULL);
	rig_free(&r);
	buf_free(&raw);
	buf_free(&base64);
}

static void refuses_what_it_cannot_read(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"AUTH\r\n", "501 5.5.4"},
		{"AUTH CRAM-MD5\r\n", "504 5.5.4"},
		{"AUTH EXTERNAL =\r\n", "504 5.5.4"},
		{"AUTH PLAIN AGFwcABzZWNyZXQ\r\n", "501 5.5.2"},
		{"AUTH PLAIN " PLAIN " " PLAIN "\r\n", "501 5.5.2"},
		{"AUTH PLAIN YXBw\r\n", "501 5.5.2"},             /* no NUL */
		{"AUTH PLAIN AGFwcABzZWMACg==\r\n", "501 5.5.2"}, /* NUL, LF in it */
		{"AUTH PLAIN AGEKYgBj\r\n", "501 5.5.2"},         /* LF in the name */
		{"AUTH LOGIN YQBi\r\n", "501 5.5.2"},             /* NUL in the name */
		{"AUTH PLAIN *\r\n", "501 5.5.2"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r;

		init(&r, CONF_AUTH_REQUIRED);
		rig_expect(&r, cases[i].in, cases[i].want);
		assert_int_equal(session_state(r.session), SESSION_READY);
		assert_int_equal(r.auth.checks, 0);
		rig_free(&r);
	}
}

static void gives_up_when_the_client_does(void **state)
{
	struct rig r;

	(void)state;
	init(&r, CONF_AUTH_REQUIRED);
	rig_expect(&r, "AUTH LOGIN\r\n", "334");
	rig_expect(&r, "*\r\n", "501 5.7.0");
	rig_expect(&r, "AUTH PLAIN\r\n", "334");
	rig_expect(&r, "QUIT\r\n", "501 5.5.2");
	rig_expect(&r, "AUTH PLAIN\r\n", "334");
	rig_expect(&r, PLAIN "\rx\r\n", "501 5.5.2");
	rig_open_again(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, "AUTH PLAIN\r\n", "334");
	for (size_t i = 0; i < 1000; i++)
		(void)rig_give(&r, span_of("AAAAAAAAAAAAAAAAAAAA"), SIZE_MAX);
	rig_expect(&r, "\r\n", "500 5.5.6");
	rig_expect(&r, "NOOP\r\n", "250 2.0.0");
	assert_int_equal(r.auth.checks, 0);
	rig_free(&r);
}

static void closes_where_bytes_come_ahead_of_the_reply(void **state)
{
	static const char *const cases[] = {
		"AUTH PLAIN " PLAIN "\r\nMAIL FROM:<a@example.com>\r\n",
		"AUTH LOGIN\r\n" USER "\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r;

		init(&r, CONF_AUTH_REQUIRED);
		rig_expect(&r, cases[i], "503 5.5.0 CLOSED");
		assert_int_equal(r.auth.checks, 0);
		rig_free(&r);
		init(&r, CONF_AUTH_REQUIRED);
		rig_expect(&r, "AUTH LOGIN\r\n", "334");
		rig_expect(&r, USER "\r\n" PASSWORD "\r\n", "503 5.5.0 CLOSED");
		rig_free(&r);
	}
}

static void comes_once_and_outside_a_mail(void **state)
{
	struct rig r;

	(void)state;
	init(&r, CONF_AUTH_OPTIONAL);
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "");
	rig_authenticate(&r, LOGIN_OK, "app");
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "235 2.7.0, 503 5.5.1");
	rig_expect(&r, MAIL "AUTH PLAIN " PLAIN "\r\n", "250 2.1.0, 503 5.5.1");
	rig_expect(&r, "RSET\r\nMAIL FROM:<s@example.com> AUTH=<>\r\n",
		"250 2.0.0, 250 2.1.0");
	rig_free(&r);
	rig_init(&r);
	rig_expect(&r, EHLO "", "220, 250");
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "502 5.5.1");
	rig_free(&r);
}

/* --- the verdict -------------------------------------------------------------------------- */

static void says_the_same_of_every_failure_and_closes_at_the_third(void **state)
{
	struct rig r;

	(void)state;
	init(&r, CONF_AUTH_REQUIRED);
	for (size_t i = 0; i < 3; i++) {
		rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "");
		/* Once the name is known, once it is not. */
		rig_authenticate(&r, LOGIN_WRONG, i == 1 ? "app" : NULL);
		if (i < 2) {
			assert_string_equal(session_output(r.session)->data,
				"535 5.7.8 authentication failed\r\n");
			rig_expect(&r, MAIL, "535 5.7.8, 530 5.7.0");
		}
	}
	rig_expect(&r, "", "535 5.7.8 CLOSED");
	assert_string_equal(session_reason(r.session), "auth");
	rig_free(&r);
}

/* What a client goes on to say behind a refused login is the next try of some password. */
static void logs_nothing_that_follows_a_login(void **state)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	char text[65536] = "";
	struct rig r;

	(void)state;
	assert_true(fd >= 0);
	log_use_fd(fd, LOG_TEXT, LOG_DEBUG);
	init(&r, CONF_AUTH_REQUIRED);
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "");
	rig_authenticate(&r, LOGIN_WRONG, NULL);
	rig_expect(&r, PASSWORD "\r\n", "535 5.7.8, 500 5.5.1");
	rig_free(&r);
	rig_quiet();
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	close(fd);
	assert_non_null(strstr(text, "refused command=***"));
	assert_null(strstr(text, PASSWORD));
}

static void asks_to_come_again_where_it_cannot_tell(void **state)
{
	struct rig r;

	(void)state;
	init(&r, CONF_AUTH_REQUIRED);
	for (size_t i = 0; i < 4; i++) {
		rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "");
		rig_authenticate(&r, LOGIN_LATER, NULL);
		rig_expect(&r, MAIL, "454 4.7.0, 530 5.7.0");
	}
	rig_free(&r);
}

static void tells_the_authenticator_when_the_client_leaves(void **state)
{
	struct rig r;

	(void)state;
	init(&r, CONF_AUTH_REQUIRED);
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "");
	assert_int_equal(session_deadline(r.session), 0);
	session_eof(r.session);
	assert_int_equal(r.auth.gone, 1);
	rig_free(&r);
	assert_int_equal(r.auth.gone, 1);
	init(&r, CONF_AUTH_REQUIRED);
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "");
	session_shutdown(r.session);
	assert_false(session_closing(r.session));
	rig_authenticate(&r, LOGIN_OK, "app");
	rig_expect(&r, "", "235 2.7.0, 421 4.3.2 CLOSED");
	rig_free(&r);
	init(&r, CONF_AUTH_REQUIRED);
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "");
	rig_free(&r);
	assert_int_equal(r.auth.gone, 1);
}

static void gives_a_response_a_deadline(void **state)
{
	struct rig r;

	(void)state;
	init(&r, CONF_AUTH_REQUIRED);
	rig_expect(&r, "AUTH PLAIN\r\n", "334");
	clock_advance(&r.clock, r.limits.command_timeout);
	(void)rig_give(&r, span_of("A"), 1);
	session_expire(r.session);
	rig_expect(&r, "", "421 4.4.2 CLOSED");
	rig_free(&r);
}

static void forgets_a_login_at_xclient(void **state)
{
	struct conf_listener policy = with_auth(CONF_AUTH_REQUIRED);
	struct ip_prefix all;
	struct rig r;

	(void)state;
	assert_int_equal(ip_parse("192.0.2.0/24", &all, NULL), 0);
	policy.xclient.nets = policy.allow.nets = &all;
	policy.xclient.n = policy.allow.n = 1;
	rig_init_with(&r, &policy);
	rig_users(&r, USERS);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "");
	rig_authenticate(&r, LOGIN_OK, "app");
	rig_expect(&r, "XCLIENT ADDR=192.0.2.7\r\n", "235 2.7.0, 220");
	rig_expect(&r, EHLO, "250");
	rig_expect(&r, MAIL, "530 5.7.0");
	/* The peer has seen a login: what is known of that name holds. */
	rig_expect(&r, "XCLIENT LOGIN=alice\r\n", "220");
	rig_expect(&r, EHLO, "250");
	rig_expect(&r, MAIL, "553 5.7.1");
	rig_expect(&r, "MAIL FROM:<alice@example.org>\r\n", "250 2.1.0");
	rig_expect(&r, "RSET\r\n", "250 2.0.0");
	/* Of a name that is not there nothing holds: not even that it may send. */
	rig_expect(&r, "XCLIENT LOGIN=Alice\r\n", "220");
	rig_expect(&r, EHLO, "250");
	rig_expect(&r, MAIL, "530 5.7.0");
	assert_string_equal(session_peer(r.session)->user, "");
	rig_free(&r);
}

/* --- who may send ------------------------------------------------------------------------- */

enum attempt { NOBODY, APP, ALICE };

/* The law in one place, written again: whether a mail of a client in or out of allow, over TLS
 * or not, logged in or not, from alice@example.org (ALICE may) or from another, is taken. */
static const char *law(enum conf_auth auth, bool inside, enum attempt who, bool own)
{
	if (auth != CONF_AUTH_OPTIONAL && !inside)
		return "not let in";
	if (who == NOBODY && auth == CONF_AUTH_REQUIRED)
		return "530 5.7.0";
	if (who == NOBODY && auth == CONF_AUTH_OPTIONAL && !inside)
		return "530 5.7.0";
	if (who == ALICE && !own)
		return "553 5.7.1";
	return "250 2.1.0";
}

static void log_in(struct rig *r, enum attempt who, bool offered)
{
	static const char *const names[] = {[APP] = "app", [ALICE] = "alice"};

	if (who == NOBODY)
		return;
	rig_expect(r, "AUTH PLAIN " PLAIN "\r\n", offered ? "" : "538 5.7.11");
	if (!offered)
		return;
	rig_authenticate(r, LOGIN_OK, names[who]);
	rig_expect(r, "", "235 2.7.0");
}

/* One row: a session that does all it can, then MAIL. */
struct row {
	enum conf_auth auth;
	bool inside, tls, plaintext, own;
	enum attempt who;
};

static void try_row(const struct row *row)
{
	struct conf_listener policy = {.name = (char *)"test",
		.auth = row->auth,
		.auth_plaintext = row->plaintext,
		.tls = CONF_TLS_STARTTLS};
	static const struct tls_info facts = {.version = "TLSv1.3"};
	bool offered = row->tls || row->plaintext;
	enum attempt who = offered ? row->who : NOBODY;
	struct ip_prefix net;
	char want[64];
	struct rig r;

	assert_int_equal(
		ip_parse(row->inside ? "192.0.2.0/24" : "198.51.100.0/24", &net, NULL),
		0);
	policy.allow.nets = &net;
	policy.allow.n = 1;
	rig_init_with(&r, &policy);
	rig_users(&r, USERS);
	rig_expect(&r, EHLO, "220, 250");
	if (row->tls) {
		rig_expect(&r, "STARTTLS\r\n", "220 2.0.0");
		session_secured(r.session, &facts);
		rig_expect(&r, EHLO, "250");
	}
	if (row->auth != CONF_AUTH_OFF)
		log_in(&r, row->who, offered);
	else
		who = NOBODY;
	snprintf(want, sizeof(want), "%s", law(row->auth, row->inside, who, row->own));
	/* Who is not let in never gets a session: see tests/unit/test_listener.c. */
	if (strcmp(want, "not let in") != 0)
		rig_expect(&r,
			row->own ? "MAIL FROM:<alice@example.org>\r\n"
				 : "MAIL FROM:<bob@example.org>\r\n",
			want);
	rig_free(&r);
}

static void no_combination_relays_for_a_stranger(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * 3 * 16; i++) {
		const struct row row = {
			.auth = (enum conf_auth)(i / 16 % 3),
			.who = (enum attempt)(i / 48),
			.inside = (i & 1) != 0,
			.tls = (i & 2) != 0,
			.plaintext = (i & 4) != 0,
			.own = (i & 8) != 0,
		};

		try_row(&row);
	}
}

static void holds_users_to_their_senders(void **state)
{
	static const struct {
		const char *user, *mail, *want;
	} cases[] = {
		{"shop", "MAIL FROM:<a@example.com>\r\n", "250 2.1.0"},
		{"shop", "MAIL FROM:<a@sub.example.com>\r\n", "553 5.7.1"},
		{"shop", "MAIL FROM:<a@example.com.example.org>\r\n", "553 5.7.1"},
		{"shop", "MAIL FROM:<>\r\n", "250 2.1.0"},
		{"shop", "MAIL FROM:<\"x <b@example.net>, \"@example.com>\r\n",
			"553 5.7.1"},
		{"alice", "MAIL FROM:<ALICE@example.org>\r\n", "250 2.1.0"},
		{"alice", "MAIL FROM:<al+news@example.org>\r\n", "250 2.1.0"},
		{"alice", "MAIL FROM:<alice@example.com>\r\n", "553 5.7.1"},
		{"app", "MAIL FROM:<anybody@example.net>\r\n", "250 2.1.0"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r;

		init(&r, CONF_AUTH_REQUIRED);
		rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "");
		rig_authenticate(&r, LOGIN_OK, cases[i].user);
		rig_expect(&r, "", "235 2.7.0");
		rig_expect(&r, cases[i].mail, cases[i].want);
		rig_free(&r);
	}
}

/* The proxy is trusted to say so; a client behind a peer's XCLIENT is another one. */
static void takes_tls_with_the_proxy_for_tls(void **state)
{
	struct conf_listener policy = {.name = (char *)"test",
		.auth = CONF_AUTH_REQUIRED,
		.tls = CONF_TLS_REQUIRED};
	struct ip_prefix net;
	struct rig r;

	(void)state;
	assert_int_equal(ip_parse("192.0.2.0/24", &net, NULL), 0);
	policy.allow.nets = policy.xclient.nets = &net;
	policy.allow.n = policy.xclient.n = 1;
	rig_init_with(&r, &policy);
	rig_users(&r, USERS);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "530 5.7.0");
	r.tls_in_front = true;
	rig_open_again(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, MAIL, "530 5.7.0");
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "");
	rig_authenticate(&r, LOGIN_OK, "app");
	rig_expect(&r, MAIL, "235 2.7.0, 250 2.1.0");
	rig_open_again(&r);
	rig_expect(&r, EHLO, "220, 250");
	rig_expect(&r, "XCLIENT ADDR=192.0.2.9\r\n", "220");
	rig_expect(&r, EHLO, "250");
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "530 5.7.0");
	rig_free(&r);
}

static void offers_auth_where_a_password_is_safe(void **state)
{
	static const struct {
		const char *address;
		bool plaintext, tls, offered;
	} cases[] = {
		{"192.0.2.1", false, false, false},
		{"192.0.2.1", true, false, true},
		{"192.0.2.1", false, true, true},
		{"127.0.0.1", false, false, true},
		{"::1", false, false, true},
		{"unknown", false, false, false},
	};
	static const struct tls_info facts = {.certificate.sha256 = "00"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf_listener policy = {.name = (char *)"test",
			.auth = CONF_AUTH_REQUIRED,
			.auth_plaintext = cases[i].plaintext,
			.tls = CONF_TLS_STARTTLS};
		const char *want = cases[i].tls ? "\r\n250-AUTH PLAIN LOGIN EXTERNAL\r\n"
		                                : "\r\n250-AUTH PLAIN LOGIN\r\n";
		struct rig r;

		rig_init_with(&r, &policy);
		(void)str_copy(r.address, sizeof(r.address), cases[i].address);
		rig_open_again(&r);
		if (cases[i].tls) {
			rig_expect(&r, EHLO, "220, 250");
			rig_expect(&r, "STARTTLS\r\n", "220 2.0.0");
			session_secured(r.session, &facts);
		}
		(void)rig_give(&r, span_of(EHLO), SIZE_MAX);
		assert_int_equal(strstr(session_output(r.session)->data, want) != NULL,
			cases[i].offered);
		rig_free(&r);
	}
}

/* On loopback a password is safe, but tls = required says 530 to it. */
static void offers_no_auth_before_the_tls_that_is_required(void **state)
{
	static const struct tls_info facts = {.version = "TLSv1.3"};
	struct conf_listener policy = {.name = (char *)"test",
		.auth = CONF_AUTH_REQUIRED,
		.tls = CONF_TLS_REQUIRED};
	struct rig r;

	(void)state;
	rig_init_with(&r, &policy);
	(void)str_copy(r.address, sizeof(r.address), "127.0.0.1");
	rig_open_again(&r);
	(void)rig_give(&r, span_of(EHLO), SIZE_MAX);
	assert_null(strstr(session_output(r.session)->data, "AUTH"));
	assert_non_null(strstr(session_output(r.session)->data, "STARTTLS"));
	rig_expect(&r, "", "220, 250");
	rig_expect(&r, "AUTH PLAIN " PLAIN "\r\n", "530 5.7.0");
	rig_expect(&r, "STARTTLS\r\n", "220 2.0.0");
	session_secured(r.session, &facts);
	(void)rig_give(&r, span_of(EHLO), SIZE_MAX);
	assert_non_null(strstr(session_output(r.session)->data, "AUTH PLAIN LOGIN\r\n"));
	rig_free(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(understands_every_dialogue),
		cmocka_unit_test(takes_the_longest_there_are),
		cmocka_unit_test(refuses_what_it_cannot_read),
		cmocka_unit_test(gives_up_when_the_client_does),
		cmocka_unit_test(closes_where_bytes_come_ahead_of_the_reply),
		cmocka_unit_test(comes_once_and_outside_a_mail),
		cmocka_unit_test(says_the_same_of_every_failure_and_closes_at_the_third),
		cmocka_unit_test(logs_nothing_that_follows_a_login),
		cmocka_unit_test(asks_to_come_again_where_it_cannot_tell),
		cmocka_unit_test(tells_the_authenticator_when_the_client_leaves),
		cmocka_unit_test(gives_a_response_a_deadline),
		cmocka_unit_test(forgets_a_login_at_xclient),
		cmocka_unit_test(no_combination_relays_for_a_stranger),
		cmocka_unit_test(holds_users_to_their_senders),
		cmocka_unit_test(takes_tls_with_the_proxy_for_tls),
		cmocka_unit_test(offers_auth_where_a_password_is_safe),
		cmocka_unit_test(offers_no_auth_before_the_tls_that_is_required),
	};

	rig_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
