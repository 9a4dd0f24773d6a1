/* SPDX-License-Identifier: MIT */
/* net/listener and net/conn: real sockets on loopback, a frozen clock. */
#include "net/conn.h"
#include "net/drain.h"
#include "net/listener.h"
#include "net/proxy_wait.h"

#include "core/log.h"
#include "core/mem.h"
#include "test.h"

#include <event2/event.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the server ------------------------------------------------------------------------- */

struct rig {
	struct loop *loop;
	struct conf_limits limits;
	struct session_config session;
	struct conf_listener conf;
	struct ip_prefix net;
	struct listener_shared shared;
	struct listener *listener;
	int fd;
	struct sockaddr_in addr;
	unsigned idle;

	int verdict; /* of the handler: 1 or 0 */
	unsigned messages, aborted, half_closed;
	struct transaction *transaction;
	struct buf body;
};

static int on_message(void *ctx, struct transaction *t, struct reply *reply)
{
	struct rig *r = ctx;

	r->messages++;
	r->transaction = t;
	t->handler_data = r;
	buf_free(&r->body);
	r->body = t->body;
	buf_init(&t->body, 0, NULL);
	*reply = reply_make(250, "2.0.0", "accepted");
	return r->verdict;
}

static void on_aborted(void *ctx, struct transaction *t)
{
	struct rig *r = ctx;

	assert_ptr_equal(ctx, t->handler_data);
	r->aborted++;
}

static void on_half_closed(void *ctx, struct transaction *t)
{
	struct rig *r = ctx;

	assert_ptr_equal(ctx, t->handler_data);
	r->half_closed++;
}

static const struct smtp_handler handler = {
	.message = on_message, .aborted = on_aborted, .half_closed = on_half_closed};

static void on_idle(void *arg)
{
	((struct rig *)arg)->idle++;
}

static void listen_on_loopback(struct rig *r)
{
	socklen_t len = sizeof(r->addr);

	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(r->fd >= 0);
	r->addr = (struct sockaddr_in){.sin_family = AF_INET};
	r->addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(r->fd, (struct sockaddr *)&r->addr, len), 0);
	assert_int_equal(listen(r->fd, 16), 0);
	assert_int_equal(getsockname(r->fd, (struct sockaddr *)&r->addr, &len), 0);
}

static void rig_init(struct rig *r, const char *allow)
{
	*r = (struct rig){.verdict = 1};
	r->loop = loop_new();
	assert_non_null(r->loop);
	clock_freeze(loop_clock(r->loop), 1000, 1767312000);
	r->limits = (struct conf_limits){
		.message_size = 4 << 20,
		.recipients = 10,
		.command_length = 200,
		.errors = 5,
		.commands = 1000000000,
		.messages = 100,
		.command_timeout = 60000,
		.data_timeout = 300000,
	};
	r->session = (struct session_config){
		.hostname = "mx.example.com",
		.limits = &r->limits,
		.clock = loop_clock(r->loop),
		.clients = &r->shared.clients,
		.handler = &handler,
		.handler_ctx = r,
	};
	assert_int_equal(ip_parse(allow, &r->net, NULL), 0);
	r->conf = (struct conf_listener){
		.name = (char *)"test", .allow.nets = &r->net, .allow.n = 1};
	r->shared = (struct listener_shared){
		.loop = r->loop,
		.session = &r->session,
		.clients = {.sessions = 100},
		.idle = on_idle,
		.idle_arg = r,
	};
	shares_init(&r->shared.shares, 100, (const unsigned[]){0}, 1);
	buf_init(&r->body, 0, NULL);
	listen_on_loopback(r);
	r->listener = listener_new(
		&r->shared, &(struct conn_policy){.conf = &r->conf}, r->fd, NULL);
	assert_non_null(r->listener);
}

static void turn(struct rig *r)
{
	for (int i = 0; i < 100; i++)
		loop_turn(r->loop);
}

