/* SPDX-License-Identifier: MIT */
/*
 * Allocation of small things: they abort when memory runs out, for nobody can answer a
 * client without a few bytes. Anything as large as a message goes through a struct buf,
 * which has a maximum and a budget and fails softly (452 4.3.1).
 */
#ifndef CORE_MEM_H
#define CORE_MEM_H

#include "core/attr.h"

#include <stdarg.h>
#include <stddef.h>

/* Zeroed memory for n items of size bytes; never NULL. Caller owns it: free(). */
void *mem_new(size_t n, size_t size) MUST_CHECK;

/* Grows *array to hold at least need items of size bytes; *cap is kept. Never fails. */
void mem_grow(void *array, size_t *cap, size_t need, size_t size);

/* A copy of the string, or of len bytes of it with a NUL at its end; never NULL; caller owns. */
char *mem_strdup(const char *s) MUST_CHECK;
char *mem_strndup(const char *s, size_t len) MUST_CHECK;

/* Formats into a new string; caller owns. */
char *mem_sprintf(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_CHECK;
char *mem_vsprintf(const char *fmt, va_list ap) PRINTF_LIKE(1, 0) MUST_CHECK;

#endif
