/* SPDX-License-Identifier: MIT */
/* Rings of prints. */
#include "ses/seen.h"

#include "core/hash.h"

bool seen_note(struct seen *s, const char *id)
{
	uint64_t print = hash_text(id);
	struct seen_set *set = &s->sets[print % SEEN_SETS];

	for (size_t i = 0; i < SEEN_WAYS; i++)
		if (set->prints[i] == print)
			return false;
	set->prints[set->next] = print;
	set->next = (set->next + 1) % SEEN_WAYS;
	return true;
}
