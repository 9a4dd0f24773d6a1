/* SPDX-License-Identifier: MIT */
/* `sesrelay worker`: one loop with its listeners, its sessions and its calls to the API. */
#include "config.h"

#include "auth/login.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "core/secret.h"
#include "delivery/handler.h"
#include "ledger/ledger_memory.h"
#include "mail/message.h"
#include "net/drain.h"
#include "net/listener.h"
#include "process/channel.h"
#include "process/child.h"
#include "process/confine/confine.h"
#include "process/descriptors.h"
#include "process/drain_times.h"
#include "process/files.h"
#include "process/sockets/worker_listeners.h"
#include "process/trim.h"
#include "ses/backend.h"
#include "ses/outcome.h"
#include "smtp/session.h"

#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct worker {
	struct child_self self;
	unsigned slot; /* in the shared memory */
	struct channel *channel;
	struct backend *backend;
	struct outcome_table *outcomes;
	struct ledger *ledger;
	struct budget budget;
	struct delivery_context delivery;
	struct session_config session;
	struct listener_shared shared;
	struct worker_listeners *listeners;
	struct tls_context **tls; /* by listener of the configuration; NULL: no TLS */
	struct tls_tickets tickets;
	struct rate *connections, *messages, *failures;
	unsigned sessions;   /* of this worker, as descriptors allow */
	struct login *login; /* NULL where no listener has auth */
	bool *has_keys;      /* by account */
	struct loop_signal *term;
	bool draining;
	struct drain *drain;                   /* NULL before */
	struct loop_timer *uploads, *deadline; /* of a drain */
	uint64_t uploads_at, deadline_at;
	int status;
};

/* --- ending --------------------------------------------------------------------------- */

/* Idle sessions are closed over this part of the time for uploads, and the most. */
#define SPREAD_PART   4
#define SPREAD_MAX_MS 10000

/* Called whenever the last session or the last delivery has ended. */
static void stop_when_idle(void *arg)
{
	struct worker *w = arg;

	if (w->draining && worker_listeners_is_over(w->listeners) &&
		w->shared.sessions == 0 && w->shared.waiting == 0 &&
		w->delivery.in_flight == 0)
		loop_stop(w->self.loop);
}

static void give_up(void *arg)
{
	struct worker *w = arg;

	log_event(LOG_WARN, w->self.id, "drain_deadline",
		LOG_U("sessions", w->shared.sessions),
		LOG_U("in_flight", w->delivery.in_flight));
	loop_stop(w->self.loop);
}

static void cut_uploads(void *arg)
{
	const struct worker *w = arg;

	drain_cut(w->drain);
}

static uint64_t spread_of(uint64_t uploads_ms)
{
	uint64_t part = uploads_ms / SPREAD_PART;

	return part < SPREAD_MAX_MS ? part : SPREAD_MAX_MS;
}

/* Sets a timer, unless it fires sooner. *due: when it does; 0: never yet. */
static void set_sooner(
	const struct worker *w, struct loop_timer *t, uint64_t *due, uint64_t after_ms)
{
	uint64_t now = loop_now_ms(w->self.loop);

	if (*due != 0 && *due <= now + after_ms)
		return;
	*due = now + after_ms;
	loop_timer_set(t, after_ms);
}

static void drain(struct worker *w, const struct channel_drain *order)
{
	set_sooner(w, w->deadline, &w->deadline_at, order->times.calls_ms);
	if (!w->draining) {
		w->draining = true;
		log_event(LOG_INFO, w->self.id, "draining",
			LOG_U("sessions", w->shared.sessions),
			LOG_U("in_flight", w->delivery.in_flight));
		worker_listeners_leave(w->listeners, order->stop != 0);
		w->drain = drain_new(&w->shared, spread_of(order->times.uploads_ms));
	}
	set_sooner(w, w->uploads, &w->uploads_at, order->times.uploads_ms);
	stop_when_idle(w);
}

static void drain_unasked(struct worker *w, bool stop)
{
	const struct conf *conf = w->self.conf;
	const struct channel_drain order = {
		.times = drain_times_stop(conf, conf->shutdown_timeout), .stop = stop};

	drain(w, &order);
}

/* SIGTERM to this process alone: the supervisor starts a successor, which reads the same
 * sockets. */
