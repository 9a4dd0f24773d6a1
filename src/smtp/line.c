/* SPDX-License-Identifier: MIT */
/* Command lines, strictly ended. */
#include "smtp/line.h"

void line_init(struct line *l, size_t max)
{
	*l = (struct line){0};
	buf_init(&l->text, max, NULL);
}

void line_free(struct line *l)
{
	buf_free(&l->text);
}

static void begin(struct line *l)
{
	l->done = false;
	l->too_long = false;
	buf_clear(&l->text);
}

static enum line_result end_line(struct line *l)
{
	bool bare = l->bare || !l->cr;

	l->bare = !l->cr;
	l->cr = false;
	l->done = true;
	if (bare)
		return LINE_BARE;
	return l->too_long ? LINE_TOO_LONG : LINE_READY;
}

static enum line_result take(struct line *l, char c)
{
	if (l->done)
		begin(l);
	if (c == '\n')
		return end_line(l);
	if (l->cr)
		l->bare = true;
	l->cr = c == '\r';
	if (!l->cr && !l->too_long && buf_append_byte(&l->text, c) < 0)
		l->too_long = true;
	return LINE_MORE;
}

size_t line_read(struct line *l, const char *in, size_t len, enum line_result *result)
{
	size_t used = 0;

	*result = LINE_MORE;
	while (used < len && *result == LINE_MORE)
		*result = take(l, in[used++]);
	return used;
}
