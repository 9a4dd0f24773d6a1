/* SPDX-License-Identifier: MIT */
/*
 * Strings as protocols see them: bytes with a length, ASCII case only, never the locale.
 */
#ifndef CORE_STR_H
#define CORE_STR_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

static inline bool ascii_iscntrl(char c)
{
	return ((unsigned char)c < ' ') || c == 0x7f;
}

/* Printable, with the space and without it. */
static inline bool ascii_isprint(char c)
{
	return c >= ' ' && c <= '~';
}

static inline bool ascii_isgraph(char c)
{
	return c > ' ' && c <= '~';
}

/* The value of a hexadecimal digit of either case, or -1. */
static inline int ascii_hex(char c)
{
	if (ascii_isdigit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Equal but for ASCII case. */
bool str_ieq(const char *a, const char *b);
bool span_ieq_str(struct span a, const char *b);

/* a starts with prefix, ASCII case ignored. */
bool span_istarts(struct span a, const char *prefix);

/* The span without ASCII white space at both ends. */
struct span span_trim(struct span s);

/* Whether every byte is in a class: ascii_isprint, ascii_isgraph. True if s is empty. */
bool span_is_all(struct span s, bool (*is)(char c));

/* Whether it has a control character of ASCII. */
bool span_has_control(struct span s);

/* How many decimal digits it begins with. */
size_t span_digits(struct span s);

/* A number of decimal digits alone, at least one and at most max; false otherwise, and *n has
 * no meaning. */
bool span_number(struct span s, uint64_t max, uint64_t *n) MUST_CHECK;

/* Two hexadecimal digits at the start of s, as in "=C3", "%C3" and "+C3": the byte that they
 * stand for. false, and *c unchanged, if there are none. */
bool span_hex_byte(struct span s, char *c);

/* n bytes as lower-case hexadecimal and a NUL: 2 * n + 1 characters. */
void str_hex(char *out, const void *bytes, size_t n);

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
