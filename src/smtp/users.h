/* SPDX-License-Identifier: MIT */
/*
 * Who may log in: the file of `users_file`, one user a line.
 *
 *	name:hash[:senders=pattern[,pattern]...][:route=name]
 *		[:cert_sha256=digits][:cert_subject=text]
 *
 * A line that is empty or begins with '#' is skipped. The name has no ':' and no blank. The
 * hash is libcrypt's (smtp/password.h), or "*" where no password is the right one. A pattern
 * is an address, "@domain", or a glob; without senders the user may send as anybody. A route
 * is taken in place of the first that fits. The last two name a client certificate; where
 * both are there the first counts alone.
 */
#ifndef SMTP_USERS_H
#define SMTP_USERS_H

#include "core/attr.h"
#include "core/conf.h"
#include "core/err.h"
#include "core/str.h"

#include <stdbool.h>
#include <stddef.h>

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
	unsigned line;
};

struct users;

/* Errors say "name:line: ...", and never what stood there. One reference is the caller's. */
int users_parse(struct span text, const char *name, struct users **users,
	struct err *err) MUST_CHECK;
struct users *users_ref(struct users *users);
/* NULLs the pointer; NULL is fine. The last one wipes the hashes. */
void users_unref(struct users **users);

/* Whether every route that a user has exists(); else -1 and file, line and route. */
int users_check_routes(const struct users *users, const char *name,
	bool (*exists)(const void *arg, const char *route), const void *arg,
	struct err *err) MUST_CHECK;

/* Borrowed; NULL where there is none of that name (case counts). */
const struct user *users_find(const struct users *users, const char *name);

/* Who has that client certificate; "" for none. */
const struct user *users_find_certificate(
	const struct users *users, const char *sha256, const char *subject);

/* A hash of the same cost for those who are not there: a user's own, or a constant. */
const char *users_dummy_hash(const struct users *users);

/* Whether he may send as that address; "" is the null sender, which everybody may use. A
 * quoted local part fits no pattern. */
bool user_may_send(const struct user *user, const char *address);

#endif
