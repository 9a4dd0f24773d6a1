/* SPDX-License-Identifier: MIT */
/* admin/http and admin/http_request: real sockets on loopback, a frozen clock. */
#include "admin/host.h"
#include "admin/http.h"
#include "admin/http_request.h"

#include "core/mem.h"
#include "test.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the server ----------------------------------------------------------------------- */

struct rig {
	struct loop *loop;
	struct http_server *server;
	int fd;
	struct sockaddr_in addr;
};

#define LARGE (3 * 1024 * 1024)

static unsigned page_small(void *arg, struct buf *body)
{
	(void)arg;
	return buf_append_str(body, "hello\n") == 0 ? 200 : 500;
}

static unsigned page_large(void *arg, struct buf *body)
{
	char *bytes = mem_new(LARGE, 1);
	int rc = buf_append(body, bytes, LARGE);

	(void)arg;
	free(bytes);
	return rc == 0 ? 200 : 500;
}

static unsigned page_busy(void *arg, struct buf *body)
{
	(void)arg;
	return buf_append_str(body, "not now\n") == 0 ? 503 : 500;
}

static const struct http_page pages[] = {
	{"/page", "text/plain", page_small},
	{"/large", "text/plain", page_large},
	{"/busy", "text/plain", page_busy},
	{NULL, NULL, NULL},
};

static char *host_items[] = {(char *)"gateway.example.com", (char *)"*.example.net",
	(char *)"192.0.2.7", (char *)"2001:db8::7"};
static const struct conf_list hosts = {.items = host_items, .n = ARRAY_LEN(host_items)};

static void rig_init(struct rig *r)
{
	socklen_t len = sizeof(r->addr);
	int send_buffer = 65536; /* the kernel would else take a large page whole */
	struct err err;

	*r = (struct rig){.loop = loop_new()};
	clock_freeze(loop_clock(r->loop), 1000, 1700000000);
	r->addr.sin_family = AF_INET;
	r->addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(r->fd, (struct sockaddr *)&r->addr, len), 0);
	setsockopt(r->fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
	assert_int_equal(listen(r->fd, 256), 0);
	assert_int_equal(getsockname(r->fd, (struct sockaddr *)&r->addr, &len), 0);
	r->server = http_server_new(r->loop, r->fd,
		&(struct http_site){.pages = pages, .hosts = &hosts}, &err);
	assert_non_null(r->server);
}

static void rig_free(struct rig *r)
{
	http_server_free(&r->server);
	loop_free(&r->loop);
	close(r->fd);
}

static void turn(struct rig *r)
{
	for (int i = 0; i < 20; i++)
		loop_turn(r->loop);
}

/* --- a client ------------------------------------------------------------------------- */

static int client_connect(struct rig *r)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&r->addr, sizeof(r->addr)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	turn(r);
	return fd;
}

static void client_send(struct rig *r, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	turn(r);
}

/* Everything that comes without further waiting; *end tells whether it was the end. */
static size_t client_read(struct rig *r, int fd, char *out, size_t cap, bool *end)
{
	size_t len = 0;
	ssize_t n;

	do {
		turn(r);
		n = recv(fd, out + len, cap - 1 - len, 0);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0 && len < cap - 1);
	out[len] = '\0';
	*end = n == 0 || (n < 0 && errno == ECONNRESET);
	return len;
}

static bool has_ended(struct rig *r, int fd)
{
	char skip[4096];
	bool end;

	(void)client_read(r, fd, skip, sizeof(skip), &end);
	return end;
}

/* Sends a request and looks at the beginning of the answer, and at whether it is the end. */
static void asks(const char *request, const char *want, bool want_end)
{
	struct rig r;
	char got[8192];
	bool end;
	int fd;

	rig_init(&r);
	fd = client_connect(&r);
	client_send(&r, fd, request);
	(void)client_read(&r, fd, got, sizeof(got), &end);
	if (strncmp(got, want, strlen(want)) != 0 || end != want_end)
		fail_msg("%s\n gave %s\n not %s", request, got, want);
	close(fd);
	rig_free(&r);
}

#define HOST "Host: localhost\r\n"

static void answers_what_is_asked(void **state)
{
	(void)state;
	asks("GET /page HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n", false);
	asks("GET /page HTTP/1.1\n" HOST "\n", "HTTP/1.1 200 OK\r\n", false);
	asks("GET /page?x=1 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ", false);
	asks("GET http://localhost/page HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 ",
		false);
	asks("GET /page HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "HTTP/1.1 200 ",
		true);
	asks("GET /page HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", true);
	asks("GET /busy HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 503 ", false);
	asks("GET /none HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404 ", false);
	asks("GET / HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 404 ", false);
	asks("DELETE /page HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 405 ", false);
	asks("POST /page HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", "HTTP/1.1 405 ",
		true);
	asks("POST /page HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 405 ", true);
}

