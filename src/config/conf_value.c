/* SPDX-License-Identifier: MIT */
/* The value of one option: from text into its field, back to text, and freed. */
#include "config/conf_private.h"

#include "core/mem.h"
#include "core/secret.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static void *field_of(const void *base, const struct conf_option *o)
{
	return (char *)base + o->offset;
}

/* --- numbers, sizes ("8M"), durations ("50s") ------------------------------------- */

/* Largest unit first; the last is the one that a value can always be written in. */
static const struct kind {
	const char *what; /* is not ...; write ... */
	struct unit {
		const char *name; /* as printed; read in any case; NULL past the last */
		uint64_t factor;
	} units[5];
} kinds[] = {
	[CONF_TYPE_UNSIGNED] = {"a number; write decimal digits only", {{"", 1}}},
	[CONF_TYPE_SIZE] = {"a size; write a number of bytes, or with k, M or G: 8M",
		{{"G", 1 << 30}, {"M", 1 << 20}, {"k", 1 << 10}, {"", 1}}},
	[CONF_TYPE_DURATION] = {"a duration; write a number with ms, s, m or h: 50s",
		{{"h", 60 * 60 * 1000}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1}}},
};

int conf_value_parse_number(
	enum conf_type type, const char *text, uint64_t *value, struct err *why)
{
	const struct unit *unit = kinds[type].units;
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	while (unit->name != NULL && !str_ieq(end, unit->name))
		unit++;
	if (!ascii_isdigit(text[0]) || errno != 0 || unit->name == NULL)
		return err_set(why, "\"%s\" is not %s", text, kinds[type].what);
	if (*value > UINT64_MAX / unit->factor)
		return err_set(why, "\"%s\" is too much; write less", text);
	*value *= unit->factor;
	return 0;
}

void conf_value_format_number(
	enum conf_type type, uint64_t value, char text[CONF_VALUE_NUMBER_LEN])
{
	const struct unit *unit = kinds[type].units;

	while (value % unit->factor != 0)
		unit++;
	snprintf(text, CONF_VALUE_NUMBER_LEN, "%" PRIu64 "%s", value / unit->factor,
		unit->name);
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
	char least[CONF_VALUE_NUMBER_LEN], most[CONF_VALUE_NUMBER_LEN];
	uint64_t value;

	if (conf_value_parse_number(o->type, text, &value, why) < 0)
		return -1;
	if (value < o->min || value > o->max) {
		conf_value_format_number(o->type, o->min, least);
		conf_value_format_number(o->type, o->max, most);
		return err_set(
			why, "%s is out of range; write %s to %s", text, least, most);
	}
	store_number(field, o->size, value);
	return 0;
}

