/* SPDX-License-Identifier: MIT */
/* core/ip: networks, the addresses in them, and how they are written. */
#include "core/ip.h"

#include "core/str.h"

#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_storage address(const char *text, unsigned port)
{
	struct sockaddr_storage ss = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

	if (strchr(text, ':') == NULL) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
	}
	return ss;
}

static void a_network_holds_its_addresses_only(void **state)
{
	static const struct {
		const char *net, *addr;
		bool match;
	} cases[] = {
		{"192.0.2.0/24", "192.0.2.0", true},
		{"192.0.2.0/24", "192.0.2.255", true},
		{"192.0.2.0/24", "192.0.3.0", false},
		{"192.0.2.128/25", "192.0.2.127", false},
		{"192.0.2.128/25", "192.0.2.128", true},
		{"192.0.2.8/30", "192.0.2.11", true},
		{"192.0.2.8/30", "192.0.2.12", false},
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.6", false},
		{"192.0.2.7/32", "192.0.2.7", true},
		{"0.0.0.0/0", "198.51.100.1", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "192.0.2.1", false},
		{"2001:db8::/32", "2001:db8:ffff::1", true},
		{"2001:db8::/32", "2001:db9::1", false},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"2001:db8::1", "2001:db8::1", true},
		{"2001:db8::1", "2001:db8::2", false},
		/* A dual-stack socket shows IPv4 clients like this. */
		{"192.0.2.0/24", "::ffff:192.0.2.9", true},
		{"::/0", "::ffff:192.0.2.9", false},
		{"::ffff:192.0.2.0/120", "192.0.2.9", true},
		{"::ffff:192.0.2.9", "192.0.2.9", true},
		{"::ffff:0:0/96", "192.0.2.9", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_prefix p;
		struct err err;

		assert_int_equal(ip_parse(cases[i].net, &p, &err), 0);
		assert_int_equal(ip_match_text(&p, 1, cases[i].addr), cases[i].match);
	}
}

static void refuses_what_is_no_network(void **state)
{
	static const struct {
		const char *text, *reason; /* a part of it */
	} cases[] = {
		{"", "is no network"},
		{"/8", "is no network"},
		{"example.com", "is no network"},
		{"192.0.2", "is no network"},
		{"192.0.2.256", "is no network"},
		{"192.0.2.0.0/24", "is no network"},
		{" 192.0.2.1", "is no network"},
		{"fe80::1%lo", "is no network"},
		{"2001:db8:::/32", "is no network"},
		{"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/1",
			"is no network"},
		{"192.0.2.0/", "from 0 to 32"},
		{"192.0.2.0/33", "from 0 to 32"},
		{"192.0.2.0/-1", "from 0 to 32"},
		{"192.0.2.0/+8", "from 0 to 32"},
		{"192.0.2.0/24 ", "from 0 to 32"},
		{"192.0.2.0/24/8", "from 0 to 32"},
		{"192.0.2.0/4294967296", "from 0 to 32"},
		{"2001:db8::/129", "from 0 to 128"},
		{"192.0.2.77/24", "write 192.0.2.0/24"},
		{"192.0.2.77/0", "write 0.0.0.0/0"},
		{"2001:db8::1/32", "write 2001:db8::/32"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_prefix p;
		struct err err = {""};

		assert_int_equal(ip_parse(cases[i].text, &p, &err), -1);
		assert_non_null(strstr(err.text, cases[i].reason));
		assert_int_equal(ip_parse(cases[i].text, &p, NULL), -1);
	}
}

static void any_of_a_list_is_enough(void **state)
{
	struct ip_prefix p[2];

	(void)state;
	assert_int_equal(ip_parse("192.0.2.0/24", &p[0], NULL), 0);
	assert_int_equal(ip_parse("198.51.100.0/24", &p[1], NULL), 0);
	assert_true(ip_match_text(p, 2, "198.51.100.2"));
	assert_false(ip_match_text(p, 2, "203.0.113.2"));
	assert_false(ip_match_text(p, 0, "198.51.100.2"));
}

static void knows_loopback(void **state)
{
	static const struct {
		const char *addr;
		bool is;
	} cases[] = {
		{"127.0.0.1", true},
		{"127.255.0.9", true},
		{"::1", true},
		{"::ffff:127.0.0.1", true},
		{"128.0.0.1", false},
		{"126.255.255.255", false},
		{"::2", false},
		{"0.0.0.0", false},
		{"192.0.2.1", false},
		{"127.0.0.0/8", false},
		{"unix", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(ip_text_is_loopback(cases[i].addr), cases[i].is);
}

static void writes_an_address_and_its_port(void **state)
{
	static const struct {
		const char *addr, *text;
	} cases[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"2001:db8:0:0:0::1", "2001:db8::1"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	char text[NET_TEXT_LEN];
	unsigned port;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sockaddr_storage ss = address(cases[i].addr, 60025);

		ip_format((struct sockaddr *)&ss, text, &port);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(port, 60025);
		ip_format((struct sockaddr *)&ss, text, NULL);
	}
}

static void a_local_socket_is_in_no_network(void **state)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct ip_prefix p;
	char text[NET_TEXT_LEN];
	unsigned port = 7;

	(void)state;
	assert_int_equal(ip_parse("0.0.0.0/0", &p, NULL), 0);
	assert_false(ip_match_text(&p, 1, "unix"));
	ip_format((struct sockaddr *)&un, text, &port);
	assert_string_equal(text, "unknown");
	assert_int_equal(port, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_holds_its_addresses_only),
		cmocka_unit_test(refuses_what_is_no_network),
		cmocka_unit_test(any_of_a_list_is_enough),
		cmocka_unit_test(knows_loopback),
		cmocka_unit_test(writes_an_address_and_its_port),
		cmocka_unit_test(a_local_socket_is_in_no_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
