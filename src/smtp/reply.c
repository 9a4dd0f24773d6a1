/* SPDX-License-Identifier: MIT */
/* SMTP replies: made clean, written in wire form. */
#include "smtp/reply.h"

#include "core/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* "250-", "2.999.999 ", text and CRLF stay within the 512 bytes of RFC 5321 §4.5.3.1.5. */
#define ENHANCED_MAX 12
_Static_assert(4 + ENHANCED_MAX + REPLY_LINE_MAX + 2 <= 512, "a reply line fits");

/* "4.4.5"; anything else, "" included, leaves the class at 0. */
static void parse_enhanced(const char *text, unsigned short enh[3])
{
	static const size_t digits[3] = {1, 3, 3};
	unsigned short part[3] = {0};

	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		size_t n = 0;

		if (i > 0 && *text++ != '.')
			return;
		for (; n < digits[i] && ascii_isdigit(*text); n++)
			part[i] = (unsigned short)(part[i] * 10 + (*text++ - '0'));
		if (n == 0)
			return;
	}
	memcpy(enh, part, sizeof(part));
}

/* Appends one cleaned line to the text, after a '\n' if it is not the first. */
static PRINTF_LIKE(2, 0) void add_line(struct reply *r, const char *fmt, va_list ap)
{
	char raw[2 * REPLY_LINE_MAX];
	size_t used = strlen(r->text), room;
	int len;

	len = vsnprintf(raw, sizeof(raw), fmt, ap);
	if (len < 0)
		len = 0;
	if ((size_t)len >= sizeof(raw))
		len = sizeof(raw) - 1;
	if (used + 2 >= sizeof(r->text))
		return;
	if (used > 0)
		r->text[used++] = '\n';
	room = sizeof(r->text) - used;
	str_ascii_line(r->text + used, room < REPLY_LINE_MAX ? room : REPLY_LINE_MAX,
		span_make(raw, (size_t)len));
}

static PRINTF_LIKE(3, 0) struct reply
	make(unsigned code, const char *enhanced, const char *fmt, va_list ap)
{
	struct reply r = {.code = code};

	parse_enhanced(enhanced, r.enh);
	add_line(&r, fmt, ap);
	return r;
}

struct reply reply_make(unsigned code, const char *enhanced, const char *fmt, ...)
{
	struct reply r;
	va_list ap;

	va_start(ap, fmt);
	r = make(code, enhanced, fmt, ap);
	va_end(ap);
	return r;
}

struct reply reply_close(unsigned code, const char *enhanced, const char *fmt, ...)
{
	struct reply r;
	va_list ap;

	va_start(ap, fmt);
	r = make(code, enhanced, fmt, ap);
	va_end(ap);
	r.close = true;
	return r;
}

void reply_add_line(struct reply *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_line(r, fmt, ap);
	va_end(ap);
}

void reply_enhanced(const struct reply *r, char out[REPLY_ENHANCED_LEN])
{
	out[0] = '\0';
	if (r->enh[0] != 0)
		snprintf(out, REPLY_ENHANCED_LEN, "%hu.%hu.%hu", r->enh[0], r->enh[1],
			r->enh[2]);
}

/* One line; cleaned again, for a struct reply can also be filled by hand. */
static int format_line(
	const struct reply *r, struct span line, bool last, struct buf *out)
{
	char text[REPLY_LINE_MAX], enhanced[REPLY_ENHANCED_LEN];

	str_ascii_line(text, sizeof(text), line);
	reply_enhanced(r, enhanced);
	return buf_appendf(out, "%03u%c%s%s%s\r\n", r->code % 1000, last ? ' ' : '-',
		enhanced, enhanced[0] != '\0' ? " " : "", text);
}

int reply_format(const struct reply *r, struct buf *out)
{
	const char *line = r->text;
	size_t before = out->len;

	for (;;) {
		const char *end = strchrnul(line, '\n');
		struct span s = span_make(line, (size_t)(end - line));

		if (format_line(r, s, *end == '\0', out) < 0) {
			buf_set_len(out, before);
			return -1;
		}
		if (*end == '\0')
			return 0;
		line = end + 1;
	}
}
