/* SPDX-License-Identifier: MIT */
/*
 * One configuration in use, and what its children need of it. At a reload two of them live
 * side by side; the old one goes with its last child.
 */
#ifndef PROCESS_GENERATION_H
#define PROCESS_GENERATION_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"
#include "process/files.h"

struct generation {
	unsigned number;     /* 1 for the first; counts reloads, for the log */
	struct conf *conf;   /* owned; with the secrets */
	int conf_fd;         /* owned; memfd with the masked print */
	struct files *files; /* owned; what it names and workers need */
	int files_fd;        /* owned; memfd with them */
	unsigned refs;
};

/* What can be wrong with a configuration beyond its file: the reply rows, the
 * variables of routes, the user, the files that it names, the place of the log. */
int generation_check(const struct conf *conf, struct err *err) MUST_CHECK;

/* Reads and checks the file. One reference is the caller's. */
int generation_new(const char *file, unsigned number, struct generation **g,
	struct err *err) MUST_CHECK;

/* Looks whether a file that it names has changed: 1 where new ones were read, are good, and
 * are in files_fd; 0 where none has; -1 where they are bad: the old ones are kept. */
int generation_refresh(struct generation *g, struct err *err) MUST_CHECK;

struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation **g);

#endif
