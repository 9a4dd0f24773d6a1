/* SPDX-License-Identifier: MIT */
/*
 * A refusal by the API: one of its documented codes, and a message in its manner.
 */
#ifndef SANDBOX_API_ERROR_H
#define SANDBOX_API_ERROR_H

#include "sandbox/attr.h"

#include <stdbool.h>
#include <stddef.h>

struct api_error {
	char code[96];     /* "" while there is none */
	char message[512]; /* UTF-8, one line */
};

/* Fills e and returns -1, for `return api_refuse(...)`. fmt NULL: the code's own message. */
int api_refuse(struct api_error *e, const char *code, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* The documented spelling of a code that is given in any case (len bytes), else NULL. */
const char *api_code_find(const char *code, size_t len);

/* All documented codes, in order; NULL after the last one. */
const char *api_code_at(size_t i);

#endif
