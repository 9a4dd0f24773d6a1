/* SPDX-License-Identifier: MIT */
/*
 * The accepted mails in memory: the newest of them, within bounds.
 */
#ifndef SANDBOX_MAILSTORE_H
#define SANDBOX_MAILSTORE_H

#include "sandbox/mail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

TAILQ_HEAD(mail_list, mail);

struct mailstore {
	struct mail_list mails; /* oldest first; owned */
	size_t n, memory;
	size_t max_mails, max_memory;
	uint64_t last_seq;
};

void mailstore_init(struct mailstore *s, size_t max_mails, size_t max_memory);
void mailstore_remove_all(struct mailstore *s);

/* Takes the mail over (*m is NULL afterwards) and drops the oldest ones past the bounds;
 * the newest always stays. */
void mailstore_add(struct mailstore *s, struct mail **m);

/* By MessageId or by number; borrowed; NULL where there is none. */
struct mail *mailstore_find(const struct mailstore *s, const char *id);

void mailstore_remove(struct mailstore *s, struct mail *m);

/* True where the address (any case) is among the mail's recipients. */
bool mail_has_recipient(const struct mail *m, const char *address);

#endif
