/* SPDX-License-Identifier: MIT */
/* auth/users, auth/password, auth/login and what they stand on: core/pool, core/rate. */
#include "auth/login.h"
#include "auth/password.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/pool.h"
#include "core/rate.h"
#include "regions.h"
#include "smtp/session.h"
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* --- passwords and users ------------------------------------------------------------------ */

static void knows_a_password_by_its_hash(void **state)
{
	char hash[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX], longest[PASSWORD_MAX + 1];
	struct err err;

	(void)state;
	assert_int_equal(password_hash("correct horse", hash, &err), 0);
	assert_int_equal(password_hash("correct horse", again, &err), 0);
	assert_string_not_equal(hash, again);
	assert_int_equal(password_check_hash(hash, &err), 0);
	assert_true(password_matches("correct horse", hash));
	assert_false(password_matches("correct horsf", hash));
	assert_false(password_matches("", hash));
	assert_int_equal(password_hash("", hash, &err), -1);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[PASSWORD_MAX] = '\0';
	assert_int_equal(password_hash(longest, hash, &err), -1);
	longest[PASSWORD_MAX - 1] = '\0';
	assert_int_equal(password_hash(longest, hash, &err), 0);
	assert_true(password_matches(longest, hash));
}

/* As other systems write them: Python's crypt made the first. */
static void takes_hashes_of_others(void **state)
{
	static const struct {
		const char *hash;
		bool good;
	} cases[] = {
		{"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
		 "O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
			true},
		{"$1$salt$qJH7.N4xYta3aEG/dfqo/0", false},
		{"rl.3StKT.4T8M", false},
		{"secret", false},
		{"", false},
		{"$y$j9T$abc", false},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			password_check_hash(cases[i].hash, &err), cases[i].good ? 0 : -1);
	assert_true(password_matches("Hello world!", cases[0].hash));
}

#define HASH   "$y$j9T$FoHcyen8xPFW.q79uvkZh1$lu2gK1q5PEmhBTSOrVkHJEv/DTO47ambXa5vN6aWxeC"
#define SHA256 "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static void reads_a_users_file(void **state)
{
	static const char text[] =
		"# who may\n\n"
		"app:" HASH "\r\n"
		"zoe:*:cert_sha256=" SHA256 "\n"
		"printer:*:cert_subject=CN=printer 7,O=Example:route=r\n";
	struct users *users;
	struct err err;
	const struct user *u;

	(void)state;
	assert_int_equal(users_parse(span_of(text), "f", &users, &err), 0);
	u = users_find(users, "app");
	assert_string_equal(u->hash, HASH);
	assert_int_equal(u->line, 3);
	assert_null(users_find(users, "App"));
	assert_null(users_find(users, ""));
	assert_ptr_equal(users_find_certificate(users,
				 "00112233445566778899aabbccddeeff"
				 "00112233445566778899aabbccddeeff",
				 "CN=x"),
		users_find(users, "zoe"));
	u = users_find_certificate(users, "ff", "CN=printer 7,O=Example");
	assert_string_equal(u->name, "printer");
	assert_string_equal(u->route, "r");
	/* Without a certificate there is no subject either. */
	assert_null(users_find_certificate(users, "", ""));
	assert_null(users_find_certificate(users, "", "CN=printer 7,O=Example"));
	users_unref(&users);
}

