/* SPDX-License-Identifier: MIT */
/* Keys of session tickets. */
#include "process/tickets.h"

#include "core/digest.h"
#include "core/secret.h"

#include <string.h>

bool tickets_rotate(struct tickets *t, uint64_t now_ms)
{
	struct tls_tickets *k = &t->keys;

	if (k->n > 0 && now_ms - t->since < TICKETS_LIFE)
		return false;
	memmove(k->key[1], k->key[0], (TLS_TICKET_KEYS - 1) * TLS_TICKET_KEY_LEN);
	digest_random(k->key[0], TLS_TICKET_KEY_LEN);
	if (k->n < TLS_TICKET_KEYS)
		k->n++;
	t->since = now_ms;
	return true;
}

int tickets_send(const struct tickets *t, struct channel *c, struct err *err)
{
	struct channel_message m = {.type = CHANNEL_TICKETS, .tickets = t->keys};
	int rc = channel_send(c, &m, -1, err);

	secret_wipe(&m, sizeof(m));
	return rc;
}
