/* SPDX-License-Identifier: MIT */
/* ses/backend: what goes over the wire, over which connections, and with whose keys. */
#include "ses/backend.h"

#include "core/buf.h"
#include "core/digest.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "ses/account_private.h"

#include "backend_fixture.h"
#include "peer.h"
#include "regions.h"
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL    400
#define LARGE    ((size_t)6 * 1024 * 1024)
#define LOOPBACK "http://127.0.0.1:%u"
#define LONG_MS  8000
#define SHORT_MS 300

/* --- scripts -------------------------------------------------------------------------- */

static void accept_all(struct peer_conn *c)
{
	while (peer_read_request(c))
		peer_accept_mail(c);
}

static void never_answer(struct peer_conn *c)
{
	peer_read_request(c);
	peer_hang(c);
}

static void accept_late(struct peer_conn *c)
{
	while (peer_read_request(c)) {
		usleep(60000);
		peer_accept_mail(c);
	}
}

/* --- what goes over the wire ---------------------------------------------------------- */

/* The value of a header of the last request. */
static char *header(struct peer *peer, const char *name)
{
	const struct buf *head = peer_head(peer);
	char *key = mem_sprintf("\r\n%s: ", name);
	const char *at = strcasestr(head->data, key);
	char *value = NULL;

	if (at != NULL) {
		at += strlen(key);
		value = mem_strndup(at, strcspn(at, "\r"));
	}
	free(key);
	return value;
}

static void expect_header(struct peer *peer, const char *name, const char *want)
{
	char *value = header(peer, name);

	if (want == NULL)
		assert_null(value);
	else
		assert_string_equal(value, want);
	free(value);
}

/* Signs what the peer saw, as the peer would. */
static void expect_signature(struct peer *peer)
{
	char *timestamp = header(peer, "X-TC-Timestamp"), *host = header(peer, "Host");
	char *got = header(peer, "Authorization");
	const struct sign_header headers[] = {{"content-type", "application/json"},
		{"host", host}, {"x-tc-action", "SendEmail"}};
	char want[SIGN_AUTHORIZATION_MAX], hex[DIGEST_HEX_LEN];
	uint8_t digest[DIGEST_LEN];
	struct sign_key key;
	char date[CLOCK_DATE_LEN];
	const struct sign_input in = {
		.secret_id = FIXTURE_ID,
		.key = &key,
		.service = "ses",
		.timestamp = strtoll(timestamp, NULL, 10),
		.headers = headers,
		.n_headers = 3,
		.payload_hex = hex,
	};

	clock_utc_date(in.timestamp, date);
	assert_int_equal(
		sign_derive(FIXTURE_KEY, strlen(FIXTURE_KEY), date, "ses", &key), 0);
	digest_sha256(peer_body(peer)->data, peer_body(peer)->len, digest);
	digest_hex(digest, hex);
	assert_int_equal(sign_authorization(&in, want), 0);
	assert_string_equal(got, want);
	free(timestamp);
	free(host);
	free(got);
}

static void sends_what_was_signed(void **state)
{
	struct peer *peer = peer_new(accept_all, NULL);
	struct sign_key none = {.date = "2000-01-01"};
	struct ses_result r;
	struct fixture f;
	char *host;

	(void)state;
	fixture_init(&f, LOOPBACK, peer_port(peer));
	ses_account_set_key(f.ses, &none, NULL, "session-token");
	fixture_give_keys(&f);
	r = fixture_call(&f, LARGE, LONG_MS);
	assert_int_equal(r.class, OUTCOME_ACCEPTED);
	assert_string_equal(r.message_id, "qcloudses-1");
	assert_string_equal(r.request_id, "r-1");
	assert_int_equal(r.http_status, 200);
	assert_int_equal(strncmp(peer_head(peer)->data, "POST / HTTP/1.1\r\n", 17), 0);
	host = mem_sprintf("127.0.0.1:%u", peer_port(peer));
	expect_header(peer, "Host", host);
	expect_header(peer, "Content-Type", "application/json");
	expect_header(peer, "X-TC-Action", "SendEmail");
	expect_header(peer, "X-TC-Version", "2020-10-02");
	expect_header(peer, "X-TC-Region", "ap-guangzhou");
	expect_header(peer, "X-TC-Language", "en-US");
	expect_header(peer, "X-TC-Token", "session-token");
	expect_header(peer, "Expect", NULL);
	expect_header(peer, "Transfer-Encoding", NULL);
	expect_signature(peer);
	free(host);
	fixture_clear(&f);
	peer_free(&peer);
}

