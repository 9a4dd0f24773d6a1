/* SPDX-License-Identifier: MIT */
/* Starting, draining, restarting and reaping worker and admin processes. */
#include "config.h"

#include "process/children.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/shm.h"
#include "process/program.h"
#include "process/slots.h"
#include "process/spawn.h"
#include "process/watchdog.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_TIMEOUT_MS 30000
/* Past the time for calls, which a worker keeps by itself. Admin has it twice: in a stop it
 * goes after the last worker. */
#define DRAIN_GRACE_MS 5000
/* From the end of a channel to the end of its process. */
#define CLOSED_GRACE_MS 5000
#define PAUSE_FIRST_MS  100
#define PAUSE_MAX_MS    5000
#define LONG_LIFE_MS    60000
/* What a child may send in a second: far more than it needs to, even if messages have
 * waited; and a few messages that it should not have sent, which are logged. */
#define MESSAGES_MAX   4096
#define UNEXPECTED_MAX 16

#define ID "supervisor"

static const char *const state_names[CHILD_STATES] = {
	[CHILD_WAITING] = "waiting",
	[CHILD_STARTING] = "starting",
	[CHILD_READY] = "ready",
	[CHILD_DRAINING] = "draining",
};

static const bool legal[CHILD_STATES][CHILD_STATES] = {
	[CHILD_WAITING] = {[CHILD_STARTING] = true},
	[CHILD_STARTING] =
		{[CHILD_READY] = true, [CHILD_DRAINING] = true, [CHILD_WAITING] = true},
	[CHILD_READY] = {[CHILD_DRAINING] = true, [CHILD_WAITING] = true},
};

static const char *const role_names[] = {
	[CHILD_WORKER] = "worker", [CHILD_ADMIN] = "admin"};

static void count_ready(const struct children *set)
{
	const struct child *c;
	int64_t n = 0;

	LIST_FOREACH (c, &set->list, next)
		if (c->role == CHILD_WORKER && c->state == CHILD_READY)
			n++;
	metrics_set(METRIC_WORKERS_READY, 0, n);
}

static void set_state(struct child *c, enum child_state to)
{
	if (!legal[c->state][to]) {
		/* Only a mistake in this file leads here; the service goes on. */
		log_event(LOG_ERROR, ID, "illegal_state", LOG_S("child", c->id),
			LOG_S("from", state_names[c->state]),
			LOG_S("to", state_names[to]));
		return;
	}
	log_event(LOG_DEBUG, ID, "child_state", LOG_S("child", c->id),
		LOG_S("from", state_names[c->state]), LOG_S("to", state_names[to]));
	c->state = to;
	count_ready(c->set);
}

static void end_process(struct child *c)
{
	if (c->pid > 0)
		kill(c->pid, SIGKILL);
}

/* --- the channel ---------------------------------------------------------------------- */

/* Whether this message is one too many in this second. */
static bool is_flood(struct child *c, bool unexpected)
{
	uint64_t now = loop_now_ms(c->set->loop);

	if (now - c->heard.since_ms >= 1000) {
		c->heard.since_ms = now;
		c->heard.messages = c->heard.unexpected = 0;
	}
	c->heard.messages++;
	c->heard.unexpected += unexpected;
	return c->heard.messages > MESSAGES_MAX || c->heard.unexpected > UNEXPECTED_MAX;
}

/* An attacker controls it, or it is broken: nothing more is read from it. Its successor starts
 * after the same pause as that of any child that died. */
static void end_flood(struct child *c)
{
	log_event(LOG_ERROR, ID, "child_flooded", LOG_S("child", c->id),
		LOG_I("pid", c->pid), LOG_U("messages", c->heard.messages));
	channel_free(&c->channel);
	end_process(c);
}

/* A READY of a child that is told to finish has crossed our DRAIN. */
static bool is_expected(const struct child *c, const struct channel_message *m)
{
	return m->type == CHANNEL_READY &&
	       (c->state == CHILD_STARTING || c->state == CHILD_DRAINING);
}

static void on_message(void *arg, const struct channel_message *m, int fd)
{
	struct child *c = arg;
	bool expected =
		m->type == CHANNEL_PONG ? watchdog_answered(c) : is_expected(c, m);

	if (fd >= 0)
		close(fd); /* a child has nothing to send us */
	if (is_flood(c, !expected)) {
		end_flood(c);
		return;
	}
	if (!expected)
		log_event(LOG_WARN, ID, "unexpected_message", LOG_S("child", c->id),
			LOG_U("type", m->type));
	if (!expected || m->type != CHANNEL_READY || c->state != CHILD_STARTING)
		return;
	loop_timer_stop(c->timer);
	set_state(c, CHILD_READY);
	log_event(LOG_INFO, ID, "child_ready", LOG_S("child", c->id),
		LOG_I("pid", c->pid), LOG_U("generation", c->generation->number));
	c->set->ready(c->set->arg, c);
}

