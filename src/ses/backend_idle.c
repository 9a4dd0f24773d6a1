/* SPDX-License-Identifier: MIT */
/*
 * Whether an idle connection is silent, as it must be before its next request.
 *
 * libcurl closes a connection that ended, and one whose answer was longer than announced. But
 * it takes bytes that arrive later for the beginning of the next answer, which would give one
 * mail's MessageId to another. Nor does it report the socket of a connection that it uses
 * again, so the sockets are noted here, and found by their port.
 */
#include "core/mem.h"
#include "ses/backend_private.h"

#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* Parallel attempts by IPv4 and IPv6, and one that is closed late. */
#define SOCKETS_PER_CONNECTION 4

void idle_init(struct idle *idle, unsigned connections)
{
	idle->max = (size_t)connections * SOCKETS_PER_CONNECTION;
	idle->sockets = mem_new(idle->max, sizeof(*idle->sockets));
	idle->n = 0;
}

void idle_clear(struct idle *idle)
{
	free(idle->sockets);
	idle->sockets = NULL;
}

void idle_opened(struct idle *idle, curl_socket_t fd)
{
	if (fd >= 0 && idle->n < idle->max)
		idle->sockets[idle->n++] = (struct idle_socket){.fd = fd};
}

int idle_close(void *arg, curl_socket_t fd)
{
	struct idle *idle = arg;

	for (size_t i = 0; i < idle->n; i++)
		if (idle->sockets[i].fd == fd)
			idle->sockets[i] = idle->sockets[--idle->n];
	return close(fd);
}

/* A connection keeps its port, so the kernel is asked once; 0 if there is none yet. */
static int port_of(struct idle_socket *s)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof(a);

	if (s->port != 0 || getsockname(s->fd, (struct sockaddr *)&a, &len) < 0)
		return s->port;
	if (a.ss_family == AF_INET)
		s->port = ntohs(((const struct sockaddr_in *)&a)->sin_port);
	else if (a.ss_family == AF_INET6)
		s->port = ntohs(((const struct sockaddr_in6 *)&a)->sin6_port);
	return s->port;
}

static bool has_bytes(curl_socket_t fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

/* Bytes that OpenSSL has read and libcurl has not: decoded, or a record still to be decoded.
 * libcurl itself reads ahead when it checks whether a connection is alive. */
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
bool idle_is_quiet(struct idle *idle, CURL *easy, int local_port)
{
	bool found = false;

	/* One port may be in use by IPv4 and by IPv6: then both must be silent. */
	for (size_t i = 0; i < idle->n; i++) {
		if (port_of(&idle->sockets[i]) != local_port)
			continue;
		if (has_bytes(idle->sockets[i].fd))
			return false;
		found = true;
	}
	return found && !tls_has_bytes(easy);
}
