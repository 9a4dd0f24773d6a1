/* SPDX-License-Identifier: MIT */
/* ASCII strings and spans. */
#include "core/str.h"

static bool same(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool span_ieq_str(struct span a, const char *b)
{
	return same(a, span_of(b));
}

bool str_ieq(const char *a, const char *b)
{
	return same(span_of(a), span_of(b));
}

bool span_istarts(struct span a, const char *prefix)
{
	size_t len = strlen(prefix);

	return a.len >= len && same(span_make(a.p, len), span_make(prefix, len));
}

struct span span_trim(struct span s)
{
	while (s.len > 0 && ascii_isspace(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && ascii_isspace(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool span_is_all(struct span s, bool (*is)(char c))
{
	for (size_t i = 0; i < s.len; i++)
		if (!is(s.p[i]))
			return false;
	return true;
}

bool span_has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (ascii_iscntrl(s.p[i]))
			return true;
	return false;
}

size_t span_digits(struct span s)
{
	size_t n = 0;

	while (n < s.len && ascii_isdigit(s.p[n]))
		n++;
	return n;
}

bool span_number(struct span s, uint64_t max, uint64_t *n)
{
	*n = 0;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_isdigit(s.p[i]) || __builtin_mul_overflow(*n, 10, n) ||
			__builtin_add_overflow(*n, s.p[i] - '0', n) || *n > max)
			return false;
	return s.len > 0;
}

bool span_hex_byte(struct span s, char *c)
{
	int high = s.len > 1 ? ascii_hex(s.p[0]) : -1;
	int low = s.len > 1 ? ascii_hex(s.p[1]) : -1;

	if (high < 0 || low < 0)
		return false;
	*c = (char)(high * 16 + low);
	return true;
}

void str_hex(char *out, const void *bytes, size_t n)
{
	const uint8_t *in = bytes;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = "0123456789abcdef"[in[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[in[i] & 15];
	}
	out[2 * n] = '\0';
}

char *str_lower(char *s)
{
	for (char *p = s; *p != '\0'; p++)
		*p = ascii_lower(*p);
	return s;
}

bool span_copy(char *dst, size_t cap, struct span src)
{
	size_t n = src.len < cap ? src.len : cap - 1;

	if (n > 0)
		memcpy(dst, src.p, n);
	dst[n] = '\0';
	return n == src.len;
}

bool str_copy(char *dst, size_t cap, const char *src)
{
	return span_copy(dst, cap, span_of(src));
}

void str_ascii_line(char *dst, size_t cap, struct span src)
{
	size_t n = 0;
	bool gap = false;

	for (size_t i = 0; i < src.len && n + 1 < cap; i++) {
		unsigned char c = (unsigned char)src.p[i];

		if (c <= ' ' || c == 0x7f) {
			gap = n > 0;
			continue;
		}
		if (gap && n + 2 < cap)
			dst[n++] = ' ';
		gap = false;
		dst[n++] = c < 0x7f ? (char)c : '?';
	}
	dst[n] = '\0';
}

bool str_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *mark = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			mark = text;
		} else if (*pattern == '?' ||
			   ascii_lower(*pattern) == ascii_lower(*text)) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

#define NEARER_MAX 127

/* Levenshtein's distance, a row of the matrix at a time. */
static size_t distance_of(struct span a, struct span b)
{
	size_t row[NEARER_MAX + 1];

	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 0; i < a.len; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < b.len; j++) {
			bool same = ascii_lower(a.p[i]) == ascii_lower(b.p[j]);
			size_t least = diagonal + (same ? 0 : 1);

			if (row[j] + 1 < least)
				least = row[j] + 1;
			if (row[j + 1] + 1 < least)
				least = row[j + 1] + 1;
			diagonal = row[j + 1];
			row[j + 1] = least;
		}
	}
	return row[b.len];
}

void str_nearer(const char *a, const char *b, size_t *distance, const char **best)
{
	struct span x = span_of(a), y = span_of(b);
	size_t d;

	if (x.len > NEARER_MAX || y.len > NEARER_MAX)
		return;
	d = distance_of(x, y);
	if (d >= *distance)
		return;
	*distance = d;
	*best = b;
}