static void on_term(void *arg)
{
	drain_unasked(arg, false);
}

/* --- files of the configuration --------------------------------------------------------- */

static void free_tls(struct tls_context **tls, size_t n)
{
	for (size_t i = 0; tls != NULL && i < n; i++)
		tls_context_unref(&tls[i]);
	free(tls);
}

/* A context for each listener with TLS; NULL if one cannot be made. */
static struct tls_context **make_tls(
	struct worker *w, const struct files *files, struct err *err)
{
	const struct tls_files source = files_for_tls(files);
	const struct conf *conf = w->self.conf;
	struct tls_context **tls =
		mem_new(conf->n_listeners, sizeof(struct tls_context *));

	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct conf_listener *l = &conf->listeners[i];

		if (l->tls != CONF_TLS_OFF &&
			tls_context_new(l, &source, &w->tickets, &tls[i], err) < 0) {
			free_tls(tls, conf->n_listeners);
			return NULL;
		}
	}
	return tls;
}

static void use_tls(struct worker *w, struct tls_context **tls)
{
	size_t n = w->self.conf->n_listeners;

	worker_listeners_use_tls(w->listeners, tls);
	free_tls(w->tls, n);
	w->tls = tls;
}

static int make_users(struct worker *w, const struct files *files, struct users **users,
	struct err *err)
{
	const char *file = w->self.conf->users_file;

	*users = NULL;
	if (w->login == NULL)
		return 0;
	return users_parse(files_get(files, file), file, users, err);
}

/* The supervisor has checked each of them, so that all are used or none. */
static int use_ca(struct worker *w, const struct files *files, struct err *err)
{
	const struct conf *conf = w->self.conf;

	for (size_t i = 0; i < conf->n_accounts; i++) {
		const char *file = conf->accounts[i].ca_file;

		if (file[0] != '\0' &&
			backend_use_ca(w->backend, i, files_get(files, file), err) < 0)
			return -1;
	}
	return 0;
}

/* Uses all of the files, or none. */
static int use_files(struct worker *w, int fd, struct err *err)
{
	struct files *files;
	struct tls_context **tls = NULL;
	struct users *users;

	if (files_unseal(fd, &files, err) < 0)
		return -1;
	if (make_users(w, files, &users, err) == 0 && use_ca(w, files, err) == 0)
		tls = make_tls(w, files, err);
	files_free(&files);
	if (tls != NULL) {
		use_tls(w, tls);
		if (users != NULL)
			login_use(w->login, users);
	}
	users_unref(&users);
	return tls != NULL ? 0 : -1;
}

static void take_files(struct worker *w, int fd)
{
	struct err err;

	if (use_files(w, fd, &err) < 0)
		log_event(LOG_ERROR, w->self.id, "files_not_taken",
			LOG_S("error", err.text));
}

/* --- the channel ---------------------------------------------------------------------- */

static void fail(struct worker *w, const struct err *err)
{
	log_event(LOG_ERROR, w->self.id, "worker_failed", LOG_S("error", err->text));
	w->status = 1;
	loop_stop(w->self.loop);
}

static void become_ready(struct worker *w)
{
	const struct channel_message ready = {.type = CHANNEL_READY};
	struct err err;

	if (worker_listeners_begin(w->listeners, w->tls, &err) != 0 ||
		channel_send(w->channel, &ready, -1, &err) != 0) {
		fail(w, &err);
		return;
	}
	log_event(LOG_INFO, w->self.id, "ready", LOG_U("listeners", w->self.n_listen));
	trim_after_start();
}

static bool has_all_keys(const struct worker *w)
{
	for (size_t i = 0; i < w->self.conf->n_accounts; i++)
		if (!w->has_keys[i])
			return false;
	return true;
}

static void take_key(struct worker *w, const struct channel_key *k)
{
	if (k->account >= w->self.conf->n_accounts)
		return;
	ses_account_set_key(backend_account_at(w->backend, k->account), &k->key,
		k->secret_id, k->token);
	w->has_keys[k->account] = true;
	log_event(LOG_DEBUG, w->self.id, "key", LOG_S("date", k->key.date),
		LOG_S("account", w->self.conf->accounts[k->account].name));
	if (!worker_listeners_has_begun(w->listeners) && !w->draining && has_all_keys(w))
		become_ready(w);
}

