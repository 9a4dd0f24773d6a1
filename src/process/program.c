/* SPDX-License-Identifier: MIT */
/* Where the programs are: beside the one that runs. */
#include "process/program.h"

#include "core/str.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

extern char **environ;

/* The length of what a link of /proc/self names, cut at cap - 1, or -1. */
static ssize_t read_link(const char *link, char *path, size_t cap)
{
	ssize_t len = readlink(link, path, cap - 1);

	if (len >= 0)
		path[len] = '\0';
	return len;
}

int program_open(const char *suffix, struct err *err)
{
	char path[PATH_MAX];
	ssize_t len = read_link("/proc/self/exe", path, sizeof(path));
	int fd;

	if (len < 0)
		return err_errno(err, "cannot read /proc/self/exe (is /proc mounted?)");
	if (!str_copy(path + len, sizeof(path) - (size_t)len, suffix))
		return err_set(err, "the path of %s is too long", path);
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? err_errno(err, "cannot open %s", path) : fd;
}

void program_path(int fd, char *path, size_t cap)
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (read_link(link, path, cap) < 0)
		(void)str_copy(path, cap, "?");
}

void program_run(const char *suffix, char **argv, struct err *err)
{
	int fd = program_open(suffix, err);

	if (fd < 0)
		return;
	(void)fexecve(fd, argv, environ);
	(void)err_errno(err, "cannot execute %s%s", argv[0], suffix);
	close(fd);
}