static void sends_no_token_with_a_long_term_key(void **state)
{
	struct peer *peer = peer_new(accept_all, NULL);
	struct fixture f;

	(void)state;
	fixture_init(&f, LOOPBACK, peer_port(peer));
	fixture_call(&f, SMALL, LONG_MS);
	expect_header(peer, "X-TC-Token", NULL);
	expect_signature(peer);
	fixture_clear(&f);
	peer_free(&peer);
}

static void refuse_all(struct peer_conn *c)
{
	while (peer_read_request(c))
		peer_answer(c, "200 OK",
			"{\"Response\":{\"Error\":{\"Code\":\"InternalError\","
			"\"Message\":\"no\"},\"RequestId\":\"r-1\"}}");
}

static void knows_the_date_of_a_refusal(void **state)
{
	struct peer *peer = peer_new(refuse_all, NULL);
	struct ses_result r;
	struct fixture f;

	(void)state;
	fixture_init(&f, LOOPBACK, peer_port(peer));
	r = fixture_call(&f, SMALL, LONG_MS);
	assert_int_equal(r.class, OUTCOME_REFUSED);
	assert_int_equal(r.date, 1767323045);
	fixture_clear(&f);
	peer_free(&peer);
}

static void keeps_its_connections(void **state)
{
	struct peer *peer = peer_new(accept_all, NULL);
	struct fixture f;

	(void)state;
	fixture_init(&f, LOOPBACK, peer_port(peer));
	for (int i = 0; i < 5; i++)
		assert_int_equal(
			fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_ACCEPTED);
	assert_int_equal(peer_connections(peer), 1);
	assert_int_equal(peer_requests(peer), 5);
	fixture_clear(&f);
	peer_free(&peer);
}

static void asks_no_environment_for_a_proxy(void **state)
{
	static const char *const names[] = {
		"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	struct peer *peer = peer_new(accept_all, NULL);
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		setenv(names[i], "http://127.0.0.1:1", 1);
	unsetenv("no_proxy");
	unsetenv("NO_PROXY");
	fixture_init(&f, LOOPBACK, peer_port(peer));
	assert_int_equal(fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_ACCEPTED);
	fixture_clear(&f);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	peer_free(&peer);
}

static void uses_the_proxy_that_it_is_given(void **state)
{
	struct peer *peer = peer_new(accept_all, NULL);
	struct fixture f;
	struct ses_result r;
	char *proxy = mem_sprintf("http://127.0.0.1:%u", peer_port(peer));

	(void)state;
	/* no_proxy of the environment is not asked either. */
	setenv("no_proxy", "127.0.0.1", 1);
	fixture_init(&f, "http://127.0.0.1:%u", 1);
	f.account.proxy = proxy;
	r = fixture_call(&f, SMALL, LONG_MS);
	assert_int_equal(r.class, OUTCOME_ACCEPTED);
	assert_non_null(
		strstr(peer_head(peer)->data, "POST http://127.0.0.1:1/ HTTP/1.1"));
	fixture_clear(&f);
	unsetenv("no_proxy");
	free(proxy);
	peer_free(&peer);
}

/* --- no connection -------------------------------------------------------------------- */

static void a_closed_port_is_not_sent(void **state)
{
	struct peer *peer = peer_new(accept_all, NULL);
	unsigned port = peer_port(peer);
	struct ses_result r;
	struct fixture f;

	(void)state;
	peer_free(&peer);
	fixture_init(&f, LOOPBACK, port);
	r = fixture_call(&f, SMALL, LONG_MS);
	assert_int_equal(r.class, OUTCOME_NOT_SENT);
	assert_string_equal(r.code, "Transport.Connect");
	fixture_clear(&f);
}

/* A listener whose queue is full answers no SYN. */
static void a_port_that_does_not_answer_is_not_sent(void **state)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fds[4];
	struct ses_result r;
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fds[0], (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fds[0], 0), 0);
	assert_int_equal(getsockname(fds[0], (struct sockaddr *)&a, &len), 0);
	for (size_t i = 1; i < ARRAY_LEN(fds); i++)
		(void)connect(fds[i], (struct sockaddr *)&a, len);
	fixture_init(&f, LOOPBACK, ntohs(a.sin_port));
	r = fixture_call(&f, SMALL, SHORT_MS);
	assert_int_equal(r.class, OUTCOME_NOT_SENT);
	assert_string_equal(r.code, "Transport.Connect");
	fixture_clear(&f);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

static void an_unknown_host_is_not_sent(void **state)
{
	struct ses_result r;
	struct fixture f;

	(void)state;
	fixture_init(&f, "https://ses.invalid:%u", 443);
	r = fixture_call(&f, SMALL, LONG_MS);
	assert_int_equal(r.class, OUTCOME_NOT_SENT);
	assert_string_equal(r.code, "Transport.Dns");
	fixture_clear(&f);
}

