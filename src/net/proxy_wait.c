/* SPDX-License-Identifier: MIT */
/* Waits for PROXY headers. */
#include "net/proxy_wait.h"

#include "core/mem.h"

#include <event2/event.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct proxy_wait {
	struct proxy_wait_list *list; /* borrowed */
	int fd;
	struct sockaddr_storage proxy;
	struct event *event;
	struct loop_timer *timer;
	char header[PROXY_HEADER_MAX];
	size_t len;
	LIST_ENTRY(proxy_wait) entry;
};

/* Everything but the socket. */
static void release(struct proxy_wait *p)
{
	LIST_REMOVE(p, entry);
	p->list->n--;
	if (p->event != NULL)
		event_free(p->event);
	loop_timer_free(&p->timer);
	free(p);
}

static void fail(struct proxy_wait *p, const char *why)
{
	p->list->failed(p->list->arg, (struct sockaddr *)&p->proxy, why);
	close(p->fd);
	release(p);
}

static void succeed(struct proxy_wait *p, const struct proxy_header *h)
{
	struct proxy_wait_list *list = p->list;
	struct sockaddr_storage proxy = p->proxy;
	int fd = p->fd;

	release(p);
	list->ready(list->arg, fd, (struct sockaddr *)&proxy, h);
}

/* Moves n more bytes from the socket into the header; they were peeked at before. */
static bool consume(struct proxy_wait *p, size_t n)
{
	if (recv(p->fd, p->header + p->len, n, 0) != (ssize_t)n)
		return false;
	p->len += n;
	return true;
}

/* Peeks first, so that no byte after the header is taken. */
static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct proxy_wait *p = arg;
	struct proxy_header h;
	enum proxy_result result;
	ssize_t n = recv(fd, p->header + p->len, sizeof(p->header) - p->len, MSG_PEEK);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0) {
		fail(p, "the proxy left");
		return;
	}
	result = proxy_parse(p->header, p->len + (size_t)n, &h);
	if (result == PROXY_BAD ||
		!consume(p, result == PROXY_DONE ? h.len - p->len : (size_t)n))
		fail(p, "no PROXY header");
	else if (result == PROXY_DONE)
		succeed(p, &h);
}

static void on_timer(void *arg)
{
	fail(arg, "the PROXY header took too long");
}

int proxy_wait_open(
	struct proxy_wait_list *list, int fd, const struct sockaddr_storage *proxy)
{
	struct proxy_wait *p = mem_new(1, sizeof(*p));

	p->list = list;
	p->fd = fd;
	p->proxy = *proxy;
	LIST_INSERT_HEAD(&list->waits, p, entry);
	list->n++;
	p->timer = loop_timer_new(list->loop, on_timer, p);
	p->event = event_new(loop_base(list->loop), fd, EV_READ | EV_PERSIST, on_read, p);
	if (p->event == NULL || event_add(p->event, NULL) < 0) {
		close(fd);
		release(p);
		return -1;
	}
	loop_timer_set(p->timer, PROXY_WAIT_TIMEOUT);
	return 0;
}

void proxy_wait_abort(struct proxy_wait_list *list)
{
	while (!LIST_EMPTY(&list->waits)) {
		close(LIST_FIRST(&list->waits)->fd);
		release(LIST_FIRST(&list->waits));
	}
}