static void says_what_is_wrong_in_a_users_file_and_not_what_it_was(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{"app", "f:1: no hash"},
		{"\napp:swordfish\n", "f:2: no hash of a strong method"},
		{"a b:" HASH, "f:1: the name"},
		{":" HASH, "f:1: the name"},
		{"app:" HASH ":swordfish", "f:1: a field after the hash"},
		{"app:" HASH ":senders=", "f:1: senders: item 1"},
		{"app:" HASH ":senders=a@example.com,swordfish", "f:1: senders: item 2"},
		{"app:" HASH ":senders=*:senders=*", "there twice"},
		{"app:" HASH ":cert_sha256=swordfish", "64 hexadecimal"},
		{"app:" HASH "\napp:" HASH, "f:2: user \"app\" is there already"},
		{"b:*:cert_sha256=" SHA256 "\na:*:cert_sha256=" SHA256,
			"f:2: the certificate is that of user \"b\" as well"},
		{"a:*:cert_subject=CN=x\nb:*\nc:*:cert_subject=CN=x",
			"f:3: the certificate is that of user \"a\" as well"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct users *users = NULL;
		struct err err;

		assert_int_equal(
			users_parse(span_of(cases[i].text), "f", &users, &err), -1);
		assert_non_null(strstr(err.text, cases[i].said));
		assert_null(strstr(err.text, "swordfish"));
		assert_null(users);
	}
}

/* --- buckets ------------------------------------------------------------------------------ */

/* "secret", at the least cost that there is. */
#define CHEAP "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"

/* 30 users with bcrypt, 10 with yescrypt, one without a password; more: further lines. */
static struct users *mixed_users(const char *more)
{
	struct users *users;
	struct err err;
	struct buf text;

	buf_init(&text, 1 << 20, NULL);
	assert_int_equal(buf_append_str(&text, more), 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(
			buf_appendf(&text, "u%d:%s\n", i, i < 30 ? CHEAP : HASH), 0);
	assert_int_equal(buf_append_str(&text, "printer:*\n"), 0);
	assert_int_equal(
		users_parse(span_make(text.data, text.len), "f", &users, &err), 0);
	buf_free(&text);
	return users;
}

/* The time tells the method: of names that are not there it has to tell what it tells of users. */
static void hides_which_names_exist_among_hashes_of_all_methods(void **state)
{
	struct users *users = mixed_users(""), *changed = mixed_users("new:" HASH "\n");
	unsigned slow = 0, moved = 0;
	char name[20];

	(void)state;
	for (int i = 0; i < 4000; i++) {
		const char *hash;

		snprintf(name, sizeof(name), "nobody%d", i);
		hash = users_hash(users, name);
		assert_ptr_equal(hash, users_hash(users, name));
		slow += strcmp(hash, HASH) == 0;
		moved += strcmp(hash, users_hash(changed, name)) != 0;
	}
	/* A quarter; and of a 41st user a 41st part at most. */
	assert_in_range(slow, 800, 1200);
	assert_in_range(moved, 1, 200);
	assert_string_equal(users_hash(users, "u3"), CHEAP);
	assert_string_equal(users_hash(users, "u33"), HASH);
	assert_string_equal(users_hash(users, "printer"), users_hash(changed, "printer"));
	assert_true(users_hash(users, "printer")[0] == '$');
	users_unref(&users);
	users_unref(&changed);
}

static const struct rate_limit two = {.times = 2}, three = {.times = 3};

static void counts_by_client_and_forgives_in_time(void **state)
{
	struct rate *r = rate_new(NULL, 0, SHM_FAILURES, 4000); /* parts of 500 ms */

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(rate_take(r, three, "192.0.2.1", 10));
	assert_true(rate_is_spent(r, three, "192.0.2.1", 10));
	assert_false(rate_take(r, three, "192.0.2.1", 3999));
	assert_false(rate_is_spent(r, three, "192.0.2.2", 3999));
	for (int i = 0; i < 3; i++)
		assert_true(rate_take(r, three, "192.0.2.1", 4000));
	assert_false(rate_take(r, three, "192.0.2.1", 4000));
	for (int i = 0; i < 3; i++)
		assert_true(rate_take(r, three, "2001:db8::1", 10));
	assert_false(rate_take(r, three, "2001:db8::ffff:2", 10));
	assert_true(rate_take(r, three, "2001:db8:0:1::1", 10));
	for (int i = 0; i < 3; i++)
		assert_true(rate_take(r, three, "unknown", 10));
	assert_false(rate_take(r, three, "else", 10));
	rate_free(&r);
	assert_true(rate_take(NULL, three, "192.0.2.1", 0));
	assert_false(rate_is_spent(NULL, three, "192.0.2.1", 0));
}

/* At no moment more than the limit in seven eighths of the period, whenever they come. */
static void lets_no_more_in_than_the_limit_says(void **state)
{
	struct rate *r = rate_new(NULL, 0, SHM_FAILURES, 8000);
	uint64_t taken[4000];
	size_t n = 0;

	(void)state;
	for (uint64_t now = 0; now < 100000; now += 37)
		if (rate_take(r, three, "192.0.2.1", now))
			taken[n++] = now;
	assert_in_range(n, 3 * 12, 3 * 15);
	for (size_t i = 3; i < n; i++)
		assert_true(taken[i] - taken[i - 3] >= 7000);
	rate_free(&r);
}

static void two_scopes_are_two_counts(void **state)
{
	struct rate *r = rate_new(NULL, 0, SHM_FAILURES, 4000);
	struct rate_limit own = {.times = 2, .scope = rate_scope("submission")};

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_true(rate_take(r, two, "192.0.2.1", 5));
		assert_true(rate_take(r, own, "192.0.2.1", 5));
	}
	assert_false(rate_take(r, two, "192.0.2.1", 5));
	assert_false(rate_take(r, own, "192.0.2.1", 5));
	assert_true(rate_take(r, (struct rate_limit){0}, "192.0.2.1", 5)); /* any */
	rate_free(&r);
}