static void without_a_key_for_today_nothing_is_sent(void **state)
{
	struct peer *peer = peer_new(accept_all, NULL);
	struct ses_result r;
	struct fixture f;

	(void)state;
	fixture_init(&f, LOOPBACK, peer_port(peer));
	f.ses->skew = 10 * 86400;
	r = fixture_call(&f, SMALL, LONG_MS);
	assert_int_equal(r.class, OUTCOME_NOT_SENT);
	assert_string_equal(r.code, "Transport.NoKey");
	assert_int_equal(peer_connections(peer), 0);
	fixture_clear(&f);
	peer_free(&peer);
}

/* --- many calls ----------------------------------------------------------------------- */

static void no_more_connections_than_the_account_has(void **state)
{
	struct peer *peer = peer_new(accept_late, NULL);
	struct attempt a[7];
	struct fixture f;

	(void)state;
	fixture_init_with(&f, LOOPBACK, peer_port(peer), "", 2);
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		attempt_begin(&a[i], &f, SMALL, LONG_MS);
	fixture_wait(&f);
	for (size_t i = 0; i < ARRAY_LEN(a); i++) {
		assert_int_equal(a[i].result.class, OUTCOME_ACCEPTED);
		attempt_clear(&a[i]);
	}
	assert_int_equal(peer_at_once(peer), 2);
	assert_int_equal(peer_requests(peer), ARRAY_LEN(a));
	fixture_clear(&f);
	peer_free(&peer);
}

static void waiting_too_long_for_a_connection_is_not_sent(void **state)
{
	struct peer *peer = peer_new(never_answer, NULL);
	struct attempt a, b;
	struct fixture f;

	(void)state;
	fixture_init_with(&f, LOOPBACK, peer_port(peer), "", 1);
	attempt_begin(&a, &f, SMALL, 2 * SHORT_MS);
	attempt_begin(&b, &f, SMALL, SHORT_MS);
	fixture_wait(&f);
	assert_int_equal(a.result.class, OUTCOME_UNCERTAIN);
	assert_int_equal(b.result.class, OUTCOME_NOT_SENT);
	assert_string_equal(b.result.code, "Transport.NotSent");
	assert_int_equal(peer_requests(peer), 1);
	attempt_clear(&a);
	attempt_clear(&b);
	fixture_clear(&f);
	peer_free(&peer);
}

/* Running, waiting, and failed for want of a key. */
static void begin_three(struct attempt a[3], struct fixture *f)
{
	attempt_begin(&a[0], f, SMALL, LONG_MS);
	attempt_begin(&a[1], f, SMALL, LONG_MS);
	backend_call_drop(&a[1].call);
	attempt_clear(&a[1]);
	attempt_begin(&a[1], f, SMALL, LONG_MS);
	f->ses->skew = 10 * 86400;
	attempt_begin(&a[2], f, SMALL, LONG_MS);
	loop_turn(f->loop);
}

static void accept_very_late(struct peer_conn *c)
{
	while (peer_skip_request(c)) {
		usleep(800000);
		peer_accept_mail(c);
	}
}

static void a_call_that_would_go_out_too_late_is_not_sent(void **state)
{
	struct peer *peer = peer_new(accept_very_late, NULL);
	struct attempt first, second;
	struct fixture f;

	(void)state;
	fixture_init_with(&f, LOOPBACK, peer_port(peer), "", 1);
	f.conf.limits.call_timeout = LONG_MS;
	attempt_begin(&first, &f, SMALL, LONG_MS);
	/* The answer to the first leaves it less than a second. */
	attempt_begin(&second, &f, SMALL, 800 + BACKEND_CALL_MIN_MS / 2);
	fixture_wait(&f);
	assert_int_equal(first.result.class, OUTCOME_ACCEPTED);
	assert_int_equal(second.result.class, OUTCOME_NOT_SENT);
	assert_string_equal(second.result.code, "Transport.NotSent");
	assert_int_equal(peer_requests(peer), 1);
	attempt_clear(&first);
	attempt_clear(&second);
	fixture_clear(&f);
	peer_free(&peer);
}