static void rig_free(struct rig *r)
{
	listener_free(&r->listener);
	listener_abort(&r->shared);
	turn(r);
	assert_int_equal(r->shared.sessions, 0);
	assert_true(LIST_EMPTY(&r->shared.conns));
	assert_int_equal(conn_limit_count(&r->shared.clients, &r->conf, "127.0.0.1"), 0);
	loop_free(&r->loop);
	assert_int_equal(r->shared.shares.open, 0);
	shares_clear(&r->shared.shares);
	buf_free(&r->body);
	close(r->fd);
}

/* --- a client ----------------------------------------------------------------------------- */

static int client_connect(struct rig *r)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&r->addr, sizeof(r->addr)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

static void client_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What has come, with "EOF" behind it where that is the end. */
static void client_expect(struct rig *r, int fd, const char *want)
{
	char got[8192];
	size_t len = 0;
	ssize_t n = -1;

	turn(r);
	while (len < sizeof(got) - 4 &&
		(n = recv(fd, got + len, sizeof(got) - 4 - len, 0)) > 0)
		len += (size_t)n;
	snprintf(got + len, 4, "%s", n == 0 ? "EOF" : "");
	assert_string_equal(got, want);
}

#define GREETING "220 mx.example.com ESMTP sesrelay\r\n"
#define ENVELOPE "MAIL FROM:<s@example.com>\r\nRCPT TO:<r@example.com>\r\nDATA\r\n"
#define ENVELOPE_OK                                                                      \
	"250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n"                              \
	"354 end with <CRLF>.<CRLF>\r\n"

/* A client that has come as far as DATA. */
static int client_in_data(struct rig *r)
{
	int fd = client_connect(r);
	char skip[1024];

	client_expect(r, fd, GREETING);
	client_send(fd, "EHLO client.example.com\r\n");
	turn(r);
	assert_true(recv(fd, skip, sizeof(skip), 0) > 0);
	client_send(fd, ENVELOPE);
	client_expect(r, fd, ENVELOPE_OK);
	return fd;
}

/* --- dialogues ---------------------------------------------------------------------------- */

static void carries_a_mail_and_closes_after_quit(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	fd = client_in_data(&r);
	client_send(fd, "hi\r\n.\r\nNOOP\r\nQUIT\r\n");
	client_expect(&r, fd,
		"250 2.0.0 accepted\r\n250 2.0.0 ok\r\n221 2.0.0 bye\r\n"
		"EOF");
	assert_string_equal(r.body.data, "hi\r\n");
	close(fd);
	turn(&r);
	assert_int_equal(r.shared.sessions, 0);
	assert_int_equal(r.idle, 1);
	rig_free(&r);
}

static void takes_bytes_one_by_one(void **state)
{
	static const char text[] = "a\n.\n\r\n..\r\n.\r\nQUIT\r\n";
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	fd = client_in_data(&r);
	for (size_t i = 0; text[i] != '\0'; i++) {
		assert_int_equal(send(fd, text + i, 1, MSG_NOSIGNAL), 1);
		loop_turn(r.loop);
	}
	client_expect(&r, fd, "250 2.0.0 accepted\r\n221 2.0.0 bye\r\nEOF");
	assert_string_equal(r.body.data, "a\r\n.\r\n\r\n.\r\n");
	close(fd);
	rig_free(&r);
}

