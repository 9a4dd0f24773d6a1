/* SPDX-License-Identifier: MIT */
/* fork and exec, with only async-signal-safe calls between the two. */
#include "config.h"

#include "process/spawn.h"

#include "core/mem.h"
#include "process/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern char **environ;

/* What a child may see of the environment: nothing that could hold a secret. */
static const char *const kept_variables[] = {
	"ASAN_OPTIONS=",
	"LSAN_OPTIONS=",
	"UBSAN_OPTIONS=",
	"TZ=",
	"MALLOC_",
	"G_",
};

/* Everything that the child needs, made before the fork. */
struct image {
	char *argv[5];
	char **envp; /* strings borrowed from environ */
	int *high;   /* room for the descriptors on their way */
};

static bool is_kept(const char *variable)
{
	for (size_t i = 0; i < ARRAY_LEN(kept_variables); i++)
		if (strncmp(variable, kept_variables[i], strlen(kept_variables[i])) == 0)
			return true;
	return false;
}

static char **kept_environment(void)
{
	size_t n = 0, kept = 0;
	char **envp;

	while (environ[n] != NULL)
		n++;
	envp = mem_new(n + 1, sizeof(*envp));
	for (size_t i = 0; i < n; i++)
		if (is_kept(environ[i]))
			envp[kept++] = environ[i];
	return envp;
}

/* In the child from here on: async-signal-safe calls only, and no return. */

static void die(const char *what)
{
	ssize_t n = write(STDERR_FILENO, what, strlen(what));

	(void)n;
	_exit(127);
}

/* Sources and targets may overlap, so all go up past the last target first. Returns the
 * program's, which the exec closes. */
static int place_descriptors(const struct spawn *s, int *high)
{
	int end = CHILD_FD_CHANNEL + (int)s->n_fds;
	int null = open("/dev/null", O_RDONLY);
	int program = fcntl(s->program, F_DUPFD_CLOEXEC, end);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		die("sesrelay: cannot open /dev/null\n");
	if (program < 0)
		die("sesrelay: no descriptors left for a child\n");
	for (size_t i = 0; i < s->n_fds; i++) {
		high[i] = fcntl(s->fds[i] < 0 ? null : s->fds[i], F_DUPFD, end);
		if (high[i] < 0)
			die("sesrelay: no descriptors left for a child\n");
	}
	for (size_t i = 0; i < s->n_fds; i++)
		if (dup2(high[i], CHILD_FD_CHANNEL + (int)i) < 0)
			die("sesrelay: cannot place a child's descriptors\n");
	/* All of ours are close-on-exec; this is for those that we were started with. */
	if (program > end)
		(void)close_range((unsigned)end, (unsigned)program - 1, 0);
	(void)close_range((unsigned)program + 1, ~0U, 0);
	return program;
}

static void run_child(const struct spawn *s, struct image *image)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	int program = place_descriptors(s, image->high);
	sigset_t none;

	/* Our handlers would write into the supervisor's loop until the exec. */
	for (int signo = 1; signo < NSIG; signo++)
		(void)sigaction(signo, &dfl, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	fexecve(program, image->argv, image->envp);
	die("sesrelay: cannot execute a child's program\n");
}

pid_t spawn_child(const struct spawn *s, struct err *err)
{
	char *slot = mem_sprintf("%u", s->slot);
	char *role = mem_strdup(s->role);
	struct image image = {
		.argv = {(char *)"sesrelay", role, slot, (char *)PACKAGE_VERSION, NULL},
		.envp = kept_environment(),
		.high = mem_new(s->n_fds, sizeof(int))};
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		run_child(s, &image);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		err_errno(err, "cannot fork");
	free(role);
	free(slot);
	free(image.envp);
	free(image.high);
	return pid;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int spawn_memfd(const char *name, const void *bytes, size_t len, struct err *err)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_errno(err, "cannot make a memfd");
	if (write_all(fd, bytes, len) != 0 ||
		fcntl(fd, F_ADD_SEALS,
			F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
		err_errno(err, "cannot fill a memfd");
		close(fd);
		return -1;
	}
	return fd;
}
