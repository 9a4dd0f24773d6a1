/* SPDX-License-Identifier: MIT */
/* The Host field against the names that are served. */
#include "sandbox/host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 256

/* An address in 16 bytes, IPv4 as ::ffff:a.b.c.d. */
static bool read_address(const char *text, struct in6_addr *out)
{
	struct in_addr v4;

	if (inet_pton(AF_INET6, text, out) == 1)
		return true;
	if (inet_pton(AF_INET, text, &v4) != 1)
		return false;
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(out->s6_addr + 12, &v4, sizeof(v4));
	return true;
}

static bool is_loopback(const char *text)
{
	struct in6_addr a;

	return read_address(text, &a) &&
	       (IN6_IS_ADDR_LOOPBACK(&a) ||
		       (IN6_IS_ADDR_V4MAPPED(&a) && a.s6_addr[12] == 127));
}

static bool is_same(const char *name, const char *other)
{
	struct in6_addr a, b;

	if (strcasecmp(name, other) == 0)
		return true;
	return read_address(name, &a) && read_address(other, &b) &&
	       IN6_ARE_ADDR_EQUAL(&a, &b);
}

static bool is_service(const char *name)
{
	static const char domain[] = ".tencentcloudapi.com";
	size_t len = strlen(name), tail = strlen(domain);

	return len > tail && strcasecmp(name + len - tail, domain) == 0;
}

/* The host without its port and brackets; false where it is malformed. */
static bool take_name(const char *host, char name[HOST_MAX])
{
	bool bracketed = host[0] == '[';
	const char *start = bracketed ? host + 1 : host;
	size_t len = strcspn(start, bracketed ? "]" : ":");
	const char *rest = start + len;

	if (bracketed && *rest++ != ']')
		return false;
	if (*rest == ':')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (*rest != '\0' || len == 0 || len >= HOST_MAX)
		return false;
	if (!bracketed && start[len - 1] == '.')
		len--;
	memcpy(name, start, len);
	name[len] = '\0';
	return true;
}

bool host_is_served(const char *host, const char *local, const struct strings *names)
{
	char name[HOST_MAX];

	if (host == NULL)
		return true;
	if (!take_name(host, name))
		return false;
	if (strcasecmp(name, "localhost") == 0 || is_loopback(name) ||
		is_same(name, local) || is_service(name))
		return true;
	for (size_t i = 0; i < names->n; i++)
		if (is_same(name, names->items[i]))
			return true;
	return false;
}
