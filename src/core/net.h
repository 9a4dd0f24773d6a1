/* SPDX-License-Identifier: MIT */
/*
 * Networks in CIDR form, and which addresses they hold.
 */
#ifndef CORE_NET_H
#define CORE_NET_H

#include "core/attr.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

#define NET_TEXT_LEN 46 /* bytes of an address as text, with its NUL */

struct net_prefix {
	bool v6;
	uint8_t bytes[16]; /* v4 uses the first four */
	unsigned bits;
};

/* "192.0.2.0/24", "2001:db8::/32", or a bare address. Host bits must be 0: the error says
 * which network was probably meant. ::ffff:a.b.c.d/96+n becomes a.b.c.d/n. */
int net_parse(const char *text, struct net_prefix *p, struct err *err) MUST_CHECK;

/* Whether the prefix holds the address; ::ffff:a.b.c.d counts as a.b.c.d; false for
 * other families. */
bool net_match(const struct net_prefix *p, const struct sockaddr *addr);
bool net_match_any(const struct net_prefix *p, size_t n, const struct sockaddr *addr);

/* The same for an address as text; false where it is none. */
bool net_match_text(const struct net_prefix *p, size_t n, const char *address);

/* The address as net_format() writes it; false where the text is none. */
bool net_normalize(const char *address, char text[NET_TEXT_LEN]);

/* Whether it is a loopback address: 127.0.0.0/8, ::1; false where the text is none. */
bool net_text_is_loopback(const char *address);
bool net_prefix_is_loopback(const struct net_prefix *p);

/* "192.0.2.1" (also of ::ffff:192.0.2.1) or "2001:db8::1", and the port (may be NULL);
 * "unknown" and 0 for other families. */
void net_format(const struct sockaddr *addr, char text[NET_TEXT_LEN], unsigned *port);

#endif
