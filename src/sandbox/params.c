/* SPDX-License-Identifier: MIT */
/* Checks the names and types of parameters against a table. */
#include "sandbox/params.h"

#include "sandbox/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {
	[PARAM_STRING] = "a string",
	[PARAM_INTEGER] = "an integer",
	[PARAM_STRINGS] = "an array of strings",
	[PARAM_OBJECT] = "an object",
	[PARAM_OBJECTS] = "an array of objects",
};

static int check_object(const json_t *o, const struct param *table, const char *prefix,
	struct api_error *err);

static const struct param *find(const struct param *table, const char *name)
{
	for (; table->name != NULL; table++) {
		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

static bool all_are(const json_t *list, json_type type)
{
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		if (json_typeof(v) != type)
			return false;
	}
	return true;
}

static bool has_type(const json_t *v, enum param_type type)
{
	switch (type) {
	case PARAM_STRING: return json_is_string(v);
	case PARAM_INTEGER: return json_is_integer(v);
	case PARAM_STRINGS: return json_is_array(v) && all_are(v, JSON_STRING);
	case PARAM_OBJECT: return json_is_object(v);
	case PARAM_OBJECTS: return json_is_array(v) && all_are(v, JSON_OBJECT);
	}
	return false;
}

static int check_members(
	const json_t *v, const struct param *p, const char *prefix, struct api_error *err)
{
	char *inner;
	const json_t *item;
	size_t i;
	int rc = 0;

	if (p->type == PARAM_OBJECT) {
		inner = mem_printf("%s%s.", prefix, p->name);
		rc = check_object(v, p->members, inner, err);
		free(inner);
		return rc;
	}
	json_array_foreach (v, i, item) {
		inner = mem_printf("%s%s.%zu.", prefix, p->name, i);
		rc = check_object(item, p->members, inner, err);
		free(inner);
		if (rc != 0)
			break;
	}
	return rc;
}

/* Goes as deep as the tables do, not as deep as the input does. */
static int check_object(const json_t *o, const struct param *table, const char *prefix,
	struct api_error *err)
{
	const struct param *p;
	const char *name;
	const json_t *v;

	json_object_foreach ((json_t *)o, name, v) {
		p = find(table, name);
		if (p == NULL)
			return api_refuse(err, "UnknownParameter",
				"The parameter `%s%s` is not recognized.", prefix, name);
		if (json_is_null(v))
			continue;
		if (!has_type(v, p->type))
			return api_refuse(err, "InvalidParameter",
				"The value type of parameter `%s%s` is not valid: it "
				"must be %s.",
				prefix, name, type_names[p->type]);
		if (p->members != NULL && check_members(v, p, prefix, err) != 0)
			return -1;
	}
	for (p = table; p->name != NULL; p++) {
		v = json_object_get(o, p->name);
		if (p->required && (v == NULL || json_is_null(v)))
			return api_refuse(err, "MissingParameter",
				"The request is missing a required parameter `%s%s`.",
				prefix, p->name);
	}
	return 0;
}

int params_check(const json_t *params, const struct param *table, struct api_error *err)
{
	return check_object(params, table, "", err);
}
