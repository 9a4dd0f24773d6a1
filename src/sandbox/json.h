/* SPDX-License-Identifier: MIT */
/*
 * What the sandbox does to JSON values beside reading them.
 */
#ifndef SANDBOX_JSON_H
#define SANDBOX_JSON_H

#include "sandbox/attr.h"
#include "sandbox/mem.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

/* A JSON string of any bytes: what is no UTF-8 becomes '?'. New reference, never NULL;
 * JSON null for NULL. */
json_t *json_text(const char *s) MUST_CHECK;
json_t *json_text_n(const char *s, size_t len) MUST_CHECK;

json_t *json_strings(const struct strings *l) MUST_CHECK;

/* As json_dumps(); compact, one line; the caller owns it. */
char *json_line(const json_t *v) MUST_CHECK;

/* A copy in which every string longer than max characters is cut and says how long it was,
 * every array longer than 100 likewise, and nothing is nested deeper than 8. */
json_t *json_shortened(const json_t *v, size_t max) MUST_CHECK;

/* True for well-formed UTF-8 (RFC 3629). */
bool utf8_is_valid(const char *s, size_t len);

/* How many characters a UTF-8 string has. */
size_t utf8_count(const char *s);

#endif
