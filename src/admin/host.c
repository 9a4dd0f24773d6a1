/* SPDX-License-Identifier: MIT */
/* The Host field against the names that are served. */
#include "admin/host.h"

#include "core/ip.h"
#include "core/str.h"

#include <string.h>
#include <sys/socket.h>

#define NAME_MAX_LEN 253

/* "name", "name:80", "192.0.2.1:80", "[::1]:80" without brackets and port; false if it is
 * none of these. */
static bool parse_name(const char *host, char *name, size_t cap)
{
	bool bracketed = host[0] == '[';
	const char *start = host + bracketed;
	size_t len = strcspn(start, bracketed ? "]" : ":");
	const char *rest = start + len;

	if (bracketed && *rest++ != ']')
		return false;
	if (*rest == ':')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (*rest != '\0' || len == 0)
		return false;
	/* With a dot at the end it is the same host. */
	if (!bracketed && start[len - 1] == '.')
		len--;
	return span_copy(name, cap, span_make(start, len));
}

static bool is_address(const char *name, const char *address)
{
	char text[NET_TEXT_LEN];

	return ip_normalize(name, text) && strcmp(text, address) == 0;
}

bool host_is_served(
	const char *host, const struct sockaddr *local, const struct conf_list *names)
{
	char name[NAME_MAX_LEN + 1], address[NET_TEXT_LEN];

	if (host == NULL)
		return true;
	if (!parse_name(host, name, sizeof(name)))
		return false;
	if (str_ieq(name, "localhost") || ip_text_is_loopback(name))
		return true;
	ip_format(local, address, NULL);
	if (is_address(name, address))
		return true;
	for (size_t i = 0; i < names->n; i++)
		if (str_glob(names->items[i], name) || is_address(name, names->items[i]))
			return true;
	return false;
}
