/* SPDX-License-Identifier: MIT */
/*
 * The grammar of a configuration file: sections with options, put into a struct conf. Most
 * mistakes are another format (YAML, JSON, INI), so errors name the word that is wrong and
 * what would be right.
 *
 * An unquoted secret may fall apart into words, so a word is shown only if it can be no
 * part of one: signs, names of options, and short words of small letters.
 */
#include "config/conf_private.h"

#include "core/mem.h"
#include "core/secret.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct parser {
	struct conf_tokens in;
	struct conf_token t; /* the one that is looked at */
	/* The last option that got a value, and the line where that ended; NULL: none. */
	const struct conf_option *done;
	unsigned done_line;
	struct conf_at at; /* the section that is being filled */
	struct buf value;  /* wiped after each value: any of them may be a secret */
};

static void next(struct parser *p)
{
	p->t = conf_token_next(&p->in);
}

static bool is_sign(const struct parser *p, char c)
{
	return p->t.kind == CONF_TOKEN_SIGN && p->t.s.p[0] == c;
}

static bool is_text(const struct parser *p)
{
	return p->t.kind == CONF_TOKEN_WORD || p->t.kind == CONF_TOKEN_STRING;
}

/* --- errors --------------------------------------------------------------------------- */

static int fail(struct parser *p, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int fail(struct parser *p, unsigned line, const char *fmt, ...)
{
	char *what;
	va_list ap;

	if (p->t.kind == CONF_TOKEN_BAD)
		return -1; /* and the error says why */
	va_start(ap, fmt);
	what = mem_vsprintf(fmt, ap);
	va_end(ap);
	err_set(p->in.err, "%s:%u: %s", p->in.name, line, what);
	free(what);
	return -1;
}

/* What stands between the name of a section and its {. */
static const char *section_form(const struct conf_section *section)
{
	return section->titled ? " \"NAME\"" : "";
}

static bool is_top(const struct conf_section *section)
{
	return section->name[0] == '\0';
}

static bool may_be_shown(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz_-", s.p[i]) == NULL)
			return false;
	return s.len > 0 && s.len <= 32;
}

/* The names that may stand in a section: of its options, and at the top of the sections.
 * NULL past the last. */
static const char *name_at(const struct conf_section *section, size_t i)
{
	if (i < section->n_options)
		return section->options[i].key;
	i = i - section->n_options + 1; /* conf_sections[0] is the top itself */
	return is_top(section) && i < conf_n_sections ? conf_sections[i].name : NULL;
}

/* Another section that has an option of this name; NULL. */
static const struct conf_section *home_of(const char *name)
{
	for (size_t i = 0; i < conf_n_sections; i++)
		if (conf_options_find(&conf_sections[i], span_of(name)) != NULL)
			return &conf_sections[i];
	return NULL;
}

static int fail_elsewhere(
	struct parser *p, const struct conf_section *home, const char *name)
{
	const struct conf_section *section = p->at.section;

	if (is_top(home))
		return fail(p, p->t.line,
			"no option %s in %s; it belongs outside of all sections", name,
			section->name);
	return fail(p, p->t.line,
		"no option %s%s%s; it belongs in a section, write: %s%s { %s = VALUE }",
		name, is_top(section) ? "" : " in ", section->name, home->name,
		section_form(home), name);
}

/* A name that the section does not have; "": one that may not be shown. */
static int fail_unknown(struct parser *p, const char *name)
{
	const struct conf_section *section = p->at.section, *home = home_of(name);
	size_t distance = strlen(name) / 2 + 1;
	const char *best = NULL;
	struct buf names;
	int rc = 0;

	buf_init(&names, sizeof(p->in.err->text), NULL);
	for (size_t i = 0; name_at(section, i) != NULL; i++) {
		if (name[0] != '\0')
			str_nearer(name, name_at(section, i), &distance, &best);
		if (rc == 0)
			rc = buf_appendf(
				&names, "%s%s", i > 0 ? ", " : "", name_at(section, i));
	}
	if (best == NULL && home != NULL)
		rc = fail_elsewhere(p, home, name);
	else
		rc = fail(p, p->t.line, "no option %s%s%s; %s%s%sthere are %s",
			name[0] != '\0' ? name : "of this name",
			is_top(section) ? "" : " in ", section->name,
			best != NULL ? "did you mean " : "", best != NULL ? best : "",
			best != NULL ? "? " : "", names.data);
	buf_free(&names);
	return rc;
}

/* "port: 2525" of YAML, ""port": 2525" of JSON. */
static int fail_colon(struct parser *p, const char *name, unsigned line)
{
	static const char why[] = "is YAML or JSON, which this file is not";
	const struct conf_section *sub = conf_options_section(span_of(name));
	const struct conf_section *home = home_of(name);
	bool here = conf_options_find(p->at.section, span_of(name)) != NULL;

	if (!here && sub != NULL)
		return fail(p, line, "\"%s:\" %s; write: %s%s { option = value }", name,
			why, name, section_form(sub));
	if (!here && !is_top(home))
		return fail(p, line, "\"%s:\" %s; write: %s%s { %s = VALUE }", name, why,
			home->name, section_form(home), name);
	return fail(p, line, "\"%s:\" %s; write: %s = VALUE", name, why, name);
}

/* A word of another format, or a sign where a name should be. */
static int fail_format(struct parser *p)
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
	struct span t = p->t.s;

	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		const char *word = formats[i].word;
		bool opens = word[0] == '[' || word[0] == '<';

		if (span_ieq_str(opens ? span_make(t.p, t.len > 0) : t, word))
			return fail(p, p->t.line, "unexpected \"%s\": %s", word,
				formats[i].advice);
	}
	return 0;
}

