/* SPDX-License-Identifier: MIT */
/* Descriptors for sessions and for calls. */
#include "process/descriptors.h"

#include "process/child.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t less(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static unsigned all_connections(const struct conf *conf)
{
	unsigned n = 0;

	for (size_t i = 0; i < conf->n_accounts; i++)
		n += conf->accounts[i].connections;
	return n;
}

void descriptors_share(
	const struct conf *conf, uint64_t limit, uint64_t used, struct descriptors *d)
{
	uint64_t taken = used + DESCRIPTORS_SPARE;
	uint64_t room = limit > taken ? limit - taken : 0;
	uint64_t sessions = conf->limits.sessions / conf->workers;
	unsigned connections = all_connections(conf);
	uint64_t calls = (uint64_t)connections * DESCRIPTORS_PER_CALL;

	*d = (struct descriptors){.limit = limit};
	if (sessions == 0)
		sessions = 1;
	d->fewer = sessions + calls > room;
	if (d->fewer) {
		calls = less(calls, room - less(sessions, room / 2));
		connections = (unsigned)(calls / DESCRIPTORS_PER_CALL);
		sessions = less(sessions, room - calls);
	}
	d->sessions = sessions > 0 ? (unsigned)sessions : 1;
	d->connections = connections > 0 ? connections : 1;
}

/* The lowest that is free: a child has no holes. */
static int count_open(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd;
}

/* Each account gets its share, and one at least. */
static void hold_connections(struct conf *conf, unsigned most)
{
	unsigned all = all_connections(conf);

	for (size_t i = 0; i < conf->n_accounts; i++) {
		struct conf_account *a = &conf->accounts[i];
		uint64_t part = (uint64_t)a->connections * most / all;

		if (most < all)
			a->connections = part > 0 ? (unsigned)part : 1;
	}
}

int descriptors_take(struct conf *conf, struct descriptors *d)
{
	struct rlimit files;
	int used = count_open();

	if (used < 0 || getrlimit(RLIMIT_NOFILE, &files) != 0)
		return -1;
	descriptors_share(conf, files.rlim_cur, (uint64_t)used, d);
	hold_connections(conf, d->connections);
	return 0;
}

int descriptors_foresee(const struct conf *conf, struct descriptors *d)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return -1;
	descriptors_share(conf, files.rlim_max, CHILD_FD_LISTEN + conf->n_listeners, d);
	return 0;
}
