/* SPDX-License-Identifier: MIT */
/* Names and subjects are made harmless here. */
#include "delivery/display.h"

#include "core/buf.h"
#include "core/utf8.h"

#include <string.h>

static bool is_special(uint32_t cp)
{
	if (cp < 0x80)
		return cp != 0 && memchr("()<>[]:;@\\,\"", (int)cp, 12) != NULL;
	return cp == 0xff20 || cp == 0xfe6b;
}

/* Looser than a decoder: "=?" charset "?" encoding "?", whatever follows. */
static bool looks_encoded(const char *s)
{
	size_t n;

	if (s[0] != '=' || s[1] != '?')
		return false;
	n = strcspn(s + 2, "? \t");
	s += 2 + n;
	return n > 0 && s[0] == '?' && s[1] != '\0' && memchr("bBqQ", s[1], 4) != NULL &&
	       s[2] == '?';
}

char *display_subject(const char *subject, bool *changed)
{
	struct buf out;
	size_t from = 0, i = 0;

	/* It has twice the room that it can need. */
	buf_init(&out, 2 * strlen(subject), NULL);
	for (; subject[i] != '\0'; i++) {
		if (!looks_encoded(subject + i))
			continue;
		if (buf_append(&out, subject + from, i + 1 - from) < 0 ||
			buf_append_byte(&out, ' ') < 0)
			break;
		from = i + 1;
		*changed = true;
	}
	if (buf_append(&out, subject + from, strlen(subject + from)) < 0)
		buf_clear(&out);
	return buf_take(&out);
}

char *display_alias(struct span name, bool *changed)
{
	char clean[DISPLAY_ALIAS_MAX + 1];
	size_t n = 0, len;
	bool gap = false;

	for (; name.len > 0; name.p += len, name.len -= len) {
		uint32_t cp = (unsigned char)name.p[0];
		bool special;

		len = utf8_next(name, &cp);
		len = len > 0 ? len : 1;
		special = is_special(cp);
		*changed |= special;
		if (special || cp <= ' ') {
			gap = n > 0;
			continue;
		}
		if (n + gap + len > DISPLAY_ALIAS_MAX) {
			*changed = true;
			break;
		}
		if (gap)
			clean[n++] = ' ';
		gap = false;
		memcpy(clean + n, name.p, len);
		n += len;
	}
	clean[n] = '\0';
	return display_subject(clean, changed);
}
