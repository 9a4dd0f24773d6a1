/* SPDX-License-Identifier: MIT */
/* ses/backend against a peer that breaks off, stalls, lies and floods: what each proves, and
 * that no request is ever seen twice. */
#include "ses/backend.h"

#include "core/mem.h"
#include "core/str.h"
#include "ses/response.h"

#include "backend_fixture.h"
#include "peer.h"
#include "test.h"

#include <curl/curl.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

/* Most clients would GET there. */
static void redirect_by_302(struct peer_conn *c)
{
	while (peer_read_request(c))
		peer_send(c, "HTTP/1.1 302 Found\r\nLocation: /login\r\n"
			     "Content-Length: 0\r\n\r\n");
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
	{"redirect by 302", redirect_by_302, SMALL, LONG_MS, OUTCOME_REFUSED, "Transport.Http4xx", 1},
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

/* Reads only when the client has given up: what the kernel still held comes then. */
static void read_too_late(struct peer_conn *c)
{
	usleep(6 * SHORT_MS * 1000);
	peer_skip_request(c);
}

/* Bodies around what the kernel's buffers hold. Whether one went out whole is known to the
 * peer alone; the backend must say "uncertain" for those, and "not sent" for the others. */
static void knows_which_bodies_went_out_whole(void **state)
{
	struct peer *peer = peer_new(read_too_late, NULL);
	unsigned uncertain = 0, not_sent = 0;
	struct attempt a[10];
	struct fixture f;

	(void)state;
	fixture_init_with(&f, LOOPBACK, peer_port(peer), "", ARRAY_LEN(a));
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		attempt_begin(&a[i], &f, (i + 1) * 512 * 1024 - 4096, 5 * SHORT_MS);
	fixture_wait(&f);
	for (size_t i = 0; i < ARRAY_LEN(a); i++) {
		uncertain += a[i].result.class == OUTCOME_UNCERTAIN;
		not_sent += a[i].result.class == OUTCOME_NOT_SENT;
		attempt_clear(&a[i]);
	}
	fixture_clear(&f);
	while (peer_open(peer) > 0)
		usleep(10000);
	print_message("#\t%u went out whole, %u did not\n", uncertain, not_sent);
	assert_int_equal(uncertain + not_sent, ARRAY_LEN(a));
	assert_int_equal(peer_requests(peer), uncertain);
	assert_true(uncertain > 0 && not_sent > 0);
	peer_free(&peer);
}

/* How many pieces the kernel takes of what is written to sockets; -1: all, of any size. */
static int kernel_takes = -1;

/* libcurl's send(2), for that of the program comes before the C library's. */
ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	const size_t piece = 8192;

	if (kernel_takes < 0)
		return sendto(fd, bytes, len, flags, NULL, 0);
	if (kernel_takes == 0) {
		errno = EAGAIN;
		return -1;
	}
	kernel_takes--;
	return sendto(fd, bytes, len < piece ? len : piece, flags, NULL, 0);
}

static void handed_to_libcurl_is_not_sent(void **state)
{
	struct peer *peer = peer_new(never_answer, NULL);
	struct ses_result r;
	struct attempt a;
	struct fixture f;

	(void)state;
	fixture_init(&f, LOOPBACK, peer_port(peer));
	attempt_begin(&a, &f, 20000, SHORT_MS);
	kernel_takes = 2; /* the header, and a piece of the body */
	fixture_wait(&f);
	kernel_takes = -1;
	r = a.result;
	assert_int_equal(r.class, OUTCOME_NOT_SENT);
	assert_string_equal(r.code, "Transport.NotSent");
	attempt_clear(&a);
	fixture_clear(&f);
	peer_free(&peer);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_is_what_it_proves),
		cmocka_unit_test(knows_which_bodies_went_out_whole),
		cmocka_unit_test(handed_to_libcurl_is_not_sent),
		cmocka_unit_test(a_reused_connection_that_is_reset_sends_once),
		cmocka_unit_test(a_reused_connection_that_is_closed_sends_once),
		cmocka_unit_test(
			a_reused_connection_that_breaks_within_the_body_was_not_sent),
		cmocka_unit_test(libcurl_without_our_defence_sends_twice),
		cmocka_unit_test(each_of_the_two_defences_holds_alone),
	};

	return cmocka_run_group_tests_name("backend_faults", tests, NULL, NULL);
}
