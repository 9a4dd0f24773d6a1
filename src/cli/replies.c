/* SPDX-License-Identifier: MIT */
/* Printing the table of replies, as the configuration has it. */
#include "cli/replies.h"

#include "core/mem.h"
#include "ses/outcome.h"

#include <stdlib.h>
#include <string.h>

static void print_row(FILE *out, const char *code, const struct outcome *row)
{
	fprintf(out, "%-55s %u  %-6s  %-9s  %s\n", code, row->smtp, row->enhanced,
		outcome_scope_name(row->scope), row->text);
}

static int compare_codes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The built-in codes and those that only the configuration knows, each once. */
static void print_all(const struct conf *conf, const struct outcome_table *t, FILE *out)
{
	const struct outcome *builtin;
	const char **codes = NULL;
	size_t n = 0, cap = 0;

	while ((builtin = outcome_builtin(n)) != NULL) {
		mem_grow(&codes, &cap, n + 1 + conf->n_replies, sizeof(*codes));
		codes[n++] = builtin->code;
	}
	for (size_t i = 0; i < conf->n_replies; i++)
		codes[n++] = conf->replies[i].code;
	qsort(codes, n, sizeof(*codes), compare_codes);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(codes[i - 1], codes[i]) != 0)
			print_row(out, codes[i], outcome_find(t, codes[i]));
	free(codes);
}

int replies_print(const struct conf *conf, const char *code, FILE *out, struct err *err)
{
	struct outcome_table *t;

	if (outcome_table_new(conf, &t, err) < 0)
		return -1;
	fprintf(out, "%-55s %s %s %-9s  %s\n", "code", "smtp", "enhanced", "scope",
		"text");
	if (code != NULL) {
		const struct outcome *row = outcome_find(t, code);

		print_row(out, code, row);
		if (strcmp(row->code, code) != 0)
			fprintf(out, "(no row of its own: it meets \"%s\")\n", row->code);
	} else {
		print_all(conf, t, out);
	}
	outcome_table_free(&t);
	return 0;
}
