/* SPDX-License-Identifier: MIT */
/* Prints the built-in outcome rows as doc/codes.md writes them. */
#include "ses/outcome.h"

#include <stdio.h>

int main(void)
{
	const struct outcome *o;

	for (size_t i = 0; (o = outcome_builtin(i)) != NULL; i++)
		printf("| `%s` | %u %s | %s | %s |\n", o->code, o->smtp, o->enhanced,
			outcome_scope_name(o->scope), o->text);
	return 0;
}
