/* SPDX-License-Identifier: MIT */
/* Who sends and who gets it. */
#include "smtp/envelope.h"

#include "core/mem.h"
#include "smtp/recipient_index.h"

#include <stdlib.h>

/* So many recipients are searched one by one. */
#define ENVELOPE_FEW 32

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
	recipient_index_free(&e->index);
	free(e->recipients);
	free(e->dsn);
	free(e->envid);
	free(e->reverse_path);
	envelope_init(e);
}

size_t envelope_find(const struct envelope *e, const char *recipient)
{
	size_t i = 0;

	if (e->index != NULL)
		return recipient_index_find(
			e->index, e->recipients, recipient, e->n_recipients);
	while (i < e->n_recipients &&
		!recipient_index_equals(e->recipients[i], recipient))
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
	if (e->index != NULL)
		recipient_index_add(e->index, e->recipients, e->n_recipients - 1);
	else if (e->n_recipients == ENVELOPE_FEW)
		e->index = recipient_index_new(e->recipients, e->n_recipients);
}

void envelope_move(struct envelope *dst, struct envelope *src)
{
	envelope_clear(dst);
	*dst = *src;
	envelope_init(src);
}