static void stays_as_large_as_it_is(void **state)
{
	struct rate *r = rate_new(NULL, 0, SHM_FAILURES, 1000);
	char address[48];

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(address, sizeof(address), "198.%u.%u.%u", i >> 16, i >> 8 & 255,
			i & 255);
		assert_true(rate_take(r, two, address, 5));
	}
	rate_free(&r);
}

/* Four workers, of whom each counts for itself: together no more than one may. */
static void one_limit_holds_over_all_workers(void **state)
{
	struct shm *shm = regions_new(5);
	struct rate *r[4];
	unsigned taken = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		r[i] = rate_new(shm, i + 1, SHM_CONNECTIONS, 4000);
	for (size_t i = 0; i < 40; i++)
		taken += rate_take(r[i % 4], three, "2001:db8::1", 10);
	assert_int_equal(taken, 3);
	for (size_t i = 0; i < 4; i++)
		assert_true(rate_is_spent(r[i], three, "2001:db8::2", 10));
	/* The process of a slot has ended; what it counted is gone. */
	shm_clear(shm, 1, SHM_CONNECTIONS);
	assert_false(rate_is_spent(r[2], three, "2001:db8::1", 10));
	for (size_t i = 0; i < 4; i++)
		rate_free(&r[i]);
	shm_free(&shm);
}

static void garbage_in_another_table_is_no_count(void **state)
{
	static const int bytes[] = {0xff, 0x7f, 0x01, 0x80};
	struct shm *shm = regions_new(3);
	struct rate *mad = rate_new(shm, 1, SHM_FAILURES, 4000);
	struct rate *r = rate_new(shm, 2, SHM_FAILURES, 4000);
	uint64_t *words = shm_write(shm, 1, SHM_FAILURES), key;

	(void)state;
	key = rate_key(shm_seed(shm), rate_client("192.0.2.1"), 0);
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		memset(words, bytes[i], SHM_RATE_BYTES);
		assert_false(rate_is_spent(r, three, "192.0.2.1", 10));
		/* And with the client's own name on it. */
		for (size_t w = 0; w < SHM_RATE_BYTES / 8; w += 6)
			words[w] = key;
		assert_false(rate_is_spent(r, three, "192.0.2.1", 10));
		/* Its successor counts as if nothing had been there. */
		for (int n = 0; n < 3; n++)
			assert_true(rate_take(mad, three, "192.0.2.7", 10));
		assert_false(rate_take(r, three, "192.0.2.7", 10));
	}
	rate_free(&mad);
	rate_free(&r);
	shm_free(&shm);
}

/* --- threads ------------------------------------------------------------------------------ */

