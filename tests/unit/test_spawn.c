/* SPDX-License-Identifier: MIT */
/* process/spawn: what a child finds when it wakes up. It is this program, run again. */
#include "config.h"

#include "process/spawn.h"

#include "core/attr.h"
#include "process/child.h"
#include "process/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

extern char **environ;

#define REPORT_MAX 8192

/* The child: tells on its first descriptor what it has. */
static int report(int argc, char **argv)
{
	struct sigaction sa;
	sigset_t mask;

	dprintf(CHILD_FD_CHANNEL, "args=%d %s %s %s\n", argc, argv[1], argv[2], argv[3]);
	for (int fd = 0; fd < 256; fd++) {
		struct stat st;

		if (fd != 1 && fd != 2 && fstat(fd, &st) == 0)
			dprintf(CHILD_FD_CHANNEL, "fd%d=%lu\n", fd,
				(unsigned long)st.st_ino);
	}
	for (char **e = environ; *e != NULL; e++)
		dprintf(CHILD_FD_CHANNEL, "env %s\n", *e);
	sigaction(SIGTERM, NULL, &sa);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	dprintf(CHILD_FD_CHANNEL, "term default=%d blocked=%d\n",
		sa.sa_handler == SIG_DFL, sigismember(&mask, SIGUSR2));
	return 7;
}

static unsigned long inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (unsigned long)st.st_ino;
}

/* Starts a child with these descriptors after the pipe that it reports on. */
static void run(const int *more, size_t n, char text[REPORT_MAX])
{
	int fds[8], pair[2], status;
	struct err err;
	struct spawn s = {.program = program_open(PROGRAM_SELF, &err),
		.role = "worker",
		.slot = 12,
		.fds = fds,
		.n_fds = n + 1};
	size_t len = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	fds[0] = pair[1];
	for (size_t i = 0; i < n; i++)
		fds[i + 1] = more[i];
	pid = spawn_child(&s, &err);
	assert_true(pid > 0);
	close(s.program);
	close(pair[1]);
	while ((got = read(pair[0], text + len, REPORT_MAX - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
	close(pair[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void has(const char *text, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void has(const char *text, const char *fmt, ...)
{
	char line[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (strstr(text, line) == NULL)
		fail_msg("%s is not in\n%s", line, text);
}

static void runs_the_hidden_command(void **state)
{
	char text[REPORT_MAX];

	(void)state;
	run(NULL, 0, text);
	has(text, "args=4 worker 12 " PACKAGE_VERSION "\n");
}

/* Made so that sources stand where other targets are. */
static void places_descriptors_in_their_order(void **state)
{
	struct err err;
	int a = spawn_memfd("a", "a", 1, &err), b = spawn_memfd("b", "b", 1, &err);
	int c = spawn_memfd("c", "c", 1, &err), leaked;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int fds[] = {c, a, b, -1};
	char text[REPORT_MAX];

	(void)state;
	/* One that somebody started us with, without close-on-exec. */
	leaked = fcntl(a, F_DUPFD, 40);
	run(fds, 4, text);
	has(text, "fd4=%lu\n", inode(c));
	has(text, "fd5=%lu\n", inode(a));
	has(text, "fd6=%lu\n", inode(b));
	has(text, "fd7=%lu\n", inode(null));
	assert_null(strstr(text, "fd8="));
	assert_null(strstr(text, "fd40="));
	has(text, "fd0=");
	close(a);
	close(b);
	close(c);
	close(leaked);
	close(null);
}

static void keeps_secrets_of_the_environment_from_it(void **state)
{
	char text[REPORT_MAX];

	(void)state;
	setenv("TENCENTCLOUD_SECRET_KEY", "canary", 1);
	setenv("TZ", "Asia/Shanghai", 1);
	setenv("LD_PRELOAD_NOT", "canary", 1);
	run(NULL, 0, text);
	has(text, "env TZ=Asia/Shanghai\n");
	assert_null(strstr(text, "canary"));
	unsetenv("TENCENTCLOUD_SECRET_KEY");
	unsetenv("TZ");
}

static void ignore(int signo)
{
	(void)signo;
}

static void gives_it_signals_as_they_come(void **state)
{
	char text[REPORT_MAX];
	sigset_t set, before;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &before);
	signal(SIGTERM, ignore);
	run(NULL, 0, text);
	has(text, "term default=1 blocked=0\n");
	signal(SIGTERM, SIG_DFL);
	/* Ours are as they were. */
	sigprocmask(SIG_SETMASK, &before, &set);
	assert_true(sigismember(&set, SIGUSR2));
}

static void seals_a_memfd(void **state)
{
	struct err err;
	int fd = spawn_memfd("conf", "abc", 3, &err);
	char text[4] = "";

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 3);
	assert_string_equal(text, "abc");
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 0), -1);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_the_hidden_command),
		cmocka_unit_test(places_descriptors_in_their_order),
		cmocka_unit_test(keeps_secrets_of_the_environment_from_it),
		cmocka_unit_test(gives_it_signals_as_they_come),
		cmocka_unit_test(seals_a_memfd),
	};

	if (argc > 1)
		return report(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
