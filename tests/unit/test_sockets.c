/* SPDX-License-Identifier: MIT */
/* process/sockets: bound once, kept through reloads, never shared with a stranger. */
#include "process/sockets/sockets.h"

#include "core/attr.h"
#include "core/str.h"
#include "process/sockets/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"

static char loopback[] = "127.0.0.1", any6[] = "::", not_an_address[] = "localhost";
static char name_a[] = "a", name_b[] = "b", none[] = "";

/* Two listeners and admin, each on a port that was free a moment ago. */
static struct conf_listener listeners[2];
static struct conf conf;

static int bind_port(unsigned port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

static unsigned port_of(int fd)
{
	struct sockaddr_in addr = {.sin_port = 0};
	socklen_t len = sizeof(addr);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	return ntohs(addr.sin_port);
}

static unsigned free_port(void)
{
	int fd = bind_port(0);
	unsigned port = port_of(fd);

	close(fd);
	return port;
}

static int make_conf(void **state)
{
	(void)state;
	listeners[0] = (struct conf_listener){.name = name_a,
		.path = none,
		.mode = none,
		.owner = none,
		.address = loopback,
		.port = free_port()};
	listeners[1] = (struct conf_listener){.name = name_b,
		.path = none,
		.mode = none,
		.owner = none,
		.address = loopback,
		.port = free_port()};
	conf = (struct conf){.workers = 2, .listeners = listeners, .n_listeners = 2};
	conf.admin = (struct conf_admin){
		.enabled = true, .address = loopback, .port = free_port()};
	return 0;
}

static void gives_each_worker_its_own_socket_of_each_listener(void **state)
{
	struct sockets *s = sockets_new(NULL);
	struct err err;
	int *one, *two;
	size_t n;

	(void)state;
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	one = sockets_of_worker(s, &conf, 0, &n);
	assert_int_equal(n, 2);
	two = sockets_of_worker(s, &conf, 1, &n);
	assert_int_equal(n, 2);
	assert_int_not_equal(one[0], two[0]);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(port_of(one[i]), listeners[i].port);
		assert_int_equal(port_of(two[i]), listeners[i].port);
	}
	assert_int_equal(port_of(sockets_of_admin(s, &conf)), conf.admin.port);
	free(one);
	free(two);
	sockets_free(&s);
}

static void keeps_the_sockets_of_addresses_that_stay(void **state)
{
	struct sockets *s = sockets_new(NULL);
	struct err err;
	int *before, *after;
	size_t n;

	(void)state;
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	before = sockets_of_worker(s, &conf, 0, &n);
	conf.n_listeners = 1;
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	sockets_trim(s, &conf, 0);
	after = sockets_of_worker(s, &conf, 0, &n);
	assert_int_equal(n, 1);
	assert_int_equal(after[0], before[0]);
	/* The other one is free again. */
	assert_int_equal(close(bind_port(listeners[1].port)), 0);
	free(before);
	free(after);
	sockets_free(&s);
}

static int begin_to_connect(unsigned port)
{
	const struct sockaddr_in addr = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), -1);
	assert_int_equal(errno, EINPROGRESS);
	return fd;
}