static void refuses_what_is_no_request(void **state)
{
	static const char *const bad[] = {
		"\r\n\r\n",
		"GET\r\n\r\n",
		"GET /page\r\n\r\n",
		"GET page HTTP/1.1\r\n" HOST "\r\n",
		" /page HTTP/1.1\r\n" HOST "\r\n",
		"G\x01T /page HTTP/1.1\r\n" HOST "\r\n",
		"GET /page HTTP/1.1x\r\n" HOST "\r\n",
		"GET /page FTP/1.1\r\n" HOST "\r\n",
		"GET /page HTTP/1.1\r\n" HOST "no field\r\n\r\n",
		"GET /page HTTP/1.1\r\n" HOST " folded: x\r\n\r\n",
		"GET /page HTTP/1.1\r\n" HOST ": x\r\n\r\n",
		"GET /page HTTP/1.1\r\n" HOST HOST "\r\n",
		"GET /page HTTP/1.1\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		asks(bad[i], "HTTP/1.1 400 ", true);
	asks("GET /page HTTP/2.0\r\n" HOST "\r\n", "HTTP/1.1 505 ", true);
}

static void refuses_a_head_that_is_too_long(void **state)
{
	char request[HTTP_HEAD_MAX + 100];
	struct http_request r;
	char nul[] = "GET /page HTTP/1.0\r\nX: \0\r\n\r\n";

	(void)state;
	memset(request, 'a', sizeof(request));
	memcpy(request, "GET /", 5);
	request[sizeof(request) - 1] = '\0';
	asks(request, "HTTP/1.1 431 ", true);
	assert_int_equal(http_request_parse(&r, nul, sizeof(nul) - 1), 400);
}

static void answers_one_after_the_other(void **state)
{
	static const char request[] = "GET /page HTTP/1.1\r\n" HOST "\r\n";
	struct rig r;
	char got[8192];
	unsigned n = 0;
	bool end;
	int fd;

	(void)state;
	rig_init(&r);
	fd = client_connect(&r);
	client_send(&r, fd,
		"GET /page HTTP/1.1\r\n" HOST "\r\nGET /page HTTP/1.1\r\n" HOST "\r\n");
	client_send(&r, fd, request);
	(void)client_read(&r, fd, got, sizeof(got), &end);
	for (const char *p = got; (p = strstr(p, "hello\n")) != NULL; p++)
		n++;
	assert_int_equal(n, 3);
	assert_false(end);
	close(fd);
	rig_free(&r);
}

static void tells_the_length_alone_to_head(void **state)
{
	struct rig r;
	char got[8192];
	bool end;
	int fd;

	(void)state;
	rig_init(&r);
	fd = client_connect(&r);
	client_send(&r, fd, "HEAD /page HTTP/1.1\r\n" HOST "\r\n");
	(void)client_read(&r, fd, got, sizeof(got), &end);
	assert_non_null(strstr(got, "Content-Length: 6\r\n"));
	assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n");
	close(fd);
	rig_free(&r);
}

/* --- Host ----------------------------------------------------------------------------- */

static void asks_host(const char *host, const char *want)
{
	char request[1024];

	snprintf(request, sizeof(request),
		"GET /page HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
	asks(request, want, true);
}

static void serves_its_own_names_alone(void **state)
{
	static const char *const own[] = {"localhost", "LOCALHOST:1", "localhost.",
		"127.0.0.1", "127.0.0.1:8025", "127.9.9.9", "[::1]", "[::1]:80",
		"gateway.example.com", "Gateway.Example.com.:99", "a.example.net",
		"192.0.2.7:80", "[2001:db8::7]", "[2001:DB8:0::7]:80"};
	static const char *const others[] = {"", "rebound.example", "localhost.example",
		"example.net", "192.0.2.8", "[2001:db8::8]", "::1", "[::1", "[::1]x",
		"localhost:x", "localhost:80:80", "127.0.0.1.example", "user@localhost",
		"http://localhost"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		asks_host(own[i], "HTTP/1.1 200 ");
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		asks_host(others[i], "HTTP/1.1 421 ");
	/* The target's own name counts, not the field's (RFC 9112, 3.2.2). */
	asks("GET http://rebound.example/page HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 421 ",
		false);
}

static void serves_the_address_that_was_asked(void **state)
{
	struct sockaddr_in local = {.sin_family = AF_INET};
	struct sockaddr_in6 local6 = {.sin6_family = AF_INET6};
	const struct conf_list none = {0};

	(void)state;
	local.sin_addr.s_addr = htonl(0xc0000201);
	local6.sin6_addr.s6_addr[0] = 0xfd;
	assert_true(host_is_served("192.0.2.1:8025", (struct sockaddr *)&local, &none));
	assert_false(host_is_served("192.0.2.2:8025", (struct sockaddr *)&local, &none));
	assert_true(host_is_served("[fd00::]:8025", (struct sockaddr *)&local6, &none));
	assert_false(host_is_served("[fd00::1]", (struct sockaddr *)&local6, &none));
	assert_false(host_is_served("unknown", (struct sockaddr *)&local, &none));
	assert_true(host_is_served(NULL, (struct sockaddr *)&local, &none));
}

/* --- time and number ------------------------------------------------------------------ */

static void ends_a_request_that_trickles(void **state)
{
	struct rig r;
	unsigned sent = 0;
	int fd;

	(void)state;
	rig_init(&r);
	fd = client_connect(&r);
	client_send(&r, fd, "GET /page?");
	while (sent < 100 && !has_ended(&r, fd)) {
		client_send(&r, fd, "x");
		loop_advance(r.loop, 1000);
		sent++;
	}
	assert_int_equal(sent, HTTP_REQUEST_MS / 1000);
	close(fd);
	rig_free(&r);
}

static void ends_a_connection_that_asks_nothing(void **state)
{
	struct rig r;
	int fd;

	(void)state;
	rig_init(&r);
	fd = client_connect(&r);
	loop_advance(r.loop, HTTP_REQUEST_MS - 1);
	client_send(&r, fd, "GET /page HTTP/1.1\r\n" HOST "\r\n");
	/* An answer begins the time anew. */
	loop_advance(r.loop, HTTP_REQUEST_MS - 1);
	assert_false(has_ended(&r, fd));
	loop_advance(r.loop, 1);
	assert_true(has_ended(&r, fd));
	close(fd);
	rig_free(&r);
}

static void ends_a_client_that_does_not_read(void **state)
{
	struct rig r;
	char *got = mem_new(LARGE + 8192, 1);
	char one[2];
	size_t all = 0;
	ssize_t n;
	int fd, small = 4096;

	(void)state;
	rig_init(&r);
	fd = client_connect(&r);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	client_send(&r, fd, "GET /large HTTP/1.1\r\n" HOST "\r\n");
	/* A byte now and then is no progress. */
	for (unsigned s = 0; s < HTTP_RESPONSE_MS / 1000; s++) {
		assert_int_equal(recv(fd, one, 1, 0), 1);
		turn(&r);
		loop_advance(r.loop, 1000);
	}
	turn(&r);
	/* What the kernel has taken still comes, and then the end. */
	do {
		assert_int_equal(
			poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000), 1);
		n = recv(fd, got, LARGE, 0);
		all += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	assert_true(all < LARGE);
	free(got);
	close(fd);
	rig_free(&r);
}

static void a_reader_gets_the_whole_of_a_large_page(void **state)
{
	struct rig r;
	char *got = mem_new(LARGE + 8192, 1);
	bool end;
	int fd;

	(void)state;
	rig_init(&r);
	fd = client_connect(&r);
	client_send(&r, fd, "GET /large HTTP/1.1\r\n" HOST "\r\n");
	assert_true(client_read(&r, fd, got, LARGE + 8192, &end) > LARGE);
	assert_false(end);
	free(got);
	close(fd);
	rig_free(&r);
}

static void the_oldest_makes_room_for_one_more(void **state)
{
	int fds[HTTP_CONNECTIONS_MAX + 1];
	struct rig r;
	char got[4096];
	bool end;

	(void)state;
	rig_init(&r);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = client_connect(&r);
	assert_true(has_ended(&r, fds[0]));
	assert_false(has_ended(&r, fds[1]));
	client_send(&r, fds[HTTP_CONNECTIONS_MAX], "GET /page HTTP/1.0\r\n\r\n");
	(void)client_read(&r, fds[HTTP_CONNECTIONS_MAX], got, sizeof(got), &end);
	assert_non_null(strstr(got, "hello\n"));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	rig_free(&r);
}

static void stops_accepting_and_still_answers(void **state)
{
	struct rig r;
	char got[4096];
	bool end;
	int fd, late;

	(void)state;
	rig_init(&r);
	fd = client_connect(&r);
	http_server_stop(r.server);
	late = client_connect(&r);
	client_send(&r, late, "GET /page HTTP/1.0\r\n\r\n");
	client_send(&r, fd, "GET /page HTTP/1.0\r\n\r\n");
	assert_true(client_read(&r, fd, got, sizeof(got), &end) > 0);
	assert_int_equal(client_read(&r, late, got, sizeof(got), &end), 0);
	close(fd);
	close(late);
	rig_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_what_is_asked),
		cmocka_unit_test(refuses_what_is_no_request),
		cmocka_unit_test(refuses_a_head_that_is_too_long),
		cmocka_unit_test(answers_one_after_the_other),
		cmocka_unit_test(tells_the_length_alone_to_head),
		cmocka_unit_test(serves_its_own_names_alone),
		cmocka_unit_test(serves_the_address_that_was_asked),
		cmocka_unit_test(ends_a_request_that_trickles),
		cmocka_unit_test(ends_a_connection_that_asks_nothing),
		cmocka_unit_test(ends_a_client_that_does_not_read),
		cmocka_unit_test(a_reader_gets_the_whole_of_a_large_page),
		cmocka_unit_test(the_oldest_makes_room_for_one_more),
		cmocka_unit_test(stops_accepting_and_still_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
