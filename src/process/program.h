/* SPDX-License-Identifier: MIT */
/*
 * The programs of the gateway, which lie in one folder: `sesrelay`, and one for each kind of
 * process that needs what the others should not have loaded.
 */
#ifndef PROCESS_PROGRAM_H
#define PROCESS_PROGRAM_H

#include "core/attr.h"
#include "core/err.h"

#include <stddef.h>

/* What follows the name of `sesrelay` in the name of the program. */
#define PROGRAM_SELF   ""
#define PROGRAM_WORKER "-worker"

/* A descriptor to execute the program with; the caller's, close-on-exec. Opened once by the
 * supervisor, so that an upgrade under a running gateway does not mix two versions. -1: the
 * error names the file. */
int program_open(const char *suffix, struct err *err) MUST_CHECK;

/* Where the program of such a descriptor is; "?" if the system does not say. */
void program_path(int fd, char *path, size_t cap);

/* Becomes that program, with our environment. Returns only if it cannot. */
void program_run(const char *suffix, char **argv, struct err *err);

#endif