/* Most of the time its process is about to end, and SIGCHLD follows. */
static void on_closed(void *arg)
{
	struct child *c = arg;

	channel_free(&c->channel);
	if (c->state != CHILD_DRAINING)
		loop_timer_set(c->timer, CLOSED_GRACE_MS);
}

/* --- starting ------------------------------------------------------------------------- */

/* The descriptors in the order of enum child_fd, of which the last n_regions are the caller's
 * to close; it frees the array. */
static int *collect_fds(const struct child *c, int channel, size_t *n, size_t *n_regions)
{
	const struct children *set = c->set;
	const struct conf *conf = c->generation->conf;
	size_t n_listen = 1;
	int admin = sockets_of_admin(set->sockets, conf);
	int *listen_fds = c->role == CHILD_WORKER ? sockets_of_worker(set->sockets, conf,
							    c->index, &n_listen)
	                                          : NULL;
	size_t most = CHILD_FD_LISTEN - CHILD_FD_CHANNEL + n_listen + shm_count(set->shm);
	int *fds = mem_new(most, sizeof(*fds));

	fds[CHILD_FD_CHANNEL - CHILD_FD_CHANNEL] = channel;
	fds[CHILD_FD_CONF - CHILD_FD_CHANNEL] = c->generation->conf_fd;
	fds[CHILD_FD_SHARED - CHILD_FD_CHANNEL] = shm_writer(set->shm, c->slot);
	fds[CHILD_FD_LOG - CHILD_FD_CHANNEL] = log_fd();
	fds[CHILD_FD_FILES - CHILD_FD_CHANNEL] =
		c->role == CHILD_WORKER ? c->generation->files_fd : -1;
	for (size_t i = 0; i < n_listen; i++)
		fds[CHILD_FD_LISTEN - CHILD_FD_CHANNEL + i] =
			listen_fds != NULL ? listen_fds[i] : admin;
	free(listen_fds);
	*n = CHILD_FD_LISTEN - CHILD_FD_CHANNEL + n_listen;
	*n_regions = slots_readers(set, fds + *n);
	*n += *n_regions;
	return fds;
}

static int start_process(struct child *c, struct err *err)
{
	struct spawn s = {.program = c->set->programs[c->role],
		.role = role_names[c->role],
		.slot = c->slot};
	size_t n_regions;
	int pair[2];
	int *fds;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) !=
		0)
		return err_errno(err, "cannot make a channel");
	fds = collect_fds(c, pair[1], &s.n_fds, &n_regions);
	s.fds = fds;
	c->pid = spawn_child(&s, err);
	for (size_t i = s.n_fds - n_regions; i < s.n_fds; i++)
		close(fds[i]);
	free(fds);
	close(pair[1]);
	if (c->pid < 0) {
		close(pair[0]);
		return -1;
	}
	c->channel = channel_new(c->set->loop, pair[0], on_message, on_closed, c);
	return 0;
}

static void name_child(struct child *c)
{
	if (c->role == CHILD_ADMIN)
		snprintf(c->id, sizeof(c->id), "admin");
	else
		snprintf(c->id, sizeof(c->id), "worker-%u", c->slot);
}

/* From WAITING to STARTING, with its keys on their way. */
static int start(struct child *c, struct err *err)
{
	struct children *set = c->set;

	/* If the day has changed meanwhile, the other workers need the keys as well. */
	children_rotate_keys(set);
	children_rotate_tickets(set);
	if (slots_take(c, err) != 0)
		return -1;
	name_child(c);
	c->started_ms = loop_now_ms(set->loop);
	memset(&c->heard, 0, sizeof(c->heard));
	c->pinged = false;
	if (start_process(c, err) != 0) {
		slots_leave(c);
		return -1;
	}
	set_state(c, CHILD_STARTING);
	loop_timer_set(c->timer, START_TIMEOUT_MS);
	if (c->role != CHILD_WORKER)
		return 0;
	if (tickets_send(&set->tickets, c->channel, err) != 0)
		return -1;
	return keys_send(&set->keys, c->generation->conf, c->channel, err);
}

