/* SPDX-License-Identifier: MIT */
/*
 * What a child process (worker or admin) is born with.
 *
 * A child is not a fork but a new program image, executed by the supervisor with an empty
 * environment: its memory never held a SecretKey. It inherits descriptors, and reads the
 * configuration from a memfd that holds the masked print of conf_print().
 */
#ifndef PROCESS_CHILD_H
#define PROCESS_CHILD_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"

#include <stddef.h>
#include <stdint.h>

/* Well-known descriptors of a child, before its listening sockets. */
enum child_fd {
	CHILD_FD_CHANNEL = 3, /* socketpair to the supervisor */
	CHILD_FD_CONF = 4,    /* memfd: masked configuration */
	CHILD_FD_SHARED = 5,  /* memfd: the region that it may write (core/shm.h) */
	CHILD_FD_LOG = 6,     /* the open log */
	CHILD_FD_FILES = 7, /* memfd: the files of the configuration (process/files.h) */
	CHILD_FD_LISTEN =
		8, /* first listening socket; one for each listener, in order; past
	                        the last the regions of all slots from 0 on, to read */
};

/* Processes at one time, old and new together; slot 0 is the supervisor's. */
#define CHILD_SLOTS 513

#define CHILD_EXIT_USAGE   2
#define CHILD_EXIT_VERSION 3

struct channel;
struct loop;
struct metrics;
struct shm;

/* A child's own things, attached from those descriptors. */
struct child_self {
	char id[24]; /* "worker-1": in its log lines */
	struct conf *conf;
	struct shm *shm; /* own region and those of others */
	struct metrics *metrics;
	struct loop *loop;
	size_t n_listen; /* descriptors from CHILD_FD_LISTEN on */
};

/* role: "worker" or "admin". slot: its place in the shared memory, which no other living
 * process has. -1 where a descriptor is missing or is not what it should be: somebody typed the
 * hidden command. The channel is left to the caller. Free with child_detach(). */
int child_attach(struct child_self *self, const char *role, unsigned slot,
	struct err *err) MUST_CHECK;
void child_detach(struct child_self *self);

/* Passes a CHANNEL_REOPEN's descriptor to the log. */
void child_use_log(const struct child_self *self, int fd);

/* Takes a CHANNEL_SLOT's descriptor: a region that was made after this process. */
void child_use_slot(const struct child_self *self, uint32_t slot, int fd);

/* Answers a CHANNEL_PING. */
void child_pong(struct channel *c);

/* Closes a descriptor that came with a message which should have none; -1 is none. */
void child_drop_fd(int fd);

/* The operands of a hidden command line, SLOT and the supervisor's VERSION. What one version
 * hands over another may take for something else, so a program of another one does not run:
 * CHILD_EXIT_VERSION. Text that is no slot is a mistake in its use. */
int child_command(char *const *operands, int (*run)(unsigned slot)) MUST_CHECK;

/* The hidden commands: `sesrelay-worker worker` and `sesrelay admin`. Return the exit status. */
int worker_main(unsigned slot);
int admin_main(unsigned slot);

/* The whole of `sesrelay run`: returns the exit status. */
int supervisor_main(const char *conf_file);

#endif
