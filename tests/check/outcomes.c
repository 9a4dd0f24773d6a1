/* SPDX-License-Identifier: MIT */
/* Prints the built-in outcome rows as doc/replies.md writes them. */
#include "ses/outcome.h"

#include <stdio.h>

int main(void)
{
	size_t n;
	const struct outcome_row *rows = outcome_rows(&n);

	for (size_t i = 0; i < n; i++)
		printf("| `%s` | %u %s | %s | %s |\n", rows[i].code, rows[i].smtp,
			rows[i].enhanced, outcome_scope_name(rows[i].scope),
			rows[i].text);
	return 0;
}