static void on_timer(void *arg)
{
	struct child *c = arg;
	struct err err;

	switch (c->state) {
	case CHILD_WAITING:
		if (start(c, &err) == 0)
			return;
		log_event(LOG_ERROR, ID, "start_failed", LOG_S("child", c->id),
			LOG_S("error", err.text));
		if (c->state == CHILD_WAITING)
			loop_timer_set(c->timer, PAUSE_MAX_MS);
		else
			end_process(c);
		return;
	case CHILD_DRAINING: c->set->overran = true; break;
	default: break;
	}
	log_event(LOG_ERROR, ID, "child_killed", LOG_S("child", c->id),
		LOG_I("pid", c->pid), LOG_S("state", state_names[c->state]));
	end_process(c);
}

static int add(struct children *set, struct generation *g, enum child_role role,
	unsigned index, struct err *err)
{
	struct child *c = mem_new(1, sizeof(*c));

	c->set = set;
	c->generation = generation_ref(g);
	c->role = role;
	c->index = index;
	c->state = CHILD_WAITING;
	c->timer = loop_timer_new(set->loop, on_timer, c);
	snprintf(c->id, sizeof(c->id), "%s", role_names[role]);
	LIST_INSERT_HEAD(&set->list, c, next);
	return start(c, err);
}

int children_start(struct children *set, struct generation *g, struct err *err)
{
	if (slots_prepare(
		    set, g->conf->workers + (g->conf->admin.enabled ? 1 : 0), err) != 0)
		return -1;
	for (unsigned i = 0; i < g->conf->workers; i++)
		if (add(set, g, CHILD_WORKER, i, err) != 0)
			return -1;
	if (g->conf->admin.enabled)
		return add(set, g, CHILD_ADMIN, 0, err);
	return 0;
}

void children_restart(struct child *c)
{
	uint64_t lived = loop_now_ms(c->set->loop) - c->started_ms;
	uint64_t pause;

	if (lived >= LONG_LIFE_MS)
		c->pause_ms = 0;
	pause = c->pause_ms;
	c->pause_ms = pause == 0 ? PAUSE_FIRST_MS : pause * 2;
	if (c->pause_ms > PAUSE_MAX_MS)
		c->pause_ms = PAUSE_MAX_MS;
	log_event(LOG_INFO, ID, "restarting", LOG_S("child", c->id),
		LOG_U("pause_ms", pause));
	if (c->role == CHILD_WORKER)
		metrics_add(METRIC_WORKER_RESTARTS, 0, 1);
	loop_timer_set(c->timer, pause);
}

/* --- ending --------------------------------------------------------------------------- */

void children_forget(struct child *c)
{
	LIST_REMOVE(c, next);
	count_ready(c->set);
	channel_free(&c->channel);
	loop_timer_free(&c->timer);
	generation_unref(&c->generation);
	loop_defer(c->set->loop, free, c);
}

static void set_drain_timer(struct child *c, uint64_t calls_ms)
{
	uint64_t now = loop_now_ms(c->set->loop);
	uint64_t grace = c->role == CHILD_ADMIN ? 2 * DRAIN_GRACE_MS : DRAIN_GRACE_MS;
	uint64_t due = now + calls_ms + grace;

	if (c->drained_by != 0 && c->drained_by <= due)
		return;
	c->drained_by = due;
	loop_timer_set(c->timer, due - now);
}

void children_drain(struct child *c, const struct channel_drain *order)
{
	const struct channel_message m = {.type = CHANNEL_DRAIN, .drain = *order};
	struct err err;

	if (c->state == CHILD_WAITING) {
		children_forget(c);
		return;
	}
	if (c->state != CHILD_DRAINING)
		set_state(c, CHILD_DRAINING);
	set_drain_timer(c, order->times.calls_ms);
	if (c->channel != NULL && channel_send(c->channel, &m, -1, &err) != 0)
		log_event(LOG_DEBUG, ID, "drain_not_sent", LOG_S("child", c->id),
			LOG_S("error", err.text));
}

void children_close(struct child *c)
{
	if (c->channel == NULL)
		return;
	channel_free(&c->channel);
	loop_timer_set(c->timer, CLOSED_GRACE_MS);
}

/* An upgrade has replaced one of the programs only, and a start came between. */
static void log_version(const struct child *c)
{
	char path[PATH_MAX];

	program_path(c->set->programs[c->role], path, sizeof(path));
	log_event(LOG_ERROR, ID, "child_other_version", LOG_S("child", c->id),
		LOG_S("program", path), LOG_S("version", PACKAGE_VERSION),
		LOG_S("error",
			"the program is not of the supervisor's version: install "
			"sesrelay and sesrelay-worker of one version, then start again"));
}

