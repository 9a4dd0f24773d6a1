/* SPDX-License-Identifier: MIT */
/* ses/backend: a server that cannot prove who it is gets no byte of a request. */
#include "ses/backend.h"

#include "core/str.h"

#include "backend_fixture.h"
#include "identity.h"
#include "peer.h"
#include "test.h"

#include <openssl/pem.h>

#include <string.h>
#include <sys/socket.h>

#define SMALL    400
#define LARGE    ((size_t)1024 * 1024)
#define ENDPOINT "https://127.0.0.1:%u"
#define LONG_MS  8000
#define SHORT_MS 400

/* --- calls ---------------------------------------------------------------------------- */

static void accept_all(struct peer_conn *c)
{
	while (peer_read_request(c))
		peer_accept_mail(c);
}

static struct ses_result call(struct peer *peer, const char *ca_file, uint64_t timeout_ms)
{
	struct ses_result r;
	struct fixture f;

	fixture_init_with(&f, ENDPOINT, peer_port(peer), ca_file, 1);
	r = fixture_call(&f, SMALL, timeout_ms);
	fixture_clear(&f);
	return r;
}

static void expect_refusal(SSL_CTX *tls, const char *ca_file, const char *reason)
{
	struct peer *peer = peer_new(accept_all, tls);
	struct ses_result r = call(peer, ca_file, LONG_MS);

	assert_int_equal(r.class, OUTCOME_NOT_SENT);
	assert_string_equal(r.code, "Transport.Tls");
	if (strstr(r.reason, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", r.reason, reason);
	assert_int_equal(peer_connections(peer), 1);
	assert_int_equal(peer_bytes_of(peer, 1), 0);
	peer_free(&peer);
}

static void sends_to_a_server_that_it_can_verify(void **state)
{
	struct authority ca = authority_make();
	struct identity id = identity_make(
		(struct wish){"IP:127.0.0.1", -IDENTITY_DAY, IDENTITY_DAY, false},
		&ca.id);
	SSL_CTX *tls = identity_server(&id);
	struct peer *peer = peer_new(accept_all, tls);
	struct fixture f;

	(void)state;
	fixture_init_with(&f, ENDPOINT, peer_port(peer), ca.file, 1);
	assert_int_equal(fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_ACCEPTED);
	assert_int_equal(fixture_call(&f, LARGE, LONG_MS).class, OUTCOME_ACCEPTED);
	assert_int_equal(peer_connections(peer), 1);
	fixture_clear(&f);
	peer_free(&peer);
	SSL_CTX_free(tls);
	identity_free(&id);
	authority_free(&ca);
}

static void give_ca(struct fixture *f, const struct authority *a)
{
	struct err err = {""};
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes;
	long len;

	assert_int_equal(PEM_write_bio_X509(out, a->id.cert), 1);
	len = BIO_get_mem_data(out, &bytes);
	if (backend_use_ca(f->backend, 0, span_make(bytes, (size_t)len), &err) < 0)
		fail_msg("%s", err.text);
	BIO_free(out);
}

/* The file itself may be for root alone. */
static void believes_the_cas_that_it_was_given(void **state)
{
	struct authority ca = authority_make(), other = authority_make();
	struct identity id = identity_make(
		(struct wish){"IP:127.0.0.1", -IDENTITY_DAY, IDENTITY_DAY, false},
		&ca.id);
	SSL_CTX *tls = identity_server(&id);
	struct peer *peer = peer_new(accept_all, tls);
	struct fixture f;
	struct ses_result r;

	(void)state;
	fixture_init_with(&f, ENDPOINT, peer_port(peer), "/nonexistent/ca.pem", 1);
	give_ca(&f, &ca);
	assert_int_equal(fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_ACCEPTED);
	assert_int_equal(fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_ACCEPTED);
	assert_int_equal(peer_connections(peer), 1);
	/* Others are in force at once: the connection that is kept is not used again. */
	give_ca(&f, &other);
	r = fixture_call(&f, SMALL, LONG_MS);
	assert_int_equal(r.class, OUTCOME_NOT_SENT);
	assert_string_equal(r.code, "Transport.Tls");
	give_ca(&f, &ca);
	assert_int_equal(fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_ACCEPTED);
	fixture_clear(&f);
	peer_free(&peer);
	SSL_CTX_free(tls);
	identity_free(&id);
	authority_free(&ca);
	authority_free(&other);
}

static void refuses_a_certificate_that_is_wrong(void **state)
{
	static const struct {
		const char *what, *reason;
		struct wish wish;
	} rows[] = {
		{"of another name", "no alternative certificate subject name matches",
			{"DNS:other.example.com", -IDENTITY_DAY, IDENTITY_DAY, false}},
		{"of another address", "no alternative certificate subject name matches",
			{"IP:127.0.0.2", -IDENTITY_DAY, IDENTITY_DAY, false}},
		{"expired", "certificate has expired",
			{"IP:127.0.0.1", -2 * IDENTITY_DAY, -IDENTITY_DAY, false}},
		{"not valid yet", "certificate is not yet valid",
			{"IP:127.0.0.1", IDENTITY_DAY, 2 * IDENTITY_DAY, false}},
	};
	struct authority ca = authority_make();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct identity id = identity_make(rows[i].wish, &ca.id);
		SSL_CTX *tls = identity_server(&id);

		print_message("# %s\n", rows[i].what);
		expect_refusal(tls, ca.file, rows[i].reason);
		SSL_CTX_free(tls);
		identity_free(&id);
	}
	authority_free(&ca);
}

static void refuses_a_certificate_of_a_stranger(void **state)
{
	struct authority ca = authority_make(), other = authority_make();
	struct wish wish = {"IP:127.0.0.1", -IDENTITY_DAY, IDENTITY_DAY, false};
	struct identity by_other = identity_make(wish, &other.id),
			by_itself = identity_make(wish, NULL);
	SSL_CTX *tls;

	(void)state;
	tls = identity_server(&by_other);
	expect_refusal(tls, ca.file, "OpenSSL"); /* the CA's name, but not its key */
	expect_refusal(tls, "",
		"unable to get local issuer certificate"); /* nor does the system know it */
	SSL_CTX_free(tls);
	tls = identity_server(&by_itself);
	expect_refusal(tls, ca.file, "self-signed certificate");
	SSL_CTX_free(tls);
	identity_free(&by_other);
	identity_free(&by_itself);
	authority_free(&ca);
	authority_free(&other);
}

/* TLS 1.2 is the least: RFC 8996. */
static void refuses_an_old_protocol(void **state)
{
	struct authority ca = authority_make();
	struct identity id = identity_make(
		(struct wish){"IP:127.0.0.1", -IDENTITY_DAY, IDENTITY_DAY, false},
		&ca.id);
	SSL_CTX *tls = identity_server(&id);

	(void)state;
	SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(tls, TLS1_1_VERSION);
	SSL_CTX_set_cipher_list(tls, "DEFAULT:@SECLEVEL=0");
	expect_refusal(tls, ca.file, "protocol version");
	SSL_CTX_free(tls);
	identity_free(&id);
	authority_free(&ca);
}

static void talk_without_tls(struct peer_conn *c)
{
	char byte;

	(void)recv(c->fd, &byte, 1, 0);
	peer_accept_mail(c);
}

static void say_nothing(struct peer_conn *c)
{
	peer_hang(c);
}

static void break_off(struct peer_conn *c)
{
	peer_reset(c);
}

static void a_handshake_that_fails_is_not_sent(void **state)
{
	static const struct {
		peer_script *script;
		const char *
			code; /* NULL: who breaks off at once may do so before or after */
	} rows[] = {
		{talk_without_tls, "Transport.Tls"},
		{say_nothing, "Transport.Tls"},
		{break_off, NULL},
	};
	struct authority ca = authority_make();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct peer *peer = peer_new(rows[i].script, NULL);
		struct ses_result r = call(peer, ca.file, SHORT_MS);

		print_message("# %s\n", r.code);
		assert_int_equal(r.class, OUTCOME_NOT_SENT);
		if (rows[i].code != NULL)
			assert_string_equal(r.code, rows[i].code);
		peer_free(&peer);
	}
	authority_free(&ca);
}

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

