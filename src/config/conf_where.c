/* SPDX-License-Identifier: MIT */
/* Where in the file an option stands, for errors that are found after it was read. */
#include "config/conf_private.h"

#include "core/mem.h"

#include <stdlib.h>

struct place {
	const char *section, *key; /* of the tables; key NULL: the section itself */
	size_t index;
	unsigned line;
};

struct conf_places {
	struct place *list;
	size_t n, cap;
};

static void add(struct conf_places *p, struct place place)
{
	mem_grow(&p->list, &p->cap, p->n + 1, sizeof(*p->list));
	p->list[p->n++] = place;
}

void conf_places_add(
	struct conf_places **places, const struct conf_block *block, size_t index)
{
	const struct conf_section *s = block->section;

	if (*places == NULL)
		*places = mem_new(1, sizeof(**places));
	add(*places, (struct place){s->name, NULL, index, block->line});
	for (size_t i = 0; i < s->n_options; i++) {
		const char *key = s->options[i].key;

		if (conf_block_given(block, key))
			add(*places, (struct place){s->name, key, index,
					     conf_block_line(block, key)});
	}
}

void conf_places_free(struct conf_places **places)
{
	if (*places != NULL)
		free((*places)->list);
	free(*places);
	*places = NULL;
}

unsigned conf_line(
	const struct conf *conf, const char *section, size_t index, const char *key)
{
	const struct conf_places *p = conf->places;
	unsigned line = 0;

	for (size_t i = 0; p != NULL && i < p->n; i++) {
		const struct place *place = &p->list[i];

		if (place->index != index || strcmp(place->section, section) != 0)
			continue;
		if (place->key == NULL)
			line = place->line;
		else if (key != NULL && strcmp(place->key, key) == 0)
			return place->line;
	}
	return line;
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
