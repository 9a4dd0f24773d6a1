/* SPDX-License-Identifier: MIT */
/* ses/backend against a peer that breaks off, stalls, lies and floods: what each proves, and
 * that no request is ever seen twice. */
#include "ses/backend.h"

#include "core/buf.h"
#include "core/digest.h"
#include "core/mem.h"
#include "core/str.h"
#include "ses/response.h"

#include "backend_fixture.h"
#include "peer.h"
#include "test.h"

#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMALL 400
/* More than the kernel buffers of both ends hold. */
#define LARGE    ((size_t)6 * 1024 * 1024)
#define LOOPBACK "http://127.0.0.1:%u"
#define LONG_MS  8000
#define SHORT_MS 300
#define ID_JSON  "{\"Response\":{\"MessageId\":\"qcloudses-1\",\"RequestId\":\"r-1\"}}"
#define REFUSE_JSON                                                                      \
	"{\"Response\":{\"Error\":{\"Code\":\"InternalError\"},\"RequestId\":\"r\"}}"

/* --- scripts -------------------------------------------------------------------------- */

static void accept_all(struct peer_conn *c)
{
	while (peer_read_request(c))
		peer_accept_mail(c);
}

static void reset_at_once(struct peer_conn *c)
{
	peer_reset(c);
}

static void reset_after_head(struct peer_conn *c)
{
	size_t n;

	peer_read_head(c, &n);
	peer_reset(c);
}

static void reset_within_body(struct peer_conn *c)
{
	size_t n;

	if (peer_read_head(c, &n))
		peer_read_body(c, 100000);
	peer_reset(c);
}

static void reset_after_all_but_one_byte(struct peer_conn *c)
{
	size_t n;

	/* The last byte is in the kernel by then: nobody can know that it was not read. */
	if (peer_read_head(c, &n))
		peer_read_body(c, n - 1);
	peer_reset(c);
}

static void finish_within_body(struct peer_conn *c)
{
	size_t n;

	if (peer_read_head(c, &n))
		peer_read_body(c, 100000);
	peer_finish_sending(c);
	peer_hang(c);
}

/* A server that says no more may still act on what it reads. */
static void finish_and_read_on(struct peer_conn *c)
{
	size_t n;

	if (peer_read_head(c, &n))
		peer_read_body(c, 100000);
	peer_finish_sending(c);
	peer_drain(c);
}

static void reset_after_request(struct peer_conn *c)
{
	peer_read_request(c);
	peer_reset(c);
}

static void finish_after_request(struct peer_conn *c)
{
	peer_read_request(c);
}

/* The second request on a kept connection is read whole; then the connection dies. Any
 * further one finds a willing server. */
static void reset_when_reused(struct peer_conn *c)
{
	if (c->nth > 1) {
		accept_all(c);
		return;
	}
	if (peer_read_request(c))
		peer_accept_mail(c);
	peer_read_request(c);
	peer_reset(c);
}

static void finish_when_reused(struct peer_conn *c)
{
	if (c->nth > 1) {
		accept_all(c);
		return;
	}
	if (peer_read_request(c))
		peer_accept_mail(c);
	peer_read_request(c);
}

static void reset_within_body_when_reused(struct peer_conn *c)
{
	size_t n;

	if (c->nth > 1) {
		accept_all(c);
		return;
	}
	if (peer_read_request(c))
		peer_accept_mail(c);
	if (peer_read_head(c, &n))
		peer_read_body(c, 100000);
	peer_reset(c);
}

static void refuse_all(struct peer_conn *c)
{
	while (peer_read_request(c))
		peer_answer(c, "200 OK", REFUSE_JSON);
}

static void cut_the_answer(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(
		c, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"Response\":{\"Mess");
}

static void cut_the_answer_by_reset(struct peer_conn *c)
{
	cut_the_answer(c);
	peer_reset(c);
}

/* All of the JSON is there, but more was promised. */
static void promise_more(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" ID_JSON);
}

static void cut_the_header(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(c, "HTTP/1.1 200 OK\r\nContent-Le");
}

static void cut_a_bad_gateway(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 500\r\n\r\n<html>");
}

static void never_answer(struct peer_conn *c)
{
	peer_read_request(c);
	peer_hang(c);
}

static void never_read(struct peer_conn *c)
{
	peer_hang(c);
}

