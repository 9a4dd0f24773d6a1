/* SPDX-License-Identifier: MIT */
/* Rings of prints. */
#include "ses/seen.h"

#include "core/digest.h"

#include <string.h>

static uint64_t print_of(const char *id)
{
	uint8_t sum[DIGEST_LEN];
	uint64_t print;

	digest_sha256(id, strlen(id), sum);
	memcpy(&print, sum, sizeof(print));
	return print != 0 ? print : 1;
}

bool seen_note(struct seen *s, const char *id)
{
	uint64_t print = print_of(id);
	struct seen_set *set = &s->sets[print % SEEN_SETS];

	for (size_t i = 0; i < SEEN_WAYS; i++)
		if (set->prints[i] == print)
			return false;
	set->prints[set->next] = print;
	set->next = (set->next + 1) % SEEN_WAYS;
	return true;
}
