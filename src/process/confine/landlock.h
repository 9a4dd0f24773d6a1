/* SPDX-License-Identifier: MIT */
/*
 * Landlock: what of the file system, and of TCP, this process may still use. The kernel
 * keeps it for the rest of the process' life.
 */
#ifndef PROCESS_CONFINE_LANDLOCK_H
#define PROCESS_CONFINE_LANDLOCK_H

#include "core/attr.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

struct landlock_rules {
	const char *const
		*readable; /* files and directories; those that are not there are
	                                skipped */
	size_t n_readable;
	bool connect; /* may open TCP connections; nobody may bind a port */
};

/* Restricts this thread and those that it starts. *version tells what is in force: 0 for
 * nothing, where the kernel has none. -1 where a rule is refused. Needs NO_NEW_PRIVS. */
int landlock_apply(
	const struct landlock_rules *rules, int *version, struct err *err) MUST_CHECK;

#endif
