/* SPDX-License-Identifier: MIT */
/* What worker and admin have in common: both begin with inherited descriptors. */
#include "config.h"

#include "process/child.h"

#include "core/log.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "process/channel.h"
#include "core/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
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

static bool is_memory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* The supervisor closed everything past the last one. */
static void count_inherited(size_t *n_listen, size_t *n_regions)
{
	size_t n = 0;

	*n_listen = 0;
	while (fcntl(CHILD_FD_LISTEN + (int)n, F_SETFD, FD_CLOEXEC) == 0) {
		if (n == *n_listen && !is_memory(CHILD_FD_LISTEN + (int)n))
			(*n_listen)++;
		n++;
	}
	*n_regions = n - *n_listen;
}

/* No region keeps its descriptor: an attacker who controls this process finds none. */
static int take_regions(
	struct child_self *self, unsigned slot, size_t n_regions, struct err *err)
{
	self->shm = shm_new(CHILD_SLOTS);
	if (shm_take(self->shm, slot, CHILD_FD_SHARED, SHM_WRITE, err) != 0)
		return -1;
	for (size_t i = 0; i < n_regions; i++) {
		int fd = CHILD_FD_LISTEN + (int)(self->n_listen + i);

		if (i == slot)
			close(fd);
		else if (shm_take(self->shm, i, fd, SHM_READ, err) != 0)
			return -1;
	}
	return 0;
}

/* A terminal, or killall, sends signals to the children as well as to the supervisor, which
 * tells them what to do. Only SIGTERM is for a child itself: it drains. */
static void ignore_signals(void)
{
	static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGUSR1};

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
}

/* For ps(1) and top(1). Without it older kernels show the number of the descriptor that was
 * executed, and admin would have the name of the supervisor. */
static void name_process(const char *role)
{
	char name[16];

	snprintf(name, sizeof(name), "sesrelay-%s", role);
	(void)prctl(PR_SET_NAME, name);
}

int child_attach(
	struct child_self *self, const char *role, unsigned slot, struct err *err)
{
	size_t n_regions;

	memset(self, 0, sizeof(*self));
	name_process(role);
	snprintf(self->id, sizeof(self->id), "%s-%u", role, slot);
	if (strcmp(role, "admin") == 0)
		str_copy(self->id, sizeof(self->id), role);
	ignore_signals();
	for (int fd = CHILD_FD_CHANNEL; fd < CHILD_FD_LISTEN; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
			return err_set(err,
				"this command is the supervisor's: use \"sesrelay run\"");
	count_inherited(&self->n_listen, &n_regions);
	if (read_conf(&self->conf, err) != 0)
		return -1;
	log_use_fd(CHILD_FD_LOG, self->conf->log.format, self->conf->log.level);
	log_hide_local_parts(self->conf->log.recipients == CONF_LOG_DOMAIN);
	if (take_regions(self, slot, n_regions, err) != 0)
		goto fail;
	self->metrics = metrics_new(self->shm);
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
	shm_free(&self->shm);
	conf_free(&self->conf);
}

void child_use_log(const struct child_self *self, int fd)
{
	if (fd < 0)
		return;
	/* Onto the number that the log knows, which closes the old file. */
	if (dup3(fd, CHILD_FD_LOG, O_CLOEXEC) < 0)
		log_event(LOG_WARN, self->id, "log_reopen_failed", LOG_I("errno", errno));
	close(fd);
}

void child_use_slot(const struct child_self *self, uint32_t slot, int fd)
{
	struct err err;

	if (shm_take(self->shm, slot, fd, SHM_READ, &err) != 0)
		log_event(LOG_WARN, self->id, "slot_not_taken", LOG_U("slot", slot),
			LOG_S("error", err.text));
}

void child_pong(struct channel *c)
{
	const struct channel_message m = {.type = CHANNEL_PONG};
	struct err err;

	/* -1: the supervisor has ended, and on_closed() will be called. */
	if (channel_send(c, &m, -1, &err) != 0)
		log_event(LOG_DEBUG, NULL, "pong_not_sent", LOG_S("error", err.text));
}

void child_drop_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* 0 if it is none. */
static unsigned parse_slot(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *end == '\0' && n < CHILD_SLOTS ? (unsigned)n : 0;
}

int child_command(char *const *operands, int (*run)(unsigned slot))
{
	unsigned slot = parse_slot(operands[0]);

	if (slot == 0) {
		fputs("sesrelay: not a slot\n", stderr);
		return CHILD_EXIT_USAGE;
	}
	if (strcmp(operands[1], PACKAGE_VERSION) == 0)
		return run(slot);
	fputs("sesrelay: started by another version than " PACKAGE_VERSION "\n", stderr);
	return CHILD_EXIT_VERSION;
}