/* What a worker finds that shares the socket: on loopback a connection is made at once. */
static void a_socket_that_goes_keeps_its_connections_and_takes_no_more(void **state)
{
	struct sockets *s = sockets_new(NULL);
	int *fds, gone, kept, before, after;
	struct err err;
	size_t n;

	(void)state;
	conf.workers = 1;
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	fds = sockets_of_worker(s, &conf, 0, &n);
	kept = dup(fds[0]);
	gone = dup(fds[1]);
	assert_int_equal(listen(gone, 10), 0);
	before = begin_to_connect(listeners[1].port);
	assert_false(endpoint_is_retired(gone));
	conf.n_listeners = 1;
	sockets_trim(s, &conf, 0);
	assert_true(endpoint_is_retired(gone));
	assert_false(endpoint_is_retired(kept));
	after = begin_to_connect(listeners[1].port);
	assert_int_equal(close(accept(gone, NULL, NULL)), 0);
	assert_int_equal(accept(gone, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	close(before);
	close(after);
	close(gone);
	close(kept);
	free(fds);
	sockets_free(&s);
}

static void fewer_workers_serve_all_the_sockets(void **state)
{
	static const struct {
		unsigned workers, index;
		size_t n;
	} cases[] = {{4, 0, 2}, {4, 3, 2}, {3, 0, 4}, {3, 1, 2}, {1, 0, 8}};
	struct sockets *s = sockets_new(NULL);
	struct err err;

	(void)state;
	conf.workers = 4;
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n;
		int *fds;

		conf.workers = cases[i].workers;
		assert_int_equal(sockets_open(s, &conf, &err), 0);
		fds = sockets_of_worker(s, &conf, cases[i].index, &n);
		assert_int_equal(n, cases[i].n);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(port_of(fds[k]), listeners[k % 2].port);
		free(fds);
	}
	assert_int_equal(sockets_width(s), 4);
	sockets_trim(s, &conf, 2);
	assert_int_equal(sockets_width(s), 2);
	sockets_free(&s);
}

static void refuses_a_port_that_another_program_has(void **state)
{
	struct sockets *s = sockets_new(NULL);
	/* SO_REUSEPORT on both sides: the kernel alone would let us share it. */
	int other = bind_port(listeners[1].port);
	struct err err;
	size_t n;
	int *fds;

	(void)state;
	assert_int_equal(listen(other, 1), 0);
	assert_int_equal(sockets_open(s, &conf, &err), -1);
	assert_non_null(strstr(err.text, "listener b"));
	assert_non_null(strstr(err.text, "another program listens there"));
	/* Nothing new is left of the attempt. */
	fds = sockets_of_worker(s, &conf, 0, &n);
	assert_int_equal(n, 0);
	free(fds);
	close(other);
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	sockets_free(&s);
}

static void moves_from_one_address_to_all(void **state)
{
	static char any[] = "0.0.0.0";
	struct sockets *s = sockets_new(NULL);
	struct err err;

	(void)state;
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	listeners[0].address = any;
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	sockets_trim(s, &conf, 0);
	sockets_free(&s);
}

static void names_an_address_that_is_none(void **state)
{
	struct sockets *s = sockets_new(NULL);
	struct err err;

	(void)state;
	listeners[0].address = not_an_address;
	assert_int_equal(sockets_open(s, &conf, &err), -1);
	assert_non_null(strstr(err.text, "\"localhost\" is not an IPv4 or IPv6 address"));
	sockets_free(&s);
}

/* Asks the system, not the code that is tested. */
static bool has_ipv6(void)
{
	const struct sockaddr_in6 a = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;

	if (fd >= 0)
		close(fd);
	return bound;
}

static void binds_ipv6_beside_ipv4(void **state)
{
	struct sockets *s = sockets_new(NULL);
	struct err err;
	int only = 0;
	socklen_t len = sizeof(only);
	size_t n;
	int *fds;

	(void)state;
	listeners[1].address = any6;
	listeners[1].port = listeners[0].port;
	if (!has_ipv6()) {
		sockets_free(&s);
		skip(); /* a system without IPv6 */
	}
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	fds = sockets_of_worker(s, &conf, 1, &n);
	assert_int_equal(n, 2);
	/* Otherwise "::" would take the port of IPv4, too. */
	assert_int_equal(getsockopt(fds[1], IPPROTO_IPV6, IPV6_V6ONLY, &only, &len), 0);
	assert_int_equal(only, 1);
	free(fds);
	sockets_free(&s);
}

/* --- unix sockets ------------------------------------------------------------------------- */

static char folder[64], path[96], path_mode[] = "0620", other_mode[] = "0600";

static int make_unix_conf(void **state)
{
	(void)make_conf(state);
	(void)str_copy(folder, sizeof(folder), "/tmp/sesrelay-sockets-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/smtp", folder);
	listeners[1].path = path;
	listeners[1].mode = path_mode;
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static bool connects(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	(void)str_copy(un.sun_path, sizeof(un.sun_path), path);
	ok = connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0;
	close(fd);
	return ok;
}

static void expect_mode(mode_t mode)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, mode);
}

