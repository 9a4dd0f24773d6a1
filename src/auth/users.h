/* SPDX-License-Identifier: MIT */
/*
 * The users who may log in: the file of `users_file`, one user a line.
 *
 *	name:hash[:senders=pattern[,pattern]...][:route=name]
 *		[:cert_sha256=digits][:cert_subject=text]
 *
 * A line that is empty or begins with '#' is skipped. The name has no ':' and no blank. The
 * hash is libcrypt's (auth/password.h); "*" means that password login is disabled. A pattern is
 * an address, "@domain", or a glob; without senders the user may send as any address. A route
 * is taken in place of the first that fits. The last two name a client certificate; if both
 * are there, only the first counts.
 */
#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include "config/conf.h"
#include "core/attr.h"
#include "core/err.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a line; users; bytes of a name, with its NUL. */
#define USERS_LINE_MAX 8192
#define USERS_MAX      10000
#define USERS_NAME_MAX 256

struct user {
	char *name; /* owned, as is all below */
	char *hash;
	struct conf_list senders;         /* globs; none: anybody */
	char *route;                      /* NULL: the first that fits */
	char *cert_sha256, *cert_subject; /* NULL: none */
	uint64_t lot; /* of name and hash, which is secret: for users_hash() */
	unsigned line;
};

struct users;

/* Errors say "name:line: ...", and never show the line. One reference is the caller's. */
int users_parse(struct span text, const char *name, struct users **users,
	struct err *err) MUST_CHECK;
struct users *users_ref(struct users *users);
/* NULLs the pointer; NULL is fine. The last reference wipes the hashes. */
void users_unref(struct users **users);

/* Whether every route that a user has exists(); else -1 and file, line and route. */
int users_check_routes(const struct users *users, const char *name,
	bool (*exists)(const void *arg, const char *route), const void *arg,
	struct err *err) MUST_CHECK;

/* Borrowed; NULL if no user has that name (case counts). */
const struct user *users_find(const struct users *users, const char *name);

/* The user of that client certificate; both are "" without one. */
const struct user *users_find_certificate(
	const struct users *users, const char *sha256, const char *subject);

/* What a password for that name is compared with: the user's hash; for a name that has none, the
 * hash of another user, so that the time does not tell which names exist. The choice depends on
 * the name: if the methods of the file differ, names that do not exist take as long as users
 * do, in the same proportion, and each name always takes as long. It is the same in all
 * processes that have the file, and for most names after a change of it. */
const char *users_hash(const struct users *users, const char *name);

#endif
