/* SPDX-License-Identifier: MIT */
/* A ring of prints. */
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

	for (size_t i = 0; i < SEEN_MAX; i++)
		if (s->prints[i] == print)
			return false;
	s->prints[s->next] = print;
	s->next = (s->next + 1) % SEEN_MAX;
	return true;
}
