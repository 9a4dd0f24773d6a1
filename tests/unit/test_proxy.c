/* SPDX-License-Identifier: MIT */
/* net/proxy: headers of versions 1 and 2, whole and in any beginning of theirs. */
#include "net/proxy.h"

#include "core/ip.h"
#include "core/str.h"
#include "test.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define IP4 "\xc0\0\2\1\xc6\x33\x64\1"
#define IP6                                                                              \
	"\x20\1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\1"                                           \
	"\x20\1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define BYTES(s) (s), sizeof(s) - 1

/* source: "" where there is none, NULL where the header is bad. */
static const struct {
	const char *in;
	size_t len;
	const char *source;
	unsigned port;
} cases[] = {
	{BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n"), "192.0.2.1", 56324},
	{BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"), "2001:db8::1", 1},
	{BYTES("PROXY UNKNOWN\r\n"), "", 0},
	{BYTES("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), "", 0},
	{BYTES(SIG "\x21\x11\0\x0c" IP4 "\xdc\4\0\x19"), "192.0.2.1", 56324},
	{BYTES(SIG "\x21\x21\0\x24" IP6 "\0\1\0\x19"), "2001:db8::1", 1},
	/* An addition of three bytes. */
	{BYTES(SIG "\x21\x11\0\x12" IP4 "\xdc\4\0\x19\4\0\3abc"), "192.0.2.1", 56324},
	{BYTES(SIG "\x20\0\0\0"), "", 0},
	{BYTES(SIG "\x20\x11\0\x0c" IP4 "\xdc\4\0\x19"), "", 0},
	{BYTES(SIG "\x21\0\0\0"), "", 0},
	{BYTES(SIG "\x21\x31\0\3abc"), "", 0},

	{BYTES("EHLO client.example.com\r\n"), NULL, 0},
	{BYTES("PROXY\r\n"), NULL, 0},
	{BYTES("PROXY \r\n"), NULL, 0},
	{BYTES("PROXX"), NULL, 0},
	{BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\n"), NULL, 0},
	{BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n"), NULL, 0},
	{BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324 25 1\r\n"), NULL, 0},
	{BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 65536 25\r\n"), NULL, 0},
	{BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 -1 25\r\n"), NULL, 0},
	{BYTES("PROXY TCP4 192.0.2.1  198.51.100.1 1 25\r\n"), NULL, 0},
	{BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"), NULL, 0},
	{BYTES("PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n"), NULL, 0},
	{BYTES("PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n"), NULL, 0},
	{BYTES("PROXY TCP4 192.0.2.1\0 198.51.100.1 1 2\r\n"), NULL, 0},
	{BYTES("PROXY UNKNOWN "
	       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"),
		NULL, 0},
	{BYTES(SIG "\x11\x11\0\x0c" IP4 "\xdc\4\0\x19"), NULL, 0},
	{BYTES(SIG "\x22\x11\0\x0c" IP4 "\xdc\4\0\x19"), NULL, 0},
	{BYTES(SIG "\x21\x11\0\x0b" IP4 "\xdc\4\0"), NULL, 0},
	{BYTES(SIG "\x21\x21\0\x0c" IP4 "\xdc\4\0\x19"), NULL, 0},
	{BYTES(SIG "\x21\x11\xff\xff"), NULL, 0},
	{BYTES("\r\n\r\nHELO"), NULL, 0},
};

static void reads_headers(void **state)
{
	char address[NET_TEXT_LEN];
	struct proxy_header h;
	unsigned port;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum proxy_result got = proxy_parse(cases[i].in, cases[i].len, &h);

		if (got != (cases[i].source != NULL ? PROXY_DONE : PROXY_BAD))
			fail_msg("case %zu: %d", i, got);
		if (cases[i].source == NULL)
			continue;
		assert_int_equal(h.len, cases[i].len);
		assert_int_equal(h.has_source, cases[i].source[0] != '\0');
		if (!h.has_source)
			continue;
		ip_format((const struct sockaddr *)&h.source, address, &port);
		assert_string_equal(address, cases[i].source);
		assert_int_equal(port, cases[i].port);
	}
}

/* In memory of its own, so that a read past the end is seen. */
static enum proxy_result parse_copy(const char *in, size_t len, struct proxy_header *h)
{
	char *copy = test_malloc(len + 1);
	enum proxy_result got;

	memcpy(copy, in, len);
	got = proxy_parse(copy, len, h);
	test_free(copy);
	return got;
}

/* A good header wants more until its last byte, a bad one is never done; what follows a
 * header is not looked at. */
static void reads_them_in_any_pieces(void **state)
{
	struct proxy_header h;
	char more[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t n = 0; n < cases[i].len; n++) {
			enum proxy_result got = parse_copy(cases[i].in, n, &h);

			if (cases[i].source != NULL)
				assert_int_equal(got, PROXY_MORE);
			else
				assert_int_not_equal(got, PROXY_DONE);
		}
		memset(more, '\n', sizeof(more));
		memcpy(more, cases[i].in, cases[i].len);
		if (cases[i].source != NULL) {
			assert_int_equal(parse_copy(more, sizeof(more), &h), PROXY_DONE);
			assert_int_equal(h.len, cases[i].len);
		}
	}
}

/* Behind an IPv4 address: `tls` as PP2_TYPE_SSL with these bits and this verdict. */
#define SUBS "\x21\0\7TLSv1.3\x22\0\2p7\x23\0\4AES1"
#define TLS(len, bits, verdict, subs)                                                    \
	SIG "\x21\x11\0" len IP4 "\xdc\4\0\x19" bits verdict subs

static void reads_what_is_said_of_tls(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		bool tls;
		const char *version, *name, *cipher;
	} tls_cases[] = {
		{BYTES(TLS("\x2a", "\x20\0\x1b\7", "\0\0\0\0", SUBS)), true, "TLSv1.3",
			"p7", "AES1"},
		/* A certificate that was not verified names nobody. */
		{BYTES(TLS("\x2a", "\x20\0\x1b\3", "\0\0\0\1", SUBS)), true, "TLSv1.3",
			"", "AES1"},
		{BYTES(TLS("\x2a", "\x20\0\x1b\0", "\0\0\0\0", SUBS)), false, "TLSv1.3",
			"p7", "AES1"},
		{BYTES(TLS("\x14", "\x20\0\5\1", "\0\0\0\0", "")), true, "", "", ""},
	};
	static const struct {
		const char *in;
		size_t len;
	} damaged[] = {
		{BYTES(SIG "\x21\x11\0\x0e" IP4 "\xdc\4\0\x19\4\0")},
		{BYTES(SIG "\x21\x11\0\x10" IP4 "\xdc\4\0\x19\4\0\2x")},
		{BYTES(TLS("\x13", "\x20\0\4\1", "\0\0\0", ""))},
		{BYTES(TLS("\x16", "\x20\0\7\1", "\0\0\0\0", "\x21\0"))},
		{BYTES(TLS("\x17", "\x20\0\x8\1", "\0\0\0\0", "\x21\0\1"))},
	};
	struct proxy_header h;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tls_cases); i++) {
		assert_int_equal(
			proxy_parse(tls_cases[i].in, tls_cases[i].len, &h), PROXY_DONE);
		assert_int_equal(h.len, tls_cases[i].len);
		assert_int_equal(h.tls, tls_cases[i].tls);
		assert_string_equal(h.tls_version, tls_cases[i].version);
		assert_string_equal(h.tls_name, tls_cases[i].name);
		assert_string_equal(h.tls_cipher, tls_cases[i].cipher);
	}
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++)
		assert_int_equal(
			proxy_parse(damaged[i].in, damaged[i].len, &h), PROXY_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_headers),
		cmocka_unit_test(reads_them_in_any_pieces),
		cmocka_unit_test(reads_what_is_said_of_tls),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
