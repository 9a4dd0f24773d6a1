/* SPDX-License-Identifier: MIT */
/* The templates that the account has, and their variables. */
#include "sandbox/template.h"

#include "sandbox/json.h"
#include "sandbox/params.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES ((size_t)16 << 20)
#define NAME_MAX_BYTES 128

struct templates {
	json_t *list; /* owned array; NULL: every id exists */
};

static const struct param template_fields[] = {
	{"TemplateID", PARAM_INTEGER, true, NULL},
	{"TemplateName", PARAM_STRING, false, NULL},
	{"TemplateStatus", PARAM_INTEGER, false, NULL},
	{"Html", PARAM_STRING, false, NULL},
	{"Text", PARAM_STRING, false, NULL},
	{0},
};

static int check_list(const json_t *list, const char *file, char **why)
{
	const json_t *t;
	size_t i;

	if (!json_is_array(list)) {
		*why = mem_printf("%s: must be a JSON array of templates", file);
		return -1;
	}
	json_array_foreach (list, i, t) {
		struct api_error err = {0};

		if (!json_is_object(t))
			(void)api_refuse(&err, "", "must be an object");
		else if (params_check(t, template_fields, &err) == 0 &&
			 json_object_get(t, "Html") == NULL &&
			 json_object_get(t, "Text") == NULL)
			(void)api_refuse(&err, "", "needs \"Html\" or \"Text\"");
		if (err.message[0] != '\0') {
			*why = mem_printf("%s: template %zu: %s", file, i, err.message);
			return -1;
		}
	}
	return 0;
}

struct templates *templates_load(const char *file, char **why)
{
	struct templates *t = mem_alloc(sizeof(*t));
	json_error_t at;
	size_t len = 0;
	char *text;

	if (file == NULL)
		return t;
	text = text_read_file(file, FILE_MAX_BYTES, &len);
	if (text == NULL) {
		*why = mem_printf("%s: %s", file, strerror(errno));
		templates_free(&t);
		return NULL;
	}
	t->list = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
	free(text);
	if (t->list == NULL)
		*why = mem_printf("%s:%d: %s", file, at.line, at.text);
	if (t->list == NULL || check_list(t->list, file, why) != 0)
		templates_free(&t);
	return t;
}

void templates_free(struct templates **t)
{
	if (*t != NULL)
		json_decref((*t)->list);
	free(*t);
	*t = NULL;
}

const json_t *templates_list(const struct templates *t)
{
	return t->list;
}

const json_t *templates_find(const struct templates *t, int64_t id)
{
	const json_t *row;
	size_t i;

	json_array_foreach (t->list, i, row) {
		if (json_integer_value(json_object_get(row, "TemplateID")) == id)
			return row;
	}
	return NULL;
}

/* The next {{name}} at or after s: its start, the byte after it, and its trimmed name. */
static const char *next_variable(
	const char *s, const char **end, char name[NAME_MAX_BYTES])
{
	for (; (s = strstr(s, "{{")) != NULL; s += 2) {
		const char *close = strstr(s + 2, "}}"), *from = s + 2;
		size_t len;

		if (close == NULL)
			return NULL;
		from += strspn(from, " ");
		len = (size_t)(close - from);
		while (len > 0 && close > from && from[len - 1] == ' ')
			len--;
		if (len == 0 || len >= NAME_MAX_BYTES || memchr(from, '{', len) != NULL)
			continue;
		memcpy(name, from, len);
		name[len] = '\0';
		*end = close + 2;
		return s;
	}
	return NULL;
}

/* Replaces variables by data; names those that data lacks, and marks the used ones. */
static char *render(const char *source, const json_t *data, json_t *used, char **missing)
{
	char *out = NULL, name[NAME_MAX_BYTES];
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);
	const char *at, *end = source;

	if (f == NULL)
		abort();
	while ((at = next_variable(source, &end, name)) != NULL) {
		const json_t *v = json_object_get(data, name);

		fwrite(source, 1, (size_t)(at - source), f);
		source = end;
		json_object_set_new(used, name, json_true());
		if (v == NULL && *missing == NULL)
			*missing = mem_strdup(name);
		if (json_is_string(v)) {
			fputs(json_string_value(v), f);
		} else if (v != NULL) {
			char *text = json_line(v);

			fputs(text, f);
			free(text);
		}
	}
	fputs(source, f);
	if (fclose(f) != 0)
		abort();
	return out;
}

static void render_part(const json_t *row, const char *key, const json_t *data,
	json_t *used, char **missing, struct mail_part *out)
{
	const char *source = json_string_value(json_object_get(row, key));

	if (source == NULL)
		return;
	free(out->bytes);
	out->bytes = render(source, data, used, missing);
	out->len = strlen(out->bytes);
}

static int check_names(const json_t *data, const json_t *used, const char *missing,
	struct api_error *err)
{
	const char *name;
	json_t *v;

	if (missing != NULL)
		return api_refuse(err, "InvalidParameterValue.TemplateNotMatchData",
			"The template has the variable `%s`, TemplateData has not.",
			missing);
	json_object_foreach ((json_t *)data, name, v) {
		if (json_object_get(used, name) == NULL)
			return api_refuse(err,
				"InvalidParameterValue.TemplateDataInconsistent",
				"TemplateData has `%s`, which is no variable of the "
				"template.",
				name);
	}
	return 0;
}

int templates_apply(const struct templates *t, struct mail *m, const json_t *data,
	struct api_error *err)
{
	const json_t *row = templates_find(t, m->template_id);
	char *missing = NULL;
	json_t *used;
	int rc;

	if (t->list == NULL)
		return 0;
	if (row == NULL)
		return api_refuse(err, "InvalidParameterValue.TemplateNotExist", NULL);
	if (json_integer_value(json_object_get(row, "TemplateStatus")) != 0)
		return api_refuse(err, "OperationDenied.TemplateStatusError", NULL);
	used = json_object();
	render_part(row, "Html", data, used, &missing, &m->html);
	render_part(row, "Text", data, used, &missing, &m->text);
	rc = check_names(data, used, missing, err);
	json_decref(used);
	free(missing);
	return rc;
}
