/* SPDX-License-Identifier: MIT */
/* UTF-8, checked and cleaned. */
#include "core/utf8.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Lead bytes: how many follow, which bits count, and the smallest code point that may be
 * written with that many (anything less is overlong). */
static const struct form {
	uint8_t mask, lead, bits;
	uint8_t follow;
	uint32_t least;
} forms[] = {
	{0x80, 0x00, 0x7f, 0, 0},
	{0xe0, 0xc0, 0x1f, 1, 0x80},
	{0xf0, 0xe0, 0x0f, 2, 0x800},
	{0xf8, 0xf0, 0x07, 3, 0x10000},
};

/* The upper half of the lead byte tells all but the last form, which has one bit more. */
static const struct form *form_of(uint8_t lead)
{
	static const uint8_t by_half[16] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3};
	const struct form *f = &forms[by_half[lead >> 4]];

	return (lead & f->mask) == f->lead ? f : NULL;
}

size_t utf8_next(struct span s, uint32_t *cp)
{
	const struct form *f = form_of((uint8_t)s.p[0]);
	uint32_t c;

	if (f == NULL || s.len <= f->follow)
		return 0;
	c = (uint8_t)s.p[0] & f->bits;
	for (size_t i = 1; i <= f->follow; i++) {
		uint8_t b = (uint8_t)s.p[i];

		if ((b & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (b & 0x3f);
	}
	if (c < f->least || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*cp = c;
	return f->follow + (size_t)1;
}

/* Looked at eight at a time. */
size_t utf8_ascii_len(struct span s)
{
	size_t i = 0;

	for (; i + 8 <= s.len; i += 8) {
		uint64_t w;

		memcpy(&w, s.p + i, sizeof(w));
		if ((w & 0x8080808080808080u) != 0)
			break;
	}
	while (i < s.len && (uint8_t)s.p[i] < 0x80)
		i++;
	return i;
}

bool utf8_valid(struct span s)
{
	while (s.len > 0) {
		uint32_t cp;
		size_t n = utf8_ascii_len(s);

		if (n == 0)
			n = utf8_next(s, &cp);
		if (n == 0)
			return false;
		s = span_make(s.p + n, s.len - n);
	}
	return true;
}

size_t utf8_count(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += ((uint8_t)s.p[i] & 0xc0) != 0x80;
	return n;
}

int utf8_append_replacements(struct buf *out, size_t n)
{
	static const char text[] = REPLACEMENT;

	if (n > SIZE_MAX / 3)
		n = SIZE_MAX / 3; /* more than any buffer may hold */
	if (buf_reserve(out, 3 * n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		memcpy(out->data + out->len + 3 * i, text, 3);
	buf_set_len(out, out->len + 3 * n);
	return 0;
}

/* --- cleaning --------------------------------------------------------------------------- */

/* Ranges that must not stand in one line of a header, in order. */
struct range {
	uint32_t first, last;
};

static const struct range unfit[] = {
	{0x0000, 0x001f}, /* C0 */
	{0x007f, 0x009f}, /* DEL, C1 */
	{0x061c, 0x061c}, /* bidirectional controls, as are the next but one */
	{0x200e, 0x200f},
	{0x2028, 0x2029}, /* line and paragraph separator */
	{0x202a, 0x202e},
	{0x2066, 0x2069},
};

/* White_Space and Default_Ignorable_Code_Point of Unicode, controls, and two that are drawn
 * as nothing: the blank of Braille and the fillers of Hangul. */
static const struct range unseen[] = {
	{0x0000, 0x0020},
	{0x007f, 0x00a0},
	{0x00ad, 0x00ad},
	{0x034f, 0x034f},
	{0x061c, 0x061c},
	{0x115f, 0x1160},
	{0x1680, 0x1680},
	{0x17b4, 0x17b5},
	{0x180b, 0x180f},
	{0x2000, 0x200f},
	{0x2028, 0x202f},
	{0x205f, 0x206f},
	{0x2800, 0x2800},
	{0x3000, 0x3000},
	{0x3164, 0x3164},
	{0xfe00, 0xfe0f},
	{0xfeff, 0xfeff},
	{0xffa0, 0xffa0},
	{0xe0000, 0xe0fff},
};

static bool is_in(const struct range *ranges, size_t n, uint32_t cp)
{
	for (size_t i = 0; i < n; i++)
		if (cp >= ranges[i].first && cp <= ranges[i].last)
			return true;
	return false;
}

bool utf8_unfit_for_line(uint32_t cp)
{
	return is_in(unfit, ARRAY_LEN(unfit), cp);
}

bool utf8_is_unseen(uint32_t cp)
{
	return is_in(unseen, ARRAY_LEN(unseen), cp);
}

bool utf8_is_blank(struct span s)
{
	uint32_t cp;
	size_t n;

	for (; s.len > 0; s.p += n, s.len -= n) {
		n = utf8_next(s, &cp);
		if (n == 0 || !utf8_is_unseen(cp))
			return false;
	}
	return true;
}

/* A walk over the input: what stays as it is is copied in runs. */
struct walk {
	struct buf *out;
	struct span in;
	size_t at;   /* next byte to look at */
	size_t from; /* first byte not yet copied */
	bool changed;
};

/* Copies the run so far, puts text in place of the next n bytes. */
static int walk_replace(struct walk *w, size_t n, const char *text)
{
	if (buf_append(w->out, w->in.p + w->from, w->at - w->from) < 0 ||
		buf_append_str(w->out, text) < 0)
		return -1;
	w->at += n;
	w->from = w->at;
	return 0;
}

static int walk_change(struct walk *w, size_t n, const char *text)
{
	w->changed = true;
	return walk_replace(w, n, text);
}

/* A byte that nothing begins with: not ASCII, and no lead byte of any form. */
static bool never_leads(char c)
{
	uint8_t b = (uint8_t)c;

	return (b >= 0x80 && b <= 0xc1) || b >= 0xf5;
}

/* The invalid byte, and all right after it that cannot be valid either: in one piece, for a
 * text may have millions. */
static int walk_invalid(struct walk *w)
{
	size_t n = 1;

	while (w->at + n < w->in.len && never_leads(w->in.p[w->at + n]))
		n++;
	if (walk_change(w, n, "") < 0)
		return -1;
	return utf8_append_replacements(w->out, n);
}

static bool is_folding_byte(char c)
{
	return c == '\r' || c == '\n' || c == '\t';
}

/* A run of CR, LF and TAB becomes one space, or none where a space stands beside it. Line
 * ends not followed by white space are no folding (RFC 5322 §2.2.3): somebody put them
 * there. */
static int walk_folding(struct walk *w)
{
	const char *p = w->in.p + w->at, *end = w->in.p + w->in.len;
	size_t n = 0;
	bool beside;

	while (p + n < end && is_folding_byte(p[n]))
		n++;
	beside = (w->at > 0 && p[-1] == ' ') || (p + n < end && p[n] == ' ');
	if (p[n - 1] != '\t' && (p + n == end || p[n] != ' '))
		w->changed = true;
	return walk_replace(w, n, beside ? "" : " ");
}

static int walk_line_step(struct walk *w)
{
	struct span rest = span_make(w->in.p + w->at, w->in.len - w->at);
	uint32_t cp;
	size_t n;

	if (is_folding_byte(rest.p[0]))
		return walk_folding(w);
	n = utf8_next(rest, &cp);
	if (n == 0)
		return walk_invalid(w);
	if (utf8_unfit_for_line(cp))
		return walk_change(w, n, "");
	w->at += n;
	return 0;
}

/* Runs are looked at in pieces: one that went to the end of the text would be counted
 * again after every NUL in it. */
#define RUN_MAX 256

static int walk_text_step(struct walk *w)
{
	struct span rest = span_make(w->in.p + w->at, w->in.len - w->at);
	size_t n = utf8_ascii_len(
		span_make(rest.p, rest.len < RUN_MAX ? rest.len : RUN_MAX));
	const char *nul = memchr(rest.p, '\0', n);
	uint32_t cp;

	if (nul == rest.p)
		return walk_change(w, 1, "");
	if (nul != NULL)
		n = (size_t)(nul - rest.p);
	if (n == 0)
		n = utf8_next(rest, &cp);
	if (n == 0)
		return walk_invalid(w);
	w->at += n;
	return 0;
}

static int walk(
	struct buf *out, struct span in, bool *changed, int (*step)(struct walk *w))
{
	struct walk w = {.out = out, .in = in};
	size_t before = out->len;

	while (w.at < in.len)
		if (step(&w) < 0)
			goto full;
	if (walk_replace(&w, 0, "") < 0)
		goto full;
	if (changed != NULL)
		*changed = w.changed;
	return 0;
full:
	buf_set_len(out, before);
	return -1;
}

int utf8_clean_line(struct buf *out, struct span in, bool *changed)
{
	return walk(out, in, changed, walk_line_step);
}

int utf8_clean_text(struct buf *out, struct span in, bool *changed)
{
	return walk(out, in, changed, walk_text_step);
}
