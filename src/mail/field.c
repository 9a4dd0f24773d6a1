/* SPDX-License-Identifier: MIT */
/* Cuts a header block into lines and fields. */
#include "mail/field.h"

bool field_next_line(struct span *rest, struct span *line)
{
	const char *nl;
	size_t n;

	if (rest->len == 0)
		return false;
	nl = memchr(rest->p, '\n', rest->len);
	n = nl != NULL ? (size_t)(nl - rest->p) : rest->len;
	*line = span_make(rest->p, n);
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	n += nl != NULL;
	rest->p += n;
	rest->len -= n;
	return true;
}

bool field_starts(struct span line, struct span *name)
{
	size_t n = 0, colon;

	while (n < line.len && line.p[n] != ':' && line.p[n] != ' ' &&
		!ascii_iscntrl(line.p[n]))
		n++;
	colon = n;
	while (colon < line.len && (line.p[colon] == ' ' || line.p[colon] == '\t'))
		colon++;
	if (n == 0 || colon == line.len || line.p[colon] != ':')
		return false;
	if (name != NULL)
		*name = span_make(line.p, n);
	return true;
}

size_t field_comment_len(struct span s)
{
	size_t depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && --depth == 0)
			return i + 1;
	}
	return s.len;
}

static struct span value_start(struct span line)
{
	const char *colon = memchr(line.p, ':', line.len);

	return span_make(colon + 1, (size_t)(line.p + line.len - colon - 1));
}

bool field_next(struct span *rest, struct field *f)
{
	struct span line;

	do {
		if (!field_next_line(rest, &line))
			return false;
	} while (!field_starts(line, &f->name));
	f->value = value_start(line);
	while (field_continues(*rest)) {
		(void)field_next_line(rest, &line);
		f->value.len = (size_t)(line.p + line.len - f->value.p);
	}
	return true;
}
