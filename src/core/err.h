/* SPDX-License-Identifier: MIT */
/*
 * Why something failed, in words for a person: what, where, and what would be right.
 * Functions that can fail return -1 and fill a struct err that the caller owns.
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#include "core/attr.h"

struct err {
	char text[512];
};

/* Writes the reason (cut at the end of text) and returns -1, so that callers can
 * `return err_set(err, ...)`. err may be NULL: then only -1 is returned. */
int err_set(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The same with ": strerror(errno)" at the end. */
int err_errno(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
