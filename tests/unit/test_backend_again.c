/* SPDX-License-Identifier: MIT */
/*
 * ses/backend where a kept connection dies under a request that the API has read whole, and
 * the connection that libcurl would open in its place fails: how that one fails must not
 * hide that the first had the request.
 */
#include "ses/backend.h"

#include "core/attr.h"

#include "backend_fixture.h"
#include "identity.h"
#include "peer.h"
#include "test.h"

#define SMALL   400
#define LONG_MS 8000
#define TIMES   20

/* --- scripts -------------------------------------------------------------------------- */

static struct {
	enum peer_manners manners; /* towards those who come after */
	bool resets;
} plan;

/* The second request is read whole; then the connection dies without a byte of answer. */
static void die_when_reused(struct peer_conn *c)
{
	if (!peer_read_request(c))
		return;
	peer_accept_mail(c);
	if (!peer_read_request(c))
		return;
	peer_behave(c->peer, plan.manners);
	if (plan.resets)
		peer_reset(c);
}

/* --- ways to the API ------------------------------------------------------------------ */

struct way {
	const char *name;
	bool tls, proxied;
};

static const struct way ways[] = {
	{"http", false, false},
	{"https", true, false},
	{"http by a proxy", false, true},
	{"https by a proxy", true, true},
};

struct site {
	struct authority ca;
	struct identity id;
	SSL_CTX *tls;
};

static int set_up(void **state)
{
	static struct site s;
	struct wish w = {"IP:127.0.0.1", -IDENTITY_DAY, IDENTITY_DAY, false};

	s.ca = authority_make();
	s.id = identity_make(w, &s.ca.id);
	s.tls = identity_server(&s.id);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	struct site *s = *state;

	SSL_CTX_free(s->tls);
	identity_free(&s->id);
	authority_free(&s->ca);
	return 0;
}

/* Two calls by that way, the second on the connection of the first. */
static void expect_one_request(struct site *s, const struct way *way)
{
	SSL_CTX *tls = way->tls ? s->tls : NULL;
	bool tunnels = way->tls && way->proxied;
	struct peer *peer = tunnels ? peer_new_proxy(die_when_reused, tls)
	                            : peer_new(die_when_reused, tls);
	struct ses_result second;
	struct fixture f;

	fixture_init_proxied(&f,
		way->tls ? "https://127.0.0.1:%u" : "http://127.0.0.1:%u",
		peer_port(peer), way->tls ? s->ca.file : "",
		way->proxied ? peer_port(peer) : 0);
	assert_int_equal(fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_ACCEPTED);
	second = fixture_call(&f, SMALL, LONG_MS);
	fixture_clear(&f);
	assert_int_equal(second.class, OUTCOME_UNCERTAIN);
	assert_string_equal(second.code, "Transport.Reset");
	assert_int_equal(peer_requests(peer), 2);
	/* There is nothing that another connection would be good for. */
	assert_int_equal(peer_connections(peer), 1);
	peer_free(&peer);
}

static void expect_by_every_way(void **state, enum peer_manners m, const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(ways) * 2; i++) {
		const struct way *way = &ways[i / 2];

		if ((m == PEER_BREAKS_TUNNEL || m == PEER_HANGS_TUNNEL) &&
			!(way->tls && way->proxied))
			continue;
		plan.manners = m;
		plan.resets = i % 2 == 1;
		print_message("# %s: %s, then the next %s\n", way->name,
			plan.resets ? "reset" : "closed", text);
		for (unsigned n = 0; n < TIMES; n++)
			expect_one_request(*state, way);
	}
}

/* --- what they show ------------------------------------------------------------------- */

static void a_next_connection_that_is_refused_hides_nothing(void **state)
{
	expect_by_every_way(state, PEER_REFUSES, "is refused");
}

static void a_next_connection_that_breaks_hides_nothing(void **state)
{
	expect_by_every_way(state, PEER_BREAKS, "breaks");
	expect_by_every_way(state, PEER_BREAKS_TUNNEL, "breaks in its tunnel");
}

static void a_next_connection_that_hangs_hides_nothing(void **state)
{
	expect_by_every_way(state, PEER_HANGS, "hangs");
	expect_by_every_way(state, PEER_HANGS_TUNNEL, "hangs in its tunnel");
}

/* libcurl remembers that it wanted to send again, and would not begin another call. */
static void the_next_call_goes_through(void **state)
{
	struct peer *peer = peer_new(die_when_reused, NULL);
	struct fixture f;

	(void)state;
	plan.manners = PEER_SERVES;
	plan.resets = false;
	fixture_init_with(&f, "http://127.0.0.1:%u", peer_port(peer), "", 1);
	for (unsigned n = 0; n < 8; n++) {
		assert_int_equal(
			fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_ACCEPTED);
		assert_int_equal(
			fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_UNCERTAIN);
	}
	fixture_clear(&f);
	peer_free(&peer);
}

static void a_next_connection_that_would_serve_is_not_opened(void **state)
{
	expect_by_every_way(state, PEER_SERVES, "would serve");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_next_connection_that_is_refused_hides_nothing),
		cmocka_unit_test(a_next_connection_that_breaks_hides_nothing),
		cmocka_unit_test(a_next_connection_that_hangs_hides_nothing),
		cmocka_unit_test(a_next_connection_that_would_serve_is_not_opened),
		cmocka_unit_test(the_next_call_goes_through),
	};

	return cmocka_run_group_tests_name("backend_again", tests, set_up, tear_down);
}
