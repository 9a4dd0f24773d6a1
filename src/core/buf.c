/* SPDX-License-Identifier: MIT */
/* Bytes that grow up to a maximum. */
#include "core/buf.h"

#include "core/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 64

/* A text that is longer is formatted twice: for its length, and into place. */
#define FORMATTED_ONCE 256

static char buf_nothing[1] = "";

void buf_init(struct buf *b, size_t max, struct budget *budget)
{
	*b = (struct buf){.data = buf_nothing, .max = max, .budget = budget};
}

void buf_free(struct buf *b)
{
	if (b->cap > 0) {
		free(b->data);
		budget_give(b->budget, b->cap);
	}
	buf_init(b, b->max, b->budget);
}

/* Doubles, but never asks for more than max and its NUL. */
static size_t next_cap(const struct buf *b, size_t need)
{
	size_t cap = b->cap > 0 ? b->cap : BUF_FIRST;

	while (cap < need)
		cap = cap > b->max / 2 ? b->max + 1 : cap * 2;
	return cap < need ? need : cap;
}

int buf_reserve(struct buf *b, size_t extra)
{
	size_t need, cap;
	char *data;

	if (extra > b->max || b->len > b->max - extra) {
		errno = EMSGSIZE;
		return -1;
	}
	need = b->len + extra + 1;
	if (need <= b->cap)
		return 0;
	cap = next_cap(b, need);
	if (!budget_take(b->budget, cap - b->cap)) {
		errno = ENOMEM;
		return -1;
	}
	data = realloc(b->cap > 0 ? b->data : NULL, cap);
	if (data == NULL) {
		budget_give(b->budget, cap - b->cap);
		errno = ENOMEM;
		return -1;
	}
	data[b->len] = '\0';
	b->data = data;
	b->cap = cap;
	return 0;
}

void buf_set_len(struct buf *b, size_t len)
{
	if (b->cap == 0)
		return;
	b->len = len;
	b->data[len] = '\0';
}

int buf_append(struct buf *b, const void *bytes, size_t len)
{
	if (buf_reserve(b, len) < 0)
		return -1;
	if (len > 0)
		memcpy(b->data + b->len, bytes, len);
	buf_set_len(b, b->len + len);
	return 0;
}

int buf_append_str(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

int buf_append_byte(struct buf *b, char c)
{
	return buf_append(b, &c, 1);
}

int buf_appendf(struct buf *b, const char *fmt, ...)
{
	char text[FORMATTED_ONCE];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len >= 0 && (size_t)len < sizeof(text))
		return buf_append(b, text, (size_t)len);
	if (len < 0 || buf_reserve(b, (size_t)len) < 0)
		return -1;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
	return 0;
}

int buf_read(struct buf *b, FILE *in, const char *name, struct err *err)
{
	if (buf_reserve(b, b->max) < 0)
		return err_errno(err, "%s: cannot read", name);
	buf_set_len(b, fread(b->data, 1, b->max, in));
	if (ferror(in))
		return err_errno(err, "%s: cannot read", name);
	if (b->len == b->max)
		return err_set(err, "%s: longer than %zu bytes", name, b->max - 1);
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	buf_set_len(b, b->len - n);
}

char *buf_take(struct buf *b)
{
	char *data;

	if (b->cap == 0)
		return mem_strdup("");
	data = b->data;
	budget_give(b->budget, b->cap);
	buf_init(b, b->max, b->budget);
	return data;
}
