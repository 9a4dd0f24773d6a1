/* SPDX-License-Identifier: MIT */
/*
 * Memory and strings that cannot fail: a test tool that has no memory left stops.
 */
#ifndef SANDBOX_MEM_H
#define SANDBOX_MEM_H

#include "sandbox/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed, never NULL; the caller owns it with free(). */
void *mem_alloc(size_t n) MUST_CHECK;
void *mem_array(size_t n, size_t size) MUST_CHECK;
void *mem_grow(void *old, size_t n, size_t size) MUST_CHECK;
char *mem_strdup(const char *s) MUST_CHECK;
char *mem_strndup(const char *s, size_t n) MUST_CHECK;
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_CHECK;

/* A list of strings that it owns. */
struct strings {
	char **items; /* owned, as are the strings */
	size_t n;
};

void strings_add(struct strings *l, const char *s);
void strings_free(struct strings *l);

/* Copies as much of src as fits, always NUL-terminated. */
void text_copy(char *out, size_t size, const char *src);

/* Whether it has a control character of ASCII. */
bool text_has_control(const char *s);

/* Reads a whole decimal number between min and max; -1 where s is anything else. */
int text_number(const char *s, int64_t min, int64_t max, int64_t *out) MUST_CHECK;

/* Reads a file of at most max bytes, NUL-terminated; NULL and errno where it cannot. */
char *text_read_file(const char *path, size_t max, size_t *len) MUST_CHECK;

#endif
