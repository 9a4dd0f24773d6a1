/* SPDX-License-Identifier: MIT */
/* `sesrelay run`: the parent process. It holds the secrets and reads nothing from clients. */
#include "config.h"

#include "core/log.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "core/shm.h"
#include "process/advice.h"
#include "process/child.h"
#include "process/children.h"
#include "process/confine/confine.h"
#include "process/drain_times.h"
#include "process/generation.h"
#include "process/notify.h"
#include "process/program.h"
#include "process/sockets/sockets.h"
#include "process/trim.h"
#include "process/watchdog.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "supervisor"

/* How often the wall clock and the resolver's file are looked at. */
#define TICK_MS 60000

/* How often the files of the configuration are looked at. By name, not by inotify: what a
 * path leads to may change at any of its symbolic links. */
#define WATCH_MS 2000

#define RESOLVER_FILE "/etc/resolv.conf"

enum supervisor_state {
	SUPERVISOR_STARTING, /* waits for the first generation */
	SUPERVISOR_RUNNING,
	SUPERVISOR_RELOADING, /* waits for the next one; the current one serves */
	SUPERVISOR_STOPPING,
	SUPERVISOR_STATES
};

static const char *const state_names[SUPERVISOR_STATES] = {
	[SUPERVISOR_STARTING] = "starting",
	[SUPERVISOR_RUNNING] = "running",
	[SUPERVISOR_RELOADING] = "reloading",
	[SUPERVISOR_STOPPING] = "stopping",
};

static const bool legal[SUPERVISOR_STATES][SUPERVISOR_STATES] = {
	[SUPERVISOR_STARTING] =
		{[SUPERVISOR_RUNNING] = true, [SUPERVISOR_STOPPING] = true},
	[SUPERVISOR_RUNNING] =
		{[SUPERVISOR_RELOADING] = true, [SUPERVISOR_STOPPING] = true},
	[SUPERVISOR_RELOADING] =
		{[SUPERVISOR_RUNNING] = true, [SUPERVISOR_STOPPING] = true},
};

enum { ON_TERM, ON_INT, ON_HUP, ON_USR1, ON_CHLD, SIGNALS };

struct supervisor {
	const char *file; /* the configuration's; borrowed */
	enum supervisor_state state;
	struct loop *loop;
	struct shm *shm;
	struct metrics *metrics;
	struct activation *activation;
	struct sockets *sockets;
	struct children children;
	int programs[CHILD_ROLES];  /* of process/program.h; 0: not opened */
	struct generation *current; /* in force; NULL before the first */
	struct generation *next;    /* starting; NULL while there is none */
	size_t width_before;        /* of the sockets, for taking a reload back */
	bool reload_again;          /* a SIGHUP came while one was under way */
	struct stat resolver;
	struct loop_timer *tick;
	struct loop_timer *watch;
	struct loop_timer *beat;
	char files_error[sizeof(((struct err *)NULL)->text)]; /* told already */
	struct loop_signal *signals[SIGNALS];
	int status; /* of the exit */
};

static void set_state(struct supervisor *s, enum supervisor_state to)
{
	if (!legal[s->state][to]) {
		log_event(LOG_ERROR, ID, "illegal_state",
			LOG_S("from", state_names[s->state]),
			LOG_S("to", state_names[to]));
		return;
	}
	log_event(LOG_DEBUG, ID, "state", LOG_S("from", state_names[s->state]),
		LOG_S("to", state_names[to]));
	s->state = to;
}

/* Drains every child of a generation; the processes of another go on. */
static void drain(struct supervisor *s, const struct generation *g)
{
	const struct channel_drain order = {.times = drain_times_reload(g->conf)};
	struct child *c, *next;

	for (c = LIST_FIRST(&s->children.list); c != NULL; c = next) {
		/* A child without a process is forgotten here, and freed after this turn. */
		next = LIST_NEXT(c, next);
		if (c->generation == g)
			children_drain(c, &order);
	}
}

/* --- stopping ------------------------------------------------------------------------- */

/* Admin goes last, so that it can say until then why nothing is accepted. */
static void stop_when_empty(struct supervisor *s)
{
	struct child *c;

	if (s->state != SUPERVISOR_STOPPING ||
		children_count(&s->children, NULL, CHILD_WORKER) > 0)
		return;
	if (children_count(&s->children, NULL, CHILD_ADMIN) == 0) {
		loop_stop(s->loop);
		return;
	}
	LIST_FOREACH (c, &s->children.list, next)
		children_close(c);
}

/* Old workers that a reload left have to go too. The configuration in force says how long it
 * may take; how long a call may take is each worker's own. */
