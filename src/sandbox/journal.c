/* SPDX-License-Identifier: MIT */
/* The journal of accepted mails. */
#include "sandbox/journal.h"

#include "sandbox/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int journal_open(struct journal *j, const char *path, bool sync)
{
	j->fd = -1;
	j->sync = sync;
	if (path == NULL)
		return 0;
	j->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return j->fd < 0 ? -1 : 0;
}

void journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

/* Takes half a line back, so that the next one is whole again. */
static void undo(int fd, off_t size)
{
	int saved = errno;

	if (size >= 0 && ftruncate(fd, size) != 0)
		errno = EIO;
	else
		errno = saved;
}

int journal_append(struct journal *j, const struct mail *m)
{
	struct stat st;
	json_t *o;
	char *text, *line;
	ssize_t len, put;
	int rc = 0;

	if (j->fd < 0)
		return 0;
	o = mail_summary_json(m);
	text = json_line(o);
	line = mem_printf("%s\n", text);
	len = (ssize_t)strlen(line);
	if (fstat(j->fd, &st) != 0)
		st.st_size = -1;
	do {
		put = write(j->fd, line, (size_t)len);
	} while (put < 0 && errno == EINTR);
	if (put >= 0 && put < len)
		errno = ENOSPC;
	if (put != len || (j->sync && fsync(j->fd) != 0)) {
		undo(j->fd, st.st_size);
		rc = -1;
	}
	free(line);
	free(text);
	json_decref(o);
	return rc;
}
