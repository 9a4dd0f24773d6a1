/* SPDX-License-Identifier: MIT */
/*
 * The words of a configuration file: comments are passed over, quotes and escapes resolved,
 * and variables of the environment filled in. doc/config.md describes them.
 */
#include "config/conf_private.h"

#include "core/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* --- from text to tokens -------------------------------------------------------------- */

static bool starts(struct span s, const char *with)
{
	size_t len = strlen(with);

	return s.len >= len && memcmp(s.p, with, len) == 0;
}

static void step(struct conf_tokens *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (in->rest.p[i] == '\n')
			in->line++;
	in->rest = span_make(in->rest.p + n, in->rest.len - n);
}

int conf_token_begin(
	struct conf_tokens *in, struct span text, const char *name, struct err *err)
{
	*in = (struct conf_tokens){.rest = text, .line = 1, .name = name, .err = err};
	for (; in->rest.len > 0; step(in, 1)) {
		char c = in->rest.p[0];

		if (((unsigned char)c < ' ' && !ascii_isspace(c)) || c == 0x7f)
			return err_set(err,
				"%s:%u: a control character (0x%02x); write text only",
				name, in->line, (unsigned char)c);
	}
	in->rest = text;
	in->line = 1;
	if (starts(text, "\xef\xbb\xbf")) /* byte order mark */
		step(in, 3);
	return 0;
}

/* Past the end of the comment that begins the text; 0: it never ends. */
static size_t comment_len(struct span s)
{
	bool block = starts(s, "/*");
	const char *end =
		block ? memmem(s.p + 2, s.len - 2, "*/", 2) : memchr(s.p, '\n', s.len);

	if (end == NULL)
		return block ? 0 : s.len;
	return (size_t)(end - s.p) + (block ? 2 : 0);
}

/* "${NAME}" and "${NAME:-default}" end at the first '}'; 0: there is none on the line. */
static size_t variable_len(struct span s)
{
	size_t i = 0;

	while (i < s.len && s.p[i] != '}' && s.p[i] != '\n')
		i++;
	return i < s.len && s.p[i] == '}' ? i + 1 : 0;
}

static size_t word_len(struct span s)
{
	size_t i = 0;

	if (starts(s, "${"))
		return variable_len(s);
	while (i < s.len && strchr(" #\"'\t\n\r={}()+,*", s.p[i]) == NULL)
		i++;
	return i;
}

static struct conf_token bad(
	const struct conf_tokens *in, const char *what, const char *advice)
{
	(void)err_set(in->err, "%s:%u: %s; %s", in->name, in->line, what, advice);
	return (struct conf_token){CONF_TOKEN_BAD, span_make(in->rest.p, 0), in->line};
}

static struct conf_token take(
	struct conf_tokens *in, enum conf_token_kind kind, size_t len)
{
	struct conf_token t = {kind, span_make(in->rest.p, len), in->line};

	step(in, len);
	return t;
}

static struct conf_token bad_variable(const struct conf_tokens *in)
{
	return bad(in, "${ without a } on the same line",
		"write ${NAME} or ${NAME:-default}");
}

static struct conf_token take_string(struct conf_tokens *in)
{
	struct span s = in->rest;
	char quote = s.p[0];
	size_t i = 1;

	while (i < s.len && s.p[i] != quote) {
		struct span rest = span_make(s.p + i, s.len - i);

		if (quote == '"' && starts(rest, "${")) {
			size_t len = variable_len(rest);

			if (len == 0) {
				step(in, i);
				return bad_variable(in);
			}
			i += len;
		} else {
			i += s.p[i] == '\\' ? 2 : 1;
		}
	}
	if (i < s.len)
		return take(in, CONF_TOKEN_STRING, i + 1);
	return bad(in, "this string never ends",
		quote == '"' ? "close it with \"" : "close it with '");
}

struct conf_token conf_token_next(struct conf_tokens *in)
{
	size_t len;