static void on_message(void *arg, const struct channel_message *m, int fd)
{
	struct worker *w = arg;

	switch (m->type) {
	case CHANNEL_KEY: take_key(w, &m->key); break;
	case CHANNEL_DRAIN: drain(w, &m->drain); break;
	case CHANNEL_FILES: take_files(w, fd); break;
	case CHANNEL_TICKETS: w->tickets = m->tickets; break;
	case CHANNEL_PING: child_pong(w->channel); break;
	case CHANNEL_REOPEN: child_use_log(&w->self, fd); return; /* which closed it */
	case CHANNEL_SLOT: child_use_slot(&w->self, m->slot, fd); return; /* as well */
	default: break;
	}
	child_drop_fd(fd);
}

/* The supervisor has ended: nobody would send new keys, or start a successor. */
static void on_closed(void *arg)
{
	struct worker *w = arg;

	channel_free(&w->channel);
	if (!w->draining)
		log_event(LOG_ERROR, w->self.id, "supervisor_gone");
	drain_unasked(w, true);
	/* A new supervisor may be started now, and needs the addresses. */
	worker_listeners_leave_now(w->listeners);
}

/* --- setting up ----------------------------------------------------------------------- */

/* The largest block that glibc takes from its heap (HEAP_MAX_SIZE / 2). */
#define HEAP_BLOCK_MAX (32 * 1024 * 1024)

/*
 * Every message needs a few megabytes for a moment. To give their pages back to the kernel and
 * ask for them again costs more than all the rest of a delivery with an attachment. So the
 * process keeps up to half of the memory that messages may have.
 *
 * There are two heaps, and each keeps a quarter: one for the loop, one for its threads. With one
 * heap the loop would wait while a thread copies megabytes into a larger block.
 */
static void keep_memory(size_t budget)
{
#ifdef __GLIBC__
	size_t kept = budget / 4;

	mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK_MAX);
	mallopt(M_TRIM_THRESHOLD, kept < INT_MAX ? (int)kept : INT_MAX);
	mallopt(M_ARENA_MAX, 2);
#else
	(void)budget;
#endif
}

static void report_memory(size_t used)
{
	metrics_set(METRIC_MEMORY, 0, (int64_t)used);
}

#define MINUTE_MS ((uint64_t)60000)

/* A part of so many for each worker; never none. */
static unsigned part_of(const struct worker *w, unsigned sessions)
{
	return (sessions + w->self.conf->workers - 1) / w->self.conf->workers;
}

static void share_sessions(struct worker *w)
{
	const struct conf *conf = w->self.conf;
	unsigned *maxima = mem_new(conf->n_listeners, sizeof(*maxima));

	for (size_t i = 0; i < conf->n_listeners; i++)
		maxima[i] = part_of(w, conf->listeners[i].sessions);
	shares_init(&w->shared.shares, w->sessions, maxima, conf->n_listeners);
	free(maxima);
}

static void make_rates(struct worker *w)
{
	struct shm *shm = w->self.shm;

	w->connections = rate_new(shm, w->slot, SHM_CONNECTIONS, MINUTE_MS);
	w->messages = rate_new(shm, w->slot, SHM_MESSAGES, MINUTE_MS);
	w->failures = rate_new(shm, w->slot, SHM_FAILURES, LOGIN_PERIOD);
}

static void share_limits(struct worker *w)
{
	const struct conf *conf = w->self.conf;
	const struct conf_limits *l = &conf->limits;

	w->budget = (struct budget){
		.limit = l->memory / conf->workers, .changed = report_memory};
	keep_memory(w->budget.limit);
	w->delivery = (struct delivery_context){.loop = w->self.loop,
		.conf = conf,
		.backend = w->backend,
		.outcomes = w->outcomes,
		.budget = &w->budget,
		.ledger = w->ledger,
		.idle = stop_when_idle,
		.idle_arg = w};
	w->session = (struct session_config){.hostname = conf->hostname,
		.limits = l,
		.clients = &w->shared.clients,
		.clock = loop_clock(w->self.loop),
		.budget = &w->budget,
		.handler = &delivery_handler,
		.handler_ctx = &w->delivery,
		.authenticator = w->login != NULL ? &login_authenticator : NULL,
		.authenticator_ctx = w->login};
	w->shared = (struct listener_shared){.loop = w->self.loop,
		.session = &w->session,
		.clients = {.sessions = l->sessions_per_client,
			.connection_rate = l->connection_rate,
			.message_rate = l->message_rate,
			.connections = w->connections,
			.messages = w->messages,
			.open = {.shm = w->self.shm, .slot = w->slot}},
		.idle = stop_when_idle,
		.idle_arg = w};
	share_sessions(w);
}

