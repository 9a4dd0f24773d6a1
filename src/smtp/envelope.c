/* SPDX-License-Identifier: MIT */
/* Who sends and who gets it. */
#include "smtp/envelope.h"

#include "core/mem.h"
#include "core/str.h"

#include <stdlib.h>
#include <string.h>

void envelope_init(struct envelope *e)
{
	*e = (struct envelope){0};
}

void envelope_clear(struct envelope *e)
{
	for (size_t i = 0; i < e->n_recipients; i++) {
		free(e->recipients[i]);
		free(e->dsn[i].orcpt);
	}
	free(e->recipients);
	free(e->dsn);
	free(e->envid);
	free(e->reverse_path);
	envelope_init(e);
}

/* Local parts are compared as they stand (RFC 5321 §2.4), domains without ASCII case. */
static bool same_mailbox(const char *a, const char *b)
{
	const char *at_a = strrchr(a, '@'), *at_b = strrchr(b, '@');

	if (at_a == NULL || at_b == NULL)
		return strcmp(a, b) == 0;
	return at_a - a == at_b - b && memcmp(a, b, (size_t)(at_a - a)) == 0 &&
	       str_ieq(at_a, at_b);
}

size_t envelope_find(const struct envelope *e, const char *recipient)
{
	size_t i = 0;

	while (i < e->n_recipients && !same_mailbox(e->recipients[i], recipient))
		i++;
	return i;
}

void envelope_add(struct envelope *e, const char *recipient)
{
	if (envelope_find(e, recipient) < e->n_recipients)
		return;
	mem_grow(&e->recipients, &e->cap, e->n_recipients + 1, sizeof(*e->recipients));
	mem_grow(&e->dsn, &e->dsn_cap, e->n_recipients + 1, sizeof(*e->dsn));
	e->dsn[e->n_recipients] = (struct envelope_dsn){0};
	e->recipients[e->n_recipients++] = mem_strdup(recipient);
}

void envelope_move(struct envelope *dst, struct envelope *src)
{
	envelope_clear(dst);
	*dst = *src;
	envelope_init(src);
}
