/* SPDX-License-Identifier: MIT */
/*
 * The names and types of an action's parameters, as tables.
 */
#ifndef SANDBOX_PARAMS_H
#define SANDBOX_PARAMS_H

#include "sandbox/api_error.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

enum param_type {
	PARAM_STRING,
	PARAM_INTEGER,
	PARAM_STRINGS,
	PARAM_OBJECT,
	PARAM_OBJECTS
};

struct param {
	const char *name; /* NULL: end of the table */
	enum param_type type;
	bool required;
	const struct param *members; /* of PARAM_OBJECT(S) */
};

/*
 * Checks an object against a table: UnknownParameter, InvalidParameter (type) and
 * MissingParameter. A null counts as absent. 0 or -1.
 */
int params_check(const json_t *params, const struct param *table,
	struct api_error *err) MUST_CHECK;

#endif