static void drain_all(struct supervisor *s)
{
	const struct generation *g = s->current != NULL ? s->current : s->next;
	struct child *c, *next;

	for (c = LIST_FIRST(&s->children.list); c != NULL; c = next) {
		const struct channel_drain order = {
			.times = drain_times_stop(
				c->generation->conf, g->conf->shutdown_timeout),
			.stop = true};

		next = LIST_NEXT(c, next);
		children_drain(c, &order);
	}
}

static void stop(struct supervisor *s, int status)
{
	set_state(s, SUPERVISOR_STOPPING);
	s->status = status;
	notify_send("STOPPING=1\nSTATUS=finishing the messages in flight");
	log_event(LOG_INFO, ID, "stopping",
		LOG_U("workers", children_count(&s->children, NULL, CHILD_WORKER)));
	/* The workers close theirs soon after, and from then on connections are refused. */
	sockets_free(&s->sockets);
	activation_free(&s->activation);
	s->sockets = sockets_new(NULL);
	s->children.sockets = s->sockets;
	drain_all(s);
	stop_when_empty(s);
}

static void on_term(void *arg)
{
	struct supervisor *s = arg;

	if (s->state != SUPERVISOR_STOPPING) {
		stop(s, 0);
		return;
	}
	log_event(LOG_WARN, ID, "stopping_now",
		LOG_U("workers", children_count(&s->children, NULL, CHILD_WORKER)));
	children_kill(&s->children);
	s->status = 1;
	loop_stop(s->loop);
}

/* --- reloading ------------------------------------------------------------------------ */

static void reload_failed(const char *why)
{
	metrics_add(METRIC_RELOADS_FAILED, 0, 1);
	log_event(LOG_ERROR, ID, "reload_failed", LOG_S("error", why));
	notify_send("READY=1\nSTATUS=running; the last reload failed, see the log");
}

static int use_log(const struct conf *conf, struct err *err)
{
	if (log_open(conf->log.file, conf->log.format, conf->log.level, err) == 0)
		return 0;
	return conf_blame(conf, "log", 0, "file", err);
}

static void tell_advice(void *arg, const char *text)
{
	(void)arg;
	log_event(LOG_WARN, ID, "configuration_odd", LOG_S("text", text));
}

/* Gives the next generation up; the current one never stopped serving. */
static void abandon(struct supervisor *s, const char *why)
{
	struct err err;

	sockets_trim(s->sockets, s->current->conf, s->width_before);
	drain(s, s->next);
	generation_unref(&s->next);
	if (use_log(s->current->conf, &err) != 0)
		log_event(LOG_ERROR, ID, "log_failed", LOG_S("error", err.text));
	if (s->state == SUPERVISOR_RELOADING)
		set_state(s, SUPERVISOR_RUNNING);
	reload_failed(why);
}

/* The next generation becomes the current one. */
static void commit(struct supervisor *s)
{
	struct generation *old = s->current;

	s->current = s->next;
	s->next = NULL;
	set_state(s, SUPERVISOR_RUNNING);
	notify_send("READY=1\nSTATUS=running");
	trim_after_start();
	if (old == NULL) {
		log_event(LOG_INFO, ID, "ready", LOG_S("version", PACKAGE_VERSION),
			LOG_U("workers", s->current->conf->workers));
		return;
	}
	sockets_trim(s->sockets, s->current->conf, 0);
	drain(s, old);
	generation_unref(&old);
	metrics_add(METRIC_RELOADS, 0, 1);
	log_event(LOG_INFO, ID, "reloaded", LOG_U("generation", s->current->number),
		LOG_U("workers", s->current->conf->workers));
}

static int start_next(struct supervisor *s, struct err *err)
{
	const struct conf *conf = s->next->conf;

	s->width_before = sockets_width(s->sockets);
	if (sockets_open(s->sockets, conf, err) != 0 || use_log(conf, err) != 0)
		return -1;
	advice_give(conf, tell_advice, NULL);
	return children_start(&s->children, s->next, err);
}

static void reload(struct supervisor *s)
{
	struct err err;

	notify_reloading();
	log_event(LOG_INFO, ID, "reloading", LOG_S("file", s->file));
	if (generation_new(s->file, s->current->number + 1, &s->next, &err) != 0) {
		reload_failed(err.text);
		return;
	}
	set_state(s, SUPERVISOR_RELOADING);
	if (start_next(s, &err) != 0)
		abandon(s, err.text);
}

