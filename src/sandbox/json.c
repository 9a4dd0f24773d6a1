/* SPDX-License-Identifier: MIT */
/* Helpers for JSON values, and UTF-8. */
#include "sandbox/json.h"

#include <stdlib.h>
#include <string.h>

#define ARRAY_SHOWN 100
#define DEPTH_SHOWN 8

/* Bytes of the character at s, or 0 where it is malformed (RFC 3629 section 4). */
static size_t utf8_char(const unsigned char *s, size_t left)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned c = s[0], v;
	size_t n;

	if (c < 0x80)
		return 1;
	n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4 || n > left)
		return 0;
	v = c & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s[i] & 0x3fu);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	return n;
}

bool utf8_is_valid(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len) {
		size_t n = utf8_char((const unsigned char *)s + i, len - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

size_t utf8_count(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++) {
		if (((unsigned char)*s & 0xc0) != 0x80)
			n++;
	}
	return n;
}

json_t *json_text_n(const char *s, size_t len)
{
	char *copy;
	json_t *v;

	if (utf8_is_valid(s, len))
		return json_stringn_nocheck(s, len);
	copy = mem_alloc(len + 1);
	for (size_t i = 0; i < len;) {
		size_t n = utf8_char((const unsigned char *)s + i, len - i);

		if (n == 0) {
			copy[i++] = '?';
			continue;
		}
		memcpy(copy + i, s + i, n);
		i += n;
	}
	v = json_stringn_nocheck(copy, len);
	free(copy);
	return v;
}

json_t *json_text(const char *s)
{
	return s == NULL ? json_null() : json_text_n(s, strlen(s));
}

json_t *json_strings(const struct strings *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(a, json_text(l->items[i]));
	return a;
}

char *json_line(const json_t *v)
{
	char *s = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);

	if (s == NULL)
		abort(); /* only without memory: every value was made here */
	return s;
}

static json_t *shorten_string(const json_t *v, size_t max)
{
	const char *s = json_string_value(v);
	size_t len = json_string_length(v), keep = max;
	char *text;
	json_t *out;

	if (len <= max)
		return json_stringn_nocheck(s, len);
	while (keep > 0 && ((unsigned char)s[keep] & 0xc0) == 0x80)
		keep--;
	text = mem_printf("%.*s... (%zu bytes)", (int)keep, s, len);
	out = json_text(text);
	free(text);
	return out;
}

static json_t *shorten(const json_t *v, size_t max, int depth);

static json_t *shorten_array(const json_t *v, size_t max, int depth)
{
	json_t *out = json_array();
	size_t n = json_array_size(v);

	for (size_t i = 0; i < n && i < ARRAY_SHOWN; i++)
		json_array_append_new(out, shorten(json_array_get(v, i), max, depth + 1));
	if (n > ARRAY_SHOWN)
		json_array_append_new(out, json_sprintf("... (%zu items)", n));
	return out;
}

static json_t *shorten_object(const json_t *v, size_t max, int depth)
{
	json_t *out = json_object();
	const char *key;
	json_t *item;
	size_t n = 0;

	json_object_foreach ((json_t *)v, key, item) {
		if (n++ == ARRAY_SHOWN)
			break;
		json_object_set_new_nocheck(out, key, shorten(item, max, depth + 1));
	}
	return out;
}

/* Its depth is bounded by DEPTH_SHOWN, whatever came in. */
static json_t *shorten(const json_t *v, size_t max, int depth)
{
	if (json_is_string(v))
		return shorten_string(v, max);
	if (!json_is_array(v) && !json_is_object(v))
		return json_deep_copy(v);
	if (depth >= DEPTH_SHOWN)
		return json_string("...");
	return json_is_array(v) ? shorten_array(v, max, depth)
	                        : shorten_object(v, max, depth);
}

json_t *json_shortened(const json_t *v, size_t max)
{
	return shorten(v, max, 0);
}
