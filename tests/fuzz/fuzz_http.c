/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the head of a request to the admin pages, and its Host. What is taken out of a
 * head lies within it; only a name that is configured, localhost or an address is served.
 */
#include "admin/host.h"
#include "admin/http_request.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void lies_in(const char *text, const char *head, size_t len)
{
	must(text >= head && text < head + len);
	must(memchr(text, '\0', len - (size_t)(text - head)) != NULL);
}

static void look_at_host(const char *host)
{
	static char *items[] = {(char *)"gateway.example.com"};
	const struct conf_list names = {.items = items, .n = 1}, none = {0};
	const struct sockaddr_in local = {.sin_family = AF_INET};
	const struct sockaddr *addr = (const struct sockaddr *)&local;

	/* More names serve more. */
	must(!host_is_served(host, addr, &none) || host_is_served(host, addr, &names));
	if (strstr(host, "rebound") != NULL)
		must(!host_is_served(host, addr, &names));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = http_request_length((const char *)data, size);
	struct http_request r;
	unsigned status;
	char *head;

	must(len <= size);
	/* A beginning has no end that the whole has not. */
	must(len == 0 || http_request_length((const char *)data, len - 1) == 0);
	if (len == 0)
		len = size;
	/* In memory of its own, so that a read past its end is seen. */
	head = malloc(len + (len == 0));
	must(head != NULL);
	if (len > 0)
		memcpy(head, data, len);
	status = http_request_parse(&r, head, len);
	must(status == 0 || status == 400 || status == 505);
	if (status == 0) {
		lies_in(r.method, head, len);
		must(r.path[0] == '/' || r.path[0] == '*');
		if (r.host != NULL) {
			lies_in(r.host, head, len);
			look_at_host(r.host);
		}
	}
	free(head);
	return 0;
}
