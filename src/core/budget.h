/* SPDX-License-Identifier: MIT */
/*
 * The memory that all messages of one worker may hold together. A struct buf that was
 * given a budget asks it before it grows, so the limit is met before memory is.
 */
#ifndef CORE_BUDGET_H
#define CORE_BUDGET_H

#include "core/attr.h"

#include <stdbool.h>
#include <stddef.h>

struct budget {
	size_t limit; /* bytes; 0: no limit */
	size_t used;
	/* Told every change, for a metric; may be NULL. */
	void (*changed)(size_t used);
};

/* Takes n bytes, or returns false and takes nothing. */
static inline bool budget_take(struct budget *b, size_t n)
{
	if (b == NULL)
		return true;
	if (b->limit != 0 && (b->used > b->limit || n > b->limit - b->used))
		return false;
	b->used += n;
	if (b->changed != NULL)
		b->changed(b->used);
	return true;
}

static inline void budget_give(struct budget *b, size_t n)
{
	if (b == NULL)
		return;
	b->used -= n;
	if (b->changed != NULL)
		b->changed(b->used);
}

#endif