/* What stands where a name should: neither an option nor a section. */
static int fail_name(struct parser *p)
{
	struct span t = p->t.s;
	const char *colon = memchr(t.p, ':', t.len);
	char *name;
	int rc;

	if (p->done != NULL && p->t.line == p->done_line && is_text(p))
		return fail(p, p->t.line,
			"more than one value for %s; put a value with spaces in quotes, "
			"or begin a new line",
			p->done->key);
	if (p->t.kind == CONF_TOKEN_BAD || fail_format(p) < 0)
		return -1;
	name = mem_strndup(t.p, colon != NULL ? (size_t)(colon - t.p) : t.len);
	if (!may_be_shown(span_of(name)))
		rc = fail_unknown(p, "");
	else if (colon != NULL &&
		 (home_of(name) != NULL || conf_options_section(span_of(name)) != NULL))
		rc = fail_colon(p, name, p->t.line);
	else
		rc = fail_unknown(p, name);
	free(name);
	return rc;
}

/* --- options -------------------------------------------------------------------------- */

/* A name may be quoted, too. */
static struct span name_of(const struct conf_token *t)
{
	return t->kind == CONF_TOKEN_STRING ? span_make(t->s.p + 1, t->s.len - 2) : t->s;
}

/* The option, or the section, that the token names; NULL. */
static const struct conf_option *option_here(const struct parser *p)
{
	return is_text(p) ? conf_options_find(p->at.section, name_of(&p->t)) : NULL;
}

static const struct conf_section *section_here(const struct parser *p)
{
	const struct conf_section *section =
		is_text(p) ? conf_options_section(name_of(&p->t)) : NULL;

	return section != NULL && !is_top(section) ? section : NULL;
}

/* Whether a word is an option with its "=", not a value that reads like one. */
static bool begins_option(const struct parser *p)
{
	struct parser ahead = *p;

	if (option_here(p) == NULL)
		return false;
	next(&ahead);
	return is_sign(&ahead, '=') || is_sign(&ahead, '+');
}

/* The value that is looked at; wiped by forget(). NULL: *why says what is wrong. */
static const char *evaluate(struct parser *p, struct err *why)
{
	if (conf_token_value(&p->t, &p->value, why) < 0)
		return NULL;
	if (!span_has_control(span_make(p->value.data, p->value.len)))
		return p->value.data;
	(void)err_set(
		why, "holds a control character (perhaps a line end); write text only");
	return NULL;
}

static void forget(struct parser *p)
{
	secret_wipe(p->value.data, p->value.len);
	buf_clear(&p->value);
}

