/* SPDX-License-Identifier: MIT */
/*
 * A child drops the rights that it does not need: it changes its user for good, allows no dump
 * of its memory, and keeps little of the file system and few system calls.
 */
#ifndef PROCESS_CONFINE_CONFINE_H
#define PROCESS_CONFINE_CONFINE_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* The user that root becomes if the configuration names none. */
#define CONFINE_DEFAULT_USER "nobody"

struct confine_user {
	bool change; /* false: this process stays who it is */
	uid_t uid;
	gid_t gid;
};

/* The user of a child: the one of that name; for "" CONFINE_DEFAULT_USER if we are root, and
 * no change if we are not. -1: there is none of that name, it is root (a child is never
 * root), or we are not root and not that user. */
int confine_find_user(
	const char *name, struct confine_user *u, struct err *err) MUST_CHECK;

enum confine_role {
	CONFINE_WORKER, /* reads CA files, resolver, time zones, charsets; connects */
	CONFINE_ADMIN,  /* reads nothing, connects nowhere */
};

/* In a child, once its descriptors are attached and before it reads from a client: no
 * core file, not dumpable (so nobody but root traces it), the user dropped and checked that
 * it stays so, no capabilities, NO_NEW_PRIVS, Landlock, and the filter of system calls. Logs
 * under the child's id what of it is in force. */
int confine_self(const struct conf *conf, enum confine_role role, const char *id,
	struct err *err) MUST_CHECK;

/* In the supervisor, before it reads its configuration: no core file, not dumpable, and no
 * capability that it does not need. */
int confine_supervisor(struct err *err) MUST_CHECK;

/* Last call of a process that did either, before it returns from main(). */
void confine_end(void);

#endif
