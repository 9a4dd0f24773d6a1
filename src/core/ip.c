/* SPDX-License-Identifier: MIT */
/* Addresses and the networks that hold them. */
#include "core/ip.h"

#include "core/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* An address as bytes, ::ffff:a.b.c.d already as a.b.c.d. */
struct raw {
	bool v6;
	uint8_t bytes[16];
};

static void raw_unmap(struct raw *r)
{
	if (!r->v6 || memcmp(r->bytes, mapped, sizeof(mapped)) != 0)
		return;
	r->v6 = false;
	memmove(r->bytes, r->bytes + sizeof(mapped), 4);
	memset(r->bytes + 4, 0, 12);
}

/* False for other families. Copies, for a struct sockaddr may stand unaligned. */
static bool raw_of(const struct sockaddr *addr, struct raw *r, unsigned *port)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	*r = (struct raw){0};
	switch (addr->sa_family) {
	case AF_INET:
		memcpy(&in, addr, sizeof(in));
		memcpy(r->bytes, &in.sin_addr, 4);
		*port = ntohs(in.sin_port);
		return true;
	case AF_INET6:
		memcpy(&in6, addr, sizeof(in6));
		memcpy(r->bytes, &in6.sin6_addr, 16);
		r->v6 = true;
		*port = ntohs(in6.sin6_port);
		raw_unmap(r);
		return true;
	default: return false;
	}
}

static unsigned width(bool v6)
{
	return v6 ? 128 : 32;
}

/* The bits of byte i that belong to the network. */
static uint8_t net_mask(unsigned bits, size_t i)
{
	if (bits >= 8 * (i + 1))
		return 0xff;
	if (bits <= 8 * i)
		return 0;
	return (uint8_t)(0xff << (8 - (bits - 8 * i)));
}

static bool same_net(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	for (size_t i = 0; i < 16 && 8 * i < bits; i++)
		if (((a[i] ^ b[i]) & net_mask(bits, i)) != 0)
			return false;
	return true;
}

/* Decimal digits only, at most three; false otherwise. */
static bool parse_bits(const char *text, unsigned *bits)
{
	uint64_t n;

	if (strlen(text) > 3 || !span_number(span_of(text), 999, &n))
		return false;
	*bits = (unsigned)n;
	return true;
}

static int check_host_bits(const char *text, const struct ip_prefix *p, struct err *err)
{
	struct ip_prefix meant = *p;
	char net[NET_TEXT_LEN];

	for (size_t i = 0; i < sizeof(meant.bytes); i++)
		meant.bytes[i] &= net_mask(p->bits, i);
	if (memcmp(meant.bytes, p->bytes, sizeof(meant.bytes)) == 0)
		return 0;
	inet_ntop(p->v6 ? AF_INET6 : AF_INET, meant.bytes, net, sizeof(net));
	return err_set(err,
		"\"%.60s\" is an address inside a network: write %s/%u for the network, "
		"or "
		"the address without \"/%u\"",
		text, net, p->bits, p->bits);
}

int ip_parse(const char *text, struct ip_prefix *p, struct err *err)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char addr[NET_TEXT_LEN];
	struct raw r = {.v6 = memchr(text, ':', len) != NULL};
	unsigned bits = width(r.v6);

	if (!span_copy(addr, sizeof(addr), span_make(text, len)) ||
		inet_pton(r.v6 ? AF_INET6 : AF_INET, addr, r.bytes) != 1)
		return err_set(err,
			"\"%.60s\" is no network: write one like 192.0.2.0/24 or "
			"2001:db8::/32",
			text);
	if (slash != NULL && (!parse_bits(slash + 1, &bits) || bits > width(r.v6)))
		return err_set(err, "\"%.60s\": after \"/\" write a number from 0 to %u",
			text, width(r.v6));
	if (bits >= 96 && r.v6) {
		raw_unmap(&r);
		if (!r.v6)
			bits -= 96;
	}
	*p = (struct ip_prefix){.v6 = r.v6, .bits = bits};
	memcpy(p->bytes, r.bytes, sizeof(p->bytes));
	return check_host_bits(text, p, err);
}

/* A prefix without "/" is an address, and a whole one. */
static bool parse_address(const char *text, struct ip_prefix *p)
{
	return strchr(text, '/') == NULL && ip_parse(text, p, NULL) == 0;
}

bool ip_match_text(const struct ip_prefix *p, size_t n, const char *address)
{
	struct ip_prefix a;

	if (!parse_address(address, &a))
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i].v6 == a.v6 && same_net(p[i].bytes, a.bytes, p[i].bits))
			return true;
	return false;
}

bool ip_normalize(const char *address, char text[NET_TEXT_LEN])
{
	struct ip_prefix a;

	return parse_address(address, &a) &&
	       inet_ntop(a.v6 ? AF_INET6 : AF_INET, a.bytes, text, NET_TEXT_LEN) != NULL;
}

static const struct ip_prefix loopback4 = {.bytes = {127}, .bits = 8};
static const struct ip_prefix loopback6 = {.v6 = true, .bytes = {[15] = 1}, .bits = 128};

bool ip_text_is_loopback(const char *address)
{
	struct ip_prefix a;
	const struct ip_prefix *lo;

	if (!parse_address(address, &a))
		return false;
	lo = a.v6 ? &loopback6 : &loopback4;
	return same_net(lo->bytes, a.bytes, lo->bits);
}

void ip_format(const struct sockaddr *addr, char text[NET_TEXT_LEN], unsigned *port)
{
	struct raw r;
	unsigned ignored = 0;

	if (port == NULL)
		port = &ignored;
	*port = 0;
	if (!raw_of(addr, &r, port) ||
		inet_ntop(r.v6 ? AF_INET6 : AF_INET, r.bytes, text, NET_TEXT_LEN) == NULL)
		str_copy(text, NET_TEXT_LEN, "unknown");
}