static void carries_a_large_mail(void **state)
{
	size_t size = 3 << 20, sent = 0;
	char *text = malloc(size);
	struct rig r;
	int fd;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : 'x';
	memcpy(text + size - 5, "\r\n.\r\n", 5);
	rig_init(&r, "127.0.0.0/8");
	fd = client_in_data(&r);
	while (sent < size) {
		ssize_t n = send(fd, text + sent, size - sent, MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		loop_turn(r.loop);
	}
	client_expect(&r, fd, "250 2.0.0 accepted\r\n");
	assert_int_equal(r.body.len, size - 3);
	assert_memory_equal(r.body.data, text, size - 3);
	free(text);
	close(fd);
	rig_free(&r);
}

static void waits_for_a_client_that_does_not_read(void **state)
{
	static char noops[60000], replies[1 << 20];
	size_t n = sizeof(noops) / 6, sent = 0, got = 0, before;
	struct rig r;
	int fd, rounds = 0;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	fd = client_connect(&r);
	client_expect(&r, fd, GREETING);
	client_send(fd, "EHLO x\r\n");
	turn(&r);
	assert_true(recv(fd, replies, sizeof(replies), 0) > 0);
	for (size_t i = 0; i < sizeof(noops); i++)
		noops[i] = "NOOP\r\n"[i % 6];
	/* Until neither side moves: sixteen times what one read takes. */
	do {
		ssize_t k = send(fd, noops + sent % 6, sizeof(noops) - 6, MSG_NOSIGNAL);

		before = sent;
		sent += k > 0 ? (size_t)k : 0;
		turn(&r);
	} while (sent > before && ++rounds < 1000);
	assert_true(rounds < 1000);
	n = sent / 6;
	while (got < n * sizeof("250 2.0.0 ok\r") && rounds++ < 100000) {
		ssize_t k = recv(fd, replies, sizeof(replies), 0);

		got += k > 0 ? (size_t)k : 0;
		loop_turn(r.loop);
	}
	assert_int_equal(got, n * (sizeof("250 2.0.0 ok\r\n") - 1));
	close(fd);
	rig_free(&r);
}

static void says_why_before_it_closes(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	fd = client_connect(&r);
	client_expect(&r, fd, GREETING);
	client_send(fd, "EHLO x\r\nMAIL FROM:<s@example.com>\r\n");
	turn(&r);
	client_send(fd, "and more that nobody reads");
	client_expect(&r, fd, "503 5.5.0 bytes after EHLO before its reply\r\nEOF");
	/* It is not waited for for ever. */
	assert_int_equal(r.shared.sessions, 1);
	loop_advance(r.loop, 1000);
	turn(&r);
	assert_int_equal(r.shared.sessions, 0);
	close(fd);
	rig_free(&r);
}

/* --- who may come ------------------------------------------------------------------------- */

static void refuses_strangers(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "192.0.2.0/24");
	fd = client_connect(&r);
	client_expect(&r, fd, "554 5.7.1 127.0.0.1 may not use this relay\r\nEOF");
	close(fd);
	/* also where nobody is allowed */
	r.conf.allow.n = 0;
	fd = client_connect(&r);
	client_expect(&r, fd, "554 5.7.1 127.0.0.1 may not use this relay\r\nEOF");
	close(fd);
	assert_int_equal(r.shared.sessions, 0);
	rig_free(&r);
}

static void refuses_early_talkers(void **state)
{
	static const char *const early[] = {"EHLO x\r\n", "E"};
	struct rig r;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	for (size_t i = 0; i < ARRAY_LEN(early); i++) {
		int fd = client_connect(&r);

		client_send(fd, early[i]);
		client_expect(&r, fd, "554 5.5.0 you spoke before the greeting\r\nEOF");
		close(fd);
	}
	rig_free(&r);
}

static void keeps_its_limits_of_sessions(void **state)
{
	struct rig r;
	int a, b, c;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	r.shared.shares.max = 2;
	a = client_connect(&r);
	client_expect(&r, a, GREETING);
	b = client_connect(&r);
	client_expect(&r, b, GREETING);
	c = client_connect(&r);
	client_expect(&r, c, "421 4.3.2 too many connections, try later\r\nEOF");
	close(c);
	r.shared.shares.max = 100;
	r.shared.clients.sessions = 2;
	c = client_connect(&r);
	client_expect(&r, c, "421 4.7.0 too many connections from 127.0.0.1\r\nEOF");
	close(c);
	close(a);
	turn(&r);
	c = client_connect(&r);
	client_expect(&r, c, GREETING);
	close(b);
	close(c);
	rig_free(&r);
}

static void counts_the_connections_of_a_minute(void **state)
{
	struct rate *rate = rate_new(NULL, 0, SHM_CONNECTIONS, 60000);
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	r.shared.clients.connections = rate;
	r.shared.clients.connection_rate = 2;
	for (int i = 0; i < 2; i++) {
		fd = client_connect(&r);
		client_expect(&r, fd, GREETING);
		close(fd);
		turn(&r);
	}
	fd = client_connect(&r);
	client_expect(&r, fd,
		"421 4.7.0 too many connections from 127.0.0.1 in a minute\r\nEOF");
	close(fd);
	rig_free(&r);
	rate_free(&rate);
}

