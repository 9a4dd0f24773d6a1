/* SPDX-License-Identifier: MIT */
/* The accepted mails in memory. */
#include "sandbox/mailstore.h"

#include <string.h>
#include <strings.h>

void mailstore_init(struct mailstore *s, size_t max_mails, size_t max_memory)
{
	*s = (struct mailstore){.max_mails = max_mails, .max_memory = max_memory};
	TAILQ_INIT(&s->mails);
}

void mailstore_remove_all(struct mailstore *s)
{
	while (!TAILQ_EMPTY(&s->mails))
		mailstore_remove(s, TAILQ_FIRST(&s->mails));
}

void mailstore_add(struct mailstore *s, struct mail **mp)
{
	struct mail *m = *mp;

	*mp = NULL;
	TAILQ_INSERT_TAIL(&s->mails, m, link);
	s->n++;
	s->memory += m->memory;
	while (s->n > 1 && (s->n > s->max_mails || s->memory > s->max_memory))
		mailstore_remove(s, TAILQ_FIRST(&s->mails));
}

struct mail *mailstore_find(const struct mailstore *s, const char *id)
{
	struct mail *m;
	int64_t seq = 0;

	if (text_number(id, 1, INT64_MAX, &seq) != 0)
		seq = 0;
	TAILQ_FOREACH_REVERSE(m, &s->mails, mail_list, link)
	{
		if (strcmp(m->message_id, id) == 0 ||
			(seq > 0 && m->seq == (uint64_t)seq))
			return m;
	}
	return NULL;
}

void mailstore_remove(struct mailstore *s, struct mail *m)
{
	TAILQ_REMOVE(&s->mails, m, link);
	s->n--;
	s->memory -= m->memory;
	mail_free(&m);
}

static bool has(const struct strings *l, const char *address)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcasecmp(l->items[i], address) == 0)
			return true;
	}
	return false;
}

bool mail_has_recipient(const struct mail *m, const char *address)
{
	return has(&m->to, address) || has(&m->cc, address) || has(&m->bcc, address);
}
