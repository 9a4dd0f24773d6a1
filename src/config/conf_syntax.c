/* SPDX-License-Identifier: MIT */
/*
 * A look at the order of words before libConfuse reads them: its own messages name neither
 * the word nor what would be right, and most mistakes are another format (YAML, JSON, INI).
 *
 * An unquoted secret may fall apart into words, so a word is shown only where it can be no
 * part of one: signs, names of options, and short words of small letters.
 */
#include "config/conf_private.h"

#include "core/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_SIGN };

struct token {
	enum token_kind kind;
	struct span s; /* of a string: with its quotes */
	unsigned line;
};

struct syntax {
	struct span rest; /* after the token */
	unsigned line;    /* where rest begins */
	struct token t;   /* the one that is looked at */
	/* The last option that got a value, and the line where that ended; NULL: none. */
	const struct conf_option *done;
	unsigned done_line;
	const char *name;
	struct err *err;
};

/* --- words ---------------------------------------------------------------------------- */

static void step(struct syntax *s, size_t n)
{
	for (size_t i = 0; i < n && i < s->rest.len; i++)
		if (s->rest.p[i] == '\n')
			s->line++;
	n = n < s->rest.len ? n : s->rest.len;
	s->rest = span_make(s->rest.p + n, s->rest.len - n);
}

/* conf_scan() has seen that strings and variables end. */
static size_t string_len(struct span s)
{
	size_t i = 1;

	while (i < s.len && s.p[i] != s.p[0]) {
		if (s.p[0] == '"' && s.p[i] == '$' && i + 1 < s.len && s.p[i + 1] == '{')
			while (i < s.len && s.p[i] != '}')
				i++;
		else if (s.p[i] == '\\')
			i++;
		i++;
	}
	return i < s.len ? i + 1 : s.len;
}

/* As libConfuse's lexer has them. */
static size_t word_len(struct span s)
{
	size_t i = 0;

	if (s.len > 2 && s.p[0] == '$' && s.p[1] == '{') {
		while (i < s.len && s.p[i] != '}')
			i++;
		return i < s.len ? i + 1 : s.len;
	}
	while (i < s.len && strchr(" #\"'\t\n\r={}()+,", s.p[i]) == NULL)
		i++;
	return i > 0 ? i : 1;
}

static void next(struct syntax *s)
{
	size_t len;
	char c;

	while (s->rest.len > 0 && ascii_isspace(s->rest.p[0]))
		step(s, 1);
	s->t = (struct token){TOKEN_END, span_make(s->rest.p, 0), s->line};
	if (s->rest.len == 0)
		return;
	c = s->rest.p[0];
	if (c == '"' || c == '\'') {
		s->t.kind = TOKEN_STRING;
		len = string_len(s->rest);
	} else if (c == '+' || strchr("={}(),", c) != NULL) {
		s->t.kind = TOKEN_SIGN;
		len = c == '+' ? 2 : 1;
	} else {
		s->t.kind = TOKEN_WORD;
		len = word_len(s->rest);
	}
	s->t.s = span_make(s->rest.p, len < s->rest.len ? len : s->rest.len);
	step(s, len);
}

static bool is_sign(const struct syntax *s, char c)
{
	return s->t.kind == TOKEN_SIGN && s->t.s.p[0] == c;
}

static bool is_text(const struct syntax *s)
{
	return s->t.kind == TOKEN_WORD || s->t.kind == TOKEN_STRING;
}

/* --- errors --------------------------------------------------------------------------- */

static int fail(struct syntax *s, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int fail(struct syntax *s, unsigned line, const char *fmt, ...)
{
	char *what;
	va_list ap;

	va_start(ap, fmt);
	what = mem_vsprintf(fmt, ap);
	va_end(ap);
	err_set(s->err, "%s:%u: %s", s->name, line, what);
	free(what);
	return -1;
}

/* What stands between the name of a section and its {. */
static const char *section_form(const struct conf_section *section)
{
	return section->titled ? " \"NAME\"" : "";
}

static bool may_be_shown(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz_-", s.p[i]) == NULL)
			return false;
	return s.len > 0 && s.len <= 32;
}

static void list_names(const struct conf_section *section, struct buf *out)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < section->n_options; i++)
		rc = buf_appendf(out, "%s%s", i > 0 ? ", " : "", section->options[i].key);
	if (section->name[0] != '\0')
		return;
	for (size_t i = 0; rc == 0 && i < conf_n_sections; i++)
		if (conf_sections[i].name[0] != '\0')
			rc = buf_appendf(out, ", %s", conf_sections[i].name);
}

