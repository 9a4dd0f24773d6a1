/* SPDX-License-Identifier: MIT */
/* Faults as the control API reads and shows them. */
#include "sandbox/fault.h"

#include "sandbox/json.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DELAY_MAX_MS 600000
#define HUGE_MAX     ((int64_t)256 << 20)
#define AFTER_MAX    ((int64_t)64 << 20)

enum field_type { FIELD_TEXT, FIELD_NUMBER, FIELD_OBJECT, FIELD_REAL, FIELD_BOOL };

struct field {
	const char *name;
	enum field_type type;
	int64_t min, max;
};

static const char *const type_names[] = {
	[FIELD_TEXT] = "a string",
	[FIELD_NUMBER] = "a whole number",
	[FIELD_OBJECT] = "an object",
	[FIELD_REAL] = "a number from 0 to 1",
	[FIELD_BOOL] = "true or false",
};

static const struct field top_fields[] = {
	{"match", FIELD_OBJECT, 0, 0},
	{"count", FIELD_NUMBER, 0, INT32_MAX},
	{"probability", FIELD_REAL, 0, 0},
	{"do", FIELD_OBJECT, 0, 0},
	{0},
};

static const struct field match_fields[] = {
	{"action", FIELD_TEXT, 1, 64},
	{"recipient", FIELD_TEXT, 1, 254},
	{"nth", FIELD_NUMBER, 1, INT32_MAX},
	{0},
};

static const struct field do_fields[] = {
	{"code", FIELD_TEXT, 1, 95},
	{"message", FIELD_TEXT, 0, 500},
	{"http_status", FIELD_NUMBER, 200, 599},
	{"delay_ms", FIELD_NUMBER, 0, DELAY_MAX_MS},
	{"drip_ms", FIELD_NUMBER, 1, 60000},
	{"reset", FIELD_TEXT, 1, 32},
	{"close", FIELD_TEXT, 1, 32},
	{"after_bytes", FIELD_NUMBER, 0, AFTER_MAX},
	{"body", FIELD_TEXT, 0, 1 << 20},
	{"content_type", FIELD_TEXT, 1, 200},
	{"truncate_at", FIELD_NUMBER, 0, AFTER_MAX},
	{"huge", FIELD_NUMBER, 64, HUGE_MAX},
	{"record", FIELD_BOOL, 0, 0},
	{0},
};

static const char *const point_names[] = {
	[HTTP_POINT_CONNECT] = "connect",
	[HTTP_POINT_MID_REQUEST] = "mid-request",
	[HTTP_POINT_BEFORE_ANSWER] = "before-answer",
	[HTTP_POINT_MID_ANSWER] = "mid-answer",
	[HTTP_POINT_AFTER_ANSWER] = "after-answer",
};

static bool has_type(const struct field *f, const json_t *v)
{
	switch (f->type) {
	case FIELD_TEXT: return json_is_string(v);
	case FIELD_NUMBER: return json_is_integer(v);
	case FIELD_OBJECT: return json_is_object(v);
	case FIELD_REAL: return json_is_number(v);
	case FIELD_BOOL: return json_is_boolean(v);
	}
	return false;
}

static bool in_range(const struct field *f, const json_t *v)
{
	int64_t n = 0;

	if (f->type == FIELD_TEXT)
		n = (int64_t)json_string_length(v);
	else if (f->type == FIELD_NUMBER)
		n = json_integer_value(v);
	else if (f->type == FIELD_REAL)
		return json_number_value(v) >= 0 && json_number_value(v) <= 1;
	else
		return true;
	return n >= f->min && n <= f->max;
}

static char *known_names(const struct field *table)
{
	char *list = mem_strdup("");

	for (; table->name != NULL; table++) {
		char *longer = mem_printf(
			"%s%s%s", list, *list == '\0' ? "" : ", ", table->name);

		free(list);
		list = longer;
	}
	return list;
}

static char *unknown_field(const char *where, const char *name, const struct field *table)
{
	char *names = known_names(table);
	char *why =
		mem_printf("unknown field \"%s%s\"; there are: %s", where, name, names);

	free(names);
	return why;
}

