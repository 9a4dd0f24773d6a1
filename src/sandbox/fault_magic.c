/* SPDX-License-Identifier: MIT */
/* Magic recipients: the local part of an address says what happens to its mail. */
#include "sandbox/fault.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DELAY_MAX_MS 600000

struct magic {
	const char *name; /* local part; with a '-' at its end a number follows */
	int64_t min, max;
	struct fault_effect effect;
	void (*set)(struct fault_effect *e, int64_t n); /* the rest of it; NULL: none */
};

static void set_http(struct fault_effect *e, int64_t n)
{
	e->http_status = (int)n;
	e->body = mem_printf("%d %s\n", (int)n, http_status_text((int)n));
	e->content_type = mem_strdup("text/plain; charset=utf-8");
}

static void set_delay(struct fault_effect *e, int64_t n)
{
	e->delay_ms = (uint64_t)n;
}

static void set_nonjson(struct fault_effect *e, int64_t n)
{
	(void)n;
	e->body = mem_strdup("<html><body>This is not JSON.</body></html>\n");
	e->content_type = mem_strdup("text/html; charset=utf-8");
}

#define WHOLE .truncate_at = HTTP_NO_TRUNCATE
#define BREAK(reset_, record_)                                                           \
	{                                                                                \
		WHOLE, .record = FAULT_RECORD_##record_,                                 \
		       .cut = {.point = HTTP_POINT_BEFORE_ANSWER,                        \
			       .reset = (reset_) }                                       \
	}

static const struct magic table[] = {
	{"ok", 0, 0, {WHOLE}, NULL},
	{"http-", 200, 599, {WHOLE}, set_http},
	{"delay-", 0, DELAY_MAX_MS, {WHOLE}, set_delay},
	{"reset", 0, 0, BREAK(true, NO), NULL},
	{"reset-after", 0, 0, BREAK(true, YES), NULL},
	{"close", 0, 0, BREAK(false, NO), NULL},
	{"close-after", 0, 0, BREAK(false, YES), NULL},
	{"truncate", 0, 0, {.truncate_at = 20}, NULL},
	{"nonjson", 0, 0, {WHOLE}, set_nonjson},
	{"huge", 0, 0, {WHOLE, .huge = (size_t)20 << 20}, NULL},
};

/* Whether local is the row's name, and the number after it. */
static bool row_matches(const struct magic *row, const char *local, int64_t *n)
{
	size_t len = strlen(row->name);

	*n = 0;
	if (row->name[len - 1] != '-')
		return strcasecmp(row->name, local) == 0;
	return strncasecmp(row->name, local, len) == 0 &&
	       text_number(local + len, row->min, row->max, n) == 0;
}

static bool read_local(const char *local, struct fault_effect *e)
{
	const char *code = api_code_find(local, strlen(local));
	int64_t n;

	if (code != NULL) {
		e->code = mem_strdup(code);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (row_matches(&table[i], local, &n)) {
			fault_effect_copy(e, &table[i].effect);
			if (table[i].set != NULL)
				table[i].set(e, n);
			return true;
		}
	}
	return false;
}

static bool read_list(const struct strings *l, struct fault_effect *e)
{
	char local[65];

	for (size_t i = 0; i < l->n; i++) {
		size_t len = strcspn(l->items[i], "@");

		if (len >= sizeof(local))
			continue;
		memcpy(local, l->items[i], len);
		local[len] = '\0';
		if (read_local(local, e))
			return true;
	}
	return false;
}

bool fault_magic(const struct mail *m, struct fault_effect *effect)
{
	fault_effect_init(effect);
	return read_list(&m->to, effect) || read_list(&m->cc, effect) ||
	       read_list(&m->bcc, effect);
}
