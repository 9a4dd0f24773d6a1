/* SPDX-License-Identifier: MIT */
/*
 * Starting a child: a program of the gateway, given descriptors, and next to no environment
 * (process/child.h).
 */
#ifndef PROCESS_SPAWN_H
#define PROCESS_SPAWN_H

#include "core/attr.h"
#include "core/err.h"

#include <stddef.h>
#include <sys/types.h>

struct spawn {
	int program;      /* of process/program.h; stays the caller's */
	const char *role; /* "worker", "admin": the hidden command */
	unsigned slot;
	const int *fds; /* become CHILD_FD_CHANNEL and up, in this order; stay the
	                   caller's; -1 is /dev/null */
	size_t n_fds;
};

/* It is told our version as well. The child's pid, or -1. A program that cannot be executed shows as exit status 127. */
pid_t spawn_child(const struct spawn *s, struct err *err) MUST_CHECK;

/* A sealed memfd with these bytes; the caller's. */
int spawn_memfd(
	const char *name, const void *bytes, size_t len, struct err *err) MUST_CHECK;

#endif
