/* SPDX-License-Identifier: MIT */
/* Where the programs are: beside the one that runs. */
#include "process/program.h"

#include "core/str.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

extern char **environ;

int program_open(const char *suffix, struct err *err)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int fd;

	if (len < 0)
		return err_errno(err, "cannot read /proc/self/exe (is /proc mounted?)");
	path[len] = '\0';
	if (!str_copy(path + len, sizeof(path) - (size_t)len, suffix))
		return err_set(err, "the path of %s is too long", path);
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? err_errno(err, "cannot open %s", path) : fd;
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