static void a_call_with_too_little_time_is_not_begun(void **state)
{
	static const struct {
		uint64_t call_timeout, timeout;
		enum outcome_class class;
	} rows[] = {
		{LONG_MS, BACKEND_CALL_MIN_MS - 1, OUTCOME_NOT_SENT},
		{LONG_MS, 0, OUTCOME_NOT_SENT},
		{LONG_MS, LONG_MS, OUTCOME_ACCEPTED},
		/* Where calls are short anyhow. */
		{600, 299, OUTCOME_NOT_SENT},
		{600, 600, OUTCOME_ACCEPTED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct peer *peer = peer_new(accept_all, NULL);
		struct ses_result r;
		struct fixture f;

		fixture_init(&f, LOOPBACK, peer_port(peer));
		f.conf.limits.call_timeout = rows[i].call_timeout;
		r = fixture_call(&f, SMALL, rows[i].timeout);
		fixture_clear(&f);
		assert_int_equal(r.class, rows[i].class);
		assert_int_equal(peer_connections(peer), r.class == OUTCOME_ACCEPTED);
		peer_free(&peer);
	}
}

static void accept_late_once(struct peer_conn *c)
{
	if (!peer_skip_request(c))
		return;
	usleep(600000);
	peer_accept_mail(c);
	while (peer_skip_request(c))
		peer_accept_mail(c);
}

static void waiting_for_a_connection_is_counted_by_itself(void **state)
{
	struct peer *peer = peer_new(accept_late_once, NULL);
	struct shm *shm = regions_new(1);
	struct metrics *m = metrics_new(shm);
	struct attempt first, second;
	struct fixture f;

	(void)state;
	metrics_use(m, 0);
	fixture_init_with(&f, LOOPBACK, peer_port(peer), "", 1);
	f.conf.limits.call_timeout = LONG_MS;
	attempt_begin(&first, &f, SMALL, LONG_MS);
	attempt_begin(&second, &f, SMALL, LONG_MS);
	fixture_wait(&f);
	assert_true(first.result.waited_ms < second.result.waited_ms);
	assert_true(second.result.waited_ms > second.result.took_ms);
	attempt_clear(&first);
	attempt_clear(&second);
	assert_int_equal(fixture_call(&f, SMALL, 0).class, OUTCOME_NOT_SENT);
	assert_int_equal(metrics_sum(m, METRIC_CALL_SECONDS, 0), 2);
	assert_int_equal(metrics_sum(m, METRIC_CALL_WAIT_SECONDS, 0), 3);
	assert_int_equal(metrics_sum(m, METRIC_CALLS, 0), 2);
	fixture_clear(&f);
	metrics_use(NULL, 0);
	metrics_free(&m);
	shm_free(&shm);
	peer_free(&peer);
}

struct loan {
	struct loop *loop;
	struct ses_request *request;
	enum outcome_class class;
};

static void give_back(void *arg, const struct ses_result *result)
{
	struct loan *loan = arg;

	loan->class = result->class;
	ses_request_free(&loan->request);
	loop_stop(loan->loop);
}

/* A sanitizer watches. */
static void the_loan_of_the_request_ends_at_done(void **state)
{
	struct peer *peer = peer_new(accept_all, NULL);
	struct fixture f;

	(void)state;
	fixture_init(&f, LOOPBACK, peer_port(peer));
	for (unsigned n = 0; n < 3; n++) {
		struct loan loan = {.loop = f.loop,
			.request = ses_request_new_query("ListEmailTemplates", "{}")};

		/* The last one never goes out. */
		backend_send(f.ses, loan.request, n < 2 ? LONG_MS : 0, give_back, &loan);
		loop_run(f.loop);
		assert_null(loan.request);
		assert_int_equal(loan.class, n < 2 ? OUTCOME_ACCEPTED : OUTCOME_NOT_SENT);
	}
	fixture_clear(&f);
	peer_free(&peer);
}

static void dropped_calls_are_never_done(void **state)
{
	struct peer *peer = peer_new(never_answer, NULL);
	struct attempt a[3];
	struct fixture f;

	(void)state;
	fixture_init_with(&f, LOOPBACK, peer_port(peer), "", 1);
	begin_three(a, &f);
	for (size_t i = 0; i < ARRAY_LEN(a); i++) {
		backend_call_drop(&a[i].call);
		assert_null(a[i].call);
		assert_int_equal(a[i].done, 0);
		attempt_clear(&a[i]);
	}
	loop_turn(f.loop);
	fixture_clear(&f);
	peer_free(&peer);
}

static void a_failed_call_can_be_dropped(void **state)
{
	struct peer *peer = peer_new(accept_all, NULL);
	struct attempt a;
	struct fixture f;

	(void)state;
	fixture_init(&f, LOOPBACK, peer_port(peer));
	f.ses->skew = 10 * 86400;
	attempt_begin(&a, &f, SMALL, LONG_MS);
	backend_call_drop(&a.call);
	loop_turn(f.loop);
	assert_int_equal(a.done, 0);
	attempt_clear(&a);
	/* And one that the backend takes with it. */
	attempt_begin(&a, &f, SMALL, LONG_MS);
	fixture_clear(&f);
	assert_int_equal(a.done, 0);
	attempt_clear(&a);
	peer_free(&peer);
}

static void a_backend_takes_its_calls_with_it(void **state)
{
	struct peer *peer = peer_new(never_answer, NULL);
	struct attempt a[3];
	struct fixture f;

	(void)state;
	fixture_init_with(&f, LOOPBACK, peer_port(peer), "", 1);
	begin_three(a, &f);
	fixture_clear(&f);
	for (size_t i = 0; i < ARRAY_LEN(a); i++) {
		assert_int_equal(a[i].done, 0);
		attempt_clear(&a[i]);
	}
	peer_free(&peer);
}

/* --- refusing to start ---------------------------------------------------------------- */

static void refuses_to_start(const char *endpoint, const char *says)
{
	struct conf_account account = {
		.name = (char *)"default",
		.endpoint = (char *)endpoint,
		.region = (char *)"",
		.secret_id = (char *)FIXTURE_ID,
		.token = (char *)"",
		.ca_file = (char *)"",
		.proxy = (char *)"",
		.connections = 1,
	};
	struct conf conf = {.accounts = &account, .n_accounts = 1};
	struct loop *loop = loop_new();
	struct backend *b;
	struct err err = {""};

	assert_int_equal(backend_new(loop, &conf, &b, &err), -1);
	assert_null(b);
	assert_non_null(strstr(err.text, says));
	loop_free(&loop);
}

static void refuses_an_endpoint_in_clear_text(void **state)
{
	static const char *const bad[] = {"http://ses.tencentcloudapi.com",
		"http://192.0.2.1:8080", "http://localhost.example.com",
		"http://127.0.0.1.example.com", "http://[2001:db8::1]"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuses_to_start(bad[i], "clear text");
}

static void refuses_what_is_no_endpoint(void **state)
{
	static const char *const bad[] = {"", "ses.tencentcloudapi.com",
		"ftp://a.example", "https://", "https://a.example/path",
		"https://user@a.example", "https://a.example?x",
		"https://a.example\r\nX: y"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuses_to_start(bad[i], "is not https://HOST");
}

static void takes_no_ca_file_that_holds_no_certificate(void **state)
{
	static const char *const bad[] = {"", "no certificate\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"-----BEGIN PUBLIC KEY-----\n"
		"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
		"-----END PUBLIC KEY-----\n"};
	struct fixture f;
	struct err err;

	(void)state;
	fixture_init_with(&f, "https://127.0.0.1:%u", 9, "/nonexistent/ca.pem", 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(backend_use_ca(f.backend, 0, span_of(bad[i]), &err), -1);
		assert_non_null(strstr(err.text, "account \"default\": CA file "
						 "/nonexistent/ca.pem is no file of PEM "
						 "certificates"));
	}
	fixture_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_what_was_signed),
		cmocka_unit_test(sends_no_token_with_a_long_term_key),
		cmocka_unit_test(knows_the_date_of_a_refusal),
		cmocka_unit_test(keeps_its_connections),
		cmocka_unit_test(asks_no_environment_for_a_proxy),
		cmocka_unit_test(uses_the_proxy_that_it_is_given),
		cmocka_unit_test(a_closed_port_is_not_sent),
		cmocka_unit_test(a_port_that_does_not_answer_is_not_sent),
		cmocka_unit_test(an_unknown_host_is_not_sent),
		cmocka_unit_test(without_a_key_for_today_nothing_is_sent),
		cmocka_unit_test(no_more_connections_than_the_account_has),
		cmocka_unit_test(waiting_too_long_for_a_connection_is_not_sent),
		cmocka_unit_test(a_call_that_would_go_out_too_late_is_not_sent),
		cmocka_unit_test(a_call_with_too_little_time_is_not_begun),
		cmocka_unit_test(waiting_for_a_connection_is_counted_by_itself),
		cmocka_unit_test(the_loan_of_the_request_ends_at_done),
		cmocka_unit_test(dropped_calls_are_never_done),
		cmocka_unit_test(a_failed_call_can_be_dropped),
		cmocka_unit_test(a_backend_takes_its_calls_with_it),
		cmocka_unit_test(refuses_an_endpoint_in_clear_text),
		cmocka_unit_test(refuses_what_is_no_endpoint),
		cmocka_unit_test(takes_no_ca_file_that_holds_no_certificate),
	};

	return cmocka_run_group_tests_name("backend", tests, NULL, NULL);
}