/* Whom it speaks for is limited, when it has said so. */
static void limits_no_peer_that_speaks_for_others(void **state)
{
	struct rig r;
	int a, b;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	r.conf.xclient.nets = &r.net;
	r.conf.xclient.n = 1;
	r.shared.clients.sessions = 1;
	a = client_connect(&r);
	client_expect(&r, a, GREETING);
	b = client_connect(&r);
	client_expect(&r, b, GREETING);
	close(a);
	close(b);
	rig_free(&r);
}

static void rests_when_descriptors_run_out(void **state)
{
	struct rlimit old, none;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	fd = client_connect(&r);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)fd + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn(&r);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	client_expect(&r, fd, ""); /* it does not even look: it rests */
	loop_advance(r.loop, 500);
	client_expect(&r, fd, GREETING);
	close(fd);
	rig_free(&r);
}

/* --- while the handler works --------------------------------------------------------------- */

static void sends_a_late_reply(void **state)
{
	struct reply ok = reply_make(250, "2.0.0", "late");
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	r.verdict = 0;
	fd = client_in_data(&r);
	client_send(fd, "hi\r\n.\r\nNOOP\r\n");
	client_expect(&r, fd, "");
	client_send(fd, "NOOP\r\n");
	client_expect(&r, fd, "");
	loop_advance(r.loop, 10000000);
	client_expect(&r, fd, "");
	transaction_finish(r.transaction, &ok, NULL, NULL);
	client_expect(&r, fd, "250 2.0.0 late\r\n250 2.0.0 ok\r\n250 2.0.0 ok\r\n");
	close(fd);
	rig_free(&r);
	assert_int_equal(r.aborted, 0);
}

enum leaving { BY_FIN, BY_RESET, BY_FIN_WITH_BYTES_UNREAD };

