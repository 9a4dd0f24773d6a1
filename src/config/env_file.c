/* SPDX-License-Identifier: MIT */
/* Variables out of a file, as systemd reads them. */
#include "config/env_file.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/secret.h"
#include "core/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct reader {
	const char *name; /* of the file; borrowed */
	struct span rest;
	unsigned line;
	struct buf value; /* wiped at the end: it may hold a secret */
	struct err *err;
};

static char take(struct reader *r)
{
	char c = r->rest.p[0];

	r->rest = span_make(r->rest.p + 1, r->rest.len - 1);
	if (c == '\n')
		r->line++;
	return c;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
	while (r->rest.len > 0 && is_blank(r->rest.p[0]))
		take(r);
}

/* The value is no longer than its file, and its buffer has room for that from the start. */
static void put(struct reader *r, char c)
{
	if (buf_append_byte(&r->value, c) < 0)
		abort();
}

/* --- values --------------------------------------------------------------------------- */

/* The byte after a backslash; none if that ended the line. */
static void take_escaped(struct reader *r, const char *special)
{
	char c;

	if (r->rest.len == 0)
		return;
	c = take(r);
	if (c == '\n' || (c == '\r' && special == NULL))
		return;
	if (special != NULL && strchr(special, c) == NULL)
		put(r, '\\');
	put(r, c);
}

static int take_quoted(struct reader *r, unsigned begun)
{
	char quote = take(r), c;

	while (r->rest.len > 0) {
		c = take(r);
		if (c == quote)
			return 0;
		if (c == '\\' && quote == '"')
			take_escaped(r, "\"\\`$");
		else
			put(r, c);
	}
	return err_set(r->err, "%s:%u: this value never ends; close it with %c", r->name,
		begun, quote);
}

/* To the end of the line; quotes within are bytes like others. */
static void take_bare(struct reader *r)
{
	size_t kept = r->value.len;
	char c;

	while (r->rest.len > 0) {
		c = take(r);
		if (c == '\n')
			break;
		if (c == '\\') {
			take_escaped(r, NULL);
			kept = r->value.len;
			continue;
		}
		put(r, c);
		if (!is_blank(c))
			kept = r->value.len;
	}
	buf_set_len(&r->value, kept);
}

/* Quoted pieces, one after the other, and what is not quoted. */
static int take_value(struct reader *r)
{
	buf_clear(&r->value);
	for (;;) {
		skip_blanks(r);
		if (r->rest.len == 0)
			return 0;
		if (r->rest.p[0] == '\n') {
			take(r);
			return 0;
		}
		if (r->rest.p[0] != '"' && r->rest.p[0] != '\'') {
			take_bare(r);
			return 0;
		}
		if (take_quoted(r, r->line) < 0)
			return -1;
	}
}

/* --- lines ---------------------------------------------------------------------------- */

/* Whether a backslash at its end makes the next line one, too, hangs on systemd's version. */
static int skip_comment(struct reader *r)
{
	char c = '\0', before;

	while (r->rest.len > 0) {
		before = c;
		c = take(r);
		if (c == '\n' && before == '\\')
			return err_set(r->err,
				"%s:%u: a comment ends with a backslash, and systemd may "
				"take the next line for one as well; remove it",
				r->name, r->line - 1);
		if (c == '\n')
			return 0;
	}
	return 0;
}

static bool is_name(struct span s)
{
	if (s.len == 0 || ascii_isdigit(s.p[0]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_isalnum(s.p[i]) && s.p[i] != '_')
			return false;
	return true;
}

static int fail_line(const struct reader *r, struct span name, bool equals)
{
	if (equals && span_istarts(name, "export "))
		return err_set(r->err,
			"%s:%u: export is the shell's, and systemd passes over the line; "
			"write: NAME=VALUE",
			r->name, r->line);
	return err_set(r->err,
		"%s:%u: not a variable, and systemd passes over the line; write: "
		"NAME=VALUE",
		r->name, r->line);
}

static int take_variable(struct reader *r)
{
	size_t len = 0;
	struct span name;
	char *key;

	while (len < r->rest.len && r->rest.p[len] != '=' && r->rest.p[len] != '\n')
		len++;
	name = span_trim(span_make(r->rest.p, len));
	if (len == r->rest.len || r->rest.p[len] != '=' || !is_name(name))
		return fail_line(r, name, len < r->rest.len && r->rest.p[len] == '=');
	r->rest = span_make(r->rest.p + len + 1, r->rest.len - len - 1);
	if (take_value(r) < 0)
		return -1;
	key = mem_strndup(name.p, name.len);
	if (setenv(key, r->value.data, 1) != 0)
		abort();
	free(key);
	return 0;
}

static int take_lines(struct reader *r)
{
	int rc = 0;

	while (rc == 0 && r->rest.len > 0) {
		char c = r->rest.p[0];

		if (is_blank(c) || c == '\n')
			take(r);
		else if (c == '#' || c == ';')
			rc = skip_comment(r);
		else
			rc = take_variable(r);
	}
	return rc;
}

/* --- the file ------------------------------------------------------------------------- */

static int read_variables(FILE *in, const char *name, struct err *err)
{
	struct reader r = {.name = name, .line = 1, .err = err};
	struct buf text;
	int rc;

	/* A backslash that stands for itself is the only byte that a value adds. */
	buf_init(&text, ENV_FILE_MAX + 1, NULL);
	buf_init(&r.value, ENV_FILE_MAX + 1, NULL);
	rc = buf_read(&text, in, name, err);
	if (rc == 0 && memchr(text.data, '\0', text.len) != NULL)
		rc = err_set(err, "%s: has a NUL; write text only", name);
	if (rc == 0 && buf_reserve(&r.value, text.len + 1) < 0)
		rc = err_errno(err, "%s: cannot read", name);
	if (rc == 0) {
		r.rest = span_make(text.data, text.len);
		rc = take_lines(&r);
	}
	secret_wipe(text.data, text.len);
	secret_wipe(r.value.data, r.value.cap);
	buf_free(&text);
	buf_free(&r.value);
	return rc;
}

int env_file_load(const char *path, struct err *err)
{
	bool optional = path[0] == '-';
	const char *name = optional ? path + 1 : path;
	FILE *in = fopen(name, "re");
	int rc;

	if (in == NULL && optional && errno == ENOENT)
		return 0;
	if (in == NULL)
		return err_errno(err, "%s: cannot open the environment", name);
	setvbuf(in, NULL, _IONBF, 0);
	rc = read_variables(in, name, err);
	fclose(in);
	return rc;
}