/* Before the numbers of sessions and connections are used. */
static int share_descriptors(struct worker *w, struct err *err)
{
	struct descriptors d;

	if (descriptors_take(w->self.conf, &d) < 0)
		return err_errno(err, "cannot count the descriptors");
	w->sessions = d.sessions;
	if (d.fewer)
		log_event(LOG_WARN, w->self.id, "descriptors_few",
			LOG_U("limit", d.limit), LOG_U("sessions", d.sessions),
			LOG_U("connections", d.connections));
	return 0;
}

static int set_up(struct worker *w, unsigned slot, struct err *err)
{
	const struct conf *conf;

	w->slot = slot;
	if (child_attach(&w->self, "worker", slot, err) != 0)
		return -1;
	conf = w->self.conf;
	if (share_descriptors(w, err) != 0)
		return -1;
	if (confine_self(conf, CONFINE_WORKER, w->self.id, err) != 0)
		return -1;
	if (outcome_table_new(conf, &w->outcomes, err) != 0 ||
		backend_new(w->self.loop, conf, &w->backend, err) != 0)
		return -1;
	w->ledger = ledger_memory_new(w->self.shm, slot, LEDGER_MEMORY_ENTRIES);
	w->listeners =
		worker_listeners_new(&w->shared, conf, CHILD_FD_LISTEN, w->self.n_listen);
	make_rates(w);
	if (conf->users_file[0] != '\0') {
		w->login = login_new(
			w->self.loop, w->failures, conf->limits.auth_failures, err);
		if (w->login == NULL)
			return -1;
	}
	if (use_files(w, CHILD_FD_FILES, err) != 0)
		return -1;
	close(CHILD_FD_FILES);
	w->has_keys = mem_new(conf->n_accounts, sizeof(*w->has_keys));
	w->deadline = loop_timer_new(w->self.loop, give_up, w);
	w->uploads = loop_timer_new(w->self.loop, cut_uploads, w);
	w->term = loop_signal_new(w->self.loop, SIGTERM, on_term, w);
	share_limits(w);
	delivery_context_init(&w->delivery);
	w->channel =
		channel_new(w->self.loop, CHILD_FD_CHANNEL, on_message, on_closed, w);
	return 0;
}

static void clean_up(struct worker *w)
{
	/* Connections are freed with the loop: nothing is left to stop. */
	w->shared.idle = NULL;
	w->delivery.idle = NULL;
	if (w->listeners != NULL) {
		listener_abort(&w->shared);
		delivery_context_clear(&w->delivery);
		worker_listeners_free(&w->listeners);
	}
	login_free(&w->login);
	rate_free(&w->connections);
	rate_free(&w->messages);
	rate_free(&w->failures);
	backend_free(&w->backend);
	ledger_free(&w->ledger);
	channel_free(&w->channel);
	outcome_table_free(&w->outcomes);
	loop_signal_free(&w->term);
	loop_timer_free(&w->deadline);
	loop_timer_free(&w->uploads);
	drain_free(&w->drain);
	if (w->self.conf != NULL)
		free_tls(w->tls, w->self.conf->n_listeners);
	secret_wipe(&w->tickets, sizeof(w->tickets));
	child_detach(&w->self);
	shares_clear(&w->shared.shares);
	free(w->has_keys);
}

int worker_main(unsigned slot)
{
	struct worker w = {.status = 0};
	struct err err;

	message_library_init();
	if (set_up(&w, slot, &err) != 0) {
		log_event(LOG_ERROR, w.self.id, "cannot_start", LOG_S("error", err.text));
		w.status = 1;
	} else if (loop_run(w.self.loop) != 0) {
		w.status = 1;
	}
	clean_up(&w);
	message_library_shutdown();
	confine_end();
	return w.status;
}
