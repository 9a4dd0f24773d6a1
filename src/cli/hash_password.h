/* SPDX-License-Identifier: MIT */
/*
 * `sesrelay hash-password`: a password comes in and its hash goes out.
 */
#ifndef CLI_HASH_PASSWORD_H
#define CLI_HASH_PASSWORD_H

#include "core/attr.h"
#include "core/err.h"

#include <stdio.h>

/* Asks twice where fd is a terminal, whose echo is off meanwhile; else takes the first line.
 * Prints the hash as one line. */
int hash_password(int fd, FILE *out, struct err *err) MUST_CHECK;

#endif
