/* SPDX-License-Identifier: MIT */
/* ses/backend where answers come that nobody asked for: none becomes another mail's. */
#include "ses/backend.h"

#include "core/attr.h"
#include "core/mem.h"
#include "core/str.h"

#include "backend_fixture.h"
#include "identity.h"
#include "peer.h"
#include "test.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL   400
#define LONG_MS 8000
#define MAILS   8
#define STRAY                                                                            \
	"HTTP/1.1 200 OK\r\nContent-Length: 55\r\n\r\n"                                  \
	"{\"Response\":{\"MessageId\":\"stray\",\"RequestId\":\"r-0\"}}  "

/* Requests that a script is done with. */
static atomic_uint done;

/* What was sent on loopback has arrived when the script is done with the request, or with
 * its connection. */
static void let_it_arrive(struct peer *peer, unsigned requests)
{
	for (unsigned i = 0; i < 10000; i++) {
		if (done >= requests || peer_open(peer) == 0)
			return;
		usleep(1000);
	}
	fail_msg("the script does not come to an end");
}

/* --- scripts -------------------------------------------------------------------------- */

static void add_one_later(struct peer_conn *c)
{
	while (peer_skip_request(c)) {
		peer_accept_mail(c);
		usleep(10000);
		peer_send(c, STRAY);
		done++;
	}
}

/* The kernel holds it back until the client acknowledges the first, with its next header. */
static void add_one_with_the_next_head(struct peer_conn *c)
{
	const int no = 0;

	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &no, sizeof(no));
	add_one_later(c);
}

static void add_one_at_once(struct peer_conn *c)
{
	while (peer_skip_request(c)) {
		peer_accept_mail(c);
		peer_send(c, STRAY);
		done++;
	}
}

/* The header by itself; then the body and another answer in one piece. */
static void add_one_in_one_piece(struct peer_conn *c)
{
	while (peer_skip_request(c)) {
		char *body = mem_sprintf("{\"Response\":{\"MessageId\":\"qcloudses-%u\","
					 "\"RequestId\":\"r\"}}",
			peer_requests(c->peer));
		char *head = mem_sprintf(
			"HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(body));
		char *piece = mem_sprintf("%s" STRAY, body);

		peer_send(c, head);
		usleep(10000);
		peer_send(c, piece);
		done++;
		free(piece);
		free(head);
		free(body);
	}
}

/* --- ways ----------------------------------------------------------------------------- */

struct site {
	struct authority ca;
	struct identity id;
	SSL_CTX *tls12, *tls13;
};

static int set_up(void **state)
{
	static struct site s;
	struct wish w = {"IP:127.0.0.1", -IDENTITY_DAY, IDENTITY_DAY, false};

	s.ca = authority_make();
	s.id = identity_make(w, &s.ca.id);
	s.tls12 = identity_server(&s.id);
	s.tls13 = identity_server(&s.id);
	SSL_CTX_set_max_proto_version(s.tls12, TLS1_2_VERSION);
	SSL_CTX_set_min_proto_version(s.tls13, TLS1_3_VERSION);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	struct site *s = *state;

	SSL_CTX_free(s->tls12);
	SSL_CTX_free(s->tls13);
	identity_free(&s->id);
	authority_free(&s->ca);
	return 0;
}

static void begin(struct fixture *f, struct site *s, struct peer *peer, bool tls)
{
	fixture_init_with(f, tls ? "https://127.0.0.1:%u" : "http://127.0.0.1:%u",
		peer_port(peer), tls ? s->ca.file : "", 1);
}

/* One mail after the other: each gets the answer to its own request. */
static void expect_own_answers(
	struct site *s, peer_script *script, SSL_CTX *tls, unsigned connections)
{
	struct peer *peer = peer_new(script, tls);
	struct fixture f;

	done = 0;
	begin(&f, s, peer, tls != NULL);
	for (unsigned n = 1; n <= MAILS; n++) {
		struct ses_result r = fixture_call(&f, SMALL, LONG_MS);
		char *id = mem_sprintf("qcloudses-%u", n);

		if (r.class != OUTCOME_ACCEPTED)
			fail_msg("%u: %s, %s", n, r.code, r.reason);
		assert_string_equal(r.message_id, id);
		assert_int_equal(peer_requests(peer), n);
		free(id);
		let_it_arrive(peer, n);
	}
	fixture_clear(&f);
	assert_int_equal(peer_connections(peer), connections);
	peer_free(&peer);
}

static void an_unasked_answer_is_no_other_mails(void **state)
{
	static peer_script *const scripts[] = {add_one_later, add_one_with_the_next_head,
		add_one_at_once, add_one_in_one_piece};
	struct site *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		SSL_CTX *const ways[] = {NULL, s->tls12, s->tls13};

		for (size_t j = 0; j < ARRAY_LEN(ways); j++) {
			print_message("# script %zu, way %zu\n", i, j);
			expect_own_answers(s, scripts[i], ways[j], MAILS);
		}
	}
}

static void accept_all(struct peer_conn *c)
{
	while (peer_skip_request(c)) {
		peer_accept_mail(c);
		done++;
	}
}

/* The tickets of TLS 1.3 come after the handshake, and are no reason to leave. */
static void a_silent_connection_is_used_again(void **state)
{
	struct site *s = *state;
	SSL_CTX *const ways[] = {NULL, s->tls12, s->tls13};

	for (size_t j = 0; j < ARRAY_LEN(ways); j++)
		expect_own_answers(s, accept_all, ways[j], 1);
}

static void close_after_one(struct peer_conn *c)
{
	if (!peer_skip_request(c))
		return;
	peer_accept_mail(c);
	if (c->ssl != NULL)
		SSL_shutdown(c->ssl);
}

/* Under TLS the end of a connection is bytes, too: an alert. */
static void a_connection_that_was_closed_costs_a_new_one(void **state)
{
	struct site *s = *state;
	SSL_CTX *const ways[] = {NULL, s->tls12, s->tls13};

	for (size_t j = 0; j < ARRAY_LEN(ways); j++)
		expect_own_answers(s, close_after_one, ways[j], MAILS);
}

/* Too late to be seen beforehand: it comes with the next request. */
static void repeat_the_last_answer(struct peer_conn *c)
{
	if (!peer_skip_request(c))
		return;
	peer_answer(c, "200 OK",
		"{\"Response\":{\"MessageId\":\"qcloudses-1\",\"RequestId\":\"r\"}}");
	if (!peer_skip_request(c))
		return;
	peer_answer(c, "200 OK",
		"{\"Response\":{\"MessageId\":\"qcloudses-1\",\"RequestId\":\"r\"}}");
}

static void a_message_id_of_another_mail_is_uncertain(void **state)
{
	struct peer *peer = peer_new(repeat_the_last_answer, NULL);
	struct ses_result r;
	struct fixture f;

	begin(&f, *state, peer, false);
	assert_int_equal(fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_ACCEPTED);
	r = fixture_call(&f, SMALL, LONG_MS);
	assert_int_equal(r.class, OUTCOME_UNCERTAIN);
	assert_string_equal(r.code, "Transport.BadResponse");
	assert_string_equal(r.message_id, "");
	fixture_clear(&f);
	peer_free(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unasked_answer_is_no_other_mails),
		cmocka_unit_test(a_silent_connection_is_used_again),
		cmocka_unit_test(a_connection_that_was_closed_costs_a_new_one),
		cmocka_unit_test(a_message_id_of_another_mail_is_uncertain),
	};

	return cmocka_run_group_tests_name("backend_stray", tests, set_up, tear_down);
}
