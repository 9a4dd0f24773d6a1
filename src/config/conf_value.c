/* SPDX-License-Identifier: MIT */
/* The value of one option: from text into its field, back to text, and freed. */
#include "config/conf_private.h"

#include "core/mem.h"
#include "core/secret.h"

#include <stdlib.h>

/* One option of one section being read, for errors. */
struct reading {
	const struct conf_option *option;
	const struct conf_block *block;
	struct err *err;
};

static void *field_of(const void *base, const struct conf_option *o)
{
	return (char *)base + o->offset;
}

static int fail(const struct reading *r, unsigned line, const struct err *why)
{
	return conf_fail(r->err, r->block, line, "%s: %s", r->option->key, why->text);
}

/* --- reading ---------------------------------------------------------------------- */

static void store_number(void *field, size_t size, uint64_t value)
{
	unsigned narrow = (unsigned)value;

	if (size == sizeof(narrow))
		memcpy(field, &narrow, size);
	else
		memcpy(field, &value, sizeof(value));
}

static uint64_t load_number(const void *field, size_t size)
{
	unsigned narrow;
	uint64_t value;

	if (size == sizeof(narrow)) {
		memcpy(&narrow, field, size);
		return narrow;
	}
	memcpy(&value, field, sizeof(value));
	return value;
}

static int read_number(
	void *field, const struct conf_option *o, const char *text, struct err *why)
{
	char least[CONF_NUMBER_LEN], most[CONF_NUMBER_LEN];
	uint64_t value;

	if (conf_number_parse(o->type, text, &value, why) < 0)
		return -1;
	if (o->max > 0 && (value < o->min || value > o->max)) {
		conf_number_format(o->type, o->min, least);
		conf_number_format(o->type, o->max, most);
		return err_set(
			why, "%s is out of range; write %s to %s", text, least, most);
	}
	store_number(field, o->size, value);
	return 0;
}

static int read_bool(void *field, const char *text, struct err *why)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"true", true}, {"false", false}, {"yes", true}, {"no", false},
		{"on", true}, {"off", false}};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_ieq(text, words[i].word)) {
			*(bool *)field = words[i].value;
			return 0;
		}
	return err_set(why, "\"%s\" is neither; write true or false", text);
}

static bool name_allowed(const struct conf_option *o, unsigned value)
{
	return o->allowed == 0 || (o->allowed & 1u << value) != 0;
}

/* "attach|drop|refuse" with another text between them. */
static int print_names(const struct conf_option *o, const char *between, struct buf *out)
{
	bool first = true;

	for (unsigned i = 0; o->names[i] != NULL; i++) {
		if (!name_allowed(o, i))
			continue;
		if (buf_appendf(out, "%s%s", first ? "" : between, o->names[i]) < 0)
			return -1;
		first = false;
	}
	return 0;
}

static int read_enum(
	void *field, const struct conf_option *o, const char *text, struct err *why)
{
	struct buf names;

	for (unsigned i = 0; o->names[i] != NULL; i++)
		if (str_ieq(text, o->names[i]) && name_allowed(o, i)) {
			store_number(field, o->size, i);
			return 0;
		}
	buf_init(&names, sizeof(why->text), NULL);
	if (print_names(o, ", ", &names) < 0)
		abort();
	err_set(why, "\"%s\" is not known; write one of %s", text, names.data);
	buf_free(&names);
	return -1;
}

static int check(const struct conf_option *o, const char *text, struct err *why)
{
	return o->check != NULL && text[0] != '\0' ? o->check(text, why) : 0;
}

static int read_string(
	void *field, const struct conf_option *o, const char *text, struct err *why)
{
	if (check(o, text, why) < 0)
		return -1;
	*(char **)field = mem_strdup(text);
	return 0;
}

static int read_secret(
	void *field, const struct conf_option *o, const char *text, struct err *why)
{
	if (check(o, text, why) < 0)
		return -1;
	if (text[0] != '\0')
		*(struct secret **)field = secret_new(text, strlen(text));
	return 0;
}

static bool is_credential(const struct conf_option *o)
{
	return o->type == CONF_TYPE_SECRET || (o->flags & CONF_FLAG_MASKED) != 0;
}

/* A mask stands for a secret that the reader of the print is not to know. */
static int read_mask(void *field, const struct conf_option *o, const struct reading *r,
	struct err *why)
{
	if (!conf_file_masked(r->block->file))
		return err_set(why,
			"%s is the mask of a printed configuration; write "
			"the value itself",
			CONF_MASK);
	if (o->type == CONF_TYPE_STRING)
		*(char **)field = mem_strdup(CONF_MASK);
	return 0;
}

static int read_scalar(
	void *field, const struct reading *r, const char *text, struct err *why)
{
	const struct conf_option *o = r->option;

	if (is_credential(o) && strcmp(text, CONF_MASK) == 0)
		return read_mask(field, o, r, why);
	if (o->type == CONF_TYPE_STRING)
		return read_string(field, o, text, why);
	if (o->type == CONF_TYPE_SECRET)
		return read_secret(field, o, text, why);
	if (text[0] == '\0')
		return err_set(why,
			"no value; write one, or remove the line for \"%s\" "
			"(a variable may be set but empty)",
			o->def != NULL ? o->def : "none");
	if (o->type == CONF_TYPE_BOOL)
		return read_bool(field, text, why);
	if (o->type == CONF_TYPE_ENUM)
		return read_enum(field, o, text, why);
	return read_number(field, o, text, why);
}