struct sum {
	struct pool_job job;
	unsigned n;
	bool ran, is_done;
};

static void add(struct pool_job *job)
{
	((struct sum *)job)->n++;
}

static void note(struct pool_job *job, bool ran)
{
	struct sum *s = (struct sum *)job;

	assert_false(s->is_done);
	s->is_done = true;
	s->ran = ran;
}

static void turn_until(struct loop *loop, const bool *flag)
{
	for (int i = 0; i < 20000 && !*flag; i++) {
		loop_turn(loop);
		(void)poll(NULL, 0, 1);
	}
	assert_true(*flag);
}

static void works_beside_the_loop(void **state)
{
	struct loop *loop = loop_new();
	struct pool *pool = pool_new(loop, 2, 100, 10, NULL);
	struct sum sums[100] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
		sums[i].job = (struct pool_job){.work = add, .done = note};
		while (pool_submit(pool, &sums[i].job) < 0)
			loop_turn(loop);
	}
	for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
		turn_until(loop, &sums[i].is_done);
		assert_int_equal(sums[i].n, 1);
		assert_true(sums[i].ran);
	}
	pool_free(&pool);
	loop_free(&loop);
}

static void gives_every_job_back_at_the_end(void **state)
{
	struct loop *loop = loop_new();
	struct pool *pool = pool_new(loop, 1, 50, 10, NULL);
	struct sum sums[60] = {0};
	unsigned refused = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
		sums[i].job = (struct pool_job){.work = add, .done = note};
		if (pool_submit(pool, &sums[i].job) < 0) {
			sums[i].is_done = true;
			refused++;
		}
	}
	pool_free(&pool);
	assert_null(pool);
	for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
		assert_true(sums[i].is_done);
		assert_int_equal(sums[i].n, sums[i].ran);
	}
	assert_true(refused < 60);
	loop_free(&loop);
}

static void refuses_a_job_too_many(void **state)
{
	struct loop *loop = loop_new();
	struct pool *pool = pool_new(loop, 1, 0, 10, NULL);
	struct sum sum = {.job = {.work = add, .done = note}};

	(void)state;
	assert_int_equal(pool_submit(pool, &sum.job), -1);
	pool_free(&pool);
	assert_false(sum.is_done);
	loop_free(&loop);
}

/* --- logins ------------------------------------------------------------------------------- */

/* A client of a session, with a real authenticator behind it. */
struct scene {
	struct loop *loop;
	struct login *login;
	struct rate *failures;
	struct users *users;
	struct conf_limits limits;
	struct session_config cfg;
	struct conf_listener policy;
	struct session *session;
	bool output_ready;
};

static void wake(void *arg)
{
	((struct scene *)arg)->output_ready = true;
}

static void open_session(struct scene *s, const struct peer *peer)
{
	s->session = session_new(&s->cfg, &s->policy, peer, wake, s);
	session_start(s->session);
}

static void scene_init(struct scene *s, unsigned failures)
{
	static const struct peer peer = {
		.session_id = "0123456789abcdef", .address = "127.0.0.1"};
	char hash[PASSWORD_HASH_MAX], *text;
	struct err err;

	*s = (struct scene){.loop = loop_new()};
	clock_freeze(loop_clock(s->loop), 1000, 1767312000);
	s->failures = rate_new(NULL, 0, SHM_FAILURES, LOGIN_PERIOD);
	s->login = login_new(s->loop, s->failures, failures, &err);
	assert_non_null(s->login);
	assert_int_equal(password_hash("secret", hash, &err), 0);
	text = mem_sprintf("app:%s\nlocked:*\nprinter:*:cert_subject=CN=p\n", hash);
	assert_int_equal(users_parse(span_of(text), "f", &s->users, &err), 0);
	free(text);
	login_use(s->login, s->users);
	s->policy = (struct conf_listener){
		.name = (char *)"test", .auth = CONF_AUTH_REQUIRED};
	s->limits = (struct conf_limits){
		.message_size = 1000,
		.recipients = 3,
		.command_length = 2048,
		.errors = 100,
		.commands = 1000,
		.messages = 3,
		.command_timeout = 60000,
		.data_timeout = 300000,
		.auth_tries = 100,
	};
	s->cfg = (struct session_config){.hostname = "mx.example.com",
		.limits = &s->limits,
		.clock = loop_clock(s->loop),
		.authenticator = &login_authenticator,
		.authenticator_ctx = s->login};
	open_session(s, &peer);
}