static void gives_all_workers_one_unix_socket_with_its_mode(void **state)
{
	struct sockets *s = sockets_new(NULL);
	struct err err;
	int *one, *two;
	size_t n;

	(void)state;
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	one = sockets_of_worker(s, &conf, 0, &n);
	assert_int_equal(n, 2);
	two = sockets_of_worker(s, &conf, 1, &n);
	assert_int_equal(n, 2);
	assert_int_not_equal(one[0], two[0]);
	assert_int_equal(one[1], two[1]);
	free(one);
	free(two);
	expect_mode(0620);
	assert_true(connects());
	/* A reload may change it. */
	listeners[1].mode = other_mode;
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	expect_mode(0600);
	assert_true(connects());
	/* One worker for four: a second round of TCP, no second unix socket. */
	conf.workers = 4;
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	conf.workers = 2;
	one = sockets_of_worker(s, &conf, 0, &n);
	assert_int_equal(n, 4);
	assert_true(one[1] >= 0 && one[2] >= 0);
	assert_int_equal(one[3], -1);
	free(one);
	sockets_free(&s);
	assert_int_equal(access(path, F_OK), -1);
}

static void removes_what_a_dead_gateway_left(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockets *s = sockets_new(NULL);
	struct err err;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	(void)str_copy(un.sun_path, sizeof(un.sun_path), path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	assert_true(connects());
	sockets_free(&s);
}

static void takes_no_path_that_somebody_has(void **state)
{
	struct sockets *s = sockets_new(NULL), *t = sockets_new(NULL);
	struct err err;
	FILE *f = fopen(path, "w");

	(void)state;
	assert_int_equal(fclose(f), 0);
	assert_int_equal(sockets_open(s, &conf, &err), -1);
	assert_non_null(strstr(err.text, "is there, and is no socket"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	conf.n_listeners = 2;
	listeners[0].port = free_port();
	conf.admin.enabled = false;
	assert_int_equal(sockets_open(t, &conf, &err), -1);
	assert_non_null(strstr(err.text, "another program listens at"));
	sockets_free(&t);
	assert_true(connects());
	sockets_free(&s);
}

static void leaves_a_file_alone_that_took_its_place(void **state)
{
	struct sockets *s = sockets_new(NULL);
	struct err err;
	FILE *f;

	(void)state;
	assert_int_equal(sockets_open(s, &conf, &err), 0);
	assert_int_equal(unlink(path), 0);
	f = fopen(path, "w");
	assert_int_equal(fclose(f), 0);
	assert_int_equal(sockets_open(s, &conf, &err), -1);
	assert_non_null(strstr(err.text, "no longer our socket"));
	sockets_free(&s);
	assert_int_equal(access(path, F_OK), 0);
}

static void names_an_owner_who_is_not_there(void **state)
{
	static char owner[] = "no-such-user-here", group[] = ":no-such-group-here";
	static char *const owners[] = {owner, group};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
		struct sockets *s = sockets_new(NULL);

		listeners[1].owner = owners[i];
		assert_int_equal(sockets_open(s, &conf, &err), -1);
		assert_non_null(strstr(err.text, "owner: there is no"));
		/* Nothing is left at the path. */
		assert_int_equal(access(path, F_OK), -1);
		sockets_free(&s);
	}
}

int main(void)
{
#define TEST_UNIX(name)                                                                  \
	cmocka_unit_test_setup_teardown(name, make_unix_conf, remove_folder)
#define TEST(name) cmocka_unit_test_setup(name, make_conf)
	const struct CMUnitTest tests[] = {
		TEST(gives_each_worker_its_own_socket_of_each_listener),
		TEST(keeps_the_sockets_of_addresses_that_stay),
		TEST(a_socket_that_goes_keeps_its_connections_and_takes_no_more),
		TEST(fewer_workers_serve_all_the_sockets),
		TEST(refuses_a_port_that_another_program_has),
		TEST(moves_from_one_address_to_all),
		TEST(names_an_address_that_is_none),
		TEST(binds_ipv6_beside_ipv4),
		TEST_UNIX(gives_all_workers_one_unix_socket_with_its_mode),
		TEST_UNIX(removes_what_a_dead_gateway_left),
		TEST_UNIX(takes_no_path_that_somebody_has),
		TEST_UNIX(leaves_a_file_alone_that_took_its_place),
		TEST_UNIX(names_an_owner_who_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