static int take_value(struct parser *p, const struct conf_option *o)
{
	struct conf_at *at = &p->at;
	struct conf_place *place = conf_place(at->conf, at->section, at->index, o);
	void *base = conf_section_at(at->conf, at->section, at->index);
	const char *text;
	struct err why;
	int rc = 0;

	place->line = p->t.line;
	text = evaluate(p, &why);
	if (text == NULL)
		rc = fail(p, p->t.line, "%s %s", o->key, why.text);
	else if (conf_value_set(base, o, text, at->conf->masked, &why) < 0)
		rc = fail(p, p->t.line, "%s: %s", o->key, why.text);
	else if (o->def == NULL || strcmp(text, o->def) != 0)
		place->differs = true;
	forget(p);
	p->done_line = p->in.line;
	next(p);
	return rc;
}

static int fail_in_list(struct parser *p, const struct conf_option *o, unsigned line)
{
	if (is_text(p) && !begins_option(p))
		return fail(p, p->t.line,
			"no comma between two values of %s; write: %s = {'a', 'b'}",
			o->key, o->key);
	return fail(p, line, "the list of %s never ends; close it with }", o->key);
}

/* From its { to its }. A comma may stand after the last value. */
static int take_list(struct parser *p, const struct conf_option *o, unsigned line)
{
	next(p);
	while (is_text(p) && !begins_option(p)) {
		if (take_value(p, o) < 0)
			return -1;
		if (!is_sign(p, ','))
			break;
		next(p);
	}
	if (!is_sign(p, '}'))
		return fail_in_list(p, o, line);
	p->done_line = p->in.line;
	next(p);
	return 0;
}

/* Where a value should stand. */
static int fail_value(struct parser *p, const struct conf_option *o, unsigned line)
{
	bool list = o->type == CONF_TYPE_LIST;

	if (is_sign(p, '{'))
		return fail(p, line,
			"%s has one value, not a list; write: %s = VALUE, without "
			"braces",
			o->key, o->key);
	if (p->t.kind == CONF_TOKEN_SIGN && p->t.line == line && !is_sign(p, '}'))
		return fail(p, line, "unexpected \"%.*s\" after %s; write: %s = %s",
			(int)p->t.s.len, p->t.s.p, o->key, o->key,
			list ? "{'a', 'b'}" : "VALUE");
	return fail(p, line, "%s has no value; write: %s = %s, or remove it", o->key,
		o->key, list ? "{'a', 'b'}" : "VALUE");
}

static int take_values(struct parser *p, const struct conf_option *o, unsigned line)
{
	bool list = o->type == CONF_TYPE_LIST;
	int rc;

	if (list && p->t.kind == CONF_TOKEN_WORD && span_ieq_str(p->t.s, "["))
		return fail(p, line, "unexpected \"[\"; write: %s = {'a', 'b'}", o->key);
	if (list && is_sign(p, '{'))
		rc = take_list(p, o, line);
	else if (!is_text(p) || (p->t.line > line && begins_option(p)))
		return fail_value(p, o, line);
	else
		rc = take_value(p, o);
	p->done = o;
	if (rc < 0 || !is_sign(p, ','))
		return rc;
	return fail(p, p->t.line, "a comma after the value of %s; %s%s%s", o->key,
		list ? "write: " : "remove it", list ? o->key : "",
		list ? " = {'a', 'b'}" : "");
}

static int fail_equal(struct parser *p, const struct conf_option *o, unsigned line)
{
	bool colon = p->t.kind == CONF_TOKEN_WORD && p->t.s.p[0] == ':';

	if (colon && p->in.rest.len > 0 && p->in.rest.p[0] == '=')
		return fail(p, line, "unexpected \":=\" after %s; write: %s = VALUE",
			o->key, o->key);
	if (colon && p->t.line == line)
		return fail_colon(p, o->key, line);
	return fail(p, line, "missing equal sign after option '%s'; write: %s = VALUE",
		o->key, o->key);
}

static int take_option(struct parser *p)
{
	const struct conf_option *o = option_here(p);
	struct conf_at *at = &p->at;
	struct conf_place *place = conf_place(at->conf, at->section, at->index, o);
	unsigned line = p->t.line;
	bool appends;

	next(p);
	appends = is_sign(p, '+');
	if (appends && o->type != CONF_TYPE_LIST)
		return fail(p, line,
			"attempt to append to non-list option '%s'; write = in place "
			"of +=",
			o->key);
	if (!appends && !is_sign(p, '='))
		return fail_equal(p, o, line);
	if (!appends && place->line != 0)
		return fail(p, line, "%s is set twice; remove one", o->key);
	if (appends && place->line == 0 && conf_set_default(at, o) < 0)
		return -1;
	place->line = line;
	next(p);
	return take_values(p, o, line);
}

