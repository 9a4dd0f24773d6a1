/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a PROXY header. Beginnings of one that is good must want more, and what is
 * bad must stay so, however many bytes have come; the length must be one that was given.
 */
#include "net/proxy.h"

#include "core/ip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* In memory of its own, so that a read past its end is seen. */
static enum proxy_result parse(const uint8_t *data, size_t len, struct proxy_header *h)
{
	char *copy = malloc(len + (len == 0));
	enum proxy_result result;

	must(copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	result = proxy_parse(copy, len, h);
	free(copy);
	return result;
}

static void check_done(const struct proxy_header *h, size_t size)
{
	char address[NET_TEXT_LEN];
	unsigned port;

	must(h->len > 0 && h->len <= size && h->len <= PROXY_HEADER_MAX);
	if (!h->has_source)
		return;
	ip_format((const struct sockaddr *)&h->source, address, &port);
	must(strcmp(address, "unknown") != 0 && port <= 65535);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header h, part;
	enum proxy_result whole = parse(data, size, &h);
	size_t end = whole == PROXY_DONE ? h.len : size;

	if (whole == PROXY_DONE)
		check_done(&h, size);
	for (size_t n = 0; n < end && n < PROXY_HEADER_MAX; n++) {
		enum proxy_result got = parse(data, n, &part);

		must(got != PROXY_DONE);
		must(whole == PROXY_BAD || got == PROXY_MORE);
	}
	return 0;
}
