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

#include "core/attr.h"
#include "core/conf.h"
#include "core/err.h"

#include <stddef.h>

/* Well-known descriptors of a child, before its listening sockets. */
enum child_fd {
	CHILD_FD_CHANNEL = 3, /* socketpair to the supervisor */
	CHILD_FD_CONF = 4,    /* memfd: masked configuration */
	CHILD_FD_METRICS = 5, /* memfd: counters */
	CHILD_FD_LOG = 6,     /* the open log */
	CHILD_FD_MEMO = 7,    /* memfd: what became of recipients (delivery/memo.h) */
	CHILD_FD_LISTEN = 8, /* first listening socket; one for each listener, in order */
};

/* The hidden command lines: `sesrelay worker SLOT` and `sesrelay admin SLOT`. Return the
 * exit status. */
int worker_main(unsigned slot);
int admin_main(unsigned slot);

/* The whole of `sesrelay run`: returns the exit status. */
int supervisor_main(const char *conf_file);

#endif
