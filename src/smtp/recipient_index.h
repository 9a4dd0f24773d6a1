/* SPDX-License-Identifier: MIT */
/*
 * Finds a recipient among many: a hash table over the list of an envelope, which stays the
 * envelope's. Its size is bounded by that of the list.
 */
#ifndef SMTP_RECIPIENT_INDEX_H
#define SMTP_RECIPIENT_INDEX_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>

struct recipient_index;

/* Whether both are one mailbox: local parts are compared as they stand (RFC 5321 §2.4), domains
 * without ASCII case. */
bool recipient_index_equals(const char *a, const char *b);

/* Of the first n of the list. */
struct recipient_index *recipient_index_new(char *const *list, size_t n) MUST_CHECK;
/* NULLs the pointer; NULL is fine. */
void recipient_index_free(struct recipient_index **x);

/* Adds list[at], which is not in it yet. */
void recipient_index_add(struct recipient_index *x, char *const *list, size_t at);

/* Its place in the list; none if it is not in the index. */
size_t recipient_index_find(const struct recipient_index *x, char *const *list,
	const char *recipient, size_t none);

#endif
