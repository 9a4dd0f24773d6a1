/* SPDX-License-Identifier: MIT */
/* A configuration as a whole: its sections, the lines of its options, loading, freeing. */
#include "config/conf.h"

#include "config/conf_private.h"
#include "core/mem.h"

#include <stdarg.h>
#include <stdlib.h>

/* --- sections --------------------------------------------------------------------- */

static size_t *count_of(const struct conf *conf, const struct conf_section *s)
{
	return (size_t *)((char *)conf + s->count_offset);
}

void *conf_section_at(const struct conf *conf, const struct conf_section *s, size_t index)
{
	char *field = (char *)conf + s->offset;

	return s->titled ? *(char **)field + index * s->size : field;
}

size_t conf_section_count(const struct conf *conf, const struct conf_section *s)
{
	return s->titled ? *count_of(conf, s) : 1;
}

char **conf_section_title(const struct conf_section *s, void *base)
{
	return (char **)((char *)base + s->title_offset);
}

struct conf_place *conf_place(const struct conf *conf, const struct conf_section *s,
	size_t index, const struct conf_option *o)
{
	struct conf_place *first =
		conf->places[s - conf_sections] + index * (1 + s->n_options);

	return o != NULL ? first + 1 + (o - s->options) : first;
}

/* Room for the places of one more section. */
static void add_places(struct conf *conf, const struct conf_section *s, size_t index)
{
	size_t each = 1 + s->n_options, cap = index * each;

	mem_grow(&conf->places[s - conf_sections], &cap, cap + each,
		sizeof(struct conf_place));
}

size_t conf_section_add(
	struct conf *conf, const struct conf_section *s, const char *title)
{
	size_t index = *count_of(conf, s), cap = index;

	mem_grow((char *)conf + s->offset, &cap, index + 1, s->size);
	++*count_of(conf, s);
	*conf_section_title(s, conf_section_at(conf, s, index)) = mem_strdup(title);
	add_places(conf, s, index);
	return index;
}

/* --- lines ------------------------------------------------------------------------ */

unsigned conf_line(
	const struct conf *conf, const char *section, size_t index, const char *key)
{
	const struct conf_section *s = conf_options_section(span_of(section));
	const struct conf_option *o;
	unsigned line = 0;

	if (conf->places == NULL || index >= conf_section_count(conf, s))
		return 0;
	o = key != NULL ? conf_options_find(s, span_of(key)) : NULL;
	if (o != NULL)
		line = conf_place(conf, s, index, o)->line;
	return line != 0 ? line : conf_place(conf, s, index, NULL)->line;
}

int conf_blame(const struct conf *conf, const char *section, size_t index,
	const char *key, struct err *err)
{
	const struct err why = *err;
	unsigned line = conf_line(conf, section, index, key);

	if (conf->file == NULL)
		return -1;
	if (line == 0)
		return err_set(err, "%s: %s", conf->file, why.text);
	return err_set(err, "%s:%u: %s", conf->file, line, why.text);
}

int conf_fail(const struct conf_at *at, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(at->err->text, sizeof(at->err->text), fmt, ap);
	va_end(ap);
	return conf_blame(at->conf, at->section->name, at->index, key, at->err);
}

bool conf_given(const struct conf_at *at, const char *key)
{
	const struct conf_option *o = conf_options_find(at->section, span_of(key));

	return conf_place(at->conf, at->section, at->index, o)->line != 0;
}

/* --- defaults --------------------------------------------------------------------- */

int conf_set_default(const struct conf_at *at, const struct conf_option *o)
{
	void *base = conf_section_at(at->conf, at->section, at->index);
	struct err why;

	if (o->def == NULL)
		return conf_fail(at, NULL, "%s \"%s\" needs %s; write %s",
			at->section->name, *conf_section_title(at->section, base), o->key,
			o->help);
	if (o->type == CONF_TYPE_LIST && o->def[0] == '\0')
		return 0;
	if (conf_value_set(base, o, o->def, at->conf->masked, &why) < 0)
		return conf_fail(at, NULL, "%s: %s", o->key, why.text);
	return 0;
}

static int set_defaults(struct conf *conf, const struct conf_section *s, struct err *err)
{
	if (s->default_title != NULL && conf_section_count(conf, s) == 0)
		(void)conf_section_add(conf, s, s->default_title);
	for (size_t i = 0; i < conf_section_count(conf, s); i++) {
		struct conf_at at = {conf, s, i, err};

		for (size_t k = 0; k < s->n_options; k++)
			if (!conf_given(&at, s->options[k].key) &&
				conf_set_default(&at, &s->options[k]) < 0)
				return -1;
	}
	return 0;
}

/* --- loading ---------------------------------------------------------------------- */

static int build(struct conf *conf, struct span text, struct err *err)
{
	conf->places = mem_new(conf_n_sections, sizeof(*conf->places));
	for (size_t i = 0; i < conf_n_sections; i++)
		if (!conf_sections[i].titled)
			add_places(conf, &conf_sections[i], 0);
	if (conf_parse(conf, text, err) < 0)
		return -1;
	for (size_t i = 0; i < conf_n_sections; i++)
		if (set_defaults(conf, &conf_sections[i], err) < 0)
			return -1;
	return conf_check(conf, err);
}

static int load(
	FILE *in, const char *name, bool masked, struct conf **conf, struct err *err)
{
	struct conf *c = mem_new(1, sizeof(*c));
	struct buf text;
	int rc = -1;

	c->file = mem_strdup(name);
	c->masked = masked;
	buf_init(&text, CONF_FILE_MAX + 1, NULL);
	if (buf_read(&text, in, name, err) == 0)
		rc = build(c, span_make(text.data, text.len), err);
	if (rc == 0)
		*conf = c;
	else
		conf_free(&c);
	secret_wipe(text.data, text.len);
	buf_free(&text);
	return rc;
}

static int load_file(const char *file, bool masked, struct conf **conf, struct err *err)
{
	FILE *in = fopen(file, "re");
	int rc;

	if (in == NULL)
		return err_errno(err, "%s: cannot open the configuration", file);
	setvbuf(in, NULL, _IONBF, 0);
	rc = load(in, file, masked, conf, err);
	fclose(in);
	return rc;
}

int conf_load(const char *file, struct conf **conf, struct err *err)
{
	return load_file(file, false, conf, err);
}

int conf_load_public(const char *file, struct conf **conf, struct err *err)
{
	return load_file(file, true, conf, err);
}

int conf_load_masked(FILE *in, const char *name, struct conf **conf, struct err *err)
{
	return load(in, name, true, conf, err);
}

/* --- freeing ---------------------------------------------------------------------- */

static void free_section(struct conf *conf, const struct conf_section *s)
{
	for (size_t i = 0; i < conf_section_count(conf, s); i++) {
		void *base = conf_section_at(conf, s, i);

		for (size_t k = 0; k < s->n_options; k++)
			conf_value_free(base, &s->options[k]);
		if (s->titled)
			free(*conf_section_title(s, base));
	}
	if (s->titled)
		free(*(void **)((char *)conf + s->offset));
	if (conf->places != NULL)
		free(conf->places[s - conf_sections]);
}

void conf_free(struct conf **conf)
{
	struct conf *c = *conf;

	if (c == NULL)
		return;
	for (size_t i = 0; i < conf_n_sections; i++)
		free_section(c, &conf_sections[i]);
	free(c->places);
	free(c->file);
	free(c);
	*conf = NULL;
}

const struct conf_account *conf_account(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_accounts; i++)
		if (strcmp(conf->accounts[i].name, name) == 0)
			return &conf->accounts[i];
	return NULL;
}