/* --- sections ------------------------------------------------------------------------- */

static bool has_title(
	const struct conf *conf, const struct conf_section *section, const char *title)
{
	for (size_t i = 0; i < conf_section_count(conf, section); i++)
		if (strcmp(*conf_section_title(
				   section, conf_section_at(conf, section, i)),
			    title) == 0)
			return true;
	return false;
}

/* Makes the section; the title names it. */
static int take_title(struct parser *p, const struct conf_section *section, unsigned line)
{
	struct err why;
	const char *title = evaluate(p, &why);
	int rc = 0;

	if (title == NULL)
		rc = fail(p, line, "the name of this %s %s", section->name, why.text);
	else if (section->check_title(title, &why) < 0)
		rc = fail(p, line, "%s: %s", section->name, why.text);
	else if (has_title(p->at.conf, section, title))
		rc = fail(p, p->t.line,
			"found duplicate title '%s'; give each section of a kind its own "
			"name",
			title);
	else
		p->at.index = conf_section_add(p->at.conf, section, title);
	forget(p);
	next(p);
	return rc;
}

/* The title and the {. */
static int take_head(struct parser *p, const struct conf_section *section, unsigned line)
{
	const char *name = section->name, *form = section_form(section);

	if (p->t.kind == CONF_TOKEN_WORD && p->t.s.p[0] == ':')
		return fail_colon(p, name, line);
	if (is_sign(p, '='))
		return fail(p, line, "%s is a section; write: %s%s { option = value }",
			name, name, form);
	if (section->titled && !is_text(p))
		return fail(p, line,
			"missing title for section '%s'; write a name in quotes between "
			"it and the {",
			name);
	if (!section->titled && is_text(p))
		return fail(p, line, "%s has no name; write: %s { option = value }", name,
			name);
	p->at = (struct conf_at){p->at.conf, section, 0, p->at.err};
	if (section->titled && take_title(p, section, line) < 0)
		return -1;
	if (is_sign(p, '{')) {
		next(p);
		return 0;
	}
	return fail(p, line,
		"missing opening brace for section '%s'; write: %s%s { option = value }",
		name, name, form);
}

static int take_section(struct parser *p)
{
	const struct conf_section *section = section_here(p), *top = p->at.section;
	struct conf_place *place;
	unsigned line = p->t.line;

	next(p);
	if (take_head(p, section, line) < 0)
		return -1;
	place = conf_place(p->at.conf, section, p->at.index, NULL);
	if (place->line == 0)
		place->line = line;
	p->done = NULL;
	while (option_here(p) != NULL)
		if (take_option(p) < 0)
			return -1;
	if (p->t.kind == CONF_TOKEN_END)
		return fail(p, line,
			"the section %s that begins here never ends; close it with }",
			section->name);
	if (section_here(p) != NULL)
		return fail(p, p->t.line,
			"%s within the %s of line %u; close that one with } first",
			section_here(p)->name, section->name, line);
	if (!is_sign(p, '}'))
		return fail_name(p);
	p->done = NULL;
	p->at = (struct conf_at){p->at.conf, top, 0, p->at.err};
	next(p);
	return 0;
}

static int parse(struct parser *p)
{
	int rc = 0;

	next(p);
	while (rc == 0 && p->t.kind != CONF_TOKEN_END) {
		if (option_here(p) != NULL)
			rc = take_option(p);
		else if (section_here(p) != NULL)
			rc = take_section(p);
		else
			rc = fail_name(p);
	}
	return rc;
}

int conf_parse(struct conf *conf, struct span text, struct err *err)
{
	struct parser p = {.at = {conf, conf_options_section(span_of("")), 0, err}};
	int rc;

	if (conf_token_begin(&p.in, text, conf->file, err) < 0)
		return -1;
	buf_init(&p.value, CONF_FILE_MAX, NULL);
	/* At once, so that growing leaves no copy of a secret. */
	if (buf_reserve(&p.value, CONF_FILE_MAX) < 0)
		return err_errno(err, "%s: cannot read", conf->file);
	rc = parse(&p);
	buf_free(&p.value);
	return rc;
}
