/* SPDX-License-Identifier: MIT */
/*
 * Strings as protocols see them: bytes with a length, ASCII case only, never the locale.
 */
#ifndef CORE_STR_H
#define CORE_STR_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Bytes that belong to somebody else; not NUL-terminated. */
struct span {
	const char *p;
	size_t len;
};

static inline struct span span_of(const char *s)
{
	return (struct span){s, strlen(s)};
}

static inline struct span span_make(const char *p, size_t len)
{
	return (struct span){p, len};
}

/* Character classes and case of ASCII; any other byte is in no class. */
static inline bool ascii_isdigit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_isalpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool ascii_isalnum(char c)
{
	return ascii_isdigit(c) || ascii_isalpha(c);
}

static inline bool ascii_isspace(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Equal but for ASCII case. */
bool str_ieq(const char *a, const char *b);
bool span_ieq(struct span a, struct span b);
bool span_ieq_str(struct span a, const char *b);

/* a starts with prefix, ASCII case ignored. */
bool span_istarts(struct span a, const char *prefix);

/* The span without ASCII white space at both ends. */
struct span span_trim(struct span s);

/* Lower-cases ASCII in place; returns s. */
char *str_lower(char *s);

/* Copies at most cap - 1 bytes and always ends with NUL; false where it was cut. */
bool str_copy(char *dst, size_t cap, const char *src);
bool span_copy(char *dst, size_t cap, struct span src);

/*
 * Copies as one clean line for a reply or a log: runs of control characters and line ends
 * become one space, bytes outside printable ASCII become '?', the rest is cut at cap - 1.
 */
void str_ascii_line(char *dst, size_t cap, struct span src);

/* Whether text matches pattern, where '*' stands for any run and '?' for any byte; ASCII
 * case ignored. Linear in memory, no recursion: patterns come from the operator, text
 * from strangers. */
bool str_glob(const char *pattern, const char *text);

/* Whether b is closer to a than *distance (changed letters, at most; case does not count):
 * then *distance is that of b, and *best is b. For "did you mean": both have at most 127
 * bytes, longer ones are never closer. */
void str_nearer(const char *a, const char *b, size_t *distance, const char **best);

#endif