static void drip(struct peer_conn *c)
{
	static const char answer[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 58\r\n\r\n" ID_JSON;

	peer_read_request(c);
	for (size_t i = 0; i < sizeof(answer) - 1; i++) {
		char one[2] = {answer[i], '\0'};

		peer_send(c, one);
		usleep(10000);
	}
}

static void flood_headers(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(c, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 4000; i++)
		peer_send(c, "X-Flood: 0123456789012345678901234567890123456789\r\n");
	peer_send(c, "Content-Length: 58\r\n\r\n" ID_JSON);
}

static void flood_interim_answers(struct peer_conn *c)
{
	peer_read_request(c);
	for (int i = 0; i < 4000; i++)
		peer_send(c, "HTTP/1.1 102 Processing\r\n\r\n");
	peer_accept_mail(c);
}

static void flood_body(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" ID_JSON);
	for (int i = 0; i < 4000; i++)
		peer_send(c, "                                        ");
}

static void flood_a_refusal(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(c, "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n");
	for (int i = 0; i < 4000; i++)
		peer_send(c, "<p>no no no no no no no no no no no</p>\n");
}

static void interim_first(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(c,
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n");
	peer_accept_mail(c);
	peer_drain(c);
}

static void in_chunks(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3a\r\n" ID_JSON
		     "\r\n0\r\n\r\n");
	peer_drain(c);
}

static void cut_the_chunks(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3a\r\n" ID_JSON
		     "\r\n");
}

static void talk_nonsense(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(c, "220 mail.example.com ESMTP\r\n");
}

static void bad_status_line(struct peer_conn *c)
{
	peer_read_request(c);
	peer_send(c, "HTTP/1.1 abc\r\n\r\n" ID_JSON);
}

static void plain_page(struct peer_conn *c)
{
	peer_read_request(c);
	peer_answer(c, "200 OK", "<html>log in first</html>");
	peer_drain(c);
}

static void redirect(struct peer_conn *c)
{
	while (peer_read_request(c))
		peer_send(c, "HTTP/1.1 307 Temporary Redirect\r\nLocation: /again\r\n"
			     "Content-Length: 0\r\n\r\n");
}

