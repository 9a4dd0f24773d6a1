/* SPDX-License-Identifier: MIT */
/* Loading a configuration: read, parse, fill by the tables, check; and freeing it. */
#include "config/conf.h"

#include "config/conf_private.h"
#include "core/mem.h"

#include <errno.h>
#include <stdlib.h>

/* Far more than any configuration needs. */
#define CONF_FILE_MAX ((size_t)1024 * 1024)

/* --- filling ---------------------------------------------------------------------- */

static int check_title(
	const struct conf_section *s, const struct conf_block *block, struct err *err)
{
	struct err why;

	if (s->check_title == NULL || s->check_title(block->title, &why) == 0)
		return 0;
	return conf_fail(err, block, block->line, "%s: %s", s->name, why.text);
}

static int read_block(void *base, const struct conf_block *block, struct err *err)
{
	const struct conf_section *s = block->section;

	if (s->titled) {
		if (check_title(s, block, err) < 0)
			return -1;
		*conf_section_title(s, base) = mem_strdup(block->title);
	}
	for (size_t i = 0; i < s->n_options; i++)
		if (conf_value_read(base, &s->options[i], block, err) < 0)
			return -1;
	return 0;
}

static void make_structs(struct conf *conf, const struct conf_section *s, size_t n)
{
	void **array = (void **)((char *)conf + s->offset);
	size_t *count = (size_t *)((char *)conf + s->count_offset);

	*array = mem_new(n, s->size);
	*count = n;
}

static int read_section(struct conf *conf, const struct conf_section *s,
	const struct conf_file *file, struct err *err)
{
	size_t n = conf_file_count(file, s);

	if (s->titled)
		make_structs(conf, s, n);
	for (size_t i = 0; i < n; i++) {
		struct conf_block block = conf_file_block(file, s, i);

		if (read_block(conf_section_at(conf, s, i), &block, err) < 0)
			return -1;
		conf_places_add(&conf->places, &block, i);
	}
	return 0;
}

static int build(const char *name, const struct conf_file *file, struct conf **out,
	struct err *err)
{
	struct conf *conf = mem_new(1, sizeof(*conf));

	conf->file = mem_strdup(name);
	for (size_t i = 0; i < conf_n_sections; i++)
		if (read_section(conf, &conf_sections[i], file, err) < 0)
			goto fail;
	if (conf_check(conf, file, err) < 0)
		goto fail;
	*out = conf;
	return 0;
fail:
	conf_free(&conf);
	return -1;
}

/* --- reading ---------------------------------------------------------------------- */

static int read_all(FILE *in, const char *name, struct buf *text, struct err *err)
{
	size_t n;

	do {
		if (buf_reserve(text, 4096) < 0)
			return err_set(err,
				"%s: longer than a configuration can be (%zu "
				"bytes)",
				name, text->max - 4096);
		n = fread(text->data + text->len, 1, 4096, in);
		buf_set_len(text, text->len + n);
	} while (n > 0);
	if (ferror(in))
		return err_errno(err, "%s: cannot read", name);
	/* So that there is always something to read, and a last line to count. */
	if (buf_append_byte(text, '\n') < 0)
		return err_errno(err, "%s: cannot read", name);
	return 0;
}

static int load(
	FILE *in, const char *name, bool masked, struct conf **conf, struct err *err)
{
	struct conf_file *file = NULL;
	struct buf text;
	int rc = -1;

	buf_init(&text, CONF_FILE_MAX, NULL);
	/* At once, so that growing leaves no copies of a secret behind. */
	if (buf_reserve(&text, CONF_FILE_MAX) < 0) {
		err_errno(err, "%s: cannot read", name);
		goto out;
	}
	if (read_all(in, name, &text, err) < 0)
		goto out;
	if (conf_file_parse(&text, name, masked, &file, err) < 0)
		goto out;
	rc = build(name, file, conf, err);
out:
	conf_file_free(&file);
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

/* --- the rest --------------------------------------------------------------------- */

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
}

void conf_free(struct conf **conf)
{
	struct conf *c = *conf;

	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_listeners; i++) {
		free(c->listeners[i].allow_nets);
		free(c->listeners[i].proxy_nets);
		free(c->listeners[i].xclient_nets);
	}
	for (size_t i = 0; i < c->n_routes; i++)
		free(c->routes[i].client_nets);
	for (size_t i = 0; i < conf_n_sections; i++)
		free_section(c, &conf_sections[i]);
	conf_places_free(&c->places);
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
