/* SPDX-License-Identifier: MIT */
/* Small allocations that do not fail. */
#include "core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

void *mem_new(size_t n, size_t size)
{
	return check(calloc(n > 0 ? n : 1, size > 0 ? size : 1));
}

void mem_grow(void *array, size_t *cap, size_t need, size_t size)
{
	void **slot = array;
	size_t want = *cap > 0 ? *cap : 8;

	if (need <= *cap)
		return;
	while (want < need)
		want *= 2;
	*slot = check(reallocarray(*slot, want, size));
	memset((char *)*slot + *cap * size, 0, (want - *cap) * size);
	*cap = want;
}

char *mem_strdup(const char *s)
{
	return check(strdup(s));
}

char *mem_strndup(const char *s, size_t len)
{
	char *copy = mem_new(len + 1, 1);

	memcpy(copy, s, len);
	return copy;
}

char *mem_vsprintf(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	return text;
}

char *mem_sprintf(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = mem_vsprintf(fmt, ap);
	va_end(ap);
	return text;
}
