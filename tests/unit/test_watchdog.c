/* SPDX-License-Identifier: MIT */
/* process/watchdog: who is asked, who is killed, and when. */
#include "process/watchdog.h"

#include "core/mem.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define LIMIT 3

struct fixture {
	struct conf conf;
	struct generation generation;
	struct children set;
	struct child child;
	struct channel *far; /* the child's end of its channel */
	unsigned pings;
};

static void far_message(void *arg, const struct channel_message *m, int fd)
{
	struct fixture *f = arg;

	(void)fd;
	assert_int_equal(m->type, CHANNEL_PING);
	f->pings++;
}

static void near_message(void *arg, const struct channel_message *m, int fd)
{
	(void)arg, (void)m, (void)fd;
}

static void on_closed(void *arg)
{
	(void)arg;
}

static pid_t sleeping_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static int set_up(void **state)
{
	struct fixture *f = mem_new(1, sizeof(*f));
	struct child *c = &f->child;
	int pair[2];

	f->set.loop = loop_new();
	if (f->set.loop == NULL ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	f->conf.watchdog = LIMIT * WATCHDOG_PERIOD_MS;
	f->generation.conf = &f->conf;
	LIST_INIT(&f->set.list);
	c->set = &f->set;
	c->generation = &f->generation;
	c->state = CHILD_READY;
	c->channel = channel_new(f->set.loop, pair[0], near_message, on_closed, f);
	f->far = channel_new(f->set.loop, pair[1], far_message, on_closed, f);
	c->pid = sleeping_process();
	LIST_INSERT_HEAD(&f->set.list, c, next);
	*state = f;
	return c->pid > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kill(f->child.pid, SIGKILL);
	(void)waitpid(f->child.pid, NULL, 0);
	channel_free(&f->child.channel);
	channel_free(&f->far);
	loop_free(&f->set.loop);
	free(f);
	return 0;
}

static void tick(struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		watchdog_tick(&f->set);
		for (int k = 0; k < 5; k++)
			loop_turn(f->set.loop);
	}
}

static bool is_alive(const struct fixture *f)
{
	siginfo_t info = {.si_pid = 0};

	assert_int_equal(
		waitid(P_PID, (id_t)f->child.pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid == 0;
}

static void expect_killed(struct fixture *f)
{
	int status;

	assert_int_equal(waitpid(f->child.pid, &status, 0), f->child.pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	f->child.pid = sleeping_process();
}

static void kills_a_child_that_does_not_answer(void **state)
{
	struct fixture *f = *state;

	tick(f, LIMIT);
	assert_int_equal(f->pings, 1);
	assert_true(is_alive(f));
	tick(f, 1);
	expect_killed(f);
	assert_false(f->set.overran);
}

static void leaves_a_child_alone_that_answers(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 1; i <= 4; i++) {
		tick(f, LIMIT);
		assert_int_equal(f->pings, i);
		assert_true(watchdog_answered(&f->child));
		assert_false(watchdog_answered(&f->child));
	}
	assert_true(is_alive(f));
}

static void watches_nobody_who_starts_or_is_not_to_be_watched(void **state)
{
	struct fixture *f = *state;

	f->child.state = CHILD_STARTING;
	tick(f, 5 * LIMIT);
	f->child.state = CHILD_READY;
	f->conf.watchdog = 0;
	tick(f, 5 * LIMIT);
	assert_int_equal(f->pings, 0);
	assert_true(is_alive(f));
}

static void a_worker_that_hangs_while_it_drains_was_cut(void **state)
{
	struct fixture *f = *state;

	f->child.state = CHILD_DRAINING;
	tick(f, LIMIT + 1);
	expect_killed(f);
	assert_true(f->set.overran);
}

static void gives_the_shortest_limit_two_periods(void **state)
{
	struct fixture *f = *state;

	f->conf.watchdog = 1;
	tick(f, 2);
	assert_true(is_alive(f));
	tick(f, 1);
	expect_killed(f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kills_a_child_that_does_not_answer),
		TEST(leaves_a_child_alone_that_answers),
		TEST(watches_nobody_who_starts_or_is_not_to_be_watched),
		TEST(a_worker_that_hangs_while_it_drains_was_cut),
		TEST(gives_the_shortest_limit_two_periods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