static void scene_free(struct scene *s)
{
	session_free(&s->session);
	login_free(&s->login);
	rate_free(&s->failures);
	users_unref(&s->users);
	loop_free(&s->loop);
}

static void say(struct scene *s, const char *in)
{
	buf_clear(session_output(s->session));
	assert_int_equal(session_input(s->session, in, strlen(in)), strlen(in));
}

/* Lets the threads work, then the clock go on by ms; whether a reply was there then. */
static bool answered(struct scene *s, uint64_t ms)
{
	for (int i = 0; i < 2000 && !s->output_ready; i++) {
		loop_turn(s->loop);
		loop_advance(s->loop, 0);
		(void)poll(NULL, 0, 1);
		if (i > 300) /* the thread is long done: what is missing is time */
			break;
	}
	loop_advance(s->loop, ms);
	return s->output_ready;
}

static void expect_verdict(struct scene *s, const char *in, uint64_t ms, const char *want)
{
	s->output_ready = false;
	say(s, in);
	while (!answered(s, ms))
		;
	assert_int_equal(
		strncmp(session_output(s->session)->data, want, strlen(want)), 0);
}

/* NUL app NUL secret, NUL app NUL wrong, NUL who NUL secret, NUL locked NUL * */
#define GOOD    "AUTH PLAIN AGFwcABzZWNyZXQ=\r\n"
#define BAD     "AUTH PLAIN AGFwcAB3cm9uZw==\r\n"
#define UNKNOWN "AUTH PLAIN AHdobwBzZWNyZXQ=\r\n"
#define LOCKED  "AUTH PLAIN AGxvY2tlZAAq\r\n"
/* other NUL app NUL secret: acts for somebody else */
#define OTHER "AUTH PLAIN b3RoZXIAYXBwAHNlY3JldA==\r\n"

static void lets_in_who_knows_the_password(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, 0);
	say(&s, "EHLO c.example.com\r\n");
	expect_verdict(&s, BAD, LOGIN_DELAY, "535 5.7.8 authentication failed\r\n");
	expect_verdict(&s, UNKNOWN, LOGIN_DELAY, "535 5.7.8 authentication failed\r\n");
	expect_verdict(&s, LOCKED, LOGIN_DELAY, "535 5.7.8 authentication failed\r\n");
	expect_verdict(&s, OTHER, LOGIN_DELAY, "535 5.7.8 authentication failed\r\n");
	expect_verdict(&s, GOOD, 0, "235 2.7.0 ");
	assert_string_equal(session_peer(s.session)->login->name, "app");
	/* Users that were replaced live as long as a session that has one. */
	login_use(s.login, s.users);
	users_unref(&s.users);
	assert_string_equal(session_peer(s.session)->login->name, "app");
	scene_free(&s);
}

static void hears_nobody_who_failed_too_often(void **state)
{
	static const struct peer other = {
		.session_id = "fedcba9876543210", .address = "::1"};
	struct scene s;

	(void)state;
	scene_init(&s, 2);
	say(&s, "EHLO c.example.com\r\n");
	expect_verdict(&s, BAD, LOGIN_DELAY, "535 ");
	expect_verdict(&s, UNKNOWN, LOGIN_DELAY, "535 ");
	expect_verdict(&s, GOOD, 0, "454 4.7.0 ");
	loop_advance(s.loop, LOGIN_PERIOD);
	expect_verdict(&s, GOOD, 0, "235 2.7.0 ");
	session_free(&s.session);
	open_session(&s, &other);
	say(&s, "EHLO c.example.com\r\n");
	expect_verdict(&s, GOOD, 0, "235 2.7.0 ");
	scene_free(&s);
}