static int read_bool(void *field, const char *text, struct err *why)
{
	static const char *const words[][2] = {
		{"false", "true"}, {"no", "yes"}, {"off", "on"}};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (size_t k = 0; k < 2; k++)
			if (str_ieq(text, words[i][k])) {
				*(bool *)field = k == 1;
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

static bool is_credential(const struct conf_option *o)
{
	return o->type == CONF_TYPE_SECRET || o->masked;
}

/* A mask stands for a secret that the reader of the print is not to know. */
static int read_mask(
	void *field, const struct conf_option *o, bool masked, struct err *why)
{
	if (!masked)
		return err_set(why,
			"%s is the mask of a printed configuration; write the value "
			"itself",
			CONF_MASK);
	if (o->type == CONF_TYPE_STRING)
		*(char **)field = mem_strdup(CONF_MASK);
	return 0;
}

static int add_item(struct conf_list *list, const struct conf_option *o, struct span item,
	struct err *why)
{
	char *text = mem_strndup(item.p, item.len);
	size_t cap = list->n, nets = list->n;

	if (o->networks)
		mem_grow(&list->nets, &nets, list->n + 1, sizeof(*list->nets));
	if (check(o, text, why) < 0 ||
		(o->networks && ip_parse(text, &list->nets[list->n], why) < 0)) {
		free(text);
		return -1;
	}
	mem_grow(&list->items, &cap, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = text;
	return 0;
}

/* Splits at commas and spaces; a value holds no other white space. */
static int add_words(struct conf_list *list, const struct conf_option *o,
	const char *text, struct err *why)
{
	static const char between[] = ", ";

	for (;;) {
		size_t n;

		text += strspn(text, between);
		n = strcspn(text, between);
		if (n == 0)
			return 0;
		if (add_item(list, o, span_make(text, n), why) < 0)
			return -1;
		text += n;
	}
}

static int read_number_or_word(
	void *field, const struct conf_option *o, const char *text, struct err *why)
{
	if (text[0] == '\0')
		return err_set(why,
			"no value; write one, or remove the line for \"%s\" (a variable "
			"may be set but empty)",
			o->def != NULL ? o->def : "none");
	if (o->type == CONF_TYPE_BOOL)
		return read_bool(field, text, why);
	if (o->type == CONF_TYPE_ENUM)
		return read_enum(field, o, text, why);
	return read_number(field, o, text, why);
}

int conf_value_set(void *base, const struct conf_option *o, const char *text, bool masked,
	struct err *why)
{
	void *field = field_of(base, o);

	if (is_credential(o) && strcmp(text, CONF_MASK) == 0)
		return read_mask(field, o, masked, why);
	if (o->type == CONF_TYPE_LIST && o->words)
		return add_words(field, o, text, why);
	if (o->type == CONF_TYPE_LIST)
		return add_item(field, o, span_of(text), why);
	if (o->type != CONF_TYPE_STRING && o->type != CONF_TYPE_SECRET)
		return read_number_or_word(field, o, text, why);
	if (check(o, text, why) < 0)
		return -1;
	if (o->type == CONF_TYPE_STRING)
		*(char **)field = mem_strdup(text);
	else if (text[0] != '\0')
		*(struct secret **)field = secret_new(text, strlen(text));
	return 0;
}

/* --- printing --------------------------------------------------------------------- */

int conf_value_quote(const char *text, struct buf *out)
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
			conf_value_quote(list->items[i], out) < 0)
			return -1;
	return buf_append_byte(out, '}');
}

static int print_string(const char *text, const struct conf_option *o, struct buf *out)
{
	bool hide = is_credential(o) && text[0] != '\0';

	return conf_value_quote(hide ? CONF_MASK : text, out);
}

int conf_value_print(const void *base, const struct conf_option *option, struct buf *out)
{
	const void *field = field_of(base, option);
	char number[CONF_VALUE_NUMBER_LEN];

	switch (option->type) {
	case CONF_TYPE_STRING: return print_string(*(char *const *)field, option, out);
	case CONF_TYPE_LIST: return print_list(field, out);
	case CONF_TYPE_SECRET: return conf_value_quote(CONF_MASK, out);
	case CONF_TYPE_BOOL:
		return buf_append_str(out, *(const bool *)field ? "true" : "false");
	case CONF_TYPE_ENUM:
		return conf_value_quote(
			option->names[load_number(field, option->size)], out);
	case CONF_TYPE_UNSIGNED:
	case CONF_TYPE_SIZE:
	case CONF_TYPE_DURATION: break;
	}
	conf_value_format_number(option->type, load_number(field, option->size), number);
	return buf_append_str(out, number);
}

int conf_value_print_type(const struct conf_option *option, struct buf *out)
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

void conf_value_free(void *base, const struct conf_option *option)
{
	void *field = field_of(base, option);
	struct conf_list *list = field;
	char *text;

	switch (option->type) {
	case CONF_TYPE_STRING:
		text = *(char **)field;
		if (text != NULL && is_credential(option))
			secret_wipe(text, strlen(text));
		free(text);
		break;
	case CONF_TYPE_LIST:
		for (size_t i = 0; i < list->n; i++)
			free(list->items[i]);
		free(list->items);
		free(list->nets);
		break;
	case CONF_TYPE_SECRET: secret_free(field); break;
	default: break;
	}
}