static void leave(struct rig *r, int fd, enum leaving how)
{
	struct linger hard = {.l_onoff = 1};

	if (how == BY_RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	if (how == BY_FIN_WITH_BYTES_UNREAD)
		client_send(fd, "NOOP\r\n");
	close(fd);
	turn(r);
}

static void sees_that_a_waiting_client_is_gone(void **state)
{
	struct reply ok = reply_make(250, "2.0.0", "late");

	(void)state;
	for (enum leaving how = BY_FIN; how <= BY_FIN_WITH_BYTES_UNREAD; how++) {
		struct rig r;
		int fd;

		rig_init(&r, "127.0.0.0/8");
		r.verdict = 0;
		fd = client_in_data(&r);
		client_send(fd, "hi\r\n.\r\n");
		client_expect(&r, fd, "");
		leave(&r, fd, how);
		assert_int_equal(r.aborted, how == BY_RESET);
		assert_int_equal(r.half_closed, how != BY_RESET);
		assert_int_equal(r.shared.sessions, how != BY_RESET);
		if (how != BY_RESET) {
			transaction_finish(r.transaction, &ok, NULL, NULL);
			turn(&r);
			loop_advance(r.loop, 5000);
			assert_int_equal(r.shared.sessions, 0);
		}
		rig_free(&r);
		assert_int_equal(r.aborted, how == BY_RESET);
	}
}

static void answers_a_client_that_has_closed_its_side(void **state)
{
	struct reply ok = reply_make(250, "2.0.0", "late");
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	r.verdict = 0;
	fd = client_in_data(&r);
	client_send(fd, "hi\r\n.\r\nQUIT\r\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	client_expect(&r, fd, "");
	assert_int_equal(r.half_closed, 1);
	assert_int_equal(r.aborted, 0);
	transaction_finish(r.transaction, &ok, NULL, NULL);
	client_expect(&r, fd, "250 2.0.0 late\r\n221 2.0.0 bye\r\nEOF");
	close(fd);
	rig_free(&r);
	assert_int_equal(r.aborted, 0);
}

/* Behind a half-closed side the end of the rest is seen, too. */
static void sees_a_reset_behind_a_closed_side(void **state)
{
	struct linger hard = {.l_onoff = 1};
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	r.verdict = 0;
	fd = client_in_data(&r);
	client_send(fd, "hi\r\n.\r\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	client_expect(&r, fd, "");
	assert_int_equal(r.half_closed, 1);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	close(fd);
	turn(&r);
	assert_int_equal(r.aborted, 1);
	assert_int_equal(r.shared.sessions, 0);
	rig_free(&r);
}

static void set_true(void *arg)
{
	*(bool *)arg = true;
}

/* Deaf is not busy: bytes that wait in the socket must not wake the loop again and again. */
static void sleeps_while_it_takes_no_input(void **state)
{
	struct loop_timer *timer;
	bool fired = false;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	r.verdict = 0;
	fd = client_in_data(&r);
	client_send(fd, "hi\r\n.\r\n");
	client_expect(&r, fd, "");
	client_send(fd, "NOOP\r\n");
	turn(&r);
	*loop_clock(r.loop) = (struct clock){0}; /* real time */
	timer = loop_timer_new(r.loop, set_true, &fired);
	loop_timer_set(timer, 50);
	/* The first thing that happens is the timer. */
	assert_int_equal(event_base_loop(loop_base(r.loop), EVLOOP_ONCE), 0);
	assert_true(fired);
	loop_timer_free(&timer);
	close(fd);
	rig_free(&r);
}

/* --- time and shutdown ---------------------------------------------------------------------- */

static void closes_at_the_deadline(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	fd = client_connect(&r);
	client_expect(&r, fd, GREETING);
	loop_advance(r.loop, 50000);
	client_send(fd, "NOOP\r\n");
	client_expect(&r, fd, "250 2.0.0 ok\r\n");
	loop_advance(r.loop, 59999);
	client_send(fd, "NO");
	client_expect(&r, fd, "");
	loop_advance(r.loop, 1);
	client_expect(&r, fd, "421 4.4.2 no command came in time\r\nEOF");
	close(fd);
	rig_free(&r);
}

#define GOODBYE "421 4.3.2 mx.example.com goes down\r\nEOF"

static void drains_and_tells_when_it_is_idle(void **state)
{
	struct reply ok = reply_make(250, "2.0.0", "late");
	struct drain *drain;
	struct rig r;
	int waiting, resting, leaving;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	r.verdict = 0;
	waiting = client_in_data(&r);
	client_send(waiting, "hi\r\n.\r\n");
	resting = client_connect(&r);
	client_expect(&r, resting, GREETING);
	leaving = client_in_data(&r);
	listener_free(&r.listener);
	drain = drain_new(&r.shared, 0);
	client_expect(&r, resting, GOODBYE);
	client_expect(&r, leaving, "");
	drain_cut(drain);
	client_expect(&r, leaving, GOODBYE);
	client_expect(&r, waiting, "");
	close(resting);
	close(leaving);
	turn(&r);
	assert_int_equal(r.shared.sessions, 1);
	assert_int_equal(r.idle, 0);
	transaction_finish(r.transaction, &ok, NULL, NULL);
	client_expect(&r, waiting, "250 2.0.0 late\r\n" GOODBYE);
	close(waiting);
	turn(&r);
	assert_int_equal(r.idle, 1);
	drain_free(&drain);
	rig_free(&r);
}

static void carries_a_mail_to_its_end_while_it_drains(void **state)
{
	struct drain *drain;
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	fd = client_in_data(&r);
	client_send(fd, "hi\r\n");
	turn(&r);
	drain = drain_new(&r.shared, 0);
	loop_advance(r.loop, 1000);
	client_expect(&r, fd, "");
	client_send(fd, "there\r\n.\r\n");
	client_expect(&r, fd, "250 2.0.0 accepted\r\n" GOODBYE);
	assert_string_equal(r.body.data, "hi\r\nthere\r\n");
	close(fd);
	drain_free(&drain);
	rig_free(&r);
}

#define CROWD 60

static unsigned count_told(struct rig *r, const int fds[CROWD])
{
	unsigned n = 0;
	char byte;

	turn(r);
	for (size_t i = 0; i < CROWD; i++)
		n += recv(fds[i], &byte, 1, MSG_PEEK) == 1;
	return n;
}

static void tells_idle_sessions_a_few_at_a_time(void **state)
{
	const uint64_t steps = 4;
	struct drain *drain;
	int fds[CROWD];
	struct rig r;
	unsigned told;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	for (size_t i = 0; i < CROWD; i++) {
		fds[i] = client_connect(&r);
		client_expect(&r, fds[i], GREETING);
	}
	drain = drain_new(&r.shared, steps * DRAIN_STEP_MS);
	told = count_told(&r, fds);
	assert_in_range(told, 1, CROWD / 2);
	for (uint64_t i = 0; i < steps; i++) {
		unsigned before = told;

		loop_advance(r.loop, DRAIN_STEP_MS);
		told = count_told(&r, fds);
		assert_in_range(told - before, 0, CROWD / 2);
	}
	assert_int_equal(told, CROWD);
	for (size_t i = 0; i < CROWD; i++)
		close(fds[i]);
	drain_free(&drain);
	rig_free(&r);
}

static void tells_those_who_come_late_to_come_again(void **state)
{
	struct drain *drain;
	struct rig r;
	int late;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	late = client_connect(&r);
	drain = drain_new(&r.shared, 0);
	assert_true(listener_accepts(r.listener));
	listener_accept(r.listener);
	listener_stop(r.listener);
	assert_false(listener_accepts(r.listener));
	client_expect(&r, late, GOODBYE);
	close(late);
	/* It waits in the socket, for another process. */
	late = client_connect(&r);
	client_expect(&r, late, "");
	close(late);
	drain_free(&drain);
	rig_free(&r);
}

static void aborts_what_is_left(void **state)
{
	struct rig r;
	int a, b;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	r.verdict = 0;
	a = client_in_data(&r);
	client_send(a, "hi\r\n.\r\n");
	b = client_connect(&r);
	client_expect(&r, b, GREETING);
	listener_abort(&r.shared);
	turn(&r);
	assert_int_equal(r.aborted, 1);
	assert_int_equal(r.idle, 1);
	client_expect(&r, a, "EOF");
	client_expect(&r, b, "EOF");
	close(a);
	close(b);
	rig_free(&r);
}

/* --- behind a proxy ----------------------------------------------------------------------- */

static struct ip_prefix proxy_net;

/* Loopback is the proxy's; 192.0.2.0/24 may send. */
static void rig_init_proxy(struct rig *r)
{
	rig_init(r, "192.0.2.0/24");
	assert_int_equal(ip_parse("127.0.0.1", &proxy_net, NULL), 0);
	r->conf.proxy.nets = &proxy_net;
	r->conf.proxy.n = 1;
}

static void takes_the_client_behind_a_proxy(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init_proxy(&r);
	fd = client_connect(&r);
	client_expect(&r, fd, "");
	client_send(fd, "PROXY TCP4 192.0.2.9 ");
	client_expect(&r, fd, "");
	client_send(fd, "198.51.100.1 4711 25\r\n");
	client_expect(&r, fd, GREETING);
	assert_int_equal(conn_limit_count(&r.shared.clients, &r.conf, "192.0.2.9"), 1);
	assert_int_equal(conn_limit_count(&r.shared.clients, &r.conf, "127.0.0.1"), 0);
	client_send(fd, "QUIT\r\n");
	client_expect(&r, fd, "221 2.0.0 bye\r\nEOF");
	close(fd);
	rig_free(&r);
}

static void holds_the_client_to_the_rules(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init_proxy(&r);
	fd = client_connect(&r);
	client_send(fd, "PROXY TCP4 203.0.113.9 198.51.100.1 4711 25\r\n");
	client_expect(&r, fd, "554 5.7.1 203.0.113.9 may not use this relay\r\nEOF");
	close(fd);
	fd = client_connect(&r);
	client_send(fd, "PROXY TCP4 192.0.2.9 198.51.100.1 4711 25\r\nEHLO x\r\n");
	client_expect(&r, fd, "554 5.5.0 you spoke before the greeting\r\nEOF");
	close(fd);
	/* The proxy's own checks count as its own. */
	fd = client_connect(&r);
	client_send(fd, "PROXY UNKNOWN\r\n");
	client_expect(&r, fd, "554 5.7.1 127.0.0.1 may not use this relay\r\nEOF");
	close(fd);
	rig_free(&r);
}

static void says_nothing_without_a_header(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init_proxy(&r);
	fd = client_connect(&r);
	client_send(fd, "EHLO x\r\n");
	turn(&r);
	assert_true(recv(fd, (char[1]){0}, 1, 0) <= 0);
	close(fd);
	/* It may not take for ever. */
	fd = client_connect(&r);
	client_send(fd, "PROXY ");
	client_expect(&r, fd, "");
	loop_advance(r.loop, PROXY_WAIT_TIMEOUT - 1);
	client_expect(&r, fd, "");
	loop_advance(r.loop, 1);
	client_expect(&r, fd, "EOF");
	close(fd);
	/* Nor wait past the listener's end. */
	fd = client_connect(&r);
	client_send(fd, "PROXY ");
	client_expect(&r, fd, "");
	rig_free(&r);
	close(fd);
}

/* Clients that hold all that one listener can have leave the other its part. */
static void leaves_another_listener_its_part(void **state)
{
	struct sockaddr_in first;
	struct listener *other;
	int fds[4], fd;
	struct rig r;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	shares_clear(&r.shared.shares);
	shares_init(&r.shared.shares, 4, (const unsigned[]){0, 0}, 2);
	first = r.addr;
	fd = r.fd;
	listen_on_loopback(&r);
	other = listener_new(&r.shared,
		&(struct conn_policy){.conf = &r.conf, .share = 1}, r.fd, NULL);
	assert_non_null(other);
	for (size_t i = 0; i < 3; i++) {
		fds[i] = client_connect(&r);
		client_expect(&r, fds[i], GREETING);
	}
	fds[3] = client_connect(&r);
	client_expect(&r, fds[3], "421 4.3.2 too many connections, try later\r\nEOF");
	close(fds[3]);
	r.addr = first;
	fds[3] = client_connect(&r);
	client_expect(&r, fds[3], GREETING);
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
	listener_free(&other);
	close(fd);
	rig_free(&r);
}

/* Bytes that the client has sent and the kernel on our side has not acknowledged. */
static int unacknowledged(int fd)
{
	int bytes = -1;

	assert_int_equal(ioctl(fd, SIOCOUTQ, &bytes), 0);
	return bytes;
}

/* A client without TCP_NODELAY waits for that before it sends the next piece. */
static void acknowledges_pieces_at_once(void **state)
{
	static const char *const pieces[] = {
		"From: s@example.com\r\n", "\r\n", "hel", "lo\r", "\n"};
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.0/8");
	fd = client_connect(&r);
	client_expect(&r, fd, GREETING);
	client_send(fd, "HELO client.example.com\r\n");
	client_expect(&r, fd, "250 mx.example.com\r\n");
	for (int i = 0; i < 3; i++) {
		client_send(fd, "MAIL FROM:");
		turn(&r);
		assert_int_equal(unacknowledged(fd), 0);
		client_send(fd, "<s@example.com>\r\n");
		client_expect(&r, fd, "250 2.1.0 sender ok\r\n");
		client_send(fd, "RCPT TO:<r@example.com>\r\n");
		client_expect(&r, fd, "250 2.1.5 recipient ok\r\n");
		client_send(fd, "DATA\r\n");
		client_expect(&r, fd, "354 end with <CRLF>.<CRLF>\r\n");
		for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
			client_send(fd, pieces[k]);
			turn(&r);
			assert_int_equal(unacknowledged(fd), 0);
		}
		client_send(fd, ".\r\n");
		client_expect(&r, fd, "250 2.0.0 accepted\r\n");
	}
	close(fd);
	rig_free(&r);
}

static void headers_that_are_awaited_count_as_sessions(void **state)
{
	struct rig r;
	int first, second;

	(void)state;
	rig_init_proxy(&r);
	r.shared.shares.max = 1;
	first = client_connect(&r);
	client_expect(&r, first, "");
	second = client_connect(&r);
	client_expect(&r, second, "EOF");
	client_send(first, "PROXY TCP4 192.0.2.9 198.51.100.1 4711 25\r\n");
	client_expect(&r, first, GREETING);
	close(first);
	close(second);
	rig_free(&r);
}

static void answers_who_waits_for_its_proxy_while_it_drains(void **state)
{
	struct drain *drain;
	struct rig r;
	int comes, fails;

	(void)state;
	rig_init_proxy(&r);
	comes = client_connect(&r);
	fails = client_connect(&r);
	client_send(comes, "PROXY TCP4 192.0.2.9 ");
	client_expect(&r, comes, "");
	assert_int_equal(r.shared.waiting, 2);
	drain = drain_new(&r.shared, 0);
	listener_stop(r.listener);
	client_send(comes, "198.51.100.1 4711 25\r\n");
	client_expect(&r, comes, GOODBYE);
	assert_int_equal(r.idle, 0);
	close(fails);
	turn(&r);
	assert_int_equal(r.shared.waiting, 0);
	assert_int_equal(r.idle, 1);
	close(comes);
	drain_free(&drain);
	rig_free(&r);
}

static void nobody_else_is_asked_for_a_header(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r, "127.0.0.1");
	fd = client_connect(&r);
	client_expect(&r, fd, GREETING);
	client_send(fd, "PROXY TCP4 192.0.2.9 198.51.100.1 4711 25\r\n");
	client_expect(&r, fd, "500 5.5.1 unknown command\r\n");
	close(fd);
	rig_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_a_mail_and_closes_after_quit),
		cmocka_unit_test(takes_bytes_one_by_one),
		cmocka_unit_test(carries_a_large_mail),
		cmocka_unit_test(waits_for_a_client_that_does_not_read),
		cmocka_unit_test(says_why_before_it_closes),
		cmocka_unit_test(refuses_strangers),
		cmocka_unit_test(refuses_early_talkers),
		cmocka_unit_test(keeps_its_limits_of_sessions),
		cmocka_unit_test(counts_the_connections_of_a_minute),
		cmocka_unit_test(limits_no_peer_that_speaks_for_others),
		cmocka_unit_test(rests_when_descriptors_run_out),
		cmocka_unit_test(sends_a_late_reply),
		cmocka_unit_test(sees_that_a_waiting_client_is_gone),
		cmocka_unit_test(answers_a_client_that_has_closed_its_side),
		cmocka_unit_test(sees_a_reset_behind_a_closed_side),
		cmocka_unit_test(sleeps_while_it_takes_no_input),
		cmocka_unit_test(closes_at_the_deadline),
		cmocka_unit_test(drains_and_tells_when_it_is_idle),
		cmocka_unit_test(carries_a_mail_to_its_end_while_it_drains),
		cmocka_unit_test(tells_idle_sessions_a_few_at_a_time),
		cmocka_unit_test(tells_those_who_come_late_to_come_again),
		cmocka_unit_test(aborts_what_is_left),
		cmocka_unit_test(takes_the_client_behind_a_proxy),
		cmocka_unit_test(holds_the_client_to_the_rules),
		cmocka_unit_test(says_nothing_without_a_header),
		cmocka_unit_test(leaves_another_listener_its_part),
		cmocka_unit_test(acknowledges_pieces_at_once),
		cmocka_unit_test(headers_that_are_awaited_count_as_sessions),
		cmocka_unit_test(answers_who_waits_for_its_proxy_while_it_drains),
		cmocka_unit_test(nobody_else_is_asked_for_a_header),
	};

	log_use_fd(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_TEXT, LOG_DEBUG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