/* Sessions of one client, each of which has said in and waits. */
static void crowd_open(struct scene *s, const char *address, const char *in,
	struct session **crowd, size_t n)
{
	struct peer peer = {.session_id = "0123456789abcdef"};

	(void)str_copy(peer.address, sizeof(peer.address), address);
	for (size_t i = 0; i < n; i++) {
		session_free(&s->session);
		open_session(s, &peer);
		say(s, "EHLO c.example.com\r\n");
		say(s, in);
		crowd[i] = s->session;
		s->session = NULL;
	}
}

/* How many of them are answered so. */
static size_t crowd_count(
	struct scene *s, struct session *const *crowd, size_t n, const char *want)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		for (int k = 0; k < 100 && session_busy(crowd[i]); k++) {
			s->output_ready = false;
			(void)answered(s, LOGIN_DELAY);
		}
		found += strncmp(session_output(crowd[i])->data, want, strlen(want)) == 0;
	}
	return found;
}

static void crowd_free(struct session **crowd, size_t n)
{
	for (size_t i = 0; i < n; i++)
		session_free(&crowd[i]);
}

/* A client with many connections, which all guess before the first of them is answered, the
 * last one rightly: he learns of as many guesses as one connection would. */
static void gives_a_crowd_no_more_guesses(void **state)
{
	struct session *crowd[8];
	struct scene s;

	(void)state;
	scene_init(&s, 2);
	crowd_open(&s, "127.0.0.1", BAD, crowd, 7);
	crowd_open(&s, "127.0.0.1", GOOD, &crowd[7], 1);
	assert_int_equal(crowd_count(&s, crowd, 8, "535 5.7.8 "), 2);
	assert_int_equal(crowd_count(&s, crowd, 8, "454 4.7.0 "), 6);
	crowd_free(crowd, 8);
	scene_free(&s);
}

/* One client, be it with many addresses of his network, cannot fill the queue: who comes
 * behind him is served. */
static void leaves_room_in_the_queue_for_others(void **state)
{
	struct session *crowd[LOGIN_WAITING_CLIENT + 5], *other;
	const size_t half = LOGIN_WAITING_CLIENT / 2;
	struct scene s;
	struct err err;

	(void)state;
	scene_init(&s, 0);
	s.policy.auth_plaintext = true;
	users_unref(&s.users);
	assert_int_equal(users_parse(span_of("app:" CHEAP "\n"), "f", &s.users, &err), 0);
	login_use(s.login, s.users);
	crowd_open(&s, "2001:db8::1", BAD, crowd, half);
	crowd_open(&s, "2001:db8::2", BAD, &crowd[half], ARRAY_LEN(crowd) - half);
	crowd_open(&s, "2001:db8:0:1::1", GOOD, &other, 1);
	assert_int_equal(crowd_count(&s, &other, 1, "235 2.7.0 "), 1);
	assert_int_equal(crowd_count(&s, crowd, ARRAY_LEN(crowd), "454 4.7.0 "), 5);
	assert_int_equal(crowd_count(&s, crowd, ARRAY_LEN(crowd), "535 5.7.8 "),
		LOGIN_WAITING_CLIENT);
	crowd_free(crowd, ARRAY_LEN(crowd));
	crowd_open(&s, "2001:db8::1", GOOD, crowd, 1);
	assert_int_equal(crowd_count(&s, crowd, 1, "235 2.7.0 "), 1);
	crowd_free(crowd, 1);
	crowd_free(&other, 1);
	scene_free(&s);
}

