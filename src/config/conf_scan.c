/* SPDX-License-Identifier: MIT */
/*
 * A look over the text before libConfuse reads it.
 *
 * libConfuse 3.3 counts the lines of comments wrongly (so its errors would name a wrong
 * line), stumbles over comments in lists, takes a comment that never ends for a good one,
 * and skips '*' and '+' outside of strings without a word. So comments are
 * blanked here, and the rest is refused with the line where it began. Strings are walked
 * by the rules of its lexer, including "${NAME:-default}".
 */
#include "config/conf_private.h"

#include <string.h>

struct scan {
	char *text;
	size_t len;
	size_t i;
	unsigned line;
	const char *name;
	struct err *err;
};

/* The byte ahead by n; NUL (which the text never holds) past the end. */
static char ahead(const struct scan *s, size_t n)
{
	return n < s->len - s->i ? s->text[s->i + n] : '\0';
}

static bool is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t' && c != '\r' && c != '\n') ||
	       c == 0x7f;
}

static int refuse_controls(struct scan *s)
{
	for (size_t i = 0; i < s->len; i++) {
		if (s->text[i] == '\n')
			s->line++;
		if (is_control(s->text[i]))
			return err_set(s->err,
				"%s:%u: a control character (0x%02x); write text only",
				s->name, s->line, (unsigned char)s->text[i]);
	}
	s->line = 1;
	return 0;
}

/* Steps over one byte and keeps count of the lines. */
static void step(struct scan *s)
{
	if (s->text[s->i++] == '\n')
		s->line++;
}

static void blank(struct scan *s)
{
	if (s->text[s->i] != '\n')
		s->text[s->i] = ' ';
	step(s);
}

static void blank_line(struct scan *s)
{
	while (s->i < s->len && s->text[s->i] != '\n')
		blank(s);
}

static int blank_comment(struct scan *s)
{
	unsigned began = s->line;

	blank(s);
	blank(s);
	while (s->i < s->len) {
		if (s->text[s->i] == '*' && ahead(s, 1) == '/') {
			blank(s);
			blank(s);
			return 0;
		}
		blank(s);
	}
	return err_set(s->err, "%s:%u: this comment never ends; close it with */",
		s->name, began);
}

/* "${NAME}" and "${NAME:-default}" end at the first '}', whatever stands between. */
static int skip_variable(struct scan *s)
{
	while (s->i < s->len && s->text[s->i] != '\n') {
		bool end = s->text[s->i] == '}';

		step(s);
		if (end)
			return 0;
	}
	return err_set(s->err,
		"%s:%u: ${ without a } on the same line; write ${NAME} or "
		"${NAME:-default}",
		s->name, s->line);
}

static int skip_string(struct scan *s)
{
	unsigned began = s->line;
	char quote = s->text[s->i];

	step(s);
	while (s->i < s->len) {
		if (s->text[s->i] == quote) {
			step(s);
			return 0;
		}
		if (quote == '"' && s->text[s->i] == '$' && ahead(s, 1) == '{') {
			if (skip_variable(s) < 0)
				return -1;
			continue;
		}
		if (s->text[s->i] == '\\' && s->i + 1 < s->len)
			step(s);
		step(s);
	}
	return err_set(s->err, "%s:%u: this string never ends; close it with %c", s->name,
		began, quote);
}

/* A comment cannot begin within a word: http://host is one value. */
static bool at_word_start(const struct scan *s)
{
	return s->i == 0 || strchr(" \t\r\n{}(),=\"'", s->text[s->i - 1]) != NULL;
}

static int refuse_bare(struct scan *s, char c)
{
	return err_set(
		s->err, "%s:%u: a bare %c; put the value in quotes", s->name, s->line, c);
}

/* One token, comment or string. */
static int scan_next(struct scan *s)
{
	char c = s->text[s->i], next = ahead(s, 1);

	if (c == '"' || c == '\'')
		return skip_string(s);
	if (c == '$' && next == '{')
		return skip_variable(s);
	if (c == '#' || (c == '/' && next == '/' && at_word_start(s))) {
		blank_line(s);
		return 0;
	}
	if (c == '/' && next == '*' && at_word_start(s))
		return blank_comment(s);
	if (c == '*' || (c == '+' && next != '='))
		return refuse_bare(s, c);
	step(s);
	return 0;
}

static void drop_byte_order_mark(struct scan *s)
{
	if (s->len >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
		memset(s->text, ' ', 3);
}

int conf_scan(char *text, size_t len, const char *name, struct err *err)
{
	struct scan s = {.text = text, .len = len, .line = 1, .name = name, .err = err};

	if (refuse_controls(&s) < 0)
		return -1;
	drop_byte_order_mark(&s);
	while (s.i < s.len)
		if (scan_next(&s) < 0)
			return -1;
	return 0;
}
