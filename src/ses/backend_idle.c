/* SPDX-License-Identifier: MIT */
/*
 * Whether a kept connection is as it should be before its next request: silent.
 *
 * libcurl closes one that ended, and one whose answer was longer than it said. But bytes that
 * came later it takes for the beginning of the next answer, and would hand one mail's
 * MessageId to another. It does not tell the socket of a connection that is taken up again
 * either, so the sockets are written down here, and found by their port.
 */
#include "core/mem.h"
#include "ses/backend_private.h"

#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* Attempts side by side, by IPv4 and IPv6, and one that is closed late. */
#define SOCKETS_PER_CONNECTION 4

void idle_init(struct idle *idle, unsigned connections)
{
	idle->max = (size_t)connections * SOCKETS_PER_CONNECTION;
	idle->fds = mem_new(idle->max, sizeof(*idle->fds));
	idle->n = 0;
}

void idle_clear(struct idle *idle)
{
	free(idle->fds);
	idle->fds = NULL;
}

void idle_opened(struct idle *idle, curl_socket_t fd)
{
	if (fd >= 0 && idle->n < idle->max)
		idle->fds[idle->n++] = fd;
}

int idle_close(void *arg, curl_socket_t fd)
{
	struct idle *idle = arg;

	for (size_t i = 0; i < idle->n; i++)
		if (idle->fds[i] == fd)
			idle->fds[i] = idle->fds[--idle->n];
	return close(fd);
}

static int port_of(curl_socket_t fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return -1;
	if (a.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)&a)->sin_port);
	return ntohs(((const struct sockaddr_in6 *)&a)->sin6_port);
}

static bool has_bytes(curl_socket_t fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

/* What OpenSSL has read and libcurl has not: decoded, or a record still to be decoded. libcurl
 * itself reads ahead where it looks whether a connection lives. */
static bool tls_has_bytes(CURL *easy)
{
	struct curl_tlssessioninfo *info = NULL;
	SSL *tls;

	if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK ||
		info == NULL || info->backend != CURLSSLBACKEND_OPENSSL ||
		info->internals == NULL)
		return false;
	tls = info->internals;
	return SSL_pending(tls) > 0 || SSL_has_pending(tls) != 0;
}

/*
 * Under TLS the bytes may also be an alert, with which the server closes the connection, or
 * a session ticket. TLS 1.3 sends those right after the handshake, and they were read with
 * the first answer; a later one costs no more than a new connection.
 */
bool idle_is_quiet(const struct idle *idle, CURL *easy, int local_port)
{
	bool found = false;

	/* One port may be in use by IPv4 and by IPv6: then both must be silent. */
	for (size_t i = 0; i < idle->n; i++) {
		if (port_of(idle->fds[i]) != local_port)
			continue;
		if (has_bytes(idle->fds[i]))
			return false;
		found = true;
	}
	return found && !tls_has_bytes(easy);
}
