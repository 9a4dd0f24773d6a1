/* SPDX-License-Identifier: MIT */
/* What the kernel knows of the bytes of a connection, and does with them. */
#include "net/ack.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static bool is_local(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       domain == AF_UNIX;
}

/* A unix socket that its peer closed holds nothing any more, whether it was read or not; that
 * it was not stands in the socket's error, which poll() leaves there. */
static bool is_broken(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) < 0 || (p.revents & (POLLERR | POLLNVAL)) != 0;
}

bool ack_is_complete(int fd)
{
	int unsent = 0;

	if (ioctl(fd, SIOCOUTQ, &unsent) < 0 || unsent != 0)
		return false;
	return !is_local(fd) || !is_broken(fd);
}

void ack_now(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}
