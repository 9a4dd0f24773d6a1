/* SPDX-License-Identifier: MIT */
/* Recipients by hash. */
#include "smtp/recipient_index.h"

#include "core/digest.h"
#include "core/mem.h"
#include "core/str.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 64

struct recipient_index {
	uint8_t seed[16]; /* so that no client can choose addresses of one slot */
	size_t n_slots; /* a power of two, at least twice as many as there are recipients */
	uint32_t *slots; /* place in the list plus 1; 0: free; owned */
};

bool recipient_index_equals(const char *a, const char *b)
{
	const char *at_a = strrchr(a, '@'), *at_b = strrchr(b, '@');

	if (at_a == NULL || at_b == NULL)
		return strcmp(a, b) == 0;
	return at_a - a == at_b - b && memcmp(a, b, (size_t)(at_a - a)) == 0 &&
	       str_ieq(at_a, at_b);
}

/* Equal for what recipient_index_equals() takes for one. */
static size_t hash(const struct recipient_index *x, const char *recipient)
{
	size_t len = strlen(recipient), h;
	char *folded = mem_strndup(recipient, len);
	char *at = strrchr(folded, '@');
	uint8_t digest[DIGEST_LEN];

	if (at != NULL)
		(void)str_lower(at);
	digest_hmac(x->seed, sizeof(x->seed), folded, len, digest);
	free(folded);
	memcpy(&h, digest, sizeof(h));
	return h;
}

/* The slot that has the recipient, or the free one where it belongs. */
static size_t find_slot(
	const struct recipient_index *x, char *const *list, const char *recipient)
{
	size_t i = hash(x, recipient) & (x->n_slots - 1);

	while (x->slots[i] != 0 &&
		!recipient_index_equals(list[x->slots[i] - 1], recipient))
		i = (i + 1) & (x->n_slots - 1);
	return i;
}

static void fill(struct recipient_index *x, char *const *list, size_t n)
{
	free(x->slots);
	x->slots = mem_new(x->n_slots, sizeof(*x->slots));
	for (size_t i = 0; i < n; i++)
		x->slots[find_slot(x, list, list[i])] = (uint32_t)i + 1;
}

struct recipient_index *recipient_index_new(char *const *list, size_t n)
{
	struct recipient_index *x = mem_new(1, sizeof(*x));

	digest_random(x->seed, sizeof(x->seed));
	x->n_slots = SLOTS_MIN;
	while (x->n_slots < 2 * n)
		x->n_slots *= 2;
	fill(x, list, n);
	return x;
}

void recipient_index_free(struct recipient_index **xp)
{
	struct recipient_index *x = *xp;

	*xp = NULL;
	if (x == NULL)
		return;
	free(x->slots);
	free(x);
}

void recipient_index_add(struct recipient_index *x, char *const *list, size_t at)
{
	if (2 * (at + 1) > x->n_slots) {
		x->n_slots *= 2;
		fill(x, list, at);
	}
	x->slots[find_slot(x, list, list[at])] = (uint32_t)at + 1;
}

size_t recipient_index_find(const struct recipient_index *x, char *const *list,
	const char *recipient, size_t none)
{
	uint32_t place = x->slots[find_slot(x, list, recipient)];

	return place != 0 ? place - 1 : none;
}