	for (;;) {
		while (in->rest.len > 0 && ascii_isspace(in->rest.p[0]))
			step(in, 1);
		if (in->rest.len == 0)
			return take(in, CONF_TOKEN_END, 0);
		if (in->rest.p[0] != '#' && !starts(in->rest, "//") &&
			!starts(in->rest, "/*"))
			break;
		len = comment_len(in->rest);
		if (len == 0)
			return bad(in, "this comment never ends", "close it with */");
		step(in, len);
	}
	if (in->rest.p[0] == '"' || in->rest.p[0] == '\'')
		return take_string(in);
	if (starts(in->rest, "+="))
		return take(in, CONF_TOKEN_SIGN, 2);
	if (strchr("={}(),", in->rest.p[0]) != NULL)
		return take(in, CONF_TOKEN_SIGN, 1);
	if (in->rest.p[0] == '*' || in->rest.p[0] == '+')
		return bad(in, in->rest.p[0] == '*' ? "a bare *" : "a bare +",
			"put the value in quotes");
	len = word_len(in->rest);
	return len > 0 ? take(in, CONF_TOKEN_WORD, len) : bad_variable(in);
}

/* --- from tokens to values ------------------------------------------------------------ */

static int put(struct buf *out, struct span s, struct err *why)
{
	if (buf_append(out, s.p, s.len) == 0)
		return 0;
	return err_set(why, "has more than %zu bytes; write less", out->max);
}

/* s: "${NAME}" or "${NAME:-default}". A variable that is set but empty is empty. */
static int put_variable(struct span s, struct buf *out, struct err *why)
{
	struct span name = span_make(s.p + 2, s.len - 3), def = {0};
	const char *colon = memchr(name.p, ':', name.len), *value;
	char *text;

	if (colon != NULL && colon[1] == '-') {
		def = span_make(colon + 2, (size_t)(name.p + name.len - colon) - 2);
		name.len = (size_t)(colon - name.p);
	}
	text = mem_strndup(name.p, name.len);
	value = getenv(text);
	free(text);
	return put(out, value != NULL ? span_of(value) : def, why);
}

/* Takes len bytes off the beginning. */
static struct span cut(struct span *s, size_t len)
{
	struct span first = span_make(s->p, len);

	*s = span_make(s->p + len, s->len - len);
	return first;
}

static int put_byte(char c, struct buf *out, struct err *why)
{
	return put(out, span_make(&c, 1), why);
}

/* "\101" */
static int put_octal(struct span s, struct buf *out, struct err *why)
{
	unsigned byte = 0;

	for (size_t i = 1; i < s.len && byte <= 0xff; i++)
		byte = s.p[i] < '8' ? byte * 8 + (unsigned)(s.p[i] - '0') : UINT_MAX;
	if (s.len > 4 || byte > 0xff)
		return err_set(
			why, "has an escape that is no byte; write \\\\ for a backslash");
	return put_byte((char)byte, out, why);
}

/* "\x4" or "\x41" */
static int put_hex(struct span s, struct buf *out, struct err *why)
{
	int byte = ascii_hex(s.p[2]);

	if (s.len > 3)
		byte = byte * 16 + ascii_hex(s.p[3]);
	return put_byte((char)byte, out, why);
}

/* Within double quotes, which end later: there is a byte after each that is looked at. */
static int put_escape(struct span *s, struct buf *out, struct err *why)
{
	size_t len = 2;
	char c = s->p[1];

	if (ascii_isdigit(c)) {
		while (ascii_isdigit(s->p[len]))
			len++;
		return put_octal(cut(s, len), out, why);
	}
	if (c == 'x' && ascii_hex(s->p[2]) >= 0)
		return put_hex(cut(s, ascii_hex(s->p[3]) >= 0 ? 4 : 3), out, why);
	(void)cut(s, 2);
	/* All of these are control characters, which no value may hold. */
	return put_byte(strchr("abefnrtv", c) != NULL ? '\n' : c, out, why);
}

int conf_token_value(const struct conf_token *t, struct buf *out, struct err *why)
{
	struct span s = t->s;
	bool expands = s.p[0] == '"';
	int rc = 0;

	if (t->kind == CONF_TOKEN_WORD)
		return starts(s, "${") ? put_variable(s, out, why) : put(out, s, why);
	s = span_make(s.p + 1, s.len - 2);
	while (rc == 0 && s.len > 0) {
		if (starts(s, "\\\n"))
			(void)cut(&s, 2);
		else if (expands && s.p[0] == '\\')
			rc = put_escape(&s, out, why);
		else if (expands && starts(s, "${"))
			rc = put_variable(cut(&s, variable_len(s)), out, why);
		else if (starts(s, "\\\\") || starts(s, "\\'"))
			rc = put(out, span_make(cut(&s, 2).p + 1, 1), why);
		else
			rc = put(out, cut(&s, 1), why);
	}
	return rc;
}