static void ask_for_login(struct peer_conn *c)
{
	while (peer_read_request(c))
		peer_send(c, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic "
			     "realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
}

static void break_down(struct peer_conn *c)
{
	while (peer_read_request(c))
		peer_answer(c, "503 Service Unavailable", "<html>");
}

static void slow_down(struct peer_conn *c)
{
	while (peer_read_request(c))
		peer_answer(c, "429 Too Many Requests", "");
}

static void answer_early(struct peer_conn *c, const char *status, const char *body)
{
	size_t n;

	if (peer_read_head(c, &n))
		peer_answer(c, status, body);
	peer_drain(c);
}

static void too_large(struct peer_conn *c)
{
	answer_early(c, "413 Payload Too Large", "");
}

static void break_down_early(struct peer_conn *c)
{
	answer_early(c, "503 Service Unavailable", "");
}

static void refuse_early(struct peer_conn *c)
{
	answer_early(c, "400 Bad Request", REFUSE_JSON);
}

static void accept_late(struct peer_conn *c)
{
	while (peer_read_request(c)) {
		usleep(60000);
		peer_accept_mail(c);
	}
}

/* --- one call, one fault -------------------------------------------------------------- */

struct fault {
	const char *name;
	peer_script *script;
	size_t size;
	uint64_t timeout_ms;
	enum outcome_class class;
	const char *code;  /* NULL: it depends on who is faster */
	unsigned requests; /* that the peer read whole */
};

/* clang-format off */
static const struct fault faults[] = {
	{"accepted", accept_all, SMALL, LONG_MS, OUTCOME_ACCEPTED, "", 1},
	{"accepted, large", accept_all, LARGE, LONG_MS, OUTCOME_ACCEPTED, "", 1},
	{"accepted, in chunks", in_chunks, SMALL, LONG_MS, OUTCOME_ACCEPTED, "", 1},
	{"accepted, dripping", drip, SMALL, LONG_MS, OUTCOME_ACCEPTED, "", 1},
	{"accepted after 1xx", interim_first, SMALL, LONG_MS, OUTCOME_ACCEPTED, "", 1},
	{"refused", refuse_all, SMALL, LONG_MS, OUTCOME_REFUSED, "InternalError", 1},
	/* Not sent: the body did not go out whole. */
	{"reset at once", reset_at_once, LARGE, LONG_MS, OUTCOME_NOT_SENT, NULL, 0},
	{"reset after head", reset_after_head, LARGE, LONG_MS, OUTCOME_NOT_SENT, "Transport.NotSent", 0},
	{"reset within body", reset_within_body, LARGE, LONG_MS, OUTCOME_NOT_SENT, "Transport.NotSent", 0},
	{"FIN within body", finish_within_body, LARGE, SHORT_MS, OUTCOME_NOT_SENT, "Transport.NotSent", 0},
	{"never read", never_read, LARGE, SHORT_MS, OUTCOME_NOT_SENT, "Transport.NotSent", 0},
	{"503 before body", break_down_early, LARGE, LONG_MS, OUTCOME_NOT_SENT, "Transport.Http5xx", 0},
	/* Uncertain: it did, and nothing to trust came back. */
	{"all but a byte", reset_after_all_but_one_byte, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Reset", 0},
	{"FIN, but all read", finish_and_read_on, LARGE, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Reset", 0},
	{"reset after request", reset_after_request, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Reset", 1},
	{"FIN after request", finish_after_request, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Reset", 1},
	{"reset after large", reset_after_request, LARGE, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Reset", 1},
	{"FIN after large", finish_after_request, LARGE, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Reset", 1},
	{"answer cut", cut_the_answer, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Reset", 1},
	{"answer reset", cut_the_answer_by_reset, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Reset", 1},
	{"more promised", promise_more, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Reset", 1},
	{"chunks cut", cut_the_chunks, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Reset", 1},
	{"header cut", cut_the_header, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.BadResponse", 1},
	{"no answer", never_answer, SMALL, SHORT_MS, OUTCOME_UNCERTAIN, "Transport.Timeout", 1},
	{"too slow a drip", drip, SMALL, SHORT_MS, OUTCOME_UNCERTAIN, "Transport.Timeout", 1},
	{"flood of headers", flood_headers, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.BadResponse", 1},
	{"flood of 1xx", flood_interim_answers, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.BadResponse", 1},
	{"flood of body", flood_body, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.BadResponse", 1},
	{"nonsense", talk_nonsense, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.BadResponse", 1},
	{"bad status line", bad_status_line, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.BadResponse", 1},
	{"a page", plain_page, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.BadResponse", 1},
	{"503", break_down, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Http5xx", 1},
	{"502 cut", cut_a_bad_gateway, SMALL, LONG_MS, OUTCOME_UNCERTAIN, "Transport.Http5xx", 1},
	/* Refused on the way. */
	{"redirect", redirect, SMALL, LONG_MS, OUTCOME_REFUSED, "Transport.Http4xx", 1},
	{"login", ask_for_login, SMALL, LONG_MS, OUTCOME_REFUSED, "Transport.Http4xx", 1},
	{"429", slow_down, SMALL, LONG_MS, OUTCOME_REFUSED, "Transport.Http429", 1},
	{"403 without end", flood_a_refusal, SMALL, LONG_MS, OUTCOME_REFUSED, "Transport.Http4xx", 1},
	{"413 before body", too_large, LARGE, LONG_MS, OUTCOME_REFUSED, "Transport.Http413", 0},
	{"refused before body", refuse_early, LARGE, LONG_MS, OUTCOME_REFUSED, "InternalError", 0},
};
/* clang-format on */

static void every_fault_is_what_it_proves(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		const struct fault *x = &faults[i];
		struct peer *peer = peer_new(x->script, NULL);
		struct ses_result r;
		struct fixture f;

		print_message("# %s\n", x->name);
		fixture_init(&f, LOOPBACK, peer_port(peer));
		r = fixture_call(&f, x->size, x->timeout_ms);
		fixture_clear(&f);
		assert_int_equal(r.class, x->class);
		if (x->code != NULL)
			assert_string_equal(r.code, x->code);
		assert_int_equal(peer_requests(peer), x->requests);
		assert_int_equal(peer_connections(peer), 1);
		peer_free(&peer);
	}
}

/* --- the silent second send ----------------------------------------------------------- */

/* Two calls, the second on the connection of the first, which dies under it. */
static void expect_one_send(
	peer_script *script, size_t size, enum outcome_class class, unsigned whole)
{
	struct peer *peer = peer_new(script, NULL);
	struct ses_result first, second;
	struct fixture f;

	fixture_init_with(&f, LOOPBACK, peer_port(peer), "", 1);
	first = fixture_call(&f, SMALL, LONG_MS);
	second = fixture_call(&f, size, LONG_MS);
	fixture_clear(&f);
	assert_int_equal(first.class, OUTCOME_ACCEPTED);
	assert_int_equal(second.class, class);
	assert_int_equal(peer_requests(peer), whole);
	/* libcurl may connect anew, but nothing goes that way. */
	assert_int_equal(peer_bytes_of(peer, 2), 0);
	peer_free(&peer);
}

static void a_reused_connection_that_is_reset_sends_once(void **state)
{
	(void)state;
	expect_one_send(reset_when_reused, SMALL, OUTCOME_UNCERTAIN, 2);
	expect_one_send(reset_when_reused, LARGE, OUTCOME_UNCERTAIN, 2);
}

static void a_reused_connection_that_is_closed_sends_once(void **state)
{
	(void)state;
	expect_one_send(finish_when_reused, SMALL, OUTCOME_UNCERTAIN, 2);
	expect_one_send(finish_when_reused, LARGE, OUTCOME_UNCERTAIN, 2);
}

static void a_reused_connection_that_breaks_within_the_body_was_not_sent(void **state)
{
	(void)state;
	expect_one_send(reset_within_body_when_reused, LARGE, OUTCOME_NOT_SENT, 1);
}

static size_t ignore(char *bytes, size_t size, size_t n, void *arg)
{
	(void)bytes;
	(void)arg;
	return size * n;
}

struct raw {
	CURL *easy;
	char *url;
};

static struct raw raw_new(struct peer *peer)
{
	struct raw r = {curl_easy_init(), mem_sprintf(LOOPBACK, peer_port(peer))};

	curl_easy_setopt(r.easy, CURLOPT_URL, r.url);
	curl_easy_setopt(r.easy, CURLOPT_PROXY, "");
	curl_easy_setopt(r.easy, CURLOPT_WRITEFUNCTION, ignore);
	return r;
}

static void raw_free(struct raw *r)
{
	curl_easy_cleanup(r->easy);
	free(r->url);
}

/* The control: libcurl as most programs use it sends the second mail twice, and says that
 * all is well. Should this fail one day, libcurl has changed. */
static void libcurl_without_our_defence_sends_twice(void **state)
{
	static peer_script *const scripts[] = {reset_when_reused, finish_when_reused};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		struct peer *peer = peer_new(scripts[i], NULL);
		struct raw r = raw_new(peer);

		curl_easy_setopt(r.easy, CURLOPT_POSTFIELDS, "{}");
		assert_int_equal(curl_easy_perform(r.easy), CURLE_OK);
		assert_int_equal(curl_easy_perform(r.easy), CURLE_OK);
		assert_int_equal(peer_requests(peer), 3);
		raw_free(&r);
		peer_free(&peer);
	}
}

static size_t hand_out_once(char *out, size_t size, size_t n, void *arg)
{
	size_t *left = arg, len = *left;

	assert_true(len <= size * n);
	memset(out, ' ', len);
	*left = 0;
	return len;
}

static int rewind_body(void *arg, curl_off_t offset, int origin)
{
	(void)offset;
	(void)origin;
	*(size_t *)arg = 2;
	return CURL_SEEKFUNC_OK;
}

static int only_before_the_body(
	void *arg, char *peer_ip, char *local_ip, int peer_port_, int local_port)
{
	(void)peer_ip;
	(void)local_ip;
	(void)peer_port_;
	(void)local_port;
	return *(size_t *)arg == 2 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* What the second request on a kept connection, which dies, ends in with one defence. */
static CURLcode perform_with(bool rewinds, bool asks)
{
	struct peer *peer = peer_new(reset_when_reused, NULL);
	struct raw r = raw_new(peer);
	size_t left = 2, kept = 2;
	CURLcode rc;

	curl_easy_setopt(r.easy, CURLOPT_POST, 1L);
	curl_easy_setopt(r.easy, CURLOPT_POSTFIELDSIZE, 2L);
	curl_easy_setopt(r.easy, CURLOPT_READFUNCTION, hand_out_once);
	curl_easy_setopt(r.easy, CURLOPT_READDATA, &left);
	if (rewinds) {
		curl_easy_setopt(r.easy, CURLOPT_SEEKFUNCTION, rewind_body);
		curl_easy_setopt(r.easy, CURLOPT_SEEKDATA, asks ? &kept : &left);
	}
	if (asks) {
		curl_easy_setopt(r.easy, CURLOPT_PREREQFUNCTION, only_before_the_body);
		curl_easy_setopt(r.easy, CURLOPT_PREREQDATA, &left);
	}
	assert_int_equal(curl_easy_perform(r.easy), CURLE_OK);
	left = 2;
	rc = curl_easy_perform(r.easy);
	assert_int_equal(peer_requests(peer), rc == CURLE_OK ? 3 : 2);
	raw_free(&r);
	peer_free(&peer);
	return rc;
}

static void each_of_the_two_defences_holds_alone(void **state)
{
	(void)state;
	assert_int_equal(perform_with(true, false), CURLE_OK); /* none: sent twice */
	assert_int_equal(perform_with(false, false), CURLE_SEND_FAIL_REWIND);
	assert_int_equal(perform_with(true, true), CURLE_ABORTED_BY_CALLBACK);
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
	assert_int_equal(r.date, 1767323045);
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
	ses_account_set_skew(f.ses, 10 * 86400);
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
	ses_account_set_skew(f->ses, 10 * 86400);
	attempt_begin(&a[2], f, SMALL, LONG_MS);
	loop_turn(f->loop);
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
	ses_account_set_skew(f.ses, 10 * 86400);
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

static void refuses_to_start(const char *endpoint, const char *ca_file, const char *says)
{
	struct conf_account account = {
		.name = (char *)"default",
		.endpoint = (char *)endpoint,
		.region = (char *)"",
		.secret_id = (char *)FIXTURE_ID,
		.token = (char *)"",
		.ca_file = (char *)ca_file,
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
		refuses_to_start(bad[i], "", "clear text");
}

static void refuses_what_is_no_endpoint(void **state)
{
	static const char *const bad[] = {"", "ses.tencentcloudapi.com",
		"ftp://a.example", "https://", "https://a.example/path",
		"https://user@a.example", "https://a.example?x",
		"https://a.example\r\nX: y"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refuses_to_start(bad[i], "", "is not https://HOST");
}

static void refuses_to_start_without_its_certificates(void **state)
{
	(void)state;
	refuses_to_start("https://a.example", "/nonexistent/ca.pem", "CA file");
	refuses_to_start("https://a.example", "/dev/null", "no PEM certificate");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_is_what_it_proves),
		cmocka_unit_test(a_reused_connection_that_is_reset_sends_once),
		cmocka_unit_test(a_reused_connection_that_is_closed_sends_once),
		cmocka_unit_test(
			a_reused_connection_that_breaks_within_the_body_was_not_sent),
		cmocka_unit_test(libcurl_without_our_defence_sends_twice),
		cmocka_unit_test(each_of_the_two_defences_holds_alone),
		cmocka_unit_test(sends_what_was_signed),
		cmocka_unit_test(sends_no_token_with_a_long_term_key),
		cmocka_unit_test(keeps_its_connections),
		cmocka_unit_test(asks_no_environment_for_a_proxy),
		cmocka_unit_test(uses_the_proxy_that_it_is_given),
		cmocka_unit_test(a_closed_port_is_not_sent),
		cmocka_unit_test(an_unknown_host_is_not_sent),
		cmocka_unit_test(without_a_key_for_today_nothing_is_sent),
		cmocka_unit_test(no_more_connections_than_the_account_has),
		cmocka_unit_test(waiting_too_long_for_a_connection_is_not_sent),
		cmocka_unit_test(dropped_calls_are_never_done),
		cmocka_unit_test(a_failed_call_can_be_dropped),
		cmocka_unit_test(a_backend_takes_its_calls_with_it),
		cmocka_unit_test(refuses_an_endpoint_in_clear_text),
		cmocka_unit_test(refuses_what_is_no_endpoint),
		cmocka_unit_test(refuses_to_start_without_its_certificates),
	};

	return cmocka_run_group_tests_name("backend", tests, NULL, NULL);
}
