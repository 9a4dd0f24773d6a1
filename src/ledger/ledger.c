/* SPDX-License-Identifier: MIT */
/* The key of an entry, which is the same for every store. */
#include "ledger/ledger.h"

#include <string.h>

void ledger_key_envelope(struct ledger_key *k, const char *account, const char *sender,
	const char *recipient, size_t size)
{
	const char *parts[] = {account, sender, recipient};
	struct digest *d = digest_new();
	uint64_t bytes = size;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		digest_update(d, parts[i], strlen(parts[i]) + 1);
	digest_update(d, &bytes, sizeof(bytes));
	digest_final(d, k->envelope);
	digest_free(&d);
}

struct digest_key *ledger_content_key(uint64_t seed)
{
	static const char purpose[] = "what a message is known again by";
	uint8_t key[DIGEST_LEN];

	digest_hmac(&seed, sizeof(seed), purpose, sizeof(purpose), key);
	return digest_key_new(key);
}