/* The same as in test_backend_faults.c, under TLS. */
static void a_reused_connection_that_is_reset_sends_once(void **state)
{
	struct authority ca = authority_make();
	struct identity id = identity_make(
		(struct wish){"IP:127.0.0.1", -IDENTITY_DAY, IDENTITY_DAY, false},
		&ca.id);
	SSL_CTX *tls = identity_server(&id);
	struct peer *peer = peer_new(reset_when_reused, tls);
	struct fixture f;

	(void)state;
	fixture_init_with(&f, ENDPOINT, peer_port(peer), ca.file, 1);
	assert_int_equal(fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_ACCEPTED);
	assert_int_equal(fixture_call(&f, SMALL, LONG_MS).class, OUTCOME_UNCERTAIN);
	fixture_clear(&f);
	assert_int_equal(peer_requests(peer), 2);
	assert_int_equal(peer_bytes_of(peer, 2), 0);
	peer_free(&peer);
	SSL_CTX_free(tls);
	identity_free(&id);
	authority_free(&ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_to_a_server_that_it_can_verify),
		cmocka_unit_test(believes_the_cas_that_it_was_given),
		cmocka_unit_test(refuses_a_certificate_that_is_wrong),
		cmocka_unit_test(refuses_a_certificate_of_a_stranger),
		cmocka_unit_test(refuses_an_old_protocol),
		cmocka_unit_test(a_handshake_that_fails_is_not_sent),
		cmocka_unit_test(a_reused_connection_that_is_reset_sends_once),
	};

	return cmocka_run_group_tests_name("backend_tls", tests, NULL, NULL);
}
