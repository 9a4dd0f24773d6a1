/* SPDX-License-Identifier: MIT */
/* Packets between the supervisor and a child: one struct each, a descriptor at times. */
#include "process/channel.h"

#include "core/mem.h"
#include "core/secret.h"

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

/* Packets that wait because the kernel's queue is full: a worker that starts reads none
 * yet, while two keys for each account are on their way. */
#define PENDING_MAX 2048

struct pending {
	struct channel_message m; /* may hold a key: wiped */
	int fd;                   /* owned; -1 for none */
	STAILQ_ENTRY(pending) next;
};

struct channel {
	struct loop *loop; /* borrowed */
	int fd;            /* owned */
	struct event *read, *write;
	void (*message)(void *arg, const struct channel_message *m, int fd);
	void (*closed)(void *arg);
	void *arg;
	STAILQ_HEAD(, pending) queue;
	size_t queued;
};

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static int send_packet(int sock, const struct channel_message *m, int fd)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)m, .iov_len = sizeof(*m)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control = {.bytes = {0}};
	struct cmsghdr *c;
	ssize_t n;

	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do
		n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

static bool would_block(int error)
{
	/* ENOBUFS: for a local socket it means the same. */
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS;
}

static void pending_drop_first(struct channel *c)
{
	struct pending *p = STAILQ_FIRST(&c->queue);

	STAILQ_REMOVE_HEAD(&c->queue, next);
	c->queued--;
	if (p->fd >= 0)
		close(p->fd);
	secret_wipe(&p->m, sizeof(p->m));
	free(p);
}

static void flush(evutil_socket_t sock, short what, void *arg)
{
	struct channel *c = arg;
	struct pending *p;

	(void)what;
	while ((p = STAILQ_FIRST(&c->queue)) != NULL) {
		if (send_packet(sock, &p->m, p->fd) != 0) {
			if (would_block(errno))
				return;
			/* The peer has closed: the read side sees it and tells the owner. */
			event_del(c->write);
			return;
		}
		pending_drop_first(c);
	}
	event_del(c->write);
}

static int enqueue(
	struct channel *c, const struct channel_message *m, int fd, struct err *err)
{
	struct pending *p;

	if (c->queued >= PENDING_MAX)
		return err_set(err, "the process does not read its channel");
	p = mem_new(1, sizeof(*p));
	p->m = *m;
	p->fd = -1;
	if (fd >= 0) {
		p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (p->fd < 0) {
			err_errno(err, "cannot keep a descriptor for the channel");
			free(p);
			return -1;
		}
	}
	STAILQ_INSERT_TAIL(&c->queue, p, next);
	c->queued++;
	event_add(c->write, NULL);
	return 0;
}

int channel_send(
	struct channel *c, const struct channel_message *m, int fd, struct err *err)
{
	if (!STAILQ_EMPTY(&c->queue))
		return enqueue(c, m, fd, err);
	if (send_packet(c->fd, m, fd) == 0)
		return 0;
	if (would_block(errno))
		return enqueue(c, m, fd, err);
	return err_errno(err, "cannot write to the channel");
}

/* Takes the one descriptor out of the control data, and closes any further one. */
static int received_fd(struct msghdr *msg)
{
	int fd = -1;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h != NULL; h = CMSG_NXTHDR(msg, h)) {
		size_t n;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int one;

			memcpy(&one, CMSG_DATA(h) + i * sizeof(int), sizeof(one));
			if (fd < 0)
				fd = one;
			else
				close(one);
		}
	}
	return fd;
}

/* One packet: 1 taken, 0 none there, -1 the end, or a packet that is not one of ours. */
static int receive(int sock, struct channel_message *m, int *fd)
{
	struct iovec iov = {.iov_base = m, .iov_len = sizeof(*m)};
	union control control;
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (n < 0)
		return would_block(errno) || errno == EINTR ? 0 : -1;
	*fd = received_fd(&msg);
	if (n == (ssize_t)sizeof(*m) && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 1;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return -1;
}

/* Takes one packet a turn, so that a chatty child does not keep the loop for itself; the
 * callback may free the channel, so nothing is touched after it. */
static void readable(evutil_socket_t sock, short what, void *arg)
{
	struct channel *c = arg;
	struct channel_message m;
	int fd;

	(void)what;
	switch (receive(sock, &m, &fd)) {
	case 1: c->message(c->arg, &m, fd); break;
	case 0: break;
	default:
		event_del(c->read);
		event_del(c->write);
		c->closed(c->arg);
		break;
	}
	secret_wipe(&m, sizeof(m));
}

struct channel *channel_new(struct loop *loop, int fd,
	void (*message)(void *arg, const struct channel_message *m, int fd),
	void (*closed)(void *arg), void *arg)
{
	struct channel *c = mem_new(1, sizeof(*c));

	c->loop = loop;
	c->fd = fd;
	c->message = message;
	c->closed = closed;
	c->arg = arg;
	STAILQ_INIT(&c->queue);
	evutil_make_socket_nonblocking(fd);
	c->read = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST, readable, c);
	c->write = event_new(loop_base(loop), fd, EV_WRITE | EV_PERSIST, flush, c);
	if (c->read == NULL || c->write == NULL)
		abort();
	event_add(c->read, NULL);
	return c;
}

void channel_free(struct channel **channel)
{
	struct channel *c = *channel;

	if (c == NULL)
		return;
	*channel = NULL;
	while (!STAILQ_EMPTY(&c->queue))
		pending_drop_first(c);
	event_free(c->read);
	event_free(c->write);
	close(c->fd);
	loop_defer(c->loop, free, c);
}