/* NULL, or what is wrong with the object. */
static char *check_fields(const json_t *o, const char *where, const struct field *table)
{
	const char *name;
	json_t *v;

	json_object_foreach ((json_t *)o, name, v) {
		const struct field *f = table;

		while (f->name != NULL && strcmp(f->name, name) != 0)
			f++;
		if (f->name == NULL)
			return unknown_field(where, name, table);
		if (!has_type(f, v))
			return mem_printf(
				"\"%s%s\" must be %s", where, name, type_names[f->type]);
		if (!in_range(f, v) && f->type == FIELD_REAL)
			return mem_printf("\"%s%s\" must be from 0 to 1", where, name);
		if (!in_range(f, v))
			return mem_printf("%s\"%s%s\" must be from %lld to %lld",
				f->type == FIELD_TEXT ? "the length of " : "", where,
				name, (long long)f->min, (long long)f->max);
	}
	return NULL;
}

static char *dup_text(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return v == NULL ? NULL : mem_strdup(json_string_value(v));
}

static int64_t number(const json_t *o, const char *name, int64_t preset)
{
	const json_t *v = json_object_get(o, name);

	return v == NULL ? preset : json_integer_value(v);
}

/* "reset" or "close": where. NULL, or what is wrong. */
static char *read_cut(struct fault_effect *e, const json_t *spec)
{
	const json_t *reset = json_object_get(spec, "reset");
	const json_t *close = json_object_get(spec, "close");
	const char *point = json_string_value(reset != NULL ? reset : close);

	if (reset != NULL && close != NULL)
		return mem_strdup(
			"either \"do.reset\" (RST) or \"do.close\" (FIN), not both");
	e->has_after = json_object_get(spec, "after_bytes") != NULL;
	e->cut.after = (size_t)number(spec, "after_bytes", 0);
	e->cut.reset = reset != NULL;
	for (size_t i = HTTP_POINT_CONNECT; point != NULL && i < ARRAY_LEN(point_names);
		i++) {
		if (strcmp(point, point_names[i]) == 0)
			e->cut.point = (enum http_point)i;
	}
	if (point != NULL && e->cut.point == HTTP_POINT_NONE)
		return mem_printf(
			"\"%s\" is no point: connect, mid-request, before-answer, "
			"mid-answer or after-answer",
			point);
	if (e->has_after && e->cut.point != HTTP_POINT_MID_REQUEST &&
		e->cut.point != HTTP_POINT_MID_ANSWER)
		return mem_strdup(
			"\"do.after_bytes\" belongs to the points mid-request and "
			"mid-answer");
	return NULL;
}

static char *read_effect(struct fault_effect *e, const json_t *spec)
{
	const json_t *record = json_object_get(spec, "record");
	const char *documented;

	e->code = dup_text(spec, "code");
	e->message = dup_text(spec, "message");
	e->http_status = (int)number(spec, "http_status", 0);
	e->delay_ms = (uint64_t)number(spec, "delay_ms", 0);
	e->drip_ms = (uint64_t)number(spec, "drip_ms", 0);
	e->body = dup_text(spec, "body");
	e->content_type = dup_text(spec, "content_type");
	e->huge = (size_t)number(spec, "huge", 0);
	if (json_object_get(spec, "truncate_at") != NULL)
		e->truncate_at = (size_t)number(spec, "truncate_at", 0);
	if (record != NULL)
		e->record = json_is_true(record) ? FAULT_RECORD_YES : FAULT_RECORD_NO;
	if (json_object_size(spec) == 0)
		return mem_strdup("\"do\" is empty: nothing would happen");
	if (e->message != NULL && e->code == NULL)
		return mem_strdup("\"do.message\" needs \"do.code\"");
	if (e->body != NULL && e->huge > 0)
		return mem_strdup("either \"do.body\" or \"do.huge\", not both");
	if (e->content_type != NULL && text_has_control(e->content_type))
		return mem_strdup("\"do.content_type\" must be one line of text");
	documented = e->code == NULL ? NULL : api_code_find(e->code, strlen(e->code));
	if (documented != NULL && strcmp(documented, e->code) != 0)
		return mem_printf("\"do.code\" is written %s", documented);
	return read_cut(e, spec);
}

static char *read_match(struct fault *x, const json_t *match)
{
	enum http_point point = x->effect.cut.point;

	x->action = dup_text(match, "action");
	x->recipient = dup_text(match, "recipient");
	x->nth = (uint64_t)number(match, "nth", 0);
	if (x->recipient != NULL &&
		(point == HTTP_POINT_CONNECT || point == HTTP_POINT_MID_REQUEST))
		return mem_strdup(
			"\"match.recipient\" is not known yet at the points connect "
			"and mid-request");
	if (x->action != NULL && point == HTTP_POINT_CONNECT)
		return mem_strdup(
			"\"match.action\" is not known yet at the point connect");
	return NULL;
}

