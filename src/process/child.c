/* SPDX-License-Identifier: MIT */
/* What worker and admin have in common: they wake up with descriptors, and name them. */
#include "process/child.h"

#include "core/log.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The memfd's offset is shared with every other child, so it is read by position. */
static char *read_memfd(int fd, size_t *len, struct err *err)
{
	struct stat st;
	char *text;
	size_t got = 0;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		err_set(err, "this command is the supervisor's: use \"sesrelay run\"");
		return NULL;
	}
	text = mem_new((size_t)st.st_size + 1, 1);
	while (got < (size_t)st.st_size) {
		ssize_t n = pread(fd, text + got, (size_t)st.st_size - got, (off_t)got);

		if (n <= 0) {
			err_errno(err, "cannot read the inherited configuration");
			free(text);
			return NULL;
		}
		got += (size_t)n;
	}
	*len = got;
	return text;
}

static int read_conf(struct conf **conf, struct err *err)
{
	size_t len = 0;
	char *text = read_memfd(CHILD_FD_CONF, &len, err);
	FILE *in = NULL;
	int rc = -1;

	if (text == NULL)
		return -1;
	in = fmemopen(text, len, "r");
	if (in == NULL) {
		err_errno(err, "cannot read the inherited configuration");
		goto out;
	}
	rc = conf_load_masked(in, "(inherited configuration)", conf, err);
	fclose(in);
out:
	free(text);
	close(CHILD_FD_CONF);
	return rc;
}

/* The supervisor closed everything behind the last one. */
static size_t count_listening(void)
{
	size_t n = 0;

	while (fcntl(CHILD_FD_LISTEN + (int)n, F_SETFD, FD_CLOEXEC) == 0)
		n++;
	return n;
}

/* Signals for the supervisor reach its children too where a terminal, or killall, sends them
 * to everybody; it tells us what to do about them. SIGTERM is ours: it drains. */
static void ignore_signals(void)
{
	static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGUSR1};

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
}

int child_attach(
	struct child_self *self, const char *role, unsigned slot, struct err *err)
{
	memset(self, 0, sizeof(*self));
	snprintf(self->id, sizeof(self->id), "%s-%u", role, slot);
	if (strcmp(role, "admin") == 0)
		str_copy(self->id, sizeof(self->id), role);
	ignore_signals();
	for (int fd = CHILD_FD_CHANNEL; fd < CHILD_FD_LISTEN; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
			return err_set(err,
				"this command is the supervisor's: use \"sesrelay run\"");
	self->n_listen = count_listening();
	if (read_conf(&self->conf, err) != 0)
		return -1;
	log_use_fd(CHILD_FD_LOG, self->conf->log.format, self->conf->log.level);
	self->metrics = metrics_attach(CHILD_FD_METRICS, err);
	if (self->metrics == NULL)
		goto fail;
	metrics_use(self->metrics, slot);
	self->loop = loop_new();
	if (self->loop == NULL) {
		err_set(err, "cannot make an event loop");
		goto fail;
	}
	return 0;
fail:
	child_detach(self);
	return -1;
}

void child_detach(struct child_self *self)
{
	loop_free(&self->loop);
	metrics_use(NULL, 0);
	metrics_free(&self->metrics);
	conf_free(&self->conf);
}

void child_use_log(const struct child_self *self, int fd)
{
	if (fd < 0)
		return;
	/* Onto the number that the log knows, so that the old file is let go. */
	if (dup3(fd, CHILD_FD_LOG, O_CLOEXEC) < 0)
		log_event(LOG_WARN, self->id, "log_reopen_failed", LOG_I("errno", errno));
	close(fd);
}

void child_drop_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}