/* The option or section that was meant, perhaps; NULL. */
static const char *nearest(const struct conf_section *section, const char *name)
{
	const char *best = NULL;
	size_t distance = strlen(name) / 2 + 1;

	for (size_t i = 0; i < section->n_options; i++)
		str_nearer(name, section->options[i].key, &distance, &best);
	for (size_t i = 0; section->name[0] == '\0' && i < conf_n_sections; i++)
		if (conf_sections[i].name[0] != '\0')
			str_nearer(name, conf_sections[i].name, &distance, &best);
	return best;
}

/* Another section that has an option of this name; NULL. */
static const struct conf_section *home_of(const char *name)
{
	for (size_t i = 0; i < conf_n_sections; i++)
		if (conf_option_find(&conf_sections[i], name) != NULL)
			return &conf_sections[i];
	return NULL;
}

/* A name that the section does not have; NULL: one that may not be shown. */
static int fail_unknown(
	struct syntax *s, const struct conf_section *section, const char *name)
{
	const char *in = section->name[0] != '\0' ? " in " : "";
	const struct conf_section *home = name != NULL ? home_of(name) : NULL;
	const char *best = name != NULL ? nearest(section, name) : NULL;
	struct buf names;
	int rc;

	if (best == NULL && home != NULL && home->name[0] == '\0')
		return fail(s, s->t.line,
			"no option %s in %s; it belongs outside of all sections", name,
			section->name);
	if (best == NULL && home != NULL)
		return fail(s, s->t.line,
			"no option %s%s%s; it belongs in a section, write: %s%s { %s = "
			"VALUE }",
			name, in, section->name, home->name, section_form(home), name);
	buf_init(&names, sizeof(s->err->text), NULL);
	list_names(section, &names);
	rc = fail(s, s->t.line, "no option %s%s%s; %s%s%sthere are %s",
		name != NULL ? name : "of this name", in, section->name,
		best != NULL ? "did you mean " : "", best != NULL ? best : "",
		best != NULL ? "? " : "", names.data);
	buf_free(&names);
	return rc;
}

/* "port: 2525" of YAML, ""port": 2525" of JSON. */
static int fail_colon(struct syntax *s, const struct conf_section *section,
	const char *name, unsigned line)
{
	static const char why[] = "is YAML or JSON, which this file is not";
	const struct conf_section *sub =
		section->name[0] == '\0' ? conf_section_find(name) : NULL;
	const struct conf_section *home = home_of(name);

	if (sub != NULL)
		return fail(s, line, "\"%s:\" %s; write: %s%s { option = value }", name,
			why, name, section_form(sub));
	if (conf_option_find(section, name) == NULL && home->name[0] != '\0')
		return fail(s, line, "\"%s:\" %s; write: %s%s { %s = VALUE }", name, why,
			home->name, section_form(home), name);
	return fail(s, line, "\"%s:\" %s; write: %s = VALUE", name, why, name);
}

/* What stands where a name should: neither an option nor a section. */
static int fail_name(struct syntax *s, const struct conf_section *section)
{
	static const struct {
		const char *word, *advice;
	} formats[] = {
		{"-", "YAML lists are not known here; write: section \"NAME\" { ... }"},
		{"---", "this file is not YAML; remove it"},
		{"[", "this is no INI file or list; write: section \"NAME\" { ... }"},
		{"{", "it opens nothing (the file is no JSON); write: section { option = "
		      "value }"},
		{"}", "it closes nothing; remove it, or open a section before it"},
		{"<", "this file is not XML; write: section \"NAME\" { ... }"},
		{"=", "no option stands before it; write: option = value"},
		{"+=", "no option stands before it; write: option += {'value'}"},
		{",", "options are not separated by commas; remove it"},
		{"(", "it has no meaning here; remove it"},
		{")", "it has no meaning here; remove it"},
	};
	struct span t = s->t.s;
	const char *colon = memchr(t.p, ':', t.len);
	char *name;
	int rc;

	if (s->done != NULL && s->t.line == s->done_line && is_text(s))
		return fail(s, s->t.line,
			"more than one value for %s; put a value with spaces in quotes, "
			"or begin a new line",
			s->done->key);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		const char *word = formats[i].word;
		bool opens = word[0] == '[' || word[0] == '<';

		if (t.p[0] == word[0] &&
			(opens ||
				(t.len == strlen(word) && memcmp(t.p, word, t.len) == 0)))
			return fail(s, s->t.line, "unexpected \"%s\": %s", word,
				formats[i].advice);
	}
	name = mem_strndup(t.p, colon != NULL ? (size_t)(colon - t.p) : t.len);
	if (!may_be_shown(span_of(name)))
		rc = fail_unknown(s, section, NULL);
	else if (colon != NULL &&
		 (home_of(name) != NULL || conf_section_find(name) != NULL))
		rc = fail_colon(s, section, name, s->t.line);
	else
		rc = fail_unknown(s, section, name);
	free(name);
	return rc;
}

