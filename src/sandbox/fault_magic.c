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
	void (*set)(struct fault_effect *e, int64_t n);
};

static void set_ok(struct fault_effect *e, int64_t n)
{
	(void)e;
	(void)n;
}

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

static void set_break(struct fault_effect *e, bool reset, bool record)
{
	e->cut = (struct http_cut){.point = HTTP_POINT_BEFORE_ANSWER, .reset = reset};
	e->record = record ? FAULT_RECORD_YES : FAULT_RECORD_NO;
}

static void set_reset(struct fault_effect *e, int64_t n)
{
	(void)n;
	set_break(e, true, false);
}

static void set_reset_after(struct fault_effect *e, int64_t n)
{
	(void)n;
	set_break(e, true, true);
}

static void set_close(struct fault_effect *e, int64_t n)
{
	(void)n;
	set_break(e, false, false);
}

static void set_close_after(struct fault_effect *e, int64_t n)
{
	(void)n;
	set_break(e, false, true);
}

static void set_truncate(struct fault_effect *e, int64_t n)
{
	(void)n;
	e->truncate_at = 20;
}

static void set_nonjson(struct fault_effect *e, int64_t n)
{
	(void)n;
	e->body = mem_strdup("<html><body>This is not JSON.</body></html>\n");
	e->content_type = mem_strdup("text/html; charset=utf-8");
}

static void set_huge(struct fault_effect *e, int64_t n)
{
	(void)n;
	e->huge = (size_t)20 << 20;
}

static const struct magic table[] = {
	{"ok", 0, 0, set_ok},
	{"http-", 200, 599, set_http},
	{"delay-", 0, DELAY_MAX_MS, set_delay},
	{"reset", 0, 0, set_reset},
	{"reset-after", 0, 0, set_reset_after},
	{"close", 0, 0, set_close},
	{"close-after", 0, 0, set_close_after},
	{"truncate", 0, 0, set_truncate},
	{"nonjson", 0, 0, set_nonjson},
	{"huge", 0, 0, set_huge},
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
