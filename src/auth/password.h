/* SPDX-License-Identifier: MIT */
/*
 * Passwords and their hashes, as crypt(3) of libcrypt makes them.
 */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include "core/attr.h"
#include "core/err.h"
#include "core/str.h"

#include <stdbool.h>

/* Bytes of a password and of a hash, each with its NUL; libcrypt's own limits. */
#define PASSWORD_MAX      512
#define PASSWORD_HASH_MAX 384

/* A yescrypt hash with a new random salt. -1 if no client could send the password. */
int password_hash(
	const char *password, char hash[PASSWORD_HASH_MAX], struct err *err) MUST_CHECK;

/* Whether the text is a whole hash of a method that is still strong (yescrypt, SHA-512,
 * bcrypt, scrypt); -1 and what would be right. The text is not in the error: it may be a
 * password. */
int password_check_hash(const char *hash, struct err *err) MUST_CHECK;

/* Slow by design: it takes milliseconds, and megabytes meanwhile; for a thread. It takes the
 * same time whether they match or not. */
bool password_matches(const char *password, const char *hash);

#endif