/* --- options -------------------------------------------------------------------------- */

static bool begins_option(const struct syntax *s, const struct conf_section *section);

static int fail_equal(struct syntax *s, const struct conf_section *section,
	const struct conf_option *o, unsigned line)
{
	bool colon = s->t.kind == TOKEN_WORD && s->t.s.p[0] == ':';

	if (colon && s->rest.len > 0 && s->rest.p[0] == '=')
		return fail(s, line, "unexpected \":=\" after %s; write: %s = VALUE",
			o->key, o->key);
	if (colon && s->t.line == line)
		return fail_colon(s, section, o->key, line);
	return fail(s, line, "missing equal sign after option '%s'; write: %s = VALUE",
		o->key, o->key);
}

/* The sign between name and value. */
static int take_equal(struct syntax *s, const struct conf_section *section,
	const struct conf_option *o, unsigned line)
{
	bool appends = is_sign(s, '+');

	if (appends && o->type != CONF_TYPE_LIST)
		return fail(s, line,
			"attempt to append to non-list option '%s'; write = in place "
			"of +=",
			o->key);
	if (!appends && !is_sign(s, '='))
		return fail_equal(s, section, o, line);
	next(s);
	return 0;
}

static int fail_in_list(struct syntax *s, const struct conf_section *section,
	const struct conf_option *o, unsigned line)
{
	if (is_text(s) && !begins_option(s, section))
		return fail(s, s->t.line,
			"no comma between two values of %s; write: %s = {'a', 'b'}",
			o->key, o->key);
	return fail(s, line, "the list of %s never ends; close it with }", o->key);
}

/* From its { to its }. A comma may stand after the last value. */
static int take_list(struct syntax *s, const struct conf_section *section,
	const struct conf_option *o, unsigned line)
{
	next(s);
	while (is_text(s) && !begins_option(s, section)) {
		next(s);
		if (is_sign(s, '}'))
			break;
		if (!is_sign(s, ','))
			return fail_in_list(s, section, o, line);
		next(s);
	}
	if (!is_sign(s, '}'))
		return fail_in_list(s, section, o, line);
	return 0;
}

/* Where a value should stand. */
static int fail_value(struct syntax *s, const struct conf_option *o, unsigned line)
{
	bool list = o->type == CONF_TYPE_LIST;

	if (is_sign(s, '{'))
		return fail(s, line,
			"%s has one value, not a list; write: %s = VALUE, without "
			"braces",
			o->key, o->key);
	if (s->t.kind == TOKEN_SIGN && s->t.line == line && !is_sign(s, '}'))
		return fail(s, line, "unexpected \"%.*s\" after %s; write: %s = %s",
			(int)s->t.s.len, s->t.s.p, o->key, o->key,
			list ? "{'a', 'b'}" : "VALUE");
	return fail(s, line, "%s has no value; write: %s = %s, or remove it", o->key,
		o->key, list ? "{'a', 'b'}" : "VALUE");
}