static void knows_a_client_by_its_certificate(void **state)
{
	static const struct tls_info facts[] = {
		{.certificate.sha256 = "ff", .certificate.subject = "CN=p"},
		{.certificate.sha256 = "ff", .certificate.subject = "CN=q"},
	};
	static const struct {
		size_t facts;
		const char *in, *want;
	} cases[] = {
		{0, "AUTH EXTERNAL =\r\n", "235 2.7.0 "},
		{0, "AUTH EXTERNAL cHJpbnRlcg==\r\n", "235 2.7.0 "},
		{0, "AUTH EXTERNAL YXBw\r\n",
			"535 5.7.8 "}, /* app's name, p's certificate */
		{1, "AUTH EXTERNAL =\r\n", "535 5.7.8 "},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peer peer = {
			.session_id = "0123456789abcdef", .address = "192.0.2.1"};
		struct scene s;

		scene_init(&s, 0);
		session_free(&s.session);
		s.policy.tls = CONF_TLS_IMPLICIT;
		open_session(&s, &peer);
		session_secured(s.session, &facts[cases[i].facts]);
		say(&s, "EHLO c.example.com\r\n");
		expect_verdict(&s, cases[i].in, LOGIN_DELAY, cases[i].want);
		scene_free(&s);
	}
}

/* With a certificate, for which no thread is needed: what is left is the clock. */
static void keeps_who_guessed_wrong_waiting(void **state)
{
	static const struct tls_info facts = {
		.certificate.sha256 = "ff", .certificate.subject = "CN=q"};
	static const struct peer peer = {
		.session_id = "0123456789abcdef", .address = "192.0.2.1"};
	struct scene s;

	(void)state;
	scene_init(&s, 0);
	session_free(&s.session);
	s.policy.tls = CONF_TLS_IMPLICIT;
	open_session(&s, &peer);
	session_secured(s.session, &facts);
	say(&s, "EHLO c.example.com\r\n");
	say(&s, "AUTH EXTERNAL =\r\n");
	loop_advance(s.loop, LOGIN_DELAY - 1);
	assert_false(s.output_ready);
	loop_advance(s.loop, 1);
	assert_true(s.output_ready);
	scene_free(&s);
}

/* A client that is gone, and a worker that ends, in every phase of a login. */
static void lets_go_of_logins_that_are_under_way(void **state)
{
	(void)state;
	for (int phase = 0; phase < 4; phase++) {
		struct scene s;

		scene_init(&s, 0);
		say(&s, "EHLO c.example.com\r\n");
		say(&s, BAD);
		if (phase >= 2)
			(void)answered(&s, 1);
		if (phase % 2 == 1)
			session_free(&s.session);
		if (s.session == NULL) {
			(void)answered(&s, LOGIN_DELAY);
			assert_false(s.output_ready);
		} else {
			session_eof(s.session);
		}
		scene_free(&s);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_a_password_by_its_hash),
		cmocka_unit_test(takes_hashes_of_others),
		cmocka_unit_test(reads_a_users_file),
		cmocka_unit_test(says_what_is_wrong_in_a_users_file_and_not_what_it_was),
		cmocka_unit_test(hides_which_names_exist_among_hashes_of_all_methods),
		cmocka_unit_test(counts_by_client_and_forgives_in_time),
		cmocka_unit_test(lets_no_more_in_than_the_limit_says),
		cmocka_unit_test(two_scopes_are_two_counts),
		cmocka_unit_test(stays_as_large_as_it_is),
		cmocka_unit_test(one_limit_holds_over_all_workers),
		cmocka_unit_test(garbage_in_another_table_is_no_count),
		cmocka_unit_test(works_beside_the_loop),
		cmocka_unit_test(gives_every_job_back_at_the_end),
		cmocka_unit_test(refuses_a_job_too_many),
		cmocka_unit_test(lets_in_who_knows_the_password),
		cmocka_unit_test(keeps_who_guessed_wrong_waiting),
		cmocka_unit_test(hears_nobody_who_failed_too_often),
		cmocka_unit_test(gives_a_crowd_no_more_guesses),
		cmocka_unit_test(leaves_room_in_the_queue_for_others),
		cmocka_unit_test(knows_a_client_by_its_certificate),
		cmocka_unit_test(lets_go_of_logins_that_are_under_way),
	};

	log_use_fd(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_TEXT, LOG_DEBUG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
