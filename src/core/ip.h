/* SPDX-License-Identifier: MIT */
/*
 * Networks in CIDR form, and which addresses they hold.
 */
#ifndef CORE_IP_H
#define CORE_IP_H

#include "core/attr.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

#define NET_TEXT_LEN 46 /* bytes of an address as text, with its NUL */

struct ip_prefix {
	bool v6;
	uint8_t bytes[16]; /* v4 uses the first four */
	unsigned bits;
};

/* "192.0.2.0/24", "2001:db8::/32", or a bare address. Host bits must be 0: the error says
 * which network was probably meant. ::ffff:a.b.c.d/96+n becomes a.b.c.d/n. */
int ip_parse(const char *text, struct ip_prefix *p, struct err *err) MUST_CHECK;

/* Whether one of n prefixes holds the address; ::ffff:a.b.c.d counts as a.b.c.d; false if
 * the text is no address. */
bool ip_match_text(const struct ip_prefix *p, size_t n, const char *address);

/* The address as ip_format() writes it; false where the text is none. */
bool ip_normalize(const char *address, char text[NET_TEXT_LEN]);

/* Whether it is a loopback address: 127.0.0.0/8, ::1; false where the text is none. */
bool ip_text_is_loopback(const char *address);

/* "192.0.2.1" (also of ::ffff:192.0.2.1) or "2001:db8::1", and the port (may be NULL);
 * "unknown" and 0 for other families. */
void ip_format(const struct sockaddr *addr, char text[NET_TEXT_LEN], unsigned *port);

#endif