static void log_end(const struct child *c, int status)
{
	bool asked = c->state == CHILD_DRAINING;
	enum log_level level = LOG_ERROR;

	if (asked)
		level = status == 0 ? LOG_INFO : LOG_WARN;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		/* It made a system call that only an attacker needs. */
		log_event(LOG_ERROR, ID, "child_forbidden_call", LOG_S("child", c->id),
			LOG_I("pid", c->pid));
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_EXIT_VERSION)
		log_version(c);
	if (WIFSIGNALED(status))
		log_event(level, ID, asked ? "child_ended" : "child_died",
			LOG_S("child", c->id), LOG_I("pid", c->pid),
			LOG_S("signal", sigabbrev_np(WTERMSIG(status))));
	else
		log_event(level, ID, asked ? "child_ended" : "child_died",
			LOG_S("child", c->id), LOG_I("pid", c->pid),
			LOG_I("status", WEXITSTATUS(status)));
}

static void reap(struct child *c, int status)
{
	struct children *set = c->set;
	bool asked = c->state == CHILD_DRAINING;

	log_end(c, status);
	loop_timer_stop(c->timer);
	channel_free(&c->channel);
	slots_leave(c);
	c->pid = 0;
	if (asked) {
		children_forget(c);
		set->gone(set->arg);
		return;
	}
	set_state(c, CHILD_WAITING);
	set->died(set->arg, c);
}

static struct child *find_pid(struct children *set, pid_t pid)
{
	struct child *c;

	LIST_FOREACH (c, &set->list, next)
		if (c->pid == pid)
			return c;
	return NULL;
}

void children_reap(struct children *set)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = find_pid(set, pid);

		if (c != NULL)
			reap(c, status);
	}
}

void children_kill(struct children *set)
{
	struct child *c;

	while ((c = LIST_FIRST(&set->list)) != NULL) {
		end_process(c);
		if (c->pid > 0)
			while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
				;
		children_forget(c);
	}
}

/* --- all of them ---------------------------------------------------------------------- */

bool children_are_ready(const struct children *set, const struct generation *g)
{
	const struct child *c;

	LIST_FOREACH (c, &set->list, next)
		if (c->generation == g && c->state != CHILD_READY)
			return false;
	return true;
}

size_t children_count(
	const struct children *set, const struct generation *g, enum child_role role)
{
	const struct child *c;
	size_t n = 0;

	LIST_FOREACH (c, &set->list, next)
		if ((g == NULL || c->generation == g) && c->role == role)
			n++;
	return n;
}

void children_rotate_keys(struct children *set)
{
	struct child *c;
	struct err err;

	if (!keys_rotate(&set->keys, loop_wall_s(set->loop)))
		return;
	log_event(LOG_INFO, ID, "new_keys", LOG_S("from", set->keys.dates[0]),
		LOG_S("to", set->keys.dates[1]));
	LIST_FOREACH (c, &set->list, next) {
		if (c->role != CHILD_WORKER || c->channel == NULL)
			continue;
		if (keys_send(&set->keys, c->generation->conf, c->channel, &err) == 0)
			continue;
		/* Without keys it would refuse all mail tomorrow. */
		log_event(LOG_ERROR, ID, "keys_not_sent", LOG_S("child", c->id),
			LOG_S("error", err.text));
		end_process(c);
	}
}

void children_rotate_tickets(struct children *set)
{
	struct child *c;
	struct err err;

	if (!tickets_rotate(&set->tickets, loop_now_ms(set->loop)))
		return;
	LIST_FOREACH (c, &set->list, next)
		if (c->role == CHILD_WORKER && c->channel != NULL &&
			tickets_send(&set->tickets, c->channel, &err) != 0)
			log_event(LOG_WARN, ID, "tickets_not_sent", LOG_S("child", c->id),
				LOG_S("error", err.text));
}

/* To all children, or to the workers of a generation. What is not sent is logged as event. */
static void send_all(const struct children *set, const struct generation *g,
	const struct channel_message *m, int fd, const char *event)
{
	const struct child *c;
	struct err err;

	LIST_FOREACH (c, &set->list, next) {
		if (g != NULL && (c->role != CHILD_WORKER || c->generation != g))
			continue;
		if (c->channel != NULL && channel_send(c->channel, m, fd, &err) != 0)
			log_event(LOG_WARN, ID, event, LOG_S("child", c->id),
				LOG_S("error", err.text));
	}
}

void children_send_files(struct children *set, const struct generation *g)
{
	const struct channel_message m = {.type = CHANNEL_FILES};

	send_all(set, g, &m, g->files_fd, "files_not_sent");
}

void children_send_log(struct children *set)
{
	const struct channel_message m = {.type = CHANNEL_REOPEN};

	send_all(set, NULL, &m, log_fd(), "log_not_passed");
}