/* A SIGHUP that came while a reload was under way may mean a newer file. */
static void reload_if_asked(struct supervisor *s)
{
	if (!s->reload_again || s->state != SUPERVISOR_RUNNING)
		return;
	s->reload_again = false;
	reload(s);
}

static void on_hup(void *arg)
{
	struct supervisor *s = arg;

	if (s->state == SUPERVISOR_RUNNING)
		reload(s);
	else if (s->state != SUPERVISOR_STOPPING)
		s->reload_again = true;
}

/* --- children ------------------------------------------------------------------------- */

static void child_ready(void *arg, struct child *c)
{
	struct supervisor *s = arg;

	if (s->next == NULL || c->generation != s->next ||
		!children_are_ready(&s->children, s->next))
		return;
	commit(s);
	reload_if_asked(s);
}

static void child_died(void *arg, struct child *c)
{
	struct supervisor *s = arg;
	bool is_next = s->next != NULL && c->generation == s->next;

	if (s->state == SUPERVISOR_STARTING) {
		/* It has logged why. Starting it again would only hide that nothing works. */
		log_event(LOG_ERROR, ID, "cannot_start", LOG_S("child", c->id));
		children_kill(&s->children);
		stop(s, 1);
		return;
	}
	if (s->state == SUPERVISOR_STOPPING) {
		children_forget(c);
		stop_when_empty(s);
	} else if (is_next) {
		abandon(s,
			"a process of the new configuration ended before it was ready");
		reload_if_asked(s);
	} else {
		children_restart(c);
	}
}

static void child_gone(void *arg)
{
	stop_when_empty(arg);
}

static void on_child(void *arg)
{
	struct supervisor *s = arg;

	children_reap(&s->children);
}

/* --- the rest ------------------------------------------------------------------------- */

static void on_usr1(void *arg)
{
	struct supervisor *s = arg;
	struct err err;

	if (log_reopen(&err) != 0) {
		log_event(LOG_ERROR, ID, "log_reopen_failed", LOG_S("error", err.text));
		return;
	}
	children_send_log(&s->children);
	log_event(LOG_INFO, ID, "log_reopened");
}

/* A worker may read the resolver's file, but only the file that was there when Landlock was
 * put in force. If another one replaces it, new workers are needed. */
static void check_resolver(struct supervisor *s)
{
	struct stat now;

	if (stat(RESOLVER_FILE, &now) != 0 ||
		(now.st_dev == s->resolver.st_dev && now.st_ino == s->resolver.st_ino))
		return;
	s->resolver = now;
	log_event(LOG_INFO, ID, "resolver_changed", LOG_S("file", RESOLVER_FILE));
	on_hup(s);
}

/* A file that is bad, or not complete yet, is logged once and checked again. */
static void files_failed(struct supervisor *s, const char *why)
{
	if (strcmp(s->files_error, why) == 0)
		return;
	(void)str_copy(s->files_error, sizeof(s->files_error), why);
	metrics_add(METRIC_RELOADS_FAILED, 0, 1);
	log_event(LOG_ERROR, ID, "files_failed", LOG_S("error", why));
}

static void on_watch(void *arg)
{
	struct supervisor *s = arg;
	struct err err;
	int rc;

	loop_timer_set(s->watch, WATCH_MS);
	if (s->state != SUPERVISOR_RUNNING)
		return;
	rc = generation_refresh(s->current, &err);
	if (rc < 0)
		files_failed(s, err.text);
	if (rc <= 0)
		return;
	s->files_error[0] = '\0';
	log_event(LOG_INFO, ID, "files_changed");
	children_send_files(&s->children, s->current);
}

/* A timer of the loop: if the loop hangs, the service manager is told nothing. */
static void on_beat(void *arg)
{
	struct supervisor *s = arg;

	loop_timer_set(s->beat, WATCHDOG_PERIOD_MS);
	watchdog_tick(&s->children);
	if (notify_watchdog_is_on())
		notify_send("WATCHDOG=1");
}

static void on_tick(void *arg)
{
	struct supervisor *s = arg;

	loop_timer_set(s->tick, TICK_MS);
	if (s->state == SUPERVISOR_STOPPING)
		return;
	children_rotate_keys(&s->children);
	children_rotate_tickets(&s->children);
	check_resolver(s);
}

static void catch_signals(struct supervisor *s)
{
	s->signals[ON_TERM] = loop_signal_new(s->loop, SIGTERM, on_term, s);
	s->signals[ON_INT] = loop_signal_new(s->loop, SIGINT, on_term, s);
	s->signals[ON_HUP] = loop_signal_new(s->loop, SIGHUP, on_hup, s);
	s->signals[ON_USR1] = loop_signal_new(s->loop, SIGUSR1, on_usr1, s);
	s->signals[ON_CHLD] = loop_signal_new(s->loop, SIGCHLD, on_child, s);
	signal(SIGPIPE, SIG_IGN);
}

