/* SPDX-License-Identifier: MIT */
/*
 * The supervisor's list of its children: what each process is, its state, and when it is
 * started, drained, started again or killed.
 *
 * A child's life: STARTING until it says READY, DRAINING once it is told to finish. One
 * that dies unasked is WAITING until its back-off is over, unless the owner removes it.
 */
#ifndef PROCESS_CHILDREN_H
#define PROCESS_CHILDREN_H

#include "core/attr.h"
#include "core/err.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "process/channel.h"
#include "process/child.h"
#include "process/generation.h"
#include "process/keys.h"
#include "process/sockets/sockets.h"
#include "process/tickets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

enum child_role { CHILD_WORKER, CHILD_ADMIN, CHILD_ROLES };

enum child_state {
	CHILD_WAITING,  /* no process: to be started when the timer fires */
	CHILD_STARTING, /* has not said READY */
	CHILD_READY,
	CHILD_DRAINING, /* was told to finish, and will not be started again */
	CHILD_STATES
};

struct child {
	struct children *set; /* borrowed */
	struct generation *generation;
	enum child_role role;
	unsigned index; /* among the generation's workers */
	unsigned slot;  /* in the shared memory; 0 while there is no process */
	char id[24];    /* as the child logs itself */
	enum child_state state;
	pid_t pid;
	struct channel *channel;  /* NULL where it is closed */
	struct loop_timer *timer; /* of the state */
	uint64_t drained_by;      /* DRAINING: when the timer fires */
	bool pinged;           /* was asked, and has not answered (process/watchdog.h) */
	unsigned pings_missed; /* times that this was found */
	uint64_t started_ms;
	uint64_t pause_ms; /* before the next start */
	struct {
		uint64_t since_ms;
		unsigned messages, unexpected;
	} heard; /* on the channel, in the running second */
	LIST_ENTRY(child) next;
};

struct children {
	struct loop *loop; /* borrowed, as all these */
	struct shm *shm;
	struct metrics *metrics;
	struct sockets *sockets;
	int programs[CHILD_ROLES]; /* of process/program.h */
	struct keys keys;
	struct tickets tickets;
	bool slots[CHILD_SLOTS];
	bool overran; /* one had to be killed */
	LIST_HEAD(, child) list;
	/* A child said READY. */
	void (*ready)(void *arg, struct child *c);
	/* A process ended unasked: the owner calls children_restart() or children_forget(). */
	void (*died)(void *arg, struct child *c);
	/* A child that was draining has ended and is no longer in the list. */
	void (*gone)(void *arg);
	void *arg;
};

/* Starts a generation's workers and its admin. On -1 some may run: drain or kill them. */
int children_start(
	struct children *set, struct generation *g, struct err *err) MUST_CHECK;

/* Starts it again: at once after a long life, else after a pause that doubles to 5 s. */
void children_restart(struct child *c);

/* Removes it from the list; it has no process. */
void children_forget(struct child *c);

/* Tells it to finish, and kills it if it is still there some seconds past the time for calls.
 * A worker exits when it has finished; admin exits soon if other processes go on in its place,
 * else it says that it is not ready until children_close() ends it. May be called again: a
 * stop shortens the time that a reload gave. One without a process is forgotten. */
void children_drain(struct child *c, const struct channel_drain *order);
/* Closes its channel. It has some seconds to end before it is killed. */
void children_close(struct child *c);

/* Collects every process that has ended. */
void children_reap(struct children *set);

/* Sends SIGKILL to all, and waits until they have ended. */
void children_kill(struct children *set);

/* All of a generation are READY. */
bool children_are_ready(const struct children *set, const struct generation *g);

/* Of a generation, or of all (NULL). */
size_t children_count(
	const struct children *set, const struct generation *g, enum child_role role);

/* Sends the day keys to every worker if the day has changed. */
void children_rotate_keys(struct children *set);

/* Makes a new key of session tickets if it is due, and sends the keys to every worker. */
void children_rotate_tickets(struct children *set);

/* Passes a generation's files to its workers, again. */
void children_send_files(struct children *set, const struct generation *g);

/* Passes the log's descriptor to every child. */
void children_send_log(struct children *set);

#endif