static int take_value(struct syntax *s, const struct conf_section *section,
	const struct conf_option *o, unsigned line)
{
	bool list = o->type == CONF_TYPE_LIST;

	if (list && s->t.kind == TOKEN_WORD && s->t.s.len == 1 && s->t.s.p[0] == '[')
		return fail(s, line, "unexpected \"[\"; write: %s = {'a', 'b'}", o->key);
	if (is_sign(s, '{') && list) {
		if (take_list(s, section, o, line) < 0)
			return -1;
	} else if (!is_text(s) || (s->t.line > line && begins_option(s, section))) {
		return fail_value(s, o, line);
	}
	s->done = o;
	s->done_line = s->line;
	next(s);
	if (!is_sign(s, ','))
		return 0;
	return fail(s, s->t.line, "a comma after the value of %s; %s%s%s", o->key,
		list ? "write: " : "remove it", list ? o->key : "",
		list ? " = {'a', 'b'}" : "");
}

/* --- sections ------------------------------------------------------------------------- */

static char *name_of(const struct token *t)
{
	return t->kind == TOKEN_STRING ? mem_strndup(t->s.p + 1, t->s.len - 2)
	                               : mem_strndup(t->s.p, t->s.len);
}

static const struct conf_option *option_of(
	const struct token *t, const struct conf_section *section)
{
	char *name = name_of(t);
	const struct conf_option *o = conf_option_find(section, name);

	free(name);
	return o;
}

static const struct conf_section *section_of(const struct token *t)
{
	char *name = name_of(t);
	const struct conf_section *section =
		name[0] != '\0' ? conf_section_find(name) : NULL;

	free(name);
	return section;
}

/* Whether a word is an option with its "=", not a value that reads like one. */
static bool begins_option(const struct syntax *s, const struct conf_section *section)
{
	struct syntax ahead = *s;

	if (!is_text(s) || option_of(&s->t, section) == NULL)
		return false;
	next(&ahead);
	return is_sign(&ahead, '=') || is_sign(&ahead, '+');
}

static int take_option(struct syntax *s, const struct conf_section *section)
{
	const struct conf_option *o = option_of(&s->t, section);
	unsigned line = s->t.line;

	next(s);
	if (take_equal(s, section, o, line) < 0)
		return -1;
	return take_value(s, section, o, line);
}

/* The title and the {. */
static int take_head(struct syntax *s, const struct conf_section *section, unsigned line)
{
	const char *name = section->name, *form = section_form(section);

	if (s->t.kind == TOKEN_WORD && s->t.s.p[0] == ':')
		return fail_colon(s, conf_section_find(""), name, line);
	if (is_sign(s, '='))
		return fail(s, line, "%s is a section; write: %s%s { option = value }",
			name, name, form);
	if (section->titled && !is_text(s))
		return fail(s, line,
			"missing title for section '%s'; write a name in quotes between "
			"it and the {",
			name);
	if (section->titled)
		next(s);
	else if (is_text(s))
		return fail(s, line, "%s has no name; write: %s { option = value }", name,
			name);
	if (is_sign(s, '{')) {
		next(s);
		return 0;
	}
	return fail(s, line,
		"missing opening brace for section '%s'; write: %s%s { option = value }",
		name, name, form);
}

static int take_section(struct syntax *s)
{
	const struct conf_section *section = section_of(&s->t);
	unsigned line = s->t.line;

	next(s);
	if (take_head(s, section, line) < 0)
		return -1;
	s->done = NULL;
	while (is_text(s) && option_of(&s->t, section) != NULL)
		if (take_option(s, section) < 0)
			return -1;
	if (s->t.kind == TOKEN_END)
		return fail(s, line,
			"the section %s that begins here never ends; close "
			"it with }",
			section->name);
	if (is_text(s) && section_of(&s->t) != NULL)
		return fail(s, s->t.line,
			"%s within the %s of line %u; close that one with } first",
			section_of(&s->t)->name, section->name, line);
	if (!is_sign(s, '}'))
		return fail_name(s, section);
	s->done = NULL;
	next(s);
	return 0;
}

int conf_syntax(const char *text, size_t len, const char *name, struct err *err)
{
	struct syntax s = {
		.rest = span_make(text, len), .line = 1, .name = name, .err = err};
	const struct conf_section *top = conf_section_find("");
	int rc = 0;

	next(&s);
	while (rc == 0 && s.t.kind != TOKEN_END) {
		if (is_text(&s) && option_of(&s.t, top) != NULL)
			rc = take_option(&s, top);
		else if (is_text(&s) && section_of(&s.t) != NULL)
			rc = take_section(&s);
		else
			rc = fail_name(&s, top);
	}
	return rc;
}
