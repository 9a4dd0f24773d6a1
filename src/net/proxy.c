/* SPDX-License-Identifier: MIT */
/* The header that a proxy puts in front. */
#include "net/proxy.h"

#include "core/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>

#define V1_MAX 107 /* bytes of a line, with its CR LF */

static const char v1_start[] = "PROXY ";
static const char v2_start[12] = "\r\n\r\n\0\r\nQUIT\n";

/* Whether what is there of in does not differ from start. */
static bool may_start(const char *in, size_t len, const char *start, size_t start_len)
{
	return memcmp(in, start, len < start_len ? len : start_len) == 0;
}

static void set_source(
	struct proxy_header *h, int family, const void *addr, unsigned port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	h->has_source = true;
	if (family == AF_INET) {
		memcpy(&in.sin_addr, addr, sizeof(in.sin_addr));
		memcpy(&h->source, &in, sizeof(in));
	} else {
		memcpy(&in6.sin6_addr, addr, sizeof(in6.sin6_addr));
		memcpy(&h->source, &in6, sizeof(in6));
	}
}

/* --- version 1 -------------------------------------------------------------------------- */

/* Cuts a word off the line; words are parted with one space. */
static bool parse_word(struct span *line, char *word, size_t cap)
{
	const char *space = memchr(line->p, ' ', line->len);
	size_t n = space != NULL ? (size_t)(space - line->p) : line->len;

	/* A NUL would end the word for its readers. */
	if (n == 0 || memchr(line->p, '\0', n) != NULL ||
		!span_copy(word, cap, span_make(line->p, n)))
		return false;
	if (space != NULL)
		n++;
	*line = span_make(line->p + n, line->len - n);
	return true;
}

static bool parse_address(struct span *line, int family, unsigned char addr[16])
{
	char word[INET6_ADDRSTRLEN];

	return parse_word(line, word, sizeof(word)) && inet_pton(family, word, addr) == 1;
}

static bool parse_port(struct span *line, unsigned *port)
{
	char word[6];
	uint64_t n;

	if (!parse_word(line, word, sizeof(word)) ||
		!span_number(span_of(word), UINT16_MAX, &n))
		return false;
	*port = (unsigned)n;
	return true;
}

/* After "PROXY ": family, source, destination, their ports. */
static bool parse_line(struct span line, struct proxy_header *h)
{
	unsigned char source[16], destination[16];
	unsigned port, other;
	char family[8];
	int af;

	if (!parse_word(&line, family, sizeof(family)))
		return false;
	if (strcmp(family, "UNKNOWN") == 0)
		return true;
	if (strcmp(family, "TCP4") != 0 && strcmp(family, "TCP6") != 0)
		return false;
	af = family[3] == '4' ? AF_INET : AF_INET6;
	if (!parse_address(&line, af, source) || !parse_address(&line, af, destination) ||
		!parse_port(&line, &port) || !parse_port(&line, &other) || line.len > 0)
		return false;
	set_source(h, af, source, port);
	return true;
}

static enum proxy_result parse_v1(const char *in, size_t len, struct proxy_header *h)
{
	size_t start = sizeof(v1_start) - 1;
	const char *end = memchr(in, '\n', len < V1_MAX ? len : V1_MAX);

	if (end == NULL)
		return len < V1_MAX ? PROXY_MORE : PROXY_BAD;
	h->len = (size_t)(end - in) + 1;
	if (h->len < start + 2 || end[-1] != '\r')
		return PROXY_BAD;
	return parse_line(span_make(in + start, h->len - start - 2), h) ? PROXY_DONE
	                                                                : PROXY_BAD;
}

/* --- version 2 -------------------------------------------------------------------------- */