static int add_item(struct conf_list *list, size_t *cap, const struct conf_option *o,
	struct span item, struct err *why)
{
	char *text = mem_strndup(item.p, item.len);

	if (check(o, text, why) < 0) {
		free(text);
		return -1;
	}
	mem_grow(&list->items, cap, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = text;
	return 0;
}

static bool ends_word(char c)
{
	return c == ',' || ascii_isspace(c);
}

static int add_words(struct conf_list *list, size_t *cap, const struct conf_option *o,
	const char *text, struct err *why)
{
	const char *p = text;

	while (*p != '\0') {
		size_t n = 0;

		while (p[n] != '\0' && !ends_word(p[n]))
			n++;
		if (n > 0 && add_item(list, cap, o, span_make(p, n), why) < 0)
			return -1;
		p += n;
		while (ends_word(*p))
			p++;
	}
	return 0;
}

static int read_list(struct conf_list *list, const struct reading *r)
{
	const struct conf_option *o = r->option;
	const struct conf_text *text;
	size_t cap = 0;
	struct err why;
	int rc;

	for (size_t i = 0; (text = conf_block_text(r->block, o, i)) != NULL; i++) {
		if ((o->flags & CONF_FLAG_WORDS) != 0)
			rc = add_words(list, &cap, o, text->text, &why);
		else
			rc = add_item(list, &cap, o, span_of(text->text), &why);
		if (rc < 0)
			return fail(r, text->line, &why);
	}
	return 0;
}

int conf_value_read(void *base, const struct conf_option *option,
	const struct conf_block *block, struct err *err)
{
	struct reading r = {.option = option, .block = block, .err = err};
	void *field = field_of(base, option);
	const struct conf_text *text;
	struct err why;

	if (option->type == CONF_TYPE_LIST)
		return read_list(field, &r);
	text = conf_block_text(block, option, 0);
	if (text == NULL && option->def == NULL)
		return conf_fail(err, block, block->line, "%s \"%s\" needs %s; write %s",
			block->section->name, block->title, option->key, option->help);
	if (read_scalar(field, &r, text != NULL ? text->text : option->def, &why) < 0)
		return fail(&r, text != NULL ? text->line : block->line, &why);
	return 0;
}

/* --- printing --------------------------------------------------------------------- */

int conf_quote(const char *text, struct buf *out)
{
	if (buf_append_byte(out, '\'') < 0)
		return -1;
	for (; *text != '\0'; text++) {
		if ((*text == '\'' || *text == '\\') && buf_append_byte(out, '\\') < 0)
			return -1;
		if (buf_append_byte(out, *text) < 0)
			return -1;
	}
	return buf_append_byte(out, '\'');
}

static int print_list(const struct conf_list *list, struct buf *out)
{
	if (buf_append_byte(out, '{') < 0)
		return -1;
	for (size_t i = 0; i < list->n; i++)
		if ((i > 0 && buf_append_str(out, ", ") < 0) ||
			conf_quote(list->items[i], out) < 0)
			return -1;
	return buf_append_byte(out, '}');
}

static int print_string(const char *text, const struct conf_option *o, struct buf *out)
{
	bool hide = is_credential(o) && text[0] != '\0';

	return conf_quote(hide ? CONF_MASK : text, out);
}

int conf_value_print(const void *base, const struct conf_option *option, struct buf *out)
{
	const void *field = field_of(base, option);
	char number[CONF_NUMBER_LEN];

	switch (option->type) {
	case CONF_TYPE_STRING: return print_string(*(char *const *)field, option, out);
	case CONF_TYPE_LIST: return print_list(field, out);
	case CONF_TYPE_SECRET: return conf_quote(CONF_MASK, out);
	case CONF_TYPE_BOOL:
		return buf_append_str(out, *(const bool *)field ? "true" : "false");
	case CONF_TYPE_ENUM:
		return conf_quote(option->names[load_number(field, option->size)], out);
	case CONF_TYPE_UNSIGNED:
	case CONF_TYPE_SIZE:
	case CONF_TYPE_DURATION: break;
	}
	conf_number_format(option->type, load_number(field, option->size), number);
	return buf_append_str(out, number);
}

int conf_type_print(const struct conf_option *option, struct buf *out)
{
	static const char *const names[] = {
		[CONF_TYPE_STRING] = "string",
		[CONF_TYPE_LIST] = "list",
		[CONF_TYPE_UNSIGNED] = "number",
		[CONF_TYPE_SIZE] = "size",
		[CONF_TYPE_DURATION] = "duration",
		[CONF_TYPE_BOOL] = "true|false",
		[CONF_TYPE_SECRET] = "secret",
	};

	if (option->type == CONF_TYPE_ENUM)
		return print_names(option, "|", out);
	return buf_append_str(out, names[option->type]);
}

/* --- freeing ---------------------------------------------------------------------- */

static void free_list(struct conf_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct conf_list){0};
}

static void free_string(char **text, const struct conf_option *o)
{
	if (*text != NULL && is_credential(o))
		secret_wipe(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void conf_value_free(void *base, const struct conf_option *option)
{
	void *field = field_of(base, option);

	if (option->type == CONF_TYPE_STRING)
		free_string(field, option);
	else if (option->type == CONF_TYPE_LIST)
		free_list(field);
	else if (option->type == CONF_TYPE_SECRET)
		secret_free(field);
}
