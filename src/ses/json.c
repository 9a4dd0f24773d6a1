/* SPDX-License-Identifier: MIT */
/* JSON objects in strings, and requests for people to read. */
#include "ses/json.h"

#include <jansson.h>

#include <errno.h>
#include <string.h>

/* json_dump_callback() wants 0 or -1; errno of the buffer stays. */
static int append(const char *bytes, size_t len, void *arg)
{
	return buf_append(arg, bytes, len);
}

/* Appends all of it or nothing. */
static int dump(const json_t *json, size_t flags, struct buf *out)
{
	size_t before = out->len;

	errno = EINVAL;
	if (json_dump_callback(json, append, out, flags) == 0)
		return 0;
	buf_set_len(out, before);
	return -1;
}

int ses_json_object(const struct ses_pair *pairs, size_t n, struct buf *out)
{
	json_t *object = json_object();
	int rc = -1;

	for (size_t i = 0; i < n; i++) {
		if (json_object_get(object, pairs[i].name) != NULL)
			continue;
		/* Refuses what is not UTF-8. */
		if (json_object_set_new(
			    object, pairs[i].name, json_string(pairs[i].value)) < 0) {
			errno = EINVAL;
			goto out;
		}
	}
	rc = dump(object, JSON_COMPACT, out);
out:
	json_decref(object);
	return rc;
}

int ses_json_compact(struct span text, struct buf *out)
{
	json_t *json;
	int rc;

	if (text.len > SES_JSON_TEXT_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	json = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		errno = EINVAL;
		return -1;
	}
	rc = dump(json, JSON_COMPACT, out);
	json_decref(json);
	return rc;
}

/* Replaces object[key] by its first bytes and its length. Base64 only: the cut cannot
 * fall into a character. */
static void shorten(json_t *object, const char *key, size_t keep)
{
	const json_t *value = json_object_get(object, key);
	size_t len = json_string_length(value);

	if (len > keep)
		json_object_set_new(object, key,
			json_sprintf("%.*s... (%zu characters)", (int)keep,
				json_string_value(value), len));
}

int ses_json_pretty(struct span text, size_t keep, struct buf *out)
{
	json_t *json = json_loadb(text.p, text.len, 0, NULL), *simple, *item;
	size_t i;
	int rc;

	if (json == NULL) {
		errno = EINVAL;
		return -1;
	}
	if (keep > 0) {
		simple = json_object_get(json, "Simple");
		shorten(simple, "Text", keep);
		shorten(simple, "Html", keep);
		json_array_foreach (json_object_get(json, "Attachments"), i, item)
			shorten(item, "Content", keep);
	}
	rc = dump(json, JSON_INDENT(2), out);
	json_decref(json);
	return rc;
}