/* After the fixed part: both addresses, both ports, big-endian; then additions. */
static bool parse_block(
	unsigned family, const unsigned char *block, size_t len, struct proxy_header *h)
{
	switch (family) {
	case 0x11:
		if (len < 12)
			return false;
		set_source(h, AF_INET, block, (unsigned)(block[8] << 8 | block[9]));
		return true;
	case 0x21:
		if (len < 36)
			return false;
		set_source(h, AF_INET6, block, (unsigned)(block[32] << 8 | block[33]));
		return true;
	default: return true;
	}
}

/* Type, length in two bytes, value (specification §2.2). */
struct addition {
	unsigned type;
	const unsigned char *value;
	size_t len;
};

/* Takes one from the front of the bytes; false if it is cut. */
static bool next_addition(const unsigned char **p, size_t *len, struct addition *a)
{
	if (*len < 3)
		return false;
	a->type = (*p)[0];
	a->len = (size_t)((*p)[1] << 8 | (*p)[2]);
	a->value = *p + 3;
	if (a->len > *len - 3)
		return false;
	*p += 3 + a->len;
	*len -= 3 + a->len;
	return true;
}

static void copy_text(const struct addition *a, char *out, size_t cap)
{
	str_ascii_line(out, cap, span_make((const char *)a->value, a->len));
}

/* PP2_TYPE_SSL: what holds of the client (bit 0: it speaks TLS), whether its certificate was
 * verified (0), and additions again. */
static bool parse_tls(const struct addition *tls, struct proxy_header *h)
{
	const unsigned char *p;
	struct addition a;
	bool verified;
	size_t len;

	if (tls->len < 5)
		return false;
	p = tls->value + 5;
	len = tls->len - 5;
	h->tls = (tls->value[0] & 1) != 0;
	verified = memcmp(tls->value + 1, "\0\0\0\0", 4) == 0;
	while (len > 0) {
		if (!next_addition(&p, &len, &a))
			return false;
		if (a.type == 0x21)
			copy_text(&a, h->tls_version, sizeof(h->tls_version));
		else if (a.type == 0x22 && verified)
			copy_text(&a, h->tls_name, sizeof(h->tls_name));
		else if (a.type == 0x23)
			copy_text(&a, h->tls_cipher, sizeof(h->tls_cipher));
	}
	return true;
}

/* After the addresses of a family that we know. */
static bool parse_additions(
	unsigned family, const unsigned char *block, size_t len, struct proxy_header *h)
{
	size_t addresses = family == 0x11 ? 12 : 36;
	const unsigned char *p = block + addresses;
	struct addition a;

	if (family != 0x11 && family != 0x21)
		return true;
	for (len -= addresses; len > 0;) {
		if (!next_addition(&p, &len, &a))
			return false;
		if (a.type == 0x20 && !parse_tls(&a, h))
			return false;
	}
	return true;
}

static enum proxy_result parse_v2(const char *in, size_t len, struct proxy_header *h)
{
	const unsigned char *u = (const unsigned char *)in;
	size_t fixed = sizeof(v2_start) + 4;
	unsigned command;

	if (len < fixed)
		return PROXY_MORE;
	command = u[12] & 15;
	h->len = fixed + (size_t)(u[14] << 8 | u[15]);
	if (u[12] >> 4 != 2 || command > 1 || h->len > PROXY_HEADER_MAX)
		return PROXY_BAD;
	if (len < h->len)
		return PROXY_MORE;
	if (command == 0) /* LOCAL */
		return PROXY_DONE;
	if (!parse_block(u[13], u + fixed, h->len - fixed, h) ||
		!parse_additions(u[13], u + fixed, h->len - fixed, h))
		return PROXY_BAD;
	return PROXY_DONE;
}

enum proxy_result proxy_parse(const char *in, size_t len, struct proxy_header *h)
{
	*h = (struct proxy_header){0};
	if (len == 0)
		return PROXY_MORE;
	if (may_start(in, len, v1_start, sizeof(v1_start) - 1))
		return parse_v1(in, len, h);
	if (may_start(in, len, v2_start, sizeof(v2_start)))
		return parse_v2(in, len, h);
	return PROXY_BAD;
}