/* Each session and each call needs a descriptor; children inherit the limit. The soft limit is
 * raised to the hard one. */
static void raise_descriptors(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	log_event(LOG_DEBUG, ID, "descriptors", LOG_U("limit", files.rlim_cur));
}

/* Clients of such a socket would wait forever. */
static void tell_unused(const struct supervisor *s)
{
	const struct conf *conf = s->next->conf;
	const char *name;

	for (size_t i = 0; (name = activation_name(s->activation, i)) != NULL; i++) {
		bool used = false;

		for (size_t k = 0; k < conf->n_listeners; k++)
			used = used ||
			       (conf->listeners[k].activation &&
				       strcmp(conf->listeners[k].name, name) == 0);
		if (!used)
			log_event(LOG_WARN, ID, "socket_unused", LOG_S("name", name));
	}
}

static int open_programs(struct supervisor *s, struct err *err)
{
	static const char *const suffixes[CHILD_ROLES] = {
		[CHILD_WORKER] = PROGRAM_WORKER, [CHILD_ADMIN] = PROGRAM_SELF};

	for (size_t i = 0; i < CHILD_ROLES; i++) {
		s->programs[i] = program_open(suffixes[i], err);
		if (s->programs[i] < 0)
			return -1;
	}
	return 0;
}

static void close_programs(struct supervisor *s)
{
	for (size_t i = 0; i < CHILD_ROLES; i++)
		if (s->programs[i] > 0)
			close(s->programs[i]);
}

static int start(struct supervisor *s, struct err *err)
{
	if (activation_new(&s->activation, err) != 0 || open_programs(s, err) != 0)
		return -1;
	raise_descriptors();
	if (confine_supervisor(err) != 0 ||
		generation_new(s->file, 1, &s->next, err) != 0)
		return -1;
	tell_unused(s);
	s->shm = shm_new(CHILD_SLOTS);
	if (shm_make(s->shm, 0, err) < 0)
		return -1;
	s->metrics = metrics_new(s->shm);
	metrics_use(s->metrics, 0);
	s->loop = loop_new();
	if (s->loop == NULL)
		return err_set(err, "cannot make an event loop");
	s->sockets = sockets_new(s->activation);
	s->children = (struct children){.loop = s->loop,
		.shm = s->shm,
		.metrics = s->metrics,
		.sockets = s->sockets,
		.programs = {s->programs[0], s->programs[1]},
		.ready = child_ready,
		.died = child_died,
		.gone = child_gone,
		.arg = s};
	LIST_INIT(&s->children.list);
	catch_signals(s);
	s->tick = loop_timer_new(s->loop, on_tick, s);
	loop_timer_set(s->tick, TICK_MS);
	s->watch = loop_timer_new(s->loop, on_watch, s);
	loop_timer_set(s->watch, WATCH_MS);
	s->beat = loop_timer_new(s->loop, on_beat, s);
	loop_timer_set(s->beat, WATCHDOG_PERIOD_MS);
	(void)stat(RESOLVER_FILE, &s->resolver);
	return start_next(s, err);
}

static void clean_up(struct supervisor *s)
{
	if (s->loop != NULL)
		children_kill(&s->children);
	loop_timer_free(&s->tick);
	loop_timer_free(&s->watch);
	loop_timer_free(&s->beat);
	for (size_t i = 0; i < SIGNALS; i++)
		loop_signal_free(&s->signals[i]);
	generation_unref(&s->next);
	generation_unref(&s->current);
	sockets_free(&s->sockets);
	activation_free(&s->activation);
	close_programs(s);
	loop_free(&s->loop);
	metrics_use(NULL, 0);
	metrics_free(&s->metrics);
	shm_free(&s->shm);
}

int supervisor_main(const char *conf_file)
{
	struct supervisor s = {.file = conf_file, .state = SUPERVISOR_STARTING};
	struct err err;

	if (start(&s, &err) != 0) {
		log_event(LOG_ERROR, ID, "cannot_start", LOG_S("error", err.text));
		clean_up(&s);
		confine_end();
		return 1;
	}
	if (loop_run(s.loop) != 0 || s.children.overran)
		s.status = 1;
	log_event(s.status == 0 ? LOG_INFO : LOG_WARN, ID, "stopped",
		LOG_I("status", s.status));
	clean_up(&s);
	confine_end();
	return s.status;
}
