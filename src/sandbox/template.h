/* SPDX-License-Identifier: MIT */
/*
 * The templates that the account has, from a JSON file.
 */
#ifndef SANDBOX_TEMPLATE_H
#define SANDBOX_TEMPLATE_H

#include "sandbox/api_error.h"
#include "sandbox/mail.h"

#include <jansson.h>

struct templates;

/* Reads the file: an array of {"TemplateID", "TemplateName", "TemplateStatus" (0 approved,
 * 1 in review, 2 refused), "Html" and/or "Text" with {{variables}}}. file NULL: there is no
 * list, every id exists. NULL: *why, the caller's, says what is wrong. */
struct templates *templates_load(const char *file, char **why) MUST_CHECK;
void templates_free(struct templates **t);

/* Checks id and data of a mail against the list; on success fills text and html with the
 * variables replaced. data: the parsed TemplateData. */
int templates_apply(const struct templates *t, struct mail *m, const json_t *data,
	struct api_error *err) MUST_CHECK;

/* Borrowed: the array as read; empty where there is no list. */
const json_t *templates_list(const struct templates *t);

/* Borrowed; NULL where there is none of that id. */
const json_t *templates_find(const struct templates *t, int64_t id);

#endif
