/* SPDX-License-Identifier: MIT */
/* process/channel: whole packets, descriptors, and an end that is told once. */
#include "process/channel.h"

#include "core/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

struct fixture {
	struct loop *loop;
	struct channel *a, *b;
	int b_fd; /* the raw other end, where b is not made */
	unsigned messages, closed;
	struct channel_message last;
	int fd;
	bool free_at_message;
};

static void on_message(void *arg, const struct channel_message *m, int fd)
{
	struct fixture *f = arg;

	f->messages++;
	f->last = *m;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = fd;
	if (f->free_at_message)
		channel_free(&f->a);
}

static void on_closed(void *arg)
{
	struct fixture *f = arg;

	f->closed++;
	channel_free(&f->a);
}

static int set_up(void **state)
{
	struct fixture *f = mem_new(1, sizeof(*f));
	int pair[2];

	f->loop = loop_new();
	f->fd = -1;
	if (f->loop == NULL ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -1;
	f->a = channel_new(f->loop, pair[0], on_message, on_closed, f);
	f->b_fd = pair[1];
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	channel_free(&f->a);
	channel_free(&f->b);
	if (f->b_fd >= 0)
		close(f->b_fd);
	if (f->fd >= 0)
		close(f->fd);
	loop_free(&f->loop);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 20; i++)
		loop_turn(f->loop);
}

/* The other end as a channel that nobody listens to. */
static struct channel *other_end(struct fixture *f)
{
	static struct fixture sink = {.fd = -1};

	f->b = channel_new(f->loop, f->b_fd, on_message, on_closed, &sink);
	f->b_fd = -1;
	return f->b;
}

static void carries_a_message_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct channel_message m = {.type = CHANNEL_KEY, .key = {.account = 7}};
	struct err err;

	memset(m.key.key.key, 0x5a, sizeof(m.key.key.key));
	memset(m.key.token, 't', sizeof(m.key.token) - 1);
	assert_int_equal(channel_send(other_end(f), &m, -1, &err), 0);
	turn(f);
	assert_int_equal(f->messages, 1);
	assert_memory_equal(&f->last, &m, sizeof(m));
	assert_int_equal(f->fd, -1);
}

static void carries_a_descriptor(void **state)
{
	struct fixture *f = *state;
	const struct channel_message m = {.type = CHANNEL_REOPEN};
	struct stat sent, got;
	struct err err;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(channel_send(other_end(f), &m, fd, &err), 0);
	turn(f);
	assert_int_equal(f->messages, 1);
	assert_true(f->fd >= 0 && f->fd != fd);
	assert_int_equal(fstat(fd, &sent), 0);
	assert_int_equal(fstat(f->fd, &got), 0);
	assert_int_equal(sent.st_ino, got.st_ino);
	assert_int_equal(fcntl(f->fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

static void tells_once_that_the_other_end_is_gone(void **state)
{
	struct fixture *f = *state;
	const struct channel_message m = {.type = CHANNEL_READY};
	struct err err;

	assert_int_equal(channel_send(other_end(f), &m, -1, &err), 0);
	channel_free(&f->b);
	turn(f);
	/* What was sent before still arrives. */
	assert_int_equal(f->messages, 1);
	assert_int_equal(f->closed, 1);
}

static void takes_a_packet_of_another_size_for_the_end(void **state)
{
	static const size_t sizes[] = {1, sizeof(struct channel_message) - 1,
		sizeof(struct channel_message) + 1, 0};
	static const char bytes[sizeof(struct channel_message) + 1];
	int pair[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct fixture f = {.loop = loop_new(), .fd = -1};

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
		f.a = channel_new(f.loop, pair[0], on_message, on_closed, &f);
		assert_int_equal(send(pair[1], bytes, sizes[i], 0), (ssize_t)sizes[i]);
		turn(&f);
		assert_int_equal(f.messages, 0);
		assert_int_equal(f.closed, 1);
		close(pair[1]);
		loop_free(&f.loop);
	}
}

static size_t open_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n++;
	return n;
}

/* Both a wrong packet's descriptor and a second one would stay open for ever. */
static void closes_descriptors_that_it_does_not_pass_on(void **state)
{
	struct fixture *f = *state;
	union {
		char bytes[CMSG_SPACE(3 * sizeof(int))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	char byte = 'x';
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	size_t before = open_descriptors();
	const int three[3] = {fd, fd, fd};

	CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(three));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), three, sizeof(three));
	assert_int_equal(sendmsg(f->b_fd, &msg, 0), 1);
	turn(f);
	assert_int_equal(f->closed, 1);
	assert_int_equal(f->messages, 0);
	/* The channel has closed its own end, and all that came. */
	assert_int_equal(open_descriptors(), before - 1);
	close(fd);
}

static void keeps_what_the_kernel_does_not_take_yet(void **state)
{
	struct fixture *f = *state;
	struct channel_message m = {.type = CHANNEL_KEY};
	struct channel *b = other_end(f);
	struct err err;

	/* Far more than a socket's queue holds. */
	for (unsigned i = 0; i < 1000; i++) {
		m.key.account = i;
		assert_int_equal(channel_send(b, &m, -1, &err), 0);
	}
	for (unsigned i = 0; i < 5000 && f->messages < 1000; i++)
		loop_turn(f->loop);
	assert_int_equal(f->messages, 1000);
	assert_int_equal(f->last.key.account, 999);
}

static void gives_up_on_a_peer_that_does_not_read(void **state)
{
	struct fixture *f = *state;
	const struct channel_message m = {.type = CHANNEL_KEY};
	struct err err;
	unsigned i;

	for (i = 0; i < 10000; i++)
		if (channel_send(f->a, &m, -1, &err) != 0)
			break;
	assert_true(i < 10000);
	assert_non_null(strstr(err.text, "does not read"));
}

static void reports_a_dead_peer_to_the_sender(void **state)
{
	struct fixture *f = *state;
	const struct channel_message m = {.type = CHANNEL_DRAIN};
	struct err err;

	close(f->b_fd);
	f->b_fd = -1;
	assert_int_equal(channel_send(f->a, &m, -1, &err), -1);
}

static void may_be_freed_by_its_own_message(void **state)
{
	struct fixture *f = *state;
	const struct channel_message m = {.type = CHANNEL_DRAIN};
	struct err err;
	struct channel *b = other_end(f);

	f->free_at_message = true;
	assert_int_equal(channel_send(b, &m, -1, &err), 0);
	assert_int_equal(channel_send(b, &m, -1, &err), 0);
	turn(f);
	assert_int_equal(f->messages, 1);
	assert_null(f->a);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(carries_a_message_as_it_was),
		TEST(carries_a_descriptor),
		TEST(tells_once_that_the_other_end_is_gone),
		TEST(takes_a_packet_of_another_size_for_the_end),
		TEST(closes_descriptors_that_it_does_not_pass_on),
		TEST(keeps_what_the_kernel_does_not_take_yet),
		TEST(gives_up_on_a_peer_that_does_not_read),
		TEST(reports_a_dead_peer_to_the_sender),
		TEST(may_be_freed_by_its_own_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