static char *read_fault(struct fault *x, const json_t *spec)
{
	const json_t *match = json_object_get(spec, "match");
	const json_t *effect = json_object_get(spec, "do");
	const json_t *probability = json_object_get(spec, "probability");
	char *why = NULL;

	if (!json_is_object(spec))
		return mem_strdup(
			"a fault is an object: {\"match\": {...}, \"do\": {...}}");
	why = check_fields(spec, "", top_fields);
	if (why == NULL && effect == NULL)
		why = mem_strdup("\"do\" is missing: what shall happen?");
	if (why == NULL && match != NULL)
		why = check_fields(match, "match.", match_fields);
	if (why == NULL)
		why = check_fields(effect, "do.", do_fields);
	if (why == NULL)
		why = read_effect(&x->effect, effect);
	if (why == NULL)
		why = read_match(x, match);
	x->count = (uint64_t)number(spec, "count", 1);
	x->probability = probability == NULL ? 1 : json_number_value(probability);
	return why;
}

static json_t *effect_json(const struct fault_effect *e)
{
	json_t *o = json_object();

	if (e->code != NULL)
		json_object_set_new(o, "code", json_text(e->code));
	if (e->message != NULL)
		json_object_set_new(o, "message", json_text(e->message));
	if (e->http_status != 0)
		json_object_set_new(o, "http_status", json_integer(e->http_status));
	if (e->delay_ms != 0)
		json_object_set_new(o, "delay_ms", json_integer((json_int_t)e->delay_ms));
	if (e->drip_ms != 0)
		json_object_set_new(o, "drip_ms", json_integer((json_int_t)e->drip_ms));
	if (e->cut.point != HTTP_POINT_NONE)
		json_object_set_new(o, e->cut.reset ? "reset" : "close",
			json_text(point_names[e->cut.point]));
	if (e->has_after)
		json_object_set_new(
			o, "after_bytes", json_integer((json_int_t)e->cut.after));
	if (e->body != NULL)
		json_object_set_new(o, "body", json_text(e->body));
	if (e->content_type != NULL)
		json_object_set_new(o, "content_type", json_text(e->content_type));
	if (e->truncate_at != HTTP_NO_TRUNCATE)
		json_object_set_new(
			o, "truncate_at", json_integer((json_int_t)e->truncate_at));
	if (e->huge != 0)
		json_object_set_new(o, "huge", json_integer((json_int_t)e->huge));
	json_object_set_new(o, "record", json_boolean(fault_effect_records(e)));
	return o;
}

static json_t *fault_json(const struct fault *x)
{
	json_t *o = json_object(), *match = json_object();

	if (x->action != NULL)
		json_object_set_new(match, "action", json_text(x->action));
	if (x->recipient != NULL)
		json_object_set_new(match, "recipient", json_text(x->recipient));
	if (x->nth != 0)
		json_object_set_new(match, "nth", json_integer((json_int_t)x->nth));
	json_object_set_new(o, "id", json_integer((json_int_t)x->id));
	json_object_set_new(o, "match", match);
	json_object_set_new(o, "count", json_integer((json_int_t)x->count));
	json_object_set_new(o, "probability", json_real(x->probability));
	json_object_set_new(o, "do", effect_json(&x->effect));
	json_object_set_new(o, "seen", json_integer((json_int_t)x->seen));
	json_object_set_new(o, "fired", json_integer((json_int_t)x->fired));
	return o;
}

json_t *faults_add(struct faults *f, const json_t *spec, char **why)
{
	struct fault *x;

	if (f->n >= FAULTS_MAX) {
		*why = mem_printf("there are %d faults already: delete some", FAULTS_MAX);
		return NULL;
	}
	x = mem_alloc(sizeof(*x));
	fault_effect_init(&x->effect);
	TAILQ_INSERT_TAIL(&f->list, x, link);
	f->n++;
	x->id = ++f->last_id;
	*why = read_fault(x, spec);
	if (*why != NULL) {
		f->last_id--;
		(void)!faults_remove(f, x->id);
		return NULL;
	}
	return fault_json(x);
}

json_t *faults_json(const struct faults *f)
{
	const struct fault *x;
	json_t *list = json_array();

	TAILQ_FOREACH (x, &f->list, link)
		json_array_append_new(list, fault_json(x));
	return list;
}
